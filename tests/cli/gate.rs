//! `check` as a gate: `--require`, `--allow-sampled`, `--workers`, `--quiet`, `--junit`, and the last line.

use super::{file, refused, replicheck, text};
use std::process::Output;

fn last_line(output: &Output) -> String {
    text(&output.stdout).lines().last().unwrap_or_default().to_owned()
}

#[test]
fn require_exit_code_is_about_what_holds() {
    let flush = file("gate_flush.txt", "SET a 1\nFLUSHDB\n");
    let rows: [(&str, &str, i32); 5] = [
        ("serial", "convergence,prefix", 0),
        ("serial,sequence", "prefix", 0),
        // It is broken, which is what is expected.
        ("key_hash", "convergence", 1),
        ("serial,key_hash", "convergence", 1),
        ("key_hash", "progress", 0),
    ];
    for (choice, invariants, code) in rows {
        let args = ["check", "--program", &flush, "--choice", choice, "--require", invariants, "--quiet"];
        let output = replicheck(&args);
        assert_eq!(output.status.code(), Some(code), "{choice} {invariants}: {}", text(&output.stdout));
        assert!(last_line(&output).starts_with(&format!("Exit code {code}: ")), "{}", last_line(&output));
    }
    let args = [
        "check",
        "--program",
        &flush,
        "--choice",
        "serial",
        "--choice",
        "key_hash",
        "--require",
        "convergence",
    ];
    let output = replicheck(&args);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    assert!(said.contains(" ! ordering / key_hash / gate_flush.txt: convergence is ✗"), "{said}");
    assert!(!said.contains("expected ✓") && !said.contains("as expected"), "{said}");
}

#[test]
fn require_over_every_program_counts_named_scenarios_too() {
    let output = replicheck(&["check", "--choice", "key_hash", "--require", "convergence", "--quiet"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    assert!(
        said.contains(" ! ordering / key_hash / flushdb_reordered: convergence is ✗ 11, required ✓"),
        "{said}"
    );
}

#[test]
fn require_sampled_passes_only_if_allowed_and_refused_never() {
    let long = file("gate_long.txt", &"SET a 1\nINCR a\n".repeat(6));
    let args = ["check", "--program", &long, "--choice", "serial", "--require", "prefix", "--schedules", "3"];
    let output = replicheck(&args);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    assert!(text(&output.stdout).contains("prefix is sampled, required ✓ (--allow-sampled lets it pass)"));
    assert!(text(&output.stdout).contains("; 3 schedules drawn at random"), "{}", text(&output.stdout));
    assert_eq!(replicheck(&[&args[..], &["--allow-sampled"]].concat()).status.code(), Some(0));
    let renames = file("gate_renames.txt", "SET a 1\nRENAME a b\n");
    let args = [
        "check",
        "--program",
        &renames,
        "--choice",
        "key_hash+commands",
        "--require",
        "progress",
        "--allow-sampled",
    ];
    assert_eq!(replicheck(&args).status.code(), Some(1), "refused is no verdict that holds");
}

#[test]
fn require_wrong_uses_are_refused() {
    let said = refused(&["check", "--choice", "serial", "--require", "prefix,past_read"]);
    assert!(
        said.contains("past_read is not judged of serial: model ordering judges progress, convergence"),
        "{said}"
    );
    assert!(refused(&["check", "--require", "prefix"]).contains("--choice"), "--choice is required");
    assert!(refused(&["check", "--choice", "serial", "--require", "prefxi"]).contains("prefix"));
    assert!(refused(&["check", "--choice", "serial", "--allow-sampled"]).contains("--require"));
    assert!(refused(&["check", "--choice", "serial,serail"]).contains("unknown choice 'serail'"));
}

#[test]
fn workers_are_those_of_the_ordering_model() {
    let flush = file("gate_workers.txt", "SET a 1\nFLUSHDB\n");
    for (workers, verdict) in [("1", 0), ("2", 1), ("3", 1)] {
        let args = [
            "check",
            "--program",
            &flush,
            "--choice",
            "key_hash",
            "--require",
            "convergence",
            "--workers",
            workers,
        ];
        let output = replicheck(&args);
        let said = text(&output.stdout);
        assert_eq!(output.status.code(), Some(verdict), "{workers}: {said}");
        assert!(said.contains(&format!(", {workers} workers, ")), "{said}");
        assert!(verdict == 0 || said.contains(&format!(" --workers {workers} --program ")), "{said}");
    }
    assert!(refused(&["check", "--choice", "key_hash", "--workers", "1"]).contains("--program"));
    assert!(refused(&["check", "--choice", "log_clock", "--workers", "3"]).contains("ordering"));
    refused(&["check", "--workers", "9"]);
}

#[test]
fn quiet_prints_verdicts_and_no_story() {
    let flush = file("gate_quiet.txt", "SET a 1\nFLUSHDB\n");
    let args = ["check", "--program", &flush, "--choice", "key_hash"];
    let (told, quiet) = (replicheck(&args), replicheck(&[&args[..], &["--quiet"]].concat()));
    let told = text(&told.stdout);
    assert!(
        told.contains("run again: replicheck check --model ordering --choice key_hash --program "),
        "{told}"
    );
    let quiet = text(&quiet.stdout);
    assert!(
        quiet.contains("key_hash") && quiet.contains('✗') && quiet.contains("Exit code 0: each ✗"),
        "{quiet}"
    );
    assert!(
        !quiet.contains("run again") && !quiet.contains("signs ") && quiet.lines().count() < 16,
        "{quiet}"
    );
}

#[test]
fn junit_has_a_suite_for_each_choice_and_a_case_for_each_invariant() {
    let flush = file("gate_junit.txt", "SET a 1\nFLUSHDB\n");
    let path = file("gate_junit.xml", "");
    let args = ["check", "--program", &flush, "--choice", "serial,key_hash", "--junit", &path];
    assert_eq!(replicheck(&args).status.code(), Some(0));
    let read = || std::fs::read_to_string(&path).expect("it was written");
    let failures = |text: &str| {
        let xml = roxmltree::Document::parse(text).expect("XML");
        let all = |name: &str| xml.descendants().filter(|node| node.has_tag_name(name)).count();
        assert_eq!((all("testsuite"), all("testcase")), (2, 12), "{text}");
        all("failure")
    };
    assert_eq!(failures(&read()), 0, "key_hash may break it");
    assert_eq!(replicheck(&[&args[..], &["--require", "convergence"]].concat()).status.code(), Some(1));
    assert_eq!(failures(&read()), 1, "{}", read());
    assert!(
        refused(&["check", "--junit", "/nowhere/at/all.xml"]).contains("/nowhere/at/all.xml: No such file")
    );
}
