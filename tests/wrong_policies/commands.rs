//! Commands that are logged as other commands: an option is misread, or one entry becomes two entries.
//!
//! The programs are fixed, so a fault is described by what it logs for a line of the program. Each command runs at its entry's
//! time, so clocks do not matter.
//!
//! A policy is asked only about a command that changed something on the master. So leaving out an option that is a condition
//! changes nothing: where the condition held on the master, it also holds at the same entry on the replica. The fault is
//! another condition in its place. The last test shows that the checker accepts an option that is left out.

use crate::wrong::Fault::{InTwo, Instead};
use crate::{Case, assert_refuted, broken_promises, judged, told};
use replicheck::expiry::Policy;

/// What breaks for a key that keeps an old deadline: it dies, and the master's key does not.
const OLD_DEADLINE: &[&str] = &["same_deadline", "no_early_death"];
const NO_DEADLINE: &[&str] = &["same_deadline", "no_immortal_key"];

pub const CASES: &[Case] = &[
    Case::new(
        "EXPIRE NX is taken for XX",
        Instead("EXPIRE k 2 NX", "EXPIRE k 2 XX"),
        &["SET k 5", "EXPIRE k 2 NX"],
        NO_DEADLINE,
    ),
    Case::new(
        "EXPIRE XX is taken for NX",
        Instead("EXPIRE k 4 XX", "EXPIRE k 4 NX"),
        &["SETEX k 2 5", "EXPIRE k 4 XX"],
        &["same_deadline"],
    ),
    Case::new(
        "EXPIRE GT is taken for LT",
        Instead("EXPIRE k 4 GT", "EXPIRE k 4 LT"),
        &["SETEX k 2 5", "EXPIRE k 4 GT"],
        &["same_deadline"],
    ),
    Case::new(
        "EXPIRE LT is taken for GT",
        Instead("EXPIRE k 2 LT", "EXPIRE k 2 GT"),
        &["SETEX k 4 5", "EXPIRE k 2 LT"],
        &["same_deadline"],
    ),
    // No deadline counts as later than all: LT sets one, GT does not.
    Case::new(
        "EXPIRE LT of a key without a deadline is taken for GT",
        Instead("EXPIRE k 2 LT", "EXPIRE k 2 GT"),
        &["SET k 5", "EXPIRE k 2 LT"],
        NO_DEADLINE,
    ),
    Case::new(
        "options in lower case are not known",
        Instead("SET k 5 ex 2", "SET k 5"),
        &["SET k 5 ex 2"],
        NO_DEADLINE,
    ),
    Case::new(
        "SET KEEPTTL drops the deadline",
        Instead("SET k 7 KEEPTTL", "SET k 7"),
        &["SETEX k 2 5", "SET k 7 KEEPTTL"],
        NO_DEADLINE,
    ),
    Case::new(
        "SET keeps the old deadline",
        Instead("SET k 7", "SET k 7 KEEPTTL"),
        &["SETEX k 2 5", "SET k 7"],
        OLD_DEADLINE,
    ),
    Case::new(
        "GETSET keeps the old deadline",
        Instead("GETSET k 7", "SET k 7 KEEPTTL"),
        &["SETEX k 2 5", "GETSET k 7"],
        OLD_DEADLINE,
    ),
    Case::new(
        "MSET keeps the old deadlines",
        Instead("MSET k 7", "SET k 7 KEEPTTL"),
        &["SETEX k 2 5", "MSET k 7"],
        OLD_DEADLINE,
    ),
    Case::new(
        "GETEX PERSIST is taken for GETEX",
        Instead("GETEX k PERSIST", "GETEX k"),
        &["SETEX k 2 5", "GETEX k PERSIST"],
        OLD_DEADLINE,
    ),
    Case::new(
        "SET NX is taken for XX",
        Instead("SET k 5 NX", "SET k 5 XX"),
        &["SET k 5 NX"],
        &["same_value", "no_early_death"],
    ),
    Case::new(
        "SET XX is taken for NX",
        Instead("SET k 7 XX", "SET k 7 NX"),
        &["SET k 5", "SET k 7 XX"],
        &["same_value"],
    ),
    Case::new(
        "MSET is taken for MSETNX",
        Instead("MSET a 2 b 2", "MSETNX a 2 b 2"),
        &["SET a 1", "MSET a 2 b 2"],
        &["same_value", "no_early_death"],
    ),
    Case::new(
        "RENAME is taken for RENAMENX",
        Instead("RENAME k j", "RENAMENX k j"),
        &["SET k 5", "SET j 1", "RENAME k j"],
        &["same_value", "no_immortal_key"],
    ),
    Case::new(
        "RENAME is taken for COPY",
        Instead("RENAME k j", "COPY k j REPLACE"),
        &["SETEX k 2 5", "RENAME k j"],
        &["same_value", "past_read"],
    ),
    Case::new(
        "COPY REPLACE does not replace",
        Instead("COPY k j REPLACE", "COPY k j"),
        &["SET k 5", "SET j 1", "COPY k j REPLACE"],
        &["same_value"],
    ),
    Case::new(
        "COPY to another database stays in its own",
        Instead("COPY k j DB 1", "COPY k j"),
        &["SET k 5", "COPY k j DB 1"],
        &["same_value", "no_immortal_key", "no_early_death"],
    ),
    Case::new(
        "DEL is logged as an EXPIRE of one second",
        Instead("DEL k", "EXPIRE k 1"),
        &["SET k 5", "DEL k"],
        &["same_value"],
    ),
    Case::new(
        "MSET is an entry for each key",
        InTwo("MSET a 1 b 2", ["SET a 1", "SET b 2"]),
        &["MSET a 1 b 2"],
        &["past_read"],
    ),
    Case::new(
        "RENAME is logged as a copy and a DEL, two entries",
        InTwo("RENAME k j", ["COPY k j REPLACE", "DEL k"]),
        &["SET k 5", "RENAME k j"],
        &["past_read"],
    ),
    Case::new(
        "APPEND is logged as a DEL and a SET, two entries",
        InTwo("APPEND k 1", ["DEL k", "SET k 51"]),
        &["SET k 5", "APPEND k 1"],
        &["no_early_death", "past_read"],
    ),
    Case::new(
        "SET is logged as a DEL and a SETNX, two entries",
        InTwo("SET k 7", ["DEL k", "SETNX k 7"]),
        &["SET k 5", "SET k 7"],
        &["no_early_death", "past_read"],
    ),
    Case::new(
        "SETEX is logged as EXPIRE and SET, in this order",
        InTwo("SETEX k 2 5", ["EXPIRE k 2", "SET k 5"]),
        &["SETEX k 2 5"],
        NO_DEADLINE,
    ),
    Case::new(
        "INCR is logged twice",
        InTwo("INCR k", ["INCR k", "INCR k"]),
        &["SETEX k 2 5", "INCR k"],
        &["same_value"],
    ),
];

/// Policies that are odd, but must not be refuted.
const RIGHT: &[Case] = &[
    Case::new(
        "EXPIRE NX is taken for plain",
        Instead("EXPIRE k 2 NX", "EXPIRE k 2"),
        &["SET k 5", "EXPIRE k 2 NX"],
        &[],
    ),
    Case::new(
        "EXPIRE XX is taken for plain",
        Instead("EXPIRE k 4 XX", "EXPIRE k 4"),
        &["SETEX k 2 5", "EXPIRE k 4 XX"],
        &[],
    ),
    Case::new(
        "EXPIRE GT is taken for plain",
        Instead("EXPIRE k 4 GT", "EXPIRE k 4"),
        &["SETEX k 2 5", "EXPIRE k 4 GT"],
        &[],
    ),
    Case::new(
        "EXPIRE LT is taken for plain",
        Instead("EXPIRE k 2 LT", "EXPIRE k 2"),
        &["SETEX k 4 5", "EXPIRE k 2 LT"],
        &[],
    ),
    Case::new(
        "RENAMENX is taken for RENAME",
        Instead("RENAMENX k j", "RENAME k j"),
        &["SETEX k 2 5", "SET j 1", "RENAMENX k j"],
        &[],
    ),
    Case::new(
        "MSETNX is taken for MSET",
        Instead("MSETNX k 7 j 7", "MSET k 7 j 7"),
        &["SETEX k 2 5", "MSETNX k 7 j 7"],
        &[],
    ),
    // Log time stands still between the two entries, at a time when the key is alive on the master.
    Case::new(
        "SETEX is logged as SET and EXPIRE",
        InTwo("SETEX k 2 5", ["SET k 5", "EXPIRE k 2"]),
        &["SETEX k 2 5"],
        &[],
    ),
];

#[test]
fn wrong_commands_on_their_programs_are_refuted_by_name() {
    assert_refuted(CASES);
}

#[test]
fn odd_commands_that_come_to_the_same_are_not_refuted() {
    let mut failures = Vec::new();
    for case in RIGHT {
        let rows = judged(case.name, case.policy(), case.on);
        if !broken_promises(&rows, Policy::LogClock).is_empty() {
            failures.push(format!("{}: {}", case.name, told(&rows)));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
