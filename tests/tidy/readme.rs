//! README — the documents of the tree: links and names of documents lead somewhere, README is short, and its figures are
//! those of the places that measure. Pure.

use crate::{Finding, finding};
use std::collections::BTreeSet;

/// What one reads to the end.
const README_BYTES_MAX: usize = 9_000;

/// Reports a README at the top level that is too long.
pub fn length(path: &str, text: &str) -> Vec<Finding> {
    if path != "README.md" || text.len() < README_BYTES_MAX {
        return Vec::new();
    }
    let what = format!("{} bytes, and {README_BYTES_MAX} is too long", text.len());
    vec![finding(path, text.lines().count(), what, "move it to the README of a folder, and link it")]
}

/// Reports relative links of a README to files, folders or headings that are not in the tree.
pub fn links(path: &str, text: &str, files: &[(String, String)]) -> Vec<Finding> {
    if !path.ends_with("README.md") {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (line, target) in targets(text).filter(|(_, target)| !target.contains("://")) {
        let (file, heading) = target.split_once('#').unwrap_or((target, ""));
        let file = if file.is_empty() { Some(path.to_string()) } else { beside(path, file) };
        let is_in = |file: &str| files.iter().any(|(other, _)| other.strip_prefix(file).is_some_and(ends));
        let Some(file) = file.filter(|file| is_in(file)) else {
            findings.push(finding(
                path,
                line,
                format!("a link to `{target}`"),
                "there is no such file or folder",
            ));
            continue;
        };
        let has = |text: &str| headings(text).contains(heading);
        if !heading.is_empty() && !files.iter().any(|(other, text)| *other == file && has(text)) {
            let what = format!("a link to `{target}`");
            findings.push(finding(path, line, what, format!("{file} has no such heading")));
        }
    }
    findings
}

/// Whether a path ends here, or goes on in a folder.
fn ends(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with('/')
}

/// The lines of `text` outside its fences, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_fence = false;
    text.lines().enumerate().filter_map(move |(at, line)| {
        let is_mark = line.trim_start().starts_with("```");
        in_fence ^= is_mark;
        (!in_fence && !is_mark).then_some((at + 1, line))
    })
}

/// The targets of links and pictures, with their lines.
fn targets(text: &str) -> impl Iterator<Item = (usize, &str)> {
    prose(text).flat_map(|(number, line)| {
        line.match_indices("](").filter_map(move |(at, mark)| {
            let (target, _) = line[at + mark.len()..].split_once(')')?;
            Some((number, target))
        })
    })
}

/// `target` as a path from the top level, if `path` names it; `None` if it leads out of the tree.
fn beside(path: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in target.trim_end_matches('/').split('/').filter(|part| *part != ".") {
        if part == ".." {
            parts.pop()?;
        } else {
            parts.push(part);
        }
    }
    Some(parts.join("/"))
}

/// The names by which a link reaches the headings of `text`.
fn headings(text: &str) -> BTreeSet<String> {
    let titles = prose(text).filter_map(|(_, line)| line.strip_prefix('#'));
    titles
        .map(|title| {
            let title = title.trim_start_matches('#').trim().to_lowercase();
            let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

/// Reports names of documents that are not in the tree: neither from the top level nor beside the file.
pub fn documents(path: &str, text: &str, files: &[(String, String)]) -> Vec<Finding> {
    if path.starts_with("tests/tidy") {
        return Vec::new(); // Bad examples.
    }
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    let mut findings = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let names = line.split(|c| !is_part(c)).map(|name| name.trim_end_matches('.'));
        for name in names.filter(|name| name.ends_with(concat!(".", "md")) && !name.starts_with("//")) {
            let named = name.trim_start_matches('/');
            let places = [Some(named.to_string()), beside(path, named)];
            if !places.iter().flatten().any(|place| files.iter().any(|(file, _)| file == place)) {
                let what = format!("`{name}` is not in the tree");
                findings.push(finding(path, at + 1, what, "say it here, or name a document that is"));
            }
        }
    }
    findings
}

/// Reports how long a build takes wherever it is said but in README: in two places it would differ.
pub fn durations(path: &str, text: &str) -> Vec<Finding> {
    let is_told =
        path.ends_with(".md") || path.ends_with(".toml") || path.starts_with(".ci/") || path == "src/lib.rs";
    if path == "README.md" || !is_told {
        return Vec::new();
    }
    let builds = |line: &str| ["compil", "build", "RocksDB", "C++"].iter().any(|word| line.contains(word));
    let lasts =
        |line: &str| line.split(|c: char| !c.is_alphanumeric()).any(|word| matches!(word, "minutes" | "min"));
    let told = text.lines().enumerate().filter(|(_, line)| builds(line) && lasts(line));
    told.map(|(at, _)| finding(path, at + 1, "how long a build takes", "README alone says it")).collect()
}

/// Reports rows of README's table of strategies that the benches' table does not have: both are what one run measured.
pub fn figures(readme: &str, benches: &str) -> Vec<Finding> {
    const HEADING: &str = "## Which strategy to choose";
    let measured = section(benches, HEADING);
    let is_row = |row: &str| row.starts_with("|`");
    let mut findings: Vec<Finding> = section(readme, HEADING)
        .into_iter()
        .filter(|(_, row)| is_row(row) && measured.iter().all(|(_, other)| other != row))
        .map(|(line, row)| {
            let what = format!("benches/README.md does not have the row {row}");
            finding("README.md", line, what, "take the table that the last run wrote")
        })
        .collect();
    if !measured.iter().any(|(_, row)| is_row(row)) {
        findings.push(finding(
            "benches/README.md",
            1,
            "no table of strategies",
            "add the one that the last run wrote",
        ));
    }
    findings
}

/// The lines below `heading`, up to the next one.
fn section<'a>(text: &'a str, heading: &str) -> Vec<(usize, &'a str)> {
    let lines = prose(text).skip_while(|(_, line)| *line != heading).skip(1);
    lines.take_while(|(_, line)| !line.starts_with("## ")).collect()
}

/// Reports lines of README's Rust that are not in `source`.
pub fn code(readme: &str, source: &str) -> Vec<Finding> {
    let lines = readme.lines().enumerate().skip_while(|(_, line)| *line != "```rust").skip(1);
    let shown: Vec<(usize, &str)> = lines.take_while(|(_, line)| *line != "```").collect();
    let is_there = |line: &str| source.lines().any(|other| other.trim() == line.trim());
    if shown.is_empty() {
        return vec![finding("README.md", 1, "no Rust is shown", "show the methods of a strategy")];
    }
    let lost = shown.into_iter().filter(|(_, line)| !is_there(line));
    lost.map(|(at, line)| {
        finding("README.md", at + 1, format!("`{line}`"), "src/ordering/mod.rs has it otherwise")
    })
    .collect()
}

#[cfg(test)]
fn tree(files: &[(&str, &str)]) -> Vec<(String, String)> {
    files.iter().map(|(path, text)| (path.to_string(), text.to_string())).collect()
}

#[test]
fn length_of_a_long_readme_is_reported() {
    assert_eq!(length("README.md", &"x".repeat(README_BYTES_MAX)).len(), 1);
    assert_eq!(length("README.md", &"x".repeat(README_BYTES_MAX - 1)), []);
    assert_eq!(length("tests/README.md", &"x".repeat(README_BYTES_MAX)), []);
}

#[test]
fn links_that_lead_nowhere_are_reported() {
    let files = tree(&[
        ("README.md", "# The `x` of a_b, twice\n```\n# no heading\n```"),
        ("src/a/b.rs", "# no heading of a document"),
        ("src/a/README.md", "# One"),
    ]);
    let found = |path: &str, text: &str| links(path, text, &files).len();
    for good in
        ["src/a/b.rs", "src/a", "src/a/", "#the-x-of-a_b-twice", "src/a/README.md#one", "https://x.org/y#z"]
    {
        assert_eq!(found("README.md", &format!("a [b]({good}) c")), 0, "{good}");
    }
    for bad in [
        "src/b.rs",
        "src/a/b",
        "a",
        "#one",
        "#no-heading",
        "src/a/README.md#two",
        "../README.md",
        "src/a#one",
    ] {
        assert_eq!(found("README.md", &format!("a [b]({bad}) ![c](src/a)")), 1, "{bad}");
    }
    assert_eq!(
        found("src/a/README.md", "[up](../../README.md#the-x-of-a_b-twice) [here](b.rs) [here](#one)"),
        0
    );
    assert_eq!(found("src/a/README.md", "[down](src/a/b.rs)"), 1);
    assert_eq!(found("README.md", "```\n[b](nowhere)\n```"), 0);
}

#[test]
fn documents_that_are_not_in_the_tree_are_reported() {
    let files = tree(&[("README.md", ""), ("src/book/words.md", "")]);
    let found = |path: &str, text: &str| documents(path, text, &files).len();
    for good in [
        "README.md",
        "`/README.md`.",
        "(\"book/words.md\")",
        "src/book/words.md.",
        "//x.org/y.md",
        "../src/book/words.md",
    ] {
        assert_eq!(found("src/lib.rs", good), 0, "{good}");
    }
    for bad in ["see DESIGN.md", "DESIGN.md, *Layout*", "`docs/README.md`", "words.md"] {
        assert_eq!(found("src/lib.rs", &format!("\n// {bad}")), 1, "{bad}");
    }
}

#[test]
fn durations_of_a_build_in_another_place_are_reported() {
    for bad in [
        "The first build takes 3 min.",
        "RocksDB's C++ takes 15 to 20 minutes",
        "It compiles for three minutes.",
    ] {
        assert_eq!(durations("tests/README.md", &format!("\n{bad}")).len(), 1, "{bad}");
        assert_eq!(durations("README.md", bad), []);
        assert_eq!(durations("src/time.rs", bad), []);
    }
    assert_eq!(durations("benches/README.md", "everything, in five minutes\nthe build\nminimal RocksDB"), []);
}

#[test]
fn figures_that_no_bench_measured_are_reported() {
    let benches = "## Which strategy to choose\n|`serial`|93 ± 2|\n|`sequence`|65|\n## After\n|`barrier`|50|";
    let found = |row: &str, benches: &str| {
        figures(&format!("## Which strategy to choose\n|strategy|\n|-|\n{row}\n"), benches).len()
    };
    assert_eq!(found("|`serial`|93 ± 2|", benches), 0);
    for bad in ["|`serial`|93|", "|`serial`|65|", "|`barrier`|50|"] {
        assert_eq!(found(bad, benches), 1, "{bad}");
    }
    assert_eq!(found("", "## Which strategy to choose\nnothing\n"), 1);
}

#[test]
fn code_that_the_source_has_otherwise_is_reported() {
    let source = "trait T {\n    fn take(&mut self);\n}";
    assert_eq!(code("```rust\nfn take(&mut self);\n```", source), []);
    assert_eq!(code("```rust\nfn take(&mut self);\nfn give(&self);\n```", source)[0].line, 3);
    assert_eq!(code("```sh\nfn take(&mut self);\n```", source).len(), 1);
}
