//! Sweep — which keys are dead and still stored? A walk over all records, a stretch at a time.

use crate::effect::Key;
use crate::store::record::Record;
use crate::store::{Read, StoreError, key};
use crate::time::Millis;
use std::ops::ControlFlow;

/// Records that are looked at a time.
const RECORDS: usize = 1_000;

/// How far the walk has come.
#[derive(Debug, Default)]
pub struct Sweep {
    /// The last raw key that was looked at; empty at the start of a round.
    after: Vec<u8>,
}

impl Sweep {
    /// The keys that are dead at `now` among the next records. Errors: the store's, and the walk stays where it was.
    pub fn dead_keys(&mut self, store: &dyn Read, now: Millis) -> Result<Vec<Key>, StoreError> {
        let (start, end) = key::all_databases();
        let from = if self.after.is_empty() { start } else { [self.after.as_slice(), &[0]].concat() };
        let (mut dead, mut seen, mut last) = (Vec::new(), 0, Vec::new());
        store.scan(&from, &end, &mut |raw, bytes| {
            seen += 1;
            if let Some(key) = key::metadata_key(raw)
                && Record::decode(raw, bytes).is_ok_and(|record| record.is_dead(now))
            {
                dead.push(key);
            }
            if seen < RECORDS {
                return ControlFlow::Continue(());
            }
            last = raw.to_vec();
            ControlFlow::Break(())
        })?;
        self.after = last;
        Ok(dead)
    }
}
