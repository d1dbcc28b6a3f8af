//! Clusters — a master and its replicas in one process, connected over TCP.

mod choices;
mod compression;
mod following;
mod histories;
mod peer;
mod refused;
mod roles;
mod space;
mod steps;

pub use peer::{AS_IT_IS, Peer};
