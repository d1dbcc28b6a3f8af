//! Handshake — a replica sends its position and its history; the master answers from where it resumes, or why not. Pure.
//!
//! It is a command and a one-line reply, so that a capture of the network is readable:
//!
//! ```text
//! RCSYNC  4        5         3735928559    1020     7002            log_clock  1:1,2:4  lz4  crc=7671631b
//!         version  last lsn  running       removed  listening port  expiry     epochs, each with its first lsn;
//!                            checksum, - without one                           - if there are none
//!
//! +CONTINUE 6      9                   2               lz4  crc=…  the first entry that will come, the master's last, its epoch
//! -FULLSYNC …                                          this replica cannot resume; it may ask for the whole store (`snapshot`)
//! -NOSYNC …                                            this replica can never follow this master
//! ```
//!
//! *Removed* is the latest deadline of a key that the replica has removed by itself. An entry with an earlier time may
//! write to a key that was alive on the master, but is removed on the replica. So a replica that needs such an entry is
//! refused.
//!
//! The running checksum covers the entries of the last entry's epoch, through that entry. It distinguishes two histories
//! with equal LSNs and epochs. These exist: if a machine is reset to a snapshot while the process runs, the process goes on
//! in the same epoch.
//!
//! A replica that speaks version 3 or less knows no full sync, and gets `-NOSYNC` in place of `-FULLSYNC`.
//!
//! Version 2 has a checksum of only the last entry in that place. It is not compared, because two histories may have one
//! equal entry. Version 1 has log time in the place of checksum and *removed*. It is parsed but not used: nothing that a
//! replica sends changes a master's log time.
//!
//! The last word of hello and answer is their checksum, from version 4 on (`sealed`).
//!
//! The word before it is the codec that compresses everything that the master sends after its answer. Without compression both
//! sides leave it out. The replica asks for a codec, and the master agrees or refuses. This version refuses a codec that it
//! does not know. An older master that knows no compression refuses any codec, because there is one argument too many.

use super::sealed::{Damaged, opened, seal};
use super::{PROTOCOL_VERSION, PROTOCOL_VERSION_MIN, PROTOCOL_VERSION_RUNNING, PROTOCOL_VERSION_SNAPSHOT};
use crate::binlog::log::fork;
use crate::binlog::{Epoch, Lsn};
use crate::compression::CompressionMethod;
use crate::time::Millis;
use std::str;

/// Name of the command.
pub const COMMAND: &str = "RCSYNC";

/// The most epochs in a hello. Each start as a master begins an epoch, and so does each promotion. Epochs of purged entries
/// are removed from the list, except for the newest.
pub const EPOCHS_MAX: usize = 10_000;

/// The longest name of an expiry policy, in bytes.
const EXPIRY_BYTES_MAX: usize = 32;
/// The longest row `epoch:first` with its comma, in bytes.
const ROW_BYTES_MAX: usize = 42;
/// The first word of the error reply to a replica that cannot resume, but may ask for a full sync ([`super::snapshot`]).
pub const FULL_SYNC: &str = "FULLSYNC";
/// The first word of the error reply to a replica that can never follow this master.
pub const REFUSED: &str = "NOSYNC";
/// The beginning of the error reply that a hello of a lower version may avoid; see [`Refusal::Version`].
pub const OTHER_VERSION: &str = "NOSYNC replica speaks replication version ";
/// The end of the text of every refusal that a full sync would solve, for a replica that takes none.
pub const START_AGAIN: &str = "this replica takes no full sync: start it on a copy of its stopped master's folder, with \
    --take-copy; an empty folder is enough if the master's log begins at lsn 1";

/// A replica's position and history: its first message on each connection.
///
/// Invariants: `epochs` is as [`crate::binlog::Log::epochs`] returns it: epochs and first LSNs both rise strictly, no first
/// LSN is greater than `last`, and the list is empty exactly if `last` is 0. `expiry` consists of lower-case letters and
/// `_`, and is not empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Hello {
    /// The protocol version that it speaks, [`PROTOCOL_VERSION_MIN`] to [`PROTOCOL_VERSION`].
    pub version: u64,
    /// The last entry of its log.
    pub last: Lsn,
    /// CRC32C over the checksums of the entries of the last entry's epoch, through that entry; `None`: the log does not
    /// have it. Version 1 sends none, version 2 sends one of the last entry only.
    pub checksum: Option<u32>,
    /// The latest deadline of a key that it has removed by itself; 0: it has removed none. Version 1 does not send it.
    pub removed: Millis,
    /// The port on which it serves clients; 0 if it serves none.
    pub port: u16,
    /// Name of its expiry policy. A log's entries are valid only under the policy of the master that wrote them.
    pub expiry: String,
    /// Each epoch of which its log has entries, with the epoch's first LSN. The oldest ones may be missing. Only the newest
    /// [`EPOCHS_MAX`] are sent.
    pub epochs: Vec<(Epoch, Lsn)>,
    /// The codec by which the master should compress its stream.
    pub codec: CompressionMethod,
}

impl Default for Hello {
    /// The hello of a replica with an empty log.
    fn default() -> Hello {
        Hello {
            version: PROTOCOL_VERSION,
            last: Lsn::NONE,
            checksum: None,
            removed: Millis::ZERO,
            port: 0,
            expiry: String::new(),
            epochs: Vec::new(),
            codec: CompressionMethod::None,
        }
    }
}

impl Hello {
    /// The command with its arguments.
    pub fn argv(&self) -> Vec<Vec<u8>> {
        let newest = self.epochs.len().saturating_sub(EPOCHS_MAX);
        let rows: Vec<String> =
            self.epochs[newest..].iter().map(|(epoch, first)| format!("{}:{first}", epoch.0)).collect();
        let epochs = if rows.is_empty() { "-".to_string() } else { rows.join(",") };
        let mut words = vec![COMMAND.to_string(), self.version.to_string(), self.last.to_string()];
        if self.version == 1 {
            words.push("0".to_string());
        } else {
            words.push(self.checksum.map_or_else(|| "-".to_string(), |checksum| checksum.to_string()));
            words.push(self.removed.0.to_string());
        }
        words.extend([self.port.to_string(), self.expiry.clone(), epochs]);
        words.extend(named(self.codec));
        let seal = seal(&words[1..], self.version);
        words.into_iter().chain(seal).map(String::into_bytes).collect()
    }

    /// Parses the hello in a command, of which the caller has checked the name. Errors: `Malformed`, `Version`, `Damaged`. Cost:
    /// O(bytes); the memory is at most a small multiple of the bytes.
    pub fn parse(argv: &[Vec<u8>]) -> Result<Hello, Refusal> {
        let words = opened(argv.get(1..).unwrap_or_default()).map_err(|Damaged| Refusal::Damaged)?;
        // The version comes first: another version may have other arguments after it.
        let theirs =
            words.first().and_then(|version| number(version)).ok_or(Refusal::Malformed("version"))?;
        if !(PROTOCOL_VERSION_MIN..=PROTOCOL_VERSION).contains(&theirs) {
            return Err(Refusal::Version { theirs });
        }
        let count = Refusal::Malformed("number of arguments");
        let [_, last, rest @ ..] = words else { return Err(count) };
        let last = Lsn(number(last).ok_or(Refusal::Malformed("last lsn"))?);
        let (checksum, removed, rest) = match (theirs, rest) {
            (1, [time, rest @ ..]) => {
                number(time).ok_or(Refusal::Malformed("log time"))?;
                (None, Millis::ZERO, rest)
            }
            (_, [checksum, removed, rest @ ..]) => {
                let checksum = parse_checksum(checksum).ok_or(Refusal::Malformed("checksum"))?;
                let removed = number(removed).ok_or(Refusal::Malformed("removed deadline"))?;
                (checksum, Millis(removed), rest)
            }
            _ => return Err(count),
        };
        let [port, expiry, epochs, codec @ ..] = rest else { return Err(count) };
        let port =
            number(port).and_then(|port| u16::try_from(port).ok()).ok_or(Refusal::Malformed("port"))?;
        let expiry = parse_expiry(expiry).ok_or(Refusal::Malformed("expiry policy"))?;
        let epochs = parse_epochs(epochs, last).ok_or(Refusal::Malformed("list of epochs"))?;
        let codec = match codec {
            [] => CompressionMethod::None,
            [name] => parse_codec(name).ok_or(Refusal::Malformed("compression (known: lz4, zstd)"))?,
            _ => return Err(Refusal::Malformed("number of arguments")),
        };
        Ok(Hello { version: theirs, last, checksum, removed, port, expiry, epochs, codec })
    }
}

/// Parses a checksum, or `-` for none.
fn parse_checksum(text: &[u8]) -> Option<Option<u32>> {
    if text == b"-" { Some(None) } else { Some(Some(u32::try_from(number(text)?).ok()?)) }
}

/// Parses a name that is safe to print. It does not check that the policy exists: another version may have more policies.
pub(super) fn parse_expiry(name: &[u8]) -> Option<String> {
    let is_name = !name.is_empty() && name.len() <= EXPIRY_BYTES_MAX;
    let is_plain = name.iter().all(|byte| byte.is_ascii_lowercase() || *byte == b'_');
    if is_name && is_plain { String::from_utf8(name.to_vec()).ok() } else { None }
}

/// The word for a codec in the handshake; `None` for no compression.
pub(super) fn named(codec: CompressionMethod) -> Option<String> {
    (codec != CompressionMethod::None).then(|| codec.name().to_owned())
}

pub(super) fn parse_codec(name: &[u8]) -> Option<CompressionMethod> {
    CompressionMethod::ALL
        .iter()
        .copied()
        .find(|&codec| codec != CompressionMethod::None && codec.name().as_bytes() == name)
}

fn parse_epochs(text: &[u8], last: Lsn) -> Option<Vec<(Epoch, Lsn)>> {
    if text == b"-" {
        return (last == Lsn::NONE).then(Vec::new);
    }
    if text.len() > EPOCHS_MAX * ROW_BYTES_MAX {
        return None;
    }
    let mut epochs: Vec<(Epoch, Lsn)> = Vec::new();
    for row in text.split(|&byte| byte == b',') {
        let colon = row.iter().position(|&byte| byte == b':')?;
        let (epoch, first) = (Epoch(number(&row[..colon])?), Lsn(number(&row[colon + 1..])?));
        let rises = epochs.last().is_none_or(|&(before, start)| before < epoch && start < first);
        if !rises || first == Lsn::NONE || first > last || epochs.len() == EPOCHS_MAX {
            return None;
        }
        epochs.push((epoch, first));
    }
    Some(epochs)
}

/// Parses a number in its canonical decimal form, without sign and leading zeros.
pub(super) fn number(text: &[u8]) -> Option<u64> {
    let is_canonical = text == b"0" || text.first().is_some_and(|first| (b'1'..=b'9').contains(first));
    if is_canonical { str::from_utf8(text).ok()?.parse().ok() } else { None }
}

/// The state of a master's log that a handshake needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct History {
    /// The first LSN that is not purged. If there is no entry, it is the next LSN.
    pub first: Lsn,
    /// The last entry.
    pub last: Lsn,
    /// Each epoch that has entries, with its first LSN. Of the epochs that begin before the first remaining entry, at least
    /// the newest is there.
    pub epochs: Vec<(Epoch, Lsn)>,
    /// The epoch of the next entry. After a restart it may have no entry yet.
    pub epoch: Epoch,
    /// Name of the expiry policy.
    pub expiry: String,
    /// Log time at the end of the log: no later entry has an earlier time.
    pub time: Millis,
    /// Whether the node is a replica itself, and passes its master's log on. It may then be behind its own replica.
    pub follows: bool,
}

/// The entries of a master's log around the place at which a replica resumes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ResumePoint {
    /// CRC32C over the checksums of the entries of one epoch, through the replica's last entry; `None`: the master does not
    /// have that entry, or the checksum is unknown.
    pub checksum: Option<u32>,
    /// The time of the entry after it; `None`: there is none yet.
    pub next: Option<Millis>,
}

/// The answer to a hello that is accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Resume {
    /// The LSN of the first entry that will be sent.
    pub from: Lsn,
    /// The master's last entry at that time.
    pub last: Lsn,
    /// The master's epoch at that time.
    pub epoch: Epoch,
    /// The codec that compresses everything after the answer.
    pub codec: CompressionMethod,
    /// The version that both sides speak from now on. It is the hello's version, so it is not part of the status reply.
    pub version: u64,
}

impl Resume {
    /// The status reply, without the `+`.
    pub fn status(&self) -> String {
        let name = "CONTINUE".to_owned();
        let mut words = vec![name, self.from.to_string(), self.last.to_string(), self.epoch.0.to_string()];
        words.extend(named(self.codec));
        words.extend(seal(&words, self.version));
        words.join(" ")
    }

    /// Parses the status reply; `None` if it is another one, or is damaged.
    pub fn parse(status: &[u8]) -> Option<Resume> {
        let words: Vec<&[u8]> = status.split(|&byte| byte == b' ').collect();
        let mut words = opened(&words).ok()?.iter().copied();
        let name = words.next()?;
        let mut next = || number(words.next()?);
        let (from, last, epoch) = (Lsn(next()?), Lsn(next()?), Epoch(next()?));
        let codec = words.next().map_or(Some(CompressionMethod::None), parse_codec)?;
        let resume = Resume { from, last, epoch, codec, version: PROTOCOL_VERSION };
        (name == b"CONTINUE" && words.next().is_none()).then_some(resume)
    }
}

/// The reason for which a replica cannot resume. The text is the error reply, without the `-`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The command is not a valid hello; the invalid part.
    #[error("ERR rcsync: invalid {0}")]
    Malformed(&'static str),
    /// The command has another checksum than it names. A retry may succeed.
    #[error("TRYAGAIN rcsync: the command was damaged on its way")]
    Damaged,
    /// The replica speaks another version of the protocol.
    #[error(
        "NOSYNC replica speaks replication version {theirs}, this node {PROTOCOL_VERSION}: \
         run the same version of the program on both"
    )]
    Version {
        /// The replica's version.
        theirs: u64,
    },
    /// The replica runs another expiry policy.
    #[error(
        "NOSYNC replica runs expiry `{theirs}`, this node `{ours}`, and the log's entries are valid under their own \
         policy only: start the replica in an empty folder with --expiry {ours}"
    )]
    Expiry {
        /// The replica's policy.
        theirs: String,
        /// The master's policy.
        ours: String,
    },
    /// The two logs have no entry in common.
    #[error("NOSYNC replica's log, through lsn {last}, has no entry of this master's history; {START_AGAIN}")]
    OtherHistory {
        /// The replica's last LSN.
        last: Lsn,
    },
    /// The replica has entries that the master does not have: a master was promoted or restarted without them.
    #[error(
        "NOSYNC replica has lsn {replica}, but the histories fork after lsn {fork}; \
         the master's log ends at {last}, epoch {epoch}; {START_AGAIN}"
    )]
    Beyond {
        /// The last LSN that both have.
        fork: Lsn,
        /// The replica's last LSN.
        replica: Lsn,
        /// The master's last LSN.
        last: Lsn,
        /// The master's epoch.
        epoch: Epoch,
    },
    /// Like [`Refusal::Beyond`], but this node is a replica itself, and may still receive these entries.
    #[error("TRYAGAIN replica has lsn {replica}, and this node, which is a replica itself, only has {last}")]
    Behind {
        /// The replica's last LSN.
        replica: Lsn,
        /// This node's last LSN.
        last: Lsn,
    },
    /// Both logs have an entry with this LSN and epoch, but the entries through it differ: they are two histories with
    /// equal LSNs.
    #[error("NOSYNC replica's entries through lsn {last} are not this master's; {START_AGAIN}")]
    OtherEntry {
        /// The LSN of the replica's last entry.
        last: Lsn,
    },
    /// The replica has removed a key that was alive when the master logged the next entry.
    #[error(
        "NOSYNC replica has removed keys that were dead at {removed}, and the next entry it needs is of {next}: \
         it may write to one of them; {START_AGAIN}"
    )]
    Removed {
        /// The latest deadline of a key that it removed.
        removed: Millis,
        /// The time of the next entry.
        next: Millis,
    },
    /// Like [`Refusal::Removed`], but the master has no next entry yet. A retry succeeds once the master's log time has
    /// reached the deadline.
    #[error("TRYAGAIN replica has removed keys that were dead at {removed}, and log time is only {time}")]
    Ahead {
        /// The latest deadline of a key that it removed.
        removed: Millis,
        /// The master's log time.
        time: Millis,
    },
    /// The replica was disconnected for too long: the entries that it needs are purged.
    #[error("NOSYNC replica needs lsn {wanted}, but the master's log begins at {first}; {START_AGAIN}")]
    Purged {
        /// The first LSN that the master still has.
        first: Lsn,
        /// The LSN that the replica needs next.
        wanted: Lsn,
    },
}

impl Refusal {
    /// The error reply, without the `-`, to a replica that speaks `version`. Where a full sync helps, and the replica knows it,
    /// the reply begins with [`FULL_SYNC`].
    pub fn reply(&self, version: u64) -> String {
        let text = self.to_string();
        let reason =
            text.strip_prefix("NOSYNC ").and_then(|text| text.strip_suffix(START_AGAIN)?.strip_suffix("; "));
        match reason {
            Some(reason) if version >= PROTOCOL_VERSION_SNAPSHOT => format!("{FULL_SYNC} {reason}"),
            _ => text,
        }
    }
}

/// The text of a refusal of which the master's reply, after [`FULL_SYNC`], gives `reason`: for a replica that takes no full sync.
pub fn without_full_sync(reason: &str) -> String {
    format!("NOSYNC {reason}; {START_AGAIN}")
}

/// Answers a hello. The replica resumes if the master's log has every entry of the replica's log, see
/// [`crate::binlog::log::fork`]. `place` returns the state of the master's log after a given entry; it is called only if
/// both logs have that entry. Errors: `Expiry`, `Behind`, `OtherHistory`, `Beyond`, `OtherEntry`, `Purged`, `Removed`, `Ahead`.
///
/// It is also correct for a master that began a new epoch and has no entry of it yet: the fork is never greater than its
/// last LSN.
pub fn answer(
    history: &History,
    hello: &Hello,
    place: impl FnOnce(Lsn) -> ResumePoint,
) -> Result<Resume, Refusal> {
    let &History { first, last, epoch, .. } = history;
    if hello.expiry != history.expiry {
        return Err(Refusal::Expiry { theirs: hello.expiry.clone(), ours: history.expiry.clone() });
    }
    let fork = fork(&history.epochs, last, &hello.epochs);
    if history.follows && fork == last && hello.last > last {
        return Err(Refusal::Behind { replica: hello.last, last });
    }
    let begins_later = history.epochs.first().is_some_and(|&(_, first)| first > hello.last);
    if fork == Lsn::NONE && hello.last.next() < first && begins_later {
        // The master no longer knows the epochs of the replica's entries. The entries that the replica needs are purged,
        // whatever its history is.
        return Err(Refusal::Purged { first, wanted: hello.last.next() });
    }
    if hello.last > fork && fork == Lsn::NONE {
        return Err(Refusal::OtherHistory { last: hello.last });
    }
    if hello.last > fork {
        return Err(Refusal::Beyond { fork, replica: hello.last, last, epoch });
    }
    let from = hello.last.next();
    let resume = Resume { from, last, epoch, codec: hello.codec, version: hello.version };
    if from < first {
        return Err(Refusal::Purged { first, wanted: from });
    }
    let (place, removed) = (place(hello.last), hello.removed);
    match (hello.checksum, place.checksum) {
        // An older version sends another kind of checksum.
        (Some(theirs), Some(ours)) if theirs != ours && hello.version >= PROTOCOL_VERSION_RUNNING => {
            return Err(Refusal::OtherEntry { last: hello.last });
        }
        _ => {}
    }
    match place.next {
        Some(next) if next < removed => Err(Refusal::Removed { removed, next }),
        None if history.time < removed => Err(Refusal::Ahead { removed, time: history.time }),
        _ => Ok(resume),
    }
}
