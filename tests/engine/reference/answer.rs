//! Answer — which replies to a command are right. Pure.
//!
//! Redis promises no order of keys and fields, and draws some of them at random. This is the only place that says how replies
//! are compared where more than one reply is right:
//!
//! ```text
//! KEYS HKEYS HVALS             these items, each as often as here, in any order
//! HGETALL                      these fields, each once, in any order
//! RANDOMKEY, HRANDFIELD key    one of these, or null if there are none
//! HRANDFIELD key n             n different fields of these, or all if there are fewer; n < 0: |n| fields, with repetitions
//! SCAN HSCAN                   all calls of a scan together: from cursor 0 these items, each once; from any other
//!                              cursor some of them, each at most once
//! ```

use super::Fields;
use replicheck::command::Reply;

/// The replies that Redis may give.
#[derive(Clone, Debug)]
pub(in super::super) enum Answer {
    Exactly(Reply),
    InAnyOrder(Vec<Vec<u8>>),
    AllFields(Fields),
    OneOf(Vec<Vec<u8>>),
    Drawn { from: Fields, wanted: i128, with_values: bool },
    Scanned { items: Vec<Vec<Vec<u8>>>, from_the_start: bool },
}

impl Answer {
    /// Whether `reply` is right.
    pub(in super::super) fn accepts(&self, reply: &Reply) -> bool {
        match self {
            Answer::Exactly(expected) => reply == expected,
            Answer::InAnyOrder(items) => bulks(reply).is_some_and(|got| sorted(got) == sorted(items.clone())),
            Answer::AllFields(fields) => pairs(reply).is_some_and(|got| {
                got.len() == fields.len() && got.into_iter().collect::<Fields>() == *fields
            }),
            Answer::OneOf(items) => match reply {
                Reply::Null => items.is_empty(),
                Reply::Bulk(item) => items.contains(item),
                _ => false,
            },
            Answer::Drawn { from, wanted, with_values } => is_drawn(reply, from, *wanted, *with_values),
            Answer::Scanned { items, from_the_start } => is_scanned(reply, items, *from_the_start),
        }
    }
}

fn is_drawn(reply: &Reply, from: &Fields, wanted: i128, with_values: bool) -> bool {
    let fields = if with_values {
        let Some(got) = pairs(reply) else { return false };
        if got.iter().any(|(field, value)| from.get(field) != Some(value)) {
            return false;
        }
        got.into_iter().map(|(field, _)| field).collect()
    } else {
        let Some(got) = bulks(reply) else { return false };
        got
    };
    let mut different = sorted(fields.clone());
    different.dedup();
    let size = i128::try_from(from.len()).expect("small");
    let count = if wanted >= 0 { wanted.min(size) } else { wanted.abs() * size.min(1) };
    i128::try_from(fields.len()) == Ok(count)
        && fields.iter().all(|field| from.contains_key(field))
        && (wanted < 0 || different.len() == fields.len())
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

/// The fields and values of a reply.
fn pairs(reply: &Reply) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let (Reply::Map(pairs) | Reply::Pairs(pairs)) = reply else { return None };
    pairs.iter().map(|(field, value)| Some((bulk(field)?, bulk(value)?))).collect()
}
