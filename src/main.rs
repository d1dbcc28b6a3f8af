//! The program `replicheck`.

fn main() {}
