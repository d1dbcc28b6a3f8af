//! Commands on keys of any type: DEL UNLINK EXISTS TOUCH TYPE FLUSHDB FLUSHALL. Other commands on keys are in
//! the other files of this folder, by theme. Pure.

mod encoding;
mod expire;
mod object;
mod rename;
mod scan;
mod swap;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod type_tests;

use super::{CommandError, Draft, KeyArguments, Kind, Outcome, Reply, Spec, View, always, never};
use crate::effect::{Effect, KeySet, Write};
use crate::store::key;
use crate::time::Millis;
use std::collections::BTreeSet;

pub(super) use expire::{Condition, signed};
pub(super) use object::check as check_object;
pub(super) use rename::in_their_databases;
#[cfg(test)]
pub(super) use tests::scanned;

pub(super) const TABLES: [&[Spec]; 6] =
    [TABLE, expire::TABLE, rename::TABLE, scan::TABLE, swap::TABLE, object::TABLE];

const TABLE: &[Spec] = &[
    Spec {
        name: "del",
        arity: -2,
        kind: Kind::Write,
        keys: KeyArguments::ALL,
        depends_on_stored: never,
        grammar: "DEL key [key ...]",
        execute: del,
    },
    Spec {
        name: "unlink",
        arity: -2,
        kind: Kind::Write,
        keys: KeyArguments::ALL,
        depends_on_stored: never,
        grammar: "UNLINK key [key ...]",
        execute: del,
    },
    Spec {
        name: "exists",
        arity: -2,
        kind: Kind::Read,
        keys: KeyArguments::ALL,
        depends_on_stored: always,
        grammar: "EXISTS key [key ...]",
        execute: exists,
    },
    Spec {
        name: "touch",
        arity: -2,
        kind: Kind::Read,
        keys: KeyArguments::ALL,
        depends_on_stored: always,
        grammar: "TOUCH key [key ...]",
        execute: exists,
    },
    Spec {
        name: "type",
        arity: 2,
        kind: Kind::Read,
        keys: KeyArguments::FIRST,
        depends_on_stored: always,
        grammar: "TYPE key",
        execute: kind_of,
    },
    Spec {
        name: "flushdb",
        arity: -1,
        kind: Kind::Flush,
        keys: KeyArguments::Everything,
        depends_on_stored: never,
        grammar: "FLUSHDB [ASYNC | SYNC]",
        execute: flushdb,
    },
    Spec {
        name: "flushall",
        arity: -1,
        kind: Kind::Flush,
        keys: KeyArguments::Everything,
        depends_on_stored: never,
        grammar: "FLUSHALL [ASYNC | SYNC]",
        execute: flushall,
    },
];

/// DEL and UNLINK, which are the same here: the deletion of a range of raw keys does not visit each raw key.
fn del(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let mut draft = Draft::new();
    let mut deleted = 0;
    let names: BTreeSet<&Vec<u8>> = argv[1..].iter().collect();
    for name in names {
        // A dead key does not count as deleted; the node reclaims its bytes later.
        if view.record(name)?.is_some() {
            draft.remove(view, name)?;
            deleted += 1;
        }
    }
    Ok((Reply::Integer(deleted), draft.finish()))
}

/// EXISTS and TOUCH: a key that is named twice counts twice. The store does not record when a key was last
/// used.
fn exists(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let mut living = 0;
    for name in &argv[1..] {
        living += i64::from(view.record(name)?.is_some());
    }
    Ok((Reply::Integer(living), Effect::none()))
}

fn kind_of(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let name = view.record(&argv[1])?.map_or("none", |record| record.kind().name());
    Ok((Reply::Status(name), Effect::none()))
}

fn flushdb(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    flush(key::database(view.db()), argv)
}

fn flushall(_: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    flush(key::all_databases(), argv)
}

/// Deletes a range of raw keys. The effect is not empty even if nothing was stored, because Redis, too, sends
/// each FLUSH to its replicas. In Redis, ASYNC and SYNC choose the thread that frees memory; here they do the
/// same.
fn flush((from, to): (Vec<u8>, Vec<u8>), argv: &[Vec<u8>]) -> Outcome {
    let understood = match argv {
        [_] => true,
        [_, how] => how.eq_ignore_ascii_case(b"async") || how.eq_ignore_ascii_case(b"sync"),
        _ => false,
    };
    if !understood {
        return Err(CommandError::syntax());
    }
    Ok((Reply::OK, Effect { writes: vec![Write::DeleteRange { from, to }], keys: KeySet::Everything }))
}
