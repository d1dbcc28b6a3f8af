//! What both nodes show of a key → the kinds of its differences: cases as data.

use crate::property::properties;
use quickcheck::{Arbitrary, Gen};
use replicheck::probe::difference::{Comparison, Kind, Rules, compare};
use replicheck::probe::seen::{Deadline, Field, Seen, Type, Value};

fn bytes(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

fn seen(value: Value) -> Seen {
    Seen { value, deadline: Deadline::Never, at: Some(1000) }
}

fn dying(value: Value, ms: i64, error_ms: i64) -> Seen {
    Seen { value, deadline: Deadline::At { ms, error_ms }, at: Some(1000) }
}

fn text(text: &str) -> Value {
    Value::Text(bytes(text))
}

fn list(elements: &str) -> Value {
    Value::List(elements.split(' ').map(bytes).collect())
}

fn set(members: &str) -> Value {
    Value::Set(members.split(' ').map(bytes).collect())
}

/// Fields as `name=value` or `name=value@deadline`.
fn hash(fields: &str) -> Value {
    let field = |text: &str| {
        let (name, rest) = text.split_once('=').expect("name=value");
        let (value, deadline) = rest.split_once('@').map_or((rest, None), |(value, ms)| (value, Some(ms)));
        let deadline = deadline.map(|ms| ms.parse().expect("a number"));
        (bytes(name), Field { value: bytes(value), deadline })
    };
    Value::Hash(fields.split(' ').map(field).collect())
}

fn scores(members: &str) -> Value {
    let member = |text: &str| {
        let (member, score) = text.split_once('=').expect("member=score");
        (bytes(member), bytes(score))
    };
    Value::SortedSet(members.split(' ').map(member).collect())
}

fn stream(ids: &str) -> Value {
    Value::Stream(ids.split(' ').map(|id| (bytes(id), vec![bytes("f"), bytes("v")])).collect())
}

const EXACTLY: Rules = Rules { tolerance_ms: 0, fields: true };

/// The kinds of the differences, each with its element.
fn kinds(master: &Seen, replica: &Seen, tolerance_ms: i64) -> Vec<(Kind, Option<String>)> {
    match compare(master, replica, Rules { tolerance_ms, fields: true }) {
        Comparison::Equal => Vec::new(),
        Comparison::Differs(found) => found.shown.into_iter().map(|one| (one.kind, one.element)).collect(),
        other => panic!("{other:?} of {master:?} and {replica:?}"),
    }
}

#[test]
fn compare_each_kind_of_difference_is_named_with_its_element() {
    let absent = || Seen::absent(Some(1000));
    let alive = |value| dying(value, 5000, 0);
    let cases = [
        (seen(text("v")), absent(), Kind::MissingKey, None),
        (absent(), seen(text("v")), Kind::ExtraKey, None),
        (seen(text("v")), seen(list("v")), Kind::OtherType, None),
        (seen(text("v")), seen(text("w")), Kind::OtherValue, None),
        (seen(list("a b b")), seen(list("a b")), Kind::LostElement, Some("\"b\"")),
        (seen(list("a")), seen(list("a c")), Kind::ExtraElement, Some("\"c\"")),
        (seen(list("a b")), seen(list("b a")), Kind::OtherOrder, Some("index 0")),
        (seen(set("a b")), seen(set("a")), Kind::LostElement, Some("\"b\"")),
        (seen(hash("f=1 g=2")), seen(hash("f=1")), Kind::LostElement, Some("\"g\"")),
        (seen(hash("f=1")), seen(hash("f=2")), Kind::OtherElement, Some("\"f\"")),
        (seen(hash("f=1")), seen(hash("f=1 g=2")), Kind::ExtraElement, Some("\"g\"")),
        (seen(hash("f=1@5000")), seen(hash("f=1")), Kind::LostFieldDeadline, Some("\"f\"")),
        (seen(hash("f=1@5000")), seen(hash("f=1@5001")), Kind::OtherFieldDeadline, Some("\"f\"")),
        (seen(hash("f=1")), seen(hash("f=1@5000")), Kind::ExtraFieldDeadline, Some("\"f\"")),
        (seen(scores("m=1")), seen(scores("m=2")), Kind::OtherElement, Some("\"m\"")),
        (seen(stream("1-1 2-1")), seen(stream("1-1")), Kind::LostElement, Some("\"2-1\"")),
        (alive(text("v")), seen(text("v")), Kind::ImmortalKey, None),
        (seen(text("v")), alive(text("v")), Kind::ExtraDeadline, None),
        (alive(text("v")), dying(text("v"), 5001, 0), Kind::OtherDeadline, None),
        (seen(Value::Unread("json".to_owned())), seen(text("v")), Kind::OtherType, None),
    ];
    let mut unseen: Vec<&Kind> = Kind::ALL.iter().collect();
    for (master, replica, kind, element) in cases {
        let element = element.map(str::to_owned);
        assert_eq!(kinds(&master, &replica, 0), [(kind, element)], "{master:?} {replica:?}");
        assert_eq!(kinds(&master, &master, 0), []);
        assert_eq!(kinds(&replica, &replica, 0), []);
        unseen.retain(|other| **other != kind);
    }
    assert!(unseen.is_empty(), "no case has {unseen:?}");
}

#[test]
fn compare_deadlines_within_tolerance_and_error_are_equal() {
    let cases = [(5003, 0, 3, true), (5004, 0, 3, false), (5004, 1, 3, true), (4997, 0, 3, true)];
    for (ms, error_ms, tolerance_ms, is_equal) in cases {
        let (master, replica) = (dying(text("v"), 5000, 0), dying(text("v"), ms, error_ms));
        assert_eq!(kinds(&master, &replica, tolerance_ms).is_empty(), is_equal, "{ms} {error_ms}");
    }
}

#[test]
fn compare_without_fields_finds_no_deadline_of_a_field() {
    let rules = Rules { tolerance_ms: 0, fields: false };
    let (master, replica) = (seen(hash("f=1@5000")), seen(hash("f=1@5001")));
    assert_eq!(compare(&master, &replica, rules), Comparison::Equal);
    assert_eq!(kinds(&master, &replica, 0).len(), 1);
}

#[test]
fn compare_scores_that_are_printed_differently_are_equal() {
    assert_eq!(kinds(&seen(scores("m=3 n=inf")), &seen(scores("m=3.0 n=inf")), 0), []);
}

#[test]
fn compare_key_past_its_deadline_by_one_clock_is_no_difference() {
    let late = |seen: Seen, at| Seen { at: Some(at), ..seen };
    let absent = |at| Seen::absent(Some(at));
    // The replica's clock is ahead of the master's.
    assert_eq!(compare(&late(dying(text("v"), 1500, 0), 1000), &absent(1600), EXACTLY), Comparison::Expiring);
    // The master removed it, and the replica's clock is behind.
    assert_eq!(compare(&absent(1600), &late(dying(text("v"), 1500, 0), 1000), EXACTLY), Comparison::Expiring);
    // By both clocks it is alive.
    assert_eq!(kinds(&dying(text("v"), 1500, 0), &absent(1400), 0), [(Kind::MissingKey, None)]);
    // A field, likewise.
    let (with, without) = (seen(hash("f=1 g=2@1500")), seen(hash("f=1")));
    assert_eq!(kinds(&with, &late(without.clone(), 1600), 0), []);
    assert_eq!(kinds(&late(without.clone(), 1600), &with, 0), []);
    assert_eq!(kinds(&with, &without, 0).len() + kinds(&without, &with, 0).len(), 2);
}

#[test]
fn compare_many_differences_of_a_key_are_counted_and_the_first_are_kept() {
    let members: Vec<String> = (0..50).map(|at| format!("m{at}")).collect();
    let Comparison::Differs(found) = compare(&seen(set(&members.join(" "))), &seen(set("m0")), EXACTLY)
    else {
        panic!("they differ")
    };
    assert_eq!((found.shown.len(), found.more), (8, 41));
}

#[test]
fn compare_digests_of_big_values_that_differ_are_a_difference() {
    let big = |digest| seen(Value::Big { kind: Type::Set, length: 9, digest });
    assert_eq!(kinds(&big(1), &big(1), 0), []);
    assert_eq!(kinds(&big(1), &big(2), 0), [(Kind::OtherValue, None)]);
}

/// A value of few elements, so that two of them are often alike.
#[derive(Clone, Debug)]
struct Small(Seen);

impl Arbitrary for Small {
    fn arbitrary(draw: &mut Gen) -> Small {
        let word = |draw: &mut Gen| bytes(draw.choose(&["a", "b", "c"]).expect("some"));
        let words =
            |draw: &mut Gen| (0..1 + usize::arbitrary(draw) % 3).map(|_| word(draw)).collect::<Vec<_>>();
        let value = match u8::arbitrary(draw) % 5 {
            0 => Value::Absent,
            1 => Value::Text(word(draw)),
            2 => Value::List(words(draw)),
            3 => Value::Set(words(draw).into_iter().collect()),
            _ => Value::SortedSet(words(draw).into_iter().map(|member| (member, bytes("1"))).collect()),
        };
        let deadline = match u8::arbitrary(draw) % 3 {
            _ if value == Value::Absent => Deadline::Never,
            0 => Deadline::At { ms: 2000 + i64::from(u8::arbitrary(draw) % 3), error_ms: 0 },
            _ => Deadline::Never,
        };
        Small(Seen { value, deadline, at: Some(1000) })
    }
}

/// The kind that is seen if the nodes change places.
fn reversed(kind: Kind) -> Kind {
    match kind {
        Kind::MissingKey => Kind::ExtraKey,
        Kind::ExtraKey => Kind::MissingKey,
        Kind::LostElement => Kind::ExtraElement,
        Kind::ExtraElement => Kind::LostElement,
        Kind::ImmortalKey => Kind::ExtraDeadline,
        Kind::ExtraDeadline => Kind::ImmortalKey,
        Kind::LostFieldDeadline => Kind::ExtraFieldDeadline,
        Kind::ExtraFieldDeadline => Kind::LostFieldDeadline,
        same => same,
    }
}

properties! {
    fn prop_compare_is_equal_only_for_equal_values_and_the_same_from_both_sides(one: Small, other: Small) -> bool {
        let (Small(master), Small(replica)) = (one, other);
        let sorted = |kinds: Vec<(Kind, Option<String>)>, by: fn(Kind) -> Kind| {
            let mut kinds: Vec<Kind> = kinds.into_iter().map(|(kind, _)| by(kind)).collect();
            kinds.sort_unstable();
            kinds
        };
        let (there, back) = (kinds(&master, &replica, 0), kinds(&replica, &master, 0));
        let is_equal = master.value == replica.value && master.deadline == replica.deadline;
        there.is_empty() == is_equal && sorted(there, |kind| kind) == sorted(back, reversed)
    }
}
