//! Action — a step of the ordering model. Pure.

/// A step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A client sends this command of the alphabet (by number); the master logs it and the replica admits the entry.
    Command(usize),
    /// After a restart, the replica applies this many entries of its log, the next ones, as one batch.
    Recover(u16),
    /// The master sends again an entry that the replica's log has lost.
    Resend,
    /// A step of the strategy or of a worker.
    Move(Move),
    /// The replica is killed and starts again. First number: how many of its batches, the oldest ones, had been flushed.
    /// Second number: how many entries at the end of its log are lost.
    Crash(u16, u16),
}

/// A step that involves only the strategy and the workers. The number is the worker's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Move {
    /// The worker takes a job.
    Take(u8),
    /// The worker writes its batch; if it has not begun yet, it begins in the same step.
    Write(u8),
    /// The worker reports its job as finished.
    Finish(u8),
    /// Admission closes, so that a snapshot can be published.
    Cut,
    /// A snapshot is taken and published; admission resumes.
    Publish,
    /// The worker begins to write and does not write yet: its marker is fixed. A marker is read back only after a crash,
    /// so this step is offered only where a crash can follow.
    Begin(u8),
}
