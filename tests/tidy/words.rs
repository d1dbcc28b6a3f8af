//! Words — where models/ and src/cli/ read a story's words back, in place of its deeds. Pure.

use crate::source::{Keep, blanked};
use crate::{Finding, finding};

/// What a story says in words: fields and methods.
const WORDS: &[&str] = &["who", "what", "in_words", "conclusion", "deed", "actor"];

/// What leaves words as they are.
const PASSING: &[&str] =
    &["as_str", "as_ref", "as_deref", "to_string", "to_owned", "clone", "trim", "iter", "chars"];

/// What reads in a text.
const READING: &[&str] = &[
    "contains",
    "ends_with",
    "find",
    "match_indices",
    "matches",
    "rfind",
    "rsplit",
    "rsplit_once",
    "split",
    "split_at",
    "split_once",
    "split_terminator",
    "split_whitespace",
    "splitn",
    "starts_with",
    "strip_prefix",
    "strip_suffix",
    "trim_end_matches",
    "trim_start_matches",
];

/// Where the words of a step or of a conclusion are searched, or compared.
pub fn words(path: &str, text: &str) -> Vec<Finding> {
    if !path.ends_with(".rs") || !(path.starts_with("models/") || path.starts_with("src/cli/")) {
        return Vec::new();
    }
    let code = blanked(text, Keep::Code);
    let found = code.match_indices('.').filter_map(|(at, _)| {
        let reading = reading(&code[at..])?;
        let line = code[..at].matches('\n').count() + 1;
        let instead =
            "match on `Step::deed`, `Step::actor` or the parts of the conclusion (models/story/deed.rs)";
        Some(finding(path, line, format!("`{reading}` reads a story's words back"), instead))
    });
    found.collect()
}

/// What reads in words, if `code` begins with words that are read in: `.what().split`, `.who() ==`.
fn reading(code: &str) -> Option<String> {
    let (name, called, mut rest) = link(code).filter(|(name, ..)| WORDS.contains(name))?;
    let mut is_text = called && matches!(name, "who" | "what" | "in_words");
    while let Some((next, _, after)) = link(rest) {
        if READING.contains(&next) {
            return Some(format!("{name} … {next}"));
        }
        if !PASSING.contains(&next) {
            return None;
        }
        is_text |= next == "to_string";
        rest = after;
    }
    let compares = ["==", "!="].into_iter().find(|sign| rest.trim_start().starts_with(sign));
    compares.filter(|_| is_text).map(|sign| format!("{name} {sign}"))
}

/// One link of a chain: its name, whether it is called without arguments, and what follows it.
fn link(code: &str) -> Option<(&str, bool, &str)> {
    let code = code.trim_start().strip_prefix('.')?;
    let end = code.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(code.len());
    let (name, rest) = code.split_at(end);
    let called = rest.strip_prefix("()");
    Some((name, called.is_some(), called.unwrap_or(rest)))
}

#[test]
fn words_that_are_read_back_are_reported() {
    let bad = [
        "step.what.split(';')",
        "step.what().strip_prefix(\"takes \")",
        "next.step.what()\n    .starts_with(\"is killed\")",
        "if step.who() == \"client\" {}",
        "wanted.in_words() != other.in_words()",
        "step.deed.to_string().contains(\"heartbeat\")",
        "step.actor().to_string() == \"client\"",
        "story.conclusion.to_string().rfind(\" A reader\")",
        "step.what().as_str().split_once('(')",
        "step.who.chars().find(|c| *c == ' ')",
    ];
    for text in bad {
        for path in ["models/follow.rs", "src/cli/replay/print.rs"] {
            let findings = words(path, text);
            assert_eq!(findings.len(), 1, "{path} with {text} must be reported: {findings:?}");
        }
        assert_eq!(words("tests/models/walk.rs", text), [], "tests may look at words");
    }
    assert_eq!(words("models/x.rs", "a;\nb;\nstep.what().find('x')")[0].line, 3);
}

#[test]
fn words_that_are_printed_and_deeds_that_are_compared_are_not_reported() {
    let fine = [
        "format!(\"{}: {}\", step.who(), step.what())",
        "step.in_words().replace(char::is_control, \" \")",
        "next.step.deed.is_same(&wanted.deed)",
        "step.actor() == Actor::Client",
        "view.story.deeds() == story.deeds()",
        "story.conclusion.lines()",
        "// step.what.split(';')",
        "let what = \"step.what.split\";",
        "text.split(';')",
    ];
    for text in fine {
        assert_eq!(words("models/follow.rs", text), [], "{text}");
    }
}
