//! Commands on several lists: LMOVE RPOPLPUSH LMPOP. Pure.

use super::number_from;
use super::stored::{End, List};
use crate::command::options::is_option;
use crate::command::{CommandError, Edit, Outcome, Reply, View};
use crate::effect::Effect;
use crate::time::Millis;

/// Moves an item from one end of the list `argv[1]` to an end of the list `argv[2]`, which may be the same list. Cost:
/// O(log n).
fn move_item(view: &View<'_>, argv: &[Vec<u8>], from: End, to: End) -> Outcome {
    let Some(mut source) = List::open(view, &argv[1])? else { return Ok((Reply::Null, Effect::none())) };
    let target = List::open(view, &argv[2])?;
    let is_same = argv[1] == argv[2];
    let mut edit = Edit::new(view);
    let is_only = source.collection.count == 1;
    let Some(item) = source.pop(&mut edit, from, 1)?.pop() else { return Ok((Reply::Null, Effect::none())) };
    if is_same && (from == to || is_only) {
        return Ok((Reply::Bulk(item), Effect::none()));
    }
    let mut target = match target {
        Some(_) if is_same => source,
        target => {
            source.save(&mut edit)?;
            target.map_or_else(|| List::create(&mut edit, view.key(&argv[2])), Ok)?
        }
    };
    target.push(&mut edit, to, &item)?;
    target.save(&mut edit)?;
    Ok((Reply::Bulk(item), edit.finish()))
}

pub(super) fn lmove(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let (from, to) = (End::parse(&argv[3])?, End::parse(&argv[4])?);
    move_item(view, argv, from, to)
}

pub(super) fn rpoplpush(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    move_item(view, argv, End::Right, End::Left)
}

/// The arguments of LMPOP.
struct MultiPop<'a> {
    keys: &'a [Vec<u8>],
    end: End,
    count: u64,
}

impl<'a> MultiPop<'a> {
    /// Parses the arguments after the name. Errors: syntax, and numbers below 1.
    fn parse(arguments: &'a [Vec<u8>]) -> Result<MultiPop<'a>, CommandError> {
        let (number, rest) = arguments.split_first().ok_or_else(CommandError::syntax)?;
        let number = number_from(1, number, "numkeys should be greater than 0")?;
        let number = usize::try_from(number).map_err(|_| CommandError::syntax())?;
        let (keys, rest) = rest.split_at_checked(number).ok_or_else(CommandError::syntax)?;
        let (end, options) = rest.split_first().ok_or_else(CommandError::syntax)?;
        let end = End::parse(end)?;
        let count = match options {
            [] => 1,
            // Redis reads the number before it finds that more arguments follow.
            [option, count, more @ ..] if is_option(option, "count") => {
                let count = number_from(1, count, "count should be greater than 0")?;
                if !more.is_empty() {
                    return Err(CommandError::syntax());
                }
                count
            }
            _ => return Err(CommandError::syntax()),
        };
        Ok(MultiPop { keys, end, count })
    }
}

/// LMPOP: pops from the first key that is a list. Cost: O(keys), and that of LPOP.
pub(super) fn lmpop(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let MultiPop { keys, end, count } = MultiPop::parse(&argv[1..])?;
    for name in keys {
        let Some(mut list) = List::open(view, name)? else { continue };
        let mut edit = Edit::new(view);
        let items = list.pop(&mut edit, end, count)?.into_iter().map(Reply::Bulk).collect();
        list.save(&mut edit)?;
        return Ok((Reply::Array(vec![Reply::bulk(name.as_slice()), Reply::Array(items)]), edit.finish()));
    }
    Ok((Reply::NullArray, Effect::none()))
}
