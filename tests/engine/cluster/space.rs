//! The disk space of collections that were removed: it comes back on the master and on its replica, with no write after them.

use super::super::disks::{Disks, wait_until};
use super::peer::{AS_IT_IS, Peer};
use replicheck::command::Reply;
use replicheck::engine::Settings;
use std::path::Path;

/// Bytes of a collection that is large, and of a store that has none.
const LARGE: u64 = 6 << 20;
const SMALL: u64 = 1 << 20;
const ELEMENTS: usize = 16_000;

/// Bytes of the store's files that hold records.
fn file_bytes(disks: &Disks) -> u64 {
    let folder: &Path = &disks.dir.path().join("store");
    let files = std::fs::read_dir(folder).expect("a store").flatten();
    // RocksDB may delete a file meanwhile.
    let tables = files.filter(|file| file.path().extension().is_some_and(|ending| ending == "sst"));
    tables.filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum()
}

/// Stores a collection of [`ELEMENTS`] elements of some 400 bytes under `big`. `word` begins its commands.
fn load(master: &Peer, word: &str) {
    let element = |n: usize| match word {
        "HSET" => format!("field:{n} {}", "v".repeat(400)),
        "ZADD" => format!("{n} {n}:{}", "m".repeat(200)),
        _ => format!("{n}:{}", "m".repeat(400)),
    };
    for first in (0..ELEMENTS).step_by(500) {
        let elements: Vec<String> = (first..first + 500).map(element).collect();
        master.one(&format!("{word} big {}", elements.join(" ")));
    }
}

#[test]
fn collection_removed_replaced_or_expired_gives_its_space_back_on_both_nodes() {
    let (m, r) = (Disks::new(), Disks::new());
    let flushes_often = |settings: &mut Settings| settings.flush_bytes = 1 << 20;
    let master = Peer::master(&m, &flushes_often);
    let replica = Peer::replica(&r, &flushes_often, master.port);
    for (word, removal) in [
        ("HSET", "DEL big"),
        ("RPUSH", "SET big small"),
        ("ZADD", "EXPIREAT big 1"),
        ("SADD", "PEXPIRE big 1"),
        ("HSET", "RENAME small big"),
    ] {
        master.one("SET small value");
        load(&master, word);
        replica.wait_for(&master);
        for (node, disks) in [("master", &m), ("replica", &r)] {
            wait_until(&format!("files of the {node} before {removal}"), || file_bytes(disks) >= LARGE);
        }
        assert!(!matches!(master.one(removal), Reply::Error(_)), "{removal}");
        for (node, disks) in [("master", &m), ("replica", &r)] {
            wait_until(&format!("space of the {node} after {removal}"), || file_bytes(disks) < SMALL);
        }
        replica.assert_equals(&master, removal);
        master.one("DEL big");
    }
}

/// The master removes a dead collection by log time, without an entry. It then finds nothing to clear away when it stores
/// something under the key; a replica that was away still holds the collection.
#[test]
fn collection_that_only_the_master_had_removed_gives_its_space_back_on_the_replica() {
    let (m, r) = (Disks::new(), Disks::new());
    let flushes_often = |settings: &mut Settings| settings.flush_bytes = 1 << 20;
    let master = Peer::master(&m, &flushes_often);
    for (word, creation) in [("HSET", "HSET big f 1"), ("SADD", "SET big small"), ("ZADD", "RPUSH big a")] {
        let replica = Peer::replica(&r, &flushes_often, master.port);
        load(&master, word);
        replica.wait_for(&master);
        wait_until(&format!("files before {creation}"), || file_bytes(&r) >= LARGE);
        replica.stop().expect("it stops");
        master.one("PEXPIRE big 1");
        wait_until(&format!("removal on the master before {creation}"), || file_bytes(&m) < SMALL);
        assert!(!matches!(master.one(creation), Reply::Error(_)), "{creation}");
        let replica = Peer::replica(&r, &flushes_often, master.port);
        wait_until(&format!("space of the replica after {creation}"), || file_bytes(&r) < SMALL);
        replica.assert_equals(&master, creation);
        master.one("DEL big");
        replica.wait_for(&master);
        replica.stop().expect("it stops");
    }
}

/// Reads get slower with each cleared range that is not flushed, and more so with each cleared database that overlaps them.
#[test]
fn ranges_cleared_in_great_number_make_a_flush_due() {
    let collections = (0..4_100).flat_map(|n| [format!("SADD s{n} a"), format!("DEL s{n}")]).collect();
    let databases = vec!["FLUSHALL".to_owned(); 70];
    let both =
        (0..40).flat_map(|_| ["SADD s a", "DEL s", "SADD s a", "DEL s", "SADD s a", "DEL s", "FLUSHALL"]);
    for lines in [collections, databases, both.map(str::to_owned).collect()] {
        let disks = Disks::new();
        let master = Peer::master(&disks, AS_IT_IS);
        let lines: Vec<String> = lines;
        for group in lines.chunks(100) {
            master.run(&group.iter().map(String::as_str).collect::<Vec<_>>());
        }
        wait_until(&format!("a flush after {} lines", lines.len()), || file_bytes(&disks) > 0);
    }
}
