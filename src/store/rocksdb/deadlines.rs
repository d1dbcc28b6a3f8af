//! Deadlines — the earliest deadline in each stretch of raw keys, so that a sweep for dead keys can skip
//! stretches. Threads share it through a lock.
//!
//! The raw keys of metadata, and those of deadlines of fields, are cut into stretches of at most [`RECORDS`] records. The
//! earliest deadline of each stretch is kept, so that a sweep scans a stretch only if one of its keys, or a field of one, is
//! dead:
//!
//! ```text
//! raw keys          a ............ k ............ s ............
//! earliest          1700           never          0                0: not scanned yet
//! at 1700           scan a, then s; k is skipped
//! ```
//!
//! A sweep over all keys took practically forever after a million keys had been deleted, because an iterator passes each
//! tombstone. Memory: one row per stretch, so about a thousandth of the memory of the keys; stretches that have become
//! sparse are joined.

use crate::effect::Key;
use crate::store::{StoreError, Visit, key, record};
use crate::time::Millis;
use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Included, Unbounded};
use std::ops::ControlFlow;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Maximum number of records in a stretch.
const RECORDS: usize = 1_000;
/// A stretch with fewer records than this is joined with the next one of its database.
const RECORDS_FEW: usize = RECORDS / 4;

const NEVER: Millis = Millis(u64::MAX);
const NOT_KNOWN: Millis = Millis(0);

/// The stretches: the first raw key of each, with its earliest deadline.
#[derive(Debug)]
pub(super) struct Deadlines {
    stretches: Mutex<BTreeMap<Vec<u8>, Millis>>,
}

/// The end of the range that is cut into the stretch that begins with `from`: metadata, or deadlines of fields.
fn end(from: &[u8]) -> Vec<u8> {
    let range = if key::is_field_deadline(from) { key::all_field_deadlines } else { key::all_metadata };
    range(from[1]).1
}

/// The instant at which the key of a record, or a field of it, dies; `None`: never.
pub(super) fn deadline(raw: &[u8], bytes: &[u8]) -> Option<Millis> {
    match key::deadline_and_field(raw) {
        Some((deadline, _)) => Some(deadline),
        None => record::dies_at_of(bytes).filter(|_| key::is_metadata(raw)),
    }
}

/// A stretch to scan: raw keys from `from` (included) to `to` (excluded).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    from: Vec<u8>,
    to: Vec<u8>,
}

impl Default for Deadlines {
    /// The deadlines of a store about which nothing is known: two stretches for each database.
    fn default() -> Deadlines {
        let of_database = |db| [key::all_metadata(db).0, key::all_field_deadlines(db).0];
        let all = (0..=u8::MAX).flat_map(of_database).map(|from| (from, NOT_KNOWN));
        Deadlines { stretches: Mutex::new(all.collect()) }
    }
}

impl Deadlines {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Vec<u8>, Millis>> {
        self.stretches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the deadline of a record that was written. It must be called when the record can already be read; otherwise a
    /// sweep that scans in between could miss both the record and the note.
    pub(super) fn note(&self, raw: &[u8], deadline: Millis) {
        let mut stretches = self.lock();
        if let Some((_, earliest)) = stretches.range_mut::<[u8], _>((Unbounded, Included(raw))).next_back() {
            *earliest = deadline.min(*earliest);
        }
    }

    /// The next stretch in which a key may be dead at `now`, in a cyclic order after the stretch that begins with `after`. It
    /// then counts as scanned.
    pub(super) fn next_due(&self, now: Millis, after: &[u8]) -> Option<Stretch> {
        let mut stretches = self.lock();
        let is_due = |(_, earliest): &(&Vec<u8>, &Millis)| **earliest <= now;
        let further = stretches.range::<[u8], _>((Excluded(after), Unbounded)).find(is_due);
        let from = further.or_else(|| stretches.iter().find(is_due))?.0.clone();
        let to = stretches.range::<[u8], _>((Excluded(from.as_slice()), Unbounded)).next();
        let to = to.filter(|(to, _)| to[..3] == from[..3]);
        let to = to.map_or_else(|| end(&from), |(to, _)| to.clone());
        stretches.insert(from.clone(), NEVER);
        Some(Stretch { from, to })
    }

    /// Scans a stretch with `scan` and returns the keys that are dead at `now`, or of which a field is. They remain due until a later scan no
    /// longer finds them. Errors: those of the store; the stretch is then due again.
    pub(super) fn look(
        &self,
        stretch: &Stretch,
        now: Millis,
        scan: impl FnOnce(&[u8], &[u8], &mut Visit<'_>) -> Result<(), StoreError>,
    ) -> Result<Vec<Key>, StoreError> {
        let (mut dead, mut seen, mut earliest, mut rest) = (Vec::new(), 0, NEVER, None);
        let looked = scan(&stretch.from, &stretch.to, &mut |raw, bytes| {
            if seen == RECORDS {
                rest = Some(raw.to_vec());
                return ControlFlow::Break(());
            }
            seen += 1;
            if let Some(deadline) = deadline(raw, bytes) {
                earliest = earliest.min(deadline);
                let key = key::owner(raw).filter(|key| now >= deadline && dead.last() != Some(key));
                dead.extend(key);
            }
            ControlFlow::Continue(())
        });
        let mut stretches = self.lock();
        if looked.is_err() {
            earliest = NOT_KNOWN;
        }
        // Deadlines of records that were written during the scan were noted during the scan.
        let noted = stretches.entry(stretch.from.clone()).or_insert(NEVER);
        *noted = earliest.min(*noted);
        match rest {
            Some(rest) => {
                stretches.insert(rest, NOT_KNOWN);
            }
            None if seen < RECORDS_FEW && looked.is_ok() && stretch.to != end(&stretch.from) => {
                let joined = stretches.remove(&stretch.to).unwrap_or(NEVER);
                stretches
                    .entry(stretch.from.clone())
                    .and_modify(|earliest| *earliest = joined.min(*earliest));
            }
            None => {}
        }
        looked.map(|()| dead)
    }
}

impl Stretch {
    /// Its first raw key; the next search for a due stretch continues after it.
    pub(super) fn from(&self) -> &[u8] {
        &self.from
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::record::{Record, Value};

    type Records = BTreeMap<Vec<u8>, Vec<u8>>;

    fn put(records: &mut Records, deadlines: &Deadlines, name: u32, deadline: Option<u64>) {
        let raw = key::metadata(&Key::new(0, format!("{name:08}")));
        let deadline = deadline.map(Millis);
        let record = Record { deadline, value: Value::String(Vec::new()) };
        records.insert(raw.clone(), record.encode());
        deadline.into_iter().for_each(|deadline| deadlines.note(&raw, deadline));
    }

    fn scan(records: &Records) -> impl Fn(&[u8], &[u8], &mut Visit<'_>) -> Result<(), StoreError> {
        |from, to, visit| {
            let stretch = records.range(from.to_vec()..to.to_vec());
            let _ = stretch.into_iter().try_for_each(|(raw, value)| visit(raw, value));
            Ok(())
        }
    }

    /// Scans until nothing is due and removes the dead keys. Returns the number of keys and the number of
    /// scans.
    fn sweep(records: &mut Records, deadlines: &Deadlines, now: u64) -> (usize, usize) {
        let (mut removed, mut looks, mut after) = (0, 0, Vec::new());
        while let Some(stretch) = deadlines.next_due(Millis(now), &after) {
            after = stretch.from().to_vec();
            let dead = deadlines.look(&stretch, Millis(now), scan(records)).expect("it scans");
            removed += dead.len();
            looks += 1;
            assert!(looks < 10_000, "the sweep ends");
            dead.iter().for_each(|key| drop(records.remove(&key::metadata(key))));
        }
        (removed, looks)
    }

    #[test]
    fn sweep_finds_each_dead_key_and_looks_at_nothing_twice_in_vain() {
        let (mut records, deadlines) = (Records::new(), Deadlines::default());
        for name in 0..10_000 {
            put(&mut records, &deadlines, name, name.is_multiple_of(10).then(|| 1_000 + u64::from(name)));
        }
        let (removed, first) = sweep(&mut records, &deadlines, 999);
        assert_eq!(removed, 0);
        assert!(first > 2 * 256, "every database is scanned once: {first}");
        assert_eq!(sweep(&mut records, &deadlines, 999), (0, 0), "nothing is due");
        let (removed, looks) = sweep(&mut records, &deadlines, 1_500);
        assert!(
            removed == 51 && looks <= 2,
            "{removed} keys in {looks} scans: the first stretch, and once more"
        );
        let (removed, _) = sweep(&mut records, &deadlines, 20_000);
        assert_eq!(removed, 949);
        assert_eq!(sweep(&mut records, &deadlines, 1 << 40), (0, 0));
    }

    #[test]
    fn sweep_after_all_was_deleted_joins_stretches_and_rests() {
        let (mut records, deadlines) = (Records::new(), Deadlines::default());
        for name in 0..100_000 {
            put(&mut records, &deadlines, name, Some(5_000));
        }
        sweep(&mut records, &deadlines, 0);
        assert!(deadlines.lock().len() > 2 * 256 + 90);
        let (removed, _) = sweep(&mut records, &deadlines, 5_000);
        assert_eq!(removed, 100_000);
        assert!(deadlines.lock().len() < 2 * 256 + 60, "{}", deadlines.lock().len());
        assert_eq!(sweep(&mut records, &deadlines, 1 << 40), (0, 0));
    }

    #[test]
    fn key_written_while_its_stretch_is_looked_at_is_found_later() {
        let (mut records, deadlines) = (Records::new(), Deadlines::default());
        sweep(&mut records, &deadlines, 0);
        put(&mut records, &deadlines, 1, Some(10));
        let stretch = deadlines.next_due(Millis(10), &[]).expect("it is due");
        let before = records.clone();
        put(&mut records, &deadlines, 2, Some(10));
        let dead = deadlines.look(&stretch, Millis(10), scan(&before)).expect("it scans");
        assert_eq!(dead.len(), 1);
        assert_eq!(sweep(&mut records, &deadlines, 10), (2, 2), "both keys, and a scan that finds nothing");
    }

    #[test]
    fn sweep_finds_a_hash_with_dead_fields_once_for_each_stretch() {
        let (mut records, deadlines) = (Records::new(), Deadlines::default());
        sweep(&mut records, &deadlines, 0);
        let owner = Key::new(3, "h");
        for field in 0..10_u64 {
            let raw = key::field_deadline(&owner, 1, Millis(1_000 + field), b"f");
            deadlines.note(&raw, Millis(1_000 + field));
            records.insert(raw, Vec::new());
        }
        assert_eq!(deadlines.next_due(Millis(999), &[]), None);
        let stretch = deadlines.next_due(Millis(1_005), &[]).expect("fields are dead");
        let dead = deadlines.look(&stretch, Millis(1_005), scan(&records)).expect("it scans");
        assert_eq!(dead, [owner]);
    }

    #[test]
    fn stretch_that_cannot_be_read_is_due_again() {
        let deadlines = Deadlines::default();
        let stretch = deadlines.next_due(Millis(0), &[]).expect("nothing is known");
        let failed = deadlines.look(&stretch, Millis(0), |_, _, _| Err(StoreError::Io("broken".to_owned())));
        assert!(failed.is_err());
        let again = (0..2 * 256).filter_map(|_| deadlines.next_due(Millis(0), &[])).any(|due| due == stretch);
        assert!(again);
    }
}
