//! Models — stateright models of the engine's own machines, and the code that searches them.

mod asked;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod assignment;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod both;
pub mod bounds;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod catalogue;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod check;
pub mod choice;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod clocks;
#[cfg_attr(not(inner_docs), doc(hidden))]
mod condensed;
pub mod cost;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod crash;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod drawing;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod expected;
pub mod experiment;
pub mod expiry;
#[cfg(feature = "explorer")]
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod explorer;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod export;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod failover;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod fault;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod follow;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod full_sync;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod grid;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod handshake;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod intern;
pub mod invariants;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod judge;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod judged;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod machines;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod measured;
mod names;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod oracle;
pub mod ordering;
pub mod own_machine;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod own_program;
mod parts;
pub mod path;
pub mod path_file;
pub mod program;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod program_file;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod provoke;
mod queues;
mod redis_reads;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod replication;
pub mod report;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod request;

pub mod rigged;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod sample;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod scaled;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod scenario;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod search;
pub mod setting;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod shrink;
pub mod story;
pub mod timeline;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod unread;
pub mod verdict;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod walk;
pub mod workload;
