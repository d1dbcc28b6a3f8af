//! Tests of the commands that treat every type alike, on records of types whose own commands are elsewhere.

use crate::command::fixture::Fixture;
use crate::command::{Command, Reply};
use crate::effect::{Key, KeySet, Write};
use crate::store::element::{self, Score, tag};
use crate::store::record::{Collection, Ends, Levels, Record, Value, encode_element};
use crate::store::{Content, Element, Store, dump, key};
use crate::time::Millis;

/// A value with its elements.
type Kept = (Value, Vec<Element>);

fn list(items: &[&str]) -> Kept {
    let position = |at: usize| 1_000 + at as u64;
    let elements = (0..)
        .zip(items)
        .map(|(at, item)| (element::at_position(position(at)).to_vec(), item.as_bytes().to_vec()));
    let ends = Ends { first: position(0), last: position(items.len() - 1), is_even: true };
    (Value::List(of(items.len()), ends), elements.collect())
}

fn set(members: &[&str]) -> Kept {
    let elements = members.iter().map(|member| (element::of_member(member.as_bytes()), Vec::new()));
    (Value::Set(of(members.len())), elements.collect())
}

fn sorted_set(members: &[&str]) -> Kept {
    let elements = (0..).zip(members).flat_map(|(at, member)| {
        let (score, member) = (Score::new(f64::from(at)).expect("a number"), member.as_bytes());
        [
            (element::of_scored(member), score.to_bytes().to_vec()),
            (element::by_score(tag::BY_SCORE, score, member), Vec::new()),
        ]
    });
    (Value::SortedSet(of(members.len()), Levels::Zero), elements.collect())
}

fn of(count: usize) -> Collection {
    Collection { incarnation: 7, count: count as u64 }
}

/// Stores a value under `name` in database 0.
fn put(fixture: &mut Fixture, name: &str, (value, elements): Kept) {
    let owner = Key::new(0, name);
    let record = Record { deadline: None, value }.encode();
    let mut writes = vec![Write::Put { key: key::metadata(&owner), value: record }];
    writes.extend(elements.iter().map(|(element, value)| Write::Put {
        key: key::element(&owner, 7, element),
        value: encode_element(value),
    }));
    fixture.lsn = 7;
    fixture.store.write(&writes).expect("a store in memory does not fail");
}

fn with_all_types() -> Fixture {
    let mut fixture = Fixture::new();
    put(&mut fixture, "list", list(&["c", "a", "b"]));
    put(&mut fixture, "set", set(&["1", "x", ""]));
    put(&mut fixture, "zset", sorted_set(&["b", "a", ""]));
    fixture.run("HSET hash f v");
    fixture.run("SET string v");
    fixture
}

const TYPES: [&str; 5] = ["hash", "list", "set", "string", "zset"];

fn content(fixture: &Fixture, db: u8, name: &str) -> Option<Content> {
    let dump = dump(&fixture.store).expect("it is not damaged");
    dump.get(&Key::new(db, name)).map(|stored| stored.content.clone())
}

#[test]
fn type_and_scan_know_every_type() {
    let mut fixture = with_all_types();
    for name in TYPES {
        assert_eq!(fixture.run(&format!("TYPE {name}")), Reply::Status(name));
        let (_, names) = super::scanned(fixture.run(&format!("SCAN 0 TYPE {name}")));
        assert_eq!(names, [name.as_bytes()]);
    }
    assert_eq!(super::scanned(fixture.run("SCAN 0 TYPE stream")).1, Vec::<Vec<u8>>::new());
}

/// Each command gives the value of every type to the key `to` in a database, over a dead key with elements.
#[test]
fn values_of_every_type_move_whole() {
    for (line, db, moves) in [
        ("RENAME {} to", 0, true),
        ("RENAMENX {} to", 0, true),
        ("COPY {} to", 0, false),
        ("COPY {} to DB 3 REPLACE", 3, false),
        ("MOVE to 3", 3, true),
    ] {
        for name in TYPES {
            let mut fixture = with_all_types();
            let before = content(&fixture, 0, name).expect("it is there");
            fixture.run_in(db, &[b"HSET", b"to", b"old", b"v"]);
            fixture.run_in(db, &[b"PEXPIRE", b"to", b"5"]);
            fixture.now = Millis(2000);
            let mut name = name;
            if line.starts_with("MOVE") {
                fixture.run(&format!("RENAME {name} to"));
                name = "to";
            }
            fixture.run(&format!("EXPIRE {name} 10"));
            let records = fixture.records();
            let reply = fixture.run(&line.replace("{}", name));
            assert!(matches!(reply, Reply::Integer(1) | Reply::Status("OK")), "{line} {name}: {reply:?}");
            assert_eq!(content(&fixture, db, "to"), Some(before), "{line} {name}");
            assert_eq!(fixture.run_in(db, &[b"PTTL", b"to"]).0, Reply::Integer(10_000), "{line} {name}");
            assert_eq!(content(&fixture, 0, name).is_none(), moves, "{line} {name}");
            if moves {
                assert_eq!(fixture.records(), records - 2, "{line} {name}: the dead hash is cleared away");
            }
        }
    }
}

#[test]
fn move_touches_the_key_in_both_databases() {
    let keys = |line: &str| {
        let argv = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        Command::parse(3, argv).expect("a command").keys()
    };
    assert_eq!(keys("MOVE a 5"), KeySet::of([Key::new(3, "a"), Key::new(5, "a")]));
    for refused in ["MOVE a 3", "MOVE a 16", "MOVE a x"] {
        assert_eq!(keys(refused), KeySet::of([Key::new(3, "a")]), "{refused}");
    }
    let mut fixture = Fixture::new();
    fixture.run("SET a 1");
    assert_eq!(fixture.effect("MOVE a 5").writes.len(), 2);
    for line in ["MOVE a 5", "MOVE none 5", "MOVE a 0"] {
        assert!(fixture.effect(line).is_empty(), "{line}");
    }
}

#[test]
fn swapdb_exchanges_all_records() {
    let mut fixture = with_all_types();
    fixture.run("PEXPIRE hash 5");
    fixture.run_in(2, &[b"HSET", b"hash", b"g", b"w", b"h", b"x"]);
    fixture.run_in(2, &[b"SET", b"other", b"v"]);
    fixture.run_in(1, &[b"SET", b"apart", b"v"]);
    fixture.run_in(3, &[b"SET", b"apart", b"v"]);
    // The dead hash moves, too: whether it is dead depends on the instant.
    fixture.now = Millis(2000);
    let (before, records) = (dump(&fixture.store).expect("not damaged"), fixture.records());
    let (reply, effect) = fixture.run_in(7, &[b"SWAPDB", b"0", b"2"]);
    assert_eq!((reply, &effect.keys), (Reply::OK, &KeySet::Everything));
    assert_eq!(
        effect.writes.len(),
        2 + records - 2,
        "two ranges, and all records but those of databases 1 and 3"
    );
    assert_eq!(effect.first_key(), None);
    let swapped = before.into_iter().map(|(key, stored)| {
        let db = match key.db {
            0 => 2,
            2 => 0,
            other => other,
        };
        (Key::new(db, key.name), stored)
    });
    assert_eq!(dump(&fixture.store).expect("not damaged"), swapped.collect());
    assert_eq!(fixture.records(), records);
    for line in ["SWAPDB 4 5", "SWAPDB 0 0", "SWAPDB 0 16", "SWAPDB 0 x"] {
        assert!(fixture.effect(line).is_empty(), "{line}");
    }
}

/// Redis 7.2: small lists and sets of other members are listpacks, which 7.0 does not have for them.
#[test]
fn object_encoding_of_collections_depends_on_their_size() {
    let (long, longer) = ("x".repeat(64), "x".repeat(65));
    let numbers = |count: usize| (0..count).map(|number| format!("{number:03}")).collect::<Vec<_>>();
    let integers = |count: usize| (0..count).map(|number| number.to_string()).collect::<Vec<_>>();
    fn texts(texts: &[String]) -> Vec<&str> {
        texts.iter().map(String::as_str).collect()
    }
    // An item of 124 bytes takes 127: its length in 2 bytes, and the way back in 1.
    let items = |count: usize, rest: usize| {
        let mut items = vec!["y".repeat(124); count];
        items.push("z".repeat(rest));
        items
    };
    let cases = [
        (list(&["a"]), "listpack"),
        (list(&texts(&items(63, 180))), "listpack"),
        (list(&texts(&items(63, 181))), "quicklist"),
        (list(&[&"x".repeat(8_200)]), "quicklist"),
        (set(&["1", "-7", "9223372036854775807"]), "intset"),
        (set(&["1", "01"]), "listpack"),
        (set(&["1", &long]), "listpack"),
        (set(&["1", &longer]), "hashtable"),
        (set(&texts(&integers(512))), "intset"),
        (set(&texts(&integers(513))), "hashtable"),
        (set(&texts(&numbers(128))), "listpack"),
        (set(&texts(&numbers(129))), "hashtable"),
        (sorted_set(&["a", &long]), "listpack"),
        (sorted_set(&["a", &longer]), "skiplist"),
        (sorted_set(&texts(&numbers(128))), "listpack"),
        (sorted_set(&texts(&numbers(129))), "skiplist"),
    ];
    for (number, (value, expected)) in cases.into_iter().enumerate() {
        let mut fixture = Fixture::new();
        put(&mut fixture, "k", value);
        assert_eq!(fixture.run("OBJECT ENCODING k"), Reply::bulk(expected), "case {number}");
        assert_eq!(fixture.run("OBJECT REFCOUNT k"), Reply::Integer(1), "case {number}");
        assert_eq!(fixture.run("OBJECT IDLETIME k"), Reply::Integer(0), "case {number}");
    }
}
