//! Tests of properties that a transcript of a real server cannot show: effects, incarnations, whole scans, and long sequences
//! of commands beside a simple model.

use crate::command::Reply;
use crate::command::fixture::Fixture;
use crate::command::random::Random;
use crate::effect::{Effect, Key};
use crate::store::{Content, dump};
use crate::time::Millis;
use std::collections::{BTreeMap, BTreeSet};

/// Numbers from `range` as words.
fn words(range: std::ops::Range<usize>) -> String {
    range.map(|number| number.to_string()).collect::<Vec<_>>().join(" ")
}

fn with_members(count: usize) -> Fixture {
    let mut fixture = Fixture::new();
    fixture.run(&format!("SADD s {}", words(0..count)));
    fixture
}

#[track_caller]
fn check_writes(fixture: &mut Fixture, line: &str, writes: usize) {
    let effect = fixture.effect(line);
    assert_eq!(effect.writes.len(), writes, "{line}: {effect:?}");
}

#[test]
fn set_write_costs_the_members_that_it_changes() {
    let mut fixture = with_members(1_000);
    check_writes(&mut fixture, "SADD s new", 2);
    check_writes(&mut fixture, "SADD s new a b a 1 2", 3);
    check_writes(&mut fixture, "SREM s new", 2);
    check_writes(&mut fixture, "SREM s a b none a", 3);
    check_writes(&mut fixture, "SPOP s", 2);
    check_writes(&mut fixture, "SPOP s 10", 11);
    check_writes(&mut fixture, "SADD t x y", 3);
    check_writes(&mut fixture, "SMOVE t s x", 4);
    check_writes(&mut fixture, "SMOVE t s y", 4);
    check_writes(&mut fixture, "SADD t x z", 3);
    check_writes(&mut fixture, "SMOVE s t x", 2);
    check_writes(&mut fixture, "SUNIONSTORE u t t", 3);
    check_writes(&mut fixture, "SUNIONSTORE u t", 4);
    check_writes(&mut fixture, "SINTERSTORE u t s", 2);
    check_writes(&mut fixture, "SPOP t 2", 2);
}

#[test]
fn set_without_members_does_not_exist() {
    for line in ["SREM s 0 1 2 3 4 5 6 7 8 9", "SPOP s 10", "SINTERSTORE s s none", "SDIFFSTORE s s s"] {
        let mut fixture = with_members(10);
        check_writes(&mut fixture, line, 2);
        assert_eq!(fixture.records(), 0, "{line}");
    }
}

#[test]
fn set_writes_that_change_nothing_have_no_effect() {
    let mut fixture = with_members(10);
    fixture.run("SADD t 1");
    fixture.run("SET str v");
    let lines = [
        "SADD s 1 2 1",
        "SADD str a",
        "SREM s none",
        "SREM none 1",
        "SREM str 1",
        "SMOVE s t none",
        "SMOVE s s 1",
        "SMOVE none s 1",
        "SMOVE s str 1",
        "SPOP s 0",
        "SPOP none",
        "SPOP none 5",
        "SPOP s -1",
        "SINTERSTORE none s absent",
        "SUNIONSTORE none absent",
        "SDIFFSTORE none s s",
        "SUNIONSTORE t s str",
    ];
    for line in lines {
        assert_eq!(fixture.effect(line), Effect::none(), "{line}");
    }
    fixture.run("SADD dead 1");
    fixture.run("PEXPIRE dead 5");
    fixture.now = Millis(2_000);
    for line in ["SINTERSTORE dead s none", "SDIFFSTORE dead s s", "SREM dead 1", "SPOP dead 1"] {
        assert_eq!(fixture.effect(line), Effect::none(), "{line}: the node removes dead keys itself");
    }
}

#[test]
fn set_created_over_a_dead_key_takes_nothing_from_it() {
    for create in ["SADD s new", "SMOVE from s new", "SUNIONSTORE s from"] {
        for dead in ["SADD s 1 2 3", "HSET s f v", "SET s v"] {
            let mut fixture = Fixture::new();
            fixture.run(dead);
            fixture.run("PEXPIRE s 5");
            fixture.now = Millis(2_000);
            fixture.run("SADD from new");
            fixture.run(create);
            fixture.run("DEL from");
            assert_eq!(
                fixture.run("SMEMBERS s"),
                Reply::Set(vec![Reply::bulk("new")]),
                "{create} after {dead}"
            );
            assert_eq!(fixture.run("TTL s"), Reply::Integer(-1), "{create} after {dead}");
            assert_eq!(fixture.records(), 2, "{create} after {dead}");
        }
    }
}

#[test]
fn set_replies_are_sets_where_redis_sends_sets() {
    let mut fixture = with_members(3);
    for line in [
        "SMEMBERS s",
        "SINTER s",
        "SUNION s",
        "SDIFF s",
        "SPOP s 1",
        "SPOP s 0",
        "SMEMBERS none",
        "SPOP none 1",
    ] {
        assert!(matches!(fixture.run(line), Reply::Set(_)), "{line}");
    }
    for line in ["SRANDMEMBER s 2", "SRANDMEMBER s -2", "SRANDMEMBER none 2", "SMISMEMBER s 1"] {
        assert!(matches!(fixture.run(line), Reply::Array(_)), "{line}");
    }
}

#[test]
fn sscan_of_a_static_set_returns_each_member_once() {
    let mut fixture = with_members(600);
    for count in [1, 3, 10, 599, 600, 601] {
        let (mut seen, mut cursor) = (BTreeSet::new(), "0".to_owned());
        loop {
            let (next, names) =
                crate::command::keys::scanned(fixture.run(&format!("SSCAN s {cursor} COUNT {count}")));
            for name in names {
                assert!(seen.insert(name), "COUNT {count}: a member came twice");
            }
            if next == "0" {
                break;
            }
            cursor = next;
        }
        assert_eq!(seen.len(), 600, "COUNT {count}");
    }
    assert!(matches!(fixture.run("SSCAN s 77777777"), Reply::Error(text) if text.contains("invalid cursor")));
}

/// Sets as a user thinks of them.
type Model = BTreeMap<String, BTreeSet<Vec<u8>>>;

/// One drawn line, with the reply and the change that the model expects.
fn step(random: &mut Random, fixture: &mut Fixture, model: &mut Model) {
    let name = |random: &mut Random| ["a", "b", "c", "d"][random.below(4)].to_owned();
    let (first, second, third) = (name(random), name(random), name(random));
    let at = random.below(400);
    let some = at..at + 1 + random.below(200);
    let members: BTreeSet<Vec<u8>> = some.clone().map(|number| number.to_string().into_bytes()).collect();
    let set = |model: &Model, name: &str| model.get(name).cloned().unwrap_or_default();
    let (one, two) = (set(model, &second), set(model, &third));
    let combined: [(&str, BTreeSet<Vec<u8>>); 3] = [
        ("SINTER", one.intersection(&two).cloned().collect()),
        ("SUNION", one.union(&two).cloned().collect()),
        ("SDIFF", one.difference(&two).cloned().collect()),
    ];
    fixture.random = random.below(usize::MAX) as u64;
    match random.below(12) {
        0..=3 => {
            let added = members.difference(&set(model, &first)).count();
            assert_eq!(fixture.run(&format!("SADD {first} {}", words(some))), Reply::count(added));
            model.entry(first).or_default().extend(members);
        }
        4 => {
            let removed = members.intersection(&set(model, &first)).count();
            assert_eq!(fixture.run(&format!("SREM {first} {}", words(some))), Reply::count(removed));
            model.entry(first).or_default().retain(|member| !members.contains(member));
        }
        5 | 6 => {
            let count = [0, 1, 2, 3, 50, 300][random.below(6)];
            let Reply::Set(popped) = fixture.run(&format!("SPOP {first} {count}")) else {
                panic!("not a set")
            };
            let left = model.entry(first).or_default();
            assert_eq!(popped.len(), count.min(left.len()));
            for member in popped {
                let Reply::Bulk(member) = member else { panic!("not a member") };
                assert!(left.remove(&member), "{member:?} was not in the set");
            }
        }
        7 => {
            let member = at.to_string().into_bytes();
            let moves = set(model, &first).contains(&member);
            assert_eq!(fixture.run(&format!("SMOVE {first} {second} {at}")), Reply::truth(moves));
            if moves {
                model.entry(first).or_default().remove(&member);
                model.entry(second).or_default().insert(member);
            }
        }
        8 | 9 => {
            let (command, result) = combined[random.below(3)].clone();
            assert_eq!(
                fixture.run(&format!("{command}STORE {first} {second} {third}")),
                Reply::count(result.len())
            );
            model.insert(first, result);
        }
        _ => {
            let (command, result) = combined[random.below(3)].clone();
            let Reply::Set(shown) = fixture.run(&format!("{command} {second} {third}")) else {
                panic!("not a set")
            };
            let shown: Vec<Reply> = shown.into_iter().collect();
            assert_eq!(shown.len(), result.len());
            assert!(result.iter().all(|member| shown.contains(&Reply::bulk(member.clone()))));
            let shared = &combined[0].1;
            let limited = fixture.run(&format!("SINTERCARD 2 {second} {third} LIMIT 7"));
            assert_eq!(limited, Reply::count(shared.len().min(7)));
        }
    }
    model.retain(|_, members| !members.is_empty());
}

#[test]
fn sets_are_those_of_a_simple_model_after_drawn_commands() {
    for seed in 0..6 {
        println!("seed {seed}");
        let (mut random, mut fixture, mut model) = (Random::new(seed), Fixture::new(), Model::new());
        for _ in 0..150 {
            step(&mut random, &mut fixture, &mut model);
            // The dump also tells of a wrong number of members.
            let stored: BTreeMap<Key, Content> = dump(&fixture.store)
                .expect("a store in memory does not fail")
                .into_iter()
                .map(|(key, stored)| (key, stored.content))
                .collect();
            let expected: BTreeMap<Key, Content> = model
                .iter()
                .map(|(name, members)| (Key::new(0, name.as_bytes()), Content::Set(members.clone())))
                .collect();
            assert_eq!(stored, expected, "seed {seed}");
            let records: usize = model.values().map(|members| 1 + members.len()).sum();
            assert_eq!(fixture.records(), records, "seed {seed}: elements without a set");
        }
    }
}
