//! Identity — what a node's folder says of itself, in the file `node`. Through [`Files`].
//!
//! ```text
//! {"version":3,"folder":"5f0c…","expiry":"log_clock","ceiling_ms":1800000060000,
//!  "counted":{"log_ms":1800000056120,"wall_ms":1800003656120},"heard_ms":1800000056120,"offset_ms":3600000,"follower":true,
//!  "epoch":12884901893,"lost":false}                                       all of this in one line
//! crc32c 0d5a81c3                                                         of that line
//! ```
//!
//! *Folder* is drawn when the folder is new. The store and the log say the same one, so that parts of two folders are not
//! taken for a node. Versions 1 and 2 have neither it nor the checksum.
//!
//! The ceiling is durable before log time gets near it, so that a start after a crash knows an instant which no
//! heartbeat and no reader was ever told: log time never goes back behind it. *counted* is the pair of log time and wall time: a start
//! adds the wall time that has passed since. *heard* is the master's time that a replica has heard. The ceiling of a replica may be
//! an estimate, and a replica must remove nothing by an estimate. The policy is there because entries mean what they mean under one policy only: the remaining time that `relative` logs is a deadline in the past
//! to all others. Whoever followed a master when the folder was used last and does so no more is promoted: it begins a
//! new epoch. The epoch is there because it may have no entry yet: a next start must not fall back to the one before,
//! in which another node may have gone on.

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
/// What stands before the checksum of the first line.
const CHECKSUM: &str = "crc32c ";
/// Nothing that this program writes comes near it.
const BYTES_MAX: usize = 4096;

/// The file's content.
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

/// A [`Pair`] as it stands in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Counted {
    log_ms: u64,
    wall_ms: u64,
}

/// Why a folder is not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The disk's word.
    #[error("cannot read or write the file `node`: {0}")]
    Io(#[from] io::Error),
    /// The file is not what this program writes.
    #[error(
        "the file `node` is damaged: {0}; put it back from a copy of the folder, or start in an empty folder"
    )]
    Damaged(String),
    /// The file is of a version that this program does not read.
    #[error("the file `node` is of version {0}; this program reads versions 1 to {VERSION}")]
    Version(u32),
    /// Its log was written under another policy.
    #[error(
        "the folder's log was written under expiry `{stored}`, not `{asked}`: start with --expiry {stored}, or in an empty folder"
    )]
    OtherExpiry {
        /// The policy of the folder.
        stored: String,
        /// The policy that was asked for.
        asked: &'static str,
    },
}

impl Identity {
    /// The identity of a new folder, `drawn` for it.
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

    /// The folder that the file belongs to; `None`: a file of version 1 or 2.
    pub fn folder(&self) -> Option<FolderId> {
        let bits = u128::from_str_radix(self.folder.as_deref()?, 16).ok()?;
        Some(FolderId(bits))
    }

    /// Notes it for the next write.
    pub fn set_folder(&mut self, folder: FolderId) {
        self.folder = Some(folder.to_string());
    }

    /// Log time was never beyond this instant.
    pub fn ceiling(&self) -> Millis {
        Millis(self.ceiling_ms)
    }

    /// The master's time that it had heard of when it stopped cleanly last; its own log time, if it was a master.
    pub fn heard(&self) -> Millis {
        Millis(self.heard_ms)
    }

    /// The pair that a start goes on from; `None` in a new folder and in a file of version 1.
    pub fn pair(&self) -> Option<Pair> {
        self.counted.map(|counted| Pair { log: Millis(counted.log_ms), wall: Millis(counted.wall_ms) })
    }

    /// Notes it for the next write.
    pub fn set_pair(&mut self, pair: Pair) {
        self.counted = Some(Counted { log_ms: pair.log.0, wall_ms: pair.wall.0 });
    }

    /// The master's offset at what a replica's readers saw when it stopped cleanly last, milliseconds.
    pub fn offset_ms(&self) -> i64 {
        self.offset_ms
    }

    /// Notes it for the next write.
    pub fn set_offset_ms(&mut self, offset_ms: i64) {
        self.offset_ms = offset_ms;
    }

    /// Notes it for the next write.
    pub fn set_heard(&mut self, heard: Millis) {
        self.heard_ms = heard.0;
    }

    /// Whether the node followed a master.
    pub fn is_follower(&self) -> bool {
        self.follower
    }

    /// Notes for the next write whether it does.
    pub fn set_follower(&mut self, follower: bool) {
        self.follower = follower;
    }

    /// The epoch that its last run as a master began or went on with; 0 if it was none.
    pub fn epoch(&self) -> Epoch {
        Epoch(self.epoch)
    }

    /// Notes it for the next write.
    pub fn set_epoch(&mut self, epoch: Epoch) {
        self.epoch = epoch.0;
    }

    /// Whether entries may have been lost that readers of a replica saw, and its master has not been asked since.
    pub fn has_lost(&self) -> bool {
        self.lost
    }

    /// Notes it for the next write.
    pub fn set_lost(&mut self, lost: bool) {
        self.lost = lost;
    }

    /// What the folder says; `None` for a new one. Errors: [`IdentityError`].
    pub fn read(files: &impl Files) -> Result<Option<Identity>, IdentityError> {
        let file = match files.open(NAME) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        parse(&file.read_at(0, BYTES_MAX)?).map(Some)
    }

    /// Errors: [`IdentityError::OtherExpiry`].
    pub fn check(&self, expiry: Policy) -> Result<(), IdentityError> {
        if self.expiry == expiry.name() {
            return Ok(());
        }
        Err(IdentityError::OtherExpiry { stored: self.expiry.clone(), asked: expiry.name() })
    }

    /// Writes the file with another ceiling, durable when this returns: the old content or the new one, never a part.
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

/// What the file's bytes say. Errors: `Damaged`, `Version`.
fn parse(bytes: &[u8]) -> Result<Identity, IdentityError> {
    let damaged = |why: String| IdentityError::Damaged(why);
    let text = std::str::from_utf8(bytes).map_err(|error| damaged(error.to_string()))?;
    let (line, checksum) = text.split_once('\n').map_or((text, None), |(line, rest)| (line, Some(rest)));
    if let Some(stored) = checksum {
        let computed = format!("{CHECKSUM}{:08x}\n", crc32c::crc32c(line.as_bytes()));
        if stored != computed {
            return Err(damaged(format!("line 2 is {stored:?}, and line 1 gives {computed:?}")));
        }
    }
    let identity: Identity = serde_json::from_str(line).map_err(|error| damaged(error.to_string()))?;
    match (identity.version, checksum) {
        (1 | 2, None) if identity.folder.is_none() => Ok(Identity { version: VERSION, ..identity }),
        (VERSION, Some(_)) if identity.folder().is_some() => Ok(identity),
        (1..=VERSION, _) => Err(damaged("line 1 and line 2 are not of one version".to_owned())),
        (other, _) => Err(IdentityError::Version(other)),
    }
}
