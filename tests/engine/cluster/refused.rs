//! Replicas that cannot follow, and the reasons that they are given.

use super::super::disks::{Disks, wait_until};
use super::peer::{AS_IT_IS, Peer, UP};
use replicheck::binlog::Fsync;
use replicheck::command::Reply;
use replicheck::engine::{Address, Engine, Settings};
use replicheck::expiry::Policy;
use replicheck::replication::handshake::START_AGAIN;
use replicheck::server::Backend as _;

#[test]
fn replica_behind_the_purge_is_refused() {
    let m = Disks::new();
    let small = |settings: &mut Settings| (settings.segment_bytes_max, settings.flush_bytes) = (1, 1);
    let master = Peer::master(&m, &small);
    for _ in 0..12 {
        master.run(&["INCR n"]);
    }
    let r = Disks::new();
    let replica = Peer::replica(&r, AS_IT_IS, master.port);
    let reason = replica.wait_until_refused();
    assert!(reason.starts_with("NOSYNC replica needs lsn 1, but the master's log begins at "), "{reason}");
    assert!(reason.ends_with(START_AGAIN), "{reason}");
    assert_eq!(replica.one("GET n"), Reply::Null, "it still serves its own data");
}

#[test]
fn copy_of_the_folder_of_a_master_with_a_purged_log_becomes_its_replica() {
    let m = Disks::new();
    let small = |settings: &mut Settings| (settings.segment_bytes_max, settings.flush_bytes) = (1, 1);
    let master = Peer::master(&m, &small);
    for _ in 0..12 {
        master.run(&["INCR n"]);
    }
    let takes = |settings: &mut Settings| settings.takes_copy = true;
    let refused = |disks: &Disks, port: Option<u16>| {
        let master = port.map(|port| Address { host: "127.0.0.1".to_owned(), port });
        let settings = Settings { takes_copy: true, ..disks.settings(Fsync::EverySec) };
        Engine::start_on(disks.folders(), settings, master)
            .err()
            .expect("the node does not start")
            .to_string()
    };
    assert_eq!(refused(&Disks::new(), Some(master.port)), "--take-copy: there is no copy in the folder");
    let killed = Disks::with(m.node.copy(), m.binlog.copy());
    let text = refused(&killed, Some(master.port));
    assert!(text.starts_with("--take-copy: the copy is of a node that ran or was killed: "), "{text}");
    master.stop().expect("it stops");
    let copy = m.copy();
    assert_eq!(refused(&m.copy(), None), "--take-copy: it requires --replicaof");
    let master = Peer::master(&m, &small);
    master.run(&["INCR n"]);
    let replica = Peer::replica(&copy, &takes, master.port);
    replica.assert_equals(&master, "a cold copy");
    // The node is a replica now, so the flag may stay on its command line.
    replica.stop().expect("it stops");
    master.run(&["INCR n"]);
    let replica = Peer::replica(&copy, &takes, master.port);
    replica.assert_equals(&master, "its next start");
}

#[test]
fn replica_under_another_expiry_policy_is_refused() {
    let (m, r) = (Disks::new(), Disks::new());
    let master = Peer::master(&m, AS_IT_IS);
    let replica = Peer::replica(&r, &|settings| settings.expiry = Policy::Relative, master.port);
    let reason = replica.wait_until_refused();
    assert!(reason.starts_with("NOSYNC replica runs expiry `relative`, this node `log_clock`"), "{reason}");
}

#[test]
fn replica_beyond_a_master_that_lost_its_tail_is_refused() {
    let (m, r) = (Disks::new(), Disks::new());
    let master = Peer::master(&m, &|settings| settings.fsync = Fsync::Always);
    let replica = Peer::replica(&r, AS_IT_IS, master.port);
    master.run(&["SET a 1"]);
    master.run(&["SET b 2"]);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(master.node.set_appendfsync(Fsync::No)).expect("it changes");
    master.run(&["SET c 3"]);
    replica.wait_for(&master);
    // The machine loses power: the third entry was never synced.
    let lost = Disks::with(m.node.bare(), m.binlog.bare());
    let again = Peer::master(&lost, AS_IT_IS);
    assert_eq!(again.run(&["GET b", "GET c"]), [Reply::bulk("2"), Reply::Null]);
    assert!(
        again.facts().epoch > master.facts().epoch,
        "an acknowledged entry is lost, so the epoch is a new one"
    );
    drop(master);
    // The master wrote again: an LSN alone would not tell the two histories apart.
    again.run(&["SET d 4"]);
    again.run(&["SET e 5"]);
    replica.replicate(Some(again.port)).expect("it tries");
    let reason = replica.wait_until_refused();
    assert!(reason.starts_with("NOSYNC replica has lsn 3, but the histories fork after lsn 2;"), "{reason}");
    assert_eq!(replica.one("GET c"), Reply::bulk("3"), "it still serves its own data");
}

#[test]
fn replica_refuses_writes_and_after_a_crash_reads() {
    for fsync in [Fsync::Always, Fsync::EverySec] {
        let (m, r) = (Disks::new(), Disks::new());
        let change = |settings: &mut Settings| settings.fsync = fsync;
        let master = Peer::master(&m, &change);
        let replica = Peer::replica(&r, &change, master.port);
        master.run(&["SET a 1"]);
        replica.wait_for(&master);
        let read_only = Reply::Error("READONLY You can't write against a read only replica.".to_owned());
        assert_eq!(replica.run(&["SET a 2", "GET a"]), [read_only, Reply::bulk("1")]);
        let written = replica.facts().log_time;
        wait_until("heartbeats", || replica.facts().log_time.0 > written.0 + 200);
        // The process dies. No file holds the time that its readers were given, whatever appendfsync promised.
        let crashed = Disks::with(r.node.copy(), r.binlog.copy());
        let told = replica.facts().log_time;
        replica.stop().expect("it stops");
        // The system accepts connections to it, and nobody answers.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let silent = listener.local_addr().expect("it is bound").port();
        let mut again = Peer::replica(&crashed, &change, silent);
        let loading =
            |peer: &Peer| matches!(peer.one("GET a"), Reply::Error(text) if text.starts_with("LOADING "));
        assert!(loading(&again) && again.one("PING") == Reply::Status("PONG"), "{}", fsync.name());
        // Neither a clean stop nor the address of another master restores what may be lost.
        again.stop().expect("it stops");
        again = Peer::replica(&crashed, &change, silent);
        assert!(loading(&again), "{}", fsync.name());
        // No process listens on port 1.
        again.replicate(Some(1)).expect("it tries");
        assert!(loading(&again), "{}", fsync.name());
        again.replicate(Some(master.port)).expect("it follows");
        wait_until("reads", || again.one("GET a") == Reply::bulk("1"));
        assert!(again.facts().log_time >= told, "log time went back for the replica's readers");
        // After a clean stop, readers are let in at once.
        again.stop().expect("it stops");
        again = Peer::replica(&Disks::with(crashed.node.copy(), crashed.binlog.copy()), &change, silent);
        assert_eq!(again.one("GET a"), Reply::bulk("1"));
    }
}

#[test]
fn replica_that_told_an_estimate_removes_nothing_by_it_after_a_restart() {
    let (m, r) = (Disks::new(), Disks::new());
    // The estimate that readers were given is within the limit.
    let change = |settings: &mut Settings| settings.log_clock_limit_ms = 3_600_000;
    let master = Peer::master(&m, AS_IT_IS);
    let replica = Peer::replica(&r, &change, master.port);
    master.run(&["SET a 1 PX 600000"]);
    replica.wait_for(&master);
    replica.stop().expect("it stops");
    let heard = master.facts().log_time.0;
    r.rewrite("ceiling_ms", (heard + 1_800_000).into());
    let replica = Peer::replica(&r, &change, master.port);
    wait_until("it is up", || replica.link() == UP);
    assert_eq!(replica.one("GET a"), Reply::Null, "the key is dead by the time that readers were given");
    let since = master.facts().log_time.0;
    wait_until("looks for dead keys", || master.facts().log_time.0 > since + 500);
    // The stop flushes the store, and the flush removes the keys that were found dead.
    replica.stop().expect("it stops");
    r.rewrite("ceiling_ms", (heard).into());
    let replica = Peer::replica(&r, &change, master.port);
    wait_until("it is up", || replica.link() == UP);
    assert_eq!(replica.one("GET a"), Reply::bulk("1"));
}
