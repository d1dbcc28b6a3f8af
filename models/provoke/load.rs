//! Load — seed and number of a round → the writes of the round. Pure.
//!
//! Each write leaves a value that no other write of the run leaves: strings and fields are named after the write, lists and sets get one
//! new element. Commands that touch every key, or two keys, stand among them, since strategies that divide the work go wrong there.

use super::history::run_one;
use crate::command::Command;
use crate::effect::Key;
use crate::models::request::Request;
use crate::node::Master;
use crate::store::memory::MemoryStore;
use std::collections::BTreeSet;

/// The type of a key's value: a key of the load keeps it, so that it is known how to read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A string; a counter is one, too.
    String,
    /// A list.
    List,
    /// A set.
    Set,
    /// A hash.
    Hash,
}

/// The keys that drawn rounds use. The first letter is the type: string, counter, list, member set, hash.
pub const KEYS: &[&str] = &["s0", "s1", "s2", "s3", "c0", "c1", "l0", "l1", "l2", "m0", "m1", "h0"];

/// The fewest and the most writes of a round.
const WRITES: std::ops::Range<usize> = 4..160;

/// The type of the key of a drawn round, or of a program whose commands give the key this type; `None`: none of these types.
pub fn kind_of(requests: &[Request], key: &[u8]) -> Option<Kind> {
    let makes = |command: &Command| {
        let is_named = command.key_arguments().contains(&key);
        let kind = match command.name() {
            "rpush" | "lpush" | "linsert" | "lpushx" | "rpushx" => Kind::List,
            "sadd" | "smove" => Kind::Set,
            "hset" | "hsetnx" | "hincrby" | "hmset" => Kind::Hash,
            "set" | "setnx" | "mset" | "msetnx" | "append" | "setex" | "psetex" | "incr" | "incrby"
            | "decr" | "decrby" | "getset" => Kind::String,
            _ => return None,
        };
        is_named.then_some(kind)
    };
    let by_name = match key.first() {
        Some(b's' | b'c') => Kind::String,
        Some(b'l') => Kind::List,
        Some(b'm') => Kind::Set,
        _ => Kind::Hash,
    };
    let is_drawn = KEYS.iter().any(|name| name.as_bytes() == key);
    if is_drawn {
        return Some(by_name);
    }
    requests.iter().flat_map(Request::commands).find_map(makes)
}

/// All keys that the requests name.
pub fn keys_of(requests: &[Request]) -> BTreeSet<Key> {
    let commands = requests.iter().flat_map(Request::commands);
    let named = commands.flat_map(|command| {
        command.key_arguments().into_iter().map(|name| Key::new(0, name)).collect::<Vec<_>>()
    });
    named.collect()
}

/// The writes of a round. The same seed and number give the same writes. Each of them changes the keys and gets no error.
pub fn drawn(seed: u64, round: u64) -> Vec<Request> {
    let mut random = fastrand::Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(round));
    let mut master = super::history::empty_master();
    let (mut requests, length) = (Vec::new(), random.usize(WRITES));
    // Half of the rounds end soon after a write to everything: what it overtook, or what overtook it, is not covered up then.
    let flush_at = random.bool().then(|| length.saturating_sub(random.usize(1..6)));
    while requests.len() < length {
        let number = requests.len() + 1;
        let request = if flush_at == Some(requests.len()) && !is_empty(&master) {
            command(&["FLUSHDB"]).into()
        } else {
            request(&mut random, round, number)
        };
        let before = master.clone();
        if run_one(&mut master, &request).is_ok() && master.last().0 == number as u64 {
            requests.push(request);
        } else {
            master = before;
        }
    }
    requests
}

fn is_empty(master: &Master<MemoryStore>) -> bool {
    crate::store::dump(master.store()).is_ok_and(|dump| dump.is_empty())
}

/// A write, or a transaction of two or three.
fn request(random: &mut fastrand::Rng, round: u64, number: usize) -> Request {
    if random.u8(..100) >= 12 {
        return one(random, &format!("{round}.{number}")).into();
    }
    let commands = (0..random.usize(2..4)).map(|part| one(random, &format!("{round}.{number}.{part}")));
    Request::Transaction(commands.collect())
}

/// A command. `value` is what it writes.
fn one(random: &mut fastrand::Rng, value: &str) -> Command {
    let mut any = |kind: char| {
        let keys: Vec<&str> = KEYS.iter().copied().filter(|key| key.starts_with(kind)).collect();
        keys[random.usize(..keys.len())]
    };
    let (string, counter, list, set, hash) = (any('s'), any('c'), any('l'), any('m'), any('h'));
    let (other_string, other_list, other_set) = (any('s'), any('l'), any('m'));
    let key = [string, counter, list, set, hash][random.usize(..5)];
    match random.u8(..100) {
        0..20 => command(&["SET", string, value]),
        20..28 => command(&["APPEND", string, &format!("<{value}>")]),
        28..40 => command(&["INCR", counter]),
        40..56 => command(&["RPUSH", list, value]),
        56..62 => command(&["SADD", set, value]),
        62..68 => command(&["HSET", hash, value, value]),
        68..78 => command(&["MSET", string, value, other_string, &format!("{value}'")]),
        78..84 => command(&["RENAME", list, other_list]),
        84..88 => command(&["RENAME", string, other_string]),
        88..93 => command(&["DEL", key, other_string]),
        93..96 => command(&["SUNIONSTORE", other_set, set, other_set]),
        _ => command(&["FLUSHDB"]),
    }
}

/// A command of these words. Panics: it is none, which the test of all drawn commands (tests/probe/loads.rs) would show.
fn command(words: &[&str]) -> Command {
    let argv = words.iter().map(|word| word.as_bytes().to_vec()).collect();
    Command::parse(0, argv).expect("a command of the table above")
}
