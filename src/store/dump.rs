//! Dump — raw records → keys, values and deadlines as users know them. Pure.

use super::record::{Record, Value, decode_element};
use super::{Read, StoreError, key};
use crate::effect::Key;
use crate::time::Millis;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::ControlFlow;

/// The name and value of an element.
pub type Element = (Vec<u8>, Vec<u8>);

/// A value as users know it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Content {
    /// A string.
    String(Vec<u8>),
    /// A hash: fields and values.
    Hash(BTreeMap<Vec<u8>, Vec<u8>>),
    /// A hash whose record has a wrong number of fields, so that HLEN and HGETALL disagree. A master never has such a
    /// state; a replica may, if it is read after a crash before it has applied its log again.
    Miscounted(BTreeMap<Vec<u8>, Vec<u8>>, u64),
}

impl Content {
    /// A hash of these fields whose record counts `count`.
    pub fn hash(fields: BTreeMap<Vec<u8>, Vec<u8>>, count: u64) -> Content {
        if fields.len() as u64 == count { Content::Hash(fields) } else { Content::Miscounted(fields, count) }
    }
}

impl fmt::Display for Content {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Content::String(value) => write!(out, "\"{}\"", value.escape_ascii()),
            Content::Hash(fields) => write!(out, "{}", in_braces(fields)),
            Content::Miscounted(fields, count) => write!(out, "{} (counted as {count})", in_braces(fields)),
        }
    }
}

fn in_braces(fields: &BTreeMap<Vec<u8>, Vec<u8>>) -> String {
    let fields: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{}: \"{}\"", name.escape_ascii(), value.escape_ascii()))
        .collect();
    format!("{{{}}}", fields.join(", "))
}

/// A stored key, dead or alive: its value and its deadline.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stored {
    /// The value.
    pub content: Content,
    /// The instant at which it dies; `None` = never.
    pub deadline: Option<Millis>,
}

impl Stored {
    /// Whether it is dead at `now`.
    pub fn is_dead(&self, now: Millis) -> bool {
        self.deadline.is_some_and(|deadline| now >= deadline)
    }
}

/// All stored keys, dead ones included. Incarnations are left out, and so are correct field counts: two stores with equal
/// dumps give the same answer to every command.
pub type Dump = BTreeMap<Key, Stored>;

/// The dump of all databases. Cost: O(records). Errors: those of the store, and damaged records.
pub fn dump(reader: &dyn Read) -> Result<Dump, StoreError> {
    let (from, to) = key::all_databases();
    let mut records = Vec::new();
    scan_decoded(reader, &from, &to, &mut |raw, bytes| {
        if let Some(key) = key::metadata_key(raw) {
            records.push((key, Record::decode(raw, bytes)?));
        }
        Ok(())
    })?;
    let mut dump = Dump::new();
    for (key, record) in records {
        let content = match record.value {
            Value::String(value) => Content::String(value),
            Value::Hash(hash) => {
                Content::hash(elements(reader, &key, hash.incarnation)?.into_iter().collect(), hash.count)
            }
        };
        dump.insert(key, Stored { content, deadline: record.deadline });
    }
    Ok(dump)
}

/// All elements of `key` in the given incarnation, in the order of their names. Cost: O(elements). Errors:
/// those of the store, and damaged elements.
pub fn elements(reader: &dyn Read, key: &Key, incarnation: u64) -> Result<Vec<Element>, StoreError> {
    let (from, to) = key::elements(key, incarnation);
    let mut elements = Vec::new();
    scan_decoded(reader, &from, &to, &mut |raw, bytes| {
        elements.push((key::element_name(raw, &from).to_vec(), decode_element(raw, bytes)?));
        Ok(())
    })?;
    Ok(elements)
}

type DecodingVisit<'a> = dyn FnMut(&[u8], &[u8]) -> Result<(), StoreError> + 'a;

/// A scan whose visitor may fail; its error ends the scan.
fn scan_decoded(
    reader: &dyn Read,
    from: &[u8],
    to: &[u8],
    visit: &mut DecodingVisit<'_>,
) -> Result<(), StoreError> {
    let mut outcome = Ok(());
    reader.scan(from, to, &mut |raw, bytes| match visit(raw, bytes) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            outcome = Err(error);
            ControlFlow::Break(())
        }
    })?;
    outcome
}
