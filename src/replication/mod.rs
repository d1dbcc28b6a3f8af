//! Replication — how a master's log becomes a replica's. Pure, but for `feed` and `session`.
//!
//! ```text
//! replica                                  master
//! RCSYNC 2 5 3735928559 0 7002 log_clock 1:1,2:4  →                          where I am, in which history, and perhaps a codec
//!                                  ←       +CONTINUE 6 9 2                   from there, or -NOSYNC and what to do
//!                                  ←       offset  6  7  heartbeat  8  9     log order: `wire`, `order`
//! ack (received, durable, applied) →                                         whenever they change, and when idle
//! ```
//!
//! What the master sends after its answer is one compressed stream if the replica asked for that
//! ([`crate::compression::stream`]), flushed after each group; acks are not.
//!
//! The master pushes as fast as TCP takes it; a replica that cannot keep up does not read, and that is all the
//! flow control there is. What it deliberately does not do yet: a full sync. A replica that cannot resume is told so.

#[cfg(feature = "server")]
#[doc(hidden)]
pub mod feed;
pub mod handshake;
#[doc(hidden)]
pub mod lag;
#[doc(hidden)]
pub mod order;
#[cfg(feature = "server")]
#[doc(hidden)]
pub mod session;
#[doc(hidden)]
pub mod wire;

use crate::binlog::Lsn;
use crate::time::Millis;

/// Version of the handshake and of the messages after it.
pub const PROTOCOL_VERSION: u64 = 3;
/// From this version on a master tells the offset of its wall clock, and a replica what it removed.
pub const PROTOCOL_VERSION_OFFSET: u64 = 2;
/// The oldest version that both sides still speak. It knows no offset and no checks of the history beyond epochs.
pub const PROTOCOL_VERSION_MIN: u64 = 1;

/// The end of the master's log, as far as replicas may see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tail {
    /// The last entry that may be sent. It never goes back.
    pub last: Lsn,
    /// Log time: no entry after `last` will have an earlier one, and `last` has no later one. It never goes back.
    pub time: Millis,
    /// Bytes of all entries through `last`, counted from any one place in the log; only differences are used.
    pub bytes: u64,
}

/// Log time between two entries, and where the master's log ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Heartbeat {
    /// Log time after entry `after` and before the next one.
    pub time: Millis,
    /// The last entry sent before it.
    pub after: Lsn,
    /// The end of the log when it was sent; beyond `after` while the replica catches up.
    pub tail: Tail,
}

/// How far the master's wall clock, by which clients name instants, is ahead of log time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Offset {
    /// Log time when it was measured: it holds from then on, and no later entry is of an earlier time. 0 where the master has
    /// forgotten the offset of that place, and tells a later one.
    pub time: Millis,
    /// It holds after this entry, and before the next one.
    pub after: Lsn,
    /// Wall time − log time, milliseconds.
    pub offset_ms: i64,
}

/// What a replica has, each the last LSN without a gap before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ack {
    /// It is in the replica's memory, and perhaps in its log.
    pub received: Lsn,
    /// A fsync of the replica's log has covered it.
    pub durable: Lsn,
    /// The replica's readers see it.
    pub applied: Lsn,
}
