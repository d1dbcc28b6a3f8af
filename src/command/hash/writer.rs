//! Writer — a hash that a command changes: its fields and their deadlines before and after. Pure.
//!
//! Each field that a command names is read once. The effect holds the fields that were written, and the metadata if the
//! number of fields without a deadline, or the latest deadline, changed. A field's record and its record in the index of
//! deadlines are written together:
//!
//! ```text
//! field before             field after            writes
//! plain                    plain                  put the field
//! deadline 5000            deadline 9000          delete 5000 from the index, put the field, put 9000 into the index
//! dead since 5000          plain                  delete 5000 from the index, put the field
//! deadline 5000            gone                   delete 5000 from the index, delete the field
//! ```
//!
//! What is written depends on living fields only, so a node that has removed dead fields and a node that has not write
//! the same metadata.

use crate::command::view::{StoredHash, StringValue};
use crate::command::{CommandError, Draft, View};
use crate::effect::Effect;
use crate::store::StoreError;
use crate::store::record::{Collection, Record, Value};
use crate::time::Millis;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::ControlFlow;

/// A field that the command named.
struct Touched<'a> {
    /// Value and deadline as stored, dead or alive.
    stored: Option<StringValue>,
    /// Whether the stored field is alive.
    was_alive: bool,
    written: Written<'a>,
}

/// The state of a field after the part of the command that has run.
enum Written<'a> {
    /// It is as it was.
    Nothing,
    /// It has this value and this deadline.
    Put(Cow<'a, [u8]>, Option<Millis>),
    /// It does not exist.
    Deleted,
}

/// A hash that is being written.
pub(super) struct Writer<'a> {
    view: &'a View<'a>,
    name: &'a [u8],
    /// The metadata as stored; `None` if this command creates the hash.
    stored: Option<StoredHash>,
    fields: BTreeMap<&'a [u8], Touched<'a>>,
}

/// Value and deadline of a field.
type Held<'b> = (&'b [u8], Option<Millis>);

impl Touched<'_> {
    /// Value and deadline as the command has made them so far; `None`: the field does not exist.
    fn now(&self) -> Option<Held<'_>> {
        match &self.written {
            Written::Nothing => {
                let stored = self.stored.as_ref().filter(|_| self.was_alive);
                stored.map(|(value, deadline)| (value.as_slice(), *deadline))
            }
            Written::Put(value, deadline) => Some((value, *deadline)),
            Written::Deleted => None,
        }
    }

    fn is_written(&self) -> bool {
        !matches!(self.written, Written::Nothing)
    }
}

impl<'a> Writer<'a> {
    /// Opens the hash `name` for writing. It will be created if it is absent or dead. Errors: WRONGTYPE.
    pub(super) fn open(view: &'a View<'a>, name: &'a [u8]) -> Result<Writer<'a>, CommandError> {
        Ok(Writer { view, name, stored: view.hash(name)?, fields: BTreeMap::new() })
    }

    /// Whether the hash exists.
    pub(super) fn exists(&self) -> bool {
        self.stored.is_some()
    }

    /// Value and deadline of a field as the command has made them so far.
    pub(super) fn get(&mut self, field: &'a [u8]) -> Result<Option<Held<'_>>, StoreError> {
        Ok(self.touch(field)?.now())
    }

    /// Sets a field to `value` with `deadline`.
    pub(super) fn put(
        &mut self,
        field: &'a [u8],
        value: Cow<'a, [u8]>,
        deadline: Option<Millis>,
    ) -> Result<(), StoreError> {
        self.touch(field)?.written = Written::Put(value, deadline);
        Ok(())
    }

    /// Sets the deadline of a field, which exists; `None`: it has none from now on.
    pub(super) fn set_deadline(
        &mut self,
        field: &'a [u8],
        deadline: Option<Millis>,
    ) -> Result<(), StoreError> {
        let touched = self.touch(field)?;
        if let Some((value, _)) = touched.now() {
            touched.written = Written::Put(Cow::Owned(value.to_vec()), deadline);
        }
        Ok(())
    }

    /// Deletes a field.
    pub(super) fn delete(&mut self, field: &'a [u8]) -> Result<(), StoreError> {
        self.touch(field)?.written = Written::Deleted;
        Ok(())
    }

    fn touch(&mut self, field: &'a [u8]) -> Result<&mut Touched<'a>, StoreError> {
        let vacant = match self.fields.entry(field) {
            Entry::Occupied(touched) => return Ok(touched.into_mut()),
            Entry::Vacant(vacant) => vacant,
        };
        let stored = match self.stored {
            Some(hash) => self.view.stored_field(self.name, hash.collection.incarnation, field)?,
            None => None,
        };
        let judged_at = self.view.judged_at();
        let is_alive = |(_, deadline): &StringValue| deadline.is_none_or(|deadline| judged_at < deadline);
        let was_alive = stored.as_ref().is_some_and(is_alive);
        Ok(vacant.insert(Touched { stored, was_alive, written: Written::Nothing }))
    }

    fn written(&self) -> impl Iterator<Item = (&'a [u8], &Touched<'a>)> {
        self.fields
            .iter()
            .filter(|(_, touched)| touched.is_written())
            .map(|(field, touched)| (*field, touched))
    }

    /// The latest deadline of a living field before the command; 0: no living field has one.
    fn last_before(&self) -> Millis {
        let last = self.stored.and_then(|hash| hash.last);
        last.filter(|last| *last > self.view.judged_at()).unwrap_or(Millis::ZERO)
    }

    /// Number of fields without a deadline after the command.
    fn lasting(&self) -> u64 {
        let before = self.stored.map_or(0, |hash| hash.collection.count);
        self.written().fold(before, |lasting, (_, touched)| {
            let was_lasting = touched.stored.as_ref().is_some_and(|(_, deadline)| deadline.is_none());
            let is_lasting = touched.now().is_some_and(|(_, deadline)| deadline.is_none());
            lasting.saturating_sub(u64::from(was_lasting)) + u64::from(is_lasting)
        })
    }

    /// The latest deadline of a living field after the command; 0: no living field has one. Cost: O(fields written) reads,
    /// and only if the field with the latest deadline lost it.
    fn last_after(&self) -> Result<Millis, StoreError> {
        let before = self.last_before();
        let deadlines = self.written().filter_map(|(_, touched)| touched.now()?.1);
        let written = deadlines.max().unwrap_or(Millis::ZERO);
        let held_last = |touched: &Touched<'_>| {
            touched.stored.as_ref().is_some_and(|(_, deadline)| *deadline == Some(before))
        };
        if written >= before || !self.written().any(|(_, touched)| held_last(touched)) {
            return Ok(written.max(before));
        }
        let mut kept = Millis::ZERO;
        let incarnation = self.incarnation();
        self.view.for_each_deadline(self.name, incarnation, &mut |deadline, field| {
            if self.fields.get(field).is_some_and(Touched::is_written) {
                return ControlFlow::Continue(());
            }
            kept = deadline;
            ControlFlow::Break(())
        })?;
        Ok(written.max(kept))
    }

    fn incarnation(&self) -> u64 {
        self.stored.map_or_else(|| self.view.incarnation(), |hash| hash.collection.incarnation)
    }

    /// The finished effect. It removes a hash that has no living fields left, because such a hash does not exist.
    pub(super) fn finish(self) -> Result<Effect, StoreError> {
        if self.written().next().is_none() {
            return Ok(Effect::none());
        }
        let mut draft = Draft::new();
        let (count, last) = (self.lasting(), self.last_after()?);
        if count == 0 && last == Millis::ZERO {
            if self.stored.is_some() {
                draft.remove(self.view, self.name)?;
            }
            return Ok(draft.finish());
        }
        if self.stored.is_none() {
            // The elements of a dead hash would otherwise stay forever, because no metadata points to them
            // any more.
            draft.clear_elements(self.view, self.name)?;
        }
        self.write_fields(&mut draft);
        let had_deadlines = self.stored.is_some_and(|hash| hash.last.is_some());
        let has_deadlines = had_deadlines || last > Millis::ZERO;
        let is_unchanged = self.stored.is_some_and(|hash| {
            hash.collection.count == count && self.last_before() == last && had_deadlines == has_deadlines
        });
        if !is_unchanged {
            let deadline = self.stored.and_then(|hash| hash.deadline);
            let collection = Collection { incarnation: self.incarnation(), count };
            let value = Value::Hash(collection, has_deadlines.then_some(last));
            draft.put_record(self.view, self.name, &Record { deadline, value });
        }
        Ok(draft.finish())
    }

    fn write_fields(&self, draft: &mut Draft) {
        let (view, name, incarnation) = (self.view, self.name, self.incarnation());
        for (field, touched) in self.written() {
            let (stored, now) = (&touched.stored, touched.now());
            let deadline = now.and_then(|(_, deadline)| deadline);
            let old = stored.as_ref().and_then(|(_, deadline)| *deadline);
            if let Some(old) = old.filter(|old| Some(*old) != deadline) {
                draft.delete_field_deadline(view, name, incarnation, (old, field));
            }
            match now {
                Some(held) => draft.put_field(view, name, incarnation, field, held),
                None if stored.is_some() => draft.delete_element(view, name, incarnation, field),
                None => {}
            }
        }
    }
}
