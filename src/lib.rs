//! replicheck: a formally checked consistency test kit for Redis-protocol replication.
//!
//! Which ways of ordering and expiring replicated writes are safe? This crate has the ways as state machines, models that
//! explore every short program and every schedule of them, and an engine that runs the same machines as a server.
//!
//! - [The picture](#the-picture): how a write flows, and which module does what
//! - [A first example](#a-first-example): judge a strategy on a program, and print the counterexample
//! - [A strategy of one's own](#a-strategy-of-ones-own), [a policy of one's own](#a-policy-of-ones-own), and
//!   [both on real nodes](#on-real-nodes)
//! - [Features](#features): what is compiled
//! - [Words](#words): what each word means
//!
//! # The picture
//!
//! ```text
//!            master                                              replica
//! client ──▶ command ──▶ effect ──▶ expiry ──▶ binlog ═════▶ binlog ──▶ ordering ──▶ apply ──▶ store ──▶ client
//!            parsed      bytes to   what is    LSN,    repli-           may it       workers,  markers   reads
//!                        write      logged     time    cation           start?       batches
//! ```
//!
//! A module uses the modules above it in this table.
//!
//! | module | what it does |
//! |---|---|
//! | [`effect`], [`store`], [`command`] | a command, run against a store, gives a reply and an effect |
//! | [`binlog`] | entries, their bytes, the log in memory and in segment files |
//! | [`compression`] | lz4 and zstd, by blocks and as a stream |
//! | [`replication`] | handshake and messages between two nodes; with `server` also the master's side of a link |
//! | `client` | a client for any Redis server, and the replica's side of a link (feature `server`) |
//! | [`ordering`] | when an entry may start, and on which worker: a file a strategy |
//! | [`apply`] | jobs become atomic batches; the watermark; the worker pool |
//! | [`expiry`] | what is logged of a write that depends on time, and which clock judges it: a file a policy |
//! | [`node`] | master and replica as state machines around all of these |
//! | [`invariant`] | what must hold, each a named pure function |
//! | `server` | requests and replies, connections, the commands of a connection (feature `server`) |
//! | `engine` | a node as it runs: folder, threads, role (feature `rocksdb`) |
//! | `probe` | a master and its replicas, of any make: in which keys they differ (feature `probe`) |
//! | [`models`] | searches over these machines, verdicts, counterexamples; start at [`models::own_machine`] |
//!
//! # A first example
//!
#![doc = include_str!("book/example.md")]
//! # A strategy of one's own
//!
#![doc = include_str!("book/strategy.md")]
//! # A policy of one's own
//!
#![doc = include_str!("book/policy.md")]
//! # On real nodes
//!
#![doc = include_str!("book/engine.md")]
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | none of them | the machines, the models, and the program's `check`, `catalogue` and `trace` |
//! | `compression` | lz4 and zstd: a little C. Without it, what is compressed is refused |
//! | `server` | `server`, `client` and both sides of a link: tokio |
//! | `rocksdb` | `engine`, and the program's `serve`, `demo` and `replay`; with `server` and `compression`. RocksDB's C++ is most of a first build |
//! | `explorer` | the program's `explore`: pages that show a model step by step, and a running node; with `server` and `probe` |
//! | `probe` | the program's `probe`, which compares nodes of any make: a client for Redis |
//! | `counted` | the bench that counts instructions |
//!
//! All but `counted` are on by default.
//!
//! # Words
//!
#![doc = include_str!("book/words.md")]

/// Its Rust is run as a test.
#[cfg(doctest)]
#[doc = include_str!("../models/README.md")]
struct ReadmeOfModels;

pub mod apply;
pub mod binlog;
#[cfg(feature = "server")]
pub mod client;
pub mod command;
pub mod compression;
pub mod effect;
#[cfg(feature = "rocksdb")]
pub mod engine;
pub mod expiry;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod handover;
pub mod invariant;
#[path = "../models/mod.rs"]
pub mod models;
pub mod names;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod node;
pub mod ordering;
#[cfg(feature = "probe")]
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod probe;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod publication;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod queue;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod replication;
#[cfg(any(feature = "server", feature = "probe"))]
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod secret;
#[cfg(feature = "server")]
pub mod server;
pub mod store;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod sync;
pub mod time;
#[cfg(feature = "server")]
pub mod trace;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod trace_check;
