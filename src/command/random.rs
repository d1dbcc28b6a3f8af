//! Pseudorandom numbers from a seed that the caller has drawn, and choices among items. Pure: the same seed gives the same
//! numbers.

use super::{CommandError, number};

/// Upper bound of the number of items with repetition. A negative count asks for that many items even if the collection has
/// fewer, and the reply is built in memory, so a command beyond this bound is refused. Redis has no bound except its memory.
const REPEATED_MAX: usize = 1 << 20;

/// The count of HRANDFIELD and SRANDMEMBER: the number of items that they choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    /// That many different items, or all of them if there are fewer.
    Distinct(usize),
    /// That many items, each chosen among all: a negative count.
    Repeated(usize),
}

impl Count {
    /// The count in `argument`. Errors: it is not an integer, or out of range.
    pub(super) fn parse(argument: &[u8]) -> Result<Count, CommandError> {
        let count = number::parse_integer(argument).ok_or_else(CommandError::not_an_integer)?;
        if count == i64::MIN {
            return Err(CommandError::err(format_args!(
                "value is out of range, value must between {} and {}",
                -i64::MAX,
                i64::MAX
            )));
        }
        let wanted = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
        Ok(if count < 0 { Count::Repeated(wanted) } else { Count::Distinct(wanted) })
    }

    /// The number of items.
    pub(super) fn wanted(self) -> usize {
        match self {
            Count::Distinct(wanted) | Count::Repeated(wanted) => wanted,
        }
    }

    /// `ERR value is out of range`
    pub(super) fn out_of_range() -> CommandError {
        CommandError::err("value is out of range")
    }

    /// Checks that the reply fits in memory. A caller that has found nothing to choose from need not check. Errors: out of
    /// range.
    pub(super) fn check_length(self) -> Result<(), CommandError> {
        match self {
            Count::Repeated(wanted) if wanted > REPEATED_MAX => Err(Count::out_of_range()),
            Count::Distinct(_) | Count::Repeated(_) => Ok(()),
        }
    }
}

/// A sequence of pseudorandom numbers: splitmix64.
///
/// Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
pub(super) struct Random {
    state: u64,
}

impl Random {
    /// The sequence for `seed`.
    pub(super) fn new(seed: u64) -> Random {
        Random { state: seed }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.state)
    }

    /// The next number below `bound`; 0 if `bound` is 0. Low numbers are more frequent by `bound` in 2^64,
    /// which is not noticeable.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX);
        let number = self.next().checked_rem(bound).unwrap_or(0);
        usize::try_from(number).unwrap_or(0)
    }

    /// The next number of 32 bits.
    pub(super) fn bits(&mut self) -> u32 {
        u32::try_from(self.next() >> 32).unwrap_or(0)
    }

    /// Items chosen at random. All items come in their own order; a choice comes in random order. Cost: O(items + count).
    pub(super) fn choose<T: Clone>(&mut self, mut items: Vec<T>, count: Count) -> Vec<T> {
        match count {
            Count::Distinct(wanted) if wanted < items.len() => {
                // The first steps of a Fisher-Yates shuffle.
                for position in 0..wanted {
                    let other = position + self.below(items.len() - position);
                    items.swap(position, other);
                }
                items.truncate(wanted);
                items
            }
            Count::Repeated(wanted) if !items.is_empty() => {
                (0..wanted).map(|_| items[self.below(items.len())].clone()).collect()
            }
            Count::Distinct(_) | Count::Repeated(_) => items,
        }
    }
}

/// The finisher of splitmix64: one to one on 64 bits, and each bit of `number` changes about half of the bits
/// of the result.
pub(super) fn mix(mut number: u64) -> u64 {
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
