//! Keys that are removed: by which clock, and how the master logs it.

use crate::wrong::Fault::{Removes, RemovesUntoldBefore, TellsOfRemovals};
use crate::{Case, assert_refuted, broken_promises, judged, told};
use replicheck::expiry::{Policy, Removal, RemovalLog};

pub const CASES: &[Case] = &[
    // A reader sees k by log time. The replica, whose clock is ahead, removes it. The log makes it visible again without a write.
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
    // The hash is removed; the effect on one field brings back only that field.
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
    Case::new(
        "stream_clock removes by the replica's clock",
        Removes(Removal::Local),
        &["SETEX k 2 5", "INCR k"],
        &["same_value", "no_immortal_key"],
    )
    .of(Policy::StreamClock),
    // The master creates k again; the replica, which received no removal, continues from the old value.
    Case::new(
        "removals are never logged, and INCR continues from the old value",
        TellsOfRemovals(RemovalLog::Never),
        &["SETEX k 2 5", "INCR k"],
        &["same_value", "same_deadline"],
    )
    .of(Policy::MasterExpires),
    Case::new(
        "removals are never logged, and SETNX finds the old value",
        TellsOfRemovals(RemovalLog::Never),
        &["SETEX k 2 5", "SETNX k 7"],
        &["same_value", "same_deadline"],
    )
    .of(Policy::MasterExpires),
    Case::new(
        "removals are never logged, and HSET finds a string",
        TellsOfRemovals(RemovalLog::Never),
        &["SETEX k 2 5", "HSET k f 1"],
        &["same_value", "same_deadline"],
    )
    .of(Policy::MasterExpires),
    // The DEL of the old key follows the write of the new one: with the next command, at the latest.
    Case::new(
        "removals are logged late, and remove a key that was written again",
        TellsOfRemovals(RemovalLog::Late),
        &["SETEX k 2 5", "SET k 7", "SET j 1"],
        &["same_value"],
    )
    .of(Policy::MasterExpires),
    Case::new(
        "removals are logged late, and INCR continues from the old value",
        TellsOfRemovals(RemovalLog::Late),
        &["SETEX k 2 5", "INCR k"],
        &["same_value", "same_deadline"],
    )
    .of(Policy::MasterExpires),
    // A key that is removed before a command that changes nothing is missed only by the next command.
    Case::new(
        "the removal that PERSIST causes is not logged",
        RemovesUntoldBefore("PERSIST k"),
        &["SETEX k 2 5", "PERSIST k", "SETNX k 7"],
        &["same_value", "same_deadline"],
    )
    .of(Policy::MasterExpires),
    Case::new(
        "dead fields that HPERSIST finds are removed, and this is not logged",
        RemovesUntoldBefore("HPERSIST h FIELDS 2 f g"),
        &[
            "HSET h f 1 g 2",
            "HPEXPIRE h 2003 FIELDS 1 f",
            "HPEXPIRE h 9001 FIELDS 1 g",
            "HPERSIST h FIELDS 2 f g",
        ],
        &["same_value"],
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

/// Odd, but must not be refuted: the second DEL follows the first one directly, before the key is written again.
const TOLD_TWICE: Case = Case::new(
    "removals are logged twice",
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
