//! Nodes whose disks are full for a while: `full.c` is preloaded and refuses writes to the store's files, to the log's, or to
//! both. Without a C compiler the tests are skipped, and say so.

use super::node::{Node, folder, until};
use replicheck::client::OwnedFrame;
use std::fs;
use std::path::{Path, PathBuf};

/// A store is flushed about every fourth write.
const FLUSH_BYTES: &str = "40000";
const VALUE_BYTES: usize = 10_000;

/// A node whose disk can be filled.
struct Filled {
    node: Node,
    full: PathBuf,
}

impl Filled {
    fn start(dir: &Path, name: &str, library: &Path, options: &[&str]) -> Filled {
        let full = dir.join(format!("{name}.full"));
        fs::write(&full, "").unwrap();
        let options: Vec<String> =
            [&["--flush-bytes", FLUSH_BYTES], options].concat().into_iter().map(str::to_owned).collect();
        let preloaded = [("LD_PRELOAD", library.to_owned()), ("DISK_FULL_FILE", full.clone())];
        Filled { node: Node::start_with(&dir.join(name), &options, &preloaded), full }
    }

    /// From now on there is no room for files whose path has `part` in it; for none: there is room.
    fn fill(&self, part: &str) {
        let next = self.full.with_extension("next");
        fs::write(&next, part).unwrap();
        fs::rename(&next, &self.full).unwrap();
    }

    fn run(&self, words: &[&str]) -> OwnedFrame {
        self.node.connect().unwrap().call(words).unwrap()
    }

    /// Writes key `n`; whether it was taken. Any other answer than MISCONF is wrong.
    fn write(&self, n: usize) -> bool {
        match self.run(&["SET", &format!("k{n}"), &"v".repeat(VALUE_BYTES)]) {
            OwnedFrame::Error(text) => {
                assert!(text.starts_with("MISCONF Errors writing to the "), "{text}");
                false
            }
            _ => true,
        }
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
fn assert_follows(replica: &Filled, master: &Filled) {
    let all = master.keys();
    until("the replica has all", || (replica.keys() == all).then_some(()))
        .unwrap_or_else(|text| replica.panic_with(&text));
}

#[test]
fn master_without_room_refuses_writes_and_goes_on_by_itself() {
    let (_removed, dir) = folder();
    let Some(library) = super::preload::build(&dir, "full", include_str!("full.c")) else { return };
    let mut master = Filled::start(&dir, "master", &library, &[]);
    let replica = Filled::start(&dir, "replica", &library, &["--replicaof", &master.node.address()]);
    let mut written = 0;
    for part in ["/store/", "/binlog/", "/master/"] {
        let mut attempts = 0;
        let mut write = |master: &Filled| {
            attempts += 1;
            let taken = master.write(written);
            written += usize::from(taken);
            taken
        };
        assert!(write(&master));
        master.fill(part);
        let refused = until("a refusal", || (!write(&master)).then_some(()));
        refused.unwrap_or_else(|text| master.panic_with(&text));
        assert!(!write(&master) && !master.node.has_ended(), "{part}");
        assert_eq!(master.fact("aof_last_write_status"), "err", "{part}");
        assert!(master.fact("rc_read_only").contains("No space left on device"), "{part}");
        assert!(matches!(master.run(&["GET", "k0"]), OwnedFrame::BulkString(_)), "{part}: reads go on");
        assert_eq!(replica.fact("master_link_status"), "up", "{part}");
        master.fill("");
        until("it takes writes again", || write(&master).then_some(()))
            .unwrap_or_else(|text| master.panic_with(&format!("{part}: {text}")));
        until("INFO says so", || (master.fact("aof_last_write_status") == "ok").then_some(())).unwrap();
        assert_follows(&replica, &master);
    }
    assert_eq!(master.keys(), OwnedFrame::Integer(i64::try_from(written).unwrap()), "what was acknowledged");
    master.node.kill();
    master.node.restart();
    assert_eq!(master.keys(), OwnedFrame::Integer(i64::try_from(written).unwrap()), "after a kill");
}

#[test]
fn replica_without_room_shows_what_it_has_and_catches_up_by_itself() {
    let (_removed, dir) = folder();
    let Some(library) = super::preload::build(&dir, "full", include_str!("full.c")) else { return };
    let master = Filled::start(&dir, "master", &library, &[]);
    let mut replica = Filled::start(&dir, "replica", &library, &["--replicaof", &master.node.address()]);
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
        until("INFO says it", || (!replica.fact("rc_read_only").is_empty()).then_some(()))
            .unwrap_or_else(|text| replica.panic_with(&format!("{part}: {text}")));
        assert!(replica.fact("rc_read_only").contains("No space left on device"), "{part}");
        assert!(matches!(replica.run(&["GET", "k0"]), OwnedFrame::BulkString(_)), "{part}: reads go on");
        assert_eq!(replica.fact("master_link_status"), "up", "{part}");
        assert!(!replica.node.has_ended(), "{part}");
        replica.fill("");
        assert_follows(&replica, &master);
        until("INFO says so", || replica.fact("rc_read_only").is_empty().then_some(())).unwrap();
    }
    // It stops while it has no room, and loses nothing.
    replica.fill("/store/");
    (0..12).for_each(|n| assert!(master.write(written + n)));
    until("INFO says it", || (!replica.fact("rc_read_only").is_empty()).then_some(())).unwrap();
    replica.node.terminate();
    replica.fill("");
    replica.node.restart();
    assert_follows(&replica, &master);
}
