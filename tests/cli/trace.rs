//! `replicheck trace check`: verdicts and exit codes, and the two sample emitters, compiled and judged.

use super::schema::fault_by;
use super::{file, refused, replicheck, text};
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const SCHEMA: &str = include_str!("../../src/trace_check/verdicts.schema.json");

const RIGHT: &str = "{\"version\":1,\"lsns\":[8],\"keys\":[\"a\"],\"start\":16,\"finish\":18}
{\"version\": 1, \"lsns\": [7], \"keys\": [\"a\"], \"start\": 12, \"finish\": 15}
";

/// The trace with entry 8 started too early.
fn wrong() -> String {
    RIGHT.replace(":16", ":14")
}

#[test]
fn trace_check_right_trace_exits_with_0() {
    let path = file("right.jsonl", RIGHT);
    let output = replicheck(&["trace", "check", "--complete", &path]);
    let said = format!(
        "✓ {path}: 2 batches of 2 entries, LSNs 7 to 8: each batch waited for the batches that it depends on\n"
    );
    assert_eq!((text(&output.stdout), output.status.code()), (said, Some(0)), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "", "progress is for terminals");
}

#[test]
fn trace_check_wrong_trace_exits_with_1_and_tells_both_lines() {
    let path = file("wrong.jsonl", &wrong());
    let output = replicheck(&["trace", "check", &path]);
    let said = "
✗ overlapped: entry 8 depends on entry 7 (both touch a), but it started at tick 14 although entry 7 had not finished

         12        14        15        18
line 2   ├───────────────────┤                   entry 7
line 1             ├───────────────────┤         entry 8

line 2: {\"version\": 1, \"lsns\": [7], \"keys\": [\"a\"], \"start\": 12, \"finish\": 15}
line 1: {\"version\":1,\"lsns\":[8],\"keys\":[\"a\"],\"start\":14,\"finish\":18}
";
    let said = format!("✗ {path}: 2 batches of 2 entries, LSNs 7 to 8\n{said}");
    assert_eq!((text(&output.stdout), output.status.code()), (said, Some(1)), "{}", text(&output.stderr));
}

#[test]
fn trace_check_missing_entries_are_a_note_unless_the_trace_has_to_be_complete() {
    let gap = file("gap.jsonl", &RIGHT.replace("[8]", "[9]"));
    let output = replicheck(&["trace", "check", &gap]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        said.contains(" ! 1 LSN is missing between the lowest and the highest LSN, the first is 8: "),
        "{said}"
    );
    let output = replicheck(&["trace", "check", "--complete", &gap]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("✗ missing: entry 8 is missing\n"), "{said}");
}

#[test]
fn trace_check_notes_tell_runs_and_a_line_that_is_cut_short() {
    let runs =
        file("runs.jsonl", &format!("{RIGHT}{{\"version\":1,\"restart\":true}}\n{RIGHT}{{\"version\":1,"));
    let output = replicheck(&["trace", "check", &runs]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        said.contains(" ! 2 runs: each is judged by itself") && said.contains(" ! line 6 is cut short"),
        "{said}"
    );
}

#[test]
fn trace_check_file_that_is_no_trace_is_refused_with_line_and_reason() {
    let bad =
        file("bad.jsonl", &format!("{RIGHT}\n{{\"version\":1,\"lsns\":[9],\"keys\":[],\"start\":1}}\n"));
    assert_eq!(refused(&["trace", "check", &bad]), format!("error: {bad}: line 4: `finish` is missing\n"));
    let newer = file("newer.jsonl", "{\"version\":2,\"entries\":[9]}\n");
    let said = format!("error: {newer}: line 1: a line of version 2; this program knows version 1\n");
    assert_eq!(refused(&["trace", "check", &newer]), said);
    assert!(refused(&["trace", "check", &file("empty.jsonl", "")]).contains("nothing to judge"));
    assert!(refused(&["trace", "check", "/nowhere/at/all"]).contains("/nowhere/at/all: No such file"));
    assert!(refused(&["trace", "check", "--json", "/nowhere/at/all", &bad]).contains("/nowhere/at/all: "));
    refused(&["trace", "check"]);
}

/// The verdicts in `json`, which fit the schema.
fn verdicts(json: &[u8]) -> Value {
    let verdicts = serde_json::from_slice(json).expect("JSON");
    assert_eq!(fault_by(SCHEMA, &verdicts), None, "{verdicts:#}");
    verdicts
}

#[test]
fn trace_check_json_tells_the_verdict() {
    let path = file("wrong_json.jsonl", &wrong());
    let output = replicheck(&["trace", "check", "--json", "-", &path]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).starts_with("✗ "), "{}", text(&output.stderr));
    let verdict = &verdicts(&output.stdout)[0];
    let facts = ["version", "verdict", "batches", "entries", "first_lsn", "last_lsn", "missing", "runs"];
    let facts: Vec<String> = facts.iter().map(|field| verdict[field].to_string()).collect();
    assert_eq!(facts.join(" "), "1 \"wrong\" 2 2 7 8 0 1");
    let found = &verdict["wrong"][0];
    assert_eq!(
        (&found["kind"], &found["lines"][1]["number"]),
        (&"overlapped".into(), &1.into()),
        "{verdict:#}"
    );
}

#[test]
fn trace_check_several_files_judges_each_and_exits_with_1_if_one_is_wrong() {
    let (right, bad) = (file("several_right.jsonl", RIGHT), file("several_wrong.jsonl", &wrong()));
    let json = format!("{right}.json");
    for (files, code) in [([&right, &right], 0), ([&right, &bad], 1), ([&bad, &right], 1)] {
        let output = replicheck(&["trace", "check", "--json", &json, files[0], files[1]]);
        assert_eq!(output.status.code(), Some(code), "{files:?}");
        let verdicts = verdicts(&std::fs::read(&json).expect("it was written"));
        for (file, verdict) in files.iter().zip(verdicts.as_array().expect("an array")) {
            let (sign, word) = if *file == &right { ("✓", "right") } else { ("✗", "wrong") };
            assert_eq!((&verdict["file"], &verdict["verdict"]), (&file.as_str().into(), &word.into()));
            assert!(text(&output.stdout).contains(&format!("{sign} {file}: 2 batches")), "{output:?}");
        }
    }
    let output = replicheck(&["trace", "check", &right, "/nowhere/at/all"]);
    assert_eq!(output.status.code(), Some(2), "a file that cannot be read");
}

#[test]
fn trace_check_verdict_with_a_fault_does_not_fit_the_schema() {
    let output = replicheck(&["trace", "check", "--json", "-", &file("schema_wrong.jsonl", &wrong())]);
    let good = verdicts(&output.stdout);
    for (place, value) in [
        ("/0/verdict", Value::from("right")),
        ("/0/verdict", "fine".into()),
        ("/0/wrong", Value::Array(vec![])),
        ("/0/wrong/0/kind", "late".into()),
        ("/0/wrong/0/lines/0/number", 0.into()),
        ("/0/missing", (-1).into()),
        ("", Value::Array(vec![])),
    ] {
        let mut verdicts = good.clone();
        *verdicts.pointer_mut(place).expect("it is there") = value;
        assert!(fault_by(SCHEMA, &verdicts).is_some(), "{place}");
    }
}

#[test]
fn trace_check_help_has_examples() {
    for flag in ["--help", "-h"] {
        let said = text(&replicheck(&["trace", "check", flag]).stdout);
        assert!(said.contains("Examples:\n  replicheck trace check trace.jsonl"), "{said}");
    }
}

/// Runs `trace check` on standard input; returns its exit code and its output.
fn judged(trace: &[u8]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_replicheck"));
    command.args(["trace", "check", "--complete", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn().expect("the binary runs");
    child.stdin.take().expect("a pipe").write_all(trace).expect("it reads");
    let output = child.wait_with_output().expect("the binary ends");
    (output.status.code(), text(&output.stdout) + &text(&output.stderr))
}

/// A sample emitter's traces: its default is right, and its bug is found.
fn is_judged_as_it_must_be(emitter: &Path) {
    for (mode, code) in [("conflicts", 0), ("key_hash", 1)] {
        let output = Command::new(emitter).arg(mode).output().expect("the emitter runs");
        assert!(output.status.success(), "{}", text(&output.stderr));
        let (found, said) = judged(&output.stdout);
        assert_eq!(found, Some(code), "{mode}: {said}");
        assert!(said.contains("300 batches of 300 entries"), "{said}");
        let is_overlap = said.contains("✗ overlapped: ") || said.contains("✗ overtaken: ");
        assert_eq!(is_overlap, code == 1, "{said}");
    }
}

/// Compiles a sample emitter; `None`, and said: there is no such compiler.
fn compiled(compiler: &str, flags: &[&str], source: &str) -> Option<PathBuf> {
    let emitter = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{source}_emitter"));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/emitters").join(source);
    let output = Command::new(compiler).args(flags).arg("-o").arg(&emitter).arg(&source).output();
    let Ok(output) = output else {
        eprintln!("skipped: {compiler} not found");
        return None;
    };
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "", "warnings");
    Some(emitter)
}

#[test]
fn trace_check_emitter_in_rust_is_right_and_its_bug_is_found() {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let emitter = compiled(&rustc, &["--edition=2024"], "trace_emitter.rs");
    emitter.iter().for_each(|emitter| is_judged_as_it_must_be(emitter));
}

#[test]
fn trace_check_emitter_in_cpp_is_right_and_its_bug_is_found() {
    let flags = ["-std=c++17", "-Wall", "-Wextra", "-pthread"];
    let emitter = compiled("c++", &flags, "trace_emitter.cpp");
    emitter.iter().for_each(|emitter| is_judged_as_it_must_be(emitter));
}
