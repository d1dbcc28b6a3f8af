//! Tests of properties that a transcript of a real server cannot show: effects, key sets, whole scans.

use crate::command::fixture::Fixture;
use crate::command::{Command, Reply};
use crate::effect::{Key, KeySet};
use crate::time::Millis;
use std::collections::BTreeMap;

/// The cursor and the names in a reply of SCAN or HSCAN.
pub(in crate::command) fn scanned(reply: Reply) -> (String, Vec<Vec<u8>>) {
    let Reply::Array(parts) = reply else { panic!("{reply:?} is not the reply of a scan") };
    let [Reply::Bulk(cursor), Reply::Array(names)] = parts.as_slice() else { panic!("{parts:?}") };
    let names = names.iter().map(|name| match name {
        Reply::Bulk(name) => name.clone(),
        other => panic!("{other:?} is not a name"),
    });
    (String::from_utf8_lossy(cursor).into_owned(), names.collect())
}

/// Runs a whole scan, with `meanwhile` after each call except the last. Returns how often each name was
/// returned.
fn scan(
    fixture: &mut Fixture,
    count: usize,
    mut meanwhile: impl FnMut(&mut Fixture, u32),
) -> BTreeMap<Vec<u8>, u32> {
    let mut seen = BTreeMap::new();
    let mut cursor = "0".to_owned();
    for call in 0.. {
        let (next, names) = scanned(fixture.run(&format!("SCAN {cursor} COUNT {count}")));
        for name in names {
            *seen.entry(name).or_insert(0) += 1;
        }
        if next == "0" {
            break;
        }
        cursor = next;
        meanwhile(fixture, call);
    }
    seen
}

fn with_keys(count: u32) -> Fixture {
    let mut fixture = Fixture::new();
    for number in 0..count {
        fixture.run(&format!("HSET long-common-prefix:{number} f v"));
    }
    fixture
}

#[test]
fn scan_of_a_static_store_returns_each_key_once() {
    let mut fixture = with_keys(60);
    for count in 1..=61 {
        let seen = scan(&mut fixture, count, |_, _| {});
        assert_eq!(seen.len(), 60, "COUNT {count}");
        assert!(seen.values().all(|&times| times == 1), "COUNT {count}");
    }
}

#[test]
fn scan_of_a_changing_store_returns_each_lasting_key_once() {
    for count in [1, 2, 7] {
        let mut fixture = with_keys(60);
        let seen = scan(&mut fixture, count, |fixture, call| {
            // Delete an even key and create a new one.
            fixture.run(&format!("DEL long-common-prefix:{}", call * 2 % 60));
            fixture.run(&format!("HSET new:{call} f v"));
        });
        for number in (1..60).step_by(2) {
            let name = format!("long-common-prefix:{number}").into_bytes();
            assert_eq!(seen.get(&name), Some(&1), "COUNT {count}, key {number}");
        }
        assert!(seen.values().all(|&times| times == 1), "COUNT {count}");
    }
}

/// `engine::differential` draws such a command rarely. It found that the replies of two stores differed: one of them had
/// removed the dead key.
#[test]
fn scan_from_an_unknown_cursor_is_refused_only_if_a_key_lives() {
    let mut fixture = Fixture::new();
    let begins = |reply: Reply| scanned(reply) == ("0".to_owned(), Vec::new());
    assert!(begins(fixture.run("SCAN 7")), "no key is stored");
    fixture.run("SET k v PX 5");
    assert!(matches!(fixture.run("SCAN 7"), Reply::Error(text) if text.contains("invalid cursor")));
    fixture.now = Millis(60_000);
    assert!(begins(fixture.run("SCAN 7")), "a dead key is stored");
}

#[test]
fn copy_to_another_database_touches_the_key_there() {
    let keys = |line: &str| {
        let argv = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        Command::parse(3, argv).expect("a command").keys()
    };
    assert_eq!(keys("COPY a b"), KeySet::of([Key::new(3, "a"), Key::new(3, "b")]));
    assert_eq!(keys("COPY a b REPLACE db 5"), KeySet::of([Key::new(3, "a"), Key::new(5, "b")]));
    assert_eq!(keys("COPY a a DB 1 DB 2"), KeySet::of([Key::new(3, "a"), Key::new(2, "a")]));
    assert_eq!(keys("COPY a b DB 99"), KeySet::of([Key::new(3, "a"), Key::new(3, "b")]));

    let mut fixture = Fixture::new();
    fixture.run("HSET a f v");
    fixture.run("EXPIRE a 10");
    assert_eq!(fixture.run("COPY a b DB 7"), Reply::Integer(1));
    assert_eq!(fixture.run_in(7, &[b"HGET", b"b", b"f"]).0, Reply::bulk("v"));
    assert_eq!(fixture.run_in(7, &[b"PTTL", b"b"]).0, Reply::Integer(10_000));
    assert_eq!(fixture.run("EXISTS a b"), Reply::Integer(1));
}

#[test]
fn rename_of_a_hash_leaves_no_element_behind() {
    let mut fixture = Fixture::new();
    fixture.run("HSET a 1 one 2 two");
    fixture.run("HSET b 3 three");
    fixture.run("EXPIRE a 10");
    assert_eq!(fixture.run("RENAME a b"), Reply::OK);
    assert_eq!(fixture.records(), 3);
    assert_eq!(fixture.run("PTTL b"), Reply::Integer(10_000));
    // The new name may belong to a dead hash.
    fixture.run("HSET c 4 four");
    fixture.now = Millis(60_000);
    assert_eq!(fixture.run("RENAME c b"), Reply::OK);
    assert_eq!(fixture.records(), 2);
    assert_eq!(fixture.run("PTTL b"), Reply::Integer(-1));
}

#[test]
fn expire_at_the_present_instant_deletes() {
    let mut fixture = Fixture::new();
    fixture.run("HSET a f v");
    assert_eq!(fixture.run("PEXPIREAT a 1001"), Reply::Integer(1));
    assert_eq!(fixture.records(), 2);
    assert_eq!(fixture.run("PEXPIREAT a 1000"), Reply::Integer(1));
    assert_eq!(fixture.records(), 0);
}

#[test]
fn ttl_rounds_to_the_nearest_second() {
    let mut fixture = Fixture::new();
    fixture.run("HSET a f v");
    for (milliseconds, seconds) in [(499, 0), (500, 1), (1499, 1), (1500, 2)] {
        fixture.run(&format!("PEXPIRE a {milliseconds}"));
        assert_eq!(fixture.run("TTL a"), Reply::Integer(seconds));
        assert_eq!(fixture.run("PEXPIRETIME a"), Reply::Integer(1000 + milliseconds));
    }
}

#[test]
fn dead_keys_are_not_there() {
    let mut fixture = Fixture::new();
    fixture.run("HSET a f v");
    fixture.run("PEXPIRE a 5");
    fixture.now = Millis(1005);
    for (line, expected) in [
        ("EXISTS a", Reply::Integer(0)),
        ("DBSIZE", Reply::Integer(0)),
        ("KEYS *", Reply::Array(Vec::new())),
        ("RANDOMKEY", Reply::Null),
        ("TTL a", Reply::Integer(-2)),
        ("TYPE a", Reply::Status("none")),
    ] {
        assert_eq!(fixture.run(line), expected, "{line}");
    }
    for line in ["DEL a", "UNLINK a", "EXPIRE a 10", "PERSIST a", "RENAME a b", "COPY a b"] {
        assert!(fixture.effect(line).is_empty(), "{line}");
    }
}

#[test]
fn flush_has_an_effect_on_an_empty_store() {
    let mut fixture = Fixture::new();
    for line in ["FLUSHDB", "FLUSHALL ASYNC"] {
        let effect = fixture.effect(line);
        assert_eq!((effect.writes.len(), effect.keys), (1, KeySet::Everything), "{line}");
    }
    fixture.run("HSET a f v");
    fixture.run_in(1, &[b"HSET", b"a", b"f", b"v"]);
    fixture.run("FLUSHDB");
    assert_eq!(fixture.records(), 2);
    fixture.run("FLUSHALL");
    assert_eq!(fixture.records(), 0);
}

#[test]
fn randomkey_reaches_every_key() {
    let mut fixture = with_keys(5);
    let mut seen = BTreeMap::new();
    for random in 0..200 {
        fixture.random = random;
        *seen.entry(format!("{:?}", fixture.run("RANDOMKEY"))).or_insert(0) += 1;
    }
    assert_eq!(seen.len(), 5);
    assert!(seen.values().all(|&times| times > 20), "{seen:?}");
}
