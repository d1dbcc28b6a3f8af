//! Transaction — MULTI … EXEC as a master runs it: all commands or none, as one entry. Pure, except for the store.
//!
//! Each command runs on the state that the commands before it leave. A command that fails replies its error, and the others
//! run on, as in Redis. The entry has one LSN and one time. A transaction that logs nothing has no entry.

use super::Master;
use super::removal::dead;
use crate::apply;
use crate::binlog::{Entry, Payload};
use crate::command::{Command, Reply};
use crate::effect::{Effect, Key, KeySet};
use crate::expiry::{ExpiryPolicy, Removal, RemovalLog};
use crate::node::watched::{Watch, Watched};
use crate::store::overlay::Overlay;
use crate::store::{Store, StoreError};
use crate::time::Millis;

/// The commands of one EXEC.
#[derive(Clone, Debug)]
pub struct Transaction {
    /// The commands in order, each with its database.
    pub commands: Vec<Command>,
    /// If a key of these was changed, nothing is run.
    pub watches: Vec<Watch>,
    /// The most bytes that its replies may take.
    pub reply_bytes_max: usize,
}

impl Transaction {
    /// Whether it may change the store.
    pub fn is_write(&self) -> bool {
        self.commands.iter().any(Command::is_write)
    }
}

/// The result of an EXEC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Executed {
    /// All commands were run; one reply for each.
    Ran(Vec<Reply>),
    /// All commands were run. Their replies are larger than [`Transaction::reply_bytes_max`], so they are lost.
    RanBeyondReplies,
    /// A watched key was changed. Nothing was run.
    Changed,
}

/// The replies to the commands of a transaction, as far as they are within its limit.
#[derive(Debug)]
pub struct Replies {
    made: Vec<Reply>,
    bytes: usize,
    bytes_max: usize,
}

impl Replies {
    /// No reply yet to a command of `transaction`.
    pub fn to(transaction: &Transaction) -> Replies {
        Replies { made: Vec::new(), bytes: 0, bytes_max: transaction.reply_bytes_max }
    }

    /// Adds the next reply. Beyond the limit no reply is kept.
    pub fn push(&mut self, reply: Reply) {
        self.bytes = self.bytes.saturating_add(reply.bytes());
        match self.bytes <= self.bytes_max {
            true => self.made.push(reply),
            false => self.made = Vec::new(),
        }
    }

    /// The result of the EXEC whose commands were all run.
    pub fn ran(self) -> Executed {
        if self.bytes <= self.bytes_max { Executed::Ran(self.made) } else { Executed::RanBeyondReplies }
    }
}

/// The commands that were run so far, and their effects.
struct Run<'a, S> {
    pending: Overlay<&'a S>,
    effects: Vec<Effect>,
    parts: Vec<Payload>,
    /// The watched keys that were changed.
    changed: Vec<Key>,
    /// Removals that are logged later.
    untold: Vec<Command>,
}

impl<S: Store> Master<S> {
    /// The keys that clients watch.
    pub fn watched_mut(&mut self) -> &mut Watched {
        &mut self.watched
    }

    /// Takes the keys that clients watch out of the master, which then watches none.
    pub fn take_watched(&mut self) -> Watched {
        std::mem::take(&mut self.watched)
    }

    /// The same master with these watched keys.
    #[must_use]
    pub fn with_watched(self, watched: Watched) -> Master<S> {
        Master { watched, ..self }
    }

    /// Watches `keys` from now on, see [`Watched::watch`]. Errors: the store's.
    pub fn watch(&mut self, keys: &[Key], now: Millis) -> Result<Option<Watch>, StoreError> {
        self.watched.watch(self.epoch, &self.store, keys, self.time.max(now))
    }

    /// Ends `watch`.
    pub fn unwatch(&mut self, watch: &Watch) {
        self.watched.unwatch(watch, self.epoch);
    }

    /// Runs `transaction` as one entry, which is appended to `entries` and must be logged before the replies are sent.
    /// `random`: a random number, from which that of each command is derived. The watches are not ended. Errors: the
    /// store's; nothing is written, and the node then stops.
    pub fn exec(
        &mut self,
        policy: &dyn ExpiryPolicy,
        transaction: &Transaction,
        now: Millis,
        random: u64,
        entries: &mut Vec<Entry>,
    ) -> Result<Executed, StoreError> {
        self.time = self.time.max(now);
        self.tell_of_removals(entries)?;
        for watch in &transaction.watches {
            if self.watched.is_changed(watch, self.epoch, self.time) {
                return Ok(Executed::Changed);
            }
        }
        let mut run = Run {
            pending: Overlay::new(&self.store),
            effects: Vec::new(),
            parts: Vec::new(),
            changed: Vec::new(),
            untold: Vec::new(),
        };
        let mut replies = Replies::to(transaction);
        for (command, random) in transaction.commands.iter().zip((0..).map(|at| random.wrapping_add(at))) {
            let translated = if self.offset_ms == 0 { None } else { command.in_log_time(self.offset_ms) };
            let command = translated.as_ref().unwrap_or(command);
            run.expire(policy, command, self.time)?;
            let view = self.view(&run.pending, command, random);
            let (reply, effect) = command.execute(&view, self.time)?;
            replies.push(reply);
            if !effect.is_empty() {
                run.changed.extend(self.watched.changed_by(&run.pending, command, &effect, self.time)?);
                run.parts.extend(policy.logged_before(command, &effect, self.time));
                run.parts.push(policy.logged(command, effect.clone(), self.time));
                run.write(effect);
            }
        }
        let Run { effects, parts, changed, untold, .. } = run;
        self.commit(effects, Payload::transaction(parts), entries)?;
        self.watched.change(changed);
        self.untold.extend(untold);
        Ok(replies.ran())
    }

    /// Writes the effects of a transaction to the store, all or none, and appends its entry, if it logs something.
    fn commit(
        &mut self,
        effects: Vec<Effect>,
        payload: Option<Payload>,
        entries: &mut Vec<Entry>,
    ) -> Result<(), StoreError> {
        let Some(payload) = payload else {
            // Dead keys that were removed without an entry.
            return self.store.write_all(&mut effects.iter().flat_map(|effect| &effect.writes));
        };
        let lsn = self.last.next();
        apply::write_effects(&mut self.store, effects.iter(), lsn)?;
        self.last = lsn;
        entries.push(Entry { lsn, epoch: self.epoch, time: self.time, payload });
        Ok(())
    }
}

impl<S: Store> Run<'_, S> {
    fn write(&mut self, effect: Effect) {
        self.pending.add(&effect.writes);
        self.effects.push(effect);
    }

    /// Removes what is dead under the command's keys, if only the master removes it, and logs that as the policy asks for.
    fn expire(
        &mut self,
        policy: &dyn ExpiryPolicy,
        command: &Command,
        now: Millis,
    ) -> Result<(), StoreError> {
        if policy.removal() != Removal::ByMaster {
            return Ok(());
        }
        let KeySet::Keys(keys) = command.keys() else { return Ok(()) };
        for key in keys {
            while let Some(dead) = dead(&self.pending, &key, now, policy.removal())? {
                self.write(dead.effect);
                let is_logged = policy.logs_removal_before(command, dead.removed);
                let Some(command) = dead.command.filter(|_| is_logged) else { continue };
                let times = match policy.removal_log() {
                    RemovalLog::Once => 1,
                    RemovalLog::Twice => 2,
                    RemovalLog::Late | RemovalLog::Never => 0,
                };
                self.parts.extend(std::iter::repeat_n(Payload::Command(command.clone()), times));
                if policy.removal_log() == RemovalLog::Late {
                    self.untold.push(command);
                }
            }
        }
        Ok(())
    }
}
