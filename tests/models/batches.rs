//! Batches: a batch of any size equals its entries one after the other, and a search with batches of three keeps every verdict.

use replicheck::apply::{Instants, write_batch};
use replicheck::binlog::{Entry, Lsn};
use replicheck::expiry::Policy;
use replicheck::models::bounds::{self, OrderingBounds};
use replicheck::models::choice::OrderingChoice;
use replicheck::models::expected;
use replicheck::models::ordering::Programs;
use replicheck::models::own_machine::{OrderingTrial, judge_ordering};
use replicheck::models::verdict::Verdict;
use replicheck::ordering::Strategy;
use replicheck::store::memory::MemoryStore;
use replicheck::time::Millis;

/// Takes every program of up to four commands, as effects and as commands, and every way to cut it into batches: 2^(n-1) ways
/// for n entries, batches of one to n entries.
#[test]
fn batch_of_any_size_is_its_entries_one_after_the_other() {
    let mut compared = 0;
    for policy in [Policy::Effects, Policy::AtEntryTime] {
        let programs =
            Programs::every(&bounds::ordering_alphabet(), 4, &*policy.get()).expect("short programs");
        for place in (0..programs.len()).map(|place| u16::try_from(place).expect("few programs")) {
            let length = programs.length(place).0;
            let entries: Vec<&Entry> = (1..=length).map(|lsn| &programs.entry(place, Lsn(lsn)).0).collect();
            let one_by_one = written(&entries.iter().map(std::slice::from_ref).collect::<Vec<_>>());
            for cuts in 0..1u32 << length.saturating_sub(1) {
                let mut batches: Vec<&[&Entry]> = Vec::new();
                let mut rest = &entries[..];
                while !rest.is_empty() {
                    let at = entries.len() - rest.len();
                    let size =
                        (1..rest.len()).find(|size| cuts >> (at + size - 1) & 1 == 1).unwrap_or(rest.len());
                    let (batch, after) = rest.split_at(size);
                    batches.push(batch);
                    rest = after;
                }
                assert_eq!(written(&batches), one_by_one, "{batches:?}");
                compared += 1;
            }
        }
    }
    println!("{compared} ways to cut a program into batches");
    assert!(compared > 100_000);
}

/// The store, marker included, after these batches.
fn written(batches: &[&[&Entry]]) -> MemoryStore {
    let mut store = MemoryStore::new();
    let instants = |_: &Entry| Instants { now: Millis::ZERO, judged_at: Millis::ZERO };
    for batch in batches {
        let marker = batch.last().map_or(Lsn::NONE, |entry| entry.lsn);
        write_batch(&mut store, batch, None, marker, &instants).expect("memory does not fail");
    }
    store
}

#[test]
fn batches_of_three_entries_keep_the_verdict_of_every_strategy() {
    let trial = OrderingTrial::within(OrderingBounds { length_max: 3, ..OrderingBounds::QUICK });
    for &strategy in Strategy::ALL {
        let choice = OrderingChoice::effects(strategy);
        let judged = |batch: usize| {
            let new = move |workers| strategy.machine(workers, batch);
            judge_ordering(strategy.name(), &trial, new, |_| Verdict::Holds).expect("short programs")
        };
        let (one, three) = (judged(1), judged(3));
        for (one, three) in one.iter().zip(&three) {
            let (name, invariant) = (strategy.name(), three.invariant);
            let expected = expected::ordering(choice, invariant);
            assert_eq!(three.verdict, expected, "{name} {invariant}: {}", three.note);
            assert!(three.cost().unique > one.cost().unique, "{name}: no batch of three was written");
        }
    }
}
