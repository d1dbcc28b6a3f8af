//! Read — keys → what one node shows of each, many keys a round trip. Does I/O: a node.
//!
//! Round 1 asks type and deadline of each key, round 2 the first page of its value. A value that does not end on its first page
//! is told as big, and [`paged`](super::paged) reads it; so memory depends on the page, not on the value. (A single element is
//! read whole.)

use super::node::{Node, array, bytes, is_error, millis, number, page, strings};
use super::options::ProbeError;
use super::seen::{Deadline, Field, Seen, Type, Value};
use redis::{Pipeline, Value as Reply};
use std::collections::BTreeMap;

/// Bytes of a string on a page.
pub const PAGE_BYTES: usize = 4096;

/// Elements of a collection on a page.
pub const PAGE_ELEMENTS: usize = 128;

/// Reads the keys. A value that is not on its first page whole is `Value::Big` without length and digest. With `fields` the
/// deadlines of fields are read, too.
pub fn read(node: &mut Node, keys: &[Vec<u8>], fields: bool) -> Result<Vec<Seen>, ProbeError> {
    let heads = heads(node, keys)?;
    let mut pipe = redis::pipe();
    let known = |name: &Option<String>| name.as_ref().and_then(|name| name.parse::<Type>().ok());
    for (key, (name, _)) in keys.iter().zip(&heads) {
        if let Some(kind) = known(name) {
            ask_first_page(&mut pipe, kind, key);
        }
    }
    pipe.cmd("TIME");
    let mut replies = node.ask(&pipe)?;
    let at = replies.pop().and_then(|reply| millis(&reply));
    let mut replies = replies.into_iter();
    let mut seen = Vec::with_capacity(keys.len());
    for (name, deadline) in heads {
        let value = match (known(&name), name) {
            (Some(kind), _) => replies.next().map_or(Value::Changing, |reply| first_page(kind, reply)),
            (None, None) => Value::Changing,
            (None, Some(name)) if name == "none" => Value::Absent,
            (None, Some(name)) => Value::Unread(name),
        };
        seen.push(alive(Seen { value, deadline, at }));
    }
    if fields {
        field_deadlines(node, keys, &mut seen)?;
    }
    Ok(seen)
}

/// The key, or nothing if it is past its deadline by the node's own time: some nodes show such keys until they are removed.
fn alive(seen: Seen) -> Seen {
    let is_there = seen.is_there() && !seen.is_dead_at(seen.at);
    if is_there { seen } else { Seen::absent(seen.at) }
}

/// Type and deadline of each key; no type: the node refused to tell it.
fn heads(node: &mut Node, keys: &[Vec<u8>]) -> Result<Vec<(Option<String>, Deadline)>, ProbeError> {
    let is_exact = node.knows.pexpiretime;
    let mut pipe = redis::pipe();
    pipe.cmd("TIME");
    for key in keys {
        pipe.cmd("TYPE").arg(key.as_slice());
        pipe.cmd(if is_exact { "PEXPIRETIME" } else { "PTTL" }).arg(key.as_slice());
    }
    pipe.cmd("TIME");
    let replies = node.ask(&pipe)?;
    let time = |reply: Option<&Reply>| reply.and_then(millis);
    let (first, last) = (time(replies.first()), time(replies.last()));
    let deadline = |reply: &Reply| match (number(reply), first, last) {
        (Some(ms), ..) if ms >= 0 && is_exact => Deadline::At { ms, error_ms: 0 },
        // The remaining time was told at some instant between the two. 1 ms more: both are cut.
        (Some(ms), Some(first), Some(last)) if ms >= 0 => {
            Deadline::At { ms: first + (last - first) / 2 + ms, error_ms: (last - first) / 2 + 1 }
        }
        _ => Deadline::Never,
    };
    let name = |reply: &Reply| bytes(reply).map(|name| String::from_utf8_lossy(name).into_owned());
    let of_keys = replies.get(1..replies.len().saturating_sub(1)).unwrap_or_default();
    Ok(of_keys.chunks_exact(2).map(|head| (name(&head[0]), deadline(&head[1]))).collect())
}

/// Asks the first page of a value.
fn ask_first_page(pipe: &mut Pipeline, kind: Type, key: &[u8]) {
    let last = PAGE_ELEMENTS - 1;
    match kind {
        Type::Text => pipe.cmd("GETRANGE").arg(key).arg(0).arg(PAGE_BYTES - 1),
        Type::List => pipe.cmd("LRANGE").arg(key).arg(0).arg(last),
        Type::Hash => pipe.cmd("HSCAN").arg(key).arg(0).arg("COUNT").arg(PAGE_ELEMENTS),
        Type::Set => pipe.cmd("SSCAN").arg(key).arg(0).arg("COUNT").arg(PAGE_ELEMENTS),
        Type::SortedSet => pipe.cmd("ZRANGE").arg(key).arg(0).arg(last).arg("WITHSCORES"),
        Type::Stream => pipe.cmd("XRANGE").arg(key).arg("-").arg("+").arg("COUNT").arg(PAGE_ELEMENTS),
    };
}

/// The value, if it ends on its first page.
fn first_page(kind: Type, reply: Reply) -> Value {
    let big = Value::Big { kind, length: 0, digest: 0 };
    if is_error(&reply) {
        return Value::Changing;
    }
    let value = match kind {
        Type::Text => match reply {
            Reply::BulkString(text) if text.len() == PAGE_BYTES => return big,
            Reply::BulkString(text) => return Value::Text(text),
            _ => return Value::Changing,
        },
        Type::List => strings_of_page(reply).map(Value::List),
        Type::SortedSet => pairs_of_page(strings(reply)).map(Value::SortedSet),
        Type::Stream => entries_of_page(reply).map(Value::Stream),
        Type::Hash | Type::Set => match page(reply) {
            Some((cursor, items)) if cursor == b"0" => Some(whole(kind, items)),
            _ => None,
        },
    };
    value.map_or(big, |value| if is_empty(&value) { Value::Absent } else { value })
}

fn strings_of_page(reply: Reply) -> Option<Vec<Vec<u8>>> {
    let strings = strings(reply);
    (strings.len() < PAGE_ELEMENTS).then_some(strings)
}

fn pairs_of_page(strings: Vec<Vec<u8>>) -> Option<BTreeMap<Vec<u8>, Vec<u8>>> {
    (strings.len() < 2 * PAGE_ELEMENTS).then(|| pairs(strings))
}

fn entries_of_page(reply: Reply) -> Option<BTreeMap<Vec<u8>, Vec<Vec<u8>>>> {
    let entries = entries(reply);
    (entries.len() < PAGE_ELEMENTS).then(|| entries.into_iter().collect())
}

fn whole(kind: Type, items: Vec<Vec<u8>>) -> Value {
    if kind == Type::Set {
        return Value::Set(items.into_iter().collect());
    }
    let field = |(name, value)| (name, Field { value, deadline: None });
    Value::Hash(pairs(items).into_iter().map(field).collect())
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::List(list) => list.is_empty(),
        Value::Hash(hash) => hash.is_empty(),
        Value::Set(set) => set.is_empty(),
        Value::SortedSet(set) => set.is_empty(),
        // A stream without entries is a key.
        _ => false,
    }
}

/// Names and values that alternate.
pub fn pairs(strings: Vec<Vec<u8>>) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut strings = strings.into_iter();
    std::iter::from_fn(|| Some((strings.next()?, strings.next()?))).collect()
}

/// The entries of a stream: ids, each with its names and values.
pub fn entries(reply: Reply) -> Vec<(Vec<u8>, Vec<Vec<u8>>)> {
    let entry = |reply: Reply| {
        let [id, content]: [Reply; 2] = array(reply).try_into().ok()?;
        Some((bytes(&id)?.to_vec(), strings(content)))
    };
    array(reply).into_iter().filter_map(entry).collect()
}

/// Asks the deadlines of the fields of a hash.
pub fn ask_field_deadlines<'a>(
    pipe: &mut Pipeline,
    key: &[u8],
    fields: impl ExactSizeIterator<Item = &'a Vec<u8>>,
) {
    pipe.cmd("HPEXPIRETIME").arg(key).arg("FIELDS").arg(fields.len());
    for field in fields {
        pipe.arg(field.as_slice());
    }
}

/// The deadlines in the order of the fields; `None`: the field has none, or is not there.
pub fn deadlines_of_fields(reply: Reply) -> Vec<Option<i64>> {
    array(reply).iter().map(|reply| number(reply).filter(|ms| *ms >= 0)).collect()
}

fn field_deadlines(node: &mut Node, keys: &[Vec<u8>], seen: &mut [Seen]) -> Result<(), ProbeError> {
    let mut pipe = redis::pipe();
    for (key, seen) in keys.iter().zip(&*seen) {
        if let Value::Hash(hash) = &seen.value {
            ask_field_deadlines(&mut pipe, key, hash.keys());
        }
    }
    let mut replies = node.ask(&pipe)?.into_iter();
    for seen in seen {
        if let Value::Hash(hash) = &mut seen.value {
            let deadlines = replies.next().map(deadlines_of_fields).unwrap_or_default();
            for (field, deadline) in hash.values_mut().zip(deadlines) {
                field.deadline = deadline;
            }
        }
    }
    Ok(())
}
