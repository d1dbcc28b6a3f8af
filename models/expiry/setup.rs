//! Setup — what the model of one expiry policy explores.

use crate::command::Command;
use crate::models::setting::{Clocks, Passing};
use std::collections::BTreeSet;

/// Which invariants a model judges. The two groups are separate because what readers know multiplies the states, and the
/// stored state does not depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Judges {
    /// `progress`, `same_value`, `same_deadline`, `no_immortal_key`.
    State,
    /// `no_resurrection`, `no_early_death`, `past_read`.
    Reads,
}

/// The commands, clocks and options of a search.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Which invariants are judged.
    pub judges: Judges,
    /// How time passes, and the skews. A state holds the number of one of these skews.
    pub clocks: Clocks,
    /// The commands that a client may send.
    pub alphabet: Vec<Command>,
    /// How many commands of the alphabet every program begins with, in order: all of them if the alphabet is a program.
    pub begins: usize,
    /// Maximum number of commands.
    pub length_max: usize,
    /// Whether readers of the replica see dead keys: a bug that the catalogue seeds.
    pub readers_see_the_dead: bool,
}

impl Setup {
    /// The setup for one program: its commands in order.
    pub fn of_program(judges: Judges, clocks: Clocks, program: Vec<Command>) -> Setup {
        let length_max = program.len();
        Setup {
            judges,
            clocks,
            alphabet: program,
            begins: length_max,
            length_max,
            readers_see_the_dead: false,
        }
    }

    /// The same setup with a link that goes down once, and with log time that is estimated after a long silence.
    #[must_use]
    pub fn with_link_down(self) -> Setup {
        Setup { clocks: self.clocks.with_link_down(), ..self }
    }

    /// The same setup with delivery, application and publication as separate steps, and with log time that is estimated
    /// after a long silence.
    #[must_use]
    pub fn with_steps_apart(self) -> Setup {
        Setup { clocks: self.clocks.with_steps_apart(), ..self }
    }

    /// The bounds of one search, in words. `programs`: the words for its programs.
    pub fn in_words(&self, programs: &str) -> String {
        let clocks = &self.clocks;
        let times = clocks.passes_max;
        let how = match clocks.passing {
            Passing::Ticks => format!("{times} ticks of {} ms", clocks.tick_ms),
            Passing::Instants if times == 1 => "time passes once, to where something changes".to_owned(),
            Passing::Instants => format!("time passes up to {times} times to where something changes"),
        };
        let apart: BTreeSet<u64> = clocks.skews_ms.iter().map(|skew| skew.unsigned_abs()).collect();
        let sign = |ms: u64| match [1, -1].map(|sign| clocks.skews_ms.contains(&(sign * ms.cast_signed()))) {
            [true, false] => '+',
            [false, true] => '-',
            _ => '±',
        };
        let apart = apart.into_iter().filter(|ms| *ms > 0);
        let apart: Vec<String> = apart.map(|ms| format!("{}{ms} ms", sign(ms))).collect();
        let skew = if apart.is_empty() { "no skew".to_owned() } else { format!("skew {}", apart.join(", ")) };
        let mut words = format!("{programs}, {how}, delay up to {} ms, {skew}", self.delay_ms());
        if clocks.link_down {
            words += ", the link down once";
        }
        if clocks.apart {
            words += ", entries delivered, applied and published in steps of their own";
        }
        if let Some(ticks) = clocks.log_clock_limit_ticks {
            words += &format!(", log time estimated after {} silent ms", u64::from(ticks) * clocks.tick_ms);
        }
        words
    }

    /// The skew with that number, in milliseconds. Panics: if there is none.
    pub fn skew_ms(&self, number: u16) -> i64 {
        self.clocks.skews_ms[usize::from(number)]
    }

    /// How long a message may stay undelivered while the link is up, in milliseconds.
    pub fn delay_ms(&self) -> u64 {
        u64::from(self.clocks.delay_ticks_max) * self.clocks.tick_ms
    }
}
