//! The work that the pools of these tests do: they write to a store in memory, and the recorder notes each write and may fail.

use crate::apply::pool::Work;
use crate::apply::{Instants, write_batch};
use crate::log::{Data, data};
use crate::sync::{Mutex, lock};
use replicheck::binlog::{Entry, Lsn};
use replicheck::effect::Key;
use replicheck::store::StoreError;
use replicheck::store::memory::MemoryStore;
use replicheck::time::Millis;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The place where the work fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// The write of this entry returns an error.
    Error(Lsn),
    /// The write of this entry panics.
    Panic(Lsn),
    /// The publication of this watermark panics, under the pool's lock.
    PanicInPublish(Lsn),
}

#[derive(Debug, Default)]
pub struct Disk {
    pub store: MemoryStore,
    /// Entries that were written completely or in part, in order.
    pub written: Vec<Lsn>,
    pub published: Vec<(Lsn, Data)>,
}

/// A store in memory behind a lock.
#[derive(Debug)]
pub struct Recorder {
    /// The store and the record of writes.
    pub disk: Mutex<Disk>,
    fault: Fault,
    /// Whether markers are checked. They are not if entries are written in parts: then missing parts are not seen here.
    checks_marker: bool,
}

impl Recorder {
    pub fn new(fault: Fault) -> Recorder {
        Recorder { disk: Mutex::new(Disk::default()), fault, checks_marker: true }
    }

    /// A recorder for a strategy that splits entries.
    pub fn of_parts() -> Recorder {
        Recorder { checks_marker: false, ..Recorder::new(Fault::None) }
    }

    pub fn data(&self) -> Data {
        data(&lock(&self.disk).store)
    }

    pub fn written(&self) -> Vec<Lsn> {
        lock(&self.disk).written.clone()
    }

    pub fn published(&self) -> Vec<(Lsn, Data)> {
        lock(&self.disk).published.clone()
    }
}

impl Work for Recorder {
    fn write(&self, entries: &[Arc<Entry>], part: Option<&Key>, marker: Lsn) -> Result<(), StoreError> {
        for entry in entries {
            match self.fault {
                Fault::Error(lsn) if lsn == entry.lsn => return Err(StoreError::Io("disk full".into())),
                Fault::Panic(lsn) if lsn == entry.lsn => panic!("on purpose, at entry {lsn}"),
                _ => {}
            }
        }
        let entries: Vec<&Entry> = entries.iter().map(|entry| &**entry).collect();
        let instants = |_: &Entry| Instants { now: Millis::ZERO, judged_at: Millis::ZERO };
        let mut disk = lock(&self.disk);
        write_batch(&mut disk.store, &entries, part, marker, &instants)?;
        disk.written.extend(entries.iter().map(|entry| entry.lsn));
        if self.checks_marker {
            let written: BTreeSet<Lsn> = disk.written.iter().copied().collect();
            let missing = (1..=marker.0).map(Lsn).find(|lsn| !written.contains(lsn));
            assert_eq!(missing, None, "marker {marker} is beyond an entry that was not written");
        }
        Ok(())
    }

    fn publish(&self, watermark: Lsn) {
        assert_ne!(self.fault, Fault::PanicInPublish(watermark), "on purpose, at watermark {watermark}");
        let mut disk = lock(&self.disk);
        let shown = data(&disk.store);
        disk.published.push((watermark, shown));
    }
}
