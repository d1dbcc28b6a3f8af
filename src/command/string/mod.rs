//! Commands on strings. Pure.
//!
//! `set` has the commands that read or write a whole value, `range` those on parts of a value, `number` the
//! counters, `many` those on several keys, `lcs` the longest common subsequence.

mod lcs;
mod many;
mod number;
mod range;
mod set;

pub(super) use range::length_asked_for;

use super::{CommandError, Draft, Spec, View};
use crate::effect::Effect;
use crate::store::record::Life;
use crate::time::Millis;

/// The tables of this data type.
pub(super) const TABLES: [&[Spec]; 5] = [set::TABLE, range::TABLE, number::TABLE, many::TABLE, lcs::TABLE];

/// Longest string, in bytes: Redis's default `proto-max-bulk-len`.
pub(super) const LENGTH_MAX: u64 = 512 * 1024 * 1024;

/// The effect of setting `name` to the string `value`.
pub(super) fn put(
    view: &View<'_>,
    name: &[u8],
    value: &[u8],
    deadline: Option<Millis>,
) -> Result<Effect, CommandError> {
    let mut draft = Draft::new();
    draft.put_string(view, name, value, deadline)?;
    Ok(draft.finish())
}

/// Like [`put`], for a command that has already read what it replaces: see [`View::string_to_replace`].
pub(super) fn put_over(
    view: &View<'_>,
    name: &[u8],
    value: &[u8],
    deadline: Option<Millis>,
    collection: Option<Life>,
) -> Effect {
    let mut draft = Draft::new();
    draft.put_string_over(view, name, value, deadline, collection);
    draft.finish()
}

/// The effect of removing `name`.
pub(super) fn remove(view: &View<'_>, name: &[u8]) -> Result<Effect, CommandError> {
    let mut draft = Draft::new();
    draft.remove(view, name)?;
    Ok(draft.finish())
}
