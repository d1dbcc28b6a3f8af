//! Chain — a sequence of entries: it checks what may come next, and finds where good bytes end. Pure.

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

/// The running checksum: CRC32C over the checksums of the entries of one epoch, in order, through the last one. If entry n
/// has the same epoch in two logs and the running checksums at n are equal, the logs have the same entries of that epoch
/// through n, except with a chance of one in 2^32. The checksum of a single entry is not enough: a machine that is reset to
/// a snapshot may write two different entries and then one that is equal byte for byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Running {
    /// The log's beginning is a segment of version 1, and no epoch has begun since.
    Unknown,
    /// It is known; 0 before the first entry.
    Known(u32),
}

impl Running {
    /// The running checksum after one more entry, which may be the first of its epoch.
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

/// The damage after the last good entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Broken {
    pub damage: Damage,
    /// Whether the bytes must have been written like this; then they are not the result of a power loss.
    pub written_so: bool,
}

impl Chain {
    /// The chain before the first entry of the segment with this header.
    pub fn before(header: &Header) -> Chain {
        let last = Lsn(header.first.0.saturating_sub(1));
        Chain { last, time: header.time, epochs: header.epochs.clone(), running: header.running }
    }

    /// The header of a segment that begins after the last entry.
    pub fn next_header(&self) -> Header {
        let (epochs, running) = (self.epochs.clone(), self.running);
        Header { first: self.last.next(), time: self.time, epochs, running }
    }

    /// Continues with the segment that has this header; `false`: it is not the next one. A header may list fewer epochs
    /// than the headers before it, because epochs of purged entries are forgotten.
    pub fn continues(&mut self, header: &Header) -> bool {
        let fewer =
            self.epochs.ends_with(&header.epochs) && header.epochs.is_empty() == self.epochs.is_empty();
        let next = Header { epochs: header.epochs.clone(), ..self.next_header() };
        // A header of version 1 has no running checksum; the one computed from the entries before it is
        // right.
        let is_next = Header { running: next.running, ..header.clone() } == next
            && (header.running == next.running || header.running == Running::Unknown);
        if is_next && fewer {
            self.epochs.clone_from(&header.epochs);
        }
        is_next && fewer
    }

    /// Forgets the epochs whose entries are all before `first`, but always keeps the newest epoch: a follower's list is
    /// compared from the first kept epoch on.
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

    /// Checks that a group may come next.
    pub fn check(&self, group: &[Entry]) -> Result<(), LogError> {
        let (mut last, mut before) = (self.last, self.before_next());
        for entry in group {
            check_next(last, before, entry)?;
            (last, before) = (entry.lsn, Some((entry.epoch, entry.time)));
        }
        Ok(())
    }

    /// The bytes of a group that may come next, in one piece; the chain does not change.
    pub fn encode(&self, group: &[Entry]) -> Result<Vec<u8>, GroupError> {
        self.check(group).map_err(GroupError::Order)?;
        let mut bytes = Vec::with_capacity(group.iter().map(codec::encoded_bytes).sum());
        group.iter().try_for_each(|entry| encode(entry, &mut bytes)).map_err(GroupError::TooLarge)?;
        Ok(bytes)
    }

    /// Adds the entries in a segment's bytes from `start` on. Returns the offset at which the good ones end,
    /// and the damage there.
    pub fn scan(&mut self, bytes: &[u8], start: usize) -> (usize, Option<Broken>) {
        let mut at = start;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            match decode(rest) {
                Ok((entry, used)) => match self.push(&entry, codec::checksum(&rest[..used])) {
                    Ok(()) => at += used,
                    // After a power loss a disk may show blocks of a purged segment: good entries, but from another
                    // place.
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

/// The reason why a group cannot come next.
pub(super) enum GroupError {
    Order(LogError),
    TooLarge(TooLarge),
}

/// Whether bytes that are not an entry for this version were written on purpose: a right checksum over content
/// that this version does not understand. Cutting them off would destroy data that a newer version has promised
/// to keep.
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
