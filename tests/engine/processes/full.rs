//! Nodes whose disks are full or slow for a while. The library `full.c` is preloaded and harms writes to the store's files, to the
//! log's, or to both. Without a C compiler the tests are skipped, and say so.

use super::node::{Node, folder, pause, until};
use crate::seed::{Seed, setting};
use replicheck::client::{Client, OwnedFrame};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// A flush threshold, in bytes, that about every fourth write reaches.
const FLUSH_BYTES: &str = "40000";
const VALUE_BYTES: usize = 10_000;
/// How long a write waits for its reply.
const UNANSWERED: Duration = Duration::from_secs(2);

/// Builds `full.c`; `None`: this machine cannot.
pub(super) fn library(dir: &Path) -> Option<PathBuf> {
    super::preload::build(dir, "full", include_str!("full.c"))
}

/// A node whose disk can be harmed.
pub(super) struct DiskNode {
    pub(super) node: Node,
    fault: PathBuf,
}

impl DiskNode {
    pub(super) fn start(dir: &Path, name: &str, library: &Path, options: &[&str]) -> DiskNode {
        let fault = dir.join(format!("{name}.fault"));
        fs::write(&fault, "").unwrap();
        let options: Vec<String> =
            [&["--flush-bytes", FLUSH_BYTES], options].concat().into_iter().map(str::to_owned).collect();
        let preloaded = [("LD_PRELOAD", library.to_owned()), ("DISK_FAULT_FILE", fault.clone())];
        DiskNode { node: Node::start_with(&dir.join(name), &options, &preloaded), fault }
    }

    /// Makes writes fail, from now on, to files whose path contains `part`. With an empty `part` there is room again.
    pub(super) fn fill(&self, part: &str) {
        self.harm(part, "full");
    }

    /// Harms the files whose path contains `part`; `full.c` says how.
    pub(super) fn harm(&self, part: &str, how: &str) {
        let next = self.fault.with_extension("next");
        fs::write(&next, format!("{part}\n{how}")).unwrap();
        fs::rename(&next, &self.fault).unwrap();
    }

    fn run(&self, words: &[&str]) -> OwnedFrame {
        self.node.connect().unwrap().call(words).unwrap()
    }

    /// Writes key `n`; returns whether the write was acknowledged. A write that is already logged when the store finds no room is
    /// not answered until there is room; any other refusal must be MISCONF.
    fn write(&self, n: usize) -> bool {
        let mut client = Client::connect(&self.node.address(), UNANSWERED).unwrap();
        match client.call(&["SET", &format!("k{n}"), &"v".repeat(VALUE_BYTES)]) {
            Ok(OwnedFrame::Error(text)) => {
                assert!(text.starts_with("MISCONF Errors writing to the "), "{text}");
                false
            }
            Ok(_) => true,
            Err(_) => false,
        }
    }

    fn has(&self, n: usize) -> bool {
        self.run(&["EXISTS", &format!("k{n}")]) == OwnedFrame::Integer(1)
    }

    fn keys(&self) -> OwnedFrame {
        self.run(&["DBSIZE"])
    }

    fn fact(&self, name: &str) -> String {
        self.node.fact(name).unwrap()
    }

    fn panic_with(&self, text: &str) -> ! {
        panic!("{text}\n{}", self.node.log_end())
    }
}

/// Waits until the replica has as many keys as the master.
fn assert_follows(replica: &DiskNode, master: &DiskNode) {
    let all = master.keys();
    until("the replica has all keys", || (replica.keys() == all).then_some(()))
        .unwrap_or_else(|text| replica.panic_with(&text));
}

#[test]
fn master_without_room_refuses_writes_and_goes_on_by_itself() {
    let (_removed, dir) = folder();
    let Some(library) = library(&dir) else { return };
    let mut master = DiskNode::start(&dir, "master", &library, &[]);
    let replica = DiskNode::start(&dir, "replica", &library, &["--replicaof", &master.node.address()]);
    let (mut next, mut acknowledged) = (0, Vec::new());
    for part in ["/store/", "/binlog/", "/master/"] {
        let mut write = |master: &DiskNode| {
            let taken = master.write(next);
            acknowledged.extend(taken.then_some(next));
            next += 1;
            taken
        };
        assert!(write(&master));
        master.fill(part);
        until("a refusal", || (!write(&master)).then_some(()))
            .unwrap_or_else(|text| master.panic_with(&text));
        // The next write was not under way together with the refused one, and is refused, too.
        assert!(!write(&master) && !master.node.has_ended(), "{part}");
        assert_eq!(master.fact("aof_last_write_status"), "err", "{part}");
        assert!(master.fact("rc_read_only").contains("No space left on device"), "{part}");
        assert!(
            matches!(master.run(&["GET", "k0"]), OwnedFrame::BulkString(_)),
            "{part}: reads are still served"
        );
        assert_eq!(replica.fact("master_link_status"), "up", "{part}");
        master.fill("");
        until("the master accepts writes again", || write(&master).then_some(()))
            .unwrap_or_else(|text| master.panic_with(&format!("{part}: {text}")));
        until("INFO says so", || (master.fact("aof_last_write_status") == "ok").then_some(())).unwrap();
        assert_follows(&replica, &master);
    }
    let lost: Vec<&usize> = acknowledged.iter().filter(|n| !master.has(**n)).collect();
    assert!(lost.is_empty(), "keys {lost:?} are lost, of {} acknowledged writes", acknowledged.len());
    let keys = master.keys();
    master.node.kill();
    master.node.restart();
    assert_eq!(master.keys(), keys, "after a kill");
}

#[test]
fn replica_without_room_shows_what_it_has_and_catches_up_by_itself() {
    let (_removed, dir) = folder();
    let Some(library) = library(&dir) else { return };
    let master = DiskNode::start(&dir, "master", &library, &[]);
    let mut replica = DiskNode::start(&dir, "replica", &library, &["--replicaof", &master.node.address()]);
    let mut written = 0;
    for part in ["/store/", "/binlog/", "/replica/"] {
        let mut write = || {
            assert!(master.write(written));
            written += 1;
        };
        write();
        assert_follows(&replica, &master);
        replica.fill(part);
        (0..12).for_each(|_| write());
        until("INFO reports the full disk", || (!replica.fact("rc_read_only").is_empty()).then_some(()))
            .unwrap_or_else(|text| replica.panic_with(&format!("{part}: {text}")));
        assert!(replica.fact("rc_read_only").contains("No space left on device"), "{part}");
        assert!(
            matches!(replica.run(&["GET", "k0"]), OwnedFrame::BulkString(_)),
            "{part}: reads are still served"
        );
        assert_eq!(replica.fact("master_link_status"), "up", "{part}");
        assert!(!replica.node.has_ended(), "{part}");
        replica.fill("");
        assert_follows(&replica, &master);
        until("INFO says so", || replica.fact("rc_read_only").is_empty().then_some(())).unwrap();
    }
    // The replica is stopped while its disk is full, and must lose nothing.
    replica.fill("/store/");
    (0..12).for_each(|n| assert!(master.write(written + n)));
    until("INFO reports the full disk", || (!replica.fact("rc_read_only").is_empty()).then_some(())).unwrap();
    replica.node.terminate();
    replica.fill("");
    replica.node.restart();
    assert_follows(&replica, &master);
}

/// Files of one flush each fit, and a compaction, which merges four of them at least, does not.
const NO_COMPACTION: &str = "over 150000";

#[test]
fn node_whose_compaction_has_no_room_says_so_before_too_many_files_wait_for_it() {
    let (_removed, dir) = folder();
    let Some(library) = library(&dir) else { return };
    let master = DiskNode::start(&dir, "master", &library, &[]);
    let replica = DiskNode::start(&dir, "replica", &library, &["--replicaof", &master.node.address()]);
    let mut written = 0;
    let mut write = || {
        written += 1;
        master.write(written)
    };
    replica.harm("/store/", NO_COMPACTION);
    until("the replica says so", || {
        assert!(write());
        replica.fact("rc_read_only").contains("compaction fails").then_some(())
    })
    .unwrap_or_else(|text| replica.panic_with(&text));
    assert_eq!(replica.fact("master_link_status"), "up");
    replica.fill("");
    assert_follows(&replica, &master);
    master.harm("/store/", NO_COMPACTION);
    until("a refusal", || (!write()).then_some(())).unwrap_or_else(|text| master.panic_with(&text));
    assert!(master.fact("rc_read_only").contains("compaction fails"));
    assert!(matches!(master.run(&["GET", "k1"]), OwnedFrame::BulkString(_)), "reads are still served");
    master.fill("");
    until("the master accepts writes again", || write().then_some(()))
        .unwrap_or_else(|text| master.panic_with(&text));
    assert_follows(&replica, &master);
}

/// Stops the writers at the end of its scope, also when the test fails.
struct Stopped<'a>(&'a AtomicBool);

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Writes keys of one writer, each once, and counts those that were acknowledged; returns them.
fn write_until(stop: &AtomicBool, count: &AtomicUsize, address: &str, writer: usize) -> Vec<String> {
    let (mut acknowledged, mut n) = (Vec::new(), 0);
    let mut client = None;
    while !stop.load(Ordering::Relaxed) {
        let connected = client.take().or_else(|| Client::connect(address, UNANSWERED).ok());
        let Some(mut connected) = connected else {
            pause();
            continue;
        };
        let key = format!("w{writer}:{n}");
        n += 1;
        if let Ok(reply) = connected.call(&["SET", &key, &"v".repeat(VALUE_BYTES)]) {
            match reply {
                OwnedFrame::Error(_) => pause(),
                _ => {
                    acknowledged.push(key);
                    count.fetch_add(1, Ordering::Relaxed);
                }
            }
            client = Some(connected);
        }
    }
    acknowledged
}

/// The number of kills, each while the disk is full under load; `REPLICHECK_FULL_KILLS` sets another one.
const KILLS: u64 = 3;

#[test]
fn crash_killed_while_its_disk_is_full_loses_nothing_that_was_acknowledged() {
    let (_removed, dir) = folder();
    let Some(library) = library(&dir) else { return };
    let kills = setting("REPLICHECK_FULL_KILLS").unwrap_or(KILLS);
    let seed = Seed::of_this_run();
    let mut random = fastrand::Rng::with_seed(seed.number());
    let mut master = DiskNode::start(&dir, "master", &library, &[]);
    let address = master.node.address();
    let mut replica = DiskNode::start(&dir, "replica", &library, &["--replicaof", &address]);
    let mut acknowledged = Vec::new();
    for cycle in 0..kills {
        let (stop, count) = (&AtomicBool::new(false), &AtomicUsize::new(0));
        let address = &address;
        std::thread::scope(|scope| {
            let stopped = Stopped(stop);
            let writers: Vec<_> = (0..4)
                .map(|writer| usize::try_from(cycle).unwrap() * 4 + writer)
                .map(|writer| scope.spawn(move || write_until(stop, count, address, writer)))
                .collect();
            until("a write is acknowledged", || (count.load(Ordering::Relaxed) > 0).then_some(())).unwrap();
            let of_master = random.bool();
            let part = ["/store/", "/binlog/", "/"][random.usize(..3)];
            let killed = if of_master { &mut master } else { &mut replica };
            let part = if part == "/" {
                format!("/{}/", if of_master { "master" } else { "replica" })
            } else {
                part.to_owned()
            };
            killed.fill(&part);
            until("the disk is full", || (!killed.node.fact("rc_read_only").ok()?.is_empty()).then_some(()))
                .unwrap_or_else(|text| killed.panic_with(&format!("{part}: {text}")));
            killed.node.kill();
            killed.fill("");
            killed.node.restart();
            drop(stopped);
            acknowledged.extend(writers.into_iter().flat_map(|writer| writer.join().unwrap()));
        });
    }
    println!("{kills} kills, {} writes acknowledged", acknowledged.len());
    assert!(!acknowledged.is_empty());
    assert_follows(&replica, &master);
    for filled in [&master, &replica] {
        let mut client = filled.node.connect().unwrap();
        for key in &acknowledged {
            assert_eq!(client.call(&["EXISTS", key]).unwrap(), OwnedFrame::Integer(1), "{key} is lost");
        }
    }
}
