//! Read — runs a command that reads, with a bound on its cost if other connections wait for the thread. Pure, except for
//! the store.
//!
//! The cost of a read is unknown before it is done: HGETALL of three fields and of a million fields look the same. So a
//! read begins on the thread of its connection, and gives up after it has read a certain amount. It is then restarted on a
//! thread for long reads.

use crate::command::{Command, Reply, View};
use crate::store::{Cursors, Read, StoreError, Visit};
use crate::time::Millis;
use std::cell::Cell;
use std::ops::ControlFlow;

/// The most records that a small read may access.
const RECORDS_MAX: usize = 64;
/// The most bytes that a small read may access.
const BYTES_MAX: usize = 64 << 10;

/// The cost that a read may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// A few records: other connections wait for the thread.
    Small,
    /// No bound.
    Any,
}

/// The times that a reader is given with the state.
#[derive(Clone, Copy, Debug)]
pub struct Instant {
    /// Log time.
    pub clock: Millis,
    /// Wall time less log time, milliseconds.
    pub offset_ms: i64,
}

/// The reply to a command that reads; `None`: the read costs more than `cost`. An error of the store becomes an error reply
/// to this client.
pub fn read(reader: &dyn Read, command: &Command, at: Instant, cost: Cost) -> Option<Reply> {
    let run = |reader: &dyn Read| {
        let view = View::new(reader, command.db(), at.clock)
            .with_random(fastrand::u64(..))
            .with_offset(at.offset_ms);
        command.execute(&view, at.clock)
    };
    let outcome = match cost {
        Cost::Small => run(&Budget::of(reader)),
        Cost::Any => run(reader),
    };
    match outcome {
        Ok((reply, _)) => Some(reply),
        Err(StoreError::TooMuch) => None,
        Err(error) => {
            tracing::error!(%error, "read failed");
            Some(Reply::Error(format!("ERR {error}")))
        }
    }
}

/// A reader that gives up once it has read more than a small read may.
struct Budget<'a> {
    reader: &'a dyn Read,
    records: Cell<usize>,
    bytes: Cell<usize>,
}

impl<'a> Budget<'a> {
    fn of(reader: &'a dyn Read) -> Budget<'a> {
        Budget { reader, records: Cell::new(RECORDS_MAX), bytes: Cell::new(BYTES_MAX) }
    }

    /// Subtracts one record and its `bytes` from the budget. `false`: the budget does not suffice.
    fn takes(&self, bytes: usize) -> bool {
        let left = (self.records.get().checked_sub(1), self.bytes.get().checked_sub(bytes));
        let (Some(records), Some(bytes)) = left else { return false };
        self.records.set(records);
        self.bytes.set(bytes);
        true
    }

    /// Visits a record of a scan if it is within the budget; `is_within` is set to whether it was.
    fn visit(
        &self,
        is_within: &mut bool,
        visit: &mut Visit<'_>,
        raw: &[u8],
        value: &[u8],
    ) -> ControlFlow<()> {
        *is_within = self.takes(raw.len() + value.len());
        if *is_within { visit(raw, value) } else { ControlFlow::Break(()) }
    }
}

impl Read for Budget<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let mut found = None;
        self.look(key, &mut |value| found = Some(value.to_vec()))?;
        Ok(found)
    }

    fn look(&self, key: &[u8], look: &mut dyn FnMut(&[u8])) -> Result<(), StoreError> {
        // A missing key counts as a record, too.
        let mut is_within = self.takes(0);
        self.reader.look(key, &mut |value| {
            is_within = is_within && self.bytes.get() >= value.len();
            if is_within {
                self.bytes.set(self.bytes.get() - value.len());
                look(value);
            }
        })?;
        if is_within { Ok(()) } else { Err(StoreError::TooMuch) }
    }

    fn may_have_elements(&self, db: u8, name: &[u8]) -> bool {
        self.reader.may_have_elements(db, name)
    }

    fn cursors(&self) -> Option<&dyn Cursors> {
        self.reader.cursors()
    }

    fn scan(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        let mut is_within = true;
        self.reader.scan(from, to, &mut |raw, value| self.visit(&mut is_within, visit, raw, value))?;
        if is_within { Ok(()) } else { Err(StoreError::TooMuch) }
    }

    fn scan_back(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        let mut is_within = true;
        self.reader.scan_back(from, to, &mut |raw, value| self.visit(&mut is_within, visit, raw, value))?;
        if is_within { Ok(()) } else { Err(StoreError::TooMuch) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::line;
    use crate::store::Store;
    use crate::store::memory::MemoryStore;

    fn command(text: &str) -> Command {
        Command::parse(0, line::split(text.as_bytes()).expect("a line")).expect("a command")
    }

    const AT: Instant = Instant { clock: Millis(1000), offset_ms: 0 };

    /// A store after these writes.
    fn store(lines: &[String]) -> MemoryStore {
        let mut store = MemoryStore::new();
        for line in lines {
            let view = View::new(&store, 0, AT.clock).with_incarnation(1);
            let (_, effect) = command(line).execute(&view, AT.clock).expect("the command runs");
            store.write(&effect.writes).expect("the store accepts the writes");
        }
        store
    }

    #[test]
    fn small_read_is_answered_and_one_that_costs_more_is_not() {
        let fields = |count: usize| (0..count).map(|n| format!(" f{n} v")).collect::<String>();
        let mut lines = vec![
            format!("HSET small{}", fields(60)),
            format!("HSET large{}", fields(70)),
            "SET short v".to_owned(),
        ];
        let few = store(&lines);
        lines.push(format!("SET long {}", "v".repeat(BYTES_MAX)));
        lines.extend((0..70).map(|n| format!("SET k{n} v")));
        let many = store(&lines);
        let is_small = |store: &MemoryStore, text: &str| {
            let small = read(store, &command(text), AT, Cost::Small);
            let any = read(store, &command(text), AT, Cost::Any).expect("a read without a bound is answered");
            assert!(small.as_ref().is_none_or(|small| *small == any), "{text}");
            small.is_some()
        };
        for text in [
            "GET short",
            "GET none",
            "HGETALL small",
            "HLEN large",
            "HGET large f1",
            "PING",
            "DBSIZE",
            "KEYS *",
        ] {
            assert!(is_small(&few, text), "{text}");
        }
        for text in ["GET long", "HGETALL large", "HKEYS large", "HSCAN large 0", "GETRANGE long 0 1"] {
            assert!(!is_small(&many, text), "{text}");
        }
        for text in ["DBSIZE", "KEYS *", "RANDOMKEY"] {
            assert!(!is_small(&many, text), "{text}");
        }
        let names: String = (0..70).map(|n| format!(" k{n}")).collect();
        assert!(!is_small(&many, &format!("MGET{names}")) && !is_small(&many, &format!("EXISTS{names}")));
    }
}
