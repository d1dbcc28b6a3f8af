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

/// The error that names the feature.
pub fn refused(command: &'static str, feature: &'static str) -> UsageError {
    UsageError::Lacking { command, feature }
}
