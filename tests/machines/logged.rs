//! What each expiry policy logs for each write command: the table of `src/expiry/README.md`.

use super::commands::effects_of_transcripts;
use replicheck::binlog::Payload;
use replicheck::command::{Command, Kind, table};
use replicheck::effect::Effect;
use replicheck::expiry::Policy;
use replicheck::time::Millis;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const MARK: &str = "<!-- written by tests/machines/logged.rs (UPDATE_GOLDEN=1) -->\n";

/// What `policy` logs, in a few words.
fn logged(policy: Policy, command: &Command, effect: &Effect, now: Millis) -> String {
    match policy.get().logged(command, effect.clone(), now) {
        Payload::Command(logged) if logged == *command => "as it came".to_owned(),
        Payload::Command(logged)
            if command.name() != "hgetex"
                && ["set", "getex", "pexpireat", "hsetex", "hpexpireat"].contains(&logged.name()) =>
        {
            "at an instant".to_owned()
        }
        Payload::Command(logged) => format!("as `{}`", logged.name().to_uppercase()),
        Payload::Effect(logged) if logged == *effect => "effect".to_owned(),
        Payload::Effect(_) => "effect, time left".to_owned(),
        Payload::Transaction(_) => "more than one command".to_owned(),
    }
}

/// A row for each group of commands for which every policy logs the same.
fn rows() -> Vec<String> {
    let mut cells: BTreeMap<&str, Vec<BTreeSet<String>>> = BTreeMap::new();
    for (command, effect, now) in effects_of_transcripts() {
        let of_command =
            cells.entry(command.spec().name).or_insert_with(|| vec![BTreeSet::new(); Policy::ALL.len()]);
        for (cell, policy) in of_command.iter_mut().zip(Policy::ALL.iter().copied()) {
            cell.insert(logged(policy, &command, &effect, now));
        }
    }
    let mut groups: BTreeMap<Vec<BTreeSet<String>>, Vec<String>> = BTreeMap::new();
    for (name, cells) in cells {
        groups.entry(cells).or_default().push(name.to_uppercase());
    }
    let mut rows: Vec<(Vec<String>, String)> = groups
        .into_iter()
        .map(|(cells, names)| {
            let cells: Vec<String> =
                cells.into_iter().map(|cell| cell.into_iter().collect::<Vec<_>>().join("; ")).collect();
            let row = format!("| {} | {} |", names.join(" "), cells.join(" | "));
            (names, row)
        })
        .collect();
    rows.sort();
    rows.into_iter().map(|(_, row)| row).collect()
}

#[test]
fn table_of_what_is_logged_is_what_the_policies_log() {
    let names: Vec<String> = Policy::ALL.iter().map(|policy| format!("`{}`", policy.name())).collect();
    let rule = "---|".repeat(Policy::ALL.len() + 1);
    let table = format!("| command | {} |\n|{rule}\n{}\n", names.join(" | "), rows().join("\n"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/expiry/README.md");
    let text = std::fs::read_to_string(&path).expect("src/expiry/README.md");
    let (before, recorded) = text.split_once(MARK).expect("the mark before the table");
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        assert_eq!(std::env::var_os("CI"), None, "golden files are not rewritten in CI");
        std::fs::write(&path, format!("{before}{MARK}\n{table}")).expect("the file is writable");
        return;
    }
    assert_eq!(recorded.trim(), table.trim(), "UPDATE_GOLDEN=1 rewrites the table");
}

#[test]
fn every_write_command_has_a_row() {
    let written: BTreeSet<&str> =
        effects_of_transcripts().iter().map(|(command, ..)| command.spec().name).collect();
    let missing: Vec<&str> = table()
        .filter(|spec| matches!(spec.kind, Kind::Write | Kind::Deadline | Kind::Flush))
        .map(|spec| spec.name)
        .filter(|name| !written.contains(name))
        .collect();
    assert!(missing.is_empty(), "no transcript has an effect of {missing:?}");
}
