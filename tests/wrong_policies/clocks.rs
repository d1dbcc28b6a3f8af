//! Commands and effects that the replica executes at a wrong time.

use crate::wrong::Fault::{Arrives, Runs, RunsAll};
use crate::wrong::{deadlines, of_effect};
use crate::{Case, assert_refuted};
use replicheck::apply::Instants;
use replicheck::binlog::{Entry, Payload};
use replicheck::effect::{Effect, Write};
use replicheck::expiry::Policy;
use replicheck::store::key;
use replicheck::time::Millis;

/// What breaks for a key that is created on the replica where the old key was still alive on the master.
const MADE_ANEW: &[&str] = &["same_value", "no_immortal_key"];

/// Everything at the replica's clock.
fn local(_: &Entry, local: Millis) -> Instants {
    Instants { now: local, judged_at: local }
}

/// Durations count from the entry's time; the replica's clock decides which keys are dead.
fn judged_locally(entry: &Entry, local: Millis) -> Instants {
    Instants { now: entry.time, judged_at: local }
}

/// Durations count from the replica's clock; the entry's time decides which keys are dead.
fn counted_locally(entry: &Entry, local: Millis) -> Instants {
    Instants { judged_at: entry.time, now: local }
}

/// Which keys are dead is decided by the entry's time, but by no instant that is more than half a second behind the replica's clock.
fn judged_with_a_floor(entry: &Entry, local: Millis) -> Instants {
    Instants { now: entry.time, judged_at: entry.time.max(local.offset(-500)) }
}

pub const CASES: &[Case] = &[
    Case::new(
        "SET EX runs at the replica's clock",
        Runs("set", local),
        &["SET k 5 EX 2"],
        &["same_deadline"],
    ),
    Case::new(
        "SET PX runs at the replica's clock",
        Runs("set", local),
        &["SET k 5 PX 2500"],
        &["same_deadline"],
    ),
    Case::new(
        "GETEX runs at the replica's clock",
        Runs("getex", local),
        &["SET k 5", "GETEX k EX 2"],
        &["same_deadline"],
    ),
    Case::new(
        "of all commands that depend on the old value, only GETEX is logged as a command",
        Runs("getex", local),
        &["SET k 5", "GETEX k PX 2500"],
        &["same_deadline"],
    )
    .of(Policy::Pksetat),
    Case::new(
        "EXPIRE GT runs at the replica's clock",
        Runs("expire", counted_locally),
        &["SETEX k 2 5", "EXPIRE k 3 GT"],
        &["same_deadline"],
    ),
    // Dead on the master, alive on a replica that is behind: there SETNX does not set.
    Case::new(
        "SETNX runs at the replica's clock",
        Runs("setnx", judged_locally),
        &["SETEX k 2 5", "SETNX k 7"],
        &["same_value", "same_deadline"],
    ),
    Case::new("INCR runs at the replica's clock", Runs("incr", local), &["SETEX k 2 5", "INCR k"], MADE_ANEW),
    Case::new(
        "HINCRBY runs at the replica's clock",
        Runs("hincrby", local),
        &["HSET h f 1", "EXPIRE h 2", "HINCRBY h f 1"],
        MADE_ANEW,
    ),
    Case::new(
        "PERSIST runs at the replica's clock",
        Runs("persist", local),
        &["SETEX k 2 5", "PERSIST k"],
        &["same_deadline", "no_early_death"],
    ),
    Case::new(
        "RENAME runs at the replica's clock",
        Runs("rename", local),
        &["SET k 5", "SETEX j 2 1", "RENAME j k"],
        &["same_value", "no_immortal_key"],
    ),
    Case::new(
        "entries run a second late",
        RunsAll(|entry, _| Instants { now: entry.time.offset(1000), judged_at: entry.time }),
        &["SETEX k 2 5"],
        &["same_deadline"],
    )
    .of(Policy::AtEntryTime),
    Case::new(
        "entries find dead what dies within a second",
        RunsAll(|entry, _| Instants { now: entry.time, judged_at: entry.time.offset(1000) }),
        &["SETEX k 2 5", "INCR k"],
        MADE_ANEW,
    )
    .of(Policy::AtEntryTime),
    // INCR arrives in the last millisecond of the key's life.
    Case::new(
        "entries find dead what dies within a millisecond",
        RunsAll(|entry, _| Instants { now: entry.time, judged_at: entry.time.offset(1) }),
        &["SETEX k 2 5", "INCR k"],
        MADE_ANEW,
    )
    .of(Policy::AtEntryTime),
    // INCR arrives when the key has just died.
    Case::new(
        "entries find alive what died within a millisecond",
        RunsAll(|entry, _| Instants { now: entry.time, judged_at: entry.time.offset(-1) }),
        &["SETEX k 2 5", "INCR k"],
        &["same_value", "same_deadline"],
    )
    .of(Policy::AtEntryTime),
    Case::new(
        "entries find everything alive",
        RunsAll(|entry, _| Instants { now: entry.time, judged_at: Millis::ZERO }),
        &["SETEX k 2 5", "INCR k"],
        &["same_value", "same_deadline"],
    )
    .of(Policy::AtEntryTime),
    Case::new(
        "entries find dead what is dead by the replica's clock",
        RunsAll(judged_locally),
        &["SETEX k 2 5", "INCR k"],
        MADE_ANEW,
    )
    .of(Policy::AtEntryTime),
    Case::new(
        "durations count from the replica's clock",
        RunsAll(counted_locally),
        &["SETEX k 2 5"],
        &["same_deadline"],
    )
    .of(Policy::AtEntryTime),
    // The floor decides for readers alone: a command that is later than it would find its key dead.
    Case::new(
        "PERSIST finds dead what is dead by the floor",
        RunsAll(judged_with_a_floor),
        &["SETEX k 2 5", "PERSIST k"],
        &["same_deadline"],
    )
    .of(Policy::StreamClock),
    Case::new(
        "INCR finds dead what is dead by the floor",
        RunsAll(judged_with_a_floor),
        &["SETEX k 2 5", "INCR k"],
        MADE_ANEW,
    )
    .of(Policy::StreamClock),
    Case::new(
        "durations count from the replica's clock, where reads have a floor",
        RunsAll(counted_locally),
        &["SETEX k 2 5"],
        &["same_deadline"],
    )
    .of(Policy::StreamClock),
    Case::new(
        "durations count from the last whole second",
        RunsAll(|entry, _| Instants { now: Millis(entry.time.0 / 1000 * 1000), judged_at: entry.time }),
        &["PSETEX k 2500 5"],
        &["same_deadline"],
    )
    .of(Policy::AtEntryTime),
    Case::new(
        "an entry's time is when it arrives",
        Arrives(|entry, local| Entry { time: local, ..entry }),
        &["SETEX k 2 5"],
        &["same_deadline"],
    )
    .of(Policy::AtEntryTime),
    Case::new(
        "keys that the master did not expire are dead by the replica's clock",
        RunsAll(judged_locally),
        &["SETEX k 2 5", "INCR k"],
        MADE_ANEW,
    )
    .of(Policy::MasterExpires),
    // SET with a deadline that has passed writes nothing, so PERSIST finds nothing.
    Case::new(
        "a deadline in the past of the replica's clock deletes",
        RunsAll(|_, local| Instants { now: local, judged_at: Millis::ZERO }),
        &["SETEX k 2 5", "PERSIST k"],
        &["same_value"],
    )
    .of(Policy::MasterExpires),
    // Under way for longer than the delay allows, because the link was down.
    Case::new(
        "entries that arrive more than four seconds late are dropped",
        Arrives(|entry, local| {
            let is_late = local.since(entry.time) > 4000;
            let kept = |effect| if is_late { Effect::none() } else { effect };
            Entry { payload: of_effect(entry.payload, kept), ..entry }
        }),
        &[],
        &["no_early_death"],
    )
    .on_every(&["SET j 1", "SETEX k 2 5"], 3),
    Case::new(
        "entries that are dead on arrival are dropped",
        Arrives(|entry, local| Entry {
            payload: of_effect(
                entry.payload,
                |effect| {
                    if is_dead(&effect, local) { Effect::none() } else { effect }
                },
            ),
            ..entry
        }),
        &["SET k 1", "SETEX k 2 5"],
        MADE_ANEW,
    ),
    Case::new(
        "entries that are dead on arrival delete their keys",
        Arrives(|entry, local| Entry { payload: deleting_the_dead(entry.payload, local), ..entry }),
        &["SETEX k 2 5"],
        &["no_early_death"],
    ),
];

fn is_dead(effect: &Effect, now: Millis) -> bool {
    deadlines(effect).any(|deadline| now >= deadline)
}

/// The payload with the metadata deleted instead of written where the deadline has passed; elements stay.
fn deleting_the_dead(payload: Payload, now: Millis) -> Payload {
    of_effect(payload, |mut effect| {
        if is_dead(&effect, now) {
            for write in &mut effect.writes {
                if let Write::Put { key, .. } = write
                    && key::is_metadata(key)
                {
                    *write = Write::Delete { key: std::mem::take(key) };
                }
            }
        }
        effect
    })
}

#[test]
fn wrong_clocks_on_their_programs_are_refuted_by_name() {
    assert_refuted(CASES);
}
