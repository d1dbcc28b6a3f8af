//! Ordering model — every program up to a length × W workers × one strategy, with readers and one crash.
//!
//! The replica's strategy, its worker pool and its writes are the engine's own code ([`crate::ordering`],
//! [`crate::apply`]); the master's log comes from the engine's own master. What the model adds is only the
//! choice of who goes next:
//!
//! ```text
//! admit the next entry · worker takes · worker writes its batch · worker finishes
//! cut · publish (writeset_snapshots) · crash and restart
//! ```
//!
//! **Readers** look at all keys after every step: whatever a reader can see, this one sees. A strategy that gets
//! stuck with entries unapplied breaks convergence.
//!
//! **Crash**: RocksDB's own log is off, so a crash leaves what was flushed, a prefix of the *write* order with the
//! marker of its last batch. The binlog is whole (the store is never ahead of it, and what the replica lost of
//! its tail the master sends again). The replica runs the log from the marker on and lets readers in when it
//! has reached the log's end as of the crash.
//!
//! **Reduction**: with `crash_when_quiet` the replica crashes only when it has applied and shown all that it
//! admitted. Nothing is lost by it: what follows a crash depends on the log, on the flushed batches, and on what
//! readers saw; from any moment the replica can go on to be quiet, with the same log and the same first batches,
//! and readers who have seen more are harder to please. Only counterexamples get longer. So a check runs both:
//! programs up to one command less with crashes at any moment, all programs with crashes at quiet ones.
//!
//! Not modelled: loss of the log's own tail, queues that are full, a take that a scheduler delays between
//! computing a marker and writing it any longer than another worker needs to finish (markers are settled at the
//! take, the earliest moment, so they are as low as they can be).

use crate::ordering::Ordering;
use std::fmt::Debug;
use std::hash::Hash;

/// A strategy that can be part of a state.
pub trait Machine: Ordering + Clone + Eq + Hash + Debug + Send + Sync + 'static {}

impl<O: Ordering + Clone + Eq + Hash + Debug + Send + Sync + 'static> Machine for O {}

mod control;
mod data;
mod log;
mod model;
mod story;

pub use control::{Control, Move, Phase};
pub use data::Data;
pub use log::{Place, Program, Programs, ProgramsError, WrongLog};
pub use model::{Action, INVARIANTS, OrderingModel, Position, Setup, State};
