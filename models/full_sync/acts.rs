//! Acts — what the master and the replica do in a step, except for the copy itself.

use super::Choice;
use super::model::{FullSyncModel, Link, State};
use super::world::{Copying, Generation, MEMORY};
use crate::apply;
use crate::binlog::{Entry, Log, Lsn};
use crate::effect::Key;
use crate::expiry::Policy;
use crate::models::bounds::DRAWN;
use crate::node::{Master, MasterInput, MasterOutput, Readers};
use crate::replication::handshake::{FULL_SYNC, Hello, History, Refusal, Resume, ResumePoint, answer};
use crate::replication::snapshot::Request;
use crate::replication::{PROTOCOL_VERSION, PROTOCOL_VERSION_RUNNING};
use crate::store::memory::MemoryStore;
use crate::time::{Elapsed, Moment};

impl FullSyncModel {
    /// A client sends a command to the master.
    pub(super) fn write(&self, state: &mut State, number: usize) -> Option<()> {
        let request = self.alphabet.get(number)?;
        let now = self.now(state);
        (state.master, state.log) =
            self.written.get((state.master, state.log, number, state.elapsed), || {
                let run = |master: &mut _| request.run(master, &*self.policy, (now, DRAWN)).expect(MEMORY);
                let mut after = *state;
                self.master_acts(&mut after, run);
                (after.master, after.log)
            });
        state.writes += 1;
        Some(())
    }

    /// The master does something, and logs what comes of it.
    fn master_acts(&self, state: &mut State, act: impl FnOnce(&mut Master<MemoryStore>) -> Vec<Entry>) {
        let (mut master, mut log) = (self.master(state).clone(), self.log(state).clone());
        for entry in act(&mut master) {
            log.append(entry).expect("a master's own entry comes next");
        }
        (state.master, state.log) = (self.masters.number(master), self.logs.number(log));
    }

    /// Log time on the master is its clock now.
    pub(super) fn tell_time(&self, state: &mut State) {
        let now = self.now(state);
        (state.master, state.log) = self.told.get((state.master, state.log, state.elapsed), || {
            let mut after = *state;
            self.master_acts(&mut after, |master| {
                let outputs = master.step(&*self.policy, MasterInput::Heartbeat { now }).expect(MEMORY);
                let entry =
                    |output| if let MasterOutput::Append(entry) = output { Some(entry) } else { None };
                outputs.into_iter().filter_map(entry).collect()
            });
            (after.master, after.log)
        });
    }

    /// A key that is dead on the master, and still stored.
    pub(super) fn dead_key(&self, state: &State) -> Option<&Key> {
        let now = self.now(state);
        self.master_dump(state).iter().find(|(_, stored)| stored.is_dead(now)).map(|(key, _)| key)
    }

    /// The master removes a dead key.
    pub(super) fn remove(&self, state: &mut State) -> Option<()> {
        let (now, key) = (self.now(state), self.dead_key(state)?.clone());
        let mut removed = None;
        self.master_acts(state, |master| {
            let mut entries = Vec::new();
            removed = master.expire(&*self.policy, &key, now, &mut entries).expect(MEMORY);
            entries
        });
        state.removed = removed.map_or(state.removed, |deadline| deadline.max(state.removed));
        Some(())
    }

    /// The first entry that a purge of the log keeps, as `engine::feeds` notes it.
    pub(super) fn needed(&self, state: &State) -> Lsn {
        let after_all = self.log(state).last().next();
        let connected = match state.link {
            Link::Up => Some(self.current(state).end.last.next()),
            Link::Copying(copy) if self.keeps() => Some(self.copies.value(copy).kept),
            _ => None,
        };
        let kept = state.kept.filter(|_| self.keeps());
        connected.into_iter().chain(kept).fold(after_all, Lsn::min).max(state.first)
    }

    /// Whether the master keeps its log for a copy.
    fn keeps(&self) -> bool {
        self.choice() != Choice::LogNotKept
    }

    /// The connection is cut. The master then forgets a copy that is not complete, and the replica removes it.
    pub(super) fn cut(&self, state: &mut State) {
        state.cuts += 1;
        if let Link::Copying(copy) = state.link
            && self.choice() == Choice::NoEnd
        {
            state.ready = self.complete(state, self.copies.value(copy));
        }
        state.link = Link::Down;
    }

    /// The replica is killed and starts again. The start removes every generation but the current one, and readers wait for the master.
    pub(super) fn crash(&self, state: &mut State) {
        state.crashes += 1;
        (state.link, state.ready) = (Link::Down, None);
        state.current = self.generations.number(self.current(state).started(Readers::WaitForMaster));
    }

    /// The hello of the replica's current generation, as `engine::following` makes it.
    pub(super) fn hello(&self, state: &State) -> Hello {
        let generation = self.current(state);
        let takes_copies = self.choice() != Choice::ByHand;
        Hello {
            version: if takes_copies { PROTOCOL_VERSION } else { PROTOCOL_VERSION_RUNNING },
            last: generation.end.last,
            checksum: generation.end.running,
            removed: apply::removed(generation.side.shown()).expect(MEMORY),
            expiry: Policy::LogClock.name().to_owned(),
            epochs: generation.end.epochs.clone(),
            ..Hello::default()
        }
    }

    /// The master's answer to the replica's hello, as `engine::feeds` makes it.
    pub(super) fn answer(&self, state: &State) -> Result<Resume, Refusal> {
        let (log, hello) = (self.log(state), Hello::parse(&self.hello(state).argv())?);
        let history = History {
            first: state.first,
            last: log.last(),
            epochs: log.epochs().to_vec(),
            epoch: log.epochs().last().map(|&(epoch, _)| epoch).unwrap_or_default(),
            expiry: Policy::LogClock.name().to_owned(),
            time: self.master(state).time(),
            follows: false,
        };
        let place = |at: Lsn| {
            // The checksum of a purged entry is known only if it is the last one.
            let is_known = at >= state.first || at == log.last();
            let checksum = if is_known { self.checksum(log, at) } else { None };
            ResumePoint { checksum, next: log.get(at.next()).map(|entry| entry.time) }
        };
        answer(&history, &hello, place)
    }

    /// The replica connects. Returns the state, and whether the replica is refused although the master still keeps the log
    /// after its copy. A log that is kept for a later copy does not count: that copy may be lost in a crash.
    pub(super) fn connect(&self, mut state: State) -> (State, bool) {
        let generation = self.current(&state);
        let reaches = |kept: Lsn| kept <= generation.end.last.next();
        let is_kept = generation.copied.is_some() && state.kept.is_some_and(reaches);
        let key = (state.current, state.master, state.log, state.first);
        (state.current, state.link) = self.answers.get(key, || match self.answer(&state) {
            Ok(resume) => {
                let mut generation = generation.clone();
                generation.side.resumed(resume.last);
                (self.generations.number(generation), Link::Up)
            }
            Err(refusal) => {
                let reply = refusal.reply(self.hello(&state).version);
                let link = if reply.starts_with(FULL_SYNC) { Link::Refused } else { Link::Stopped };
                (state.current, link)
            }
        });
        let is_refused_wrongly = is_kept && state.link != Link::Up;
        (state, is_refused_wrongly)
    }

    /// The replica asks for the whole store. From here on the master keeps its log for it.
    pub(super) fn ask(&self, state: &mut State) {
        let Hello { version, expiry, codec, port, .. } = self.hello(state);
        let request = Request { version, port, expiry, codec };
        let argv = request.argv();
        assert!(Request::is_in(&argv) && Request::parse(&argv) == Ok(request), "a request of this version");
        state.link = Link::Copying(self.copies.number(Copying::after(self.log(state).last())));
    }

    /// The next entry that a connected replica lacks.
    pub(super) fn next_entry(&self, state: &State) -> Option<&Entry> {
        self.log(state).get(self.current(state).end.last.next())
    }

    /// The replica receives the next entry, applies it and gives it to readers.
    pub(super) fn deliver(&self, state: &mut State) -> Option<()> {
        let entry = self.next_entry(state)?;
        let delivered = self.delivered.get((state.current, state.log, state.elapsed), || {
            let Generation { mut side, end, copied } = self.current(state).clone();
            let end = end.then(entry, self.running(&end, entry)).ok()?;
            let now = Moment { elapsed: Elapsed::default(), wall: self.now(state) };
            side.receive(&*self.policy, entry.clone(), now);
            side.apply(&*self.policy, now.wall).expect(MEMORY);
            side.publish();
            Some(self.generations.number(Generation { side, end, copied }))
        });
        match delivered {
            Some(current) => state.current = current,
            // It hangs up.
            None => state.link = Link::Down,
        }
        Some(())
    }

    /// The replica receives the master's log time.
    pub(super) fn heartbeat(&self, state: &mut State) {
        self.tell_time(state);
        let mut generation = self.current(state).clone();
        generation.side.heartbeat(self.master(state).time(), Elapsed::default());
        state.current = self.generations.number(generation);
    }

    /// The checksum at an entry of a log: the number of the entries of its epoch through it. `None`: there is no such entry.
    pub(super) fn checksum(&self, log: &Log, at: Lsn) -> Option<u32> {
        Some(self.summed.number(log.epoch_through(at)?.to_vec()))
    }
}
