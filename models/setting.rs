//! Setting — what else may happen while a program runs: schedules of workers and crashes, or clocks and delays. Pure.

use crate::time::Millis;

/// How many times time passes in a story that is told in ticks.
pub const TICKS: u8 = 4;

/// What else may happen while a program runs; one variant for each of the two models that run a user's programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// For the ordering model.
    Schedules(Schedules),
    /// For the expiry model.
    Clocks(Clocks),
}

/// How a replica's workers are scheduled: in every order, with crashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedules {
    /// Number of the replica's workers, at least 1.
    pub workers: usize,
    /// Maximum number of crashes.
    pub crashes_max: u8,
}

/// How time passes, on both nodes and on the link between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// The master's clock at the beginning; late enough for any skew.
    pub start: Millis,
    /// Whether time passes tick by tick, or to instants at which something changes.
    pub passing: Passing,
    /// Length of a tick in milliseconds.
    pub tick_ms: u64,
    /// Maximum number of times that time passes.
    pub passes_max: u8,
    /// Maximum delay of a message, in ticks, while the link is up.
    pub delay_ticks_max: u8,
    /// The replica's clock minus the master's, in milliseconds; each skew is a separate run.
    pub skews_ms: Vec<i64>,
    /// How long log time may stand still before it is estimated, in ticks; `None`: it is never estimated.
    pub log_clock_limit_ticks: Option<u8>,
    /// Whether the link may go down (once) and come up again.
    pub link_down: bool,
    /// Whether delivery, application and publication are separate steps.
    pub apart: bool,
}

/// The limit of `log_clock_limit_ticks`, if log time is estimated.
const LOG_CLOCK_LIMIT_TICKS: u8 = 2;

impl Clocks {
    /// The same setting with a link that goes down once, and with log time that is estimated after a long silence.
    #[must_use]
    pub fn with_link_down(self) -> Clocks {
        Clocks { log_clock_limit_ticks: Some(LOG_CLOCK_LIMIT_TICKS), link_down: true, ..self }
    }

    /// The same setting with delivery, application and publication as separate steps, and with log time that is estimated
    /// after a long silence.
    #[must_use]
    pub fn with_steps_apart(self) -> Clocks {
        Clocks { log_clock_limit_ticks: Some(LOG_CLOCK_LIMIT_TICKS), apart: true, ..self }
    }
}

/// How time passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passing {
    /// By one tick at a time.
    Ticks,
    /// To an instant at which something changes.
    Instants,
}
