//! Tests of `apply::orphans`: what a replica clears away because its master had removed it already.

use super::{Master, MasterInput};
use crate::apply;
use crate::binlog::{Entry, Epoch};
use crate::command::Command;
use crate::effect::{Key, Write};
use crate::expiry::Policy;
use crate::store::memory::MemoryStore;
use crate::store::{Read, Store, StoreError, Visit, key};
use crate::time::Millis;

/// A store that knows which keys have elements, as the one on RocksDB does.
#[derive(Default)]
struct Knows {
    store: MemoryStore,
    /// The number of writes.
    writes: usize,
}

impl Read for Knows {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.get(key)
    }

    fn may_have_elements(&self, db: u8, name: &[u8]) -> bool {
        let (from, to) = key::elements_of(&Key::new(db, name));
        self.store.iter().any(|(raw, _)| raw >= from.as_slice() && raw < to.as_slice())
    }

    fn scan(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.store.scan(from, to, visit)
    }

    fn scan_back(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.store.scan_back(from, to, visit)
    }
}

impl Store for Knows {
    fn write_all(&mut self, writes: &mut dyn Iterator<Item = &Write>) -> Result<(), StoreError> {
        let writes: Vec<&Write> = writes.collect();
        self.writes += writes.len();
        self.store.write_all(&mut writes.into_iter())
    }
}

fn run(master: &mut Master<MemoryStore>, now: u64, line: &str, entries: &mut Vec<Entry>) {
    let words = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
    let command = Command::parse(0, words).expect("a command");
    master.request(&*Policy::LogClock.get(), &command, Millis(now), 0, entries).expect("memory");
}

/// The records of users' data, byte by byte.
fn data(store: &MemoryStore) -> Vec<(Vec<u8>, Vec<u8>)> {
    let all = store.iter().filter(|(raw, _)| raw[0] == key::DATA);
    all.map(|(raw, value)| (raw.to_vec(), value.to_vec())).collect()
}

/// A master on which `k` died at 2000 and was removed, without an entry, before `line` stored something else; its log.
fn master_that_removed(kind: &str, line: &str) -> (Master<MemoryStore>, Vec<Entry>) {
    let (mut master, mut entries) = (Master::new(MemoryStore::new(), Epoch(1)), Vec::new());
    run(&mut master, 1000, kind, &mut entries);
    run(&mut master, 1000, "PEXPIREAT k 2000", &mut entries);
    let expire = MasterInput::Expire { key: Key::new(0, "k"), now: Millis(3000) };
    master.step(&*Policy::LogClock.get(), expire).expect("memory");
    assert_eq!(data(master.store()), [], "{kind} is removed");
    run(&mut master, 3000, line, &mut entries);
    (master, entries)
}

/// Applies `entries` in batches of `size`.
fn apply(store: &mut impl Store, entries: &[Entry], size: usize, part: Option<&Key>) {
    let policy = Policy::LogClock.get();
    for batch in entries.chunks(size) {
        let last = batch[batch.len() - 1].lsn;
        let instants = |entry: &Entry| policy.instants(entry, Millis(9000));
        apply::write_batch(store, batch, part, last, &instants).expect("memory");
    }
}

#[test]
fn collection_that_only_the_master_had_removed_leaves_nothing_on_the_replica() {
    let part = Key::new(0, "k");
    for kind in ["SADD k a b", "RPUSH k a b", "ZADD k 1 a", "HSET k f 1", "HSETEX k PXAT 2000 FIELDS 1 f 1"] {
        for line in ["SADD k c", "HSET k g 2", "SET k 1", "MSET j 1 k 2", "SETRANGE k 2 x"] {
            let (master, entries) = master_that_removed(kind, line);
            for (size, part) in [(1, None), (2, None), (3, None), (1, Some(&part))] {
                let mut replica = Knows::default();
                apply(&mut replica, &entries, size, part);
                let is_of_part = |raw: &[u8]| part.is_none_or(|key| key::owner(raw).as_ref() == Some(key));
                let mut expected = data(master.store());
                expected.retain(|(raw, _)| is_of_part(raw));
                assert_eq!(data(&replica.store), expected, "{kind}; {line}, batches of {size}, {part:?}");
                // A node that was killed applies the log again, from any entry on.
                if part.is_none() {
                    (0..entries.len()).for_each(|from| apply(&mut replica, &entries[from..], size, part));
                    assert_eq!(data(&replica.store), expected, "{kind}; {line}, again, batches of {size}");
                }
            }
        }
    }
}

#[test]
fn effect_over_nothing_is_written_as_it_is() {
    let (mut master, mut entries) = (Master::new(MemoryStore::new(), Epoch(1)), Vec::new());
    for line in ["SADD k a b", "SADD k c", "DEL k", "SET k 1", "HSET h f 1", "HSET h g 2", "RENAME h k"] {
        run(&mut master, 1000, line, &mut entries);
    }
    let mut replica = Knows::default();
    for entry in &entries {
        let effect = entry.payload.effect().expect("an effect");
        let before = replica.writes;
        apply(&mut replica, std::slice::from_ref(entry), 1, None);
        assert_eq!(replica.writes, before + effect.writes.len() + 1, "its writes and the marker: {entry:?}");
    }
    assert_eq!(data(&replica.store), data(master.store()));
}
