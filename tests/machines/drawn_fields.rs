//! Tests with drawn commands: a hash with deadlines of fields against a model, on two nodes that remove different dead
//! fields at different times. Either of them is the master of a command.

use crate::seed::Seed;
use fastrand::Rng;
use replicheck::command::{Command, Reply, View};
use replicheck::effect::{Effect, Key};
use replicheck::node::{dead_fields, removal_with_deadline};
use replicheck::store::memory::MemoryStore;
use replicheck::store::record::{Record, Value};
use replicheck::store::{Content, Store, dump};
use replicheck::time::Millis;
use std::collections::BTreeMap;

const FIELDS: [&str; 4] = ["a", "b", "c", "d"];

/// The living fields: value and deadline.
type Model = BTreeMap<&'static str, (i64, Option<u64>)>;

fn pick<T: Copy>(random: &mut Rng, items: &[T]) -> T {
    items[random.usize(..items.len())]
}

/// A draw of a command: its words, and the change of the model.
fn draw(random: &mut Rng, model: &mut Model, now: u64) -> (String, Option<Reply>) {
    let field = pick(random, &FIELDS);
    let other = pick(random, &FIELDS);
    let number = random.i64(0..100);
    let deadline = (now + 12).saturating_sub(random.u64(..15)).max(1);
    let current = model.get(field).copied();
    let set = |model: &mut Model, field, value, deadline: Option<u64>| {
        if deadline.is_some_and(|deadline| deadline <= now) {
            model.remove(field);
        } else {
            model.insert(field, (value, deadline));
        }
    };
    match random.u64(..11) {
        0 => {
            set(model, field, number, None);
            (format!("HSET h {field} {number}"), Some(Reply::Integer(i64::from(current.is_none()))))
        }
        1 => {
            model.entry(field).or_insert((number, None));
            (format!("HSETNX h {field} {number}"), Some(Reply::Integer(i64::from(current.is_none()))))
        }
        2 => {
            let count = i64::from(model.remove(field).is_some()) + i64::from(model.remove(other).is_some());
            (format!("HDEL h {field} {other}"), Some(Reply::Integer(count)))
        }
        3 => {
            let (value, deadline) = current.unwrap_or((0, None));
            set(model, field, value + 1, deadline);
            (format!("HINCRBY h {field} 1"), Some(Reply::Integer(value + 1)))
        }
        4 | 5 => {
            let condition = pick(random, &["", "NX ", "XX ", "GT ", "LT "]);
            let mut outcome = |field: &'static str| match model.get(field).copied() {
                None => -2,
                Some((value, current)) => {
                    let allows = match (condition, current) {
                        ("NX ", current) => current.is_none(),
                        ("XX ", current) => current.is_some(),
                        ("GT ", current) => current.is_some_and(|current| deadline > current),
                        ("LT ", current) => current.is_none_or(|current| deadline < current),
                        _ => true,
                    };
                    if allows {
                        set(model, field, value, Some(deadline));
                    }
                    if !allows { 0 } else { 1 + i64::from(deadline <= now) }
                }
            };
            let outcomes = [outcome(field), outcome(other)].map(Reply::Integer);
            let line = format!("HPEXPIREAT h {deadline} {condition}FIELDS 2 {field} {other}");
            (line, Some(Reply::Array(outcomes.to_vec())))
        }
        6 => {
            let outcome = match current {
                None => -2,
                Some((_, None)) => -1,
                Some((value, Some(_))) => {
                    set(model, field, value, None);
                    1
                }
            };
            let reply = Reply::Array(vec![Reply::Integer(outcome)]);
            (format!("HPERSIST h FIELDS 1 {field}"), Some(reply))
        }
        7 => {
            set(model, field, number, Some(deadline));
            (format!("HSETEX h PXAT {deadline} FIELDS 1 {field} {number}"), Some(Reply::Integer(1)))
        }
        8 => {
            set(model, field, number, current.and_then(|(_, deadline)| deadline));
            (format!("HSETEX h KEEPTTL FIELDS 1 {field} {number}"), Some(Reply::Integer(1)))
        }
        9 => {
            if let Some((value, _)) = current {
                set(model, field, value, Some(deadline));
            }
            (format!("HGETEX h PXAT {deadline} FIELDS 1 {field}"), None)
        }
        _ => {
            model.remove(field);
            (format!("HGETDEL h FIELDS 1 {field}"), None)
        }
    }
}

fn run(store: &MemoryStore, line: &str, now: Millis, lsn: u64) -> (Reply, Effect) {
    let argv = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
    let command = Command::parse(0, argv).expect("a command");
    command
        .execute(&View::new(store, 0, now).with_incarnation(lsn), now)
        .expect("a store in memory does not fail")
}

/// Asserts that the store holds the model: living fields with deadlines, numbers and metadata.
#[track_caller]
fn check(store: &MemoryStore, model: &Model, now: Millis) {
    let stored = dump(store).expect("not damaged").remove(&Key::new(0, "h"));
    let living = match &stored {
        Some(stored) if !stored.is_dead(now) => match &stored.content {
            Content::Hash(fields) => {
                fields.iter().map(|(field, value)| (field.clone(), (value.clone(), None))).collect()
            }
            content @ Content::Fields(_) => content.living_fields(now).expect("fields"),
            other => panic!("{other}"),
        },
        _ => BTreeMap::new(),
    };
    let expected = model.iter().map(|(field, (value, deadline))| {
        (field.as_bytes().to_vec(), (value.to_string().into_bytes(), deadline.map(Millis)))
    });
    assert_eq!(living, expected.collect());
    let view = View::new(store, 0, now);
    assert_eq!(run(store, "HLEN h", now, 0).0, Reply::count(model.len()));
    assert_eq!(run(store, "EXISTS h", now, 0).0, Reply::Integer(i64::from(!model.is_empty())));
    if let Some(Record { value: Value::Hash(_, Some(last)), .. }) = view.record(b"h").expect("a record") {
        let latest = model.values().filter_map(|(_, deadline)| *deadline).max().unwrap_or(0);
        assert!(last.0 == latest || (latest == 0 && last <= now), "{last:?}, but the latest is {latest}");
    }
}

#[test]
fn drawn_commands_on_nodes_that_removed_different_fields_agree() {
    for seed in Seed::of_this_run().and_next(400) {
        let mut random = Rng::with_seed(seed);
        let mut stores = [MemoryStore::new(), MemoryStore::new()];
        let (mut model, mut now) = (Model::new(), 1000);
        let mut lines = Vec::new();
        for lsn in 1..60 {
            now += random.u64(..4);
            model.retain(|_, (_, deadline)| deadline.is_none_or(|deadline| now < deadline));
            for store in &mut stores {
                let most = pick(&mut random, &[0, 1, 2]);
                let key = Key::new(0, "h");
                let removed = match random.u64(..4) {
                    0 => removal_with_deadline(store, &key, Millis(now))
                        .expect("memory")
                        .map(|(effect, _)| effect),
                    1 | 2 => {
                        dead_fields(store, &key, Millis(now), most).expect("memory").map(|dead| dead.effect)
                    }
                    _ => None,
                };
                store.write(&removed.map_or_else(Vec::new, |effect| effect.writes)).expect("memory");
            }
            let (line, expected) = draw(&mut random, &mut model, now);
            lines.push(format!("{now}: {line}"));
            let [first, second] = &stores;
            let [first, second] = [first, second].map(|store| run(store, &line, Millis(now), lsn));
            assert_eq!(first.0, second.0, "seed {seed}: {lines:#?}");
            assert!(
                expected.is_none_or(|expected| expected == first.0),
                "seed {seed}: {:?}: {lines:#?}",
                first.0
            );
            let effect = if random.u64(..2) == 0 { first.1 } else { second.1 };
            for store in &mut stores {
                store.write(&effect.writes).expect("memory");
                check(store, &model, Millis(now));
            }
            let [first, second] = &stores;
            let record = |store| View::new(store, 0, Millis(now)).record(b"h").expect("a record");
            assert_eq!(record(first), record(second), "seed {seed}: {lines:#?}");
        }
    }
}
