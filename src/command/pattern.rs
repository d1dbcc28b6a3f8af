//! Glob patterns as KEYS, SCAN and HSCAN match them. Pure.
//!
//! ```text
//! *        any bytes, none at all included      [abc]    one of these bytes        [^a]   any byte but these
//! ?        any one byte                         [a-z]    one byte of this range    \x     the byte x itself
//! ```
//!
//! A malformed pattern is never an error; it means the same as in Redis: an unclosed set ends with the pattern,
//! the ends of a range may come in either order, and a lone `\` at the end is a backslash. One difference:
//! ranges compare unsigned bytes everywhere, while Redis takes the signedness of C's `char` from the platform.
//!
//! Redis tries every split at each `*`, which took exponential time (CVE-2022-36021). Each token other than `*`
//! takes exactly one byte, so it is enough to backtrack to the *last* star: if an earlier star could take more
//! bytes, the last star can take them instead.
//!
//! Source: the page of KEYS at redis.io; behaviour compared with Redis 7.0.

/// Whether `name` matches `pattern`. Cost: O(pattern × name) at worst, O(pattern + name) without stars.
pub(crate) fn matches(pattern: &[u8], name: &[u8]) -> bool {
    if name.is_empty() {
        // As in Redis: of the patterns with stars, only `*` finds the empty name, because Redis does not run
        // the matcher for it.
        return pattern.is_empty() || pattern == b"*";
    }
    let (mut in_pattern, mut in_name) = (0, 0);
    // Where to continue when a token does not match: after the last star, with that star one byte longer.
    let mut retry: Option<(usize, usize)> = None;
    while in_name < name.len() {
        if pattern.get(in_pattern) == Some(&b'*') {
            in_pattern += 1;
            retry = Some((in_pattern, in_name + 1));
            continue;
        }
        match token_takes(pattern, in_pattern, name[in_name]) {
            Some(after) => {
                in_pattern = after;
                in_name += 1;
            }
            None => {
                let Some((after_star, longer)) = retry else { return false };
                (in_pattern, in_name) = (after_star, longer);
                retry = Some((after_star, longer + 1));
            }
        }
    }
    pattern[in_pattern..].iter().all(|&byte| byte == b'*')
}

/// The position after the token at `at` if that token takes `byte`. No token takes a byte at the pattern's end.
fn token_takes(pattern: &[u8], at: usize, byte: u8) -> Option<usize> {
    let (takes, after) = match pattern.get(at..)? {
        [] => return None,
        [b'?', ..] => (true, at + 1),
        [b'[', ..] => set_takes(pattern, at + 1, byte),
        [b'\\', escaped, ..] => (*escaped == byte, at + 2),
        [plain, ..] => (*plain == byte, at + 1),
    };
    takes.then_some(after)
}

/// Whether the set whose inside begins at `at` takes `byte`, and the position after the set.
fn set_takes(pattern: &[u8], mut at: usize, byte: u8) -> (bool, usize) {
    let negated = pattern.get(at) == Some(&b'^');
    at += usize::from(negated);
    let mut found = false;
    loop {
        match &pattern[at..] {
            [] => return (found != negated, at),
            [b'\\', escaped, ..] => {
                found |= *escaped == byte;
                at += 2;
            }
            [b']', ..] => return (found != negated, at + 1),
            [start, b'-', end, ..] => {
                found |= (*start.min(end)..=*start.max(end)).contains(&byte);
                at += 3;
            }
            [plain, ..] => {
                found |= *plain == byte;
                at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn pattern_tokens_match_as_in_redis() {
        let cases: &[(&str, &str, bool)] = &[
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("**", "", false),
            ("a*", "a", true),
            ("a**", "abc", true),
            ("*a", "ba", true),
            ("*ab", "aab", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyy", false),
            ("h?llo", "hello", true),
            ("h?llo", "hllo", false),
            ("h[ae]llo", "hallo", true),
            ("h[ae]llo", "hillo", false),
            ("h[^e]llo", "hallo", true),
            ("h[^e]llo", "hello", false),
            ("h[b-a]llo", "hallo", true),
            ("h[a-]llo", "hallo", false),
            ("h[a-]", "h]", true),
            ("[a", "a", true),
            ("[^", "x", true),
            ("[", "[", false),
            ("[]", "a", false),
            ("[\\]]", "]", true),
            ("[\\", "\\", true),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("\\", "\\", true),
            ("*[0-9]", "key:7", true),
            ("*[0-9]", "key:x", false),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), *expected, "{pattern:?} on {name:?}");
        }
    }

    #[test]
    fn pattern_hostile_ends_quickly() {
        // If every split were tried at every star, this would take more steps than there are atoms.
        let name = vec![b'a'; 20_000];
        let pattern = [b"a*".repeat(500), b"b".to_vec()].concat();
        assert!(!matches(&pattern, &name));
        assert!(matches(&b"a*".repeat(500), &name));
        assert!(!matches(&b"*[^a]".repeat(500), &name));
    }
}
