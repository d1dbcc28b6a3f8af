//! Strategies and policies of one's own, judged as those of the crate are: one good, one subtly wrong.
//!
//! This is the example that README shows. A strategy is a state machine: what may start now, and on which worker?

use replicheck::apply::Instants;
use replicheck::binlog::{Entry, Lsn};
use replicheck::effect::KeySet;
use replicheck::expiry::{ExpiryPolicy, Removal};
use replicheck::models::bounds::{ExpiryBounds, OrderingBounds};
use replicheck::models::check::{judge_expiry, judge_ordering};
use replicheck::models::report::Report;
use replicheck::models::timeline::timeline;
use replicheck::models::verdict::{Row, Verdict};
use replicheck::ordering::{Admission, Job, Ordering, Refused};
use replicheck::time::Millis;
use std::collections::VecDeque;
use std::sync::Arc;

/// Any worker takes the oldest entry that waits, while fewer than `in_flight_max` are under way. With one it is
/// serial and promises prefix; with more, two entries of one key run at once, and it promises nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Turnstile {
    waiting: VecDeque<Lsn>,
    in_flight: usize,
    in_flight_max: usize,
}

impl Turnstile {
    fn new(in_flight_max: usize) -> Turnstile {
        Turnstile { waiting: VecDeque::new(), in_flight: 0, in_flight_max }
    }
}

impl Ordering for Turnstile {
    fn admit(&mut self, entry: &Admission) -> Result<(), Refused> {
        self.waiting.push_back(entry.lsn);
        Ok(())
    }

    fn take(&mut self, _worker: usize) -> Option<Job> {
        if self.in_flight == self.in_flight_max {
            return None;
        }
        let lsn = self.waiting.pop_front()?;
        self.in_flight += 1;
        Some(Job::whole(lsn))
    }

    fn finish(&mut self, _worker: usize, _job: &Job) {
        self.in_flight -= 1;
    }
}

/// A barrier that forgets what is in flight: FLUSHDB waits until every earlier entry was *taken*, not until it is
/// done, and is done itself as soon as it is taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct ForgetfulBarrier {
    waiting: VecDeque<Admission<'static>>,
    in_flight: Vec<Admission<'static>>,
}

impl Ordering for ForgetfulBarrier {
    fn admit(&mut self, entry: &Admission) -> Result<(), Refused> {
        self.waiting.push_back(entry.clone().into_owned());
        Ok(())
    }

    fn take(&mut self, _worker: usize) -> Option<Job> {
        let head = self.waiting.front()?;
        let is_barrier = *head.keys == KeySet::Everything;
        let conflicts = self.in_flight.iter().any(|other| other.keys.conflicts_with(&head.keys));
        if conflicts && !is_barrier {
            return None;
        }
        let entry = self.waiting.pop_front()?;
        let job = Job::whole(entry.lsn);
        if !is_barrier {
            self.in_flight.push(entry);
        }
        Some(job)
    }

    fn finish(&mut self, _worker: usize, job: &Job) {
        self.in_flight.retain(|entry| entry.lsn != job.first());
    }
}

const BOUNDS: OrderingBounds = OrderingBounds { length_max: 3, ..OrderingBounds::QUICK };

/// The verdict of one invariant.
fn verdict(rows: &[Row], invariant: &str) -> Verdict {
    rows.iter().find(|row| row.invariant == invariant).expect("it is judged").verdict
}

#[test]
fn own_strategy_one_at_a_time_keeps_every_promise() {
    let rows = judge_ordering("turnstile", BOUNDS, |_| Turnstile::new(1), |_| Verdict::Holds);
    assert!(rows.iter().all(|row| row.is_as_expected(false)), "{}", table(&rows));
}

#[test]
fn finds_own_strategy_that_lets_one_key_run_twice_at_once() {
    let rows = judge_ordering("turnstile", BOUNDS, Turnstile::new, |_| Verdict::Holds);
    for broken in ["convergence", "per_key_order", "prefix", "monotonic_reads"] {
        assert_eq!(verdict(&rows, broken), Verdict::Violated, "{broken}\n{}", table(&rows));
    }
    assert_eq!(verdict(&rows, "exactly_once"), Verdict::Holds);
}

#[test]
fn finds_own_barrier_that_forgets_what_is_in_flight() {
    let rows = judge_ordering("forgetful", BOUNDS, |_| ForgetfulBarrier::default(), |_| Verdict::Holds);
    assert_eq!(verdict(&rows, "convergence"), Verdict::Violated, "{}", table(&rows));
    let story = rows[0].counterexample.as_ref().expect("convergence is the first row");
    assert_eq!(story.program.last().map(String::as_str), Some("FLUSHDB"));
    assert!(timeline(story, 100).contains("FLUSHDB"));
}

fn table(rows: &[Row]) -> String {
    Report { rows, own_program: false, width: 100 }.verdict_table(rows[0].model)
}

/// A policy that logs commands and runs them at the replica's clock, but judges what is stored by the entry's time:
/// close to `at_entry_time`, and wrong about durations.
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
    let bounds = ExpiryBounds { length_max: 2, ..ExpiryBounds::QUICK };
    let good = judge_expiry("bytes", bounds, Arc::new(Bytes), |_| Verdict::Holds);
    assert_eq!(verdict(&good, "same_deadline"), Verdict::Holds, "{}", table(&good));
    assert_eq!(verdict(&good, "past_read"), Verdict::Violated, "{}", table(&good));
    let wrong = judge_expiry("half", bounds, Arc::new(HalfAtEntryTime), |_| Verdict::Holds);
    assert_eq!(verdict(&wrong, "same_deadline"), Verdict::Violated, "{}", table(&wrong));
}
