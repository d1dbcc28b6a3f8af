//! Setting — what else may happen while a program runs: schedules of workers and crashes, or clocks and delays. Pure.

use crate::time::Millis;
use std::collections::BTreeSet;

/// How many times time passes in a story that is told in ticks.
pub const TICKS: u8 = 4;

/// What else may happen while a program runs; one variant for each of the two models that run a user's programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// For the ordering model.
    Schedules(Schedules, Dimension),
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

impl Schedules {
    /// The setting with these schedules and nothing else.
    pub fn setting(self) -> Setting {
        Setting::Schedules(self, Dimension::Plain)
    }
}

/// What a search of the ordering model varies beside the schedules. A search over all dimensions together would need the
/// product of their states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// Nothing: batches have the shipped size, and the log survives a crash, which may happen at any moment.
    Plain,
    /// Batches of up to this many entries.
    Batches(usize),
    /// A crash may lose the end of the log, as far as the store does not hold those entries.
    LostTail,
    /// Nothing, and the replica crashes only when it has applied everything that it admitted: fewer states, for longer
    /// programs.
    QuietCrashes,
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

    /// The setting in words.
    pub fn in_words(&self) -> String {
        let times = self.passes_max;
        let how = match self.passing {
            Passing::Ticks => format!("{times} ticks of {} ms", self.tick_ms),
            Passing::Instants if times == 1 => "time passes once, to where something changes".to_owned(),
            Passing::Instants => format!("time passes up to {times} times to where something changes"),
        };
        let apart: BTreeSet<u64> = self.skews_ms.iter().map(|skew| skew.unsigned_abs()).collect();
        let sign = |ms: u64| match [1, -1].map(|sign| self.skews_ms.contains(&(sign * ms.cast_signed()))) {
            [true, false] => '+',
            [false, true] => '-',
            _ => '±',
        };
        let apart = apart.into_iter().filter(|ms| *ms > 0);
        let apart: Vec<String> = apart.map(|ms| format!("{}{ms} ms", sign(ms))).collect();
        let skew = if apart.is_empty() { "no skew".to_owned() } else { format!("skew {}", apart.join(", ")) };
        let mut words = format!("{how}, delay up to {} ms, {skew}", self.delay_ms());
        if self.link_down {
            words += ", the link down once";
        }
        if self.apart {
            words += ", entries delivered, applied and published in steps of their own";
        }
        if let Some(ticks) = self.log_clock_limit_ticks {
            words += &format!(", log time estimated after {} silent ms", u64::from(ticks) * self.tick_ms);
        }
        words
    }

    /// How long a message may stay undelivered while the link is up, in milliseconds.
    pub fn delay_ms(&self) -> u64 {
        u64::from(self.delay_ticks_max) * self.tick_ms
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
