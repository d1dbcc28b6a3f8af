//! The form in which Redis would keep a value in memory, for OBJECT ENCODING. Pure.
//!
//! A hash in which a field has, or had, a deadline is `listpackex` while it is small, as in Redis 8.
//!
//! The store has one form for each type. The replies are those of a Redis 7.2 with default settings that was just given the
//! value as it is now. A real Redis also remembers: a value that was too large keeps its form when it shrinks, and a string
//! that was changed in place (APPEND, SETRANGE, SETBIT) is `raw`, however short it is.
//!
//! Cost: O(elements) up to the limit beyond which a collection has the large form, at most 4,096.

use crate::command::View;
use crate::command::number::parse_integer;
use crate::command::view::StoredHash;
use crate::store::record::{Collection, Value, decode_element};
use crate::store::{StoreError, element, key};
use std::ops::ControlFlow;

/// Longest string that is stored together with its header.
const EMBEDDED_BYTES_MAX: usize = 44;
/// Longest text of an integer.
const INTEGER_BYTES_MAX: usize = 20;
/// Number of small integers that Redis holds once, for all keys.
const SHARED_INTEGERS: i64 = 10_000;
/// Longest element of a listpack, except in a list.
const ELEMENT_BYTES_MAX: usize = 64;
/// Most fields of a hash that is a listpack: `hash-max-listpack-entries`.
const HASH_FIELDS_MAX: u64 = 512;
/// Most members of a set or sorted set that is a listpack: `set-max-listpack-entries`, `zset-max-listpack-entries`.
const MEMBERS_MAX: u64 = 128;
/// Most members of a set of integers: `set-max-intset-entries`.
const INTEGERS_MAX: u64 = 512;
/// Size of the largest listpack that is a list: `list-max-listpack-size`.
const LIST_BYTES_MAX: usize = 8192;
/// Size of an empty listpack.
const LISTPACK_BYTES: usize = 7;

/// The name of the form of `value`, which `name` has.
pub(super) fn encoding(view: &View<'_>, name: &[u8], value: &Value) -> Result<&'static str, StoreError> {
    let is_short = |bytes: &[u8]| bytes.len() <= ELEMENT_BYTES_MAX;
    Ok(match value {
        Value::String(value) => of_string(value),
        Value::Hash(collection, last) => {
            let fits = |field: &[u8], value: &[u8]| is_short(field) && is_short(value);
            let hash = StoredHash { collection: *collection, last: *last, deadline: None };
            let is_small = view.living_fields(name, &hash, HASH_FIELDS_MAX + 1)? <= HASH_FIELDS_MAX
                && all(view, name, *collection, fits)?;
            match (is_small, last) {
                (false, _) => "hashtable",
                (true, None) => "listpack",
                (true, Some(_)) => "listpackex",
            }
        }
        Value::List(list, _) => {
            let mut bytes = LISTPACK_BYTES;
            let fits = |_: &[u8], item: &[u8]| {
                bytes += listpack_bytes(item);
                bytes <= LIST_BYTES_MAX
            };
            if all(view, name, *list, fits)? { "listpack" } else { "quicklist" }
        }
        Value::Set(set) => {
            let member = |name: &[u8]| element::member(name).unwrap_or_default().to_vec();
            let is_integer = |name: &[u8], _: &[u8]| parse_integer(&member(name)).is_some();
            let fits = |name: &[u8], _: &[u8]| is_short(&member(name));
            if set.count <= INTEGERS_MAX && all(view, name, *set, is_integer)? {
                "intset"
            } else if set.count <= MEMBERS_MAX && all(view, name, *set, fits)? {
                "listpack"
            } else {
                "hashtable"
            }
        }
        Value::SortedSet(set, _) => {
            let fits =
                |name: &[u8], _: &[u8]| name.first() != Some(&element::tag::MEMBER) || is_short(&name[1..]);
            let is_small = set.count <= MEMBERS_MAX && all(view, name, *set, fits)?;
            if is_small { "listpack" } else { "skiplist" }
        }
    })
}

fn of_string(value: &[u8]) -> &'static str {
    if value.len() <= INTEGER_BYTES_MAX && parse_integer(value).is_some() {
        "int"
    } else if value.len() <= EMBEDDED_BYTES_MAX {
        "embstr"
    } else {
        "raw"
    }
}

/// Whether Redis has the value only once, for all keys that were set to it.
pub(super) fn is_shared(value: &Value) -> bool {
    let Value::String(value) = value else { return false };
    parse_integer(value).is_some_and(|number| (0..SHARED_INTEGERS).contains(&number))
}

/// Whether name and value of each element pass; the first that does not is the last one that is read.
fn all(
    view: &View<'_>,
    name: &[u8],
    collection: Collection,
    mut passes: impl FnMut(&[u8], &[u8]) -> bool,
) -> Result<bool, StoreError> {
    let (from, to) = key::elements(&view.key(name), collection.incarnation);
    let mut all_pass = Ok(true);
    view.reader().scan(&from, &to, &mut |raw, bytes| {
        all_pass = decode_element(raw, bytes, view.judged_at())
            .map(|value| value.is_none_or(|value| passes(key::element_name(raw, &from), &value)));
        if all_pass == Ok(true) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    all_pass
}

/// Size of a list's item in a listpack: its content, and the length of the content for a reader from the end.
fn listpack_bytes(item: &[u8]) -> usize {
    let content = match (parse_integer(item), item.len()) {
        (Some(0..=0x7f), _) => 1,
        (Some(-0x1000..=0xfff), _) => 2,
        (Some(-0x8000..=0x7fff), _) => 3,
        (Some(-0x80_0000..=0x7f_ffff), _) => 4,
        (Some(-0x8000_0000..=0x7fff_ffff), _) => 5,
        (Some(_), _) => 9,
        (None, length @ 0..64) => 1 + length,
        (None, length @ 64..4096) => 2 + length,
        (None, length) => 5 + length,
    };
    let back = match content {
        0..128 => 1,
        128..16_383 => 2,
        _ => 3,
    };
    content + back
}
