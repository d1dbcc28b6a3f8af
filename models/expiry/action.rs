//! Action — a step of the expiry model. Pure.

/// A step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A client sends this command of the alphabet to the master.
    Command(usize),
    /// This many milliseconds pass.
    Pass(u64),
    /// The master sends a heartbeat.
    Heartbeat,
    /// The link delivers its oldest message.
    Deliver,
    /// The replica applies the oldest entry that it has received and not applied yet.
    Apply,
    /// The replica publishes what it has applied, so that readers see it.
    Publish,
    /// The master removes the n-th key that it stores. That key is dead.
    MasterRemoves(u16),
    /// The replica removes the n-th key that it stores. That key is dead by its policy.
    ReplicaRemoves(u16),
    /// The link goes down.
    LinkDown,
    /// The link comes up again.
    LinkUp,
}
