//! Circles — files of models/ that import one another in a ring. Pure.
//!
//! A file may import any other file of models/, as long as following imports never leads back to it. A public re-export in a
//! `mod.rs` names an item and depends on nothing, so it is not counted; neither is a test module at the end of a file.

use crate::source::{Keep, blanked, paths};
use crate::{Finding, finding};
use std::collections::BTreeMap;

/// A module of models/: the segments of its path below `crate::models`.
type Module = Vec<String>;

/// Each file with the files that it imports, and the line that names each of them first.
type Imports<'a> = BTreeMap<&'a str, BTreeMap<&'a str, usize>>;

/// A finding for each file that is part of a ring: the ring, and the line of the file's import in it.
pub fn circles(files: &[(String, String)]) -> Vec<Finding> {
    let modules: BTreeMap<Module, &str> =
        files.iter().filter_map(|(path, _)| Some((module_of(path)?, path.as_str()))).collect();
    let imports: Imports<'_> = files
        .iter()
        .filter_map(|(path, text)| Some((path.as_str(), imports_of(&module_of(path)?, path, text, &modules))))
        .collect();
    imports.keys().filter_map(|&file| ring_finding(file, &imports)).collect()
}

fn ring_finding(file: &str, imports: &Imports<'_>) -> Option<Finding> {
    let ring = ring(file, imports)?;
    let line = imports[file][ring[1]];
    let instead = "move what both need to a file of its own, below both";
    Some(finding(file, line, format!("import circle: {}", ring.join(" → ")), instead.to_owned()))
}

fn module_of(path: &str) -> Option<Module> {
    let module = path.strip_prefix("models/")?.strip_suffix(".rs")?;
    let mut module: Module = module.split('/').map(str::to_owned).collect();
    if module.last().is_some_and(|last| last == "mod") {
        module.pop();
    }
    Some(module)
}

fn imports_of<'a>(
    module: &Module,
    path: &str,
    text: &str,
    modules: &BTreeMap<Module, &'a str>,
) -> BTreeMap<&'a str, usize> {
    let mut found = BTreeMap::new();
    for named in paths(&without_re_exports(&blanked(text, Keep::Code))) {
        let Some(mut target) = from_models(module, &named.segments, modules) else { continue };
        while !target.is_empty() && !modules.contains_key(&target) {
            target.pop();
        }
        if let Some(&file) = modules.get(&target).filter(|file| **file != path) {
            found.entry(file).or_insert(named.line);
        }
    }
    found
}

/// The code up to its test module, its `pub use` and `mod` lines left blank.
fn without_re_exports(code: &str) -> String {
    let code = code.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let mut inside = false;
    let mut kept = String::new();
    for line in code.lines() {
        let start = line.trim_start();
        let is_module = start.ends_with(';') && (start.starts_with("mod ") || start.starts_with("pub mod "));
        inside |= start.starts_with("pub use ") || start.starts_with("pub(super) use ");
        if !inside && !is_module {
            kept += line;
        }
        inside &= !line.contains(';');
        kept.push('\n');
    }
    kept
}

/// A path as one below `crate::models`, if it names something there.
fn from_models(module: &Module, segments: &[String], modules: &BTreeMap<Module, &str>) -> Option<Module> {
    let first = segments.first()?.as_str();
    match first {
        "crate" if segments.get(1).is_some_and(|second| second == "models") => Some(segments[2..].to_vec()),
        "super" => {
            let steps = segments.iter().take_while(|segment| *segment == "super").count();
            // `pub(super)` names nothing.
            let stem = module.len().checked_sub(steps).filter(|_| steps < segments.len())?;
            Some(module[..stem].iter().chain(&segments[steps..]).cloned().collect())
        }
        _ => {
            // A module of the file's own folder, by its bare name.
            let target: Module = module.iter().chain(segments).cloned().collect();
            // A single word may be a method or a field of that name.
            (segments.len() > 1 && modules.contains_key(&target[..=module.len()])).then_some(target)
        }
    }
}

/// The shortest ring of imports from `file` back to it, with `file` at both ends.
fn ring<'a>(file: &'a str, imports: &Imports<'a>) -> Option<Vec<&'a str>> {
    let mut ways = vec![vec![file]];
    let mut seen: Vec<&str> = Vec::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            for &next in imports.get(way.last()?)?.keys() {
                let further: Vec<&str> = way.iter().copied().chain([next]).collect();
                if next == file {
                    return Some(further);
                }
                if !seen.contains(&next) {
                    seen.push(next);
                    longer.push(further);
                }
            }
        }
        ways = longer;
    }
    None
}

#[test]
fn circles_of_two_and_three_files_are_reported() {
    let file = |path: &str, text: &str| (path.to_owned(), text.to_owned());
    let two = [
        file("models/story.rs", "use super::path::Path;"),
        file("models/path.rs", "use crate::models::story::Story;"),
        file("models/search.rs", "use super::story::Story;"),
    ];
    let found = circles(&two);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].to_string().contains("models/path.rs → models/story.rs → models/path.rs"),
        "{}",
        found[0]
    );
    let three = [
        file("models/a/mod.rs", "mod b;\nfn f() { b::g() }"),
        file("models/a/b.rs", "use super::super::c::h;"),
        file("models/c.rs", "use super::a;"),
    ];
    assert_eq!(circles(&three).len(), 3);
}

#[test]
fn circles_re_exports_and_tests_are_not_counted() {
    let file = |path: &str, text: &str| (path.to_owned(), text.to_owned());
    let fine = [
        file("models/a/mod.rs", "mod b;\npub use b::{\n    G,\n};"),
        file("models/a/b.rs", "use super::Setup;\n#[cfg(test)]\nmod tests {\n    use crate::models::c;\n}"),
        file("models/c.rs", "use super::a::b; // use super::d;"),
        file("models/d.rs", "use super::c;"),
    ];
    assert!(circles(&fine).is_empty());
}
