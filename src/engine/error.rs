//! Error — the reasons why a node does not start, or does not carry out a request while it runs.

use super::Address;
use super::identity::IdentityError;
use super::open::OpenError;
use crate::apply::pool;
use crate::binlog::segment::SegmentError;
use crate::client::link::FollowerError;
use crate::queue::NotQueued;
use crate::store::StoreError;

/// The reason why a node does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Its folder cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The identity file of its folder cannot be used.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// Its store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A thread cannot be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
    /// Compaction has dropped records that were still alive at log time, which is a bug.
    #[error("the store was compacted beyond log time")]
    Gate,
}

/// The reason why a running node did not carry out a request: a change of its role, a stop, another way to sync its log, the
/// removal of a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// The node is stopped, or is changing its role. Nothing was done.
    #[error("the node is stopped")]
    Stopped,
    /// The request did not get into the queue. Nothing was done.
    #[error(transparent)]
    NotQueued(#[from] NotQueued),
    /// The node was asked to replicate itself. Nothing was done.
    #[error("a node cannot replicate itself, and {0} is this node")]
    Itself(Address),
    /// The node was asked to replicate one of its own replicas, or a replica of one of these. Nothing was done.
    #[error("a node cannot replicate its own replica, and {0} follows this node")]
    Circle(Address),
    /// A thread panicked. The node cannot go on.
    #[error("{0} panicked")]
    Panicked(&'static str),
    /// A replica's workers stopped. The node cannot go on.
    #[error(transparent)]
    Pool(#[from] pool::Stopped),
    /// A replica could not take what its link received.
    #[error(transparent)]
    Follower(#[from] FollowerError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log failed.
    #[error(transparent)]
    Log(#[from] SegmentError),
    /// The identity file cannot be written.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The node ended its role and cannot begin the new one. It cannot go on.
    #[error(transparent)]
    Start(#[from] StartError),
}
