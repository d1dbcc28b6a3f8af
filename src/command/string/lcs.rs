//! LCS: the longest common subsequence of two strings. Pure.
//!
//! The table of lengths is filled row by row, and only one row of it is kept. The walk back needs no lengths,
//! only one bit per cell: which of its two neighbours is longer. Redis keeps the whole table. The limit on
//! its size is the same here, so that the same strings are refused.

use super::super::number::parse_integer;
use super::super::options::is_option;
use super::super::{CommandError, KeyArguments, Kind, Outcome, Reply, Spec, View, always};
use super::LENGTH_MAX;
use crate::effect::Effect;
use crate::store::record::Value;
use crate::time::Millis;

pub(in super::super) const TABLE: &[Spec] = &[Spec {
    name: "lcs",
    arity: -3,
    kind: Kind::Read,
    keys: KeyArguments::TWO,
    depends_on_stored: always,
    grammar: "LCS key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]",
    execute: lcs,
}];

/// Bytes of a cell of Redis's table.
const CELL_BYTES: u64 = 4;

#[derive(Default)]
struct Options {
    length: bool,
    indexes: bool,
    with_length: bool,
    length_min: u64,
}

impl Options {
    fn parse(options: &[Vec<u8>]) -> Result<Options, CommandError> {
        let mut parsed = Options::default();
        let mut rest = options.iter();
        while let Some(option) = rest.next() {
            if is_option(option, "idx") {
                parsed.indexes = true;
            } else if is_option(option, "len") {
                parsed.length = true;
            } else if is_option(option, "withmatchlen") {
                parsed.with_length = true;
            } else if is_option(option, "minmatchlen") {
                let number = rest.next().ok_or_else(CommandError::syntax)?;
                let number = parse_integer(number).ok_or_else(CommandError::not_an_integer)?;
                parsed.length_min = u64::try_from(number).unwrap_or(0);
            } else {
                return Err(CommandError::syntax());
            }
        }
        if parsed.indexes && parsed.length {
            let text = "If you want both the length and indexes, please just use IDX.";
            return Err(CommandError::err(text));
        }
        Ok(parsed)
    }
}

fn lcs(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let (a, b) = (text(view, &argv[1])?, text(view, &argv[2])?);
    let options = Options::parse(&argv[3..])?;
    let cells = count(a.len()).saturating_add(1).saturating_mul(count(b.len()).saturating_add(1));
    if cells.saturating_mul(CELL_BYTES) > LENGTH_MAX {
        let text = "Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len";
        return Err(CommandError::err(text));
    }
    let table = Table::fill(&a, &b);
    let reply = if options.length {
        Reply::count(table.length)
    } else {
        let (common, matches) = table.walk_back(&a, &b);
        if options.indexes { indexes(&matches, table.length, &options) } else { Reply::Bulk(common) }
    };
    Ok((reply, Effect::none()))
}

/// The string `name`, empty if it is missing. LCS has its own error text for a key of another type.
fn text(view: &View<'_>, name: &[u8]) -> Result<Vec<u8>, CommandError> {
    match view.record(name)?.map(|record| record.value) {
        None => Ok(Vec::new()),
        Some(Value::String(value)) => Ok(value),
        Some(_) => Err(CommandError::err("The specified keys must contain string values")),
    }
}

/// A stretch that both strings contain: its start in each, and its length.
struct Match {
    a: usize,
    b: usize,
    length: usize,
}

/// The part of the table of lengths that the walk back needs.
struct Table {
    length: usize,
    columns: usize,
    /// One bit per cell, row by row: set if the walk back shortens `a`, clear if it shortens `b`.
    shortens_a: Vec<u64>,
}

impl Table {
    /// Fills the table for the strings `a` and `b`. Cost: O(|a|·|b|) time and bits.
    fn fill(a: &[u8], b: &[u8]) -> Table {
        let mut shortens_a = vec![0; (a.len() * b.len()).div_ceil(64)];
        let mut above = vec![0_usize; b.len() + 1];
        for (i, in_a) in a.iter().enumerate() {
            // `above` is overwritten with this row from left to right; `diagonal` is the old value above and
            // to the left.
            let mut diagonal = 0;
            for (j, in_b) in b.iter().enumerate() {
                let (up, left) = (above[j + 1], above[j]);
                if in_a == in_b {
                    above[j + 1] = diagonal + 1;
                } else {
                    above[j + 1] = up.max(left);
                    let cell = i * b.len() + j;
                    shortens_a[cell / 64] |= u64::from(up > left) << (cell % 64);
                }
                diagonal = up;
            }
        }
        Table { length: above[b.len()], columns: b.len(), shortens_a }
    }

    fn shortens_a(&self, i: usize, j: usize) -> bool {
        let cell = i * self.columns + j;
        self.shortens_a[cell / 64] >> (cell % 64) & 1 == 1
    }

    /// The subsequence and the stretches that it is made of, the last one first, as Redis reports them.
    fn walk_back(&self, a: &[u8], b: &[u8]) -> (Vec<u8>, Vec<Match>) {
        let (mut common, mut matches) = (Vec::with_capacity(self.length), Vec::new());
        let (mut i, mut j) = (a.len(), b.len());
        let mut open: Option<Match> = None;
        while i > 0 && j > 0 {
            if a[i - 1] == b[j - 1] {
                (i, j) = (i - 1, j - 1);
                common.push(a[i]);
                let length = open.take().map_or(0, |later| later.length) + 1;
                open = Some(Match { a: i, b: j, length });
            } else {
                matches.extend(open.take());
                if self.shortens_a(i - 1, j - 1) { i -= 1 } else { j -= 1 }
            }
        }
        matches.extend(open);
        common.reverse();
        (common, matches)
    }
}

/// The reply to LCS … IDX.
fn indexes(matches: &[Match], length: usize, options: &Options) -> Reply {
    let range = |start: usize, length: usize| {
        Reply::Array(vec![Reply::count(start), Reply::count(start + length - 1)])
    };
    let matches = matches.iter().filter(|found| count(found.length) >= options.length_min).map(|found| {
        let mut items = vec![range(found.a, found.length), range(found.b, found.length)];
        if options.with_length {
            items.push(Reply::count(found.length));
        }
        Reply::Array(items)
    });
    Reply::Map(vec![
        (Reply::bulk("matches"), Reply::Array(matches.collect())),
        (Reply::bulk("len"), Reply::count(length)),
    ])
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
