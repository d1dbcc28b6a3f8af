//! Removal — how a master removes what is dead, and what it logs of that. Pure, except for the store.

use super::Master;
use crate::binlog::{Entry, Payload};
use crate::command::{Command, View};
use crate::effect::{Effect, Key};
use crate::expiry::{ExpiryPolicy, Removal, RemovalLog, Removed};
use crate::node::{FIELDS_MAX, dead_fields, removal_of_key};
use crate::store::{Read, Store, StoreError};
use crate::time::Millis;

/// What is dead under a key, and how it is removed.
pub(super) struct Dead {
    /// The effect that removes it from the master's store.
    pub(super) effect: Effect,
    /// The command that removes the same on replicas. `None`: there is nothing to remove there, or replicas remove it on
    /// their own.
    pub(super) command: Option<Command>,
    /// The instant at which the last of it died.
    pub(super) deadline: Millis,
    pub(super) removed: Removed,
}

/// What is dead under `key` at `now`: the key with all its records, or else at most [`FIELDS_MAX`] fields of a hash. Errors: the
/// store's.
pub(super) fn dead(
    reader: &dyn Read,
    key: &Key,
    now: Millis,
    removal: Removal,
) -> Result<Option<Dead>, StoreError> {
    // The command always parses: DEL takes a key, HDEL a key and fields.
    let logged = |argv| Command::parse(key.db, argv).ok().filter(|_| removal == Removal::ByMaster);
    if let Some((effect, deadline)) = removal_of_key(reader, key, now)? {
        let command = logged(vec![b"DEL".to_vec(), key.name.clone()]);
        return Ok(Some(Dead { effect, command, deadline, removed: Removed::Key }));
    }
    let Some(fields) = dead_fields(reader, key, now, FIELDS_MAX)? else { return Ok(None) };
    let (mut effect, deadline) = (fields.effect, fields.latest);
    let head = [b"HDEL".to_vec(), key.name.clone()];
    let hdel = head.into_iter().chain(fields.fields.iter().cloned()).collect();
    let command = if fields.fields.is_empty() { None } else { logged(hdel) };
    if let Some(hdel) = &command {
        // Replicas run the HDEL as if nothing had expired. The master's store gets the same bytes.
        effect = hdel.execute(&View::new(reader, key.db, Millis::ZERO), now)?.1;
    }
    Ok(Some(Dead { effect, command, deadline, removed: Removed::Fields }))
}

impl<S: Store> Master<S> {
    /// Removes what [`dead`] finds under `key`, and logs it as the policy asks for. `before`: the command that is about to run.
    /// Returns the instant at which the last of it died.
    pub(super) fn remove_dead(
        &mut self,
        policy: &dyn ExpiryPolicy,
        key: &Key,
        before: Option<&Command>,
        entries: &mut Vec<Entry>,
    ) -> Result<Option<Millis>, StoreError> {
        let Some(dead) = dead(&self.store, key, self.time, policy.removal())? else { return Ok(None) };
        let Dead { effect, command, deadline, removed } = dead;
        let is_logged = before.is_none_or(|next| policy.logs_removal_before(next, removed));
        let command = command.filter(|_| is_logged);
        match (command, policy.removal_log()) {
            (Some(command), RemovalLog::Once) => self.append_removal(command, effect, entries)?,
            (Some(command), RemovalLog::Twice) => {
                self.append_removal(command.clone(), effect, entries)?;
                self.append_removal(command, Effect::none(), entries)?;
            }
            (Some(command), RemovalLog::Late) => {
                self.untold.push(command);
                self.store.write(&effect.writes)?;
            }
            (None, _) | (_, RemovalLog::Never) => self.store.write(&effect.writes)?,
        }
        Ok(Some(deadline))
    }

    /// Appends each removal that is not logged yet.
    pub(super) fn tell_of_removals(&mut self, entries: &mut Vec<Entry>) -> Result<(), StoreError> {
        for command in std::mem::take(&mut self.untold) {
            self.append_removal(command, Effect::none(), entries)?;
        }
        Ok(())
    }

    /// Writes `effect`, which removes what is dead, and appends `command` as its entry.
    fn append_removal(
        &mut self,
        command: Command,
        effect: Effect,
        entries: &mut Vec<Entry>,
    ) -> Result<(), StoreError> {
        entries.push(self.append(effect, |_, _| Payload::Command(command))?);
        Ok(())
    }
}
