//! FAILOVER between real nodes under load, and writes that are refused while too few replicas are good.

use super::super::disks::{Disks, PATIENCE, wait_until};
use super::peer::{AS_IT_IS, Change, Peer, UP};
use replicheck::client::{Client, OwnedFrame};
use replicheck::command::Reply;
use replicheck::expiry::Policy;
use replicheck::server::facts::Role;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

const NO_REPLICAS: &str = "NOREPLICAS Not enough good replicas to write.";

fn connect(peer: &Peer) -> Client {
    Client::connect(&format!("127.0.0.1:{}", peer.port), Duration::from_secs(20)).expect("it serves")
}

fn call(peer: &Peer, line: &str) -> OwnedFrame {
    connect(peer).call(&line.split(' ').collect::<Vec<_>>()).expect("a reply")
}

fn ok(peer: &Peer, line: &str) {
    assert_eq!(call(peer, line), OwnedFrame::SimpleString(b"OK".into()), "{line}");
}

fn is_master(peer: &Peer) -> bool {
    matches!(peer.facts().role, Role::Master { .. })
}

/// Starts a replica of `master` that names its port there. A node that takes any free port may connect before it has one.
fn follow(disks: &Disks, change: Change<'_>, master: &Peer) -> Peer {
    let replica = Peer::replica(disks, change, master.port);
    replica.replicate(Some(master.port)).expect("it follows");
    wait_until("a link", || replica.link() == UP);
    replica
}

/// Counts in `n` until the node refuses writes; each acknowledged count is noted.
fn count(peer: &Peer, acknowledged: &AtomicI64) {
    let (mut client, begun) = (connect(peer), Instant::now());
    while begun.elapsed() < 2 * PATIENCE {
        match client.call(&["INCR", "n"]).expect("a reply") {
            OwnedFrame::Integer(n) => drop(acknowledged.fetch_max(n, Ordering::Relaxed)),
            OwnedFrame::Error(text) => return assert!(text.starts_with("READONLY"), "{text}"),
            other => panic!("{other:?}"),
        }
    }
    panic!("the roles are not exchanged: {}", aborted(peer).unwrap_or_default());
}

/// The reason for which the last failover was aborted; `None`: there is none, or one goes on.
fn aborted(peer: &Peer) -> Option<String> {
    let OwnedFrame::BulkString(text) = call(peer, "INFO replication") else { panic!("INFO is a text") };
    let text = String::from_utf8(text).expect("it is text");
    let reason = text.lines().find_map(|line| line.strip_prefix("rc_failover_aborted:"));
    reason.filter(|_| text.contains("master_failover_state:no-failover")).map(str::to_owned)
}

/// Roles are exchanged again and again under load. The third node is told whom to follow.
fn exchanges_roles(policy: Policy) {
    let disks = [Disks::new(), Disks::new(), Disks::new()];
    let of_policy: Change<'_> = &|settings| settings.expiry = policy;
    let first = Peer::master(&disks[0], of_policy);
    let (second, third) = (follow(&disks[1], of_policy, &first), follow(&disks[2], of_policy, &first));
    let (mut master, mut replica) = (first, second);
    let acknowledged = AtomicI64::new(0);
    for round in 0..4 {
        let what = format!("{} round {round}", policy.name());
        replica.wait_for(&master);
        third.wait_for(&master);
        let before = replica.facts().syncs;
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| count(&master, &acknowledged));
            }
            let before = acknowledged.load(Ordering::Relaxed);
            wait_until("some writes", || acknowledged.load(Ordering::Relaxed) > before + 50);
            if policy == Policy::MasterExpires {
                // Its removals are entries, which come at any moment.
                master.run(&["PSETEX dies 1 v"; 20]);
            }
            ok(&master, &format!("FAILOVER TO 127.0.0.1 {} TIMEOUT 20000", replica.port));
        });
        wait_until(&what, || is_master(&replica) && !is_master(&master) && master.link() == UP);
        assert_eq!(
            replica.one("GET n"),
            Reply::bulk(acknowledged.load(Ordering::Relaxed).to_string()),
            "{what}"
        );
        third.replicate(Some(replica.port)).expect("it follows");
        replica.one("SET after 1");
        for other in [&master, &third] {
            other.assert_equals(&replica, &what);
        }
        let after = replica.facts().syncs;
        let counted =
            (after.full - before.full, after.refused - before.refused, after.resumed - before.resumed);
        assert_eq!(counted, (0, 0, 2), "{what}");
        std::mem::swap(&mut master, &mut replica);
    }
}

#[test]
fn failover_under_load_keeps_every_acknowledged_write_and_all_replicas_resume() {
    exchanges_roles(Policy::LogClock);
}

#[test]
fn failover_of_a_policy_that_logs_removals_leaves_no_entry_behind() {
    exchanges_roles(Policy::MasterExpires);
}

#[test]
fn failover_to_a_node_that_is_not_the_replica_is_aborted() {
    let disks = [Disks::new(), Disks::new(), Disks::new()];
    let (master, other) = (Peer::master(&disks[0], AS_IT_IS), Peer::master(&disks[1], AS_IT_IS));
    other.one("SET mine 1");
    let replica = Peer::replica(&disks[2], AS_IT_IS, master.port);
    master.one("SET a 1");
    replica.wait_for(&master);
    // As behind a port that is forwarded elsewhere: the replica names the port of another node.
    replica.node.serves_on(other.port);
    master.replicate(None).expect("it is a master");
    replica.replicate(Some(master.port)).expect("it follows");
    replica.node.serves_on(other.port);
    wait_until("the port", || match master.facts().role {
        Role::Master { replicas } => replicas.iter().any(|replica| replica.port == other.port),
        Role::Replica { .. } => false,
    });
    ok(&master, &format!("FAILOVER TO 127.0.0.1 {}", other.port));
    wait_until("the abort", || aborted(&master).is_some());
    assert_eq!(
        aborted(&master).expect("it was aborted"),
        format!("127.0.0.1:{} was not made a master: the node at this address is no replica", other.port)
    );
    assert!(is_master(&master) && is_master(&other) && !is_master(&replica));
    assert_eq!((master.one("SET a 2"), other.one("EXISTS mine a")), (Reply::OK, Reply::Integer(1)));
}

#[test]
fn failover_sends_the_password_of_masterauth() {
    let disks = [Disks::new(), Disks::new()];
    let master = Peer::master(&disks[0], AS_IT_IS);
    let replica = follow(&disks[1], AS_IT_IS, &master);
    ok(&replica, "CONFIG SET requirepass p");
    for (password, is_handed_over) in [("x", false), ("p", true)] {
        ok(&master, &format!("CONFIG SET masterauth {password}"));
        ok(&master, "FAILOVER TIMEOUT 20000");
        wait_until("the end", || is_master(&replica) || aborted(&master).is_some());
        wait_until("the end", || is_master(&replica) != is_master(&master));
        assert_eq!(
            (is_master(&replica), is_master(&master)),
            (is_handed_over, !is_handed_over),
            "{password}"
        );
    }
}

#[test]
fn master_refuses_writes_while_too_few_replicas_are_good() {
    let (m, r) = (Disks::new(), Disks::new());
    let master = Peer::master(&m, AS_IT_IS);
    ok(&master, "SET a 0");
    ok(&master, "CONFIG SET min-replicas-to-write 1 min-replicas-max-lag 5");
    let refused = || OwnedFrame::Error(NO_REPLICAS.into());
    assert_eq!(call(&master, "SET a 1"), refused());
    let mut client = connect(&master);
    for (line, reply) in [
        ("GET a", OwnedFrame::BulkString(b"0".to_vec())),
        ("MULTI", OwnedFrame::SimpleString(b"OK".into())),
        ("SET a 1", refused()),
        ("EXEC", OwnedFrame::Error("EXECABORT Transaction discarded because of previous errors.".into())),
    ] {
        assert_eq!(client.call(&line.split(' ').collect::<Vec<_>>()).expect("a reply"), reply, "{line}");
    }
    // A write in a pipeline of reads is refused alone.
    let replies = master.run(&["GET a", "SET a 1", "GET a"]);
    assert_eq!(replies, [Reply::bulk("0"), Reply::Error(NO_REPLICAS.to_owned()), Reply::bulk("0")]);

    let replica = Peer::replica(&r, AS_IT_IS, master.port);
    wait_until("a good replica", || master.facts().good_replicas == 1);
    ok(&master, "SET a 1");
    ok(&master, "CONFIG SET min-replicas-to-write 2");
    assert_eq!(call(&master, "SET a 2"), refused());
    ok(&master, "CONFIG SET min-replicas-to-write 1");
    replica.stop().expect("it stops");
    wait_until("a refusal", || call(&master, "SET a 3") == refused());
    ok(&master, "CONFIG SET min-replicas-max-lag 0");
    ok(&master, "SET a 4");
}

#[test]
fn replica_that_is_connected_and_silent_is_no_good_one() {
    let m = Disks::new();
    let master = Peer::master(&m, AS_IT_IS);
    ok(&master, "CONFIG SET min-replicas-to-write 1 min-replicas-max-lag 1");
    let mut silent = connect(&master);
    ok(&master, "CONFIG SET min-replicas-max-lag 0");
    ok(&master, "SET a 0");
    ok(&master, "CONFIG SET min-replicas-max-lag 1");
    let hello = ["RCSYNC", "1", "0", "0", "7001", "log_clock", "-"];
    let begun = Instant::now();
    assert!(matches!(silent.call(&hello), Ok(OwnedFrame::SimpleString(_))));
    wait_until("a good replica", || master.facts().good_replicas == 1);
    wait_until("an old acknowledgement", || master.facts().good_replicas == 0);
    assert!(begun.elapsed() >= Duration::from_secs(1));
    assert_eq!(call(&master, "SET a 1"), OwnedFrame::Error(NO_REPLICAS.into()));
    let Role::Master { replicas } = master.facts().role else { panic!("it is a master") };
    assert_eq!(replicas.len(), 1, "it is still connected");
    // It has acknowledged nothing, so it does not become the master.
    ok(&master, "FAILOVER TIMEOUT 300");
    wait_until("the abort", || aborted(&master).is_some());
    assert_eq!(aborted(&master).expect("it was aborted"), "no replica caught up before the timeout");
}
