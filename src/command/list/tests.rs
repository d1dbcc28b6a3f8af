//! Tests of what a transcript of a real server cannot show: writes and reads per command, positions at the ends of their
//! range, effects that are empty.

use super::drawn_tests::checked_items;
use super::stored::STEP;
use crate::command::fixture::Fixture;
use crate::command::{Command, Reply, View};
use crate::effect::{Key, Write};
use crate::store::memory::MemoryStore;
use crate::store::record::{Collection, Ends, Record, Value, encode_element};
use crate::store::{Read, Store, StoreError, Visit, element, key};
use crate::time::Millis;
use std::cell::Cell;
use std::ops::ControlFlow;

/// A list `l` of the items 0 to `length` - 1.
fn numbered(length: usize) -> Fixture {
    let mut fixture = Fixture::new();
    let items: Vec<String> = (0..length).map(|number| number.to_string()).collect();
    fixture.run(&format!("RPUSH l {}", items.join(" ")));
    fixture
}

/// Like [`numbered`], with the item `x` at index 1.
fn uneven(length: usize) -> Fixture {
    let mut fixture = numbered(length - 1);
    fixture.run("LINSERT l AFTER 0 x");
    fixture
}

#[test]
fn list_writes_hold_what_they_change() {
    let cases = [
        ("RPUSH l a", 2),
        ("LPUSH l a b c", 4),
        ("LPOP l", 2),
        ("RPOP l 1", 2),
        ("LPOP l 500", 2),
        ("RPOP l 500", 2),
        ("LPOP l 1000", 2),
        ("LSET l 500 a", 1),
        ("LSET l 1 a", 1),
        ("LTRIM l 0 99", 2),
        ("LTRIM l 400 499", 3),
        ("LTRIM l 1 -2", 3),
        ("LTRIM l 5 4", 2),
        ("LINSERT l BEFORE 500 a", 2),
        ("LINSERT l BEFORE 0 a", 2),
        ("LREM l 1 500", 2),
        ("LREM l -1 0", 2),
        ("LMOVE l m LEFT LEFT", 4),
        ("LMOVE l l LEFT RIGHT", 3),
        ("RPOPLPUSH l l", 3),
        ("LMPOP 2 m l RIGHT COUNT 500", 2),
    ];
    for (line, writes) in cases {
        for mut fixture in [numbered(1000), uneven(1000)] {
            let effect = fixture.effect(line);
            assert_eq!(effect.writes.len(), writes, "{line}: {:?}", effect.writes);
            checked_items(&fixture, "l");
        }
    }
}

/// A store that counts the records that are read.
struct Counted<'a> {
    store: &'a MemoryStore,
    read: Cell<usize>,
}

impl Counted<'_> {
    fn counting(&self, visit: &mut Visit<'_>, raw: &[u8], bytes: &[u8]) -> ControlFlow<()> {
        self.read.set(self.read.get() + 1);
        visit(raw, bytes)
    }
}

impl Read for Counted<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.read.set(self.read.get() + 1);
        self.store.get(key)
    }

    fn scan(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.store.scan(from, to, &mut |raw, bytes| self.counting(visit, raw, bytes))
    }

    fn scan_back(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.store.scan_back(from, to, &mut |raw, bytes| self.counting(visit, raw, bytes))
    }
}

/// The number of records that the command of `line` reads, the metadata included.
fn reads(fixture: &Fixture, line: &str) -> usize {
    let counted = Counted { store: &fixture.store, read: Cell::new(0) };
    let argv = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
    let view = View::new(&counted, 0, fixture.now).with_incarnation(fixture.lsn + 1);
    let (reply, _) = Command::parse(0, argv)
        .expect("a command")
        .execute(&view, fixture.now)
        .expect("a store in memory does not fail");
    assert!(!reply.is_error(), "{line}: {reply:?}");
    counted.read.get()
}

#[test]
fn even_list_is_read_only_where_it_is_asked() {
    let cases = [
        ("LLEN l", 1),
        ("LINDEX l 500", 2),
        ("LINDEX l -1", 2),
        ("LRANGE l 500 509", 11),
        ("LRANGE l -10 -1", 11),
        ("LSET l 500 a", 1),
        ("RPUSH l a", 1),
        ("LPUSH l a b c", 1),
        ("LPOP l", 2),
        ("RPOP l", 2),
        ("RPOP l 10", 11),
        ("LTRIM l 400 499", 1),
        ("LMOVE l l LEFT RIGHT", 3),
        ("LPOS l none MAXLEN 5", 6),
        ("LPOS l 3", 5),
        ("LPOS l 997 RANK -1", 4),
        ("LREM l 1 2", 4),
        ("LREM l -1 998", 3),
    ];
    let fixture = numbered(1000);
    for (line, expected) in cases {
        assert_eq!(reads(&fixture, line), expected, "{line}");
    }
}

#[test]
fn uneven_list_is_walked_from_the_nearer_end() {
    let cases = [
        ("LINDEX l 2", 5),
        ("LINDEX l -3", 5),
        ("LSET l -2 a", 3),
        ("RPUSH l a", 1),
        ("LPOP l", 5),
        ("LRANGE l -10 -1", 21),
        ("LTRIM l 1 -2", 5),
        ("LINSERT l BEFORE 0 a", 3),
    ];
    let fixture = uneven(1000);
    for (line, at_most) in cases {
        let read = reads(&fixture, line);
        assert!(read <= at_most, "{line}: {read} records");
    }
    let mut emptied = uneven(1000);
    for line in ["LTRIM l 1 1", "RPUSH l a b c d e"] {
        emptied.run(line);
    }
    assert_eq!(reads(&emptied, "LINDEX l 3"), 2, "a list that had one item is even");
    let middle = reads(&fixture, "LINDEX l 500");
    assert!((400..600).contains(&middle), "an uneven list that is not walked: {middle}");
}

#[test]
fn list_writes_that_change_nothing_have_no_effect() {
    let mut fixture = numbered(3);
    fixture.run("RPUSH one a");
    let lines = [
        "LPUSHX none a",
        "RPUSHX none a",
        "LPOP none",
        "LPOP l 0",
        "LTRIM l 0 -1",
        "LTRIM l -5 7",
        "LTRIM none 0 0",
        "LINSERT l BEFORE none a",
        "LINSERT none BEFORE a a",
        "LREM l 0 none",
        "LREM none 0 a",
        "LMOVE none l LEFT LEFT",
        "LMOVE l l LEFT LEFT",
        "LMOVE l l RIGHT RIGHT",
        "LMOVE one one LEFT RIGHT",
        "RPOPLPUSH one one",
        "LMPOP 2 none nothing LEFT",
        "LSET l 3 a",
        "LSET none 0 a",
    ];
    for line in lines {
        assert!(fixture.effect(line).is_empty(), "{line}");
    }
}

#[test]
fn list_created_over_a_dead_one_takes_nothing_from_it() {
    for line in ["RPUSH l a", "LPUSH l a", "LMOVE other l LEFT RIGHT", "RPOPLPUSH other l"] {
        let mut fixture = uneven(10);
        fixture.run("RPUSH other a");
        fixture.run("PEXPIRE l 5");
        fixture.now = Millis(2000);
        fixture.run(line);
        assert_eq!(checked_items(&fixture, "l"), ["a"], "{line}");
        assert_eq!(fixture.run("TTL l"), Reply::Integer(-1), "{line}");
        fixture.run("DEL other");
        assert_eq!(fixture.records(), 2, "{line}");
    }
}

/// A list `l` of the items 0, 1, 2 … at these positions.
fn placed(positions: &[u64], is_even: bool) -> Fixture {
    let mut fixture = Fixture::new();
    let (list, incarnation) = (Key::new(0, "l"), 1);
    let mut writes = Vec::new();
    for (number, position) in positions.iter().enumerate() {
        let raw = key::element(&list, incarnation, &element::at_position(*position));
        writes.push(Write::Put { key: raw, value: encode_element(number.to_string().as_bytes()) });
    }
    let collection = Collection { incarnation, count: positions.len() as u64 };
    let ends = Ends { first: positions[0], last: positions[positions.len() - 1], is_even };
    let record = Record { deadline: None, value: Value::List(collection, ends) };
    writes.push(Write::Put { key: key::metadata(&list), value: record.encode() });
    fixture.store.write(&writes).expect("a store in memory does not fail");
    fixture.lsn = 1;
    checked_items(&fixture, "l");
    fixture
}

#[test]
fn push_beyond_the_range_of_positions_centres_the_list() {
    let from = |first: u64| vec![first, first + STEP, first + 2 * STEP];
    let cases = [
        (placed(&from(STEP - 1), true), "LPUSH l a b", ["b", "a", "0", "1", "2"]),
        (placed(&from(0), true), "LPUSH l a b", ["b", "a", "0", "1", "2"]),
        (placed(&from(u64::MAX - 2 * STEP), true), "RPUSH l a b", ["0", "1", "2", "a", "b"]),
        (placed(&from(u64::MAX - 3 * STEP + 1), true), "RPUSH l a b", ["0", "1", "2", "a", "b"]),
        (placed(&[0, 7, u64::MAX], false), "RPUSH l a b", ["0", "1", "2", "a", "b"]),
        (placed(&[0, 7, u64::MAX], false), "LPUSH l a b", ["b", "a", "0", "1", "2"]),
    ];
    for (mut fixture, line, items) in cases {
        let effect = fixture.effect(line);
        assert_eq!(checked_items(&fixture, "l"), items, "{line}");
        // All items, the record, and the deletion of the old positions.
        assert_eq!(effect.writes.len(), 7, "{line}");
        assert_eq!(fixture.run("LINDEX l 3"), Reply::bulk(items[3]), "{line}");
    }
    // The last positions of the range are used.
    for (mut fixture, line) in
        [(placed(&from(STEP), true), "LPUSH l a"), (placed(&from(u64::MAX - 3 * STEP), true), "RPUSH l a")]
    {
        assert_eq!(fixture.effect(line).writes.len(), 2, "{line}");
        checked_items(&fixture, "l");
    }
}

#[test]
fn insertion_without_a_gap_at_the_ends_of_the_range_finds_room() {
    let max = u64::MAX;
    let cases = [vec![0, 1], vec![max - 1, max], vec![0, 1, max - 1, max], vec![0, 1, 2, 3, 4, 5, 6, 7, max]];
    for positions in cases {
        for (line, at) in [("LINSERT l AFTER 0 x", 1), ("LINSERT l BEFORE 1 x", 1)] {
            let mut fixture = placed(&positions, false);
            fixture.run(line);
            let items = checked_items(&fixture, "l");
            assert_eq!((items.len(), items[at].as_str()), (positions.len() + 1, "x"), "{positions:?}");
        }
    }
}

#[test]
fn lpos_smallest_rank_is_refused_as_by_redis_7_2() {
    let mut fixture = numbered(3);
    let refused =
        "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807";
    assert_eq!(fixture.run("LPOS l 1 RANK -9223372036854775808"), Reply::Error(refused.to_owned()));
}

#[test]
fn lmpop_with_more_keys_than_arguments_is_refused() {
    let mut fixture = numbered(3);
    for line in ["LMPOP 9223372036854775807 l LEFT", "LMPOP 9223372036854775806 l LEFT"] {
        assert_eq!(fixture.run(line), Reply::Error("ERR syntax error".to_owned()), "{line}");
    }
}
