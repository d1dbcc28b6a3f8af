//! Program files: typed commands and captures of MONITOR.

use crate::property::properties;
use replicheck::command::table;
use replicheck::models::program::{Program, parse, parse_readable};
use replicheck::models::program_file;
use replicheck::models::unread;
use replicheck::time::Millis;

const FOUNDING: &[u8] = include_bytes!("../programs/founding.txt");
/// The output of a real Redis; programs/capture.py made it.
const MONITOR: &[u8] = include_bytes!("../programs/monitor.txt");

/// The same, with transactions.
const TRANSACTIONS: &[u8] = include_bytes!("../programs/transactions.txt");

fn read(file: impl AsRef<[u8]>) -> Program {
    parse(file.as_ref()).unwrap_or_else(|error| panic!("{error}"))
}

/// Each write as `line: command (db)`, with `@` and the instant at which it ran.
fn listed(program: &Program) -> Vec<String> {
    let at = |at: Option<Millis>| at.map_or(String::new(), |at| format!(" @{}", at.0));
    program.commands.iter().map(|line| format!("{}: {:?}{}", line.line, line.request, at(line.at))).collect()
}

fn skipped(program: &Program) -> String {
    let names = program.skipped.iter().map(|(name, count)| format!("{name} {count}"));
    names.collect::<Vec<_>>().join(", ")
}

fn refused(file: impl AsRef<[u8]>) -> String {
    parse(file.as_ref()).map_or_else(|error| error.to_string(), |program| panic!("taken: {program:?}"))
}

#[test]
fn program_founding_is_read() {
    let program = read(FOUNDING);
    assert_eq!(listed(&program), ["2: SET a b", "3: SET a c", "4: FLUSHDB"]);
    assert_eq!((program.reads, program.started), (0, None));
}

#[test]
fn program_typed_commands_keep_line_and_database() {
    let program = read(
        b"# comment\n\nHSET h f 'it\\'s'\r\n  \t\nHGET h f\nselect 3\nDEL h \"\\x00\xff\" \xff\nPING\nSELECT 0\nFLUSHDB",
    );
    let expected = ["3: HSET h f \"it's\"", r#"7: DEL h "\x00\xff" "\xff" (db 3)"#, "10: FLUSHDB"];
    assert_eq!(listed(&program), expected);
    assert_eq!((program.reads, skipped(&program)), (1, "ping 1".to_owned()));
}

#[test]
fn program_without_commands_is_empty() {
    for file in ["", "\n", "# nothing\n\n", "OK\n", "OK"] {
        assert_eq!(read(file), Program::default(), "{file:?}");
    }
}

#[test]
fn program_capture_keeps_instants_and_databases() {
    let program = read(
        "OK\n\
         1700000000.123999 [0 127.0.0.1:6] \"COMMAND\" \"DOCS\"\n\
         1700000000.124000 [0 127.0.0.1:6] \"DEL\" \"a b\"\n\
         1700000001.500000 [3 [::1]:6] \"hset\" \"h\" \"] \\\"f\" \"OK\"\r\n\
         1700000001.400000 [15 unix:/tmp/a b] c] \"FLUSHDB\"\n\
         1700000001.600000 [0 lua] \"EXPIRE\" \"h\" \"1\"\n\
         1700000001.600001 [9 127.0.0.1:6] \"select\" \"9\"\n\
         1700000001.600002 [9 127.0.0.1:6] \"hget\" \"h\" \"f\"\n\
         1700000001.600003 [9 127.0.0.1:6] \"client\" \"no-evict\" \"on\"\n",
    );
    let expected = [
        "3: DEL \"a b\" @1",
        r#"4: hset h "] \"f" OK (db 3) @1377"#,
        // The server's clock was set back.
        "5: FLUSHDB (db 15) @1377",
        "6: EXPIRE h 1 @1477",
    ];
    assert_eq!(listed(&program), expected);
    assert_eq!(program.started, Some(Millis(1_700_000_000_123)));
    assert_eq!((program.reads, skipped(&program)), (1, "client 1, command 1, select 1".to_owned()));
}

#[test]
fn program_errors_name_their_line() {
    let monitor = |line: &str| format!("OK\n1700000000.000001 [0 127.0.0.1:6] \"PING\"\n{line}\n");
    let after = |command: &str| monitor(&format!("1700000000.000002 [0 127.0.0.1:6] {command}"));
    let not_monitor =
        "line 3: not a line of a MONITOR capture: expected seconds.microseconds [db client] \"command\" …";
    let cases = [
        ("DEL a\n\nFOO\n".into(), "line 3: unknown command 'FOO', with args beginning with: "),
        ("FOO a 'b c'\n".into(), "line 1: unknown command 'FOO', with args beginning with: 'a' 'b c' "),
        ("# a\nHDEL a\n".into(), "line 2: wrong number of arguments for 'hdel' command"),
        ("\n\n\n\n\n\nDEL 'a".into(), "line 7: unbalanced quotes"),
        ("DEL a\0".into(), r#"line 1: a raw byte 00: write it as "\x00""#),
        ("SELECT 16".into(), "line 1: DB index is out of range"),
        ("SELECT a".into(), "line 1: DB index is out of range"),
        ("CLIENT LIST".into(), "line 1: unknown command 'CLIENT', with args beginning with: 'LIST' "),
        ("DEL a\nmulti\nDEL b".into(), "line 2: MULTI without EXEC: the file ends within this transaction"),
        ("MULTI\nDEL b\nMULTI".into(), "line 1: MULTI without EXEC: the file ends within this transaction"),
        ("MULTI\nDEL b\nMULTI\nEXEC".into(), "line 3: MULTI within MULTI, which began in line 1"),
        ("DEL a\nEXEC".into(), "line 2: EXEC without MULTI"),
        (after("\"MULTI\""), "line 3: MULTI without EXEC: the file ends within this transaction"),
        ("DEL a\nOK".into(), "line 2: unknown command 'OK', with args beginning with: "),
        (after("\"EXEC\""), "line 3: EXEC without MULTI"),
        (after("\"XADD\" \"a\""), "line 3: unknown command 'XADD', with args beginning with: 'a' "),
        (after("\"HDEL\" \"a\""), "line 3: wrong number of arguments for 'hdel' command"),
        (after("\"DEL\" \"a"), "line 3: unbalanced quotes"),
        (monitor("1700000000.2 [16 127.0.0.1:6] \"DEL\" \"a\""), "line 3: DB index is out of range"),
        (monitor("1700000000.2 [999 127.0.0.1:6] \"DEL\" \"a\""), "line 3: DB index is out of range"),
        (monitor("DEL a"), not_monitor),
        (monitor("OK"), not_monitor),
        (monitor("1700000000.2 [0 127.0.0.1:6]"), not_monitor),
        (monitor("99999999999999999999.2 [0 127.0.0.1:6] \"DEL\" \"a\""), not_monitor),
    ];
    for (file, text) in cases {
        assert_eq!(refused(&file), text, "{file:?}");
    }
}

properties! {
    fn prop_program_any_bytes_do_not_panic(file: Vec<u8>, line: usize, byte: u8) -> bool {
        // A capture with one damaged byte is either read, or refused with the damaged line or a later one.
        let mut damaged = MONITOR.to_vec();
        let at = line % damaged.len();
        damaged[at] = byte;
        let first = 1 + MONITOR[..at].iter().filter(|&&byte| byte == b'\n').count();
        // Damage to the first time stamp turns the file into typed commands, which are refused at the first line.
        let stamp = MONITOR.iter().position(|&byte| byte == b'"').unwrap_or(0) + 1;
        let _ = parse(&file);
        parse(&damaged).map_or_else(|error| error.line >= first || at < stamp, |_| true)
    }
}

#[test]
fn program_weight_of_a_huge_range_is_told_without_making_it() {
    let program = read("SET k v\nSETRANGE k 536870911 x\n");
    let mut told = None;
    let memory = allocation_counter::measure(|| told = program.check_weight().err());
    let told = told.expect("it is refused").to_string();
    assert!(
        told.starts_with("line 2: too much to keep: with this write the program comes to 5368709"),
        "{told}"
    );
    assert!(memory.bytes_max < 100_000, "{} bytes were taken", memory.bytes_max);
    for light in ["SETRANGE k 536870912 x", "SETRANGE k -1 x", "SETRANGE k 500000000 ''", "SETRANGE k 9 x"] {
        assert_eq!(read(light).check_weight(), Ok(()), "{light}");
    }
}

#[test]
fn program_capture_of_a_real_redis_is_read() {
    let program = read(MONITOR);
    assert_eq!((program.commands.len(), program.reads), (86, 28));
    assert_eq!(skipped(&program), "client 1, command 2, echo 1, hello 1, info 1, ping 1, select 12");
    assert_eq!(program.scripts.iter().collect::<Vec<_>>(), [(&"eval".to_owned(), &1)]);
    let flushes = program.commands.iter().filter(|line| line.request.commands()[0].name() == "flushdb");
    assert_eq!(flushes.count(), 4);
    let lasted = program.commands.last().and_then(|line| line.at).expect("the capture has instants");
    assert!(lasted > Millis(1500), "keys of the capture live up to a second: {lasted}");
    for pair in program.commands.windows(2) {
        assert!(pair[0].line < pair[1].line && pair[0].at <= pair[1].at);
    }
}

#[test]
fn program_transaction_is_one_write_in_the_place_of_its_exec() {
    let program = read(
        b"SET a 1\nmulti\nSET a 2\nGET a\nSELECT 3\nINCR b\nExec\nINCR b\n\
          MULTI\nSELECT 4\nSET a 3\nDISCARD\nWATCH a\nUNWATCH\nDEL a\nMULTI\nGET a\nEXEC\n",
    );
    let expected = [
        "1: SET a 1",
        "7: MULTI; SET a 2; INCR b (db 3); EXEC",
        "8: INCR b (db 3)",
        // DISCARD also drops the SELECT.
        "15: DEL a (db 3)",
    ];
    assert_eq!(listed(&program), expected);
    assert_eq!((program.reads, skipped(&program)), (2, "discard 1, unwatch 1, watch 1".to_owned()));
}

#[test]
fn program_transactions_of_a_captured_redis_are_told_apart_by_client() {
    let program = read(TRANSACTIONS);
    let writes: Vec<String> = listed(&program)
        .into_iter()
        .map(|line| line.split_once(" @").expect("a capture has instants").0.to_owned())
        .collect();
    let expected = [
        "3: SET b 1",
        "8: MULTI; SET a 1; SET c 1; EXEC",
        "9: SET a 2",
        "13: MULTI; INCR b; SETEX b 100 x (db 3); EXEC",
        // WATCH saw this one, so the next EXEC ran nothing. Nor did those after DISCARD, a refused command and RESET.
        "15: SET a 3",
        // The MULTI within this transaction was refused, and its script ran in it.
        "31: MULTI; SET script x; FLUSHDB; SET a 8; EXEC",
        "35: DEL a",
    ];
    assert_eq!(writes, expected);
    assert_eq!((program.reads, program.scripts.get("eval")), (1, Some(&1)));
}

#[test]
fn program_transaction_without_exec_is_left_out_and_told() {
    let (program, unread) = parse_readable(b"SET a 1\nMULTI\nSET a 2\nXADD s\nSET a 3\n");
    assert_eq!(listed(&program), ["1: SET a 1"]);
    let lines: Vec<usize> = unread.iter().map(|line| line.error.line).collect();
    assert_eq!(lines, [2, 4]);
    assert_eq!(parse(b"MULTI\nXADD s\n").expect_err("two errors").line, 1);
}

#[test]
fn program_reads_of_types_that_are_not_supported_are_reads() {
    let monitor = |command: &str| format!("1700000000.000001 [0 127.0.0.1:6] {command}\n");
    let typed = [
        "xrange s - +",
        "XREAD COUNT 1 STREAMS s 0",
        "SORT l",
        "GEORADIUS g 0 0 1 km",
        "JSON.GET j $",
        "FT.SEARCH i *",
        "HTTL h FIELDS 1 f",
        "VSIM v ELE a",
    ];
    for text in typed {
        let quoted: String = text.split(' ').map(|word| format!(" \"{word}\"")).collect();
        for file in [format!("SET a 1\n{text}\n"), monitor("\"SET\" \"a\" \"1\"") + &monitor(quoted.trim())] {
            let program = read(&file);
            assert_eq!((program.reads, program.commands.len(), program.skipped.len()), (1, 1, 0), "{file}");
        }
    }
    let writes =
        ["SORT l STORE k", "GEORADIUS g 0 0 1 km STORE k", "XREADGROUP g", "JSON.SET j $ 1", "XADD2 k"];
    for text in writes {
        assert!(refused(text).starts_with("line 1: unknown command"), "{text}");
    }
}

/// A wrong number of arguments for a command that is supported is an error, also of a read.
#[test]
fn program_supported_command_without_arguments_is_an_error() {
    for spec in table().filter(|spec| spec.arity.unsigned_abs() > 1) {
        assert!(refused(spec.name).starts_with("line 1: wrong number of arguments"), "{}", spec.name);
    }
}

#[test]
fn program_lines_that_cannot_be_read_are_all_given_with_counts_by_command() {
    let (program, lines) = parse_readable(b"XADD l 1\nSET a 1\nxadd l 2\nMULTI\nSET a 'x\nGET a\nSET\n");
    assert_eq!((program.commands.len(), program.reads), (1, 1));
    let told: Vec<(&str, usize)> =
        lines.iter().map(|line| (line.command.as_str(), line.error.line)).collect();
    assert_eq!(told, [("XADD", 1), ("XADD", 3), ("MULTI", 4), ("SET", 5), ("SET", 7)]);
    assert_eq!(unread::counts(&lines), "XADD: 2, SET: 2, MULTI: 1");
    let words = unread::in_words(&lines);
    assert!(
        words.starts_with("5 lines cannot be read:\n  XADD: 2 (lines 1, 3): unknown command 'XADD'"),
        "{words}"
    );
    assert!(
        words.contains("\n  SET: 2 (lines 5, 7): unbalanced quotes\n  MULTI: 1 (line 4): MULTI without EXEC"),
        "{words}"
    );
    assert_eq!(unread::in_words(&lines[4..]), "line 7: wrong number of arguments for 'set' command");
}

/// What a program file has of a program.
fn kept(program: &Program) -> Vec<(String, Option<Millis>)> {
    program.commands.iter().map(|line| (format!("{:?}", line.request), line.at)).collect()
}

#[test]
fn program_written_to_a_file_is_read_back() {
    let typed: &[u8] = b"SET a 1\nSELECT 3\nHSET h 'it\\'s' \"\\x00\xff\"\nSELECT 0\nFLUSHDB\n";
    let late: &[u8] =
        b"1700000000.250999 [0 a:1] \"GET\" \"a\"\n1700000001.007000 [2 a:1] \"SET\" \"a\" \"\\\"\\\\\"\n";
    let transaction: &[u8] = b"SELECT 2\nMULTI\nSET a 'x y'\nSELECT 3\nDEL a\nEXEC\nSELECT 0\nFLUSHDB\n";
    for file in [typed, late, transaction, MONITOR, TRANSACTIONS, FOUNDING] {
        let program = read(file);
        let text = program_file::text(&program, &["of a test".to_owned()]);
        let again = read(&text);
        assert_eq!(kept(&again), kept(&program), "{text}");
        assert_eq!((again.started, again.begins()), (program.started, program.begins()), "{text}");
        assert!(text.starts_with("# of a test\n"));
    }
}
