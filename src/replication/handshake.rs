//! Handshake — where a replica is, in which history → from where it goes on, or why not. Pure.
//!
//! It is a command and a one-line reply, so that a capture can be read:
//!
//! ```text
//! RCSYNC  3        5         3735928559    1020     7002            log_clock  1:1,2:4  lz4
//!         version  last lsn  running       removed  listening port  expiry     epochs, each with its first lsn;
//!                            checksum, - without one                           - if there are none
//!
//! +CONTINUE 6      9                   2               lz4        the first entry that will come, the master's last, its epoch
//! -NOSYNC …                                            this replica can never resume from this master
//! ```
//!
//! *Removed* is the latest deadline of a key that the replica has removed by itself. An entry of an earlier time may write to a key
//! that was alive on the master and is removed on the replica. So a replica that needs such an entry is refused.
//!
//! The running checksum covers the entries of the last entry's epoch through that entry: two histories with equal numbers and
//! epochs are told apart by it. A machine that went back to a snapshot under a running process goes on in the same epoch.
//!
//! Version 2 has a checksum of the last entry alone in that place. It is not compared: two histories may have one equal entry.
//! Version 1 has log time in the place of checksum and *removed*. It is read and not used: nothing that a replica says moves a
//! master's log time.
//!
//! The last word is what compresses all that the master sends after its answer; without compression it is left out, on both
//! sides. A replica asks and its master agrees: a codec that this version does not know is refused, and so is any by a master
//! that knew none, which takes it for an argument too many.

use super::{PROTOCOL_VERSION, PROTOCOL_VERSION_MIN};
use crate::binlog::log::fork;
use crate::binlog::{Epoch, Lsn};
use crate::compression::Codec;
use crate::time::Millis;
use std::str;

/// Name of the command.
pub const COMMAND: &str = "RCSYNC";

/// Epochs in a hello, at most. Each start as a master takes one, and so does each promotion; those of purged entries leave the
/// list, but for the newest.
pub const EPOCHS_MAX: usize = 10_000;

/// Bytes of the longest name of an expiry policy.
const EXPIRY_BYTES_MAX: usize = 32;
/// Bytes of the longest row `epoch:first` and its comma.
const ROW_BYTES_MAX: usize = 42;
/// What every refusal ends with as long as there is no full sync.
pub const START_AGAIN: &str = "full sync is not built yet: start the replica on a copy of its stopped master's folder, with \
    --take-copy; an empty folder will do as long as the master's log begins at lsn 1";

/// Where a replica is: what it says first on each connection.
///
/// Invariants: `epochs` is as [`crate::binlog::Log::epochs`] has it: both columns rise, no first LSN is beyond
/// `last`, and it is empty exactly if `last` is 0. `expiry` is lower-case letters and `_`, not empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Hello {
    /// The version that it speaks, [`PROTOCOL_VERSION_MIN`] to [`PROTOCOL_VERSION`].
    pub version: u64,
    /// The last entry of its log.
    pub last: Lsn,
    /// CRC32C over the checksums of the entries of its epoch, through it; `None`: the log does not know it. Version 1 tells none, version 2 one of the last entry alone.
    pub checksum: Option<u32>,
    /// The latest deadline of a key that it has removed by itself; 0: it has removed none. Version 1 does not tell it.
    pub removed: Millis,
    /// Where it takes clients; 0 if it does not.
    pub port: u16,
    /// Name of its expiry policy: the entries of a log mean something under the policy of who wrote them only.
    pub expiry: String,
    /// Each epoch that its log has entries of, with its first LSN; the oldest may be missing. The newest [`EPOCHS_MAX`] are
    /// told.
    pub epochs: Vec<(Epoch, Lsn)>,
    /// What the master's stream is to be compressed by.
    pub codec: Codec,
}

impl Default for Hello {
    /// A replica that has nothing.
    fn default() -> Hello {
        Hello {
            version: PROTOCOL_VERSION,
            last: Lsn::NONE,
            checksum: None,
            removed: Millis::ZERO,
            port: 0,
            expiry: String::new(),
            epochs: Vec::new(),
            codec: Codec::None,
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
        words.into_iter().chain(named(self.codec)).map(String::into_bytes).collect()
    }

    /// The hello in a command, whose name the caller has recognised. Errors: `Malformed`, `Version`.
    /// Cost: O(bytes), and no more memory than a small multiple of them.
    pub fn parse(argv: &[Vec<u8>]) -> Result<Hello, Refusal> {
        // The version stands first: what follows it is another version's to say.
        let theirs = argv.get(1).and_then(|version| number(version)).ok_or(Refusal::Malformed("version"))?;
        if !(PROTOCOL_VERSION_MIN..=PROTOCOL_VERSION).contains(&theirs) {
            return Err(Refusal::Version { theirs });
        }
        let count = Refusal::Malformed("number of arguments");
        let [_, _, last, rest @ ..] = argv else { return Err(count) };
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
            [] => Codec::None,
            [name] => parse_codec(name).ok_or(Refusal::Malformed("compression (known: lz4, zstd)"))?,
            _ => return Err(Refusal::Malformed("number of arguments")),
        };
        Ok(Hello { version: theirs, last, checksum, removed, port, expiry, epochs, codec })
    }
}

/// A checksum, or `-` where there is none.
fn parse_checksum(text: &[u8]) -> Option<Option<u32>> {
    if text == b"-" { Some(None) } else { Some(Some(u32::try_from(number(text)?).ok()?)) }
}

/// A name that is safe to print. Whether there is such a policy is not asked: another version may have more.
fn parse_expiry(name: &[u8]) -> Option<String> {
    let is_name = !name.is_empty() && name.len() <= EXPIRY_BYTES_MAX;
    let is_plain = name.iter().all(|byte| byte.is_ascii_lowercase() || *byte == b'_');
    if is_name && is_plain { String::from_utf8(name.to_vec()).ok() } else { None }
}

/// The word of a codec; none for `none`.
fn named(codec: Codec) -> Option<String> {
    (codec != Codec::None).then(|| codec.name().to_owned())
}

fn parse_codec(name: &[u8]) -> Option<Codec> {
    Codec::ALL.into_iter().find(|&codec| codec != Codec::None && codec.name().as_bytes() == name)
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

/// A number in its one decimal form.
fn number(text: &[u8]) -> Option<u64> {
    let is_canonical = text == b"0" || text.first().is_some_and(|first| (b'1'..=b'9').contains(first));
    if is_canonical { str::from_utf8(text).ok()?.parse().ok() } else { None }
}

/// What a master's log holds, as far as a handshake asks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct History {
    /// The first LSN that is not purged; the next one to come if there is no entry.
    pub first: Lsn,
    /// The last entry.
    pub last: Lsn,
    /// Each epoch that has entries, with its first LSN; of those before the first entry that is left at least the newest.
    pub epochs: Vec<(Epoch, Lsn)>,
    /// The epoch that the next entry will be of; after a restart it may have none yet.
    pub epoch: Epoch,
    /// Name of the expiry policy.
    pub expiry: String,
    /// Log time at its end: no entry to come is of an earlier time.
    pub time: Millis,
}

/// The entries of a master's log around the place at which a replica goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Place {
    /// CRC32C over the checksums of the entries of its epoch, through the entry that the replica has last; `None`: that entry is
    /// not there, or it is not known.
    pub checksum: Option<u32>,
    /// The time of the next entry; `None`: there is none yet.
    pub next: Option<Millis>,
}

/// The handshake was accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Resume {
    /// The first entry that will be sent, once there is one.
    pub from: Lsn,
    /// The master's last entry at that time.
    pub last: Lsn,
    /// The master's epoch at that time.
    pub epoch: Epoch,
    /// What compresses all that follows.
    pub codec: Codec,
    /// The version that both sides speak from now on. It is the hello's, so no answer tells it.
    pub version: u64,
}

impl Resume {
    /// The status reply, without the `+`.
    pub fn status(&self) -> String {
        let codec = named(self.codec).map_or_else(String::new, |name| format!(" {name}"));
        format!("CONTINUE {} {} {}{codec}", self.from, self.last, self.epoch.0)
    }

    /// The status reply read back; `None` if it is another one.
    pub fn parse(status: &[u8]) -> Option<Resume> {
        let mut words = status.split(|&byte| byte == b' ');
        let name = words.next()?;
        let mut next = || number(words.next()?);
        let (from, last, epoch) = (Lsn(next()?), Lsn(next()?), Epoch(next()?));
        let codec = words.next().map_or(Some(Codec::None), parse_codec)?;
        let resume = Resume { from, last, epoch, codec, version: PROTOCOL_VERSION };
        (name == b"CONTINUE" && words.next().is_none()).then_some(resume)
    }
}

/// Why a replica cannot resume. The text is the error reply, without the `-`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The command is not a hello; what is wrong with it.
    #[error("ERR rcsync: invalid {0}")]
    Malformed(&'static str),
    /// The replica speaks another version of the protocol.
    #[error(
        "NOSYNC replica speaks replication version {theirs}, this node {PROTOCOL_VERSION}: \
         run the same version of the program on both"
    )]
    Version {
        /// The replica's.
        theirs: u64,
    },
    /// The replica runs another expiry policy.
    #[error(
        "NOSYNC replica runs expiry `{theirs}`, this node `{ours}`, and the log's entries mean nothing under another one: \
         start the replica in an empty folder with --expiry {ours}"
    )]
    Expiry {
        /// The replica's.
        theirs: String,
        /// The master's.
        ours: String,
    },
    /// The two logs have no entry in common.
    #[error("NOSYNC replica's log, through lsn {last}, has no entry of this master's history; {START_AGAIN}")]
    OtherHistory {
        /// The replica's last LSN.
        last: Lsn,
    },
    /// The replica has entries that the master has not: a promotion or a restart of the master went without them.
    #[error(
        "NOSYNC replica has lsn {replica}, but the histories part after lsn {fork}; \
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
    /// Both logs have an entry of this number and this epoch, and the entries through it are not the same: two histories with
    /// equal numbers.
    #[error("NOSYNC replica's entries through lsn {last} are not this master's; {START_AGAIN}")]
    OtherEntry {
        /// Its number.
        last: Lsn,
    },
    /// The replica has removed a key that was alive when the master logged what comes next.
    #[error(
        "NOSYNC replica has removed keys that were dead at {removed}, and the next entry it needs is of {next}: \
         it may write to one of them; {START_AGAIN}"
    )]
    Removed {
        /// The latest deadline of a key that it removed.
        removed: Millis,
        /// The time of the entry.
        next: Millis,
    },
    /// As [`Refusal::Removed`], and nothing is logged yet: the master's log time will get there.
    #[error("TRYAGAIN replica has removed keys that were dead at {removed}, and log time is only {time}")]
    Ahead {
        /// The latest deadline of a key that it removed.
        removed: Millis,
        /// The master's log time.
        time: Millis,
    },
    /// The replica was away for too long.
    #[error("NOSYNC replica needs lsn {wanted}, but the master's log begins at {first}; {START_AGAIN}")]
    Purged {
        /// The first LSN that the master still has.
        first: Lsn,
        /// The LSN that the replica needs next.
        wanted: Lsn,
    },
}

/// From where the replica goes on: it resumes if every entry of its log is the master's too, see
/// [`crate::binlog::log::fork`]. `place`: what the master's log holds there, asked only if both logs have that entry. Errors:
/// `Expiry`, `OtherHistory`, `Beyond`, `OtherEntry`, `Purged`, `Removed`, `Ahead`.
///
/// A master that began a new epoch and has no entry of it yet is covered: the fork is never beyond its last LSN.
pub fn answer(history: &History, hello: &Hello, place: impl FnOnce(Lsn) -> Place) -> Result<Resume, Refusal> {
    let &History { first, last, epoch, .. } = history;
    if hello.expiry != history.expiry {
        return Err(Refusal::Expiry { theirs: hello.expiry.clone(), ours: history.expiry.clone() });
    }
    let fork = fork(&history.epochs, last, &hello.epochs);
    let begins_later = history.epochs.first().is_some_and(|&(_, first)| first > hello.last);
    if fork == Lsn::NONE && hello.last.next() < first && begins_later {
        // Its epochs are no longer known, and the entries that it needs are gone whatever its history is.
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
        // An older version has a checksum of another kind.
        (Some(theirs), Some(ours)) if theirs != ours && hello.version == PROTOCOL_VERSION => {
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
