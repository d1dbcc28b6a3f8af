//! Difference — one key on the master and on a replica → how they differ. Pure.
//!
//! | on the master | on the replica | kind |
//! |---|---|---|
//! | a value | nothing | `missing_key` |
//! | nothing | a value | `extra_key` |
//! | a list `a b` | a list `b a` | `other_order` |
//! | a deadline | none | `immortal_key` |

use super::seen::{Deadline, Field, Seen, Value};
use super::shown::shown;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// How many differing elements of one key are kept.
const ELEMENTS_MAX: usize = 8;

/// The way in which a replica differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The replica lacks the key.
    MissingKey,
    /// Only the replica has the key.
    ExtraKey,
    /// The types differ.
    OtherType,
    /// The strings differ, or what stands at a place of the list.
    OtherValue,
    /// The replica lacks an element.
    LostElement,
    /// Only the replica has the element.
    ExtraElement,
    /// A field has another value, or a member another score.
    OtherElement,
    /// The lists have the same elements in another order.
    OtherOrder,
    /// Both keys have a deadline, and the deadlines differ.
    OtherDeadline,
    /// Only on the master has the key a deadline: on the replica it never dies.
    ImmortalKey,
    /// Only on the replica has the key a deadline.
    ExtraDeadline,
    /// Only on the master has the field a deadline.
    LostFieldDeadline,
    /// Both fields have a deadline, and the deadlines differ.
    OtherFieldDeadline,
    /// Only on the replica has the field a deadline.
    ExtraFieldDeadline,
}

crate::names::named!(
    Kind, what "kind of difference";
    MissingKey "missing_key",
    ExtraKey "extra_key",
    OtherType "other_type",
    OtherValue "other_value",
    LostElement "lost_element",
    ExtraElement "extra_element",
    OtherElement "other_element",
    OtherOrder "other_order",
    OtherDeadline "other_deadline",
    ImmortalKey "immortal_key",
    ExtraDeadline "extra_deadline",
    LostFieldDeadline "lost_field_deadline",
    OtherFieldDeadline "other_field_deadline",
    ExtraFieldDeadline "extra_field_deadline",
);

/// One difference, with what both sides have, short and quoted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The way in which they differ.
    pub kind: Kind,
    /// The element, or the place in a list or string; `None`: the key as a whole.
    pub element: Option<String>,
    /// The value on the master; `-`: none.
    pub master: String,
    /// The value on the replica; `-`: none.
    pub replica: String,
}

/// The differences of one key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// The first ones.
    pub shown: Vec<Difference>,
    /// The number of further ones.
    pub more: u64,
}

impl Differences {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }

    /// Adds one; only counts it if there are many.
    pub fn push(&mut self, kind: Kind, element: Option<String>, master: String, replica: String) {
        if self.shown.len() < ELEMENTS_MAX {
            self.shown.push(Difference { kind, element, master, replica });
        } else {
            self.more += 1;
        }
    }
}

/// What counts as equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// By how many milliseconds deadlines may differ.
    pub tolerance_ms: i64,
    /// Whether deadlines of fields are compared. Without, they only tell which fields are dead.
    pub fields: bool,
}

/// The time of both nodes when they were read, by their own clocks, in milliseconds since 1970; `None`: unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// The master's.
    pub master: Option<i64>,
    /// The replica's.
    pub replica: Option<i64>,
}

/// The outcome for one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Both nodes show the same.
    Equal,
    /// They differ.
    Differs(Differences),
    /// One node shows the key, and by the clock of one of them the key is past its deadline: removal is on its way, or the
    /// clocks differ.
    Expiring,
    /// The type changed while one of them was read.
    Changing,
}

/// Compares what both nodes show of a key. Deadlines may differ by the tolerance and by the error of measurement.
pub fn compare(master: &Seen, replica: &Seen, rules: Rules) -> Comparison {
    let mut found = Differences::default();
    match (&master.value, &replica.value) {
        (Value::Changing, _) | (_, Value::Changing) => return Comparison::Changing,
        (Value::Absent, Value::Absent) => {}
        (_, Value::Absent) if master.is_dead_at(replica.at) => return Comparison::Expiring,
        (Value::Absent, _) if replica.is_dead_at(master.at) => return Comparison::Expiring,
        (value, Value::Absent) => found.push(Kind::MissingKey, None, summary(value), "-".to_owned()),
        (Value::Absent, value) => found.push(Kind::ExtraKey, None, "-".to_owned(), summary(value)),
        (ours, theirs) if ours.type_name() != theirs.type_name() => {
            found.push(Kind::OtherType, None, summary(ours), summary(theirs));
        }
        (ours, theirs) => {
            let times = Times { master: master.at, replica: replica.at };
            values(ours, theirs, (times, rules), &mut found);
            deadlines(master.deadline, replica.deadline, rules.tolerance_ms, &mut found);
        }
    }
    if found.is_empty() { Comparison::Equal } else { Comparison::Differs(found) }
}

/// Compares two values of one type.
fn values(master: &Value, replica: &Value, by: (Times, Rules), found: &mut Differences) {
    match (master, replica) {
        (Value::Text(ours), Value::Text(theirs)) => texts(ours, theirs, found),
        (Value::List(ours), Value::List(theirs)) => lists(ours, theirs, found),
        (Value::Hash(ours), Value::Hash(theirs)) => {
            for (name, field) in ours {
                self::field(name, field, theirs.get(name), by, found);
            }
            for (name, field) in theirs.iter().filter(|(name, _)| !ours.contains_key(*name)) {
                extra_field(name, field, by.0, found);
            }
        }
        (Value::Set(ours), Value::Set(theirs)) => {
            ours.difference(theirs).for_each(|member| lost_element(member, "there", found));
            theirs.difference(ours).for_each(|member| extra_element(member, "there", found));
        }
        (Value::SortedSet(ours), Value::SortedSet(theirs)) => {
            for (member, score) in ours {
                self::score(member, score, theirs.get(member).map(Vec::as_slice), found);
            }
            for (member, score) in theirs.iter().filter(|(member, _)| !ours.contains_key(*member)) {
                extra_element(member, &String::from_utf8_lossy(score), found);
            }
        }
        (Value::Stream(ours), Value::Stream(theirs)) => {
            for (id, entry) in ours {
                self::entry(id, entry, theirs.get(id), found);
            }
            for (id, entry) in theirs.iter().filter(|(id, _)| !ours.contains_key(*id)) {
                extra_element(id, &line(entry), found);
            }
        }
        _ if master == replica => {}
        _ => found.push(Kind::OtherValue, None, summary(master), summary(replica)),
    }
}

fn texts(master: &[u8], replica: &[u8], found: &mut Differences) {
    if master != replica {
        let same = master.iter().zip(replica).take_while(|(one, other)| one == other).count();
        // A short common beginning is shown; a long one is told as a place.
        let (at, from) = if same > 20 { (Some(format!("byte {same}")), same) } else { (None, 0) };
        found.push(Kind::OtherValue, at, shown(&master[from..]), shown(&replica[from..]));
    }
}

fn lists(master: &[Vec<u8>], replica: &[Vec<u8>], found: &mut Differences) {
    if master == replica {
        return;
    }
    let count = |list: &[Vec<u8>]| {
        list.iter().fold(BTreeMap::<Vec<u8>, i64>::new(), |mut counts, element| {
            *counts.entry(element.clone()).or_default() += 1;
            counts
        })
    };
    let (ours, theirs) = (count(master), count(replica));
    if ours == theirs {
        let first = master.iter().zip(replica).position(|(one, other)| one != other).unwrap_or_default();
        let place = Some(format!("index {first}"));
        return found.push(Kind::OtherOrder, place, shown(&master[first]), shown(&replica[first]));
    }
    let all: BTreeSet<&Vec<u8>> = ours.keys().chain(theirs.keys()).collect();
    for element in all {
        let times = |counts: &BTreeMap<Vec<u8>, i64>| counts.get(element).copied().unwrap_or_default();
        let (one, other) = (times(&ours), times(&theirs));
        let text = |times: i64| if times == 0 { "-".to_owned() } else { format!("{times}×") };
        let kind = match one.cmp(&other) {
            Ordering::Equal => continue,
            Ordering::Greater => Kind::LostElement,
            Ordering::Less => Kind::ExtraElement,
        };
        found.push(kind, Some(shown(element)), text(one), text(other));
    }
}

/// Notes a field that only the replica has, unless it is dead by the master's time: its removal is on its way.
pub(super) fn extra_field(name: &[u8], replica: &Field, times: Times, found: &mut Differences) {
    if !is_dead(replica, times.master) {
        extra_element(name, &shown(&replica.value), found);
    }
}

fn is_dead(field: &Field, at: Option<i64>) -> bool {
    matches!((field.deadline, at), (Some(ms), Some(at)) if ms <= at)
}

/// Compares a field of a hash with the replica's. A field that is dead by the replica's own time is not lost.
pub(super) fn field(
    name: &[u8],
    master: &Field,
    replica: Option<&Field>,
    (times, rules): (Times, Rules),
    found: &mut Differences,
) {
    let Some(replica) = replica else {
        if !is_dead(master, times.replica) {
            lost_element(name, &shown(&master.value), found);
        }
        return;
    };
    let element = || Some(shown(name));
    if master.value != replica.value {
        found.push(Kind::OtherElement, element(), shown(&master.value), shown(&replica.value));
    }
    let text = |deadline: Option<i64>| deadline.map_or("never".to_owned(), |ms| format!("dies at {ms}"));
    let kind = match (master.deadline, replica.deadline) {
        _ if !rules.fields => return,
        (Some(ours), Some(theirs)) if (ours - theirs).abs() > rules.tolerance_ms => Kind::OtherFieldDeadline,
        (Some(_), None) => Kind::LostFieldDeadline,
        (None, Some(_)) => Kind::ExtraFieldDeadline,
        _ => return,
    };
    found.push(kind, element(), text(master.deadline), text(replica.deadline));
}

/// Compares a member's score with the replica's. Scores are compared as numbers: versions of a server print them differently.
pub(super) fn score(member: &[u8], master: &[u8], replica: Option<&[u8]>, found: &mut Differences) {
    let text = |score: &[u8]| String::from_utf8_lossy(score).into_owned();
    let number = |score: &[u8]| text(score).parse::<f64>().ok();
    match replica {
        None => lost_element(member, &text(master), found),
        Some(replica) if master == replica || number(master).is_some_and(|n| number(replica) == Some(n)) => {}
        Some(replica) => found.push(Kind::OtherElement, Some(shown(member)), text(master), text(replica)),
    }
}

/// Compares an entry of a stream with the replica's.
pub(super) fn entry(
    id: &[u8],
    master: &Vec<Vec<u8>>,
    replica: Option<&Vec<Vec<u8>>>,
    found: &mut Differences,
) {
    match replica {
        None => lost_element(id, &line(master), found),
        Some(replica) if master == replica => {}
        Some(replica) => found.push(Kind::OtherElement, Some(shown(id)), line(master), line(replica)),
    }
}

/// Notes an element that the replica lacks.
pub(super) fn lost_element(element: &[u8], value: &str, found: &mut Differences) {
    found.push(Kind::LostElement, Some(shown(element)), value.to_owned(), "-".to_owned());
}

/// Notes an element that only the replica has.
pub(super) fn extra_element(element: &[u8], value: &str, found: &mut Differences) {
    found.push(Kind::ExtraElement, Some(shown(element)), "-".to_owned(), value.to_owned());
}

fn deadlines(master: Deadline, replica: Deadline, tolerance_ms: i64, found: &mut Differences) {
    let kind = match (master, replica) {
        (Deadline::Never, Deadline::Never) => return,
        (Deadline::At { .. }, Deadline::Never) => Kind::ImmortalKey,
        (Deadline::Never, Deadline::At { .. }) => Kind::ExtraDeadline,
        (Deadline::At { ms: ours, error_ms: one }, Deadline::At { ms: theirs, error_ms: other }) => {
            if (ours - theirs).abs() <= tolerance_ms + one + other {
                return;
            }
            Kind::OtherDeadline
        }
    };
    let text = |deadline| match deadline {
        Deadline::Never => "never".to_owned(),
        Deadline::At { ms, error_ms: 0 } => format!("dies at {ms}"),
        Deadline::At { ms, error_ms } => format!("dies at {ms} ± {error_ms} ms"),
    };
    found.push(kind, None, text(master), text(replica));
}

fn line(parts: &[Vec<u8>]) -> String {
    shown(&parts.join(&b' '))
}

/// A value in a few words.
fn summary(value: &Value) -> String {
    let many = |name: &str, length: usize| format!("{name} of {length}");
    match value {
        Value::Absent | Value::Changing => "-".to_owned(),
        Value::Text(text) => shown(text),
        Value::List(list) => many("list", list.len()),
        Value::Hash(hash) => many("hash", hash.len()),
        Value::Set(set) => many("set", set.len()),
        Value::SortedSet(set) => many("zset", set.len()),
        Value::Stream(stream) => many("stream", stream.len()),
        Value::Big { kind, length, .. } => format!("{} of {length}", kind.name()),
        Value::Unread(name) => name.clone(),
    }
}
