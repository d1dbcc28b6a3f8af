//! Answer — which replies to a command are right. Pure.
//!
//! Redis promises no order of keys and fields, and draws some of them at random. This is the only place that says how replies
//! are compared where more than one reply is right:
//!
//! ```text
//! KEYS HKEYS HVALS                 these items, each as often as here, in any order
//! HGETALL                          these fields, each once, in any order
//! SMEMBERS SINTER SUNION SDIFF     these members, each once, in any order
//! RANDOMKEY, HRANDFIELD key …      one of these, or null if there are none
//! HRANDFIELD key n …               n different elements of these, or all if there are fewer; n < 0: |n| elements, with
//!                                  repetitions
//! SPOP                             as SRANDMEMBER; the reference then removes what the reply shows (`Reference::follow`)
//! SCAN HSCAN SSCAN ZSCAN           all calls of a scan together: from cursor 0 these items, each once; from any other
//!                                  cursor some of them, each at most once
//! GET of a HyperLogLog             any string that spells these registers
//! STRLEN, GETRANGE of one          any length and any string, as long as the reference does not know how it is spelt
//! OBJECT                           any encoding that the type can have, any idle time and number of references, any help
//! ```

use super::hyperloglogs::{Registers, spells};
use super::values::{Fields, Members};
use replicheck::command::Reply;
use std::collections::BTreeMap;

/// The replies that Redis may give.
#[derive(Clone, Debug)]
pub(in super::super) enum Answer {
    Exactly(Reply),
    InAnyOrder(Vec<Vec<u8>>),
    AllFields(Fields),
    Members(Members),
    OneOf(Vec<Vec<u8>>),
    /// Elements, each with the value or score that belongs to it.
    Drawn {
        from: BTreeMap<Vec<u8>, Reply>,
        wanted: i128,
        with_values: bool,
    },
    /// `wanted` is `None` if one member was asked for, without a count.
    Popped {
        from: Members,
        wanted: Option<i128>,
    },
    Scanned {
        items: Vec<Vec<Vec<u8>>>,
        from_the_start: bool,
    },
    Spelling(Registers),
    OfSomeSpelling,
    AtLeast(i64),
    Lines,
}

impl Answer {
    /// Whether `reply` is right.
    pub(in super::super) fn accepts(&self, reply: &Reply) -> bool {
        match self {
            Answer::Exactly(expected) => {
                reply == expected || (is_empty_list(reply) && is_empty_list(expected))
            }
            Answer::InAnyOrder(items) => bulks(reply).is_some_and(|got| sorted(got) == sorted(items.clone())),
            Answer::AllFields(fields) => strings(reply).is_some_and(|got| {
                got.len() == fields.len() && got.into_iter().collect::<Fields>() == *fields
            }),
            Answer::Members(expected) => {
                members(reply).is_some_and(|got| sorted(got).iter().eq(expected.iter()))
            }
            Answer::OneOf(items) => match reply {
                Reply::Null => items.is_empty(),
                Reply::Bulk(item) => items.contains(item),
                _ => false,
            },
            Answer::Drawn { from, wanted, with_values } => is_drawn(reply, from, *wanted, *with_values),
            Answer::Popped { from, wanted: None } => {
                Answer::OneOf(from.iter().cloned().collect()).accepts(reply)
            }
            Answer::Popped { from, wanted: Some(wanted) } => members(reply).is_some_and(|got| {
                i128::try_from(got.len()) == Ok((*wanted).min(i128::try_from(from.len()).expect("small")))
                    && got.iter().all(|member| from.contains(member))
                    && got.iter().collect::<std::collections::BTreeSet<_>>().len() == got.len()
            }),
            Answer::Scanned { items, from_the_start } => is_scanned(reply, items, *from_the_start),
            Answer::Spelling(registers) => {
                matches!(reply, Reply::Bulk(bytes) if spells(bytes, registers))
            }
            Answer::OfSomeSpelling => matches!(reply, Reply::Bulk(_) | Reply::Integer(_)),
            Answer::AtLeast(least) => matches!(reply, Reply::Integer(number) if number >= least),
            Answer::Lines => matches!(reply, Reply::Array(lines) if !lines.is_empty()),
        }
    }
}

/// Whether it is a list without items. The wire shows no difference between lists and lists of pairs then.
fn is_empty_list(reply: &Reply) -> bool {
    match reply {
        Reply::Array(items) => items.is_empty(),
        Reply::Pairs(pairs) => pairs.is_empty(),
        _ => false,
    }
}

fn is_drawn(reply: &Reply, from: &BTreeMap<Vec<u8>, Reply>, wanted: i128, with_values: bool) -> bool {
    let names: Option<Vec<Vec<u8>>> = if with_values {
        let Some(got) = pairs(reply) else { return false };
        let right = |(name, value)| bulk(name).filter(|name| from.get(name) == Some(value));
        got.iter().map(|(name, value)| right((name, value))).collect()
    } else {
        bulks(reply)
    };
    let Some(names) = names else { return false };
    let mut different = sorted(names.clone());
    different.dedup();
    let size = i128::try_from(from.len()).expect("small");
    let count = if wanted >= 0 { wanted.min(size) } else { wanted.abs() * size.min(1) };
    i128::try_from(names.len()) == Ok(count)
        && names.iter().all(|name| from.contains_key(name))
        && (wanted < 0 || different.len() == names.len())
}

fn is_scanned(reply: &Reply, items: &[Vec<Vec<u8>>], from_the_start: bool) -> bool {
    if let Reply::Error(text) = reply {
        return !from_the_start && text.starts_with("ERR invalid cursor: ");
    }
    let Reply::Array(parts) = reply else { return false };
    let [Reply::Bulk(cursor), list] = parts.as_slice() else { return false };
    let Some(got) = bulks(list) else { return false };
    let group = items.first().map_or(1, Vec::len);
    let got: Vec<Vec<Vec<u8>>> = sorted(got.chunks(group).map(<[_]>::to_vec).collect());
    let mut different = got.clone();
    different.dedup();
    let right = if from_the_start {
        got == sorted(items.to_vec())
    } else {
        got.iter().all(|one| items.contains(one))
    };
    cursor == b"0" && different == got && right
}

fn sorted<T: Ord>(mut items: Vec<T>) -> Vec<T> {
    items.sort();
    items
}

fn bulk(reply: &Reply) -> Option<Vec<u8>> {
    if let Reply::Bulk(bytes) = reply { Some(bytes.clone()) } else { None }
}

/// The items of a reply that is an array of strings.
fn bulks(reply: &Reply) -> Option<Vec<Vec<u8>>> {
    let Reply::Array(items) = reply else { return None };
    items.iter().map(bulk).collect()
}

/// The members of a reply that is a set. If a member is there twice, so it is in the result.
fn members(reply: &Reply) -> Option<Vec<Vec<u8>>> {
    let Reply::Set(members) = reply else { return None };
    members.iter().map(bulk).collect()
}

/// The pairs of a reply.
fn pairs(reply: &Reply) -> Option<&[(Reply, Reply)]> {
    if let Reply::Map(pairs) | Reply::Pairs(pairs) = reply { Some(pairs) } else { None }
}

/// The fields and values of a reply.
fn strings(reply: &Reply) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    pairs(reply)?.iter().map(|(field, value)| Some((bulk(field)?, bulk(value)?))).collect()
}
