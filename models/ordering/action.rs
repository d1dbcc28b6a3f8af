//! Action — a step of the ordering model. Pure.

/// A step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A client sends this command of the alphabet; the master logs it, the replica admits the entry.
    Command(usize),
    /// After a restart the replica applies the next so many entries of its log, as one batch.
    Recover(u16),
    /// The master sends an entry again that the replica's log lost.
    Resend,
    /// A step of the strategy or of a worker.
    Move(Move),
    /// The replica is killed and starts again. Of its batches, the first so many had been flushed; of its log, the last so many
    /// entries are lost.
    Crash(u16, u16),
}

/// A step that needs nothing but the strategy and the workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Move {
    /// Worker takes a job.
    Take(u8),
    /// Worker writes its batch; it begins in the same step, if it has not yet.
    Write(u8),
    /// Worker says that it is done.
    Finish(u8),
    /// Admission closes, so that a snapshot can be published.
    Cut,
    /// A snapshot is taken and published; admission goes on.
    Publish,
    /// Worker begins to write, and no more: its marker is settled. Only a crash brings a marker back, so it is offered only
    /// where one may follow.
    Begin(u8),
}
