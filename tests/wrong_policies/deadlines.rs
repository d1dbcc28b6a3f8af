//! Deadlines that get another value in the log, or on the replica.

use crate::wrong::Fault::{KeepsDeadline, LogsDeadline};
use crate::{Case, assert_refuted};
use replicheck::expiry::Policy;
use replicheck::time::Millis;

const SECOND: u64 = 1000;
const DAY: u64 = 86_400 * SECOND;

pub const CASES: &[Case] = &[
    // A lifetime in whole seconds: visible only if the master's clock is between two seconds.
    Case::new(
        "deadlines are cut to whole seconds, lifetimes are whole",
        LogsDeadline(|_, deadline, _| Some(Millis(deadline.0 / SECOND * SECOND))),
        &["SETEX k 2 5"],
        &["same_deadline"],
    ),
    Case::new(
        "deadlines are cut to whole seconds",
        LogsDeadline(|_, deadline, _| Some(Millis(deadline.0 / SECOND * SECOND))),
        &["PSETEX k 2500 5"],
        &["same_deadline"],
    ),
    Case::new(
        "deadlines are rounded to whole seconds, lifetimes are whole",
        LogsDeadline(|_, deadline, _| Some(Millis((deadline.0 + SECOND / 2) / SECOND * SECOND))),
        &["SETEX k 2 5"],
        &["same_deadline"],
    ),
    Case::new(
        "deadlines are rounded to whole seconds",
        LogsDeadline(|_, deadline, _| Some(Millis((deadline.0 + SECOND / 2) / SECOND * SECOND))),
        &["PSETEX k 2600 5"],
        &["same_deadline"],
    ),
    Case::new(
        "deadlines carry the network's jitter",
        KeepsDeadline(|deadline, ahead| deadline.offset(ahead.max(0))),
        &["SETEX k 2 5"],
        &["same_deadline"],
    ),
    // Visible only if a message is under way for a time that is not a whole number of seconds.
    Case::new(
        "deadlines carry the milliseconds of the network's jitter",
        KeepsDeadline(|deadline, ahead| deadline.offset(ahead.rem_euclid(1000))),
        &["SETEX k 2 5"],
        &["same_deadline"],
    ),
    Case::new(
        "deadlines are 1 ms early on the replica",
        KeepsDeadline(|deadline, _| deadline.offset(-1)),
        &["SETEX k 2 5"],
        &["same_deadline"],
    ),
    // The replica receives a time of deadline - 1 ms, when the key is alive on the master.
    Case::new(
        "deadlines are 1 ms early on the replica, and a reader comes in that millisecond",
        KeepsDeadline(|deadline, _| deadline.offset(-1)),
        &["SETEX k 2 5"],
        &["no_early_death", "past_read"],
    ),
    Case::new(
        "deadlines are 1 ms late in the log",
        LogsDeadline(|_, deadline, _| Some(deadline.offset(1))),
        &["SETEX k 2 5"],
        &["same_deadline"],
    ),
    // At the deadline, j is written: on the replica, k exists beside it.
    Case::new(
        "deadlines are 1 ms late in the log, and a key is written in that millisecond",
        LogsDeadline(|_, deadline, _| Some(deadline.offset(1))),
        &["SETEX k 2 5", "SET j 1"],
        &["past_read"],
    ),
    Case::new(
        "deadlines are in the replica's time",
        KeepsDeadline(|deadline, ahead| deadline.offset(ahead)),
        &["SETEX k 2 5"],
        &["same_deadline"],
    )
    .of(Policy::Effects),
    Case::new(
        "deadlines are an hour late, as if from another time zone",
        LogsDeadline(|_, deadline, _| Some(deadline.offset(3_600_000))),
        &["SETEX k 2 5", "SET j 1"],
        &["same_deadline", "past_read"],
    ),
    Case::new(
        "the remaining time is taken for the deadline",
        LogsDeadline(|_, deadline, now| Some(Millis(deadline.since(now).max(1)))),
        &["SETEX k 2 5"],
        &["same_deadline", "no_early_death"],
    ),
    Case::new(
        "keys live for at least ten seconds",
        LogsDeadline(|_, deadline, now| Some(deadline.max(now.offset(10_000)))),
        &["SETEX k 2 5"],
        &["same_deadline"],
    ),
    Case::new(
        "a deadline more than a day ahead is taken for none",
        LogsDeadline(|_, deadline, now| (deadline.since(now) <= DAY).then_some(deadline)),
        &["SETEX k 100000 5"],
        &["same_deadline", "no_immortal_key"],
    ),
    Case::new(
        "PEXPIRE's milliseconds are taken for seconds",
        LogsDeadline(|command, deadline, now| {
            let unit = if command.name() == "pexpire" { 1000 } else { 1 };
            Some(Millis(now.0 + deadline.since(now) * unit))
        }),
        &["SET k 5", "PEXPIRE k 2500"],
        &["same_deadline"],
    ),
    Case::new(
        "EXPIRE's seconds are taken for milliseconds",
        LogsDeadline(|command, deadline, now| {
            let unit = if command.name() == "expire" { 1000 } else { 1 };
            Some(Millis(now.0 + deadline.since(now) / unit))
        }),
        &["SET k 5", "EXPIRE k 2"],
        &["same_deadline"],
    ),
    Case::new(
        "EXPIREAT's seconds are taken for milliseconds",
        LogsDeadline(|command, deadline, _| {
            let unit = if command.name() == "expireat" { 1000 } else { 1 };
            Some(Millis(deadline.0 / unit))
        }),
        &["SET k 5", "EXPIREAT k 2000000"],
        &["same_deadline", "no_early_death"],
    ),
    Case::new(
        "PEXPIREAT's instant is cut to 32 bits",
        LogsDeadline(|_, deadline, _| Some(Millis(deadline.0 & 0xffff_ffff))),
        &["SET k 5", "PEXPIREAT k 5000000000"],
        &["same_deadline", "no_early_death"],
    ),
];

#[test]
fn wrong_deadlines_on_their_programs_are_refuted_by_name() {
    assert_refuted(CASES);
}
