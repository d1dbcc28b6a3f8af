//! Ordering model — every program up to a length × W workers × one strategy, with readers and at most one crash.
//!
//! The replica's strategy, the states of its workers, its writes and the admission of its readers are the engine's own
//! code ([`crate::ordering`], [`crate::apply`], [`crate::node::Replica`]); the engine's own master produces the log. The
//! model adds only the choice of the next step:
//!
//! ```text
//! admit the next entry · a worker takes a job, begins, writes its batch, finishes
//! cut · publish (writeset_snapshots) · crash, then recovery from the marker on, in batches of any size
//! ```
//!
//! **Readers**: after every step a reader reads all keys, so no state that a reader could see goes unchecked.
//!
//! **Rest**: a state is at rest if no step of the replica is possible (crashes and new commands do not count). There the
//! model judges *progress*: everything logged must be applied and published, readers must be let in, and the strategy
//! must be ready to admit the next entry. Every step raises a rank, so every run comes to rest. There is no timer: a
//! strategy that waits for more entries breaks *progress*.
//!
//! **Crash**: RocksDB's own write-ahead log is off, so what survives a crash is what was flushed: a prefix of the *write*
//! order, with the marker of its last batch. The binlog survives whole (one exception is described below), and the store
//! is never ahead of it. The replica then does what a node does when it starts: it applies the entries after the marker
//! in batches, in log order, without its strategy. After that its workers start and readers are let in.
//!
//! **Reduction**: with `crash_when_quiet` the replica crashes only when it has applied and published everything that it
//! admitted. This misses no violation. What follows a crash depends only on the log, on the flushed batches and on what
//! readers saw. From any moment the replica can go on until it is quiet, with the same log and the same first batches,
//! and readers that have seen more only make the checks stricter. Counterexamples do get longer. So a check runs both:
//! programs of up to one command less with crashes at any moment, and all programs with crashes at quiet moments.
//!
//! **Symmetry**: of several programs that differ only in values that nothing reads, one is explored (`alike.rs`).
//!
//! **Steps that commute**: if it makes no difference when a worker takes a job or reports it as finished, the worker does so at
//! once (`ample.rs`). `models/README.md` has a table of all reductions.
//!
//! **Marker**: it is fixed when a worker begins to write, and the batch may be written later. A marker is read back only
//! after a crash, so where no crash can follow, a worker begins and writes in one step.
//!
//! **A log that lost its end**: with `tail_may_be_lost` a crash may also lose the last entries of the log, but only
//! entries that the store does not hold. The replica applies what is left of its log. Then the master sends the lost
//! entries again, one after the other, and they go through the strategy while readers wait.
//!
//! Queues have no limit here. A full queue would only delay admission, and the model allows admission at any later moment
//! anyway.

use crate::ordering::OrderingStrategy;
use std::fmt::Debug;
use std::hash::Hash;

/// A strategy that can be part of a state of the model.
pub trait Machine: OrderingStrategy + Clone + Eq + Hash + Debug + Send + Sync + 'static {}

impl<O: OrderingStrategy + Clone + Eq + Hash + Debug + Send + Sync + 'static> Machine for O {}

pub mod action;
mod alike;
mod ample;
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
pub use log::{Program, ProgramIndex, Programs, ProgramsError, WrongLog};
pub use model::{Admitted, OrderingModel, Position, Setup, State};
pub use once::Once;
pub use routes::Routes;
