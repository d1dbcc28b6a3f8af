//! Explained — all differences between the servers and the reference that are no faults, each with its reason. Pure.
//!
//! What `reference/answer.rs` leaves open (order of members and fields, random draws, how a HyperLogLog is spelt) is accepted
//! there, and is no row here.

use super::deadlines;
use super::server::Server;
use crate::engine::reference::{Answer, UNSPELT, in_resp2, in_the_shape_of};
use replicheck::command::{Command, Reply};
use replicheck::time::Millis;

/// A command that is sent, or is about to be.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// The time at which the case began.
    pub(super) now: Millis,
    pub(super) db: u8,
    pub(super) argv: Vec<Vec<u8>>,
    /// The reply of the reference.
    pub(super) answer: Answer,
}

impl Asked {
    fn is(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.argv[0].eq_ignore_ascii_case(name.as_bytes()))
    }
}

/// The reason for which a difference is no fault.
pub(super) enum Rule {
    /// The command is not sent: what it does to the data is left open.
    NotSent(fn(&Asked, Server) -> bool),
    /// The reply of this server is right, too.
    Right(fn(&Asked, Server, &Reply) -> bool),
}

/// A row of the table.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) reason: &'static str,
    pub(super) rule: Rule,
}

/// The latest deadline of a field in Redis 8, in milliseconds.
const FIELD_DEADLINE_MAX: i64 = (1 << 46) - 1;

/// How far apart two readings of a time to live may be, in milliseconds.
const TOLERANCE_MS: i64 = 60_000;

/// The commands on deadlines of fields.
const OF_REDIS_8: &[&str] = &[
    "hexpire",
    "hpexpire",
    "hexpireat",
    "hpexpireat",
    "httl",
    "hpttl",
    "hexpiretime",
    "hpexpiretime",
    "hpersist",
    "hsetex",
    "hgetex",
    "hgetdel",
];
/// Commands that create, move, remove or name a key beside those on hashes.
const OF_ANY_TYPE: &[&str] = &[
    "set",
    "get",
    "sadd",
    "del",
    "unlink",
    "copy",
    "rename",
    "renamenx",
    "move",
    "swapdb",
    "expire",
    "pexpire",
    "persist",
    "ttl",
    "exists",
    "type",
    "keys",
    "dbsize",
    "flushall",
    "flushdb",
    "smembers",
    "pexpiretime",
];
/// Most bytes of a string that a command creates because of a number.
const LONG_BYTES: usize = 1 << 20;

/// The table.
pub(super) const ROWS: &[Row] = &[
    Row {
        name: "SPOP of some members",
        reason: "each server draws others, and their data differ from then on; SPOP of all members is sent",
        rule: Rule::NotSent(|asked, _| match &asked.answer {
            Answer::Popped { from, wanted } => {
                let size = i128::try_from(from.len()).unwrap_or(i128::MAX);
                let taken = wanted.unwrap_or(1);
                0 < taken && taken < size
            }
            _ => false,
        }),
    },
    Row {
        name: "deadline that is near",
        reason: "it depends on the speed of this machine whether the key is still there",
        rule: Rule::NotSent(|asked, _| deadlines::is_near(&asked.argv, asked.now)),
    },
    Row {
        name: "HyperLogLog read as a string",
        reason: "its bytes are a server's own; drawn commands leave it alone, but shrinking makes such commands",
        rule: Rule::NotSent(
            |asked, _| matches!(&asked.answer, Answer::Exactly(Reply::Error(text)) if text.ends_with(UNSPELT)),
        ),
    },
    Row {
        name: "long string",
        reason: "SETBIT b 4294967295 1 writes 512 MB to the log and to the store, which takes longer than a reply is waited for",
        rule: Rule::NotSent(|asked, _| {
            let command = Command::parse(asked.db, asked.argv.clone());
            command.is_ok_and(|command| command.length_asked_for() > LONG_BYTES)
        }),
    },
    Row {
        name: "deadlines of fields",
        reason: "commands of Redis 8, which Redis 7.0 does not have",
        rule: Rule::NotSent(|asked, server| server == Server::Redis && asked.is(OF_REDIS_8)),
    },
    Row {
        name: "values that are no hashes",
        reason: "Redis 7.0 is asked about them; newer versions differ in edge cases: LREM l -9223372036854775808 x",
        rule: Rule::NotSent(|asked, server| {
            let is_of_hashes = asked.argv[0].first().is_some_and(|first| first.eq_ignore_ascii_case(&b'h'));
            server == Server::Valkey && !is_of_hashes && !asked.is(OF_ANY_TYPE)
        }),
    },
    Row {
        name: "cursor that is no number",
        reason: "Redis 7.0 reads 0 in an empty word, and counts -1 from the end; Valkey refuses both before it looks at the key",
        rule: Rule::NotSent(|asked, server| {
            let cursor = asked.argv.get(2).map(|word| String::from_utf8_lossy(word).parse::<u64>());
            server == Server::Valkey && asked.is(&["hscan"]) && cursor.is_some_and(|cursor| cursor.is_err())
        }),
    },
    Row {
        name: "deadlines of fields that Valkey accepts",
        reason: "it has later deadlines, two conditions, and NX and XX of HSETEX: src/command/hash/mod.rs has the table",
        rule: Rule::NotSent(|asked, server| {
            server == Server::Valkey
                && asked.is(OF_REDIS_8)
                && is_refused(asked)
                && may_be_accepted_by_valkey(&asked.argv)
        }),
    },
    Row {
        name: "deadlines of fields that Valkey refuses",
        reason: "with other texts, and after other checks: src/command/hash/mod.rs has the table",
        rule: Rule::Right(|asked, server, reply| {
            server == Server::Valkey
                && asked.is(OF_REDIS_8)
                && is_refused(asked)
                && matches!(reply, Reply::Error(_))
        }),
    },
    Row {
        name: "SCAN of no type",
        reason: "SCAN 0 TYPE none gives in Redis 7.0 the keys that it finds dead, as TYPE of such a key is none",
        rule: Rule::NotSent(|asked, _| {
            asked.is(&["scan"]) && asked.argv.iter().any(|word| word.eq_ignore_ascii_case(b"none"))
        }),
    },
    Row {
        name: "ZRANK WITHSCORE",
        reason: "an option of Redis 7.2: Redis 7.0 refuses ZRANK and ZREVRANK with more than two arguments",
        rule: Rule::NotSent(|asked, server| {
            server == Server::Redis && asked.is(&["zrank", "zrevrank"]) && asked.argv.len() > 3
        }),
    },
    Row {
        name: "LPOS RANK of the least integer",
        reason: "Redis 7.0 negates it, which overflows; newer versions refuse it, and so do we",
        rule: Rule::NotSent(|asked, _| {
            asked.is(&["lpos"]) && asked.argv.iter().any(|word| word == b"-9223372036854775808")
        }),
    },
    Row {
        name: "time to live",
        reason: "a server reads its clock when it executes a command, the reference has one time for a case",
        rule: Rule::Right(|asked, _, reply| {
            let unit_ms = match () {
                () if asked.is(&["ttl", "expiretime", "httl", "hexpiretime"]) => 1000,
                () if asked.is(&["pttl", "pexpiretime", "hpttl", "hpexpiretime"]) => 1,
                () => return false,
            };
            let Answer::Exactly(expected) = &asked.answer else { return false };
            are_near(expected, reply, TOLERANCE_MS.unsigned_abs() / unit_ms)
        }),
    },
    Row {
        name: "DBSIZE",
        reason: "Redis counts keys that are dead until it happens to remove them: SET a 1 PXAT 1, DBSIZE gives 1",
        rule: Rule::Right(|asked, server, reply| {
            let (Answer::Exactly(Reply::Integer(living)), Reply::Integer(got)) = (&asked.answer, reply)
            else {
                return false;
            };
            server != Server::Replicheck && asked.is(&["dbsize"]) && living <= got
        }),
    },
    Row {
        name: "minus zero",
        reason: "Redis keeps a score's sign of zero: ZADD z -0 a, ZSCORE z a gives -0; here zero has no sign",
        rule: Rule::Right(|asked, server, reply| {
            let is_of_scores = asked.argv[0].first().is_some_and(|first| first.eq_ignore_ascii_case(&b'z'));
            let unsigned = in_the_shape_of(&asked.answer, without_minus_zero(reply));
            server != Server::Replicheck && is_of_scores && in_resp2(asked.answer.clone()).accepts(&unsigned)
        }),
    },
    Row {
        name: "scan",
        reason: "cursors are a server's own, and so is how much one call returns; Redis reads any number as a cursor",
        rule: Rule::Right(|asked, server, reply| match &asked.answer {
            Answer::Scanned { items, from_the_start } => {
                is_part_of_scan(items, *from_the_start, server, reply)
            }
            _ => false,
        }),
    },
];

/// The same reply with `0` for each `-0`.
fn without_minus_zero(reply: &Reply) -> Reply {
    match reply {
        Reply::Bulk(word) if word == b"-0" => Reply::bulk("0"),
        Reply::Array(parts) => Reply::Array(parts.iter().map(without_minus_zero).collect()),
        other => other.clone(),
    }
}

/// Whether two replies, times or arrays of times, differ by at most that much. -1 and -2 are no times.
fn are_near(expected: &Reply, got: &Reply, tolerance: u64) -> bool {
    match (expected, got) {
        (Reply::Array(expected), Reply::Array(got)) => {
            let mut pairs = expected.iter().zip(got);
            expected.len() == got.len() && pairs.all(|(expected, got)| are_near(expected, got, tolerance))
        }
        (Reply::Integer(expected @ 1..), Reply::Integer(got @ 1..)) => got.abs_diff(*expected) <= tolerance,
        (expected, got) => expected == got,
    }
}

/// Whether one call of a scan may return this: some of the items, and all of them if the scan starts and ends with this call.
fn is_part_of_scan(items: &[Vec<Vec<u8>>], from_the_start: bool, server: Server, reply: &Reply) -> bool {
    if let Reply::Error(text) = reply {
        return server == Server::Replicheck && !from_the_start && text.starts_with("ERR invalid cursor: ");
    }
    let Reply::Array(parts) = reply else { return false };
    let [Reply::Bulk(cursor), Reply::Array(words)] = parts.as_slice() else { return false };
    let size = items.first().map_or(1, Vec::len);
    let found: Vec<Vec<Vec<u8>>> = words
        .chunks(size)
        .map(|item| {
            item.iter()
                .filter_map(|word| if let Reply::Bulk(word) = word { Some(word.clone()) } else { None })
        })
        .map(Iterator::collect)
        .collect();
    let is_whole = cursor == b"0" && from_the_start;
    found.iter().all(|item| items.contains(item))
        && (!is_whole || items.iter().all(|item| found.contains(item)))
}

/// Whether the reference refuses the command.
fn is_refused(asked: &Asked) -> bool {
    matches!(&asked.answer, Answer::Exactly(Reply::Error(_)))
}

/// Whether a command on deadlines of fields has something that Valkey accepts and Redis 8 does not.
fn may_be_accepted_by_valkey(argv: &[Vec<u8>]) -> bool {
    let words = || argv.iter().skip(2).map(|word| String::from_utf8_lossy(word).to_uppercase());
    let is_condition = |word: &String| ["NX", "XX", "GT", "LT"].contains(&word.as_str());
    let is_late = |word: String| word.parse::<i64>().is_ok_and(|number| number > FIELD_DEADLINE_MAX / 1000);
    words().filter(is_condition).count() > 1
        || (argv[0].eq_ignore_ascii_case(b"hsetex") && words().any(|word| is_condition(&word)))
        || words().any(is_late)
}

#[cfg(test)]
mod tests {
    use super::*;
    use replicheck::command::line::split;
    use replicheck::store::element::Score;

    const NOW: Millis = Millis(1_800_000_000_000);

    fn asked(line: &str, answer: Answer) -> Asked {
        Asked { now: NOW, db: 0, argv: split(line.as_bytes()).expect("a line"), answer }
    }

    /// The names of the rows that explain a reply, or, without one, that the command is not sent.
    fn explaining(asked: &Asked, reply: Option<&Reply>) -> Vec<&'static str> {
        let rows = ROWS.iter().filter(|row| match (&row.rule, reply) {
            (Rule::NotSent(is_left_out), None) => is_left_out(asked, Server::Redis),
            (Rule::Right(is_right), Some(reply)) => is_right(asked, Server::Replicheck, reply),
            _ => false,
        });
        rows.map(|row| row.name).collect()
    }

    #[test]
    fn commands_whose_data_are_left_open_are_not_sent() {
        let members = ["a", "b"].map(|name| name.as_bytes().to_vec());
        let popped = |wanted| Answer::Popped { from: members.clone().into(), wanted };
        for (line, answer, expected) in [
            ("SPOP s", popped(None), "SPOP of some members"),
            ("SPOP s 1", popped(Some(1)), "SPOP of some members"),
            ("SPOP s 2", popped(Some(2)), ""),
            ("SPOP s 0", popped(Some(0)), ""),
            ("EXPIRE s 10", Answer::Exactly(Reply::Integer(1)), "deadline that is near"),
            ("HPERSIST h FIELDS 1 f", Answer::Exactly(Reply::Null), "deadlines of fields"),
            ("SETBIT b 4294967295 1", Answer::Exactly(Reply::Integer(0)), "long string"),
            ("SETBIT b 7 1", Answer::Exactly(Reply::Integer(0)), ""),
            ("ZRANK z m WITHSCORE", Answer::Exactly(Reply::Null), "ZRANK WITHSCORE"),
            ("ZRANK z m", Answer::Exactly(Reply::Null), ""),
            (
                "LPOS l m RANK -9223372036854775808",
                Answer::Exactly(Reply::Null),
                "LPOS RANK of the least integer",
            ),
            ("EXPIRE s 1000000000", Answer::Exactly(Reply::Integer(1)), ""),
        ] {
            assert_eq!(explaining(&asked(line, answer), None).join(" "), expected, "{line}");
        }
    }

    #[test]
    fn replies_within_a_row_are_explained_and_others_are_not() {
        let items = || vec![vec![b"a".to_vec()], vec![b"b".to_vec()]];
        let scanned = |from_the_start| Answer::Scanned { items: items(), from_the_start };
        let page = |cursor: &str, words: &[&str]| {
            let words = words.iter().map(|word| Reply::bulk(*word)).collect();
            Reply::Array(vec![Reply::bulk(cursor), Reply::Array(words)])
        };
        let time = |left| Answer::Exactly(Reply::Integer(left));
        let array = |left: [i64; 2]| Reply::Array(left.map(Reply::Integer).into());
        let times = |left| Answer::Exactly(array(left));
        for (line, answer, reply, expected) in [
            ("PTTL a", time(1_000_000), Reply::Integer(999_990), "time to live"),
            ("PTTL a", time(1_000_000), Reply::Integer(900_000), ""),
            ("TTL a", time(-1), Reply::Integer(-2), ""),
            ("TTL a", time(-1), Reply::Integer(1), ""),
            ("HPTTL a FIELDS 2 f g", times([5_000, -1]), array([4_999, -1]), "time to live"),
            ("HPTTL a FIELDS 2 f g", times([5_000, -1]), array([4_999, -2]), ""),
            ("STRLEN a", time(1_000_000), Reply::Integer(999_990), ""),
            ("SCAN 0", scanned(true), page("7", &["a"]), "scan"),
            ("SCAN 0", scanned(true), page("0", &["a"]), ""),
            ("SCAN 0", scanned(true), page("7", &["c"]), ""),
            ("SCAN 7", scanned(false), page("0", &["a"]), "scan"),
            ("SCAN 7", scanned(false), Reply::Error("ERR invalid cursor: 7".into()), "scan"),
            ("SCAN 0", scanned(true), Reply::Error("ERR invalid cursor: 0".into()), ""),
        ] {
            assert_eq!(
                explaining(&asked(line, answer), Some(&reply)).join(" "),
                expected,
                "{line} {reply:?}"
            );
        }
    }

    #[test]
    fn score_of_minus_zero_is_explained_for_redis_alone() {
        let row = ROWS.iter().find(|row| row.name == "minus zero").expect("the row");
        let Rule::Right(is_right) = row.rule else { panic!("a rule on replies") };
        let zscore =
            |score| asked("ZSCORE z a", Answer::Exactly(Reply::Double(Score::new(score).expect("a number"))));
        assert!(is_right(&zscore(0.0), Server::Redis, &Reply::bulk("-0")));
        assert!(!is_right(&zscore(0.0), Server::Replicheck, &Reply::bulk("-0")));
        assert!(!is_right(&zscore(1.0), Server::Redis, &Reply::bulk("-0")));
    }
}
