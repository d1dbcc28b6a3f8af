//! Copying — a copy of the master's store: how the master reads it, and how the replica stores it.
//!
//! The order of actions is that of `engine::copies` and `replication::snapshot_feed` on the master, and of
//! `client::full_sync` and `engine::full_sync` on the replica. They do I/O, so it is repeated here.

use super::Choice;
use super::model::{FullSyncModel, Link, State};
use super::world::{Copying, End, Generation, MEMORY};
use crate::apply;
use crate::binlog::{Entry, Epoch, Lsn};
use crate::effect::Write;
use crate::expiry::LogTime;
use crate::node::{Readers, Replica, SerialReplica};
use crate::replication::snapshot::{Head, Message, Record, decode, encode_end, encode_head, encode_records};
use crate::store::memory::MemoryStore;
use crate::store::{Read, Store, key};
use crate::time::{Elapsed, Millis};
use std::ops::ControlFlow;

impl FullSyncModel {
    /// The master takes the snapshot, with the entry and the log time of its state.
    pub(super) fn snapshot(&self, state: &mut State) -> Option<()> {
        let Link::Copying(copy) = state.link else { return None };
        self.tell_time(state);
        let store = || self.master(state).store().clone();
        let mut copying = self.copies.value(copy).clone();
        copying.snapshot = (self.choice() != Choice::Unpinned).then(store);
        copying.head = (self.choice() != Choice::LateHead).then(|| self.head(state));
        copying.from = vec![key::DATA];
        state.link = Link::Copying(self.copies.number(copying));
        Some(())
    }

    /// The head for the master's state now.
    fn head(&self, state: &State) -> Head {
        let (master, log) = (self.master(state), self.log(state));
        let of_last = log.epochs().iter().rfind(|&&(_, first)| first <= master.last());
        Head {
            last: master.last(),
            epoch: of_last.copied().unwrap_or((Epoch(0), Lsn::NONE)),
            running: self.checksum(log, master.last()),
            time: if self.choice() == Choice::NoTime { Millis::ZERO } else { master.time() },
            offset_ms: 0,
            removed: state.removed,
            bytes: 0,
        }
    }

    /// The next message of the copy arrives.
    pub(super) fn arrive(&self, state: &mut State) -> Option<()> {
        let Link::Copying(copy) = state.link else { return None };
        let mut copying = self.copies.value(copy).clone();
        let message = self.next_message(state, &mut copying);
        if copying.arrival.take(&message).is_err() {
            state.link = Link::Down;
            return Some(());
        }
        match message {
            Message::Head(head) => copying.end = Some(End::at(&head)),
            Message::Records(records) => {
                let put = |(key, value)| Write::Put { key, value };
                let puts: Vec<Write> = records.into_iter().map(put).collect();
                copying.store.write(&puts).expect(MEMORY);
            }
            Message::End(_) => return self.end(state, &copying),
        }
        if self.choice() == Choice::InPlace {
            state.current = self.emptied(state, &copying);
        }
        state.link = Link::Copying(self.copies.number(copying));
        Some(())
    }

    /// The next message: from the master's bytes, as the replica reads it.
    fn next_message(&self, state: &State, copying: &mut Copying) -> Message {
        let mut bytes = Vec::new();
        if copying.arrival.head().is_none() {
            let head = copying.head.unwrap_or_else(|| self.head(state));
            encode_head(&head, &mut bytes);
        } else {
            let store = copying.snapshot.as_ref().unwrap_or_else(|| self.master(state).store());
            match next_record(store, &copying.from) {
                Some(record) => {
                    // The next raw key in the order of bytes.
                    copying.from = [record.0.as_slice(), &[0]].concat();
                    copying.sent.add(std::slice::from_ref(&record));
                    encode_records(&[record], &mut bytes);
                }
                None => encode_end(copying.sent, &mut bytes),
            }
        }
        match decode(&bytes) {
            Ok(Some((message, used))) if used == bytes.len() => message,
            other => unreachable!("a whole message was encoded: {other:?}"),
        }
    }

    /// The end has arrived: the copy is complete, the connection is closed, and the master keeps the log for a minute.
    fn end(&self, state: &mut State, copying: &Copying) -> Option<()> {
        let complete = self.complete(state, copying)?;
        state.kept = Some(state.kept.map_or(copying.kept, |kept| kept.min(copying.kept)));
        state.link = Link::Down;
        match self.choice() {
            Choice::InPlace => state.current = complete,
            _ => state.ready = Some(complete),
        }
        Some(())
    }

    /// The number of the generation that a copy makes when it is taken for complete; `None`: its head has not arrived.
    pub(super) fn complete(&self, state: &State, copying: &Copying) -> Option<u32> {
        let (head, end) = (copying.arrival.head()?, copying.end.clone()?);
        let mut store = copying.store.clone();
        let mut own = vec![apply::marker_write(end.last)];
        if head.removed > Millis::ZERO {
            own.push(apply::removed_write(head.removed));
        }
        store.write(&own).expect(MEMORY);
        let log_time = LogTime::at(end.time, Elapsed::default());
        let replica = Replica::new(end.last, log_time, None, Readers::In);
        let copied = Some(end.last);
        let end = if self.choice() == Choice::OldHistory { self.current(state).end.clone() } else { end };
        let side = SerialReplica::new(replica, store);
        Some(self.generations.number(Generation { side, end, copied }))
    }

    /// The number of the current generation with what has arrived of a copy in the place of its data.
    fn emptied(&self, state: &State, copying: &Copying) -> u32 {
        let Generation { side, end, copied } = self.current(state).clone();
        let side = SerialReplica::new(side.replica().clone(), copying.store.clone());
        self.generations.number(Generation { side, end, copied })
    }

    /// The next entry that is sent among the records.
    pub(super) fn next_streamed(&self, state: &State, copying: &Copying) -> Option<&Entry> {
        let end = copying.end.as_ref().filter(|_| self.choice() == Choice::Interleaved)?;
        self.log(state).get(end.last.next())
    }

    /// The next entry arrives among the records, and is written to the copy.
    pub(super) fn stream(&self, state: &mut State) -> Option<()> {
        let Link::Copying(copy) = state.link else { return None };
        let mut copying = self.copies.value(copy).clone();
        let entry = self.next_streamed(state, &copying)?;
        let end = copying.end.take()?;
        let instants = |entry: &Entry| self.policy.instants(entry, self.now(state));
        apply::write_batch(&mut copying.store, &[entry], None, entry.lsn, &instants).expect(MEMORY);
        copying.end = Some(end.then(entry, self.running(&end, entry)).ok()?);
        state.link = Link::Copying(self.copies.number(copying));
        Some(())
    }

    /// The running checksum of a log that ends with `end`, after one more entry.
    pub(super) fn running(&self, end: &End, entry: &Entry) -> Option<u32> {
        let mut covered =
            if end.begins_epoch(entry) { Vec::new() } else { self.summed.value(end.running?).clone() };
        covered.push(entry.clone());
        Some(self.summed.number(covered))
    }
}

/// The first record from `from` on.
fn next_record(store: &MemoryStore, from: &[u8]) -> Option<Record> {
    let mut record = None;
    let mut take = |key: &[u8], value: &[u8]| {
        record = Some((key.to_vec(), value.to_vec()));
        ControlFlow::Break(())
    };
    store.scan(from, &[key::DATA + 1], &mut take).expect(MEMORY);
    record
}
