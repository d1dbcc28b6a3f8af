//! Dump — a database as clients see it over the wire: values and deadlines.

use super::node::Node;
use replicheck::client::{Client, ClientError, OwnedFrame};
use std::collections::BTreeMap;

/// Databases that the load writes.
pub const DATABASES: u64 = 2;
/// How many characters of a value a failure shows.
const SHOWN: usize = 90;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Text(String),
    Hash(BTreeMap<String, String>),
}

impl Value {
    /// The end of the value, where the last writes are visible.
    pub fn end(&self) -> String {
        let text = match self {
            Value::Text(text) => text.clone(),
            Value::Hash(fields) => format!("{fields:?}"),
        };
        match text.char_indices().rev().nth(SHOWN) {
            Some((at, _)) => format!("…{} ({} bytes)", &text[at..], text.len()),
            None => text,
        }
    }
}

/// A key's value and deadline; the deadline is in milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub value: Value,
    pub deadline: Option<i64>,
}

/// The rows by key.
pub type Database = BTreeMap<String, Row>;

/// Why no dump is possible now: a connection failed, a key died meanwhile, or readers are not let in.
#[derive(Debug)]
pub struct Failed(pub String);

impl From<ClientError> for Failed {
    fn from(error: ClientError) -> Failed {
        Failed(error.to_string())
    }
}

/// The databases of a node. No client may write to it meanwhile.
pub fn dump(node: &Node) -> Result<Vec<Database>, Failed> {
    let mut client = node.connect()?;
    (0..DATABASES).map(|db| database(&mut client, db)).collect()
}

fn database(client: &mut Client, db: u64) -> Result<Database, Failed> {
    client.call(&["SELECT", &db.to_string()])?;
    let keys = texts(client.call(&["KEYS", "*"])?)?;
    for key in &keys {
        client.send(&["TYPE", key])?;
        client.send(&[if key.starts_with("hash") { "HGETALL" } else { "GET" }, key])?;
        client.send(&["PEXPIRETIME", key])?;
    }
    let mut database = Database::new();
    for key in keys {
        let (kind, value, deadline) = (client.receive()?, client.receive()?, client.receive()?);
        let value = match (kind, value) {
            (OwnedFrame::SimpleString(kind), OwnedFrame::BulkString(text)) if kind == b"string" => {
                Value::Text(String::from_utf8(text).unwrap())
            }
            (OwnedFrame::SimpleString(kind), fields) if kind == b"hash" => {
                let fields = texts(fields)?;
                Value::Hash(fields.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect())
            }
            other => return Err(Failed(format!("{key}: {other:?}"))),
        };
        let deadline = match deadline {
            OwnedFrame::Integer(-1) => None,
            OwnedFrame::Integer(deadline) if deadline > 0 => Some(deadline),
            other => return Err(Failed(format!("{key}: {other:?}"))),
        };
        database.insert(key, Row { value, deadline });
    }
    Ok(database)
}

fn texts(frame: OwnedFrame) -> Result<Vec<String>, Failed> {
    let OwnedFrame::Array(frames) = frame else { return Err(Failed(format!("{frame:?}"))) };
    let text = |frame| match frame {
        OwnedFrame::BulkString(text) => String::from_utf8(text).unwrap(),
        other => panic!("{other:?} in an array"),
    };
    Ok(frames.into_iter().map(text).collect())
}

/// The keys that differ, one a line; empty if none differs.
pub fn difference(master: &[Database], replica: &[Database]) -> String {
    let mut text = String::new();
    for (db, (master, replica)) in master.iter().zip(replica).enumerate() {
        let mut keys: Vec<&String> = master.keys().chain(replica.keys()).collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys.into_iter().filter(|key| master.get(*key) != replica.get(*key)) {
            let show = |row: Option<&Row>| match row {
                Some(Row { value, deadline }) => format!("{} deadline {deadline:?}", value.end()),
                None => "no such key".to_owned(),
            };
            let (one, other) = (show(master.get(key)), show(replica.get(key)));
            text.push_str(&format!("≠ db {db} {key}\n    master  {one}\n    replica {other}\n"));
        }
    }
    text
}
