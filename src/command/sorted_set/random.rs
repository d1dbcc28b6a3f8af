//! ZRANDMEMBER: members of a sorted set chosen at random. Pure: the view supplies the random number.

use super::order::Order;
use super::places::{Direction, Places, Scored};
use super::shown;
use crate::command::options::is_option;
use crate::command::random::{Count, Random};
use crate::command::{CommandError, Outcome, Reply, View};
use crate::effect::Effect;
use crate::store::StoreError;
use crate::time::Millis;
use std::collections::BTreeMap;

/// ZRANDMEMBER. Cost: that of a rank (see [`order`](super::order)) a member chosen, but no more than O(members + count).
pub(super) fn zrandmember(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let mut random = Random::new(view.random());
    let Some(count) = argv.get(2) else {
        let chosen = match Order::open(view, &argv[1])? {
            Some(order) => chosen(&order, &[random.below(length(&order))])?,
            None => Vec::new(),
        };
        let member = chosen.into_iter().next().map(|scored| scored.member);
        return Ok((Reply::bulk_or_null(member), Effect::none()));
    };
    let count = Count::parse(count)?;
    let with_scores = match &argv[3..] {
        [] => false,
        [option] if is_option(option, "withscores") => true,
        _ => return Err(CommandError::syntax()),
    };
    // Redis doubles the count in this case, and refuses a count whose double does not fit.
    if with_scores && count.wanted() as u64 > i64::MAX.unsigned_abs() / 2 {
        return Err(Count::out_of_range());
    }
    let Some(order) = Order::open(view, &argv[1])? else {
        return Ok((shown(Vec::new(), with_scores), Effect::none()));
    };
    count.check_length()?;
    let members = match count {
        Count::Distinct(wanted) if wanted >= length(&order) => {
            order.members(&Places::all(), Direction::Up, u64::MAX)?
        }
        Count::Distinct(wanted) => chosen(&order, &distinct(length(&order), wanted, &mut random))?,
        Count::Repeated(wanted) => {
            let ranks: Vec<usize> = (0..wanted).map(|_| random.below(length(&order))).collect();
            chosen(&order, &ranks)?
        }
    };
    Ok((shown(members, with_scores), Effect::none()))
}

fn length(order: &Order<'_>) -> usize {
    usize::try_from(order.count()).unwrap_or(usize::MAX)
}

/// `wanted` different numbers below `bound` in random order.
fn distinct(bound: usize, wanted: usize, random: &mut Random) -> Vec<usize> {
    // The first steps of a Fisher-Yates shuffle of all numbers, of which only the moved ones are stored.
    let mut moved: BTreeMap<usize, usize> = BTreeMap::new();
    let step = |position| {
        let other = position + random.below(bound - position);
        let here = moved.get(&position).copied().unwrap_or(position);
        moved.insert(other, here).unwrap_or(other)
    };
    (0..wanted).map(step).collect()
}

/// The members with these ranks, in this order.
fn chosen(order: &Order<'_>, ranks: &[usize]) -> Result<Vec<Scored>, StoreError> {
    let mut ascending: Vec<u64> = ranks.iter().map(|rank| *rank as u64).collect();
    ascending.sort_unstable();
    ascending.dedup();
    let members = order.at_ranks(&ascending)?;
    let member = |rank: &usize| {
        let at = ascending.binary_search(&(*rank as u64)).ok()?;
        members.get(at).cloned()
    };
    Ok(ranks.iter().filter_map(member).collect())
}
