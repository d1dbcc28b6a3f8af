//! `replicheck serve` — a folder and a port → a node that Redis clients talk to, until it is told to stop.

use super::{Outcome, UsageError, log};
use replicheck::binlog::Fsync;
use replicheck::compression::Codec;
use replicheck::engine::{Address, DESCRIPTORS_RESERVED, Engine, Port, Settings};
use replicheck::expiry::Policy;
use replicheck::ordering::Strategy;
use replicheck::server::{Config, Ended, Node, Server, descriptors};
use replicheck::trace::Trace;
use std::io::Write;
use std::net::{IpAddr, ToSocketAddrs};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};

/// Serve a node to Redis clients: a master, or a replica of one.
///
/// Data is on RocksDB in the folder; the binlog beside it is the only log, and what replicas are sent. Exit code: 0 = ended
/// as asked, everything durable, 1 = the node could not go on, 2 = it did not start.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = EXAMPLES)]
pub struct Args {
    /// Port to listen on; 0 = any free one, which is printed
    #[arg(long, value_name = "PORT")]
    port: u16,
    /// The node's folder: made if there is none, taken as it is if there is one
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Address to listen on. There are no passwords: see --protected-mode
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    bind: IpAddr,
    /// Whether connections from other machines are refused, replicas' too: yes, no. With no, whoever reaches the address reads
    /// and writes
    #[arg(long, value_name = "YES|NO", default_value = "yes", value_parser = yes_or_no, action = clap::ArgAction::Set)]
    protected_mode: bool,
    /// Follow this master
    #[arg(long, value_name = "HOST:PORT")]
    replicaof: Option<Address>,
    /// Take the folder in, which is a copy of the stopped master's: for a replica whose master's log no longer begins at lsn 1.
    /// Refused if it is no such copy; without effect once the folder is a replica's
    #[arg(long, requires = "replicaof")]
    take_copy: bool,
    /// In which order a replica applies the log
    #[arg(long, value_name = "NAME", default_value = "serial")]
    ordering: Strategy,
    /// What a master logs of writes that depend on time, and by which clock a replica judges
    #[arg(long, value_name = "NAME", default_value = "log_clock")]
    expiry: Policy,
    /// Threads on which a replica applies entries [default: one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: Option<u16>,
    /// When the binlog is synced: always (before each reply), everysec, no
    #[arg(long, value_name = "WHEN", default_value = "everysec")]
    appendfsync: Fsync,
    /// What closed segments of the binlog are rewritten by, and what a replica asks its master to send: none, lz4 (half the
    /// bytes), zstd (a quarter, for more time). Any value reads what another one wrote
    #[arg(long, value_name = "CODEC", default_value = "none")]
    compression: Codec,
    /// How long a replica may hear nothing before it estimates log time, milliseconds
    #[arg(long, value_name = "MS", default_value_t = 10_000)]
    log_clock_limit: u64,
    /// How much of the time for which a node was down log time counts at a start, at most, milliseconds: the wall clock tells it,
    /// which may have been set meanwhile
    #[arg(long, value_name = "MS", default_value_t = 24 * 3_600_000)]
    downtime_max: u64,
    /// How often a replica under writeset_snapshots publishes a snapshot, milliseconds
    #[arg(long, value_name = "MS", default_value_t = 100)]
    snapshot_interval: u64,
    /// Write a JSON line for each batch that a worker of a replica wrote to this file, which is emptied
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Bytes written to the store at which it is flushed
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 20)]
    flush_bytes: u64,
    /// Connections at a time, replicas included. Fewer where the limit of open files (ulimit -n) does not allow that many
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    maxclients: u64,
    /// How logs are written to standard error
    #[command(flatten)]
    log: log::Args,
}

const EXAMPLES: &str = "Examples:
  replicheck serve --port 7001 --dir master
  replicheck serve --port 7002 --dir replica --replicaof 127.0.0.1:7001
  redis-cli -p 7001 set k v; redis-cli -p 7002 get k; redis-cli -p 7002 info replication
  replicheck serve --port 7003 --dir legacy --replicaof 127.0.0.1:7001 --ordering key_hash";

/// Serves until a signal, SHUTDOWN, or the node's end.
pub fn run(args: &Args) -> Result<Outcome, UsageError> {
    args.log.start();
    // Whatever the node makes from now on is its user's alone.
    rustix::process::umask(rustix::fs::Mode::from_bits_truncate(0o077));
    // One core is the writer's: one more thread for connections would take turns with it. What reads much has its own.
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(cores.saturating_sub(1).max(1)).max_blocking_threads(2 * cores);
    let runtime = runtime.enable_all().build()?;
    runtime.block_on(serve(args))
}

/// Whether `master` is where the node itself is to serve.
fn is_own(master: &Address, bind: IpAddr, port: u16) -> bool {
    let reaches = |ip: IpAddr| ip == bind || (bind.is_unspecified() && ip.is_loopback());
    let mut addresses = (master.host.as_str(), master.port).to_socket_addrs().into_iter().flatten();
    master.port == port && addresses.any(|address| reaches(address.ip()))
}

async fn serve(args: &Args) -> Result<Outcome, UsageError> {
    if let Some(master) = args.replicaof.as_ref().filter(|master| is_own(master, args.bind, args.port)) {
        return Err(UsageError::Refused(format!(
            "a node cannot replicate itself, and --replicaof {master} is this node"
        )));
    }
    let failed = |reason: String| UsageError::File { file: args.dir.display().to_string(), reason };
    if std::fs::metadata(&args.dir)
        .is_ok_and(|folder| folder.is_dir() && folder.permissions().mode() & 0o077 != 0)
    {
        tracing::warn!(dir = %args.dir.display(), "the folder is open to other users: chmod 700 closes it");
    }
    let maxclients = descriptors::make_room(args.maxclients, DESCRIPTORS_RESERVED)
        .map_err(|error| UsageError::Refused(error.to_string()))?;
    let (settings, master) = (settings(args)?, args.replicaof.clone());
    let started = tokio::task::spawn_blocking(move || Engine::start(settings, master)).await;
    let engine =
        started.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.to_string()))?;
    let config = Config {
        bind: args.bind,
        port: args.port,
        protected_mode: args.protected_mode,
        maxclients,
        descriptors_reserved: Some(DESCRIPTORS_RESERVED),
        ..Config::default()
    };
    let bound = Server::bind(Arc::clone(&engine), config).await;
    let server = match bound {
        Ok(server) => server,
        Err(source) => {
            // What recovery did is kept.
            let _ = engine.stop().await;
            return Err(UsageError::Listen { bind: args.bind, port: args.port, source });
        }
    };
    engine.serves_on(server.local_addr().port());
    writeln!(std::io::stdout(), "listening on {}", server.local_addr())?;
    std::io::stdout().flush()?;
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let failure = engine.failure().clone();
    let mut reason = None;
    let stop = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            failed = failure.wait() => reason = Some(failed),
        }
    };
    let ended = server.serve(stop).await;
    if ended == Ended::Stop
        && let Err(error) = engine.stop().await
    {
        reason.get_or_insert(error.0);
    }
    match reason {
        None => Ok(Outcome::Expected),
        Some(reason) => {
            anstream::eprintln!("{} the node could not go on: {reason}", super::paint::bad("error:"));
            Ok(Outcome::Differs)
        }
    }
}

fn yes_or_no(text: &str) -> Result<bool, &'static str> {
    match text.to_ascii_lowercase().as_str() {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("yes or no is expected"),
    }
}

fn settings(args: &Args) -> Result<Settings, UsageError> {
    let trace = |file: &PathBuf| {
        let wrong = |error: std::io::Error| UsageError::File {
            file: file.display().to_string(),
            reason: error.to_string(),
        };
        Trace::create(file).map(Arc::new).map_err(wrong)
    };
    let defaults = Settings::new(&args.dir);
    Ok(Settings {
        // A replica says it at once, and the server binds later; 0 is not known before.
        port: Port::new(args.port.into()),
        ordering: args.ordering,
        expiry: args.expiry,
        workers: args.workers.map_or(defaults.workers, usize::from),
        fsync: args.appendfsync,
        compression: args.compression,
        flush_bytes: args.flush_bytes,
        log_clock_limit_ms: args.log_clock_limit,
        downtime_max_ms: args.downtime_max,
        takes_copy: args.take_copy,
        snapshot_interval_ms: args.snapshot_interval,
        trace: args.trace.as_ref().map(trace).transpose()?,
        ..defaults
    })
}
