//! Setting — what else may happen while a program runs: schedules of workers and crashes, or clocks and delays. Pure.

use crate::time::Millis;

/// How many times time passes in a story that is told in ticks.
pub const TICKS: u8 = 4;

/// What else may happen while a program runs: that of one of the two models which run programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// Of the ordering model.
    Schedules(Schedules),
    /// Of the expiry model.
    Clocks(Clocks),
}

/// How a replica's workers are scheduled: in every order, with crashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedules {
    /// Workers of the replica, at least 1.
    pub workers: usize,
    /// Crashes at most.
    pub crashes_max: u8,
}

/// How time passes, on both nodes and on the link between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// The master's clock at the beginning; late enough for any skew.
    pub start: Millis,
    /// Tick by tick, or to where something changes.
    pub passing: Passing,
    /// Milliseconds a tick.
    pub tick_ms: u64,
    /// How many times time may pass.
    pub passes_max: u8,
    /// How many ticks a message may be under way while the link is up.
    pub delay_ticks_max: u8,
    /// The replica's clock less the master's, in milliseconds: a run for each.
    pub skews_ms: Vec<i64>,
    /// How long log time may stand still before it is estimated, in ticks; `None` = for ever.
    pub log_clock_limit_ticks: Option<u8>,
    /// Whether the link may go down (once) and come back.
    pub link_down: bool,
    /// Whether delivery, application and publication are steps of their own.
    pub apart: bool,
}

/// Ticks for which log time may stand still where it is estimated.
const LOG_CLOCK_LIMIT_TICKS: u8 = 2;

impl Clocks {
    /// The same with a link that goes down once, and with log time that is estimated after a long silence.
    #[must_use]
    pub fn with_link_down(self) -> Clocks {
        Clocks { log_clock_limit_ticks: Some(LOG_CLOCK_LIMIT_TICKS), link_down: true, ..self }
    }

    /// The same with delivery, application and publication as steps of their own, and with log time that is estimated after
    /// a long silence.
    #[must_use]
    pub fn with_steps_apart(self) -> Clocks {
        Clocks { log_clock_limit_ticks: Some(LOG_CLOCK_LIMIT_TICKS), apart: true, ..self }
    }
}

/// How time passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passing {
    /// One tick after the other.
    Ticks,
    /// To an instant at which something changes.
    Instants,
}
