//! Full syncs: a replica that cannot resume receives its master's whole store, on the real disk.

use super::super::disks::wait_until;
use super::super::proxy::{Way, proxy, stalling};
use super::peer::{AS_IT_IS, Peer};
use replicheck::binlog::Disk;
use replicheck::command::Reply;
use replicheck::compression::CompressionMethod;
use replicheck::engine::Settings;
use replicheck::expiry::Policy;
use replicheck::ordering::Strategy;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tempfile::TempDir;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// Keys of every type, keys and fields with deadlines.
const EVERY_TYPE: [&str; 10] = [
    "SET string 1 PX 1000000",
    "HSET hash f 1 g 2 h 3",
    "HPEXPIRE hash 1000000 FIELDS 1 g",
    "RPUSH list a b c",
    "SADD set a b c",
    "ZADD sorted 1 a 2 b",
    "PEXPIRE set 2000000",
    "SETBIT bits 1000 1",
    "PFADD log a b c",
    "SETEX counter 1000 5",
];

fn fill(master: &Peer<Disk>, keys: usize, bytes: usize) {
    let value = "v".repeat(bytes);
    for first in (0..keys).step_by(200) {
        let lines: Vec<String> =
            (first..(first + 200).min(keys)).map(|n| format!("SET k{n} {value}")).collect();
        master.run(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

fn names(dir: &Path) -> Vec<String> {
    let names = std::fs::read_dir(dir).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().expect("text")).collect();
    names.sort();
    names
}

/// Small segments, so that a purge removes some.
fn purges_soon(settings: &mut Settings) {
    (settings.segment_bytes_max, settings.flush_bytes) = (100_000, 200_000);
}

#[test]
fn replica_whose_entries_are_purged_gets_the_store_while_writes_go_on() {
    for (ordering, expiry, codec) in [
        (Strategy::Serial, Policy::LogClock, CompressionMethod::None),
        (Strategy::WritesetSnapshots, Policy::MasterExpires, CompressionMethod::Zstd),
    ] {
        let change = |settings: &mut Settings| {
            purges_soon(settings);
            (settings.ordering, settings.expiry, settings.compression) = (ordering, expiry, codec);
        };
        let (m, r) = (folder(), folder());
        let master = Peer::on_disk(m.path(), &change, None);
        master.run(&EVERY_TYPE);
        fill(&master, 3_000, 1_000);
        let (enough, written) = (AtomicBool::new(false), AtomicUsize::new(0));
        let replica = Peer::on_disk(r.path(), &change, Some(master.port));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !enough.load(Ordering::Relaxed) {
                    master.one("INCR counter");
                    master.one(&format!("RPUSH list {}", written.fetch_add(1, Ordering::Relaxed)));
                    master.one("SET k7 other");
                }
            });
            // The first entry is purged, so no entry at all can have come before the store.
            wait_until("the first key", || replica.one("EXISTS k2999") == Reply::Integer(1));
            let before = written.load(Ordering::Relaxed);
            wait_until("more writes", || written.load(Ordering::Relaxed) > before + 10);
            enough.store(true, Ordering::Relaxed);
        });
        replica.assert_equals(&master, expiry.name());
        let syncs = master.facts().syncs;
        assert_eq!((syncs.full, syncs.resumed), (1, 1), "{syncs:?}");
        // The new data are those of the folder from now on.
        master.one("SET after 1");
        replica.wait_for(&master);
        replica.stop().expect("it stops");
        master.one("SET away 1");
        let replica = Peer::on_disk(r.path(), &change, Some(master.port));
        replica.assert_equals(&master, "after a restart");
        assert_eq!(master.facts().syncs.full, 1, "it resumed");
        assert_eq!(names(r.path()), ["current", "generation-1"]);
    }
}

#[test]
fn replica_with_another_history_keeps_its_data_until_the_copy_is_whole() {
    let (m, r) = (folder(), folder());
    let master = Peer::on_disk(m.path(), AS_IT_IS, None);
    fill(&master, 2_000, 1_000);
    master.run(&EVERY_TYPE);
    let replica = Peer::on_disk(r.path(), AS_IT_IS, None);
    replica.run(&["SET own 1", "SET k1 own"]);
    // First the question for the role; then a hello and a copy that is cut, three times.
    let limits = vec![usize::MAX, usize::MAX, 100, usize::MAX, 100_000, usize::MAX, 1_000_000];
    let address = proxy(&format!("127.0.0.1:{}", master.port), Way::Down, limits);
    let port = address.rsplit_once(':').expect("an address").1.parse().expect("a port");
    replica.replicate(Some(port)).expect("it follows");
    let own = AtomicUsize::new(0);
    wait_until("the master's data", || {
        let seen = replica.run(&["MGET own k1 k1999"]).remove(0);
        let Reply::Array(values) = &seen else { return false };
        let is_old = *values == [Reply::bulk("1"), Reply::bulk("own"), Reply::Null];
        let is_new = values[0] == Reply::Null && values[2] != Reply::Null;
        own.fetch_add(usize::from(is_old), Ordering::Relaxed);
        assert!(is_old || is_new, "a mixture: {seen:?}");
        is_new
    });
    assert!(own.into_inner() > 0, "it was never asked while the copy arrived");
    replica.assert_equals(&master, "another history");
    assert_eq!(master.facts().syncs.full, 4);
    wait_until("the old data are removed", || names(r.path()) == ["current", "generation-4"]);
    // It has a history of its own again once it is promoted, and the old master can follow it.
    replica.replicate(None).expect("it is promoted");
    replica.one("SET promoted 1");
    master.replicate(Some(replica.port)).expect("it follows");
    master.assert_equals(&replica, "the former master");
    assert_eq!(replica.facts().syncs.full, 0, "the former master's entries are all there");
}

/// The log is kept for a connected replica, but not without a limit: 64 segments.
#[test]
fn replica_that_stalls_beyond_the_limit_of_the_log_gets_the_store_by_itself() {
    let (m, r) = (folder(), folder());
    let master = Peer::on_disk(m.path(), &purges_soon, None);
    let (address, is_held) = stalling(&format!("127.0.0.1:{}", master.port));
    let port = address.rsplit_once(':').expect("an address").1.parse().expect("a port");
    let replica = Peer::on_disk(r.path(), &purges_soon, Some(port));
    // One by one: what is written together is in one segment, however long it is.
    let write = |keys: usize| {
        let value = "v".repeat(10_000);
        (0..keys).for_each(|n| drop(master.one(&format!("SET k{n} {value}"))));
    };
    write(1);
    replica.assert_equals(&master, "before it stalls");
    is_held.store(true, Ordering::Relaxed);
    // Less than the limit: it is kept.
    write(300);
    is_held.store(false, Ordering::Relaxed);
    replica.assert_equals(&master, "within the limit");
    assert_eq!(master.facts().syncs.full, 0, "the log was kept for it");
    is_held.store(true, Ordering::Relaxed);
    // Far more than the limit, and than the buffers of the system hold.
    write(3_000);
    is_held.store(false, Ordering::Relaxed);
    replica.assert_equals(&master, "beyond the limit");
    assert_eq!(master.facts().syncs.full, 1);
}

#[test]
fn replica_that_takes_no_full_sync_stops_with_the_reason() {
    let (m, r) = (folder(), folder());
    let master = Peer::on_disk(m.path(), AS_IT_IS, None);
    master.one("SET a 1");
    let replica = Peer::on_disk(r.path(), &|settings| settings.full_sync = false, None);
    replica.one("SET own 1");
    replica.replicate(Some(master.port)).expect("it tries");
    let reason = replica.wait_until_refused();
    assert!(
        reason.starts_with("NOSYNC replica's log, through lsn 1, has no entry of this master's history"),
        "{reason}"
    );
    assert_eq!(replica.one("GET own"), Reply::bulk("1"));
    assert_eq!(master.facts().syncs.full, 0);
}

#[test]
fn empty_master_empties_a_replica_with_another_history() {
    let (m, r) = (folder(), folder());
    let (master, replica) =
        (Peer::on_disk(m.path(), AS_IT_IS, None), Peer::on_disk(r.path(), AS_IT_IS, None));
    replica.one("SET own 1");
    replica.replicate(Some(master.port)).expect("it follows");
    wait_until("the empty store", || replica.one("EXISTS own") == Reply::Integer(0));
    master.one("SET a 1");
    replica.assert_equals(&master, "an empty master");
}

/// The role changes while a copy arrives: the copy is given up, and nothing of it is seen.
#[test]
fn role_change_during_a_copy_keeps_the_old_data() {
    let (m, r) = (folder(), folder());
    let master = Peer::on_disk(m.path(), AS_IT_IS, None);
    fill(&master, 2_000, 1_000);
    let replica = Peer::on_disk(r.path(), AS_IT_IS, None);
    replica.one("SET own 1");
    // A copy never gets further than this.
    let cut = [vec![usize::MAX], [usize::MAX, 300_000].repeat(100)].concat();
    let address = proxy(&format!("127.0.0.1:{}", master.port), Way::Down, cut);
    let port = address.rsplit_once(':').expect("an address").1.parse().expect("a port");
    replica.replicate(Some(port)).expect("it follows");
    wait_until("a copy", || master.facts().syncs.full > 1);
    replica.replicate(None).expect("it is a master again");
    assert_eq!(replica.one("GET own"), Reply::bulk("1"));
    assert_eq!(replica.one("SET own 2"), Reply::Status("OK"));
    replica.stop().expect("it stops");
    let again = Peer::on_disk(r.path(), AS_IT_IS, None);
    assert_eq!(again.one("GET own"), Reply::bulk("2"));
    assert_eq!(names(r.path()), ["binlog", "node", "store"]);
}
