//! Tests with drawn commands: the list against a model, the invariants of its positions, and the cost of insertions.

use super::stored::STEP;
use crate::command::Reply;
use crate::command::fixture::Fixture;
use crate::command::random::Random;
use crate::effect::Key;
use crate::store::record::{Ends, Record, Value};
use crate::store::{Read, element, elements, key};
use std::collections::{BTreeMap, VecDeque};

/// The items of the stored list `name`. Asserts the invariants of its record and positions.
#[track_caller]
pub(super) fn checked_items(fixture: &Fixture, name: &str) -> Vec<String> {
    let owner = Key::new(0, name);
    let raw = key::metadata(&owner);
    let Some(bytes) = fixture.store.get(&raw).expect("a store in memory does not fail") else {
        return Vec::new();
    };
    let record = Record::decode(&raw, &bytes).expect("a record");
    let Value::List(collection, Ends { first, last, is_even }) = record.value else { panic!("not a list") };
    let placed = elements(&fixture.store, &owner, collection.incarnation).expect("elements");
    let positions: Vec<u64> =
        placed.iter().map(|(name, _)| element::position(name).expect("a position")).collect();
    assert_eq!(collection.count, positions.len() as u64, "the number of elements");
    assert_eq!((Some(&first), Some(&last)), (positions.first(), positions.last()), "the ends");
    if is_even {
        assert!(positions.windows(2).all(|pair| pair[1] - pair[0] == STEP), "even: {positions:?}");
    }
    placed.into_iter().map(|(_, item)| String::from_utf8(item).expect("text")).collect()
}

/// Lists as a user knows them.
type Model = BTreeMap<String, VecDeque<String>>;

/// The index that a number means in a list of `length` items; it may lie outside.
fn from_left(number: i64, length: usize) -> i64 {
    if number < 0 { number + i64::try_from(length).expect("short") } else { number }
}

fn pop(list: &mut VecDeque<String>, end: &str) -> Option<String> {
    if end == "LEFT" { list.pop_front() } else { list.pop_back() }
}

fn push(list: &mut VecDeque<String>, end: &str, item: &str) {
    if end == "LEFT" { list.push_front(item.to_owned()) } else { list.push_back(item.to_owned()) }
}

/// Runs one command on the model.
fn run_model(model: &mut Model, words: &[&str]) {
    let list = model.entry(words[1].to_owned()).or_default();
    let integer = |word: &str| word.parse::<i64>().expect("an integer");
    match words[0] {
        "LPUSH" => words[2..].iter().for_each(|item| push(list, "LEFT", item)),
        "RPUSH" => words[2..].iter().for_each(|item| push(list, "RIGHT", item)),
        "LPOP" => (0..integer(words[2])).for_each(|_| drop(pop(list, "LEFT"))),
        "RPOP" => (0..integer(words[2])).for_each(|_| drop(pop(list, "RIGHT"))),
        "LSET" => {
            let index = usize::try_from(from_left(integer(words[2]), list.len()));
            if let Some(item) = index.ok().and_then(|index| list.get_mut(index)) {
                words[3].clone_into(item);
            }
        }
        "LINSERT" => {
            if let Some(at) = list.iter().position(|item| item == words[3]) {
                list.insert(at + usize::from(words[2] == "AFTER"), words[4].to_owned());
            }
        }
        "LREM" => {
            let count = integer(words[2]);
            for _ in 0..if count == 0 { i64::MAX } else { count.abs() } {
                let mut equal = list.iter().enumerate().filter(|(_, item)| *item == words[3]);
                let found = if count < 0 { equal.next_back() } else { equal.next() };
                let Some(at) = found.map(|(at, _)| at) else { break };
                list.remove(at);
            }
        }
        "LTRIM" => {
            let (start, stop) =
                (from_left(integer(words[2]), list.len()), from_left(integer(words[3]), list.len()));
            let kept = |(at, item): (usize, String)| {
                (start..=stop).contains(&i64::try_from(at).ok()?).then_some(item)
            };
            *list = std::mem::take(list).into_iter().enumerate().filter_map(kept).collect();
        }
        "LMOVE" => {
            if let Some(item) = pop(list, words[3]) {
                push(model.entry(words[2].to_owned()).or_default(), words[4], &item);
            }
        }
        other => panic!("{other}"),
    }
}

/// Draws the lines of one or several commands.
fn draw(random: &mut Random) -> Vec<String> {
    let mut choose = |choices: &[&'static str]| choices[random.below(choices.len())];
    let (key, other) = (choose(&["l", "m"]), choose(&["l", "m"]));
    let (item, second) = (choose(&["a", "b", "c", "d"]), choose(&["a", "b", "c", "d", "e"]));
    let place = choose(&["BEFORE", "AFTER"]);
    let (from, to) = (choose(&["LEFT", "RIGHT"]), choose(&["LEFT", "RIGHT"]));
    let (low, high) = (choose(&["0", "1", "2", "-3", "-90"]), choose(&["-1", "-2", "3", "40"]));
    let line = match random.below(40) {
        0..4 => format!("LPUSH {key} {item} {second}"),
        4..8 => format!("RPUSH {key} {item} {second} {item}"),
        8..10 => format!("LPOP {key} 1"),
        10..12 => format!("RPOP {key} 2"),
        12..16 => format!("LSET {key} {} e", random.below(12)),
        16..26 => format!("LINSERT {key} {place} {item} {second}"),
        26..29 => format!("LREM {key} {} {item}", ["1", "-1", "2", "0"][random.below(4)]),
        29 => format!("LTRIM {key} {low} {high}"),
        30..36 => format!("LMOVE {key} {other} {from} {to}"),
        // Insertions at one place use its gap up.
        _ => return vec![format!("LINSERT {key} {place} {item} {second}"); 30],
    };
    vec![line]
}

#[test]
fn list_drawn_commands_agree_with_a_model() {
    for seed in 0..30 {
        let (mut random, mut fixture, mut model) = (Random::new(seed), Fixture::new(), Model::new());
        for line in (0..120).flat_map(|_| draw(&mut random)).collect::<Vec<_>>() {
            fixture.run(&line);
            run_model(&mut model, &line.split(' ').collect::<Vec<_>>());
            for (name, list) in &model {
                let items = checked_items(&fixture, name);
                assert_eq!(items, Vec::from(list.clone()), "seed {seed}: {line}");
            }
        }
        for (name, list) in &model {
            for (index, item) in list.iter().enumerate() {
                let (reply, from_right) = (Reply::bulk(item.as_bytes()), list.len() - index);
                assert_eq!(fixture.run(&format!("LINDEX {name} {index}")), reply, "seed {seed}: {index}");
                assert_eq!(
                    fixture.run(&format!("LINDEX {name} -{from_right}")),
                    reply,
                    "seed {seed}: {index}"
                );
                let rest: Vec<Reply> = list.range(index..).map(|item| Reply::bulk(item.as_bytes())).collect();
                let line = format!("LRANGE {name} {index} -1");
                assert_eq!(fixture.run(&line), Reply::Array(rest), "seed {seed}: {line}");
            }
        }
    }
}

/// The largest and the mean number of writes of 500 insertions into a list of the items 0 to 299; `line` gives the command of
/// each.
fn insertion_writes(mut line: impl FnMut(usize) -> String) -> (usize, usize) {
    let (length, number) = (300, 500);
    let mut fixture = Fixture::new();
    let items: Vec<String> = (0..length).map(|number: usize| number.to_string()).collect();
    fixture.run(&format!("RPUSH l {}", items.join(" ")));
    let (mut most, mut all) = (0, 0);
    for at in 0..number {
        let writes = fixture.effect(&line(at)).writes.len();
        (most, all) = (most.max(writes), all + writes);
    }
    assert_eq!(checked_items(&fixture, "l").len(), length + number);
    (most, all / number)
}

#[test]
fn insertion_costs_few_writes_wherever_it_is() {
    let mut random = Random::new(1);
    let cases = [
        ("before one item", insertion_writes(|at| format!("LINSERT l BEFORE 150 x{at}"))),
        ("after one item", insertion_writes(|at| format!("LINSERT l AFTER 150 x{at}"))),
        (
            "after the newest item",
            insertion_writes(|at| match at {
                0 => "LINSERT l AFTER 150 x0".to_owned(),
                _ => format!("LINSERT l AFTER x{} x{at}", at - 1),
            }),
        ),
        (
            "into the middle of what was inserted",
            insertion_writes(|at| match at.checked_sub(1) {
                None => "LINSERT l AFTER 150 x0".to_owned(),
                Some(newest) if newest % 2 == 0 => format!("LINSERT l BEFORE x{newest} x{at}"),
                Some(newest) => format!("LINSERT l AFTER x{newest} x{at}"),
            }),
        ),
        ("near the left end", insertion_writes(|at| format!("LINSERT l AFTER 0 x{at}"))),
        ("near the right end", insertion_writes(|at| format!("LINSERT l BEFORE 299 x{at}"))),
        ("anywhere", insertion_writes(|_| format!("LINSERT l AFTER {} x", random.below(300)))),
    ];
    for (place, (most, mean)) in cases {
        println!("{place}: {mean} writes on average, {most} at most");
        assert!(mean < 7, "{place}: {mean} writes on average");
        assert!(most <= 300, "{place}: {most} writes at once");
    }
}
