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
//! **Readers** look at all keys after every step: whatever a reader can see, this one sees.
//!
//! **Rest**: where no step of the replica is possible (a crash and new commands aside), *progress* is judged: all that was
//! logged is applied and published, readers are in, and the next entry would be admitted. Every step raises a rank, so
//! each run comes to rest. There is no timer: a strategy that waits for more entries breaks it.
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

mod checks;
mod control;
mod data;
mod log;
mod model;
mod once;
mod rest;
mod routes;
mod seen;
mod story;

pub use checks::{INVARIANTS, reader_looks, with_convergence, with_progress};
pub use control::{Control, Fault, Move, Phase, Rank};
pub use data::Data;
pub use log::{Place, Program, Programs, ProgramsError, WrongLog};
pub use model::{Action, Admitted, OrderingModel, Position, Setup, State};
pub use once::Once;
pub use routes::Routes;
