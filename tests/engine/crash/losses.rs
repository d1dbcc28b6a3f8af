//! Power losses: every tail of the log that may survive × every prefix of the log that the store may have flushed.

use super::super::disks::{Disks, copy_folder, entries, first_version, log_of, node_file, run};
use super::super::forgetful::Forgetful;
use replicheck::binlog::segment::Options;
use replicheck::binlog::{Entry, Epoch, Fsync, Lsn, SegmentLog};
use replicheck::server::Backend as _;
use replicheck::store::Dump;
use replicheck::time::Millis;
use std::collections::BTreeMap;
use tempfile::TempDir;

/// Each line writes one entry.
const PROGRAM: [&str; 10] = [
    "SET a 1",
    "HSET h f 1 g 2",
    "SET d v PX 10000000",
    "EXPIRE a 9000",
    "MSET a 2 b 3",
    "FLUSHDB",
    "HSET h f 9",
    "RENAME h k",
    "HSETEX k PX 10000000 FIELDS 1 g 2",
    "SET a 5; RPUSH k wrong; DEL k; RPUSH k x y; EXPIRE a 9000",
];
/// How far the durable ceiling is ahead of the machine's clock, in milliseconds. No deadline of the program is that near.
const AHEAD_MS: u64 = 3_600_000;

/// The state of a master after each entry.
struct Recorded {
    entries: Vec<Entry>,
    dumps: Vec<Dump>,
    epoch: Epoch,
    /// Store folders; the one at index n was flushed after n entries.
    stores: Vec<TempDir>,
    /// The file `node`, whose ceiling is far ahead.
    node: Forgetful,
    ceiling: Millis,
}

fn record() -> Recorded {
    let disks = Disks::new();
    let master = disks.start(Fsync::No);
    let mut dumps = vec![master.dump().expect("it reads")];
    for line in PROGRAM {
        run(&master, &[line]);
        dumps.push(master.dump().expect("it reads"));
    }
    let facts = master.facts();
    let entries = entries(&disks.binlog);
    master.stop_now().expect("it stops");
    assert_eq!(entries.len(), PROGRAM.len(), "one entry for each command");
    let stores = (0..=entries.len()).map(|flushed| store_of(&entries[..flushed])).collect();
    let ceiling = Millis(facts.log_time.0 + AHEAD_MS);
    let node = node_file(&first_version(ceiling, facts.epoch));
    Recorded { entries, dumps, epoch: facts.epoch, stores, node, ceiling }
}

/// The folder of a node whose log has these entries, which it applied and flushed to its store.
fn store_of(entries: &[Entry]) -> TempDir {
    let disks = Disks::of_log(log_of(entries, entries.len(), Options::default()));
    disks.start(Fsync::No).stop_now().expect("it stops");
    disks.dir
}

/// What a power loss may leave of this log, with one folder for each outcome of recovery. An outcome is the last LSN, whether
/// the log was cut there, and whether the log was closed cleanly.
fn outcomes(binlog: &Forgetful, options: Options) -> BTreeMap<(Lsn, bool, bool), Forgetful> {
    let step = |name: &str| if name == "durable" { 1_000 } else { 20 };
    let mut outcomes = BTreeMap::new();
    for left in binlog.power_losses(step) {
        // A folder in which the log was not yet created is another case.
        if let Ok((_, found)) = SegmentLog::open(left.copy(), options) {
            outcomes.entry((found.last, found.cut_bytes > 0, found.clean)).or_insert(left);
        }
    }
    outcomes
}

#[test]
fn crash_every_tail_on_every_flushed_prefix_is_a_prefix_of_the_master() {
    let recorded = record();
    let (mut starts, mut lost, mut cut, mut clean) = (0, 0, 0, 0);
    for fsync in [Fsync::Always, Fsync::EverySec, Fsync::No] {
        let options = Options { fsync, ..Options::default() };
        for flushed in 0..=PROGRAM.len() {
            // The node syncs its log before it flushes its store.
            let binlog = log_of(&recorded.entries, flushed, options);
            for ((last, is_cut, is_clean), left) in outcomes(&binlog, options) {
                let promised = if fsync == Fsync::Always { PROGRAM.len() } else { flushed };
                let case = format!("{} flushed {flushed} last {last} cut {is_cut}", fsync.name());
                assert!(last >= Lsn(promised as u64), "{case}: fsync had promised {promised}");
                let disks = Disks::with(recorded.node.copy(), left);
                let store = disks.dir.path().join("store");
                copy_folder(&recorded.stores[flushed].path().join("store"), &store);
                let node = disks.start(fsync);
                let facts = node.facts();
                assert_eq!(facts.progress.applied, last, "{case}");
                let at = usize::try_from(last.0).expect("small");
                assert_eq!(node.dump().expect("it reads"), recorded.dumps[at], "{case}");
                assert!(is_clean == (fsync == Fsync::Always && !is_cut), "{case}");
                assert!(facts.epoch > recorded.epoch, "{case}: every start begins an epoch");
                assert!(facts.log_time >= recorded.ceiling, "{case}: log time went back");
                run(&node, &["SET after crash"]);
                assert_eq!(node.facts().progress.applied, last.next(), "{case}");
                node.stop_now().expect("it stops");
                starts += 1;
                lost += u32::from(at < PROGRAM.len());
                cut += u32::from(is_cut);
                clean += u32::from(is_clean);
            }
        }
    }
    eprintln!("{starts} starts: {lost} had lost entries, {cut} cut a tail, {clean} were clean");
    assert!(starts > 100 && lost > 50 && cut > 20 && clean > 5);
}

#[test]
fn crash_after_each_flush_leaves_no_store_ahead_of_its_log() {
    for fsync in [Fsync::Always, Fsync::EverySec, Fsync::No] {
        let disks = Disks::new();
        let settings = replicheck::engine::Settings { flush_bytes: 1, ..disks.settings(fsync) };
        let node = disks.try_start(settings).expect("it starts");
        for (at, line) in PROGRAM.iter().enumerate() {
            run(&node, &[line]);
            let (_, found) = SegmentLog::open(disks.binlog.bare(), Options::default()).expect("it opens");
            assert_eq!(found.last, Lsn(at as u64 + 1), "{}: the store is flushed", fsync.name());
        }
        node.stop_now().expect("it stops");
    }
}

#[test]
fn epoch_begun_without_an_entry_is_never_begun_again() {
    let disks = Disks::new();
    let node = disks.start(Fsync::EverySec);
    run(&node, &["SET a 1"]);
    let mut begun = node.facts().epoch;
    // The process dies: what it wrote is in the files, and they have no mark of a clean stop.
    let crashed = Disks::with(disks.node.copy(), disks.binlog.copy());
    node.stop_now().expect("it stops");
    for start in ["after a crash", "after a clean stop", "after another one"] {
        let node = crashed.start(Fsync::EverySec);
        assert!(node.facts().epoch > begun, "{start}: {} after {begun}", node.facts().epoch);
        begun = node.facts().epoch;
        node.stop_now().expect("it stops");
    }
    let last = crashed.start(Fsync::EverySec);
    run(&last, &["SET b 2"]);
    last.stop_now().expect("it stops");
    assert!(entries(&crashed.binlog).last().is_some_and(|entry| entry.epoch > begun));
}
