//! The bytes of a metadata record: the type and deadline of a key, and the value of a string. Pure.
//!
//! ```text
//! type tag (1)  deadline (8, milliseconds, 0 = none)  then
//!   string      the value's bytes
//!   collection  incarnation (8)  number of elements (8)
//! ```
//!
//! A newly created collection gets a new incarnation (the LSN of the creating entry), so an element of a dead
//! incarnation is never merged into a living one. The value of an element starts with a format byte (0 =
//! plain bytes), which leaves room for elements with deadlines of their own.

use super::StoreError;
use crate::time::Millis;

const STRING: u8 = 0;
const HASH: u8 = 1;

/// Type of a key, as TYPE names it. The numbers are the type tags on disk; 2 to 4 are reserved for lists, sets
/// and sorted sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Type {
    /// Tag 0.
    String,
    /// Tag 1.
    Hash,
}

impl Type {
    /// The name that TYPE replies with.
    pub fn name(self) -> &'static str {
        match self {
            Type::String => "string",
            Type::Hash => "hash",
        }
    }
}

/// The value of a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// A string, whole.
    String(Vec<u8>),
    /// A hash, whose elements have records of their own.
    Hash(Collection),
}

/// Metadata of a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Collection {
    /// The life of the key that the elements belong to: the LSN of the entry that created the collection.
    pub incarnation: u64,
    /// Number of elements; never 0 in a stored record, as an empty collection does not exist.
    pub count: u64,
}

/// A metadata record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Record {
    /// The instant at which the key dies; `None` = never.
    pub deadline: Option<Millis>,
    /// The value of the key.
    pub value: Value,
}

impl Record {
    /// Whether the key is dead at `now`: its deadline has been reached. A key with one millisecond to live is
    /// dead one millisecond later, and EXPIREAT with the present instant deletes, as in Redis.
    pub fn is_dead(&self, now: Millis) -> bool {
        self.deadline.is_some_and(|deadline| now >= deadline)
    }

    /// The key's type.
    pub fn kind(&self) -> Type {
        match self.value {
            Value::String(_) => Type::String,
            Value::Hash(_) => Type::Hash,
        }
    }

    /// The record as bytes.
    pub fn encode(&self) -> Vec<u8> {
        match &self.value {
            Value::String(value) => encode_string(value, self.deadline),
            Value::Hash(Collection { incarnation, count }) => {
                let numbers = [incarnation.to_be_bytes(), count.to_be_bytes()];
                encode(HASH, self.deadline, numbers.as_flattened())
            }
        }
    }

    /// The record in `bytes`. Errors: [`StoreError::Damaged`] naming `key` if they are not a record.
    pub fn decode(key: &[u8], bytes: &[u8]) -> Result<Record, StoreError> {
        let (Metadata { deadline, collection }, string) = parts(key, bytes)?;
        let value = collection.map_or_else(|| Value::String(string.to_vec()), Value::Hash);
        Ok(Record { deadline, value })
    }
}

/// A metadata record without the value of a string, so that nothing is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// The instant at which the key dies; `None` = never.
    pub deadline: Option<Millis>,
    /// The collection; `None`: it is a string.
    pub collection: Option<Collection>,
}

impl Metadata {
    /// Like [`Record::is_dead`].
    pub fn is_dead(&self, now: Millis) -> bool {
        self.deadline.is_some_and(|deadline| now >= deadline)
    }

    /// The key's type.
    pub fn kind(&self) -> Type {
        if self.collection.is_some() { Type::Hash } else { Type::String }
    }

    /// Like [`Record::decode`].
    pub fn decode(key: &[u8], bytes: &[u8]) -> Result<Metadata, StoreError> {
        parts(key, bytes).map(|(metadata, _)| metadata)
    }
}

/// The record of the string `value` as bytes.
pub fn encode_string(value: &[u8], deadline: Option<Millis>) -> Vec<u8> {
    encode(STRING, deadline, value)
}

fn encode(tag: u8, deadline: Option<Millis>, rest: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(9 + rest.len());
    bytes.push(tag);
    bytes.extend_from_slice(&deadline.map_or(0, |deadline| deadline.0).to_be_bytes());
    bytes.extend_from_slice(rest);
    bytes
}

/// The metadata of a record, and its bytes after the deadline; for a string these are its value.
fn parts<'a>(key: &[u8], bytes: &'a [u8]) -> Result<(Metadata, &'a [u8]), StoreError> {
    let damaged = |reason| StoreError::Damaged { key: key.escape_ascii().to_string(), reason };
    let (tag, rest) = bytes.split_first().ok_or_else(|| damaged("empty"))?;
    let (deadline, rest) = take_u64(rest).ok_or_else(|| damaged("shorter than its deadline"))?;
    let deadline = (deadline != 0).then_some(Millis(deadline));
    let collection = match *tag {
        STRING => None,
        HASH => {
            let (incarnation, rest) = take_u64(rest).ok_or_else(|| damaged("no incarnation"))?;
            let (count, rest) = take_u64(rest).ok_or_else(|| damaged("no count"))?;
            if !rest.is_empty() {
                return Err(damaged("bytes after the count"));
            }
            Some(Collection { incarnation, count })
        }
        _ => return Err(damaged("unknown type tag")),
    };
    Ok((Metadata { deadline, collection }, rest))
}

/// The deadline of a string whose record is `bytes`, without a copy of its value. `None`: it has none, or the bytes
/// are not the record of a string.
pub fn string_deadline(bytes: &[u8]) -> Option<Millis> {
    let (deadline, _) = take_u64(bytes.strip_prefix(&[STRING])?)?;
    (deadline != 0).then_some(Millis(deadline))
}

/// The deadline of a metadata record of any type. `None`: it has none, or the bytes are not a record.
pub fn deadline(bytes: &[u8]) -> Option<Millis> {
    let (deadline, _) = take_u64(bytes.split_first()?.1)?;
    (deadline != 0).then_some(Millis(deadline))
}

fn take_u64(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*head), rest))
}

/// The raw value of an element.
pub fn encode_element(value: &[u8]) -> Vec<u8> {
    [&[0], value].concat()
}

/// The element in a raw value. Errors: [`StoreError::Damaged`] naming `key`.
pub fn decode_element(key: &[u8], raw: &[u8]) -> Result<Vec<u8>, StoreError> {
    match raw {
        [0, value @ ..] => Ok(value.to_vec()),
        _ => {
            Err(StoreError::Damaged { key: key.escape_ascii().to_string(), reason: "unknown element format" })
        }
    }
}
