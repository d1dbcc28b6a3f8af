//! Options — the subject of a comparison, its rate and credentials; and the errors that prevent one. Pure.

use crate::secret::Secret;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The address of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// A name or an IP address.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// A text that is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected HOST:PORT, like 127.0.0.1:6379")]
pub struct NoAddress;

impl FromStr for Address {
    type Err = NoAddress;

    fn from_str(text: &str) -> Result<Address, NoAddress> {
        let (host, port) = text.rsplit_once(':').ok_or(NoAddress)?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let is_secret = host.contains(['@', '/']);
        let port = port.parse().map_err(|_| NoAddress)?;
        if host.is_empty() || is_secret {
            Err(NoAddress)
        } else {
            Ok(Address { host: host.to_owned(), port })
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(out, "[{}]:{}", self.host, self.port)
        } else {
            write!(out, "{}:{}", self.host, self.port)
        }
    }
}

/// How a node is asked to let us in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// The user; `None`: the default user.
    pub user: Option<String>,
    /// The password; `None`: there is none.
    pub password: Option<Secret>,
    /// Over TLS, with these certificates; `None`: without TLS.
    pub tls: Option<Tls>,
}

/// The certificates of connections over TLS, in PEM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// The authorities that are trusted; `None`: those of the system.
    pub authorities: Option<Vec<u8>>,
    /// The own certificate and its key, for a node that asks for one.
    pub own: Option<(Vec<u8>, Secret)>,
}

/// The options of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The master.
    pub master: Address,
    /// Its replicas.
    pub replicas: Vec<Address>,
    /// Credentials of the master.
    pub of_master: Credentials,
    /// Credentials of the replicas.
    pub of_replicas: Credentials,
    /// The databases; empty: all that hold keys.
    pub databases: Vec<i64>,
    /// Only keys that match this pattern, in the syntax of KEYS.
    pub pattern: Option<String>,
    /// Whether deadlines of fields are compared.
    pub fields: bool,
    /// By how many milliseconds deadlines may differ.
    pub tolerance_ms: i64,
    /// Keys a second; 0 is no limit.
    pub rate: u64,
    /// How long a replica may take to reach a position.
    pub wait: Duration,
}

/// Nothing can be said about the nodes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    /// A node does not answer: look whether it runs, and for its address and credentials.
    #[error("{node} cannot be reached: {reason}")]
    Unreachable {
        /// The node.
        node: String,
        /// The reason that the system or the node gives.
        reason: String,
    },
    /// A node refuses a command without which nothing can be compared.
    #[error("{node} refuses {command}: {reason}")]
    Refused {
        /// The node.
        node: String,
        /// The command.
        command: &'static str,
        /// Its reason.
        reason: String,
    },
    /// A node has not the role that it was given: correct the addresses, or wait until the node is ready.
    #[error("{node} cannot be compared as {role}: {reason}")]
    Unfit {
        /// The node.
        node: String,
        /// `the master` or `a replica of …`.
        role: String,
        /// The reason, as the node gives it.
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_of_host_and_port_is_read_and_a_password_in_it_is_refused() {
        for text in ["127.0.0.1:6379", "db.example:1", "[::1]:6379"] {
            assert_eq!(text.parse::<Address>().map(|address| address.to_string()), Ok(text.to_owned()));
        }
        for text in ["127.0.0.1", ":6379", "host:port", "host:99999", "redis://host:1", "user:pw@host:1"] {
            assert_eq!(text.parse::<Address>(), Err(NoAddress), "{text}");
        }
    }
}
