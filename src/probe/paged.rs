//! Paged — a big value → its digest, or its differences from the replica's, a page at a time. Does I/O: nodes.
//!
//! | type | how the sides are compared |
//! |---|---|
//! | string, list, stream | the same range of both |
//! | hash, set, sorted set | elements of a page of the master, asked of the replica by name; then the reverse, if needed |
//!
//! The scan of a hash or a set may give an element twice while its table grows. Then its digest differs from the one before, and
//! the value counts as changed: a digest only says whether the master's value stood still.

use super::difference::{self, Differences, Kind, Rules, Times};
use super::node::{Node, bytes, number, page, strings};
use super::options::ProbeError;
use super::read::{ask_field_deadlines, deadlines_of_fields, entries, pairs};
use super::seen::{Field, Type, Value, element_hash};
use super::shown::shown;
use redis::Value as Reply;
use std::collections::BTreeMap;

/// Bytes of a string on a page.
const PAGE_BYTES: usize = 256 << 10;

/// Elements of a collection on a page.
const PAGE_ELEMENTS: usize = 512;

/// A page of a value: the elements by name, and where the next page begins.
struct Page {
    elements: Vec<(Vec<u8>, Element)>,
    next: Option<Vec<u8>>,
}

/// An element of a value.
#[derive(Clone, Debug, PartialEq)]
enum Element {
    /// A part of a string, an element of a list.
    Part(Vec<u8>),
    Member,
    Score(Vec<u8>),
    Field(Field),
    Entry(Vec<Vec<u8>>),
}

impl Element {
    fn hash(&self, name: &[u8]) -> u128 {
        match self {
            Element::Part(bytes) | Element::Score(bytes) => element_hash(&[name, bytes]),
            Element::Member => element_hash(&[name]),
            Element::Field(Field { value, deadline }) => {
                element_hash(&[name, value, format!("{deadline:?}").as_bytes()])
            }
            Element::Entry(parts) => {
                let mut all = vec![name];
                all.extend(parts.iter().map(Vec::as_slice));
                element_hash(&all)
            }
        }
    }
}

/// Reads a big value page by page and keeps its length and digest.
pub fn digest(node: &mut Node, key: &[u8], kind: Type, fields: bool) -> Result<Value, ProbeError> {
    let (mut next, mut length, mut digest) = (Some(b"0".to_vec()), 0u64, 0u128);
    while let Some(from) = next {
        let page = read_page(node, (key, kind), &from, fields)?;
        for (name, element) in &page.elements {
            digest = digest.wrapping_add(element.hash(name));
            length += match element {
                Element::Part(bytes) if kind == Type::Text => bytes.len() as u64,
                _ => 1,
            };
        }
        next = page.next;
    }
    Ok(Value::Big { kind, length, digest })
}

/// Compares a big value with the replica's, element by element. With `fields` the deadlines of fields are read.
pub fn compare(
    (master, replica): (&mut Node, &mut Node),
    (key, kind): (&[u8], Type),
    fields: bool,
    by: (Times, Rules),
) -> Result<Differences, ProbeError> {
    let mut found = Differences::default();
    if matches!(kind, Type::Text | Type::List) {
        by_place((master, replica), (key, kind), &mut found)?;
        return Ok(found);
    }
    let lengths = (length(master, (key, kind))?, length(replica, (key, kind))?);
    let mut next = Some(b"0".to_vec());
    while let Some(from) = next {
        let page = read_page(master, (key, kind), &from, fields)?;
        let theirs = by_name(replica, (key, kind), &page.elements, fields)?;
        for ((name, ours), theirs) in page.elements.iter().zip(&theirs) {
            element(name, ours, theirs.as_ref(), by, &mut found);
        }
        next = page.next;
    }
    if lengths.0 == lengths.1 && found.is_empty() {
        return Ok(found);
    }
    let mut next = Some(b"0".to_vec());
    while let Some(from) = next {
        let page = read_page(replica, (key, kind), &from, fields)?;
        let ours = by_name(master, (key, kind), &page.elements, false)?;
        for ((name, theirs), _) in page.elements.iter().zip(&ours).filter(|(_, ours)| ours.is_none()) {
            match theirs {
                Element::Field(field) => difference::extra_field(name, field, by.0, &mut found),
                other => difference::extra_element(name, &text(other), &mut found),
            }
        }
        next = page.next;
    }
    Ok(found)
}

fn element(
    name: &[u8],
    master: &Element,
    replica: Option<&Element>,
    by: (Times, Rules),
    found: &mut Differences,
) {
    match (master, replica) {
        (Element::Field(ours), Some(Element::Field(theirs))) => {
            difference::field(name, ours, Some(theirs), by, found);
        }
        (Element::Field(ours), None) => difference::field(name, ours, None, by, found),
        (Element::Score(ours), Some(Element::Score(theirs))) => {
            difference::score(name, ours, Some(theirs), found);
        }
        (Element::Entry(ours), Some(Element::Entry(theirs))) => {
            difference::entry(name, ours, Some(theirs), found)
        }
        (ours, None) => difference::lost_element(name, &text(ours), found),
        (
            Element::Member | Element::Part(_) | Element::Score(_) | Element::Field(_) | Element::Entry(_),
            Some(_),
        ) => {}
    }
}

fn text(element: &Element) -> String {
    match element {
        Element::Part(bytes) => shown(bytes),
        Element::Member => "there".to_owned(),
        Element::Score(score) => String::from_utf8_lossy(score).into_owned(),
        Element::Field(field) => shown(&field.value),
        Element::Entry(parts) => shown(&parts.join(&b' ')),
    }
}

/// Compares strings and lists place by place, and tells the first place that differs.
fn by_place(
    (master, replica): (&mut Node, &mut Node),
    (key, kind): (&[u8], Type),
    found: &mut Differences,
) -> Result<(), ProbeError> {
    let lengths = (length(master, (key, kind))?, length(replica, (key, kind))?);
    let (mut next, mut first) = (Some(b"0".to_vec()), None);
    // Sums of the hashes of the elements, in any order.
    let mut sums = (0u128, 0u128);
    while let Some(from) = next {
        let [ours, theirs] =
            [&mut *master, &mut *replica].map(|node| read_page(node, (key, kind), &from, false));
        let (ours, theirs) = (ours?, theirs?);
        let part = |page: &Page, at: usize| page.elements.get(at).map(|(_, element)| element.clone());
        for at in 0..ours.elements.len().max(theirs.elements.len()) {
            let (one, other) = (part(&ours, at), part(&theirs, at));
            if one != other && first.is_none() {
                let start =
                    std::str::from_utf8(&from).ok().and_then(|from| from.parse().ok()).unwrap_or(0usize);
                first = Some(place(kind, start + at, (one.clone(), other.clone())));
            }
            let hash = |part: &Option<Element>| part.as_ref().map_or(0, |part| part.hash(b""));
            sums = (sums.0.wrapping_add(hash(&one)), sums.1.wrapping_add(hash(&other)));
        }
        // A string is told by its first differing byte; a list is read to its end, as the sums tell whether the order differs.
        next = if first.is_some() && kind == Type::Text { None } else { ours.next.or(theirs.next) };
    }
    if let Some((place, ours, theirs)) = first {
        let kind = match lengths.0.cmp(&lengths.1) {
            _ if kind == Type::Text => Kind::OtherValue,
            std::cmp::Ordering::Equal if sums.0 == sums.1 => Kind::OtherOrder,
            std::cmp::Ordering::Equal => Kind::OtherValue,
            std::cmp::Ordering::Greater => Kind::LostElement,
            std::cmp::Ordering::Less => Kind::ExtraElement,
        };
        let side = |length: i64, side: String| format!("{side}, of {length}");
        found.push(kind, Some(place), side(lengths.0, ours), side(lengths.1, theirs));
    }
    Ok(())
}

/// The place and both sides of the first difference.
fn place(kind: Type, at: usize, sides: (Option<Element>, Option<Element>)) -> (String, String, String) {
    let bytes = |side: Option<Element>| match side {
        Some(Element::Part(bytes)) => Some(bytes),
        _ => None,
    };
    let (ours, theirs) = (bytes(sides.0), bytes(sides.1));
    if kind != Type::Text {
        let text = |side: Option<Vec<u8>>| side.map_or("-".to_owned(), |bytes| shown(&bytes));
        return (format!("index {at}"), text(ours), text(theirs));
    }
    let (ours, theirs) = (ours.unwrap_or_default(), theirs.unwrap_or_default());
    let same = ours.iter().zip(&theirs).take_while(|(one, other)| one == other).count();
    (format!("byte {}", at + same), shown(&ours[same..]), shown(&theirs[same..]))
}

/// The length of a value, by its own command.
fn length(node: &mut Node, (key, kind): (&[u8], Type)) -> Result<i64, ProbeError> {
    let command = match kind {
        Type::Text => "STRLEN",
        Type::List => "LLEN",
        Type::Hash => "HLEN",
        Type::Set => "SCARD",
        Type::SortedSet => "ZCARD",
        Type::Stream => "XLEN",
    };
    let mut pipe = redis::pipe();
    pipe.cmd(command).arg(key);
    Ok(node.ask(&pipe)?.first().and_then(number).unwrap_or(-1))
}

/// One page of a value. A string's and a list's begin at a place, a stream's after an id, the others' at a cursor.
fn read_page(
    node: &mut Node,
    (key, kind): (&[u8], Type),
    from: &[u8],
    fields: bool,
) -> Result<Page, ProbeError> {
    let start: usize = std::str::from_utf8(from).ok().and_then(|from| from.parse().ok()).unwrap_or(0);
    let mut pipe = redis::pipe();
    match kind {
        Type::Text => pipe.cmd("GETRANGE").arg(key).arg(start).arg(start + PAGE_BYTES - 1),
        Type::List => pipe.cmd("LRANGE").arg(key).arg(start).arg(start + PAGE_ELEMENTS - 1),
        Type::Hash => pipe.cmd("HSCAN").arg(key).arg(from).arg("COUNT").arg(PAGE_ELEMENTS),
        Type::Set => pipe.cmd("SSCAN").arg(key).arg(from).arg("COUNT").arg(PAGE_ELEMENTS),
        Type::SortedSet => pipe.cmd("ZSCAN").arg(key).arg(from).arg("COUNT").arg(PAGE_ELEMENTS),
        Type::Stream => {
            let after = if from == b"0" { b"-".to_vec() } else { [b"(", from].concat() };
            pipe.cmd("XRANGE").arg(key).arg(after).arg("+").arg("COUNT").arg(PAGE_ELEMENTS)
        }
    };
    let reply = node.ask(&pipe)?.pop().unwrap_or_default();
    let mut page = parsed(kind, start, reply);
    if fields && kind == Type::Hash && !page.elements.is_empty() {
        let mut pipe = redis::pipe();
        let names: Vec<Vec<u8>> = page.elements.iter().map(|(name, _)| name.clone()).collect();
        ask_field_deadlines(&mut pipe, key, names.iter());
        let deadlines = node.ask(&pipe)?.pop().map(deadlines_of_fields).unwrap_or_default();
        for ((_, element), of_field) in page.elements.iter_mut().zip(deadlines) {
            if let Element::Field(field) = element {
                field.deadline = of_field;
            }
        }
    }
    Ok(page)
}

/// A page from the reply. A reply of another type is an empty last page: the value changed, and the digests differ.
fn parsed(kind: Type, start: usize, reply: Reply) -> Page {
    let place = |at: usize| (start + at).to_string().into_bytes();
    match kind {
        Type::Text => {
            let part = match reply {
                Reply::BulkString(part) => part,
                _ => Vec::new(),
            };
            let next = (part.len() == PAGE_BYTES).then(|| place(PAGE_BYTES));
            let elements = if part.is_empty() { Vec::new() } else { vec![(place(0), Element::Part(part))] };
            Page { elements, next }
        }
        Type::List => {
            let strings = strings(reply);
            let next = (strings.len() == PAGE_ELEMENTS).then(|| place(PAGE_ELEMENTS));
            let part = |(at, string)| (place(at), Element::Part(string));
            Page { elements: strings.into_iter().enumerate().map(part).collect(), next }
        }
        Type::Stream => {
            let entries = entries(reply);
            let last = entries.last().map(|(id, _)| id.clone());
            let next = last.filter(|_| entries.len() == PAGE_ELEMENTS);
            let entry = |(id, parts)| (id, Element::Entry(parts));
            Page { elements: entries.into_iter().map(entry).collect(), next }
        }
        Type::Hash | Type::Set | Type::SortedSet => {
            let (cursor, items) = page(reply).unwrap_or_else(|| (b"0".to_vec(), Vec::new()));
            let next = (cursor != b"0").then_some(cursor);
            let elements = match kind {
                Type::Set => items.into_iter().map(|member| (member, Element::Member)).collect(),
                Type::Hash => named(items, |value| Element::Field(Field { value, deadline: None })),
                _ => named(items, Element::Score),
            };
            Page { elements, next }
        }
    }
}

fn named(items: Vec<Vec<u8>>, element: impl Fn(Vec<u8>) -> Element) -> Vec<(Vec<u8>, Element)> {
    pairs(items).into_iter().map(|(name, value)| (name, element(value))).collect()
}

/// The elements of these names on the other node; `None`: it has no such element.
fn by_name(
    node: &mut Node,
    (key, kind): (&[u8], Type),
    elements: &[(Vec<u8>, Element)],
    fields: bool,
) -> Result<Vec<Option<Element>>, ProbeError> {
    if elements.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<Vec<u8>> = elements.iter().map(|(name, _)| name.clone()).collect();
    let mut pipe = redis::pipe();
    match kind {
        Type::Hash => {
            pipe.cmd("HMGET").arg(key);
            names.iter().for_each(|name| {
                pipe.arg(name.as_slice());
            });
            if fields {
                ask_field_deadlines(&mut pipe, key, names.iter());
            }
        }
        Type::Stream => names.iter().for_each(|id| {
            pipe.cmd("XRANGE").arg(key).arg(id.as_slice()).arg(id.as_slice());
        }),
        Type::Set => names.iter().for_each(|name| {
            pipe.cmd("SISMEMBER").arg(key).arg(name.as_slice());
        }),
        _ => names.iter().for_each(|name| {
            pipe.cmd("ZSCORE").arg(key).arg(name.as_slice());
        }),
    }
    let replies = node.ask(&pipe)?;
    let found = |reply: Reply| match kind {
        Type::Set => (number(&reply) == Some(1)).then_some(Element::Member),
        Type::Stream => entries(reply).pop().map(|(_, parts)| Element::Entry(parts)),
        _ => bytes(&reply).map(|score| Element::Score(score.to_vec())),
    };
    if kind == Type::Hash { Ok(fields_of(replies)) } else { Ok(replies.into_iter().map(found).collect()) }
}

/// The fields from the replies to HMGET, and to HPEXPIRETIME if that was asked.
fn fields_of(replies: Vec<Reply>) -> Vec<Option<Element>> {
    let mut replies = replies.into_iter();
    let values = replies.next().map(super::node::array).unwrap_or_default();
    let deadlines: BTreeMap<usize, Option<i64>> =
        replies.next().map(deadlines_of_fields).unwrap_or_default().into_iter().enumerate().collect();
    let field = |(at, value): (usize, Reply)| {
        let deadline = deadlines.get(&at).copied().flatten();
        Some(Element::Field(Field { value: bytes(&value)?.to_vec(), deadline }))
    };
    values.into_iter().enumerate().map(field).collect()
}
