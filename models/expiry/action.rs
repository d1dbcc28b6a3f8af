//! Action — a step of the expiry model. Pure.

/// A step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A client sends this command of the alphabet to the master.
    Command(usize),
    /// So many milliseconds pass.
    Pass(u64),
    /// The master sends a heartbeat.
    Heartbeat,
    /// The link delivers its oldest message.
    Deliver,
    /// The replica applies the oldest entry that it received.
    Apply,
    /// The replica gives readers what it has applied.
    Publish,
    /// The master removes the n-th key that it stores, which is dead.
    MasterRemoves(u16),
    /// The replica removes the n-th key that it stores, which its policy finds dead.
    ReplicaRemoves(u16),
    /// The link goes down.
    LinkDown,
    /// The link comes back.
    LinkUp,
}
