//! Chain — entries one after the other: what may come next, and where good bytes end. Pure.

use super::super::log::check_next;
use super::super::{DecodeError, Entry, Epoch, LogError, Lsn, TooLarge, codec, decode, encode};
use super::error::Damage;
use super::header::Header;
use crate::time::Millis;

/// The end of the log, as far as the next entry depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chain {
    pub last: Lsn,
    pub time: Millis,
    pub epochs: Vec<(Epoch, Lsn)>,
    /// See [`Running`].
    pub running: Running,
}

/// The running checksum: CRC32C over the checksums of the entries of one epoch, in order, through the last one. Two logs in
/// which entry n is of the same epoch have the same entries of that epoch through n if it is equal, but for one time in
/// 2^32. The checksum of an entry alone does not tell: a machine that goes back to a snapshot may write two other entries
/// and then one that is equal to the byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Running {
    /// The log's beginning is a segment of version 1, and no epoch has begun since.
    Unknown,
    /// It is known; 0 before the first entry.
    Known(u32),
}

impl Running {
    /// What it is after one more entry, which may be the first of its epoch.
    pub fn then(self, is_first: bool, checksum: u32) -> Running {
        match self {
            _ if is_first => Running::Known(crc32c::crc32c(&checksum.to_be_bytes())),
            Running::Known(before) => Running::Known(crc32c::crc32c_append(before, &checksum.to_be_bytes())),
            Running::Unknown => Running::Unknown,
        }
    }

    /// The checksum; `None`: it is not known.
    pub fn known(self) -> Option<u32> {
        match self {
            Running::Known(checksum) => Some(checksum),
            Running::Unknown => None,
        }
    }
}

/// What is wrong after the last good entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Broken {
    pub damage: Damage,
    /// Whether the bytes can only have been written so: then they are nothing that a power loss left.
    pub written_so: bool,
}

impl Chain {
    /// The chain before the first entry of the segment with that header.
    pub fn before(header: &Header) -> Chain {
        let last = Lsn(header.first.0.saturating_sub(1));
        Chain { last, time: header.time, epochs: header.epochs.clone(), running: header.running }
    }

    /// The header of a segment that begins after the last entry.
    pub fn next_header(&self) -> Header {
        let (epochs, running) = (self.epochs.clone(), self.running);
        Header { first: self.last.next(), time: self.time, epochs, running }
    }

    /// Goes on with a segment of that header; `false`: it is not the next one. A header may tell of fewer epochs than the
    /// headers before it, as those of purged entries left.
    pub fn continues(&mut self, header: &Header) -> bool {
        let fewer =
            self.epochs.ends_with(&header.epochs) && header.epochs.is_empty() == self.epochs.is_empty();
        let next = Header { epochs: header.epochs.clone(), ..self.next_header() };
        // A header of version 1 tells no running checksum, and what the entries before gave is right.
        let is_next = Header { running: next.running, ..header.clone() } == next
            && (header.running == next.running || header.running == Running::Unknown);
        if is_next && fewer {
            self.epochs.clone_from(&header.epochs);
        }
        is_next && fewer
    }

    /// Forgets the epochs of which every entry is before `first`, but for the newest of them: with it a follower's list is
    /// compared from that place on.
    pub fn forget_epochs_before(&mut self, first: Lsn) {
        let kept = self.epochs.partition_point(|&(_, begun)| begun <= first).saturating_sub(1);
        self.epochs.drain(..kept);
    }

    /// Adds the next entry; `checksum` is that of its bytes.
    pub fn push(&mut self, entry: &Entry, checksum: u32) -> Result<(), LogError> {
        check_next(self.last, self.before_next(), entry)?;
        let is_first = self.epochs.last().is_none_or(|&(last, _)| last != entry.epoch);
        if is_first {
            self.epochs.push((entry.epoch, entry.lsn));
        }
        self.running = self.running.then(is_first, checksum);
        (self.last, self.time) = (entry.lsn, entry.time);
        Ok(())
    }

    fn before_next(&self) -> Option<(Epoch, Millis)> {
        self.epochs.last().map(|&(epoch, _)| (epoch, self.time))
    }

    /// Whether a group comes next.
    pub fn check(&self, group: &[Entry]) -> Result<(), LogError> {
        let (mut last, mut before) = (self.last, self.before_next());
        for entry in group {
            check_next(last, before, entry)?;
            (last, before) = (entry.lsn, Some((entry.epoch, entry.time)));
        }
        Ok(())
    }

    /// The bytes of a group that comes next, in one piece; the chain is as before.
    pub fn encode(&self, group: &[Entry]) -> Result<Vec<u8>, GroupError> {
        self.check(group).map_err(GroupError::Order)?;
        let mut bytes = Vec::with_capacity(group.iter().map(codec::encoded_bytes).sum());
        group.iter().try_for_each(|entry| encode(entry, &mut bytes)).map_err(GroupError::TooLarge)?;
        Ok(bytes)
    }

    /// Adds the entries of a segment's bytes from `start` on; where the good ones end, and what is wrong there.
    pub fn scan(&mut self, bytes: &[u8], start: usize) -> (usize, Option<Broken>) {
        let mut at = start;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            match decode(rest) {
                Ok((entry, used)) => match self.push(&entry, codec::checksum(&rest[..used])) {
                    Ok(()) => at += used,
                    // A disk may show blocks of a purged segment after a power loss: good entries, of another place.
                    Err(order) => return (at, Some(Broken { damage: order.into(), written_so: false })),
                },
                Err(error) => {
                    let written_so = is_written_so(&error, rest);
                    return (at, Some(Broken { damage: error.into(), written_so }));
                }
            }
        }
        (at, None)
    }
}

/// Why a group cannot come next.
pub(super) enum GroupError {
    Order(LogError),
    TooLarge(TooLarge),
}

/// Whether bytes that are no entry here were written on purpose: a right checksum over content that this version
/// does not understand. To cut that off would be to destroy what a newer version promised.
fn is_written_so(error: &DecodeError, bytes: &[u8]) -> bool {
    match error {
        DecodeError::Malformed(_) | DecodeError::Command { .. } => true,
        DecodeError::UnknownVersion(_) => {
            let length = bytes.get(1..).and_then(|rest| rest.first_chunk()).copied().map(u32::from_be_bytes);
            let entry = length.and_then(|length| bytes.get(..usize::try_from(length).ok()?));
            entry
                .and_then(|entry| entry.split_last_chunk::<4>())
                .is_some_and(|(content, stored)| crc32c::crc32c(content).to_be_bytes() == *stored)
        }
        DecodeError::Truncated { .. }
        | DecodeError::Checksum { .. }
        | DecodeError::NotAnEntry(_)
        | DecodeError::Length(_) => false,
    }
}
