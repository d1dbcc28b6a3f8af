//! CONFIG — the parameters: their values as text, and the change that a CONFIG SET makes. Pure.
//!
//! Parameters of the server itself can be changed while it runs. `appendfsync` is changed in the node. All other parameters
//! can only be read.

use super::facts::Facts;
use super::request::Limits;
use super::session::{Ask, Step};
use super::table;
use crate::binlog::Fsync;
use crate::command::{CommandError, DATABASES, Reply, matches, parse_integer};
use crate::secret::Secret;
use std::net::{IpAddr, Ipv4Addr};

/// The subcommands of CONFIG, each with its arity.
pub(super) const SUBCOMMANDS: &[(&str, i32)] =
    &[("get", -3), ("help", 2), ("resetstat", 2), ("rewrite", 2), ("set", -4)];

const HELP: &[&str] = &[
    "GET <pattern>",
    "    Return parameters matching the glob-like <pattern> and their values.",
    "SET <directive> <value>",
    "    Set the configuration <directive> to <value>.",
    "RESETSTAT",
    "    Reset statistics reported by the INFO command.",
    "REWRITE",
    "    Rewrite the configuration file.",
];

/// The configuration of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Address to listen on.
    pub bind: IpAddr,
    /// Port to listen on; 0 = any free port. After the server is bound, it is the actual port.
    pub port: u16,
    /// Port of the metrics; 0: there is none.
    pub metrics_port: u16,
    /// Whether connections from other machines are refused.
    pub protected_mode: bool,
    /// The most connections at a time, including those of replicas.
    pub maxclients: u64,
    /// File descriptors that the process needs beside those of its clients. CONFIG SET maxclients is refused if the system
    /// does not allow both together. `None`: descriptors are not checked.
    pub descriptors_reserved: Option<u64>,
    /// The limits of a client's requests.
    pub limits: Limits,
    /// The limit of replies that wait for one client to read them.
    pub output: OutputLimit,
    /// Bytes of memory that the unsent replies of all clients may take together; 0 = no limit. If they take more, the
    /// clients that hold the most are disconnected. The limit may be exceeded by one reply and its encoded bytes for each
    /// thread that answers commands.
    pub maxmemory_clients: usize,
    /// Seconds after which a silent client is closed; 0 = never.
    pub timeout_s: u64,
    /// The replicas that a master needs to accept writes.
    pub min_replicas: MinReplicas,
    /// The password of the clients; `None`: they need none.
    pub requirepass: Option<Secret>,
    /// The password that the node sends to its master; `None`: none.
    pub masterauth: Option<Secret>,
}

impl Default for Config {
    /// Redis's values, on the loopback address. There is one difference: at most 1 GB of replies may wait for a client, and
    /// for all clients together.
    fn default() -> Config {
        Config {
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 6379,
            metrics_port: 0,
            protected_mode: true,
            maxclients: 10_000,
            descriptors_reserved: None,
            limits: Limits::default(),
            output: OutputLimit { hard: 1 << 30, soft: 0, soft_seconds: 0 },
            maxmemory_clients: 1 << 30,
            timeout_s: 0,
            min_replicas: MinReplicas::default(),
            requirepass: None,
            masterauth: None,
        }
    }
}

/// How many bytes of replies may wait for a client. A client beyond the limit is disconnected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputLimit {
    /// The bytes that may never be exceeded; 0 = no limit.
    pub hard: usize,
    /// The bytes that may be exceeded only for `soft_seconds`; 0 = no limit.
    pub soft: usize,
    /// For how many seconds `soft` may be exceeded.
    pub soft_seconds: u64,
}

/// How many replicas a master needs to accept writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinReplicas {
    /// The number of good replicas that it needs; 0: none.
    pub to_write: u64,
    /// A replica is good if its last acknowledgement is at most this many seconds old. 0: none is needed.
    pub lag_max_s: u64,
}

impl Default for MinReplicas {
    /// Redis's values.
    fn default() -> MinReplicas {
        MinReplicas { to_write: 0, lag_max_s: 10 }
    }
}

impl MinReplicas {
    /// Whether any replica is needed.
    pub fn is_set(&self) -> bool {
        self.to_write > 0 && self.lag_max_s > 0
    }
}

/// The result of a CONFIG SET.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The configuration of the server from now on.
    pub config: Config,
    /// The value that is set in the node first; `None`: it is not changed.
    pub appendfsync: Option<Fsync>,
}

pub(super) fn step(argv: &[Vec<u8>]) -> Result<Step, CommandError> {
    Ok(match table::subcommand("config", SUBCOMMANDS, argv)? {
        "help" => Step::Reply(table::help("config", HELP)),
        "get" => Step::Ask(Ask::ConfigGet(argv[2..].to_vec())),
        "resetstat" => Step::Ask(Ask::ResetStatistics),
        "rewrite" => return Err(CommandError::err("The server is running without a config file")),
        _ => {
            let (pairs, rest) = argv[2..].as_chunks::<2>();
            if !rest.is_empty() {
                return Err(CommandError::syntax());
            }
            Step::Ask(Ask::ConfigSet(
                pairs.iter().map(|[name, value]| (name.clone(), value.clone())).collect(),
            ))
        }
    })
}

/// The reason for which a value is refused, in Redis's words.
type Refusal = String;

type Set = fn(&mut Change, &str) -> Result<(), Refusal>;

struct Parameter {
    name: &'static str,
    get: fn(&Config, &Facts) -> String,
    /// Sets the parameter; `None`: it cannot be changed.
    set: Option<Set>,
}

const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "maxclients",
        get: |config, _| config.maxclients.to_string(),
        set: Some(|change, text| integer(text, 1, u32::MAX.into()).map(|n| change.config.maxclients = n)),
    },
    Parameter {
        name: "timeout",
        get: |config, _| config.timeout_s.to_string(),
        set: Some(|change, text| integer(text, 0, i32::MAX as u64).map(|n| change.config.timeout_s = n)),
    },
    Parameter {
        name: "proto-max-bulk-len",
        get: |config, _| config.limits.bulk_bytes_max.to_string(),
        set: Some(|change, text| memory(text).map(|n| change.config.limits.bulk_bytes_max = n)),
    },
    Parameter {
        name: "client-query-buffer-limit",
        get: |config, _| config.limits.query_bytes_max.to_string(),
        set: Some(|change, text| memory(text).map(|n| change.config.limits.query_bytes_max = n)),
    },
    Parameter {
        name: "client-output-buffer-limit",
        get: |config, _| {
            let OutputLimit { hard, soft, soft_seconds } = config.output;
            format!("normal {hard} {soft} {soft_seconds} slave 0 0 0 pubsub 0 0 0")
        },
        set: Some(|change, text| output_limit(text, &mut change.config.output)),
    },
    Parameter {
        name: "maxmemory-clients",
        get: |config, _| config.maxmemory_clients.to_string(),
        set: Some(|change, text| {
            let bytes = bytes(text).and_then(|bytes| usize::try_from(bytes).ok());
            // Redis also accepts a percentage of maxmemory, which does not exist here.
            let refusal = || "argument must be a memory value".to_owned();
            bytes.map(|bytes| change.config.maxmemory_clients = bytes).ok_or_else(refusal)
        }),
    },
    Parameter {
        name: "protected-mode",
        get: |config, _| if config.protected_mode { "yes" } else { "no" }.to_owned(),
        set: Some(|change, text| yes_or_no(text).map(|yes| change.config.protected_mode = yes)),
    },
    Parameter {
        name: "appendfsync",
        get: |_, facts| fsync_name(facts.appendfsync).to_owned(),
        set: Some(|change, text| {
            let known = [Fsync::EverySec, Fsync::Always, Fsync::No];
            change.appendfsync = known.into_iter().find(|&f| text.eq_ignore_ascii_case(fsync_name(f)));
            let refusal = "argument(s) must be one of the following: everysec, always, no";
            change.appendfsync.map(drop).ok_or_else(|| refusal.to_owned())
        }),
    },
    Parameter {
        name: "appendonly",
        get: |_, _| "yes".to_owned(),
        set: Some(|_, text| match yes_or_no(text)? {
            true => Ok(()),
            false => Err("the binlog is always written".to_owned()),
        }),
    },
    Parameter {
        name: "save",
        get: |_, _| String::new(),
        set: Some(|_, text| if text.is_empty() { Ok(()) } else { Err("Invalid save parameters".to_owned()) }),
    },
    replicas_to_write("min-replicas-to-write"),
    replicas_lag_max("min-replicas-max-lag"),
    // The names before Redis 5.
    replicas_to_write("min-slaves-to-write"),
    replicas_lag_max("min-slaves-max-lag"),
    Parameter {
        name: "requirepass",
        get: |config, _| revealed(config.requirepass.as_ref()),
        set: Some(|change, text| {
            change.config.requirepass = Secret::new(text.as_bytes());
            Ok(())
        }),
    },
    Parameter {
        name: "masterauth",
        get: |config, _| revealed(config.masterauth.as_ref()),
        set: Some(|change, text| {
            change.config.masterauth = Secret::new(text.as_bytes());
            Ok(())
        }),
    },
    Parameter { name: "bind", get: |config, _| config.bind.to_string(), set: None },
    Parameter { name: "port", get: |config, _| config.port.to_string(), set: None },
    Parameter { name: "metrics-port", get: |config, _| config.metrics_port.to_string(), set: None },
    Parameter { name: "databases", get: |_, _| DATABASES.to_string(), set: None },
    Parameter { name: "dir", get: |_, facts| facts.dir.clone(), set: None },
    Parameter { name: "ordering", get: |_, facts| facts.ordering.name().to_owned(), set: None },
    Parameter { name: "expiry", get: |_, facts| facts.expiry.name().to_owned(), set: None },
    Parameter { name: "compression", get: |_, facts| facts.compression.name().to_owned(), set: None },
    Parameter { name: "workers", get: |_, facts| facts.workers.to_string(), set: None },
];

const fn replicas_to_write(name: &'static str) -> Parameter {
    Parameter {
        name,
        get: |config, _| config.min_replicas.to_write.to_string(),
        set: Some(|change, text| {
            integer(text, 0, i32::MAX as u64).map(|n| change.config.min_replicas.to_write = n)
        }),
    }
}

const fn replicas_lag_max(name: &'static str) -> Parameter {
    Parameter {
        name,
        get: |config, _| config.min_replicas.lag_max_s.to_string(),
        set: Some(|change, text| {
            integer(text, 0, i32::MAX as u64).map(|n| change.config.min_replicas.lag_max_s = n)
        }),
    }
}

/// As in Redis, CONFIG GET shows passwords to each client that has given its own.
fn revealed(secret: Option<&Secret>) -> String {
    secret.map_or_else(String::new, |secret| String::from_utf8_lossy(secret.reveal()).into_owned())
}

/// The value of `appendfsync` in CONFIG for this policy.
pub fn fsync_name(fsync: Fsync) -> &'static str {
    match fsync {
        Fsync::Always => "always",
        Fsync::EverySec => "everysec",
        Fsync::No => "no",
    }
}

/// Makes the reply to CONFIG GET: each parameter that any of the patterns matches, once. A name that was requested without
/// a wildcard is returned as the client wrote it, as in Redis.
pub fn get(config: &Config, facts: &Facts, patterns: &[Vec<u8>]) -> Reply {
    let told = PARAMETERS.iter().filter_map(|parameter| {
        let by = patterns.iter().find(|by| matches(&by.to_ascii_lowercase(), parameter.name.as_bytes()))?;
        let is_plain = by.eq_ignore_ascii_case(parameter.name.as_bytes());
        let name = if is_plain { by.clone() } else { parameter.name.as_bytes().to_vec() };
        Some((Reply::Bulk(name), Reply::bulk((parameter.get)(config, facts))))
    });
    Reply::Map(told.collect())
}

/// The change that `pairs` of names and values make. Errors: one of them is refused, and then none takes effect.
pub fn set(config: &Config, pairs: &[(Vec<u8>, Vec<u8>)]) -> Result<Change, CommandError> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut known: Vec<(&Parameter, String)> = Vec::new();
    for (name, value) in pairs {
        let found = PARAMETERS.iter().find(|parameter| parameter.name.as_bytes().eq_ignore_ascii_case(name));
        let Some(parameter) = found else {
            let unknown = "Unknown option or number of arguments for CONFIG SET";
            return Err(CommandError::err(format_args!("{unknown} - '{}'", text(name))));
        };
        if parameter.set.is_none() {
            return Err(failed(parameter.name, "can't set immutable config"));
        }
        if known.iter().any(|(other, _)| other.name == parameter.name) {
            return Err(failed(parameter.name, "duplicate parameter"));
        }
        known.push((parameter, text(value)));
    }
    let mut change = Change { config: config.clone(), appendfsync: None };
    for (parameter, value) in known {
        let Some(set) = parameter.set else { continue };
        set(&mut change, &value).map_err(|refusal| failed(parameter.name, &refusal))?;
    }
    Ok(change)
}

/// The error of a CONFIG SET that failed at the parameter `name`.
pub(super) fn failed(name: &str, refusal: &str) -> CommandError {
    CommandError::err(format_args!("CONFIG SET failed (possibly related to argument '{name}') - {refusal}"))
}

fn yes_or_no(text: &str) -> Result<bool, Refusal> {
    match text.to_ascii_lowercase().as_str() {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("argument must be 'yes' or 'no'".to_owned()),
    }
}

fn integer(text: &str, min: u64, max: u64) -> Result<u64, Refusal> {
    let number = parse_integer(text.as_bytes());
    let number = number.ok_or_else(|| "argument couldn't be parsed into an integer".to_owned())?;
    let found = u64::try_from(number).ok().filter(|number| (min..=max).contains(number));
    found.ok_or_else(|| format!("argument must be between {min} and {max} inclusive"))
}

/// Parses a number of bytes with an optional unit, such as `512mb`. Errors: it is not one, or is less than 1 MB.
fn memory(text: &str) -> Result<usize, Refusal> {
    let bytes = bytes(text).ok_or_else(|| "argument must be a memory value".to_owned())?;
    let (min, max) = (1 << 20, i64::MAX);
    let found = usize::try_from(bytes).ok().filter(|&bytes| bytes >= min && i64::try_from(bytes).is_ok());
    found.ok_or_else(|| format!("argument must be between {min} and {max} inclusive"))
}

/// Parses a number with an optional unit as bytes: `k` is 1000, `kb` is 1024, and so on.
fn bytes(text: &str) -> Option<u64> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return None,
    };
    // As in Redis, a missing number counts as zero.
    let number = if number.is_empty() { 0 } else { number.parse::<u64>().ok()? };
    number.checked_mul(factor)
}

/// Parses `class hard soft seconds`, repeated, and sets `limit` from the class `normal`. The other classes have no clients
/// here; they are checked and ignored.
fn output_limit(text: &str, limit: &mut OutputLimit) -> Result<(), Refusal> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let (classes, rest) = words.as_chunks::<4>();
    if !rest.is_empty() {
        return Err("Wrong number of arguments in buffer limit configuration.".to_owned());
    }
    for [class, hard, soft, seconds] in classes {
        let class = class.to_ascii_lowercase();
        if !["normal", "slave", "replica", "pubsub"].contains(&class.as_str()) {
            return Err("Invalid client class specified in buffer limit configuration.".to_owned());
        }
        let size = |text: &str| bytes(text).and_then(|bytes| usize::try_from(bytes).ok());
        let (Some(hard), Some(soft), Ok(soft_seconds)) = (size(hard), size(soft), seconds.parse()) else {
            let refusal = "Error in hard, soft or soft_seconds setting in buffer limit configuration.";
            return Err(refusal.to_owned());
        };
        if class == "normal" {
            *limit = OutputLimit { hard, soft, soft_seconds };
        }
    }
    Ok(())
}
