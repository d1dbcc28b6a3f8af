//! Waits — the reasons for which threads of a pool wait although there is something to do. Pure.
//!
//! ```text
//! barrier   worker 0   SET a ────────────┐ FLUSHDB ─┐
//!           worker 1   SET c ─┐ (barrier)           └ (its lane goes on)
//! ```

use super::ThreadRole;

/// The reason for which a thread waits although there is something to do. A worker without anything to do does not wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wait {
    /// A worker: for an entry without keys, such as FLUSHDB, or for what that entry waits for.
    Barrier,
    /// A worker: for entries that share a key, or a lane, with what is queued for it.
    Conflict,
    /// A worker: for the turn of its job to be written.
    Turn,
    /// The admitting thread: for room in the queue.
    Room,
    /// The admitting thread: for a cut to be published.
    Cut,
    /// The thread in [`super::Pool::wait_for`]: for entries to be written, before a flush or a full sync.
    Drain,
}

impl Wait {
    /// All of them.
    pub const ALL: [Wait; 6] =
        [Wait::Barrier, Wait::Conflict, Wait::Turn, Wait::Room, Wait::Cut, Wait::Drain];

    /// Its name in figures.
    pub fn name(self) -> &'static str {
        match self {
            Wait::Barrier => "barrier",
            Wait::Conflict => "conflict",
            Wait::Turn => "turn",
            Wait::Room => "room",
            Wait::Cut => "cut",
            Wait::Drain => "drain",
        }
    }
}

/// The receiver of a pool's waits: the pool tells it when a thread begins and ends to wait. It has the clock, so the pool needs none.
pub trait Waits: Send + Sync {
    /// The thread waits for `wait` from now on; `None`: it waits no longer. Called under the pool's lock, so it must not call the
    /// pool.
    fn note(&self, thread: ThreadRole, wait: Option<Wait>);
}
