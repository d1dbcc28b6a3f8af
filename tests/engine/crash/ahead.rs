//! A store that is ahead of its log: the disk lost data that fsync had promised, or somebody removed the log.

use super::super::cluster::{AS_IT_IS, Peer};
use super::super::disks::{Disks, Node, copy_folder, entries, log_of, run};
use super::super::forgetful::{DiskFault, Forgetful};
use replicheck::binlog::segment::Options;
use replicheck::binlog::{Entry, Epoch, Fsync, Lsn};
use replicheck::command::Reply;
use replicheck::engine::{Address, Engine};
use replicheck::server::Backend as _;
use replicheck::store::Dump;
use std::path::Path;

/// Each line writes one entry.
const PROGRAM: [&str; 4] = ["SET a 1", "SET b 2", "SET c 3", "SET d 4"];

/// A master that ran the program and was stopped.
struct Stopped {
    disks: Disks,
    entries: Vec<Entry>,
    dump: Dump,
    epoch: Epoch,
}

fn stopped() -> Stopped {
    let disks = Disks::new();
    let node = disks.start(Fsync::EverySec);
    for line in PROGRAM {
        run(&node, &[line]);
    }
    let (dump, epoch) = (node.dump().expect("it reads"), node.facts().epoch);
    node.stop_now().expect("it stops");
    drop(node);
    Stopped { entries: entries(&disks.binlog), disks, dump, epoch }
}

impl Stopped {
    fn store(&self) -> std::path::PathBuf {
        self.disks.dir.path().join("store")
    }

    /// A copy of its folder with the first `kept` entries of its log. With `None` the log's folder is missing.
    fn with_log(&self, kept: Option<usize>) -> Disks {
        let log =
            kept.map_or_else(Forgetful::new, |kept| log_of(&self.entries[..kept], kept, Options::default()));
        on_store(self.disks.node.copy(), log, &self.store())
    }
}

fn on_store(node: Forgetful, binlog: Forgetful, store: &Path) -> Disks {
    let disks = Disks::with(node, binlog);
    copy_folder(store, &disks.dir.path().join("store"));
    disks
}

/// Asserts that the node has all of the data, in a newer epoch, and accepts writes.
fn assert_went_on(node: &Node, before: &Stopped, case: &str) -> Epoch {
    let facts = node.facts();
    assert_eq!(facts.progress.applied, Lsn(4), "{case}");
    assert!(facts.epoch > before.epoch, "{case}: {} after {}", facts.epoch, before.epoch);
    assert_eq!(node.dump().expect("it reads"), before.dump, "{case}");
    assert_eq!(run(node, &["SET e 5", "GET a"]), [Reply::Status("OK"), Reply::bulk("1")], "{case}");
    assert_eq!(node.facts().progress.applied, Lsn(5), "{case}");
    facts.epoch
}

#[test]
fn store_ahead_of_its_log_makes_a_master_begin_an_epoch() {
    let before = stopped();
    for kept in [Some(3), Some(0), None] {
        let disks = before.with_log(kept);
        let case = format!("{kept:?} of 4 entries left");
        let node = disks.start(Fsync::EverySec);
        let epoch = assert_went_on(&node, &before, &case);
        node.stop_now().expect("it stops");
        drop(node);
        let again = disks.start(Fsync::EverySec);
        assert!(again.facts().epoch > epoch, "{case}: every start begins an epoch");
        assert_eq!(run(&again, &["GET e"]), [Reply::bulk("5")], "{case}");
        again.stop_now().expect("it stops");
    }
}

#[test]
fn crash_at_every_change_while_the_log_begins_anew_is_made_good() {
    let before = stopped();
    let mut crashes = 0;
    for kept in [Some(3), None] {
        let changes = |pick: fn(&Disks) -> &Forgetful| {
            let disks = before.with_log(kept);
            let already = pick(&disks).changes().len();
            disks.start(Fsync::EverySec).stop_now().expect("it stops");
            pick(&disks).changes().len() - already
        };
        for pick in [(|disks| &disks.node) as fn(&Disks) -> &Forgetful, |disks| &disks.binlog] {
            for at in 0..changes(pick) {
                for fault in [DiskFault::Death, DiskFault::Sync] {
                    let disks = before.with_log(kept);
                    pick(&disks).fail(at, fault);
                    let case = format!("{kept:?} left, change {at}, {fault:?}");
                    // The start may succeed; in that case the disk fails under a running node.
                    if let Ok(node) = disks.try_start(disks.settings(Fsync::EverySec)) {
                        // The clean stop may fail.
                        let _ = node.stop_now();
                    }
                    // The machine loses power as well.
                    for binlog in disks.binlog.power_losses(|_| 1_000) {
                        let left = on_store(disks.node.bare(), binlog, &before.store());
                        let node = left.start(Fsync::EverySec);
                        assert_went_on(&node, &before, &case);
                        node.stop_now().expect("it stops");
                        crashes += 1;
                    }
                }
            }
        }
    }
    eprintln!("{crashes} crashes");
    assert!(crashes > 100);
}

#[test]
fn store_ahead_of_its_log_refuses_every_follower_of_the_old_epoch() {
    let before = stopped();
    let disks = before.with_log(Some(3));
    let master = Peer::master(&disks, AS_IT_IS);
    for wrote in [false, true] {
        if wrote {
            master.run(&["SET e 5"]);
        }
        for has in 0..=4 {
            // The folder of a replica that has received `has` entries.
            let log = log_of(&before.entries[..has], has, Options::default());
            let replica = Peer::replica(&Disks::of_log(log), AS_IT_IS, master.port);
            let reason = replica.wait_until_refused();
            let wanted = has + 1;
            let purged = reason.starts_with(&format!(
                "NOSYNC replica needs lsn {wanted}, but the master's log begins at 5;"
            ));
            let other =
                reason.starts_with(&format!("NOSYNC replica's log, through lsn {has}, has no entry of this"));
            assert!(if has < 4 { purged } else { other }, "{has}: {reason}");
        }
    }
}

#[test]
fn store_ahead_of_its_log_refuses_a_replica() {
    let before = stopped();
    let disks = before.with_log(Some(3));
    let master = Address { host: "127.0.0.1".to_owned(), port: 1 };
    let refused = |master| match Engine::start_on(disks.folders(), disks.settings(Fsync::EverySec), master) {
        Ok(_) => panic!("it starts"),
        Err(error) => error.to_string(),
    };
    let text = "the store holds entries through 4, the log ends at 3: the disk lost what fsync had promised; start the replica in \
                an empty folder";
    assert_eq!(refused(Some(master)), text);
    // The node is not promoted either: its master may still have the entries that the log lacks.
    disks.rewrite("follower", true.into());
    assert_eq!(refused(None), text);
}
