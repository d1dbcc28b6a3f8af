//! Every ordering strategy with every expiry policy, after a mixed program and a random one: both stores end up equal.

use super::super::disks::Disks;
use super::peer::Peer;
use crate::seed::Seed;
use replicheck::apply::pool::{Hold, Schedule};
use replicheck::binlog::Lsn;
use replicheck::engine::Settings;
use replicheck::expiry::Policy;
use replicheck::ordering::{Level, Strategy};

/// Commands on one key each: even an unsafe strategy applies them in order.
const ONE_KEY: &[&str] = &[
    "SET a b",
    "INCR n",
    "HSET h f 1 g 2",
    "APPEND a c",
    "HINCRBY h f 5",
    "HDEL h g",
    "SETRANGE a 1 xyz",
    "INCRBYFLOAT n 0.5",
    "GETDEL gone",
    "SET gone 1",
    "DEL gone",
];
const DEADLINES: &[&str] = &[
    "SETEX x 1000 v",
    "EXPIRE a 2000",
    "SET y 1 PX 3000000",
    "PERSIST y",
    "INCR y",
    "PEXPIREAT n 4102444800000",
    "GETEX x EX 500",
    "EXPIRE h -1",
    "HSETEX h EX 500 FIELDS 1 t 1",
    "HPEXPIREAT h 4102444800000 FIELDS 1 t",
    "HINCRBY h t 1",
    "HPERSIST h FIELDS 1 t",
];
const MANY_KEYS: &[&str] = &[
    "MSET a 1 b 2 c 3",
    "RENAME a d",
    "DEL b c nothing",
    "MSETNX e 1 f 2",
    "FLUSHDB",
    "SET z 1",
    "HSET h f 1",
    "COPY h k",
    "RENAMENX z q",
    "SET a 1; RENAME a w; SET a 2; LPUSH a wrong; COPY a h REPLACE",
    "MSET a 9 b 9; FLUSHDB; SET a 1",
];

/// Lines drawn at random from `out_of`, on these keys and a few more. The same seed draws the same lines.
fn random_lines(seed: u64, out_of: &[&str]) -> Vec<String> {
    let mut random = fastrand::Rng::with_seed(seed);
    let keys = ["a", "b", "h", "n", "x", "y"];
    (0..150)
        .map(|_| {
            let line = out_of[random.usize(..out_of.len())];
            let mut words: Vec<&str> = line.split(' ').collect();
            // Replace the first key by another: a string command may meet a hash.
            if words.len() > 1 {
                words[1] = keys[random.usize(..keys.len())];
            }
            words.join(" ")
        })
        .collect()
}

fn replicates(ordering: Strategy, expiry: Policy, first: &Seed) {
    let what = format!("{} {}", ordering.name(), expiry.name());
    let (m, r) = (Disks::new(), Disks::new());
    let change = |settings: &mut Settings| (settings.ordering, settings.expiry) = (ordering, expiry);
    let master = Peer::master(&m, &change);
    let mut lines = ONE_KEY.to_vec();
    // Under `verbatim` a deadline counts from the replica's own clock, so it differs from the master's.
    if expiry != Policy::Verbatim {
        lines.extend(DEADLINES);
    }
    // Only a strategy that promises something keeps the order of entries that touch several keys.
    if ordering.promises() > Level::Nothing {
        lines.extend(MANY_KEYS);
    }
    // One part before the replica starts, and one part while it follows.
    master.run(&lines);
    let replica = Peer::replica(&r, &change, master.port);
    replica.assert_equals(&master, &what);
    for seed in first.and_next(2) {
        let random = random_lines(seed, &lines);
        for group in random.chunks(7) {
            master.run(&group.iter().map(String::as_str).collect::<Vec<_>>());
        }
        replica.assert_equals(&master, &format!("{what}, random program, seed {seed}"));
    }
    assert!(master.facts().progress.applied.0 > 100, "{what}: the program wrote entries");
    replica.stop().expect("it stops");
    master.stop().expect("it stops");
}

#[test]
fn cluster_every_ordering_under_every_policy_ends_with_equal_stores() {
    let first = &Seed::of_this_run();
    std::thread::scope(|scope| {
        for &ordering in Strategy::ALL {
            scope.spawn(move || Policy::ALL.iter().for_each(|&expiry| replicates(ordering, expiry, first)));
        }
    });
}

#[test]
fn cluster_small_queue_holds_the_link_back_and_loses_nothing() {
    std::thread::scope(|scope| {
        for ordering in Strategy::safe() {
            scope.spawn(move || {
                let (m, r) = (Disks::new(), Disks::new());
                let master = Peer::master(&m, &|_| {});
                let lines: Vec<String> = (0..400).map(|n| format!("SET k{} {n}", n % 7)).collect();
                master.run(&lines.iter().map(String::as_str).collect::<Vec<_>>());
                let tiny = |settings: &mut Settings| {
                    settings.ordering = ordering;
                    (settings.queue_entries_max, settings.queue_bytes_max) = (1, 1);
                };
                let replica = Peer::replica(&r, &tiny, master.port);
                replica.assert_equals(&master, ordering.name());
            });
        }
    });
}

/// Whether the store of a replica that holds back entry 1 until entry 3 is finished equals its master's.
fn equal_under_a_hold(ordering: Strategy) -> bool {
    let (m, r) = (Disks::new(), Disks::new());
    let master = Peer::master(&m, &|_| {});
    let held = |settings: &mut Settings| {
        settings.ordering = ordering;
        settings.schedule = Schedule::Held(vec![Hold { entry: Lsn(1), until_finished: Lsn(3) }]);
    };
    let replica = Peer::replica(&r, &held, master.port);
    master.run(&["SET a b", "SET a c", "FLUSHDB"]);
    replica.wait_for(&master);
    replica.node.dump().expect("it reads") == master.node.dump().expect("it reads")
}

#[test]
fn finds_key_hash_flushdb_that_overtakes_and_its_cures() {
    assert!(!equal_under_a_hold(Strategy::KeyHash), "the bug that this project began with");
    for ordering in [
        Strategy::Barrier,
        Strategy::Serial,
        Strategy::Sequence,
        Strategy::Writeset,
        Strategy::WritesetSnapshots,
    ] {
        assert!(equal_under_a_hold(ordering), "{}", ordering.name());
    }
}

#[test]
fn writeset_snapshots_shows_what_was_published_and_nothing_after_it() {
    let (m, r) = (Disks::new(), Disks::new());
    let master = Peer::master(&m, &|_| {});
    let rare = |settings: &mut Settings| {
        settings.ordering = Strategy::WritesetSnapshots;
        settings.snapshot_interval_ms = 3_600_000;
    };
    let often = |settings: &mut Settings| {
        rare(settings);
        settings.snapshot_interval_ms = 10;
    };
    let replica = Peer::replica(&r, &rare, master.port);
    master.run(&["SET a 1", "SET b 2"]);
    super::super::disks::wait_until("both entries", || replica.facts().progress.durable == Lsn(2));
    assert_eq!(replica.facts().progress.applied, Lsn(0), "no snapshot was published");
    assert_eq!(replica.node.dump().expect("it reads").len(), 0);
    replica.stop().expect("it stops");
    let replica = Peer::replica(&r, &often, master.port);
    master.run(&["SET c 3"]);
    replica.assert_equals(&master, "a snapshot every 10 ms");
}
