//! The program `replicheck`. Its subcommands stand in [`cli`], one file each.

mod cli;

use mimalloc::MiMalloc;
use std::process::ExitCode;

/// A command becomes a dozen small pieces of memory, which one thread asks for and another gives back.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
