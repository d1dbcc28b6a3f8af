//! Snapshot — the messages of a full sync: a master sends its whole store to a replica that cannot resume. Pure.
//!
//! ```text
//! replica                                     master
//! RCSYNC 4 full 7002 log_clock lz4      →                                  port, expiry policy, perhaps a codec
//!                                       ←     +SNAPSHOT lz4
//!                                       ←     head  records  records  …  end
//! received (bytes)                      →                                  about once a second
//! ```
//!
//! The state is that of one entry, which the head names; its records are sent in the order of their raw keys. Afterwards the
//! replica connects again, with that entry as its last one, and resumes.
//!
//! Each message has one form; numbers are big-endian:
//!
//! ```text
//! e1  kind (1)  length of content (4)  content  CRC32C of all before (4)
//! head     last lsn, epoch of the last entry, first lsn of that epoch, its running checksum (bit 32: it is known), log time,
//!          offset, latest removed deadline, expected bytes: 8 numbers of 8 bytes
//! records  length of key (4)  length of value (4)  key  value, again and again
//! end      number of records, bytes of their keys and values: 2 numbers of 8 bytes
//! ```

use super::handshake::{self, COMMAND, Refusal};
use super::sealed::{Damaged, opened, seal};
use super::wire::WireError;
use super::{PROTOCOL_VERSION, PROTOCOL_VERSION_SNAPSHOT};
use crate::binlog::{Epoch, Lsn};
use crate::compression::CompressionMethod;
use crate::time::Millis;

/// A raw key with its raw value.
pub type Record = (Vec<u8>, Vec<u8>);

/// The word that distinguishes the request from a hello.
const FULL: &[u8] = b"full";
/// The first word of the status reply.
const SNAPSHOT: &str = "SNAPSHOT";
const FIRST: u8 = 0xe1;
const HEAD: u8 = b'h';
const RECORDS: u8 = b'r';
const END: u8 = b'e';
const RECEIVED: u8 = b'p';
/// Bytes before the content.
const START_BYTES: usize = 6;
const CHECKSUM_BYTES: usize = 4;
/// The longest content, in bytes: a value of 512 MB, its key, and a group of other records.
const CONTENT_BYTES_MAX: usize = (1 << 30) + (16 << 20);
/// The bit that says that the running checksum is known.
const KNOWN: u64 = 1 << 32;

/// A replica's request for the whole store.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Request {
    /// The version that it speaks.
    pub version: u64,
    /// The port on which it serves clients; 0 if it serves none.
    pub port: u16,
    /// Name of its expiry policy.
    pub expiry: String,
    /// The codec by which the master should compress the stream.
    pub codec: CompressionMethod,
}

impl Request {
    /// Whether `argv`, of a [`COMMAND`], is such a request and not a hello.
    pub fn is_in(argv: &[Vec<u8>]) -> bool {
        argv.get(2).is_some_and(|word| word == FULL)
    }

    /// The command with its arguments.
    pub fn argv(&self) -> Vec<Vec<u8>> {
        let full = String::from_utf8_lossy(FULL).into_owned();
        let mut words = vec![COMMAND.to_owned(), self.version.to_string(), full];
        words.extend([self.port.to_string(), self.expiry.clone()]);
        words.extend(handshake::named(self.codec));
        let seal = seal(&words[1..], self.version);
        words.into_iter().chain(seal).map(String::into_bytes).collect()
    }

    /// Parses the request in a command that [`Request::is_in`] has checked. Errors: `Malformed`, `Version`,
    /// `Damaged`.
    pub fn parse(argv: &[Vec<u8>]) -> Result<Request, Refusal> {
        let words = opened(argv.get(1..).unwrap_or_default()).map_err(|Damaged| Refusal::Damaged)?;
        let [version, _, port, expiry, codec @ ..] = words else {
            return Err(Refusal::Malformed("number of arguments"));
        };
        let version = handshake::number(version).ok_or(Refusal::Malformed("version"))?;
        if !(PROTOCOL_VERSION_SNAPSHOT..=PROTOCOL_VERSION).contains(&version) {
            return Err(Refusal::Version { theirs: version });
        }
        let port = handshake::number(port).and_then(|port| u16::try_from(port).ok());
        let port = port.ok_or(Refusal::Malformed("port"))?;
        let expiry = handshake::parse_expiry(expiry).ok_or(Refusal::Malformed("expiry policy"))?;
        let codec = match codec {
            [] => CompressionMethod::None,
            [name] => {
                handshake::parse_codec(name).ok_or(Refusal::Malformed("compression (known: lz4, zstd)"))?
            }
            _ => return Err(Refusal::Malformed("number of arguments")),
        };
        Ok(Request { version, port, expiry, codec })
    }
}

/// The status reply to an accepted request, without the `+`.
pub fn status(codec: CompressionMethod) -> String {
    let mut words = vec![SNAPSHOT.to_owned()];
    words.extend(handshake::named(codec));
    words.extend(seal(&words, PROTOCOL_VERSION_SNAPSHOT));
    words.join(" ")
}

/// The codec that the status reply names; `None` if it is another reply, or is damaged.
pub fn parse_status(status: &[u8]) -> Option<CompressionMethod> {
    let words: Vec<&[u8]> = status.split(|&byte| byte == b' ').collect();
    match opened(&words).ok()? {
        [name] if *name == SNAPSHOT.as_bytes() => Some(CompressionMethod::None),
        [name, codec] if *name == SNAPSHOT.as_bytes() => handshake::parse_codec(codec),
        _ => None,
    }
}

/// The place in the log whose state the records are, and the times that belong to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Head {
    /// The last entry that the state includes.
    pub last: Lsn,
    /// The epoch of that entry, and its first LSN; 0 if there is no entry.
    pub epoch: (Epoch, Lsn),
    /// The running checksum of the log through that entry (see [`handshake::Hello::checksum`]); `None`: it is not known.
    pub running: Option<u32>,
    /// Log time of the state: that entry has no later time, the next one no earlier time, and what was dead then may be missing.
    pub time: Millis,
    /// The master's wall time less log time, milliseconds.
    pub offset_ms: i64,
    /// The latest deadline of a key that the master has removed without an entry.
    pub removed: Millis,
    /// About how many bytes will come, for a display of progress.
    pub bytes: u64,
}

/// What was sent in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Totals {
    /// Number of records.
    pub records: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
}

impl Totals {
    /// Adds `records`.
    pub fn add(&mut self, records: &[Record]) {
        self.records += records.len() as u64;
        self.bytes += records.iter().map(|(key, value)| (key.len() + value.len()) as u64).sum::<u64>();
    }
}

/// A message of the master.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// The first message.
    Head(Head),
    /// The next records, at least one.
    Records(Vec<Record>),
    /// The last message.
    End(Totals),
}

/// Appends the head to `out`.
pub fn encode_head(head: &Head, out: &mut Vec<u8>) {
    let running = head.running.map_or(0, |running| KNOWN | u64::from(running));
    let numbers = [
        head.last.0,
        head.epoch.0.0,
        head.epoch.1.0,
        running,
        head.time.0,
        head.offset_ms.cast_unsigned(),
        head.removed.0,
        head.bytes,
    ];
    frame(HEAD, &numbers.map(u64::to_be_bytes).concat(), out);
}

/// Appends records to `out`.
pub fn encode_records(records: &[Record], out: &mut Vec<u8>) {
    let mut content = Vec::new();
    for (key, value) in records {
        // Keys and values are at most 512 MB, so their lengths fit.
        for part in [key, value] {
            content.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        }
        content.extend_from_slice(key);
        content.extend_from_slice(value);
    }
    frame(RECORDS, &content, out);
}

/// Appends the last message to `out`.
pub fn encode_end(totals: Totals, out: &mut Vec<u8>) {
    frame(END, &[totals.records, totals.bytes].map(u64::to_be_bytes).concat(), out);
}

/// Appends the replica's report that it has received `bytes` bytes of records.
pub fn encode_received(bytes: u64, out: &mut Vec<u8>) {
    frame(RECEIVED, &bytes.to_be_bytes(), out);
}

fn frame(kind: u8, content: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[FIRST, kind]);
    out.extend_from_slice(&u32::try_from(content.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(content);
    let checksum = crc32c::crc32c(&out[start..]);
    out.extend_from_slice(&checksum.to_be_bytes());
}

/// Decodes the master's message at the beginning of `bytes`, and returns it with its length; `None` if it is incomplete. Errors:
/// `Snapshot`, `Checksum`. It never panics, whatever the bytes are. Cost: O(bytes of the message), and O(1) for `None`.
pub fn decode(bytes: &[u8]) -> Result<Option<(Message, usize)>, WireError> {
    let Some((kind, content, used)) = framed(bytes)? else { return Ok(None) };
    let message = match kind {
        HEAD => head_of(content).map(Message::Head),
        RECORDS => records_of(content).filter(|records| !records.is_empty()).map(Message::Records),
        END => numbers(content).map(|[records, bytes]| Message::End(Totals { records, bytes })),
        _ => None,
    };
    let message = message.ok_or(WireError::Snapshot("content of a message"))?;
    Ok(Some((message, used)))
}

/// Decodes the replica's report: the number of bytes that it has received. Like [`decode`].
pub fn decode_received(bytes: &[u8]) -> Result<Option<(u64, usize)>, WireError> {
    let Some((kind, content, used)) = framed(bytes)? else { return Ok(None) };
    match numbers(content) {
        Some([received]) if kind == RECEIVED => Ok(Some((received, used))),
        _ => Err(WireError::Snapshot("report")),
    }
}

/// The kind of a message, its content, and its length.
type Framed<'a> = (u8, &'a [u8], usize);

/// The message at the beginning of `bytes`; `None` if it is incomplete.
fn framed(bytes: &[u8]) -> Result<Option<Framed<'_>>, WireError> {
    if bytes.first().is_some_and(|&first| first != FIRST) {
        return Err(WireError::Snapshot("first byte of a message"));
    }
    let Some((start, _)) = bytes.split_first_chunk::<START_BYTES>() else { return Ok(None) };
    let [_, kind, length @ ..] = *start;
    let length = u32::from_be_bytes(length) as usize;
    if length > CONTENT_BYTES_MAX {
        return Err(WireError::Snapshot("length of a message"));
    }
    let end = START_BYTES + length;
    let Some(stored) = bytes.get(end..end + CHECKSUM_BYTES) else { return Ok(None) };
    let stored = stored.iter().fold(0, |number, &byte| number << 8 | u32::from(byte));
    let computed = crc32c::crc32c(&bytes[..end]);
    if stored != computed {
        return Err(WireError::Checksum { kind: "snapshot", stored, computed });
    }
    Ok(Some((kind, &bytes[START_BYTES..end], end + CHECKSUM_BYTES)))
}

fn numbers<const N: usize>(content: &[u8]) -> Option<[u64; N]> {
    let (numbers, rest) = content.as_chunks::<8>();
    let numbers: [[u8; 8]; N] = numbers.try_into().ok().filter(|_| rest.is_empty())?;
    Some(numbers.map(u64::from_be_bytes))
}

fn head_of(content: &[u8]) -> Option<Head> {
    let [last, epoch, first, running, time, offset_ms, removed, bytes] = numbers(content)?;
    let running = match running {
        0 => None,
        // The upper half is only the bit.
        known => Some(u32::try_from(known.checked_sub(KNOWN)?).ok()?),
    };
    Some(Head {
        last: Lsn(last),
        epoch: (Epoch(epoch), Lsn(first)),
        running,
        time: Millis(time),
        offset_ms: offset_ms.cast_signed(),
        removed: Millis(removed),
        bytes,
    })
}

fn records_of(mut content: &[u8]) -> Option<Vec<Record>> {
    let mut records = Vec::new();
    while !content.is_empty() {
        let (lengths, rest) = content.split_first_chunk::<8>()?;
        let (key, value) = lengths.split_at(4);
        let length = |bytes: &[u8]| bytes.iter().fold(0, |number, &byte| number << 8 | usize::from(byte));
        let (key, rest) = rest.split_at_checked(length(key))?;
        let (value, rest) = rest.split_at_checked(length(value))?;
        records.push((key.to_vec(), value.to_vec()));
        content = rest;
    }
    Some(records)
}

/// The replica's side: which message may come next, and how much has arrived.
///
/// Invariants: the head comes first and once, the raw keys of all records rise strictly, and the end names exactly what has
/// arrived. So what was accepted through the end is the whole state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Arrival {
    head: Option<Head>,
    last_key: Vec<u8>,
    totals: Totals,
    is_complete: bool,
}

impl Arrival {
    /// Takes the next message. Errors: `Snapshot`; the state is then unchanged.
    pub fn take(&mut self, message: &Message) -> Result<(), WireError> {
        match message {
            _ if self.is_complete => return Err(WireError::Snapshot("message after the end")),
            Message::Head(head) if self.head.is_none() && is_sound(head) => self.head = Some(*head),
            Message::Head(_) => return Err(WireError::Snapshot("head")),
            _ if self.head.is_none() => return Err(WireError::Snapshot("message before the head")),
            Message::Records(records) => {
                let mut before = &self.last_key;
                for (key, _) in records {
                    if key <= before {
                        return Err(WireError::Snapshot("order of records"));
                    }
                    before = key;
                }
                self.last_key = before.clone();
                self.totals.add(records);
            }
            Message::End(totals) if *totals == self.totals => self.is_complete = true,
            Message::End(_) => return Err(WireError::Snapshot("end: records are missing")),
        }
        Ok(())
    }

    /// The head, once it has arrived.
    pub fn head(&self) -> Option<&Head> {
        self.head.as_ref()
    }

    /// What has arrived.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// Whether everything has arrived.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }
}

/// Whether a log can begin after this head.
fn is_sound(head: &Head) -> bool {
    let (epoch, first) = head.epoch;
    let is_empty = head.last == Lsn::NONE;
    let has_epoch = epoch != Epoch(0) && first != Lsn::NONE && first <= head.last;
    if is_empty { head.epoch == (Epoch(0), Lsn::NONE) } else { has_epoch }
}
