//! Effect: command → the byte-level change that results from it. Pure.
//!
//! A command is evaluated once, on the master. The result is a list of writes to raw keys. It needs no read,
//! no clock and no random number, so applying it twice is the same as applying it once.
//!
//! ```text
//! INCR n   (n = 41, deadline 9000)   →   Put  01 00 'm' n  =  string, deadline 9000, "42"      keys {0/n}
//! FLUSHDB  (database 0)              →   DeleteRange [01 00 .. 01 01)                          everything
//! ```
//!
//! It deliberately does not merge with stored data: everything that a later state needs is in its bytes.

use crate::store::{key, record};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

/// A key as users name it: a database and a name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Database number, as chosen by SELECT.
    pub db: u8,
    /// The name: any bytes.
    pub name: Vec<u8>,
}

impl Key {
    /// The key `name` in database `db`.
    pub fn new(db: u8, name: impl Into<Vec<u8>>) -> Key {
        Key { db, name: name.into() }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.db, self.name.escape_ascii())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.name.escape_ascii())?;
        if self.db != 0 {
            write!(out, " (db {})", self.db)?;
        }
        Ok(())
    }
}

/// The keys that an entry touches. Two entries conflict when their key sets intersect.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KeySet {
    /// These keys; the set is empty for an effect that changes nothing.
    Keys(BTreeSet<Key>),
    /// Every key: FLUSHDB, FLUSHALL and any other keyless write.
    Everything,
}

impl KeySet {
    /// The empty key set: nothing is touched.
    pub fn empty() -> KeySet {
        KeySet::Keys(BTreeSet::new())
    }

    /// The key set of `keys`.
    pub fn of(keys: impl IntoIterator<Item = Key>) -> KeySet {
        KeySet::Keys(keys.into_iter().collect())
    }

    /// Whether the two share a key. *Everything* conflicts with every set except the empty one.
    pub fn conflicts_with(&self, other: &KeySet) -> bool {
        match (self, other) {
            (KeySet::Everything, other) | (other, KeySet::Everything) => !other.is_empty(),
            (KeySet::Keys(left), KeySet::Keys(right)) => left.intersection(right).next().is_some(),
        }
    }

    /// Adds the keys of `other`.
    pub fn extend(&mut self, other: &KeySet) {
        match (&mut *self, other) {
            (KeySet::Keys(ours), KeySet::Keys(theirs)) => ours.extend(theirs.iter().cloned()),
            _ => *self = KeySet::Everything,
        }
    }

    /// Whether it touches nothing.
    pub fn is_empty(&self) -> bool {
        matches!(self, KeySet::Keys(keys) if keys.is_empty())
    }

    /// Whether `key` is in it.
    pub fn contains(&self, key: &Key) -> bool {
        match self {
            KeySet::Everything => true,
            KeySet::Keys(keys) => keys.contains(key),
        }
    }
}

/// One write to raw keys (see [`crate::store::key`] for their bytes).
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Write {
    /// Sets `key` to `value`.
    Put {
        /// Raw key.
        key: Vec<u8>,
        /// Raw value.
        value: Vec<u8>,
    },
    /// Removes `key`; nothing happens if it is not there.
    Delete {
        /// Raw key.
        key: Vec<u8>,
    },
    /// Removes every key in `from..to`.
    DeleteRange {
        /// First raw key removed.
        from: Vec<u8>,
        /// First raw key kept.
        to: Vec<u8>,
    },
}

impl fmt::Debug for Write {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Write::Put { key, value } => {
                write!(out, "Put({} = {})", key.escape_ascii(), value.escape_ascii())
            }
            Write::Delete { key } => write!(out, "Delete({})", key.escape_ascii()),
            Write::DeleteRange { from, to } => {
                write!(out, "DeleteRange({}..{})", from.escape_ascii(), to.escape_ascii())
            }
        }
    }
}

/// The deterministic change that a command resulted in. It is empty when the command changed nothing; an
/// empty effect gets no entry in the binlog.
///
/// Invariants: every raw key in `writes` belongs to a key of `keys`; two effects whose `keys` do not conflict
/// commute, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Effect {
    /// The writes, in order; a reader sees all of them or none.
    pub writes: Vec<Write>,
    /// The keys that they touch.
    pub keys: KeySet,
}

impl Effect {
    /// The effect that changes nothing.
    pub fn none() -> Effect {
        Effect { writes: Vec::new(), keys: KeySet::empty() }
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }
}

impl Effect {
    /// The version of the binlog that brought the records that it writes: 2 for a list, a set or a sorted set, 3 for deadlines
    /// of fields, 4 for a sorted set with two levels of counting records, 1 if there are none of these.
    pub fn version(&self) -> u8 {
        self.writes.iter().map(Write::version).max().unwrap_or(1)
    }

    /// This effect, and then `next`, as one effect.
    #[must_use]
    pub fn then(mut self, next: Effect) -> Effect {
        self.writes.extend(next.writes);
        self.keys.extend(&next.keys);
        self
    }

    /// The key of the first write; `None` if that write covers many keys.
    pub fn first_key(&self) -> Option<Cow<'_, Key>> {
        match (&self.keys, self.writes.first()?) {
            (KeySet::Everything, Write::DeleteRange { .. }) => None,
            // Writes stay within the key set.
            (KeySet::Keys(keys), _) if keys.len() == 1 => keys.first().map(Cow::Borrowed),
            (_, write) => write.owner().map(Cow::Owned),
        }
    }

    /// The writes that belong to `key`, one of its keys.
    pub fn part<'a>(&'a self, key: &'a Key) -> impl Iterator<Item = &'a Write> {
        self.writes.iter().filter(move |write| write.owner().as_ref() == Some(key))
    }
}

impl Write {
    /// See [`Effect::version`].
    fn version(&self) -> u8 {
        match self {
            Write::Put { key, .. } | Write::Delete { key } | Write::DeleteRange { from: key, .. }
                if key::is_field_deadline(key) =>
            {
                3
            }
            Write::Put { key, value } if key::is_metadata(key) => record::version_of_type(value),
            Write::Put { key, value } if key::element_owner(key).is_some() => {
                record::version_of_element(value)
            }
            Write::Put { .. } | Write::Delete { .. } | Write::DeleteRange { .. } => 1,
        }
    }

    /// The key to which the written raw key belongs; for a range, that of its first raw key.
    pub fn owner(&self) -> Option<Key> {
        match self {
            Write::Put { key, .. } | Write::Delete { key } => key::owner(key),
            Write::DeleteRange { from, .. } => key::owner(from),
        }
    }
}
