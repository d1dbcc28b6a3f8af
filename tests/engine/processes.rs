//! Master and replica as processes, under load, killed by SIGKILL and started again on their folders.
//!
//! SIGKILL takes what a process has in memory and leaves what the system has in its page cache: whatever was written
//! before an acknowledgement is there at the restart, under every `appendfsync`. So nothing that was acknowledged may
//! be lost here, not only what a fsync had covered. What a power loss takes is enumerated elsewhere, on a disk that
//! forgets (`machines`, `segments`). Of the commands that were under way at a kill a client knows nothing: a beginning
//! of them, in order, may have taken place, each of them once.
//!
//! Choices: those whose convergence, same_value and same_deadline hold by README's tables.

// A test that cannot go on fails: that is what `unwrap` is for in a harness.
#![allow(clippy::unwrap_used)]

mod clients;
mod dump;
mod kills;
mod load;
mod log_time;
mod node;
mod reader;
mod usage;

use fastrand::Rng;
use kills::{Choice, Tally, Victim};
use replicheck::expiry::Policy;
use replicheck::ordering::Strategy;
use std::fmt::Display;
use std::time::Instant;

const KILLS: usize = 10;

/// The first has the most kills: it logs commands, which do harm if they run twice.
const CHOICES: &[Choice] = &[
    Choice { ordering: Strategy::Serial, expiry: Policy::AtEntryTime, prefixes: true },
    Choice { ordering: Strategy::Serial, expiry: Policy::LogClock, prefixes: true },
    Choice { ordering: Strategy::Barrier, expiry: Policy::LogClock, prefixes: false },
    Choice { ordering: Strategy::Sequence, expiry: Policy::LogClock, prefixes: true },
    Choice { ordering: Strategy::Writeset, expiry: Policy::LogClock, prefixes: false },
    Choice { ordering: Strategy::WritesetSnapshots, expiry: Policy::LogClock, prefixes: true },
    Choice { ordering: Strategy::Serial, expiry: Policy::Effects, prefixes: true },
    Choice { ordering: Strategy::Serial, expiry: Policy::Pksetat, prefixes: true },
    Choice { ordering: Strategy::Serial, expiry: Policy::MasterExpires, prefixes: true },
];

/// A number from the environment.
fn asked<T: std::str::FromStr<Err: Display>>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error}")))
}

/// Whom to kill: of two kills that follow each other one is of the master.
fn victims(seed: u64, kills: usize) -> Vec<Victim> {
    let mut random = Rng::with_seed(seed);
    let mut victims = Vec::new();
    while victims.len() < kills {
        let mut both = [Victim::Master, Victim::Replica];
        random.shuffle(&mut both);
        victims.extend(both);
    }
    victims.truncate(kills);
    victims
}

#[test]
fn crash_nodes_killed_under_load_lose_nothing_and_apply_nothing_twice() {
    let seed: u64 = asked("REPLICHECK_SEED").unwrap_or_else(|| fastrand::u64(..));
    let kills = asked("REPLICHECK_KILLS").unwrap_or(KILLS);
    let again = format!("REPLICHECK_SEED={seed} REPLICHECK_KILLS={kills} cargo test --test engine processes");
    println!("seed={seed} kills={kills}");
    let victims = victims(seed, kills);
    let (mut first, mut refused, mut flushes) = (0, 0, 0);
    for (at, choice) in CHOICES.iter().enumerate() {
        let count = kills / CHOICES.len() + usize::from(at < kills % CHOICES.len());
        let its = &victims[first..first + count];
        if its.is_empty() {
            continue;
        }
        let start = Instant::now();
        let done = kills::run(*choice, seed.wrapping_add(at as u64), its).unwrap_or_else(|what| {
            panic!("{what}\nkills {} to {} of {kills}\n{again}", first + 1, first + count)
        });
        let Tally { masters, replicas, operations, reads, .. } = done;
        println!(
            "{:<34} kills {:>3} to {:>3}: {masters:>2} of the master, {replicas:>2} of the replica; {operations:>6} \
             operations, {reads:>6} reads, {:>4} refused, {:>3} flushes, {:.1} s",
            choice.name(),
            first + 1,
            first + count,
            done.refused,
            done.flushes,
            start.elapsed().as_secs_f64()
        );
        first += count;
        refused += done.refused;
        flushes += done.flushes;
        assert!(operations > 0 && reads > 0, "nothing was tested\n{again}");
    }
    // Each always has a sometimes: stores were flushed under load, so that a restart began above entry 1.
    assert!(kills < KILLS || flushes > 0, "no store was flushed\n{again}");
    println!("{refused} reads refused, {flushes} flushes");
}
