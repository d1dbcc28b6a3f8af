//! Trace — one JSON line for each batch that a replica's worker wrote. Does I/O: a file.
//!
//! ```text
//! {"version":1,"lsns":[7],"keys":["a"],"start":12,"finish":15,"marker":6}
//! ```
//!
//! The format is that of [`crate::trace_check::line`], in which any replica can tell what it did; `replicheck trace check`
//! judges it. `start` and `finish` are ticks of one counter, taken before and after the write: two batches overlapped if
//! neither finished before the other started. A write that failed has no line, as it may or may not have happened.

use crate::binlog::{Entry, Lsn};
use crate::effect::{Key, KeySet};
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Arc, Mutex, lock};
use crate::trace_check::line::{BatchLine, KeysOf, TraceLine};
use std::fs::File;
use std::io::{self, LineWriter, Write};
use std::path::Path;

/// A trace file that is being written.
#[derive(Debug)]
pub struct Trace {
    out: Mutex<LineWriter<File>>,
    ticks: AtomicU64,
    /// Whether a batch was written since the start, or since the last mark of a restart.
    has_batches: AtomicBool,
}

impl Trace {
    /// Starts a trace in `file`; an existing file is emptied. Errors: I/O errors.
    pub fn create(file: &Path) -> io::Result<Trace> {
        Ok(Trace {
            out: Mutex::new(LineWriter::new(File::create(file)?)),
            ticks: AtomicU64::new(0),
            has_batches: AtomicBool::new(false),
        })
    }

    /// Runs `write`, which writes the batch of `entries` (or the part of the one entry for the key `part`), and if it
    /// succeeds records its ticks. A line that cannot be written is lost, with a warning.
    pub fn note<E>(
        &self,
        entries: &[Arc<Entry>],
        part: Option<&Key>,
        marker: Lsn,
        write: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        let start = self.ticks.fetch_add(1, Ordering::SeqCst);
        write()?;
        let finish = self.ticks.fetch_add(1, Ordering::SeqCst);
        let lsns = entries.iter().map(|entry| entry.lsn).collect();
        let (keys, marker) = (keys_of(entries, part), Some(marker));
        self.line(&TraceLine::Batch(BatchLine { lsns, keys, start, finish, marker, published: None }));
        self.has_batches.store(true, Ordering::SeqCst);
        Ok(())
    }

    /// Marks that entries may be written again from here on: the replica applies its log anew, follows another master, or
    /// has a copy of its master's store. Does nothing if no batch was written since the last mark. No batch may be under way.
    pub fn restart(&self) {
        if self.has_batches.swap(false, Ordering::SeqCst) {
            self.line(&TraceLine::Restart);
        }
    }

    fn line(&self, line: &TraceLine) {
        let text = line.to_json().map_err(io::Error::from);
        let written = text.and_then(|text| lock(&self.out).write_all((text + "\n").as_bytes()));
        if let Err(error) = written {
            tracing::warn!(%error, "a line of the trace is lost");
        }
    }
}

/// The keys as a line tells them: of all entries together if their LSNs follow one another, as no batch can then stand between
/// two of them.
fn keys_of(entries: &[Arc<Entry>], part: Option<&Key>) -> KeysOf {
    if let Some(key) = part {
        return KeysOf::Together((&KeySet::of([key.clone()])).into());
    }
    if entries.windows(2).all(|pair| pair[0].lsn.0 + 1 == pair[1].lsn.0) {
        let mut keys = KeySet::empty();
        entries.iter().for_each(|entry| keys.extend(&entry.keys()));
        return KeysOf::Together((&keys).into());
    }
    KeysOf::Each(entries.iter().map(|entry| entry.keys().as_ref().into()).collect())
}
