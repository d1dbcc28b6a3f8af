//! Wire — messages after the handshake → bytes, and back. Pure.
//!
//! Numbers are big-endian. The first byte tells the kind (high half) and its version (low half):
//!
//! ```text
//! entry      b1 …                                                          its own bytes, see binlog::codec
//! heartbeat  c1  time  after  last  last's time  last's bytes  CRC32C      1 + 5 × 8 + 4 = 45 bytes
//! offset     d1  time  after  offset                           CRC32C      1 + 3 × 8 + 4 = 29 bytes, from version 2 on
//! ack        a1  received  durable  applied                    CRC32C      1 + 3 × 8 + 4 = 29 bytes, upstream
//! ```
//!
//! An offset is a signed number. The checksum covers all bytes before it. An entry goes over the wire as it stands in both logs, so that its one
//! checksum is with it from the master's writer to the replica's disk.

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

/// What the master sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Downstream {
    /// The next entry, and how many bytes it took.
    Entry(Entry, usize),
    /// Log time after it.
    Heartbeat(Heartbeat),
    /// The master's offset after it.
    Offset(Offset),
}

/// Why bytes are not the message that may come next. The connection is closed, and what was received before it is good.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// They are no entry.
    #[error(transparent)]
    Entry(#[from] DecodeError),
    /// The bytes were changed on their way.
    #[error("{kind} checksum is {stored:08x}, its bytes give {computed:08x}")]
    Checksum {
        /// Name of the message.
        kind: &'static str,
        /// The checksum that stands in it.
        stored: u32,
        /// The checksum of its bytes.
        computed: u32,
    },
    /// A message of a version that this program does not read.
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
    /// An entry that cannot come next.
    #[error(transparent)]
    Order(#[from] LogError),
    /// A heartbeat that stands elsewhere in the log.
    #[error("heartbeat after lsn {after} came after lsn {received}, the log's end being {last}")]
    HeartbeatOrder {
        /// Where it belongs.
        after: Lsn,
        /// The last LSN received.
        received: Lsn,
        /// The master's last LSN.
        last: Lsn,
    },
    /// An offset that stands elsewhere in the log.
    #[error("offset after lsn {after} came after lsn {received}")]
    OffsetOrder {
        /// Where it belongs.
        after: Lsn,
        /// The last LSN received.
        received: Lsn,
    },
    /// Log time goes back.
    #[error("heartbeat of {got} came after log time {last} (lsn {after}, tail {tail})")]
    HeartbeatBack {
        /// The log time so far.
        last: Millis,
        /// The heartbeat's.
        got: Millis,
        /// Where it stands.
        after: Lsn,
        /// The log time at the log's end, never earlier.
        tail: Millis,
    },
    /// An ack of what was not sent, or of less than an earlier one.
    #[error("ack of {got:?} cannot come after {before:?}, with lsn {sent} sent")]
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

/// The master's message at the beginning of `bytes`, and how many it takes; `None` if more must come first.
///
/// Errors: `Entry`, `Checksum`, `UnknownVersion`. No bytes make it panic or allocate more than a small multiple of
/// their number. Cost: O(bytes of the message), and O(1) for `None`.
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

/// The replica's message at the beginning of `bytes`, as [`decode_downstream`]. Errors: `NotAnAck` and as there.
pub fn decode_ack(bytes: &[u8]) -> Result<Option<(Ack, usize)>, WireError> {
    match bytes.first() {
        Some(first) if first & 0xf0 != ACK => Err(WireError::NotAnAck(*first)),
        _ => Ok(get::<3>("ack", bytes)?.map(|[received, durable, applied]| {
            let ack = Ack { received: Lsn(received), durable: Lsn(durable), applied: Lsn(applied) };
            (ack, ACK_BYTES)
        })),
    }
}

/// The numbers of a message that has `N` of them; `None` if it is not there as a whole.
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

/// Bytes that have come and are no message yet. It holds what came and no more: a length that a message only claims
/// takes no memory.
#[derive(Clone, Debug, Default)]
pub struct Incoming {
    bytes: Vec<u8>,
    start: usize,
}

impl Incoming {
    /// Bytes that came before the first read.
    pub fn new(bytes: Vec<u8>) -> Incoming {
        Incoming { bytes, start: 0 }
    }

    /// Adds what has come.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.start);
        self.start = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The last so many bytes of what was taken as messages since the last [`Incoming::push`].
    pub fn taken(&self, bytes: usize) -> &[u8] {
        &self.bytes[self.start.saturating_sub(bytes)..self.start]
    }

    /// The next message, by [`decode_downstream`] or [`decode_ack`]; `None` until more has come. Errors: the decoder's,
    /// and the same again at each further call.
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
