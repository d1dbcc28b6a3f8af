//! Transactions on the pure master and on replicas: their entries, that all of a transaction is done or nothing, and that it has
//! the same result as its commands one by one.

use crate::seed::{Seed, again};
use replicheck::apply::{marker, write_batch};
use replicheck::binlog::{Entry, Epoch, Lsn, Payload, decode, encode};
use replicheck::command::{Command, Reply, line};
use replicheck::effect::{Effect, Key, KeySet, Write};
use replicheck::expiry::{Guarantee, Policy};
use replicheck::node::{Executed, Master, Transaction};
use replicheck::ordering::Admission;
use replicheck::store::dump;
use replicheck::store::memory::MemoryStore;
use replicheck::time::Millis;

/// Commands over a few keys, so that types, deadlines and databases change within a transaction.
const LINES: &[&str] = &[
    "SET a 1",
    "SET b 7 EX 10",
    "SET a 1 PX 1",
    "INCR a",
    "APPEND b x",
    "DEL a",
    "DEL b c",
    "GETDEL b",
    "MSET a 3 c 4",
    "SETBIT a 9 1",
    "EXPIRE a 0",
    "EXPIRE c 5",
    "PERSIST c",
    "RENAME c a",
    "RENAME b c",
    "RENAMENX a b",
    "COPY a b",
    "COPY c a REPLACE",
    "COPY a a DB 1",
    "MOVE a 1",
    "MOVE c 1",
    "RPUSH c x y",
    "LPUSH c z",
    "LPOP c",
    "LTRIM c 1 1",
    "LINSERT c BEFORE y w",
    "LREM c 0 x",
    "LMOVE c b LEFT RIGHT",
    "SADD b m n",
    "SADD c n o",
    "SREM b m",
    "SPOP b",
    "SINTERSTORE a b c",
    "SUNIONSTORE b b c",
    "SMOVE b c n",
    "ZADD c 1 x 2 y",
    "ZADD a 3 x",
    "ZINCRBY c 2 x",
    "ZUNIONSTORE a 2 a c",
    "ZUNIONSTORE c 1 c",
    "ZRANGESTORE b c 0 -1",
    "ZPOPMIN c",
    "ZREMRANGEBYRANK a 0 0",
    "HSET a f 1 g 2",
    "HSET c f 1",
    "HINCRBY a f 1",
    "HDEL a f",
    "HDEL c f",
    "PFADD b x",
    "PFMERGE c b",
    "FLUSHDB",
    "SWAPDB 0 1",
    "FLUSHALL",
    "GET a",
    "LRANGE c 0 -1",
    "HGETALL a",
    "SMEMBERS b",
    "ZRANGE c 0 -1",
    "DBSIZE",
    "TTL b",
];

fn command(db: u8, text: &str) -> Command {
    Command::parse(db, line::split(text.as_bytes()).expect("a line")).expect("a command")
}

fn transaction(lines: &[&str]) -> Transaction {
    Transaction {
        commands: lines.iter().map(|text| command(0, text)).collect(),
        watches: Vec::new(),
        reply_bytes_max: usize::MAX,
    }
}

/// Runs a transaction at `now`; returns its replies and its entries.
fn exec(
    master: &mut Master<MemoryStore>,
    policy: Policy,
    transaction: &Transaction,
    now: u64,
) -> (Vec<Reply>, Vec<Entry>) {
    let mut entries = Vec::new();
    let ran = master.exec(&*policy.get(), transaction, Millis(now), 7, &mut entries);
    match ran.expect("memory does not fail") {
        Executed::Ran(replies) => (replies, entries),
        Executed::Changed => panic!("nothing is watched"),
        Executed::RanBeyondReplies => panic!("there is no limit"),
    }
}

fn new_master() -> Master<MemoryStore> {
    Master::new(MemoryStore::new(), Epoch(1))
}

#[test]
fn transaction_with_replies_beyond_its_limit_is_run_and_keeps_no_reply() {
    let lines = ["SET k 1234567890", "GET k", "INCR c", "GET k", "INCR c"];
    let bytes: usize =
        exec(&mut new_master(), Policy::LogClock, &transaction(&lines), 1).0.iter().map(Reply::bytes).sum();
    for (reply_bytes_max, is_within) in [(bytes, true), (bytes - 1, false), (0, false)] {
        let (mut master, mut entries) = (new_master(), Vec::new());
        let limited = Transaction { reply_bytes_max, ..transaction(&lines) };
        let ran = master.exec(&*Policy::LogClock.get(), &limited, Millis(1), 7, &mut entries);
        let ran = ran.expect("memory does not fail");
        assert_eq!(matches!(&ran, Executed::Ran(replies) if replies.len() == 5), is_within, "{ran:?}");
        assert_eq!(ran == Executed::RanBeyondReplies, !is_within, "{ran:?}");
        let (replies, _) = exec(&mut master, Policy::LogClock, &transaction(&["GET c"]), 1);
        assert_eq!((replies, entries.len()), (vec![Reply::bulk("2")], 1));
    }
}

/// Applies an entry as it is read from the log.
fn apply(policy: Policy, store: &mut MemoryStore, entry: &Entry) {
    let mut bytes = Vec::new();
    encode(entry, &mut bytes).expect("small");
    let (entry, _) = decode(&bytes).expect("what was encoded");
    let policy = policy.get();
    let entry = policy.arrived(entry.clone(), entry.time);
    let instants = |entry: &Entry| policy.instants(entry, entry.time);
    write_batch(store, &[&entry], None, entry.lsn, &instants).expect("memory does not fail");
}

#[test]
fn transaction_drawn_comes_to_what_its_commands_come_to_one_by_one() {
    let seed = Seed::of_this_run();
    let mut rng = seed.rng();
    let (mut runs, mut logged) = (0, 0);
    for policy in Policy::ALL.iter().copied() {
        let promises_state = policy.promises() >= Guarantee::SameState;
        for _ in 0..300 {
            let (mut together, mut single) = (new_master(), new_master());
            let mut replica = MemoryStore::new();
            let mut told = Vec::new();
            let mut now = 1_000;
            for _ in 0..4 {
                now += rng.u64(0..4_000);
                let commands: Vec<Command> = (0..rng.usize(0..7))
                    .map(|_| command(rng.u8(0..2), LINES[rng.usize(0..LINES.len())]))
                    .collect();
                told.push(format!("at {now}: {commands:?}"));
                let ran = Transaction {
                    commands: commands.clone(),
                    watches: Vec::new(),
                    reply_bytes_max: usize::MAX,
                };
                let (replies, entries) = exec(&mut together, policy, &ran, now);
                let mut alone = Vec::new();
                let one_by_one: Vec<Reply> = (7..)
                    .zip(&commands)
                    .map(|(random, command)| {
                        let reply = single.request(&*policy.get(), command, Millis(now), random, &mut alone);
                        reply.expect("memory does not fail")
                    })
                    .collect();
                let history = format!("{}\n{}", told.join("\n"), again(seed.number(), &[]));
                assert_eq!(replies, one_by_one, "{policy:?}: replies after\n{history}");
                assert!(entries.len() <= 1, "{policy:?}: one entry for a transaction\n{history}");
                assert_eq!(entries.is_empty(), alone.is_empty(), "{policy:?}: logged or not\n{history}");
                let held = [&together, &single].map(|master| dump(master.store()).expect("whole records"));
                assert_eq!(held[0], held[1], "{policy:?}: the master after\n{history}");
                entries.iter().for_each(|entry| apply(policy, &mut replica, entry));
                logged += entries.len();
                if promises_state {
                    let seen = dump(&replica).expect("whole records");
                    assert_eq!(seen, held[0], "{policy:?}: the replica after\n{history}");
                    assert_eq!(
                        &replica,
                        together.store(),
                        "{policy:?}: bytes of the replica after\n{history}"
                    );
                    assert_eq!(marker(&replica), Ok(together.last()));
                }
            }
            runs += 1;
        }
    }
    assert!(runs > 2_000 && logged > runs, "{logged} entries of {runs} runs");
}

#[test]
fn transaction_is_logged_as_one_entry_in_the_form_of_its_policy() {
    let form = |payload: &Payload| match payload {
        Payload::Effect(effect) => format!("effect {:?}", effect.keys),
        Payload::Command(command) => command.to_string(),
        Payload::Transaction(parts) => {
            let parts = parts.iter().map(|part| match part {
                Payload::Effect(effect) => format!("effect {:?}", effect.keys),
                Payload::Command(command) => command.to_string(),
                Payload::Transaction(_) => panic!("a transaction in a transaction"),
            });
            parts.collect::<Vec<_>>().join("; ")
        }
    };
    let cases: [(Policy, &[&str], Option<&str>); 10] = [
        (Policy::Effects, &[], None),
        (Policy::Effects, &["GET a", "DEL a", "INCR s"], Some("effect Keys({0/s})")),
        (Policy::Effects, &["SET a 1", "SET b 2", "GET a"], Some("effect Keys({0/a, 0/b})")),
        (Policy::LogClock, &["SET a 1", "FLUSHDB", "SET b 2"], Some("effect Everything")),
        (Policy::Relative, &["SET a 1 EX 1", "SET b 2"], Some("effect Keys({0/a, 0/b})")),
        (Policy::Verbatim, &["GET a", "SET a 1", "DEL none"], Some("SET a 1")),
        (Policy::AtEntryTime, &["SET a 1", "INCR a"], Some("SET a 1; INCR a")),
        (Policy::Absolute, &["SETEX a 1 5", "INCR a"], Some("SET a 5 PXAT 2000; INCR a")),
        (Policy::Pksetat, &["SET a 1", "INCR a"], Some("SET a 1; effect Keys({0/a})")),
        (
            Policy::MasterExpires,
            &["SET a 1 PX 1", "EXPIRE a 0", "SET a 2"],
            Some("SET a 1 PXAT 1001; PEXPIREAT a 1000; SET a 2"),
        ),
    ];
    for (policy, lines, expected) in cases {
        let mut master = new_master();
        let (replies, entries) = exec(&mut master, policy, &transaction(lines), 1_000);
        assert_eq!(replies.len(), lines.len());
        let forms: Vec<String> = entries.iter().map(|entry| form(&entry.payload)).collect();
        assert_eq!(
            forms,
            expected.map(str::to_owned).into_iter().collect::<Vec<_>>(),
            "{policy:?} {lines:?}"
        );
        assert_eq!(master.last(), Lsn(entries.len() as u64));
    }
}

#[test]
fn transaction_that_meets_a_dead_key_logs_its_del_in_the_same_entry() {
    let mut master = new_master();
    exec(&mut master, Policy::MasterExpires, &transaction(&["SET k 5 PX 10"]), 1_000);
    let (replies, entries) =
        exec(&mut master, Policy::MasterExpires, &transaction(&["SET a 1", "INCR k"]), 2_000);
    assert_eq!(replies, [Reply::OK, Reply::Integer(1)]);
    let [Entry { payload: Payload::Transaction(parts), lsn: Lsn(2), .. }] = &entries[..] else {
        panic!("{entries:?}")
    };
    assert_eq!(
        parts,
        &["SET a 1", "DEL k", "INCR k"].map(|text| Payload::Command(command(0, text))),
        "in the order of their effects"
    );
}

#[test]
fn transaction_recreated_collection_shares_an_incarnation_and_keeps_only_its_new_elements() {
    for lines in [
        vec!["RPUSH k a b c", "DEL k", "RPUSH k d"],
        vec!["SADD k a b", "SET k x", "SADD k y", "DEL k", "SADD k d"],
        vec!["SADD j a", "RENAME j k", "SADD j d", "RENAME j k"],
        vec!["RPUSH k a", "FLUSHDB", "RPUSH k d"],
        vec!["RPUSH k a", "SWAPDB 0 1", "RPUSH k b", "SWAPDB 0 2", "RPUSH k d"],
    ] {
        for policy in [Policy::Effects, Policy::AtEntryTime, Policy::Pksetat, Policy::MasterExpires] {
            let mut master = new_master();
            let (_, entries) = exec(&mut master, policy, &transaction(&lines), 1_000);
            let mut replica = MemoryStore::new();
            entries.iter().for_each(|entry| apply(policy, &mut replica, entry));
            assert_eq!(&replica, master.store(), "{policy:?} {lines:?}");
            let elements = replica.iter().filter(|(raw, _)| raw.starts_with(b"\x01\x00e")).count();
            assert_eq!(elements, 1, "{policy:?} {lines:?}");
        }
    }
}

#[test]
fn finds_transaction_whose_writes_are_out_of_order() {
    let mut master = new_master();
    let lines = transaction(&["RPUSH k a b c", "DEL k", "RPUSH k d"]);
    let (_, mut entries) = exec(&mut master, Policy::Effects, &lines, 1_000);
    let Payload::Effect(effect) = &mut entries[0].payload else { panic!("an effect") };
    let is_range = |write: &Write| matches!(write, Write::DeleteRange { .. });
    effect.writes.sort_by_key(|write| !is_range(write));
    let mut replica = MemoryStore::new();
    apply(Policy::Effects, &mut replica, &entries[0]);
    assert_ne!(&replica, master.store(), "ranges before puts leave the elements that were deleted");
}

#[test]
fn transaction_admitted_has_the_keys_of_all_parts_and_is_split_where_each_part_is() {
    let keys = |names: &[&str]| KeySet::of(names.iter().map(|name| Key::new(0, *name)));
    let cases: [(&[&str], KeySet, Option<&str>, bool); 4] = [
        (&["SET a 1", "INCR b"], keys(&["a", "b"]), Some("a"), true),
        (&["MSET a 1 b 2", "DEL c a"], keys(&["a", "b", "c"]), Some("a"), true),
        (&["SET a 1", "RENAME a b"], keys(&["a", "b"]), Some("a"), false),
        (&["FLUSHDB", "SET a 1"], KeySet::Everything, Some("a"), false),
    ];
    for (lines, keys, first, splittable) in cases {
        let parts = lines.iter().map(|text| Payload::Command(command(0, text)));
        let payload = Payload::transaction(parts).expect("it has parts");
        let entry = Entry { lsn: Lsn(1), epoch: Epoch(1), time: Millis(1_000), payload };
        let first = first.map(|name| Key::new(0, name));
        let expected = Admission::new(Lsn(1), keys, first, splittable);
        assert_eq!(Admission::of(&entry), expected, "{lines:?}");
    }
}

#[test]
fn transaction_applied_key_by_key_comes_to_the_whole() {
    let parts =
        ["MSET a 1 b 2", "INCR a", "DEL b c", "APPEND c x"].map(|text| Payload::Command(command(0, text)));
    let payload = Payload::transaction(parts).expect("it has parts");
    let entry = Entry { lsn: Lsn(1), epoch: Epoch(1), time: Millis(1_000), payload };
    let policy = Policy::AtEntryTime.get();
    let instants = |entry: &Entry| policy.instants(entry, entry.time);
    let (mut whole, mut split) = (MemoryStore::new(), MemoryStore::new());
    write_batch(&mut whole, &[&entry], None, Lsn(1), &instants).expect("memory does not fail");
    for name in ["c", "a", "b"] {
        let key = Key::new(0, name);
        write_batch(&mut split, &[&entry], Some(&key), Lsn(1), &instants).expect("memory does not fail");
    }
    assert_eq!(whole, split);
    assert_eq!(dump(&whole).expect("whole records").len(), 2);
}

#[test]
fn payload_of_parts_is_flat_and_has_one_form() {
    let set = || Payload::Command(command(0, "SET a 1"));
    let effect = |name: &str| {
        let write = Write::Delete { key: name.as_bytes().to_vec() };
        Payload::Effect(Effect { writes: vec![write], keys: KeySet::of([Key::new(0, name)]) })
    };
    assert_eq!(Payload::transaction([]), None);
    assert_eq!(Payload::transaction([set()]), Some(set()));
    assert_eq!(Payload::transaction([effect("a")]), Some(effect("a")));
    let Some(Payload::Effect(both)) = Payload::transaction([effect("a"), effect("b")]) else {
        panic!("effects are one effect")
    };
    assert_eq!((both.writes.len(), both.keys), (2, KeySet::of(["a", "b"].map(|name| Key::new(0, name)))));
    let inner = Payload::Transaction(vec![set(), effect("a")]);
    let flat = Payload::Transaction(vec![effect("b"), set(), effect("a"), set()]);
    assert_eq!(Payload::transaction([effect("b"), inner, set()]), Some(flat));
}
