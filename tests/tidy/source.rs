//! Rust text → the text that the rules check: code without comments and strings, and the paths that the code names. Pure.
//!
//! This is a lexer, not a parser: it is exact about comments, strings, character literals and `use` groups, and knows
//! nothing about scopes. It would miss a macro that joins names together; the project has none.

/// Which parts of a Rust text [`blanked`] keeps.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Code alone.
    Code,
    /// Code and comments, for marks such as a forgotten note to oneself.
    CodeAndComments,
}

/// The text in which spaces replace strings, and comments unless they are kept. Every line keeps its number.
pub fn blanked(text: &str, keep: Keep) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let (end, visible) = match comment_end(&chars, at) {
            Some(end) => (end, keep == Keep::CodeAndComments),
            None => match literal_end(&chars, at) {
                Some(end) => (end, false),
                None => (word_end(&chars, at).max(at + 1), true),
            },
        };
        out.extend(chars[at..end].iter().map(|&c| if visible || c == '\n' { c } else { ' ' }));
        at = end;
    }
    out
}

fn comment_end(chars: &[char], at: usize) -> Option<usize> {
    match (chars[at], chars.get(at + 1)?) {
        ('/', '/') => Some((at..chars.len()).find(|&end| chars[end] == '\n').unwrap_or(chars.len())),
        ('/', '*') => {
            let (mut depth, mut end) = (1, at + 2);
            while depth > 0 && end < chars.len() {
                match (chars[end], chars.get(end + 1)) {
                    ('/', Some('*')) => (depth, end) = (depth + 1, end + 2),
                    ('*', Some('/')) => (depth, end) = (depth - 1, end + 2),
                    _ => end += 1,
                }
            }
            Some(end)
        }
        _ => None,
    }
}

/// The end of a string or character literal that starts at `at`, which may have a prefix (`b`, `c`, `r`, `br`, `cr`).
fn literal_end(chars: &[char], at: usize) -> Option<usize> {
    let quote = (at..chars.len()).find(|&end| !matches!(chars[end], 'b' | 'c' | 'r'))?;
    if quote > at + 2 {
        return None;
    }
    let raw = quote > at && chars[quote - 1] == 'r';
    if raw {
        let open = (quote..chars.len()).find(|&end| chars[end] != '#')?;
        return (chars[open] == '"').then(|| raw_end(chars, open + 1, open - quote));
    }
    match chars[quote] {
        '"' => Some(escaped_end(chars, quote + 1, '"')),
        '\'' if chars.get(quote + 1) == Some(&'\\') => Some(escaped_end(chars, quote + 1, '\'')),
        '\'' if chars.get(quote + 2) == Some(&'\'') => Some(quote + 3),
        _ => None,
    }
}

fn escaped_end(chars: &[char], mut at: usize, quote: char) -> usize {
    while at < chars.len() && chars[at] != quote {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

fn raw_end(chars: &[char], from: usize, hashes: usize) -> usize {
    let closes = |at: usize| {
        chars[at] == '"' && chars.len() > at + hashes && chars[at + 1..=at + hashes].iter().all(|&c| c == '#')
    };
    (from..chars.len()).find(|&at| closes(at)).map_or(chars.len(), |at| at + 1 + hashes)
}

fn word_end(chars: &[char], at: usize) -> usize {
    (at..chars.len()).find(|&end| !is_word(chars[end])).unwrap_or(chars.len())
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// A path as the code names it, with the line of its last segment. A glob's last segment is `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    pub line: usize,
    pub segments: Vec<String>,
}

impl Path {
    /// Whether the path contains the segments of `pattern` in a row, where `_` in the pattern matches any segment.
    pub fn names(&self, pattern: &str) -> bool {
        let pattern: Vec<&str> = pattern.split("::").collect();
        self.segments
            .windows(pattern.len())
            .any(|part| part.iter().zip(&pattern).all(|(s, p)| *p == "_" || s == p))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Join,
    Mark(char),
}

/// Every path in a text that [`blanked`] has returned; `use` groups are expanded.
pub fn paths(code: &str) -> Vec<Path> {
    let tokens = tokens(code);
    let (mut found, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        at = match tokens[at].1 {
            Token::Word(_) => path_from(&tokens, at, &[], &mut found),
            _ => at + 1,
        };
    }
    found
}

/// Reads one path, or one element of a `use` group, from `at`; returns where it ends.
fn path_from(tokens: &[(usize, Token)], mut at: usize, prefix: &[String], found: &mut Vec<Path>) -> usize {
    let mut segments = prefix.to_vec();
    let mut line = 0;
    while let Some((here, token)) = tokens.get(at) {
        match token {
            Token::Word(word) => segments.push(word.clone()),
            Token::Mark('*') => segments.push("*".to_string()),
            Token::Mark('{') => return group_from(tokens, at + 1, &segments, found),
            _ => break,
        }
        (line, at) = (*here, at + 1);
        if tokens.get(at).map(|(_, token)| token) != Some(&Token::Join) {
            break;
        }
        at += 1;
    }
    if line > 0 {
        found.push(Path { line, segments });
    }
    at
}

fn group_from(tokens: &[(usize, Token)], mut at: usize, prefix: &[String], found: &mut Vec<Path>) -> usize {
    while let Some((_, token)) = tokens.get(at) {
        at = match token {
            Token::Mark('}') => return at + 1,
            Token::Mark(',') => at + 1,
            // In `x as y` the path names x.
            Token::Word(word) if word == "as" => at + 2,
            Token::Word(_) | Token::Mark('*') => path_from(tokens, at, prefix, found),
            _ => at + 1,
        };
    }
    at
}

fn tokens(code: &str) -> Vec<(usize, Token)> {
    let chars: Vec<char> = code.chars().collect();
    let (mut tokens, mut line, mut at) = (Vec::new(), 1, 0);
    while at < chars.len() {
        let end = word_end(&chars, at);
        if end > at {
            tokens.push((line, Token::Word(chars[at..end].iter().collect())));
            at = end;
        } else if chars[at] == ':' && chars.get(at + 1) == Some(&':') {
            tokens.push((line, Token::Join));
            at += 2;
        } else {
            line += usize::from(chars[at] == '\n');
            if !chars[at].is_whitespace() {
                tokens.push((line, Token::Mark(chars[at])));
            }
            at += 1;
        }
    }
    tokens
}

fn named(code: &str) -> Vec<String> {
    paths(code).iter().map(|path| path.segments.join("::")).collect()
}

#[test]
fn blanked_comments_and_strings_leave_code_and_lines() {
    let text =
        "a /* b /* c */ d */ e\n// f\nlet s = \"g \\\" // h\"; i\nr#\"j \" k\"# l b'm' '\\'' 'n' &'o str";
    let code = blanked(text, Keep::Code);
    let words: Vec<&str> = code.split_whitespace().collect();
    assert_eq!(words, ["a", "e", "let", "s", "=", ";", "i", "l", "&'o", "str"]);
    assert_eq!(code.lines().count(), text.lines().count());
    assert!(blanked(text, Keep::CodeAndComments).contains("// f"));
    assert!(!blanked("let bar = br\"x\"; cr", Keep::Code).contains('x'));
    assert!(blanked("r#type for_car\"s\"", Keep::Code).contains("r#type for_car"));
}

#[test]
fn paths_of_a_nested_group_are_multiplied_out() {
    let code = "use std::{fs, sync::{Arc,\n Mutex as M, atomic::*}};\nfoo(a::b::<c::D>(e));";
    assert_eq!(
        named(code),
        [
            "use",
            "std::fs",
            "std::sync::Arc",
            "std::sync::Mutex",
            "std::sync::atomic::*",
            "foo",
            "a::b",
            "c::D",
            "e"
        ]
    );
    assert_eq!(paths(code)[3].line, 2);
    assert!(paths("std::thread::spawn(f)")[0].names("thread::_"));
    assert!(!paths("let thread = 1")[1].names("thread::_"));
}
