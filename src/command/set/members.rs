//! Members — a living set as it is stored: lookups and walks over its elements. Pure.

use super::Names;
use crate::command::{CommandError, View};
use crate::effect::Key;
use crate::store::record::{Collection, Record, Value};
use crate::store::{StoreError, key};
use crate::time::Millis;
use std::ops::ControlFlow;

/// Number of elements that a walk reads at once.
const BATCH: usize = 256;

/// A living set. Elements are passed by their names: hash and member.
pub(super) struct Members<'a> {
    view: &'a View<'a>,
    name: &'a [u8],
    /// Its metadata.
    pub(super) set: Collection,
    /// The instant at which it dies; `None` = never.
    pub(super) deadline: Option<Millis>,
}

impl<'a> Members<'a> {
    /// The living set `name`; `None`: there is none. Errors: WRONGTYPE.
    pub(super) fn of(view: &'a View<'a>, name: &'a [u8]) -> Result<Option<Members<'a>>, CommandError> {
        match view.record(name)? {
            None => Ok(None),
            Some(Record { deadline, value: Value::Set(set) }) => {
                Ok(Some(Members { view, name, set, deadline }))
            }
            Some(_) => Err(CommandError::wrong_type()),
        }
    }

    /// The key of the set.
    pub(super) fn key(&self) -> Key {
        self.view.key(self.name)
    }

    /// Whether the element is in the set.
    pub(super) fn has(&self, name: &[u8]) -> Result<bool, StoreError> {
        Ok(self.view.element(self.name, self.set.incarnation, name)?.is_some())
    }

    /// All elements in their order. Cost: O(members).
    pub(super) fn all(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        let elements = self.view.elements(self.name, self.set.incarnation)?;
        Ok(elements.into_iter().map(|(name, _)| name).collect())
    }

    /// All elements as a set. Cost: O(members).
    pub(super) fn names(&self) -> Result<Names, StoreError> {
        Ok(self.all()?.into_iter().collect())
    }

    /// Calls `visit` for each element in order until it breaks. Cost: O(elements visited); memory: a batch of elements.
    pub(super) fn for_each(
        &self,
        visit: &mut dyn FnMut(Vec<u8>) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<(), StoreError> {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let (elements, last) =
                self.view.some_elements(self.name, self.set.incarnation, after.as_deref(), BATCH)?;
            for (name, _) in elements {
                if visit(name)?.is_break() {
                    return Ok(());
                }
            }
            if last.is_none() {
                return Ok(());
            }
            after = last;
        }
    }

    /// The elements whose hashes are among the `width` numbers from `start` on (0 follows the largest number). Reads no more
    /// once it has found more than `most`.
    pub(super) fn window(&self, start: u32, width: u32, most: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        let (owner, mut names) = (self.key(), Vec::new());
        let (first, end) = key::elements(&owner, self.set.incarnation);
        let at = |hash: u32| key::element(&owner, self.set.incarnation, &hash.to_be_bytes());
        let ranges = match start.checked_add(width) {
            Some(to) => vec![(at(start), at(to))],
            None => vec![(at(start), end), (first.clone(), at(start.wrapping_add(width)))],
        };
        for (from, to) in ranges {
            self.view.reader().scan(&from, &to, &mut |raw, _| {
                names.push(key::element_name(raw, &first).to_vec());
                if names.len() > most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
        }
        Ok(names)
    }
}
