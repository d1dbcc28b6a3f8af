//! Whole traces: the verdict of the proved checker on their batches, in any order of the lines; and the other faults.

use super::trace_check::{random_log, random_run};
use crate::seed::Seed;
use replicheck::effect::KeySet;
use replicheck::ordering::Strategy;
use replicheck::trace_check::judged::{Judged, Lines, NotATrace, Wrong, judge, judge_in_pieces};
use replicheck::trace_check::line::{BatchLine, KeysOf, TraceLine};
use replicheck::trace_check::{Written, first_wrong, in_log_order};

fn judged(text: &str, is_complete: bool) -> Result<Judged, NotATrace> {
    judge(Lines::read(text.as_bytes(), |_| {})?, is_complete)
}

/// Lines made of `LSN,LSN KEYS START-FINISH` and fields in JSON: `*` is everything, `-` no key, `restart` a restart.
fn trace(lines: &[&str]) -> String {
    let line = |line: &&str| {
        let mut words = line.split(' ');
        let (lsns, keys, ticks) = (words.next(), words.next(), words.next());
        let (Some(lsns), Some(keys), Some((start, finish))) =
            (lsns, keys, ticks.and_then(|it| it.split_once('-')))
        else {
            return "{\"version\":1,\"restart\":true}\n".to_owned();
        };
        let keys = match keys {
            "*" => "\"everything\"".to_owned(),
            "-" => "[]".to_owned(),
            keys => format!("{:?}", keys.split(',').collect::<Vec<_>>()),
        };
        let more: String = words.map(|word| format!(",{word}")).collect();
        format!(
            "{{\"version\":1,\"lsns\":[{lsns}],\"keys\":{keys},\"start\":{start},\"finish\":{finish}{more}}}\n"
        )
    };
    lines.iter().map(line).collect()
}

/// The kinds of faults, each with the lines that it names.
fn wrong(lines: &[&str], is_complete: bool) -> Vec<(&'static str, Vec<usize>)> {
    let judged = judged(&trace(lines), is_complete).expect("a trace");
    let lines_of = |wrong: &Wrong| wrong.places().iter().map(|place| place.line).collect();
    judged.wrong.iter().map(|wrong| (wrong.kind(), lines_of(wrong))).collect()
}

/// A job as a line: keys of each entry, or of all together where no other batch can be between them.
fn line(log: &[KeySet], written: &Written) -> String {
    let Written { lsns, part, start, finish } = written.clone();
    let keys = |at: u64| &log[usize::try_from(at - 1).expect("a place")];
    let keys = match &part {
        Some(key) => KeysOf::Together((&KeySet::of([key.clone()])).into()),
        None if lsns.windows(2).all(|pair| pair[0].0 + 1 == pair[1].0) => {
            let mut all = KeySet::empty();
            lsns.iter().for_each(|lsn| all.extend(keys(lsn.0)));
            KeysOf::Together((&all).into())
        }
        None => KeysOf::Each(lsns.iter().map(|lsn| keys(lsn.0).into()).collect()),
    };
    let batch = BatchLine { lsns, keys, start, finish, marker: None, published: None };
    TraceLine::Batch(batch).to_json().expect("JSON") + "\n"
}

#[test]
fn judged_run_of_any_strategy_is_as_the_proved_checker_says() {
    let first = Seed::of_this_run();
    let (mut right, mut refused, mut apart) = (0, 0, 0);
    for (&strategy, seed) in
        Strategy::ALL.iter().flat_map(|it| first.and_next(300).map(move |seed| (it, seed)))
    {
        let mut random = fastrand::Rng::with_seed(seed);
        let log = random_log(&mut random);
        let mut written = random_run(strategy, &log, &mut random);
        random.shuffle(&mut written);
        let batches = in_log_order(&log, &written).expect("the whole log");
        let text: String = written.iter().map(|written| line(&log, written)).collect();
        apart += usize::from(text.contains("keys_of"));
        let found = judged(&text, true).expect("a trace").wrong;
        let Some(expected) = first_wrong(&batches).map(|at| &batches[at]) else {
            assert_eq!(found, [], "{}, seed={seed}: {text}", strategy.name());
            right += 1;
            continue;
        };
        let [Wrong::NotWaitedFor { earlier, later, .. }] = &found[..] else {
            panic!("{}, seed={seed}: {found:?} of {text}", strategy.name())
        };
        let ticks = (expected.start, expected.finish);
        assert_eq!((later.start, later.finish), ticks, "{}, seed={seed}: {text}", strategy.name());
        assert!(earlier.lsn < later.lsn && earlier.finish >= later.start, "seed={seed}: {found:?} of {text}");
        let pieces = Lines::read(text.as_bytes(), |_| {}).and_then(|lines| judge_in_pieces(lines, true, 1));
        assert_eq!(pieces.expect("a trace").wrong, found, "{}, seed={seed}: {text}", strategy.name());
        refused += 1;
    }
    assert!(right > 1000 && refused > 100 && apart > 100, "{right} right, {refused} refused, {apart} apart");
}

#[test]
fn judged_pieces_of_any_length_come_to_the_same() {
    let first = Seed::of_this_run();
    let mut refused = 0;
    for seed in first.and_next(2000) {
        let mut random = fastrand::Rng::with_seed(seed);
        // Every entry starts while the one before it is being written, and shares no key with it, but for a slip now and then.
        let lines: Vec<String> = (1..40)
            .map(|lsn| {
                let (key, start) = (if lsn % 2 == 0 { "a" } else { "b" }, 10 * lsn);
                let finish =
                    start + if random.u8(..50) == 0 { random.u64(20..200) } else { random.u64(..20) };
                let key = if random.u8(..20) == 0 { "c" } else { key };
                format!("{lsn} {key} {start}-{finish}")
            })
            .collect();
        let text = trace(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        let read = || Lines::read(text.as_bytes(), |_| {}).expect("a trace");
        let whole = judge(read(), true).expect("a trace");
        refused += usize::from(!whole.wrong.is_empty());
        for piece_min in [1, 2, 7] {
            assert_eq!(
                judge_in_pieces(read(), true, piece_min).expect("a trace"),
                whole,
                "seed={seed}: {text}"
            );
        }
    }
    assert!((200..1800).contains(&refused), "{refused} of 2000 refused");
}

#[test]
fn judged_batches_out_of_order_are_named_by_kind_and_line() {
    let rows: [(&[&str], &str, &[usize]); 7] = [
        (&["7 a 12-15", "8 a 14-18"], "overlapped", &[1, 2]),
        (&["8 a 1-2", "7 a 3-4"], "overtaken", &[2, 1]),
        (&["7 a 1-2", "8 * 2-3"], "overlapped", &[1, 2]),
        (&["7 a 5-4"], "backwards", &[1]),
        // What is not in the way is not named.
        (&["9 a,c 3-9", "7 a 1-2", "8 b 1-9", "10 b,d 4-5"], "overlapped", &[3, 4]),
        // Parts of entry 8: the one of b did not wait.
        (&["7 b 1-4", "8 a 2-3", "8 b,c 4-6"], "overlapped", &[1, 3]),
        // A batch of two entries, and another one's entry between them.
        (&["7,9 a 1-2", "8 a 3-4"], "overtaken", &[2, 1]),
    ];
    for (lines, kind, named) in rows {
        let expected = vec![(kind, named.to_vec())];
        let found = wrong(lines, false);
        let is_overlap = found.len() == 1 && found[0].1 == expected[0].1 && kind != "backwards";
        assert!(found == expected || (is_overlap && found[0].0 == kind), "{lines:?}: {found:?}");
    }
    let right: [&[&str]; 5] = [
        &["8 a 3-4", "7 a 1-2"],
        &["7 a 1-9", "8 b 2-3"],
        &["7 a 1-9", "8 - 2-3"],
        &["7 a 1-2", "8 a 3-4", "8 b 1-9"],
        &["7,8 a 1-2", "9,12 a,b 3-4", "20 * 5-6"],
    ];
    for lines in right {
        assert_eq!(wrong(lines, false), [], "{lines:?}");
    }
}

/// Keys of many entries together may be stricter than the entries are: then the words say so.
#[test]
fn judged_keys_of_entries_together_are_stricter_and_say_so() {
    let together = trace(&["7,9 a,b 1-2", "8 a 3-4"]);
    let found = judged(&together, false).expect("a trace").wrong;
    assert!(found[0].in_words().contains("`keys_of` tells whose they are"), "{}", found[0].in_words());
    let apart = together.replacen(r#""keys":["a", "b"]"#, r#""keys_of":[["a"],["b"]]"#, 1);
    assert_ne!(apart, together);
    assert_eq!(judged(&apart, false).expect("a trace").wrong, []);
    let found = judged(&apart.replacen(r#"["b"]"#, r#"["a"]"#, 1), false).expect("a trace").wrong;
    assert!(found.len() == 1 && !found[0].in_words().contains("`keys_of`"), "{found:?}");
}

#[test]
fn judged_entry_written_twice_is_wrong_unless_the_replica_restarted() {
    let twice: [(&[&str], &[usize]); 5] = [
        (&["7 a 1-2", "8 b 1-2", "7 a 3-4"], &[1, 3]),
        (&["7 a,b 1-2", "7 c,b 1-2"], &[1, 2]),
        (&["7 * 1-2", "7 a 3-4"], &[1, 2]),
        (&["7 a 1-2", "7 - 3-4"], &[1, 2]),
        (&["7,8 a 1-2", "8,9 a 3-4"], &[1, 2]),
    ];
    for (lines, named) in twice {
        assert_eq!(wrong(lines, false), [("twice", named.to_vec())], "{lines:?}");
    }
    assert_eq!(
        wrong(&["7 a 1-2", "8 b 1-2", "restart", "7 a 1-2", "8 a 2-3"], false),
        [("overlapped", vec![4, 5])]
    );
    assert_eq!(wrong(&["7 a 1-2", "restart", "restart", "7 a 0-1", "8 a 2-3"], false), []);
}

#[test]
fn judged_marker_or_published_ahead_of_what_is_written_is_wrong() {
    for field in ["marker", "published"] {
        let told = |lsn: u64| format!("\"{field}\":{lsn}");
        let line = |line: &str, lsn: u64| format!("{line} {}", told(lsn));
        let found = |lines: &[String]| wrong(&lines.iter().map(String::as_str).collect::<Vec<_>>(), false);
        // The marker counts the batch itself, and what is not in the trace.
        let right = [line("3 a 1-2", 3), line("5 b 3-9", 2), line("4 c 3-4", 4), line("6 d 5-10", 6)];
        assert_eq!(found(&right), []);
        let ahead = [line("3 a 1-2", 3), line("5 b 3-9", 5), line("4 c 3-4", 5)];
        assert_eq!(found(&ahead), [(field, vec![2, 3])]);
        // Parts count once all of them are written.
        assert_eq!(found(&[line("3 a 1-2", 3), line("3 b 1-5", 3)]), [(field, vec![2, 1])]);
        // An earlier run wrote entry 4.
        let again = [
            line("3 a 1-2", 3),
            "4 b 3-4".to_owned(),
            "restart".to_owned(),
            line("3 a 5-6", 4),
            line("4 b 7-8", 4),
        ];
        assert_eq!(found(&again), []);
    }
    let found = judged(&trace(&["3 a 1-2 \"marker\":4", "4 b 1-7"]), false).expect("a trace").wrong;
    let words = "the marker of line 1 says that all entries up to 4 are written at tick 2, but entry 4 was not until tick 7";
    assert_eq!(found[0].in_words(), words);
}

#[test]
fn judged_missing_entries_are_counted_and_wrong_only_where_all_have_to_be_there() {
    let lines = ["3 a 1-2", "4 a 3-4", "7,9 b 1-2"];
    let judged = judged(&trace(&lines), false).expect("a trace");
    assert_eq!((judged.window.0.0, judged.window.1.0, judged.entries, judged.batches), (3, 9, 4, 3));
    assert_eq!(
        (judged.missing.map(|(lsn, entries)| (lsn.0, entries)), judged.wrong.len()),
        (Some((5, 3)), 0)
    );
    assert_eq!(wrong(&lines, true), [("missing", vec![])]);
    assert_eq!(wrong(&lines[..2], true), []);
}

#[test]
fn judged_text_that_is_no_trace_is_refused_with_line_and_reason() {
    let good = trace(&["7 a 1-2", "8 b 3-4"]);
    let refused = |text: &str| judged(text, false).expect_err("no trace").to_string();
    assert_eq!(refused(""), "no batch in it, so there is nothing to judge");
    assert_eq!(refused("{\"version\":1,\"restart\":true}\n"), "no batch in it, so there is nothing to judge");
    assert!(refused(&format!("{good}\nSET a 1\n")).starts_with("line 4: expected value at line 1 column 1"));
    // A last line that the replica did not finish is left out; one that cannot become a line is not.
    let cut = judged(&format!("{good}{{\"version\":1,\"lsns\":[9],\"ke"), false).expect("a trace");
    assert_eq!((cut.cut_short, cut.batches), (Some(3), 2));
    assert!(refused(&format!("{good}{{\"version\":1,\"lsns\":[x")).starts_with("line 3: "));
    assert!(refused(&format!("{good}{{\"version\":1,\"lsns\":[9],\"ke\n")).starts_with("line 3: "));
    let parts = trace(&["7,8 a 1-2", "8 b 3-4"]);
    assert!(refused(&parts).starts_with("line 1: entry 8 is written in parts"), "{}", refused(&parts));
}

#[test]
fn judged_pair_is_drawn_in_the_order_of_its_ticks() {
    let found = judged(&trace(&["7 a 12-15", "8 a 14-18"]), false).expect("a trace").wrong;
    let drawn = "
         12        14        15        18
line 1   ├───────────────────┤                   entry 7
line 2             ├───────────────────┤         entry 8
";
    assert_eq!(format!("\n{}", found[0].drawn()), drawn);
    let words = "entry 8 depends on entry 7 (both touch a), but it started at tick 14 although entry 7 had not finished";
    assert_eq!(found[0].in_words(), words);
}
