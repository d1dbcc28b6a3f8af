//! Nodes of this process: folders, RocksDB, TCP, threads. Does I/O.

use replicheck::engine::{Address, Engine, Settings};
use replicheck::server::{Config, Server};
use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// Maximum time of a wait; if it takes longer, something other than the choice is wrong.
pub const LIMIT: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_micros(200);

/// A node with its server.
pub struct Running {
    /// The node.
    pub engine: Arc<Engine>,
    /// The address at which it serves.
    pub addr: SocketAddr,
    /// The server ends when this is dropped.
    _stop: tokio::sync::oneshot::Sender<()>,
}

/// Starts a node on a free port, as a replica of `master` or as a master. Errors: as text.
pub fn start(handle: &Handle, settings: Settings, master: Option<SocketAddr>) -> Result<Running, String> {
    std::fs::create_dir_all(&settings.dir).map_err(in_words)?;
    let master = master.map(|addr| Address { host: addr.ip().to_string(), port: addr.port() });
    let engine = Engine::start(settings, master).map_err(in_words)?;
    let config = Config { port: 0, ..Config::default() };
    let server = handle.block_on(Server::bind(Arc::clone(&engine), config)).map_err(in_words)?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let addr = server.local_addr();
    handle.spawn(server.serve(async {
        let _ = stopped.await;
    }));
    Ok(Running { engine, addr, _stop: stop })
}

/// Polls until `is_so` is true. Errors: it was not true within [`LIMIT`].
pub fn wait_until(what: impl Display, is_so: impl Fn() -> bool) -> Result<(), String> {
    let since = Instant::now();
    while !is_so() {
        if since.elapsed() > LIMIT {
            return Err(format!("waited {} s for {what}", LIMIT.as_secs()));
        }
        thread::sleep(POLL);
    }
    Ok(())
}

/// An error as its text.
pub fn in_words(error: impl Display) -> String {
    error.to_string()
}
