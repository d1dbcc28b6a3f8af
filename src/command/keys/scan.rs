//! Commands that walk over the keys of a database: KEYS SCAN RANDOMKEY DBSIZE. Pure.
//!
//! All except SCAN cost O(keys of the database), even DBSIZE: no count is kept, because the number of living
//! keys depends on the instant at which they are judged.

use crate::command::cursor::{self, Options};
use crate::command::random::Random;
use crate::command::{KeyArguments, Kind, Outcome, Reply, Spec, View, always, pattern};
use crate::effect::Effect;
use crate::time::Millis;
use std::ops::ControlFlow;

pub(super) const TABLE: &[Spec] = &[
    Spec {
        name: "keys",
        arity: 2,
        kind: Kind::Read,
        keys: KeyArguments::Everything,
        depends_on_stored: always,
        grammar: "KEYS pattern",
        execute: keys,
    },
    Spec {
        name: "scan",
        arity: -2,
        kind: Kind::Read,
        keys: KeyArguments::Everything,
        depends_on_stored: always,
        grammar: "SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]",
        execute: scan,
    },
    Spec {
        name: "randomkey",
        arity: 1,
        kind: Kind::Read,
        keys: KeyArguments::Everything,
        depends_on_stored: always,
        grammar: "RANDOMKEY",
        execute: randomkey,
    },
    Spec {
        name: "dbsize",
        arity: 1,
        kind: Kind::Read,
        keys: KeyArguments::Everything,
        depends_on_stored: always,
        grammar: "DBSIZE",
        execute: dbsize,
    },
];

/// KEYS: in the order of the names. Redis promises no order.
fn keys(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let mut found = Vec::new();
    view.for_each_key(&mut |name, _| {
        if pattern::matches(&argv[1], name) {
            found.push(Reply::bulk(name));
        }
        ControlFlow::Continue(())
    })?;
    Ok((Reply::Array(found), Effect::none()))
}

/// SCAN: see [`cursor`] for order, guarantee and cost. MATCH and TYPE filter the keys that COUNT has counted,
/// so a call may return no key although the scan has not ended.
fn scan(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let from = cursor::parse(&argv[1])?;
    let options = Options::parse(&argv[2..], true)?;
    let after = match cursor::place(view, from) {
        // An unknown cursor is not an error in an empty database: no key can be left out.
        Err(_) if is_empty(view)? => None,
        place => place?,
    };
    let mut shown = Vec::new();
    let count = cursor::count(view, &options);
    let last = view.some_keys(after.as_deref(), count, &mut |name, stored| {
        if options.name_passes(name) && options.type_passes(stored.kind.name()) {
            shown.push(Reply::bulk(name));
        }
        ControlFlow::Continue(())
    })?;
    Ok((cursor::reply(cursor::next(view, from, last), shown), Effect::none()))
}

/// Whether the database has no living key. No reply may depend on whether the store has removed a dead key already.
fn is_empty(view: &View<'_>) -> Result<bool, crate::store::StoreError> {
    let mut is_empty = true;
    view.for_each_key(&mut |_, _| {
        is_empty = false;
        ControlFlow::Break(())
    })?;
    Ok(is_empty)
}

fn randomkey(view: &View<'_>, _: Millis, _: &[Vec<u8>]) -> Outcome {
    // Two passes over the keys, so that they are not all held in memory.
    let mut left = Random::new(view.random()).below(count(view)?);
    let mut chosen = Reply::Null;
    view.for_each_key(&mut |name, _| {
        if left == 0 {
            chosen = Reply::bulk(name);
            return ControlFlow::Break(());
        }
        left -= 1;
        ControlFlow::Continue(())
    })?;
    Ok((chosen, Effect::none()))
}

fn dbsize(view: &View<'_>, _: Millis, _: &[Vec<u8>]) -> Outcome {
    Ok((Reply::count(count(view)?), Effect::none()))
}

/// Number of living keys. Redis also counts keys that are dead but not yet removed.
fn count(view: &View<'_>) -> Result<usize, crate::store::StoreError> {
    let mut count = 0;
    view.for_each_key(&mut |_, _| {
        count += 1;
        ControlFlow::Continue(())
    })?;
    Ok(count)
}
