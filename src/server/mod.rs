//! Server — reads requests from sockets, has the node run them, and writes the replies. Does I/O: TCP, and the only clock
//! of a running node.
//!
//! ```text
//! bytes ──▶ request ──▶ session ──▶ node (a run of commands) ──▶ reply ──▶ bytes
//!                          └ HELLO, CLIENT, CONFIG, COMMAND, INFO, …: answered here
//! ```
//!
//! The engine is behind the trait [`Backend`], so the whole server is built and tested without RocksDB.
//!
//! Resources that an untrusted client can take are bounded: the number of connections and replicas (`clients`,
//! `descriptors`), the size of a request (`request`), and the memory of replies, for one client and for all clients
//! together (`connection`, [`room`]).

mod asked;
mod backend;
mod client_command;
mod clients;
mod config;
mod connection;
mod describe;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod descriptors;
mod exec;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod facts;
mod failover;
mod info;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod measured;
mod metrics;
mod metrics_port;
mod output;
mod pause;
mod protected;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod reply;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod request;
mod reserved;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod room;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod session;
mod table;
mod transaction;
mod wait;
mod waiting;

pub use backend::{Awaited, Backend, Reached, Refused};
pub use clients::{REPLICAS_MAX, Seat};
pub use config::{Config, MinReplicas, OutputLimit};
pub use facts::Facts;
pub use metrics_port::MetricsPort;
pub use reserved::Reserved;

use clients::{Clients, locked};
use connection::Connection;
use failover::Failovers;
use pause::Pauses;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// The pause after a failed accept. The usual cause is that no file descriptor is left. A client that connects during the
/// pause waits in the system's queue.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// The reason for which a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The caller's `stop` future completed. The node still runs; the caller stops it.
    Stop,
    /// A client sent SHUTDOWN. The node has already stopped.
    Shutdown,
}

/// The state that all connections of a server share.
pub(super) struct ServerState<N> {
    node: Arc<N>,
    config: Mutex<Config>,
    /// Locked while a CONFIG SET calls the node, so that two of them cannot overwrite each other's change.
    changing: tokio::sync::Mutex<()>,
    clients: Clients,
    pauses: Pauses,
    /// Locked while the node is told how long it removes no dead key.
    removals: Mutex<()>,
    failovers: Failovers,
    /// The reason for which the server ends; `None` while it serves.
    ended: watch::Sender<Option<Ended>>,
}

impl<N> ServerState<N> {
    fn config(&self) -> Config {
        locked(&self.config).clone()
    }
}

impl<N: Backend> ServerState<N> {
    /// Has the node remove no dead key as long as a pause lasts.
    fn hold_removals(&self) {
        // Without the lock an older answer could overwrite a newer one.
        let _alone = locked(&self.removals);
        self.node.hold_removals(self.pauses.until().map(Instant::into_std));
    }
}

/// Waits until the server ends, and returns the reason.
async fn first_end(ended: &mut watch::Receiver<Option<Ended>>) -> Ended {
    // The sender is part of the shared state, so it outlives every task that waits here.
    ended.wait_for(Option::is_some).await.ok().and_then(|why| *why).unwrap_or(Ended::Stop)
}

/// A server that is bound to its address and listens.
pub struct Server<N> {
    shared: Arc<ServerState<N>>,
    listener: TcpListener,
    local_addr: SocketAddr,
}

impl<N: Backend> Server<N> {
    /// Listens on the address and port of `config`. Clients can connect from now on; [`Server::serve`] answers them.
    /// Errors: the address is in use, or is not an address of this machine.
    pub async fn bind(node: Arc<N>, config: Config) -> io::Result<Server<N>> {
        Server::on(Reserved::new(config.bind, config.port)?, node, config).await
    }

    /// Listens on an address that was taken for it, whose port is then that of `config`. Errors: another socket listens there by now.
    pub async fn on(reserved: Reserved, node: Arc<N>, mut config: Config) -> io::Result<Server<N>> {
        let listener = reserved.listen()?;
        let local_addr = listener.local_addr()?;
        config.port = local_addr.port();
        node.set_min_replicas(config.min_replicas);
        let (protected, memory_limit) = (config.protected_mode, config.maxmemory_clients);
        let shared = Arc::new(ServerState {
            node,
            config: Mutex::new(config),
            changing: tokio::sync::Mutex::default(),
            clients: Clients::new(memory_limit),
            pauses: Pauses::default(),
            removals: Mutex::new(()),
            failovers: Failovers::default(),
            ended: watch::Sender::new(None),
        });
        tracing::info!(addr = %local_addr, "listening");
        warn_of(local_addr, protected);
        Ok(Server { shared, listener, local_addr })
    }

    /// The address that the server listens on.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Serves clients until `stop` completes or a client sends SHUTDOWN. Each connection ends after its current run of
    /// commands; none is open when this returns.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> Ended {
        let mut ended = self.shared.ended.subscribe();
        let mut connections = JoinSet::new();
        let mut rests_until: Option<Instant> = None;
        let mut stop = std::pin::pin!(stop);
        let shared = Arc::clone(&self.shared);
        let mut evictions = std::pin::pin!(shared.clients.evict_when_over());
        let why = loop {
            tokio::select! {
                biased;
                () = &mut stop => break Ended::Stop,
                why = first_end(&mut ended) => break why,
                () = &mut evictions => {}
                () = self.shared.node.disconnects() => self.shared.clients.kill_all(),
                // Connections that ended are removed, so that the set does not grow.
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                accepted = accept(&self.listener, rests_until) => match accepted {
                    Ok((socket, addr)) => {
                        rests_until = None;
                        self.welcome(socket, addr, &mut connections);
                    }
                    Err(error) => {
                        // Logged once for a series of failures: accepting is retried twenty times a second.
                        if rests_until.is_none() {
                            tracing::warn!(%error, "accept failed: new clients have to wait");
                        }
                        rests_until = Some(Instant::now() + ACCEPT_REST);
                    }
                },
            }
        };
        drop(self.listener);
        self.shared.ended.send_replace(Some(why));
        while connections.join_next().await.is_some() {}
        tracing::info!(?why, "server ended");
        why
    }

    fn welcome(&self, socket: TcpStream, addr: SocketAddr, connections: &mut JoinSet<()>) {
        let config = self.shared.config();
        if protected::is_refused(config.protected_mode && config.requirepass.is_none(), addr.ip()) {
            self.shared.clients.rejected.fetch_add(1, Relaxed);
            tracing::warn!(%addr, "client refused: protected-mode is on, and the client is on another machine");
            return refuse(socket, protected::REFUSAL);
        }
        // Without this option, small replies wait for TCP acknowledgements. A socket that refuses the option still works.
        let _ = socket.set_nodelay(true);
        let laddr = socket.local_addr().unwrap_or(self.local_addr);
        match self.shared.clients.join(addr, laddr, config.maxclients) {
            Some(client) => {
                let connection = Connection::new(Arc::clone(&self.shared), socket, client);
                connections.spawn(connection.serve());
            }
            None => {
                tracing::warn!(%addr, maxclients = config.maxclients, "client refused");
                refuse(socket, "-ERR max number of clients reached\r\n");
            }
        }
    }
}

/// Accepts the next connection, not before the instant `after`.
async fn accept(listener: &TcpListener, after: Option<Instant>) -> io::Result<(TcpStream, SocketAddr)> {
    if let Some(after) = after {
        tokio::time::sleep_until(after).await;
    }
    listener.accept().await
}

/// Writes `text` and closes the socket. Nothing was written to this socket before, so the text fits into its buffer and the
/// write does not block. An error means that the client has disconnected, and is ignored. The write does not go through
/// tokio, because tokio writes only after the system has reported the socket as writable.
fn refuse(socket: TcpStream, text: &str) {
    let _ = socket.into_std().and_then(|mut socket| socket.write_all(text.as_bytes()));
}

/// Logs a warning about who can reach `addr`, if it is not a loopback address.
fn warn_of(addr: SocketAddr, protected: bool) {
    match (protected::is_loopback(addr.ip()), protected) {
        (true, _) => {}
        (false, true) => tracing::warn!(
            %addr,
            "other machines can reach this address, but are refused: there are no passwords, and protected-mode is on"
        ),
        (false, false) => tracing::warn!(
            %addr,
            "any machine that reaches this address can read and write: there are no passwords, and protected-mode is off"
        ),
    }
}
