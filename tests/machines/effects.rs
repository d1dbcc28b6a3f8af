//! Key sets and effects: which key sets conflict, and to which keys a write belongs. Also the epoch that follows an epoch.

use replicheck::apply::Applier;
use replicheck::binlog::{Epoch, Lsn};
use replicheck::command::{Command, View, line};
use replicheck::effect::{Effect, Key, KeySet, Write};
use replicheck::ordering::{Admission, OrderingStrategy, Reads, Snapshots, Strategy};
use replicheck::store::memory::MemoryStore;
use replicheck::time::Millis;

fn key(name: &str) -> Key {
    Key::new(0, name)
}

fn keys(names: &[&str]) -> KeySet {
    KeySet::of(names.iter().map(|name| key(name)))
}

/// The effect of the command on an empty store.
fn effect(text: &str) -> Effect {
    let argv = line::split(text.as_bytes()).expect("a line");
    let command = Command::parse(0, argv).expect("a command");
    let store = MemoryStore::new();
    let (_, effect) = command.execute(&View::new(&store, 0, Millis(1_000)), Millis(1_000)).expect("it reads");
    effect
}

#[test]
fn key_of_another_database_says_which() {
    for (key, shown) in [(Key::new(0, "a"), "a"), (Key::new(2, "a"), "a (db 2)"), (Key::new(0, "\n"), "\\n")]
    {
        assert_eq!(key.to_string(), shown);
    }
}

#[test]
fn key_sets_conflict_where_they_share_a_key() {
    let (nothing, all) = (KeySet::empty(), KeySet::Everything);
    for (left, right, conflict) in [
        (keys(&["a", "b"]), keys(&["b", "c"]), true),
        (keys(&["a"]), keys(&["b"]), false),
        (all.clone(), keys(&["a"]), true),
        (all.clone(), all.clone(), true),
        (all.clone(), nothing.clone(), false),
        (nothing.clone(), nothing.clone(), false),
    ] {
        assert_eq!(left.conflicts_with(&right), conflict, "{left:?} {right:?}");
        assert_eq!(right.conflicts_with(&left), conflict, "{right:?} {left:?}");
    }
    assert!(nothing.is_empty() && !all.is_empty() && !keys(&["a"]).is_empty());
    assert!(all.contains(&key("a")) && keys(&["a"]).contains(&key("a")) && !keys(&["a"]).contains(&key("b")));
}

#[test]
fn writes_of_an_effect_belong_to_its_keys() {
    for (text, first, parts) in [
        ("SET a 1", Some("a"), vec![("a", 1)]),
        ("MSET b 1 a 2", Some("a"), vec![("a", 1), ("b", 1)]),
        ("HSET h f 1 g 2", Some("h"), vec![("h", 3)]),
        ("FLUSHDB", None, vec![]),
    ] {
        let effect = effect(text);
        let named = effect.first_key().map(|key| key.to_string());
        assert!(first.is_none() == named.is_none(), "{text}: {named:?}");
        assert!(named.is_none_or(|named| parts.iter().any(|(name, _)| *name == named)), "{text}");
        for (name, count) in &parts {
            assert_eq!(effect.part(&key(name)).count(), *count, "{text}, {name}");
        }
        assert_eq!(effect.part(&key("z")).count(), 0, "{text}");
        let owned = effect.writes.iter().filter(|write| write.owner().is_some()).count();
        assert_eq!(owned, parts.iter().map(|(_, count)| count).sum::<usize>(), "{text}");
    }
    // A range within one key belongs to that key; a range over all keys belongs to none.
    let hash = effect("HSET h f 1").writes.into_iter().find_map(|write| match write {
        Write::Put { key, .. } => Some(key),
        _ => None,
    });
    let from = hash.expect("a hash is put");
    let range =
        |keys| Effect { writes: vec![Write::DeleteRange { from: from.clone(), to: vec![255] }], keys };
    assert_eq!(range(keys(&["h"])).first_key().as_deref(), Some(&key("h")));
    assert_eq!(range(KeySet::Everything).first_key(), None);
}

#[test]
fn epoch_after_an_epoch_counts_on_and_carries_what_was_drawn() {
    for (epoch, drawn, next, shown) in [
        (0, 0, 1 << 32, "1-00000000"),
        (0, 7, (1 << 32) + 7, "1-00000007"),
        ((3 << 32) + 9, 0x00c0_ffee, (4 << 32) + 0x00c0_ffee, "4-00c0ffee"),
        ((3 << 32) + 0xffff_ffff, 1, (4 << 32) + 1, "4-00000001"),
    ] {
        assert_eq!(Epoch(epoch).next(drawn), Epoch(next), "{epoch}");
        assert_eq!(Epoch(next).to_string(), shown);
    }
    assert_eq!(Epoch(3).to_string(), "3");
}

#[test]
fn applier_entry_in_parts_is_applied_with_its_last_part() {
    let mut applier = Applier::new(Strategy::KeyHash.machine(2, 1), 2, Lsn::NONE);
    for (lsn, names) in [(1, vec!["a", "b", "c"]), (2, vec!["a"])] {
        let first_key = names.first().map(|name| key(name));
        let entry = Admission::new(Lsn(lsn), keys(&names), first_key, true);
        applier.admit(&entry).expect("it is admitted");
    }
    let mut parts = 3;
    while !applier.is_finished(Lsn(1)) {
        let mut wrote = false;
        for worker in 0..2 {
            let Some(job) = applier.take(worker) else { continue };
            wrote = true;
            let is_of_first = job.first() == Lsn(1);
            let marker = applier.begin(worker).expect("it may be written");
            if is_of_first && parts == 1 {
                assert!(marker >= Lsn(1), "the batch of the last part carries the entry");
            } else if parts > 1 {
                assert_eq!(marker, Lsn::NONE, "{parts} parts of entry 1 are left");
            }
            applier.wrote(worker);
            applier.finish(worker).expect("it is written");
            parts -= usize::from(is_of_first);
            assert_eq!(applier.watermark() >= Lsn(1), parts == 0, "{parts} parts left");
        }
        assert!(wrote, "a worker can go on");
    }
    assert_eq!(parts, 0);
}

/// What a machine does and returns, step by step, on one log of four entries, one of which is on everything, with cuts between.
fn run<O: OrderingStrategy>(mut machine: O) -> Vec<String> {
    let mut said = vec![format!("{:?} {}", machine.reads(), machine.interchangeable_workers())];
    let log = [(1, keys(&["a"])), (2, KeySet::Everything), (3, keys(&["a", "b"])), (4, keys(&["b"]))];
    let mut next = log.into_iter().peekable();
    for step in 0..40 {
        while machine.admits() {
            let Some((lsn, keys)) = next.next_if(|(lsn, _)| *lsn <= 3 || step > 10) else { break };
            let first_key = if keys == KeySet::Everything { None } else { Some(key("a")) };
            let splittable = lsn != 3;
            let refused = machine.admit(&Admission::new(Lsn(lsn), keys, first_key, splittable));
            said.push(format!("admits {lsn}: {}", refused.is_ok()));
        }
        if step % 10 == 3 {
            machine.snapshots_mut().into_iter().for_each(Snapshots::cut);
            said.push(format!("cut, admits {}", machine.admits()));
        }
        let taken: Vec<_> = (0..2).filter_map(|worker| Some((worker, machine.take(worker)?))).collect();
        for (worker, job) in taken {
            said.push(format!("{worker} takes {job:?}, may write {}", machine.may_write(&job)));
            machine.finish(worker, &job);
        }
        let publishable = |machine: &O| machine.snapshots().and_then(Snapshots::publishable);
        if let Some(lsn) = publishable(&machine) {
            machine.snapshots_mut().into_iter().for_each(Snapshots::published);
            said.push(format!("published {lsn}, then {:?}", publishable(&machine)));
        }
    }
    said
}

#[test]
fn machine_in_a_box_does_as_it_does_outside() {
    for strategy in Strategy::ALL {
        let machine = || strategy.machine(2, 4);
        let plain = run(machine());
        assert!(plain.len() > 8, "{}: {plain:#?}", strategy.name());
        let publishes = plain.iter().any(|line| line.starts_with("published"));
        assert_eq!(publishes, machine().reads() == Reads::Published, "{}: {plain:#?}", strategy.name());
        let boxed: Box<dyn OrderingStrategy + Send> = Box::new(machine());
        assert_eq!(run(boxed), plain, "{}", strategy.name());
    }
}
