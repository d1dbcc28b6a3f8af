//! Provoke — a seed → a load that makes replicas show their faults; what readers of a replica saw meanwhile → verdicts. Pure.
//!
//! The models judge machines, whose states they know. Here a replica of any make is judged from outside, by the same functions
//! ([`crate::invariant`]). One client writes to the master, so its order is the order of the log, and the engine's own commands
//! give the state after each write. Every write leaves another value, so a value says which write a key shows:
//!
//! ```text
//! round ──▶ the master's states after 0, 1, 2, … writes (History)
//!   │                      │
//!   └─▶ driver ─▶ reads ──▶ sets of versions that each key may show ──▶ choose ──▶ crate::invariant ──▶ verdict ──▶ story
//! ```
//!
//! A read shows a *set* of versions, as an absent key may be one of several deletions. The oldest version that does not contradict the
//! reads before is chosen. It leaves the reads after it the most room, so a ✗ means that no choice satisfies the function.
//!
//! Deadlines need another judge, as they depend on the master's clock: [`timed`].
//!
//! It deliberately does not judge what was not read in one: without a promise of the server that a MULTI is read at one moment, prefix is
//! left open.

mod added;
mod history;
mod judge;
mod load;
mod story;
pub mod timed;

pub use history::{History, Unfit};
pub use judge::{Broken, Evidence, Judged, Recording, Sight, judged};
pub use load::{KEYS, Kind, drawn, keys_of, kind_of};
pub use story::story;
