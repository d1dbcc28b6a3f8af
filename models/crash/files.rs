//! Files — the log of a run: the engine's segment log on a forgetful disk, and what a crash leaves of it.
//!
//! A segment log cannot be a part of a state: it has open files. So a run is the disk with which it began and the steps of the log
//! since then, and the log is made again from these where a step needs it.

use super::disk::Disk;
use super::forgetful::{DiskFault, Forgetful};
use super::model::CrashModel;
use super::world::{Call, End, Left, Run, Started, Starting};
use super::{Fault, Role};
use crate::binlog::log::{epoch_of_start, last_epoch};
use crate::binlog::segment::{Options, begin_after};
use crate::binlog::{Entry, Epoch, Lsn, Recovered, SegmentError, SegmentLog};
use crate::models::bounds::START;
use crate::node::{Start, start};
use std::sync::Arc;

impl CrashModel {
    fn options(&self) -> Options {
        let segment_bytes_max = if self.setup.segments { 1 } else { u64::MAX };
        Options { segment_bytes_max, fsync: self.choice().fsync() }
    }

    fn opened(&self, disk: u32) -> Result<(Forgetful, SegmentLog<Forgetful>, Recovered), SegmentError> {
        let files = self.disks.value(disk).folder();
        let (log, recovered) = SegmentLog::open(files.clone(), self.options())?;
        Ok((files, log, recovered))
    }

    /// The disk and the log of a run.
    pub(super) fn replayed(&self, run: &Run) -> (Forgetful, SegmentLog<Forgetful>) {
        let (files, mut log, _) = self.opened(run.start).expect("a run begins with a disk that opens");
        if self.setup.lies {
            files.lie();
        }
        for call in &run.calls {
            called(&mut log, call).expect("the disk has room, and works");
        }
        (files, log)
    }

    /// What the log of a run says.
    pub(super) fn end(&self, run: u32) -> &End {
        self.runs.facts(run, |run| {
            let (_, log) = self.replayed(run);
            let epochs = log.epochs().to_vec();
            End { last: log.last(), durable: log.durable(), first: log.first(), epochs }
        })
    }

    /// The run after one more call.
    pub(super) fn then(&self, run: u32, call: Call) -> u32 {
        let Run { start, mut calls } = self.runs.value(run).clone();
        calls.push(call);
        self.runs.number(Run { start, calls })
    }

    /// The entries of a run's log, from this one on. An error: the log does not have it any more.
    pub(super) fn read(&self, run: u32, from: Lsn) -> Result<Vec<Entry>, String> {
        self.read.get((run, from), || {
            let (_, log) = self.replayed(self.runs.value(run));
            let mut cursor = log.cursor(from).map_err(|error| error.to_string())?;
            let mut entries = Vec::new();
            loop {
                // A call reads one segment at most.
                let read =
                    log.read(&mut cursor, log.last(), usize::MAX).map_err(|error| error.to_string())?;
                if read.is_empty() {
                    return Ok(entries);
                }
                entries.extend(read);
            }
        })
    }

    /// The number of changes of files that a call makes.
    pub(super) fn changes(&self, run: u32, call: &Call) -> u8 {
        self.changes.get((run, call.clone()), || {
            let (files, mut log) = self.replayed(self.runs.value(run));
            let before = files.changes().len();
            called(&mut log, call).expect("the disk has room, and works");
            counted(&files, before)
        })
    }

    /// What crashes leave of a run's disk: between two calls, or at a change of this call.
    pub(super) fn left(&self, run: u32, within: Option<(Call, u8)>) -> Arc<Left> {
        self.left.get((run, within.clone()), || {
            let (files, mut log) = self.replayed(self.runs.value(run));
            if let Some((call, at)) = &within {
                files.fail(usize::from(*at), DiskFault::Death);
                // The process is dead: nobody sees the error.
                let _ = called(&mut log, call);
            }
            self.left_of(&files)
        })
    }

    fn left_of(&self, files: &Forgetful) -> Arc<Left> {
        let number = |folder: &Forgetful| self.disks.number(Disk::of(folder));
        let mut powerless: Vec<u32> = files.power_losses(|_| usize::MAX).iter().map(number).collect();
        powerless.sort_unstable();
        powerless.dedup();
        Arc::new(Left { killed: number(&files.copy()), powerless })
    }

    /// Starts a node on the disk of a crash.
    pub(super) fn started(&self, starting: Starting) -> Started {
        self.starts.get(starting, || {
            let folder = self.disks.value(starting.disk).folder();
            self.start_on(&folder, starting)
        })
    }

    /// The number of changes of files of a start.
    pub(super) fn start_changes(&self, starting: Starting) -> u8 {
        self.start_changes.get(starting, || {
            let folder = self.disks.value(starting.disk).folder();
            let _ = self.start_on(&folder, starting);
            counted(&folder, 0)
        })
    }

    /// What crashes at a change of a start leave, and the epoch in the file `node` then.
    pub(super) fn left_in_start(&self, starting: Starting, at: u8) -> (Arc<Left>, Epoch) {
        self.left_in_start.get((starting, at), || {
            let folder = self.disks.value(starting.disk).folder();
            folder.fail(usize::from(at), DiskFault::Death);
            let noted = self.start_on(&folder, starting).noted;
            (self.left_of(&folder), noted)
        })
    }

    /// The start as `engine::open` has it, through the last change of the log's files.
    fn start_on(&self, folder: &Forgetful, starting: Starting) -> Started {
        let Starting { marker, noted, drawn, .. } = starting;
        let refused = |noted, error: String| Started { run: Err(error), is_new_log: false, noted };
        // The run opens the log itself.
        let before = self.disks.number(Disk::of(folder));
        let recovered = match SegmentLog::open(folder.clone(), self.options()) {
            Ok((_, recovered)) => recovered,
            Err(error) => return refused(noted, error.to_string()),
        };
        let run = |disk| Ok(self.runs.number(Run { start: disk, calls: Vec::new() }));
        let follows = self.setup.role == Role::Replica;
        match start(marker, recovered.last, follows) {
            Start::NewLog if !self.has(Fault::NoNewLog) => {}
            Start::CatchUp | Start::NewLog => return Started { run: run(before), is_new_log: false, noted },
            Start::Refuse => {
                let last = recovered.last;
                return refused(
                    noted,
                    format!("the store holds entries through {marker}, the log ends at {last}"),
                );
            }
        }
        let noted = epoch_of_start(&recovered.epochs, noted, drawn + 1);
        if let Err(error) = begin_after(folder, marker, noted, START) {
            return refused(noted, error.to_string());
        }
        let begun = self.disks.number(Disk::of(folder));
        match SegmentLog::open(folder.clone(), self.options()) {
            Ok(_) => Started { run: run(begun), is_new_log: true, noted },
            Err(error) => refused(noted, error.to_string()),
        }
    }

    /// The epoch that a start as master begins, as `engine::master` has it.
    pub(super) fn begun(&self, epochs: &[(Epoch, Lsn)], noted: Epoch, drawn: u32) -> Epoch {
        match self.setup.role {
            Role::Replica => noted,
            Role::Master if self.has(Fault::SameEpoch) => last_epoch(epochs, noted),
            Role::Master => epoch_of_start(epochs, noted, drawn),
        }
    }
}

/// Makes a call.
fn called(log: &mut SegmentLog<Forgetful>, call: &Call) -> Result<(), SegmentError> {
    match call {
        Call::Append(group) => log.append(group),
        Call::Sync => log.sync().map(|_| ()),
        // No replica needs more than the store.
        Call::Purge(flushed) => log.purge_within(*flushed, Lsn(u64::MAX), 1..=usize::MAX).map(|_| ()),
    }
}

fn counted(files: &Forgetful, before: usize) -> u8 {
    u8::try_from(files.changes().len() - before).expect("a few dozen changes")
}
