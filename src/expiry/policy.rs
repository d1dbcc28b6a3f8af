//! The policies by name: one row each. Pure.

use super::ExpiryPolicy;
use super::absolute::Absolute;
use super::at_entry_time::AtEntryTime;
use super::effects::Effects;
use super::log_clock::LogClock;
use super::master_expires::MasterExpires;
use super::pksetat::Pksetat;
use super::relative::Relative;
use super::stream_clock::{FLOOR_MS, StreamClock};
use super::verbatim::Verbatim;
use crate::names::choices;
use std::sync::Arc;

/// What a policy promises, whatever the lag and the skew of clocks are. Weakest first: each level includes the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Guarantee {
    /// Nothing. The policies of this level run commands by the replica's clock.
    Nothing,
    /// `no_immortal_key`: no key without a deadline stays on the replica that has one on the master.
    NoImmortalKey,
    /// `same_value` and `same_deadline`: the replica holds what the master holds. What readers see of it is not promised.
    SameState,
    /// `past_read`, `no_resurrection` and `no_early_death`: readers see what readers of the master saw.
    SameReads,
}

impl Guarantee {
    /// `nothing`, `no_immortal_key`, `same_state` or `same_reads`.
    pub fn name(self) -> &'static str {
        match self {
            Guarantee::Nothing => "nothing",
            Guarantee::NoImmortalKey => "no_immortal_key",
            Guarantee::SameState => "same_state",
            Guarantee::SameReads => "same_reads",
        }
    }
}

/// Makes [`Policy`] of a row for each policy: its type, which is its variant, too, with the values of its fields, if any; its name,
/// what it promises, and its summary.
macro_rules! policies {
    ($(
        $policy:ident $({ $($field:ident: $value:expr),* })? $name:literal promises $guarantee:ident, $summary:literal;
    )*) => {
        choices! {
            /// An expiry policy by name.
            Policy, what "expiry", promises Guarantee;
            $($policy $name promises $guarantee, $summary;)*
        }

        impl Policy {
            /// The policy.
            pub fn get(self) -> Arc<dyn ExpiryPolicy + Send + Sync> {
                match self { $(Policy::$policy => Arc::new($policy $({ $($field: $value),* })?),)* }
            }
        }
    };
}

policies! {
    Verbatim "verbatim" promises Nothing,
        "The command is logged as it came; the replica runs it by its own clock.";
    Absolute "absolute" promises Nothing,
        "SETEX and EXPIRE are logged with the instant of death, INCR and its like as they came, run by the replica's clock. \
         (Pika before #2833.)";
    AtEntryTime "at_entry_time" promises SameState,
        "The command is logged, and the replica runs it as of the master's time; reads go by the reader's clock.";
    Pksetat "pksetat" promises SameState,
        "A write that depends on the old value is logged as its result, with the deadline; reads go by the reader's clock.";
    MasterExpires "master_expires" promises SameState,
        "Deadlines are logged as instants, and a DEL when the master expires a key; reads go by the reader's clock. (Redis.)";
    Relative "relative" promises NoImmortalKey,
        "The time that is left is logged; the replica counts it from the entry's arrival.";
    Effects "effects" promises SameState,
        "Every write is logged as bytes, with the deadline; reads go by the reader's clock.";
    StreamClock { floor_ms: FLOOR_MS } "stream_clock" promises SameState,
        "As at_entry_time, but reads go by the log's time, at most 60 s behind the reader's clock.";
    LogClock "log_clock" promises SameReads,
        "Every write is logged as bytes; the replica judges by the time that the log carries.";
}
