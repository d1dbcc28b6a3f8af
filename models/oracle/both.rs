//! Ordering and expiry together, without optimizations — one program × one choice → the invariants that break. Pure.
//!
//! The engine provides [`Master`], [`Replica`], [`Applier`] with its strategy, the policy, and [`crate::invariant`]. A
//! step is one of these, at any moment:
//!
//! ```text
//! next command · time passes · heartbeat · oldest message received · next received entry admitted
//! a worker takes, begins, writes, finishes · cut · publish · crash, then recovery from the marker on, in batches of any size
//! ```
//!
//! A strategy that publishes prefixes publishes the present store with the log time of what is applied. Under any other
//! strategy, readers see the live store at any moment. Heartbeats are sent under every policy. A state holds what readers
//! saw *before* it.

use super::{MEMORY, Opinion, Visit, search};
use crate::apply::{self, Applier, Instants, Worker};
use crate::binlog::{Entry, Epoch, Lsn, Payload};
use crate::effect::Write;
use crate::expiry::{ExpiryPolicy, LogTime};
use crate::invariant::{self, AtRest, Visible};
use crate::models::bounds::DRAWN;
use crate::models::invariants::Invariant;
use crate::models::request::Request;
use crate::node::{Master, MasterInput, MasterOutput, Readers, Replica};
use crate::ordering::{Admission, AnyStrategy, OrderingStrategy, Reads};
use crate::store::memory::MemoryStore;
use crate::store::record::Record;
use crate::store::{Dump, Stored, dump};
use crate::time::{Elapsed, Millis, Moment};
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;

/// The instants to apply an entry at. Unused, as entries are effects and the replica executes no command.
const INSTANTS: fn(&Entry) -> Instants = |_| Instants { now: Millis::ZERO, judged_at: Millis::ZERO };

/// A question to the oracle: what to judge, and within which bounds.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// Makes a strategy that has not been given anything.
    pub new: &'a dyn Fn() -> AnyStrategy,
    /// Whether readers see a snapshot that is published together with its log time.
    pub snapshots: bool,
    /// The expiry policy.
    pub policy: &'a dyn ExpiryPolicy,
    /// The commands, each sent once, in their order.
    pub program: &'a [Request],
    /// Number of the replica's workers.
    pub workers: usize,
    /// Maximum number of crashes.
    pub crashes_max: u8,
    /// The master's clock at the beginning.
    pub start: Millis,
    /// Maximum number of times that time passes.
    pub passes_max: u8,
    /// How long a message may stay undelivered, in milliseconds.
    pub delay_ms: u64,
    /// The replica's clock minus the master's, in milliseconds.
    pub skew_ms: i64,
}

/// The invariants that break, of *progress* and *past_read*.
pub fn opinion(question: &Question<'_>) -> Opinion {
    let store = Rc::new(MemoryStore::new());
    let replica = Replica::new(Lsn::NONE, LogTime::default(), None, Readers::In);
    let started = State {
        master: Master::new(MemoryStore::new(), Epoch(1)),
        log: Vec::new(),
        link: VecDeque::new(),
        applier: Applier::new((question.new)(), question.workers, Lsn::NONE),
        cutting: false,
        replica,
        given: Rc::clone(&store),
        store,
        before: Vec::new(),
        received: Lsn::NONE,
        recovers: false,
        moments: Vec::new(),
        now: question.start,
        passes: 0,
        told: Millis::ZERO,
        sent: 0,
        crashes_left: question.crashes_max,
    };
    search(vec![started], |state| question.visit(state))
}

/// A message under way to the replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Message {
    Entry(Lsn),
    Heartbeat(Millis),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    master: Master<MemoryStore>,
    log: Vec<Entry>,
    /// Undelivered messages, oldest first, each with the time at which it was sent.
    link: VecDeque<(Millis, Message)>,
    applier: Applier<AnyStrategy>,
    /// Whether a cut was made whose snapshot is not published yet.
    cutting: bool,
    replica: Replica,
    store: Rc<MemoryStore>,
    /// The store that readers see, if snapshots are published.
    given: Rc<MemoryStore>,
    /// The store before each batch since the start, as long as a crash may bring it back.
    before: Vec<Rc<MemoryStore>>,
    /// The end of the replica's own log.
    received: Lsn,
    /// Whether it has started and has not yet applied its own log.
    recovers: bool,
    /// The views that the master's readers could have, oldest first, from the moment on that a reader of the replica saw last.
    moments: Vec<Visible>,
    /// The master's clock.
    now: Millis,
    passes: u8,
    /// The latest instant by which a reader was answered.
    told: Millis,
    sent: usize,
    crashes_left: u8,
}

type Steps = Vec<(String, State)>;

impl State {
    fn entry(&self, lsn: Lsn) -> &Entry {
        self.log.iter().find(|entry| entry.lsn == lsn).expect("an entry of the log")
    }

    /// Writes a batch, which a crash may lose.
    fn write(&mut self, lsns: &[Lsn], part: Option<&crate::effect::Key>, marker: Lsn) {
        let mut store = (*self.store).clone();
        let entries: Vec<&Entry> = lsns.iter().map(|lsn| self.entry(*lsn)).collect();
        apply::write_batch(&mut store, &entries, part, marker, &INSTANTS).expect(MEMORY);
        if self.crashes_left > 0 {
            self.before.push(Rc::clone(&self.store));
        }
        self.store = Rc::new(store);
    }
}

fn held(store: &MemoryStore) -> Dump {
    dump(store).expect(MEMORY)
}

/// Notes what the master's readers see at `now`.
fn see(moments: &mut Vec<Visible>, stored: &Dump, now: Millis) {
    let sees = invariant::visible(stored, now);
    if moments.last() != Some(&sees) {
        moments.push(sees);
    }
}

fn deadlines(stored: &Dump) -> impl Iterator<Item = Millis> {
    stored.values().flat_map(Stored::deadlines)
}

impl Question<'_> {
    fn local(&self, state: &State) -> Millis {
        state.now.offset(self.skew_ms)
    }

    fn moment(&self, state: &State) -> Moment {
        Moment { elapsed: Elapsed(state.now.0), wall: self.local(state) }
    }

    fn visit(&self, state: &State) -> Visit<State> {
        let own = self.steps_of_replica(state);
        let mut broken = Vec::new();
        let judges = state.replica.reads_at(self.policy, self.moment(state), state.told).time;
        let is_all_told = state.link.is_empty() && state.master.time() == state.now;
        if own.is_empty() && is_all_told && !invariant::progress(self.at_rest(state, judges)) {
            broken.push(Invariant::Progress);
        }
        let (mut moments, mut told) = (state.moments.clone(), state.told);
        see(&mut moments, &held(state.master.store()), state.now);
        if state.replica.readers() == Readers::In && !state.recovers {
            told = told.max(judges);
            let given = if self.snapshots { &state.given } else { &state.store };
            match invariant::past_read(&moments, &invariant::visible(&held(given), judges)) {
                Some(behind) => drop(moments.drain(..behind)),
                None => broken.push(Invariant::PastRead),
            }
        }
        let steps =
            [own, self.of_master(state), self.time(state), self.reception(state), self.crashes(state)];
        let noted = |(words, next): (String, State)| {
            let (mut moments, stored) = (moments.clone(), held(next.master.store()));
            let passed: BTreeSet<Millis> =
                deadlines(&stored).filter(|at| state.now < *at && *at < next.now).collect();
            passed.into_iter().for_each(|at| see(&mut moments, &stored, at));
            (words, State { moments, told, ..next })
        };
        Visit { broken, steps: steps.into_iter().flatten().map(noted).collect() }
    }

    fn at_rest(&self, state: &State, judges: Millis) -> AtRest {
        let heard = state.replica.heard().min(self.local(state));
        AtRest {
            logged: state.master.last(),
            admitted: state.applier.admitted(),
            applied: state.applier.watermark(),
            published: state.replica.published(),
            readers_are_in: state.replica.readers() == Readers::In && judges >= heard,
            admits_more: state.applier.admits(),
        }
    }

    /// The master's steps: the next command, and a heartbeat if it has news.
    fn of_master(&self, state: &State) -> Steps {
        let now = state.now;
        let command = self.program.get(state.sent).map(|request| {
            let acted = self.acted(state, |master| {
                let entries = request.run(master, self.policy, (now, DRAWN)).expect(MEMORY);
                entries.into_iter().map(MasterOutput::Append).collect()
            });
            (format!("a client sends {request}"), State { sent: state.sent + 1, ..acted })
        });
        let heartbeat = (state.master.time() < now).then(|| {
            let beat = MasterInput::Heartbeat { now };
            let acted = self.acted(state, |master| master.step(self.policy, beat).expect(MEMORY));
            ("the master sends a heartbeat".to_owned(), acted)
        });
        command.into_iter().chain(heartbeat).collect()
    }

    fn acted(&self, state: &State, act: impl FnOnce(&mut Master<MemoryStore>) -> Vec<MasterOutput>) -> State {
        let mut next = state.clone();
        for output in act(&mut next.master) {
            let message = match output {
                MasterOutput::Append(entry) => {
                    next.log.push(entry.clone());
                    Message::Entry(entry.lsn)
                }
                MasterOutput::Heartbeat(time) => Message::Heartbeat(time),
                MasterOutput::Reply(_) => continue,
            };
            next.link.push_back((next.now, message));
        }
        next
    }

    /// Time passes to a deadline or to 1 ms before it, on either clock, or to the last moment of the oldest message.
    fn time(&self, state: &State) -> Steps {
        if state.passes == self.passes_max {
            return Vec::new();
        }
        let latest = state.link.front().map(|(sent, _)| Millis(sent.0 + self.delay_ms));
        let given = state.log.iter().flat_map(|entry| match &entry.payload {
            Payload::Effect(effect) => effect.writes.as_slice(),
            // Commands of the model are single, so there is no transaction.
            Payload::Command(_) | Payload::Transaction(_) => &[],
        });
        let given = given.filter_map(|write| match write {
            Write::Put { key, value } => Record::decode(key, value).ok()?.deadline,
            Write::Delete { .. } | Write::DeleteRange { .. } => None,
        });
        let mut found: BTreeSet<Millis> = latest.into_iter().collect();
        let all = deadlines(&held(state.master.store())).chain(given).collect::<Vec<_>>();
        for deadline in all.into_iter().chain(deadlines(&held(&state.store))) {
            for on_clock in [deadline, deadline.offset(-self.skew_ms)] {
                found.extend([on_clock, on_clock.offset(-1)]);
            }
        }
        let may_come = |at: &Millis| *at > state.now && latest.is_none_or(|latest| *at <= latest);
        let to =
            |now: Millis| (format!("it is {now}"), State { now, passes: state.passes + 1, ..state.clone() });
        found.into_iter().filter(may_come).map(to).collect()
    }

    /// The oldest message is received; an entry is then in the replica's log.
    fn reception(&self, state: &State) -> Steps {
        let mut next = state.clone();
        let Some((_, message)) = next.link.pop_front().filter(|_| !state.recovers) else { return Vec::new() };
        match message {
            Message::Heartbeat(time) => next.replica.heartbeat(state.received, time, Elapsed::default()),
            Message::Entry(lsn) => {
                next.replica.receive(lsn, state.entry(lsn).time, Elapsed::default());
                next.received = lsn;
            }
        }
        vec![(format!("the replica receives {message:?}"), next)]
    }

    fn steps_of_replica(&self, state: &State) -> Steps {
        if state.recovers {
            return self.recoveries(state);
        }
        let workers = 0..state.applier.workers().len();
        let mut steps: Steps = workers.filter_map(|worker| self.work(state, worker)).collect();
        let mut next = state.clone();
        let lsn = state.applier.admitted().next();
        if lsn <= state.received && state.applier.admits() {
            next.applier.admit(&Admission::of(state.entry(lsn))).expect("a command of the alphabet");
            steps.push((format!("entry {lsn} is admitted"), next));
        }
        steps.extend(self.publication(state));
        steps
    }

    fn publication(&self, state: &State) -> Option<(String, State)> {
        let mut next = state.clone();
        if let Some(at) = state.applier.publishable() {
            next.applier.published();
            next.replica.publish(at);
            (next.cutting, next.given) = (false, Rc::clone(&state.store));
            return Some((format!("the snapshot at entry {at} is published"), next));
        }
        let has_news = state.applier.admitted() > state.replica.published() && state.applier.admits();
        let may_cut = state.applier.ordering().reads() == Reads::Published && has_news && !state.cutting;
        may_cut.then(|| {
            next.applier.cut();
            next.cutting = true;
            (format!("a cut after entry {}", state.applier.admitted()), next)
        })
    }

    /// The next step of a worker.
    fn work(&self, state: &State, worker: usize) -> Option<(String, State)> {
        let mut next = state.clone();
        let words = match &state.applier.workers()[worker] {
            Worker::Idle => format!("takes {:?}", next.applier.take(worker)?.lsns),
            Worker::Taken(job) => format!("begins {:?}, marker {}", job.lsns, next.applier.begin(worker)?),
            Worker::Writing(job, marker) => {
                next.write(&job.lsns, job.part.as_ref(), *marker);
                next.applier.wrote(worker);
                format!("writes {:?}", job.lsns)
            }
            Worker::Written(job) => {
                next.applier.finish(worker)?;
                let low = next.applier.watermark();
                let is_shown = state.applier.ordering().reads() != Reads::Published;
                if is_shown && low > state.replica.published() {
                    next.replica.publish(low);
                    next.given = Rc::clone(&state.store);
                }
                format!("finishes {:?}", job.lsns)
            }
        };
        Some((format!("worker {} {words}", worker + 1), next))
    }

    /// The recovery steps: the next entry of the replica's log, the next two, and so on, are applied as one batch.
    fn recoveries(&self, state: &State) -> Steps {
        let from = state.applier.admitted();
        let recovered = |to: u64| {
            let mut next = state.clone();
            next.write(&(from.0 + 1..=to).map(Lsn).collect::<Vec<_>>(), None, Lsn(to));
            next.replica.publish(Lsn(to));
            next.applier = Applier::new((self.new)(), self.workers, Lsn(to));
            next.given = Rc::clone(&next.store);
            (format!("the log is applied to entry {to}"), self.linked(next))
        };
        (from.0 + 1..=state.received.0).map(recovered).collect()
    }

    /// Starts the link once the replica has applied its log: the master says where its own log ends, and sends the
    /// missing entries, then the time.
    fn linked(&self, mut state: State) -> State {
        state.recovers = state.applier.admitted() < state.received;
        if state.recovers {
            return state;
        }
        let last = state.master.last();
        state.replica.resumed(last);
        let missing = (state.received.0 + 1..=last.0).map(|lsn| Message::Entry(Lsn(lsn)));
        let messages = missing.chain([Message::Heartbeat(state.now)]);
        state.link = messages.map(|message| (state.now, message)).collect();
        state.master.step(self.policy, MasterInput::Heartbeat { now: state.now }).expect(MEMORY);
        state
    }

    /// The replica is killed and starts again. Any number of its first batches may be on disk; its log is complete.
    fn crashes(&self, state: &State) -> Steps {
        if state.crashes_left == 0 || state.received == Lsn::NONE {
            return Vec::new();
        }
        let crash = |(flushed, left): (usize, &Rc<MemoryStore>)| {
            let marker = apply::marker(&**left).expect(MEMORY);
            let time = LogTime::at(state.entry(state.received).time, Elapsed::default());
            let next = State {
                applier: Applier::new((self.new)(), self.workers, marker),
                cutting: false,
                replica: Replica::new(marker, time, None, Readers::WaitForMaster),
                store: Rc::clone(left),
                given: Rc::clone(left),
                before: Vec::new(),
                link: VecDeque::new(),
                crashes_left: state.crashes_left - 1,
                ..state.clone()
            };
            (format!("a crash leaves the first {flushed} batches, marker {marker}"), self.linked(next))
        };
        state.before.iter().chain([&state.store]).enumerate().map(crash).collect()
    }
}
