//! LCS. Pure.
//!
//! There may be several longest common subsequences, and the page does not say which one is the reply. Redis, and so this code,
//! goes back from the ends of both strings, and steps along the second one where both ways are equally good.

use super::numbers::integer;
use super::{Answer, Call, Told, UNSPELT, Value, bulk, count, refused, syntax_error, upper};
use replicheck::command::Reply;

pub(super) fn lcs(call: &mut Call<'_>) -> Told {
    let mut texts = Vec::new();
    for at in [0, 1] {
        texts.push(match call.held(at).map(|held| held.value) {
            None => Vec::new(),
            Some(Value::String(text)) => text,
            Some(Value::HyperLogLog(_)) => {
                return refused(UNSPELT);
            }
            Some(_) => return refused("The specified keys must contain string values"),
        });
    }
    let (mut idx, mut len, mut with_length, mut shortest) = (false, false, false, 0);
    let mut words = call.args[2..].iter();
    while let Some(word) = words.next() {
        match (upper(word).as_str(), words.clone().next()) {
            ("IDX", _) => idx = true,
            ("LEN", _) => len = true,
            ("WITHMATCHLEN", _) => with_length = true,
            ("MINMATCHLEN", Some(number)) => {
                shortest = integer(number)?;
                words.next();
            }
            _ => return syntax_error(),
        }
    }
    if idx && len {
        return refused("If you want both the length and indexes, please just use IDX.");
    }
    // The table of lengths, with 4 bytes for each cell, may be as large as the longest string.
    if (texts[0].len() + 1) * (texts[1].len() + 1) * 4 > 512 * 1024 * 1024 {
        return refused("Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len");
    }
    let common = common(&texts[0], &texts[1]);
    if len {
        return count(common.len());
    }
    if !idx {
        return bulk(Some(common.iter().map(|&(at, _)| texts[0][at]).collect()));
    }
    let matches = stretches(&common).into_iter().rev().filter(|stretch| long(stretch) >= shortest);
    let shown = |stretch: Vec<(usize, usize)>| {
        let (first, last) = (stretch[0], stretch[stretch.len() - 1]);
        let mut parts = vec![
            Reply::Array(vec![Reply::count(first.0), Reply::count(last.0)]),
            Reply::Array(vec![Reply::count(first.1), Reply::count(last.1)]),
        ];
        if with_length {
            parts.push(Reply::count(stretch.len()));
        }
        Reply::Array(parts)
    };
    Ok(Answer::Exactly(Reply::Map(vec![
        (Reply::bulk("matches"), Reply::Array(matches.map(shown).collect())),
        (Reply::bulk("len"), Reply::count(common.len())),
    ])))
}

fn long(stretch: &[(usize, usize)]) -> i128 {
    i128::try_from(stretch.len()).expect("small")
}

/// The positions in `a` and `b` of a longest common subsequence.
fn common(a: &[u8], b: &[u8]) -> Vec<(usize, usize)> {
    // longest[i][j] is for the first i bytes of a and the first j bytes of b.
    let mut longest = vec![vec![0_usize; b.len() + 1]; a.len() + 1];
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            longest[i][j] = if a[i - 1] == b[j - 1] {
                longest[i - 1][j - 1] + 1
            } else {
                longest[i - 1][j].max(longest[i][j - 1])
            };
        }
    }
    let (mut i, mut j, mut positions) = (a.len(), b.len(), Vec::new());
    while i > 0 && j > 0 {
        if a[i - 1] == b[j - 1] {
            positions.insert(0, (i - 1, j - 1));
            (i, j) = (i - 1, j - 1);
        } else if longest[i - 1][j] > longest[i][j - 1] {
            i -= 1;
        } else {
            j -= 1;
        }
    }
    positions
}

/// The stretches of positions: a new one starts where a byte of either string is left out.
fn stretches(positions: &[(usize, usize)]) -> Vec<Vec<(usize, usize)>> {
    positions.chunk_by(|one, next| next.0 == one.0 + 1 && next.1 == one.1 + 1).map(<[_]>::to_vec).collect()
}
