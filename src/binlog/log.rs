//! Log — entries of one history, in memory. Pure.
//!
//! ```text
//! entries  1  2  3 | 4  5 | 6          epochs  (1, 1)  (2, 4)  (5, 6)
//! epoch    1  1  1 | 2  2 | 5                   epoch, first LSN
//! ```
//!
//! Models and tests keep whole logs in it. What it deliberately does not do: it forgets no old entries, and it
//! does not know what is durable; the segment files do both.

use super::{Entry, Epoch, Lsn};
use crate::time::Millis;

/// Why an entry cannot come next. The caller has lost entries or mixes two histories: it drops the connection
/// or the file that the entry came from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The entry does not have the LSN after the last.
    #[error("lsn gap: expected {expected}, got {got} (epoch {epoch})")]
    Gap {
        /// The LSN that comes next.
        expected: Lsn,
        /// The entry's LSN.
        got: Lsn,
        /// The entry's epoch.
        epoch: Epoch,
    },
    /// The entry is of an older epoch than the last.
    #[error("epoch goes back: {got} after {last} (lsn {lsn})")]
    EpochBack {
        /// Epoch of the last entry.
        last: Epoch,
        /// The entry's epoch.
        got: Epoch,
        /// The entry's LSN.
        lsn: Lsn,
    },
    /// The entry is of an earlier time than the last.
    #[error("log time goes back: {got} after {last} (lsn {lsn}, epoch {epoch})")]
    TimeBack {
        /// Time of the last entry.
        last: Millis,
        /// The entry's time.
        got: Millis,
        /// The entry's LSN.
        lsn: Lsn,
        /// The entry's epoch.
        epoch: Epoch,
    },
}

/// Entries of one history, from the first on.
///
/// Invariants: LSNs are contiguous and start at 1; epochs and times never go back; `epochs` has one row for
/// each epoch that has entries, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Log {
    entries: Vec<Entry>,
    epochs: Vec<(Epoch, Lsn)>,
}

impl Log {
    /// An empty log.
    pub fn new() -> Log {
        Log::default()
    }

    /// Adds the next entry. Errors: [`LogError`], and the log is as before.
    pub fn append(&mut self, entry: Entry) -> Result<(), LogError> {
        check_next(self.last(), self.entries.last().map(|last| (last.epoch, last.time)), &entry)?;
        let Entry { lsn, epoch, .. } = entry;
        if self.epochs.last().is_none_or(|&(last, _)| last != epoch) {
            self.epochs.push((epoch, lsn));
        }
        self.entries.push(entry);
        Ok(())
    }

    /// The LSN of the last entry; 0 if there is none.
    pub fn last(&self) -> Lsn {
        self.entries.last().map_or(Lsn::NONE, |entry| entry.lsn)
    }

    /// The entry with that LSN.
    pub fn get(&self, lsn: Lsn) -> Option<&Entry> {
        self.entries.get(position(lsn)?)
    }

    /// The entries from `lsn` (included) on; all for LSN 0.
    pub fn from(&self, lsn: Lsn) -> &[Entry] {
        self.entries.get(position(lsn).unwrap_or(0)..).unwrap_or_default()
    }

    /// Forgets the entries after `lsn`, and the epochs that begin after it.
    pub fn truncate_after(&mut self, lsn: Lsn) {
        self.entries.truncate(usize::try_from(lsn.0).unwrap_or(usize::MAX));
        self.epochs.retain(|&(_, first)| first <= lsn);
    }

    /// Each epoch that has entries, with its first LSN, in order.
    pub fn epochs(&self) -> &[(Epoch, Lsn)] {
        &self.epochs
    }

    /// The epoch that entry `lsn` was written in, if there is such an entry.
    pub fn epoch_at(&self, lsn: Lsn) -> Option<Epoch> {
        let after = self.epochs.partition_point(|&(_, first)| first <= lsn);
        let (epoch, _) = self.epochs.get(after.checked_sub(1)?)?;
        (lsn <= self.last()).then_some(*epoch)
    }

    /// The last LSN of this log that the history with the epochs `other` has too, see [`fork`].
    pub fn fork_with(&self, other: &[(Epoch, Lsn)]) -> Lsn {
        fork(&self.epochs, self.last(), other)
    }
}

/// The last LSN that a log with the epochs `own`, which ends at `last`, shares with the history that has the
/// epochs `other`; 0 if they share nothing.
///
/// A list of epochs does not say where its last epoch ends, so an end in the epoch that both wrote last is
/// the own log's. A follower whose last LSN is at or before the fork resumes; beyond it, its tail was never
/// the master's. It holds as long as no two masters ever take the same epoch.
///
/// Either list may lack its beginning. The lists are compared from the first row of one that the other has too: nobody
/// begins an epoch twice, so what comes before that row is the same in both.
pub fn fork(own: &[(Epoch, Lsn)], last: Lsn, other: &[(Epoch, Lsn)]) -> Lsn {
    let (own, other) = (from_row(own, other.first()), from_row(other, own.first()));
    let shared = own.iter().zip(other).take_while(|(own, their)| own == their).count();
    if shared == 0 {
        return Lsn::NONE;
    }
    let end = |epochs: &[(Epoch, Lsn)]| epochs.get(shared).map(|&(_, first)| Lsn(first.0.saturating_sub(1)));
    [end(own), end(other)].into_iter().flatten().fold(last, Lsn::min)
}

/// The rows from `row` on; all of them if it is not among them.
fn from_row<'a>(epochs: &'a [(Epoch, Lsn)], row: Option<&(Epoch, Lsn)>) -> &'a [(Epoch, Lsn)] {
    let at = row.and_then(|row| epochs.iter().position(|epoch| epoch == row));
    &epochs[at.unwrap_or(0)..]
}

/// The last epoch of a folder: that of the log's last entry, or the one that the file `node` notes, whichever is later. The one that
/// is noted may have no entry yet, and the file may be gone. 0 if there is neither.
pub fn last_epoch(epochs: &[(Epoch, Lsn)], noted: Epoch) -> Epoch {
    epochs.last().map_or(noted, |&(written, _)| noted.max(written))
}

/// The epoch that a start as master begins, as a promotion does: it comes after [`last_epoch`]. A folder may be a copy, and nothing
/// in it can tell. `random` tells this epoch from those that starts of other copies begin.
pub fn epoch_of_start(epochs: &[(Epoch, Lsn)], noted: Epoch, random: u32) -> Epoch {
    last_epoch(epochs, noted).next(random)
}

/// Whether `entry` may come after entry `last`, which was of that epoch and time (`None`: any will do). The segment
/// files ask this of what is appended, a replica of what it receives. Errors: [`LogError`].
pub fn check_next(last: Lsn, before: Option<(Epoch, Millis)>, entry: &Entry) -> Result<(), LogError> {
    let &Entry { lsn, epoch, time, .. } = entry;
    let expected = last.next();
    if lsn != expected {
        return Err(LogError::Gap { expected, got: lsn, epoch });
    }
    match before {
        Some((last, _)) if epoch < last => Err(LogError::EpochBack { last, got: epoch, lsn }),
        Some((_, last)) if time < last => Err(LogError::TimeBack { last, got: time, lsn, epoch }),
        _ => Ok(()),
    }
}

/// Where the entry with that LSN stands; `None` for LSN 0.
fn position(lsn: Lsn) -> Option<usize> {
    usize::try_from(lsn.0.checked_sub(1)?).ok()
}
