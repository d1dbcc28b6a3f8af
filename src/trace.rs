//! Trace — one JSON line for each batch that a replica's worker wrote. Does I/O: a file.
//!
//! ```text
//! {"entries":[7,9],"part":null,"marker":7,"start":12,"finish":15}
//! ```
//!
//! `start` and `finish` are ticks of one counter, taken before and after the write: two batches overlapped if neither
//! finished before the other started. A checker can tell from these lines alone whether dependent entries overlapped.

use crate::binlog::Lsn;
use crate::effect::Key;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Mutex, lock};
use serde::Serialize;
use std::fs::File;
use std::io::{self, LineWriter, Write};
use std::path::Path;

/// A trace file that is being written.
#[derive(Debug)]
pub struct Trace {
    out: Mutex<LineWriter<File>>,
    ticks: AtomicU64,
}

/// One batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// The entries.
    pub entries: Vec<u64>,
    /// The key whose part of the one entry this is, escaped; null for whole entries.
    pub part: Option<String>,
    /// The marker in the batch.
    pub marker: u64,
    /// Tick before the write.
    pub start: u64,
    /// Tick after the write.
    pub finish: u64,
}

impl Trace {
    /// Starts a trace in `file`; an existing file is emptied. Errors: I/O errors.
    pub fn create(file: &Path) -> io::Result<Trace> {
        Ok(Trace { out: Mutex::new(LineWriter::new(File::create(file)?)), ticks: AtomicU64::new(0) })
    }

    /// Runs `write`, which writes the batch of the entries `lsns` (or their part for the key `part`), and records
    /// its ticks. A line that cannot be written is lost, with a warning.
    pub fn note<T>(
        &self,
        lsns: impl Iterator<Item = Lsn>,
        part: Option<&Key>,
        marker: Lsn,
        write: impl FnOnce() -> T,
    ) -> T {
        let start = self.ticks.fetch_add(1, Ordering::SeqCst);
        let outcome = write();
        let finish = self.ticks.fetch_add(1, Ordering::SeqCst);
        let part = part.map(|key| format!("{}/{}", key.db, key.name.escape_ascii()));
        let span = Span { entries: lsns.map(|lsn| lsn.0).collect(), part, marker: marker.0, start, finish };
        if let Err(error) = self.line(&span) {
            tracing::warn!(%error, "a line of the trace is lost");
        }
        outcome
    }

    fn line(&self, span: &Span) -> io::Result<()> {
        let line = serde_json::to_string(span)? + "\n";
        lock(&self.out).write_all(line.as_bytes())
    }
}
