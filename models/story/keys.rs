//! Keys — what both nodes store → the same keys side by side, each with what it holds and how long it lives. Pure.

use crate::binlog::Lsn;
use crate::effect::Key;
use crate::store::{Dump, Stored};
use crate::time::Millis;
use serde::Serialize;
use std::fmt;

/// A key on both nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(into = "InWords")]
pub struct KeyRow {
    /// Its name.
    pub key: String,
    /// What the master holds.
    pub master: Held,
    /// What the replica holds.
    pub replica: Held,
    /// Whether the two differ.
    pub differs: bool,
}

/// What one node holds under a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// The value; `None` where there is no such key.
    pub content: Option<String>,
    /// The entry that wrote it, where versions are told.
    pub by_entry: Option<Lsn>,
    /// How long it lives.
    pub until: Until,
    /// Whether it is dead by the clock that judges it.
    pub is_dead: bool,
}

/// How long a key lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// There is no such key, or nobody asks.
    #[default]
    Untold,
    /// It has no deadline.
    Forever,
    /// It is dead from this instant on: milliseconds from the beginning of the story.
    Ms(i64),
}

/// A row as other programs read it.
#[derive(Serialize)]
struct InWords {
    key: String,
    master: String,
    replica: String,
    differs: bool,
    master_until: Until,
    replica_until: Until,
}

impl From<KeyRow> for InWords {
    fn from(row: KeyRow) -> InWords {
        InWords {
            key: row.key,
            master: row.master.to_string(),
            replica: row.replica.to_string(),
            differs: row.differs,
            master_until: row.master.until,
            replica_until: row.replica.until,
        }
    }
}

impl Held {
    /// A value of which no more is told.
    pub fn plain(content: impl Into<String>) -> Held {
        Held { content: Some(content.into()), ..Held::default() }
    }
}

impl fmt::Display for Held {
    /// `"5", until t = 2 s (dead)`; `-` for nothing.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(content) = &self.content else { return out.write_str("-") };
        out.write_str(content)?;
        if let Some(lsn) = self.by_entry {
            write!(out, ", by entry {lsn}")?;
        }
        match self.until {
            Until::Untold => {}
            Until::Forever => out.write_str(", no deadline")?,
            Until::Ms(ms) => write!(out, ", until t = {} s", ms as f64 / 1000.0)?,
        }
        out.write_str(if self.is_dead { " (dead)" } else { "" })
    }
}

/// By which instants the keys of the two nodes are dead or alive, and from where instants are counted.
#[derive(Clone, Copy, Debug)]
pub struct Instant {
    /// The beginning.
    pub start: Millis,
    /// By which the master's readers judge.
    pub master: Millis,
    /// By which the replica's readers judge.
    pub replica: Millis,
}

/// An instant for differences. Those beyond the range of i64 are its end.
fn signed(instant: Millis) -> i64 {
    i64::try_from(instant.0).unwrap_or(i64::MAX)
}

/// Milliseconds from `start` to `instant`, less than 0 if it was before.
pub fn ms_since(start: Millis, instant: Millis) -> i64 {
    signed(instant).saturating_sub(signed(start))
}

/// The keys of both nodes side by side, in their order.
pub fn key_rows(master: &Dump, replica: &Dump, instants: Option<Instant>) -> Vec<(Key, KeyRow)> {
    let mut keys: Vec<&Key> = master.keys().chain(replica.keys()).collect();
    keys.sort();
    keys.dedup();
    let row = |key: &Key| {
        let (left, right) = (master.get(key), replica.get(key));
        let row = KeyRow {
            key: key.to_string(),
            master: held(left, instants.map(|it| (it.start, it.master))),
            replica: held(right, instants.map(|it| (it.start, it.replica))),
            differs: left != right,
        };
        (key.clone(), row)
    };
    keys.into_iter().map(row).collect()
}

/// What is stored, judged at an instant: the beginning, and now.
fn held(stored: Option<&Stored>, instants: Option<(Millis, Millis)>) -> Held {
    let Some(stored) = stored else { return Held::default() };
    let until = |start| stored.deadline.map_or(Until::Forever, |it| Until::Ms(ms_since(start, it)));
    Held {
        content: Some(stored.content.to_string()),
        by_entry: None,
        until: instants.map_or(Until::Untold, |(start, _)| until(start)),
        is_dead: instants.is_some_and(|(_, now)| stored.is_dead(now)),
    }
}
