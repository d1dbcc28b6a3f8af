//! SADD SREM SMOVE SISMEMBER SMISMEMBER SMEMBERS SCARD SPOP SRANDMEMBER, and SINTER SINTERCARD SUNION SDIFF with what stores
//! their results. Pure.

use super::numbers::{at_least, negatable};
use super::values::{Members, Value};
use super::{Answer, Call, Refused, Told, count, number, refused, syntax_error, upper};
use replicheck::command::Reply;
use std::ops::Range;

pub(super) fn sadd(call: &mut Call<'_>) -> Told {
    let mut members = call.set(0)?;
    let before = members.len();
    members.extend(call.args[1..].iter().cloned());
    let added = members.len() - before;
    call.put(0, Value::Set(members));
    count(added)
}

pub(super) fn srem(call: &mut Call<'_>) -> Told {
    let mut members = call.set(0)?;
    let before = members.len();
    members.retain(|member| !call.args[1..].contains(member));
    let removed = before - members.len();
    call.put(0, Value::Set(members));
    count(removed)
}

pub(super) fn smove(call: &mut Call<'_>) -> Told {
    let mut source = call.set(0)?;
    if source.is_empty() {
        // Redis does not look at the target then.
        return number(0);
    }
    call.set(1)?;
    let member = call.arg(2);
    if !source.contains(member) {
        return number(0);
    }
    if call.id(0) != call.id(1) {
        source.remove(member);
        call.put(0, Value::Set(source));
        let mut target = call.set(1)?;
        target.insert(member.to_vec());
        call.put(1, Value::Set(target));
    }
    number(1)
}

pub(super) fn sismember(call: &mut Call<'_>) -> Told {
    number(i128::from(call.set(0)?.contains(call.arg(1))))
}

pub(super) fn smismember(call: &mut Call<'_>) -> Told {
    let members = call.set(0)?;
    let is_member = |member| Reply::truth(members.contains::<Vec<u8>>(member));
    Ok(Answer::Exactly(Reply::Array(call.args[1..].iter().map(is_member).collect())))
}

pub(super) fn smembers(call: &mut Call<'_>) -> Told {
    Ok(Answer::Members(call.set(0)?))
}

pub(super) fn scard(call: &mut Call<'_>) -> Told {
    count(call.set(0)?.len())
}

/// Removes nothing: which members the server drew is known from its reply (`Reference::follow`).
pub(super) fn spop(call: &mut Call<'_>) -> Told {
    let wanted = match &call.args[1..] {
        [] => None,
        [wanted] => Some(at_least(wanted, 0, "value is out of range, must be positive")?),
        _ => return syntax_error(),
    };
    Ok(Answer::Popped { from: call.set(0)?, wanted })
}

pub(super) fn srandmember(call: &mut Call<'_>) -> Told {
    let wanted = match &call.args[1..] {
        [] => return Ok(Answer::OneOf(call.set(0)?.into_iter().collect())),
        [wanted] => negatable(wanted)?,
        _ => return syntax_error(),
    };
    let from = call.set(0)?.into_iter().map(|member| (member, Reply::Null)).collect();
    Ok(Answer::Drawn { from, wanted, with_values: false })
}

/// What to make of several sets.
#[derive(Clone, Copy)]
pub(super) enum Algebra {
    Union,
    Intersection,
    Difference,
}

impl Algebra {
    /// Whether a member belongs to the result, if it is `in_first` and in `others` of `sets` sets.
    pub(super) fn keeps(self, in_first: bool, others: usize, sets: usize) -> bool {
        match self {
            Algebra::Union => in_first || others > 0,
            Algebra::Intersection => in_first && others + 1 == sets,
            Algebra::Difference => in_first && others == 0,
        }
    }
}

/// The result of the sets of these arguments.
fn combined(call: &Call<'_>, keys: Range<usize>, algebra: Algebra) -> Result<Members, Refused> {
    let sets = keys.map(|at| call.set(at)).collect::<Result<Vec<Members>, Refused>>()?;
    let (first, others) = sets.split_first().expect("a key");
    let mut all: Members = sets.iter().flatten().cloned().collect();
    all.retain(|member| {
        let containing = others.iter().filter(|set| set.contains(member)).count();
        algebra.keeps(first.contains(member), containing, sets.len())
    });
    Ok(all)
}

pub(super) fn combine(call: &mut Call<'_>, algebra: Algebra) -> Told {
    Ok(Answer::Members(combined(call, 0..call.args.len(), algebra)?))
}

pub(super) fn combine_and_store(call: &mut Call<'_>, algebra: Algebra) -> Told {
    let members = combined(call, 1..call.args.len(), algebra)?;
    let length = members.len();
    call.store(0, Value::Set(members));
    count(length)
}

pub(super) fn sintercard(call: &mut Call<'_>) -> Told {
    let keys = at_least(call.arg(0), 1, "numkeys should be greater than 0")?;
    let keys = usize::try_from(keys).expect("64 bits");
    if keys >= call.args.len() {
        return refused("Number of keys can't be greater than number of args");
    }
    let mut limit = 0;
    for pair in call.args[1 + keys..].chunks(2) {
        match pair {
            [word, most] if upper(word) == "LIMIT" => limit = at_least(most, 0, "LIMIT can't be negative")?,
            _ => return syntax_error(),
        }
    }
    limited(combined(call, 1..keys + 1, Algebra::Intersection)?.len(), limit)
}

/// The number of members, but at most `limit`; 0 is no limit.
pub(super) fn limited(members: usize, limit: i128) -> Told {
    let members = i128::try_from(members).expect("small");
    number(if limit == 0 { members } else { members.min(limit) })
}
