//! Chains: a replica that passes its master's log on to replicas of its own.

use super::super::disks::{Disks, wait_until};
use super::super::forgetful::DiskFault;
use super::peer::{AS_IT_IS, Peer, UP};
use replicheck::apply::pool::Schedule;
use replicheck::binlog::{Disk, Lsn};
use replicheck::command::Reply;
use replicheck::engine::{Settings, SharedFiles};
use replicheck::expiry::Policy;
use replicheck::ordering::{Job, Strategy};
use replicheck::server::facts::{Link, Role};
use std::sync::atomic::{AtomicBool, Ordering};

/// Writes whose order matters, with deadlines that pass while the test runs.
fn write(master: &Peer<impl SharedFiles>, round: usize) {
    let px = 20 + round % 50;
    let lines = [
        format!("SET a {round}"),
        format!("SET short {round} PX {px}"),
        "INCR short".to_owned(),
        format!("RPUSH list {round}"),
        format!("HSET hash f {round} g {round}"),
        format!("HPEXPIRE hash {px} FIELDS 1 f"),
        format!("SET kept {round} PX 1000000"),
    ];
    master.run(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    if round.is_multiple_of(7) {
        master.one("FLUSHDB");
    }
    master.one("INCR counter");
}

/// Reads of these keys.
const READS: [&str; 8] = [
    "GET a",
    "GET counter",
    "GET short",
    "LRANGE list 0 -1",
    "HGETALL hash",
    "PEXPIRETIME kept",
    "GET kept",
    "DBSIZE",
];

/// Readers of both nodes see the same, once all short deadlines have passed, be the dead data removed or not.
fn assert_shows<F: SharedFiles>(peer: &Peer<F>, master: &Peer<F>, what: &str) {
    peer.wait_for(master);
    let time = master.facts().log_time.0 + 200;
    wait_until("log time", || [peer, master].iter().all(|peer| peer.facts().log_time.0 >= time));
    assert_eq!(peer.run(&READS), master.run(&READS), "{what}");
}

fn replicas<F: SharedFiles>(peer: &Peer<F>) -> usize {
    match peer.facts().role {
        Role::Master { replicas } | Role::Replica { replicas, .. } => replicas.len(),
    }
}

/// Full syncs that the node has sent, and replicas that resumed there.
fn syncs<F: SharedFiles>(peer: &Peer<F>) -> (u64, u64) {
    let syncs = peer.facts().syncs;
    (syncs.full, syncs.resumed)
}

#[test]
fn chain_of_four_holds_what_the_master_holds_whatever_the_strategy() {
    for (ordering, expiry) in [
        (Strategy::Serial, Policy::LogClock),
        (Strategy::Writeset, Policy::MasterExpires),
        (Strategy::WritesetSnapshots, Policy::LogClock),
    ] {
        let disks = [(); 4].map(|()| Disks::new());
        let change = |settings: &mut Settings| (settings.ordering, settings.expiry) = (ordering, expiry);
        let master = Peer::master(&disks[0], &change);
        write(&master, 0);
        let first = Peer::replica(&disks[1], &change, master.port);
        let second = Peer::replica(&disks[2], &change, first.port);
        (1..100).for_each(|round| write(&master, round));
        // One that comes late gets the whole log from the end of the chain.
        let third = Peer::replica(&disks[3], &change, second.port);
        (100..200).for_each(|round| write(&master, round));
        for (peer, what) in [(&first, "first"), (&second, "second"), (&third, "third")] {
            assert_shows(peer, &master, &format!("{what} {} {}", ordering.name(), expiry.name()));
        }
        for peer in [&master, &first, &second] {
            assert_eq!((replicas(peer), syncs(peer)), (1, (0, 1)));
        }
    }
}

fn purges_soon(settings: &mut Settings) {
    (settings.segment_bytes_max, settings.flush_bytes) = (100_000, 200_000);
}

fn fill(master: &Peer<Disk>, keys: usize) {
    let value = "v".repeat(1000);
    for n in 0..keys {
        master.one(&format!("SET k{n} {value}"));
    }
}

/// Workers run ahead of each other: a state that is not cut would hold a later entry and lack an earlier one.
#[test]
fn replica_of_a_replica_gets_the_store_while_entries_arrive() {
    for ordering in [Strategy::Writeset, Strategy::Barrier] {
        let change = |settings: &mut Settings| {
            purges_soon(settings);
            (settings.ordering, settings.workers) = (ordering, 4);
        };
        let [m, r, s] = [(); 3].map(|()| tempfile::tempdir().expect("a folder"));
        let master = Peer::on_disk(m.path(), &change, None);
        fill(&master, 2_000);
        let first = Peer::on_disk(r.path(), &change, Some(master.port));
        first.wait_for(&master);
        let enough = AtomicBool::new(false);
        let second = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !enough.load(Ordering::Relaxed) {
                    master.run(&["INCR n1", "INCR n2", "INCR n3", "RPUSH list x", "SADD set x", "INCR n4"]);
                }
            });
            let second = Peer::on_disk(s.path(), &change, Some(first.port));
            wait_until("the store", || second.one("EXISTS k1999") == Reply::Integer(1));
            let before = second.facts().progress.applied;
            wait_until("entries after it", || second.facts().progress.applied.0 > before.0 + 100);
            enough.store(true, Ordering::Relaxed);
            second
        });
        second.wait_for(&master);
        let own = ["MGET n1 n2 n3 n4", "LLEN list", "SCARD set", "DBSIZE", "GET k1999"];
        assert_eq!(second.run(&own), master.run(&own), "{}", ordering.name());
        // Whether the first one resumed or got the store depends on what was purged meanwhile.
        assert_eq!(syncs(&first), (1, 1), "{}", ordering.name());
    }
}

/// Lets a job through both gates of a replica whose schedule is gated.
fn let_through(replica: &Peer<Disk>, job: &Job) {
    let is_at_gate = || replica.node.pool_state().is_some_and(|state| state.at_gate.contains(job));
    wait_until("the job is at the gate", is_at_gate);
    replica.node.let_write(job.clone());
    replica.node.let_finish(job.clone());
}

/// The copy would hold entry 2, lack entry 1, and never get it.
#[test]
fn full_sync_from_a_replica_waits_for_entries_that_are_received_and_not_applied() {
    let [m, r, s] = [(); 3].map(|()| tempfile::tempdir().expect("a folder"));
    let master = Peer::on_disk(m.path(), AS_IT_IS, None);
    let gated = |settings: &mut Settings| {
        (settings.ordering, settings.schedule) = (Strategy::Writeset, Schedule::Gated);
        settings.batch_entries_max = 1;
    };
    let first = Peer::on_disk(r.path(), &gated, Some(master.port));
    master.run(&["SET a 1", "SET b 1"]);
    let_through(&first, &Job::whole(Lsn(2)));
    // It has another history, so it gets a copy.
    let second = Peer::on_disk(s.path(), AS_IT_IS, None);
    second.one("SET own 1");
    second.replicate(Some(first.port)).expect("it follows");
    let drained = || {
        let waited = first.facts().measured.expect("it measures").waited;
        waited.iter().any(|(what, time)| *what == "drain" && !time.is_zero())
    };
    wait_until("the copy waits", drained);
    let_through(&first, &Job::whole(Lsn(1)));
    wait_until("the copy", || second.one("EXISTS own") == Reply::Integer(0));
    assert_eq!(second.run(&["GET a", "GET b"]), [Reply::bulk("1"), Reply::bulk("1")]);
}

/// If the middle is promoted, or starts again, its log time may not be behind that of its replicas.
#[test]
fn replica_passes_no_time_on_beyond_its_own_ceiling() {
    let (m, r, s) = (Disks::new(), Disks::new(), Disks::new());
    let master = Peer::master(&m, AS_IT_IS);
    let middle = Peer::replica(&r, AS_IT_IS, master.port);
    // No later ceiling can be written.
    r.node.fail(0, DiskFault::Forever);
    let last = Peer::replica(&s, AS_IT_IS, middle.port);
    master.one("SET a 1");
    last.wait_for(&master);
    let time = master.facts().log_time.0 + 1_000;
    wait_until("the master's time", || master.facts().log_time.0 >= time);
    let (ends, stands) = (last.facts().log_time, middle.facts().log_time);
    assert!(ends <= stands, "{ends:?} at the end of the chain, {stands:?} in its middle");
    r.node.mend();
}

#[test]
fn chain_whose_middle_is_promoted_or_restarts_goes_on_without_a_full_sync() {
    let (m, r, s) = (Disks::new(), Disks::new(), Disks::new());
    let master = Peer::master(&m, AS_IT_IS);
    let middle = Peer::replica(&r, AS_IT_IS, master.port);
    let last = Peer::replica(&s, AS_IT_IS, middle.port);
    (0..20).for_each(|round| write(&master, round));
    last.wait_for(&master);
    middle.replicate(None).expect("it is promoted");
    // Before any write: later the old master may have removed keys that were alive at that write, and could not resume.
    master.replicate(Some(middle.port)).expect("it follows");
    (20..40).for_each(|round| write(&middle, round));
    assert_shows(&last, &middle, "its master is promoted");
    assert_shows(&master, &middle, "the old master");
    // The middle stops: nobody tells the last one anything until it is asked to follow another node.
    let before = last.facts().progress.applied;
    middle.stop().expect("it stops");
    wait_until("the link is down", || last.link() == Link::Down);
    last.replicate(Some(master.port)).expect("it follows");
    assert_eq!(last.facts().progress.applied, before);
    master.replicate(None).expect("it is promoted");
    (40..60).for_each(|round| write(&master, round));
    assert_shows(&last, &master, "the first master again");
    let middle = Peer::replica(&r, AS_IT_IS, last.port);
    assert_shows(&middle, &master, "the chain in another order");
    assert_eq!((syncs(&master).0, syncs(&last).0), (0, 0), "no full sync");
}

#[test]
fn replica_that_has_more_than_the_replica_it_follows_waits_and_keeps_its_data() {
    let [m, r, s] = [(); 3].map(|()| tempfile::tempdir().expect("a folder"));
    let master = Peer::on_disk(m.path(), AS_IT_IS, None);
    let behind = Peer::on_disk(r.path(), AS_IT_IS, Some(master.port));
    let ahead = Peer::on_disk(s.path(), AS_IT_IS, Some(master.port));
    master.one("SET a 1");
    behind.wait_for(&master);
    let nobody = Disks::new();
    let gone = Peer::master(&nobody, AS_IT_IS);
    let port = gone.port;
    drop(gone);
    behind.replicate(Some(port)).expect("it may be down");
    master.run(&["SET a 2", "SET b 2"]);
    ahead.wait_for(&master);
    ahead.replicate(Some(behind.port)).expect("it tries");
    wait_until("two tries", || behind.facts().syncs.refused >= 2);
    assert_ne!(ahead.link(), UP);
    assert_eq!(ahead.run(&["GET a", "GET b"]), [Reply::bulk("2"), Reply::bulk("2")]);
    behind.replicate(Some(master.port)).expect("it follows");
    wait_until("the link", || ahead.link() == UP);
    master.one("SET c 3");
    ahead.assert_equals(&master, "both have everything");
    assert_eq!(syncs(&behind), (0, 1));
}

#[test]
fn replicaof_that_would_close_a_circle_is_refused() {
    let (m, r, s) = (Disks::new(), Disks::new(), Disks::new());
    let master = Peer::master(&m, AS_IT_IS);
    let first = Peer::replica(&r, AS_IT_IS, master.port);
    let second = Peer::replica(&s, AS_IT_IS, first.port);
    for replica in [&first, &second] {
        let refused = master.replicate(Some(replica.port)).expect_err("a circle").0;
        let address = format!("127.0.0.1:{}", replica.port);
        let text = format!("ERR a node cannot replicate its own replica, and {address} follows this node");
        assert_eq!(refused, text);
    }
    let own = master.port;
    let refused = master.replicate(Some(own)).expect_err("its own address").0;
    assert_eq!(refused, format!("ERR a node cannot replicate itself, and 127.0.0.1:{own} is this node"));
    assert!(matches!(master.facts().role, Role::Master { .. }), "its role is unchanged");
    let refused = first.replicate(Some(second.port)).expect_err("a circle without a master").0;
    assert!(refused.ends_with("follows this node"), "{refused}");
}

#[test]
fn wait_counts_the_masters_own_replicas_only() {
    let (m, r, s) = (Disks::new(), Disks::new(), Disks::new());
    let master = Peer::master(&m, AS_IT_IS);
    let first = Peer::replica(&r, AS_IT_IS, master.port);
    let second = Peer::replica(&s, AS_IT_IS, first.port);
    master.one("SET a 1");
    second.wait_for(&master);
    let mut client = replicheck::client::Client::connect(
        &format!("127.0.0.1:{}", master.port),
        std::time::Duration::from_secs(20),
    )
    .expect("it serves");
    let reply = client.call(&["WAIT", "2", "300"]).expect("a reply");
    assert_eq!(reply, replicheck::client::OwnedFrame::Integer(1));
}
