//! What is removed, by which clock, and how the master tells of it.

use crate::wrong::Fault::{Removes, TellsOfRemovals};
use crate::{Case, assert_refuted, broken_promises, judged, told};
use replicheck::expiry::{Policy, Removal, RemovalLog};

pub const CASES: &[Case] = &[
    // A reader sees k by log time; the replica, whose clock is ahead, removes it; the log brings it back without a write.
    Case::new(
        "log_clock removes by the replica's clock, and PERSIST brings the key back",
        Removes(Removal::Local),
        &["SETEX k 2 5", "PERSIST k"],
        &["no_resurrection"],
    ),
    Case::new(
        "log_clock removes by the replica's clock, and EXPIRE brings the key back",
        Removes(Removal::Local),
        &["SETEX k 2 5", "EXPIRE k 100"],
        &["no_resurrection"],
    ),
    Case::new(
        "log_clock removes by the replica's clock, and a reader misses the key",
        Removes(Removal::Local),
        &["SETEX k 2 5"],
        &["no_early_death", "past_read"],
    ),
    // The hash is gone; the effect on one field brings back that field alone.
    Case::new(
        "effects removes by the replica's clock",
        Removes(Removal::Local),
        &["HSET h f 1", "EXPIRE h 2", "HINCRBY h g 1"],
        &["same_value"],
    )
    .of(Policy::Effects),
    Case::new(
        "at_entry_time removes by the replica's clock",
        Removes(Removal::Local),
        &["SETEX k 2 5", "INCR k"],
        &["same_value", "no_immortal_key"],
    )
    .of(Policy::AtEntryTime),
    // The master makes k anew; the replica, told of no removal, goes on from the old value.
    Case::new(
        "removals are never told of, and INCR goes on from the old value",
        TellsOfRemovals(RemovalLog::Never),
        &["SETEX k 2 5", "INCR k"],
        &["same_value", "same_deadline"],
    )
    .of(Policy::MasterExpires),
    Case::new(
        "removals are never told of, and SETNX finds the old value",
        TellsOfRemovals(RemovalLog::Never),
        &["SETEX k 2 5", "SETNX k 7"],
        &["same_value", "same_deadline"],
    )
    .of(Policy::MasterExpires),
    Case::new(
        "removals are never told of, and HSET finds a string",
        TellsOfRemovals(RemovalLog::Never),
        &["SETEX k 2 5", "HSET k f 1"],
        &["same_value", "same_deadline"],
    )
    .of(Policy::MasterExpires),
    // The DEL of the old key comes after the write of the new one: with the command after it, at the latest.
    Case::new(
        "removals are told of late, and remove a key written anew",
        TellsOfRemovals(RemovalLog::Late),
        &["SETEX k 2 5", "SET k 7", "SET j 1"],
        &["same_value"],
    )
    .of(Policy::MasterExpires),
    Case::new(
        "removals are told of late, and INCR goes on from the old value",
        TellsOfRemovals(RemovalLog::Late),
        &["SETEX k 2 5", "INCR k"],
        &["same_value", "same_deadline"],
    )
    .of(Policy::MasterExpires),
    Case::new(
        "master_expires without the master's DELs",
        Removes(Removal::LogTime),
        &["SETEX k 2 5", "INCR k"],
        &["same_value", "same_deadline"],
    )
    .of(Policy::MasterExpires),
];

/// Odd, and not to be refuted: the second DEL stands right behind the first, before anything is written anew.
const TOLD_TWICE: Case = Case::new(
    "removals are told of twice",
    TellsOfRemovals(RemovalLog::Twice),
    &["SETEX k 2 5", "SET k 7", "SET j 1"],
    &[],
)
.of(Policy::MasterExpires);

#[test]
fn wrong_removals_on_their_programs_are_refuted_by_name() {
    assert_refuted(CASES);
}

#[test]
fn removals_told_of_twice_are_not_refuted() {
    let rows = judged(TOLD_TWICE.name, TOLD_TWICE.policy(), TOLD_TWICE.on);
    assert!(broken_promises(&rows, TOLD_TWICE.base).is_empty(), "{}", told(&rows));
}
