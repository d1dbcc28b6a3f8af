//! The program `replicheck`. Its subcommands stand in [`cli`], one file each.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
