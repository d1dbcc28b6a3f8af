//! Server — sockets → requests → the node → replies. Does I/O: TCP, and the only clock of a running node.
//!
//! ```text
//! bytes ──▶ request ──▶ session ──▶ node (a run of commands) ──▶ reply ──▶ bytes
//!                          └ HELLO, CLIENT, CONFIG, COMMAND, INFO, …: answered here
//! ```
//!
//! The engine is behind the trait [`Node`], so all of this is built and tested without RocksDB.
//!
//! What strangers can take is bounded: connections and replicas (`clients`, `descriptors`), what a request may be (`request`), and
//! the memory of replies, a client's and all clients' (`connection`, [`room`]).

mod asked;
mod client_command;
mod clients;
mod config;
mod connection;
mod describe;
#[doc(hidden)]
pub mod descriptors;
#[doc(hidden)]
pub mod facts;
mod info;
mod node;
mod output;
mod protected;
#[doc(hidden)]
pub mod reply;
#[doc(hidden)]
pub mod request;
#[doc(hidden)]
pub mod room;
#[doc(hidden)]
pub mod session;
mod table;

pub use clients::{REPLICAS_MAX, Seat};
pub use config::{Config, OutputLimit};
pub use facts::Facts;
pub use node::{Node, Refused};

use clients::{Clients, locked};
use connection::Connection;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// How long accepting rests after it failed: no file descriptor is left, as a rule. Whoever connects meanwhile waits in the
/// system's queue.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// Why a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The caller's `stop` came to an end. The node runs; the caller stops it.
    Stop,
    /// A client sent SHUTDOWN. The node has stopped.
    Shutdown,
}

/// What the connections of a server share.
pub(super) struct Shared<N> {
    node: Arc<N>,
    config: Mutex<Config>,
    /// Held while CONFIG SET asks the node, so that no change gets lost.
    changing: tokio::sync::Mutex<()>,
    clients: Clients,
    /// Why the server ends, once it does.
    ended: watch::Sender<Option<Ended>>,
}

impl<N> Shared<N> {
    fn config(&self) -> Config {
        locked(&self.config).clone()
    }
}

/// Why the server ends, once it does.
async fn first_end(ended: &mut watch::Receiver<Option<Ended>>) -> Ended {
    // The sender is in what the connections share, and outlives who waits here.
    ended.wait_for(Option::is_some).await.ok().and_then(|why| *why).unwrap_or(Ended::Stop)
}

/// A server that listens.
pub struct Server<N> {
    shared: Arc<Shared<N>>,
    listener: TcpListener,
    local_addr: SocketAddr,
}

impl<N: Node> Server<N> {
    /// Listens where `config` says. Clients can connect from now on; they are answered by [`Server::serve`].
    /// Errors: the address is taken, or not this machine's.
    pub async fn bind(node: Arc<N>, mut config: Config) -> io::Result<Server<N>> {
        let listener = TcpListener::bind((config.bind, config.port)).await?;
        let local_addr = listener.local_addr()?;
        config.port = local_addr.port();
        let (protected, memory_limit) = (config.protected_mode, config.maxmemory_clients);
        let shared = Arc::new(Shared {
            node,
            config: Mutex::new(config),
            changing: tokio::sync::Mutex::default(),
            clients: Clients::new(memory_limit),
            ended: watch::Sender::new(None),
        });
        tracing::info!(addr = %local_addr, "listening");
        warn_of(local_addr, protected);
        Ok(Server { shared, listener, local_addr })
    }

    /// The address that it listens on.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Serves until `stop` comes to an end or a client sends SHUTDOWN. Connections end after the run of commands that
    /// they are in; when this returns none is left.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> Ended {
        let mut ended = self.shared.ended.subscribe();
        let mut connections = JoinSet::new();
        let mut rests_until: Option<Instant> = None;
        let mut stop = std::pin::pin!(stop);
        let why = loop {
            tokio::select! {
                biased;
                () = &mut stop => break Ended::Stop,
                why = first_end(&mut ended) => break why,
                () = self.shared.node.disconnects() => self.shared.clients.kill_all(),
                // Those that ended are taken away, so that the set does not grow.
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                accepted = accept(&self.listener, rests_until) => match accepted {
                    Ok((socket, addr)) => {
                        rests_until = None;
                        self.welcome(socket, addr, &mut connections);
                    }
                    Err(error) => {
                        // Once for as long as it lasts: it is tried again twenty times a second.
                        if rests_until.is_none() {
                            tracing::warn!(%error, "accept failed: new clients wait");
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
        if protected::is_refused(config.protected_mode, addr.ip()) {
            self.shared.clients.rejected.fetch_add(1, Relaxed);
            tracing::warn!(%addr, "client refused: protected-mode is on, and it is another machine");
            return refuse(socket, protected::REFUSAL);
        }
        // Without it small replies wait for acknowledgements; a socket that refuses it works all the same.
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

/// The next connection, after that instant.
async fn accept(listener: &TcpListener, after: Option<Instant>) -> io::Result<(TcpStream, SocketAddr)> {
    if let Some(after) = after {
        tokio::time::sleep_until(after).await;
    }
    listener.accept().await
}

/// Tells why, and closes. Nothing was written to this socket, so the text fits, and it does not block; whoever has gone does not
/// read it. Not by tokio: it writes only once it has heard from the system that it may.
fn refuse(socket: TcpStream, text: &str) {
    let _ = socket.into_std().and_then(|mut socket| socket.write_all(text.as_bytes()));
}

/// Says who reaches an address that is not the loopback one.
fn warn_of(addr: SocketAddr, protected: bool) {
    match (protected::is_loopback(addr.ip()), protected) {
        (true, _) => {}
        (false, true) => tracing::warn!(
            %addr,
            "other machines reach this address, and are refused: there are no passwords, and protected-mode is on"
        ),
        (false, false) => tracing::warn!(
            %addr,
            "whoever reaches this address reads and writes: there are no passwords, and protected-mode is off"
        ),
    }
}
