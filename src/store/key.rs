//! The bytes of a raw key. Pure.
//!
//! ```text
//! 00  name…                                                  the node's own records (marker, latest removed deadline, folder id)
//! 01  db  'm'  key name…                                     metadata of a key; a string's value is inside
//! 01  db  'e'  length of name (4)  key name…  incarnation (8)  element name…    an element of a collection
//! 01  db  'd'  length of name (4)  key name…  incarnation (8)  deadline (8)  field…    a field's deadline; no value
//! ```
//!
//! Numbers are big-endian, so bytes sort as numbers do. A database is one range of raw keys, which is what
//! FLUSHDB deletes; the elements of one incarnation of one key are one range, which is what DEL deletes. Names
//! of keys in metadata are not length-prefixed, so that a scan returns them in the order of their bytes. The records of
//! `'d'` are an index of the fields of a hash that have deadlines of their own, in the order of the deadlines.

use crate::effect::Key;
use crate::time::Millis;

/// First byte of the node's own records.
pub const NODE: u8 = 0;
/// First byte of user data.
pub const DATA: u8 = 1;
/// Tag of metadata.
pub const METADATA: u8 = b'm';
/// Tag of an element.
pub const ELEMENT: u8 = b'e';
/// Tag of the deadline of a field. The tag of elements follows it, so that the records of both are one range of a database.
pub const FIELD_DEADLINE: u8 = b'd';

/// Raw key of the marker: the watermark that was written in the same batch as the data.
pub fn marker() -> Vec<u8> {
    [&[NODE], b"marker".as_slice()].concat()
}

/// Raw key of the id of the folder that the store belongs to.
pub fn folder() -> Vec<u8> {
    [&[NODE], b"folder".as_slice()].concat()
}

/// Raw key of the latest deadline for which the node has removed a key.
pub fn removed() -> Vec<u8> {
    [&[NODE], b"removed".as_slice()].concat()
}

/// Raw key of the metadata of `key`.
pub fn metadata(key: &Key) -> Vec<u8> {
    metadata_of(key.db, &key.name)
}

/// Raw key of the metadata of the key `name` in database `db`.
pub fn metadata_of(db: u8, name: &[u8]) -> Vec<u8> {
    let mut raw = Vec::with_capacity(3 + name.len());
    raw.extend_from_slice(&[DATA, db, METADATA]);
    raw.extend_from_slice(name);
    raw
}

/// The key whose metadata has this raw key; `None` for any other raw key.
pub fn metadata_key(raw: &[u8]) -> Option<Key> {
    match raw {
        [DATA, db, METADATA, name @ ..] => Some(Key::new(*db, name)),
        _ => None,
    }
}

/// Whether this is the raw key of metadata.
pub fn is_metadata(raw: &[u8]) -> bool {
    matches!(raw, [DATA, _, METADATA, ..])
}

/// Raw key of element `element` of `key` in the given incarnation.
pub fn element(key: &Key, incarnation: u64, element: &[u8]) -> Vec<u8> {
    of_collection(ELEMENT, key, incarnation, element)
}

fn of_collection(tag: u8, key: &Key, incarnation: u64, rest: &[u8]) -> Vec<u8> {
    // The server refuses names of more than 512 MB, as Redis does, so the length fits.
    let length = u32::try_from(key.name.len()).unwrap_or(u32::MAX);
    let mut raw = Vec::with_capacity(15 + key.name.len() + rest.len());
    raw.extend_from_slice(&[DATA, key.db, tag]);
    raw.extend_from_slice(&length.to_be_bytes());
    raw.extend_from_slice(&key.name);
    raw.extend_from_slice(&incarnation.to_be_bytes());
    raw.extend_from_slice(rest);
    raw
}

/// Raw key that says that field `field` of `key` in the given incarnation dies at `deadline`.
pub fn field_deadline(key: &Key, incarnation: u64, deadline: Millis, field: &[u8]) -> Vec<u8> {
    let rest = [deadline.0.to_be_bytes().as_slice(), field].concat();
    of_collection(FIELD_DEADLINE, key, incarnation, &rest)
}

/// The range of raw keys of all deadlines of fields of `key` in the given incarnation: start (included) and end
/// (excluded).
pub fn field_deadlines(key: &Key, incarnation: u64) -> (Vec<u8>, Vec<u8>) {
    let from = of_collection(FIELD_DEADLINE, key, incarnation, &[]);
    let to = after_prefix(&from);
    (from, to)
}

/// The part of [`field_deadlines`] with the deadlines that are later than `now`.
pub fn field_deadlines_after(key: &Key, incarnation: u64, now: Millis) -> (Vec<u8>, Vec<u8>) {
    let (from, to) = field_deadlines(key, incarnation);
    match now.0.checked_add(1) {
        Some(next) => (of_collection(FIELD_DEADLINE, key, incarnation, &next.to_be_bytes()), to),
        None => (to.clone().max(from), to),
    }
}

/// The part of [`field_deadlines`] with the deadlines that are reached at `now`.
pub fn field_deadlines_until(key: &Key, incarnation: u64, now: Millis) -> (Vec<u8>, Vec<u8>) {
    (field_deadlines(key, incarnation).0, field_deadlines_after(key, incarnation, now).0)
}

/// The deadline and the field that the raw key of an index record names; `None` for any other raw key.
pub fn deadline_and_field(raw: &[u8]) -> Option<(Millis, &[u8])> {
    let [DATA, _, FIELD_DEADLINE, ..] = raw else { return None };
    let (_, _, rest) = owner_and_rest(raw)?;
    let (deadline, field) = rest.get(8..)?.split_first_chunk::<8>()?;
    Some((Millis(u64::from_be_bytes(*deadline)), field))
}

/// Whether this is the raw key of the deadline of a field, or the start of a range of them.
pub fn is_field_deadline(raw: &[u8]) -> bool {
    matches!(raw, [DATA, _, FIELD_DEADLINE, ..])
}

/// The range of raw keys of all elements of `key` in the given incarnation: start (included) and end
/// (excluded).
pub fn elements(key: &Key, incarnation: u64) -> (Vec<u8>, Vec<u8>) {
    let from = element(key, incarnation, &[]);
    let to = after_prefix(&from);
    (from, to)
}

/// The range of raw keys of all elements of `key` in any incarnation: start (included) and end (excluded).
pub fn elements_of(key: &Key) -> (Vec<u8>, Vec<u8>) {
    let mut from = element(key, 0, &[]);
    from.truncate(from.len() - 8);
    let to = after_prefix(&from);
    (from, to)
}

/// The name of the element whose raw key is `raw` (see [`element`]); `prefix` is the start of the range of
/// [`elements`].
pub fn element_name<'a>(raw: &'a [u8], prefix: &[u8]) -> &'a [u8] {
    raw.strip_prefix(prefix).unwrap_or(&[])
}

/// The key to which a raw key of user data belongs; `None` for the node's own records and for bytes that are
/// not a raw key.
pub fn owner(raw: &[u8]) -> Option<Key> {
    match raw {
        [DATA, _, ELEMENT | FIELD_DEADLINE, ..] => element_owner(raw).map(|(db, name)| Key::new(db, name)),
        _ => metadata_key(raw),
    }
}

/// Database and name of the key to which the element, or the deadline of a field, with this raw key belongs; `None` for
/// any other raw key.
pub fn element_owner(raw: &[u8]) -> Option<(u8, &[u8])> {
    let (db, name, _) = owner_and_rest(raw)?;
    Some((db, name))
}

/// The name of the element with this raw key; `None` for any other raw key.
pub fn element_of(raw: &[u8]) -> Option<&[u8]> {
    let [DATA, _, ELEMENT, ..] = raw else { return None };
    let (_, _, rest) = owner_and_rest(raw)?;
    rest.get(8..)
}

/// Database and name of the key to which an element or the deadline of a field belongs, and the bytes after that name.
fn owner_and_rest(raw: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let [DATA, db, ELEMENT | FIELD_DEADLINE, rest @ ..] = raw else { return None };
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (name, rest) = rest.split_at_checked(length)?;
    Some((*db, name, rest))
}

/// The range of raw keys of database `db`: start (included) and end (excluded).
pub fn database(db: u8) -> (Vec<u8>, Vec<u8>) {
    let from = vec![DATA, db];
    let to = after_prefix(&from);
    (from, to)
}

/// The raw key of the same record in database `db`. `raw` is a raw key of user data.
pub fn in_database(mut raw: Vec<u8>, db: u8) -> Vec<u8> {
    if let Some(byte) = raw.get_mut(1) {
        *byte = db;
    }
    raw
}

/// Whether a range that begins with this raw key covers whole databases, like the ranges that FLUSHDB and
/// FLUSHALL delete.
pub fn begins_a_database(from: &[u8]) -> bool {
    matches!(from, [DATA] | [DATA, _])
}

/// The range of raw keys of the metadata of database `db`: start (included) and end (excluded).
pub fn all_metadata(db: u8) -> (Vec<u8>, Vec<u8>) {
    let from = vec![DATA, db, METADATA];
    let to = after_prefix(&from);
    (from, to)
}

/// The range of raw keys of all elements of database `db`, and of all deadlines of fields: start (included) and end
/// (excluded).
pub fn all_elements(db: u8) -> (Vec<u8>, Vec<u8>) {
    (vec![DATA, db, FIELD_DEADLINE], after_prefix(&[DATA, db, ELEMENT]))
}

/// The range of raw keys of all deadlines of fields of database `db`: start (included) and end (excluded).
pub fn all_field_deadlines(db: u8) -> (Vec<u8>, Vec<u8>) {
    (vec![DATA, db, FIELD_DEADLINE], vec![DATA, db, ELEMENT])
}

/// The range of all user data: start (included) and end (excluded).
pub fn all_databases() -> (Vec<u8>, Vec<u8>) {
    (vec![DATA], vec![DATA + 1])
}

/// The first byte string after all byte strings that begin with `prefix`. If there is none, the result is
/// empty, which means the end of the store.
fn after_prefix(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            break;
        }
    }
    end
}
