//! Order — the records of one sorted set → ranks, members by rank, walks in the order of the scores. Pure.
//!
//! A set that has grown has [counting records](super::level). Each is at a [place](super::places) and counts the members from
//! there to the next one of its level: those of a *chunk*, and in a large set also those of a *block*, which consists of whole
//! chunks. The first one of a level is at score -inf with the empty member, before every member:
//!
//! ```text
//! members     a b c d   e f g   h i j k l   m n o   p q r s
//! chunks      4         3       5           3       4
//! blocks      7                 12                           rank of n = 7 + 5 + 1
//! ```
//!
//! So a rank is the sum of the blocks before, of the chunks before in its block, and a walk within its chunk.
//! Cost of a rank, and of a member by rank: O(members / block + block / chunk + chunk), in [`Sizes`]; near both ends of the order
//! a member by rank costs O(chunk). A set that an earlier build wrote has chunks alone until it is written again.

use super::descent::Descent;
use super::level::{Level, Part, Sizes};
use super::places::{Direction, END, Places, Scored, after};
use crate::command::{CommandError, View};
use crate::effect::Key;
use crate::store::element::{self, Score, tag};
use crate::store::record::{Collection, Levels, Record, Value, damaged, plain_element};
use crate::store::{StoreError, key};
use crate::time::Millis;
use std::ops::ControlFlow;

/// The metadata of a sorted set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Incarnation and number of members.
    pub(super) collection: Collection,
    /// The counting records that there are.
    pub(super) levels: Levels,
}

impl Shape {
    /// The living sorted set `name`, and its deadline. Errors: WRONGTYPE.
    pub(super) fn open(
        view: &View<'_>,
        name: &[u8],
    ) -> Result<Option<(Shape, Option<Millis>)>, CommandError> {
        match view.record(name)? {
            None => Ok(None),
            Some(Record { deadline, value: Value::SortedSet(collection, levels) }) => {
                Ok(Some((Shape { collection, levels }, deadline)))
            }
            Some(_) => Err(CommandError::wrong_type()),
        }
    }
}

/// A sorted set that is read.
pub(super) struct Order<'a> {
    view: View<'a>,
    key: Key,
    shape: Shape,
    sizes: Sizes,
    /// Length of the raw keys of its records before the element's name.
    prefix: usize,
}

/// The visitor of [`Order::scan`]: raw key, element's name, raw value.
type VisitRecord<'a> = dyn FnMut(&[u8], &[u8], &[u8]) -> Result<ControlFlow<()>, StoreError> + 'a;

impl<'a> Order<'a> {
    /// The living sorted set `name`. Errors: WRONGTYPE.
    pub(super) fn open(view: &View<'a>, name: &[u8]) -> Result<Option<Order<'a>>, CommandError> {
        let opened = Shape::open(view, name)?;
        Ok(opened.map(|(shape, _)| Order::of(view, view.key(name), shape, Sizes::STORED)))
    }

    /// The set `key` with that metadata.
    pub(super) fn of(view: &View<'a>, key: Key, shape: Shape, sizes: Sizes) -> Order<'a> {
        let prefix = key::element(&key, shape.collection.incarnation, &[]).len();
        Order { view: *view, key, shape, sizes, prefix }
    }

    /// Number of members.
    pub(super) fn count(&self) -> u64 {
        self.shape.collection.count
    }

    /// The score of `member`; `None`: it is not in the set.
    pub(super) fn score(&self, member: &[u8]) -> Result<Option<Score>, StoreError> {
        let (name, incarnation) = (element::of_scored(member), self.shape.collection.incarnation);
        match self.view.element(&self.key.name, incarnation, &name)? {
            None => Ok(None),
            Some(bytes) => {
                let raw = || key::element(&self.key, incarnation, &name);
                Score::from_bytes(&bytes).map(Some).ok_or_else(|| damaged(&raw(), "no score"))
            }
        }
    }

    /// Number of members before `place`.
    pub(super) fn rank(&self, place: &[u8]) -> Result<u64, StoreError> {
        if place >= END.as_slice() {
            return Ok(self.count());
        }
        let (mut rank, mut from) = (0, Vec::new());
        for level in Level::of(self.shape.levels).iter().rev() {
            let within = Places { from: from.clone(), to: after(place) };
            let mut last = 0;
            self.parts(*level, &within, Direction::Up, &mut |part| {
                rank += last;
                (from, last) = (part.at, part.count);
                ControlFlow::Continue(())
            })?;
        }
        self.walk(&Places { from, to: place.to_vec() }, Direction::Up, &mut |_, _| {
            rank += 1;
            ControlFlow::Continue(())
        })?;
        Ok(rank)
    }

    /// Number of members at `places`.
    pub(super) fn count_at(&self, places: &Places) -> Result<u64, StoreError> {
        if places.from >= places.to {
            return Ok(0);
        }
        Ok(self.rank(&places.to)?.saturating_sub(self.rank(&places.from)?))
    }

    /// The member with `rank` members before it.
    pub(super) fn at_rank(&self, rank: u64) -> Result<Option<Scored>, StoreError> {
        let Some(rest) = self.count().checked_sub(rank).filter(|rest| *rest > 0) else { return Ok(None) };
        if rank <= self.sizes.chunk {
            return self.nth(&Places::all(), Direction::Up, rank);
        }
        if rest <= self.sizes.chunk {
            return self.nth(&Places::all(), Direction::Down, rest - 1);
        }
        let chunk = self.descent().chunk(rank)?;
        self.nth(&Places::since(chunk.part.at), Direction::Up, rank - chunk.first)
    }

    /// The members with these ranks, which ascend. Cost: for each chunk with one of them that of a rank, but no more than
    /// O(members).
    pub(super) fn at_ranks(&self, ranks: &[u64]) -> Result<Vec<Scored>, StoreError> {
        let mut found = Vec::with_capacity(ranks.len());
        let mut descent = self.descent();
        while let Some(wanted) = ranks.get(found.len()).filter(|wanted| **wanted < self.count()) {
            let chunk = descent.chunk(*wanted)?;
            let (mut rank, before) = (chunk.first, found.len());
            self.walk(&Places::since(chunk.part.at.clone()), Direction::Up, &mut |score, member| {
                if ranks[found.len()] == rank {
                    found.push(Scored { score, member: member.to_vec() });
                }
                rank += 1;
                match ranks.get(found.len()) {
                    Some(wanted) if chunk.holds(*wanted) => ControlFlow::Continue(()),
                    _ => ControlFlow::Break(()),
                }
            })?;
            if found.len() == before {
                // Damaged records: there are fewer members than are counted.
                break;
            }
        }
        Ok(found)
    }

    /// A descent to members by rank.
    fn descent(&self) -> Descent<'_, 'a> {
        Descent::new(self, Level::of(self.shape.levels))
    }

    /// The members at `places` in that direction, at most `limit`. Cost: O(members returned).
    pub(super) fn members(
        &self,
        places: &Places,
        direction: Direction,
        limit: u64,
    ) -> Result<Vec<Scored>, StoreError> {
        let mut members = Vec::new();
        if limit == 0 {
            return Ok(members);
        }
        self.walk(places, direction, &mut |score, member| {
            members.push(Scored { score, member: member.to_vec() });
            if members.len() as u64 == limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok(members)
    }

    /// `places` without the first `skipped` members in that direction.
    pub(super) fn skip(
        &self,
        places: Places,
        direction: Direction,
        skipped: u64,
    ) -> Result<Places, StoreError> {
        if skipped == 0 || places.from >= places.to {
            return Ok(places);
        }
        let first = match direction {
            _ if skipped <= self.sizes.chunk => self.nth(&places, direction, skipped)?,
            Direction::Up => self.at_rank(self.rank(&places.from)?.saturating_add(skipped))?,
            Direction::Down => match self.rank(&places.to)?.checked_sub(skipped.saturating_add(1)) {
                Some(rank) => self.at_rank(rank)?,
                None => None,
            },
        };
        Ok(match (first, direction) {
            (None, _) => Places::none(),
            (Some(first), Direction::Up) => Places { from: first.place(), ..places },
            (Some(first), Direction::Down) => Places { to: after(&first.place()), ..places },
        })
    }

    /// The member after the first `skipped` members at `places`. Cost: O(skipped).
    pub(super) fn nth(
        &self,
        places: &Places,
        direction: Direction,
        mut skipped: u64,
    ) -> Result<Option<Scored>, StoreError> {
        let mut found = None;
        self.walk(places, direction, &mut |score, member| {
            if skipped == 0 {
                found = Some(Scored { score, member: member.to_vec() });
                return ControlFlow::Break(());
            }
            skipped -= 1;
            ControlFlow::Continue(())
        })?;
        Ok(found)
    }

    /// Calls `visit` for each member at `places` in that direction, until it breaks.
    pub(super) fn walk(
        &self,
        places: &Places,
        direction: Direction,
        visit: &mut dyn FnMut(Score, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.scan(tag::BY_SCORE, places, direction, &mut |raw, name, _| {
            let (score, member) = element::scored(name).ok_or_else(|| damaged(raw, "no score"))?;
            Ok(visit(score, member))
        })
    }

    /// Calls `visit` for each counting record of that level at `places`, until it breaks.
    pub(super) fn parts(
        &self,
        level: Level,
        places: &Places,
        direction: Direction,
        visit: &mut dyn FnMut(Part) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.scan(level.tag(), places, direction, &mut |raw, name, bytes| {
            let number = plain_element(raw, bytes)?.try_into();
            let number = number.map_err(|_| damaged(raw, "no number of members"))?;
            Ok(visit(Part { at: name[1..].to_vec(), count: u64::from_be_bytes(number) }))
        })
    }

    /// The first `count` members in the order of their names after the member `after`, and the last one if there may be more.
    pub(super) fn by_name(
        &self,
        after: Option<&[u8]>,
        count: usize,
    ) -> Result<(Vec<Scored>, Option<Vec<u8>>), StoreError> {
        let from = after.map_or_else(|| vec![tag::MEMBER], |member| self::after(&element::of_scored(member)));
        let mut members: Vec<Scored> = Vec::new();
        self.scan_names(&from, &[tag::MEMBER + 1], Direction::Up, &mut |raw, name, bytes| {
            let score = Score::from_bytes(&plain_element(raw, bytes)?);
            let score = score.ok_or_else(|| damaged(raw, "no score"))?;
            members.push(Scored { score, member: name[1..].to_vec() });
            Ok(if members.len() < count { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        let last = members.last().filter(|_| members.len() >= count).map(|last| last.member.clone());
        Ok((members, last))
    }

    /// Calls `visit` for each record of kind `tag` at `places`.
    fn scan(
        &self,
        tag: u8,
        places: &Places,
        direction: Direction,
        visit: &mut VisitRecord<'_>,
    ) -> Result<(), StoreError> {
        let name = |place: &[u8]| [&[tag], place].concat();
        self.scan_names(&name(&places.from), &name(&places.to), direction, visit)
    }

    /// Calls `visit` for each record whose name is in `from..to`.
    fn scan_names(
        &self,
        from: &[u8],
        to: &[u8],
        direction: Direction,
        visit: &mut VisitRecord<'_>,
    ) -> Result<(), StoreError> {
        let raw = |name: &[u8]| key::element(&self.key, self.shape.collection.incarnation, name);
        let (from, to) = (raw(from), raw(to));
        if from >= to {
            return Ok(());
        }
        let mut outcome = Ok(());
        let mut step = |raw: &[u8], bytes: &[u8]| match visit(raw, &raw[self.prefix..], bytes) {
            Ok(flow) => flow,
            Err(error) => {
                outcome = Err(error);
                ControlFlow::Break(())
            }
        };
        match direction {
            Direction::Up => self.view.reader().scan(&from, &to, &mut step)?,
            Direction::Down => self.view.reader().scan_back(&from, &to, &mut step)?,
        }
        outcome
    }
}
