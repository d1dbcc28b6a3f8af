//! ZUNION ZINTER ZDIFF, with what stores their results, and ZINTERCARD. Pure.
//!
//! Sums of floats depend on their order: Redis adds from the smallest set to the largest, sets of one size in the order of the
//! arguments.

use super::numbers::{at_least, integer};
use super::scores::{self, ordered};
use super::sets::{Algebra, limited};
use super::sorted_ranges::listed;
use super::values::{Scores, Value};
use super::{Answer, Call, Refused, Told, count, refused, syntax_error, upper, wrong_type};

/// The score of a member of a plain set.
const SCORE_IN_A_SET: f64 = 1.0;

/// What becomes of the scores of a member in several sets.
#[derive(Clone, Copy)]
enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    fn of(self, one: f64, other: f64) -> f64 {
        match self {
            Aggregate::Sum => not_nan(one + other),
            Aggregate::Min => not_nan(one.min(other)),
            Aggregate::Max => not_nan(one.max(other)),
        }
    }
}

/// The sum of both infinities is 0 here, and so is infinity times 0; -0 is 0.
fn not_nan(number: f64) -> f64 {
    if number.is_nan() { 0.0 } else { number + 0.0 }
}

/// What the arguments from the number of keys on ask for.
struct Asked {
    sets: Vec<Scores>,
    weights: Vec<f64>,
    aggregate: Aggregate,
    with_scores: bool,
    limit: i128,
}

/// Which options a command takes.
#[derive(Clone, Copy)]
struct Takes {
    weights: bool,
    scores: bool,
    limit: bool,
}

impl Asked {
    fn read(call: &Call<'_>, at: usize, takes: Takes) -> Result<Asked, Refused> {
        let keys = integer(call.arg(at))?;
        if keys < 1 {
            return refused(&format!("at least 1 input key is needed for '{}' command", call.name));
        }
        let keys = usize::try_from(keys).expect("64 bits");
        if keys >= call.args.len() - at {
            return syntax_error();
        }
        let sets =
            (at + 1..at + 1 + keys).map(|at| source(call, at)).collect::<Result<Vec<Scores>, Refused>>()?;
        let (weights, aggregate) = (vec![1.0; keys], Aggregate::Sum);
        let mut asked = Asked { sets, weights, aggregate, with_scores: false, limit: 0 };
        asked.options(&call.args[at + 1 + keys..], takes)?;
        Ok(asked)
    }

    fn options(&mut self, mut words: &[Vec<u8>], takes: Takes) -> Result<(), Refused> {
        while let [word, rest @ ..] = words {
            let taken = match upper(word).as_str() {
                "WEIGHTS" if takes.weights && rest.len() >= self.sets.len() => {
                    for (weight, word) in self.weights.iter_mut().zip(rest) {
                        *weight = scores::number(word, "weight value is not a float")?;
                    }
                    self.sets.len()
                }
                "AGGREGATE" if takes.weights && !rest.is_empty() => {
                    self.aggregate = match upper(&rest[0]).as_str() {
                        "SUM" => Aggregate::Sum,
                        "MIN" => Aggregate::Min,
                        "MAX" => Aggregate::Max,
                        _ => return syntax_error(),
                    };
                    1
                }
                "WITHSCORES" if takes.scores => {
                    self.with_scores = true;
                    0
                }
                "LIMIT" if takes.limit && !rest.is_empty() => {
                    self.limit = at_least(&rest[0], 0, "LIMIT can't be negative")?;
                    1
                }
                _ => return syntax_error(),
            };
            words = &rest[taken..];
        }
        Ok(())
    }

    fn result(&self, algebra: Algebra) -> Scores {
        let mut result = Scores::new();
        for member in self.sets.iter().flat_map(Scores::keys) {
            let others = self.sets[1..].iter().filter(|set| set.contains_key(member)).count();
            if algebra.keeps(self.sets[0].contains_key(member), others, self.sets.len()) {
                result.insert(member.clone(), self.score(member, algebra));
            }
        }
        result
    }

    /// The score of a member of the result.
    fn score(&self, member: &Vec<u8>, algebra: Algebra) -> f64 {
        let mut weighted: Vec<(&Scores, f64)> = self.sets.iter().zip(self.weights.iter().copied()).collect();
        weighted.sort_by_key(|(set, _)| set.len());
        let products =
            weighted.iter().filter_map(|(set, weight)| set.get(member).map(|score| score * weight));
        // An intersection aggregates infinity times 0 as it is, except in the first set: MIN and MAX pass over it.
        let is_union = matches!(algebra, Algebra::Union);
        let numbers =
            products.enumerate().map(|(at, one)| if is_union || at == 0 { not_nan(one) } else { one });
        numbers.reduce(|one, other| self.aggregate.of(one, other)).expect("a member of some set")
    }
}

/// The sorted set of the key at `at`; a set counts as one.
fn source(call: &Call<'_>, at: usize) -> Result<Scores, Refused> {
    match call.held(at).map(|held| held.value) {
        None => Ok(Scores::new()),
        Some(Value::SortedSet(scores)) => Ok(scores),
        Some(Value::Set(members)) => Ok(members.into_iter().map(|member| (member, SCORE_IN_A_SET)).collect()),
        Some(_) => wrong_type(),
    }
}

fn has_weights(algebra: Algebra) -> bool {
    !matches!(algebra, Algebra::Difference)
}

pub(super) fn combine(call: &mut Call<'_>, algebra: Algebra) -> Told {
    let takes = Takes { weights: has_weights(algebra), scores: true, limit: false };
    let asked = Asked::read(call, 0, takes)?;
    Ok(Answer::Exactly(listed(ordered(&asked.result(algebra)), asked.with_scores)))
}

pub(super) fn combine_and_store(call: &mut Call<'_>, algebra: Algebra) -> Told {
    let takes = Takes { weights: has_weights(algebra), scores: false, limit: false };
    let result = Asked::read(call, 1, takes)?.result(algebra);
    let length = result.len();
    call.store(0, Value::SortedSet(result));
    count(length)
}

pub(super) fn zintercard(call: &mut Call<'_>) -> Told {
    let takes = Takes { weights: false, scores: false, limit: true };
    let asked = Asked::read(call, 0, takes)?;
    limited(asked.result(Algebra::Intersection).len(), asked.limit)
}
