//! A replica that follows: restarts, cut links, and the facts that both nodes report.

use super::super::disks::{Disks, wait_until};
use super::super::forgetful::DiskFault;
use super::super::proxy::{Way, proxy};
use super::peer::{AS_IT_IS, Peer, UP};
use replicheck::binlog::Lsn;
use replicheck::client::{Client, OwnedFrame};
use replicheck::command::Reply;
use replicheck::effect::Key;
use replicheck::engine::Settings;
use replicheck::ordering::Strategy;
use replicheck::server::facts::{Follower, Link, Progress, Role};
use std::time::Duration;

#[test]
fn link_cut_many_times_resumes_without_loss() {
    let (m, r) = (Disks::new(), Disks::new());
    let master = Peer::master(&m, AS_IT_IS);
    let lines: Vec<String> = (0..40).map(|n| format!("SET k{n} {n}")).collect();
    master.run(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    // Cuts in the reply to the handshake, in the first entries, and between them.
    let cut = proxy(&format!("127.0.0.1:{}", master.port), Way::Down, vec![3, 60, 200, 700]);
    let port = cut.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let replica = Peer::replica(&r, AS_IT_IS, port);
    replica.assert_equals(&master, "after cuts");
    assert_eq!(replica.one("GET k39"), Reply::bulk("39"));
}

#[test]
fn disk_full_on_a_replica_holds_it_back_until_there_is_room() {
    let (m, r) = (Disks::new(), Disks::new());
    let master = Peer::master(&m, AS_IT_IS);
    let replica = Peer::replica(&r, AS_IT_IS, master.port);
    master.run(&["SET a 1"]);
    replica.wait_for(&master);
    r.binlog.fail(0, DiskFault::Full);
    master.run(&["SET b 2"]);
    // The error lasts until the disk accepts a write. Further tries do not clear it.
    wait_until("a write that is refused", || replica.facts().read_only.is_some());
    let facts = replica.facts();
    assert_eq!(facts.progress.received, Lsn(1));
    let why = facts.read_only.expect("the node is read-only");
    assert!(why.ends_with("no space left on device"), "{why}");
    assert_eq!((replica.link(), replica.one("GET a")), (UP, Reply::bulk("1")));
    r.binlog.mend();
    replica.assert_equals(&master, "after there is room again");
    assert_eq!(replica.facts().read_only, None);
    // The replica stops although its disk is full.
    r.binlog.fail(0, DiskFault::Full);
    master.run(&["SET c 3"]);
    replica.stop().expect("it stops");
}

#[test]
fn either_node_restarted_goes_on_where_it_was() {
    let (m, r) = (Disks::new(), Disks::new());
    let master = Peer::master(&m, AS_IT_IS);
    let replica = Peer::replica(&r, AS_IT_IS, master.port);
    master.run(&["SET a 1", "HSET h f 1"]);
    replica.wait_for(&master);
    replica.stop().expect("it stops");
    master.run(&["SET b 2"]);
    let replica = Peer::replica(&r, AS_IT_IS, master.port);
    replica.assert_equals(&master, "the replica restarted");
    let epoch = master.facts().epoch;
    master.stop().expect("it stops");
    wait_until("the link is down", || matches!(replica.link(), Link::Down));
    assert_eq!(replica.one("GET b"), Reply::bulk("2"), "reads are still served");
    let master = Peer::master(&m, AS_IT_IS);
    assert!(master.facts().epoch > epoch, "every start begins an epoch");
    replica.replicate(Some(master.port)).expect("it follows");
    master.run(&["SET c 3"]);
    replica.assert_equals(&master, "the master restarted");
    assert_eq!(replica.facts().progress.received, Lsn(4));
}

#[test]
fn replica_removes_what_is_dead_when_it_flushes() {
    let (m, r) = (Disks::new(), Disks::new());
    let master = Peer::master(&m, AS_IT_IS);
    let replica = Peer::replica(&r, &|settings| settings.flush_bytes = 1, master.port);
    let has_hash = || replica.node.given().expect("it reads").stored.contains_key(&Key::new(0, "h"));
    master.run(&["HSET h f v"]);
    replica.wait_for(&master);
    assert!(has_hash());
    master.run(&["PEXPIRE h 1"]);
    // Each entry makes the replica flush, and the flush removes the keys that its ticker has found dead by then.
    wait_until("the removal of a dead hash", || {
        master.run(&["SET a 1"]);
        replica.wait_for(&master);
        !has_hash()
    });
}

fn only_follower(master: &Peer) -> Option<Follower> {
    match master.facts().role {
        Role::Master { replicas } => replicas.into_iter().next(),
        Role::Replica { .. } => panic!("it is a master"),
    }
}

#[test]
fn facts_of_both_come_to_no_lag_and_durable_follows() {
    let (m, r) = (Disks::new(), Disks::new());
    let master = Peer::master(&m, AS_IT_IS);
    let replica = Peer::replica(&r, AS_IT_IS, master.port);
    // The first connection was made before the replica knew its own port, which is a free one.
    replica.replicate(Some(master.port)).expect("it follows");
    master.run(&["SET a 1", "SET b 2"]);
    replica.wait_for(&master);
    for peer in [&master, &replica] {
        wait_until("everysec", || peer.facts().progress.durable == Lsn(2));
    }
    wait_until("acks", || {
        only_follower(&master).is_some_and(|follower| {
            let progress = follower.progress;
            let all = [progress.received, progress.durable, progress.applied] == [Lsn(2); 3];
            all && lag(&progress) == [Some(0); 3]
        })
    });
    let follower = only_follower(&master).expect("it follows");
    assert_eq!((follower.addr.as_str(), follower.port), ("127.0.0.1", replica.port));
    let facts = replica.facts();
    let progress = facts.progress;
    assert_eq!(lag(&progress), [Some(0); 3]);
    assert_eq!((facts.epoch, replica.link()), (master.facts().epoch, UP));
    let call = |peer: &Peer, argv: &[&str]| {
        let address = format!("127.0.0.1:{}", peer.port);
        Client::connect(&address, Duration::from_secs(5)).and_then(|mut client| client.call(argv))
    };
    let text = |reply| match reply {
        Ok(OwnedFrame::BulkString(bytes)) => String::from_utf8(bytes).expect("text"),
        other => panic!("{other:?}"),
    };
    let of_master = text(call(&master, &["INFO", "replication"]));
    assert!(of_master.contains("role:master") && of_master.contains("connected_slaves:1"), "{of_master}");
    let of_replica = text(call(&replica, &["INFO", "replication"]));
    let up = ["role:slave", "master_link_status:up", &format!("master_port:{}", master.port)];
    assert!(up.iter().all(|line| of_replica.contains(line)), "{of_replica}");
    match call(&replica, &["ROLE"]) {
        Ok(OwnedFrame::Array(parts)) => {
            assert_eq!(parts[0], OwnedFrame::BulkString(b"slave".to_vec()));
            assert_eq!(parts[3], OwnedFrame::BulkString(b"connected".to_vec()));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn log_time_of_an_idle_replica_follows_its_master() {
    let (m, r) = (Disks::new(), Disks::new());
    let master = Peer::master(&m, AS_IT_IS);
    let replica = Peer::replica(&r, AS_IT_IS, master.port);
    master.run(&["SET a 1 PX 300"]);
    replica.wait_for(&master);
    let set = replica.facts().log_time;
    wait_until("the key is dead", || replica.one("GET a") == Reply::Null);
    assert!(replica.facts().log_time.0 >= set.0 + 300, "the key was judged by the master's time");
    assert!(!replica.facts().log_time_estimated);
}

#[test]
fn log_time_of_a_replica_that_publishes_rarely_is_not_estimated_while_its_master_is_heard_of() {
    let (m, r) = (Disks::new(), Disks::new());
    let rare = |settings: &mut Settings| {
        settings.ordering = Strategy::WritesetSnapshots;
        settings.snapshot_interval_ms = 3_600_000;
        settings.log_clock_limit_ms = 2000;
    };
    let master = Peer::master(&m, AS_IT_IS);
    let replica = Peer::replica(&r, &rare, master.port);
    master.run(&["SET a 1"]);
    wait_until("the entry", || replica.facts().progress.durable == Lsn(1));
    let since = master.facts().log_time.0;
    wait_until("a time beyond the limit", || master.facts().log_time.0 > since + 4000);
    let facts = replica.facts();
    assert_eq!(facts.progress.applied, Lsn(0), "no snapshot was published");
    assert!(!facts.log_time_estimated, "heartbeats came all the time: {:?}", facts.log_time);
}

fn lag(progress: &Progress) -> [Option<u64>; 3] {
    [progress.lag_entries, progress.lag_bytes, progress.lag_ms]
}

#[test]
fn facts_while_the_link_is_down_say_that_the_lag_is_not_known_and_since_when() {
    let (m, r) = (Disks::new(), Disks::new());
    let master = Peer::master(&m, AS_IT_IS);
    let replica = Peer::replica(&r, AS_IT_IS, master.port);
    master.run(&["SET a 1"]);
    replica.wait_for(&master);
    wait_until("no lag", || lag(&replica.facts().progress) == [Some(0); 3]);
    let down_ms = || match replica.facts().role {
        Role::Replica { down_ms, .. } => down_ms,
        Role::Master { .. } => panic!("it follows"),
    };
    assert_eq!(down_ms(), 0);
    drop(master);
    wait_until("the link is down", || replica.link() != UP);
    // The link retries again and again; the reported time covers the whole outage.
    let (mut longest, mut tried) = (0, 0);
    let mut before = replica.link();
    while tried < 3 {
        let (now, link) = (down_ms(), replica.link());
        assert_eq!(lag(&replica.facts().progress), [None; 3], "{link:?}");
        assert!(now >= longest, "{link:?}: {now} ms after {longest} ms");
        longest = now;
        tried += u32::from(link != before);
        before = link;
        std::thread::yield_now();
    }
    assert!(longest > 0);
}

/// The total size of the files in the store's folder, in bytes.
fn store_bytes(disks: &Disks) -> u64 {
    let files = std::fs::read_dir(disks.dir.path().join("store")).expect("a folder");
    files.filter_map(|file| Some(file.ok()?.metadata().ok()?.len())).sum()
}

#[test]
fn flushall_gives_the_space_back_on_both_nodes() {
    let (m, r) = (Disks::new(), Disks::new());
    let change = |settings: &mut Settings| settings.flush_bytes = 1 << 20;
    let master = Peer::master(&m, &change);
    let replica = Peer::replica(&r, &change, master.port);
    let value = "v".repeat(100_000);
    for n in 0..200 {
        master.run(&[&format!("SET k{n} {value}")]);
    }
    replica.wait_for(&master);
    for disks in [&m, &r] {
        wait_until("the data is on the disk", || store_bytes(disks) > 10_000_000);
    }
    master.run(&["FLUSHALL"]);
    for disks in [&m, &r] {
        wait_until("the space is given back", || store_bytes(disks) < 2_000_000);
    }
    master.run(&["SET a 1"]);
    replica.assert_equals(&master, "what is left");
}
