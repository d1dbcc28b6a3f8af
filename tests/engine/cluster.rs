//! Clusters — a master and its replicas in one process, connected over TCP.

mod chains;
mod choices;
mod compression;
mod failover;
mod following;
mod full_sync;
mod histories;
mod metrics;
mod passwords;
mod peer;
mod refused;
mod roles;
mod space;
mod steps;
mod transactions;
mod waits;

pub use peer::{AS_IT_IS, Peer};
