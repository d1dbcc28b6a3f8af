//! Arrows — which module of src/ may name which other modules: a stage uses the stages before it. Pure.

use crate::source::{Keep, blanked, paths};
use crate::{Finding, finding};

/// Every module of src/, and what it may name of the crate. The rows are in the order in which modules build on one another:
/// a row may name whole modules of the rows above it, or single items (`module::item`) of any module. `*` is everything.
/// A new module needs a row; a new arrow needs a reason in the commit that adds it.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("time", &[]),
    ("names", &[]),
    ("secret", &[]),
    ("sync", &[]),
    ("queue", &["sync"]),
    ("compression", &["names"]),
    // The only arrow that points back: an effect says which key its raw keys belong to, and the store defines their layout.
    ("effect", &["store::key", "store::record"]),
    ("store", &["effect", "time"]),
    ("command", &["effect", "store", "time"]),
    ("binlog", &["command", "compression", "effect", "names", "time"]),
    ("replication", &["binlog", "compression", "time"]),
    ("client", &["binlog", "compression", "replication", "secret", "time"]),
    ("ordering", &["binlog", "effect", "names"]),
    ("invariant", &["binlog", "effect", "store", "time"]),
    ("apply", &["binlog", "command", "effect", "invariant", "ordering", "store", "sync", "time"]),
    ("handover", &["apply", "binlog", "ordering"]),
    ("expiry", &["apply::Instants", "binlog", "command", "effect", "names", "store", "time"]),
    ("node", &["apply", "binlog", "command", "effect", "expiry", "invariant", "ordering", "store", "time"]),
    ("publication", &["binlog", "expiry", "invariant", "node", "sync", "time"]),
    (
        "server",
        &[
            "binlog",
            "command",
            "compression",
            "effect",
            "expiry",
            "node",
            "ordering",
            "secret",
            "store",
            "time",
        ],
    ),
    ("trace_check", &["binlog", "effect"]),
    ("trace", &["binlog", "effect", "sync", "trace_check"]),
    (
        "engine",
        &[
            "apply",
            "binlog",
            "client",
            "command",
            "compression",
            "effect",
            "expiry",
            "handover",
            "node",
            "ordering",
            "publication",
            "queue",
            "replication",
            "secret",
            "server",
            "store",
            "sync",
            "time",
            "trace",
        ],
    ),
    // It speaks to servers of any make, this project's among them, and so knows nothing of the engine.
    ("probe", &["names", "secret"]),
    ("cli", &["*"]),
    ("lib", &["*"]),
    ("main", &["*"]),
];

/// The paths in a file of src/ that name something of the crate which the file may not name.
pub fn arrows(path: &str, text: &str) -> Vec<Finding> {
    let Some(module) = path.strip_prefix("src/").and_then(|path| path.strip_suffix(".rs")) else {
        return Vec::new();
    };
    let mut module: Vec<&str> = module.split('/').collect();
    if module.len() > 1 && module.last() == Some(&"mod") {
        module.pop();
    }
    let Some((_, allowed)) = MAY_NAME.iter().find(|(name, _)| *name == module[0]) else {
        let what = format!("module `{}` has no row in MAY_NAME", module[0]);
        return vec![finding(path, 1, what, "add a row to tests/tidy/arrows.rs that says what it may name")];
    };
    let is_allowed = |target: &[String]| {
        target[0] == module[0]
            || allowed.contains(&"*")
            || allowed.iter().any(|allowed| {
                allowed
                    .split("::")
                    .enumerate()
                    .all(|(at, part)| target.get(at).is_some_and(|segment| segment == part))
            })
    };
    let mut findings = Vec::new();
    for named in paths(&blanked(text, Keep::Code)) {
        if let Some(target) = from_root(&module, &named.segments).filter(|target| !is_allowed(target)) {
            let what = format!("`{}` may not name `crate::{}`", module[0], target.join("::"));
            let instead = if allowed.is_empty() {
                "it is the first stage and names no other module".to_string()
            } else {
                format!("it may name {}; let a later stage connect the two", allowed.join(", "))
            };
            findings.push(finding(path, named.line, what, instead));
        }
    }
    findings
}

/// A path in the module's text as a path from the crate's root; `None` if it names no module of the crate.
/// Modules inside a file are not counted, so a `super` in one of them may look like one step too many: then the first
/// segment is not a module of the crate, and nothing is reported.
fn from_root(module: &[&str], segments: &[String]) -> Option<Vec<String>> {
    let first = segments.first()?.as_str();
    let target = match first {
        "crate" | "replicheck" => segments[1..].to_vec(),
        "super" => {
            let steps = segments.iter().take_while(|segment| *segment == "super").count();
            let stem = &module[..module.len().saturating_sub(steps)];
            stem.iter().map(|part| part.to_string()).chain(segments[steps..].iter().cloned()).collect()
        }
        _ => return None,
    };
    let name = target.first()?.as_str();
    let is_all = name == "*" && first != "super"; // A test module inside a file has `use super::*`.
    let known = name == "models" || is_all || MAY_NAME.iter().any(|(module, _)| *module == name);
    known.then_some(target)
}

#[test]
fn arrows_a_stage_names_a_later_one_is_reported() {
    let bad = [
        ("src/store/memory.rs", "use crate::ordering::OrderingStrategy;"),
        ("src/store/key.rs", "use crate::{effect::Key, node::Master};"),
        ("src/effect.rs", "use crate::store::Store;"),
        ("src/effect.rs", "use super::store::Store;"),
        ("src/effect.rs", "use crate::*;"),
        ("src/time.rs", "use crate::effect::Key;"),
        ("src/apply/mod.rs", "fn f(policy: &dyn crate::expiry::ExpiryPolicy) {}"),
        ("src/expiry/log_clock.rs", "use crate::apply::Applier;"),
        ("src/expiry/log_clock.rs", "use super::super::node::Replica;"),
        ("src/node/master.rs", "use crate::models::story::Story;"),
        ("src/command/string/set.rs", "macro_rules! m { () => { $crate::binlog::Lsn } }"),
        ("src/haste.rs", ""),
    ];
    for (path, text) in bad {
        let findings = arrows(path, text);
        assert_eq!(findings.len(), 1, "{path} with {text} must be reported: {findings:?}");
    }
}

#[test]
fn arrows_to_an_earlier_stage_or_to_itself_are_not_reported() {
    let fine = [
        ("src/store/memory.rs", "use crate::effect::Write; use crate::store::Read; use super::key;"),
        ("src/effect.rs", "crate::store::key::owner(key)"),
        ("src/expiry/log_clock.rs", "use crate::apply::Instants;"),
        ("src/command/string/set.rs", "use super::super::number::parse; // crate::node"),
        ("src/binlog/mod.rs", "mod tests { use super::*; use super::codec; }"),
        ("src/cli/check.rs", "use replicheck::models::check;"),
        ("src/main.rs", "use replicheck::node::Master;"),
        ("models/check.rs", "use crate::node::Master;"),
    ];
    for (path, text) in fine {
        assert_eq!(arrows(path, text), [], "{path} with {text}");
    }
}

#[test]
fn arrows_table_points_one_way_but_for_the_layout_of_records() {
    let row_of = |name: &str| MAY_NAME.iter().position(|(module, _)| *module == name);
    let mut backward = Vec::new();
    for (row, (module, allowed)) in MAY_NAME.iter().enumerate() {
        for target in allowed.iter().filter(|target| **target != "*") {
            let name = target.split("::").next();
            let above = name.and_then(row_of).is_some_and(|target_row| target_row < row);
            if !above {
                backward.push((*module, *target));
            }
        }
    }
    assert_eq!(backward, [("effect", "store::key"), ("effect", "store::record")]);
}
