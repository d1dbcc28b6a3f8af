//! HRANDFIELD: fields of a hash chosen at random. Pure: the view supplies the random number.

use super::read::fields;
use crate::command::random::{Count, Random};
use crate::command::{CommandError, Outcome, Reply, View};
use crate::effect::Effect;
use crate::store::Element;
use crate::time::Millis;

/// The largest count that HRANDFIELD accepts with WITHVALUES: Redis doubles it.
const PAIRS_MAX: u64 = i64::MAX.unsigned_abs() / 2;

/// HRANDFIELD. Cost: O(fields + count).
pub(super) fn hrandfield(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let mut random = Random::new(view.random());
    let Some(count) = argv.get(2) else {
        let chosen = random.choose(fields(view, &argv[1])?, Count::Distinct(1)).pop();
        return Ok((Reply::bulk_or_null(chosen.map(|(field, _)| field)), Effect::none()));
    };
    let count = Count::parse(count)?;
    let with_values = match &argv[3..] {
        [] => false,
        [option] if option.eq_ignore_ascii_case(b"withvalues") => true,
        _ => return Err(CommandError::syntax()),
    };
    if with_values && count.wanted() as u64 > PAIRS_MAX {
        return Err(Count::out_of_range());
    }
    let fields = fields(view, &argv[1])?;
    if !fields.is_empty() {
        count.check_length()?;
    }
    Ok((shown(random.choose(fields, count), with_values), Effect::none()))
}

fn shown(chosen: Vec<Element>, with_values: bool) -> Reply {
    let chosen = chosen.into_iter();
    if with_values {
        Reply::Pairs(chosen.map(|(field, value)| (Reply::Bulk(field), Reply::Bulk(value))).collect())
    } else {
        Reply::Array(chosen.map(|(field, _)| Reply::Bulk(field)).collect())
    }
}
