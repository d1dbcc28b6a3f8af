//! Commands drawn at random: few keys, arguments that several commands understand, deadlines around the present, and now and
//! then a mistake. Pure: a seed always gives the same commands.

use super::lines::{BUILDERS, COMMANDS, LARGE};
use super::words::{pick, words};
use super::{Case, Chore, START, Step};
use quickcheck::{Arbitrary, Gen};
use replicheck::command::{KeyArguments, Spec, table};
use replicheck::expiry::Policy;

/// A command of these lines.
fn from_lines(source: &mut Gen, lines: &str, now: u64) -> Vec<Vec<u8>> {
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
            _ if is_key(spec, position) => key_of(spec),
            Some(option) if bool::arbitrary(source) => option,
            _ => pick(source, &["{some}", "{value}", "{milliseconds}", "{field}", "{pattern}"]),
        };
        argv.extend(words(source, word, now));
    }
    argv
}

/// The sort of keys on which all that a command may reply is defined (see [`lines`](super::lines)).
fn key_of(spec: &Spec) -> &'static str {
    match spec.name {
        name if name.starts_with("pf") => "{hll}",
        name if name.starts_with("zr") || name.starts_with("zl") => "{lex}",
        _ => "{key}",
    }
}

/// The options of a command's grammar: its words in capitals, except for its name.
pub(super) fn options(spec: &Spec) -> Vec<&'static str> {
    let words = spec.grammar.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').skip(1);
    let words = words.filter(|word| !word.eq_ignore_ascii_case(spec.name));
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

fn argv(source: &mut Gen, has_large: bool, now: u64) -> Vec<Vec<u8>> {
    loop {
        let argv = match usize::arbitrary(source) % 24 {
            0..3 => from_grammar(source, now),
            3..10 => from_lines(source, BUILDERS, now),
            10 if has_large => from_lines(source, LARGE, now),
            _ => from_lines(source, COMMANDS, now),
        };
        let name = argv[0].to_ascii_lowercase();
        // Commands that empty a database are rare, so that it has something to lose.
        let empties = name.starts_with(b"flush");
        // Nor can a reply hold 2^63 elements, with repetitions.
        let floods = [b"hrandfield".as_slice(), b"srandmember", b"zrandmember"].contains(&name.as_slice())
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
        // Nor do many have large collections: all records are compared after every command.
        let has_large = usize::arbitrary(source).is_multiple_of(24);
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
            steps.push(Step {
                chore,
                later_ms,
                db,
                argv: argv(source, has_large, now),
                random: u64::arbitrary(source),
                transaction: None,
            });
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
            Step { transaction: None, ..self.clone() },
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
