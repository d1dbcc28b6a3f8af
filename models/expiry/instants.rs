//! Instants — a state → the instants to which time may pass, because something changes there.
//!
//! If time passed in ticks of one length, a key that lives for less than a tick and a key that lives for a hundred ticks
//! could not both die. So time passes to any instant at which an answer may change:
//!
//! ```text
//! master's clock     ──────────d─1 d─────────── b ──    d: a deadline, stored or in a message
//! replica's clock    ──────d─1 d─────────────────────   b: the oldest message must be delivered
//! ```
//!
//! The deadlines of either node count on both clocks, because readers may judge by log time, which is the master's. Where readers
//! may judge by the replica's clock less a floor, the deadlines count on that clock, too.

use super::setup::Setup;
use crate::store::{Dump, Stored};
use crate::time::{Elapsed, Millis};
use std::collections::BTreeSet;

/// The parts of a state that decide when something changes.
pub(in crate::models) struct Pending<'a> {
    /// The master's store.
    pub master: &'a Dump,
    /// The replica's store.
    pub replica: &'a Dump,
    /// Deadlines that messages carry, or that their keys had on the master.
    pub under_way: Vec<Millis>,
    /// The elapsed clock at the last receipt of the replica, if log time may be estimated.
    pub received_at: Option<Elapsed>,
    /// When the oldest message was sent, in milliseconds since the start.
    pub oldest: Option<u64>,
    /// Whether the link is down.
    pub is_down: bool,
    /// How far readers may judge behind the replica's own clock, in milliseconds; `None`: there is no such floor.
    pub floor_ms: Option<u64>,
}

/// The instants at which something changes, in milliseconds since the start, in ascending order. `skew_ms`: the replica's
/// clock minus the master's.
pub(in crate::models) fn instants(setup: &Setup, skew_ms: i64, pending: &Pending<'_>) -> Vec<u64> {
    let stored = |dump: &Dump| dump.values().flat_map(Stored::deadlines).collect::<Vec<_>>();
    let [masters, replicas] = [stored(pending.master), stored(pending.replica)];
    let mut found = BTreeSet::new();
    let start = i128::from(setup.clocks.start.0);
    let mut note = |at: i128| {
        // A deadline beyond the end of any run never takes effect.
        if let Ok(at) = u64::try_from(at - start)
            && at <= super::ELAPSED_MS_MAX
        {
            found.insert(at);
        }
    };
    for deadline in masters.iter().chain(&replicas).chain(&pending.under_way) {
        let on_masters_clock = i128::from(deadline.0);
        let on_replicas_clock = on_masters_clock - i128::from(skew_ms);
        let by_floor = pending.floor_ms.map(|floor| on_replicas_clock + i128::from(floor));
        for at in [on_masters_clock, on_replicas_clock].into_iter().chain(by_floor) {
            note(at - 1);
            note(at);
        }
    }
    let limit =
        setup.clocks.log_clock_limit_ticks.map(|ticks| i128::from(ticks) * i128::from(setup.clocks.tick_ms));
    if let (Some(limit), Some(received_at)) = (limit, pending.received_at) {
        let silent_for_too_long = i128::from(received_at.0) + limit;
        note(silent_for_too_long);
        note(silent_for_too_long + 1);
    }
    if let Some(oldest) = pending.oldest {
        let bound = start + i128::from(oldest) + i128::from(setup.delay_ms());
        note(bound);
        if pending.is_down {
            note(bound + i128::from(setup.delay_ms()) + 1);
        }
    }
    found.into_iter().collect()
}
