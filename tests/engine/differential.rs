//! Random commands on the RocksDB store, on the store in memory and on the [`reference`](super::reference): replies
//! and all stored records are equal after every command, while time passes, keys die, and RocksDB flushes and compacts.
//!
//! ```text
//!                 ┌─ master on RocksDB ─── reply ── raw records ─┐ equal byte for byte until compaction may drop
//! (ms, db, argv) ─┼─ master in memory ──── reply ── raw records ─┘ dead strings; from then on living keys are equal
//!                 │                          │          │ dump of the living keys
//!                 │                          │          │ no record that belongs to no key
//!                 └─ reference ─────────── reply ── map of keys: equal values and deadlines
//! ```
//!
//! `reference/answer.rs` says how replies are compared where Redis promises no order or draws at random. What SPOP draws and how
//! a HyperLogLog is spelt is first accepted, and then taken over by the reference (`trial::judge`). Three things are
//! deliberately not drawn: hashes of more than 512 fields (`src/command/hash/tests.rs` has them), numbers of arguments that
//! `Command::parse` refuses (transcripts have them), and strings of 512 MB.

mod draw;
mod failure;
mod lines;
mod trial;
mod words;

use crate::engine::reference::Reference;
use crate::seed::{Seed, setting};
pub(super) use failure::{Difference, report, shrunk};
use quickcheck::{Arbitrary, Gen};
use replicheck::command::{Command, Reply, table};
use replicheck::effect::{Key, Write};
use replicheck::expiry::Policy;
use replicheck::store::memory::MemoryStore;
use replicheck::store::rocksdb::RocksStore;
use replicheck::store::{Content, Dump, Read, Store, StoreError, Stored, Visit};
use replicheck::time::Millis;
use tempfile::TempDir;
use trial::{Seen, differ};

/// The clock before the first step.
pub(super) const START: Millis = Millis(1_000_000);

/// Commands in a case, on average.
const CASE_SIZE: usize = 125;

/// How many cases are drawn if `QUICKCHECK_TESTS` is not set.
const CASES: u64 = 900;

/// After how many cases the RocksDB store that all cases share is compacted: deleted ranges slow it down.
const CASES_BETWEEN_COMPACTIONS: u64 = 4;

/// Maintenance that the RocksDB store does before a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chore {
    Nothing,
    Flush,
    /// Drops dead keys.
    Compact,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) chore: Chore,
    /// How far the clock advances before the command, in milliseconds.
    pub(super) later_ms: u64,
    pub(super) db: u8,
    pub(super) argv: Vec<Vec<u8>>,
    /// The number from which commands draw at random.
    pub(super) random: u64,
    /// The number of the transaction that it is in. Only [`peers`](super::peers) sends transactions.
    pub(super) transaction: Option<usize>,
}

#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) policy: Policy,
    pub(super) steps: Vec<Step>,
}

/// The RocksDB store that cases share, because opening a store takes as long as hundreds of commands.
struct Ground {
    store: RocksStore,
    _folder: TempDir,
    cases: u64,
}

impl Ground {
    fn new() -> Ground {
        let (folder, store) = super::rocksdb_store::new_store();
        Ground { store, _folder: folder, cases: 0 }
    }

    fn try_case(&mut self, case: &Case) -> Result<Seen, Difference> {
        if case.steps.iter().any(|step| step.chore == Chore::Compact) {
            // Compaction moves the gate to the clock, and a gate never goes back: such a case needs a store of its own.
            let (_folder, own) = super::rocksdb_store::new_store();
            return differ(case, own.clone(), &|chore, now| keep(&own, case.policy, chore, now));
        }
        let everything = Write::DeleteRange { from: Vec::new(), to: vec![u8::MAX] };
        self.store.write(&[everything]).expect("a store that can be emptied");
        self.cases += 1;
        if self.cases.is_multiple_of(CASES_BETWEEN_COMPACTIONS) {
            self.store.compact(&[], &[]).expect("a compaction");
        }
        let store = self.store.clone();
        differ(case, store.clone(), &|chore, now| keep(&store, case.policy, chore, now))
    }
}

/// Does a chore on `store`; returns the gate of `store`.
fn keep(store: &RocksStore, policy: Policy, chore: Chore, now: Millis) -> Millis {
    match chore {
        Chore::Nothing => {}
        Chore::Flush => store.flush().expect("a flush"),
        Chore::Compact => {
            store.flush().expect("a flush");
            if policy != Policy::MasterExpires {
                store.set_gate(now);
            }
            store.compact(&[], &[]).expect("a compaction");
        }
    }
    store.gate()
}

/// The case of a seed.
pub(super) fn draw(seed: u64) -> Case {
    Case::arbitrary(&mut Gen::from_size_and_seed(CASE_SIZE, seed))
}

#[test]
fn prop_commands_on_both_stores_answer_as_the_reference() {
    let first = Seed::of_this_run();
    let cases = setting("QUICKCHECK_TESTS").unwrap_or(CASES);
    let (mut ground, mut seen) = (Ground::new(), Seen::default());
    for seed in first.and_next(cases) {
        let case = draw(seed);
        match ground.try_case(&case) {
            Ok(more) => seen.add(more),
            Err(difference) => {
                let found = shrunk(case, difference, &mut |case| ground.try_case(case).err());
                panic!("{}", report(seed, &found));
            }
        }
    }
    println!("{seen}");
}

#[test]
fn drawn_commands_reach_every_command_option_and_event() {
    let (mut ground, mut seen) = (Ground::new(), Seen::default());
    // Pinned: the test asks what the drawn cases reach, not whether they pass.
    for seed in 0..300 {
        seen.add(ground.try_case(&draw(seed)).unwrap_or_else(|found| panic!("seed {seed}: {found:?}")));
    }
    let lacking: Vec<String> = table()
        .flat_map(|spec| {
            let options = draw::options(spec).into_iter().map(|option| format!("{} {option}", spec.name));
            options.chain([spec.name.to_owned()])
        })
        .filter(|word| seen.answered(word) == 0)
        .collect();
    assert!(lacking.is_empty(), "only errors for {lacking:?}");
    assert!(seen.deaths > 100 && seen.chores > 20 && seen.errors > 100, "{seen}");
}

/// A store that fails to delete ranges.
struct Forgetful(MemoryStore);

impl Read for Forgetful {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.get(key)
    }

    fn scan(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.0.scan(from, to, visit)
    }

    fn scan_back(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.0.scan_back(from, to, visit)
    }
}

impl Store for Forgetful {
    fn write_all(&mut self, writes: &mut dyn Iterator<Item = &Write>) -> Result<(), StoreError> {
        let kept = writes.filter(|write| !matches!(write, Write::DeleteRange { .. }));
        kept.for_each(|write| self.0.apply(write));
        Ok(())
    }
}

#[test]
fn finds_a_store_that_forgets_to_delete_ranges() {
    // Pinned, because seeds are tried from 0 on until one finds the fault.
    let mut forgetful = |case: &Case| differ(case, Forgetful(MemoryStore::new()), &|_, _| Millis::ZERO).err();
    let (seed, difference) =
        (0..).find_map(|seed| Some((seed, forgetful(&draw(seed))?))).expect("seeds do not end");
    let found = shrunk(draw(seed), difference, &mut forgetful);
    let report = report(seed, &found);
    assert_eq!(found.case.steps.len(), 2, "one command that creates a key, one that removes it: {report}");
    assert!(report.contains(&format!("QUICKCHECK_TESTS=1 REPLICHECK_SEED={seed} cargo test ")), "{report}");
}

#[test]
fn finds_a_reply_a_value_and_a_deadline_that_are_not_the_references() {
    let argv = "SET a 1 PX 5".split(' ').map(|word| word.as_bytes().to_vec()).collect();
    let command = Command::parse(0, argv).expect("a command");
    let judged = |reply, value: &str, deadline| {
        let content = Content::String(value.into());
        let living = Dump::from([(Key::new(0, "a"), Stored { content, deadline: Some(Millis(deadline)) })]);
        trial::judge(&command, &mut Reference::default(), START, (&reply, &living))
    };
    assert!(judged(Reply::OK, "1", 1_000_005).is_ok());
    for wrong in [(Reply::Null, "1", 1_000_005), (Reply::OK, "2", 1_000_005), (Reply::OK, "1", 1_000_006)] {
        assert!(judged(wrong.0.clone(), wrong.1, wrong.2).is_err(), "{wrong:?}");
    }
}
