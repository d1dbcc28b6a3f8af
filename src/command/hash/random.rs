//! HRANDFIELD: fields of a hash chosen at random. Pure: the view supplies the random number.

use super::read::fields;
use crate::command::random::Random;
use crate::command::{CommandError, Outcome, Reply, View, number};
use crate::effect::Effect;
use crate::store::Element;
use crate::time::Millis;

/// Upper bound of the number of fields with repetition. A negative count asks for that many fields even if the
/// hash has fewer, and the reply is built in memory, so a command beyond this bound is refused. Redis has no
/// bound except its memory.
const REPEATED_MAX: usize = 1 << 20;

/// HRANDFIELD. Cost: O(fields + count).
pub(super) fn hrandfield(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let mut random = Random::new(view.random());
    let Some(count) = argv.get(2) else {
        let mut fields = fields(view, &argv[1])?;
        let chosen = random.below(fields.len());
        let reply = if fields.is_empty() { Reply::Null } else { Reply::Bulk(fields.swap_remove(chosen).0) };
        return Ok((reply, Effect::none()));
    };
    let count = parse_count(count)?;
    let with_values = match &argv[3..] {
        [] => false,
        [option] if option.eq_ignore_ascii_case(b"withvalues") => true,
        _ => return Err(CommandError::syntax()),
    };
    let out_of_range = || CommandError::err("value is out of range");
    // Redis doubles the count in this case, and refuses a count whose double does not fit.
    if with_values && count.unsigned_abs() > i64::MAX.unsigned_abs() / 2 {
        return Err(out_of_range());
    }
    let fields = fields(view, &argv[1])?;
    let wanted = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    let chosen = if count >= 0 {
        distinct(fields, wanted, &mut random)
    } else if fields.is_empty() {
        fields
    } else if wanted <= REPEATED_MAX {
        (0..wanted).map(|_| fields[random.below(fields.len())].clone()).collect()
    } else {
        return Err(out_of_range());
    };
    Ok((shown(chosen, with_values), Effect::none()))
}

fn parse_count(argument: &[u8]) -> Result<i64, CommandError> {
    let count = number::parse_integer(argument).ok_or_else(CommandError::not_an_integer)?;
    if count == i64::MIN {
        return Err(CommandError::err(format_args!(
            "value is out of range, value must between {} and {}",
            -i64::MAX,
            i64::MAX
        )));
    }
    Ok(count)
}

/// `wanted` distinct fields chosen at random, or all fields if there are fewer. All fields come in their own
/// order, a choice comes in random order.
fn distinct(mut fields: Vec<Element>, wanted: usize, random: &mut Random) -> Vec<Element> {
    if wanted < fields.len() {
        // The first steps of a Fisher-Yates shuffle.
        for position in 0..wanted {
            let other = position + random.below(fields.len() - position);
            fields.swap(position, other);
        }
        fields.truncate(wanted);
    }
    fields
}

fn shown(chosen: Vec<Element>, with_values: bool) -> Reply {
    let chosen = chosen.into_iter();
    if with_values {
        Reply::Pairs(chosen.map(|(field, value)| (Reply::Bulk(field), Reply::Bulk(value))).collect())
    } else {
        Reply::Array(chosen.map(|(field, _)| Reply::Bulk(field)).collect())
    }
}
