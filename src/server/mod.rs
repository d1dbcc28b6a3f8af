//! Server — sockets → requests → the node → replies. Does I/O: TCP, and the only clock of a running node.
//!
//! ```text
//! bytes ──▶ request ──▶ session ──▶ node (a run of commands) ──▶ reply ──▶ bytes
//!                          └ HELLO, CLIENT, CONFIG, COMMAND, INFO, …: answered here
//! ```
//!
//! The engine is behind the trait [`Node`], so all of this is built and tested without RocksDB.

pub mod client_command;
mod clients;
pub mod config;
mod connection;
mod describe;
pub mod facts;
pub mod info;
mod node;
pub mod reply;
pub mod request;
pub mod session;
mod table;

pub use config::Config;
pub use facts::Facts;
pub use node::{Node, Refused};

use clients::{Clients, locked};
use connection::Connection;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long accepting rests after it failed: no file descriptor is left, as a rule.
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
        let shared = Arc::new(Shared {
            node,
            config: Mutex::new(config),
            changing: tokio::sync::Mutex::default(),
            clients: Clients::new(),
            ended: watch::Sender::new(None),
        });
        tracing::info!(addr = %local_addr, "listening");
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
        let mut stop = std::pin::pin!(stop);
        let why = loop {
            tokio::select! {
                biased;
                () = &mut stop => break Ended::Stop,
                why = first_end(&mut ended) => break why,
                () = self.shared.node.disconnects() => self.shared.clients.kill_all(),
                // Those that ended are taken away, so that the set does not grow.
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                accepted = self.listener.accept() => match accepted {
                    Ok((socket, addr)) => self.welcome(socket, addr, &mut connections),
                    Err(error) => {
                        tracing::warn!(%error, "accept failed");
                        tokio::time::sleep(ACCEPT_REST).await;
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
        // Without it small replies wait for acknowledgements; a socket that refuses it works all the same.
        let _ = socket.set_nodelay(true);
        let laddr = socket.local_addr().unwrap_or(self.local_addr);
        let max = self.shared.config().maxclients;
        match self.shared.clients.join(addr, laddr, max) {
            Some(client) => {
                let connection = Connection::new(Arc::clone(&self.shared), socket, client);
                connections.spawn(connection.serve());
            }
            None => {
                tracing::warn!(%addr, maxclients = max, "client refused");
                // Nothing was written to this socket, so this fits; whoever has gone does not read it.
                let _ = socket.try_write(b"-ERR max number of clients reached\r\n");
            }
        }
    }
}
