//! Lifetimes — commands → the lifetimes that they give to keys. Delays and skews are measured in them.

use super::ELAPSED_MS_MAX;
use crate::binlog::Epoch;
use crate::effect::KeySet;
use crate::expiry::Policy;
use crate::models::bounds::DRAWN;
use crate::models::request::Request;
use crate::node::Master;
use crate::store::memory::MemoryStore;
use crate::store::{Dump, Stored, dump};
use crate::time::Millis;
use std::collections::BTreeSet;

/// The length of a tick if no key has a deadline.
const TICK_MS: u64 = 1001;

/// For each request, the instant at which it ran and what was stored after it. The list ends before a request that fails.
/// All of them run at `start`; with `after_deaths`, each runs when every key is dead that can die within a run.
fn stored_after_each(requests: &[Request], start: Millis, after_deaths: bool) -> Vec<(Millis, Dump)> {
    let mut master = Master::new(MemoryStore::new(), Epoch(1));
    let (mut now, mut stored) = (start, Vec::new());
    for request in requests {
        if request.run(&mut master, &*Policy::Effects.get(), (now, DRAWN)).is_err() {
            break;
        }
        let holds = dump(master.store()).unwrap_or_default();
        let deadlines = holds.values().flat_map(Stored::deadlines);
        let last = deadlines.filter(|deadline| deadline.since(start) <= ELAPSED_MS_MAX).max();
        stored.push((now, holds));
        now = last.filter(|_| after_deaths).map_or(now, |last| last.max(now));
    }
    stored
}

/// The numbers n for which a key of the n-th command (counted from 1) has a deadline right after that command.
pub(super) fn dated(program: &[Request], start: Millis) -> Vec<u16> {
    let is_dated = |request: &Request, stored: &Dump| match request.keys() {
        KeySet::Everything => false,
        KeySet::Keys(keys) => {
            keys.iter().any(|key| stored.get(key).is_some_and(|stored| stored.deadlines().next().is_some()))
        }
    };
    let stored = stored_after_each(program, start, false);
    let numbered = (1u16..).zip(program.iter().zip(&stored));
    numbered.filter(|(_, (request, (_, stored)))| is_dated(request, stored)).map(|(count, _)| count).collect()
}

/// The number of keys that have a deadline after some command.
pub fn dated_keys(requests: &[Request], start: Millis) -> usize {
    let stored = stored_after_each(requests, start, false);
    let keys = stored.iter().flat_map(|(_, stored)| stored);
    let dated = keys.filter(|(_, stored)| stored.deadlines().next().is_some());
    dated.map(|(key, _)| key).collect::<BTreeSet<_>>().len()
}

/// The lifetimes that these commands give to keys, in milliseconds, if they end within a run. Some keys get one only
/// after another key's death or their own (`SET k 5 PX 2000 NX`).
fn lifetimes(requests: &[Request], start: Millis) -> BTreeSet<u64> {
    let both = [false, true].map(|after_deaths| stored_after_each(requests, start, after_deaths));
    let stored = both.iter().flatten().flat_map(|(now, stored)| stored.values().map(move |it| (now, it)));
    let lifetimes = stored.flat_map(|(now, stored)| stored.deadlines().map(|deadline| deadline.since(*now)));
    lifetimes.filter(|lifetime| (1..=ELAPSED_MS_MAX).contains(lifetime)).collect()
}

/// The length of a tick for these commands, in milliseconds: half of the longest lifetime that ends within a run, plus 1
/// ms, so that two ticks are just over that lifetime.
pub fn tick_ms(requests: &[Request], start: Millis) -> u64 {
    lifetimes(requests, start).last().map_or(TICK_MS, |longest| longest / 2 + 1)
}

/// The skew in milliseconds of a clock that is ahead by `ticks`. A long tick is shortened so that no clock begins before
/// the instant 0.
pub fn skew_ms(ticks: i8, tick_ms: u64, start: Millis) -> i64 {
    i64::from(ticks) * tick_ms.min(start.0 / 128).cast_signed()
}

/// The skews in milliseconds, ahead and behind, that are just under and just over the shortest and the longest lifetime
/// of these commands. A skew that would make a clock begin before the instant 0 is left out.
pub fn skews_at_lifetimes(requests: &[Request], start: Millis) -> Vec<i64> {
    let lifetimes = lifetimes(requests, start);
    let ends = [lifetimes.first(), lifetimes.last()].into_iter().flatten();
    let apart: BTreeSet<u64> = ends.flat_map(|lifetime| [lifetime - 1, lifetime + 1]).collect();
    let apart = apart.into_iter().filter(|ms| (1..start.0).contains(ms)).map(u64::cast_signed);
    apart.flat_map(|ms| [-ms, ms]).collect()
}
