//! Identity — the identity file `node`, which describes a node's folder. Does I/O, through [`Files`].
//!
//! ```text
//! {"version":3,"folder":"5f0c…","expiry":"log_clock","ceiling_ms":1800000060000,
//!  "counted":{"log_ms":1800000056120,"wall_ms":1800003656120},"heard_ms":1800000056120,"offset_ms":3600000,"follower":true,
//!  "epoch":12884901893,"lost":false}                                       all of this in one line
//! crc32c 0d5a81c3                                                         of that line
//! ```
//!
//! *folder* is a random id, drawn when the folder is new. The store and the log contain the same id, so that parts of two
//! folders are not mistaken for one node. Versions 1 and 2 have neither this id nor the checksum.
//!
//! *ceiling* is made durable before log time comes near it. So after a crash no heartbeat has sent and no reader was told
//! an instant after it. Log time never goes back before it.
//!
//! *counted* is a pair of log time and wall time; a start adds the wall time that has passed since.
//!
//! *heard* is the latest log time that a replica has heard from its master. It is separate from the ceiling, because the
//! ceiling of a replica may be an estimate, and a replica must not remove keys by an estimate.
//!
//! *expiry* is in the file because entries are valid only under the policy that they were written with: `relative` logs a
//! remaining time, which any other policy would read as a deadline in the past.
//!
//! *follower* says whether the node followed a master when the folder was last used. If it did and no longer does, the node
//! is promoted, and begins a new epoch.
//!
//! *epoch* is in the file because the epoch may have no entry yet: the next start must not fall back to the epoch before
//! it, in which another node may have gone on.

use crate::binlog::files::{File, Files};
use crate::binlog::{Epoch, FolderId};
use crate::expiry::Policy;
use crate::node::Pair;
use crate::time::Millis;
use serde::{Deserialize, Serialize};
use std::io;

const NAME: &str = "node";
const NEW: &str = "node.new";
/// Version 1 has no `counted`, `heard_ms` and `offset_ms`; versions 1 and 2 have no `folder` and no checksum.
const VERSION: u32 = 3;
/// The text before the checksum of the first line.
const CHECKSUM: &str = "crc32c ";
/// The most bytes that are read. Every file that this program writes is much shorter.
const BYTES_MAX: usize = 4096;

/// The content of the identity file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    version: u32,
    /// [`FolderId`], 32 hexadecimal digits.
    #[serde(default)]
    folder: Option<String>,
    expiry: String,
    ceiling_ms: u64,
    #[serde(default)]
    counted: Option<Counted>,
    #[serde(default)]
    heard_ms: u64,
    #[serde(default)]
    offset_ms: i64,
    follower: bool,
    epoch: u64,
    lost: bool,
}

/// A [`Pair`] as it is in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Counted {
    log_ms: u64,
    wall_ms: u64,
}

/// The reason for which an identity file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The disk returned an error.
    #[error("cannot read or write the file `node`: {0}")]
    Io(#[from] io::Error),
    /// The content of the file is not valid.
    #[error(
        "the file `node` is damaged: {0}; restore it from a copy of the folder, or start in an empty folder"
    )]
    Damaged(String),
    /// The file has a version that this program does not read.
    #[error("the file `node` is of version {0}; this program reads versions 1 to {VERSION}")]
    Version(u32),
    /// The folder's log was written under another expiry policy.
    #[error(
        "the folder's log was written under expiry `{stored}`, not `{asked}`: start with --expiry {stored}, or in an empty folder"
    )]
    OtherExpiry {
        /// The policy of the folder.
        stored: String,
        /// The policy that was requested.
        asked: &'static str,
    },
}

impl Identity {
    /// The identity of a new folder, with the id `drawn`.
    pub fn new(expiry: Policy, drawn: FolderId) -> Identity {
        let expiry = expiry.name().to_owned();
        Identity {
            version: VERSION,
            folder: Some(drawn.to_string()),
            expiry,
            ceiling_ms: 0,
            counted: None,
            heard_ms: 0,
            offset_ms: 0,
            follower: false,
            epoch: 0,
            lost: false,
        }
    }

    /// The id of the folder that the file belongs to; `None`: the file is of version 1 or 2.
    pub fn folder(&self) -> Option<FolderId> {
        let bits = u128::from_str_radix(self.folder.as_deref()?, 16).ok()?;
        Some(FolderId(bits))
    }

    /// Sets the folder id for the next write.
    pub fn set_folder(&mut self, folder: FolderId) {
        self.folder = Some(folder.to_string());
    }

    /// The ceiling: log time was never later than this instant.
    pub fn ceiling(&self) -> Millis {
        Millis(self.ceiling_ms)
    }

    /// The latest log time that the node had heard from its master at its last clean stop. If it was a master: its own log
    /// time then.
    pub fn heard(&self) -> Millis {
        Millis(self.heard_ms)
    }

    /// The pair of log time and wall time from which a start continues; `None` in a new folder and in a file of version 1.
    pub fn pair(&self) -> Option<Pair> {
        self.counted.map(|counted| Pair { log: Millis(counted.log_ms), wall: Millis(counted.wall_ms) })
    }

    /// Sets the pair for the next write.
    pub fn set_pair(&mut self, pair: Pair) {
        self.counted = Some(Counted { log_ms: pair.log.0, wall_ms: pair.wall.0 });
    }

    /// The master's offset, in milliseconds, at the state that a replica's readers saw at its last clean stop.
    pub fn offset_ms(&self) -> i64 {
        self.offset_ms
    }

    /// Sets the offset for the next write, in milliseconds.
    pub fn set_offset_ms(&mut self, offset_ms: i64) {
        self.offset_ms = offset_ms;
    }

    /// Sets the heard log time for the next write.
    pub fn set_heard(&mut self, heard: Millis) {
        self.heard_ms = heard.0;
    }

    /// Whether the node followed a master.
    pub fn is_follower(&self) -> bool {
        self.follower
    }

    /// Sets for the next write whether the node follows a master.
    pub fn set_follower(&mut self, follower: bool) {
        self.follower = follower;
    }

    /// The epoch of its last run as a master; 0 if there was none.
    pub fn epoch(&self) -> Epoch {
        Epoch(self.epoch)
    }

    /// Sets the epoch for the next write.
    pub fn set_epoch(&mut self, epoch: Epoch) {
        self.epoch = epoch.0;
    }

    /// Whether entries that a replica's readers saw may have been lost, and the replica has not caught up with its master
    /// since.
    pub fn has_lost(&self) -> bool {
        self.lost
    }

    /// Sets for the next write whether entries may have been lost.
    pub fn set_lost(&mut self, lost: bool) {
        self.lost = lost;
    }

    /// Reads the identity file; `None` for a new folder. Errors: [`IdentityError`].
    pub fn read(files: &impl Files) -> Result<Option<Identity>, IdentityError> {
        let file = match files.open(NAME) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        parse(&file.read_at(0, BYTES_MAX)?).map(Some)
    }

    /// Checks that the folder was written under the policy `expiry`. Errors: [`IdentityError::OtherExpiry`].
    pub fn check(&self, expiry: Policy) -> Result<(), IdentityError> {
        if self.expiry == expiry.name() {
            return Ok(());
        }
        Err(IdentityError::OtherExpiry { stored: self.expiry.clone(), asked: expiry.name() })
    }

    /// Writes the file with another ceiling. It is durable when this returns. After a crash the file has the old content or
    /// the new one, never a part. Errors: the disk's.
    pub fn write_ceiling(&mut self, files: &impl Files, ceiling: Millis) -> Result<(), IdentityError> {
        let next = Identity { ceiling_ms: ceiling.0, ..self.clone() };
        let line = serde_json::to_string(&next).map_err(|error| IdentityError::Damaged(error.to_string()))?;
        let checksum = crc32c::crc32c(line.as_bytes());
        let file = files.create(NEW)?;
        file.write_at(0, format!("{line}\n{CHECKSUM}{checksum:08x}\n").as_bytes())?;
        file.sync()?;
        files.rename(NEW, NAME)?;
        files.sync_directory()?;
        *self = next;
        Ok(())
    }
}

/// Parses the content of the file. Errors: `Damaged`, `Version`.
fn parse(bytes: &[u8]) -> Result<Identity, IdentityError> {
    let damaged = |why: String| IdentityError::Damaged(why);
    let text = std::str::from_utf8(bytes).map_err(|error| damaged(error.to_string()))?;
    let (line, checksum) = text.split_once('\n').map_or((text, None), |(line, rest)| (line, Some(rest)));
    if let Some(stored) = checksum {
        let computed = format!("{CHECKSUM}{:08x}\n", crc32c::crc32c(line.as_bytes()));
        if stored != computed {
            return Err(damaged(format!("line 2 is {stored:?}, but {computed:?} is expected for line 1")));
        }
    }
    let identity: Identity = serde_json::from_str(line).map_err(|error| damaged(error.to_string()))?;
    match (identity.version, checksum) {
        (1 | 2, None) if identity.folder.is_none() => Ok(Identity { version: VERSION, ..identity }),
        (VERSION, Some(_)) if identity.folder().is_some() => Ok(identity),
        (1..=VERSION, _) => Err(damaged("line 1 and line 2 do not belong to the same version".to_owned())),
        (other, _) => Err(IdentityError::Version(other)),
    }
}
