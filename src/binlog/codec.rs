//! CompressionMethod — an entry → its bytes, in the log and on the wire, and back. Pure.
//!
//! Numbers are big-endian, as in raw keys. Version 1:
//!
//! ```text
//! offset    bytes  what
//! 0         1      b1: magic (high half) and version (low half); no entry starts with 00, as unwritten space does
//! 1         4      length of the whole entry in bytes, n: from the magic through the checksum
//! 5         8      LSN
//! 13        8      epoch
//! 21        8      master's log time, milliseconds
//! 29        1      kind of payload: 01 effect, 02 command, 03 transaction (version 3)
//! 30        n-34   payload
//! n-4       4      CRC32C of the bytes 0 .. n-4
//!
//! effect:   keys, then the number of writes (4), then each write
//!   keys    00                                                 every key
//!           01  number (4), each: db (1)  name                 these keys, ascending, no duplicates
//!   write   01  raw key  value                                 put
//!           02  raw key                                        delete
//!           03  raw key  raw key                               delete range: first removed, first kept
//! command:  db (1)  number of arguments, name included (4), each argument
//! transaction:  number of parts (4), each: kind (1), 01 or 02, and its effect or command
//!
//! name, raw key, value, argument:  length (4)  bytes
//! ```
//!
//! Each entry has exactly one encoding: decode refuses keys out of order and bytes left over. So a replica's
//! log is the master's log byte for byte, and golden files can fix the format. The key set is written
//! although the raw keys of an effect name most of it, because *everything* cannot be derived from them.
//!
//! Version 2 has the same format. An entry is of version 2 if it writes the record of a list, a set or a sorted set, which
//! programs that know only version 1 cannot read: they refuse the entry and name its version. Likewise an entry is of
//! version 3 if it writes or deletes a record about the deadline of a field of a hash, and of version 4 if it writes the record of
//! a sorted set with two levels of counting records.
//!
//! Version 3 also has transactions. A transaction has at least two parts, and a command among them: other transactions have a
//! shorter form, see [`Payload::transaction`]. It is of version 4 if one of its parts is.
//!
//! Magic, version and length are at the same place in every version. A reader chooses the format of each entry by its first
//! byte, so a log may begin in version 1 and continue in later versions.

use super::{Entry, Epoch, Lsn, Payload};
use crate::command::{Command, CommandError};
use crate::effect::{Effect, Key, KeySet, Write};
use crate::time::Millis;

/// First byte of an entry in version 1.
pub const VERSION_1: u8 = MAGIC | 1;
/// First byte of an entry in version 2.
pub const VERSION_2: u8 = MAGIC | 2;
/// First byte of an entry in version 3.
pub const VERSION_3: u8 = MAGIC | 3;
/// First byte of an entry in version 4.
pub const VERSION_4: u8 = MAGIC | 4;
/// Maximum length of an entry, in bytes: one value of 512 MB, the longest in Redis, and what an entry adds to
/// it. A larger length in an entry means that its bytes are damaged.
pub const ENTRY_BYTES_MAX: usize = 513 << 20;

const MAGIC: u8 = 0xb0;
const PREFIX_BYTES: usize = 5;
const HEADER_BYTES: usize = 30;
const CHECKSUM_BYTES: usize = 4;
const ENTRY_BYTES_MIN: usize = HEADER_BYTES + CHECKSUM_BYTES;

const EFFECT: u8 = 1;
const COMMAND: u8 = 2;
const TRANSACTION: u8 = 3;
/// The shortest part of a transaction: a kind and a command without arguments.
const PART_BYTES_MIN: usize = 6;
const EVERYTHING: u8 = 0;
const KEYS: u8 = 1;
const PUT: u8 = 1;
const DELETE: u8 = 2;
const DELETE_RANGE: u8 = 3;

/// An entry is larger than [`ENTRY_BYTES_MAX`]. The master refuses the command that it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("entry of {bytes} bytes is larger than {ENTRY_BYTES_MAX}")]
pub struct TooLarge {
    /// Length that the entry would have.
    pub bytes: usize,
}

/// Why bytes are not an entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes end before the entry does: wait for more, or, at the end of a log, cut the tail off.
    #[error("entry is cut short: needs {needed} bytes")]
    Truncated {
        /// Length that is needed to continue, counted from the entry's first byte.
        needed: usize,
    },
    /// The bytes were changed after they were written.
    #[error("entry checksum is {stored:08x}, its bytes give {computed:08x}")]
    Checksum {
        /// The checksum that is stored in the entry.
        stored: u32,
        /// The checksum of its bytes.
        computed: u32,
    },
    /// An entry of a version that this program does not read.
    #[error("unknown entry version {0}")]
    UnknownVersion(u8),
    /// The first byte is not that of an entry.
    #[error("no entry begins with byte {0:02x}")]
    NotAnEntry(u8),
    /// The length cannot be that of an entry.
    #[error("entry length {0} is not within {ENTRY_BYTES_MIN} and {ENTRY_BYTES_MAX}")]
    Length(u32),
    /// The checksum is right, but the bytes do not follow the format: they were written like this.
    #[error("entry is malformed: {0}")]
    Malformed(&'static str),
    /// A command entry holds a command that this node does not know: the master knows more commands.
    #[error("entry {lsn} holds a command that this version does not run: {reason}")]
    Command {
        /// The entry's number.
        lsn: Lsn,
        /// The error of the command.
        reason: CommandError,
    },
}

/// Appends the bytes of `entry` to `out`. Errors: [`TooLarge`], and `out` is unchanged; the caller refuses the
/// command that the entry came from. Cost: O(bytes).
pub fn encode(entry: &Entry, out: &mut Vec<u8>) -> Result<(), TooLarge> {
    let bytes = encoded_bytes(entry);
    // Every length inside the entry is smaller than the whole, so it fits 32 bits as the whole does.
    let length = match u32::try_from(bytes) {
        Ok(length) if bytes <= ENTRY_BYTES_MAX => length,
        _ => return Err(TooLarge { bytes }),
    };
    out.reserve(bytes);
    let start = out.len();
    out.push(version(&entry.payload));
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&entry.lsn.0.to_be_bytes());
    out.extend_from_slice(&entry.epoch.0.to_be_bytes());
    out.extend_from_slice(&entry.time.0.to_be_bytes());
    put_payload(&entry.payload, out);
    let checksum = crc32c::crc32c(&out[start..]);
    out.extend_from_slice(&checksum.to_be_bytes());
    debug_assert_eq!(out.len() - start, bytes, "encoded_bytes and encode disagree");
    Ok(())
}

/// The version of an entry with this payload, as its first byte.
fn version(payload: &Payload) -> u8 {
    match payload {
        Payload::Transaction(parts) => parts.iter().map(version).max().unwrap_or(VERSION_3).max(VERSION_3),
        Payload::Effect(effect) => MAGIC | effect.version(),
        Payload::Command(_) => VERSION_1,
    }
}

/// Length of the encoded entry, bytes. Cost: O(keys and writes), none of their bytes is read.
pub fn encoded_bytes(entry: &Entry) -> usize {
    HEADER_BYTES + payload_bytes(&entry.payload) + CHECKSUM_BYTES
}

/// Length of the encoded payload without its kind, bytes.
fn payload_bytes(payload: &Payload) -> usize {
    let long = |bytes: &[u8]| 4 + bytes.len();
    match payload {
        Payload::Transaction(parts) => 4 + parts.iter().map(|part| 1 + payload_bytes(part)).sum::<usize>(),
        Payload::Command(command) => 5 + command.argv().iter().map(|argument| long(argument)).sum::<usize>(),
        Payload::Effect(effect) => {
            let keys = match &effect.keys {
                KeySet::Everything => 1,
                KeySet::Keys(keys) => 5 + keys.iter().map(|key| 1 + long(&key.name)).sum::<usize>(),
            };
            let write = |write: &Write| match write {
                Write::Put { key, value } => 1 + long(key) + long(value),
                Write::Delete { key } => 1 + long(key),
                Write::DeleteRange { from, to } => 1 + long(from) + long(to),
            };
            keys + 4 + effect.writes.iter().map(write).sum::<usize>()
        }
    }
}

/// Appends the kind of the payload, and the payload.
fn put_payload(payload: &Payload, out: &mut Vec<u8>) {
    match payload {
        Payload::Effect(effect) => {
            out.push(EFFECT);
            put_effect(effect, out);
        }
        Payload::Command(command) => {
            out.push(COMMAND);
            out.push(command.db());
            put_number(command.argv().len(), out);
            command.argv().iter().for_each(|argument| put_bytes(argument, out));
        }
        Payload::Transaction(parts) => {
            out.push(TRANSACTION);
            put_number(parts.len(), out);
            parts.iter().for_each(|part| put_payload(part, out));
        }
    }
}

fn put_effect(effect: &Effect, out: &mut Vec<u8>) {
    match &effect.keys {
        KeySet::Everything => out.push(EVERYTHING),
        KeySet::Keys(keys) => {
            out.push(KEYS);
            put_number(keys.len(), out);
            for key in keys {
                out.push(key.db);
                put_bytes(&key.name, out);
            }
        }
    }
    put_number(effect.writes.len(), out);
    for write in &effect.writes {
        let (tag, first, second) = match write {
            Write::Put { key, value } => (PUT, key, Some(value)),
            Write::Delete { key } => (DELETE, key, None),
            Write::DeleteRange { from, to } => (DELETE_RANGE, from, Some(to)),
        };
        out.push(tag);
        put_bytes(first, out);
        second.into_iter().for_each(|second| put_bytes(second, out));
    }
}

fn put_number(number: usize, out: &mut Vec<u8>) {
    // It fits: `encode` has checked the length of the whole entry.
    let number = u32::try_from(number).unwrap_or(u32::MAX);
    out.extend_from_slice(&number.to_be_bytes());
}

fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put_number(bytes.len(), out);
    out.extend_from_slice(bytes);
}

/// The head of an entry: the fields that can be read without its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its number.
    pub lsn: Lsn,
    /// The history that it was written in.
    pub epoch: Epoch,
    /// The master's log time when it was written.
    pub time: Millis,
}

/// Decodes the entry at the beginning of `bytes`; also returns its length. Bytes after the entry are ignored.
///
/// Errors: see [`DecodeError`]. No input makes it panic, or allocate more than a small multiple of the input's
/// length. Cost: O(bytes of the entry).
pub fn decode(bytes: &[u8]) -> Result<(Entry, usize), DecodeError> {
    let (mut content, used) = content(bytes)?;
    let Head { lsn, epoch, time } = content.head().map_err(DecodeError::Malformed)?;
    let payload = content.payload(lsn)?;
    if version(&payload) != bytes[0] {
        return Err(DecodeError::Malformed("another version than its records have"));
    }
    Ok((Entry { lsn, epoch, time, payload }, used))
}

/// Decodes the head of the entry at the beginning of `bytes`; also returns the length of the entry. The checksum is
/// checked, the payload is not. This is for callers that pass entries on unchanged.
///
/// Errors: those of [`decode`], except for errors of the payload. Cost: O(bytes of the entry), for the
/// checksum.
pub fn decode_head(bytes: &[u8]) -> Result<(Head, usize), DecodeError> {
    let (mut content, used) = content(bytes)?;
    Ok((content.head().map_err(DecodeError::Malformed)?, used))
}

/// The checksum at the end of the bytes of a whole entry; 0 if they are too short to be one.
pub fn checksum(entry: &[u8]) -> u32 {
    entry.last_chunk().copied().map_or(0, u32::from_be_bytes)
}

/// The bytes between length and checksum of the entry at the beginning of `bytes`, and the length of the entry.
fn content(bytes: &[u8]) -> Result<(Reader<'_>, usize), DecodeError> {
    match bytes.first() {
        None => return Err(DecodeError::Truncated { needed: PREFIX_BYTES }),
        Some(&(VERSION_1 | VERSION_2 | VERSION_3 | VERSION_4)) => {}
        Some(&first) if first & 0xf0 == MAGIC => return Err(DecodeError::UnknownVersion(first & 0x0f)),
        Some(&first) => return Err(DecodeError::NotAnEntry(first)),
    }
    let length = Reader(&bytes[1..]).u32().ok_or(DecodeError::Truncated { needed: PREFIX_BYTES })?;
    let used = usize::try_from(length)
        .ok()
        .filter(|used| (ENTRY_BYTES_MIN..=ENTRY_BYTES_MAX).contains(used))
        .ok_or(DecodeError::Length(length))?;
    let entry = bytes.get(..used).ok_or(DecodeError::Truncated { needed: used })?;
    let (content, stored) = entry.split_at(used - CHECKSUM_BYTES);
    let stored = Reader(stored).u32().ok_or(DecodeError::Length(length))?;
    let computed = crc32c::crc32c(content);
    if stored != computed {
        return Err(DecodeError::Checksum { stored, computed });
    }
    Ok((Reader(&content[PREFIX_BYTES..]), used))
}

/// The bytes not read yet.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn head(&mut self) -> Result<Head, &'static str> {
        let (lsn, epoch) = (Lsn(self.u64().ok_or("no lsn")?), Epoch(self.u64().ok_or("no epoch")?));
        Ok(Head { lsn, epoch, time: Millis(self.u64().ok_or("no time")?) })
    }

    /// Decodes the payload of entry `lsn`, which takes all remaining bytes.
    fn payload(&mut self, lsn: Lsn) -> Result<Payload, DecodeError> {
        let kind = self.u8();
        let payload = if kind == Some(TRANSACTION) { self.transaction(lsn)? } else { self.part(kind, lsn)? };
        if !self.0.is_empty() {
            return Err(DecodeError::Malformed("bytes after the payload"));
        }
        Ok(payload)
    }

    /// Decodes a payload of this kind that is not a transaction.
    fn part(&mut self, kind: Option<u8>, lsn: Lsn) -> Result<Payload, DecodeError> {
        match kind {
            Some(EFFECT) => Ok(Payload::Effect(self.effect().map_err(DecodeError::Malformed)?)),
            Some(COMMAND) => {
                let (db, argv) = self.command().map_err(DecodeError::Malformed)?;
                let command = Command::parse(db, argv);
                Ok(Payload::Command(command.map_err(|reason| DecodeError::Command { lsn, reason })?))
            }
            _ => Err(DecodeError::Malformed("unknown kind of payload")),
        }
    }

    fn transaction(&mut self, lsn: Lsn) -> Result<Payload, DecodeError> {
        let count = self.count(PART_BYTES_MIN).map_err(DecodeError::Malformed)?;
        if count < 2 {
            return Err(DecodeError::Malformed("a transaction of fewer than two parts"));
        }
        let mut parts = Vec::with_capacity(count);
        for _ in 0..count {
            let kind = self.u8();
            parts.push(self.part(kind, lsn)?);
        }
        if parts.iter().all(|part| part.effect().is_some()) {
            return Err(DecodeError::Malformed("a transaction without a command"));
        }
        Ok(Payload::Transaction(parts))
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    fn bytes(&mut self) -> Result<&'a [u8], &'static str> {
        let length = self.u32().and_then(|length| usize::try_from(length).ok()).ok_or("no length")?;
        let (head, rest) = self.0.split_at_checked(length).ok_or("a length beyond the end")?;
        self.0 = rest;
        Ok(head)
    }

    /// A number of items of at least `least` bytes each. It is never more than fit into the remaining bytes,
    /// so that the caller may allocate for them.
    fn count(&mut self, least: usize) -> Result<usize, &'static str> {
        let count = self.u32().and_then(|count| usize::try_from(count).ok()).ok_or("no count")?;
        if count > self.0.len() / least { Err("a count beyond the end") } else { Ok(count) }
    }

    fn command(&mut self) -> Result<(u8, Vec<Vec<u8>>), &'static str> {
        let db = self.u8().ok_or("no database")?;
        let count = self.count(4)?;
        let argv = (0..count).map(|_| self.bytes().map(<[u8]>::to_vec)).collect::<Result<_, _>>()?;
        Ok((db, argv))
    }

    fn effect(&mut self) -> Result<Effect, &'static str> {
        let keys = match self.u8() {
            Some(EVERYTHING) => KeySet::Everything,
            Some(KEYS) => self.keys()?,
            _ => return Err("unknown kind of key set"),
        };
        let count = self.count(5)?;
        let writes = (0..count).map(|_| self.write()).collect::<Result<_, _>>()?;
        Ok(Effect { writes, keys })
    }

    fn keys(&mut self) -> Result<KeySet, &'static str> {
        let count = self.count(5)?;
        let mut keys: Vec<Key> = Vec::with_capacity(count);
        for _ in 0..count {
            let key = Key::new(self.u8().ok_or("no database")?, self.bytes()?);
            if keys.last().is_some_and(|last| *last >= key) {
                return Err("keys out of order");
            }
            keys.push(key);
        }
        Ok(KeySet::of(keys))
    }

    fn write(&mut self) -> Result<Write, &'static str> {
        let tag = self.u8();
        let first = self.bytes()?.to_vec();
        match tag {
            Some(PUT) => Ok(Write::Put { key: first, value: self.bytes()?.to_vec() }),
            Some(DELETE) => Ok(Write::Delete { key: first }),
            Some(DELETE_RANGE) => Ok(Write::DeleteRange { from: first, to: self.bytes()?.to_vec() }),
            _ => Err("unknown kind of write"),
        }
    }
}
