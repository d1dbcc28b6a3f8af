//! Setup — what a model of the expiry policies explores.

use super::instants::Passing;
use crate::command::Command;
use crate::time::Millis;
use std::collections::BTreeSet;

/// Which invariants a model judges. They are apart because what readers know multiplies the states, and the
/// stored state does not depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Judges {
    /// `progress`, `same_value`, `same_deadline`, `no_immortal_key`.
    State,
    /// `no_resurrection`, `no_early_death`, `past_read`.
    Reads,
}

/// What is explored.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Which invariants are judged.
    pub judges: Judges,
    /// The master's clock at the beginning; late enough for any skew.
    pub start: Millis,
    /// How time passes.
    pub passing: Passing,
    /// Milliseconds a tick.
    pub tick_ms: u64,
    /// The commands that a client may send.
    pub alphabet: Vec<Command>,
    /// So many of the first of them come first, in order: all, where the alphabet is a program.
    pub begins: usize,
    /// How many commands at most.
    pub length_max: usize,
    /// How many times time may pass.
    pub passes_max: u8,
    /// How many ticks a message may be under way while the link is up.
    pub delay_ticks_max: u8,
    /// Skews of the replica's clock: milliseconds ahead of the master's. A state holds the number of one of them.
    pub skews_ms: Vec<i64>,
    /// How long log time may stand still before it is estimated, `None` = for ever.
    pub log_clock_limit_ticks: Option<u8>,
    /// Whether the link may go down (once) and come back.
    pub link_down: bool,
    /// Whether an entry that is delivered is applied and published in steps of their own.
    pub apart: bool,
    /// Whether readers of the replica are shown what is dead: a bug that the catalogue seeds.
    pub readers_see_the_dead: bool,
}

/// Ticks for which log time may stand still where it is estimated.
const LOG_CLOCK_LIMIT_TICKS: u8 = 2;

impl Setup {
    /// The same with a link that goes down once, and with log time that is estimated after a long silence.
    #[must_use]
    pub fn with_link_down(self) -> Setup {
        Setup { log_clock_limit_ticks: Some(LOG_CLOCK_LIMIT_TICKS), link_down: true, ..self }
    }

    /// The same with delivery, application and publication as steps of their own, and with log time that is estimated after
    /// a long silence.
    #[must_use]
    pub fn with_steps_apart(self) -> Setup {
        Setup { log_clock_limit_ticks: Some(LOG_CLOCK_LIMIT_TICKS), apart: true, ..self }
    }

    /// What one search explores, in words; `programs` says of what.
    pub fn in_words(&self, programs: &str) -> String {
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
        let mut words = format!("{programs}, {how}, delay up to {} ms, {skew}", self.delay_ms());
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

    /// The skew of that number, in milliseconds. Panics: there is none.
    pub fn skew_ms(&self, number: u16) -> i64 {
        self.skews_ms[usize::from(number)]
    }

    /// How long a message may be under way while the link is up.
    pub fn delay_ms(&self) -> u64 {
        u64::from(self.delay_ticks_max) * self.tick_ms
    }
}
