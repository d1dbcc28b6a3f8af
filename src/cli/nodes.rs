//! Nodes of this process: folders, RocksDB, TCP, threads. Does I/O.

use replicheck::client::ClientError;
use replicheck::command::line::LineError;
use replicheck::engine::{Address, Engine, NodeError, Settings, StartError, ViewError};
use replicheck::server::{Config, Server};
use replicheck::store::StoreError;
use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// Maximum time of a wait; if it takes longer, something other than the choice is wrong.
pub const LIMIT: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_micros(200);

/// Why a program or a path could not be run on nodes.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// This machine failed: a folder, a port, a pipe. Nothing is said of what was run: run it again.
    #[error(transparent)]
    Machine(#[from] io::Error),
    /// A node does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A node's store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A node gives its readers nothing.
    #[error(transparent)]
    View(#[from] ViewError),
    /// A node does not answer its client.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A command of a program is no command.
    #[error(transparent)]
    Command(#[from] LineError),
    /// A node did not do what it was asked.
    #[error(transparent)]
    Node(Box<NodeError>),
    /// The process of a node reports that it cannot go on, or it has ended.
    #[error("{0}")]
    Process(String),
    /// Something did not come within [`LIMIT`].
    #[error("waited {limit} s for {0}", limit = LIMIT.as_secs())]
    Late(String),
    /// Real nodes cannot be told to do this: choose another path, or another choice.
    #[error("{0}")]
    NotDriven(String),
}

impl From<NodeError> for RunError {
    fn from(error: NodeError) -> RunError {
        RunError::Node(Box::new(error))
    }
}

impl RunError {
    /// A path that real nodes cannot be told to take.
    pub fn not_driven(why: impl Display) -> RunError {
        RunError::NotDriven(why.to_string())
    }

    /// A node that cannot go on, in its words.
    pub fn node(why: impl Display) -> RunError {
        RunError::Process(why.to_string())
    }
}

/// A node with its server.
pub struct Running {
    /// The node.
    pub engine: Arc<Engine>,
    /// The address at which it serves.
    pub addr: SocketAddr,
    /// The server ends when this is dropped.
    _stop: tokio::sync::oneshot::Sender<()>,
}

/// Starts a node on a free port, as a replica of `master` or as a master. Errors: [`RunError`].
pub fn start(handle: &Handle, settings: Settings, master: Option<SocketAddr>) -> Result<Running, RunError> {
    std::fs::create_dir_all(&settings.dir)?;
    let master = master.map(|addr| Address { host: addr.ip().to_string(), port: addr.port() });
    let engine = Engine::start(settings, master)?;
    let config = Config { port: 0, ..Config::default() };
    let server = handle.block_on(Server::bind(Arc::clone(&engine), config))?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let addr = server.local_addr();
    handle.spawn(server.serve(async {
        let _ = stopped.await;
    }));
    Ok(Running { engine, addr, _stop: stop })
}

/// Polls until `is_so` is true. Errors: it was not true within [`LIMIT`].
pub fn wait_until(what: impl Display, is_so: impl Fn() -> bool) -> Result<(), RunError> {
    let since = Instant::now();
    while !is_so() {
        if since.elapsed() > LIMIT {
            return Err(RunError::Late(what.to_string()));
        }
        thread::sleep(POLL);
    }
    Ok(())
}
