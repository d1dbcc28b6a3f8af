//! `replicheck explore` — the explorer's pages on a port of this machine, until a signal.

use super::{Outcome, UsageError};
use replicheck::models::explorer;
use std::io::Write;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use tokio::net::TcpListener;
use tokio::signal::ctrl_c;

/// Watch a replica go wrong, step by step, in a browser.
///
/// Serves pages on this machine and prints their address. It starts no browser, and no request leaves the machine.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = EXAMPLES)]
pub struct Args {
    /// Port to listen on; 0 = any free one
    #[arg(long, value_name = "PORT", default_value_t = 3000)]
    port: u16,
    /// Address to listen on; everyone who can reach it may run searches on this machine
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    bind: IpAddr,
    /// Folder with the results of `cargo test`, one file per tool
    #[arg(long, value_name = "DIR", default_value = "target/replicheck")]
    results: String,
    /// Folder with the results of `cargo bench`
    #[arg(long, value_name = "DIR", default_value = "target/bench")]
    bench_results: String,
}

const EXAMPLES: &str = "Examples:
  replicheck explore
  replicheck explore --port 0";

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
        ended = explorer::serve(listener, checkout) => ended?,
        signal = ctrl_c() => signal?,
    }
    Ok(Outcome::Expected)
}
