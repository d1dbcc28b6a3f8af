//! ZADD and ZINCRBY. Pure.

use super::score::parse_score;
use super::writer::Writer;
use crate::command::options::is_option;
use crate::command::{CommandError, Outcome, Reply, View};
use crate::effect::Effect;
use crate::store::element::Score;
use crate::time::Millis;

/// Options of ZADD.
#[derive(Default)]
struct Options {
    /// Only adds members.
    nx: bool,
    /// Only updates members.
    xx: bool,
    /// Only updates a member to a greater score; adds members.
    gt: bool,
    /// Only updates a member to a lower score; adds members.
    lt: bool,
    /// The reply counts the updated members, too.
    ch: bool,
    /// Adds to the score, and replies with it.
    incr: bool,
}

impl Options {
    /// Notes the option `name`; `false`: it is not one.
    fn note(&mut self, name: &[u8]) -> bool {
        let options = [
            ("nx", &mut self.nx),
            ("xx", &mut self.xx),
            ("gt", &mut self.gt),
            ("lt", &mut self.lt),
            ("ch", &mut self.ch),
            ("incr", &mut self.incr),
        ];
        let named = options.into_iter().find(|(option, _)| is_option(name, option));
        named.map(|(_, option)| *option = true).is_some()
    }

    /// Errors: options that exclude each other.
    fn check(&self, pairs: usize) -> Result<(), CommandError> {
        if self.nx && self.xx {
            return Err(CommandError::err("XX and NX options at the same time are not compatible"));
        }
        if (self.nx && (self.gt || self.lt)) || (self.gt && self.lt) {
            let text = "GT, LT, and/or NX options at the same time are not compatible";
            return Err(CommandError::err(text));
        }
        if self.incr && pairs > 1 {
            return Err(CommandError::err("INCR option supports a single increment-element pair"));
        }
        Ok(())
    }

    /// The score that `given` makes of the score `old`; `None`: the member is left as it is. Errors: the sum is not a number.
    fn new_score(&self, old: Option<Score>, given: f64) -> Result<Option<Score>, CommandError> {
        if (self.nx && old.is_some()) || (self.xx && old.is_none()) {
            return Ok(None);
        }
        let number = match old {
            Some(old) if self.incr => old.get() + given,
            _ => given,
        };
        let not_a_number = || CommandError::err("resulting score is not a number (NaN)");
        let new = Score::new(number).ok_or_else(not_a_number)?;
        let is_refused = old.is_some_and(|old| (self.gt && new <= old) || (self.lt && new >= old));
        Ok((!is_refused).then_some(new))
    }
}

/// ZADD. Cost: O(log members) a pair.
pub(super) fn zadd(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    add(view, argv, Options::default())
}

/// ZINCRBY.
pub(super) fn zincrby(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    add(view, argv, Options { incr: true, ..Options::default() })
}

/// Both commands. As in Redis, ZINCRBY reads options, too, and then lacks a pair.
fn add(view: &View<'_>, argv: &[Vec<u8>], mut options: Options) -> Outcome {
    let mut first = 2;
    while argv.get(first).is_some_and(|word| options.note(word)) {
        first += 1;
    }
    let pairs = &argv[first..];
    if pairs.is_empty() || pairs.len() % 2 == 1 {
        return Err(CommandError::syntax());
    }
    options.check(pairs.len() / 2)?;
    let given = pairs.chunks_exact(2).map(|pair| parse_score(&pair[0]));
    let given = given.collect::<Option<Vec<f64>>>().ok_or_else(CommandError::not_a_float)?;
    let mut set = Writer::open(view, &argv[1])?;
    if set.order().is_none() && options.xx {
        let reply = if options.incr { Reply::Null } else { Reply::Integer(0) };
        return Ok((reply, Effect::none()));
    }
    let (mut added, mut updated, mut last) = (0, 0, None);
    for (pair, given) in pairs.chunks_exact(2).zip(given) {
        let old = set.score(&pair[1])?;
        last = options.new_score(old, given)?;
        let Some(new) = last else { continue };
        set.put(&pair[1], old, new)?;
        added += i64::from(old.is_none());
        updated += i64::from(old.is_some_and(|old| old != new));
    }
    let reply = match (options.incr, last) {
        (true, Some(score)) => Reply::Double(score),
        (true, None) => Reply::Null,
        (false, _) if options.ch => Reply::Integer(added + updated),
        (false, _) => Reply::Integer(added),
    };
    Ok((reply, set.finish()?))
}
