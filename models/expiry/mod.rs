//! Expiry model — master and replica, each with its own clock, and a link that delays, under one policy.
//!
//! The master, the replica and the policy are the engine's own code ([`crate::node`], [`crate::expiry`]). What
//! the model adds is what nobody controls:
//!
//! ```text
//! client sends a command · time passes (one tick) · master sends a heartbeat, if it has news
//! link delivers the next entry or heartbeat · either node removes what is dead · link goes down and comes back
//! ```
//!
//! Every program up to a length is explored: which command comes next, and when, is a choice like any other.
//! The replica's clock is the master's plus a skew that is fixed for a run (each skew within the bound is a run).
//! A message is delivered within the delay bound unless the link is down; then there is no bound, so log time
//! may stand still past its limit and be estimated. Readers of both nodes look after every step. Reads that the
//! replica marks *estimated* are exempt from what is promised of reads.
//!
//! Entries are delivered in log order and applied one at a time, at delivery: the other orders are the ordering model's.
//! *progress* is judged where the link is up and empty; there is no restart.

mod checks;
mod model;
mod story;
mod world;

pub use checks::{READ_INVARIANTS, STATE_INVARIANTS, at_rest, at_same_lsn, reader_looks};
pub use model::{Action, ExpiryModel, Judges, Setup, State};
pub use world::{Link, Message, Moments, ReplicaSide, Saw, wrote};
