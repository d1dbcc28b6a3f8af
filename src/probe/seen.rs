//! Seen — a node's replies for one key: type, value and deadline at one moment. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// One key as one node showed it.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Its value.
    pub value: Value,
    /// Its deadline.
    pub deadline: Deadline,
    /// The node's own wall time at the end of the read, in milliseconds since 1970; `None` if the node does not tell.
    pub at: Option<i64>,
}

/// The value of a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// The node has no such key, or the key is past its deadline by the node's own time.
    Absent,
    /// A string.
    Text(Vec<u8>),
    /// A list, in its order.
    List(Vec<Vec<u8>>),
    /// A hash, by field.
    Hash(BTreeMap<Vec<u8>, Field>),
    /// A set.
    Set(BTreeSet<Vec<u8>>),
    /// A sorted set: the score of each member, as the node prints it.
    SortedSet(BTreeMap<Vec<u8>, Vec<u8>>),
    /// A stream: the content of each entry by id. Groups of consumers are not read.
    Stream(BTreeMap<Vec<u8>, Vec<Vec<u8>>>),
    /// A value that does not fit on one page. It is only kept as a digest.
    Big {
        /// Its type.
        kind: Type,
        /// Bytes of a string, elements of a collection.
        length: u64,
        /// Sum of the hashes of its elements.
        digest: u128,
    },
    /// A type whose content is not read (the types of modules): only its name is compared.
    Unread(String),
    /// The type changed while it was read.
    Changing,
}

/// A field of a hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its value.
    pub value: Vec<u8>,
    /// Its deadline in milliseconds since 1970; `None`: it has none, or deadlines of fields are not read.
    pub deadline: Option<i64>,
}

/// A type whose content is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Type {
    /// `string`.
    Text,
    /// `list`.
    List,
    /// `hash`.
    Hash,
    /// `set`.
    Set,
    /// `zset`.
    SortedSet,
    /// `stream`.
    Stream,
}

crate::names::named!(
    Type, what "type";
    Text "string",
    List "list",
    Hash "hash",
    Set "set",
    SortedSet "zset",
    Stream "stream",
);

/// The deadline of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// It has none.
    Never,
    /// It dies at an instant.
    At {
        /// Milliseconds since 1970.
        ms: i64,
        /// How far the instant may be off: 0 by PEXPIRETIME, the duration of the measurement by PTTL.
        error_ms: i64,
    },
}

impl Seen {
    /// A key that is not there.
    pub fn absent(at: Option<i64>) -> Seen {
        Seen { value: Value::Absent, deadline: Deadline::Never, at }
    }

    /// Whether the node has the key.
    pub fn is_there(&self) -> bool {
        self.value != Value::Absent
    }

    /// Whether the key's deadline has passed at an instant.
    pub fn is_dead_at(&self, instant: Option<i64>) -> bool {
        matches!((self.deadline, instant), (Deadline::At { ms, .. }, Some(instant)) if ms <= instant)
    }
}

impl Value {
    /// The name of its type, as TYPE tells it.
    pub fn type_name(&self) -> &str {
        match self {
            Value::Absent => "none",
            Value::Text(_) => "string",
            Value::List(_) => "list",
            Value::Hash(_) => "hash",
            Value::Set(_) => "set",
            Value::SortedSet(_) => "zset",
            Value::Stream(_) => "stream",
            Value::Big { kind, .. } => kind.name(),
            Value::Unread(name) => name,
            Value::Changing => "changing",
        }
    }
}

/// The hash of an element, 128 bits. A digest is the wrapping sum of these, so that it does not depend on the order; an
/// element of a list or of a string has its place as a part.
pub fn element_hash(parts: &[&[u8]]) -> u128 {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        salt.hash(&mut hasher);
        parts.hash(&mut hasher);
        u128::from(hasher.finish())
    };
    half(0) << 64 | half(1)
}
