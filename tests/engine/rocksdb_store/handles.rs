//! Handles on one store, shared by threads, and errors on opening it.

use super::super::disks::wait_until;
use super::{all, new_store, put};
use replicheck::effect::{Key, Write};
use replicheck::store::record::{Record, Value};
use replicheck::store::rocksdb::{RocksStore, Snapshot};
use replicheck::store::{Read, Store, StoreError, key};
use replicheck::time::Millis;
use std::thread;

const WRITERS: u8 = 4;
const BATCHES: u32 = 200;

/// A batch of one writer: the number of its batches so far, in two places, and a deletion of its old record.
fn batch(writer: u8, number: u32) -> Vec<Write> {
    let count = number.to_be_bytes();
    let range = Write::DeleteRange { from: vec![2, writer], to: vec![2, writer + 1] };
    let record = [&[2, writer], count.as_slice()].concat();
    vec![put(&[1, writer], &count), range, put(&record, b""), put(&[3, writer], &count)]
}

/// Whether the snapshot shows each writer's batches whole.
fn is_whole(snapshot: &Snapshot) -> bool {
    let records = all(snapshot);
    let part = |first: u8| records.iter().filter(move |(key, _)| key[0] == first);
    part(1).map(|(_, value)| value).eq(part(3).map(|(_, value)| value))
        && part(1).map(|(_, value)| value.as_slice()).eq(part(2).map(|(key, _)| &key[2..]))
}

#[test]
fn handles_of_many_threads_write_batches_that_are_seen_whole() {
    let (_folder, store) = new_store();
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let mut store = store.clone();
            scope.spawn(move || {
                (1..=BATCHES).for_each(|number| store.write(&batch(writer, number)).expect("written"));
            });
        }
        scope.spawn(|| (0..5).for_each(|_| store.flush().expect("a flush")));
        scope.spawn(|| {
            for _ in 0..BATCHES {
                let snapshot = store.snapshot(Millis::ZERO).expect("the gate is shut");
                assert!(is_whole(&snapshot), "{snapshot:?}: {:?}", all(&snapshot));
            }
        });
    });
    let last = store.snapshot(Millis::ZERO).expect("the gate is shut");
    assert!(is_whole(&last));
    assert_eq!(all(&last).len(), 3 * usize::from(WRITERS));
}

#[test]
fn snapshot_outlives_the_handle_and_keeps_the_store_open() {
    let (folder, mut store) = new_store();
    store.write(&[put(b"a", b"1")]).expect("written");
    let snapshot = store.snapshot(Millis(7)).expect("the gate is shut");
    drop(store);
    let seen = thread::spawn(move || (all(&snapshot), snapshot)).join().expect("no panic");
    assert_eq!(seen.0, [(b"a".to_vec(), b"1".to_vec())]);
    assert!(RocksStore::open(folder.path()).is_err(), "still open");
    drop(seen);
    RocksStore::open(folder.path()).expect("closed by now");
}

#[test]
fn open_where_it_cannot_says_why() {
    let (folder, _store) = new_store();
    let file = folder.path().join("file");
    std::fs::write(&file, b"").expect("a file");
    for path in [folder.path(), &file] {
        match RocksStore::open(path) {
            Err(StoreError::Io(reason)) => assert!(!reason.is_empty()),
            other => panic!("{}: {other:?}", path.display()),
        }
    }
}

#[test]
fn unflushed_bytes_grow_with_writes_and_go_with_a_flush() {
    let (_folder, mut store) = new_store();
    let empty = store.unflushed_bytes().expect("a number");
    store.write(&[put(b"a", &[1; 4 << 20])]).expect("written");
    assert!(store.unflushed_bytes().expect("a number") > empty + (4 << 20));
    store.flush().expect("a flush");
    assert_eq!(store.unflushed_bytes().expect("a number"), empty);
}

#[test]
fn flush_that_is_begun_takes_what_was_written_before_and_nothing_else() {
    let (folder, mut store) = new_store();
    store.write(&[put(b"a", b"1")]).expect("written");
    store.begin_flush().expect("a flush");
    store.write(&[put(b"b", b"2")]).expect("written");
    wait_until("the end of the flush", || !store.is_flushing().expect("a number"));
    assert_eq!(all(&store).len(), 2);
    drop(store);
    let store = RocksStore::open(folder.path()).expect("opens");
    assert_eq!(all(&store), [(b"a".to_vec(), b"1".to_vec())]);
}

#[test]
fn flush_that_fails_in_the_background_is_an_error() {
    let (folder, mut store) = new_store();
    store.write(&[put(b"a", b"1")]).expect("written");
    std::fs::remove_dir_all(folder.path()).expect("the store's folder");
    store.begin_flush().expect("it begins");
    wait_until("the error", || store.is_flushing().is_err());
    assert!(store.flush().is_err(), "the failed flush is reported");
}

#[test]
fn batch_of_many_writes_is_the_same_in_whatever_order_their_keys_are() {
    let (_folder, mut store) = new_store();
    let range = Write::DeleteRange { from: b"b".to_vec(), to: b"d".to_vec() };
    let delete = Write::Delete { key: b"a".to_vec() };
    store
        .write(&[
            put(b"e", b"1"),
            put(b"c", b"gone"),
            put(b"cc", b"gone"),
            put(b"a", b"gone"),
            range,
            put(b"c", b"older"),
            put(b"b", b"2"),
            put(b"c", b"3"),
            delete,
        ])
        .expect("written");
    let expected = [("b", "2"), ("c", "3"), ("e", "1")];
    assert_eq!(all(&store), expected.map(|(key, value)| (key.into(), value.into())));
}

#[test]
fn store_knows_which_keys_have_no_elements_unless_it_had_some_when_it_was_opened() {
    let (folder, mut store) = new_store();
    let string = put(&key::metadata(&Key::new(3, b"string")), b"v");
    let field = put(&key::element(&Key::new(3, b"hash"), 1, b"field"), b"v");
    store.write(&[string]).expect("writes");
    assert!(!store.may_have_elements(3, b"string") && !store.may_have_elements(3, b"hash"));
    store.write(&[field]).expect("writes");
    let of = |store: &RocksStore| {
        [(3, "hash"), (3, "string"), (2, "hash")]
            .map(|(db, name)| store.may_have_elements(db, name.as_bytes()))
    };
    assert_eq!(of(&store), [true, false, false]);
    store.flush().expect("flushes");
    drop(store);
    let store = RocksStore::open(folder.path()).expect("opens");
    assert_eq!(of(&store), [true, true, false]);
}

#[test]
fn dead_key_of_a_stretch_scanned_before_is_found_before_all_other_databases_are_scanned() {
    let (_folder, mut store) = new_store();
    let (key, mut after) = (Key::new(0, "k"), Vec::new());
    assert_eq!(store.dead_keys(Millis(1), &mut after).expect("it scans"), []);
    let record = Record { deadline: Some(Millis(2)), value: Value::String(b"v".to_vec()) };
    store.write(&[put(&key::metadata(&key), &record.encode())]).expect("written");
    let calls =
        (1..=256).find(|_| store.dead_keys(Millis(2), &mut after).expect("it scans") == [key.clone()]);
    // An empty database takes some microseconds, and a call goes on for 300.
    assert!(calls.is_some_and(|calls| calls <= 100), "found by call {calls:?} of 256");
}
