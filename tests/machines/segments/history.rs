//! History — runs a script against the log, records its promises, and checks that a start keeps them.

use super::forgetful::{Forgetful, size};
use replicheck::binlog::segment::Options;
use replicheck::binlog::{Entry, Epoch, Files, Fsync, Lsn, Payload, Recovered, SegmentError, SegmentLog};
use replicheck::compression::CompressionMethod;
use replicheck::effect::{Effect, Key, KeySet, Write};
use replicheck::time::Millis;

/// A step that the caller of the log takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Appends a group of that many entries.
    Append(u64),
    Sync,
    /// Purges everything before this LSN.
    Purge(u64),
    Policy(Fsync),
    /// Packs the oldest closed segment that is not packed.
    Pack(CompressionMethod),
    /// A clean stop, then a start.
    Restart,
    /// A clean stop.
    Stop,
}

/// What was done and what was promised.
#[derive(Debug, Default)]
pub struct History {
    /// Entries whose append succeeded, in order: the content of the log if nothing is lost.
    pub accepted: Vec<Entry>,
    /// Entries of a last group whose append failed: a start may find them after the accepted ones.
    pub doubtful: Vec<Entry>,
    /// The last LSN that a call reported as durable.
    pub durable: Lsn,
    /// The last LSN that may be durable, including that of a stop which failed half way.
    pub durable_max: Lsn,
    /// The last LSN whose point is durable, too: by a start, or by a change of policy.
    pub sealed: Lsn,
    /// The highest LSN from which on a purge was asked to keep entries.
    pub keep_from: Lsn,
    pub poisoned: bool,
    pub errors: Vec<String>,
    /// Errors of packing after which the log went on as before.
    pub not_packed: Vec<String>,
    pub packed: usize,
    pub is_always: bool,
    next_value: u64,
}

pub const MANY: u64 = 1 << 20;

pub fn options(segment_bytes_max: u64, fsync: Fsync) -> Options {
    Options { segment_bytes_max, fsync }
}

pub fn entry(lsn: u64, epoch: u64, value: u64) -> Entry {
    let write = Write::Put { key: b"k".to_vec(), value: value.to_be_bytes()[6..].to_vec() };
    let effect = Effect { writes: vec![write], keys: KeySet::of([Key::new(0, *b"k")]) };
    Entry { lsn: Lsn(lsn), epoch: Epoch(epoch), time: Millis(1000 + lsn), payload: Payload::Effect(effect) }
}

impl History {
    /// Runs the script until it ends or the log fails; returns the log if it is still open.
    pub fn run(
        &mut self,
        files: &Forgetful,
        options: Options,
        script: &[Step],
    ) -> Option<SegmentLog<Forgetful>> {
        self.is_always = options.fsync == Fsync::Always;
        let mut log = match SegmentLog::open(files.clone(), options) {
            Ok((log, _)) => log,
            Err(error) => return self.failed(&error),
        };
        for step in script {
            let done = match *step {
                Step::Append(count) => self.append(&mut log, count),
                Step::Sync => log.sync().map(drop),
                Step::Purge(keep_from) => {
                    self.keep_from = self.keep_from.max(Lsn(keep_from));
                    log.purge(Lsn(keep_from)).map(drop)
                }
                Step::Policy(fsync) => {
                    let changed = log.set_fsync(fsync);
                    // After a failed change of policy the caller keeps its earlier promise.
                    if changed.is_ok() && self.is_always != (fsync == Fsync::Always) {
                        self.sealed = log.durable();
                    }
                    self.is_always = if changed.is_ok() { fsync == Fsync::Always } else { self.is_always };
                    changed
                }
                Step::Pack(codec) => match pack(&mut log, codec) {
                    Err(error @ SegmentError::Io { .. }) => {
                        self.not_packed.push(error.to_string());
                        Ok(())
                    }
                    done => done.map(|packed| self.packed += usize::from(packed)),
                },
                Step::Stop | Step::Restart => {
                    let stopped = log.stop();
                    self.durable_max = self.last();
                    self.durable = if stopped.is_ok() { self.last() } else { self.durable };
                    if stopped.is_err() || *step == Step::Stop {
                        return stopped.err().and_then(|error| self.failed(&error));
                    }
                    match SegmentLog::open(files.clone(), options) {
                        Ok((next, found)) => {
                            assert!(found.clean, "a clean stop, and {found:?}");
                            self.sealed = next.durable();
                            log = next;
                        }
                        Err(error) => return self.failed(&error),
                    }
                    Ok(())
                }
            };
            self.durable = self.durable.max(log.durable());
            self.durable_max = self.durable_max.max(self.durable);
            assert!(log.durable() <= log.last());
            assert!(!self.poisoned || done.is_err(), "a poisoned log did {step:?}");
            if let Err(error) = done {
                self.failed(&error);
            }
            self.poisoned = log.poisoned().is_some();
        }
        Some(log)
    }

    fn append(&mut self, log: &mut SegmentLog<Forgetful>, count: u64) -> Result<(), SegmentError> {
        let first = self.last().0 + 1;
        let group: Vec<Entry> = (first..first + count)
            .map(|lsn| {
                self.next_value += 1;
                entry(lsn, 1, self.next_value)
            })
            .collect();
        let was_poisoned = self.poisoned;
        let appended = log.append(&group);
        match &appended {
            Ok(()) => self.accepted.extend(group),
            Err(SegmentError::Fatal { .. }) => self.doubtful = group,
            Err(SegmentError::Poisoned { .. }) => assert!(was_poisoned),
            Err(_) => {}
        }
        assert_eq!(log.last(), self.last());
        appended
    }

    fn failed(&mut self, error: &SegmentError) -> Option<SegmentLog<Forgetful>> {
        self.errors.push(error.to_string());
        None
    }

    pub fn last(&self) -> Lsn {
        Lsn(self.accepted.len() as u64)
    }

    /// Starts on `files` and asserts that every promise is kept; returns what the start found.
    pub fn assert_kept(&self, files: &Forgetful, options: Options) -> Recovered {
        let context = || format!("{self:#?}\nthe start's changes {:#?}", files.changes());
        let (log, found) = SegmentLog::open(files.clone(), options)
            .unwrap_or_else(|error| panic!("a power loss alone, and the start says: {error}\n{}", context()));
        assert!(found.last >= self.durable, "lost what was durable: {found:?}\n{}", context());
        assert!(found.durable <= self.durable_max, "claims what was not synced: {found:?}\n{}", context());
        assert!(found.durable >= self.sealed, "forgot a durable point: {found:?}\n{}", context());
        let names = files.list().expect("it is in memory");
        assert!(!names.iter().any(|name| name.ends_with(".new")), "unfinished files stay: {names:?}");
        let first_allowed = self.keep_from.max(Lsn(1));
        assert!(found.first <= first_allowed, "purged what was to be kept: {found:?}\n{}", context());
        let lost_none = if self.is_always { found.last >= self.durable } else { found.last >= self.last() };
        assert!(!found.clean || lost_none, "claims that nothing is lost: {found:?}\n{}", context());
        let written: Vec<&Entry> = self.accepted.iter().chain(&self.doubtful).collect();
        let read = read_all(&log);
        assert_eq!(read.len() as u64, found.last.next().0 - found.first.0, "{}", context());
        let expected = written.iter().skip(size(found.first.0) - 1);
        for (read, written) in read.iter().zip(expected) {
            assert_eq!(read, *written, "{found:?}\n{}", context());
        }
        assert!(found.last.0 <= written.len() as u64, "{found:?}\n{}", context());
        found
    }

    /// Starts like [`History::assert_kept`], continues in a new epoch, and loses power again.
    pub fn assert_goes_on(&self, files: &Forgetful, options: Options) {
        let found = self.assert_kept(files, options);
        // Everything that the start kept is durable now, whatever the page cache had reported.
        let (log, again) = SegmentLog::open(files.bare(), options).expect("a start after a start");
        assert_eq!((again.last, again.durable), (found.last, found.last), "{self:#?}");
        drop(log);
        let (mut log, _) = SegmentLog::open(files.bare(), options).expect("a start after a start");
        log.append(&[entry(found.last.0 + 1, 2, 999)]).expect("the disk works");
        assert_eq!(log.sync().expect("the disk works"), found.last.next());
    }
}

/// Packs the oldest closed segment that is not packed; returns whether there was one.
pub fn pack<F: Files>(log: &mut SegmentLog<F>, codec: CompressionMethod) -> Result<bool, SegmentError> {
    let Some(packing) = log.begin_pack(codec)? else { return Ok(false) };
    let outcome = packing.run();
    log.end_pack(packing, outcome).map(|()| true)
}

pub fn read_all<F: Files>(log: &SegmentLog<F>) -> Vec<Entry> {
    let mut cursor = log.cursor(log.first()).expect("the first is there");
    let mut all = Vec::new();
    loop {
        let some = log.read(&mut cursor, log.last(), 100).expect("the disk works");
        if some.is_empty() {
            return all;
        }
        all.extend(some);
    }
}
