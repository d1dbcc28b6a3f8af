//! Replication — the protocol that copies a master's log to a replica. Pure, except for the two feeds and `session`.
//!
//! ```text
//! replica                                  master
//! RCSYNC 4 5 3735928559 0 7002 log_clock 1:1,2:4  →                          replica's position, history, perhaps a codec
//!                                  ←       +CONTINUE 6 9 2                   the next entries come, or -NOSYNC and what to do
//!                                  ←       offset  6  7  heartbeat  8  9     in log order: `wire`, `order`
//! ack (received, durable, applied) →                                         whenever they change, and when idle
//! ```
//!
//! Everything that the master sends after its answer is one compressed stream, if the replica asked for that
//! ([`crate::compression::stream`]). It is flushed after each group. Acks are not compressed.
//!
//! The master sends as fast as TCP accepts it. A replica that cannot keep up stops reading, and there is no other flow
//! control. A replica that cannot resume asks for the whole store first: `snapshot`.

#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod attempt;
#[cfg(feature = "server")]
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod feed;
pub mod handshake;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod lag;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod order;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod partial;
mod sealed;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod sender;
#[cfg(feature = "server")]
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod session;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod snapshot;
#[cfg(feature = "server")]
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod snapshot_feed;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod wire;

use crate::binlog::Lsn;
use crate::time::Millis;

/// Version of the handshake and of the messages after it.
pub const PROTOCOL_VERSION: u64 = 4;
/// From this version on a replica that cannot resume may ask for a full sync.
pub const PROTOCOL_VERSION_SNAPSHOT: u64 = 4;
/// From this version on the lines of the handshake end with a checksum.
pub const PROTOCOL_VERSION_SEALED: u64 = 4;
/// From this version on a replica sends the running checksum of its log.
pub const PROTOCOL_VERSION_RUNNING: u64 = 3;
/// From this version on a master sends the offset of its wall clock, and a replica sends the latest deadline that it
/// removed.
pub const PROTOCOL_VERSION_OFFSET: u64 = 2;
/// The oldest version that both sides still speak. It has no offset, and checks the history only by epochs.
pub const PROTOCOL_VERSION_MIN: u64 = 1;

/// The end of the master's log, as far as replicas may see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tail {
    /// The last entry that may be sent. It never decreases.
    pub last: Lsn,
    /// Log time: no entry after `last` will have an earlier time, and `last` has no later time. It never decreases.
    pub time: Millis,
    /// Bytes of all entries through `last`, counted from some fixed place in the log. Only differences are used.
    pub bytes: u64,
}

/// A message that carries the log time between two entries, and the end of the master's log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Heartbeat {
    /// Log time after entry `after` and before the next one.
    pub time: Millis,
    /// The last entry sent before it.
    pub after: Lsn,
    /// The end of the log when this was sent. It is later than `after` while the replica catches up.
    pub tail: Tail,
}

/// The master's wall time less log time. Clients name instants by wall time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Offset {
    /// The log time at which it was measured. It holds from then on, and no later entry has an earlier time. 0 if the
    /// master no longer has the offset of that place, and sends a later one.
    pub time: Millis,
    /// It holds after this entry, and before the next one.
    pub after: Lsn,
    /// Wall time − log time, milliseconds.
    pub offset_ms: i64,
}

/// A message that carries the replica's progress. Each field is the last LSN without a gap before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ack {
    /// The last entry in the replica's memory, and perhaps in its log.
    pub received: Lsn,
    /// The last entry that an fsync of the replica's log has covered.
    pub durable: Lsn,
    /// The last entry that the replica's readers see.
    pub applied: Lsn,
}

impl Ack {
    /// Whether the replica that sent it counts for WAIT on all entries through `target`; `durable`: for WAITAOF.
    pub fn counts(&self, target: Lsn, durable: bool) -> bool {
        target <= if durable { self.durable } else { self.received }
    }
}
