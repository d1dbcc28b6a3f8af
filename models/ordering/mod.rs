//! Ordering model — every program up to a length × W workers × one strategy, with readers and one crash.
//!
//! The replica's strategy, the states of its workers, its writes and the admission of its readers are the engine's own code
//! ([`crate::ordering`], [`crate::apply`], [`crate::node::Replica`]); the master's log comes from the engine's own master.
//! The model adds only the choice of the next step:
//!
//! ```text
//! admit the next entry · a worker takes a job, begins, writes its batch, finishes
//! cut · publish (writeset_snapshots) · crash, then the log from the marker on, in batches of any size
//! ```
//!
//! **Readers** look at all keys after every step: whatever a reader can see, this one sees.
//!
//! **Rest**: where no step of the replica is possible (a crash and new commands aside), *progress* is judged: all that was
//! logged is applied and published, readers are in, and the next entry would be admitted. Every step raises a rank, so
//! each run comes to rest. There is no timer: a strategy that waits for more entries breaks it.
//!
//! **Crash**: RocksDB's own log is off, so a crash leaves what was flushed, a prefix of the *write* order with the
//! marker of its last batch. The binlog is whole, but for what is said below, and the store is never ahead of it. The replica then does what a node does
//! when it starts: it applies its log after the marker in batches, in log order, without its strategy. Then its workers
//! start, and readers are let in.
//!
//! **Reduction**: with `crash_when_quiet` the replica crashes only when it has applied and shown all that it
//! admitted. Nothing is lost by it: what follows a crash depends on the log, on the flushed batches, and on what
//! readers saw; from any moment the replica can go on to be quiet, with the same log and the same first batches,
//! and readers who have seen more are harder to please. Only counterexamples get longer. So a check runs both:
//! programs up to one command less with crashes at any moment, all programs with crashes at quiet ones.
//!
//! **Symmetry**: of programs that differ only in values that nothing reads, one is explored (`alike.rs`).
//!
//! **A marker** is settled when a worker begins to write, and the batch may be written later. Only a crash brings a marker
//! back, so where no crash may follow a worker begins and writes in one step.
//!
//! **A log that lost its end**: with `tail_may_be_lost` a crash may take the last entries of the log with it, as far as the store
//! does not hold them. The replica applies what it has; then the master sends the rest again, one entry after the other, to the
//! strategy, while readers wait.
//!
//! Queues have no limit here. A full one delays admission, and admission may come at any later moment as it is.

use crate::ordering::Ordering;
use std::fmt::Debug;
use std::hash::Hash;

/// A strategy that can be part of a state.
pub trait Machine: Ordering + Clone + Eq + Hash + Debug + Send + Sync + 'static {}

impl<O: Ordering + Clone + Eq + Hash + Debug + Send + Sync + 'static> Machine for O {}

pub mod action;
mod alike;
mod checks;
mod control;
mod data;
mod drawn;
mod log;
mod model;
mod once;
mod rest;
mod restart;
mod routes;
mod seen;
mod story;
mod told;

pub use action::{Action, Move};
pub use alike::alike_in_words;
pub use checks::{INVARIANTS, reader_looks, with_convergence, with_progress};
pub use control::{Control, Fault, Task, started};
pub use data::Data;
pub use log::{Place, Program, Programs, ProgramsError, WrongLog};
pub use model::{Admitted, OrderingModel, Position, Setup, State};
pub use once::Once;
pub use routes::Routes;
