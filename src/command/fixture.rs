//! Fixture of the tests of this folder: a store in memory that runs commands; the test sets its time and LSN.

use super::{Command, Reply, View};
use crate::effect::{Effect, Write};
use crate::store::memory::MemoryStore;
use crate::store::{Cursors, Read, Store, StoreError, Visit, key};
use crate::time::Millis;
use std::cell::RefCell;

/// A node in its smallest form: it runs a command and applies the effect.
pub(super) struct Fixture {
    pub(super) store: MemoryStore,
    pub(super) lsn: u64,
    pub(super) now: Millis,
    pub(super) random: u64,
    cursors: Places,
}

/// Cursors that are positions in a list.
#[derive(Default)]
struct Places(RefCell<Vec<Vec<u8>>>);

impl Cursors for Places {
    fn place(&self, cursor: u64) -> Option<Vec<u8>> {
        self.0.borrow().get(usize::try_from(cursor).ok()?.checked_sub(1)?).cloned()
    }

    fn keep(&self, _: u64, name: Vec<u8>) -> u64 {
        self.0.borrow_mut().push(name);
        self.0.borrow().len() as u64
    }
}

/// The store together with kept cursors, as a node has them.
struct Scanned<'a> {
    store: &'a MemoryStore,
    cursors: &'a Places,
}

impl Read for Scanned<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.get(key)
    }

    fn cursors(&self) -> Option<&dyn Cursors> {
        Some(self.cursors)
    }

    fn scan(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.store.scan(from, to, visit)
    }

    fn scan_back(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.store.scan_back(from, to, visit)
    }
}

impl Fixture {
    pub(super) fn new() -> Fixture {
        Fixture {
            store: MemoryStore::new(),
            lsn: 0,
            now: Millis(1000),
            random: 0,
            cursors: Places::default(),
        }
    }

    /// Runs the words of `line` in database 0.
    pub(super) fn run(&mut self, line: &str) -> Reply {
        self.run_in(0, &line.split(' ').map(str::as_bytes).collect::<Vec<_>>()).0
    }

    /// Runs the words of `line` in database 0, and returns the effect, which has been applied.
    pub(super) fn effect(&mut self, line: &str) -> Effect {
        self.run_in(0, &line.split(' ').map(str::as_bytes).collect::<Vec<_>>()).1
    }

    /// Runs a command and applies its effect, twice, as a replay after a crash does.
    pub(super) fn run_in(&mut self, db: u8, argv: &[&[u8]]) -> (Reply, Effect) {
        let argv = argv.iter().map(|argument| argument.to_vec()).collect();
        let command = Command::parse(db, argv).expect("a command");
        let kept = Scanned { store: &self.store, cursors: &self.cursors };
        let view = View::new(&kept, db, self.now).with_incarnation(self.lsn + 1).with_random(self.random);
        let (reply, effect) = command.execute(&view, self.now).expect("a store in memory does not fail");
        check_keys(&command, &effect);
        if !effect.is_empty() {
            self.lsn += 1;
            self.store.write(&effect.writes).expect("a store in memory does not fail");
            let once = self.store.clone();
            self.store.write(&effect.writes).expect("a store in memory does not fail");
            assert_eq!(
                self.store, once,
                "{command}: applying the effect twice differs from applying it once"
            );
        }
        (reply, effect)
    }

    /// Number of records, elements included.
    pub(super) fn records(&self) -> usize {
        self.store.iter().count()
    }
}

/// Asserts that the writes of an effect belong to the effect's keys, and these to the command's keys.
fn check_keys(command: &Command, effect: &Effect) {
    for write in &effect.writes {
        match write {
            Write::Put { key: raw, .. } | Write::Delete { key: raw } => {
                let owner = key::owner(raw).expect("user data");
                assert!(effect.keys.contains(&owner), "{command}: {owner:?} is not in the effect's keys");
                assert!(command.keys().contains(&owner), "{command}: {owner:?} is not in the command's keys");
            }
            Write::DeleteRange { from, .. } => {
                let known = key::owner(from).is_none_or(|owner| effect.keys.contains(&owner));
                assert!(known, "{command}: {write:?} is not in the effect's keys");
            }
        }
    }
    if !command.is_write() {
        assert!(effect.is_empty(), "{command}: a read with an effect");
    }
}
