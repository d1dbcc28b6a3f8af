//! Watched keys on the pure master: which writes are changes, and when a watch ends. The transcript
//! `tests/golden/server/transactions.txt` has the rest, as Redis answers it.

use replicheck::binlog::Epoch;
use replicheck::command::{Command, line};
use replicheck::effect::Key;
use replicheck::expiry::Policy;
use replicheck::node::{Executed, Master, Transaction, WATCHED_KEYS_MAX, Watch};
use replicheck::store::memory::MemoryStore;
use replicheck::time::Millis;

fn command(text: &str) -> Command {
    Command::parse(0, line::split(text.as_bytes()).expect("a line")).expect("a command")
}

fn new_master(epoch: u64) -> Master<MemoryStore> {
    Master::new(MemoryStore::new(), Epoch(epoch))
}

fn run(master: &mut Master<MemoryStore>, text: &str, now: u64) {
    let ran = master.request(&*Policy::LogClock.get(), &command(text), Millis(now), 0, &mut Vec::new());
    ran.expect("memory does not fail");
}

fn watch(master: &mut Master<MemoryStore>, names: &[&str], now: u64) -> Watch {
    let keys: Vec<Key> = names.iter().map(|name| Key::new(0, *name)).collect();
    master.watch(&keys, Millis(now)).expect("memory does not fail").expect("there is room")
}

/// Whether an EXEC with `watch` runs nothing.
fn is_changed(master: &mut Master<MemoryStore>, watch: &Watch, now: u64) -> bool {
    let transaction =
        Transaction { commands: Vec::new(), watches: vec![watch.clone()], reply_bytes_max: usize::MAX };
    let ran = master.exec(&*Policy::LogClock.get(), &transaction, Millis(now), 0, &mut Vec::new());
    ran.expect("memory does not fail") == Executed::Changed
}

#[test]
fn watched_key_is_changed_by_a_write_that_a_client_can_see() {
    // What is done before WATCH, watched, what is done after it, changed.
    let cases: &[(&[&str], &str, &[&str], bool)] = &[
        (&[], "k", &[], false),
        (&[], "k", &["SET k 1"], true),
        (&["SET k 1"], "k", &["SET k 1"], true),
        (&["SET k 1"], "k", &["SET k 2", "SET k 1"], true),
        (&["SET k 1"], "k", &["DEL k", "SET k 1"], true),
        (&["SET k 1"], "k", &["SET j 1", "GET k", "SETNX k 2", "PERSIST k"], false),
        (&["SET k 1"], "k", &["RENAME k j"], true),
        (&["SET j 1"], "k", &["RENAME j k"], true),
        (&["SET k 1"], "k", &["COPY k j"], false),
        (&["HSET k f 1"], "k", &["HSET k f 1"], true),
        (&["SET k 1"], "k", &["FLUSHDB"], true),
        (&["SET j 1"], "k", &["FLUSHDB", "FLUSHALL"], false),
        (&["SET k 1"], "k", &["SWAPDB 1 2"], false),
        (&["SET k 1"], "k", &["SWAPDB 0 1"], true),
        (&["SET k 1", "SWAPDB 0 1"], "k", &["SWAPDB 1 0"], true),
        (&["SET j 1"], "k", &["SWAPDB 0 1"], false),
        (&["SET k 1"], "k", &["EXPIRE k 10"], true),
    ];
    for (before, watched, after, expected) in cases {
        let mut master = new_master(1);
        before.iter().for_each(|text| run(&mut master, text, 1_000));
        let token = watch(&mut master, &[watched], 1_000);
        after.iter().for_each(|text| run(&mut master, text, 1_000));
        assert_eq!(is_changed(&mut master, &token, 1_000), *expected, "{before:?} {after:?}");
    }
}

#[test]
fn watched_hash_is_changed_when_a_field_dies_and_not_when_a_dead_one_is_removed() {
    // Watched at, EXEC at, changed. Field f dies at 1010, g at 1020, i has no deadline any more.
    for (watched_at, exec_at, expected) in [
        (1_000, 1_009, false),
        (1_000, 1_010, true),
        (1_000, 2_000, true),
        (1_010, 1_019, false),
        (1_010, 1_020, true),
        (1_020, 9_000, false),
    ] {
        let mut master = new_master(1);
        run(&mut master, "HSET h f 1 g 1 i 1 j 1", 900);
        run(&mut master, "HPEXPIREAT h 1005 FIELDS 1 i", 900);
        run(&mut master, "HPERSIST h FIELDS 1 i", 900);
        run(&mut master, "HPEXPIREAT h 1010 FIELDS 1 f", 900);
        run(&mut master, "HPEXPIREAT h 1020 FIELDS 1 g", 900);
        let token = watch(&mut master, &["h"], watched_at);
        assert_eq!(is_changed(&mut master, &token, exec_at), expected, "{watched_at} {exec_at}");
    }
}

#[test]
fn watched_key_that_dies_is_changed_and_a_dead_one_that_is_removed_is_not() {
    // Watched at, written at 2000, EXEC at, changed.
    for (watched_at, after, exec_at, expected) in [
        (1_000, "GET k", 1_009, false),
        (1_000, "GET k", 1_010, true),
        (1_010, "GET k", 3_000, false),
        (1_010, "DEL k", 3_000, false),
        (1_010, "FLUSHALL", 3_000, false),
        (1_010, "SWAPDB 0 1", 3_000, false),
        (1_010, "SET k 2", 3_000, true),
    ] {
        let mut master = new_master(1);
        run(&mut master, "SET k 1 PX 10", 1_000);
        let token = watch(&mut master, &["k"], watched_at);
        run(&mut master, after, watched_at);
        let removed =
            master.expire(&*Policy::LogClock.get(), &Key::new(0, "k"), Millis(exec_at), &mut Vec::new());
        removed.expect("memory does not fail");
        assert_eq!(is_changed(&mut master, &token, exec_at), expected, "{watched_at} {after} {exec_at}");
    }
}

#[test]
fn watched_change_that_was_taken_back_is_none() {
    let mut master = new_master(1);
    let token = watch(&mut master, &["a", "b"], 1_000);
    run(&mut master, "SET a 1", 1_000);
    run(&mut master, "SET a 2", 1_000);
    assert!(is_changed(&mut master, &token, 1_000), "before the group is logged, too");
    master.watched_mut().undo();
    assert!(!is_changed(&mut master, &token, 1_000));
    run(&mut master, "SET b 1", 1_000);
    master.watched_mut().settle();
    master.watched_mut().undo();
    assert!(is_changed(&mut master, &token, 1_000), "a logged group is not taken back");
}

#[test]
fn watched_key_stays_in_the_table_until_its_last_watch_ends() {
    let mut master = new_master(1);
    let (first, second) = (watch(&mut master, &["k", "k"], 1_000), watch(&mut master, &["k", "j"], 1_000));
    run(&mut master, "SET k 1", 1_000);
    let third = watch(&mut master, &["k"], 1_000);
    assert_eq!(master.watched_mut().len(), 2);
    assert!(is_changed(&mut master, &first, 1_000) && is_changed(&mut master, &second, 1_000));
    assert!(!is_changed(&mut master, &third, 1_000), "it began after the change");
    for (watch, left) in [(first, 2), (second, 1), (third, 0)] {
        master.unwatch(&watch);
        assert_eq!(master.watched_mut().len(), left);
    }
    let again = watch(&mut master, &["k"], 1_000);
    assert!(!is_changed(&mut master, &again, 1_000));
}

#[test]
fn watch_of_another_node_or_role_counts_as_changed() {
    let (mut one, mut two) = (new_master(1), new_master(2));
    let token = watch(&mut one, &["k"], 1_000);
    watch(&mut two, &["k"], 1_000);
    assert!(is_changed(&mut two, &token, 1_000));
    // It is not in this table, so its end changes nothing.
    two.unwatch(&token);
    assert_eq!(two.watched_mut().len(), 1);
    let store = MemoryStore::new();
    let on_replica = |published| {
        let keys = [Key::new(0, "k")];
        Watch::on_replica(replicheck::binlog::Lsn(published), &store, &keys, Millis(1_000)).expect("memory")
    };
    assert!(is_changed(&mut one, &on_replica(1), 1_000));
    let at = |watch: Watch, published| {
        let published = replicheck::binlog::Lsn(published);
        watch.is_changed_on_replica(published, Millis(1_000))
    };
    assert!(!at(on_replica(3), 3) && at(on_replica(3), 4), "each entry counts as a change");
    assert!(at(token, 3));
}

#[test]
fn watch_of_more_keys_than_the_table_takes_is_refused() {
    let mut master = new_master(1);
    let keys: Vec<Key> = (0..=WATCHED_KEYS_MAX).map(|at| Key::new(0, at.to_string())).collect();
    let refused = master.watch(&keys, Millis(1_000)).expect("memory does not fail");
    assert_eq!((refused, master.watched_mut().len()), (None, 0));
    let most = master.watch(&keys[1..], Millis(1_000)).expect("memory does not fail");
    assert!(most.is_some());
    assert_eq!(master.watch(&keys[..1], Millis(1_000)), Ok(None));
    master.unwatch(&most.expect("there is room"));
    assert!(master.watched_mut().is_empty());
}
