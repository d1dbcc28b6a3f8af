//! Acts — what the master, the link and the replica do in a step, by the engine's own code.

use super::model::{Action, BothModel, Link, MEMORY, Message, State};
use crate::binlog::{Entry, Lsn};
use crate::expiry::LogTime;
use crate::models::ordering::Task;
use crate::node::{Master, MasterInput, MasterOutput, Readers, Replica};
use crate::ordering::{Admission, Job};
use crate::store::memory::MemoryStore;
use crate::time::{Elapsed, Millis};

impl BothModel {
    pub(super) fn master_acts(
        &self,
        state: &mut State,
        action: Action,
        step: impl FnOnce(&mut Master<MemoryStore>) -> Vec<MasterOutput>,
    ) {
        let key = (state.master, state.log, state.link, state.elapsed, action);
        (state.master, state.log, state.link) = self.master_steps.get(key, || {
            let mut master = self.masters.value(state.master).clone();
            let mut log = self.logs.value(state.log).clone();
            let mut link = self.links.value(state.link).clone();
            for output in step(&mut master) {
                match output {
                    MasterOutput::Append(entry) => {
                        link.push((state.elapsed, Message::Entry(entry.lsn)));
                        log.push(entry);
                    }
                    MasterOutput::Heartbeat(time) => link.push((state.elapsed, Message::Heartbeat(time))),
                    MasterOutput::Reply(_) => {}
                }
            }
            (self.masters.number(master), self.logs.number(log), self.links.number(link))
        });
    }

    /// The entry with that LSN.
    pub(super) fn entry(&self, state: &State, lsn: Lsn) -> &Entry {
        let place = usize::try_from(lsn.0 - 1).expect("a short log");
        &self.logs.value(state.log)[place]
    }

    pub(super) fn may_deliver(&self, state: &State) -> bool {
        match self.links.value(state.link).first() {
            Some((_, Message::Entry(_))) => self.controls.value(state.control).applier.admits(),
            Some((_, Message::Heartbeat(_))) => true,
            None => false,
        }
    }

    /// Delivers the oldest message; `None` if there is none, or if admission is closed.
    pub(super) fn deliver(&self, state: &mut State) -> Option<()> {
        let key = (state.control, state.log, state.link, state.received);
        (state.control, state.link, state.received) = self.deliveries.get(key, || self.delivered(state))?;
        Some(())
    }

    /// The numbers of control and link, and the last entry received, after the oldest message is delivered.
    fn delivered(&self, state: &State) -> Option<(u32, u32, Lsn)> {
        let (&(_, message), rest) = self.links.value(state.link).split_first()?;
        // Log time is never estimated here, so the moment of the receipt does not matter.
        let now = Elapsed::default();
        let (mut control, mut received) = (self.controls.value(state.control).clone(), state.received);
        match message {
            Message::Heartbeat(time) => control.replica.heartbeat(received, time, now),
            Message::Entry(lsn) => {
                let entry = self.entry(state, lsn);
                control.replica.receive(lsn, entry.time, now);
                // No built-in strategy refuses a command of this alphabet.
                control = control.admit(&Admission::of(entry))?.expect("a command of the alphabet");
                received = lsn;
            }
        }
        Some((self.controls.number(control), self.links.number(rest.to_vec()), received))
    }

    pub(super) fn written(&self, state: &State, task: &Task) -> u32 {
        self.writes.get((state.data, state.log, task.clone()), || {
            let entries: Vec<&Entry> = task.job.lsns.iter().map(|&lsn| self.entry(state, lsn)).collect();
            let before = (state.crashes_left > 0).then_some(state.data);
            let data = self.datas.value(state.data);
            let (next, _) = match task.marker {
                Some(marker) => data.write(&entries, task.job.part.as_ref(), marker, before),
                None => data.recover(&entries, before),
            };
            self.datas.number(next)
        })
    }

    /// Number of batches that a crash may lose.
    pub(super) fn batches(&self, data: u32) -> u16 {
        self.datas.value(data).before.map_or(0, |before| self.batches(before) + 1)
    }

    pub(super) fn crashed(&self, state: &mut State, flushed: u16) -> Option<()> {
        let lost = self.batches(state.data).checked_sub(flushed)?;
        let mut left = state.data;
        for _ in 0..lost {
            left = self.datas.value(left).before?;
        }
        let left = self.datas.value(left);
        let time =
            if state.received == Lsn::NONE { Millis::ZERO } else { self.entry(state, state.received).time };
        let replica =
            Replica::new(left.marker(), LogTime::at(time, Elapsed::default()), None, Readers::WaitForMaster);
        state.crashes_left -= 1;
        state.control = self.fresh(replica, state.crashes_left > 0);
        state.data = self.datas.number(left.survived());
        (state.published, state.link, state.recovers) = (state.data, self.links.number(Link::new()), true);
        self.start_if_recovered(state);
        Some(())
    }

    pub(super) fn recovered(&self, state: &mut State, count: u16) {
        let control = self.controls.value(state.control);
        let from = control.applier.admitted();
        let to = Lsn(from.0 + u64::from(count));
        state.data = self.written(state, &Task { job: Job::run(from.next(), to), marker: None });
        state.published = state.data;
        state.control = self.controls.number(control.recovered(self.strategy(), to));
        self.start_if_recovered(state);
    }

    /// Starts the link once the replica has applied its own log. The master then says where its log ends, and sends the
    /// entries that the replica does not have, followed by its time.
    pub(super) fn start_if_recovered(&self, state: &mut State) {
        if self.controls.value(state.control).applier.admitted() < state.received {
            return;
        }
        let master = self.masters.value(state.master);
        state.recovers = false;
        let mut control = self.controls.value(state.control).clone();
        control.replica.resumed(master.last());
        state.control = self.controls.number(control);
        let missing = (state.received.0 + 1..=master.last().0).map(|lsn| Message::Entry(Lsn(lsn)));
        let messages = missing.chain([Message::Heartbeat(self.master_clock(state))]);
        state.link = self.links.number(messages.map(|message| (state.elapsed, message)).collect());
        let now = self.master_clock(state);
        let mut master = master.clone();
        master.step(&*self.policy, MasterInput::Heartbeat { now }).expect(MEMORY);
        state.master = self.masters.number(master);
    }
}
