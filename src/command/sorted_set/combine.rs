//! ZUNION ZINTER ZDIFF, ZUNIONSTORE ZINTERSTORE ZDIFFSTORE, ZINTERCARD. Pure.
//!
//! A source may be a set, too: each of its members has score 1. As in Redis, sums are added from the smallest source to the
//! largest, and what would not be a number is 0.
//!
//! Cost: a union reads all sources; an intersection reads the smallest one, a difference the first one, and looks each
//! member up in the others. A stored member costs O(log members).

use super::order::Order;
use super::places::{Direction, Places, Scored};
use super::score::parse_score;
use super::shown;
use super::writer::replace;
use crate::command::options::is_option;
use crate::command::{CommandError, Outcome, Reply, View, number};
use crate::effect::Effect;
use crate::store::StoreError;
use crate::store::element::{self, Score};
use crate::store::record::{Collection, Value};
use crate::time::Millis;
use std::collections::BTreeMap;

/// What is made of the sources.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Union,
    Intersection,
    Difference,
}

/// What happens to the result.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Reply,
    Store,
    /// Only the number of members is wanted.
    Count,
}

/// Makes one score of two.
type Aggregate = fn(f64, f64) -> f64;

fn sum(one: f64, other: f64) -> f64 {
    let sum = one + other;
    if sum.is_nan() { 0.0 } else { sum }
}

/// The lower score; `one` if `other` is not a number.
fn lower(one: f64, other: f64) -> f64 {
    if other < one { other } else { one }
}

/// The higher score; `one` if `other` is not a number.
fn higher(one: f64, other: f64) -> f64 {
    if other > one { other } else { one }
}

/// A source.
struct Source<'a> {
    view: View<'a>,
    name: &'a [u8],
    members: Members<'a>,
    weight: f64,
}

enum Members<'a> {
    Absent,
    Set(Collection),
    Sorted(Order<'a>),
}

impl<'a> Source<'a> {
    /// Errors: WRONGTYPE: neither a set nor a sorted set.
    fn open(view: &View<'a>, name: &'a [u8]) -> Result<Source<'a>, CommandError> {
        let members = match view.record(name)?.map(|record| record.value) {
            None => Members::Absent,
            Some(Value::Set(set)) => Members::Set(set),
            Some(_) => Order::open(view, name)?.map_or(Members::Absent, Members::Sorted),
        };
        Ok(Source { view: *view, name, members, weight: 1.0 })
    }

    fn count(&self) -> u64 {
        match &self.members {
            Members::Absent => 0,
            Members::Set(set) => set.count,
            Members::Sorted(order) => order.count(),
        }
    }

    /// All members with their weighted scores.
    fn all(&self) -> Result<Vec<(Vec<u8>, f64)>, StoreError> {
        match &self.members {
            Members::Absent => Ok(Vec::new()),
            Members::Set(set) => {
                let names = self.view.elements(self.name, set.incarnation)?;
                let members = names.iter().filter_map(|(name, _)| element::member(name));
                Ok(members.map(|member| (member.to_vec(), self.weighted(1.0))).collect())
            }
            Members::Sorted(order) => {
                let members = order.members(&Places::all(), Direction::Up, u64::MAX)?;
                let weighted = |scored: Scored| (scored.member, self.weighted(scored.score.get()));
                Ok(members.into_iter().map(weighted).collect())
            }
        }
    }

    /// The weighted score of `member`; `None`: it is not a member.
    fn score(&self, member: &[u8]) -> Result<Option<f64>, StoreError> {
        let score = match &self.members {
            Members::Absent => None,
            Members::Set(set) => {
                let name = element::of_member(member);
                self.view.element(self.name, set.incarnation, &name)?.map(|_| 1.0)
            }
            Members::Sorted(order) => order.score(member)?.map(Score::get),
        };
        Ok(score.map(|score| score * self.weight))
    }

    /// A score times the weight; 0 if that is not a number.
    fn weighted(&self, score: f64) -> f64 {
        sum(score * self.weight, 0.0)
    }
}

/// A parsed command.
struct Query<'a> {
    sources: Vec<Source<'a>>,
    aggregate: Aggregate,
    with_scores: bool,
    /// The number of members after which ZINTERCARD stops counting.
    limit: usize,
}

impl<'a> Query<'a> {
    /// Parses the arguments of `command` from the number of keys on.
    fn parse(
        view: &View<'a>,
        arguments: &'a [Vec<u8>],
        command: &str,
        (operation, result): (Operation, Use),
    ) -> Result<Query<'a>, CommandError> {
        let keys = number::parse_integer(&arguments[0]).ok_or_else(CommandError::not_an_integer)?;
        if keys < 1 {
            let text = format!("at least 1 input key is needed for '{command}' command");
            return Err(CommandError::err(text));
        }
        let keys = usize::try_from(keys).unwrap_or(usize::MAX);
        let (names, mut rest) = arguments[1..].split_at_checked(keys).ok_or_else(CommandError::syntax)?;
        let sources = names.iter().map(|name| Source::open(view, name)).collect::<Result<_, _>>()?;
        let mut query = Query { sources, aggregate: sum, with_scores: false, limit: usize::MAX };
        let is_weighted = operation != Operation::Difference && result != Use::Count;
        while let Some((option, after)) = rest.split_first() {
            rest = match option {
                option if is_weighted && after.len() >= keys && is_option(option, "weights") => {
                    let (weights, rest) = after.split_at(keys);
                    query.weigh(weights)?;
                    rest
                }
                option if is_weighted && !after.is_empty() && is_option(option, "aggregate") => {
                    query.aggregate = aggregate(&after[0])?;
                    &after[1..]
                }
                option if result == Use::Reply && is_option(option, "withscores") => {
                    query.with_scores = true;
                    after
                }
                option if result == Use::Count && !after.is_empty() && is_option(option, "limit") => {
                    query.limit = limit(&after[0])?;
                    &after[1..]
                }
                _ => return Err(CommandError::syntax()),
            };
        }
        if operation != Operation::Difference {
            query.sources.sort_by_key(Source::count);
        }
        Ok(query)
    }

    fn weigh(&mut self, weights: &[Vec<u8>]) -> Result<(), CommandError> {
        for (source, weight) in self.sources.iter_mut().zip(weights) {
            let invalid = || CommandError::err("weight value is not a float");
            source.weight = parse_score(weight).ok_or_else(invalid)?;
        }
        Ok(())
    }

    /// The result in its order.
    fn run(&self, operation: Operation) -> Result<Vec<Scored>, StoreError> {
        let members = match operation {
            Operation::Union => self.union()?,
            Operation::Intersection => self.intersection()?,
            Operation::Difference => self.difference()?,
        };
        // No score is NaN here: weights and sums that are not a number have become 0.
        let scored = |(member, number)| Some(Scored { score: Score::new(number)?, member });
        let mut members: Vec<Scored> = members.into_iter().filter_map(scored).collect();
        members.sort_unstable();
        Ok(members)
    }

    fn union(&self) -> Result<Vec<(Vec<u8>, f64)>, StoreError> {
        let mut union: BTreeMap<Vec<u8>, f64> = BTreeMap::new();
        for source in &self.sources {
            for (member, score) in source.all()? {
                let combined = |old: &mut f64| *old = (self.aggregate)(*old, score);
                union.entry(member).and_modify(combined).or_insert(score);
            }
        }
        Ok(union.into_iter().collect())
    }

    fn intersection(&self) -> Result<Vec<(Vec<u8>, f64)>, StoreError> {
        let Some((smallest, others)) = self.sources.split_first() else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for (member, mut score) in smallest.all()? {
            let mut is_in_all = true;
            for other in others {
                match other.score(&member)? {
                    Some(value) => score = (self.aggregate)(score, value),
                    None => is_in_all = false,
                }
                if !is_in_all {
                    break;
                }
            }
            if is_in_all {
                found.push((member, score));
            }
            if found.len() == self.limit {
                break;
            }
        }
        Ok(found)
    }

    fn difference(&self) -> Result<Vec<(Vec<u8>, f64)>, StoreError> {
        let Some((first, others)) = self.sources.split_first() else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for (member, score) in first.all()? {
            let mut is_elsewhere = false;
            for other in others {
                is_elsewhere = is_elsewhere || other.score(&member)?.is_some();
            }
            if !is_elsewhere {
                found.push((member, score));
            }
        }
        Ok(found)
    }
}

fn aggregate(name: &[u8]) -> Result<Aggregate, CommandError> {
    let known: [(&str, Aggregate); 3] = [("sum", sum), ("min", lower), ("max", higher)];
    let named = known.into_iter().find(|(known, _)| is_option(name, known));
    named.map(|(_, aggregate)| aggregate).ok_or_else(CommandError::syntax)
}

/// The limit of ZINTERCARD; 0 means none.
fn limit(text: &[u8]) -> Result<usize, CommandError> {
    let limit = number::parse_integer(text).and_then(|limit| usize::try_from(limit).ok());
    let limit = limit.ok_or_else(|| CommandError::err("LIMIT can't be negative"))?;
    Ok(if limit == 0 { usize::MAX } else { limit })
}

/// Runs a command that replies with the members.
fn reply(view: &View<'_>, argv: &[Vec<u8>], command: &str, operation: Operation) -> Outcome {
    let query = Query::parse(view, &argv[1..], command, (operation, Use::Reply))?;
    Ok((shown(query.run(operation)?, query.with_scores), Effect::none()))
}

/// Runs a command that stores the members.
fn store(view: &View<'_>, argv: &[Vec<u8>], command: &str, operation: Operation) -> Outcome {
    let query = Query::parse(view, &argv[2..], command, (operation, Use::Store))?;
    replace(view, &argv[1], &query.run(operation)?)
}

pub(super) fn zunion(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    reply(view, argv, "zunion", Operation::Union)
}

pub(super) fn zinter(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    reply(view, argv, "zinter", Operation::Intersection)
}

pub(super) fn zdiff(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    reply(view, argv, "zdiff", Operation::Difference)
}

pub(super) fn zunionstore(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    store(view, argv, "zunionstore", Operation::Union)
}

pub(super) fn zinterstore(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    store(view, argv, "zinterstore", Operation::Intersection)
}

pub(super) fn zdiffstore(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    store(view, argv, "zdiffstore", Operation::Difference)
}

pub(super) fn zintercard(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let query = Query::parse(view, &argv[1..], "zintercard", (Operation::Intersection, Use::Count))?;
    Ok((Reply::count(query.intersection()?.len()), Effect::none()))
}
