//! Served — asks which node serves at an address. Does I/O: one connection.

use super::{Client, ClientError, OwnedFrame};
use crate::secret::Secret;
use std::time::Duration;

/// The longest time for the connection, and for each reply.
const LIMIT: Duration = Duration::from_secs(1);

/// The identity that a node reports in INFO.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// The node's run id, which no other node has.
    pub run_id: String,
    /// The master that it follows, as `host:port`; `None`: it is a master itself.
    pub master: Option<String>,
    /// The epoch of its last entry, as INFO shows it.
    pub epoch: String,
    /// The last entry of its log.
    pub received: u64,
}

/// Asks the node at `host:port` for its identity, after it was sent the `password`. `None`: there is no useful reply in time. The
/// node may be down, or may require another password.
pub fn ask(address: &str, password: Option<&Secret>) -> Option<Served> {
    match connect(address, password).ok()?.call(&["INFO"]).ok()? {
        OwnedFrame::BulkString(text) => parse(&String::from_utf8_lossy(&text)),
        _ => None,
    }
}

/// Makes the node at `host:port` a master. Errors: [`NotPromoted`].
pub fn promote(address: &str, password: Option<&Secret>) -> Result<(), NotPromoted> {
    let refused = |error: ClientError| NotPromoted::Refused(error.to_string());
    let mut client = connect(address, password).map_err(refused)?;
    match client.call(&["REPLICAOF", "NO", "ONE"]) {
        Ok(OwnedFrame::SimpleString(_)) => Ok(()),
        Ok(OwnedFrame::Error(text)) => Err(NotPromoted::Refused(text)),
        Ok(other) => Err(NotPromoted::Unknown(format!("its reply is {other:?}"))),
        Err(error) => Err(NotPromoted::Unknown(error.to_string())),
    }
}

/// Why it is not certain that a node is a master now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotPromoted {
    /// It is as it was: it was not reached, or refused.
    #[error("{0}")]
    Refused(String),
    /// It was asked, and did not answer.
    #[error("it did not answer: {0}")]
    Unknown(String),
}

fn connect(address: &str, password: Option<&Secret>) -> Result<Client, ClientError> {
    let mut client = Client::connect(address, LIMIT)?;
    if let Some(password) = password {
        // A node that has another password, or none, says so in its next reply.
        client.call(&[b"AUTH", password.reveal()])?;
    }
    Ok(client)
}

fn parse(info: &str) -> Option<Served> {
    let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let master = match field("role")? {
        "slave" => Some(format!("{}:{}", field("master_host")?, field("master_port")?)),
        _ => None,
    };
    let received = field("rc_received_lsn").and_then(|lsn| lsn.parse().ok()).unwrap_or(0);
    let epoch = field("rc_epoch").unwrap_or_default().to_owned();
    Some(Served { run_id: field("run_id")?.to_owned(), master, epoch, received })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn info_of_a_master_and_of_a_replica_is_read_and_of_others_not() {
        let served = |master: Option<&str>| {
            Some(Served { run_id: "0a".to_owned(), master: master.map(str::to_owned), ..Served::default() })
        };
        let rows = [
            ("# Server\r\nrun_id:0a\r\n# Replication\r\nrole:master\r\n", served(None)),
            ("run_id:0a\r\nrole:slave\r\nmaster_host:h\r\nmaster_port:7001\r\n", served(Some("h:7001"))),
            ("run_id:0a\r\nrole:slave\r\n", None),
            ("role:master\r\n", None),
            ("", None),
        ];
        for (info, expected) in rows {
            assert_eq!(parse(info), expected, "{info:?}");
        }
    }
}
