//! Nodes that change their role while they run.

use super::super::disks::{Disks, wait_until};
use super::peer::{AS_IT_IS, Peer};
use replicheck::client::{Client, OwnedFrame};
use replicheck::command::Reply;
use replicheck::server::facts::{Link, Role};
use std::time::Duration;

/// A master with one entry, and its replica, which has applied it.
fn pair(m: &Disks, r: &Disks) -> (Peer, Peer) {
    let master = Peer::master(m, AS_IT_IS);
    let replica = Peer::replica(r, AS_IT_IS, master.port);
    master.run(&["SET a 1"]);
    replica.wait_for(&master);
    (master, replica)
}

#[test]
fn promotion_begins_an_epoch_and_the_old_master_follows() {
    let (m, r) = (Disks::new(), Disks::new());
    let (old, new) = pair(&m, &r);
    let (before, time) = (old.facts().epoch, new.facts().log_time);
    new.replicate(None).expect("it is promoted");
    let promoted = new.facts();
    assert!(promoted.epoch > before && matches!(promoted.role, Role::Master { .. }));
    assert!(promoted.log_time >= time, "log time does not go back");
    assert_eq!(new.run(&["SET b 2", "GET a"]), [Reply::Status("OK"), Reply::bulk("1")]);
    old.replicate(Some(new.port)).expect("it follows");
    old.assert_equals(&new, "what the new master wrote");
    assert_eq!(old.facts().epoch, promoted.epoch);
    assert!(matches!(old.one("SET c 3"), Reply::Error(text) if text.starts_with("READONLY ")));
    // The roles change back.
    old.replicate(None).expect("it is promoted");
    new.replicate(Some(old.port)).expect("it follows");
    assert!(old.facts().epoch > promoted.epoch);
    old.run(&["SET c 3"]);
    new.assert_equals(&old, "what the first master wrote");
}

#[test]
fn promotion_without_a_write_outlives_a_restart() {
    let (m, r) = (Disks::new(), Disks::new());
    let (old, new) = pair(&m, &r);
    new.replicate(None).expect("it is promoted");
    let promoted = new.facts().epoch;
    new.stop().expect("it stops");
    let new = Peer::master(&r, AS_IT_IS);
    assert!(new.facts().epoch > promoted, "every start begins an epoch");
    // Both nodes write: their entries have the same LSN and differ.
    old.run(&["SET b old"]);
    new.run(&["SET b new"]);
    new.run(&["SET c new"]);
    old.replicate(Some(new.port)).expect("it tries");
    let reason = old.wait_until_refused();
    assert!(reason.starts_with("NOSYNC replica has lsn 2, but the histories fork after lsn 1;"), "{reason}");
}

#[test]
fn old_master_that_wrote_on_is_refused() {
    let (m, r) = (Disks::new(), Disks::new());
    let (old, new) = pair(&m, &r);
    new.replicate(None).expect("it is promoted");
    old.run(&["SET b old"]);
    new.run(&["SET b new"]);
    new.run(&["SET c new"]);
    old.replicate(Some(new.port)).expect("it tries");
    let reason = old.wait_until_refused();
    assert!(reason.starts_with("NOSYNC replica has lsn 2, but the histories fork after lsn 1;"), "{reason}");
    assert!(matches!(old.link(), Link::Stopped { .. }));
    assert_eq!(old.one("GET b"), Reply::bulk("old"), "it still serves its own data");
    // The node may become a master again, of its own history.
    old.replicate(None).expect("it is promoted");
    assert_eq!(old.one("SET c old"), Reply::Status("OK"));
}

#[test]
fn master_asked_to_be_one_stays_as_it_is() {
    let (m, r) = (Disks::new(), Disks::new());
    let (master, _replica) = pair(&m, &r);
    let epoch = master.facts().epoch;
    let is_followed = || matches!(master.facts().role, Role::Master { replicas } if replicas.len() == 1);
    wait_until("its replica", is_followed);
    master.replicate(None).expect("nothing to do");
    assert!(is_followed(), "the replica stays connected");
    assert_eq!((master.facts().epoch, master.one("GET a")), (epoch, Reply::bulk("1")));
}

#[test]
fn replica_under_writes_changes_its_role_and_keeps_a_prefix() {
    let (m, r) = (Disks::new(), Disks::new());
    let (old, new) = pair(&m, &r);
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| (0..300).for_each(|n| drop(old.run(&[&format!("SET k{n} {n}")]))));
        wait_until("some of them", || new.facts().progress.applied.0 > 20);
        new.replicate(None).expect("it is promoted");
        writing.join().expect("it writes");
    });
    let kept = new.facts().progress.applied.0;
    assert!(kept > 20);
    let keys = new.node.dump().expect("it reads").len() as u64;
    assert_eq!(keys, kept, "each entry wrote one key: the keys are a prefix of what the master wrote");
}

/// The reply to each request of one connection; those in an array one by one.
fn sent(peer: &Peer, lines: &[&str]) -> Vec<String> {
    let mut client =
        Client::connect(&format!("127.0.0.1:{}", peer.port), Duration::from_secs(20)).expect("it serves");
    let shown = |frame: OwnedFrame| match frame {
        OwnedFrame::SimpleString(text) => String::from_utf8_lossy(&text).into_owned(),
        OwnedFrame::BulkString(text) => String::from_utf8_lossy(&text).into_owned(),
        OwnedFrame::Error(text) => text,
        other => format!("{other:?}"),
    };
    let call = |line: &&str| client.call(&line.split(' ').collect::<Vec<_>>()).expect("a reply");
    let replies = lines.iter().map(call).flat_map(|frame| match frame {
        OwnedFrame::Array(frames) => frames,
        frame => vec![frame],
    });
    replies.map(shown).collect()
}

/// redis#5666: there a write between REPLICAOF and REPLICAOF NO ONE in one transaction is applied and logged nowhere.
#[test]
fn transaction_that_changes_the_role_writes_nothing_that_is_not_logged() {
    const READONLY: &str = "READONLY You can't write against a read only replica.";
    let (m, r, n) = (Disks::new(), Disks::new(), Disks::new());
    let (master, replica) = pair(&m, &r);
    let follows = format!("REPLICAOF 127.0.0.1 {}", Peer::master(&n, AS_IT_IS).port);
    let epoch = master.facts().epoch;
    let program =
        ["MULTI", "SET a 2", &follows, "SET a 3", "GET a", "REPLICAOF NO ONE", "APPEND b x", "GET a", "EXEC"];
    let queued = ["QUEUED"; 7];
    let ran = ["OK", "OK", READONLY, "2", "OK", "Integer(1)", "2"];
    assert_eq!(sent(&master, &program), [&["OK"], &queued[..], &ran].concat());
    assert!(matches!(master.facts().role, Role::Master { .. }) && master.facts().epoch > epoch);
    replica.assert_equals(&master, "what the transaction wrote in both roles");
    // Where the transaction ends as a replica, it stays one.
    let program = ["MULTI", "INCR c", &follows, "INCR c", "GET c", "EXEC", "INCR c"];
    let ran = ["Integer(1)", "OK", READONLY, "1", READONLY];
    assert_eq!(sent(&master, &program), [&["OK"], &["QUEUED"; 4][..], &ran].concat());
    assert!(matches!(master.facts().role, Role::Replica { .. }));
}
