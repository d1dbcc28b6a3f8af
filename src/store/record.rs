//! The bytes of a metadata record: the type and deadline of a key, and the value of a string. Pure.
//!
//! ```text
//! type tag (1)  deadline (8, milliseconds, 0 = none)  then
//!   0 string      the value's bytes
//!   1 hash        incarnation (8)  number of elements (8)
//!   2 list        incarnation (8)  number of elements (8)  first position (8)  last position (8)  1 = evenly spaced (1)
//!   3 set         incarnation (8)  number of elements (8)
//!   4 sorted set  incarnation (8)  number of elements (8)  1 = with counting records (1)
//! ```
//!
//! A newly created collection gets a new incarnation (the LSN of the creating entry), so an element of a dead
//! incarnation is never merged into a living one. The value of an element starts with a format byte (0 =
//! plain bytes), which leaves room for elements with deadlines of their own. [`element`](super::element) has the names of
//! elements.

use super::StoreError;
use crate::time::Millis;
use std::cmp::Ordering;

/// Type of a key, as TYPE names it. The numbers are the type tags on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Type {
    /// Tag 0.
    String = 0,
    /// Tag 1.
    Hash = 1,
    /// Tag 2.
    List = 2,
    /// Tag 3.
    Set = 3,
    /// Tag 4.
    SortedSet = 4,
}

impl Type {
    /// The name that TYPE replies with.
    pub fn name(self) -> &'static str {
        match self {
            Type::String => "string",
            Type::Hash => "hash",
            Type::List => "list",
            Type::Set => "set",
            Type::SortedSet => "zset",
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
    /// A list, whose elements have records of their own.
    List(Collection, Ends),
    /// A set, whose elements have records of their own.
    Set(Collection),
    /// A sorted set, whose elements have records of their own; whether it has counting records.
    SortedSet(Collection, bool),
}

impl Value {
    /// The metadata of a collection; `None`: it is a string.
    pub fn collection(&self) -> Option<Collection> {
        match self {
            Value::String(_) => None,
            Value::Hash(collection)
            | Value::List(collection, _)
            | Value::Set(collection)
            | Value::SortedSet(collection, _) => Some(*collection),
        }
    }

    /// The same collection in another incarnation; a string stays as it is.
    #[must_use]
    pub fn in_incarnation(mut self, new: u64) -> Value {
        match &mut self {
            Value::String(_) => {}
            Value::Hash(collection)
            | Value::List(collection, _)
            | Value::Set(collection)
            | Value::SortedSet(collection, _) => collection.incarnation = new,
        }
        self
    }

    /// The type.
    pub fn kind(&self) -> Type {
        match self {
            Value::String(_) => Type::String,
            Value::Hash(_) => Type::Hash,
            Value::List(..) => Type::List,
            Value::Set(_) => Type::Set,
            Value::SortedSet(..) => Type::SortedSet,
        }
    }
}

/// Metadata of a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Collection {
    /// The life of the key that the elements belong to: the LSN of the entry that created the collection.
    pub incarnation: u64,
    /// Number of elements; never 0 in a stored record, as an empty collection does not exist.
    pub count: u64,
}

/// The positions of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ends {
    /// The position of the first element.
    pub first: u64,
    /// The position of the last element.
    pub last: u64,
    /// Whether the positions of neighbours differ by one fixed step, so that an index tells the position.
    pub is_even: bool,
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
        self.value.kind()
    }

    /// The record as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let collection = match &self.value {
            Value::String(value) => return encode_string(value, self.deadline),
            Value::Hash(collection) | Value::Set(collection) => encode_collection(*collection),
            Value::List(collection, Ends { first, last, is_even }) => {
                let ends = [first.to_be_bytes(), last.to_be_bytes()];
                [&encode_collection(*collection), ends.as_flattened(), &[u8::from(*is_even)]].concat()
            }
            Value::SortedSet(collection, has_counts) => {
                [encode_collection(*collection).as_slice(), &[u8::from(*has_counts)]].concat()
            }
        };
        encode(self.kind(), self.deadline, &collection)
    }

    /// The record in `bytes`. Errors: [`StoreError::Damaged`] naming `key` if they are not a record.
    pub fn decode(key: &[u8], bytes: &[u8]) -> Result<Record, StoreError> {
        let (Metadata { deadline, kind, collection }, rest) = parts(key, bytes)?;
        let value = match (kind, collection) {
            (Type::String, _) | (_, None) => Value::String(rest.to_vec()),
            (Type::Hash, Some(collection)) => Value::Hash(collection),
            (Type::Set, Some(collection)) => Value::Set(collection),
            (Type::List, Some(collection)) => Value::List(collection, ends(key, rest)?),
            (Type::SortedSet, Some(collection)) => Value::SortedSet(collection, flag(key, rest)?),
        };
        Ok(Record { deadline, value })
    }
}

/// A metadata record without the value of a string, so that nothing is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// The instant at which the key dies; `None` = never.
    pub deadline: Option<Millis>,
    /// The key's type.
    pub kind: Type,
    /// The collection; `None`: it is a string.
    pub collection: Option<Collection>,
}

impl Metadata {
    /// Like [`Record::is_dead`].
    pub fn is_dead(&self, now: Millis) -> bool {
        self.deadline.is_some_and(|deadline| now >= deadline)
    }

    /// Like [`Record::decode`].
    pub fn decode(key: &[u8], bytes: &[u8]) -> Result<Metadata, StoreError> {
        parts(key, bytes).map(|(metadata, _)| metadata)
    }
}

/// The record of the string `value` as bytes.
pub fn encode_string(value: &[u8], deadline: Option<Millis>) -> Vec<u8> {
    encode(Type::String, deadline, value)
}

fn encode_collection(Collection { incarnation, count }: Collection) -> Vec<u8> {
    [incarnation.to_be_bytes(), count.to_be_bytes()].concat()
}

fn encode(kind: Type, deadline: Option<Millis>, rest: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(9 + rest.len());
    bytes.push(kind as u8);
    bytes.extend_from_slice(&deadline.map_or(0, |deadline| deadline.0).to_be_bytes());
    bytes.extend_from_slice(rest);
    bytes
}

/// The metadata of a record, and its bytes after the part that its type shares with others; for a string these are its
/// value.
fn parts<'a>(key: &[u8], bytes: &'a [u8]) -> Result<(Metadata, &'a [u8]), StoreError> {
    let (tag, rest) = bytes.split_first().ok_or_else(|| damaged(key, "empty"))?;
    let (deadline, rest) = take_u64(rest).ok_or_else(|| damaged(key, "shorter than its deadline"))?;
    let deadline = (deadline != 0).then_some(Millis(deadline));
    let (kind, more) = match *tag {
        0 => return Ok((Metadata { deadline, kind: Type::String, collection: None }, rest)),
        1 => (Type::Hash, 0),
        2 => (Type::List, 17),
        3 => (Type::Set, 0),
        4 => (Type::SortedSet, 1),
        _ => return Err(damaged(key, "unknown type tag")),
    };
    let (incarnation, rest) = take_u64(rest).ok_or_else(|| damaged(key, "no incarnation"))?;
    let (count, rest) = take_u64(rest).ok_or_else(|| damaged(key, "no count"))?;
    match rest.len().cmp(&more) {
        Ordering::Less => Err(damaged(key, "shorter than its type")),
        Ordering::Greater => Err(damaged(key, "bytes after the count")),
        Ordering::Equal => {
            Ok((Metadata { deadline, kind, collection: Some(Collection { incarnation, count }) }, rest))
        }
    }
}

/// The positions of a list in the last bytes of its record.
fn ends(key: &[u8], bytes: &[u8]) -> Result<Ends, StoreError> {
    let positions = take_u64(bytes).and_then(|(first, rest)| Some((first, take_u64(rest)?)));
    let (first, (last, rest)) = positions.ok_or_else(|| damaged(key, "no positions"))?;
    Ok(Ends { first, last, is_even: flag(key, rest)? })
}

fn flag(key: &[u8], bytes: &[u8]) -> Result<bool, StoreError> {
    match bytes {
        [0] => Ok(false),
        [1] => Ok(true),
        _ => Err(damaged(key, "a flag that is not 0 or 1")),
    }
}

/// The error for the damaged record of `key`.
pub fn damaged(key: &[u8], reason: &'static str) -> StoreError {
    StoreError::Damaged { key: key.escape_ascii().to_string(), reason }
}

/// Whether the record is of a type that version 2 of the binlog brought: a list, a set or a sorted set.
pub fn is_of_version_2(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|tag| *tag > Type::Hash as u8)
}

/// The deadline of a string whose record is `bytes`, without a copy of its value. `None`: it has none, or the bytes
/// are not the record of a string.
pub fn string_deadline(bytes: &[u8]) -> Option<Millis> {
    let (deadline, _) = take_u64(bytes.strip_prefix(&[Type::String as u8])?)?;
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
        _ => Err(damaged(key, "unknown element format")),
    }
}
