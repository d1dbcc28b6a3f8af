//! Reference — commands as their pages at redis.io describe them, as plainly as that can be written. Pure.
//!
//! Its purpose is to disagree: it shares no code and no structure with `src/command`, so a mistake stays unseen only if it was
//! made twice. Keys are a map of values, a dead key is removed before anything else happens, integers are wider than any
//! argument, and floats are fractions. It deliberately is not fast, knows no effects, and does not refuse a wrong number of
//! arguments, which is the task of `Command::parse`.
//!
//! It is checked against the same transcripts of a real Redis as the engine (`transcripts`).

mod answer;
mod deadlines;
mod float;
mod hashes;
mod keys;
mod lcs;
mod numbers;
mod strings;
mod transcripts;
mod walk;

pub(super) use answer::Answer;

use replicheck::command::Reply;
use replicheck::effect::Key;
use replicheck::store::{Content, Dump, Stored};
use replicheck::time::Millis;
use std::collections::BTreeMap;

/// The fields of a hash with their values.
pub(super) type Fields = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Clone, Debug)]
enum Value {
    String(Vec<u8>),
    Hash(Fields),
}

/// A key: its value, and the instant in milliseconds at which it dies.
#[derive(Clone, Debug)]
struct Held {
    value: Value,
    deadline: Option<i128>,
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
        let told = answer(&mut Call { keys: &mut self.keys, now, db, name, args: &argv[1..] });
        self.bury(now);
        // An error reply is one line, even if it quotes line ends.
        let line = |text: String| text.trim_end_matches(['\r', '\n']).replace(['\r', '\n'], " ");
        told.unwrap_or_else(|Refused(text)| Answer::Exactly(Reply::Error(line(text))))
    }

    fn bury(&mut self, now: i128) {
        self.keys.retain(|_, held| held.deadline.is_none_or(|deadline| deadline > now));
    }

    /// All keys that are alive at `now`.
    pub(super) fn dump(&mut self, now: Millis) -> Dump {
        self.bury(i128::from(now.0));
        let stored = |held: &Held| Stored {
            content: match &held.value {
                Value::String(value) => Content::String(value.clone()),
                Value::Hash(fields) => Content::Hash(fields.clone()),
            },
            deadline: held.deadline.map(|deadline| Millis(u64::try_from(deadline).expect("after 1970"))),
        };
        self.keys.iter().map(|((db, name), held)| (Key::new(*db, name.clone()), stored(held))).collect()
    }
}

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
            Some(Value::Hash(_)) => wrong_type(),
        }
    }

    /// Sets the key that argument `at` names to this string, without a deadline or with `deadline`.
    fn replace(&mut self, at: usize, value: &[u8], deadline: Option<i128>) {
        self.keys.insert(self.id(at), Held { value: Value::String(value.to_vec()), deadline });
    }

    /// Changes the value of the key that argument `at` names, and keeps its deadline.
    fn alter(&mut self, at: usize, value: Value) {
        let deadline = self.held(at).and_then(|held| held.deadline);
        self.keys.insert(self.id(at), Held { value, deadline });
    }
}

fn answer(call: &mut Call<'_>) -> Told {
    match call.name.as_str() {
        "get" => strings::get(call),
        "set" => strings::set(call),
        "setnx" => strings::setnx(call),
        "setex" => strings::setex(call, "EX"),
        "psetex" => strings::setex(call, "PX"),
        "getset" => strings::getset(call),
        "getex" => strings::getex(call),
        "getdel" => strings::getdel(call),
        "mget" => strings::mget(call),
        "mset" => strings::mset(call),
        "msetnx" => strings::msetnx(call),
        "append" => strings::append(call),
        "strlen" => strings::strlen(call),
        "setrange" => strings::setrange(call),
        "getrange" | "substr" => strings::getrange(call),
        "lcs" => lcs::lcs(call),
        "incr" => numbers::incr(call, 1),
        "decr" => numbers::incr(call, -1),
        "incrby" => numbers::incrby(call),
        "decrby" => numbers::decrby(call),
        "incrbyfloat" => numbers::incrbyfloat(call),
        "hincrby" => numbers::hincrby(call),
        "hincrbyfloat" => numbers::hincrbyfloat(call),
        "hset" => hashes::hset(call),
        "hmset" => hashes::hmset(call),
        "hsetnx" => hashes::hsetnx(call),
        "hdel" => hashes::hdel(call),
        "hget" => hashes::hget(call),
        "hmget" => hashes::hmget(call),
        "hgetall" => hashes::hgetall(call),
        "hkeys" => hashes::hkeys(call),
        "hvals" => hashes::hvals(call),
        "hlen" => hashes::hlen(call),
        "hexists" => hashes::hexists(call),
        "hstrlen" => hashes::hstrlen(call),
        "hrandfield" => hashes::hrandfield(call),
        "hscan" => walk::hscan(call),
        "del" | "unlink" => keys::del(call),
        "exists" | "touch" => keys::exists(call),
        "type" => keys::kind(call),
        "flushdb" | "flushall" => keys::flush(call),
        "rename" => keys::rename(call),
        "renamenx" => keys::renamenx(call),
        "copy" => keys::copy(call),
        "ping" => keys::ping(call),
        "echo" => bulk(Some(call.arg(0).to_vec())),
        "select" => keys::database(call.arg(0)).and_then(|_| ok()),
        "expire" => deadlines::expire(call, 1000, call.now),
        "pexpire" => deadlines::expire(call, 1, call.now),
        "expireat" => deadlines::expire(call, 1000, 0),
        "pexpireat" => deadlines::expire(call, 1, 0),
        "ttl" => deadlines::left(call, 1000, call.now),
        "pttl" => deadlines::left(call, 1, call.now),
        "expiretime" => deadlines::left(call, 1000, 0),
        "pexpiretime" => deadlines::left(call, 1, 0),
        "persist" => deadlines::persist(call),
        "keys" => walk::keys(call),
        "scan" => walk::scan(call),
        "randomkey" => walk::randomkey(call),
        "dbsize" => count(walk::names(call).len()),
        other => panic!("the reference does not know {other}: describe it in tests/engine/reference/"),
    }
}
