//! OBJECT: what Redis tells about the value of a key beyond its type. Pure.
//!
//! The store keeps no values in memory and does not record when a key was last used. So OBJECT IDLETIME replies 0, OBJECT FREQ
//! is refused as in a Redis without an LFU policy, and OBJECT REFCOUNT replies what a Redis with default settings would for
//! a value that was just set.

use super::encoding::{encoding, is_shared};
use crate::command::options::is_option;
use crate::command::{CommandError, KeyArguments, Kind, Outcome, Reply, Spec, View, always};
use crate::effect::Effect;
use crate::store::record::Record;
use crate::time::Millis;

pub(super) const TABLE: &[Spec] = &[Spec {
    name: "object",
    arity: -2,
    kind: Kind::Read,
    keys: KeyArguments::Range { first: 2, last: 2, step: 1 },
    depends_on_stored: always,
    grammar: "OBJECT <ENCODING key | FREQ key | IDLETIME key | REFCOUNT key | HELP>",
    execute: object,
}];

const HELP: &[&str] = &[
    "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "ENCODING <key>",
    "    Return the kind of internal representation used in order to store the value",
    "    associated with a <key>.",
    "FREQ <key>",
    "    Return the access frequency index of the <key>. The returned integer is",
    "    proportional to the logarithm of the recent access frequency of the key.",
    "IDLETIME <key>",
    "    Return the idle time of the <key>, that is the approximated number of",
    "    seconds elapsed since the last access to the key.",
    "REFCOUNT <key>",
    "    Return the number of references of the value associated with the specified",
    "    <key>.",
    "HELP",
    "    Prints this help.",
];

/// The function of a subcommand, for the key with this record.
type About = fn(view: &View<'_>, name: &[u8], record: &Record) -> Result<Reply, CommandError>;

/// The subcommands about a key.
const SUBCOMMANDS: [(&str, About); 4] = [
    ("encoding", |view, name, record| Ok(Reply::bulk(encoding(view, name, &record.value)?))),
    ("freq", |_, _, _| Err(frequency_unknown())),
    ("idletime", |_, _, _| Ok(Reply::Integer(0))),
    ("refcount", |_, _, record| {
        let references = if is_shared(&record.value) { i64::from(i32::MAX) } else { 1 };
        Ok(Reply::Integer(references))
    }),
];

/// Checks the subcommand and its number of arguments.
pub(in crate::command) fn check(argv: &[Vec<u8>]) -> Result<(), CommandError> {
    let (subcommand, length) = match asked(&argv[1]) {
        Some((subcommand, _)) => (*subcommand, 3),
        None if is_help(&argv[1]) => ("help", 2),
        None => return Err(unknown(&argv[1])),
    };
    if argv.len() != length {
        return Err(CommandError::arity(&format!("object|{subcommand}")));
    }
    Ok(())
}

fn asked(subcommand: &[u8]) -> Option<&'static (&'static str, About)> {
    SUBCOMMANDS.iter().find(|(name, _)| is_option(subcommand, name))
}

fn is_help(subcommand: &[u8]) -> bool {
    is_option(subcommand, "help")
}

fn object(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    check(argv)?;
    if is_help(&argv[1]) {
        return Ok((Reply::Array(HELP.iter().copied().map(Reply::Status).collect()), Effect::none()));
    }
    let (_, about) = asked(&argv[1]).ok_or_else(|| unknown(&argv[1]))?;
    let reply = match view.record(&argv[2])? {
        None => Reply::Null,
        Some(record) => about(view, &argv[2], &record)?,
    };
    Ok((reply, Effect::none()))
}

fn unknown(subcommand: &[u8]) -> CommandError {
    let shown = CommandError::quoted(&subcommand[..subcommand.len().min(128)]);
    CommandError::err(format_args!("unknown subcommand '{shown}'. Try OBJECT HELP."))
}

fn frequency_unknown() -> CommandError {
    CommandError::err(
        "An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when \
         switching between policies at runtime LRU and LFU data will take some time to adjust.",
    )
}
