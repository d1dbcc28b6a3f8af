//! KEYS SCAN HSCAN SSCAN ZSCAN RANDOMKEY DBSIZE, and patterns. Pure.

use super::numbers::integer;
use super::scores::written;
use super::{Answer, Call, Refused, Told, refused, syntax_error, upper};

/// The names of the keys of this database.
pub(super) fn names(call: &Call<'_>) -> Vec<Vec<u8>> {
    call.keys.keys().filter(|(db, _)| *db == call.db).map(|(_, name)| name.clone()).collect()
}

pub(super) fn keys(call: &mut Call<'_>) -> Told {
    let found = names(call).into_iter().filter(|name| matches(call.arg(0), name)).collect();
    Ok(Answer::InAnyOrder(found))
}

pub(super) fn randomkey(call: &mut Call<'_>) -> Told {
    Ok(Answer::OneOf(names(call)))
}

/// The options of a scan.
#[derive(Default)]
struct Asked {
    pattern: Option<Vec<u8>>,
    kind: Option<String>,
}

fn options(args: &[Vec<u8>], with_type: bool) -> Result<Asked, Refused> {
    let mut asked = Asked::default();
    for pair in args.chunks(2) {
        match (upper(&pair[0]).as_str(), pair.get(1)) {
            ("COUNT", Some(number)) if integer(number)? < 1 => return syntax_error(),
            ("COUNT", Some(_)) => {}
            ("MATCH", Some(pattern)) => asked.pattern = Some(pattern.clone()),
            ("TYPE", Some(kind)) if with_type => asked.kind = Some(upper(kind)),
            _ => return syntax_error(),
        }
    }
    Ok(asked)
}

/// Whether a cursor starts a scan: any spelling of zero that C's `strtoul` reads.
fn starts(cursor: &[u8]) -> Result<bool, Refused> {
    let digits = match cursor {
        [] => return Ok(true),
        [b'+' | b'-', digits @ ..] => digits,
        digits => digits,
    };
    let text = std::str::from_utf8(digits).unwrap_or("no digits");
    match text.parse::<u64>() {
        Ok(number) if text.bytes().all(|digit| digit.is_ascii_digit()) => Ok(number == 0),
        _ => refused("invalid cursor"),
    }
}

pub(super) fn scan(call: &mut Call<'_>) -> Told {
    let from_the_start = starts(call.arg(0))?;
    let asked = options(&call.args[1..], true)?;
    let mut items = Vec::new();
    for name in names(call) {
        let kind = call.keys[&(call.db, name.clone())].value.kind().to_ascii_uppercase();
        if asked.pattern.as_ref().is_none_or(|pattern| matches(pattern, &name))
            && asked.kind.as_ref().is_none_or(|asked| *asked == kind)
        {
            items.push(vec![name]);
        }
    }
    Ok(Answer::Scanned { items, from_the_start })
}

pub(super) fn hscan(call: &mut Call<'_>) -> Told {
    elements(call, |call| Ok(call.hash(0)?.into_iter().map(|(field, value)| vec![field, value]).collect()))
}

pub(super) fn sscan(call: &mut Call<'_>) -> Told {
    elements(call, |call| Ok(call.set(0)?.into_iter().map(|member| vec![member]).collect()))
}

pub(super) fn zscan(call: &mut Call<'_>) -> Told {
    elements(call, |call| {
        Ok(call.sorted_set(0)?.into_iter().map(|(member, score)| vec![member, written(score)]).collect())
    })
}

/// The elements of a collection: the words that a scan shows for each.
type Items = Result<Vec<Vec<Vec<u8>>>, Refused>;

/// A scan of a collection, each of whose elements is one or two items of the reply.
fn elements(call: &Call<'_>, of: fn(&Call<'_>) -> Items) -> Told {
    let from_the_start = starts(call.arg(1))?;
    let mut items = of(call)?;
    if items.is_empty() {
        // Redis does not look at the options if there is nothing to scan.
        return Ok(Answer::Scanned { items, from_the_start });
    }
    let asked = options(&call.args[2..], false)?;
    items.retain(|item| asked.pattern.as_ref().is_none_or(|pattern| matches(pattern, &item[0])));
    Ok(Answer::Scanned { items, from_the_start })
}

/// A part of a pattern.
enum Token {
    AnyBytes,
    /// One byte, which must be one of these.
    One(Vec<u8>),
}

/// Glob patterns. Malformed ones are read as Redis reads them.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    // Redis ignores the rest of a pattern once the name is used up, so few patterns match the empty name.
    if name.is_empty() {
        return pattern.is_empty() || pattern == b"*";
    }
    all_match(&tokens(pattern), name)
}

fn all_match(tokens: &[Token], name: &[u8]) -> bool {
    match (tokens, name) {
        ([], _) => name.is_empty(),
        ([Token::AnyBytes, rest @ ..], _) => (0..=name.len()).any(|taken| all_match(rest, &name[taken..])),
        ([Token::One(bytes), rest @ ..], [first, others @ ..]) => {
            bytes.contains(first) && all_match(rest, others)
        }
        ([Token::One(_), ..], []) => false,
    }
}

fn tokens(pattern: &[u8]) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = pattern;
    loop {
        rest = match rest {
            [] => return tokens,
            [b'*', rest @ ..] => {
                tokens.push(Token::AnyBytes);
                rest
            }
            [b'?', rest @ ..] => {
                tokens.push(Token::One((0..=u8::MAX).collect()));
                rest
            }
            [b'[', b'^', rest @ ..] => {
                let (listed, rest) = listed(rest);
                tokens.push(Token::One((0..=u8::MAX).filter(|byte| !listed.contains(byte)).collect()));
                rest
            }
            [b'[', rest @ ..] => {
                let (listed, rest) = listed(rest);
                tokens.push(Token::One(listed));
                rest
            }
            [b'\\', byte, rest @ ..] | [byte, rest @ ..] => {
                tokens.push(Token::One(vec![*byte]));
                rest
            }
        };
    }
}

/// The bytes between brackets, and the text after the closing bracket. Without a closing bracket the pattern ends here.
fn listed(mut rest: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut listed = Vec::new();
    loop {
        rest = match rest {
            [] => return (listed, rest),
            [b'\\', byte, rest @ ..] => {
                listed.push(*byte);
                rest
            }
            [b']', rest @ ..] => return (listed, rest),
            [one, b'-', other, rest @ ..] => {
                listed.extend(*one.min(other)..=*one.max(other));
                rest
            }
            [byte, rest @ ..] => {
                listed.push(*byte);
                rest
            }
        };
    }
}
