//! replicheck: a formally checked consistency test kit for Redis-protocol replication.
//!
//! The state machines of this crate are the engine's own; models, tests and benches drive these very machines. A
//! write flows through them in this order:
//!
//! ```text
//! command → effect → expiry → binlog → ordering → apply → store        node: master and replica around them
//!                    └ replication: to replicas, through client         invariant: what must hold
//! models: stateright models over all of these, and what judges them
//! ```

pub mod apply;
pub mod binlog;
pub mod client;
pub mod command;
pub mod compression;
pub mod effect;
#[cfg(feature = "rocksdb")]
pub mod engine;
pub mod expiry;
pub mod handover;
pub mod invariant;
#[path = "../models/mod.rs"]
pub mod models;
pub mod names;
pub mod node;
pub mod ordering;
pub mod publication;
pub mod queue;
pub mod replication;
pub mod server;
pub mod store;
pub mod sync;
pub mod time;
pub mod trace;
pub mod trace_check;
