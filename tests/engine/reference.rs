//! Reference — commands as their pages at redis.io describe them, as plainly as that can be written. Pure.
//!
//! Its purpose is to disagree: it shares no code and no structure with `src/command`, so a mistake stays unseen only if it was
//! made twice. Keys are a map of values, a dead key is removed before anything else happens, integers are wider than any
//! argument, and floats are fractions. It deliberately is not fast, knows no effects, and does not refuse a wrong number of
//! arguments, which is the task of `Command::parse`.
//!
//! Where Redis leaves the outcome of a write open, the reference follows the server once the server's reply or data has been
//! accepted: [`Reference::follow`] removes the members that an SPOP drew, and [`Reference::take_spellings`] takes over the
//! string that spells a HyperLogLog. Anything else in the reply or the data has to be equal.
//!
//! It is checked against the same transcripts of a real Redis as the engine (`transcripts`).

mod answer;
mod bits;
mod commands;
mod deadlines;
mod field_deadlines;
mod float;
mod hashes;
mod hyperloglogs;
mod keys;
mod lcs;
mod lists;
mod numbers;
mod resp2;
mod scores;
mod sets;
mod sorted_algebra;
mod sorted_ranges;
mod sorted_sets;
mod strings;
mod transcripts;
mod values;
mod walk;

pub(super) use answer::Answer;
pub(super) use resp2::{in_resp2, in_the_shape_of};

use replicheck::command::Reply;
use replicheck::effect::Key;
use replicheck::store::{Content, Dump, Stored};
use replicheck::time::Millis;
use std::collections::BTreeMap;
use values::{Fields, Items, Members, Scores, Value};

/// A key: its value, and the instant in milliseconds at which it dies.
#[derive(Clone, Debug)]
struct Held {
    value: Value,
    deadline: Option<i128>,
    /// The instants at which fields of a hash die.
    until: BTreeMap<Vec<u8>, i128>,
}

impl Held {
    /// The value as a dump shows it.
    fn content(&self) -> Content {
        let Value::Hash(fields) = &self.value else { return self.value.content() };
        if self.until.is_empty() {
            return self.value.content();
        }
        let until =
            |field: &Vec<u8>| self.until.get(field).map(|until| u64::try_from(*until).expect("after 1970"));
        let held =
            fields.iter().map(|(field, value)| (field.clone(), (value.clone(), until(field).map(Millis))));
        Content::Fields(held.collect())
    }

    /// Removes the fields that are dead at `now`.
    fn bury_fields(&mut self, now: i128) {
        let Value::Hash(fields) = &mut self.value else { return };
        fields.retain(|field, _| self.until.get(field).is_none_or(|until| *until > now));
        self.until.retain(|field, _| fields.contains_key(field));
    }
}

/// The text of an error reply, with its code.
#[derive(Debug)]
struct Refused(String);

/// `ERR …`
fn refused<T>(text: &str) -> Result<T, Refused> {
    Err(Refused(format!("ERR {text}")))
}

fn syntax_error<T>() -> Result<T, Refused> {
    refused("syntax error")
}

fn wrong_type<T>() -> Result<T, Refused> {
    Err(Refused("WRONGTYPE Operation against a key holding the wrong kind of value".to_owned()))
}

type Told = Result<Answer, Refused>;

/// The answer that is this integer.
fn number(number: i128) -> Told {
    Ok(Answer::Exactly(Reply::Integer(i64::try_from(number).expect("within what Redis counts with"))))
}

fn count(things: usize) -> Told {
    number(i128::try_from(things).expect("small"))
}

fn ok() -> Told {
    Ok(Answer::Exactly(Reply::OK))
}

/// The answer that is this string, or null.
fn bulk(bytes: Option<Vec<u8>>) -> Told {
    Ok(Answer::Exactly(bytes.map_or(Reply::Null, Reply::Bulk)))
}

fn upper(word: &[u8]) -> String {
    String::from_utf8_lossy(word).to_ascii_uppercase()
}

/// All living keys of all databases.
#[derive(Clone, Debug, Default)]
pub(super) struct Reference {
    keys: BTreeMap<(u8, Vec<u8>), Held>,
}

impl Reference {
    /// What Redis answers to `argv` at `now` in database `db`. Panics if the reference does not know the command.
    pub(super) fn answer(&mut self, now: Millis, db: u8, argv: &[Vec<u8>]) -> Answer {
        let now = i128::from(now.0);
        self.bury(now);
        let name = String::from_utf8_lossy(&argv[0]).to_ascii_lowercase();
        let told = commands::answer(&mut Call { keys: &mut self.keys, now, db, name, args: &argv[1..] });
        self.bury(now);
        // An error reply is one line, even if it quotes line ends.
        let line = |text: String| text.trim_end_matches(['\r', '\n']).replace(['\r', '\n'], " ");
        told.unwrap_or_else(|Refused(text)| Answer::Exactly(Reply::Error(line(text))))
    }

    /// Makes the choice that the server made, if `reply` to `argv`, which `answer` accepts, shows one.
    pub(super) fn follow(&mut self, db: u8, argv: &[Vec<u8>], answer: &Answer, reply: &Reply) {
        let id = || (db, argv[1].clone());
        match (answer, reply) {
            (Answer::Popped { from, .. }, Reply::Set(_) | Reply::Bulk(_)) => {
                let one = [reply.clone()];
                let drawn = if let Reply::Set(drawn) = reply { drawn.as_slice() } else { &one };
                let mut left = from.clone();
                left.retain(|member| !drawn.contains(&Reply::Bulk(member.clone())));
                if left.is_empty() {
                    self.keys.remove(&id());
                } else if let Some(held) = self.keys.get_mut(&id()) {
                    held.value = Value::Set(left);
                }
            }
            (Answer::Spelling(_), Reply::Bulk(bytes)) => {
                self.keys.get_mut(&id()).expect("held").value = Value::String(bytes.clone());
            }
            _ => {}
        }
    }

    /// Takes over the server's strings for those HyperLogLogs of which only the registers are known.
    pub(super) fn take_spellings(&mut self, stored: &Dump) {
        for ((db, name), held) in &mut self.keys {
            let Value::HyperLogLog(registers) = &held.value else { continue };
            let stored = stored.get(&Key::new(*db, name.clone())).map(|stored| &stored.content);
            if let Some(Content::String(bytes)) = stored
                && hyperloglogs::spells(bytes, registers)
            {
                held.value = Value::String(bytes.clone());
            }
        }
    }

    fn bury(&mut self, now: i128) {
        self.keys.values_mut().for_each(|held| held.bury_fields(now));
        self.keys.retain(|_, held| {
            held.deadline.is_none_or(|deadline| deadline > now) && !held.value.is_emptied()
        });
    }

    /// All keys that are alive at `now`.
    pub(super) fn dump(&mut self, now: Millis) -> Dump {
        self.bury(i128::from(now.0));
        let stored = |held: &Held| Stored {
            content: held.content(),
            deadline: held.deadline.map(|deadline| Millis(u64::try_from(deadline).expect("after 1970"))),
        };
        self.keys.iter().map(|((db, name), held)| (Key::new(*db, name.clone()), stored(held))).collect()
    }
}

/// The refusal of a command that reads a HyperLogLog as a string.
pub(super) const UNSPELT: &str = "the reference does not know how this HyperLogLog is spelt";

/// One command on the keys that are alive.
struct Call<'a> {
    keys: &'a mut BTreeMap<(u8, Vec<u8>), Held>,
    now: i128,
    db: u8,
    /// The command's name in lower case.
    name: String,
    /// The arguments without the name.
    args: &'a [Vec<u8>],
}

impl<'a> Call<'a> {
    fn arg(&self, at: usize) -> &'a [u8] {
        &self.args[at]
    }

    /// The key that argument `at` names.
    fn id(&self, at: usize) -> (u8, Vec<u8>) {
        (self.db, self.args[at].clone())
    }

    /// The value and deadline of the key that argument `at` names.
    fn held(&self, at: usize) -> Option<Held> {
        self.keys.get(&self.id(at)).cloned()
    }

    /// The string in the key that argument `at` names.
    fn string(&self, at: usize) -> Result<Option<Vec<u8>>, Refused> {
        match self.held(at).map(|held| held.value) {
            None => Ok(None),
            Some(Value::String(value)) => Ok(Some(value)),
            Some(Value::HyperLogLog(_)) => refused(UNSPELT),
            Some(_) => wrong_type(),
        }
    }

    /// The hash in the key that argument `at` names; without the key, one without fields.
    fn hash(&self, at: usize) -> Result<Fields, Refused> {
        match self.held(at).map(|held| held.value) {
            None => Ok(Fields::new()),
            Some(Value::Hash(fields)) => Ok(fields),
            Some(_) => wrong_type(),
        }
    }

    /// The list in the key that argument `at` names; without the key, one without items.
    fn list(&self, at: usize) -> Result<Items, Refused> {
        match self.held(at).map(|held| held.value) {
            None => Ok(Items::new()),
            Some(Value::List(items)) => Ok(items),
            Some(_) => wrong_type(),
        }
    }

    /// The set in the key that argument `at` names; without the key, one without members.
    fn set(&self, at: usize) -> Result<Members, Refused> {
        match self.held(at).map(|held| held.value) {
            None => Ok(Members::new()),
            Some(Value::Set(members)) => Ok(members),
            Some(_) => wrong_type(),
        }
    }

    /// The sorted set in the key that argument `at` names; without the key, one without members.
    fn sorted_set(&self, at: usize) -> Result<Scores, Refused> {
        match self.held(at).map(|held| held.value) {
            None => Ok(Scores::new()),
            Some(Value::SortedSet(scores)) => Ok(scores),
            Some(_) => wrong_type(),
        }
    }

    /// Sets the key that argument `at` names to this string, without a deadline or with `deadline`.
    fn replace(&mut self, at: usize, value: &[u8], deadline: Option<i128>) {
        self.keys.insert(
            self.id(at),
            Held { value: Value::String(value.to_vec()), deadline, until: BTreeMap::new() },
        );
    }

    /// Changes the value of the key that argument `at` names, and keeps its deadline and those of fields. An emptied collection is removed.
    fn put(&mut self, at: usize, value: Value) {
        let (deadline, until) = self.held(at).map(|held| (held.deadline, held.until)).unwrap_or_default();
        self.store(at, value);
        if let Some(held) = self.keys.get_mut(&self.id(at)) {
            (held.deadline, held.until) = (deadline, until);
            held.bury_fields(self.now);
        }
    }

    /// Sets the key that argument `at` names to this value, without a deadline. An empty collection is not stored.
    fn store(&mut self, at: usize, value: Value) {
        self.keys.remove(&self.id(at));
        if !value.is_emptied() {
            self.keys.insert(self.id(at), Held { value, deadline: None, until: BTreeMap::new() });
        }
    }
}
