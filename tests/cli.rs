//! The program's command line, as a shell sees it: exit codes, errors, JSON, no colours in a pipe.

#[path = "cli/captures.rs"]
mod captures;
#[path = "cli/gate.rs"]
mod gate;
#[path = "cli/schema.rs"]
mod schema;
#[path = "cli/trace.rs"]
mod trace;

use replicheck::expiry::Policy;
use replicheck::models::invariants::Invariant;
use replicheck::ordering::Strategy;
use std::process::{Command, Output};

fn replicheck(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_replicheck"));
    // Output in a pipe has colours only if the environment of the tests forces them.
    command.args(args).env_remove("CLICOLOR_FORCE");
    // Files with relative names are written there.
    command.current_dir(env!("CARGO_TARGET_TMPDIR"));
    command.output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("output is UTF-8")
}

/// Runs the program, expects a usage error, and returns its text.
fn refused(args: &[&str]) -> String {
    let output = replicheck(args);
    assert_eq!(output.status.code(), Some(2), "{args:?}");
    assert!(output.stdout.is_empty(), "{args:?}");
    text(&output.stderr)
}

/// Writes a file into the folder for the tests' own files; returns its path.
fn file(name: &str, content: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, content).expect("the file can be written");
    path.to_str().expect("the path is UTF-8").to_owned()
}

#[test]
fn help_has_examples() {
    for args in [&["--help"][..], &["check", "--help"], &["check", "-h"], &["help", "check"]] {
        let output = replicheck(args);
        assert_eq!(output.status.code(), Some(0));
        assert!(text(&output.stdout).contains("Examples:\n  replicheck check"), "{args:?}");
    }
}

#[test]
fn help_lists_the_values_of_choice_and_require_with_their_summaries() {
    let said = text(&replicheck(&["check", "--help"]).stdout);
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    for strategy in Strategy::ALL {
        assert!(said.contains(&format!("- {}: {}", strategy.name(), strategy.summary())), "{strategy:?}");
    }
    for policy in Policy::ALL {
        assert!(said.contains(&format!("- {}: {}", policy.name(), policy.summary())), "{policy:?}");
    }
    for invariant in Invariant::ALL {
        assert!(said.contains(&format!("- {invariant}: {}", invariant.promise())), "{invariant}");
    }
}

#[test]
fn unknown_names_are_refused_with_the_known_ones() {
    let said = refused(&["check", "--choice", "serail"]);
    for word in ["'serail'", "serial", "key_hash", "log_clock"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    let said = refused(&["check", "--model", "order"]);
    assert!(said.contains("ordering") && said.contains("expiry"), "{said}");
    assert!(refused(&["check", "--bounds", "huge"]).contains("quick, deep"));
    refused(&["check", "--frobnicate"]);
    refused(&["chekc"]);
}

#[test]
fn subcommand_without_its_feature_is_refused_with_the_feature() {
    let rows = [
        ("demo", "rocksdb", cfg!(feature = "rocksdb")),
        ("replay", "rocksdb", cfg!(feature = "rocksdb")),
        ("serve", "rocksdb", cfg!(feature = "rocksdb")),
        ("explore", "explorer", cfg!(feature = "explorer")),
        ("probe", "probe", cfg!(feature = "probe")),
    ];
    for (command, feature, is_there) in rows {
        if !is_there {
            let said = refused(&[command, "--port", "0", "anything"]);
            assert!(said.starts_with(&format!("error: `{command}` is not in this build: ")), "{said}");
            assert!(said.contains(&format!("--features {feature}")), "{said}");
        }
    }
}

#[test]
fn program_that_cannot_be_read_is_refused_with_line_and_reason() {
    let bad = file("bad_program.txt", "SET a b\n\nSET a\n");
    let said = refused(&["check", "--program", &bad]);
    let begins =
        format!("error: {bad}: line 3: wrong number of arguments for 'set' command\n--skip-unsupported ");
    assert!(said.starts_with(&begins), "{said}");
    assert!(refused(&["check", "--program", "/nowhere/at/all"]).contains("/nowhere/at/all: No such file"));
    assert!(refused(&["check", "--program", &file("no_write.txt", "GET a\n")]).contains("no write"));
    let long = file("long.txt", &"SET a b\n".repeat(301));
    assert!(refused(&["check", "--program", &long]).contains("301 writes, but a program of at most 300"));
}

#[test]
fn program_that_a_choice_declares_undefined_is_refused_and_no_failure() {
    let renames = file("renames.txt", "SET a 1\nRENAME a b\n");
    let output = replicheck(&["check", "--program", &renames, "--choice", "key_hash+commands"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(said.contains("refused") && said.contains("key_hash cannot apply entry 2"), "{said}");
}

#[test]
fn program_whose_unsafe_choices_break_more_than_the_table_says_is_no_failure() {
    let text_of =
        "SET session:1 alice EX 30\nHSET user:1 name alice visits 1\nHINCRBY user:1 visits 1\nFLUSHDB\n";
    let program = file("session.txt", text_of);
    let output = replicheck(&["check", "--program", &program, "--model", "ordering", "--choice", "key_hash"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    let said = text(&output.stdout);
    assert!(said.contains("An entry was applied twice, and a reader can tell"), "{said}");
}

#[test]
fn json_file_that_cannot_be_written_is_refused_before_the_work() {
    assert!(
        refused(&["check", "--json", "/nowhere/at/all.json"]).contains("/nowhere/at/all.json: No such file")
    );
}

#[test]
fn json_on_stdout_has_the_fields_of_the_interface() {
    let output = replicheck(&["check", "--choice", "serial", "--model", "ordering", "--json", "-"]);
    let tables = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{tables}");
    assert!(tables.contains("Model ordering"), "{tables}");
    let rows: serde_json::Value = serde_json::from_slice(&output.stdout).expect("stdout is JSON");
    let rows = rows.as_array().expect("an array");
    assert!(!rows.is_empty());
    let fields = "bounds choice commit counterexample expected invariant max_depth model note program program_file scenario \
             seconds unique_states verdict version witness";
    for row in rows {
        let mut names: Vec<&str> = row.as_object().expect("an object").keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names.join(" "), fields);
        assert_eq!((&row["model"], &row["choice"]), (&"ordering".into(), &"serial".into()));
        assert!(row["verdict"] == "holds" && row["expected"] == "holds", "{row}");
    }
}

#[test]
fn export_writes_a_page_a_drawing_a_test_and_a_path_file_for_each_counterexample() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("stories").join("new");
    let _ = std::fs::remove_dir_all(&folder);
    let program = file("flush.txt", "SET a 1\nFLUSHDB\n");
    let folder_name = folder.to_str().expect("the path is UTF-8");
    let args = ["check", "--program", &program, "--choice", "key_hash", "--export", folder_name];
    let output = replicheck(&args);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains(&format!("Counterexamples as files: 5 in {folder_name}")));
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .expect("the folder was made")
        .map(|file| file.expect("a file").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(names.len(), 5 * 4, "{names:?}");
    assert_eq!(names[0], "ordering_key_hash_convergence_flush_txt.html");
    // There is a file in the place of the folder.
    let said = refused(&["check", "--choice", "key_hash", "--export", &format!("{program}/x")]);
    assert!(said.contains("flush.txt/x: "), "{said}");
}

#[test]
fn pipe_gets_no_colours_and_at_most_100_columns() {
    let output = replicheck(&["check", "--choice", "serial", "--model", "ordering"]);
    let (tables, progress) = (text(&output.stdout), text(&output.stderr));
    assert!(!tables.contains('\u{1b}') && !progress.contains('\u{1b}'));
    assert_eq!(progress, "", "progress is for terminals");
    for line in tables.lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
    assert!(tables.contains(" are as expected; searches finished: "), "{tables}");
}

/// The verdicts on a program of tests/programs: (choice, invariant, verdict).
fn judged(name: &str) -> Vec<(String, String, String)> {
    let path = format!("{}/tests/programs/{name}", env!("CARGO_MANIFEST_DIR"));
    let output = replicheck(&["check", "--program", &path, "--json", "-", "--quiet"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    let word = |row: &serde_json::Value, field: &str| row[field].as_str().expect(field).to_owned();
    assert!(rows.iter().all(|row| word(row, "scenario") == name));
    rows.iter().map(|row| (word(row, "choice"), word(row, "invariant"), word(row, "verdict"))).collect()
}

fn verdict<'a>(judged: &'a [(String, String, String)], choice: &str, invariant: &str) -> &'a str {
    let found = judged.iter().find(|(of, about, _)| of == choice && about == invariant);
    &found.expect("it is judged").2
}

#[test]
fn program_founding_is_searched_exhaustively() {
    let judged = judged("founding.txt");
    assert!(judged.iter().all(|(_, _, verdict)| verdict == "holds" || verdict == "violated"));
    assert_eq!(verdict(&judged, "key_hash", "convergence"), "violated");
    for strategy in Strategy::safe() {
        assert_eq!(verdict(&judged, strategy.name(), "convergence"), "holds");
    }
}

#[test]
fn program_captured_from_a_real_redis_is_sampled() {
    let judged = judged("monitor.txt");
    let drawn = |verdict: &str| ["sampled", "violated", "refused"].contains(&verdict);
    assert!(judged.iter().all(|(_, _, verdict)| drawn(verdict)));
    assert_eq!(verdict(&judged, "key_hash", "convergence"), "violated");
    assert_eq!(verdict(&judged, "serial", "prefix"), "sampled");
    assert_eq!(verdict(&judged, "absolute", "same_value"), "violated");
    assert_eq!(verdict(&judged, "log_clock", "past_read"), "sampled");
    // The capture has a RENAME, which is undefined under a strategy that splits commands.
    for (choice, invariant, verdict) in &judged {
        assert_eq!(verdict == "refused", choice == "key_hash+commands", "{choice} {invariant}: {verdict}");
    }
}

#[test]
fn program_with_deadlines_at_the_ends_of_time_is_judged_and_told() {
    let programs = [
        ("last_instant", "SET k v\nPEXPIREAT k 9223372036854775807\n", true),
        ("far_instant", "SET k v PXAT 6000000000000000000\n", true),
        ("long_life", "SET k v PX 9223372035854775350\nAPPEND k w\n", true),
        ("first_instant", "SET k v PXAT 1\nSET k v\nPEXPIREAT k -9223372036854775808\n", false),
        ("zero", "SET k v\nEXPIRE k 0\nSET k v\nEXPIREAT k 0\n", false),
        ("late_capture", "9007199254740.9 [0 a:1] \"SET\" \"k\" \"5\" \"PX\" \"9000000000000000\"\n", false),
    ];
    for (name, program, lives_for_ever) in programs {
        let path = file(&format!("{name}.txt"), program);
        let output = replicheck(&["check", "--program", &path, "--json", "-"]);
        let tables = text(&output.stderr);
        // A key that outlives every run makes the verdicts incomplete, and is named.
        assert_eq!(output.status.code(), Some(i32::from(lives_for_ever)), "{name}: {tables}");
        assert_eq!(tables.contains("k never dies"), lives_for_ever, "{name}: {tables}");
        let rows: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).expect("JSON");
        let choices = |model: &str| rows.iter().filter(|row| row["model"] == model).count();
        assert!(choices("ordering") > 0 && choices("expiry") > 0, "{name}: {tables}");
        assert!(!tables.contains("panicked"), "{name}: {tables}");
        // The drawing may be as wide as its text needs, but not because of its axis.
        let mut lines = tables.lines().filter(|line| !line.starts_with("run again: "));
        assert!(lines.all(|line| line.chars().count() <= 110), "{name}: {tables}");
    }
}

#[test]
fn program_too_heavy_is_refused_before_the_search_with_line_bytes_and_limit() {
    let limit = replicheck::models::program::BYTES_MAX;
    let set = |bytes: usize| format!("SET k {}\n", "v".repeat(bytes));
    let programs = [
        ("one_range", "# heavy\nSET k v EX 1\nSETRANGE k 20000000 x\n".to_owned(), 3, 20_000_001),
        ("huge_range", "SETRANGE k 536870911 x\n".to_owned(), 1, 536_870_912),
        ("one_value", set(limit), 1, limit),
        ("copies", set(limit / 8) + &"COPY k a REPLACE\n".repeat(40), 7, limit),
        ("deleted", "DEL a\n".to_owned() + &format!("DEL {}\n", "k".repeat(limit)), 2, limit),
    ];
    for (name, program, line, bytes_min) in programs {
        let path = file(&format!("{name}.txt"), &program);
        let said = refused(&["check", "--program", &path, "--json", "-"]);
        let begins =
            format!("error: {path}: line {line}: too much to keep: with this write the program comes to ");
        let rest = said.strip_prefix(&begins).unwrap_or_else(|| panic!("{said}"));
        let (bytes, rest) = rest.split_once(' ').expect("a number");
        let bytes: usize = bytes.parse().expect("a number");
        assert!(bytes > bytes_min && bytes < bytes_min + limit, "{name}: {bytes}");
        assert!(rest.starts_with(&format!("bytes, and at most {limit} can be judged")), "{said}");
    }
}

#[test]
fn catalogue_json_has_the_fields_of_the_interface_and_nothing_is_missed() {
    let nowhere = file("no_results", "");
    let output = replicheck(&["catalogue", "--json", "-", "--results", &nowhere]);
    let table = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{table}");
    assert!(
        table.contains(" cures hold; ") && table.contains("outside of the engine's scope: Lua"),
        "{table}"
    );
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).expect("stdout is JSON");
    let fields = "counterexample cure cure_holds id invariant layers report system";
    for row in &rows {
        let mut names: Vec<&str> = row.as_object().expect("an object").keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names.join(" "), fields);
        let layers = row["layers"].as_object().expect("an object");
        assert_eq!(layers.len(), 5);
        for (layer, cell) in layers {
            let known = ["found", "n/a", "not_run"].map(serde_json::Value::from);
            assert!(known.contains(cell), "{layer}: {row}");
        }
    }
    let found: Vec<_> = rows.iter().filter(|row| row["layers"]["model"] == "found").collect();
    assert!(found.len() >= 20);
    for row in found {
        assert!(
            row["cure_holds"] == true && row["cure"].is_string() && row["invariant"].is_string(),
            "{row}"
        );
        assert!(row["counterexample"].as_array().is_some_and(|steps| !steps.is_empty()), "{row}");
    }
}

#[test]
fn catalogue_one_bug_is_told_in_full() {
    let output = replicheck(&["catalogue", "r29"]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    for part in
        ["R29 Pika", "pika#2760", "SETEX k 10 100; INCR k", "expiry absolute", "pksetat: holds", "⇒  Broken"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(said.lines().all(|line| line.chars().count() <= 100), "{said}");
    let output = replicheck(&["catalogue", "R13"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("outside of the engine's scope: Lua"));
}

#[test]
fn catalogue_wrong_arguments_and_results_are_refused() {
    assert!(refused(&["catalogue", "R25"]).contains("unknown bug 'R25' (known: R01, R02"));
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("results");
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    let file = folder.join("loom.json");
    std::fs::write(&file, "[{}]").expect("the file can be written");
    let folder = folder.to_str().expect("the path is UTF-8");
    assert!(
        refused(&["catalogue", "R01", "--results", folder])
            .contains("loom.json: not an array of test results")
    );
    std::fs::write(&file, r#"[{"tool": "loom", "case": "R01", "outcome": "missed"}]"#)
        .expect("the file can be written");
    let output = replicheck(&["catalogue", "R01", "--results", folder]);
    assert_eq!(output.status.code(), Some(1), "a tool missed the bug");
    assert!(text(&output.stdout).contains("loom ✗ missed"));
}

#[test]
fn catalogue_results_of_another_commit_are_stale_where_git_can_tell() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("stale");
    // A checkout of its own, so that the result does not depend on where the test runs.
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    let git = |args: &[&str]| {
        let name = ["-c", "user.name=replicheck", "-c", "user.email=replicheck@localhost"];
        Command::new("git").arg("-C").arg(&folder).args(name).args(args).output()
    };
    let Ok(made) = git(&["init", "--quiet"]) else {
        println!("skipped: git not found");
        return;
    };
    assert!(made.status.success(), "{}", text(&made.stderr));
    let committed = git(&["commit", "--quiet", "--allow-empty", "--message", "empty"]).expect("git is there");
    assert!(committed.status.success(), "{}", text(&committed.stderr));
    let head = text(&git(&["rev-parse", "HEAD"]).expect("git is there").stdout).trim().to_owned();
    let said = |commit: &str, path: Option<&str>| {
        let row = format!(r#"[{{"tool": "loom", "case": "R01", "outcome": "found", "commit": "{commit}"}}]"#);
        std::fs::write(folder.join("loom.json"), row).expect("the file can be written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_replicheck"));
        command.args(["catalogue", "R01", "--json", "-", "--results"]).arg(&folder);
        if let Some(path) = path {
            command.env("PATH", path);
        }
        let output = command.output().expect("the binary runs");
        assert_eq!(output.status.code(), Some(0));
        let rows: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        (rows[0]["layers"]["loom"].as_str().expect("a word").to_owned(), text(&output.stderr))
    };
    assert_eq!(said(&head, None).0, "found");
    let (cell, full) = said("1a2b3c", None);
    assert!(cell == "not_run" && full.contains("loom stale"), "{cell}: {full}");
    assert_eq!(said("1a2b3c", Some("/nowhere/at/all")).0, "found", "without git no commit is compared");
}
