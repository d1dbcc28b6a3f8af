//! Tests of sorted sets that are large enough for blocks, at the sizes that are stored: commands that write many members at
//! once, and sets of an earlier build. After each command all counting records are checked.

use super::level::Sizes;
use super::order::Shape;
use super::places::place;
use super::structure::records;
use super::writer::Writer;
use crate::command::fixture::Fixture;
use crate::command::{Reply, View};
use crate::store::Store;
use crate::store::element::Score;
use crate::store::memory::MemoryStore;
use crate::store::record::Levels;
use crate::time::Millis;
use std::collections::BTreeSet;

/// A set by name, and what it is; `None`: it does not exist.
type Expected<'a> = (&'a str, Option<(Levels, usize)>);

/// Number of members of a set that has several blocks.
const LARGE: usize = 70_000;

/// Checks the counting records of the set `name`, and returns its levels and its number of members; `None`: it does not exist.
fn checked(fixture: &Fixture, name: &str) -> Option<(Levels, usize)> {
    let view = View::new(&fixture.store, 0, fixture.now);
    let (Shape { collection, levels }, _) = Shape::open(&view, name.as_bytes()).expect("a sorted set")?;
    let key = view.key(name.as_bytes());
    let (members, places, counted) = records(&fixture.store, &key, collection.incarnation);
    assert_eq!(collection.count, members.len() as u64, "{name}: the number of members");
    let expected: BTreeSet<Vec<u8>> =
        members.iter().map(|scored| place(scored.score, &scored.member)).collect();
    assert!(places.iter().eq(&expected), "{name}: the order of the scores");
    counted.check(levels, &places, Sizes::STORED);
    Some((levels, members.len()))
}

/// A store with a set `z` of the members 0 .. LARGE, whose scores are these numbers, as a build without blocks wrote it.
fn of_an_earlier_build() -> MemoryStore {
    let mut store = MemoryStore::new();
    let effect = {
        let view = View::new(&store, 0, Millis(1000)).with_incarnation(1);
        let writer = Writer::open(&view, b"z").expect("no set");
        let mut writer = writer.with_sizes(Sizes { chunk: 512, block: u64::MAX / 2 });
        for number in 0..u32::try_from(LARGE).expect("small") {
            let score = Score::new(f64::from(number)).expect("a number");
            writer.put(number.to_string().as_bytes(), None, score).expect("it puts");
        }
        writer.finish().expect("an effect")
    };
    store.write(&effect.writes).expect("a store in memory does not fail");
    store
}

#[test]
fn bulk_writes_keep_both_levels_of_counting_records() {
    let mut fixture = Fixture::new();
    let pairs: Vec<String> = (0..LARGE).map(|number| format!("{} m{number:05}", number / 3)).collect();
    fixture.run(&format!("ZADD z {}", pairs.join(" ")));
    let pairs: Vec<String> = (0..LARGE).map(|number| format!("0 m{number:05}")).collect();
    fixture.run(&format!("ZADD same {}", pairs.join(" ")));
    let (two, gone) = (Levels::Two, None);
    let cases: [(&str, &[Expected<'_>]); 19] = [
        ("ZCARD z", &[("z", Some((two, LARGE)))]),
        ("COPY z copy", &[("copy", Some((two, LARGE)))]),
        ("RENAME copy renamed", &[("copy", gone), ("renamed", Some((two, LARGE)))]),
        ("ZRANGESTORE stored z 0 39999", &[("stored", Some((two, 40_000)))]),
        ("ZUNIONSTORE union 2 z stored WEIGHTS 1 -2", &[("union", Some((two, LARGE)))]),
        ("ZINTERSTORE both 2 z stored", &[("both", Some((two, 40_000)))]),
        ("ZDIFFSTORE both 2 z stored", &[("both", Some((Levels::One, 30_000)))]),
        ("ZREMRANGEBYRANK z 100 30099", &[("z", Some((two, 40_000)))]),
        ("ZREMRANGEBYSCORE z 11000 19999", &[("z", Some((two, 13_000)))]),
        ("ZADD z 7 a 7 b 15000 m00000", &[("z", Some((two, 13_002)))]),
        ("ZPOPMIN renamed 50000", &[("renamed", Some((two, 20_000)))]),
        ("ZPOPMAX stored 39990", &[("stored", Some((two, 10)))]),
        ("ZMPOP 1 union MAX COUNT 65000", &[("union", Some((two, 5_000)))]),
        ("ZREMRANGEBYRANK union 0 4998", &[("union", Some((two, 1)))]),
        ("ZREMRANGEBYRANK union 0 -1", &[("union", gone)]),
        ("ZADD union 1 a", &[("union", Some((Levels::Zero, 1)))]),
        ("RENAME z union", &[("z", gone), ("union", Some((two, 13_002)))]),
        ("ZUNIONSTORE union 1 stored", &[("union", Some((Levels::Zero, 10)))]),
        ("DEL z renamed stored union both", &[("renamed", gone), ("union", gone), ("both", gone)]),
    ];
    for (line, expected) in cases {
        let reply = fixture.run(line);
        assert!(!reply.is_error(), "{line}: {reply:?}");
        for (name, expected) in expected {
            assert_eq!(checked(&fixture, name), *expected, "{line}: {name}");
        }
    }
    fixture.run("ZREMRANGEBYLEX same [m10000 (m60000");
    assert_eq!(checked(&fixture, "same"), Some((two, 20_000)));
    fixture.run("DEL same");
    assert_eq!(fixture.records(), 0);
}

#[test]
fn set_of_an_earlier_build_gets_blocks_at_its_next_write_and_is_read_rightly_before() {
    let store = of_an_earlier_build();
    let read = |fixture: &mut Fixture, shift: usize| {
        for number in [10, 511, 512, 40_000, 69_000] {
            let rank = Reply::count(number - shift);
            assert_eq!(fixture.run(&format!("ZRANK z {number}")), rank, "{number}");
            let range = format!("ZRANGE z {0} {0}", number - shift);
            assert_eq!(fixture.run(&range), Reply::Array(vec![Reply::bulk(number.to_string())]));
            assert_eq!(fixture.run(&format!("ZCOUNT z -inf ({number}")), rank);
        }
    };
    let (two, one) = (Levels::Two, Levels::One);
    for (line, shift, levels, count) in [
        ("ZADD z 5 5", 0, one, LARGE),
        ("ZADD z 69999.5 new", 0, two, LARGE + 1),
        ("ZADD z 69999.5 69990", 0, two, LARGE),
        ("ZADD z 5.5 5", 0, two, LARGE),
        ("ZINCRBY z 70000 5", 1, two, LARGE),
        ("ZREM z 3", 1, two, LARGE - 1),
        ("ZPOPMIN z", 1, two, LARGE - 1),
        ("ZREMRANGEBYRANK z 69500 -1", 0, two, 69_500),
        ("ZREMRANGEBYSCORE z 0 4", 5, two, LARGE - 5),
    ] {
        let mut fixture = Fixture::new();
        (fixture.store, fixture.lsn) = (store.clone(), 1);
        read(&mut fixture, 0);
        let reply = fixture.run(line);
        assert!(!reply.is_error(), "{line}: {reply:?}");
        // Chunks that no member was put into have the size of the earlier build.
        let view = View::new(&fixture.store, 0, fixture.now);
        let (shape, _) = Shape::open(&view, b"z").expect("a sorted set").expect("it exists");
        assert_eq!((shape.levels, shape.collection.count), (levels, count as u64), "{line}");
        let (_, places, counted) = records(&fixture.store, &view.key(b"z"), shape.collection.incarnation);
        let block = if levels == one { u64::MAX / 2 } else { Sizes::STORED.block };
        counted.check(levels, &places, Sizes { chunk: 512, block });
        read(&mut fixture, shift);
    }
}
