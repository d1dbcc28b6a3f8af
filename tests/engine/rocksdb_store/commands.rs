//! Random commands through a master on each store: replies and dumps are equal after every command, while time passes,
//! and while the RocksDB store flushes and compacts.

use quickcheck::{Arbitrary, Gen, quickcheck};
use replicheck::binlog::Epoch;
use replicheck::command::{Command, KeyArguments, Reply, Spec, table};
use replicheck::expiry::Policy;
use replicheck::node::{Master, MasterInput, MasterOutput};
use replicheck::store::memory::MemoryStore;
use replicheck::store::rocksdb::RocksStore;
use replicheck::store::{Dump, Read, Store, dump};
use replicheck::time::Millis;
use std::collections::BTreeMap;

/// What the RocksDB store does before a command.
#[derive(Clone, Copy, Debug)]
enum Chore {
    Nothing,
    Flush,
    /// Drops what is dead.
    Compact,
}

#[derive(Clone, Debug)]
struct Step {
    chore: Chore,
    later_ms: u64,
    db: u8,
    argv: Vec<Vec<u8>>,
    random: u64,
}

const KEYS: &[&str] = &["a", "b", "ab", ""];
const WORDS: &[&str] =
    &["", "0", "1", "-1", "2", "7", "1007", "1500", "3.5", "x", "f", "g", "*", "a*", "9223372036854775807"];

/// The words in capitals of a command's grammar: its options.
fn options(spec: &Spec) -> Vec<&'static str> {
    let words = spec.grammar.split(|c: char| !c.is_ascii_alphanumeric()).skip(1);
    words.filter(|word| word.len() > 1 && !word.contains(|c: char| c.is_ascii_lowercase())).collect()
}

fn is_key(spec: &Spec, position: usize) -> bool {
    match spec.keys {
        KeyArguments::Range { first, last, step } => {
            let last = usize::try_from(last).unwrap_or(usize::MAX);
            (first..=last).contains(&position) && (position - first).is_multiple_of(step)
        }
        KeyArguments::None | KeyArguments::Everything => false,
    }
}

fn any_argv(source: &mut Gen) -> Vec<Vec<u8>> {
    let specs: Vec<&Spec> = table().collect();
    let spec = *source.choose(&specs).expect("there are commands");
    // Emptying commands are rare, so that there is something to empty.
    if spec.keys == KeyArguments::Everything && u8::arbitrary(source) % 8 > 0 {
        return any_argv(source);
    }
    let least = usize::try_from(spec.arity.unsigned_abs()).expect("small");
    let count = if spec.arity > 0 { least } else { least + usize::arbitrary(source) % 4 };
    let options = options(spec);
    let mut argv = vec![spec.name.to_owned()];
    for position in 1..count {
        let word = match source.choose(&options).filter(|_| position > 1) {
            _ if is_key(spec, position) => source.choose(KEYS),
            Some(option) if bool::arbitrary(source) => Some(option),
            _ => source.choose(WORDS),
        };
        argv.push(word.expect("not empty").to_string());
    }
    argv.into_iter().map(String::into_bytes).collect()
}

impl Arbitrary for Step {
    fn arbitrary(source: &mut Gen) -> Step {
        let chore = match u8::arbitrary(source) % 20 {
            0 => Chore::Flush,
            1 => Chore::Compact,
            _ => Chore::Nothing,
        };
        let later_ms = *source.choose(&[0, 0, 0, 1, 2, 7, 500]).expect("not empty");
        let db = u8::from(u8::arbitrary(source).is_multiple_of(8));
        Step { chore, later_ms, db, argv: any_argv(source), random: u64::arbitrary(source) }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Step>> {
        let simpler = Step { chore: Chore::Nothing, later_ms: 0, ..self.clone() };
        let is_simple = matches!(self.chore, Chore::Nothing) && self.later_ms == 0;
        Box::new(std::iter::once(simpler).filter(move |_| !is_simple))
    }
}

/// A master on a store, with the replies that it gave.
struct Run<S> {
    master: Master<S>,
    policy: Policy,
}

impl<S: Store> Run<S> {
    fn reply(&mut self, command: &Command, now: Millis, random: u64) -> Reply {
        let input = MasterInput::Request { command: command.clone(), now, random };
        let outputs = self.master.step(&*self.policy.get(), input).expect("a store that works");
        let reply = outputs.into_iter().find_map(|output| match output {
            MasterOutput::Reply(reply) => Some(reply),
            _ => None,
        });
        reply.expect("a request gets a reply")
    }

    /// What is alive.
    fn living(&self, now: Millis) -> Dump {
        living(self.master.store(), now)
    }
}

fn living(reader: &dyn Read, now: Millis) -> Dump {
    let mut living = dump(reader).expect("sound records");
    living.retain(|_, stored| !stored.is_dead(now));
    living
}

/// Does the steps on both; gives how many replies of each command were no error, and what differed.
fn differ(policy: Policy, steps: &[Step]) -> Result<BTreeMap<&'static str, usize>, String> {
    let (_folder, rocks) = super::new_store();
    let mut on_rocks = Run { master: Master::new(rocks.clone(), Epoch(1)), policy };
    let mut on_memory = Run { master: Master::new(MemoryStore::new(), Epoch(1)), policy };
    let (mut now, mut answered) = (Millis(1000), BTreeMap::new());
    for (number, step) in steps.iter().enumerate() {
        chore(step.chore, &rocks, now, policy);
        now = now.offset(i64::try_from(step.later_ms).expect("small"));
        let Ok(command) = Command::parse(step.db, step.argv.clone()) else { continue };
        let replies =
            (on_rocks.reply(&command, now, step.random), on_memory.reply(&command, now, step.random));
        let dumps = (on_rocks.living(now), on_memory.living(now));
        if replies.0 != replies.1 || dumps.0 != dumps.1 {
            return Err(format!(
                "step {number} at {now}, {command:?}\nrocksdb {:?} {:#?}\nmemory  {:?} {:#?}",
                replies.0, dumps.0, replies.1, dumps.1
            ));
        }
        if !matches!(replies.0, Reply::Error(_)) {
            *answered.entry(command.name()).or_default() += 1;
        }
    }
    Ok(answered)
}

fn chore(chore: Chore, rocks: &RocksStore, now: Millis, policy: Policy) {
    match chore {
        Chore::Nothing => {}
        Chore::Flush => rocks.flush().expect("a flush"),
        Chore::Compact => {
            rocks.flush().expect("a flush");
            if policy != Policy::MasterExpires {
                rocks.set_gate(now);
            }
            rocks.compact(&[], &[]).expect("a compaction");
        }
    }
}

quickcheck! {
    fn prop_commands_both_stores_answer_alike(policy: usize, steps: Vec<Step>) -> Result<(), String> {
        let policy = Policy::ALL[policy % Policy::ALL.len()];
        differ(policy, &steps).map(|_| ()).map_err(|difference| format!("{}: {difference}", policy.name()))
    }
}

#[test]
fn commands_drawn_at_random_are_all_answered_at_least_once() {
    let mut source = Gen::from_size_and_seed(100, 7);
    let steps: Vec<Step> = (0..6000).map(|_| Step::arbitrary(&mut source)).collect();
    let steps: Vec<Step> = steps.into_iter().map(|step| Step { chore: Chore::Nothing, ..step }).collect();
    let answered =
        differ(Policy::LogClock, &steps).unwrap_or_else(|difference| panic!("seed 7: {difference}"));
    let lacking: Vec<&str> =
        table().map(|spec| spec.name).filter(|name| !answered.contains_key(name)).collect();
    assert!(lacking.is_empty(), "seed 7: only errors for {lacking:?}");
}
