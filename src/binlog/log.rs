//! Log — entries of one history, in memory. Pure.
//!
//! ```text
//! entries  1  2  3 | 4  5 | 6          epochs  (1, 1)  (2, 4)  (5, 6)
//! epoch    1  1  1 | 2  2 | 5                   epoch, first LSN
//! ```
//!
//! Models and tests keep whole logs in it. It deliberately does not forget old entries, and it does not know
//! which entries are durable; the segment files do both.

use super::{Entry, Epoch, Lsn};
use crate::time::Millis;

/// The reason why an entry cannot be the next one. The caller has lost entries or mixes two histories: it
/// drops the connection or the file that the entry came from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The entry does not have the LSN that follows the last one.
    #[error("lsn gap: expected {expected}, got {got} (epoch {epoch})")]
    Gap {
        /// The LSN that comes next.
        expected: Lsn,
        /// The entry's LSN.
        got: Lsn,
        /// The entry's epoch.
        epoch: Epoch,
    },
    /// The entry has an older epoch than the last entry.
    #[error("epoch goes back: {got} after {last} (lsn {lsn})")]
    EpochBack {
        /// Epoch of the last entry.
        last: Epoch,
        /// The entry's epoch.
        got: Epoch,
        /// The entry's LSN.
        lsn: Lsn,
    },
    /// The entry has an earlier log time than the last entry.
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

    /// Adds the next entry. Errors: [`LogError`], and the log is unchanged.
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

    /// The entries of one epoch through entry `at`, which is of that epoch; `None`: there is no entry `at`. A running checksum covers
    /// them.
    pub fn epoch_through(&self, at: Lsn) -> Option<&[Entry]> {
        let epoch = self.get(at)?.epoch;
        let through = self.entries.get(..=position(at)?)?;
        Some(&through[through.partition_point(|entry| entry.epoch < epoch)..])
    }

    /// Removes the entries after `lsn`, and the epochs that begin after it.
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

    /// The last LSN of this log that the history with the epochs `other` also has, see [`fork`].
    pub fn fork_with(&self, other: &[(Epoch, Lsn)]) -> Lsn {
        fork(&self.epochs, self.last(), other)
    }
}

/// The last LSN that a log with the epochs `own`, which ends at `last`, shares with the history that has the
/// epochs `other`; 0 if they share nothing.
///
/// A list of epochs does not say where its last epoch ends. So if both lists end with the same epoch, the
/// fork is the end of the own log. A follower whose last LSN is at or before the fork resumes. If its last
/// LSN is beyond the fork, its tail was never part of the master's history. This holds as long as no two
/// masters ever take the same epoch.
///
/// Either list may lack its beginning. The lists are compared from the first row of one list that the other one also
/// has: no epoch is begun twice, so the rows before that row are the same in both.
pub fn fork(own: &[(Epoch, Lsn)], last: Lsn, other: &[(Epoch, Lsn)]) -> Lsn {
    let (own, other) = (from_row(own, other.first()), from_row(other, own.first()));
    let shared = own.iter().zip(other).take_while(|(own, their)| own == their).count();
    if shared == 0 {
        return Lsn::NONE;
    }
    let end = |epochs: &[(Epoch, Lsn)]| epochs.get(shared).map(|&(_, first)| Lsn(first.0.saturating_sub(1)));
    [end(own), end(other)].into_iter().flatten().fold(last, Lsn::min)
}

/// The rows from `row` on; all rows if `row` is not among them.
fn from_row<'a>(epochs: &'a [(Epoch, Lsn)], row: Option<&(Epoch, Lsn)>) -> &'a [(Epoch, Lsn)] {
    let at = row.and_then(|row| epochs.iter().position(|epoch| epoch == row));
    &epochs[at.unwrap_or(0)..]
}

/// The last epoch of a folder: the epoch of the log's last entry, or the epoch recorded in the identity file, whichever is
/// later. The recorded epoch may have no entry yet, and the file may be missing. 0 if there is neither.
pub fn last_epoch(epochs: &[(Epoch, Lsn)], noted: Epoch) -> Epoch {
    epochs.last().map_or(noted, |&(written, _)| noted.max(written))
}

/// The epoch that a start as master or a promotion begins: an epoch after [`last_epoch`]. A folder may be a copy, and nothing
/// in it shows this. `random` distinguishes this epoch from the epochs that starts of other copies begin.
pub fn epoch_of_start(epochs: &[(Epoch, Lsn)], noted: Epoch, random: u32) -> Epoch {
    last_epoch(epochs, noted).next(random)
}

/// Checks that `entry` may follow entry `last`, whose epoch and time are `before` (`None`: any epoch and time may
/// follow). The segment files check appended entries with it, and a replica checks received entries. Errors:
/// [`LogError`].
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

/// The index of the entry with this LSN; `None` for LSN 0.
fn position(lsn: Lsn) -> Option<usize> {
    usize::try_from(lsn.0.checked_sub(1)?).ok()
}
