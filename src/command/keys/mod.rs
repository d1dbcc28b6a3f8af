//! Commands on keys of any type: DEL UNLINK EXISTS TOUCH TYPE FLUSHDB FLUSHALL here, the others by theme in
//! the files beside. Pure.

mod expire;
mod rename;
mod scan;
#[cfg(test)]
mod tests;

use super::{CommandError, Draft, KeyArguments, Kind, Outcome, Reply, Spec, View, always, never};
use crate::effect::{Effect, KeySet, Write};
use crate::store::key;
use crate::time::Millis;
use std::collections::BTreeSet;

pub(super) use expire::TABLE as EXPIRE;
pub(super) use rename::{TABLE as RENAME, in_their_databases};
pub(super) use scan::TABLE as SCAN;
#[cfg(test)]
pub(super) use tests::scanned;

pub(super) const TABLE: &[Spec] = &[
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

/// DEL and UNLINK, which are one here: deleting a range of raw keys does not walk over them.
fn del(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let mut draft = Draft::new();
    let mut deleted = 0;
    let names: BTreeSet<&Vec<u8>> = argv[1..].iter().collect();
    for name in names {
        // A dead key is not there to be deleted; its bytes are left to whoever clears dead keys away.
        if view.record(name)?.is_some() {
            draft.remove(view, name)?;
            deleted += 1;
        }
    }
    Ok((Reply::Integer(deleted), draft.finish()))
}

/// EXISTS and TOUCH: a key that is named twice counts twice. Nothing here remembers when a key was last used.
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

/// Deletes a range of raw keys. The effect is there even if nothing was stored, as Redis too passes each FLUSH
/// on to its replicas. ASYNC and SYNC choose who frees memory in Redis; here they come to the same.
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
