//! Acts — what the nodes do in a step, and how much time may pass in one.

use super::action::Action;
use super::instants::{Pending, instants};
use super::model::{ExpiryModel, MEMORY, MasterStep, ReplicaStep, State};
use super::setup::Judges;
use super::world::{Message, ReplicaSide, wrote};
use crate::binlog::Entry;
use crate::effect::KeySet;
use crate::models::bounds::DRAWN;
use crate::models::request::Request;
use crate::models::setting::Passing;
use crate::node::{Master, MasterInput, MasterOutput};
use crate::store::memory::MemoryStore;
use crate::store::{Dump, dump};
use crate::time::{Elapsed, Millis, Moment};
use std::collections::BTreeSet;

impl ExpiryModel {
    /// Lets the master do its part of `action`, and sends the messages that result.
    pub(super) fn master_acts(&self, state: &mut State, action: Action) {
        let (master, sent) = self.master_steps.get((state.master, action, state.elapsed), || {
            self.master_step(state.master, action, self.master_clock(state.elapsed))
        });
        state.master = master;
        let messages = self.sendings.value(sent);
        if !messages.is_empty() {
            state.link = self.links_after.get((state.link, state.elapsed, sent), || {
                let mut link = self.links.value(state.link).clone();
                link.extend(messages.iter().map(|&message| (state.elapsed, message)));
                self.links.number(link)
            });
        }
    }

    fn master_step(&self, before: u32, action: Action, now: Millis) -> MasterStep {
        let mut master = self.masters.value(before).clone();
        let mut then = master.clone();
        let (outputs, request) = match action {
            Action::Command(symbol) => {
                let request = &self.setup.alphabet[symbol];
                let entries = request.run(&mut master, self.policy(), (now, DRAWN)).expect(MEMORY);
                let number = u16::try_from(symbol).ok();
                (entries.into_iter().map(MasterOutput::Append).collect(), Some((request, number)))
            }
            Action::MasterRemoves(n) => {
                let key = Self::nth_key(self.master_dump(before), n);
                (master.step(self.policy(), MasterInput::Expire { key, now }).expect(MEMORY), None)
            }
            _ => (master.step(self.policy(), MasterInput::Heartbeat { now }).expect(MEMORY), None),
        };
        let after = dump(master.store()).expect(MEMORY);
        for (key, stored) in &after {
            if stored.deadlines().next().is_some() {
                self.covered.key(key, false);
            }
        }
        let messages = outputs.into_iter().filter_map(|output| match output {
            MasterOutput::Append(entry) => {
                let own = request.filter(|_| entry.lsn == master.last());
                Some(self.messages.number(self.message(entry, own, (before, &after), &mut then, now)))
            }
            MasterOutput::Heartbeat(time) => Some(self.messages.number(Message::Heartbeat(time))),
            MasterOutput::Reply(_) => None,
        });
        let sent = self.sendings.number(messages.collect());
        (self.masters.number(master), sent)
    }

    /// An entry with what the checks must know about it. `own`: the request whose last entry this is; `None` for an entry
    /// that removes a dead key or that comes before the request's own entry. `then`: the master as it was before the
    /// entry.
    fn message(
        &self,
        entry: Entry,
        own: Option<(&Request, Option<u16>)>,
        (before, after): (u32, &Dump),
        then: &mut Master<MemoryStore>,
        now: Millis,
    ) -> Message {
        let wrote = own.map_or_else(|| entry.keys().into_owned(), |(request, _)| wrote(request, &entry));
        let touched = own.map_or_else(|| entry.keys().into_owned(), |(request, _)| request.keys());
        if let (None, KeySet::Keys(keys)) = (own, &touched) {
            for key in keys {
                then.step(self.policy(), MasterInput::Expire { key: key.clone(), now }).expect(MEMORY);
            }
        }
        let master = match (self.setup.judges, own) {
            (Judges::State, _) => Dump::new(),
            (Judges::Reads, Some(_)) => after.clone(),
            (Judges::Reads, None) => dump(then.store()).expect(MEMORY),
        };
        let deadlines =
            [self.master_dump(before), after].into_iter().flatten().filter(|(key, _)| match &touched {
                KeySet::Everything => true,
                KeySet::Keys(keys) => keys.contains(*key),
            });
        let deadlines: BTreeSet<Millis> = deadlines.flat_map(|(_, stored)| stored.deadlines()).collect();
        let command = own.and_then(|(_, number)| number);
        Message::Entry { entry, wrote, master, deadlines: deadlines.into_iter().collect(), command }
    }

    pub(super) fn replica_acts(&self, state: &mut State, step: ReplicaStep) {
        let moment = self.replica_moment(state.elapsed, state.skew);
        state.replica = self.replica_steps.get((state.replica, step, moment), || {
            let applied = match step {
                ReplicaStep::Message(message) if !self.setup.clocks.apart => Some(message),
                ReplicaStep::Apply => self.replicas.value(state.replica).unapplied().first().copied(),
                _ => None,
            };
            if let Some(message) = applied {
                self.note_application(message, self.master_clock(state.elapsed).max(moment.wall));
            }
            self.replica_after(state.replica, step, moment)
        });
    }

    /// The number of the replica after a step at that moment.
    pub(super) fn replica_after(&self, replica: u32, step: ReplicaStep, moment: Moment) -> u32 {
        let mut side = self.replicas.value(replica).clone();
        match step {
            ReplicaStep::Remove(n) => {
                let key = Self::nth_key(self.replica_dump(replica), n);
                side.replica.remove(self.policy(), &key, moment.wall).expect(MEMORY);
            }
            ReplicaStep::Message(message) => {
                self.received(&mut side, message, moment);
                if !self.setup.clocks.apart {
                    side.replica.apply(self.policy(), moment.wall).expect(MEMORY);
                    self.published(&mut side);
                }
            }
            ReplicaStep::Apply => {
                side.replica.apply(self.policy(), moment.wall).expect(MEMORY);
            }
            ReplicaStep::Publish => self.published(&mut side),
        }
        self.replicas.number(side)
    }

    /// Notes that the entry of a message is applied when the later one of the two clocks shows `came`.
    pub(super) fn note_application(&self, message: u32, came: Millis) {
        if let Message::Entry { entry, deadlines, command: Some(number), .. } = self.messages.value(message) {
            let ran = entry.time;
            let mut ahead = deadlines.iter().filter(|deadline| ran < **deadline);
            let is_late = ahead.clone().any(|deadline| *deadline <= came);
            self.covered.command(*number, ahead.next().is_some(), is_late);
        }
    }

    fn received(&self, side: &mut ReplicaSide, message: u32, now: Moment) {
        // Log time is never estimated without a limit, so the moment of the receipt does not matter then.
        side.received_at = self.limit_ms().map_or(Elapsed::default(), |_| now.elapsed);
        match self.messages.value(message) {
            Message::Entry { entry, .. } => {
                side.replica.receive(self.policy(), entry.clone(), now);
                side.unpublished.push(message);
            }
            Message::Heartbeat(time) => side.replica.heartbeat(*time, now.elapsed),
        }
    }

    fn published(&self, side: &mut ReplicaSide) {
        let applied = side.unpublished.len() - side.unapplied().len();
        for message in side.unpublished.drain(..applied).collect::<Vec<_>>() {
            if let (Judges::Reads, Message::Entry { entry, wrote, master, .. }) =
                (self.setup.judges, self.messages.value(message))
            {
                side.note(entry.lsn, wrote, master.clone());
            }
        }
        side.replica.publish();
    }

    /// The passages of time that are possible: one to each instant at which something changes, as long as the oldest
    /// message may stay undelivered until then.
    pub(super) fn passes(&self, state: &State, actions: &mut Vec<Action>) {
        if state.passes == self.setup.clocks.passes_max {
            return;
        }
        let link = self.links.value(state.link);
        let is_down = state.down == Some(true);
        let bound =
            link.first().filter(|_| !is_down).map(|(sent, _)| sent.saturating_add(self.setup.delay_ms()));
        let may_pass =
            |elapsed: &u64| *elapsed > state.elapsed && bound.is_none_or(|bound| *elapsed <= bound);
        if self.setup.clocks.passing == Passing::Ticks {
            let next = state.elapsed + self.setup.clocks.tick_ms;
            actions.extend(may_pass(&next).then_some(Action::Pass(self.setup.clocks.tick_ms)));
            return;
        }
        let of = (state.master, state.link, state.replica, state.skew, is_down);
        let instants = self.instants.get(of, || {
            let received = &self.replicas.value(state.replica).unpublished;
            let messages = link.iter().map(|(_, message)| message).chain(received);
            let carried = messages.filter_map(|message| match self.messages.value(*message) {
                Message::Entry { deadlines, .. } => Some(deadlines),
                Message::Heartbeat(_) => None,
            });
            let pending = Pending {
                master: self.master_dump(state.master),
                replica: self.replica_dump(state.replica),
                under_way: carried.flatten().copied().collect(),
                received_at: self.limit_ms().map(|_| self.replicas.value(state.replica).received_at),
                oldest: link.first().map(|(sent, _)| *sent),
                is_down,
                floor_ms: self.policy().judging().floor_ms(),
            };
            instants(&self.setup, self.skew_ms(state.skew), &pending).into()
        });
        let passes = instants.iter().filter(|elapsed| may_pass(elapsed));
        actions.extend(passes.map(|elapsed| Action::Pass(elapsed - state.elapsed)));
    }

    /// Notes which of the master's keys die while time passes.
    pub(super) fn note_deaths(&self, (master, from, to): (u32, u64, u64)) {
        let (from, to) = (self.master_clock(from), self.master_clock(to));
        for (key, stored) in self.master_dump(master) {
            if stored.has_dead(to) && !stored.has_dead(from) {
                self.covered.key(key, true);
            }
        }
    }

    pub(super) fn removals(&self, state: &State, actions: &mut Vec<Action>) {
        let master = dead(self.master_dump(state.master), self.master_clock(state.elapsed));
        actions.extend(master.map(Action::MasterRemoves));
        let local = self.replica_clock(state.elapsed, state.skew);
        let side = self.replicas.value(state.replica);
        let Some(by) = side.replica.replica().removes_at(self.policy(), local) else { return };
        // A replica removes dead keys only while no worker writes.
        if !side.unpublished.is_empty() {
            return;
        }
        actions.extend(dead(self.replica_dump(state.replica), by).map(Action::ReplicaRemoves));
    }
}

/// Places in the dump, by key order, of the keys that are dead at `now`.
fn dead(dump: &Dump, now: Millis) -> impl Iterator<Item = u16> {
    (0u16..).zip(dump.values()).filter(move |(_, stored)| stored.has_dead(now)).map(|(place, _)| place)
}
