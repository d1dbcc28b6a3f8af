//! A user's own policies: one good, others subtly wrong. `tests/wrong_policies.rs` has many more.

use super::{table, verdict};
use replicheck::apply::Instants;
use replicheck::binlog::Entry;
use replicheck::expiry::{Clocks, ExpiryPolicy, Reading, Removal};
use replicheck::models::bounds::ExpiryBounds;
use replicheck::models::own_machine::{ExpiryTrial, JudgeError, Programs, judge_expiry};
use replicheck::models::program;
use replicheck::models::verdict::{Row, Verdict};
use replicheck::time::Millis;
use std::sync::Arc;

/// A policy that logs commands and runs them at the replica's clock, but judges stored data by the entry's time. It is close
/// to `at_entry_time`, and wrong about durations.
#[derive(Debug)]
struct HalfAtEntryTime;

impl ExpiryPolicy for HalfAtEntryTime {
    fn logged(
        &self,
        command: &replicheck::command::Command,
        _effect: replicheck::effect::Effect,
        _now: Millis,
    ) -> replicheck::binlog::Payload {
        replicheck::binlog::Payload::Command(command.clone())
    }

    fn instants(&self, entry: &Entry, local: Millis) -> Instants {
        Instants { now: local, judged_at: entry.time }
    }
}

/// `effects` under another name.
#[derive(Debug)]
struct Bytes;

impl ExpiryPolicy for Bytes {
    fn removal(&self) -> Removal {
        Removal::LogTime
    }
}

#[test]
fn own_policy_is_judged() {
    let trial = ExpiryTrial::within(ExpiryBounds { length_max: 2, ..ExpiryBounds::QUICK });
    let good = judge_expiry("bytes", &trial, Arc::new(Bytes), |_| Verdict::Holds).expect("short programs");
    assert_eq!(verdict(&good, "same_deadline"), Verdict::Holds, "{}", table(&good));
    assert_eq!(verdict(&good, "past_read"), Verdict::Violated, "{}", table(&good));
    let wrong = judge_expiry("half", &trial, Arc::new(HalfAtEntryTime), |_| Verdict::Holds);
    let wrong = wrong.expect("short programs");
    assert_eq!(verdict(&wrong, "same_deadline"), Verdict::Violated, "{}", table(&wrong));
}

#[test]
fn own_policy_is_judged_on_commands_and_a_program_of_ones_own() {
    let program = program::parse(b"SETEX k 2 5\nEXPIRE k 4\n").expect("a program");
    let bounds = ExpiryBounds { length_max: 2, ..ExpiryBounds::QUICK };
    let commands = program.commands.iter().map(|line| line.request.clone()).collect();
    let judge = |programs| {
        let trial = ExpiryTrial { programs: Some(programs), ..ExpiryTrial::within(bounds) };
        judge_expiry("half", &trial, Arc::new(HalfAtEntryTime), |_| Verdict::Holds)
    };
    for programs in [Programs::Every(commands), Programs::Only(program)] {
        let rows = judge(programs).expect("short programs");
        assert_eq!(verdict(&rows, "same_deadline"), Verdict::Violated, "{rows:#?}");
        assert_eq!(verdict(&rows, "progress"), Verdict::Holds);
    }
    assert_eq!(judge(Programs::Every(Vec::new())), Err(JudgeError::NoProgram));
    let none = ExpiryTrial::within(ExpiryBounds { length_max: 0, ..bounds });
    assert_eq!(
        judge_expiry("half", &none, Arc::new(HalfAtEntryTime), |_| Verdict::Holds),
        Err(JudgeError::NoProgram)
    );
}

/// A policy that runs every second command at the replica's clock.
#[derive(Debug, Default)]
struct Forgetful(std::sync::atomic::AtomicBool);

impl ExpiryPolicy for Forgetful {
    fn instants(&self, entry: &Entry, local: Millis) -> Instants {
        let forgets = self.0.fetch_xor(true, std::sync::atomic::Ordering::Relaxed);
        let now = if forgets { local } else { entry.time };
        Instants { now, judged_at: now }
    }

    fn logged(
        &self,
        command: &replicheck::command::Command,
        _effect: replicheck::effect::Effect,
        _now: Millis,
    ) -> replicheck::binlog::Payload {
        replicheck::binlog::Payload::Command(command.clone())
    }
}

/// A policy whose master logs a DEL for each key that it expires, and whose replica's readers go by log time.
#[derive(Debug)]
struct MasterExpiresByLogTime {
    always_estimates: bool,
}

impl ExpiryPolicy for MasterExpiresByLogTime {
    fn removal(&self) -> Removal {
        Removal::ByMaster
    }

    fn reads_at(&self, clocks: Clocks) -> Reading {
        Reading { estimated: self.always_estimates || clocks.log_time.estimated, ..clocks.log_time }
    }
}

fn judged_on(text: &str, policy: impl ExpiryPolicy + Send + Sync + 'static) -> Result<Vec<Row>, JudgeError> {
    let program = program::parse(text.replace("; ", "\n").as_bytes()).expect("a program");
    let trial =
        ExpiryTrial { programs: Some(Programs::Only(program)), ..ExpiryTrial::within(ExpiryBounds::QUICK) };
    judge_expiry("own", &trial, Arc::new(policy), |_| Verdict::Holds)
}

#[test]
fn own_policy_that_is_no_pure_function_gets_no_verdict() {
    let judged = judged_on("SETEX k 2 5; INCR k", Forgetful::default());
    assert!(
        matches!(&judged, Err(JudgeError::NotPure(asked)) if asked.starts_with("instants")),
        "{judged:?}"
    );
}

#[test]
fn own_policy_is_compared_with_the_master_after_each_entry() {
    // SET k 5 results in two entries, DEL and SET: between them the replica has no k, and the master had none either.
    let rows = judged_on("SETEX k 2 5; SET k 5", MasterExpiresByLogTime { always_estimates: false });
    let rows = rows.expect("a pure policy");
    assert_eq!(verdict(&rows, "no_early_death"), Verdict::Holds, "{}", table(&rows));
}

#[test]
fn own_policy_that_calls_every_read_an_estimate_is_judged_all_the_same() {
    let by_no_clock = |always_estimates| {
        judged_on("SETEX k 2 5; SET j 1", MasterExpiresByLogTime { always_estimates }).expect("a pure policy")
    };
    for invariant in ["no_early_death", "past_read", "no_resurrection"] {
        let [honest, estimates] = [false, true].map(by_no_clock);
        assert_eq!(verdict(&estimates, invariant), verdict(&honest, invariant), "{invariant}");
        let row = estimates.iter().find(|row| row.invariant == invariant).expect("it is judged");
        assert!(
            !row.note.contains("never put to the test") || invariant == "no_resurrection",
            "{}",
            row.note
        );
    }
}
