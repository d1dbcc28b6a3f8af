//! Dump — raw records → keys, values and deadlines as users know them. Pure.

use super::element::{self, Score};
use super::record::{Collection, Record, StoredElement, Value, damaged, plain_element};
use super::{Read, StoreError, key};
use crate::effect::Key;
use crate::time::Millis;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::ControlFlow;

/// The name and value of an element.
pub type Element = (Vec<u8>, Vec<u8>);

/// The fields of a hash, each with its value and its deadline.
pub type Fields = BTreeMap<Vec<u8>, (Vec<u8>, Option<Millis>)>;

/// A value as users know it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Content {
    /// A string.
    String(Vec<u8>),
    /// A hash: fields and values.
    Hash(BTreeMap<Vec<u8>, Vec<u8>>),
    /// A hash of which a field has, or had, a deadline of its own; dead fields included.
    Fields(Fields),
    /// A list: its items in order.
    List(Vec<Vec<u8>>),
    /// A set: its members.
    Set(BTreeSet<Vec<u8>>),
    /// A sorted set: its members in the order of their scores.
    SortedSet(BTreeSet<(Score, Vec<u8>)>),
    /// A collection whose record has a wrong number of elements, so that HLEN and HGETALL disagree; for a sorted set also: the
    /// number of members that have another score, or no place, in the order of scores; for a hash also: the number of fields
    /// whose deadline is missing in the order of deadlines. A master never has such a state; a replica may, if it is
    /// read after a crash before it has applied its log again.
    Miscounted(Box<Content>, u64),
}

impl Content {
    /// Number of elements; 0 for a string.
    pub fn elements(&self) -> usize {
        match self {
            Content::String(_) => 0,
            Content::Hash(fields) => fields.len(),
            Content::Fields(fields) => fields.len(),
            Content::List(items) => items.len(),
            Content::Set(members) => members.len(),
            Content::SortedSet(members) => members.len(),
            Content::Miscounted(content, _) => content.elements(),
        }
    }

    /// This collection, whose record counts `count`.
    #[must_use]
    pub fn counted_as(self, count: u64) -> Content {
        let elements = match &self {
            Content::Fields(fields) => fields.values().filter(|(_, deadline)| deadline.is_none()).count(),
            _ => self.elements(),
        };
        if elements as u64 == count { self } else { Content::Miscounted(Box::new(self), count) }
    }

    /// The instant at which the last field of a hash dies. `None`: it is another value, or a field has no deadline.
    pub fn dies_at(&self) -> Option<Millis> {
        match self {
            Content::Fields(fields) => {
                let last = fields.values().map(|(_, deadline)| deadline.unwrap_or(Millis(u64::MAX))).max();
                Some(last.unwrap_or(Millis::ZERO)).filter(|last| *last < Millis(u64::MAX))
            }
            Content::Miscounted(content, _) => content.dies_at(),
            _ => None,
        }
    }

    /// The deadlines of the fields of a hash.
    fn field_deadlines(&self) -> impl Iterator<Item = Millis> {
        let content = match self {
            Content::Miscounted(content, _) => content,
            content => content,
        };
        let fields = match content {
            Content::Fields(fields) => Some(fields),
            _ => None,
        };
        fields.into_iter().flat_map(|fields| fields.values()).filter_map(|(_, deadline)| *deadline)
    }

    /// The names of the fields of a hash that never die. It is empty for another value.
    pub fn lasting_fields(&self) -> BTreeSet<&[u8]> {
        match self {
            Content::Hash(fields) => fields.keys().map(Vec::as_slice).collect(),
            Content::Fields(fields) => {
                let lasting = fields.iter().filter(|(_, (_, deadline))| deadline.is_none());
                lasting.map(|(field, _)| field.as_slice()).collect()
            }
            Content::Miscounted(content, _) => content.lasting_fields(),
            _ => BTreeSet::new(),
        }
    }

    /// The fields that are alive at `now`, each with its deadline. `None`: it is not a hash with deadlines of fields.
    pub fn living_fields(&self, now: Millis) -> Option<Fields> {
        let is_alive = |deadline: &Option<Millis>| deadline.is_none_or(|deadline| now < deadline);
        match self {
            Content::Fields(fields) => {
                let living = fields.iter().filter(|(_, (_, deadline))| is_alive(deadline));
                Some(living.map(|(field, stored)| (field.clone(), stored.clone())).collect())
            }
            Content::Miscounted(content, _) => content.living_fields(now),
            _ => None,
        }
    }

    /// The value that a reader sees at `now`: without fields that are dead, and without deadlines of fields.
    #[must_use]
    pub fn seen_at(&self, now: Millis) -> Content {
        match (self, self.living_fields(now)) {
            (Content::Miscounted(content, count), Some(_)) => {
                Content::Miscounted(Box::new(content.seen_at(now)), *count)
            }
            (_, Some(living)) => {
                Content::Hash(living.into_iter().map(|(field, (value, _))| (field, value)).collect())
            }
            (_, None) => self.clone(),
        }
    }
}

impl fmt::Display for Content {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Content::String(value) => write!(out, "\"{}\"", value.escape_ascii()),
            Content::Hash(fields) => {
                let field = |(name, value): (&Vec<u8>, &Vec<u8>)| {
                    format!("{}: \"{}\"", name.escape_ascii(), value.escape_ascii())
                };
                write!(out, "{{{}}}", joined(fields.iter().map(field)))
            }
            Content::Fields(fields) => {
                let field = |(name, (value, deadline)): (&Vec<u8>, &(Vec<u8>, Option<Millis>))| {
                    let until =
                        deadline.map_or_else(String::new, |deadline| format!(" until {}", deadline.0));
                    format!("{}: \"{}\"{until}", name.escape_ascii(), value.escape_ascii())
                };
                write!(out, "{{{}}}", joined(fields.iter().map(field)))
            }
            Content::List(items) => write!(out, "[{}]", joined(items.iter().map(|item| quoted(item)))),
            Content::Set(members) => {
                write!(out, "{{{}}}", joined(members.iter().map(|member| quoted(member))))
            }
            Content::SortedSet(members) => {
                let member = |(score, member): &(Score, Vec<u8>)| format!("{}: {score}", quoted(member));
                write!(out, "{{{}}}", joined(members.iter().map(member)))
            }
            Content::Miscounted(content, count) => write!(out, "{content} (counted as {count})"),
        }
    }
}

fn quoted(bytes: &[u8]) -> String {
    format!("\"{}\"", bytes.escape_ascii())
}

fn joined(elements: impl Iterator<Item = String>) -> String {
    elements.collect::<Vec<_>>().join(", ")
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
    /// The instant at which it dies: its deadline, or that of the last field of a hash; `None` = never.
    pub fn dies_at(&self) -> Option<Millis> {
        self.deadline.into_iter().chain(self.content.dies_at()).min()
    }

    /// Whether it is dead at `now`.
    pub fn is_dead(&self, now: Millis) -> bool {
        self.dies_at().is_some_and(|instant| now >= instant)
    }

    /// All of its deadlines: its own, and those of the fields of a hash.
    pub fn deadlines(&self) -> impl Iterator<Item = Millis> {
        self.deadline.into_iter().chain(self.content.field_deadlines())
    }

    /// Whether something of it is dead at `now` and can be removed: the key, or a field of a hash.
    pub fn has_dead(&self, now: Millis) -> bool {
        self.deadlines().any(|deadline| now >= deadline)
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
            Value::Hash(hash, Some(_)) => with_deadlines(reader, &key, hash)?,
            Value::Hash(hash, None) => {
                Content::Hash(elements(reader, &key, hash.incarnation)?.into_iter().collect())
                    .counted_as(hash.count)
            }
            Value::List(list, _) => {
                let items = elements(reader, &key, list.incarnation)?.into_iter().map(|(_, item)| item);
                Content::List(items.collect()).counted_as(list.count)
            }
            Value::Set(set) => {
                let names = elements(reader, &key, set.incarnation)?;
                let members = names.iter().filter_map(|(name, _)| element::member(name));
                Content::Set(members.map(<[u8]>::to_vec).collect()).counted_as(set.count)
            }
            Value::SortedSet(set, _) => sorted_set(reader, &key, set)?,
        };
        dump.insert(key, Stored { content, deadline: record.deadline });
    }
    Ok(dump)
}

/// The hash `key`, of which a field has, or had, a deadline.
fn with_deadlines(reader: &dyn Read, key: &Key, hash: Collection) -> Result<Content, StoreError> {
    let (from, to) = key::elements(key, hash.incarnation);
    let mut fields = Fields::new();
    scan_decoded(reader, &from, &to, &mut |raw, bytes| {
        let stored = StoredElement::decode(raw, bytes)?;
        fields.insert(key::element_name(raw, &from).to_vec(), (stored.value.to_vec(), stored.deadline));
        Ok(())
    })?;
    let (from, to) = key::field_deadlines(key, hash.incarnation);
    let mut ordered = BTreeSet::new();
    scan_decoded(reader, &from, &to, &mut |raw, _| {
        let (deadline, field) =
            key::deadline_and_field(raw).ok_or_else(|| damaged(raw, "no deadline of a field"))?;
        ordered.insert((deadline, field.to_vec()));
        Ok(())
    })?;
    let own = fields.iter().filter_map(|(field, (_, deadline))| Some(((*deadline)?, field.clone())));
    // A record of the order without its field is one of a dead field that was written since: see `node::dead_fields`.
    let misplaced = own.filter(|own| !ordered.contains(own)).count();
    let content = Content::Fields(fields);
    Ok(match misplaced {
        0 => content.counted_as(hash.count),
        _ => Content::Miscounted(Box::new(content), misplaced as u64),
    })
}

/// The sorted set `key`.
fn sorted_set(reader: &dyn Read, key: &Key, set: Collection) -> Result<Content, StoreError> {
    let (mut members, mut ordered) = (BTreeSet::new(), BTreeSet::new());
    for (name, value) in elements(reader, key, set.incarnation)? {
        let scored = || damaged(&key::element(key, set.incarnation, &name), "no score");
        match name.first() {
            Some(&element::tag::MEMBER) => {
                members.insert((Score::from_bytes(&value).ok_or_else(scored)?, name[1..].to_vec()));
            }
            Some(&element::tag::BY_SCORE) => {
                let (score, member) = element::scored(&name).ok_or_else(scored)?;
                ordered.insert((score, member.to_vec()));
            }
            _ => {}
        }
    }
    let misplaced = members.symmetric_difference(&ordered).count();
    let content = Content::SortedSet(members);
    Ok(match misplaced {
        0 => content.counted_as(set.count),
        _ => Content::Miscounted(Box::new(content), misplaced as u64),
    })
}

/// All elements of `key` in the given incarnation, dead fields included, in the order of their names. Cost: O(elements). Errors:
/// those of the store, and damaged elements.
pub fn elements(reader: &dyn Read, key: &Key, incarnation: u64) -> Result<Vec<Element>, StoreError> {
    let (from, to) = key::elements(key, incarnation);
    let mut elements = Vec::new();
    scan_decoded(reader, &from, &to, &mut |raw, bytes| {
        elements.push((key::element_name(raw, &from).to_vec(), plain_element(raw, bytes)?));
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
