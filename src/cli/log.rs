//! Logs of a running node → standard error: one line a fact, levels, names and values.

use std::io::IsTerminal;
use tracing_subscriber::filter::LevelFilter;

/// How logs are written.
#[derive(clap::Args)]
// Its own name: `serve` has a group `Args` already.
#[group(id = "log")]
pub struct Args {
    /// Least level that is logged: error, warn, info, debug, off
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log_level: LevelFilter,
    /// Log JSON, an object a line
    #[arg(long)]
    log_json: bool,
}

impl Args {
    /// From now on this process logs.
    pub fn start(&self) {
        let lines = tracing_subscriber::fmt()
            .with_max_level(self.log_level)
            .with_target(false)
            .with_ansi(std::io::stderr().is_terminal())
            .with_writer(std::io::stderr);
        if self.log_json { lines.json().init() } else { lines.init() }
    }
}
