//! The bytes of a metadata record: the type and deadline of a key, and the value of a string. Pure.
//!
//! ```text
//! type tag (1)  deadline (8, milliseconds, 0 = none)  then
//!   0 string      the value's bytes
//!   1 hash        incarnation (8)  number of elements (8)
//!   5 hash        incarnation (8)  number of fields without a deadline (8)  latest deadline of a field (8, 0 = none)
//!   2 list        incarnation (8)  number of elements (8)  first position (8)  last position (8)  1 = evenly spaced (1)
//!   3 set         incarnation (8)  number of elements (8)
//!   4 sorted set  incarnation (8)  number of elements (8)  1 = with counting records (1)
//!   6 sorted set  incarnation (8)  number of elements (8)
//! ```
//!
//! A newly created collection gets a new incarnation (the LSN of the creating entry), so an element of a dead
//! incarnation is never merged into a living one. [`element`](super::element) has the names of elements. The value of
//! an element starts with its format:
//!
//! ```text
//! 0  value                  a plain element
//! 1  deadline (8)  value    a field of a hash that dies at its own deadline
//! ```
//!
//! # Hashes with deadlines of fields
//!
//! A hash has tag 5 from the first field that is given a deadline until the hash is removed or created anew. Its record
//! does not count the fields that have deadlines, because a field dies without a write. Their number at an instant T is the
//! number of records after T in the index of deadlines ([`key::field_deadline`](super::key::field_deadline)). So the
//! physical removal of dead fields changes no metadata, and nodes that removed different dead fields have equal metadata.
//!
//! Such a hash dies at its own deadline, or, if no field is without a deadline, at the latest deadline of a field: see
//! [`Record::dies_at`].
//!
//! # Sorted sets with two levels of counting records
//!
//! A sorted set has tag 6 from its first write as a large set until it is removed or created anew. Programs that know one level
//! only would leave the second one wrong, so they must not read such a record.

use super::StoreError;
use crate::time::Millis;
use std::cmp::Ordering;

/// Type tag of a hash that has, or had, fields with deadlines.
const HASH_WITH_DEADLINES: u8 = 5;
/// Type tag of a sorted set with two levels of counting records.
const SORTED_SET_OF_TWO_LEVELS: u8 = 6;
/// Format of a plain element.
const PLAIN: u8 = 0;
/// Format of an element with a deadline.
const WITH_DEADLINE: u8 = 1;

/// Type of a key, as TYPE names it. The numbers are the type tags on disk; a hash may also have tag 5, a sorted set tag 6.
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
    /// A hash, whose elements have records of their own. The instant is the latest deadline of a stored field, or 0 if no
    /// field has one; `None`: no field ever had one. Unless it is `None`, the count is that of fields without a deadline.
    Hash(Collection, Option<Millis>),
    /// A list, whose elements have records of their own.
    List(Collection, Ends),
    /// A set, whose elements have records of their own.
    Set(Collection),
    /// A sorted set, whose elements have records of their own.
    SortedSet(Collection, Levels),
}

impl Value {
    /// The metadata of a collection; `None`: it is a string.
    pub fn collection(&self) -> Option<Collection> {
        match self {
            Value::String(_) => None,
            Value::Hash(collection, _)
            | Value::List(collection, _)
            | Value::Set(collection)
            | Value::SortedSet(collection, _) => Some(*collection),
        }
    }

    /// The latest deadline of a stored field, if this is a hash that has, or had, fields with deadlines; 0: no field has one.
    pub fn last_field_deadline(&self) -> Option<Millis> {
        match self {
            Value::Hash(_, last) => *last,
            Value::String(_) | Value::List(..) | Value::Set(_) | Value::SortedSet(..) => None,
        }
    }

    /// The records of a collection beside its metadata; `None`: it is a string.
    pub fn life(&self) -> Option<Life> {
        life(self.collection(), self.last_field_deadline())
    }

    /// The same collection in another incarnation; a string stays as it is.
    #[must_use]
    pub fn in_incarnation(mut self, new: u64) -> Value {
        match &mut self {
            Value::String(_) => {}
            Value::Hash(collection, _)
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
            Value::Hash(..) => Type::Hash,
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
    /// Number of elements; of a hash with deadlines of fields: the number of fields without a deadline. An empty collection
    /// does not exist.
    pub count: u64,
}

/// What names the records of a collection beside its metadata. A command that replaces the collection deletes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// The incarnation of the collection.
    pub incarnation: u64,
    /// Whether the collection has an index of deadlines of fields.
    pub has_deadlines: bool,
}

fn life(collection: Option<Collection>, last: Option<Millis>) -> Option<Life> {
    collection.map(|Collection { incarnation, .. }| Life { incarnation, has_deadlines: last.is_some() })
}

/// Like [`Value::life`], of a record's bytes; `None` also if they are damaged.
pub fn life_of(bytes: &[u8]) -> Option<Life> {
    parts(&[], bytes).ok()?.0.life()
}

/// The instant at which a key dies; `None`: never. `last`: the latest deadline of a field of a hash whose other fields are
/// counted in `collection`.
fn dies_at(deadline: Option<Millis>, collection: Option<Collection>, last: Option<Millis>) -> Option<Millis> {
    let without_fields = last.filter(|_| collection.is_some_and(|collection| collection.count == 0));
    deadline.into_iter().chain(without_fields).min()
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

/// The levels of counting records of a sorted set. What they count: [`tag`](super::element::tag).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Levels {
    /// No counting records.
    Zero,
    /// Counting records of chunks.
    One,
    /// Counting records of chunks, and of blocks.
    Two,
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
    /// The instant at which the key dies: its deadline, or the instant at which the last field of a hash dies. `None`: never.
    pub fn dies_at(&self) -> Option<Millis> {
        dies_at(self.deadline, self.value.collection(), self.value.last_field_deadline())
    }

    /// Whether the key is dead at `now`: its deadline has been reached. A key with one millisecond to live is
    /// dead one millisecond later, and EXPIREAT with the present instant deletes, as in Redis.
    pub fn is_dead(&self, now: Millis) -> bool {
        self.dies_at().is_some_and(|instant| now >= instant)
    }

    /// The key's type.
    pub fn kind(&self) -> Type {
        self.value.kind()
    }

    /// The record as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let collection = match &self.value {
            Value::String(value) => return encode_string(value, self.deadline),
            Value::Hash(collection, Some(last)) => {
                let fields = [encode_collection(*collection).as_slice(), &last.0.to_be_bytes()].concat();
                return encode(HASH_WITH_DEADLINES, self.deadline, &fields);
            }
            Value::Hash(collection, None) | Value::Set(collection) => encode_collection(*collection),
            Value::List(collection, Ends { first, last, is_even }) => {
                let ends = [first.to_be_bytes(), last.to_be_bytes()];
                [&encode_collection(*collection), ends.as_flattened(), &[u8::from(*is_even)]].concat()
            }
            Value::SortedSet(collection, Levels::Two) => {
                return encode(SORTED_SET_OF_TWO_LEVELS, self.deadline, &encode_collection(*collection));
            }
            Value::SortedSet(collection, levels) => {
                let has_counts = u8::from(*levels == Levels::One);
                [encode_collection(*collection).as_slice(), &[has_counts]].concat()
            }
        };
        encode(self.kind() as u8, self.deadline, &collection)
    }

    /// The record in `bytes`. Errors: [`StoreError::Damaged`] naming `key` if they are not a record.
    pub fn decode(key: &[u8], bytes: &[u8]) -> Result<Record, StoreError> {
        let (Metadata { deadline, kind, collection, last }, rest) = parts(key, bytes)?;
        let value = match (kind, collection) {
            (Type::String, _) | (_, None) => Value::String(rest.to_vec()),
            (Type::Hash, Some(collection)) => Value::Hash(collection, last),
            (Type::Set, Some(collection)) => Value::Set(collection),
            (Type::List, Some(collection)) => Value::List(collection, ends(key, rest)?),
            (Type::SortedSet, Some(collection)) => Value::SortedSet(collection, levels(key, rest)?),
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
    /// Like [`Value::last_field_deadline`].
    pub last: Option<Millis>,
}

impl Metadata {
    /// Like [`Record::dies_at`].
    pub fn dies_at(&self) -> Option<Millis> {
        dies_at(self.deadline, self.collection, self.last)
    }

    /// Like [`Record::is_dead`].
    pub fn is_dead(&self, now: Millis) -> bool {
        self.dies_at().is_some_and(|instant| now >= instant)
    }

    /// Like [`Value::life`].
    pub fn life(&self) -> Option<Life> {
        life(self.collection, self.last)
    }

    /// Like [`Record::decode`].
    pub fn decode(key: &[u8], bytes: &[u8]) -> Result<Metadata, StoreError> {
        parts(key, bytes).map(|(metadata, _)| metadata)
    }
}

/// The record of the string `value` as bytes.
pub fn encode_string(value: &[u8], deadline: Option<Millis>) -> Vec<u8> {
    encode(Type::String as u8, deadline, value)
}

fn encode_collection(Collection { incarnation, count }: Collection) -> Vec<u8> {
    [incarnation.to_be_bytes(), count.to_be_bytes()].concat()
}

fn encode(tag: u8, deadline: Option<Millis>, rest: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(9 + rest.len());
    bytes.push(tag);
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
        0 => return Ok((Metadata { deadline, kind: Type::String, collection: None, last: None }, rest)),
        1 => (Type::Hash, 0),
        2 => (Type::List, 17),
        3 => (Type::Set, 0),
        4 => (Type::SortedSet, 1),
        HASH_WITH_DEADLINES => (Type::Hash, 8),
        SORTED_SET_OF_TWO_LEVELS => (Type::SortedSet, 0),
        _ => return Err(damaged(key, "unknown type tag")),
    };
    let (incarnation, rest) = take_u64(rest).ok_or_else(|| damaged(key, "no incarnation"))?;
    let (count, rest) = take_u64(rest).ok_or_else(|| damaged(key, "no count"))?;
    match rest.len().cmp(&more) {
        Ordering::Less => Err(damaged(key, "shorter than its type")),
        Ordering::Greater => Err(damaged(key, "bytes after the count")),
        Ordering::Equal => {
            let last = (*tag == HASH_WITH_DEADLINES).then(|| take_u64(rest)).flatten();
            let last = last.map(|(last, _)| Millis(last));
            Ok((Metadata { deadline, kind, collection: Some(Collection { incarnation, count }), last }, rest))
        }
    }
}

/// The positions of a list in the last bytes of its record.
fn ends(key: &[u8], bytes: &[u8]) -> Result<Ends, StoreError> {
    let positions = take_u64(bytes).and_then(|(first, rest)| Some((first, take_u64(rest)?)));
    let (first, (last, rest)) = positions.ok_or_else(|| damaged(key, "no positions"))?;
    Ok(Ends { first, last, is_even: flag(key, rest)? })
}

/// The levels of a sorted set in the last bytes of its record; with tag 6 there are none.
fn levels(key: &[u8], bytes: &[u8]) -> Result<Levels, StoreError> {
    match bytes {
        [] => Ok(Levels::Two),
        bytes => Ok(if flag(key, bytes)? { Levels::One } else { Levels::Zero }),
    }
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

/// The version of the binlog that brought the type of the metadata record `bytes`: 2 for a list, a set or a sorted set, 3
/// for a hash with deadlines of fields, 4 for a sorted set with two levels of counting records, 1 for any other.
pub fn version_of_type(bytes: &[u8]) -> u8 {
    match bytes.first() {
        Some(&HASH_WITH_DEADLINES) => 3,
        Some(&SORTED_SET_OF_TWO_LEVELS) => 4,
        Some(tag) if *tag > Type::Hash as u8 => 2,
        _ => 1,
    }
}

/// The version of the binlog that brought the format of the element `raw`.
pub fn version_of_element(raw: &[u8]) -> u8 {
    if raw.first() == Some(&WITH_DEADLINE) { 3 } else { 1 }
}

/// The deadline of a string whose record is `bytes`, without a copy of its value. `None`: it has none, or the bytes
/// are not the record of a string.
pub fn string_deadline(bytes: &[u8]) -> Option<Millis> {
    let (deadline, _) = take_u64(bytes.strip_prefix(&[Type::String as u8])?)?;
    (deadline != 0).then_some(Millis(deadline))
}

/// The instant at which the key of a metadata record dies: see [`Record::dies_at`]. `None`: never, or the bytes are not a
/// record.
pub fn dies_at_of(bytes: &[u8]) -> Option<Millis> {
    parts(&[], bytes).ok()?.0.dies_at()
}

fn take_u64(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*head), rest))
}

/// The raw value of an element.
pub fn encode_element(value: &[u8]) -> Vec<u8> {
    [&[PLAIN], value].concat()
}

/// The raw value of a field that dies at `deadline`; `None`: like [`encode_element`].
pub fn encode_field(value: &[u8], deadline: Option<Millis>) -> Vec<u8> {
    match deadline {
        None => encode_element(value),
        Some(deadline) => [&[WITH_DEADLINE], deadline.0.to_be_bytes().as_slice(), value].concat(),
    }
}

/// A stored element, dead or alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredElement<'a> {
    /// The value.
    pub value: &'a [u8],
    /// The instant at which it dies; `None` = with its collection.
    pub deadline: Option<Millis>,
}

impl<'a> StoredElement<'a> {
    /// The element in a raw value. Errors: [`StoreError::Damaged`] naming `key`.
    pub fn decode(key: &[u8], raw: &'a [u8]) -> Result<StoredElement<'a>, StoreError> {
        let (format, rest) = raw.split_first().ok_or_else(|| damaged(key, "unknown element format"))?;
        match *format {
            PLAIN => Ok(StoredElement { value: rest, deadline: None }),
            WITH_DEADLINE => {
                let (deadline, value) = take_u64(rest).ok_or_else(|| damaged(key, "no deadline"))?;
                Ok(StoredElement { value, deadline: Some(Millis(deadline)) })
            }
            _ => Err(damaged(key, "unknown element format")),
        }
    }

    /// Whether it is dead at `now`.
    pub fn is_dead(&self, now: Millis) -> bool {
        self.deadline.is_some_and(|deadline| now >= deadline)
    }
}

/// The value of the element in a raw value, dead or alive. Only elements of a hash have deadlines. Errors:
/// [`StoreError::Damaged`] naming `key`.
pub fn plain_element(key: &[u8], raw: &[u8]) -> Result<Vec<u8>, StoreError> {
    Ok(StoredElement::decode(key, raw)?.value.to_vec())
}

/// The value of the element in a raw value, as it is seen at `now`. `None`: it is dead. Errors: [`StoreError::Damaged`]
/// naming `key`.
pub fn decode_element(key: &[u8], raw: &[u8], now: Millis) -> Result<Option<Vec<u8>>, StoreError> {
    let element = StoredElement::decode(key, raw)?;
    Ok((!element.is_dead(now)).then(|| element.value.to_vec()))
}
