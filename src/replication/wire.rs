//! Wire — encodes and decodes the messages after the handshake. Pure.
//!
//! Numbers are big-endian. The first byte contains the kind of the message (high half) and its version (low half):
//!
//! ```text
//! entry      b1 …                                                          its own bytes, see binlog::codec
//! heartbeat  c1  time  after  last  last's time  last's bytes  CRC32C      1 + 5 × 8 + 4 = 45 bytes
//! offset     d1  time  after  offset                           CRC32C      1 + 3 × 8 + 4 = 29 bytes, from version 2 on
//! ack        a1  received  durable  applied                    CRC32C      1 + 3 × 8 + 4 = 29 bytes, upstream
//! ```
//!
//! An offset is a signed number. The checksum covers all bytes before it. An entry is sent in the form that it has in both
//! logs, so its one checksum protects it from the master's writer to the replica's disk.

use super::{Ack, Heartbeat, Offset, Tail};
use crate::binlog::{DecodeError, Entry, LogError, Lsn, decode};
use crate::time::Millis;

const HEARTBEAT: u8 = 0xc0;
const ACK: u8 = 0xa0;
const OFFSET: u8 = 0xd0;
const VERSION: u8 = 1;
const CHECKSUM_BYTES: usize = 4;
/// Length of a heartbeat, bytes.
pub const HEARTBEAT_BYTES: usize = 1 + 5 * 8 + CHECKSUM_BYTES;
/// Length of an offset, bytes.
pub const OFFSET_BYTES: usize = 1 + 3 * 8 + CHECKSUM_BYTES;
/// Length of an ack, bytes.
pub const ACK_BYTES: usize = 1 + 3 * 8 + CHECKSUM_BYTES;

/// A message from the master.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Downstream {
    /// The next entry, and its encoded length in bytes.
    Entry(Entry, usize),
    /// Log time after the last entry.
    Heartbeat(Heartbeat),
    /// The master's offset after the last entry.
    Offset(Offset),
}

/// The reason for which bytes are not a message that may come next. The connection is closed, and everything received
/// before remains valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The bytes are not a valid entry.
    #[error(transparent)]
    Entry(#[from] DecodeError),
    /// The bytes were changed on their way.
    #[error("{kind} checksum is {stored:08x}, its bytes give {computed:08x}")]
    Checksum {
        /// Name of the message.
        kind: &'static str,
        /// The checksum in the message.
        stored: u32,
        /// The checksum computed from its bytes.
        computed: u32,
    },
    /// The message has a version that this program does not support.
    #[error("unknown {kind} version {version}")]
    UnknownVersion {
        /// Name of the message.
        kind: &'static str,
        /// Its version.
        version: u8,
    },
    /// The first byte is not that of an ack.
    #[error("no ack begins with byte {0:02x}")]
    NotAnAck(u8),
    /// The entry may not come next.
    #[error(transparent)]
    Order(#[from] LogError),
    /// The heartbeat belongs to another place in the log.
    #[error("heartbeat belongs after lsn {after}, but came after lsn {received}; the log ends at lsn {last}")]
    HeartbeatOrder {
        /// The entry after which it belongs.
        after: Lsn,
        /// The last LSN received.
        received: Lsn,
        /// The master's last LSN.
        last: Lsn,
    },
    /// The offset belongs to another place in the log.
    #[error("offset belongs after lsn {after}, but came after lsn {received}")]
    OffsetOrder {
        /// The entry after which it belongs.
        after: Lsn,
        /// The last LSN received.
        received: Lsn,
    },
    /// The heartbeat has an earlier log time than a message before it, or a later one than its tail.
    #[error("heartbeat of {got} came after log time {last} (lsn {after}, tail {tail})")]
    HeartbeatBack {
        /// The log time so far.
        last: Millis,
        /// The log time of the heartbeat.
        got: Millis,
        /// The entry after which it came.
        after: Lsn,
        /// The log time at the end of the log, which may not be earlier than the heartbeat's.
        tail: Millis,
    },
    /// A message of a full sync is not valid, or may not come next; what is wrong with it.
    #[error("full sync: invalid {0}")]
    Snapshot(&'static str),
    /// The ack acknowledges entries that were not sent or not received, or less than an earlier ack.
    #[error("ack {got:?} cannot follow {before:?}; the last lsn sent is {sent}")]
    AckOrder {
        /// The ack.
        got: Ack,
        /// The ack before it.
        before: Ack,
        /// The last LSN sent.
        sent: Lsn,
    },
}

/// Appends a heartbeat to `out`.
pub fn encode_heartbeat(heartbeat: &Heartbeat, out: &mut Vec<u8>) {
    let Heartbeat { time, after, tail } = heartbeat;
    put(HEARTBEAT | VERSION, &[time.0, after.0, tail.last.0, tail.time.0, tail.bytes], out);
}

/// Appends an offset to `out`.
pub fn encode_offset(offset: &Offset, out: &mut Vec<u8>) {
    put(OFFSET | VERSION, &[offset.time.0, offset.after.0, offset.offset_ms.cast_unsigned()], out);
}

/// Appends an ack to `out`.
pub fn encode_ack(ack: &Ack, out: &mut Vec<u8>) {
    put(ACK | VERSION, &[ack.received.0, ack.durable.0, ack.applied.0], out);
}

fn put(first: u8, numbers: &[u64], out: &mut Vec<u8>) {
    let start = out.len();
    out.push(first);
    numbers.iter().for_each(|number| out.extend_from_slice(&number.to_be_bytes()));
    let checksum = crc32c::crc32c(&out[start..]);
    out.extend_from_slice(&checksum.to_be_bytes());
}

/// Decodes the master's message at the beginning of `bytes`, and returns it with its length; `None` if it is incomplete.
///
/// Errors: `Entry`, `Checksum`, `UnknownVersion`. It never panics, whatever the bytes are, and allocates at most a small
/// multiple of their number. Cost: O(bytes of the message), and O(1) for `None`.
pub fn decode_downstream(bytes: &[u8]) -> Result<Option<(Downstream, usize)>, WireError> {
    if bytes.first().is_some_and(|first| first & 0xf0 == HEARTBEAT) {
        let numbers = get::<5>("heartbeat", bytes)?;
        return Ok(numbers.map(|[time, after, last, last_time, bytes]| {
            let tail = Tail { last: Lsn(last), time: Millis(last_time), bytes };
            let heartbeat = Heartbeat { time: Millis(time), after: Lsn(after), tail };
            (Downstream::Heartbeat(heartbeat), HEARTBEAT_BYTES)
        }));
    }
    if bytes.first().is_some_and(|first| first & 0xf0 == OFFSET) {
        let numbers = get::<3>("offset", bytes)?;
        return Ok(numbers.map(|[time, after, offset]| {
            let offset = Offset { time: Millis(time), after: Lsn(after), offset_ms: offset.cast_signed() };
            (Downstream::Offset(offset), OFFSET_BYTES)
        }));
    }
    match decode(bytes) {
        Ok((entry, used)) => Ok(Some((Downstream::Entry(entry, used), used))),
        Err(DecodeError::Truncated { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Decodes the replica's message at the beginning of `bytes`, like [`decode_downstream`]. Errors: `NotAnAck`, `Checksum`,
/// `UnknownVersion`.
pub fn decode_ack(bytes: &[u8]) -> Result<Option<(Ack, usize)>, WireError> {
    match bytes.first() {
        Some(first) if first & 0xf0 != ACK => Err(WireError::NotAnAck(*first)),
        _ => Ok(get::<3>("ack", bytes)?.map(|[received, durable, applied]| {
            let ack = Ack { received: Lsn(received), durable: Lsn(durable), applied: Lsn(applied) };
            (ack, ACK_BYTES)
        })),
    }
}

/// The numbers of a message that has `N` of them; `None` if the message is incomplete.
fn get<const N: usize>(kind: &'static str, bytes: &[u8]) -> Result<Option<[u64; N]>, WireError> {
    let Some(version) = bytes.first().map(|first| first & 0x0f) else { return Ok(None) };
    if version != VERSION {
        return Err(WireError::UnknownVersion { kind, version });
    }
    let Some((content, rest)) = bytes.split_at_checked(1 + 8 * N) else { return Ok(None) };
    let Some(stored) = rest.first_chunk().copied().map(u32::from_be_bytes) else { return Ok(None) };
    let computed = crc32c::crc32c(content);
    if stored != computed {
        return Err(WireError::Checksum { kind, stored, computed });
    }
    let mut numbers = [0; N];
    for (number, bytes) in numbers.iter_mut().zip(content[1..].as_chunks().0) {
        *number = u64::from_be_bytes(*bytes);
    }
    Ok(Some(numbers))
}

/// A buffer of received bytes that are not decoded yet. It allocates memory only for bytes that have arrived, not for a
/// length that a message announces.
#[derive(Clone, Debug, Default)]
pub struct Incoming {
    bytes: Vec<u8>,
    start: usize,
}

impl Incoming {
    /// A buffer with the bytes that arrived before the first read.
    pub fn new(bytes: Vec<u8>) -> Incoming {
        Incoming { bytes, start: 0 }
    }

    /// Adds received bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.start);
        self.start = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The bytes that were not decoded yet: a message that has arrived in part, once [`Incoming::next`] has returned `None`.
    pub fn rest(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// The last `bytes` bytes of those that were decoded since the last [`Incoming::push`].
    pub fn taken(&self, bytes: usize) -> &[u8] {
        &self.bytes[self.start.saturating_sub(bytes)..self.start]
    }

    /// Decodes the next message, with [`decode_downstream`] or [`decode_ack`]; `None` if it is incomplete. Errors: the
    /// decoder's, and the same error again at each further call.
    pub fn next<T>(
        &mut self,
        decode: impl FnOnce(&[u8]) -> Result<Option<(T, usize)>, WireError>,
    ) -> Result<Option<T>, WireError> {
        let message = decode(&self.bytes[self.start..])?;
        Ok(message.map(|(message, used)| {
            self.start += used;
            message
        }))
    }
}
