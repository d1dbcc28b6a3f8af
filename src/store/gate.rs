//! Gate — up to which instant has compaction a free hand? Pure.
//!
//! RocksDB shows every record to a filter when it merges files, whether or not a snapshot still sees it. A dead
//! record may be dropped only if nobody will judge at an instant at which it was alive:
//!
//! ```text
//! record dies at 100                                         gate    dropped
//! flushed files reach log time 90                              90    no: a restart runs the log again from 90
//! flushed files reach 120, a reader with clock 95 is there     95    no: that reader finds it alive
//! the reader leaves                                           120    yes
//! ```
//!
//! Only strings are dropped. The record of a collection says which incarnation its elements belong to, and it is all
//! that says so: without it nothing would ever clear them away, as an effect reads nothing. A filter that looks for
//! the record of each element cannot do it either: what it finds may be newer than the flushed files, which a crash
//! takes back, and older snapshots may see another record. Dead collections go by the removals that the node makes
//! of them ([`crate::store::key::elements`] is one range).
//!
//! A dead string that was dropped and one that was not answer all commands alike, but not all of them *log* alike: a
//! master that tells replicas which keys expired (`master_expires`) must find each of them first, and its replicas
//! execute commands as if nothing had expired. Both keep the gate shut.

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

    /// What was dead at this instant may be dropped.
    pub fn at(&self) -> Millis {
        self.at
    }

    /// Raises the limit to `limit`; a lower one changes nothing.
    pub fn raise(&mut self, limit: Millis) {
        self.limit = self.limit.max(limit);
        self.open();
    }

    /// Notes a reader who judges at `clock`. `false`: he comes too late, records that were alive at that instant may
    /// be gone.
    pub fn enter(&mut self, clock: Millis) -> bool {
        let admitted = clock >= self.at;
        if admitted {
            *self.readers.entry(clock).or_default() += 1;
        }
        admitted
    }

    /// Notes that a reader who judged at `clock` is gone. Panics: if there was none, which is a bug of the caller.
    pub fn leave(&mut self, clock: Millis) {
        let count = self.readers.get_mut(&clock).expect("only who entered leaves");
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
        let hash = Record { deadline: Some(Millis(100)), value: Value::Hash(hash) }.encode();
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
