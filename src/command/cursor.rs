//! Cursor — what SCAN and HSCAN share: their options, and a walk in steps that no state connects. Pure.
//!
//! # The order of a scan
//!
//! A cursor must be a number of 64 bits, so it cannot name the place where a scan over sorted names of any
//! length goes on: names may share their first 8 bytes. A scan therefore goes in the order of a 64-bit hash of
//! the names, and the cursor is the smallest hash that has not been returned yet.
//!
//! ```text
//! hash        3        17        17        90             COUNT 2
//! name        c        a         d         b
//! SCAN 0   →  [c, a, d]  cursor 90          names of one hash are never torn apart
//! SCAN 90  →  [b]        cursor 0           0 starts a scan and ends it
//! ```
//!
//! **Guarantee**, which is Redis's and a little more: an element that is there during the whole scan is returned
//! exactly once, whatever is added or deleted between the calls; one that is there for a part of the time is
//! returned at most once unless it was deleted and added again. The node remembers nothing, so a cursor is good
//! on a replica and after a restart too.
//!
//! **Cost**: O(n) reads a call for n elements, as the store is sorted by name and not by hash; memory O(elements
//! returned). To keep a whole scan from costing O(n²), a call covers at least 1/256 of all hashes: a scan ends
//! after at most 257 calls, and on a big set a call returns more than COUNT, which is only a hint in Redis too.

use super::{CommandError, Reply, number, pattern};
use std::collections::BTreeMap;

/// A call covers at least one of this many parts of all hashes.
const PARTS: u64 = 256;

/// Options of SCAN and HSCAN.
pub(super) struct Options<'a> {
    count: usize,
    pattern: Option<&'a [u8]>,
    kind: Option<&'a [u8]>,
}

impl<'a> Options<'a> {
    /// The options in `arguments`, those after the cursor. `TYPE` is one of them only if `with_type`.
    pub(super) fn parse(arguments: &'a [Vec<u8>], with_type: bool) -> Result<Options<'a>, CommandError> {
        let mut options = Options { count: 10, pattern: None, kind: None };
        for pair in arguments.chunks(2) {
            let [name, value] = pair else { return Err(CommandError::syntax()) };
            if name.eq_ignore_ascii_case(b"count") {
                let count = number::parse_integer(value).ok_or_else(CommandError::not_an_integer)?;
                if count < 1 {
                    return Err(CommandError::syntax());
                }
                options.count = usize::try_from(count).unwrap_or(usize::MAX);
            } else if name.eq_ignore_ascii_case(b"match") {
                options.pattern = Some(value);
            } else if with_type && name.eq_ignore_ascii_case(b"type") {
                options.kind = Some(value);
            } else {
                return Err(CommandError::syntax());
            }
        }
        Ok(options)
    }

    /// Whether an element of that name passes MATCH.
    pub(super) fn name_passes(&self, name: &[u8]) -> bool {
        self.pattern.is_none_or(|pattern| pattern::matches(pattern, name))
    }

    /// Whether a key of that type passes TYPE.
    pub(super) fn type_passes(&self, name: &str) -> bool {
        self.kind.is_none_or(|kind| kind.eq_ignore_ascii_case(name.as_bytes()))
    }
}

/// The cursor in `bytes`. Errors: `ERR invalid cursor`. Redis reads it with `strtoul`, which takes a sign, leading
/// zeros and nothing at all, and negates within 64 bits.
pub(super) fn parse(bytes: &[u8]) -> Result<u64, CommandError> {
    let (negative, digits) = match bytes {
        [] => return Ok(0),
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let invalid = || CommandError::err("invalid cursor");
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err(invalid());
    }
    let text = std::str::from_utf8(digits).map_err(|_| invalid())?;
    let number: u64 = text.parse().map_err(|_| invalid())?;
    Ok(if negative { number.wrapping_neg() } else { number })
}

/// What one call of a scan returns, while the elements go by in any order.
///
/// Invariants: holds every offered element whose hash is at least the cursor and below `next`; without the
/// elements of its last hash it would hold less than `count` or cover less than a part of the hashes.
pub(super) struct Batch<T> {
    from: u64,
    /// The end of the part that a call covers at least.
    part_end: u64,
    count: usize,
    /// The smallest hash that is left to later calls.
    next: Option<u64>,
    elements: BTreeMap<(u64, Vec<u8>), T>,
}

impl<T> Batch<T> {
    /// The empty batch of a call with that cursor.
    pub(super) fn new(cursor: u64, options: &Options<'_>) -> Batch<T> {
        Batch {
            from: cursor,
            part_end: cursor.saturating_add(u64::MAX / PARTS),
            count: options.count,
            next: None,
            elements: BTreeMap::new(),
        }
    }

    /// The empty batch of a call that returns everything.
    pub(super) fn whole() -> Batch<T> {
        Batch { from: 0, part_end: u64::MAX, count: usize::MAX, next: None, elements: BTreeMap::new() }
    }

    /// Takes the element in if it belongs into this call. `value` is called only for those.
    pub(super) fn offer(&mut self, name: &[u8], value: impl FnOnce() -> T) {
        self.offer_hashed(hash(name), name, value);
    }

    fn offer_hashed(&mut self, hash: u64, name: &[u8], value: impl FnOnce() -> T) {
        if hash < self.from || self.next.is_some_and(|next| hash >= next) {
            return;
        }
        self.elements.insert((hash, name.to_vec()), value());
        let Some((&(last, _), _)) = self.elements.last_key_value() else { return };
        let first_of_last = (last, Vec::new());
        let with_last_hash = self.elements.range(&first_of_last..).count();
        if last > self.part_end && self.elements.len() - with_last_hash >= self.count {
            self.elements.split_off(&first_of_last);
            self.next = Some(last);
        }
    }

    /// The reply: the cursor for the next call and what `show` makes of each element that is returned.
    pub(super) fn into_reply(self, mut show: impl FnMut(Vec<u8>, T, &mut Vec<Reply>)) -> Reply {
        let mut shown = Vec::new();
        for ((_, name), value) in self.elements {
            show(name, value, &mut shown);
        }
        // A part's end is not below 0, so the hash of what was left out is not 0, which would end the scan.
        reply(self.next.unwrap_or(0), shown)
    }
}

/// A reply of SCAN or HSCAN.
pub(super) fn reply(cursor: u64, shown: Vec<Reply>) -> Reply {
    Reply::Array(vec![Reply::bulk(cursor.to_string()), Reply::Array(shown)])
}

/// FNV-1a, then mixed as in splitmix64: FNV alone leaves the upper bits of short names alike, and they decide the
/// order. It is the same on all nodes and in all runs. Whoever crafts names of one hash gets them in one call.
fn hash(name: &[u8]) -> u64 {
    let fnv = name.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    super::random::mix(fnv)
}

#[cfg(test)]
mod tests {
    use super::{Batch, Options, parse};

    fn options(count: usize) -> Options<'static> {
        Options { count, pattern: None, kind: None }
    }

    /// All calls of a scan over elements that have these hashes.
    fn scan(hashes: &[u64], count: usize) -> Vec<Vec<u64>> {
        let mut calls = Vec::new();
        let mut cursor = 0;
        loop {
            let mut batch = Batch::new(cursor, &options(count));
            for (position, &hash) in hashes.iter().enumerate() {
                batch.offer_hashed(hash, &position.to_be_bytes(), || hash);
            }
            calls.push(batch.elements.into_values().collect());
            match batch.next {
                Some(next) => cursor = next,
                None => return calls,
            }
        }
    }

    #[test]
    fn batch_with_equal_hashes_keeps_them_together() {
        let wide = u64::MAX / 8;
        assert_eq!(
            scan(&[wide, 0, 2 * wide, wide, 3 * wide, wide], 2),
            [vec![0, wide, wide, wide], vec![2 * wide, 3 * wide]]
        );
        assert_eq!(scan(&[u64::MAX, u64::MAX, 0], 1), [vec![0], vec![u64::MAX, u64::MAX]]);
        assert_eq!(scan(&[], 1), [vec![]]);
    }

    #[test]
    fn batch_of_many_elements_ends_after_few_calls() {
        let hashes: Vec<u64> = (0..5000u64).map(super::super::random::mix).collect();
        let calls = scan(&hashes, 1);
        assert!(calls.len() <= 257, "{} calls", calls.len());
        let mut sorted = hashes;
        sorted.sort_unstable();
        assert_eq!(calls.concat(), sorted);
    }

    #[test]
    fn cursor_is_read_as_strtoul_reads() {
        let read = |text: &str| parse(text.as_bytes()).ok();
        assert_eq!(read("0"), Some(0));
        assert_eq!(read(""), Some(0));
        assert_eq!(read("+7"), Some(7));
        assert_eq!(read("007"), Some(7));
        assert_eq!(read("-1"), Some(u64::MAX));
        assert_eq!(read("18446744073709551615"), Some(u64::MAX));
        for refused in ["18446744073709551616", " 1", "1 ", "-", "+", "x", "1x", "--1", "\u{661}"] {
            assert_eq!(read(refused), None, "{refused:?}");
        }
    }
}
