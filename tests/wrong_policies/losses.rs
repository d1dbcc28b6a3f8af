//! Deadlines and writes that are missing from the log, and writes that go to another database.

use crate::wrong::Fault::{DropsDeadline, Forgets, Logs};
use crate::wrong::{metadata, without};
use crate::{Case, assert_refuted};
use replicheck::command::Command;
use replicheck::effect::{Effect, Key, KeySet, Write};
use replicheck::store::key;
use replicheck::store::record::{Record, Value};

/// What breaks for a key that loses its deadline.
const NO_DEADLINE: &[&str] = &["same_deadline", "no_immortal_key"];
/// What breaks for a key that stays although the master has removed it.
const STAYS: &[&str] = &["same_value", "no_immortal_key"];
/// What breaks for a key that never arrives.
const NEVER_COMES: &[&str] = &["same_value", "no_early_death"];

pub const CASES: &[Case] = &[
    Case::new(
        "RENAME drops the deadline",
        DropsDeadline("rename"),
        &["SETEX k 2 5", "RENAME k j"],
        NO_DEADLINE,
    ),
    Case::new("COPY drops the deadline", DropsDeadline("copy"), &["SETEX k 2 5", "COPY k j"], NO_DEADLINE),
    Case::new(
        "APPEND drops the deadline",
        DropsDeadline("append"),
        &["SETEX k 2 5", "APPEND k 1"],
        NO_DEADLINE,
    ),
    Case::new(
        "SETRANGE drops the deadline",
        DropsDeadline("setrange"),
        &["SETEX k 2 5", "SETRANGE k 0 7"],
        NO_DEADLINE,
    ),
    Case::new("INCR drops the deadline", DropsDeadline("incr"), &["SETEX k 2 5", "INCR k"], NO_DEADLINE),
    Case::new(
        "DECRBY drops the deadline",
        DropsDeadline("decrby"),
        &["SETEX k 2 5", "DECRBY k 2"],
        NO_DEADLINE,
    ),
    Case::new(
        "INCRBYFLOAT drops the deadline",
        DropsDeadline("incrbyfloat"),
        &["SETEX k 2 5", "INCRBYFLOAT k 0.5"],
        NO_DEADLINE,
    ),
    Case::new(
        "HSET of a new field drops the hash's deadline",
        DropsDeadline("hset"),
        &["HSET h f 1", "EXPIRE h 2", "HSET h g 1"],
        NO_DEADLINE,
    ),
    Case::new(
        "HINCRBY of a new field drops the hash's deadline",
        DropsDeadline("hincrby"),
        &["HSET h f 1", "EXPIRE h 2", "HINCRBY h g 1"],
        NO_DEADLINE,
    ),
    Case::new(
        "HDEL drops the hash's deadline",
        DropsDeadline("hdel"),
        &["HSET h f 1 g 2", "EXPIRE h 2", "HDEL h g"],
        NO_DEADLINE,
    ),
    Case::new(
        "EXPIRE is logged for strings only",
        Logs(
            |command, effect| {
                if command.name() == "expire" { without(effect, is_of_a_hash) } else { effect }
            },
        ),
        &["HSET h f 1", "EXPIRE h 2"],
        NO_DEADLINE,
    ),
    Case::new("GETEX is taken for a read", Forgets("getex"), &["SET k 5", "GETEX k EX 2"], NO_DEADLINE),
    Case::new(
        "PERSIST is not logged",
        Forgets("persist"),
        &["SETEX k 2 5", "PERSIST k"],
        &["same_deadline", "no_early_death"],
    ),
    Case::new("FLUSHDB is lost", Forgets("flushdb"), &["SET k 5", "FLUSHDB"], STAYS),
    Case::new("DEL is lost", Forgets("del"), &["SET k 5", "DEL k"], STAYS),
    Case::new("GETDEL is taken for a read", Forgets("getdel"), &["SET k 5", "GETDEL k"], STAYS),
    Case::new(
        "EXPIRE of 0 seconds removes nothing",
        Logs(keeps_the_expired),
        &["SET k 5", "EXPIRE k 0"],
        STAYS,
    ),
    Case::new(
        "EXPIRE of less than 0 seconds removes nothing",
        Logs(keeps_the_expired),
        &["SET k 5", "EXPIRE k -1"],
        STAYS,
    ),
    Case::new(
        "HDEL of the last field leaves the key",
        Logs(|command, effect| {
            let is_key = |write: &Write| matches!(write, Write::Delete { key } if key::is_metadata(key));
            if command.name() == "hdel" { without(effect, is_key) } else { effect }
        }),
        &["HSET h f 1", "HDEL h f"],
        STAYS,
    ),
    Case::new(
        "HDEL does not update the number of fields",
        Logs(|command, effect| if command.name() == "hdel" { without(effect, is_of_a_hash) } else { effect }),
        &["HSET h f 1 g 2", "HDEL h g"],
        &["same_value"],
    ),
    Case::new("HINCRBY is lost", Forgets("hincrby"), &["HSET h f 1", "HINCRBY h f 1"], &["same_value"]),
    Case::new(
        "half of MSET is lost",
        Logs(|command, mut effect| {
            if command.name() == "mset" {
                effect.writes.truncate(1);
            }
            effect
        }),
        &["MSET a 1 b 2"],
        &["same_value", "no_early_death", "past_read"],
    ),
    Case::new(
        "an empty value is not logged",
        Logs(|_, effect| without(effect, is_empty_string)),
        &["SET k \"\""],
        NEVER_COMES,
    ),
    Case::new(
        "all databases but 0 are lost",
        Logs(|command, effect| if command.db() == 0 { effect } else { Effect::none() }),
        &["SELECT 1", "SET k 5"],
        NEVER_COMES,
    ),
    Case::new(
        "all databases are 0",
        Logs(|_, effect| in_database_0(effect)),
        &["SELECT 1", "SET k 5"],
        &["same_value", "no_immortal_key", "no_early_death", "past_read"],
    ),
    Case::new(
        "FLUSHDB is logged as FLUSHALL",
        Logs(|command, effect| flushed(command.name() == "flushdb", key::all_databases(), effect)),
        &["SELECT 1", "SET k 5", "SELECT 0", "FLUSHDB"],
        NEVER_COMES,
    ),
    Case::new(
        "FLUSHALL is logged as FLUSHDB",
        Logs(|command, effect| flushed(command.name() == "flushall", key::database(command.db()), effect)),
        &["SELECT 1", "SET k 5", "SELECT 0", "FLUSHALL"],
        STAYS,
    ),
];

/// Keeps the key of an EXPIRE that removed it: the deletes are left out of the effect.
fn keeps_the_expired(command: &Command, effect: Effect) -> Effect {
    if command.name() == "expire" {
        without(effect, |write| matches!(write, Write::Delete { .. }))
    } else {
        effect
    }
}

fn is_of_a_hash(write: &Write) -> bool {
    let Write::Put { key, value } = write else { return false };
    metadata(key, value).is_some_and(|record| matches!(record.value, Value::Hash(..)))
}

fn is_empty_string(write: &Write) -> bool {
    let Write::Put { key, value } = write else { return false };
    metadata(key, value) == Some(Record { deadline: None, value: Value::String(Vec::new()) })
}

fn flushed(is_flush: bool, (from, to): (Vec<u8>, Vec<u8>), effect: Effect) -> Effect {
    if is_flush { Effect { writes: vec![Write::DeleteRange { from, to }], ..effect } } else { effect }
}

/// The effect on strings, with each key moved to database 0.
fn in_database_0(effect: Effect) -> Effect {
    let moved = |write| match write {
        Write::Put { key: raw, value } => {
            let key = key::metadata_key(&raw).map_or(raw, |owner| key::metadata_of(0, &owner.name));
            Write::Put { key, value }
        }
        other => other,
    };
    let keys = match effect.keys {
        KeySet::Keys(keys) => KeySet::of(keys.into_iter().map(|key| Key::new(0, key.name))),
        KeySet::Everything => KeySet::Everything,
    };
    Effect { writes: effect.writes.into_iter().map(moved).collect(), keys }
}

#[test]
fn wrong_losses_on_their_programs_are_refuted_by_name() {
    assert_refuted(CASES);
}
