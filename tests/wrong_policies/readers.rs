//! Readers of a replica under `log_clock` that judge by another clock than log time.
//!
//! ```text
//! ahead of log time    a reader misses a key that is alive on the master                   no_early_death
//! behind log time      a dead key is visible beside one that was written after its death   past_read
//! backwards            a dead key is visible again                                         no_resurrection
//! ```

use crate::wrong::Fault::ReadsAt;
use crate::{Case, assert_refuted};
use replicheck::expiry::{Clocks, Reading};
use replicheck::time::Millis;

/// A reading with this time; it is marked as estimated where log time is estimated.
fn at(clocks: Clocks, time: Millis) -> Reading {
    Reading { time, ..clocks.log_time }
}

/// Log time moved by `delta` milliseconds.
fn moved(clocks: Clocks, delta: i64) -> Reading {
    at(clocks, clocks.log_time.time.offset(delta))
}

const K_DIES: &[&str] = &["SETEX k 2 5"];
/// j is written at the deadline of k.
const K_DIES_AND_J_COMES: &[&str] = &["SETEX k 2 5", "SET j 1"];
/// A reader that finds k dead too early sees it again later.
const K_LIVES_ON: &[&str] = &["SETEX k 2 5", "PERSIST k"];

pub const CASES: &[Case] = &[
    Case::new(
        "readers judge by the replica's clock",
        ReadsAt(|clocks| at(clocks, clocks.local)),
        K_LIVES_ON,
        &["no_resurrection", "no_early_death", "past_read"],
    ),
    Case::new(
        "readers judge by the replica's clock, which is behind",
        ReadsAt(|clocks| at(clocks, clocks.local)),
        K_DIES_AND_J_COMES,
        &["past_read"],
    ),
    Case::new(
        "readers judge by the later of the replica's clock and the time that they were given",
        ReadsAt(|clocks| at(clocks, clocks.local.max(clocks.told))),
        K_LIVES_ON,
        &["no_resurrection", "no_early_death"],
    ),
    Case::new(
        "readers judge by the later of log time and the replica's clock",
        ReadsAt(|clocks| at(clocks, clocks.log_time.time.max(clocks.local))),
        K_LIVES_ON,
        &["no_resurrection", "no_early_death"],
    ),
    // PERSIST is later than the bound, and by then a reader has seen k dead.
    Case::new(
        "readers judge by log time, but by an instant that is at most a second behind the replica's clock",
        ReadsAt(|clocks| at(clocks, clocks.log_time.time.max(clocks.local.offset(-1000)))),
        K_LIVES_ON,
        &["no_resurrection", "no_early_death"],
    ),
    Case::new(
        "readers judge by the earlier of log time and the replica's clock",
        ReadsAt(|clocks| at(clocks, clocks.log_time.time.min(clocks.local))),
        K_DIES_AND_J_COMES,
        &["past_read"],
    ),
    Case::new(
        "readers judge by the middle of log time and the replica's clock",
        ReadsAt(|clocks| at(clocks, Millis(clocks.log_time.time.0.midpoint(clocks.local.0)))),
        K_DIES_AND_J_COMES,
        &["past_read"],
    ),
    // Log time is deadline - 1 ms.
    Case::new(
        "readers judge by 1 ms after log time",
        ReadsAt(|clocks| moved(clocks, 1)),
        K_DIES,
        &["no_early_death"],
    ),
    Case::new(
        "readers judge by a second after log time",
        ReadsAt(|clocks| moved(clocks, 1000)),
        K_DIES,
        &["no_early_death", "past_read"],
    ),
    Case::new(
        "readers judge by a second after log time, and the key lives on",
        ReadsAt(|clocks| moved(clocks, 1000)),
        K_LIVES_ON,
        &["no_resurrection"],
    ),
    Case::new(
        "readers judge by 1 ms before log time",
        ReadsAt(|clocks| moved(clocks, -1)),
        K_DIES_AND_J_COMES,
        &["past_read"],
    ),
    Case::new(
        "readers judge by a second before log time",
        ReadsAt(|clocks| moved(clocks, -1000)),
        K_DIES_AND_J_COMES,
        &["past_read"],
    ),
    Case::new(
        "readers judge by an instant that never advances",
        ReadsAt(|clocks| at(clocks, Millis::ZERO)),
        K_DIES_AND_J_COMES,
        &["past_read"],
    ),
    Case::new(
        "readers judge by log time cut to whole seconds",
        ReadsAt(|clocks| at(clocks, Millis(clocks.log_time.time.0 / 1000 * 1000))),
        &["PSETEX k 2500 5", "SET j 1"],
        &["past_read"],
    ),
    Case::new(
        "readers judge by log time rounded up to whole seconds",
        ReadsAt(|clocks| at(clocks, Millis(clocks.log_time.time.0.next_multiple_of(1000)))),
        &["PSETEX k 1500 5"],
        &["no_early_death"],
    ),
    // While no heartbeat arrives the lag grows, and the reader's clock goes back.
    Case::new(
        "readers subtract the lag from log time",
        ReadsAt(|clocks| {
            let lag = clocks.local.since(clocks.log_time.time);
            at(clocks, Millis(clocks.log_time.time.0.saturating_sub(lag)))
        }),
        K_DIES,
        &["no_resurrection"],
    ),
    Case::new(
        "readers judge by log time in even seconds of the replica's clock, and by a second less in odd seconds",
        ReadsAt(|clocks| moved(clocks, if clocks.local.0 / 1000 % 2 == 0 { 0 } else { -1000 })),
        K_DIES,
        // k is seen again only by a read within a second after its death, while no other state changes.
        &["progress"],
    ),
    // The link is down for long: k is dead by the estimate, and PERSIST is under way.
    Case::new(
        "an estimate of log time is presented as log time",
        ReadsAt(|clocks| Reading { estimated: false, ..clocks.log_time }),
        &[],
        &["no_resurrection", "past_read"],
    )
    .on_every(&["SETEX k 1 5", "PERSIST k"], 3),
];

#[test]
fn wrong_readers_on_their_programs_are_refuted_by_name() {
    assert_refuted(CASES);
}
