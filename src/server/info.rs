//! Info — makes the replies to INFO, ROLE and HELLO from the node's facts and the server's counts. Pure.
//!
//! A field has Redis's name if Redis has a field for this fact. All other fields begin with `rc_`.

use super::config::{Config, fsync_name};
use super::facts::{Facts, Follower, Link, Progress, Role};
use super::failover::Stage;
use super::measured::FullSyncs;
use super::reply::Protocol;
use crate::command::Reply;
use std::fmt::{Display, Write as _};

/// The version of Redis whose replies this server gives.
pub const REDIS_VERSION: &str = "7.0.15";

/// The server's counters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections that are open now.
    pub clients: u64,
    /// Connections accepted since the start, or since CONFIG RESETSTAT.
    pub connections: u64,
    /// Connections that were refused, because there were too many or because of protected mode.
    pub rejected: u64,
    /// Commands run.
    pub commands: u64,
    /// Bytes read from clients.
    pub input_bytes: u64,
    /// Bytes written to clients.
    pub output_bytes: u64,
    /// Connections that were closed because too many bytes of replies waited for them.
    pub over_output_limit: u64,
    /// Connections that were closed because too many bytes of replies waited for all clients, and most of them for these.
    pub evicted: u64,
    /// Connections that wait in a command now: WAIT, WAITAOF, or a pause.
    pub blocked: u64,
    /// Memory of all replies that are made and not sent yet, in bytes.
    pub held_bytes: u64,
    /// Seconds since the server was bound.
    pub uptime_s: u64,
    /// RAM that the process uses, in bytes; 0 if unknown.
    pub rss_bytes: u64,
    /// The server's wall time, in microseconds since 1970.
    pub now_us: u128,
}

/// The sources from which INFO is made.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// The node's state.
    pub facts: &'a Facts,
    /// The server's configuration.
    pub config: &'a Config,
    /// The server's counters.
    pub counts: &'a Counts,
    /// The progress of a failover.
    pub failover: Stage,
    /// The reason for which the last failover was aborted.
    pub aborted: Option<&'a str>,
}

/// The text of INFO while it is written: `# Section`, then `name:value` lines.
struct Text(String);

impl Text {
    fn section(&mut self, name: &str) {
        let gap = if self.0.is_empty() { "" } else { "\r\n" };
        self.line(format_args!("{gap}# {name}"));
    }

    fn field(&mut self, name: impl Display, value: impl Display) {
        self.line(format_args!("{name}:{value}"));
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing into a String does not fail.
        let _ = write!(self.0, "{line}\r\n");
    }
}

type Section = fn(&mut Text, &Sources<'_>);

const SECTIONS: &[(&str, Section)] = &[
    ("Server", server),
    ("Clients", clients),
    ("Memory", memory),
    ("Persistence", persistence),
    ("Stats", stats),
    ("Replication", replication),
    ("Replicheck", replicheck),
    ("Keyspace", keyspace),
];

/// Makes the reply to INFO for the sections in `asked`. No section, `default`, `all` and `everything` each mean all
/// sections.
pub fn info(sources: &Sources<'_>, asked: &[Vec<u8>]) -> Reply {
    let is_asked = |name: &str| {
        let all = ["default", "all", "everything"];
        asked.is_empty()
            || asked.iter().any(|asked| {
                let asked = String::from_utf8_lossy(asked).to_ascii_lowercase();
                asked == name.to_ascii_lowercase() || all.contains(&asked.as_str())
            })
    };
    let mut text = Text(String::new());
    for (name, section) in SECTIONS.iter().filter(|(name, _)| is_asked(name)) {
        text.section(name);
        section(&mut text, sources);
    }
    Reply::Verbatim(text.0.into_bytes())
}

fn server(text: &mut Text, sources: &Sources<'_>) {
    text.field("redis_version", REDIS_VERSION);
    text.field("redis_mode", "standalone");
    text.field("os", std::env::consts::OS);
    text.field("arch_bits", usize::BITS);
    text.field("process_id", std::process::id());
    text.field("run_id", &sources.facts.run_id);
    text.field("tcp_port", sources.config.port);
    text.field("server_time_usec", sources.counts.now_us);
    text.field("uptime_in_seconds", sources.counts.uptime_s);
    text.field("uptime_in_days", sources.counts.uptime_s / 86_400);
    text.field("config_file", "");
    text.field("rc_version", env!("CARGO_PKG_VERSION"));
    text.field("rc_ordering", sources.facts.ordering.name());
    text.field("rc_expiry", sources.facts.expiry.name());
    text.field("rc_workers", sources.facts.workers);
}

fn clients(text: &mut Text, sources: &Sources<'_>) {
    text.field("connected_clients", sources.counts.clients);
    text.field("maxclients", sources.config.maxclients);
    text.field("blocked_clients", sources.counts.blocked);
}

fn memory(text: &mut Text, sources: &Sources<'_>) {
    // Allocated memory is not counted separately from the memory that the system reports.
    for name in ["used_memory", "used_memory_rss"] {
        let bytes = sources.counts.rss_bytes;
        text.field(name, bytes);
        text.field(format_args!("{name}_human"), human(bytes));
    }
    text.field("maxmemory", 0);
    text.field("maxmemory_policy", "noeviction");
    text.field("mem_clients_normal", sources.counts.held_bytes);
}

/// A number of bytes in Redis's readable form: `1.28M`.
fn human(bytes: u64) -> String {
    let units = [(1u64 << 30, "G"), (1 << 20, "M"), (1 << 10, "K")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit) {
        None => format!("{bytes}B"),
        Some((unit, name)) => {
            let hundredths = u128::from(bytes) * 100 / u128::from(unit);
            format!("{}.{:02}{name}", hundredths / 100, hundredths % 100)
        }
    }
}

fn persistence(text: &mut Text, sources: &Sources<'_>) {
    let facts = sources.facts;
    // During a full sync a replica serves the data that it has.
    text.field("loading", 0);
    text.field("aof_enabled", 1);
    text.field("rc_appendfsync", fsync_name(facts.appendfsync));
    text.field("rc_log_compression", facts.compression.name());
    text.field("rc_durable_lsn", facts.progress.durable);
    text.field("aof_last_write_status", if facts.read_only.is_some() { "err" } else { "ok" });
    if let Some(reason) = &facts.read_only {
        text.field("rc_read_only", one_line(reason));
    }
}

fn one_line(text: &str) -> String {
    text.replace(['\r', '\n'], " ")
}

fn stats(text: &mut Text, sources: &Sources<'_>) {
    let counts = sources.counts;
    text.field("total_connections_received", counts.connections);
    text.field("total_commands_processed", counts.commands);
    text.field("total_net_input_bytes", counts.input_bytes);
    text.field("total_net_output_bytes", counts.output_bytes);
    text.field("rejected_connections", counts.rejected);
    text.field("sync_full", sources.facts.syncs.full);
    text.field("sync_partial_ok", sources.facts.syncs.resumed);
    text.field("sync_partial_err", sources.facts.syncs.refused);
    text.field("evicted_clients", counts.evicted);
    text.field("client_output_buffer_limit_disconnections", counts.over_output_limit);
}

fn replication(text: &mut Text, sources: &Sources<'_>) {
    let facts = sources.facts;
    match &facts.role {
        Role::Master { replicas } => {
            text.field("role", "master");
            text.field("connected_slaves", replicas.len());
            if sources.config.min_replicas.is_set() {
                text.field("min_slaves_good_slaves", facts.good_replicas);
            }
            for (at, replica) in replicas.iter().enumerate() {
                follower(text, at, replica);
            }
        }
        Role::Replica { host, port, link, down_ms, replicas } => {
            text.field("role", "slave");
            text.field("master_host", one_line(host));
            text.field("master_port", port);
            text.field("master_link_status", if matches!(link, Link::Up { .. }) { "up" } else { "down" });
            if let Link::Up { compression } = link {
                text.field("rc_link_compression", compression.name());
            }
            text.field("master_sync_in_progress", u8::from(matches!(link, Link::Sync { .. })));
            text.field("slave_repl_offset", facts.progress.applied);
            if let &Link::Sync { received, expected } = link {
                // The number of bytes is not known before the end: it is estimated from the size of the files.
                text.field("master_sync_total_bytes", expected);
                text.field("master_sync_read_bytes", received);
                text.field("master_sync_left_bytes", expected.saturating_sub(received));
            }
            if !matches!(link, Link::Up { .. }) {
                text.field("master_link_down_since_seconds", down_ms / 1000);
            }
            if let Link::Stopped { reason } = link {
                text.field("rc_link_stopped", one_line(reason));
            }
            text.field("slave_read_only", 1);
            text.field("connected_slaves", replicas.len());
            for (at, replica) in replicas.iter().enumerate() {
                follower(text, at, replica);
            }
        }
    }
    text.field("master_failover_state", sources.failover.name());
    if let Some(reason) = sources.aborted {
        text.field("rc_failover_aborted", one_line(reason));
    }
    // Redis's id of a history, which a replica has from its master. Here that is the epoch.
    text.field("master_replid", format_args!("{:040x}", facts.epoch.0));
    text.field("master_repl_offset", facts.progress.received);
    text.field("rc_epoch", facts.epoch);
    text.field("rc_received_lsn", facts.progress.received);
    text.field("rc_durable_lsn", facts.progress.durable);
    text.field("rc_applied_lsn", facts.progress.applied);
    text.field("rc_log_time", facts.log_time.0);
    text.field("rc_log_time_estimated", u8::from(facts.log_time_estimated));
    text.field("rc_clock_offset_ms", facts.offset_ms);
    text.field("rc_clock_steps", facts.clock_steps);
    text.field("rc_clients_disconnected", facts.clients_disconnected);
    text.field("rc_lag_entries", known(facts.progress.lag_entries));
    text.field("rc_lag_bytes", known(facts.progress.lag_bytes));
    text.field("rc_lag_ms", known(facts.progress.lag_ms));
}

/// A number for INFO; -1 if it is unknown, as in Redis.
fn known(number: Option<u64>) -> i64 {
    number.map_or(-1, |number| i64::try_from(number).unwrap_or(i64::MAX))
}

fn follower(text: &mut Text, at: usize, replica: &Follower) {
    let Follower { addr, port, state, compression, progress } = replica;
    let Progress { received, durable, applied, lag_entries, lag_bytes, lag_ms } = *progress;
    let state = state.name();
    let lag_s = known(lag_ms.map(|ms| ms / 1000));
    let (lag_entries, lag_bytes, lag_ms) = (known(lag_entries), known(lag_bytes), known(lag_ms));
    text.line(format_args!("slave{at}:ip={addr},port={port},state={state},offset={received},lag={lag_s}"));
    text.line(format_args!(
        "rc_slave{at}:received_lsn={received},durable_lsn={durable},applied_lsn={applied},\
         lag_entries={lag_entries},lag_bytes={lag_bytes},lag_ms={lag_ms},compression={}",
        compression.name()
    ));
}

/// What the node measured: what its strategy and its policy cost.
fn replicheck(text: &mut Text, sources: &Sources<'_>) {
    let Some(measured) = &sources.facts.measured else { return };
    let progress = sources.facts.progress;
    text.field("rc_written_lsn", measured.applied);
    text.field("rc_published_lsn", progress.applied);
    text.field("rc_watermark_gap_entries", progress.received.0.saturating_sub(progress.applied.0));
    text.field("rc_queue_entries_any", measured.queued_for_any);
    for (worker, queued) in measured.queued.iter().enumerate() {
        let in_hand = measured.in_hand.get(worker).copied().unwrap_or_default();
        text.field(format_args!("rc_worker{worker}"), format_args!("queued={queued},in_hand={in_hand}"));
    }
    for (name, time) in &measured.waited {
        text.field(format_args!("rc_wait_{name}_us"), time.as_micros());
    }
    text.field("rc_batches", measured.batches.number());
    text.field("rc_batch_entries", measured.batches.entries);
    text.field("rc_flushes", measured.flushes);
    for (name, syncs) in [("sent", measured.sent), ("received", measured.received)] {
        let FullSyncs { begun, complete, failed } = syncs;
        let counts = format_args!("begun={begun},complete={complete},failed={failed}");
        text.field(format_args!("rc_full_syncs_{name}"), counts);
    }
    match &measured.last_error {
        None => text.field("rc_last_error", "none"),
        Some(error) => {
            text.field("rc_last_error", format_args!("{}: {}", error.place, one_line(&error.text)));
            text.field("rc_last_error_age_seconds", error.age.as_secs());
        }
    }
}

/// Redis has a line for each database that holds keys. This node counts keys only when DBSIZE is called. The section says so,
/// because an empty section would mean that there are no keys.
fn keyspace(text: &mut Text, _: &Sources<'_>) {
    text.field("rc_keys_counted_by", "DBSIZE");
}

/// Makes the reply to ROLE.
pub fn role(facts: &Facts) -> Reply {
    let number = |number: u64| Reply::Integer(i64::try_from(number).unwrap_or(i64::MAX));
    match &facts.role {
        Role::Master { replicas } => {
            let row = |of: &Follower| {
                let cells = [of.addr.clone(), of.port.to_string(), of.progress.received.to_string()];
                Reply::Array(cells.into_iter().map(Reply::bulk).collect())
            };
            let replicas = replicas.iter().map(row).collect();
            Reply::Array(vec![
                Reply::bulk("master"),
                number(facts.progress.received.0),
                Reply::Array(replicas),
            ])
        }
        Role::Replica { host, port, link, .. } => {
            let state = match link {
                Link::Connecting => "connecting",
                Link::Sync { .. } => "sync",
                Link::Up { .. } => "connected",
                Link::Down | Link::Stopped { .. } => "connect",
            };
            Reply::Array(vec![
                Reply::bulk("slave"),
                Reply::bulk(host.as_bytes()),
                Reply::Integer(i64::from(*port)),
                Reply::bulk(state),
                number(facts.progress.received.0),
            ])
        }
    }
}

/// Makes the reply to HELLO.
pub fn hello(facts: &Facts, id: u64, protocol: Protocol) -> Reply {
    let role = match facts.role {
        Role::Master { .. } => "master",
        Role::Replica { .. } => "replica",
    };
    let told = [
        ("server", Reply::bulk("redis")),
        ("version", Reply::bulk(REDIS_VERSION)),
        ("proto", Reply::Integer(protocol.number())),
        ("id", Reply::Integer(i64::try_from(id).unwrap_or(i64::MAX))),
        ("mode", Reply::bulk("standalone")),
        ("role", Reply::bulk(role)),
        ("modules", Reply::Array(Vec::new())),
    ];
    Reply::Map(told.into_iter().map(|(name, value)| (Reply::bulk(name), value)).collect())
}
