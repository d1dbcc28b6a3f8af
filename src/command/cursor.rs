//! Cursor — the part that SCAN, HSCAN and SSCAN share: their options, and a scan in calls that only a cursor
//! connects. Pure.
//!
//! # The order of a scan
//!
//! A scan visits elements in the order of their names. Its cursor is a number for the last name that was examined; the
//! node keeps that name in its [`Cursors`].
//!
//! **Guarantee**, slightly stronger than Redis's: an element that exists during the whole scan is returned exactly once,
//! whatever is added or deleted between the calls. An element that exists for a part of the time is returned at most once. A
//! cursor that the node does not know (from before its start, or of another node) is an error. Redis has no such error, but
//! here a scan that continued from an arbitrary place would leave elements out.
//!
//! **Cost**: O(COUNT) reads per call, reads of dead keys included; memory O(elements returned).
//!
//! [`Cursors`]: crate::store::Cursors

use super::{CommandError, Outcome, Reply, View, number, pattern};
use crate::effect::Effect;
use crate::store::Element;
use crate::store::record::Collection;

/// A collection of at most this many elements is returned whole, as Redis does (`hash-max-listpack-entries`,
/// `set-max-intset-entries`).
pub(super) const WHOLE_MAX: u64 = 512;

/// Options of SCAN and of the scans of collections.
pub(super) struct Options<'a> {
    /// Number of elements that a call examines.
    pub(super) count: usize,
    pattern: Option<&'a [u8]>,
    kind: Option<&'a [u8]>,
}

impl<'a> Options<'a> {
    /// Parses the options in `arguments`, the arguments after the cursor. `TYPE` is accepted only if
    /// `with_type`.
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

/// The cursor in `bytes`. Errors: `ERR invalid cursor`. Redis reads it with `strtoul`, which accepts a sign,
/// leading zeros and the empty text, and negates within 64 bits.
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

/// The name after which the scan continues; `None`: the scan begins. Errors: `ERR invalid cursor` if the node does not know
/// `cursor`.
pub(super) fn place(view: &View<'_>, cursor: u64) -> Result<Option<Vec<u8>>, CommandError> {
    if cursor == 0 {
        return Ok(None);
    }
    let place = view.cursors().and_then(|cursors| cursors.place(cursor));
    let unknown =
        || CommandError::err("invalid cursor: it is unknown or no longer known: start again with 0");
    place.map(Some).ok_or_else(unknown)
}

/// The number of elements that a call examines: all of them if no cursor can be kept.
pub(super) fn count(view: &View<'_>, options: &Options<'_>) -> usize {
    if view.cursors().is_some() { options.count } else { usize::MAX }
}

/// The cursor for the call that follows the one with cursor `before`: the scan continues after the name
/// `last`. 0: the scan has ended.
pub(super) fn next(view: &View<'_>, before: u64, last: Option<Vec<u8>>) -> u64 {
    last.zip(view.cursors()).map_or(0, |(last, cursors)| cursors.keep(before, last))
}

/// The function that opens a collection by name; `None`: there is none. Errors: WRONGTYPE.
pub(super) type Opens<'a> = dyn Fn(&[u8]) -> Result<Option<Collection>, CommandError> + 'a;

/// The scan of the collection that `open` finds under a name; `show` makes the replies for an element, none if it does not
/// pass the options. As in Redis, the options are not checked if the collection does not exist, and a small collection is
/// returned whole at any cursor. A collection that grows large during the scan was returned whole before; one that becomes
/// small during the scan is returned whole once more.
pub(super) fn collection(
    view: &View<'_>,
    argv: &[Vec<u8>],
    open: &Opens<'_>,
    show: &dyn Fn(&Options<'_>, Element) -> Vec<Reply>,
) -> Outcome {
    let (name, from) = (&argv[1], parse(&argv[2])?);
    let Some(Collection { incarnation, count: stored }) = open(name)? else {
        return Ok((reply(0, Vec::new()), Effect::none()));
    };
    let options = Options::parse(&argv[3..], false)?;
    let (after, count) = match stored <= WHOLE_MAX {
        true => (None, usize::MAX),
        false => (place(view, from)?, count(view, &options)),
    };
    let (elements, last) = view.some_elements(name, incarnation, after.as_deref(), count)?;
    let shown = elements.into_iter().flat_map(|element| show(&options, element)).collect();
    Ok((reply(next(view, from, last), shown), Effect::none()))
}

/// A reply of a scan.
pub(super) fn reply(cursor: u64, shown: Vec<Reply>) -> Reply {
    Reply::Array(vec![Reply::bulk(cursor.to_string()), Reply::Array(shown)])
}

#[cfg(test)]
mod tests {
    use super::parse;

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
