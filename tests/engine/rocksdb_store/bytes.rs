//! Random writes, scans, snapshots, flushes, compactions, restarts and crashes on both stores.

use super::{Pair, all, mark, put, some};
use crate::property::properties;
use quickcheck::{Arbitrary, Gen};
use replicheck::apply;
use replicheck::binlog::Lsn;
use replicheck::effect::Write;
use replicheck::store::memory::MemoryStore;
use replicheck::store::rocksdb::{RocksStore, Snapshot};
use replicheck::store::{Read, Store};
use replicheck::time::Millis;
use tempfile::TempDir;

#[derive(Clone, Debug)]
enum Step {
    /// One batch.
    Write(Vec<Write>),
    Flush,
    /// Flushes, then compacts.
    Compact(Vec<u8>, Vec<u8>),
    /// Flushes, then closes and opens the store again.
    Restart,
    /// Closes and opens the store again without a flush.
    Crash,
    Snapshot,
    /// Drops the oldest snapshot.
    Forget,
}

/// A few keys that are close to one another, some with the bytes at which ranges end.
fn any_key(source: &mut Gen) -> Vec<u8> {
    let length = usize::arbitrary(source) % 4;
    (0..length).map(|_| *source.choose(&[0, 1, 1, 2, 254, 255]).expect("not empty")).collect()
}

fn any_write(source: &mut Gen) -> Write {
    match u8::arbitrary(source) % 5 {
        0 => Write::Delete { key: any_key(source) },
        1 => Write::DeleteRange { from: any_key(source), to: any_key(source) },
        _ => put(&any_key(source), &[u8::arbitrary(source)]),
    }
}

impl Arbitrary for Step {
    fn arbitrary(source: &mut Gen) -> Step {
        match u8::arbitrary(source) % 20 {
            0 => Step::Flush,
            1 => Step::Compact(any_key(source), any_key(source)),
            2 => Step::Restart,
            3 => Step::Crash,
            4 | 5 => Step::Snapshot,
            6 => Step::Forget,
            _ => {
                let count = usize::arbitrary(source) % 5;
                Step::Write((0..count).map(|_| any_write(source)).collect())
            }
        }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Step>> {
        let Step::Write(writes) = self else { return Box::new(std::iter::empty()) };
        let writes = writes.clone();
        Box::new((0..writes.len()).map(move |left_out| {
            let mut fewer = writes.clone();
            fewer.remove(left_out);
            Step::Write(fewer)
        }))
    }
}

/// Both stores, with the state of the store in memory at the last flush and at each snapshot.
struct Pairing {
    folder: TempDir,
    rocks: Option<RocksStore>,
    memory: MemoryStore,
    flushed: MemoryStore,
    snapshots: Vec<(Snapshot, MemoryStore)>,
    written: u64,
    flushed_through: u64,
}

impl Pairing {
    fn new() -> Pairing {
        let (folder, rocks) = super::new_store();
        Pairing {
            folder,
            rocks: Some(rocks),
            memory: MemoryStore::new(),
            flushed: MemoryStore::new(),
            snapshots: Vec::new(),
            written: 0,
            flushed_through: 0,
        }
    }

    fn rocks(&self) -> &RocksStore {
        self.rocks.as_ref().expect("open between steps")
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Write(writes) => {
                self.written += 1;
                let batch = [writes.clone(), vec![mark(self.written)]].concat();
                self.memory.write(&batch).expect("memory does not fail");
                self.rocks().clone().write(&batch).expect("a batch is written");
            }
            Step::Flush => self.flush(),
            Step::Compact(from, to) => {
                self.rocks().compact(from, to).expect("a compaction");
                self.note_flush();
            }
            Step::Restart => {
                self.flush();
                self.open_again();
            }
            Step::Crash => {
                self.open_again();
                self.memory = self.flushed.clone();
                let marker = apply::marker(self.rocks()).expect("a marker");
                assert_eq!(marker, Lsn(self.flushed_through), "not the flushed batches");
                self.written = self.flushed_through;
            }
            Step::Snapshot => {
                let snapshot = self.rocks().snapshot(Millis::ZERO).expect("the gate is shut");
                self.snapshots.push((snapshot, self.memory.clone()));
            }
            Step::Forget if self.snapshots.is_empty() => {}
            Step::Forget => drop(self.snapshots.remove(0)),
        }
    }

    fn flush(&mut self) {
        self.rocks().flush().expect("a flush");
        self.note_flush();
    }

    fn note_flush(&mut self) {
        self.flushed = self.memory.clone();
        self.flushed_through = self.written;
    }

    fn open_again(&mut self) {
        self.snapshots.clear();
        self.rocks = None;
        self.rocks = Some(RocksStore::open(self.folder.path()).expect("a store that was closed"));
    }
}

fn check_same(rocks: &dyn Read, memory: &MemoryStore, bounds: &[(Vec<u8>, Vec<u8>)]) -> Result<(), String> {
    let same = |what: &str, rocks: Vec<Pair>, memory: Vec<Pair>| {
        if rocks == memory { Ok(()) } else { Err(format!("{what}\nrocksdb {rocks:?}\nmemory  {memory:?}")) }
    };
    same("all records", all(rocks), all(memory))?;
    for (from, to) in bounds {
        for limit in [1, 2, usize::MAX] {
            let scan = |reader| some(reader, from, to, limit).expect("a store that can be read");
            same(&format!("{limit} of {from:?}..{to:?}"), scan(rocks), scan(memory))?;
        }
        for key in [from, to] {
            let get = |reader: &dyn Read| reader.get(key).expect("a store that can be read");
            let pair = |value: Option<Vec<u8>>| value.map(|value| (key.clone(), value)).into_iter().collect();
            same(&format!("get {key:?}"), pair(get(rocks)), pair(get(memory)))?;
        }
    }
    Ok(())
}

properties! {
    fn prop_bytes_both_stores_are_equal_after_every_step(
        steps: Vec<Step>, bounds: Vec<(Bound, Bound)>
    ) -> Result<(), String> {
        let bounds: Vec<_> = bounds.into_iter().take(10).map(|(from, to)| (from.0, to.0)).collect();
        let mut pairing = Pairing::new();
        for (number, step) in steps.iter().enumerate() {
            pairing.step(step);
            check_same(pairing.rocks(), &pairing.memory, &bounds)
                .map_err(|difference| format!("after step {number}, {step:?}: {difference}"))?;
            for (snapshot, memory) in &pairing.snapshots {
                check_same(snapshot, memory, &bounds)
                    .map_err(|difference| format!("{snapshot:?} after step {number}, {step:?}: {difference}"))?;
            }
        }
        Ok(())
    }
}

/// One end of a scan.
#[derive(Clone, Debug)]
struct Bound(Vec<u8>);

impl Arbitrary for Bound {
    fn arbitrary(source: &mut Gen) -> Bound {
        Bound(any_key(source))
    }
}
