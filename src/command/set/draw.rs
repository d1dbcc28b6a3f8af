//! Draw — members chosen at random: SPOP SRANDMEMBER. Pure: the view supplies the random number.
//!
//! A large set is not read. Its members are in the order of their hashes, which are spread evenly over all numbers of 32
//! bits, so a window of hashes at a random place finds a few of them:
//!
//! ```text
//!            window: so many hashes that it holds 16 members on average
//!                 ├────────┤
//! hashes  0 ──┬─┬───┬──┬─┬────┬┬─────┬──┬─── 2^32       place in 0..64 drawn: it is the place of a member in the
//!             a b   c  d e    fg     h  i                window, which is chosen; or there is none, and all is drawn again
//! ```
//!
//! Each member is in as many windows as any other, and each place is drawn as often as any other. So each member has the same
//! probability, as long as no window holds more than 64 members. For evenly spread hashes that happens once in 10^19 windows.
//! If it happens, because a client has chosen members for their hashes, then the whole set is read and each member has the
//! same probability in that choice; in all, such members come more rarely than others, but come.

use super::{Members, remove_present, shown};
use crate::command::random::{Count, Random};
use crate::command::{CommandError, Edit, Outcome, Reply, View, number};
use crate::effect::Effect;
use crate::store::StoreError;
use crate::time::Millis;
use std::collections::BTreeSet;

/// A set of at most this many members is read whole.
const WHOLE_MAX: u64 = 128;

/// Number of members in a window, on average.
const WINDOW_AVERAGE: u64 = 16;

/// Number of places in a window; it holds no more members than that.
const WINDOW_MAX: usize = 64;

/// Number of windows that are read for one member before the whole set is read. One window in four gives a member, so
/// evenly spread members never need that many.
const WINDOWS_MAX: usize = 128;

/// Number of members that are read for one that is chosen, on average. It is cheaper to read the whole set than to choose
/// more than one in so many.
const READ_FOR_ONE: u64 = 64;

/// Random choices among the members of a set.
struct Draw<'a> {
    members: &'a Members<'a>,
    random: Random,
}

impl Draw<'_> {
    /// `count` elements: all elements come in their own order, a choice comes in random order. Cost: O(log n) for each of
    /// them, or O(n) for a small set and for a large part of a set.
    fn elements(&mut self, count: Count) -> Result<Vec<Vec<u8>>, StoreError> {
        let stored = self.members.set.count;
        let wanted = count.wanted() as u64;
        if stored > WHOLE_MAX
            && wanted <= stored / READ_FOR_ONE
            && let Some(drawn) = self.choose_in_windows(count)?
        {
            return Ok(drawn);
        }
        Ok(self.random.choose(self.members.all()?, count))
    }

    /// `count` elements from windows; `None`: the whole set must be read.
    fn choose_in_windows(&mut self, count: Count) -> Result<Option<Vec<Vec<u8>>>, StoreError> {
        let (mut drawn, mut seen) = (Vec::new(), BTreeSet::new());
        // Few are drawn twice, as they are a small part of the set.
        for _ in 0..count.wanted().saturating_mul(2).saturating_add(WINDOWS_MAX) {
            if drawn.len() == count.wanted() {
                return Ok(Some(drawn));
            }
            let Some(name) = self.choose_in_window()? else { return Ok(None) };
            if matches!(count, Count::Repeated(_)) || seen.insert(name.clone()) {
                drawn.push(name);
            }
        }
        Ok(None)
    }

    /// One element; `None`: a window holds too many, or all of them hold too few.
    fn choose_in_window(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        let width = (WINDOW_AVERAGE << 32) / self.members.set.count.max(1);
        let width = u32::try_from(width.max(1)).unwrap_or(u32::MAX);
        for _ in 0..WINDOWS_MAX {
            let mut names = self.members.window(self.random.bits(), width, WINDOW_MAX)?;
            if names.len() > WINDOW_MAX {
                return Ok(None);
            }
            let place = self.random.below(WINDOW_MAX);
            if place < names.len() {
                return Ok(Some(names.swap_remove(place)));
            }
        }
        Ok(None)
    }
}

/// SPOP. Its effect removes the members that were drawn. Cost: O(log n) for each of them, or O(n) for a large part of a set.
pub(super) fn spop(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let count = match &argv[2..] {
        [] => None,
        [count] => Some(parse_positive(count)?),
        _ => return Err(CommandError::syntax()),
    };
    let nothing = if count.is_some() { Reply::Set(Vec::new()) } else { Reply::Null };
    let Some(stored) = Members::of(view, &argv[1])? else { return Ok((nothing, Effect::none())) };
    let wanted = count.unwrap_or(1);
    let mut draw = Draw { members: &stored, random: Random::new(view.random()) };
    let drawn = draw.elements(Count::Distinct(wanted))?;
    let mut edit = Edit::new(view);
    let removed: Vec<&[u8]> = drawn.iter().map(Vec::as_slice).collect();
    remove_present(&mut edit, &stored, &removed)?;
    let reply = match count {
        Some(_) => Reply::Set(drawn.iter().map(|name| shown(name)).collect()),
        None => drawn.first().map_or(Reply::Null, |name| shown(name)),
    };
    Ok((reply, edit.finish()))
}

/// The count of SPOP. Errors: it is not an integer, or negative.
fn parse_positive(argument: &[u8]) -> Result<usize, CommandError> {
    let out_of_range = || CommandError::err("value is out of range, must be positive");
    let count = number::parse_integer(argument).ok_or_else(out_of_range)?;
    usize::try_from(count).map_err(|_| out_of_range())
}

/// SRANDMEMBER. Cost: O(log n) for each member, or O(n + count) for a large part of a set.
pub(super) fn srandmember(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let count = match &argv[2..] {
        [] => None,
        [count] => Some(Count::parse(count)?),
        _ => return Err(CommandError::syntax()),
    };
    let nothing = if count.is_some() { Reply::Array(Vec::new()) } else { Reply::Null };
    let Some(stored) = Members::of(view, &argv[1])? else { return Ok((nothing, Effect::none())) };
    let mut draw = Draw { members: &stored, random: Random::new(view.random()) };
    let reply = match count {
        Some(count) => {
            count.check_length()?;
            Reply::Array(draw.elements(count)?.iter().map(|name| shown(name)).collect())
        }
        None => draw.elements(Count::Distinct(1))?.first().map_or(Reply::Null, |name| shown(name)),
    };
    Ok((reply, Effect::none()))
}
