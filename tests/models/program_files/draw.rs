//! Draws files, their commands by the grammars of the command table, arguments at the ends of their ranges, and the bounds
//! within which a file is judged.

use replicheck::command::line::Quoted;
use replicheck::command::table;
use replicheck::models::bounds::{ExpiryBounds, OrderingBounds};
use replicheck::models::choice::Choice;
use replicheck::models::experiment::Extent;

/// The bounds of one file, small enough to judge hundreds of files in seconds.
pub struct Bounded {
    pub ordering: OrderingBounds,
    pub expiry: ExpiryBounds,
    /// The number of steps of the walk.
    pub steps: usize,
}

pub fn bounds(random: &mut fastrand::Rng) -> Bounded {
    let states_max = 300;
    let mut of = |numbers: &[u8]| numbers[random.usize(..numbers.len())];
    Bounded {
        ordering: OrderingBounds {
            workers: usize::from(of(&[1, 2, 2, 3])),
            crashes_max: of(&[0, 1, 1, 2]),
            states_max,
            ..OrderingBounds::QUICK
        },
        // Rarely, the bounds are as large as the numbers allow.
        expiry: ExpiryBounds {
            passes_max: of(&[2, 3, 4, 4, 4, 4, 4, u8::MAX]),
            delay_ticks_max: of(&[0, 1, 3, 3, 3, 3, 3, u8::MAX]),
            skew_ticks_max: i8::try_from(of(&[0, 1, 1, 1, 1, 1, 2, 127])).expect("at most 127"),
            states_max,
            ..ExpiryBounds::QUICK
        },
        steps: usize::from(of(&[0, 0, 0, 5])),
    }
}

impl Bounded {
    /// The choices under which the file is judged: one of each model, and sometimes all.
    pub fn choices(&self, random: &mut fastrand::Rng) -> Vec<Choice> {
        let all = Choice::all();
        if random.u8(..64) == 0 {
            return all;
        }
        let of = |model: &str| all.iter().copied().filter(|it| it.model() == model).collect::<Vec<_>>();
        ["ordering", "expiry"].iter().filter_map(|model| random.choice(of(model))).collect()
    }

    /// The same bounds for a walk.
    pub fn extent(&self) -> Extent {
        Extent {
            workers: self.ordering.workers,
            crashes: self.ordering.crashes_max,
            passes: self.expiry.passes_max,
            delay: self.expiry.delay_ticks_max,
            skew_ms: i64::from(self.expiry.skew_ticks_max) * 1001,
            apart: false,
        }
    }
}

/// Draws a file: typed commands, a capture, or bytes; sometimes damaged.
pub fn file(random: &mut fastrand::Rng) -> Vec<u8> {
    let mut file = match random.u8(..16) {
        0 => (0..random.usize(..200)).map(|_| random.u8(..)).collect(),
        1..=5 => capture(random),
        _ => typed(random),
    };
    if random.u8(..16) == 0 {
        damage(random, &mut file);
    }
    file
}

/// The number of commands: mostly few, so that schedules are searched, and sometimes so many that schedules are drawn.
fn length(random: &mut fastrand::Rng) -> usize {
    match random.u8(..16) {
        0 => random.usize(6..=9),
        1 => random.usize(1..=310) * usize::from(random.u8(..64) == 0),
        _ => random.usize(1..=5),
    }
}

fn typed(random: &mut fastrand::Rng) -> Vec<u8> {
    let lines: Vec<Vec<u8>> = writes(random).iter().map(|argv| in_line(argv)).collect();
    lines.join(&b'\n')
}

/// Commands, sometimes with a transaction among them; the EXEC of a few is missing.
fn writes(random: &mut fastrand::Rng) -> Vec<Vec<Vec<u8>>> {
    let mut writes: Vec<Vec<Vec<u8>>> = (0..length(random)).map(|_| write(random)).collect();
    if random.u8(..4) == 0 {
        let multi = random.usize(..=writes.len());
        writes.insert(multi, vec![b"MULTI".to_vec()]);
        let exec = random.usize(multi + 1..=writes.len());
        let ends = pick(random, &["EXEC", "exec", "EXEC", "EXEC", "DISCARD", "PING"]);
        writes.insert(exec, vec![ends.as_bytes().to_vec()]);
    }
    writes
}

fn capture(random: &mut fastrand::Rng) -> Vec<u8> {
    let begins = pick(random, &["0", "1", "1700000000", "1700000000", "9007199254740", "9223372036854775"]);
    let mut second: u64 = begins.parse().expect("a number");
    let mut file = if random.bool() { b"OK\n".to_vec() } else { Vec::new() };
    for argv in writes(random) {
        second = match random.u8(..8) {
            0 if random.u8(..32) == 0 => second.saturating_add(random.u64(..)),
            0 | 1 => second.saturating_sub(random.u64(..100)),
            _ => second.saturating_add(random.u64(..3)),
        };
        let (micros, db) = (random.u32(..1_000_000), u8::from(random.u8(..8) == 0));
        file.extend(format!("{second}.{micros:06} [{db} 127.0.0.1:6]").bytes());
        for argument in argv {
            file.extend(format!(" \"{}\"", escaped(&argument)).bytes());
        }
        file.push(b'\n');
    }
    file
}

/// The argument as MONITOR prints it.
fn escaped(argument: &[u8]) -> String {
    let one = |byte: &u8| match byte {
        b'"' | b'\\' => format!("\\{}", char::from(*byte)),
        b' '..=b'~' => char::from(*byte).to_string(),
        _ => format!("\\x{byte:02x}"),
    };
    argument.iter().map(one).collect()
}

fn in_line(argv: &[Vec<u8>]) -> Vec<u8> {
    let words: Vec<String> = argv.iter().map(|argument| Quoted(argument).to_string()).collect();
    words.join(" ").into_bytes()
}

fn damage(random: &mut fastrand::Rng, bytes: &mut Vec<u8>) {
    for _ in 0..random.usize(1..=3) {
        if bytes.is_empty() {
            return;
        }
        let at = random.usize(..bytes.len());
        match random.u8(..5) {
            0 => bytes[at] = random.u8(..),
            1 => bytes.insert(at, pick(random, &["\n", "\"", " ", "-", "9", "\0"]).as_bytes()[0]),
            2 => drop(bytes.remove(at)),
            3 => bytes.truncate(at),
            _ => {
                let copied = bytes[at..].to_vec();
                bytes.extend(copied);
            }
        }
    }
}

/// Mostly a command that writes, because a program does not contain reads.
fn write(random: &mut fastrand::Rng) -> Vec<Vec<u8>> {
    // These commands make the values and deadlines that other commands then find.
    let usual = [
        "SET key value EX seconds",
        "SETEX key seconds value",
        "INCR key",
        "PEXPIREAT key unix-time-milliseconds",
        // A large offset makes a program that weighs too much.
        "SETRANGE key offset value",
    ];
    match random.u8(..8) {
        0 => command(random),
        1..=3 => {
            let grammar = pick(random, &usual);
            expanded(random, grammar)
        }
        _ => loop {
            let argv = command(random);
            let name = String::from_utf8_lossy(&argv[0]).to_lowercase();
            let kind = table().find(|spec| spec.name == name).map(|spec| spec.kind);
            if kind.is_none_or(|kind| kind != replicheck::command::Kind::Read) {
                return argv;
            }
        },
    }
}

/// Any command of the table by its grammar; sometimes an unknown one, or one with too few or too many arguments.
pub fn command(random: &mut fastrand::Rng) -> Vec<Vec<u8>> {
    let grammars: Vec<&str> = table().map(|spec| spec.grammar).collect();
    let grammar = grammars[random.usize(..grammars.len())];
    let mut argv = expanded(random, grammar);
    match random.u8(..) {
        0 => argv[0] = pick(random, &["XADD", "MULTI", "CONFIG", "", "set\0"]).as_bytes().to_vec(),
        1 => drop(argv.pop()),
        2 => argv.push(number(random)),
        _ => {}
    }
    if argv.is_empty() { vec![b"FLUSHALL".to_vec()] } else { argv }
}

/// The arguments of one command by a grammar in the notation of redis.io: `[…]` is optional, `<…>` is not, `|` separates
/// alternatives, `...` repeats, small letters are an argument.
fn expanded(random: &mut fastrand::Rng, grammar: &str) -> Vec<Vec<u8>> {
    let spaced = ['[', ']', '<', '>']
        .into_iter()
        .fold(grammar.to_owned(), |text, bracket| text.replace(bracket, &format!(" {bracket} ")));
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    sequence(random, &tokens, &mut at)
}

fn sequence(random: &mut fastrand::Rng, tokens: &[&str], at: &mut usize) -> Vec<Vec<u8>> {
    let mut variants: Vec<Vec<Vec<u8>>> = vec![Vec::new()];
    while let Some(&token) = tokens.get(*at) {
        *at += 1;
        let last = variants.len() - 1;
        match token {
            "[" => {
                let optional = sequence(random, tokens, at);
                if random.u8(..3) > 0 {
                    variants[last].extend(optional);
                }
            }
            "<" => {
                let one = sequence(random, tokens, at);
                variants[last].extend(one);
            }
            "]" | ">" => break,
            "|" => variants.push(Vec::new()),
            "..." => {
                let again = variants[last].clone();
                variants[last].extend((0..random.usize(..3)).flat_map(|_| again.clone()));
            }
            word if word.chars().all(|letter| letter.is_ascii_uppercase() || letter == '_') => {
                variants[last].push(word.as_bytes().to_vec());
            }
            word => variants[last].push(argument(random, word)),
        }
    }
    random.choice(variants).unwrap_or_default()
}

fn argument(random: &mut fastrand::Rng, word: &str) -> Vec<u8> {
    let word = word.trim_end_matches(|letter: char| letter.is_ascii_digit());
    match word {
        "key" | "newkey" | "source" | "destination" => key(random),
        "field" | "value" | "message" => value(random),
        "index" | "destination-db" => pick(random, &["0", "1", "15", "16", "-1"]).as_bytes().to_vec(),
        "pattern" | "type" => pick(random, &["*", "[a-", "?\\", "string", "hash"]).as_bytes().to_vec(),
        "increment" if random.bool() => float(random),
        "offset" if random.u8(..8) > 0 => random.usize(..9000).to_string().into_bytes(),
        "seconds" | "milliseconds" | "unix-time-seconds" | "unix-time-milliseconds" => deadline(random, word),
        _ => number(random),
    }
}

fn key(random: &mut fastrand::Rng) -> Vec<u8> {
    match random.u8(..64) {
        0 => Vec::new(),
        1 => b"\x00\xff \"'\\\n".to_vec(),
        2 => vec![b'k'; random.usize(..3000)],
        // Option names, used as keys.
        3 => b"PXAT".to_vec(),
        _ => pick(random, &["a", "a", "a", "b", "c", "h"]).as_bytes().to_vec(),
    }
}

fn value(random: &mut fastrand::Rng) -> Vec<u8> {
    match random.u8(..64) {
        0 => Vec::new(),
        1 => vec![random.u8(..); 1 << 20],
        2 => vec![random.u8(..); random.usize(..3000)],
        3..=10 => float(random),
        11..=20 => number(random),
        21 => b"\x00\xff \"'\\\n</style>".to_vec(),
        _ => pick(random, &["1", "2", "v", "w"]).as_bytes().to_vec(),
    }
}

/// An integer, mostly at the end of a range.
fn number(random: &mut fastrand::Rng) -> Vec<u8> {
    let ends =
        [0, 1, 1 << 31, 1 << 32, 1 << 53, 1 << 62, i128::from(i64::MAX), i128::from(u64::MAX), i128::MAX];
    let near = ends[random.usize(..ends.len())].saturating_add(random.i128(-2..=2));
    let number = if random.u8(..4) == 0 { near.saturating_neg() } else { near };
    match random.u8(..16) {
        0 => format!("+{number}").into_bytes(),
        1 => format!("0{number}").into_bytes(),
        2..=5 => random.u8(..10).to_string().into_bytes(),
        _ => number.to_string().into_bytes(),
    }
}

fn float(random: &mut fastrand::Rng) -> Vec<u8> {
    let floats = [
        "0.1", "-0", "nan", "inf", "-inf", "1e308", "1e4932", "-1e-4950", "1e5000", "0x1p3", "1e", ".5", "1 ",
    ];
    pick(random, &floats).as_bytes().to_vec()
}

/// A time to live, or an instant: soon, at the beginning of a run or a capture, in the past, or at the end of time.
fn deadline(random: &mut fastrand::Rng, unit: &str) -> Vec<u8> {
    let (base, step) = match unit {
        "seconds" => (0, 1),
        "milliseconds" => (0, 1000),
        "unix-time-seconds" => (if random.bool() { 1_000_000 } else { 1_700_000_000 }, 1),
        _ => (if random.bool() { 1_000_000_000 } else { 1_700_000_000_000 }, 1000),
    };
    match random.u8(..8) {
        0..=4 => (base + step * random.i64(-1..=5)).to_string().into_bytes(),
        5 => random.u64(..).to_string().into_bytes(),
        6 => (i64::MAX / random.i64(1..=2000)).to_string().into_bytes(),
        _ => number(random),
    }
}

fn pick<'a>(random: &mut fastrand::Rng, from: &[&'a str]) -> &'a str {
    from[random.usize(..from.len())]
}
