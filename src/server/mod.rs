//! Server — sockets → requests → the node → replies. Does I/O: TCP, and the only clock of a running node.
//!
//! ```text
//! bytes ──▶ request ──▶ session ──▶ node (a run of commands) ──▶ reply ──▶ bytes
//!                          └ HELLO, CLIENT, CONFIG, COMMAND, INFO, …: answered here
//! ```
//!
//! The engine is behind the trait [`Node`], so all of this is built and tested without RocksDB.

pub mod facts;
mod node;
pub mod reply;
pub mod request;

pub use facts::Facts;
pub use node::{Node, Refused};
