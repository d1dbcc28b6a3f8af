//! Check — choices × bounds → tasks, each of which gives the rows of one choice.
//!
//! A task is one search or a few, on one thread; whoever runs them (the command line, a test, a page) runs as
//! many at a time as there are cores and may watch each one's [`Progress`].

use super::search::Progress;
use super::verdict::Row;
use std::str::FromStr;

/// How far programs and time go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bounds {
    /// Within a minute on two cores.
    Quick,
    /// One more of each: programs, workers, ticks.
    Deep,
}

impl FromStr for Bounds {
    type Err = String;

    fn from_str(name: &str) -> Result<Bounds, String> {
        match name {
            "quick" => Ok(Bounds::Quick),
            "deep" => Ok(Bounds::Deep),
            _ => Err(format!("unknown bounds '{name}' (known: quick, deep)")),
        }
    }
}

type Run = Box<dyn Fn(&Progress) -> Vec<Row> + Send + Sync>;

/// The searches of one choice.
pub struct Task {
    /// `ordering` or `expiry`.
    pub model: &'static str,
    /// The choice that it judges.
    pub choice: String,
    /// The named scenario or program file; `None` for every program.
    pub scenario: Option<String>,
    run: Run,
}

impl Task {
    /// Runs it on this thread. `progress` shows the search under way and can stop it; rows of a search that was
    /// stopped say *incomplete*.
    pub fn run(&self, progress: &Progress) -> Vec<Row> {
        (self.run)(progress)
    }
}
