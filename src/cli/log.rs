//! Logs of a running node → standard error: one line per fact, with a level, names and values.

use std::io::IsTerminal;
use tracing_subscriber::filter::LevelFilter;

/// Options of logging.
#[derive(clap::Args)]
// The group needs its own name, because `serve` already has a group `Args`.
#[group(id = "log")]
pub struct Args {
    /// Minimum level that is logged: error, warn, info, debug, off
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log_level: LevelFilter,
    /// Log in JSON, one object per line
    #[arg(long)]
    log_json: bool,
}

impl Args {
    /// Starts logging in this process.
    pub fn start(&self) {
        let lines = tracing_subscriber::fmt()
            .with_max_level(self.log_level)
            .with_target(false)
            .with_ansi(std::io::stderr().is_terminal())
            .with_writer(std::io::stderr);
        if self.log_json { lines.json().init() } else { lines.init() }
    }
}
