//! Setup — what the model of one expiry policy explores.

use crate::models::request::Request;
use crate::models::setting::Clocks;

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
    /// The commands and transactions that a client may send.
    pub alphabet: Vec<Request>,
    /// How many commands of the alphabet every program begins with, in order: all of them if the alphabet is a program.
    pub begins: usize,
    /// Maximum number of commands.
    pub length_max: usize,
    /// Whether readers of the replica see dead keys: a bug that the catalogue seeds.
    pub readers_see_the_dead: bool,
}

impl Setup {
    /// The skew with that number, in milliseconds. Panics: if there is none.
    pub fn skew_ms(&self, number: u16) -> i64 {
        self.clocks.skews_ms[usize::from(number)]
    }

    /// How long a message may stay undelivered while the link is up, in milliseconds.
    pub fn delay_ms(&self) -> u64 {
        self.clocks.delay_ms()
    }
}
