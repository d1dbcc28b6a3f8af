//! A process that writes is killed: its store then holds a prefix of its batches, with at least the flushed ones.
//!
//! The writer is this test binary, started again with the folder in its environment.

use super::{all, mark, put};
use replicheck::apply;
use replicheck::store::Store;
use replicheck::store::rocksdb::RocksStore;
use std::env;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// The folder in which the killed process writes.
const FOLDER: &str = "REPLICHECK_CRASH_FOLDER";
const KILLS: u64 = 10;

/// The writer's endless loop. Batch n puts n under one of seven keys. Every eleventh batch is flushed and reported; every other
/// of these flushes runs while the writer goes on.
fn write_for_ever(folder: &str) {
    let mut store = RocksStore::open(folder.as_ref()).expect("a store that can be opened");
    let marker = apply::marker(&store).expect("a marker").0;
    let mut begun = None;
    for number in marker + 1.. {
        store.write(&batch(number)).expect("a batch is written");
        if begun.is_some() && !store.is_flushing().expect("a number") {
            begun.take().into_iter().for_each(told);
        }
        if number.is_multiple_of(22) {
            begun = None;
            store.flush().expect("a flush");
            told(number);
        } else if number.is_multiple_of(11) && begun.is_none() {
            store.begin_flush().expect("a flush");
            begun = Some(number);
        }
    }
}

fn told(number: u64) {
    println!("\nflushed {number}");
}

fn batch(number: u64) -> Vec<replicheck::effect::Write> {
    let name = u8::try_from(number % 7).expect("small");
    vec![put(&[1, name], &number.to_be_bytes()), mark(number)]
}

/// Reads up to the `count`th line that reports a flush, then kills the writer. Returns the last batch reported as flushed.
fn kill_after(mut writer: Child, count: u64) -> u64 {
    let output = BufReader::new(writer.stdout.take().expect("a pipe"));
    let told = output.lines().map_while(Result::ok);
    let mut told = told.filter_map(|line| line.strip_prefix("flushed ")?.parse().ok());
    let before = (0..count).filter_map(|_| told.next()).last().expect("it flushes");
    writer.kill().expect("it was running");
    let last = told.last().unwrap_or(before);
    writer.wait().expect("it has ended");
    last
}

#[test]
fn crash_killed_process_leaves_a_prefix_with_its_marker() {
    if let Ok(folder) = env::var(FOLDER) {
        return write_for_ever(&folder);
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut through = 0;
    for kill in 1..=KILLS {
        let writer = Command::new(env::current_exe().expect("this binary"))
            .args([
                "--exact",
                "engine::rocksdb_store::crash::crash_killed_process_leaves_a_prefix_with_its_marker",
                "--nocapture",
            ])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this binary runs");
        let flushed = kill_after(writer, kill);
        let store = RocksStore::open(folder.path()).expect("a store that was killed");
        let marker = apply::marker(&store).expect("a marker").0;
        assert!(marker >= flushed, "kill {kill}: flushed {flushed}, found {marker}");
        assert!(marker > through && marker.is_multiple_of(11), "kill {kill}: {marker} after {through}");
        let mut expected = replicheck::store::memory::MemoryStore::new();
        (1..=marker).for_each(|number| expected.write(&batch(number)).expect("memory does not fail"));
        assert_eq!(all(&store), all(&expected), "kill {kill}: not the first {marker} batches");
        through = marker;
    }
}
