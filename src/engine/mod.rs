//! Engine — a running node: its folder, its threads, its role. Does I/O. Feature `rocksdb`.
//!
//! | file | what |
//! |---|---|
//! | `open` | opens a folder as the last run left it, and brings store and log into agreement |
//! | `writer` | a master's only thread that writes |
//! | `master` | a master's threads |
//! | `replica` | how a replica applies entries and heartbeats, and what its readers see |
//! | `following` | a replica's threads |
//! | `receiving` | how a replica takes what its link receives |
//! | `upstream` | a node as its replicas see it, be it a master or a replica |
//! | `feeds`, `copies` | the links to its replicas, and full syncs |
//! | `full_sync`, `generations` | how a replica takes its master's whole store, and where it is put |
//! | `good_replicas` | refuses writes while too few replicas follow |
//! | `failover` | a master and a replica exchange their roles |
//! | `meters`, `facts` | what a node measures, and the state that it reports |
//! | `checkpoint` | when the store is flushed and the log purged |
//! | `ticker` | periodic work |
//! | `packer` | compresses closed segments of the log |
//! | `by_hand` | the work of threads and ticker, called step by step when a schedule is replayed |

mod by_hand;
mod checkpoint;
mod clock;
mod copies;
mod disk_errors;
mod error;
mod facts;
mod failover;
mod feeds;
mod following;
mod full_sync;
mod generations;
mod good_replicas;
mod identity;
mod log;
mod master;
mod meters;
mod node;
mod open;
mod packer;
mod read;
mod reads;
mod receiving;
mod reclaim;
mod replica;
mod settings;
mod tail;
mod ticker;
mod upstream;
mod writer;

pub use by_hand::{ReaderView, ViewError};
pub use clock::{Ahead, Clock, HandClock};
pub use error::{NodeError, StartError};
pub use identity::IdentityError;
pub use meters::Meters;
pub use node::Engine;
pub use open::{Folders, OpenError};
pub use replica::Applied;
pub use settings::{DESCRIPTORS_RESERVED, FLUSH_BYTES, Machine, Masterauth, Own, Port, Settings};

pub use crate::apply::pool::Schedule;
use crate::binlog::Files;
use crate::command::{Command, Reply};
use crate::publication::Sight;
use crate::store::rocksdb::Snapshot;
use crate::sync::Arc;
use read::Cost;
use std::fmt;
use std::net::IpAddr;
use tokio::sync::watch;

/// The files of a folder, in a form that the threads of a node can share.
pub trait SharedFiles: Files<File: Send + Sync> + Clone + Send + Sync + 'static {}

impl<F: Files<File: Send + Sync> + Clone + Send + Sync + 'static> SharedFiles for F {}

/// The address of a master.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
}

impl Address {
    /// The address as this node reaches it, if the node at `teller` gave it: its loopback is that of the teller's machine.
    fn seen_from(self, teller: &Address) -> Address {
        let is_loopback =
            self.host == "localhost" || self.host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        let host = if is_loopback { teller.host.clone() } else { self.host };
        Address { host, port: self.port }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(out, "[{}]:{}", self.host, self.port),
            false => write!(out, "{}:{}", self.host, self.port),
        }
    }
}

/// The text is not `host:port`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not host:port")]
pub struct AddressError(String);

impl std::str::FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Address, AddressError> {
        let wrong = || AddressError(text.to_owned());
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let port = port.parse().ok().filter(|&port| port > 0).ok_or_else(wrong)?;
        if host.is_empty() { Err(wrong()) } else { Ok(Address { host: host.to_owned(), port }) }
    }
}

/// The place where threads report that the node cannot go on. Clones share it.
#[derive(Clone, Debug)]
pub struct Failure(Arc<watch::Sender<Option<String>>>);

impl Failure {
    /// No failure yet.
    pub fn new() -> Failure {
        Failure(Arc::new(watch::Sender::new(None)))
    }

    /// Reports that the node cannot go on. The first reason is kept, later ones are only logged.
    pub fn report(&self, reason: String) {
        tracing::error!(%reason, "node failed");
        self.0.send_if_modified(|stored| {
            let is_first = stored.is_none();
            stored.get_or_insert(reason);
            is_first
        });
    }

    /// Waits until a thread reports that the node cannot go on. Returns the reason.
    pub async fn wait(&self) -> String {
        let mut receiver = self.0.subscribe();
        match receiver.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            // This cannot happen: `self` holds the sender.
            Err(_) => String::new(),
        }
    }
}

impl Default for Failure {
    fn default() -> Failure {
        Failure::new()
    }
}

/// A master's reply to a command that reads; `None`: the read costs more than `cost`.
fn read(sight: &Sight<Snapshot>, command: &Command, cost: Cost) -> Option<Reply> {
    let at = read::Instant { clock: sight.clock, offset_ms: sight.offset_ms };
    read::read(&*sight.snapshot, command, at, cost)
}
