//! Mutants of the safe strategies and policies: each breaks its promise, and the model finds it.

use replicheck::apply::{Instants, Watermark};
use replicheck::binlog::{Entry, Lsn, Payload};
use replicheck::command::Command;
use replicheck::effect::{Effect, KeySet};
use replicheck::expiry::{ExpiryPolicy, Guarantee, Judging, Policy, Removal};
use replicheck::models::bounds::{ExpiryBounds, OrderingBounds};
use replicheck::models::invariants::Invariant;
use replicheck::models::own_machine::{ExpiryTrial, OrderingTrial, judge_expiry, judge_ordering};
use replicheck::models::verdict::{Row, Verdict};
use replicheck::ordering::{
    self, Admission, AnyStrategy, Job, OrderingStrategy, Reads, Refused, Snapshots, Strategy,
};
use replicheck::time::Millis;
use std::borrow::Cow;
use std::sync::Arc;

/// The fault of a strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Fault {
    /// A job counts as finished for the strategy as soon as it is taken.
    ForgetsWhatIsInFlight,
    /// Batches are written as soon as they are built.
    WritesOutOfTurn,
    /// Only the first key of an entry is tracked.
    TracksFirstKeyOnly,
    /// FLUSHDB conflicts with nothing.
    OverlooksEverything,
    /// A snapshot is published without draining.
    PublishesWithoutDraining,
    /// Readers see the store instead of the snapshot.
    ReadsPastTheSnapshot,
    /// No job is ever taken.
    NeverTakes,
}

/// A strategy with a fault.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Mutant {
    inner: AnyStrategy,
    fault: Fault,
    last: Lsn,
    cut: bool,
}

impl ordering::Wrapper for Mutant {
    type Inner = AnyStrategy;

    fn inner(&self) -> &AnyStrategy {
        &self.inner
    }

    fn inner_mut(&mut self) -> &mut AnyStrategy {
        &mut self.inner
    }

    fn admit(&mut self, entry: &Admission) -> Result<(), Refused> {
        let mut entry = entry.clone();
        match (self.fault, &*entry.keys, &entry.first_key) {
            (Fault::TracksFirstKeyOnly, KeySet::Keys(_), Some(first)) => {
                entry.keys = Cow::Owned(KeySet::of([first.clone().into_owned()]));
            }
            (Fault::OverlooksEverything, KeySet::Everything, _) => entry.keys = Cow::Owned(KeySet::empty()),
            _ => {}
        }
        self.last = entry.lsn;
        OrderingStrategy::admit(&mut self.inner, &entry)
    }

    fn take(&mut self, worker: usize) -> Option<Job> {
        if self.fault == Fault::NeverTakes {
            return None;
        }
        let job = OrderingStrategy::take(&mut self.inner, worker)?;
        if self.fault == Fault::ForgetsWhatIsInFlight {
            OrderingStrategy::finish(&mut self.inner, worker, &job);
        }
        Some(job)
    }

    fn may_write(&self, job: &Job) -> bool {
        self.fault == Fault::WritesOutOfTurn || OrderingStrategy::may_write(&self.inner, job)
    }

    fn finish(&mut self, worker: usize, job: &Job) {
        if self.fault != Fault::ForgetsWhatIsInFlight {
            OrderingStrategy::finish(&mut self.inner, worker, job);
        }
    }

    fn reads(&self) -> Reads {
        if self.fault == Fault::ReadsPastTheSnapshot {
            Reads::Latest
        } else {
            OrderingStrategy::reads(&self.inner)
        }
    }

    fn snapshots(&self) -> Option<&dyn Snapshots> {
        OrderingStrategy::snapshots(&self.inner).map(|_| self as &dyn Snapshots)
    }

    fn snapshots_mut(&mut self) -> Option<&mut dyn Snapshots> {
        if OrderingStrategy::snapshots(&self.inner).is_some() { Some(self) } else { None }
    }
}

impl Snapshots for Mutant {
    fn cut(&mut self) {
        self.cut = true;
        self.inner.snapshots_mut().into_iter().for_each(Snapshots::cut);
    }

    fn publishable(&self) -> Option<Lsn> {
        if self.fault == Fault::PublishesWithoutDraining {
            return self.cut.then_some(self.last);
        }
        self.inner.snapshots()?.publishable()
    }

    fn published(&mut self) {
        self.cut = false;
        self.inner.snapshots_mut().into_iter().for_each(Snapshots::published);
    }
}

fn mutant(strategy: Strategy, fault: Fault) -> Vec<Row> {
    let bounds = OrderingBounds { length_max: 3, ..OrderingBounds::QUICK };
    let new =
        move |workers| Mutant { inner: strategy.machine(workers, 2), fault, last: Lsn::NONE, cut: false };
    let trial = OrderingTrial::within(bounds);
    judge_ordering(strategy.name(), &trial, new, |_| Verdict::Holds).expect("short programs")
}

fn assert_finds(rows: &[Row], invariant: Invariant) {
    let row = rows.iter().find(|row| row.invariant == invariant).expect("it is judged");
    let found: Vec<_> = rows.iter().map(|row| (row.invariant, row.verdict)).collect();
    assert_eq!(row.verdict, Verdict::Violated, "{} keeps {invariant}: {found:?}", row.choice);
}

#[test]
fn finds_mutants_of_safe_strategies() {
    use Fault::*;
    let cases = [
        (Strategy::Serial, ForgetsWhatIsInFlight, Invariant::Prefix),
        (Strategy::Serial, ForgetsWhatIsInFlight, Invariant::Convergence),
        (Strategy::Serial, NeverTakes, Invariant::Progress),
        (Strategy::Writeset, NeverTakes, Invariant::Progress),
        (Strategy::Barrier, ForgetsWhatIsInFlight, Invariant::Convergence),
        (Strategy::Barrier, TracksFirstKeyOnly, Invariant::Convergence),
        (Strategy::Sequence, WritesOutOfTurn, Invariant::Convergence),
        (Strategy::Sequence, WritesOutOfTurn, Invariant::Prefix),
        (Strategy::Writeset, ForgetsWhatIsInFlight, Invariant::PerKeyOrder),
        (Strategy::Writeset, TracksFirstKeyOnly, Invariant::Convergence),
        (Strategy::Writeset, OverlooksEverything, Invariant::Convergence),
        (Strategy::WritesetSnapshots, PublishesWithoutDraining, Invariant::Prefix),
        (Strategy::WritesetSnapshots, ReadsPastTheSnapshot, Invariant::Prefix),
        (Strategy::WritesetSnapshots, OverlooksEverything, Invariant::Convergence),
    ];
    for strategy in Strategy::safe() {
        assert!(cases.iter().any(|(of, ..)| *of == strategy), "no mutant of {}", strategy.name());
    }
    for (strategy, fault, invariant) in cases {
        println!("{} {fault:?} {invariant}", strategy.name());
        assert_finds(&mutant(strategy, fault), invariant);
    }
}

/// A policy with another judging or another removal.
#[derive(Debug)]
struct Changed {
    policy: Policy,
    judging: Option<Judging>,
    removal: Option<Removal>,
}

impl ExpiryPolicy for Changed {
    fn logged(&self, command: &Command, effect: Effect, now: Millis) -> Payload {
        self.policy.get().logged(command, effect, now)
    }

    fn arrived(&self, entry: Entry, local: Millis) -> Entry {
        self.policy.get().arrived(entry, local)
    }

    fn instants(&self, entry: &Entry, local: Millis) -> Instants {
        self.policy.get().instants(entry, local)
    }

    fn judging(&self) -> Judging {
        self.judging.unwrap_or_else(|| self.policy.get().judging())
    }

    fn removal(&self) -> Removal {
        self.removal.unwrap_or_else(|| self.policy.get().removal())
    }
}

#[test]
fn finds_mutants_of_safe_policies() {
    let bounds = ExpiryBounds::QUICK;
    let local_judging = Some(Judging::Local);
    let local_removal = Some(Removal::Local);
    let cases = [
        (Changed { policy: Policy::LogClock, judging: local_judging, removal: None }, Invariant::PastRead),
        (
            Changed { policy: Policy::LogClock, judging: None, removal: local_removal },
            Invariant::NoEarlyDeath,
        ),
        // A compaction filter by the replica's own clock (kvrocks#522): the hash loses its fields.
        (Changed { policy: Policy::Effects, judging: None, removal: local_removal }, Invariant::SameValue),
        (
            Changed { policy: Policy::AtEntryTime, judging: None, removal: local_removal },
            Invariant::SameValue,
        ),
        (Changed { policy: Policy::Pksetat, judging: None, removal: local_removal }, Invariant::SameValue),
        (
            Changed { policy: Policy::StreamClock, judging: None, removal: local_removal },
            Invariant::SameValue,
        ),
        (
            Changed { policy: Policy::MasterExpires, judging: None, removal: local_removal },
            Invariant::SameValue,
        ),
    ];
    for policy in Policy::ALL.iter().filter(|policy| policy.promises() >= Guarantee::SameState) {
        assert!(cases.iter().any(|(of, _)| of.policy == *policy), "no mutant of {}", policy.name());
    }
    for (changed, invariant) in cases {
        println!("{changed:?} {invariant}");
        let rows =
            judge_expiry("changed", &ExpiryTrial::within(bounds), Arc::new(changed), |_| Verdict::Holds)
                .expect("short programs");
        assert_finds(&rows, invariant);
    }
}

#[test]
fn watermark_done_in_any_order_never_skips_a_gap() {
    let mut watermark = Watermark::at(Lsn(4));
    let lows: Vec<u64> = [7, 5, 8, 6, 6, 3]
        .map(|lsn| {
            watermark.done(Lsn(lsn));
            watermark.low().0
        })
        .to_vec();
    assert_eq!(lows, [4, 5, 5, 8, 8, 8]);
    assert_eq!(watermark.with(&[Lsn(10)]), Lsn(8));
    assert_eq!(watermark.with(&[Lsn(9), Lsn(10)]), Lsn(10));
}
