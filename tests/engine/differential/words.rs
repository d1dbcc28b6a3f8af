//! The words that stand for a word in braces: few different ones, so that commands meet, and now and then a wrong one.

use quickcheck::{Arbitrary, Gen};

const KEYS: &[&[u8]] = &[b"a", b"b", b"c", b"ab", b"", b"\0\xff"];
const LIST_KEYS: &[&[u8]] = &[b"l", b"m"];
const SET_KEYS: &[&[u8]] = &[b"s", b"t"];
const SORTED_SET_KEYS: &[&[u8]] = &[b"z", b"w"];
const LEX_KEYS: &[&[u8]] = &[b"x", b"y"];
const HYPERLOGLOG_KEYS: &[&[u8]] = &[b"p", b"q"];
const FIELDS: &[&[u8]] = &[b"f", b"g", b"h", b"", b"\xff\0"];
const MEMBERS: &[&[u8]] = &[b"1", b"2", b"-30", b"m0100", b"m0200"];
/// How many elements `{many}` is: around the sizes at which the engine changes how it stores or scans a collection.
const MANY: &[usize] = &[120, 130, 500, 520, 1030, 1100, 2100];

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
const SCORES: &[&str] = &["0", "1", "1", "2", "-1", "0.5", "0.1", "3", "10", "inf", "-inf", "0x1p2"];
const LONG: &str =
    "a long string, longer than what Redis keeps inside of small hashes and of short strings alike";
const WORDS: &[&str] = &["", "x", "f", "ohmytext", "mynewtext", "a\0b\r\n", LONG];

/// Replacements of a word in braces: words separated by spaces, some of them in braces again. `None`: [`words`] makes them.
fn choices(sort: &str) -> Option<&'static [&'static str]> {
    Some(match sort {
        "setting" => &[
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
        "hcondition" => &["", "", "", "NX", "XX", "GT", "LT", "{foo}"],
        "hset" => &["", "", "FNX", "FXX", "{foo}"],
        "hsetting" => &[
            "",
            "KEEPTTL",
            "EX {seconds}",
            "PX {milliseconds}",
            "EXAT {second}",
            "PXAT {millisecond}",
            "KEEPTTL EX 1",
        ],
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
        "type" => &["hash", "string", "STRING", "zset", "list", "Set", "none"],
        "object" => &["ENCODING", "ENCODING", "FREQ", "IDLETIME", "REFCOUNT"],
        "few" => &["0", "1", "2", "3", "100", "-1", "x"],
        "side" => &["BEFORE", "AFTER", "BEFORE", "AFTER", "{foo}"],
        "lpos" => &["", "", "RANK {some}", "COUNT {few}", "MAXLEN {few}", "COUNT", "{foo}"],
        "end" => &["LEFT", "RIGHT", "LEFT", "RIGHT", "LEFT", "RIGHT", "{foo}"],
        "extreme" => &["MIN", "MAX", "MIN", "MAX", "{foo}"],
        "popped" => &["", "COUNT {few}", "COUNT {few}", "COUNT", "{foo}"],
        "most" => &["", "LIMIT {few}", "LIMIT {few}", "LIMIT", "{foo}"],
        "lists" => {
            &["1 {list}", "2 {list} {list}", "2 {list} {list}", "3 {list} {list} {list}", "{few} {list}"]
        }
        "sets" => &["1 {set}", "2 {set} {set}", "2 {set} {set}", "3 {set} {set} {set}", "{few} {set}"],
        "sorteds" => &["1 {sorted}", "2 {sorted} {sorted}", "2 {sorted} {sorted}", "{few} {sorted}"],
        "source" => &["{sorted}", "{sorted}", "{sorted}", "{set}", "{lex}"],
        "sources" => &[
            "1 {source}",
            "2 {source} {source}",
            "2 {source} {lex}",
            "3 {source} {source} {lex}",
            "{few} {source}",
        ],
        "zadd" => &["", "", "NX", "XX", "GT", "LT", "CH", "INCR", "{foo}"],
        "zrange" => &["", "", "REV", "WITHSCORES", "LIMIT {few} {some}", "LIMIT 0 -1", "{foo}"],
        "limit" => &["", "", "LIMIT {few} {some}", "LIMIT 0 {few}", "LIMIT 1"],
        "withscore" => &["", "", "WITHSCORE", "WITHSCORES"],
        "withscores" => &["", "", "WITHSCORES", "{foo}"],
        "aggregate" => &["", "AGGREGATE SUM", "AGGREGATE MIN", "AGGREGATE MAX", "AGGREGATE {foo}"],
        "bit" => &["0", "1", "7", "8", "13", "100", "-1", "x", "4294967296"],
        "zero_or_one" => &["0", "1", "0", "1", "2", "x"],
        "unit" => &["", "BYTE", "BIT", "{foo}"],
        "bitop" => &["AND", "OR", "XOR", "NOT", "NOT", "{foo}"],
        "overflow" => {
            &["", "OVERFLOW WRAP", "OVERFLOW WRAP", "OVERFLOW SAT", "OVERFLOW FAIL", "OVERFLOW {foo}"]
        }
        "width" => &["u1", "u8", "u8", "i8", "i8", "i5", "i5", "u63", "i64", "u64", "i0", "x"],
        "field_at" => &["0", "0", "3", "3", "#0", "#1", "#2", "11", "{bit}", "#"],
        "field_read" => &["", "GET {width} {field_at}", "GET {width} {field_at}", "GET {width}"],
        "field_write" => &[
            "",
            "SET {width} {field_at} {some}",
            "SET {width} {field_at} {integer}",
            "INCRBY {width} {field_at} {some}",
            "INCRBY {width} {field_at} {integer}",
        ],
        "some" => &["0", "1", "2", "3", "100", "-1", "-3", "x", "-9223372036854775808"],
        "foo" => &["", "foo", "nx", "\"", "x\r\ny\n", "x\0y"],
        _ => return None,
    })
}

/// The words that replace a word of a line at the time `now`.
pub(super) fn words(source: &mut Gen, word: &str, now: u64) -> Vec<Vec<u8>> {
    let Some(sort) = word.strip_prefix('{').and_then(|word| word.strip_suffix('}')) else {
        return vec![in_some_case(source, word)];
    };
    match sort {
        "many" => return many(source),
        "many_equal" => return many(source).into_iter().flat_map(|member| [b"0".to_vec(), member]).collect(),
        "many_scored" => {
            let mut score = || (usize::arbitrary(source) % 400).to_string().into_bytes();
            let scores: Vec<Vec<u8>> = (0..400).map(|_| score()).collect();
            return scores
                .into_iter()
                .cycle()
                .zip(many(source))
                .flat_map(|(score, one)| [score, one])
                .collect();
        }
        _ => {}
    }
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
        "list" => mostly(source, LIST_KEYS),
        "set" => mostly(source, SET_KEYS),
        "sorted" => mostly(source, SORTED_SET_KEYS),
        "lex" => pick(source, LEX_KEYS).to_vec(),
        "hll" => pick(source, HYPERLOGLOG_KEYS).to_vec(),
        "any" => one_key(source, &[KEYS, KEYS, LIST_KEYS, SET_KEYS, SORTED_SET_KEYS]),
        "all" => one_key(source, &[KEYS, LIST_KEYS, SET_KEYS, SORTED_SET_KEYS, LEX_KEYS, HYPERLOGLOG_KEYS]),
        "field" => pick(source, FIELDS).to_vec(),
        "member" => one_key(source, &[FIELDS, FIELDS, MEMBERS]),
        "name" => match usize::arbitrary(source) % 4 {
            0 => pick(source, &["-", "+", "-", "+", "f", "", "["]).into(),
            _ => [pick(source, &["[", "("]).into(), one_key(source, &[FIELDS, MEMBERS])].concat(),
        },
        "bound" => match usize::arbitrary(source) % 4 {
            0 => pick(source, &["-inf", "+inf", "(inf", "(", "x"]).into(),
            1 => one_of(source, &[FLOATS]),
            2 => [b"(".to_vec(), one_of(source, &[SCORES])].concat(),
            _ => one_of(source, &[SCORES]),
        },
        "score" => one_of(source, &[SCORES, SCORES, SCORES, SCORES, FLOATS]),
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

pub(super) fn pick<T: Copy>(source: &mut Gen, choices: &[T]) -> T {
    *source.choose(choices).expect("not empty")
}

/// Hundreds of members, all different.
fn many(source: &mut Gen) -> Vec<Vec<u8>> {
    let (count, from) = (pick(source, MANY), usize::arbitrary(source) % 3 * 100);
    (from..from + count).map(|number| format!("m{number:04}").into_bytes()).collect()
}

/// One of these keys, or a key that all types share.
fn mostly(source: &mut Gen, keys: &[&[u8]]) -> Vec<u8> {
    one_key(source, &[keys, keys, keys, KEYS])
}

/// One key or member out of all these lists.
fn one_key(source: &mut Gen, lists: &[&[&[u8]]]) -> Vec<u8> {
    let list = pick(source, lists);
    pick(source, list).to_vec()
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
