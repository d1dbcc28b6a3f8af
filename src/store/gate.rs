//! Gate — the instant up to which compaction may drop dead records. Pure.
//!
//! RocksDB shows every record to a filter when it merges files, whether or not a snapshot still sees it. A dead
//! record may be dropped only if no reader will judge at an instant at which it was alive:
//!
//! ```text
//! record dies at 100                                         gate    dropped
//! flushed files reach log time 90                              90    no: a restart runs the log again from 90
//! flushed files reach 120, a live reader has clock 95          95    no: that reader finds it alive
//! the reader leaves                                           120    yes
//! ```
//!
//! Only strings are dropped. The record of a collection is the only place that says which incarnation its elements
//! belong to. Without it the elements would never be deleted, because an effect reads nothing. A filter that looks
//! up the record of each element would not work either: the record that it finds may be newer than the flushed
//! files, so a crash may undo it, and older snapshots may see another record. Dead collections are deleted by the
//! removals that the node writes for them ([`crate::store::key::elements`] is one range).
//!
//! Whether a dead string was dropped or not, all commands give the same replies, but some of them *log* different
//! effects: a master that informs replicas of expired keys (`master_expires`) must find each of these keys first,
//! and its replicas execute commands as if nothing had expired. Both keep the gate shut.

use super::{key, record};
use crate::time::Millis;
use std::collections::BTreeMap;

/// The limit that the node set, and the clocks of live readers.
///
/// Invariants: [`Gate::at`] never goes back, is never beyond the limit, and never beyond the clock of a live reader.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gate {
    limit: Millis,
    at: Millis,
    /// How many live readers judge at an instant.
    readers: BTreeMap<Millis, usize>,
}

impl Gate {
    /// A shut gate: nothing is dropped.
    pub fn new() -> Gate {
        Gate::default()
    }

    /// The instant of the gate: records that were dead at it may be dropped.
    pub fn at(&self) -> Millis {
        self.at
    }

    /// Raises the limit to `limit`; a lower one changes nothing.
    pub fn raise(&mut self, limit: Millis) {
        self.limit = self.limit.max(limit);
        self.open();
    }

    /// Registers a reader that judges at `clock`. `false`: the reader is too late, because records that were alive
    /// at that instant may have been dropped.
    pub fn enter(&mut self, clock: Millis) -> bool {
        let admitted = clock >= self.at;
        if admitted {
            *self.readers.entry(clock).or_default() += 1;
        }
        admitted
    }

    /// Removes a reader that judged at `clock`. Panics: if there is no such reader, which is a bug of the caller.
    pub fn leave(&mut self, clock: Millis) {
        let count = self.readers.get_mut(&clock).expect("only a reader that entered leaves");
        *count -= 1;
        if *count == 0 {
            self.readers.remove(&clock);
        }
        self.open();
    }

    fn open(&mut self) {
        let oldest = self.readers.keys().next().copied();
        self.at = oldest.map_or(self.limit, |oldest| oldest.min(self.limit));
    }
}

/// Whether compaction may drop the record `value` of raw key `raw` when the gate is at `gate`.
pub fn may_drop(raw: &[u8], value: &[u8], gate: Millis) -> bool {
    key::is_metadata(raw) && record::string_deadline(value).is_some_and(|deadline| gate >= deadline)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effect::Key;
    use crate::store::record::{Collection, Record, Value};

    #[test]
    fn may_drop_only_strings_that_are_dead_at_the_gate() {
        let name = Key::new(0, b"k");
        let string = |deadline| Record { deadline, value: Value::String(b"v".to_vec()) }.encode();
        let hash = Collection { incarnation: 1, count: 1 };
        let hash = Record { deadline: Some(Millis(100)), value: Value::Hash(hash, None) }.encode();
        let rows = [
            (key::metadata(&name), string(Some(Millis(100))), 99, false),
            (key::metadata(&name), string(Some(Millis(100))), 100, true),
            (key::metadata(&name), string(None), u64::MAX, false),
            (key::metadata(&name), hash, u64::MAX, false),
            (key::metadata(&name), vec![0, 0], u64::MAX, false),
            (key::element(&name, 1, b"f"), string(Some(Millis(100))), u64::MAX, false),
            (key::marker(), string(Some(Millis(100))), u64::MAX, false),
        ];
        for (raw, value, gate, expected) in rows {
            let case = format!("{} = {} at {gate}", raw.escape_ascii(), value.escape_ascii());
            assert_eq!(may_drop(&raw, &value, Millis(gate)), expected, "{case}");
        }
    }
}
