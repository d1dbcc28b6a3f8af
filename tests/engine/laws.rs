//! Laws of effects, checked entry by entry on RocksDB. Independent effects commute byte for byte. After a crash, applying the log
//! again from the marker gives the master's state. Applying entries again changes nothing.

use super::rocksdb_store::new_store;
use crate::property::properties;
use quickcheck::{Arbitrary, Gen};
use replicheck::apply::{Instants, Watermark, marker, write_batch};
use replicheck::binlog::{Entry, Epoch, Lsn};
use replicheck::command::{Command, line};
use replicheck::expiry::Policy;
use replicheck::node::{Master, MasterInput, MasterOutput};
use replicheck::store::memory::MemoryStore;
use replicheck::store::rocksdb::RocksStore;
use replicheck::store::{Read, Store, key};
use replicheck::time::Millis;
use std::ops::ControlFlow;

/// A log, the order in which it is applied, and the place where it is cut.
#[derive(Clone, Debug)]
struct Case {
    commands: Vec<String>,
    swaps: Vec<usize>,
    cut: usize,
}

fn any_command(source: &mut Gen) -> String {
    let key = |source: &mut Gen| *source.choose(&["a", "b", "c", "d"]).expect("not empty");
    let (one, other) = (key(source), key(source));
    let (field, value) = (u8::arbitrary(source) % 3, u8::arbitrary(source));
    match u8::arbitrary(source) % 30 {
        0 => "FLUSHDB".to_owned(),
        1 => format!("DEL {one} {other}"),
        2 => format!("MSET {one} {value} {other} {value}"),
        3 => format!("APPEND {one} {value}"),
        4 => format!("SET {one} {value} PX 5000"),
        5 => format!("PEXPIRE {one} 7000"),
        6 => format!("RENAME {one} {other}"),
        7..=9 => format!("HSET {one} f{field} {value}"),
        10 => format!("HDEL {one} f{field} f0"),
        11 => format!("HINCRBY {one} f{field} {value}"),
        12 => format!("INCR {one}"),
        13 => format!("RPUSH {one} {value} {field}"),
        14 => format!("LPOP {one}"),
        15 => format!("LINSERT {one} BEFORE {field} {value}"),
        16 => format!("LMOVE {one} {other} LEFT RIGHT"),
        17..=18 => format!("SADD {one} {field} {value}"),
        19 => format!("SPOP {one}"),
        20 => format!("SMOVE {one} {other} {field}"),
        21 => format!("SUNIONSTORE {one} {one} {other}"),
        22..=23 => format!("ZADD {one} {value} m{field} {field} n"),
        24 => format!("ZADD {one} GT {value} m{field}"),
        25 => format!("ZPOPMIN {one}"),
        26 => format!("SETBIT {one} {value} 1"),
        _ => format!("SET {one} {value}"),
    }
}

impl Arbitrary for Case {
    fn arbitrary(source: &mut Gen) -> Case {
        let commands = (0..25).map(|_| any_command(source)).collect();
        let swaps = (0..60).map(|_| usize::arbitrary(source) % 25).collect();
        Case { commands, swaps, cut: usize::arbitrary(source) }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Case>> {
        let case = self.clone();
        let commands = (0..case.commands.len()).map({
            let case = case.clone();
            move |left_out| {
                let mut fewer = case.clone();
                fewer.commands.remove(left_out);
                fewer
            }
        });
        let swaps = case.swaps.shrink().map(move |swaps| Case { swaps, ..case.clone() });
        Box::new(commands.chain(swaps))
    }
}

impl Case {
    /// The entries that a master logs, as effects, 100 ms apart.
    fn log(&self) -> Vec<Entry> {
        let mut master = Master::new(MemoryStore::new(), Epoch(1));
        let mut entries = Vec::new();
        for (text, at) in self.commands.iter().zip(0..) {
            let argv = line::split(text.as_bytes()).expect("a line");
            let command = Command::parse(0, argv).expect("a command");
            let request = MasterInput::Request { command, now: Millis(1000 + 100 * at), random: 0 };
            let outputs = master.step(&*Policy::LogClock.get(), request).expect("memory does not fail");
            entries.extend(outputs.into_iter().filter_map(|output| match output {
                MasterOutput::Append(entry) => Some(entry),
                _ => None,
            }));
        }
        entries
    }

    /// The log with neighbours swapped where `may_swap` allows it.
    fn swapped(&self, log: &[Entry], may_swap: impl Fn(&Entry, &Entry) -> bool) -> Vec<Entry> {
        let mut order = log.to_vec();
        for &at in self.swaps.iter().filter(|at| **at + 1 < log.len()) {
            if may_swap(&order[at], &order[at + 1]) {
                order.swap(at, at + 1);
            }
        }
        order
    }
}

fn independent(one: &Entry, other: &Entry) -> bool {
    !one.keys().conflicts_with(&other.keys())
}

fn write(store: &mut impl Store, entry: &Entry, marker: Lsn) {
    let instants = |_: &Entry| Instants { now: Millis::ZERO, judged_at: Millis::ZERO };
    write_batch(store, &[entry], None, marker, &instants).expect("a batch is written");
}

/// All records except the marker.
fn records(reader: &dyn Read) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut records = Vec::new();
    let scanned = reader.scan(&[], &[], &mut |name, value| {
        if name != key::marker() {
            records.push((name.to_vec(), value.to_vec()));
        }
        ControlFlow::Continue(())
    });
    scanned.expect("a store that can be read");
    records
}

/// The records of a RocksDB store to which these entries were applied in this order.
fn applied(entries: &[Entry]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let (_folder, mut store) = new_store();
    entries.iter().for_each(|entry| write(&mut store, entry, Lsn::NONE));
    records(&store)
}

fn same(what: &str, found: &dyn Read, expected: &dyn Read) -> Result<(), String> {
    let (found, expected) = (records(found), records(expected));
    if found == expected { Ok(()) } else { Err(format!("{what}\nfound    {found:?}\nexpected {expected:?}")) }
}

/// The master's state after these entries, which are in log order.
fn master_after(entries: &[Entry]) -> MemoryStore {
    let mut store = MemoryStore::new();
    entries.iter().for_each(|entry| write(&mut store, entry, Lsn::NONE));
    store
}

properties! {
    fn prop_laws_independent_effects_commute_byte_for_byte(case: Case) -> bool {
        let log = case.log();
        applied(&case.swapped(&log, independent)) == applied(&log)
    }

    /// Writes batches in an order that a parallel strategy allows, then a flush, more batches, and a crash. The marker must not
    /// be behind the flush. Running the log from the marker to its end, once or twice, must give the master's state.
    fn prop_laws_crash_then_log_from_the_marker_is_the_master_and_again_changes_nothing(case: Case) -> Result<(), String> {
        let log = case.log();
        let order = case.swapped(&log, independent);
        let (folder, mut store) = new_store();
        let (mut watermark, mut flushed) = (Watermark::default(), Lsn::NONE);
        let cut = case.cut % (order.len() + 1);
        for (at, entry) in order.iter().enumerate() {
            if at == cut {
                store.flush().expect("a flush");
                flushed = watermark.low();
            }
            watermark.done(entry.lsn);
            write(&mut store, entry, watermark.low());
        }
        drop(store);
        let mut store = RocksStore::open(folder.path()).expect("a store that was closed");
        let left = marker(&store).expect("a marker");
        if left != flushed {
            return Err(format!("marker {left}, flushed through {flushed}"));
        }
        let prefix_of_batches = if cut == order.len() { &[] } else { &order[..cut] };
        let mut expected = MemoryStore::new();
        prefix_of_batches.iter().for_each(|entry| write(&mut expected, entry, Lsn::NONE));
        same("not the flushed batches", &store, &expected)?;
        let master = master_after(&log);
        for run in ["the log from the marker", "again, from the marker", "again, from anywhere"] {
            let from = if run == "again, from anywhere" { case.cut / 7 % (log.len() + 1) } else { 0 };
            for entry in log.iter().skip(from).filter(|entry| entry.lsn > left) {
                write(&mut store, entry, entry.lsn);
            }
            same(run, &store, &master)?;
        }
        Ok(())
    }
}

/// Effects that conflict do not commute. Without this test the law might be empty: `independent` could allow nothing, or all.
#[test]
fn laws_conflicting_effects_do_not_commute_and_independent_ones_are_swapped() {
    let (mut differ, mut swapped) = (0, 0);
    // Pinned: how many orders differ is a matter of luck, and no commit should fail by bad luck.
    for seed in 0..20 {
        let case = Case::arbitrary(&mut Gen::from_size_and_seed(100, seed));
        let log = case.log();
        differ += usize::from(applied(&case.swapped(&log, |_, _| true)) != applied(&log));
        swapped += usize::from(case.swapped(&log, independent) != log);
    }
    assert!(differ >= 10 && swapped >= 15, "{differ} of 20 differ, {swapped} of 20 are in another order");
}
