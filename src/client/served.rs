//! Served — asks which node serves at an address. Does I/O: one connection.

use super::{Client, OwnedFrame};
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
}

/// Asks the node at `host:port` for its identity. `None`: there is no useful reply in time. The node may be down, or may
/// require a password.
pub fn ask(address: &str) -> Option<Served> {
    let mut client = Client::connect(address, LIMIT).ok()?;
    match client.call(&["INFO"]).ok()? {
        OwnedFrame::BulkString(text) => parse(&String::from_utf8_lossy(&text)),
        _ => None,
    }
}

fn parse(info: &str) -> Option<Served> {
    let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let master = match field("role")? {
        "slave" => Some(format!("{}:{}", field("master_host")?, field("master_port")?)),
        _ => None,
    };
    Some(Served { run_id: field("run_id")?.to_owned(), master })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn info_of_a_master_and_of_a_replica_is_read_and_of_others_not() {
        let served = |master: Option<&str>| {
            Some(Served { run_id: "0a".to_owned(), master: master.map(str::to_owned) })
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
