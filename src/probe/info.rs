//! Info — the text of INFO → a node's role, its position in its history, and the databases that hold keys. Pure.
//!
//! The position of a replica is its own: `slave_repl_offset` (of this project's server `rc_applied_lsn`), which Redis, Valkey
//! and KeyDB advance when a command was applied. What a master tells of its replicas (`slave0:…,offset=…`) is what they
//! acknowledged last, up to a second ago: it is not read.

use std::collections::BTreeMap;

/// A node's INFO.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Info(BTreeMap<String, String>);

/// The place of a node in a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Position {
    /// All writes up to an offset are applied.
    Applied {
        /// The identity of the history: `master_replid`.
        history: String,
        /// The offset: bytes of Redis's stream, LSNs of this project's server.
        offset: i64,
    },
    /// The applied position is not known, and why.
    Unknown(&'static str),
}

impl Position {
    /// The offset, if the position is known.
    pub fn offset(&self) -> Option<i64> {
        match self {
            Position::Applied { offset, .. } => Some(*offset),
            Position::Unknown(_) => None,
        }
    }
}

impl Info {
    /// Parses the reply to INFO. Lines that are not `name:value` are headings.
    pub fn parse(text: &str) -> Info {
        let lines = text.lines().filter_map(|line| line.trim_end().split_once(':'));
        Info(lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// The field of this name.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The server and its version.
    pub fn software(&self) -> String {
        let known = [
            ("rc_version", "replicheck"),
            ("valkey_version", "valkey"),
            ("dragonfly_version", "dragonfly"),
            ("kvrocks_version", "kvrocks"),
            ("pika_version", "pika"),
            ("redis_version", "redis"),
        ];
        let told = known.iter().find_map(|(field, name)| Some(format!("{name} {}", self.field(field)?)));
        told.unwrap_or_else(|| "a server without a version".to_owned())
    }

    /// The reason why a node cannot be read as a master; `None` if it can.
    pub fn unfit_as_master(&self) -> Option<String> {
        match self.field("role") {
            _ if self.is_loading() => Some("it loads its data".to_owned()),
            Some("master") => None,
            Some(role) => Some(format!("its role is `{role}`, not `master`")),
            None => Some("INFO tells no role".to_owned()),
        }
    }

    /// The reason why a node cannot be read as a replica of `master`; `None` if it can.
    pub fn unfit_as_replica_of(&self, master: &Info) -> Option<String> {
        match self.field("role") {
            _ if self.is_loading() => return Some("it loads its data".to_owned()),
            Some("slave" | "replica") => {}
            Some(role) => return Some(format!("its role is `{role}`, not `slave`")),
            None => return Some("INFO tells no role".to_owned()),
        }
        if self.field("master_sync_in_progress") == Some("1") {
            return Some("a full sync is in progress".to_owned());
        }
        if self.field("master_link_status") == Some("down") {
            return Some("its link to its master is down".to_owned());
        }
        match (self.field("master_replid"), master.field("master_replid")) {
            (Some(own), Some(of_master)) if own != of_master => Some(format!(
                "it follows another history: its master_replid is {own}, the master's {of_master}"
            )),
            _ => None,
        }
    }

    fn is_loading(&self) -> bool {
        self.field("loading") == Some("1") || self.field("async_loading") == Some("1")
    }

    /// The position of a master: all that it has written.
    pub fn position_of_master(&self) -> Position {
        self.position("master_repl_offset")
    }

    /// The position that a replica has applied.
    pub fn position_of_replica(&self) -> Position {
        let own_server = self.field("rc_applied_lsn").map(|_| "rc_applied_lsn");
        self.position(own_server.unwrap_or("slave_repl_offset"))
    }

    fn position(&self, offset: &str) -> Position {
        if self.field("pika_version").is_some() {
            return Position::Unknown("the offset of Pika tells what was received, not what was applied");
        }
        let offset = self.field(offset).and_then(|text| text.parse().ok());
        match (self.field("master_replid"), offset) {
            (Some(history), Some(offset)) => Position::Applied { history: history.to_owned(), offset },
            (None, _) => Position::Unknown("INFO has no master_replid"),
            (_, None) => Position::Unknown("INFO tells no offset of what was applied"),
        }
    }

    /// The lag that a replica reports of itself, in milliseconds: this project's server does.
    pub fn lag_ms(&self) -> Option<u64> {
        self.field("rc_lag_ms")?.parse().ok()
    }

    /// The lag that a master reports of the replica with this port, in milliseconds. Redis counts the seconds since the replica
    /// acknowledged last.
    pub fn lag_of_replica_ms(&self, port: u16) -> Option<u64> {
        let (own, lag) = (format!("port={port}"), "lag=");
        let is_replica =
            |name: &str| name.strip_prefix("slave").is_some_and(|number| number.parse::<u32>().is_ok());
        let lines = self.0.iter().filter(|(name, _)| is_replica(name)).map(|(_, line)| line);
        let mut of_replica = lines.filter(|line| line.split(',').any(|part| part == own));
        let seconds = of_replica.next()?.split(',').find_map(|part| part.strip_prefix(lag))?;
        seconds.parse::<u64>().ok().map(|seconds| seconds.saturating_mul(1000))
    }

    /// The databases that hold keys, by `db0:keys=…`; `None` if the server does not list them.
    pub fn databases(&self) -> Option<Vec<i64>> {
        let names = self.0.keys().filter_map(|name| name.strip_prefix("db")?.parse().ok());
        let mut databases: Vec<i64> = names.collect();
        databases.sort_unstable();
        let is_told = self.field("rc_keys_counted_by").is_none();
        is_told.then_some(databases)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASTER: &str = "# Replication\r\nrole:master\r\nslave0:ip=a,port=1,offset=99,lag=0\r\nmaster_replid:aa\r\n\
                          master_repl_offset:7\r\n# Keyspace\r\ndb3:keys=1\r\ndb0:keys=2\r\n";

    fn replica(lines: &str) -> Info {
        Info::parse(&format!("role:slave\nmaster_link_status:up\nmaster_replid:aa\n{lines}"))
    }

    #[test]
    fn position_of_each_server_is_what_it_applied_or_unknown() {
        let at = |offset| Position::Applied { history: "aa".to_owned(), offset };
        assert_eq!(Info::parse(MASTER).position_of_master(), at(7));
        assert_eq!(replica("slave_repl_offset:6\nmaster_repl_offset:9").position_of_replica(), at(6));
        assert_eq!(replica("slave_repl_offset:6\nrc_applied_lsn:5").position_of_replica(), at(5));
        for unknown in ["master_repl_offset:9", "slave_repl_offset:6\npika_version:3.5"] {
            assert!(matches!(replica(unknown).position_of_replica(), Position::Unknown(_)), "{unknown}");
        }
        let without = Info::parse("role:slave\nslave_repl_offset:6");
        assert_eq!(without.position_of_replica(), Position::Unknown("INFO has no master_replid"));
    }

    #[test]
    fn lag_is_that_of_the_replica_or_what_its_master_counts() {
        assert_eq!(replica("rc_lag_ms:17").lag_ms(), Some(17));
        assert_eq!(replica("").lag_ms(), None);
        let text =
            "slave0:ip=a,port=1,offset=9,lag=0\nslave1:ip=a,port=12,offset=9,lag=2\nslave_repl_offset:4";
        let master = Info::parse(text);
        assert_eq!([1, 12, 2].map(|port| master.lag_of_replica_ms(port)), [Some(0), Some(2000), None]);
    }

    #[test]
    fn unfit_nodes_are_refused_with_the_reason() {
        let master = Info::parse(MASTER);
        assert_eq!(master.unfit_as_master(), None);
        assert_eq!(replica("").unfit_as_replica_of(&master), None);
        assert!(replica("").unfit_as_master().expect("a replica").contains("`slave`"));
        for (text, reason) in [
            ("role:master\nmaster_replid:aa", "`master`"),
            ("role:slave\nmaster_link_status:down\nmaster_replid:aa", "link to its master is down"),
            ("role:slave\nmaster_link_status:up\nmaster_replid:bb", "another history"),
            ("role:slave\nloading:1", "loads its data"),
            ("role:slave\nmaster_sync_in_progress:1", "full sync"),
            ("", "no role"),
        ] {
            let said = Info::parse(text).unfit_as_replica_of(&master);
            assert!(said.as_ref().is_some_and(|said| said.contains(reason)), "{text}: {said:?}");
        }
    }

    #[test]
    fn databases_are_those_with_keys() {
        assert_eq!(Info::parse(MASTER).databases(), Some(vec![0, 3]));
        assert_eq!(Info::parse("rc_keys_counted_by:DBSIZE").databases(), None);
    }
}
