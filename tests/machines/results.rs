//! `pksetat`: a write whose outcome depends on what was stored is logged as its result, with its deadline as an instant, and
//! element by element. A replica that applies it late has what the master has, even where the key is dead by the replica's
//! clock, or was removed there.

use super::commands::effects_of_transcripts;
use replicheck::apply::write_batch;
use replicheck::binlog::{Entry, Epoch, Lsn, Payload};
use replicheck::command::{Command, View, line};
use replicheck::effect::{Effect, Key};
use replicheck::expiry::Policy;
use replicheck::store::{Dump, Store, dump, memory::MemoryStore};
use replicheck::time::Millis;
use std::collections::BTreeSet;

/// The instant at which the key `k` is made.
const START: Millis = Millis(1_000);
/// The deadline of `k`.
const DEADLINE: Millis = Millis(1_100);
/// An instant at which `k` is alive on the master.
const ALIVE: Millis = Millis(1_050);
/// An instant at which `k` is dead on the master.
const DEAD: Millis = Millis(1_200);
/// The replica's clock when entries arrive: `k` is dead.
const LATE: Millis = Millis(9_000);
/// Most writes in the result of a command on a few elements.
const FEW: usize = 10;

/// A master and a replica that gets what `policy` logs.
#[derive(Clone)]
struct Pair {
    policy: Policy,
    lsn: Lsn,
    master: MemoryStore,
    replica: MemoryStore,
}

impl Pair {
    /// Both have the keys that `setup` makes; `k` has its deadline.
    fn new(policy: Policy, setup: &str) -> Pair {
        let (master, replica) = (MemoryStore::new(), MemoryStore::new());
        let mut pair = Pair { policy, lsn: Lsn::NONE, master, replica };
        for text in [setup, "SET other 5", "PEXPIREAT k 1100"] {
            pair.run(text, START);
            pair.replica = pair.master.clone();
        }
        assert!(stored(&pair.master).values().any(|stored| stored.deadline == Some(DEADLINE)), "{setup}");
        pair
    }

    /// The replica removes `k`.
    fn remove(&mut self) {
        let argv = line::split(b"DEL k").expect("a line");
        let command = Command::parse(0, argv).expect("a command");
        let view = View::new(&self.replica, 0, START);
        let (_, effect) = command.execute(&view, START).expect("a store in memory does not fail");
        self.replica.write(&effect.writes).expect("a store in memory does not fail");
    }

    /// Runs a command on the master at `now`, and what is logged for it on the replica, whose clock is at [`LATE`]. Returns
    /// what is logged, with the command's effect; `None`: it has none.
    fn run(&mut self, text: &str, now: Millis) -> Option<(Payload, Effect)> {
        let argv = line::split(text.as_bytes()).expect("a line");
        let command = Command::parse(0, argv).unwrap_or_else(|error| panic!("{text}: {error}"));
        let lsn = self.lsn.next();
        let view = View::new(&self.master, 0, now).with_incarnation(lsn.0).with_random(7);
        let (_, effect) = command.execute(&view, now).expect("a store in memory does not fail");
        if effect.is_empty() {
            return None;
        }
        let policy = self.policy.get();
        let payload = policy.logged(&command, effect.clone(), now);
        let entry = policy.arrived(Entry { lsn, epoch: Epoch(1), time: now, payload: payload.clone() }, LATE);
        write_batch(&mut self.replica, &[entry], None, lsn, &|entry| policy.instants(entry, LATE))
            .expect("a store in memory does not fail");
        self.master.write(&effect.writes).expect("a store in memory does not fail");
        self.lsn = lsn;
        Some((payload, effect))
    }
}

fn stored(store: &MemoryStore) -> Dump {
    dump(store).expect("a store in memory does not fail")
}

/// What is alive at `now` under the keys that `effect` writes.
fn living(store: &MemoryStore, effect: &Effect, now: Millis) -> Dump {
    let all = stored(store).into_iter();
    all.filter(|(key, stored)| effect.keys.contains(key) && !stored.is_dead(now)).collect()
}

/// `command` and 300 elements of `k`; in `element`, `#` stands for the number of the element.
fn many(command: &str, element: &str) -> String {
    let elements = (0..300).map(|number| element.replace('#', &number.to_string()));
    format!("{command} k {}", elements.collect::<Vec<_>>().join(" "))
}

/// How `k` is made, and the commands that are run then.
fn cases() -> Vec<(String, Vec<&'static str>)> {
    let string = "INCR k; DECR k; INCRBY k 5; DECRBY k 5; INCRBYFLOAT k 0.5; APPEND k x; SETRANGE k 4 x; SETBIT k 1 1; \
        BITFIELD k INCRBY u8 0 1; BITOP NOT k k; BITOP OR l k other; GETDEL k; GETEX k PX 500; GETEX k PERSIST; GETSET k v; \
        SET k v XX; SET k v NX; SET k v KEEPTTL; SET k v GET; SETNX k v; MSETNX k v l w; PEXPIRE k 500; EXPIRE k 5; \
        EXPIREAT k 5; PEXPIREAT k 1700; PERSIST k; COPY k l; COPY other k REPLACE; RENAME k l; RENAMENX k l; RENAME other k; \
        MOVE k 1; SWAPDB 0 1";
    let hash = "HSET k f1 w; HSET k new w; HSETNX k new v; HMSET k f1 w g v; HINCRBY k n 1; HINCRBYFLOAT k n 0.5; HDEL k f1; \
        PEXPIRE k 500; PERSIST k; HPEXPIRE k 500 FIELDS 1 f1; HEXPIRE k 5 FIELDS 2 f1 f2; HEXPIREAT k 5 FIELDS 1 f1; \
        HPEXPIREAT k 1700 FIELDS 1 f1; HSETEX k PX 500 FIELDS 1 f1 w; HGETEX k PX 500 FIELDS 1 f1; HGETDEL k FIELDS 1 f1";
    let fields = "HPERSIST k FIELDS 1 f; HSET k f w; HSETNX k g w; HINCRBY k f 1; HDEL k f; HPEXPIRE k 500 FIELDS 1 f; \
        HGETEX k PERSIST FIELDS 1 f; HSETEX k FXX KEEPTTL FIELDS 1 f 2; COPY k l; RENAME k l";
    let list = "LPUSH k x; LPUSHX k x; RPUSH k x y; RPUSHX k x; LPOP k; RPOP k 2; LINSERT k BEFORE 2 x; LSET k 0 x; LREM k 1 2; \
        LTRIM k 1 -1; LMOVE k l LEFT RIGHT; LMPOP 1 k LEFT; RPOPLPUSH k l; RPOPLPUSH k k";
    let set = "SADD k new; SADD k 1 new; SREM k 1 2; SMOVE k l 1; SPOP k; SPOP k 3; PEXPIRE k 500";
    let sets = "SUNIONSTORE l k; SUNIONSTORE k k; SINTERSTORE l k; SDIFFSTORE l k none; SINTERSTORE k k none; COPY k l; \
        RENAME k l; MOVE k 1";
    let sorted = "ZADD k 5 new; ZADD k 5 m1; ZINCRBY k 1 m1; ZREM k m1; ZPOPMIN k; ZPOPMAX k; ZMPOP 1 k MIN; \
        ZREMRANGEBYRANK k 0 0; ZREMRANGEBYSCORE k 1 1; PERSIST k";
    let sorteds = "ZUNIONSTORE l 1 k; ZINTERSTORE l 1 k; ZDIFFSTORE l 1 k; ZRANGESTORE l k 0 -1; ZREMRANGEBYLEX k [a [a";
    let lines =
        [string, "PFADD k d e f; PFMERGE k; PFMERGE l k", hash, fields, list, set, sets, sorted, sorteds];
    let setups = [
        "SET k 10".to_owned(),
        "PFADD k a b".to_owned(),
        many("HSET", "f# v"),
        "HSETEX k PXAT 1090 FIELDS 1 f 1".to_owned(),
        many("RPUSH", "#"),
        many("SADD", "#"),
        "SADD k 1 2 3".to_owned(),
        many("ZADD", "# m#"),
        "ZADD k 1 a 1 b".to_owned(),
    ];
    setups.into_iter().zip(lines.map(|lines| lines.split("; ").collect())).collect()
}

/// Where the replica's copy of `k` is when the result arrives.
#[derive(Clone, Copy, PartialEq)]
enum Copied {
    /// It is stored. By the replica's clock it is dead.
    Stored,
    /// The replica has removed it.
    Removed,
}

/// Runs each case whose setup passes on a pair of its own at `now`. Returns how many had an effect, and those after which the
/// living keys that it wrote are not the master's on the replica.
fn run_all(policy: Policy, now: Millis, copy: Copied, passes: &dyn Fn(&str) -> bool) -> (usize, Vec<String>) {
    let (mut effects, mut different) = (0, Vec::new());
    for (setup, lines) in cases().into_iter().filter(|(setup, _)| passes(setup)) {
        let made = Pair::new(policy, &setup);
        for text in lines {
            let mut pair = made.clone();
            if copy == Copied::Removed {
                pair.remove();
            }
            if let Some((_, effect)) = pair.run(text, now) {
                effects += 1;
                let name = setup.split(' ').next().unwrap_or_default();
                let (ours, theirs) =
                    (living(&pair.replica, &effect, now), living(&pair.master, &effect, now));
                different.extend((ours != theirs).then(|| format!("{name} k …; {text}")));
            }
        }
    }
    (effects, different)
}

#[test]
fn pksetat_result_on_a_dead_or_missing_key_leaves_the_masters_contents() {
    let all = |_: &str| true;
    // A string is in the result as a whole, an element of a collection by itself.
    let is_string = |setup: &str| setup.starts_with("SET ") || setup.starts_with("PFADD ");
    for (what, now, copy, passes, least) in [
        ("dead by the replica's clock", ALIVE, Copied::Stored, &all as &dyn Fn(&str) -> bool, 85),
        ("alive, but missing", ALIVE, Copied::Removed, &is_string, 30),
        ("dead by both clocks", DEAD, Copied::Stored, &all, 30),
        ("dead on the master, and removed", DEAD, Copied::Removed, &all, 30),
    ] {
        let (effects, different) = run_all(Policy::Pksetat, now, copy, passes);
        println!("{what}: {effects} commands with an effect");
        assert!(effects >= least, "{what}: {effects} commands with an effect");
        assert!(different.is_empty(), "{what}: the replica differs after {different:#?}");
    }
}

/// The same cases under the policy that `pksetat` cures.
#[test]
fn finds_commands_run_again_by_the_replicas_clock() {
    let (effects, different) = run_all(Policy::Absolute, ALIVE, Copied::Stored, &|_| true);
    println!("{} of {effects} differ", different.len());
    assert!(different.len() * 2 > effects, "{} of {effects} differ: {different:#?}", different.len());
    for name in ["SET k …; INCR k", "HSET k …; HSET k f1 w", "SADD k …; SADD k new"] {
        assert!(different.iter().any(|case| case == name), "{name} is not among {different:#?}");
    }
}

#[test]
fn pksetat_result_is_bytes_of_the_elements_that_changed() {
    for (setup, lines) in cases() {
        let made = Pair::new(Policy::Pksetat, &setup);
        for text in lines {
            for now in [ALIVE, DEAD] {
                let Some((payload, effect)) = made.clone().run(text, now) else { continue };
                assert_eq!(payload, Payload::Effect(effect.clone()), "{text}: the result is logged");
                assert!(effect.writes.len() <= FEW, "{text}: {} writes", effect.writes.len());
            }
        }
    }
}

#[test]
fn pksetat_result_has_the_deadline_as_an_instant() {
    let hash = many("HSET", "f# v");
    for (setup, text, name, deadline) in [
        ("SET k 10", "INCR k", "k", Some(1_100)),
        ("SET k 10", "APPEND k x", "k", Some(1_100)),
        ("SET k 10", "SETBIT k 1 1", "k", Some(1_100)),
        ("SET k 10", "SET k v KEEPTTL", "k", Some(1_100)),
        ("SET k 10", "SET k v XX EX 5", "k", Some(6_050)),
        ("SET k 10", "GETEX k PX 500", "k", Some(1_550)),
        ("SET k 10", "PEXPIRE k 500", "k", Some(1_550)),
        ("SET k 10", "EXPIRE k 5", "k", Some(6_050)),
        ("SET k 10", "EXPIREAT k 5", "k", Some(5_000)),
        ("SET k 10", "GETSET k v", "k", None),
        ("SET k 10", "PERSIST k", "k", None),
        ("SET k 10", "COPY k l", "l", Some(1_100)),
        ("SET k 10", "RENAME k l", "l", Some(1_100)),
        (hash.as_str(), "HSET k f1 w", "k", Some(1_100)),
        (hash.as_str(), "PEXPIRE k 500", "k", Some(1_550)),
        ("SADD k 1 2", "SADD k 3", "k", Some(1_100)),
        ("SADD k 1 2", "SREM k 1", "k", Some(1_100)),
        ("SADD k 1 2", "SMOVE k l 1", "l", None),
        ("RPUSH k 1 2", "LPOP k", "k", Some(1_100)),
        ("ZADD k 1 a 2 b", "ZINCRBY k 5 a", "k", Some(1_100)),
    ] {
        let mut pair = Pair::new(Policy::Pksetat, setup);
        let (payload, effect) = pair.run(text, ALIVE).unwrap_or_else(|| panic!("{text}: no effect"));
        assert_eq!(payload, Payload::Effect(effect), "{text}");
        let replica = stored(&pair.replica);
        let found = replica.get(&Key::new(0, name)).unwrap_or_else(|| panic!("{text}: no {name}"));
        assert_eq!(found.deadline, deadline.map(Millis), "{text}");
    }
}

#[test]
fn every_command_that_depends_on_what_is_stored_has_a_case() {
    let cased: BTreeSet<String> = cases()
        .into_iter()
        .flat_map(|(setup, lines)| lines.into_iter().map(str::to_owned).chain([setup]))
        .map(|text| text.split(' ').next().unwrap_or_default().to_lowercase())
        .collect();
    let missing: BTreeSet<&str> = effects_of_transcripts()
        .iter()
        .filter(|(command, ..)| command.depends_on_stored())
        .map(|(command, ..)| command.spec().name)
        .filter(|name| !cased.contains(*name))
        .collect();
    assert!(missing.is_empty(), "no case of {missing:?}");
}
