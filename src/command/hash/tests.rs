//! Tests of properties that a transcript of a real server cannot show: effects, incarnations, whole scans.

use crate::command::Reply;
use crate::command::fixture::Fixture;
use crate::time::Millis;
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn hscan_of_a_static_hash_returns_each_field_once() {
    let mut fixture = Fixture::new();
    for number in 0..600 {
        fixture.run(&format!("HSET h field:{number} {number}"));
    }
    for count in [1, 2, 3, 10, 100, 599, 600, 601] {
        let mut seen: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
        let mut cursor = "0".to_owned();
        loop {
            let reply = fixture.run(&format!("HSCAN h {cursor} COUNT {count}"));
            let (next, flat) = crate::command::keys::scanned(reply);
            for pair in flat.chunks(2) {
                seen.entry(pair[0].clone()).or_default().push(pair[1].clone());
            }
            if next == "0" {
                break;
            }
            cursor = next;
        }
        assert_eq!(seen.len(), 600, "COUNT {count}");
        for (field, values) in seen {
            assert_eq!(values, [field["field:".len()..].to_vec()], "COUNT {count}");
        }
    }
}

#[test]
fn hash_created_over_a_dead_one_takes_nothing_from_it() {
    let mut fixture = Fixture::new();
    fixture.run("HSET h old 1 both 1");
    fixture.run("PEXPIRE h 5");
    fixture.now = Millis(2000);
    assert_eq!(fixture.run("HSET h both 2"), Reply::Integer(1));
    assert_eq!(fixture.run("HLEN h"), Reply::Integer(1));
    assert_eq!(fixture.run("TTL h"), Reply::Integer(-1));
    assert_eq!(fixture.records(), 2);
}

#[test]
fn hash_without_fields_does_not_exist() {
    let mut fixture = Fixture::new();
    fixture.run("HSET h a 1 b 2");
    assert!(fixture.effect("HDEL h nothing").is_empty());
    assert_eq!(fixture.run("HDEL h a a b c"), Reply::Integer(2));
    assert_eq!(fixture.records(), 0);
}

#[test]
fn hash_keeps_its_deadline() {
    let mut fixture = Fixture::new();
    fixture.run("HSET h a 1");
    fixture.run("PEXPIRE h 500");
    for line in ["HSET h b 1", "HINCRBY h a 1", "HSETNX h c 1", "HDEL h b", "HINCRBYFLOAT h a 0.5"] {
        fixture.run(line);
        assert_eq!(fixture.run("PTTL h"), Reply::Integer(500), "{line}");
    }
}

#[test]
fn hash_writes_that_change_nothing_have_no_effect() {
    let mut fixture = Fixture::new();
    fixture.run("HSET h a x");
    for line in ["HSETNX h a 1", "HINCRBY h a 1", "HINCRBYFLOAT h a 1", "HDEL none a", "HSET h a 1 b"] {
        assert!(fixture.effect(line).is_empty(), "{line}");
    }
}

#[test]
fn hrandfield_reaches_every_field_and_repeats_only_below_zero() {
    let mut fixture = Fixture::new();
    fixture.run("HSET h a 1 b 2 c 3 d 4");
    let mut seen = BTreeSet::new();
    for random in 0..100 {
        fixture.random = random;
        let Reply::Array(three) = fixture.run("HRANDFIELD h 3") else { panic!("not an array") };
        let distinct: BTreeSet<String> = three.iter().map(|field| format!("{field:?}")).collect();
        assert_eq!(distinct.len(), 3);
        seen.extend(distinct);
        let Reply::Pairs(nine) = fixture.run("HRANDFIELD h -9 WITHVALUES") else { panic!("not pairs") };
        assert_eq!(nine.len(), 9);
    }
    assert_eq!(seen.len(), 4);
    assert!(fixture.run("HRANDFIELD h -4000000000000000000").is_error());
    assert_eq!(fixture.run("HRANDFIELD none -4000000000000000000"), Reply::Array(Vec::new()));
}
