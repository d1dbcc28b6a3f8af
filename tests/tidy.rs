//! Tidy — the project's tree → violations of its house rules, as `file:line: what — what to use instead`.
//!
//! A rule is a pure function of (path, text). Beside each rule, tests give it bad text and check that it is reported. Only this
//! file reads the disk. Files that git ignores are not read: `.gitignore` may only hold lines of the form `/name`.

#[path = "tidy/arrows.rs"]
mod arrows;
#[path = "tidy/circles.rs"]
mod circles;
#[path = "tidy/layering.rs"]
mod layering;
#[path = "tidy/readme.rs"]
mod readme;
#[path = "tidy/seeds.rs"]
mod seeds;
#[path = "tidy/shape.rs"]
mod shape;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/survivors.rs"]
mod survivors;
#[path = "tidy/words.rs"]
mod words;

use std::fmt;
use std::fs;
use std::path::Path;

/// One place that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    path: String,
    /// Counted from 1.
    line: usize,
    what: String,
    instead: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {} — {}", self.path, self.line, self.what, self.instead)
    }
}

fn finding(path: &str, line: usize, what: impl Into<String>, instead: impl Into<String>) -> Finding {
    Finding { path: path.to_string(), line, what: what.into(), instead: instead.into() }
}

/// The tree's text files in order of their paths, and the names at its top level.
struct Tree {
    files: Vec<(String, String)>,
    top_level: Vec<String>,
}

impl Tree {
    fn read() -> Tree {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let ignored =
            ignored_names(&fs::read_to_string(root.join(".gitignore")).expect("there is a .gitignore"));
        let mut top_level = names_in(root);
        top_level.retain(|name| name != ".git" && !ignored.contains(name));
        let mut tree = Tree { files: Vec::new(), top_level: top_level.clone() };
        top_level.into_iter().for_each(|name| tree.add(root, name));
        tree
    }

    fn add(&mut self, root: &Path, path: String) {
        let full = root.join(&path);
        if full.is_dir() {
            names_in(&full).into_iter().for_each(|name| self.add(root, format!("{path}/{name}")));
        } else if let Ok(text) = String::from_utf8(fs::read(&full).expect("a file of the tree can be read")) {
            self.files.push((path, text));
        }
    }

    fn text(&self, path: &str) -> &str {
        let file = self.files.iter().find(|(file, _)| file == path);
        file.map(|(_, text)| text.as_str()).unwrap_or_else(|| panic!("{path} is lacking"))
    }

    fn findings(&self, rule: impl Fn(&str, &str) -> Vec<Finding>) -> Vec<Finding> {
        self.files.iter().flat_map(|(path, text)| rule(path, text)).collect()
    }
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder of the tree can be read");
    let mut names: Vec<String> = entries
        .map(|entry| {
            entry.expect("a folder of the tree can be read").file_name().to_string_lossy().into_owned()
        })
        .collect();
    names.sort();
    names
}

fn ignored_names(gitignore: &str) -> Vec<String> {
    let lines = gitignore.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let name = line.strip_prefix('/').filter(|name| !name.contains(['/', '*', '?', '[']));
            name.unwrap_or_else(|| {
                panic!(".gitignore: `{line}` is not of the form /name, teach tests/tidy.rs")
            })
            .to_string()
        })
        .collect()
}

fn assert_none(findings: Vec<Finding>) {
    let lines: Vec<String> = findings.iter().map(Finding::to_string).collect();
    assert!(lines.is_empty(), "\n{}\n{} found; the rules: tests/README.md\n", lines.join("\n"), lines.len());
}

#[test]
fn tree_as_it_is_keeps_the_layering() {
    assert_none(Tree::read().findings(layering::layering));
    assert_none(Tree::read().findings(layering::clocks));
    assert_none(Tree::read().findings(layering::explored));
}

#[test]
fn tree_as_it_is_keeps_the_arrows() {
    let tree = Tree::read();
    assert_none(tree.findings(arrows::arrows));
    assert_none(circles::circles(&tree.files));
}

#[test]
fn tree_as_it_is_reads_no_words_back() {
    assert_none(Tree::read().findings(words::words));
}

#[test]
fn tree_as_it_is_tells_its_seeds() {
    assert_none(Tree::read().findings(seeds::seeds));
}

#[test]
fn tree_as_it_is_keeps_its_shape() {
    let tree = Tree::read();
    let mut findings: Vec<Finding> = tree.top_level.iter().flat_map(|name| shape::top_level(name)).collect();
    for rule in [shape::length, shape::names, shape::marks, shape::machine_paths] {
        findings.extend(tree.findings(rule));
    }
    assert_none(findings);
}

#[test]
fn tree_as_it_is_has_documents_that_lead_on() {
    let tree = Tree::read();
    let mut findings = tree.findings(|path, text| readme::links(path, text, &tree.files));
    findings.extend(tree.findings(|path, text| readme::documents(path, text, &tree.files)));
    for rule in [readme::length, readme::durations] {
        findings.extend(tree.findings(rule));
    }
    findings.extend(readme::figures(tree.text("README.md"), tree.text("benches/README.md")));
    findings.extend(readme::code(tree.text("README.md"), tree.text("src/ordering/mod.rs")));
    assert_none(findings);
}

#[test]
fn tree_as_it_is_runs_and_tells_every_test() {
    let tree = Tree::read();
    let (manifest, readme) = (tree.text("Cargo.toml"), tree.text("tests/README.md"));
    assert_none(tree.findings(|path, _| shape::registered(path, manifest, readme)));
}

#[test]
fn tree_as_it_is_has_a_reason_for_each_mutant_that_survives() {
    let tree = Tree::read();
    let is_there = |path: &str| tree.files.iter().any(|(file, _)| file == path);
    assert_none(survivors::survivors(tree.text(survivors::PATH), is_there));
}

#[test]
fn tree_as_it_is_read_whole() {
    let tree = Tree::read();
    for path in [
        "Cargo.toml",
        "src/lib.rs",
        "src/ordering/mod.rs",
        "models/mod.rs",
        "tests/tidy/source.rs",
        ".ci/run",
    ] {
        assert!(tree.files.iter().any(|(file, _)| file == path), "{path} was not read");
    }
    assert!(!tree.files.iter().any(|(file, _)| file.starts_with("target/") || file.starts_with(".git/")));
}

#[test]
fn finding_printed_says_where_what_and_what_instead() {
    let text = finding("src/a.rs", 7, "a clock", "an argument").to_string();
    assert_eq!(text, "src/a.rs:7: a clock — an argument");
}

#[test]
#[should_panic(expected = "teach tests/tidy.rs")]
fn ignored_names_other_form_panics() {
    ignored_names("/target\n*.log");
}
