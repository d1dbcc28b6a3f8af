//! Verdicts of `probe run`: doctored reads of a replica → the invariants that they break, and those that they do not.

use replicheck::binlog::Lsn;
use replicheck::effect::Key;
use replicheck::invariant::AtRest;
use replicheck::models::provoke::timed::{self, Stored as Both};
use replicheck::models::provoke::{History, Recording, Sight, judged, keys_of, story};
use replicheck::models::request::{Request, of_ours};
use replicheck::store::{Content, Dump, Stored};
use replicheck::time::Millis;

/// A program, reads with the number of requests that had been sent, the read at the end, and what is broken.
struct Case {
    name: &'static str,
    program: &'static [&'static str],
    reads: &'static [(usize, &'static str)],
    end: Option<&'static str>,
    broken: &'static [&'static str],
}

const NOTHING: &[&str] = &[];
const BACK: &[&str] = &["per_key_order", "monotonic_reads", "prefix"];
const NEVER_THERE: &[&str] = &["per_key_order", "prefix"];
const AT_THE_END: &[&str] = &["convergence", "per_key_order", "prefix"];

const CASES: &[Case] = &[
    Case {
        name: "each state in its turn",
        program: &["SET a 1", "RPUSH l x", "SET a 2", "FLUSHDB"],
        reads: &[(0, ""), (2, "a=1"), (2, "a=1 l=[x]"), (4, "a=2 l=[x]"), (4, "")],
        end: Some(""),
        broken: NOTHING,
    },
    Case {
        name: "an absent key may be any of its deletions",
        program: &["SET a 1", "DEL a", "SET a 2", "DEL a"],
        reads: &[(4, ""), (4, "a=1"), (4, ""), (4, "a=2"), (4, "")],
        end: Some(""),
        broken: NOTHING,
    },
    Case {
        name: "a value that the master had twice may be the later one",
        program: &["SET a 1", "SET a 2", "SET a 1"],
        reads: &[(3, "a=1"), (3, "a=2"), (3, "a=1")],
        end: Some("a=1"),
        broken: NOTHING,
    },
    Case {
        name: "a key goes back",
        program: &["SET a 1", "SET a 2"],
        reads: &[(2, "a=2"), (2, "a=1")],
        end: None,
        broken: BACK,
    },
    Case {
        name: "a key is absent after its only deletion was seen to be past",
        program: &["DEL a", "SET a 1", "SET a 2"],
        reads: &[(3, "a=2"), (3, "")],
        end: None,
        broken: BACK,
    },
    Case {
        name: "a value that was used up is seen once more",
        program: &["SET a 1", "SET a 2", "SET a 1"],
        reads: &[(3, "a=2"), (3, "a=1"), (3, "a=2")],
        end: None,
        broken: BACK,
    },
    Case {
        name: "a value that never was",
        program: &["SET a 1"],
        reads: &[(1, "a=9")],
        end: None,
        broken: NEVER_THERE,
    },
    Case {
        name: "a value that was not sent yet",
        program: &["SET a 1", "SET a 2"],
        reads: &[(1, "a=2")],
        end: None,
        broken: NEVER_THERE,
    },
    Case {
        name: "a later write without an earlier one",
        program: &["SET a 1", "SET b 1"],
        reads: &[(2, "b=1")],
        end: Some("a=1 b=1"),
        broken: &["prefix"],
    },
    Case {
        name: "half of a transaction",
        program: &["MULTI", "SET a 1", "SET b 1", "EXEC"],
        reads: &[(1, "a=1")],
        end: Some("a=1 b=1"),
        broken: &["prefix"],
    },
    Case {
        name: "the end lacks a write",
        program: &["SET a 1", "INCR c"],
        reads: &[],
        end: Some("a=1"),
        broken: AT_THE_END,
    },
    Case {
        name: "FLUSHDB overtook a write",
        program: &["SET a 1", "FLUSHDB"],
        reads: &[(2, "")],
        end: Some("a=1"),
        broken: AT_THE_END,
    },
    Case {
        name: "an element twice",
        program: &["RPUSH l x"],
        reads: &[(1, "l=[x,x]")],
        end: Some("l=[x]"),
        broken: &["per_key_order", "exactly_once", "prefix"],
    },
    Case {
        name: "a counter beyond all that was added",
        program: &["INCR c", "INCRBY c 2"],
        reads: &[(2, "c=5")],
        end: None,
        broken: &["per_key_order", "exactly_once", "prefix"],
    },
    Case {
        name: "a lost DEL doubles nothing",
        program: &["RPUSH l x", "DEL l", "RPUSH l y"],
        reads: &[(3, "l=[x,y]")],
        end: None,
        broken: NEVER_THERE,
    },
];

fn content(text: &str) -> Content {
    match text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        Some(items) => Content::List(items.split(',').map(|item| item.as_bytes().to_vec()).collect()),
        None => Content::String(text.as_bytes().to_vec()),
    }
}

/// `a=1 l=[x,y]`.
fn dump(text: &str) -> Dump {
    let key = |pair: &str| {
        let (key, value) = pair.split_once('=').expect("KEY=VALUE");
        (Key::new(0, key), Stored { content: content(value), deadline: None })
    };
    text.split_whitespace().map(key).collect()
}

fn recording(requests: &[Request], case: &Case, is_at_once: bool) -> Recording {
    let sights = case.reads.iter().map(|(sent, text)| Sight { sent: *sent, dump: dump(text) });
    Recording {
        keys: keys_of(requests).into_iter().collect(),
        is_at_once,
        sights: sights.collect(),
        rest: None,
        end: case.end.map(dump),
    }
}

fn broken(case: &Case, is_at_once: bool) -> Vec<&'static str> {
    let requests = of_ours(case.program);
    let history = History::of(&requests).expect("a program without time");
    let recording = recording(&requests, case, is_at_once);
    let broken = judged(&history, &recording).broken;
    for one in &broken {
        let story = story(&requests, &history, &recording, one);
        assert!(story.breaks(one.invariant) && !one.evidence.how.is_empty(), "{}: {one:?}", case.name);
    }
    let mut names: Vec<&str> = broken.iter().map(|broken| broken.invariant.name()).collect();
    names.sort_unstable();
    names
}

#[test]
fn verdicts_on_doctored_reads_are_exact() {
    let mut wrong = Vec::new();
    for case in CASES {
        let (mut expected, broken) = (case.broken.to_vec(), broken(case, true));
        expected.sort_unstable();
        if broken != expected {
            wrong.push(format!("{}: {broken:?}, expected {expected:?}", case.name));
        }
    }
    assert_eq!(wrong, [""; 0], "{}", wrong.join("\n"));
}

#[test]
fn prefix_of_keys_that_were_not_read_at_once_is_not_judged_from_reads() {
    for case in CASES.iter().filter(|case| case.end.is_none() || case.broken == ["prefix"]) {
        assert!(!broken(case, false).contains(&"prefix"), "{}", case.name);
    }
}

#[test]
fn position_that_is_not_reached_breaks_progress_alone() {
    let requests = of_ours(&["SET a 1"]);
    let history = History::of(&requests).expect("a program without time");
    for (applied, expected) in [(99, NOTHING), (98, &["progress"])] {
        let applied = Lsn(applied);
        let rest = AtRest {
            logged: Lsn(99),
            admitted: applied,
            applied,
            published: applied,
            readers_are_in: true,
            admits_more: true,
        };
        let recording =
            Recording { keys: Vec::new(), is_at_once: true, sights: Vec::new(), rest: Some(rest), end: None };
        let broken = judged(&history, &recording).broken;
        assert_eq!(broken.iter().map(|broken| broken.invariant.name()).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn history_of_what_depends_on_time_or_gets_an_error_is_refused() {
    for (program, reason) in [
        (&["SET a 1 PX 5"][..], "time"),
        (&["SETEX a 5 1"], "time"),
        (&["SPOP s"], "chance"),
        (&["RENAME a b"], "no such key"),
    ] {
        let refused = History::of(&of_ours(program)).expect_err("its states are not known").to_string();
        assert!(refused.contains(reason), "{program:?}: {refused}");
    }
}

/// A string with a deadline: `k=1@8`; without one: `k=1`.
fn timed_dump(text: &str) -> Dump {
    let key = |pair: &str| {
        let (pair, deadline) =
            pair.split_once('@').map_or((pair, None), |(pair, at)| (pair, at.parse().ok()));
        let (key, value) = pair.split_once('=').expect("KEY=VALUE");
        (Key::new(0, key), Stored { content: content(value), deadline: deadline.map(Millis) })
    };
    text.split_whitespace().map(key).collect()
}

#[test]
fn verdicts_on_what_both_nodes_hold_at_an_equal_position_are_exact() {
    // The later clock is 10.
    for (master, replica, expected) in [
        ("k=1@20", "k=1@20", NOTHING),
        ("k=1@20", "k=2@20", &["same_value"]),
        ("k=1@20", "k=1@21", &["same_deadline"]),
        ("k=1@20", "k=1", &["same_deadline", "no_immortal_key"]),
        ("", "k=1", &["same_value", "no_immortal_key"]),
        ("k=1", "", &["same_value"]),
        ("k=1@10", "", NOTHING),
        ("", "k=1@9", NOTHING),
        ("", "k=1@11", &["same_value"]),
    ] {
        let both =
            Both { master: timed_dump(master), replica: timed_dump(replica), latest_clock: Millis(10) };
        let broken = timed::broken(&both);
        assert_eq!(
            broken.iter().map(|it| it.name()).collect::<Vec<_>>(),
            expected,
            "master {master:?}, replica {replica:?}"
        );
        for invariant in broken {
            assert!(timed::story(&timed::drawn(1, 1), &both, invariant).breaks(invariant));
        }
    }
}
