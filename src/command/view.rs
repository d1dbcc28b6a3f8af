//! View — everything that a command may read: one consistent state of the store, in one database, judged at
//! one instant. Pure.

use super::CommandError;
use crate::effect::Key;
use crate::store::record::{Collection, Life, Metadata, Record, StoredElement, Value, decode_element};
use crate::store::{Cursors, Element, Fields, Read, StoreError, Visit, key};
use crate::time::Millis;
use std::ops::ControlFlow;

/// A string's value and its deadline.
pub type StringValue = (Vec<u8>, Option<Millis>);

/// A living hash: its metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredHash {
    /// Its incarnation, and the number of its fields without a deadline.
    pub collection: Collection,
    /// The latest deadline of a field: see [`Value::last_field_deadline`].
    pub last: Option<Millis>,
    /// The deadline of the key.
    pub deadline: Option<Millis>,
}

/// One consistent state of the store as a command sees it.
///
/// For the command, a record that is dead at `judged_at` does not exist, even if its bytes are still stored.
/// The instant of judging is separate from the time at which a command runs, because a replica under
/// `master_expires` must apply commands as if nothing had expired.
#[derive(Clone, Copy)]
pub struct View<'a> {
    reader: &'a dyn Read,
    db: u8,
    judged_at: Millis,
    incarnation: u64,
    random: u64,
    offset_ms: i64,
}

impl<'a> View<'a> {
    /// A view of database `db` of the state that `reader` reads, judged at `judged_at`.
    pub fn new(reader: &'a dyn Read, db: u8, judged_at: Millis) -> View<'a> {
        View { reader, db, judged_at, incarnation: 0, random: 0, offset_ms: 0 }
    }

    /// Sets the incarnation of a collection that this command creates: the LSN that its entry will have.
    pub fn with_incarnation(self, incarnation: u64) -> View<'a> {
        View { incarnation, ..self }
    }

    /// Sets the random number for commands with a random outcome: any number. SPOP is the only write among them.
    pub fn with_random(self, random: u64) -> View<'a> {
        View { random, ..self }
    }

    /// Sets how many milliseconds the wall clock, which clients use to name instants, is ahead of log time;
    /// negative: behind.
    pub fn with_offset(self, offset_ms: i64) -> View<'a> {
        View { offset_ms, ..self }
    }

    /// An instant of log time converted to the wall time that clients use.
    pub fn by_wall_clock(&self, instant: Millis) -> Millis {
        instant.offset(self.offset_ms)
    }

    /// The same state, seen in another database.
    pub fn in_database(self, db: u8) -> View<'a> {
        View { db, ..self }
    }

    /// The database.
    pub fn db(&self) -> u8 {
        self.db
    }

    /// The incarnation for a collection that is created now.
    pub fn incarnation(&self) -> u64 {
        self.incarnation
    }

    /// A number that the caller drew at random.
    pub fn random(&self) -> u64 {
        self.random
    }

    /// The store that it reads.
    pub(crate) fn reader(&self) -> &'a dyn Read {
        self.reader
    }

    /// The same, read from another store.
    pub(crate) fn of<'b>(&self, reader: &'b dyn Read) -> View<'b> {
        View { reader, ..*self }
    }

    /// The key `name` in this database.
    pub fn key(&self, name: &[u8]) -> Key {
        Key::new(self.db, name)
    }

    /// The record of `name` if it is alive.
    pub fn record(&self, name: &[u8]) -> Result<Option<Record>, StoreError> {
        Ok(self.stored_record(name)?.filter(|record| !record.is_dead(self.judged_at)))
    }

    /// The record of `name`, alive or dead. A command that overwrites it must clear it away.
    pub fn stored_record(&self, name: &[u8]) -> Result<Option<Record>, StoreError> {
        self.look(name, Record::decode)
    }

    /// The metadata stored under `name`, dead or alive. A string's value is not copied.
    pub fn stored_metadata(&self, name: &[u8]) -> Result<Option<Metadata>, StoreError> {
        self.look(name, Metadata::decode)
    }

    /// The collection stored under `name`, dead or alive. A command that stores something else under the name must
    /// clear its elements away. Reads only if the store may have elements of `name`.
    pub fn collection_to_clear(&self, name: &[u8]) -> Result<Option<Life>, StoreError> {
        if !self.reader.may_have_elements(self.db, name) {
            return Ok(None);
        }
        Ok(self.stored_metadata(name)?.and_then(|stored| stored.life()))
    }

    fn look<T>(
        &self,
        name: &[u8],
        decode: fn(&[u8], &[u8]) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let raw = key::metadata_of(self.db, name);
        let mut found = None;
        self.reader.look(&raw, &mut |bytes| found = Some(decode(&raw, bytes)))?;
        found.transpose()
    }

    /// The living string `name`: its value and deadline. Errors: WRONGTYPE.
    pub fn string(&self, name: &[u8]) -> Result<Option<StringValue>, CommandError> {
        self.string_to_replace(name).map(|(string, _)| string)
    }

    /// Like [`View::string`], together with the dead collection that may be stored under the name instead. A
    /// command that writes the name must clear the elements of that collection away, and need not read again.
    /// Errors: WRONGTYPE.
    pub fn string_to_replace(
        &self,
        name: &[u8],
    ) -> Result<(Option<StringValue>, Option<Life>), CommandError> {
        let Some(record) = self.stored_record(name)? else { return Ok((None, None)) };
        match (record.is_dead(self.judged_at), record.value) {
            (false, Value::String(value)) => Ok((Some((value, record.deadline)), None)),
            (true, value) => Ok((None, value.life())),
            (false, _) => Err(CommandError::wrong_type()),
        }
    }

    /// The living hash `name`. Errors: WRONGTYPE.
    pub fn hash(&self, name: &[u8]) -> Result<Option<StoredHash>, CommandError> {
        match self.record(name)? {
            None => Ok(None),
            Some(Record { deadline, value: Value::Hash(collection, last) }) => {
                Ok(Some(StoredHash { collection, last, deadline }))
            }
            Some(_) => Err(CommandError::wrong_type()),
        }
    }

    /// Number of living fields of the hash `name`, or `limit` if there are more. Cost: O(fields with a deadline, at most
    /// `limit`); nothing is read if no field ever had one.
    pub fn living_fields(&self, name: &[u8], hash: &StoredHash, limit: u64) -> Result<u64, StoreError> {
        let mut living = hash.collection.count;
        if hash.last.is_some() && living < limit {
            self.for_each_deadline(name, hash.collection.incarnation, &mut |_, _| {
                living += 1;
                if living < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })?;
        }
        Ok(living.min(limit))
    }

    /// Calls `visit` for each living field of the hash `name` that has a deadline, in the reverse order of the deadlines,
    /// until it breaks. An index record whose field has another deadline is passed over: a replica under `relative` keeps those of
    /// fields that were written again, because its deadlines are not the master's.
    pub fn for_each_deadline(
        &self,
        name: &[u8],
        incarnation: u64,
        visit: &mut dyn FnMut(Millis, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let (from, to) = key::field_deadlines_after(&self.key(name), incarnation, self.judged_at);
        let mut outcome = Ok(());
        self.reader.scan_back(&from, &to, &mut |raw, _| {
            let Some((deadline, field)) = key::deadline_and_field(raw) else {
                return ControlFlow::Continue(());
            };
            match self.stored_field(name, incarnation, field) {
                Ok(Some((_, Some(own)))) if own == deadline => visit(deadline, field),
                Ok(_) => ControlFlow::Continue(()),
                Err(error) => {
                    outcome = Err(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        outcome
    }

    /// The instant at which it judges.
    pub fn judged_at(&self) -> Millis {
        self.judged_at
    }

    /// Field `field` of the hash `name` in the given incarnation, dead or alive: its value and its deadline.
    pub fn stored_field(
        &self,
        name: &[u8],
        incarnation: u64,
        field: &[u8],
    ) -> Result<Option<StringValue>, StoreError> {
        let raw = key::element(&self.key(name), incarnation, field);
        let mut found = None;
        self.reader.look(&raw, &mut |bytes| {
            let stored = StoredElement::decode(&raw, bytes);
            found = Some(stored.map(|stored| (stored.value.to_vec(), stored.deadline)));
        })?;
        found.transpose()
    }

    /// All living fields of the hash `name` in the given incarnation, each with its value and its deadline. Cost: O(fields).
    pub fn stored_fields(&self, name: &[u8], incarnation: u64) -> Result<Fields, StoreError> {
        let (from, to) = key::elements(&self.key(name), incarnation);
        let (mut fields, mut damaged) = (Fields::new(), None);
        self.reader.scan(&from, &to, &mut |raw, bytes| match StoredElement::decode(raw, bytes) {
            Ok(stored) if stored.is_dead(self.judged_at) => ControlFlow::Continue(()),
            Ok(stored) => {
                let field = key::element_name(raw, &from).to_vec();
                fields.insert(field, (stored.value.to_vec(), stored.deadline));
                ControlFlow::Continue(())
            }
            Err(error) => {
                damaged = Some(error);
                ControlFlow::Break(())
            }
        })?;
        damaged.map_or(Ok(fields), Err)
    }

    /// Element `element` of `name` in the given incarnation.
    pub fn element(
        &self,
        name: &[u8],
        incarnation: u64,
        element: &[u8],
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let raw = key::element(&self.key(name), incarnation, element);
        let mut found = None;
        self.reader.look(&raw, &mut |bytes| found = Some(decode_element(&raw, bytes, self.judged_at)))?;
        Ok(found.transpose()?.flatten())
    }

    /// All elements of `name` in the given incarnation, in the order of their names. Cost: O(elements).
    pub fn elements(&self, name: &[u8], incarnation: u64) -> Result<Vec<Element>, StoreError> {
        Ok(self.some_elements(name, incarnation, None, usize::MAX)?.0)
    }

    /// The cursors of scans; `None`: the store keeps none.
    pub fn cursors(&self) -> Option<&'a dyn Cursors> {
        self.reader.cursors()
    }

    /// Calls `visit` with name and metadata of each living key of this database, in the order of the names, until it
    /// breaks. Cost: O(keys visited, dead ones included).
    pub fn for_each_key(
        &self,
        visit: &mut dyn FnMut(&[u8], &Metadata) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.some_keys(None, usize::MAX, visit).map(drop)
    }

    /// Like [`View::for_each_key`], but begins at the first name after `after` and visits at most `count` keys, dead ones
    /// included. Returns the last name if there may be more.
    pub fn some_keys(
        &self,
        after: Option<&[u8]>,
        count: usize,
        visit: &mut dyn FnMut(&[u8], &Metadata) -> ControlFlow<()>,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let (first, to) = key::all_metadata(self.db);
        let from = after.map_or_else(|| first.clone(), |name| next_raw(key::metadata_of(self.db, name)));
        let mut damaged = None;
        let last = some_records(self.reader, &from, &to, count, &mut |raw, bytes| match Metadata::decode(
            raw, bytes,
        ) {
            Ok(stored) if stored.is_dead(self.judged_at) => ControlFlow::Continue(()),
            Ok(stored) => visit(&raw[first.len()..], &stored),
            Err(error) => {
                damaged = Some(error);
                ControlFlow::Break(())
            }
        })?;
        damaged.map_or(Ok(last.map(|raw| raw[first.len()..].to_vec())), Err)
    }

    /// The living ones of the first `count` elements of `name` in the given incarnation whose names come after `after`, in the
    /// order of their names, and the last name if there may be more.
    pub fn some_elements(
        &self,
        name: &[u8],
        incarnation: u64,
        after: Option<&[u8]>,
        count: usize,
    ) -> Result<(Vec<Element>, Option<Vec<u8>>), StoreError> {
        let owner = self.key(name);
        let (first, to) = key::elements(&owner, incarnation);
        let from =
            after.map_or_else(|| first.clone(), |name| next_raw(key::element(&owner, incarnation, name)));
        let (mut elements, mut damaged) = (Vec::new(), None);
        let last = some_records(self.reader, &from, &to, count, &mut |raw, bytes| {
            match decode_element(raw, bytes, self.judged_at) {
                Ok(Some(value)) => elements.push((key::element_name(raw, &first).to_vec(), value)),
                Ok(None) => {}
                Err(error) => damaged = Some(error),
            }
            if damaged.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        let last = last.map(|raw| key::element_name(&raw, &first).to_vec());
        damaged.map_or(Ok((elements, last)), Err)
    }
}

/// Calls `visit` for the first `count` records of `from..to`, until it breaks. Returns the raw key of the last one if there may
/// be more.
fn some_records(
    reader: &dyn Read,
    from: &[u8],
    to: &[u8],
    count: usize,
    visit: &mut Visit<'_>,
) -> Result<Option<Vec<u8>>, StoreError> {
    let (mut left, mut last) = (count, None);
    reader.scan(from, to, &mut |raw, bytes| {
        left = left.saturating_sub(1);
        visit(raw, bytes)?;
        if left == 0 {
            last = Some(raw.to_vec());
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    Ok(last)
}

/// The first raw key after `raw`.
fn next_raw(mut raw: Vec<u8>) -> Vec<u8> {
    raw.push(0);
    raw
}
