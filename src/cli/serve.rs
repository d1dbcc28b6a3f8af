//! `replicheck serve` — a folder and a port → a node that serves Redis clients until it is told to stop.

use super::named::Named;
use super::{Outcome, UsageError, log};
use replicheck::binlog::Fsync;
use replicheck::compression::CompressionMethod;
use replicheck::engine::{Address, DESCRIPTORS_RESERVED, Engine, FLUSH_BYTES, Settings};
use replicheck::expiry::Policy;
use replicheck::ordering::Strategy;
use replicheck::secret::Secret;
use replicheck::server::{Backend, Config, Ended, MetricsPort, MinReplicas, Reserved, Server, descriptors};
use replicheck::trace::Trace;
use std::io::Write;
use std::net::{IpAddr, ToSocketAddrs};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::signal::unix::{SignalKind, signal};

/// Serve a node to Redis clients: a master, or a replica of one.
///
/// Data is stored in RocksDB in the folder; the binlog beside it is the only log, and it is sent to replicas. Exit code: 0
/// = stopped on request, and everything is durable, 1 = the node could not continue, 2 = it did not start.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = EXAMPLES)]
pub struct Args {
    /// Port to listen on; 0 = any free one, which is printed
    #[arg(long, value_name = "PORT")]
    port: u16,
    /// The node's folder: created if it does not exist, used as it is if it does
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Address to listen on. See --protected-mode and --requirepass-file
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    bind: IpAddr,
    /// Whether connections from other machines are refused, including those of replicas: yes, no. With no, everyone who can
    /// reach the address can read and write
    #[arg(long, value_name = "YES|NO", default_value = "yes", value_parser = yes_or_no, action = clap::ArgAction::Set)]
    protected_mode: bool,
    /// File whose first line is the password that clients and replicas have to send with AUTH. With a password, connections from
    /// other machines are accepted in protected mode, too
    #[arg(long, value_name = "FILE")]
    requirepass_file: Option<PathBuf>,
    /// File whose first line is the password that this node sends to its master
    #[arg(long, value_name = "FILE")]
    masterauth_file: Option<PathBuf>,
    /// Number of good replicas that a master needs: with fewer it refuses writes (NOREPLICAS). 0 = none is needed
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=i32::MAX as u64))]
    min_replicas_to_write: u64,
    /// A replica is good if its last acknowledgement is at most this many seconds old; 0 = none is needed
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(..=i32::MAX as u64))]
    min_replicas_max_lag: u64,
    /// Follow this master
    #[arg(long, value_name = "HOST:PORT")]
    replicaof: Option<Address>,
    /// Accept the folder as a copy of the stopped master's folder: for a replica that need not copy a large store over the network.
    /// Refused if it is not such a copy; without effect once the folder belongs to a replica
    #[arg(long, requires = "replicaof")]
    take_copy: bool,
    /// Whether a replica that cannot resume replaces its data by a copy of its master's: yes, no. With no, its link stops with the
    /// reason. Until the copy is complete, the replica keeps and serves what it has
    #[arg(long, value_name = "YES|NO", default_value = "yes", value_parser = yes_or_no, action = clap::ArgAction::Set)]
    full_sync: bool,
    /// Ordering strategy: the order in which a replica applies the log
    #[arg(long, value_name = "NAME", default_value = "serial", value_parser = Named::STRATEGIES)]
    ordering: Strategy,
    /// Expiry policy: what a master logs of writes that depend on time, and by which clock a replica judges
    #[arg(long, value_name = "NAME", default_value = "log_clock", value_parser = Named::POLICIES)]
    expiry: Policy,
    /// Threads on which a replica applies entries [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: Option<u16>,
    /// Times at which the binlog is synced: always (before each reply), everysec, no
    #[arg(long, value_name = "WHEN", default_value = "everysec")]
    appendfsync: Fsync,
    /// Compression with which closed segments of the binlog are rewritten, and which a replica requests from its master:
    /// none, lz4 (half the bytes), zstd (a quarter, for more time). Data written with any value can be read with every
    /// other one
    #[arg(long, value_name = "CODEC", default_value = "none")]
    compression: CompressionMethod,
    /// How long a replica may receive nothing from its master before it estimates log time, milliseconds
    #[arg(long, value_name = "MS", default_value_t = 10_000)]
    log_clock_limit: u64,
    /// Maximum downtime that a start adds to log time, milliseconds. Downtime is measured with the wall clock, which may have
    /// been set in the meantime
    #[arg(long, value_name = "MS", default_value_t = 24 * 3_600_000)]
    downtime_max: u64,
    /// How often a replica under writeset_snapshots publishes a snapshot, milliseconds
    #[arg(long, value_name = "MS", default_value_t = 100)]
    snapshot_interval: u64,
    /// For each batch that a worker of a replica wrote, write a JSON line to this file; an existing file is
    /// emptied
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Bytes written to the store at which it is flushed
    #[arg(long, value_name = "BYTES", default_value_t = FLUSH_BYTES)]
    flush_bytes: u64,
    /// Maximum number of connections at a time, replicas included. Fewer if the limit of open files (ulimit -n) does not
    /// allow that many
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    maxclients: u64,
    /// Port on which Prometheus reads the node's figures, at /metrics; 0 = any free one, which is printed. It has the address of
    /// --bind, and asks for no password
    #[arg(long, value_name = "PORT")]
    metrics: Option<u16>,
    /// How logs are written to standard error
    #[command(flatten)]
    log: log::Args,
}

const EXAMPLES: &str = "Examples:
  replicheck serve --port 7001 --dir master
  replicheck serve --port 7002 --dir replica --replicaof 127.0.0.1:7001
  redis-cli -p 7001 set k v; redis-cli -p 7002 get k; redis-cli -p 7002 info replication
  replicheck serve --port 7003 --dir legacy --replicaof 127.0.0.1:7001 --ordering key_hash
  replicheck serve --port 7004 --dir measured --replicaof 127.0.0.1:7001 --metrics 9104; curl 127.0.0.1:9104/metrics";

/// Serves until a signal, SHUTDOWN, or a failure of the node.
pub fn run(args: &Args) -> Result<Outcome, UsageError> {
    args.log.start();
    // Only the user of the node gets access to files that it creates from now on.
    rustix::process::umask(rustix::fs::Mode::from_bits_truncate(0o077));
    // One core is left to the writer: one more thread for connections would compete with it. Long reads have threads
    // of their own.
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(cores.saturating_sub(1).max(1)).max_blocking_threads(2 * cores);
    let runtime = runtime.enable_all().build()?;
    runtime.block_on(serve(args))
}

/// The password in the first line of a file. Errors: the file cannot be read, or has none.
fn password(file: Option<&Path>) -> Result<Option<Secret>, UsageError> {
    let Some(path) = file else { return Ok(None) };
    let failed = |reason: String| UsageError::File { file: path.display().to_string(), reason };
    let bytes = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    let line = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let secret = Secret::new(line.strip_suffix(b"\r").unwrap_or(line));
    secret.map(Some).ok_or_else(|| failed("the first line, which is the password, is empty".to_owned()))
}

/// Whether `master` is the address at which the node itself will serve.
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
    let requirepass = password(args.requirepass_file.as_deref())?;
    let masterauth = password(args.masterauth_file.as_deref())?;
    let metrics = match args.metrics {
        Some(port) => {
            let cannot = |source| UsageError::Listen { bind: args.bind, port, source };
            Some(MetricsPort::bind(args.bind, port).await.map_err(cannot)?)
        }
        None => None,
    };
    let cannot = |source| UsageError::Listen { bind: args.bind, port: args.port, source };
    let reserved = Reserved::new(args.bind, args.port).map_err(cannot)?;
    let (settings, master) = (settings(args)?, args.replicaof.clone());
    let settings = Settings { masterauth: Arc::new(masterauth.clone().into()), ..settings };
    // A replica may connect to its master before the port is open. It names its own port then.
    settings.port.store(reserved.port().map_err(cannot)?, Ordering::Relaxed);
    let started = tokio::task::spawn_blocking(move || Engine::start(settings, master)).await;
    let engine =
        started.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.to_string()))?;
    let config = Config {
        bind: args.bind,
        port: args.port,
        protected_mode: args.protected_mode,
        maxclients,
        descriptors_reserved: Some(DESCRIPTORS_RESERVED),
        min_replicas: MinReplicas {
            to_write: args.min_replicas_to_write,
            lag_max_s: args.min_replicas_max_lag,
        },
        requirepass,
        masterauth,
        ..Config::default()
    };
    let bound = Server::on(reserved, Arc::clone(&engine), config).await;
    let server = match bound {
        Ok(server) => server,
        Err(source) => {
            // The work of recovery is kept.
            let _ = engine.stop().await;
            return Err(cannot(source));
        }
    };
    writeln!(std::io::stdout(), "listening on {}", server.local_addr())?;
    if let Some(port) = metrics {
        writeln!(std::io::stdout(), "metrics at http://{}/metrics", port.local_addr()?)?;
        tokio::spawn(server.metrics(port));
    }
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
            anstream::eprintln!("{} the node could not continue: {reason}", super::paint::bad("error:"));
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
        ordering: args.ordering,
        expiry: args.expiry,
        workers: args.workers.map_or(defaults.workers, usize::from),
        fsync: args.appendfsync,
        compression: args.compression,
        flush_bytes: args.flush_bytes,
        log_clock_limit_ms: args.log_clock_limit,
        downtime_max_ms: args.downtime_max,
        takes_copy: args.take_copy,
        full_sync: args.full_sync,
        snapshot_interval_ms: args.snapshot_interval,
        trace: args.trace.as_ref().map(trace).transpose()?,
        ..defaults
    })
}
