//! Trace emitter — a tiny replica whose worker threads tell what they write, for `replicheck trace check`.
//!
//! ```text
//! cargo run --example trace_emitter          | replicheck trace check --complete -     ✓
//! cargo run --example trace_emitter key_hash | replicheck trace check --complete -     ✗
//! ```
//!
//! All that a replica has to add is in [`Replica::write`]: a tick before the write, a tick after it, and a line. By default an
//! entry waits for the entries before it that it conflicts with. With `key_hash` its worker is chosen by the hash of its key,
//! FLUSHDB goes to any worker, and nothing waits: the bug of Pika before #2808. There the write before each FLUSHDB does not
//! finish before FLUSHDB has begun, so in every run the two overlap, or FLUSHDB overtakes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

const WORKERS: usize = 3;
const ENTRIES: usize = 300;

/// An entry of the log; the first one has LSN 1.
enum Entry {
    Set(String, usize),
    Flushdb,
}

impl Entry {
    fn conflicts_with(&self, other: &Entry) -> bool {
        match (self, other) {
            (Entry::Set(key, _), Entry::Set(other, _)) => key == other,
            _ => true,
        }
    }

    /// The worker of the entry, under `key_hash`. FLUSHDB goes to the worker after the one of the write before it.
    fn worker(log: &[Entry], at: usize) -> usize {
        match &log[at] {
            Entry::Set(key, _) => key.bytes().map(usize::from).sum::<usize>() % WORKERS,
            Entry::Flushdb => (Entry::worker(log, at - 1) + 1) % WORKERS,
        }
    }
}

/// The state of each entry.
#[derive(Clone, Copy, PartialEq)]
enum State {
    Waits,
    Taken,
    Begun,
    Done,
}

struct Replica {
    log: Vec<Entry>,
    by_key_hash: bool,
    states: Mutex<Vec<State>>,
    changed: Condvar,
    store: Mutex<BTreeMap<String, usize>>,
    ticks: AtomicU64,
}

impl Replica {
    /// Waits until `worker` may start an entry. `None`: there is nothing left for it.
    fn take(&self, worker: usize) -> Option<usize> {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let waiting: Vec<usize> = (0..self.log.len())
                .filter(|&at| states[at] == State::Waits)
                .filter(|&at| !self.by_key_hash || Entry::worker(&self.log, at) == worker)
                .collect();
            let held = |at: usize, before: usize| {
                states[before] != State::Done && self.log[before].conflicts_with(&self.log[at])
            };
            let may_start = |&at: &usize| self.by_key_hash || !(0..at).any(|before| held(at, before));
            match waiting.iter().copied().find(may_start) {
                Some(at) => {
                    states[at] = State::Taken;
                    return Some(at);
                }
                None if waiting.is_empty() => return None,
                None => states = self.changed.wait(states).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn enter(&self, at: usize, state: State) {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)[at] = state;
        self.changed.notify_all();
    }

    /// Writes an entry, and tells it.
    fn write(&self, at: usize) {
        let start = self.ticks.fetch_add(1, Ordering::SeqCst); // After the strategy let it start, before the write.
        self.enter(at, State::Begun);
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = match &self.log[at] {
            Entry::Set(key, value) => {
                store.insert(key.clone(), *value);
                format!("[{key:?}]") // These keys need no JSON escapes other than those of Rust.
            }
            Entry::Flushdb => {
                store.clear();
                "\"everything\"".to_owned()
            }
        };
        drop(store);
        self.hold_before_flushdb(at);
        let finish = self.ticks.fetch_add(1, Ordering::SeqCst); // After the write, before others learn that it is done.
        let lsn = at + 1;
        println!("{{\"version\":1,\"lsns\":[{lsn}],\"keys\":{keys},\"start\":{start},\"finish\":{finish}}}");
        self.enter(at, State::Done);
    }

    /// The fault, made certain: the write before FLUSHDB is slow.
    fn hold_before_flushdb(&self, at: usize) {
        if self.by_key_hash && matches!(self.log.get(at + 1), Some(Entry::Flushdb)) {
            let states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
            let has_not_begun =
                |states: &mut Vec<State>| matches!(states[at + 1], State::Waits | State::Taken);
            let begun = self.changed.wait_while(states, has_not_begun);
            drop(begun.unwrap_or_else(PoisonError::into_inner));
        }
    }
}

fn main() {
    let entry = |at: usize| match at % 50 {
        49 => Entry::Flushdb,
        _ => Entry::Set(format!("k{}", at * 7 % 11), at),
    };
    let replica = Replica {
        log: (0..ENTRIES).map(entry).collect(),
        by_key_hash: std::env::args().nth(1).as_deref() == Some("key_hash"),
        states: Mutex::new(vec![State::Waits; ENTRIES]),
        changed: Condvar::new(),
        store: Mutex::default(),
        ticks: AtomicU64::new(0),
    };
    thread::scope(|scope| {
        for worker in 0..WORKERS {
            let replica = &replica;
            scope.spawn(move || {
                while let Some(at) = replica.take(worker) {
                    replica.write(at);
                }
            });
        }
    });
}
