//! What compaction drops: what is dead at the gate, and nothing that a reader at or after the gate sees.

use super::{all, mark, new_store, put};
use crate::property::properties;
use replicheck::effect::{Key, Write};
use replicheck::store::record::{Collection, Record, Value, encode_element};
use replicheck::store::rocksdb::RocksStore;
use replicheck::store::{Dump, Read, Store, dump, key};
use replicheck::time::Millis;

fn record(name: &[u8], value: Value, deadline: Option<u64>) -> Write {
    let record = Record { deadline: deadline.map(Millis), value };
    Write::Put { key: key::metadata(&Key::new(0, name)), value: record.encode() }
}

fn string(name: &[u8], value: &[u8], deadline: Option<u64>) -> Write {
    record(name, Value::String(value.to_vec()), deadline)
}

/// A hash with one field.
fn hash(name: &[u8], incarnation: u64, deadline: Option<u64>) -> [Write; 2] {
    let metadata = record(name, Value::Hash(Collection { incarnation, count: 1 }, None), deadline);
    let element = key::element(&Key::new(0, name), incarnation, b"f");
    [metadata, Write::Put { key: element, value: encode_element(b"v") }]
}

/// What a reader of the store sees at `now`.
fn seen(reader: &dyn Read, now: u64) -> Dump {
    let mut seen = dump(reader).expect("sound records");
    seen.retain(|_, stored| !stored.is_dead(Millis(now)));
    seen
}

fn names(reader: &dyn Read) -> Vec<Vec<u8>> {
    dump(reader).expect("sound records").into_keys().map(|key| key.name).collect()
}

/// Raises the gate to `gate` and merges all files.
fn drop_dead(store: &RocksStore, gate: u64) {
    store.flush().expect("a flush");
    store.set_gate(Millis(gate));
    store.compact(&[], &[]).expect("a compaction");
}

properties! {
    /// Keys get deadlines again and again, with flushes in between, and a snapshot is taken in the middle. `None` in place of a
    /// write is a flush.
    fn prop_compaction_changes_nothing_for_who_judges_at_or_after_the_gate(
        before: Vec<Option<(u8, u8, bool)>>, after: Vec<Option<(u8, u8, bool)>>, clock: u8, gate: u8
    ) -> bool {
        let (_folder, mut store) = new_store();
        write_all(&mut store, &before);
        let snapshot = store.snapshot(Millis(u64::from(clock))).expect("the gate is shut");
        write_all(&mut store, &after);
        let (gate, clock) = (u64::from(gate), u64::from(clock));
        let shown = |gate: u64| (gate..=260).map(|now| seen(&store, now)).collect::<Vec<_>>();
        let held = || (clock..=260).map(|now| seen(&snapshot, now)).collect::<Vec<_>>();
        let expected = (shown(gate), held());
        drop_dead(&store, gate);
        expected == (shown(gate), held()) && store.gate() == Millis(gate.min(clock))
    }
}

fn write_all(store: &mut RocksStore, writes: &[Option<(u8, u8, bool)>]) {
    for (number, write) in (1..).zip(writes) {
        let Some((name, deadline, is_string)) = write else {
            store.flush().expect("a flush");
            continue;
        };
        let deadline = (*deadline > 0).then_some(u64::from(*deadline));
        let batch = match is_string {
            true => vec![string(&[name % 4], &[*name], deadline)],
            false => hash(&[name % 4], number, deadline).to_vec(),
        };
        store.write(&batch).expect("a batch is written");
    }
}

#[test]
fn compaction_drops_strings_from_their_deadline_on() {
    let (_folder, mut store) = new_store();
    let batch = [string(b"a", b"1", Some(100)), string(b"b", b"1", Some(101)), string(b"c", b"1", None)];
    store.write(&[batch.to_vec(), vec![mark(1)]].concat()).expect("a batch is written");
    store.compact(&[], &[]).expect("a compaction");
    assert_eq!(names(&store), [b"a", b"b", b"c"], "the gate is shut");
    drop_dead(&store, 99);
    assert_eq!(names(&store), [b"a", b"b", b"c"], "a lives until 100");
    drop_dead(&store, 100);
    assert_eq!(names(&store), [b"b", b"c"]);
    drop_dead(&store, u64::MAX);
    assert_eq!(all(&store).len(), 2, "c and the marker");
}

#[test]
fn compaction_keeps_dead_hashes_for_their_elements_sake() {
    let (_folder, mut store) = new_store();
    store.write(&hash(b"h", 1, Some(100))).expect("a batch is written");
    drop_dead(&store, u64::MAX);
    assert_eq!(all(&store).len(), 2, "metadata and element");
}

#[test]
fn compaction_older_version_of_a_dropped_string_stays_hidden() {
    let (_folder, mut store) = new_store();
    for (value, deadline) in [(b"1", None), (b"2", Some(100))] {
        store.write(&[string(b"a", value, deadline)]).expect("a batch is written");
        store.flush().expect("a flush");
    }
    drop_dead(&store, 100);
    assert_eq!(names(&store), Vec::<Vec<u8>>::new());
}

#[test]
fn compaction_waits_for_the_oldest_snapshot() {
    let (_folder, mut store) = new_store();
    store.write(&[string(b"a", b"1", Some(100))]).expect("a batch is written");
    let (early, late) = (store.snapshot(Millis(99)), store.snapshot(Millis(150)));
    let early = early.expect("the gate is shut");
    drop_dead(&store, 120);
    assert_eq!(store.gate(), Millis(99));
    assert_eq!(seen(&early, 99).len(), 1);
    assert!(store.snapshot(Millis(98)).is_none(), "a reader that judges before the gate comes too late");
    drop(early);
    assert_eq!(store.gate(), Millis(120));
    assert!(store.snapshot(Millis(119)).is_none());
    store.compact(&[], &[]).expect("a compaction");
    assert_eq!(names(&store), Vec::<Vec<u8>>::new());
    drop(late);
    assert_eq!(store.gate(), Millis(120), "the limit");
    drop_dead(&store, 50);
    assert_eq!(store.gate(), Millis(120), "the gate never goes back");
}

/// A store with 4 MB in database 0, on the lowest level.
fn filled() -> (tempfile::TempDir, RocksStore) {
    let (folder, mut store) = new_store();
    for name in 0_u16..1024 {
        let value = [u8::try_from(name % 251).expect("small"); 4096];
        store.write(&[string(&name.to_be_bytes(), &value, None)]).expect("a batch is written");
    }
    store.compact(&[], &[]).expect("a compaction");
    assert!(store.file_bytes().expect("a number") > 4 << 20);
    (folder, store)
}

fn flush_database() -> Write {
    let (from, to) = key::database(0);
    Write::DeleteRange { from, to }
}

#[test]
fn flushed_database_gives_its_space_back_and_keeps_what_came_later() {
    let (folder, mut store) = filled();
    let snapshot = store.snapshot(Millis::ZERO).expect("the gate is shut");
    store.write(&[flush_database(), mark(1)]).expect("a batch is written");
    store.write(&[string(b"later", b"1", None), mark(2)]).expect("a batch is written");
    let (from, to) = key::database(0);
    store.compact(&from, &to).expect("a compaction");
    assert_eq!(names(&snapshot).len(), 1024, "the snapshot sees all that was deleted");
    drop(snapshot);
    store.write(&[string(b"latest", b"1", None), mark(3)]).expect("a batch is written");
    store.compact(&from, &to).expect("a compaction");
    assert_eq!(names(&store), [b"later".to_vec(), b"latest".to_vec()]);
    assert!(store.file_bytes().expect("a number") < 16 << 10, "the space is released");
    drop(store);
    let store = RocksStore::open(folder.path()).expect("a store that was closed");
    assert_eq!(names(&store), [b"later".to_vec(), b"latest".to_vec()]);
}

#[test]
fn crash_before_the_tombstone_is_flushed_brings_the_whole_database_back() {
    let (folder, mut store) = filled();
    store.write(&[flush_database(), put(b"\x00other", b"1")]).expect("a batch is written");
    assert_eq!(names(&store).len(), 0);
    drop(store);
    let store = RocksStore::open(folder.path()).expect("a store that was closed");
    assert_eq!(names(&store).len(), 1024);
}
