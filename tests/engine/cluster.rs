//! Clusters — master and replicas in one process, over TCP.

mod choices;
mod compression;
mod following;
mod histories;
mod peer;
mod refused;
mod roles;
mod steps;

pub use peer::{AS_IT_IS, Peer};
