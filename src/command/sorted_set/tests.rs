//! Tests of properties that a transcript of a real server cannot show: the records that commands read and write,
//! incarnations, random choices, sets as sources, and what Redis 7.2 has added.

use super::level::Sizes;
use crate::command::fixture::Fixture;
use crate::command::{Command, Edit, Reply, View};
use crate::effect::Key;
use crate::store::element::{self, Score};
use crate::store::memory::MemoryStore;
use crate::store::record::{Record, Value};
use crate::store::{Read, Store, StoreError, Visit};
use crate::time::Millis;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

fn double(number: f64) -> Reply {
    Reply::Double(Score::new(number).expect("a number"))
}

fn bulk(text: &str) -> Reply {
    Reply::bulk(text)
}

/// A store that counts the records it shows.
struct Counted<'a> {
    store: &'a MemoryStore,
    shown: Cell<usize>,
}

impl Read for Counted<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.shown.set(self.shown.get() + 1);
        self.store.get(key)
    }

    fn scan(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.store.scan(from, to, &mut |key, value| {
            self.shown.set(self.shown.get() + 1);
            visit(key, value)
        })
    }

    fn scan_back(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.store.scan_back(from, to, &mut |key, value| {
            self.shown.set(self.shown.get() + 1);
            visit(key, value)
        })
    }
}

/// The number of records that a command reads, and of those that it writes.
fn cost(store: &MemoryStore, line: &str) -> (usize, usize) {
    let argv = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
    let command = Command::parse(0, argv).expect("a command");
    let counted = Counted { store, shown: Cell::new(0) };
    let view = View::new(&counted, 0, Millis(1000)).with_incarnation(1_000_000).with_random(7);
    let (reply, effect) = command.execute(&view, Millis(1000)).expect("a store in memory does not fail");
    assert!(!reply.is_error(), "{line}: {reply:?}");
    (counted.shown.get(), effect.writes.len())
}

/// A sorted set `z` of the members m00000, m00001 and so on, with these numbers as scores; and `l` with equal scores.
fn large(count: usize) -> Fixture {
    let mut fixture = Fixture::new();
    for key in ["z", "l"] {
        let score = |number| if key == "z" { number } else { 0 };
        let pairs: Vec<String> = (0..count).map(|number| format!("{} m{number:05}", score(number))).collect();
        fixture.run(&format!("ZADD {key} {}", pairs.join(" ")));
    }
    fixture
}

#[test]
fn sorted_set_small_writes_the_records_of_one_member() {
    let mut fixture = Fixture::new();
    let cases = [
        ("ZADD z 1 a", 3),
        ("ZADD z 1 a", 0),
        ("ZADD z 2 a", 3),
        ("ZADD z 2 b 3 b 4 b", 5),
        ("ZINCRBY z 1 b", 3),
        ("ZINCRBY z 0 b", 0),
        ("ZADD z NX 9 a", 0),
        ("ZADD z XX 9 nobody", 0),
        ("ZADD z GT 1 a", 0),
        ("ZREM z nobody", 0),
        ("ZREM z b", 3),
        ("ZREM z a", 2),
        ("ZREM z a", 0),
        ("ZPOPMIN z", 0),
        ("ZREMRANGEBYRANK z 0 -1", 0),
    ];
    for (line, writes) in cases {
        // A member that was put at several scores leaves a write for each record that it had.
        let effect = fixture.effect(line);
        assert!(effect.writes.len() <= writes && effect.is_empty() == (writes == 0), "{line}: {effect:?}");
    }
    assert_eq!(fixture.records(), 0);
}

#[test]
fn zrem_of_a_member_that_is_named_twice_removes_it_once() {
    let mut fixture = Fixture::new();
    for (members, removed) in [("1 a", "a a"), ("1 a 2 b", "b a b a")] {
        fixture.run(&format!("ZADD z {members}"));
        let count = members.split(" ").count() / 2;
        assert_eq!(fixture.run(&format!("ZREM z {removed}")), Reply::count(count), "{removed}");
    }
    assert_eq!(fixture.records(), 0);
}

#[test]
fn sorted_set_large_costs_no_more_for_one_member() {
    let count = 100_000;
    let fixture = large(count);
    let Sizes { chunk, block } = Sizes::STORED;
    let [chunk, block] = [chunk, block].map(|size| usize::try_from(size).expect("small"));
    // A rank near the end reads all blocks, the chunks of one block and the members of one chunk: less than all chunks.
    let rank = count / block + 2 * block / chunk + 2 * chunk;
    assert!(rank < 3 * count / (4 * chunk), "{rank} records are no fewer than without blocks");
    let cases = [
        ("ZADD z 77.5 new", 40, 5),
        ("ZADD z 99999 m00001", 40, 7),
        ("ZADD z 1.5 m00001", 40, 3),
        ("ZINCRBY z 1 m07000", 40, 3),
        ("ZREM z m07000", 40, 5),
        ("ZSCORE z m07000", 5, 0),
        ("ZCARD z", 2, 0),
        ("ZRANGE z 0 9", 40, 0),
        ("ZRANGE z -10 -1", 40, 0),
        ("ZREVRANGE z 0 9", 40, 0),
        ("ZRANGE z 95000 95009", rank + 20, 0),
        ("ZREVRANGE z 5000 5009", rank + 20, 0),
        ("ZRANGEBYSCORE z 7000 8000 LIMIT 0 10", 40, 0),
        ("ZRANGEBYSCORE z 7000 8000 LIMIT 10 10", 40, 0),
        ("ZREVRANGEBYSCORE z 8000 7000 LIMIT 10 10", 40, 0),
        ("ZRANGEBYSCORE z 7000 +inf LIMIT 88000 10", 2 * rank + 20, 0),
        ("ZREVRANGEBYSCORE z +inf -inf LIMIT 5000 10", 2 * rank + 20, 0),
        ("ZRANGEBYLEX l [m07000 + LIMIT 0 10", 40, 0),
        ("ZRANK z m95000", rank, 0),
        ("ZREVRANK z m95000", rank, 0),
        ("ZCOUNT z 94000 95000", 2 * rank, 0),
        ("ZLEXCOUNT l [m94000 [m95000", 2 * rank, 0),
        ("ZRANDMEMBER z", rank, 0),
        ("ZRANDMEMBER z 2", 2 * rank, 0),
        ("ZPOPMIN z 3", 60, 9),
        ("ZPOPMAX z 3", 60, 9),
        ("ZREMRANGEBYRANK z 95000 95001", rank + 40, 7),
        ("ZREMRANGEBYSCORE z 7000 7001", 40, 7),
        ("ZREMRANGEBYLEX l [m07000 [m07001", 40, 7),
        ("ZREMRANGEBYRANK z 0 -1", count + 20, 2),
    ];
    for (line, reads, writes) in cases {
        let (read, written) = cost(&fixture.store, line);
        assert!(read <= reads && written <= writes, "{line}: {read} reads, {written} writes");
    }
}

#[test]
fn sorted_set_large_replies_as_a_list_would() {
    let mut fixture = large(3000);
    fixture.run("ZREMRANGEBYSCORE z 600 1499");
    let left: Vec<usize> = (0..600).chain(1500..3000).collect();
    for (rank, number) in left.iter().enumerate().step_by(7) {
        let member = format!("m{number:05}");
        let rank_from_the_end = left.len() - 1 - rank;
        assert_eq!(fixture.run(&format!("ZRANK z {member}")), Reply::count(rank));
        assert_eq!(fixture.run(&format!("ZREVRANK z {member}")), Reply::count(rank_from_the_end));
        let alone = Reply::Array(vec![bulk(&member)]);
        assert_eq!(fixture.run(&format!("ZRANGE z {rank} {rank}")), alone);
        assert_eq!(fixture.run(&format!("ZREVRANGE z {rank_from_the_end} {rank_from_the_end}")), alone);
        assert_eq!(fixture.run(&format!("ZCOUNT z -inf ({number}")), Reply::count(rank));
        assert_eq!(fixture.run(&format!("ZLEXCOUNT l - ({member}")), Reply::count(*number));
    }
}

#[test]
fn sorted_set_created_over_a_dead_one_takes_nothing_from_it() {
    for line in ["ZADD z 2 both", "ZINCRBY z 2 both", "ZUNIONSTORE z 1 other", "ZRANGESTORE z other 0 -1"] {
        let mut fixture = Fixture::new();
        fixture.run("ZADD other 2 both");
        fixture.run("ZADD z 1 old 1 both");
        fixture.run("PEXPIRE z 5");
        fixture.now = Millis(2000);
        fixture.run(line);
        assert_eq!(fixture.run("ZRANGE z 0 -1 WITHSCORES"), Reply::Pairs(vec![(bulk("both"), double(2.0))]));
        assert_eq!(fixture.run("TTL z"), Reply::Integer(-1), "{line}");
        assert_eq!(fixture.records(), 6, "{line}");
    }
}

#[test]
fn sorted_set_writes_that_change_nothing_have_no_effect() {
    let mut fixture = Fixture::new();
    fixture.run("ZADD z 1 a");
    fixture.run("ZADD dead 1 a");
    fixture.run("PEXPIRE dead 5");
    fixture.now = Millis(2000);
    let lines = [
        "ZADD z 1 a",
        "ZADD z NX 2 a",
        "ZADD none XX 1 a",
        "ZADD dead XX 1 a",
        "ZADD z INCR 0 a",
        "ZADD z 1 a x b",
        "ZREM dead a",
        "ZPOPMIN dead",
        "ZPOPMIN z 0",
        "ZMPOP 2 none dead MIN",
        "ZREMRANGEBYSCORE z 5 6",
        "ZUNIONSTORE none 1 dead",
        "ZUNIONSTORE dead 1 dead",
        "ZRANGESTORE none dead 0 -1",
        "ZDIFFSTORE none 2 z z",
    ];
    for line in lines {
        assert!(fixture.effect(line).is_empty(), "{line}");
    }
}

#[test]
fn zscan_of_a_static_set_returns_each_member_once() {
    let mut fixture = large(300);
    for count in [1, 2, 7, 10, 100, 299, 300, 301] {
        let mut seen: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
        let mut cursor = "0".to_owned();
        for call in 0.. {
            assert!(call <= 300, "COUNT {count}: the scan does not end");
            let reply = fixture.run(&format!("ZSCAN z {cursor} COUNT {count}"));
            let (next, flat) = crate::command::keys::scanned(reply);
            assert!(flat.len() <= 2 * count, "COUNT {count}: {} items", flat.len());
            for pair in flat.chunks(2) {
                seen.entry(pair[0].clone()).or_default().push(pair[1].clone());
            }
            if next == "0" {
                break;
            }
            cursor = next;
        }
        assert_eq!(seen.len(), 300, "COUNT {count}");
        for (number, (member, scores)) in seen.iter().enumerate() {
            assert_eq!(member, format!("m{number:05}").as_bytes());
            assert_eq!(scores, &[number.to_string().into_bytes()], "COUNT {count}");
        }
    }
}

#[test]
fn zrandmember_reaches_every_member_and_repeats_only_below_zero() {
    let mut fixture = Fixture::new();
    fixture.run("ZADD z 1 a 2 b 3 c 4 d");
    let (mut alone, mut first, mut repeated) = (BTreeSet::new(), BTreeSet::new(), false);
    for random in 0..100 {
        fixture.random = random;
        alone.insert(format!("{:?}", fixture.run("ZRANDMEMBER z")));
        let Reply::Array(three) = fixture.run("ZRANDMEMBER z 3") else { panic!("not an array") };
        let distinct: BTreeSet<String> = three.iter().map(|member| format!("{member:?}")).collect();
        assert_eq!(distinct.len(), 3);
        first.insert(format!("{:?}", three[0]));
        let Reply::Pairs(nine) = fixture.run("ZRANDMEMBER z -9 WITHSCORES") else { panic!("not pairs") };
        assert_eq!(nine.len(), 9);
        assert!(
            nine.contains(&(bulk("a"), double(1.0))) || !nine.iter().any(|(member, _)| *member == bulk("a"))
        );
        repeated |= nine[0] == nine[1];
    }
    assert_eq!((alone.len(), first.len(), repeated), (4, 4, true));
    assert!(fixture.run("ZRANDMEMBER z -4000000000000000000").is_error());
    assert_eq!(fixture.run("ZRANDMEMBER none -4000000000000000000"), Reply::Array(Vec::new()));
}

#[test]
fn zrandmember_of_a_large_set_is_even() {
    let mut fixture = large(2000);
    let mut parts = [0_u32; 4];
    for random in 0..200 {
        fixture.random = random;
        let Reply::Pairs(chosen) = fixture.run("ZRANDMEMBER z 10 WITHSCORES") else { panic!("not pairs") };
        for (_, score) in chosen {
            let Reply::Double(score) = score else { panic!("not a score") };
            let part = (0..4).find(|part| score.get() < f64::from(500 * (part + 1))).expect("a part");
            parts[usize::try_from(part).expect("small")] += 1;
        }
    }
    assert!(parts.iter().sum::<u32>() == 2000, "{parts:?}");
    assert!(parts.iter().all(|part| (400..600).contains(part)), "{parts:?}");
}

#[test]
fn rank_with_score_is_that_of_redis_7_2() {
    let mut fixture = Fixture::new();
    fixture.run("ZADD z 1 a 2.5 b");
    let reply = |rank, score| Reply::Array(vec![Reply::Integer(rank), double(score)]);
    assert_eq!(fixture.run("ZRANK z b WITHSCORE"), reply(1, 2.5));
    assert_eq!(fixture.run("ZREVRANK z a withscore"), reply(1, 1.0));
    assert_eq!(fixture.run("ZRANK z nobody WITHSCORE"), Reply::NullArray);
    assert_eq!(fixture.run("ZRANK none a WITHSCORE"), Reply::NullArray);
    assert_eq!(fixture.run("ZRANK none a"), Reply::Null);
    let refused = |text: &str| Reply::Error(format!("ERR {text}"));
    assert_eq!(fixture.run("ZRANK z a WITHSCORES"), refused("syntax error"));
    let arity = "wrong number of arguments for 'zrevrank' command";
    assert_eq!(fixture.run("ZREVRANK z a WITHSCORE x"), refused(arity));
}

#[test]
fn replies_have_the_shapes_of_resp3() {
    let mut fixture = Fixture::new();
    fixture.run("ZADD z 1 a 2 b 3 c 4 d 5 e");
    let pair = |member, score| (bulk(member), double(score));
    let list = |member, score| Reply::Array(vec![bulk(member), double(score)]);
    assert_eq!(fixture.run("ZPOPMIN z"), list("a", 1.0));
    assert_eq!(fixture.run("ZPOPMAX z 1"), Reply::Pairs(vec![pair("e", 5.0)]));
    let popped = Reply::Array(vec![bulk("z"), Reply::Array(vec![list("b", 2.0)])]);
    assert_eq!(fixture.run("ZMPOP 1 z MIN"), popped);
    assert_eq!(fixture.run("ZMPOP 1 none MIN"), Reply::NullArray);
    assert_eq!(fixture.run("ZRANGE z 0 0 WITHSCORES"), Reply::Pairs(vec![pair("c", 3.0)]));
    assert_eq!(fixture.run("ZUNION 1 z WITHSCORES"), Reply::Pairs(vec![pair("c", 3.0), pair("d", 4.0)]));
    assert_eq!(fixture.run("ZMSCORE z c none"), Reply::Array(vec![double(3.0), Reply::Null]));
    assert_eq!(fixture.run("ZINCRBY z 1 c"), double(4.0));
}

/// Stores a set under `s`.
fn put_set(store: &mut MemoryStore, members: &[&str], incarnation: u64) {
    let key = Key::new(0, "s");
    let effect = {
        let view = View::new(&*store, 0, Millis(1000)).with_incarnation(incarnation);
        let mut edit = Edit::new(&view);
        let mut set = edit.create(&key).expect("a new set");
        for member in members {
            let name = element::of_member(member.as_bytes());
            edit.put_element(&key, set.incarnation, &name, &[]).expect("an element");
            set.count += 1;
        }
        edit.put_record(&key, &Record { deadline: None, value: Value::Set(set) }).expect("a record");
        edit.finish()
    };
    store.write(&effect.writes).expect("a store in memory does not fail");
}

#[test]
fn set_is_a_source_whose_members_have_score_1() {
    let mut fixture = Fixture::new();
    fixture.run("ZADD z 5 a 6 d");
    put_set(&mut fixture.store, &["a", "b"], 100);
    let pairs = |pairs: &[(&str, f64)]| {
        Reply::Pairs(pairs.iter().map(|(member, score)| (bulk(member), double(*score))).collect())
    };
    let cases: [(&str, &[(&str, f64)]); 7] = [
        ("ZUNION 2 s z WITHSCORES", &[("b", 1.0), ("a", 6.0), ("d", 6.0)]),
        ("ZUNION 2 s z WEIGHTS 2 1 WITHSCORES", &[("b", 2.0), ("d", 6.0), ("a", 7.0)]),
        ("ZUNION 2 s s WITHSCORES", &[("a", 2.0), ("b", 2.0)]),
        ("ZINTER 2 s z AGGREGATE MIN WITHSCORES", &[("a", 1.0)]),
        ("ZINTER 2 z s WEIGHTS 1 10 WITHSCORES", &[("a", 15.0)]),
        ("ZDIFF 2 s z WITHSCORES", &[("b", 1.0)]),
        ("ZDIFF 2 z s WITHSCORES", &[("d", 6.0)]),
    ];
    for (line, expected) in cases {
        assert_eq!(fixture.run(line), pairs(expected), "{line}");
    }
    assert_eq!(fixture.run("ZINTERCARD 2 s z"), Reply::Integer(1));
    assert!(fixture.run("ZADD s 1 a").is_error() && fixture.run("ZRANGE s 0 -1").is_error());
    assert_eq!(fixture.run("ZUNIONSTORE s 2 s z"), Reply::Integer(3));
    assert_eq!(fixture.run("ZCARD s"), Reply::Integer(3));
    // Metadata and two records a member, for `z` with two members and `s` with three.
    assert_eq!(fixture.records(), 5 + 7);
}

#[test]
fn range_of_members_with_different_scores_is_one_stretch_of_the_order() {
    let mut fixture = Fixture::new();
    fixture.run("ZADD z 1 b 2 a 3 c 4 d");
    let members = |names: &[&str]| Reply::Array(names.iter().map(|name| bulk(name)).collect());
    assert_eq!(fixture.run("ZRANGEBYLEX z [b [c"), members(&["b", "a", "c"]));
    assert_eq!(fixture.run("ZREVRANGEBYLEX z [c [b"), members(&["c", "a", "b"]));
    assert_eq!(fixture.run("ZLEXCOUNT z [b [c"), Reply::Integer(3));
    assert_eq!(fixture.run("ZRANGEBYLEX z - (b"), members(&[]));
    assert_eq!(fixture.run("ZRANGEBYLEX z (b +"), members(&["c", "d"]));
}
