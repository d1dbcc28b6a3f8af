//! `replicheck explore` — the explorer's pages on a port of this machine, until a signal.

use super::{Outcome, UsageError};
use replicheck::models::explorer;
use replicheck::probe::options::{Address, Credentials};
use replicheck::secret::Secret;
use std::io::Write;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use tokio::net::TcpListener;
use tokio::signal::ctrl_c;

/// Watch a replica go wrong, step by step, in a browser.
///
/// Serves pages on this machine and prints their address. It starts no browser, and no request leaves the machine, but for INFO to
/// the node of --node. User and password of that node come from REPLICHECK_USER and REPLICHECK_PASSWORD; the connection has no TLS.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = EXAMPLES)]
pub struct Args {
    /// Port to listen on; 0 = any free one
    #[arg(long, value_name = "PORT", default_value_t = 3000)]
    port: u16,
    /// Address to listen on; everyone who can reach it may run searches on this machine
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    bind: IpAddr,
    /// Also draw a running node while it works, at /node: its lanes, watermarks, lag, waits
    #[arg(long, value_name = "HOST:PORT")]
    node: Option<Address>,
    /// Folder with the results of `cargo test`, one file per tool
    #[arg(long, value_name = "DIR", default_value = "target/replicheck")]
    results: String,
    /// Folder with the results of `cargo bench`
    #[arg(long, value_name = "DIR", default_value = "target/bench")]
    bench_results: String,
}

const EXAMPLES: &str = "Examples:
  replicheck explore
  replicheck explore --port 0
  replicheck explore --node 127.0.0.1:7002
  REPLICHECK_PASSWORD=… replicheck explore --node db2:7002; curl 127.0.0.1:3000/node.json";

/// Serves until Ctrl-C.
pub fn run(args: &Args) -> Result<Outcome, UsageError> {
    let runtime = tokio::runtime::Runtime::new()?;
    let outcome = runtime.block_on(serve(args));
    // Do not wait for searches that are still running.
    runtime.shutdown_background();
    outcome
}

async fn serve(args: &Args) -> Result<Outcome, UsageError> {
    let results = super::catalogue::results(Path::new(&args.results))?;
    let checkout = explorer::Checkout { results, bench_results: PathBuf::from(&args.bench_results) };
    let cannot = |source| UsageError::Listen { bind: args.bind, port: args.port, source };
    let listener = TcpListener::bind((args.bind, args.port)).await.map_err(cannot)?;
    writeln!(std::io::stdout(), "http://{}/", listener.local_addr()?)?;
    std::io::stdout().flush()?;
    tokio::select! {
        ended = explorer::serve(listener, checkout, args.node.clone().map(node)) => ended?,
        signal = ctrl_c() => signal?,
    }
    Ok(Outcome::Expected)
}

/// The node of that address, with the user and password of the environment.
fn node(address: Address) -> explorer::Node {
    let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    let password = variable("REPLICHECK_PASSWORD").and_then(|text| Secret::new(text.as_bytes()));
    let user = variable("REPLICHECK_USER");
    explorer::Node { address, credentials: Credentials { user, password, tls: None } }
}
