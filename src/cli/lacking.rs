//! Lacking — a subcommand that this build does not have → the command that builds it. Pure.

use super::UsageError;
use std::ffi::OsString;

/// Arguments of such a subcommand: any, as nothing is done with them.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub struct Args {
    #[arg(hide = true, allow_hyphen_values = true, trailing_var_arg = true)]
    _any: Vec<OsString>,
}

/// The error that says how to build it.
pub fn refused(command: &'static str, feature: &'static str) -> UsageError {
    let needs = match feature {
        "rocksdb" => {
            "compiles RocksDB (15 to 20 minutes on two cores the first time) and needs clang with its library"
        }
        "probe" => "compiles a client for Redis",
        _ => "compiles a web server",
    };
    UsageError::Lacking { command, feature, needs }
}
