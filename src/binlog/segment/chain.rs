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
        Chain { last, time: header.time, epochs: header.epochs.clone() }
    }

    /// The header of a segment that begins after the last entry.
    pub fn next_header(&self) -> Header {
        Header { first: self.last.next(), time: self.time, epochs: self.epochs.clone() }
    }

    /// Adds the next entry.
    pub fn push(&mut self, entry: &Entry) -> Result<(), LogError> {
        check_next(self.last, self.before_next(), entry)?;
        if self.epochs.last().is_none_or(|&(last, _)| last != entry.epoch) {
            self.epochs.push((entry.epoch, entry.lsn));
        }
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
                Ok((entry, used)) => match self.push(&entry) {
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
