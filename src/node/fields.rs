//! Fields — the physical removal of dead fields of a hash. Pure.
//!
//! A dead field is invisible at once, and its records are deleted later. The deletion changes no metadata, so nodes that have
//! removed different dead fields apply the same effects and agree on all that is alive:
//!
//! ```text
//! metadata         2 fields without a deadline, the latest deadline is 9000
//! index            5000 f   7000 g   9000 h
//! dead at 7000     f and g: two records each are deleted; the metadata stays as it is
//! ```

use crate::command::View;
use crate::effect::{Effect, Key, KeySet, Write};
use crate::store::record::StoredElement;
use crate::store::{Read, StoreError, key};
use crate::time::Millis;
use std::ops::ControlFlow;

/// Most fields of a hash that one removal deletes, so that a large hash does not hold up its node.
pub const FIELDS_MAX: usize = 1_000;

/// Fields of a hash that are dead, and the effect that deletes their records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadFields {
    /// The effect.
    pub effect: Effect,
    /// The fields. It is empty if only index records that belong to no field are deleted.
    pub fields: Vec<Vec<u8>>,
    /// The latest deadline of the index records that are deleted.
    pub latest: Millis,
}

/// At most `most` fields of the hash `key` that are dead at `now`, those that died first. An index record is deleted together
/// with its field only if the field has that deadline; otherwise the field was written since, and only the index record is
/// deleted. `None`: no field is dead. The caller has found that the key itself is not dead. Errors: the store's. Cost:
/// O(`most`).
pub fn dead_fields(
    reader: &dyn Read,
    key: &Key,
    now: Millis,
    most: usize,
) -> Result<Option<DeadFields>, StoreError> {
    let stored = View::new(reader, key.db, now).stored_metadata(&key.name)?;
    let Some(life) = stored.and_then(|stored| stored.life()).filter(|life| life.has_deadlines) else {
        return Ok(None);
    };
    let due = due(reader, key, life.incarnation, (now, most))?;
    let Some(latest) = due.iter().map(|(deadline, _)| *deadline).max() else { return Ok(None) };
    let (mut writes, mut fields) = (Vec::new(), Vec::new());
    for (deadline, field) in due {
        writes.push(Write::Delete { key: key::field_deadline(key, life.incarnation, deadline, &field) });
        if has_deadline(reader, key, life.incarnation, (&field, deadline))? {
            writes.push(Write::Delete { key: key::element(key, life.incarnation, &field) });
            fields.push(field);
        }
    }
    let effect = Effect { writes, keys: KeySet::of([key.clone()]) };
    Ok(Some(DeadFields { effect, fields, latest }))
}

/// The first instant after `now` at which `key`, or a field of it, dies if nobody writes to it; `None`: it is not stored, is dead at
/// `now`, or has no deadline. Errors: the store's. Cost: O(1), plus the index records that belong to no field.
pub fn first_death(reader: &dyn Read, key: &Key, now: Millis) -> Result<Option<Millis>, StoreError> {
    let stored = View::new(reader, key.db, now).stored_metadata(&key.name)?;
    let Some(stored) = stored.filter(|stored| !stored.is_dead(now)) else { return Ok(None) };
    let of_key = stored.dies_at();
    let Some(life) = stored.life().filter(|life| life.has_deadlines) else { return Ok(of_key) };
    let (from, to) = key::field_deadlines_after(key, life.incarnation, now);
    let (mut of_field, mut outcome) = (None, Ok(()));
    reader.scan(&from, &to, &mut |raw, _| {
        let Some((deadline, field)) = key::deadline_and_field(raw) else { return ControlFlow::Continue(()) };
        match has_deadline(reader, key, life.incarnation, (field, deadline)) {
            Ok(false) => return ControlFlow::Continue(()),
            Ok(true) => of_field = Some(deadline),
            Err(error) => outcome = Err(error),
        }
        ControlFlow::Break(())
    })?;
    outcome?;
    Ok(of_key.into_iter().chain(of_field).min())
}

/// Whether a field is stored with that deadline. An index record of another one is left from an earlier write.
fn has_deadline(
    reader: &dyn Read,
    key: &Key,
    incarnation: u64,
    (field, deadline): (&[u8], Millis),
) -> Result<bool, StoreError> {
    let raw = key::element(key, incarnation, field);
    let bytes = reader.get(&raw)?;
    let element = bytes.as_deref().map(|bytes| StoredElement::decode(&raw, bytes)).transpose()?;
    Ok(element.is_some_and(|element| element.deadline == Some(deadline)))
}

/// The first `most` index records whose deadline is reached at `now`.
fn due(
    reader: &dyn Read,
    key: &Key,
    incarnation: u64,
    (now, most): (Millis, usize),
) -> Result<Vec<(Millis, Vec<u8>)>, StoreError> {
    let (from, to) = key::field_deadlines_until(key, incarnation, now);
    let mut due = Vec::new();
    reader.scan(&from, &to, &mut |raw, _| {
        if due.len() == most {
            return ControlFlow::Break(());
        }
        due.extend(key::deadline_and_field(raw).map(|(deadline, field)| (deadline, field.to_vec())));
        ControlFlow::Continue(())
    })?;
    Ok(due)
}
