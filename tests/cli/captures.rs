//! `check --program` with captures and long programs: lines that cannot be read, and programs that are cut down.

use super::{file, refused, replicheck, text};

/// A capture with lines of commands that replicheck does not have, reads of such types, and a script.
const CAPTURE: &str = r#"OK
1700000000.100000 [0 127.0.0.1:6] "SET" "session:1" "alice" "EX" "30"
1700000000.200000 [0 127.0.0.1:6] "XADD" "jobs" "a"
1700000000.300000 [0 127.0.0.1:6] "XRANGE" "jobs" "-" "+"
1700000000.400000 [0 127.0.0.1:6] "GEOADD" "board" "1" "alice"
1700000000.500000 [0 127.0.0.1:6] "xadd" "jobs" "b"
1700000000.600000 [0 127.0.0.1:6] "EVAL" "redis.call('SET', KEYS[1], '1')" "1" "s"
1700000000.600001 [0 lua] "SET" "s" "1"
1700000000.700000 [0 127.0.0.1:6] "FLUSHDB"
1700000000.8"#;

#[test]
fn capture_with_unsupported_lines_tells_all_of_them_at_once() {
    let path = file("captured.txt", CAPTURE);
    let said = refused(&["check", "--program", &path]);
    for part in [
        "captured.txt: 4 lines cannot be read:",
        "\n  XADD: 2 (lines 3, 6): unknown command 'XADD'",
        "\n  GEOADD: 1 (line 5): ",
        "\n  no line of MONITOR: 1 (line 10): ",
        "\n--skip-unsupported goes on without them",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let nothing = file("captured_lists.txt", "XADD a 1\nXADD a 2\n");
    assert!(refused(&["check", "--program", &nothing, "--skip-unsupported"]).contains("no write is left"));
}

#[test]
fn capture_without_unsupported_lines_says_so_with_every_verdict() {
    let path = file("captured_skip.txt", CAPTURE);
    let args = ["check", "--program", &path, "--skip-unsupported", "--choice", "key_hash", "--json", "-"];
    let output = replicheck(&args);
    let said = text(&output.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(output.status.code(), Some(0), "{said}");
    let without = "without lines that cannot be read (XADD: 2, GEOADD: 1, no line of MONITOR: 1)";
    let left_out = "3 writes; left out: reads: 1; calls of scripts, whose commands are lines of their own (eval: 1); lines \
                    that cannot be read (XADD: 2, ";
    assert!(said.contains(left_out) && said.contains(&format!("note {without}")), "{said}");
    assert!(said.contains(" --skip-unsupported"), "the command that runs it again: {said}");
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(rows.iter().all(|row| row["note"] == without), "{rows:?}");
}

/// Two writes that matter, among many.
fn long() -> String {
    let noise = |from: usize| (from..from + 8).map(|n| format!("SET noise:{n} {n}\n")).collect::<String>();
    format!("{}SET a 1\n{}FLUSHDB\n{}", noise(0), noise(8), noise(16))
}

#[test]
fn long_program_is_cut_down_to_a_file_that_breaks_the_same() {
    let path = file("long_flush.txt", &long());
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("cut down");
    let _ = std::fs::remove_dir_all(&folder);
    let shrunk = folder.to_str().expect("UTF-8");
    let args = [
        "check",
        "--program",
        &path,
        "--choice",
        "key_hash",
        "--seed",
        "7",
        "--shrunk",
        shrunk,
        "--json",
        "-",
    ];
    let output = replicheck(&args);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    let row = rows.iter().find(|row| row["invariant"] == "convergence").expect("it is judged");
    let program: Vec<&str> =
        row["program"].as_array().expect("commands").iter().filter_map(|it| it.as_str()).collect();
    assert_eq!(program.len(), 2, "{program:?}");
    assert!(program.contains(&"FLUSHDB"), "{program:?}");
    assert!(said.contains("cut down from 26 to 2 writes, of which none can be left out"), "{said}");
    // The file is judged alike, by the command that is printed.
    let cut = row["program_file"].as_str().expect("a file");
    assert!(
        std::fs::read_to_string(cut)
            .expect("the file")
            .starts_with("# Cut down from the 26 writes of long_flush.txt")
    );
    let again = said.lines().find_map(|line| line.strip_prefix("run again: replicheck ")).expect("a command");
    let (options, program) = again.split_once(" --program ").expect("a program");
    assert_eq!(program, format!("'{cut}'"), "the folder's name has a space");
    let args: Vec<&str> = options.split(' ').chain(["--program", cut, "--require", "convergence"]).collect();
    let again = replicheck(&args);
    assert_eq!(again.status.code(), Some(1), "{}", text(&again.stderr));
    assert!(text(&again.stdout).contains("convergence is ✗ 8, required ✓"), "{}", text(&again.stdout));
}

#[test]
fn long_program_that_breaks_nothing_leaves_no_file() {
    let path = file("long_serial.txt", &long());
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("nothing_cut");
    let shrunk = folder.to_str().expect("UTF-8");
    let output = replicheck(&["check", "--program", &path, "--choice", "serial", "--shrunk", shrunk]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    assert!(!folder.exists());
}

#[test]
fn capture_of_transactions_is_judged_with_each_of_them_as_one_write() {
    let capture = concat!(
        "1700000000.100000 [0 127.0.0.1:6] \"MULTI\"\n",
        "1700000000.200000 [0 127.0.0.1:7] \"SET\" \"b\" \"1\"\n",
        "1700000000.300000 [0 127.0.0.1:6] \"SET\" \"a\" \"1\"\n",
        "1700000000.300001 [0 127.0.0.1:6] \"SET\" \"c\" \"1\"\n",
        "1700000000.300002 [0 127.0.0.1:6] \"EXEC\"\n",
    );
    let path = file("captured_transactions.txt", capture);
    let output = replicheck(&["check", "--program", &path, "--choice", "key_hash", "--json", "-"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("2 writes"), "{said}");
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    let row = rows.iter().find(|row| row["invariant"] == "prefix").expect("it is judged");
    let program: Vec<&str> =
        row["program"].as_array().expect("lines").iter().filter_map(|it| it.as_str()).collect();
    assert!(program.join("; ").contains("MULTI; SET a 1; SET c 1; EXEC"), "{program:?}");
    let cut = file("captured_multi.txt", &capture.replace("\"EXEC\"", "\"PING\""));
    let said = refused(&["check", "--program", &cut]);
    assert!(said.contains("captured_multi.txt: line 1: MULTI without EXEC"), "{said}");
}
