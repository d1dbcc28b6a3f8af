//! Tests of deadlines of fields that a transcript of a real server cannot show: records, errors of Redis 8, and what is
//! logged.

use crate::command::fixture::Fixture;
use crate::command::{Command, Reply};
use crate::effect::Key;
use crate::store::record::{Collection, Record, Value};
use crate::store::{Content, Read, dump, key};
use crate::time::Millis;

fn integers(numbers: &[i64]) -> Reply {
    Reply::Array(numbers.iter().copied().map(Reply::Integer).collect())
}

fn command(line: &str) -> Command {
    Command::parse(0, line.split(' ').map(|word| word.as_bytes().to_vec()).collect()).expect("a command")
}

/// Incarnation, number of fields without a deadline, and latest deadline of the hash `h`.
fn metadata(fixture: &Fixture) -> Option<(u64, u64, Option<u64>)> {
    let raw = key::metadata(&Key::new(0, "h"));
    let bytes = fixture.store.get(&raw).expect("a store in memory does not fail")?;
    match Record::decode(&raw, &bytes).expect("a record").value {
        Value::Hash(Collection { incarnation, count }, last) => {
            Some((incarnation, count, last.map(|last| last.0)))
        }
        other => panic!("not a hash: {other:?}"),
    }
}

#[test]
fn metadata_counts_fields_without_a_deadline_and_keeps_the_latest_deadline() {
    let mut fixture = Fixture::new();
    for (line, expected) in [
        ("HSET h a 1 b 2 c 3", (1, 3, None)),
        ("HPEXPIREAT h 5000 FIELDS 1 a", (1, 2, Some(5000))),
        ("HPEXPIREAT h 9000 FIELDS 1 b", (1, 1, Some(9000))),
        ("HPEXPIREAT h 6000 FIELDS 1 b", (1, 1, Some(6000))),
        ("HPERSIST h FIELDS 1 b", (1, 2, Some(5000))),
        ("HINCRBY h a 1", (1, 2, Some(5000))),
        ("HSETEX h PXAT 7000 FIELDS 1 c 4", (1, 1, Some(7000))),
        ("HSETEX h PXAT 7000 FIELDS 1 d 4", (1, 1, Some(7000))),
        ("HDEL h c", (1, 1, Some(7000))),
        ("HGETDEL h FIELDS 1 d", (1, 1, Some(5000))),
        ("HSET h a 1", (1, 2, Some(0))),
        ("HDEL h a", (1, 1, Some(0))),
    ] {
        fixture.run(line);
        assert_eq!(metadata(&fixture), Some(expected), "{line}");
        let stored = dump(&fixture.store).expect("not damaged");
        let content = &stored[&Key::new(0, "h")].content;
        assert!(!matches!(content, Content::Miscounted(..)), "{line}: {content}");
    }
    fixture.run("HDEL h b");
    assert_eq!(fixture.records(), 0);
}

#[test]
fn hash_whose_fields_are_all_dead_is_created_anew() {
    let mut fixture = Fixture::new();
    fixture.run("HSET h a 1 b 2");
    fixture.run("PEXPIREAT h 9000");
    fixture.run("HPEXPIREAT h 2000 FIELDS 2 a b");
    fixture.now = Millis(1999);
    assert_eq!(fixture.run("HLEN h"), Reply::Integer(2));
    fixture.now = Millis(2000);
    for (line, expected) in [
        ("EXISTS h", Reply::Integer(0)),
        ("TYPE h", Reply::Status("none")),
        ("HLEN h", Reply::Integer(0)),
        ("PTTL h", Reply::Integer(-2)),
        ("HSETNX h b 3", Reply::Integer(1)),
        ("PTTL h", Reply::Integer(-1)),
        ("HLEN h", Reply::Integer(1)),
        ("HTTL h FIELDS 2 a b", integers(&[-2, -1])),
    ] {
        assert_eq!(fixture.run(line), expected, "{line}");
    }
    assert_eq!(metadata(&fixture), Some((4, 1, None)), "a new incarnation without anything of the old one");
    assert_eq!(fixture.records(), 2);
}

#[test]
fn hash_that_is_replaced_leaves_no_deadlines() {
    for line in
        ["DEL h", "SET h v", "SETEX h 10 v", "PEXPIREAT h 1", "RENAME i h", "APPEND h v", "SUNIONSTORE h m"]
    {
        for now in [1000, 6000] {
            let mut fixture = Fixture::new();
            fixture.run("HSET h a 1 b 2");
            fixture.run("HSET i a 1");
            fixture.run("SADD m a");
            fixture.run("HPEXPIREAT h 5000 FIELDS 2 a b");
            fixture.now = Millis(now);
            if fixture.run(line).is_error() {
                continue;
            }
            let owner = Key::new(0, "h");
            let of_old = |raw: &[u8]| key::owner(raw).as_ref() == Some(&owner) && key::is_field_deadline(raw);
            let left = fixture.store.iter().filter(|(raw, _)| of_old(raw)).count();
            let is_reached = line.starts_with("DEL") || line.starts_with("PEXPIREAT");
            assert!(left == 0 || (is_reached && now == 6000), "{line} at {now}: {left} records");
        }
    }
}

/// The errors of Redis 8.2. Valkey has others: see the documentation of the module.
#[test]
fn errors_are_those_of_redis_8() {
    let mut fixture = Fixture::new();
    fixture.run("HSET h f 1");
    fixture.run("SET s v");
    let numbers = "ERR The `numfields` parameter must match the number of arguments";
    let positive = "ERR Number of fields must be a positive integer";
    let mandatory = "ERR Mandatory argument FIELDS is missing or not at the right position";
    let parameter = "ERR Parameter `numFields` should be greater than 0";
    let negative = "ERR invalid expire time, must be >= 0";
    let wrong_type = "WRONGTYPE Operation against a key holding the wrong kind of value";
    let one_deadline = "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified";
    let arity = "ERR wrong number of arguments for 'hsetex' command";
    let cases = [
        ("HEXPIRE h -1 FIELDS 1 f", negative),
        ("HEXPIRE h 10 FIELDS 0 f", parameter),
        ("HEXPIRE h 10 FIELDS x f", parameter),
        ("HEXPIRE h 10 FIELDS 2 f", numbers),
        ("HEXPIRE h 10 NX FIELDS 1", numbers),
        ("HEXPIRE h 10 FELDS 1 f", mandatory),
        ("HEXPIRE h 10 NX XX FIELDS 1 f", mandatory),
        ("HEXPIRE s x FELDS 1 f", wrong_type),
        ("HEXPIRE h x FELDS 1 f", "ERR value is not an integer or out of range"),
        ("HEXPIRE h 70368744178 FIELDS 1 f", "ERR invalid expire time in 'hexpire' command"),
        ("HPEXPIREAT h 70368744177664 FIELDS 1 f", "ERR invalid expire time in 'hpexpireat' command"),
        ("HPEXPIRE h 70368744177663 FIELDS 1 f", "ERR invalid expire time in 'hpexpire' command"),
        ("HTTL h FELDS 1 f", mandatory),
        ("HTTL h FIELDS 0 f", positive),
        ("HTTL h FIELDS 2 f", numbers),
        ("HTTL s FELDS 1 f", wrong_type),
        ("HPERSIST h FIELDS x f", positive),
        ("HGETDEL h FIELDS -1 f", positive),
        ("HGETDEL h FIELDS 2 f", numbers),
        ("HGETEX h FELDS 1 f", mandatory),
        ("HGETEX h EX 10 PERSIST FIELDS 1 f", mandatory),
        ("HGETEX h EX 10 FIELDS", "ERR wrong number of arguments for 'hgetex' command"),
        ("HGETEX h EX -1 FIELDS 1 f", negative),
        ("HGETEX h PERSIST FIELDS 2 f", numbers),
        ("HSETEX h EX 10 PX 10 FIELDS 1 f 1", one_deadline),
        ("HSETEX h KEEPTTL EX 10 FIELDS 1 f 1", one_deadline),
        ("HSETEX h FNX FXX FIELDS 1 f 1", "ERR Only one of FXX or FNX arguments can be specified"),
        ("HSETEX h NX FIELDS 1 f 1", "ERR unknown argument: NX"),
        ("HSETEX h FNX KEEPTTL KEEPTTL EX", one_deadline),
        ("HSETEX h FNX f 1 EX", "ERR unknown argument: f"),
        ("HSETEX h FNX FIELDS 1 f", arity),
        ("HSETEX h FIELDS 0 f 1", "ERR invalid number of fields"),
        ("HSETEX h FIELDS 2 f 1", arity),
        ("HSETEX h FIELDS 1 f 1 g", arity),
        ("HSETEX s FIELDS 2 f 1", arity),
        ("HSETEX s FIELDS 1 f 1", wrong_type),
    ];
    for (line, text) in cases {
        assert_eq!(fixture.run(line), Reply::Error(text.to_owned()), "{line}");
    }
}

#[test]
fn deadlines_up_to_the_largest_are_accepted() {
    let mut fixture = Fixture::new();
    fixture.run("HSET h f 1");
    assert_eq!(fixture.run("HPEXPIREAT h 70368744177663 FIELDS 1 f"), integers(&[1]));
    assert_eq!(fixture.run("HPEXPIRETIME h FIELDS 1 f"), integers(&[70_368_744_177_663]));
    assert_eq!(fixture.run("HEXPIRETIME h FIELDS 1 f"), integers(&[70_368_744_178]));
    assert_eq!(fixture.run("HPEXPIREAT h 3001 FIELDS 1 f"), integers(&[1]));
    assert_eq!(fixture.run("HTTL h FIELDS 1 f"), integers(&[3]), "seconds are rounded up");
}

#[test]
fn small_hash_with_deadlines_has_the_encoding_of_redis_8() {
    let mut fixture = Fixture::new();
    fixture.run("HSET h f 1");
    assert_eq!(fixture.run("OBJECT ENCODING h"), Reply::bulk("listpack"));
    fixture.run("HEXPIRE h 10 FIELDS 1 f");
    assert_eq!(fixture.run("OBJECT ENCODING h"), Reply::bulk("listpackex"));
    for field in 0..512 {
        fixture.run(&format!("HSETEX h EX 10 FIELDS 1 {field} v"));
    }
    assert_eq!(fixture.run("OBJECT ENCODING h"), Reply::bulk("hashtable"));
}

#[test]
fn hscan_of_a_large_hash_skips_dead_fields() {
    let mut fixture = Fixture::new();
    for field in 0..1200 {
        let deadline = if field % 2 == 0 { 2000 } else { 9000 };
        fixture.run(&format!("HSETEX h PXAT {deadline} FIELDS 1 {field} v"));
    }
    fixture.now = Millis(2000);
    let (mut seen, mut cursor, mut calls) = (0, "0".to_owned(), 0);
    loop {
        let (next, flat) = crate::command::keys::scanned(fixture.run(&format!("HSCAN h {cursor} COUNT 100")));
        seen += flat.len() / 2;
        calls += 1;
        if next == "0" {
            break;
        }
        cursor = next;
    }
    assert_eq!((seen, fixture.run("HLEN h")), (600, Reply::Integer(600)));
    assert!(calls > 1, "600 living fields are more than are returned at once");
}

#[test]
fn effect_about_a_deadline_is_of_version_3() {
    let mut fixture = Fixture::new();
    for (line, version) in [
        ("HSET h a 1 b 2", 1),
        ("HPEXPIREAT h 5000 FIELDS 1 a", 3),
        ("HSET h b 3", 1),
        ("HINCRBY h a 1", 3),
        ("HSET h c 3", 3),
        ("HSET h a 3", 3),
        ("SADD s m", 2),
        ("DEL h", 3),
    ] {
        assert_eq!(fixture.effect(line).version(), version, "{line}");
    }
}

#[test]
fn logged_command_has_an_absolute_deadline() {
    for (line, logged) in [
        ("HEXPIRE h 10 NX FIELDS 2 f g", "HPEXPIREAT h 11000 NX FIELDS 2 f g"),
        ("HPEXPIRE h 10 FIELDS 1 f", "HPEXPIREAT h 1010 FIELDS 1 f"),
        ("HEXPIREAT h 10 FIELDS 1 f", "HPEXPIREAT h 10000 FIELDS 1 f"),
        ("HPEXPIREAT h 10 FIELDS 1 f", "HPEXPIREAT h 10 FIELDS 1 f"),
        ("HSETEX h FNX EX 10 FIELDS 1 EX 10", "HSETEX h FNX PXAT 11000 FIELDS 1 EX 10"),
        ("HSETEX h FIELDS 2 a 1 EX 10", "HSETEX h FIELDS 2 a 1 EX 10"),
        ("HSETEX h PXAT 5 FIELDS 2 a 1 EX 10", "HSETEX h PXAT 5 FIELDS 2 a 1 EX 10"),
        ("HSETEX h KEEPTTL FIELDS 1 EX 10", "HSETEX h KEEPTTL FIELDS 1 EX 10"),
        ("HGETEX h PX 10 FIELDS 1 f", "HPEXPIREAT h 1010 FIELDS 1 f"),
        ("HGETEX h PXAT 5000 FIELDS 2 EX PX", "HPEXPIREAT h 5000 FIELDS 2 EX PX"),
        ("HGETEX h PERSIST FIELDS 1 f", "HGETEX h PERSIST FIELDS 1 f"),
        ("HGETEX h FIELDS 2 EX 10", "HGETEX h FIELDS 2 EX 10"),
        ("HGETDEL h FIELDS 1 f", "HGETDEL h FIELDS 1 f"),
        ("HPERSIST h FIELDS 1 f", "HPERSIST h FIELDS 1 f"),
    ] {
        assert_eq!(command(line).with_absolute_deadline(Millis(1000)), command(logged), "{line}");
    }
}

#[test]
fn instants_of_clients_become_log_time() {
    for (line, translated) in [
        ("HEXPIREAT h 10 FIELDS 1 f", Some("HPEXPIREAT h 9000 FIELDS 1 f")),
        ("HPEXPIREAT h 500 LT FIELDS 1 f", Some("HPEXPIREAT h 1 LT FIELDS 1 f")),
        ("HPEXPIREAT h -1 FIELDS 1 f", None),
        ("HPEXPIREAT h 70368744177664 FIELDS 1 f", None),
        ("HEXPIRE h 10 FIELDS 1 f", None),
        ("HSETEX h FNX EXAT 10 FIELDS 1 PXAT 7", Some("HSETEX h FNX PXAT 9000 FIELDS 1 PXAT 7")),
        ("HSETEX h EX 10 FIELDS 1 PXAT 7", None),
        ("HSETEX h FIELDS 1 PXAT 7", None),
        ("HGETEX h PXAT 5000 FIELDS 1 f", Some("HGETEX h PXAT 4000 FIELDS 1 f")),
        ("HGETEX h FIELDS 2 PXAT 7", None),
    ] {
        assert_eq!(command(line).in_log_time(1000), translated.map(command), "{line}");
    }
}
