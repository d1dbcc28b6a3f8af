//! ZCOUNT ZLEXCOUNT ZRANGE ZREVRANGE ZRANGEBYSCORE ZREVRANGEBYSCORE ZRANGEBYLEX ZREVRANGEBYLEX ZRANGESTORE ZREMRANGEBYRANK
//! ZREMRANGEBYSCORE ZREMRANGEBYLEX. Pure.
//!
//! If the scores of a set differ, Redis does not say which members are between two members; here as in a small set of Redis:
//! from the first member, in the order of the scores, that is not below the range, to the last before one that is above it.

use super::lists::positions;
use super::numbers::integer;
use super::scores::{Bound, ordered};
use super::sorted_sets::double;
use super::values::{Scores, Value};
use super::{Answer, Call, Refused, Told, count, refused, syntax_error, upper};
use replicheck::command::Reply;

type Scored = (Vec<u8>, f64);

/// How the two ends of a range are meant.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum By {
    Rank,
    Score,
    Lex,
}

/// An end of a range of members.
enum Name {
    First,
    Last,
    Included(Vec<u8>),
    Excluded(Vec<u8>),
}

impl Name {
    fn read(bytes: &[u8]) -> Option<Name> {
        match bytes {
            [b'-'] | [b'-', 0, ..] => Some(Name::First),
            [b'+'] | [b'+', 0, ..] => Some(Name::Last),
            [b'[', name @ ..] => Some(Name::Included(name.to_vec())),
            [b'(', name @ ..] => Some(Name::Excluded(name.to_vec())),
            _ => None,
        }
    }

    fn is_below(&self, member: &Vec<u8>) -> bool {
        match self {
            Name::First => true,
            Name::Last => false,
            Name::Included(name) => name <= member,
            Name::Excluded(name) => name < member,
        }
    }

    fn is_above(&self, member: &Vec<u8>) -> bool {
        match self {
            Name::First => false,
            Name::Last => true,
            Name::Included(name) => name >= member,
            Name::Excluded(name) => name > member,
        }
    }
}

/// The two ends of a range, the lower one first. Ranks may be counted from the highest score.
enum Ends {
    Ranks { from: i128, to: i128, from_highest: bool },
    Scores(Bound, Bound),
    Names(Name, Name),
}

impl Ends {
    fn read(by: By, low: &[u8], high: &[u8], from_highest: bool) -> Result<Ends, Refused> {
        match by {
            By::Rank => Ok(Ends::Ranks { from: integer(low)?, to: integer(high)?, from_highest }),
            By::Score => match (Bound::read(low), Bound::read(high)) {
                (Some(low), Some(high)) => Ok(Ends::Scores(low, high)),
                _ => refused("min or max is not a float"),
            },
            By::Lex => match (Name::read(low), Name::read(high)) {
                (Some(low), Some(high)) => Ok(Ends::Names(low, high)),
                _ => refused("min or max not valid string range item"),
            },
        }
    }

    /// The members of the range, from the lowest to the highest.
    fn members(&self, scores: &Scores) -> Vec<Scored> {
        let mut order = ordered(scores);
        match self {
            Ends::Ranks { from, to, from_highest } => {
                let mut positions = positions(*from, *to, order.len());
                if *from_highest {
                    positions = order.len() - positions.end..order.len() - positions.start;
                }
                order.drain(positions).collect()
            }
            Ends::Scores(low, high) => {
                order.retain(|(_, score)| low.is_below(*score) && high.is_above(*score));
                order
            }
            Ends::Names(low, high) => order
                .into_iter()
                .skip_while(|(member, _)| !low.is_below(member))
                .take_while(|(member, _)| high.is_above(member))
                .collect(),
        }
    }
}

/// The range that the two arguments after the key name.
fn ends(call: &Call<'_>, by: By) -> Result<Ends, Refused> {
    Ends::read(by, call.arg(1), call.arg(2), false)
}

/// ZCOUNT and ZLEXCOUNT.
pub(super) fn counted(call: &mut Call<'_>, by: By) -> Told {
    let ends = ends(call, by)?;
    count(ends.members(&call.sorted_set(0)?).len())
}

/// The ZREMRANGEBY family.
pub(super) fn removed(call: &mut Call<'_>, by: By) -> Told {
    let ends = ends(call, by)?;
    let mut scores = call.sorted_set(0)?;
    let members = ends.members(&scores);
    for (member, _) in &members {
        scores.remove(member);
    }
    call.put(0, Value::SortedSet(scores));
    count(members.len())
}

/// What a command of the ZRANGE family asks for.
struct Asked {
    by: Option<By>,
    reverse: Option<bool>,
    limit: Option<(i128, i128)>,
    with_scores: bool,
}

impl Asked {
    /// Reads options; those that the name of the command decides are not options.
    fn options(&mut self, mut words: &[Vec<u8>], stores: bool) -> Result<(), Refused> {
        let (has_by, has_direction) = (self.by.is_some(), self.reverse.is_some());
        while let [word, rest @ ..] = words {
            words = rest;
            match upper(word).as_str() {
                "WITHSCORES" if !stores => self.with_scores = true,
                "LIMIT" if rest.len() >= 2 => {
                    self.limit = Some((integer(&rest[0])?, integer(&rest[1])?));
                    words = &rest[2..];
                }
                "REV" if !has_direction && self.reverse.is_none() => self.reverse = Some(true),
                "BYLEX" if !has_by && self.by.is_none() => self.by = Some(By::Lex),
                "BYSCORE" if !has_by && self.by.is_none() => self.by = Some(By::Score),
                _ => return syntax_error(),
            }
        }
        Ok(())
    }

    /// The members of the sorted set in the key at `key`, whose range stands in the two arguments behind it.
    fn members(&self, call: &Call<'_>, key: usize) -> Result<Vec<Scored>, Refused> {
        let (by, reverse) = (self.by.unwrap_or(By::Rank), self.reverse.unwrap_or(false));
        // A limit of -1 is none, so Redis does not see it.
        if by == By::Rank && self.limit.is_some_and(|(_, most)| most != -1) {
            return refused(
                "syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
            );
        }
        if by == By::Lex && self.with_scores {
            return refused("syntax error, WITHSCORES not supported in combination with BYLEX");
        }
        let (one, other) = (call.arg(key + 1), call.arg(key + 2));
        let (low, high) = if reverse && by != By::Rank { (other, one) } else { (one, other) };
        let ends = Ends::read(by, low, high, reverse)?;
        let mut members = ends.members(&call.sorted_set(key)?);
        if reverse {
            members.reverse();
        }
        let (skipped, most) = self.limit.filter(|_| by != By::Rank).unwrap_or((0, -1));
        let size = |number: i128| usize::try_from(number).unwrap_or(usize::MAX);
        Ok(members.into_iter().skip(size(skipped)).take(size(most)).collect())
    }
}

/// ZRANGE and the commands that it replaces: `by` and `reverse` are what the command's name says.
pub(super) fn range(call: &mut Call<'_>, by: Option<By>, reverse: Option<bool>) -> Told {
    let mut asked = Asked { by, reverse, limit: None, with_scores: false };
    asked.options(&call.args[3..], false)?;
    let members = asked.members(call, 0)?;
    Ok(Answer::Exactly(listed(members, asked.with_scores)))
}

pub(super) fn zrangestore(call: &mut Call<'_>) -> Told {
    let mut asked = Asked { by: None, reverse: None, limit: None, with_scores: false };
    asked.options(&call.args[4..], true)?;
    let members: Scores = asked.members(call, 1)?.into_iter().collect();
    let length = members.len();
    call.store(0, Value::SortedSet(members));
    count(length)
}

/// The reply that lists members, with or without their scores.
pub(super) fn listed(members: Vec<Scored>, with_scores: bool) -> Reply {
    let members = members.into_iter();
    if with_scores {
        Reply::Pairs(members.map(|(member, score)| (Reply::Bulk(member), double(score))).collect())
    } else {
        Reply::Array(members.map(|(member, _)| Reply::Bulk(member)).collect())
    }
}
