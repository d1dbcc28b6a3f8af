//! `replicheck replay`: counterexamples on real nodes, and the inputs that it refuses.

use replicheck::models::catalogue;
use serde_json::{Value, json};
use std::process::{Command, Output};

fn replay(args: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_replicheck");
    Command::new(program).arg("replay").args(args).output().expect("the program")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The rows of the JSON that `replay` prints.
fn rows(args: &[&str]) -> Vec<Value> {
    let output = replay(&[args, &["--json", "-"]].concat());
    let rows = serde_json::from_slice(&output.stdout);
    rows.unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)))
}

/// A file with this content, in a folder of its own.
fn file(content: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("path.json");
    std::fs::write(&path, content).expect("a file");
    let path = path.display().to_string();
    (folder, path)
}

/// The exported path file of a row.
fn exported(id: &str) -> Value {
    let output = replay(&[id, "--export", "-"]);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)))
}

/// The error text for a row's path file with this change.
fn refused(id: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut path_file = exported(id);
    change(&mut path_file);
    let (_folder, path) = file(&path_file.to_string());
    let output = replay(&[&path]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stdout));
    text(&output.stderr)
}

/// The invariants that a run of a row broke.
fn broken(row: &Value, run: usize) -> Vec<&str> {
    let names = row["runs"][run]["broken"].as_array().expect("an array");
    names.iter().filter_map(Value::as_str).collect()
}

#[test]
fn replay_each_row_breaks_under_the_bug_and_holds_under_the_cure() {
    let expected: Vec<&str> = catalogue::all()
        .filter(|case| case.bug().is_some_and(|bug| bug.no_replay.is_empty()))
        .map(|case| case.id)
        .collect();
    let rows = rows(&[]);
    assert!(rows.len() >= 12);
    assert_eq!(rows.iter().filter_map(|row| row["id"].as_str()).collect::<Vec<_>>(), expected);
    for row in &rows {
        let bug = catalogue::find(row["id"].as_str().expect("an id")).and_then(|case| case.bug());
        let bug = bug.expect("it counts");
        assert_eq!(row["as_recorded"], true, "{row:#}");
        assert!(broken(row, 0).contains(&bug.invariant.name()), "{row:#}");
        assert!(!broken(row, 1).contains(&bug.invariant.name()), "{row:#}");
        assert_eq!(row["runs"][0]["unlike_model"], Value::Null, "{row:#}");
        let roles = [&row["runs"][0]["role"], &row["runs"][1]["role"]];
        assert_eq!(roles, ["bug", "cure"]);
        let differs = |run: usize| {
            let keys = row["runs"][run]["keys"].as_array().expect("an array");
            keys.iter().any(|key| key["differs"] == true)
        };
        // A violation that is not about one read at one moment shows in the stored data.
        if ["convergence", "same_value", "same_deadline", "no_immortal_key"].contains(&bug.invariant.name()) {
            assert_eq!((differs(0), differs(1)), (true, false), "{row:#}");
        }
    }
}

#[test]
fn replay_help_has_examples() {
    for flag in ["--help", "-h"] {
        let help = text(&replay(&[flag]).stdout);
        assert!(help.contains("Examples:\n  replicheck replay R01"), "{help}");
    }
}

#[test]
fn replay_tells_what_the_cure_does_not_allow() {
    let output = replay(&["r01"]);
    let text = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}");
    for part in
        ["convergence is broken, as recorded", "entry 3 (FLUSHDB) had to wait for entry 1 (SET k a)", "≠  k"]
    {
        assert!(text.contains(part), "{part} in\n{text}");
    }
}

#[test]
fn replay_exported_path_file_comes_to_the_same() {
    for id in ["R08", "R30", "R38"] {
        let path_file = exported(id);
        let (_folder, path) = file(&path_file.to_string());
        let (from_file, from_row) = (rows(&[&path]), rows(&[id]));
        assert_eq!(from_file[0]["runs"][0], from_row[0]["runs"][0], "{id}");
        assert_eq!(from_file[0]["runs"].as_array().map(Vec::len), Some(1), "a file has no cure");
        assert_eq!(from_file[0]["as_recorded"], true);
    }
}

/// A path that breaks nothing is replayed, too; then only the model's states are compared.
#[test]
fn replay_path_that_breaks_nothing_is_as_the_model() {
    let mut path_file = exported("R08");
    path_file["invariant"] = Value::Null;
    path_file["path"].as_array_mut().expect("an array").truncate(2);
    let (_folder, path) = file(&path_file.to_string());
    let rows = rows(&[&path]);
    assert_eq!((&rows[0]["as_recorded"], broken(&rows[0], 0).len()), (&json!(true), 0), "{:#}", rows[0]);
}

#[test]
fn replay_damaged_path_file_is_refused() {
    let step = refused("R08", |path_file| path_file["path"][1] = json!(99));
    assert!(step.contains("step 2 of the path is number 99, but only 2 steps are possible there"), "{step}");
    let shorter = refused("R08", |path_file| {
        path_file["path"].as_array_mut().expect("an array").pop();
    });
    assert!(shorter.contains("the path does not break prefix"), "{shorter}");
    let choice = refused("R08", |path_file| path_file["choice"] = json!("bolder"));
    assert!(choice.contains("unknown choice 'bolder' (known: first_key, key_hash, "), "{choice}");
    let fault = refused("R38", |path_file| path_file["seeded"] = json!("readers_see_the_dead"));
    assert!(fault.contains("unknown fault 'readers_see_the_dead' (known: removes_by_own_clock)"), "{fault}");
    let invariant = refused("R08", |path_file| path_file["invariant"] = json!("same_value"));
    assert!(
        invariant.contains("unknown invariant 'same_value' (known: progress, convergence, "),
        "{invariant}"
    );
    let version = refused("R08", |path_file| path_file["version"] = json!(3));
    assert!(version.contains("path file of version 3; this program knows versions 1 to 2"), "{version}");
    let setting = refused("R08", |path_file| path_file["setting"] = json!({"workers": 0, "crashes": 0}));
    assert!(setting.contains("this setting does not fit the ordering model"), "{setting}");
    let program = refused("R08", |path_file| path_file["program"][1] = json!("GET h"));
    assert!(program.contains("line 2 of the program: 'get' writes nothing"), "{program}");
    let field = refused("R08", |path_file| path_file["paht"] = json!([]));
    assert!(field.contains("unknown field `paht`"), "{field}");
    let (_folder, path) = file("{\"version\": 1");
    assert!(text(&replay(&[&path]).stderr).contains("not a path file: EOF"));
}

#[test]
fn replay_what_real_nodes_cannot_be_told_is_refused() {
    let crashes = refused("R08", |path_file| {
        path_file["setting"] = json!({"workers": 2, "crashes": 2});
        path_file["invariant"] = Value::Null;
        // A client sends. The crash is the last of the possible steps. After it the log can run again, or the node crash again.
        path_file["path"] = json!([0, 2, 1]);
    });
    assert!(crashes.contains("the path has 2 crashes"), "{crashes}");
    let early = refused("R08", |path_file| {
        path_file["choice"] = json!("writeset+reads_after_crash");
        path_file["invariant"] = Value::Null;
        path_file["path"] = json!([0]);
    });
    assert!(early.contains("real nodes let no reader in too early"), "{early}");
    let fault = refused("R08", |path_file| {
        path_file["choice"] = json!("serial");
        path_file["seeded"] = json!("logged_late");
        path_file["invariant"] = Value::Null;
        path_file["path"] = json!([0]);
    });
    assert!(fault.contains("'logged_late' has no place in the engine"), "{fault}");
    for (id, why) in [("R06", "the engine has one writer"), ("R10", "shown by check --model full_sync")] {
        let output = replay(&[id]);
        assert_eq!(output.status.code(), Some(2));
        let text = text(&output.stderr);
        assert!(text.contains(&format!("{id} is not replayed: ")) && text.contains(why), "{text}");
    }
    let nowhere = replay(&["R999"]);
    assert!(text(&nowhere.stderr).contains("no bug of the catalogue has this id"));
}

/// The path file that `check --export` writes for this choice: SET c, INCR b; INCR is written before SET, then a crash follows.
fn checked(choice: &str) -> Value {
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("crash.txt");
    std::fs::write(&program, "SET c 1\nINCR b\n").expect("a file");
    let (lines, dir) = (program.display().to_string(), folder.path().display().to_string());
    let args = ["check", "--model", "ordering", "--choice", choice, "--program", &lines, "--export", &dir];
    let output = Command::new(env!("CARGO_BIN_EXE_replicheck")).args(args).output().expect("the program");
    let files = std::fs::read_dir(folder.path()).expect("a folder").flatten().map(|file| file.path());
    let path_file = files.map(|file| file.display().to_string());
    let path_file = path_file.into_iter().find(|file| file.ends_with("_exactly_once_crash_txt.json"));
    let path_file = path_file.unwrap_or_else(|| panic!("no path file: {}", text(&output.stderr)));
    serde_json::from_str(&std::fs::read_to_string(path_file).expect("a file")).expect("a path file")
}

/// The path file of [`checked`], ended by a crash after INCR is written; the crash leaves `batches` of its batches.
fn crash_after_incr(choice: &str, batches: u64) -> (tempfile::TempDir, String) {
    let mut path_file = checked(choice);
    let steps = path_file["steps"].as_array().expect("steps");
    let incr =
        steps.iter().position(|step| step.as_str().is_some_and(|step| step.contains("writes 2 (INCR b)")));
    let incr = incr.expect("INCR is written");
    let path = path_file["path"].as_array_mut().expect("a path");
    path.truncate(incr + 1);
    // The possible steps: one worker writes, the other one finishes, a crash that leaves nothing, a crash that leaves one batch.
    path.push(json!(2 + batches));
    path_file["invariant"] = Value::Null;
    file(&path_file.to_string())
}

/// The marker says that nothing is written, so INCR runs again.
#[test]
fn replay_crash_runs_a_command_twice_and_an_effect_harmlessly() {
    for (choice, cure) in [("key_hash+commands", "key_hash"), ("writeset+commands", "writeset")] {
        let (_folder, path) = crash_after_incr(choice, 1);
        let rows = rows(&[&path, "--cure", cure]);
        let row = &rows[0];
        assert_eq!(
            (&row["as_recorded"], &row["runs"][0]["unlike_model"]),
            (&json!(true), &Value::Null),
            "{row:#}"
        );
        assert!(
            broken(row, 0).contains(&"exactly_once") && broken(row, 0).contains(&"convergence"),
            "{row:#}"
        );
        assert_eq!(broken(row, 1), ["prefix"], "{row:#}");
        let steps = row["runs"][0]["steps"].to_string();
        assert!(steps.contains(r#"its process aborts; on disk it left b = \"1\", marker 0"#), "{steps}");
        assert!(steps.contains("runs its log after entry 0, entry 2 for the second time"), "{steps}");
        let value = |run: usize| {
            let keys = row["runs"][run]["keys"].as_array().expect("keys");
            keys.iter().find(|key| key["key"] == "b").map(|key| key["replica"].clone())
        };
        assert_eq!((value(0), value(1)), (Some(json!("\"2\"")), Some(json!("\"1\""))), "{row:#}");
    }
}

/// A batch that is not flushed is lost, and is run again from the log: no command has run twice.
#[test]
fn replay_crash_that_leaves_nothing_runs_nothing_twice() {
    let (_folder, path) = crash_after_incr("writeset+commands", 0);
    let rows = rows(&[&path]);
    let steps = rows[0]["runs"][0]["steps"].to_string();
    assert!(steps.contains("on disk it left no key, marker 0"), "{steps}");
    assert!(!steps.contains("for the second time"), "{steps}");
    assert_eq!(
        (&rows[0]["as_recorded"], broken(&rows[0], 0)),
        (&json!(true), vec!["prefix"]),
        "{:#}",
        rows[0]
    );
}

/// The shortest path: INCR is written before SET, so its batch carries marker 0.
#[test]
fn replay_shortest_path_to_a_command_run_twice_is_as_the_model() {
    for (choice, cure) in [("key_hash+commands", "key_hash"), ("writeset+commands", "writeset")] {
        let (_folder, path) = file(&checked(choice).to_string());
        let rows = rows(&[&path, "--cure", cure]);
        let row = &rows[0];
        let recorded = (&row["as_recorded"], &row["runs"][0]["unlike_model"]);
        assert_eq!(recorded, (&json!(true), &Value::Null), "{row:#}");
        assert!(broken(row, 0).contains(&"exactly_once"), "{row:#}");
        assert!(!broken(row, 1).contains(&"exactly_once"), "{row:#}");
        for run in [0, 1] {
            let steps = row["runs"][run]["steps"].to_string();
            assert!(steps.contains("marker 0\""), "{steps}");
            assert!(steps.contains("entry 2 for the second time"), "{steps}");
        }
    }
}

/// The worker of INCR begins first, and writes after SET was written and finished: the marker in the store goes back to 0.
#[test]
fn replay_marker_settled_before_another_worker_finished_is_what_the_crash_leaves() {
    let mut trace = checked("writeset+commands");
    assert_eq!(trace["program"], json!(["SET c 1", "INCR b"]));
    // Two commands, two takes, INCR is begun, SET written and finished, INCR written, a crash that loses nothing.
    trace["path"] = json!([0, 0, 0, 0, 4, 0, 1, 0, 3, 1]);
    let (_folder, path) = file(&trace.to_string());
    let rows = rows(&[&path]);
    let recorded = (&rows[0]["as_recorded"], &rows[0]["runs"][0]["unlike_model"]);
    assert_eq!(recorded, (&json!(true), &Value::Null), "{:#}", rows[0]);
    let steps = rows[0]["runs"][0]["steps"].to_string();
    assert!(steps.contains("begins to write entry 2 (INCR b)"), "{steps}");
    assert!(steps.contains("it left b = \\\"1\\\", c = \\\"1\\\", marker 0"), "{steps}");
}

/// A node publishes a snapshot at once; the model does so in a separate step. In between, the two are not compared.
#[test]
fn replay_snapshot_that_the_model_has_still_to_publish_is_not_held_against_the_node() {
    let mut trace = exported("R08");
    trace["choice"] = json!("serial");
    trace["invariant"] = Value::Null;
    // A client sends; a worker takes, writes, finishes; a client sends before the snapshot is published.
    trace["path"] = json!([0, 1, 1, 1, 0]);
    let (_folder, path) = file(&trace.to_string());
    let rows = rows(&[&path]);
    assert_eq!((&rows[0]["as_recorded"], broken(&rows[0], 0).len()), (&json!(true), 0), "{:#}", rows[0]);
    let steps = rows[0]["runs"][0]["steps"].as_array().expect("steps");
    assert!(steps.iter().any(|step| step.to_string().contains("reports that entry 1")), "{steps:#?}");
}

#[test]
fn replay_cure_is_for_trace_files() {
    let row = replay(&["R08", "--cure", "serial"]);
    assert!(text(&row.stderr).contains("R08 has a cure of its own"), "{}", text(&row.stderr));
    let (_folder, path) = file(&exported("R08").to_string());
    for (cure, why) in [
        ("bolder", "unknown choice 'bolder'"),
        ("writeset+reads_after_crash", "real nodes let no reader in too early"),
    ] {
        let output = replay(&[&path, "--cure", cure]);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(why), "{}", text(&output.stderr));
    }
}
