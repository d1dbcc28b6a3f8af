//! The names and values of the elements of lists, sets and sorted sets. Pure.
//!
//! An element's raw key is that of its collection followed by its name (see [`key`](super::key)):
//!
//! ```text
//! list         position (8)                     → the item
//! set          hash of the member (4)  member   → nothing
//! sorted set   'm'  member                      → score (8)
//!              's'  score (8)  member           → nothing            the members in the order of their scores
//!              'c'  score (8)  member           → number (8)         the number of members from this one to the next such record
//!              'b'  score (8)  member           → number (8)         the same, over many records 'c'; each has one at its place
//! ```
//!
//! Scores and positions are big-endian and sort as numbers do. A set is in the order of a hash, so that a member can be
//! drawn at random without reading all of them: hashes are spread evenly, names are not.

/// A score of a sorted set: a number that is not NaN, in an order in which -0 is 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Score(u64);

impl Score {
    /// The score `number`; `None`: it is not a number.
    pub fn new(number: f64) -> Option<Score> {
        // Adding 0 turns -0 into 0.
        let bits = (number + 0.0).to_bits();
        // Positive numbers sort as their bits do, negative ones in reverse.
        let sorted = if bits >> 63 == 0 { bits | 1 << 63 } else { !bits };
        (!number.is_nan()).then_some(Score(sorted))
    }

    /// The number.
    pub fn get(self) -> f64 {
        f64::from_bits(if self.0 >> 63 == 1 { self.0 & !(1 << 63) } else { !self.0 })
    }

    /// Eight bytes that sort as scores do.
    pub fn to_bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }

    /// The score of which [`Score::to_bytes`] made these bytes; `None` for other bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Score> {
        let score = Score(u64::from_be_bytes(bytes.try_into().ok()?));
        (!score.get().is_nan()).then_some(score)
    }
}

/// As Redis writes scores.
impl std::fmt::Display for Score {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&formatted(self.get()))
    }
}

/// A number as `%.17g` writes it, as Redis writes scores.
fn formatted(number: f64) -> String {
    const DIGITS: i32 = 17;
    if number.is_infinite() {
        return if number > 0.0 { "inf".to_owned() } else { "-inf".to_owned() };
    }
    let scientific = format!("{number:.16e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trimmed = |digits: &str| match digits.contains('.') {
        true => digits.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => digits.to_owned(),
    };
    if (-4..DIGITS).contains(&exponent) {
        let decimals = usize::try_from(DIGITS - 1 - exponent).unwrap_or(0);
        return trimmed(&format!("{number:.decimals$}"));
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trimmed(mantissa), exponent.abs())
}

impl std::fmt::Debug for Score {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{self}")
    }
}

/// The kinds of records of a sorted set: the first byte of an element's name.
pub mod tag {
    /// A member with its score.
    pub const MEMBER: u8 = b'm';
    /// A member in the order of the scores.
    pub const BY_SCORE: u8 = b's';
    /// The number of members of a chunk: from one place in that order to the next.
    pub const COUNT: u8 = b'c';
    /// The number of members of a block, which consists of chunks.
    pub const BLOCK: u8 = b'b';
}

/// The name of the element of a list at `position`.
pub fn at_position(position: u64) -> [u8; 8] {
    position.to_be_bytes()
}

/// The position in the name of an element of a list; `None`: the name has another length.
pub fn position(name: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(name.try_into().ok()?))
}

/// The name of the element of a set that is `member`.
pub fn of_member(member: &[u8]) -> Vec<u8> {
    [spread(member).to_be_bytes().as_slice(), member].concat()
}

/// The member of a set in the name of an element; `None`: the name is too short.
pub fn member(name: &[u8]) -> Option<&[u8]> {
    name.get(4..)
}

/// The name of the record of a sorted set that holds the score of `member`.
pub fn of_scored(member: &[u8]) -> Vec<u8> {
    [&[tag::MEMBER], member].concat()
}

/// The name of the record of kind `tag` for `member` with this score: [`tag::BY_SCORE`], [`tag::COUNT`] or [`tag::BLOCK`].
pub fn by_score(tag: u8, score: Score, member: &[u8]) -> Vec<u8> {
    [&[tag], score.to_bytes().as_slice(), member].concat()
}

/// Score and member in a name that [`by_score`] made; `None` for other bytes.
pub fn scored(name: &[u8]) -> Option<(Score, &[u8])> {
    let (score, member) = name.get(1..)?.split_first_chunk::<8>()?;
    Some((Score::from_bytes(score)?, member))
}

/// A hash that spreads similar names over all 32-bit numbers. It is part of the stored format.
fn spread(bytes: &[u8]) -> u32 {
    // A checksum changes with each bit, but neighbours in it stay neighbours: the product with an odd number parts them.
    crc32c::crc32c(bytes).wrapping_mul(0x9e37_79b1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn score_bytes_sort_as_the_numbers_do() {
        let numbers = [
            f64::NEG_INFINITY,
            -1e300,
            -2.5,
            -1.0,
            -1e-300,
            -f64::from_bits(1),
            0.0,
            f64::from_bits(1),
            0.5,
            3.0,
            1e300,
            f64::INFINITY,
        ];
        let scores: Vec<Score> =
            numbers.iter().map(|number| Score::new(*number).expect("a number")).collect();
        assert!(scores.windows(2).all(|pair| pair[0].to_bytes() < pair[1].to_bytes()), "{scores:?}");
        for (number, score) in numbers.iter().zip(&scores) {
            assert_eq!(score.get(), *number);
            assert_eq!(Score::from_bytes(&score.to_bytes()), Some(*score));
        }
        assert_eq!(Score::new(-0.0), Score::new(0.0));
        assert!(Score::new(f64::NAN).is_none());
        assert!(Score::from_bytes(&[0xff; 8]).is_none() && Score::from_bytes(&[0x80; 7]).is_none());
    }

    #[test]
    fn double_is_written_as_printf_writes_it() {
        let cases = [
            (0.0, "0"),
            (1.0, "1"),
            (-2.5, "-2.5"),
            (0.1, "0.10000000000000001"),
            (1e16, "10000000000000000"),
            (1e17, "1e+17"),
            (123_456_789_012_345_678.0, "1.2345678901234568e+17"),
            (0.0001, "0.0001"),
            (0.000_01, "1.0000000000000001e-05"),
            (1e300, "1.0000000000000001e+300"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
        ];
        for (number, text) in cases {
            assert_eq!(formatted(number), text);
        }
    }

    #[test]
    fn members_with_similar_names_are_spread_evenly() {
        let mut parts = [0_u32; 64];
        for number in 0..64_000 {
            let name = of_member(format!("member:{number:06}").as_bytes());
            parts[usize::from(name[0] >> 2)] += 1;
            assert_eq!(member(&name), Some(format!("member:{number:06}").as_bytes()));
        }
        assert!(parts.iter().all(|part| (800..1200).contains(part)), "{parts:?}");
    }

    #[test]
    fn names_of_elements_are_the_stored_format() {
        for (member, hash) in
            [(b"".as_slice(), b"\0\0\0\0"), (b"a", b"\x80\x10\x24\x30"), (b"123456789", b"\x66\xf0\x37\x93")]
        {
            assert_eq!(of_member(member), [hash, member].concat(), "{}", member.escape_ascii());
        }
        assert_eq!(at_position(258), [0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(position(&at_position(258)), Some(258));
        assert_eq!((position(&[0; 7]), position(&[0; 9])), (None, None), "names of another length");
        let one = Score::new(1.0).expect("a number");
        let name = by_score(tag::COUNT, one, b"m");
        assert_eq!(name, b"c\xbf\xf0\0\0\0\0\0\0m");
        assert_eq!((scored(&name), scored(&name[..8])), (Some((one, b"m".as_slice())), None));
        assert_eq!(of_scored(b"m"), b"mm");
    }
}
