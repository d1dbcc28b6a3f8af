//! replicheck: a formally checked consistency test kit for Redis-protocol replication.
//!
//! The state machines of this crate are the engine's own. Models, tests and benches drive these very machines.
//! The modules stand in the order in which a write flows through them.

pub mod apply;
pub mod binlog;
pub mod command;
pub mod effect;
pub mod expiry;
pub mod invariant;
#[path = "../models/mod.rs"]
pub mod models;
pub mod node;
pub mod ordering;
pub mod store;
pub mod time;

#[path = "../models/mod.rs"]
pub mod models;
