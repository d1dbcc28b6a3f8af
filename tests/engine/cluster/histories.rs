//! Two histories that share entry numbers: folders restored from a backup, cloned folders, and machines set back to a snapshot.

use super::super::disks::{Disks, entries, log_of};
use super::peer::{AS_IT_IS, Peer};
use replicheck::binlog::segment::Options;
use replicheck::binlog::{Entry, Lsn};
use replicheck::command::Reply;

/// How the refusal of a replica that has entries of another history begins.
const PARTED: &str = "NOSYNC replica has lsn ";

#[test]
fn master_restored_from_a_backup_refuses_who_followed_the_one_that_went_on() {
    let (m, r) = (Disks::new(), Disks::new());
    let master = Peer::master(&m, AS_IT_IS);
    master.run(&["SET a 1"]);
    master.stop().expect("it stops");
    let backup = m.copy();
    let master = Peer::master(&m, AS_IT_IS);
    let replica = Peer::replica(&r, AS_IT_IS, master.port);
    master.run(&["SET b old"]);
    replica.wait_for(&master);
    drop(master);
    let restored = Peer::master(&backup, AS_IT_IS);
    restored.run(&["SET b new"]);
    restored.run(&["SET c new"]);
    replica.replicate(Some(restored.port)).expect("it tries");
    let reason = replica.wait_until_refused();
    assert!(reason.starts_with(PARTED), "{reason}");
    assert_eq!(replica.one("GET b"), Reply::bulk("old"), "it still serves its own data");
}

#[test]
fn master_restored_from_a_backup_takes_who_has_no_more_than_the_backup() {
    let (m, r) = (Disks::new(), Disks::new());
    let master = Peer::master(&m, AS_IT_IS);
    let replica = Peer::replica(&r, AS_IT_IS, master.port);
    master.run(&["SET a 1"]);
    replica.wait_for(&master);
    replica.stop().expect("it stops");
    master.stop().expect("it stops");
    let backup = m.copy();
    let master = Peer::master(&m, AS_IT_IS);
    master.run(&["SET b old"]);
    drop(master);
    let restored = Peer::master(&backup, AS_IT_IS);
    restored.run(&["SET b new"]);
    let replica = Peer::replica(&r, AS_IT_IS, restored.port);
    replica.assert_equals(&restored, "what the restored master wrote");
}

#[test]
fn clones_of_a_folder_that_both_wrote_do_not_follow_each_other() {
    let m = Disks::new();
    let master = Peer::master(&m, AS_IT_IS);
    master.run(&["SET a 1"]);
    master.stop().expect("it stops");
    let clone = m.copy();
    let (one, other) = (Peer::master(&m, AS_IT_IS), Peer::master(&clone, AS_IT_IS));
    one.run(&["SET b one"]);
    one.run(&["SET c one"]);
    other.run(&["SET b other"]);
    other.replicate(Some(one.port)).expect("it tries");
    let reason = other.wait_until_refused();
    assert!(reason.starts_with(PARTED), "{reason}");
}

#[test]
fn clone_that_wrote_nothing_follows_the_other_one() {
    let m = Disks::new();
    let master = Peer::master(&m, AS_IT_IS);
    master.run(&["SET a 1"]);
    master.stop().expect("it stops");
    let clone = m.copy();
    let (one, other) = (Peer::master(&m, AS_IT_IS), Peer::master(&clone, AS_IT_IS));
    one.run(&["SET b one"]);
    other.replicate(Some(one.port)).expect("it follows");
    other.assert_equals(&one, "a clone");
}

/// The entries that a master logs for three writes, the second with the value `second`. All have one epoch, the same for all
/// callers, and one time.
fn history(second: &str) -> Vec<Entry> {
    let disks = Disks::new();
    let master = Peer::master(&disks, AS_IT_IS);
    for line in ["SET a 1", &format!("SET b {second}"), "SET c 3"] {
        master.run(&[line]);
    }
    master.stop().expect("it stops");
    let all = entries(&disks.binlog);
    let time = all[0].time;
    all.into_iter().map(|entry| Entry { epoch: replicheck::binlog::Epoch(7), time, ..entry }).collect()
}

/// A machine that was set back to a snapshot continues in the same epoch, and may write an entry that has the same number
/// and the same bytes as one that was lost.
#[test]
fn machine_that_went_back_and_wrote_on_refuses_who_followed_before() {
    let (before, after) = (history("old"), history("new"));
    let time = before[0].time;
    let after: Vec<Entry> = after.into_iter().map(|entry| Entry { time, ..entry }).collect();
    assert_eq!(before[2], after[2], "the last entries are equal");
    let of = |entries: &[Entry]| Disks::of_log(log_of(entries, entries.len(), Options::default()));
    for has in [2, 3] {
        let (m, r) = (of(&after), of(&before[..has]));
        let master = Peer::master(&m, AS_IT_IS);
        let replica = Peer::replica(&r, AS_IT_IS, master.port);
        let reason = replica.wait_until_refused();
        let begins = format!("NOSYNC replica's entries through lsn {has} are not this master's; ");
        assert!(reason.starts_with(&begins), "{reason}");
    }
    let (m, r) = (of(&after), of(&before[..1]));
    let master = Peer::master(&m, AS_IT_IS);
    let replica = Peer::replica(&r, AS_IT_IS, master.port);
    replica.assert_equals(&master, "a replica that has no more than the snapshot resumes");
    assert_eq!(replica.facts().progress.received, Lsn(3));
}
