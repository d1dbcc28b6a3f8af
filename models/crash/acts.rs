//! Acts — the steps of a group and of a flush, crashes and starts.

use super::model::{Accident, Action, CrashModel, Moment, Place, State};
use super::reads::Found;
use super::world::{Call, LogStep, Starting};
use super::{Fault, Role, Step};
use crate::binlog::{Entry, Fsync, Lsn};
use crate::models::judged::InvariantSet;
use crate::models::request::Request;

impl CrashModel {
    /// The state after `action`; `None`: the action is not possible.
    pub(super) fn stepped(&self, state: &State, action: Action) -> Option<State> {
        let mut next = State { broken: InvariantSet::default(), ..*state };
        match (state.place, action) {
            (Place::Up(run), Action::Send(first, then)) => self.send(&mut next, run, (first, then))?,
            (Place::Up(run), Action::Receive(count)) => self.receive(&mut next, run, count),
            (Place::Up(run), Action::Next) => return self.next(next, run),
            (Place::Up(run), Action::Sync) => next.place = Place::Up(self.then(run, Call::Sync)),
            (Place::Up(run), Action::BeginFlush) => self.begin_flush(&mut next, run),
            (Place::Up(run), Action::EndFlush) => {
                if let Some(purge) = self.call(state, run, LogStep::Purge) {
                    next.place = Place::Up(self.then(run, purge));
                }
                next.flushed = next.flushing.take()?;
            }
            (Place::Up(run), Action::Crash(moment, accident)) => {
                self.crash(&mut next, run, (moment, accident))?;
            }
            (Place::Down(disk), Action::Crash(Moment::During(_, at), accident)) => {
                self.crash_in_start(&mut next, disk, (at, accident));
            }
            (Place::Down(disk), Action::Start) => return Some(self.start(&next, disk)),
            _ => return None,
        }
        Some(next)
    }

    /// Clients send a group to a master, or a replica receives it as the next entries of its master.
    fn send(&self, state: &mut State, run: u32, group: (usize, Option<usize>)) -> Option<()> {
        let last = self.end(run).last;
        let (entries, batch) = self.made.get((state.held, state.noted, last, group.0, group.1), || {
            let requests: Vec<&Request> = [Some(group.0), group.1]
                .into_iter()
                .flatten()
                .filter_map(|at| self.alphabet.get(at))
                .collect();
            let (entries, batch) = self.executed(state.held, (state.noted, last), &requests);
            (entries, self.batches.number(batch))
        });
        // FLUSHDB of an empty store logs nothing, and nothing waits for it.
        let count = u8::try_from(entries.len()).ok().filter(|&count| count > 0)?;
        let mut history = self.entries_of(state.history).to_vec();
        history.extend(entries);
        state.history = self.histories.number(history);
        (state.group, state.batch, state.done) = (count, batch, 0);
        state.writes += 1 + u8::from(group.1.is_some());
        Some(())
    }

    /// A replica receives entries again that it has lost.
    fn receive(&self, state: &mut State, run: u32, count: u8) {
        let last = Lsn(self.end(run).last.0 + u64::from(count));
        let through = self.through(state.history, last);
        let group = &through[through.len().saturating_sub(usize::from(count))..];
        state.batch = self.batches.number(self.batch(state.held, group));
        (state.group, state.done) = (count, 0);
    }

    /// The next step of the group.
    fn next(&self, mut state: State, run: u32) -> Option<State> {
        let step = self.next_step(&state)?;
        let (group, last) = (self.group(&state, run).to_vec(), self.last(&state, run));
        let is_master = self.setup.role == Role::Master;
        match step {
            Step::Append => state.place = Place::Up(self.then(run, Call::Append(group.clone()))),
            Step::Sync => {
                if let Some(call) = self.call(&state, run, LogStep::Sync) {
                    state.place = Place::Up(self.then(run, call));
                }
            }
            Step::Apply => {
                state.held = self.applied(state.held, state.batch, &group, !self.marker_is_apart());
            }
            Step::Mark => state.held = self.marked(state.held, state.batch),
            Step::Publish if is_master => (state.seen, state.sent) = (last, last),
            Step::Publish => {}
            Step::Reply => state.acked = last,
        }
        state.done += 1;
        if self.next_step(&state).is_none() {
            (state.group, state.done, state.batch) = (0, 0, self.batches.number(Vec::new()));
        }
        Some(if step == Step::Publish { self.judged_when_shown(state, &group, last) } else { state })
    }

    /// A flush begins, as `engine::checkpoint` has it.
    fn begin_flush(&self, state: &mut State, run: u32) {
        let mut run = run;
        if let Some(call) = self.call(state, run, LogStep::Sync).filter(|_| !self.has(Fault::FlushFirst)) {
            run = self.then(run, call);
        }
        // A marker that is apart is taken as it is.
        state.flushing = Some(match self.has(Fault::MarkerApart) {
            true => state.held,
            false => self.flushed(state.held, self.held.value(state.held).marker()),
        });
        state.flushes += 1;
        let marker = self.held.value(state.held).marker();
        if let Some(purge) = self.purge(run, marker).filter(|_| self.has(Fault::PurgeFirst)) {
            run = self.then(run, purge);
        }
        state.place = Place::Up(run);
    }

    /// The node crashes while it runs.
    fn crash(&self, state: &mut State, run: u32, (moment, accident): (Moment, Accident)) -> Option<()> {
        let within = match moment {
            Moment::Between => None,
            Moment::During(step, at) => Some((self.call(state, run, step)?, at)),
        };
        if let Moment::During(LogStep::Purge, _) = moment {
            // The flush has ended.
            state.flushed = state.flushing?;
        }
        let killed = self.left(run, within).killed;
        state.durable = self.end(run).durable;
        if self.setup.role == Role::Replica {
            // It has told its master that these are durable.
            state.acked = state.durable;
        }
        (state.group, state.done, state.batch) = (0, 0, self.batches.number(Vec::new()));
        (state.held, state.flushing) = (state.flushed, None);
        self.go_down(state, killed, accident);
        Some(())
    }

    /// The node crashes while it starts.
    fn crash_in_start(&self, state: &mut State, disk: u32, (at, accident): (u8, Accident)) {
        let (left, noted) = self.left_in_start(self.starting(state, disk), at);
        state.noted = noted;
        if self.setup.role == Role::Master {
            state.drawn += 2;
        }
        self.go_down(state, left.killed, accident);
    }

    /// The entries that must be there after the accident.
    fn go_down(&self, state: &mut State, killed: u32, accident: Accident) {
        state.crashes += 1;
        state.place = Place::Down(killed);
        let Accident::PowerLoss(disk) = accident else { return };
        state.place = Place::Down(disk);
        state.lied |= self.setup.lies;
        let covers = |lsn: Lsn| match self.choice().fsync() {
            _ if self.setup.lies => Lsn::NONE,
            Fsync::Always => lsn,
            Fsync::EverySec | Fsync::No => lsn.min(state.durable),
        };
        (state.acked, state.seen) = (covers(state.acked), covers(state.seen));
    }

    /// The input of a start on this disk.
    pub(super) fn starting(&self, state: &State, disk: u32) -> Starting {
        let marker = self.held.value(state.flushed).marker();
        Starting { disk, marker, noted: state.noted, drawn: state.drawn }
    }

    /// The start, as `engine::open` has it, and then `engine::master`.
    fn start(&self, state: &State, disk: u32) -> State {
        let starting = self.starting(state, disk);
        let started = self.started(starting);
        let Ok(run) = started.run else { return self.judged_when_refused(*state) };
        let Ok(missing) = self.read(run, starting.marker.next()) else {
            return self.judged_when_refused(*state);
        };
        let mut held = self.held.value(state.flushed).clone();
        held.catch_up(&missing, &*self.policy);
        let end = self.end(run);
        let history = self.recovered(state, run);
        let lost = self.gone(state, &history);
        let after = State {
            place: Place::Up(run),
            held: self.held.number(held),
            durable: Lsn::NONE,
            lied: false,
            ..*state
        };
        let after = match self.setup.role {
            Role::Replica => State { acked: Lsn::NONE, seen: Lsn::NONE, sent: Lsn::NONE, ..after },
            Role::Master => State {
                history: self.histories.number(history.clone()),
                acked: state.acked.min(end.last),
                seen: end.last,
                sent: end.last,
                lost,
                noted: self.begun(&end.epochs, started.noted, state.drawn + 2),
                drawn: state.drawn + 2,
                ..after
            },
        };
        let found = Found { last: end.last, history, missing, is_new_log: started.is_new_log };
        self.judged_when_started(state, after, &found)
    }

    /// The entries of the node's history after a start: those of its log, and those before its first one, which its store holds.
    fn recovered(&self, state: &State, run: u32) -> Vec<Entry> {
        let first = self.end(run).first;
        let before = self.through(state.history, Lsn(first.0.saturating_sub(1)));
        let read = self.read(run, first).expect("the log begins there");
        before.iter().cloned().chain(read).collect()
    }

    /// The number of the entries that followers have, and the node has not any more.
    fn gone(&self, state: &State, history: &[Entry]) -> u32 {
        let mut gone = self.lost.value(state.lost).clone();
        let sent = self.through(state.history, state.sent).iter();
        gone.extend(sent.filter(|entry| !history.contains(entry)).cloned());
        gone.sort_by_key(|entry| (entry.epoch, entry.lsn));
        gone.dedup();
        self.lost.number(gone)
    }
}
