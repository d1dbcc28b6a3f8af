//! Expiry model — a master and a replica, each with its own clock, and a link that delays messages, under one expiry
//! policy.
//!
//! The master, the replica and the policy are the engine's own code ([`crate::node`], [`crate::expiry`]). The model adds
//! the choices that the nodes do not control:
//!
//! ```text
//! client sends a command · time passes · master sends a heartbeat, if it has news
//! link delivers the next entry or heartbeat · either node removes a dead key · link goes down and comes up again
//! ```
//!
//! Every program up to a length is explored: which command comes next, and when, is a choice like any other. The
//! replica's clock is the master's plus a skew that is fixed for a run; each skew within the bound is a run. A message is
//! delivered within the delay bound unless the link is down. While it is down there is no bound, so log time may stand
//! still for longer than its limit and be estimated. Readers of both nodes read after every step. Reads that the replica
//! marks *estimated* are exempt from the invariants of reads.
//!
//! Time passes to an instant at which something changes ([`Passing::Instants`](super::setting::Passing::Instants)), or in
//! ticks where a story is to use round numbers. Delays are counted in ticks in both cases. A tick is half of the longest
//! lifetime plus 1 ms, so that two ticks are just over that lifetime. Skews are in milliseconds.
//!
//! If only the stored state is judged, and the effect of a message on the replica does not depend on the time of delivery, the
//! message is delivered at once (`ample.rs`).
//!
//! Entries are delivered in log order and applied one at a time, at delivery; other orders belong to the ordering model.
//! *progress* is judged where the link is up and empty and the replica has received the master's current time: everything
//! logged must be applied, and readers must judge by no earlier instant than the replica has heard. There is no restart.

pub mod action;
mod acts;
mod ample;
mod checks;
mod covered;
mod families;
mod instants;
mod lifetimes;
mod model;
mod setup;
mod story;
mod world;

pub use action::Action;
pub use checks::{READ_INVARIANTS, STATE_INVARIANTS, at_rest, at_same_lsn, reader_looks};
pub use families::{FAMILIES, Family};
pub(super) use instants::{Pending, instants};
pub(super) use lifetimes::{dated_keys, skews_at_lifetimes};
pub use lifetimes::{skew_ms, tick_ms};
pub(super) use model::heartbeats_matter;
pub use model::{ExpiryModel, State};
pub use setup::{Judges, Setup};
pub use world::{Link, Message, Moments, ReplicaSide, Saw, moments_with, wrote};

/// Maximum length of a run in milliseconds: 285 thousand years. A deadline beyond it is never reached.
pub(super) const ELAPSED_MS_MAX: u64 = 1 << 53;
