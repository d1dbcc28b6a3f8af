//! Commands drawn at random: few keys, arguments that several commands understand, deadlines around the present, and now and
//! then a mistake. Pure: a seed always gives the same commands.

use super::{Case, Chore, START, Step};
use quickcheck::{Arbitrary, Gen};
use replicheck::command::{KeyArguments, Spec, table};
use replicheck::expiry::Policy;

/// Each line is a command; a word in braces is replaced by what [`words`] draws for it, which may be nothing.
const COMMANDS: &str = "
SET {key} {value}
SET {key} {value} {set} {set}
SET {key} {value} {set} {set} {set}
GET {key}
SETNX {key} {value}
SETEX {key} {seconds} {value}
PSETEX {key} {milliseconds} {value}
GETSET {key} {value}
GETEX {key} {getex}
GETEX {key} {getex} {getex}
GETDEL {key}
MGET {key} {key} {key}
MSET {key} {value} {key} {value}
MSET {key} {value} {key}
MSETNX {key} {value} {key} {value}
APPEND {key} {value}
STRLEN {key}
SETRANGE {key} {offset} {value}
GETRANGE {key} {position} {position}
SUBSTR {key} {position} {position}
LCS {key} {key} {lcs} {lcs}
LCS {key} {key} IDX {lcs} {lcs}
INCR {key}
DECR {key}
INCRBY {key} {integer}
DECRBY {key} {integer}
INCRBYFLOAT {key} {float}
HSET {key} {field} {value} {field} {value}
HSET {key} {field} {value} {field}
HMSET {key} {field} {value}
HSETNX {key} {field} {value}
HDEL {key} {field} {field}
HDEL {key} {field} {field} {field} {field} {field}
HINCRBY {key} {field} {integer}
HINCRBYFLOAT {key} {field} {float}
HGET {key} {field}
HMGET {key} {field} {field}
HGETALL {key}
HKEYS {key}
HVALS {key}
HLEN {key}
HEXISTS {key} {field}
HSTRLEN {key} {field}
HSCAN {key} {cursor} {hscan} {hscan}
HRANDFIELD {key}
HRANDFIELD {key} {some}
HRANDFIELD {key} {some} WITHVALUES
HRANDFIELD {key} 4611686018427387904 WITHVALUES
HRANDFIELD {key} {some} {foo}
DEL {key} {key}
UNLINK {key}
EXISTS {key} {key}
TOUCH {key} {key}
TYPE {key}
RENAME {key} {key}
RENAMENX {key} {key}
COPY {key} {key} {copy} {copy}
FLUSHDB {flush}
FLUSHALL {flush}
EXPIRE {key} {seconds} {condition} {condition}
PEXPIRE {key} {milliseconds} {condition} {condition}
EXPIREAT {key} {second} {condition} {condition}
PEXPIREAT {key} {millisecond} {condition} {condition}
EXPIREAT {key} {second} GT
EXPIREAT {key} {second} LT
PERSIST {key}
TTL {key}
PTTL {key}
EXPIRETIME {key}
PEXPIRETIME {key}
KEYS {pattern}
SCAN {cursor} {scan} {scan}
RANDOMKEY
DBSIZE
PING {foo}
ECHO {value}
SELECT {db}
";

/// Commands that create keys for other commands to find.
const BUILDERS: &str = "
SET {key} {value}
SET {key} {value} PX {milliseconds}
MSET {key} {value} {key} {value}
HSET {key} {field} {value} {field} {value}
HSET {key} {field} {value}
PEXPIRE {key} {milliseconds}
COPY {key} {key} {copy}
";

const KEYS: &[&[u8]] = &[b"a", b"b", b"c", b"ab", b"", b"\0\xff"];
const FIELDS: &[&[u8]] = &[b"f", b"g", b"h", b"", b"\xff\0"];

const INTEGERS: &[&str] = &[
    "0",
    "1",
    "1",
    "-1",
    "2",
    "5",
    "-3",
    "100",
    "9223372036854775807",
    "9223372036854775806",
    "-9223372036854775808",
    "-9223372036854775807",
    "9223372036854775808",
    "x",
    "",
    "1.5",
    "01",
    "+1",
    "-0",
    " 1",
];
const FLOATS: &[&str] = &[
    "0.5",
    "1",
    "-1",
    "0.1",
    "-0.25",
    "3.0e3",
    "1e-5",
    "1e-17",
    "1e20",
    "1.",
    ".5",
    "+5",
    "0x1.8p1",
    "18446744073709551615",
    "1e4932",
    "-1e4932",
    "1e4933",
    "1e-5000",
    "inf",
    "-inf",
    "nan",
    "x",
    "",
    " 1",
];
const LONG: &str =
    "a long string, longer than what Redis keeps inside of small hashes and of short strings alike";
const WORDS: &[&str] = &["", "x", "f", "ohmytext", "mynewtext", "a\0b\r\n", LONG];

/// Replacements of a word in braces: words separated by spaces, some of them in braces again. `None`: [`words`] makes them.
fn choices(sort: &str) -> Option<&'static [&'static str]> {
    Some(match sort {
        "set" => &[
            "",
            "NX",
            "XX",
            "GET",
            "KEEPTTL",
            "EX {seconds}",
            "PX {milliseconds}",
            "EXAT {second}",
            "PXAT {millisecond}",
            "PERSIST",
            "{foo}",
            "EX",
        ],
        "getex" => &[
            "",
            "PERSIST",
            "PERSIST",
            "EX {seconds}",
            "PX {milliseconds}",
            "EXAT {second}",
            "PXAT {millisecond}",
            "KEEPTTL",
            "{foo}",
            "PX",
        ],
        "seconds" => &["1", "1", "2", "10", "0", "-1", "{integer}", "9223372036854775", "9223372036854776"],
        "milliseconds" => &["1", "5", "20", "500", "1499", "1500", "0", "-5", "{integer}"],
        "condition" => &["", "", "", "NX", "XX", "GT", "LT", "{foo}"],
        "offset" => &["0", "1", "3", "10", "100", "-1", "x", "536870912", "9223372036854775807"],
        "position" => &["0", "1", "2", "5", "100", "-1", "-2", "-5", "-100", "{integer}"],
        "lcs" => &["", "", "LEN", "IDX", "WITHMATCHLEN", "MINMATCHLEN {some}", "MINMATCHLEN", "{foo}"],
        "copy" => &["", "", "REPLACE", "REPLACE", "DB {db}", "DB", "{foo}"],
        "db" => &["0", "1", "2", "15", "16", "-1", "2147483648", "{integer}"],
        "flush" => &["", "", "SYNC", "ASYNC", "{foo}"],
        "cursor" => {
            &["0", "0", "0", "-0", "+00", "17", "9000000000000000000", "x", "-", "18446744073709551616"]
        }
        "scan" => &["", "COUNT {some}", "MATCH {pattern}", "TYPE {type}", "{foo}", "COUNT"],
        "hscan" => &["", "COUNT {some}", "MATCH {pattern}", "TYPE hash", "{foo}"],
        "type" => &["hash", "string", "STRING", "zset", "none"],
        "some" => &["0", "1", "2", "3", "100", "-1", "-3", "x", "-9223372036854775808"],
        "foo" => &["", "foo", "nx", "\"", "x\r\ny\n", "x\0y"],
        _ => return None,
    })
}

/// The words that replace a word of [`COMMANDS`] at the time `now`.
fn words(source: &mut Gen, word: &str, now: u64) -> Vec<Vec<u8>> {
    let Some(sort) = word.strip_prefix('{').and_then(|word| word.strip_suffix('}')) else {
        return vec![in_some_case(source, word)];
    };
    if let Some(choices) = choices(sort) {
        let chosen = pick(source, choices);
        // Quotes and line ends are drawn whole, as one word.
        if sort == "foo" {
            return if chosen.is_empty() { Vec::new() } else { vec![chosen.as_bytes().to_vec()] };
        }
        return chosen
            .split(' ')
            .filter(|word| !word.is_empty())
            .flat_map(|word| words(source, word, now))
            .collect();
    }
    vec![match sort {
        "key" => pick(source, KEYS).to_vec(),
        "field" => pick(source, FIELDS).to_vec(),
        "integer" => pick(source, INTEGERS).into(),
        "float" => one_of(source, &[FLOATS, FLOATS, INTEGERS]),
        "value" => match usize::arbitrary(source) % 8 {
            0 => letters(source, "ab"),
            _ => one_of(source, &[INTEGERS, FLOATS, WORDS]),
        },
        "pattern" => match usize::arbitrary(source) % 2 {
            0 => pick(source, &["*", "?", "a*", "[a-c]", "[^a]*", "\\a", "**", "", "*[^h]*", "["]).into(),
            _ => letters(source, "ab-[]^\\*?c"),
        },
        "second" => (now / 1000 + pick(source, &[0, 1, 2])).to_string().into(),
        "millisecond" => {
            (now + pick(source, &[0, 1, 5, 20, 600]) - pick(source, &[0, 0, 1])).to_string().into()
        }
        unknown => panic!("{unknown} is not a sort of words"),
    }]
}

fn pick<T: Copy>(source: &mut Gen, choices: &[T]) -> T {
    *source.choose(choices).expect("not empty")
}

/// One word out of all these lists.
fn one_of(source: &mut Gen, lists: &[&[&str]]) -> Vec<u8> {
    let list = pick(source, lists);
    pick(source, list).into()
}

/// Up to 12 of these letters.
fn letters(source: &mut Gen, choices: &str) -> Vec<u8> {
    let length = usize::arbitrary(source) % 13;
    (0..length).map(|_| pick(source, choices.as_bytes())).collect()
}

fn in_some_case(source: &mut Gen, word: &str) -> Vec<u8> {
    match usize::arbitrary(source) % 8 {
        0 => word
            .bytes()
            .map(|byte| if bool::arbitrary(source) { byte.to_ascii_lowercase() } else { byte })
            .collect(),
        _ => word.into(),
    }
}

/// A command of [`COMMANDS`] or [`BUILDERS`].
fn from_lines(source: &mut Gen, now: u64) -> Vec<Vec<u8>> {
    let lines = if usize::arbitrary(source).is_multiple_of(3) { BUILDERS } else { COMMANDS };
    let lines: Vec<&str> = lines.trim().lines().collect();
    let line = pick(source, &lines);
    line.split(' ').flat_map(|word| words(source, word, now)).collect()
}

/// A command of the engine's own table, with options of its grammar and other arguments in any order. So commands that
/// [`COMMANDS`] does not list yet are drawn, too.
fn from_grammar(source: &mut Gen, now: u64) -> Vec<Vec<u8>> {
    let specs: Vec<&Spec> = table().collect();
    let spec = pick(source, &specs);
    let least = usize::try_from(spec.arity.unsigned_abs()).expect("small");
    let count = if spec.arity > 0 { least } else { least + usize::arbitrary(source) % 4 };
    let options = options(spec);
    let mut argv = vec![spec.name.as_bytes().to_vec()];
    for position in 1..count {
        let word = match source.choose(&options).filter(|_| position > 1) {
            _ if is_key(spec, position) => "{key}",
            Some(option) if bool::arbitrary(source) => option,
            _ => pick(source, &["{some}", "{value}", "{milliseconds}", "{field}", "{pattern}"]),
        };
        argv.extend(words(source, word, now));
    }
    argv
}

/// The options of a command's grammar: its words in capitals.
pub(super) fn options(spec: &Spec) -> Vec<&'static str> {
    let words = spec.grammar.split(|c: char| !c.is_ascii_alphanumeric()).skip(1);
    words.filter(|word| word.len() > 1 && !word.contains(|c: char| c.is_ascii_lowercase())).collect()
}

fn is_key(spec: &Spec, position: usize) -> bool {
    match spec.keys {
        KeyArguments::Range { first, last, step } => {
            let last = usize::try_from(last).unwrap_or(usize::MAX);
            (first..=last).contains(&position) && (position - first).is_multiple_of(step)
        }
        // The number of keys is drawn like any other argument.
        KeyArguments::Counted { has_target, count } => position > count || (has_target && position == 1),
        KeyArguments::None | KeyArguments::Everything => false,
    }
}

fn argv(source: &mut Gen, now: u64) -> Vec<Vec<u8>> {
    loop {
        let argv = match usize::arbitrary(source) % 8 {
            0 => from_grammar(source, now),
            _ => from_lines(source, now),
        };
        // Commands that empty a database are rare, so that it has something to lose.
        let empties = argv[0].to_ascii_lowercase().starts_with(b"flush");
        // Nor can a reply hold 2^63 fields, with repetitions.
        let floods = argv[0].eq_ignore_ascii_case(b"hrandfield")
            && argv.get(2).is_some_and(|count| count == b"-9223372036854775807");
        if !floods && (!empties || usize::arbitrary(source).is_multiple_of(8)) {
            return argv;
        }
    }
}

impl Arbitrary for Case {
    fn arbitrary(source: &mut Gen) -> Case {
        let policy = pick(source, Policy::ALL);
        // Chores cost much more than commands, so few cases have them.
        let has_chores = usize::arbitrary(source).is_multiple_of(20);
        let count = 1 + usize::arbitrary(source) % (2 * source.size());
        let mut now = START.0;
        let mut steps = Vec::with_capacity(count);
        for _ in 0..count {
            let chore = match usize::arbitrary(source) % 20 {
                0 if has_chores => Chore::Flush,
                1 if has_chores => Chore::Compact,
                _ => Chore::Nothing,
            };
            let later_ms = pick(source, &[0, 0, 0, 0, 0, 0, 1, 1, 2, 5, 20, 499, 500, 501, 1000]);
            now += later_ms;
            let db = pick(source, &[0, 0, 0, 0, 0, 0, 1, 1, 2]);
            steps.push(Step { chore, later_ms, db, argv: argv(source, now), random: u64::arbitrary(source) });
        }
        Case { policy, steps }
    }
}

impl Step {
    /// Variants of this step with something left out or shorter.
    pub(super) fn simpler(&self) -> Vec<Step> {
        let mut simpler = vec![
            Step { chore: Chore::Nothing, ..self.clone() },
            Step { later_ms: 0, ..self.clone() },
            Step { db: 0, ..self.clone() },
            Step { random: 0, ..self.clone() },
        ];
        for at in 1..self.argv.len() {
            let mut fewer = self.clone();
            fewer.argv.remove(at);
            simpler.push(fewer);
            let mut shorter = self.clone();
            let half = shorter.argv[at].len() / 2;
            shorter.argv[at].truncate(half);
            simpler.push(shorter);
        }
        simpler.retain(|step| step != self);
        simpler
    }
}
