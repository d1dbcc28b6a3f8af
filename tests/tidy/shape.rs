//! Shape — length and names of files, marks of unfinished work, paths of one person's machine, the top level. Pure.
//!
//! `unwrap()` is not among the rules: clippy denies it (`Cargo.toml`).

use crate::source::{Keep, blanked, paths};
use crate::{Finding, finding};

/// The number of lines of the longest file that a reader can keep in mind.
const LINES_MAX: usize = 500;

/// Names that are allowed at the top level, beside dot-files.
const TOP_LEVEL: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "src",
    "models",
    "tests",
    "benches",
    "proofs",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
];

/// Names that say nothing about the content.
const EMPTY_NAMES: &[&str] = &["util", "utils", "helper", "helpers", "common", "manager", "managers"];

fn is_rust(path: &str) -> bool {
    path.ends_with(".rs")
}

/// Reports Rust and proof files that are too long. A file that a test writes (`generated_…`) is not read line by line.
pub fn length(path: &str, text: &str) -> Vec<Finding> {
    let lines = text.lines().count();
    let is_generated = path.rsplit('/').next().is_some_and(|name| name.starts_with("generated_"));
    if lines <= LINES_MAX || is_generated || !(is_rust(path) || path.ends_with(".v")) {
        return Vec::new();
    }
    vec![finding(
        path,
        lines,
        format!("{lines} lines, {LINES_MAX} at most"),
        "split it by concept, or move its tests out",
    )]
}

/// Reports files, folders and modules whose names do not say what is inside.
pub fn names(path: &str, text: &str) -> Vec<Finding> {
    let instead = "name it after its content";
    let is_empty = |name: &str| name.split(['_', '-', '.']).any(|word| EMPTY_NAMES.contains(&word));
    let mut findings = Vec::new();
    if let Some(part) = path.split('/').find(|part| is_empty(part)) {
        findings.push(finding(path, 1, format!("the name `{part}` says nothing"), instead));
    }
    if is_rust(path) {
        for (at, line) in blanked(text, Keep::Code).lines().enumerate() {
            let mut words =
                line.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty());
            if words.by_ref().any(|word| word == "mod")
                && let Some(name) = words.next().filter(|name| is_empty(name))
            {
                findings.push(finding(path, at + 1, format!("the name `{name}` says nothing"), instead));
            }
        }
    }
    findings
}

/// Reports tests that are switched off or sleep, unfinished work, and `unsafe`.
pub fn marks(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let is_script = path.ends_with(".v") || path.ends_with(".sh") || path.ends_with("/run");
    if is_rust(path) || is_script {
        let noted = if is_rust(path) { blanked(text, Keep::CodeAndComments) } else { text.to_string() };
        for (at, line) in noted.lines().enumerate() {
            for word in ["TODO", "FIXME"].into_iter().filter(|word| has_word(line, word)) {
                findings.push(finding(path, at + 1, format!("`{word}`"), "do it, or open an issue"));
            }
        }
    }
    if !is_rust(path) {
        return findings;
    }
    let code = blanked(text, Keep::Code);
    for (at, line) in code.lines().enumerate() {
        let dense: String = line.chars().filter(|c| !c.is_whitespace()).collect();
        let banned = [
            (
                dense.contains("#[ignore") || dense.contains(",ignore)"),
                "a test is ignored",
                "repair it or delete it",
            ),
            (dense.contains("todo!("), "`todo!`", "write it, or remove it"),
            (dense.contains("unimplemented!("), "`unimplemented!`", "write it, or remove it"),
            (has_word(line, "unsafe"), "`unsafe`", "a safe crate, or another design"),
        ];
        let seen = banned.iter().filter(|(seen, ..)| *seen);
        findings.extend(seen.map(|(_, what, instead)| finding(path, at + 1, *what, *instead)));
    }
    if path.starts_with("tests/") {
        let sleeps = |pattern| move |path: &crate::source::Path| path.names(pattern);
        for named in
            paths(&code).into_iter().filter(|p| sleeps("thread::sleep")(p) || sleeps("time::sleep")(p))
        {
            findings.push(finding(
                path,
                named.line,
                "a test sleeps",
                "wait for the condition, or step a clock by hand",
            ));
        }
    }
    findings
}

fn has_word(line: &str, word: &str) -> bool {
    line.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|part| part == word)
}

/// Reports paths of the machine on which a file was written.
pub fn machine_paths(path: &str, text: &str) -> Vec<Finding> {
    // In pieces, so that this file passes its own rule.
    let folders = [concat!("/wo", "rk/"), concat!("/tmp", "/w/"), concat!("/ro", "ot/")];
    let mut findings = Vec::new();
    for (at, line) in text.lines().enumerate() {
        for folder in folders {
            let starts_here = |(start, _): (usize, &str)| {
                let before = line[..start].chars().next_back();
                !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '}' | ')'))
            };
            if line.match_indices(folder).any(starts_here) {
                let what = format!("the path `{folder}` of one machine");
                findings.push(finding(
                    path,
                    at + 1,
                    what,
                    "a path relative to CARGO_MANIFEST_DIR, or a temporary folder",
                ));
            }
        }
    }
    findings
}

/// Reports test files in tests/ without an entry in Cargo.toml, which finds none by itself, or without a row in tests/README.md.
pub fn registered(path: &str, manifest: &str, readme: &str) -> Vec<Finding> {
    let Some(name) = path.strip_prefix("tests/").and_then(|name| name.strip_suffix(".rs")) else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    if !name.contains('/') {
        if !manifest.lines().any(|line| line.trim() == format!("path = \"{path}\"")) {
            findings.push(finding(
                path,
                1,
                "Cargo.toml does not list it: it is never run",
                "add a `[[test]]`",
            ));
        }
        if !readme.contains(&format!("`{name}`")) {
            findings.push(finding(path, 1, "tests/README.md does not list it", "add a row to its table"));
        }
    }
    findings
}

/// Reports names at the top level that are neither allowed names nor dot-files.
pub fn top_level(name: &str) -> Vec<Finding> {
    if name.starts_with('.') || TOP_LEVEL.contains(&name) {
        return Vec::new();
    }
    let instead = format!("a folder below one of {}, or a dot-file", TOP_LEVEL.join(" "));
    vec![finding(name, 1, "it is not allowed at the top level", instead)]
}

#[test]
fn length_one_line_too_many_is_reported() {
    assert_eq!(length("src/a.rs", &"\n".repeat(LINES_MAX)), []);
    for path in ["src/a.rs", "models/a.rs", "tests/a.rs", "benches/a.rs", "proofs/a.v"] {
        assert_eq!(length(path, &"\n".repeat(LINES_MAX + 1)).len(), 1, "{path}");
    }
    assert_eq!(length("tests/golden/long.txt", &"\n".repeat(9_999)), []);
}

#[test]
fn names_that_say_nothing_are_reported() {
    for path in
        ["src/utils.rs", "tests/common/mod.rs", "src/test_helpers.rs", "models/manager.rs", "proofs/common.v"]
    {
        assert_eq!(names(path, "").len(), 1, "{path}");
    }
    assert_eq!(names("src/lib.rs", "pub mod time;\npub(crate) mod helpers;")[0].line, 2);
    assert_eq!(names("src/commonality.rs", "mod commands; // mod utils"), []);
}

#[test]
fn marks_of_unfinished_work_are_reported() {
    for bad in [
        "#[ignore]",
        "#[ignore = \"slow\"]",
        "#[cfg_attr(miri, ignore)]",
        "todo!()",
        "unimplemented!(\"x\")",
        "// TODO: later",
        "/* FIXME */",
        "unsafe { f() }",
        "std::thread::sleep(d);",
        "use std::thread::{sleep, spawn};",
        "tokio::time::sleep(d)",
    ] {
        let findings = marks("tests/a.rs", &format!("\n{bad}"));
        assert_eq!(
            findings.iter().map(|f| f.line).collect::<Vec<_>>(),
            [2],
            "{bad} must be reported: {findings:?}"
        );
    }
    assert_eq!(marks("proofs/a.v", "(* TODO *)").len(), 1);
    let fine = "let s = \"TODO unsafe #[ignore]\"; // what todo!() would do\n#![forbid(unsafe_code)]\nfn ignore() {}";
    assert_eq!(marks("tests/a.rs", fine), []);
}

#[test]
fn machine_paths_in_any_file_are_reported() {
    for folder in ["/work", "/tmp/w", "/root"] {
        assert_eq!(machine_paths("README.md", &format!("\ncd {folder}/x"))[0].line, 2);
        assert_eq!(machine_paths("README.md", &format!("`a{folder}/x` ${{HOME}}{folder}/x")), []);
    }
}

#[test]
fn registered_forgotten_test_is_reported() {
    let (manifest, readme) = ("[[test]]\npath = \"tests/a.rs\"", "| `a` | it |");
    assert_eq!(registered("tests/a.rs", manifest, readme), []);
    assert_eq!(registered("tests/a/part.rs", "", ""), []);
    assert_eq!(registered("tests/b.rs", manifest, readme).len(), 2);
}

#[test]
fn top_level_other_names_are_reported() {
    for name in ["examples", "docs", "build.rs", "clippy.toml", "NOTES.md"] {
        assert_eq!(top_level(name).len(), 1, "{name}");
    }
    for name in [".cargo", ".ci", "src", "LICENSE"] {
        assert_eq!(top_level(name), []);
    }
}
