//! Trial — one case on two stores and the reference → the first difference.

use super::failure::Difference;
use super::{Case, Chore, START};
use crate::engine::reference::Reference;
use replicheck::binlog::Epoch;
use replicheck::command::{Command, Reply};
use replicheck::effect::Key;
use replicheck::expiry::Policy;
use replicheck::node::{Master, MasterInput, MasterOutput};
use replicheck::store::element::tag;
use replicheck::store::key::{field_deadlines, metadata_key, owner};
use replicheck::store::memory::MemoryStore;
use replicheck::store::record::{Collection, Levels, Record, Value};
use replicheck::store::{Content, Dump, Store, dump, elements};
use replicheck::time::Millis;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::ControlFlow;

/// The number of calls after which a scan must have ended: more than a collection has elements.
const SCAN_CALLS_MAX: usize = 8192;

/// A master on a store.
struct Run<S> {
    master: Master<S>,
    policy: Policy,
}

impl<S: Store> Run<S> {
    fn new(store: S, policy: Policy) -> Run<S> {
        Run { master: Master::new(store, Epoch(1)), policy }
    }

    /// The reply to a command. For a scan: the items of this call and of all calls that continue its scan.
    fn reply(&mut self, command: &Command, now: Millis, random: u64) -> Reply {
        let reply = self.one_reply(command.clone(), now, random);
        let cursor_at = match command.name() {
            "scan" => 1,
            "hscan" | "sscan" | "zscan" => 2,
            _ => return reply,
        };
        let (mut argv, mut items, mut reply) = (command.argv().to_vec(), Vec::new(), reply);
        for _ in 0..SCAN_CALLS_MAX {
            let Reply::Array(parts) = &reply else { return reply };
            let [Reply::Bulk(cursor), Reply::Array(found)] = parts.as_slice() else { return reply };
            items.extend(found.iter().cloned());
            argv[cursor_at] = cursor.clone();
            if cursor == b"0" {
                return Reply::Array(vec![Reply::bulk("0"), Reply::Array(items)]);
            }
            let next = Command::parse(command.db(), argv.clone()).expect("the same but for the cursor");
            reply = self.one_reply(next, now, random);
        }
        Reply::Error("a scan that does not end".to_owned())
    }

    fn one_reply(&mut self, command: Command, now: Millis, random: u64) -> Reply {
        let input = MasterInput::Request { command, now, random };
        let outputs = self.master.step(&*self.policy.get(), input).expect("a store that works");
        let reply = outputs.into_iter().find_map(|output| match output {
            MasterOutput::Reply(reply) => Some(reply),
            _ => None,
        });
        reply.expect("a request gets a reply")
    }

    /// All raw records of the store.
    fn records(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut records = Vec::new();
        let visited = self.master.store().scan(&[], &[], &mut |key, value| {
            records.push((key.to_vec(), value.to_vec()));
            ControlFlow::Continue(())
        });
        visited.expect("a store that can be read");
        records
    }

    /// The number of stored records of users' data, and the number of those that belong to a key, dead or alive. An element
    /// that belongs to no key would stay in the store for ever.
    fn data_records(&self) -> (usize, usize) {
        let stored = self.records().into_iter().filter(|(key, _)| owner(key).is_some());
        let mut reachable = 0;
        for (raw, bytes) in self.records() {
            let Some(key) = metadata_key(&raw) else { continue };
            let value = Record::decode(&raw, &bytes).expect("a sound record").value;
            reachable +=
                1 + value.collection().map_or(0, |collection| self.elements(&key, &value, collection));
        }
        for (key, stored) in dump(self.master.store()).expect("sound records") {
            assert!(!matches!(stored.content, Content::Miscounted(..)), "{key}: {}", stored.content);
        }
        (stored.count(), reachable)
    }

    /// The number of records of the elements of a collection. Panics if a sorted set's counting records do not add up.
    fn elements(&self, key: &Key, value: &Value, collection: Collection) -> usize {
        let elements = elements(self.master.store(), key, collection.incarnation).expect("sound records");
        let counted: &[u8] = match value {
            Value::SortedSet(_, Levels::One) => &[tag::COUNT],
            Value::SortedSet(_, Levels::Two) => &[tag::COUNT, tag::BLOCK],
            _ => &[],
        };
        for tag in counted {
            let counting = elements.iter().filter(|(name, _)| name.first() == Some(tag));
            let sum = counting.map(|(_, number)| u64::from_be_bytes(number[..].try_into().expect("8 bytes")));
            assert_eq!(sum.sum::<u64>(), collection.count, "{key}: the sum of the counting records");
        }
        let deadlines = value.last_field_deadline().map_or(0, |_| self.field_deadlines(key, collection));
        elements.len() + deadlines
    }

    /// The number of records in the index of deadlines of fields.
    fn field_deadlines(&self, key: &Key, collection: Collection) -> usize {
        let (from, to) = field_deadlines(key, collection.incarnation);
        let mut count = 0;
        let visited = self.master.store().scan(&from, &to, &mut |_, _| {
            count += 1;
            ControlFlow::Continue(())
        });
        visited.expect("a store that can be read");
        count
    }

    /// The keys that are alive at `now`.
    fn living(&self, now: Millis) -> Dump {
        let mut living = dump(self.master.store()).expect("sound records");
        living.retain(|_, stored| !stored.is_dead(now));
        for stored in living.values_mut() {
            // Dead fields are left out. A hash whose living fields have no deadlines is one like any other.
            let Some(fields) = stored.content.living_fields(now) else { continue };
            stored.content = match fields.values().any(|(_, deadline)| deadline.is_some()) {
                true => Content::Fields(fields),
                false => stored.content.seen_at(now),
            };
        }
        living
    }
}

/// Counts of what happened in cases.
#[derive(Debug, Default)]
pub(super) struct Seen {
    commands: usize,
    /// Commands that were refused.
    pub(super) errors: usize,
    /// Keys that died: they were alive after one command and dead before the next.
    pub(super) deaths: usize,
    pub(super) chores: usize,
    /// How often a command, and a command with an option, was answered without an error.
    answered: BTreeMap<String, usize>,
}

impl Seen {
    pub(super) fn add(&mut self, more: Seen) {
        self.commands += more.commands;
        self.errors += more.errors;
        self.deaths += more.deaths;
        self.chores += more.chores;
        for (word, times) in more.answered {
            *self.answered.entry(word).or_default() += times;
        }
    }

    /// How often a command (`set`), or a command with an option (`set EX`), was answered without an error.
    pub(super) fn answered(&self, word: &str) -> usize {
        self.answered.get(word).copied().unwrap_or(0)
    }

    fn note(&mut self, command: &Command, reply: &Reply) {
        self.commands += 1;
        if reply.is_error() {
            self.errors += 1;
            return;
        }
        *self.answered.entry(command.name().to_owned()).or_default() += 1;
        let given: Vec<String> = command
            .argv()
            .iter()
            .skip(1)
            .map(|word| String::from_utf8_lossy(word).to_ascii_uppercase())
            .collect();
        for option in super::draw::options(command.spec())
            .into_iter()
            .filter(|option| given.iter().any(|one| one == option))
        {
            *self.answered.entry(format!("{} {option}", command.name())).or_default() += 1;
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Seen { commands, errors, deaths, chores, .. } = self;
        write!(
            out,
            "{commands} commands, {errors} of them refused, {deaths} keys died, {chores} flushes and compactions"
        )
    }
}

/// Runs a case on `store`, on a store in memory and on the reference. `keep` does chores on `store` and returns its gate.
pub(super) fn differ(
    case: &Case,
    store: impl Store,
    keep: &dyn Fn(Chore, Millis) -> Millis,
) -> Result<Seen, Difference> {
    let mut on_store = Run::new(store, case.policy);
    let mut in_memory = Run::new(MemoryStore::new(), case.policy);
    let (mut reference, mut seen, mut now, mut living) = (Reference::default(), Seen::default(), START, 0);
    assert!(on_store.records().is_empty(), "a case starts on an empty store");
    for (step, number) in case.steps.iter().zip(0..) {
        let gate = keep(step.chore, now);
        seen.chores += usize::from(step.chore != Chore::Nothing);
        now = now.offset(i64::try_from(step.later_ms).expect("small"));
        let Ok(command) = Command::parse(step.db, step.argv.clone()) else { continue };
        seen.deaths += living - reference.dump(now).len();
        let replies =
            (on_store.reply(&command, now, step.random), in_memory.reply(&command, now, step.random));
        let at = |difference: Difference| Difference { step: number, now, ..difference };
        judge(&command, &mut reference, now, (&replies.1, &in_memory.living(now))).map_err(at)?;
        if replies.0 != replies.1 {
            return Err(at(Difference::between("reply", ("store", &replies.0), ("in memory", &replies.1))));
        }
        stores_agree(&on_store, &in_memory, gate, now).map_err(at)?;
        let (stored, reachable) = in_memory.data_records();
        if stored != reachable {
            return Err(at(Difference::between(
                "number of records",
                ("stored", &stored),
                ("reachable", &reachable),
            )));
        }
        living = reference.dump(now).len();
        seen.note(&command, &replies.1);
    }
    Ok(seen)
}

/// Whether both stores hold the same records. Once compaction may drop dead strings, only living keys are compared: from then on
/// a command that removes a dead string has an effect, and so an entry and an LSN, only on a store that still has its bytes.
fn stores_agree<S: Store>(
    on_store: &Run<S>,
    in_memory: &Run<MemoryStore>,
    gate: Millis,
    now: Millis,
) -> Result<(), Difference> {
    if gate > Millis::ZERO {
        let living = (on_store.living(now), in_memory.living(now));
        return if living.0 == living.1 {
            Ok(())
        } else {
            Err(Difference::between("what is alive", ("store", &living.0), ("in memory", &living.1)))
        };
    }
    let records = (on_store.records(), in_memory.records());
    if records.0 == records.1 {
        return Ok(());
    }
    let shown = (raw(&records.0), raw(&records.1));
    Err(Difference::between("raw records", ("store", &shown.0), ("in memory", &shown.1)))
}

/// Whether the reference accepts what the engine in memory answered to `command`, and what was alive after it.
pub(super) fn judge(
    command: &Command,
    reference: &mut Reference,
    now: Millis,
    (reply, living): (&Reply, &Dump),
) -> Result<(), Difference> {
    let answer = reference.answer(now, command.db(), command.argv());
    if !answer.accepts(reply) {
        return Err(Difference::between("reply", ("reference", &answer), ("engine", reply)));
    }
    reference.follow(command.db(), command.argv(), &answer, reply);
    reference.take_spellings(living);
    let expected = reference.dump(now);
    if expected != *living {
        let all = expected.keys().chain(living.keys());
        let differ: Vec<_> = all.filter(|key| expected.get(key) != living.get(key)).collect();
        let side = |dump: &Dump| {
            differ.iter().map(|key| (format!("{key}"), dump.get(key).cloned())).collect::<BTreeMap<_, _>>()
        };
        let shown = (side(&expected), side(living));
        return Err(Difference::between("stored", ("reference", &shown.0), ("engine", &shown.1)));
    }
    Ok(())
}

fn raw(records: &[(Vec<u8>, Vec<u8>)]) -> Vec<String> {
    records.iter().map(|(key, value)| format!("{} = {}", key.escape_ascii(), value.escape_ascii())).collect()
}
