//! Expiry, without optimizations — one program × one policy → the invariants that break. Pure.
//!
//! The engine provides [`Master`], [`Replica`], the policy, and the functions of [`crate::invariant`]. A step is one of
//! these, at any moment:
//!
//! ```text
//! next command · time passes · heartbeat · oldest message delivered · master or replica removes one dead key
//! link goes down, once, and comes up again · delivery, application and publication as separate steps
//! ```
//!
//! Time passes to any instant at which an answer may change: a deadline of either node or of a message, or 1 ms before
//! it, on either clock, and on the replica's clock less a floor; the last moment at which the oldest message may be delivered; the
//! end of the limit of log time.
//!
//! Both groups of invariants, of the stored state and of reads, are judged in one state. Heartbeats are sent under every
//! policy, whether or not it uses log time. A state holds what readers saw *before* it, as in [`super::ordering`].

use super::{MEMORY, Opinion, Visit, search};
use crate::binlog::{Entry, Epoch, Lsn};
use crate::command::{Command, Kind};
use crate::effect::{Key, KeySet};
use crate::expiry::{ExpiryPolicy, Judging, LogTime, Removal};
use crate::invariant::{self, SameLsn, Sight, Visible};
use crate::models::bounds::DRAWN;
use crate::models::invariants::Invariant;
use crate::models::request::Request;
use crate::node::{Master, MasterInput, MasterOutput, Readers, Replica, SerialReplica};
use crate::store::memory::MemoryStore;
use crate::store::{Dump, Stored, dump};
use crate::time::{Elapsed, Millis, Moment};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

/// A question to the oracle: what to judge, and within which bounds.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// The expiry policy.
    pub policy: &'a dyn ExpiryPolicy,
    /// The commands and transactions, each sent once, in their order.
    pub program: &'a [Request],
    /// The master's clock at the beginning.
    pub start: Millis,
    /// Maximum number of times that time passes.
    pub passes_max: u8,
    /// How long a message may stay undelivered, in milliseconds.
    pub delay_ms: u64,
    /// The replica's skews, in milliseconds ahead of the master's clock.
    pub skews_ms: &'a [i64],
    /// The silence after which log time is estimated, in milliseconds; `None`: it is never estimated.
    pub limit_ms: Option<u64>,
    /// Whether the link may go down.
    pub link_down: bool,
    /// Whether delivery, application and publication are separate steps.
    pub apart: bool,
}

/// The invariants that break.
pub fn opinion(question: &Question<'_>) -> Opinion {
    let started = |&skew_ms: &i64| State {
        master: Master::new(MemoryStore::new(), Epoch(1)),
        link: VecDeque::new(),
        replica: SerialReplica::new(
            Replica::new(Lsn::NONE, LogTime::default(), question.limit_ms, Readers::In),
            MemoryStore::new(),
        ),
        master_then: Dump::new(),
        writers: BTreeMap::new(),
        unpublished: VecDeque::new(),
        unapplied: 0,
        silent_since: Millis::ZERO,
        saw: BTreeMap::new(),
        moments: Vec::new(),
        now: question.start,
        passes: 0,
        told: Millis::ZERO,
        guessed: false,
        skew_ms,
        down: question.link_down.then_some(false),
        sent: 0,
    };
    search(question.skews_ms.iter().map(started).collect(), |state| question.visit(state))
}

/// A message under way to the replica.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Message {
    /// An entry, the keys whose value it wrote, what the master stored right after it, and the deadlines that its keys had
    /// right before it and right after it.
    Entry(Entry, KeySet, Dump, BTreeSet<Millis>),
    /// The master's log time.
    Heartbeat(Millis),
}

impl fmt::Display for Message {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::Entry(entry, ..) => write!(out, "entry {}", entry.lsn),
            Message::Heartbeat(time) => write!(out, "a heartbeat of {time}"),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    master: Master<MemoryStore>,
    /// Undelivered messages, oldest first, each with the time at which it was sent.
    link: VecDeque<(Millis, Message)>,
    replica: SerialReplica<MemoryStore>,
    /// The master's store after the entries that the replica has published.
    master_then: Dump,
    /// The last entry, of those published, that wrote the value of a key.
    writers: BTreeMap<Key, Lsn>,
    /// The received entries that are not published yet, oldest first.
    unpublished: VecDeque<Message>,
    /// How many of them, the last ones, are not applied yet.
    unapplied: usize,
    /// The replica's clock at the last receipt.
    silent_since: Millis,
    /// How readers of the replica saw the keys.
    saw: BTreeMap<Key, Sight>,
    /// The views that the master's readers could have, oldest first, from the moment on that a reader of the replica saw last.
    moments: Vec<Visible>,
    /// The master's clock.
    now: Millis,
    /// How many times time has passed.
    passes: u8,
    /// The latest instant by which a reader of the replica was answered.
    told: Millis,
    /// Whether that was an estimate that the invariants exempt.
    guessed: bool,
    /// The replica's clock minus the master's.
    skew_ms: i64,
    /// Whether the link is down; `None`: it may not go down any more.
    down: Option<bool>,
    /// Number of commands sent.
    sent: usize,
}

impl State {
    /// The replica's clock.
    fn local(&self) -> Millis {
        self.now.offset(self.skew_ms)
    }

    /// The readings of the replica's two clocks.
    fn moment(&self) -> Moment {
        Moment { elapsed: Elapsed(self.now.0), wall: self.local() }
    }

    fn apply(&mut self, policy: &dyn ExpiryPolicy) {
        let local = self.local();
        self.replica.apply(policy, local).expect(MEMORY);
        self.unapplied -= 1;
    }

    fn publish(&mut self) {
        while self.unpublished.len() > self.unapplied {
            let Some(Message::Entry(entry, wrote, master, _)) = self.unpublished.pop_front() else { break };
            match wrote {
                KeySet::Everything => self.writers.values_mut().for_each(|writer| *writer = entry.lsn),
                KeySet::Keys(keys) => self.writers.extend(keys.into_iter().map(|key| (key, entry.lsn))),
            }
            self.master_then = master;
        }
        self.replica.publish();
    }

    fn master_holds(&self) -> Dump {
        dump(self.master.store()).expect(MEMORY)
    }

    fn replica_holds(&self) -> Dump {
        dump(self.replica.shown()).expect(MEMORY)
    }
}

type Steps = Vec<(String, State)>;

impl Question<'_> {
    fn visit(&self, state: &State) -> Visit<State> {
        let mut broken = self.broken_at_same_lsn(state);
        let (mut saw, mut moments) = (state.saw.clone(), state.moments.clone());
        see(&mut moments, &state.master_holds(), state.now);
        let judges = state.replica.replica().reads_at(self.policy, state.moment(), state.told);
        // No message can come any more, and nothing was refused. Even then the replica may lack an entry, or its readers
        // the time.
        let is_all_told = state.link.is_empty()
            && state.down != Some(true)
            && state.master.time() == state.now
            && state.unpublished.is_empty();
        let heard = state.replica.replica().heard().min(state.local());
        if is_all_told && (state.replica.replica().published() != state.master.last() || judges.time < heard)
        {
            broken.push(Invariant::Progress);
        }
        let is_guess = judges.estimated && self.is_rightly_estimated(state, judges.time);
        let (told, guessed) =
            if judges.time > state.told { (judges.time, is_guess) } else { (state.told, state.guessed) };
        if !is_guess {
            let held = state.replica_holds();
            let sees = invariant::visible(&held, judges.time);
            let sights = sights(state, &held, judges.time);
            if !invariant::no_resurrection(&saw, &sights) {
                broken.push(Invariant::NoResurrection);
            }
            if !invariant::no_early_death(&state.master_then, state.now, &sees) {
                broken.push(Invariant::NoEarlyDeath);
            }
            match invariant::past_read(&moments, &sees) {
                Some(behind) => drop(moments.drain(..behind)),
                None => broken.push(Invariant::PastRead),
            }
            saw = sights;
        }
        let steps = [
            self.command(state),
            self.heartbeat(state),
            self.delivery(state),
            self.application(state),
            self.publication(state),
            self.removals(state),
            self.link(state),
            self.time(state),
        ];
        let noted = |(words, next): (String, State)| {
            let mut moments = moments.clone();
            for deadline in deadlines(&next.master_holds()) {
                if state.now < deadline && deadline < next.now {
                    see(&mut moments, &next.master_holds(), deadline);
                }
            }
            (words, State { saw: saw.clone(), moments, told, guessed, ..next })
        };
        Visit { broken, steps: steps.into_iter().flatten().map(noted).collect() }
    }

    /// Whether an estimate of `time` follows a long silence and is not later than the oldest unpublished entry, or
    /// repeats an earlier estimate of this kind.
    fn is_rightly_estimated(&self, state: &State, time: Millis) -> bool {
        let Some(limit_ms) = self.limit_ms else { return false };
        let is_silent = state.now.0.saturating_sub(state.silent_since.0) > limit_ms;
        let passes_one = match state.unpublished.front() {
            Some(Message::Entry(entry, ..)) => time > entry.time,
            _ => false,
        };
        (is_silent && !passes_one) || (state.guessed && time <= state.told)
    }

    fn broken_at_same_lsn(&self, state: &State) -> Vec<Invariant> {
        if state.replica.replica().published() != state.master.last() {
            return Vec::new();
        }
        let (master, replica) = (&state.master_holds(), &state.replica_holds());
        let latest_clock = state.now.max(state.local());
        let nodes = SameLsn { master, replica, latest_clock };
        let verdicts = [
            (Invariant::SameValue, invariant::same_value(nodes)),
            (Invariant::SameDeadline, invariant::same_deadline(nodes)),
            (Invariant::NoImmortalKey, invariant::no_immortal_key(nodes)),
        ];
        verdicts.into_iter().filter(|(_, holds)| !holds).map(|(name, _)| name).collect()
    }

    /// The master does `act` and sends the results.
    fn master_acts(&self, state: &State, act: Act<'_>) -> State {
        let (mut next, now) = (state.clone(), state.now);
        let (outputs, request) = match act {
            Act::Of(input) => (next.master.step(self.policy, input).expect(MEMORY), None),
            Act::Runs(request) => {
                let entries = request.run(&mut next.master, self.policy, (now, DRAWN)).expect(MEMORY);
                (entries.into_iter().map(MasterOutput::Append).collect(), Some(request))
            }
        };
        let around = [state.master_holds(), next.master_holds()];
        // The master as it was after each entry: entries that remove dead keys come before the command's own entry.
        let mut then = state.master.clone();
        for output in outputs {
            let message = match (output, request) {
                (MasterOutput::Append(entry), Some(request)) if entry.lsn == next.master.last() => {
                    let (wrote, deadlines) = (wrote(&entry, request), deadlines_of(&request.keys(), &around));
                    Message::Entry(entry, wrote, next.master_holds(), deadlines)
                }
                (MasterOutput::Append(entry), _) => {
                    let keys = entry.keys().into_owned();
                    if let KeySet::Keys(keys) = &keys {
                        for key in keys.iter().cloned() {
                            then.step(self.policy, MasterInput::Expire { key, now }).expect(MEMORY);
                        }
                    }
                    let deadlines = deadlines_of(&keys, &around);
                    Message::Entry(entry, keys, dump(then.store()).expect(MEMORY), deadlines)
                }
                (MasterOutput::Heartbeat(time), _) => Message::Heartbeat(time),
                (MasterOutput::Reply(_), _) => continue,
            };
            next.link.push_back((now, message));
        }
        next
    }

    fn command(&self, state: &State) -> Steps {
        let Some(request) = self.program.get(state.sent) else { return Vec::new() };
        let next = State { sent: state.sent + 1, ..self.master_acts(state, Act::Runs(request)) };
        vec![(format!("a client sends {request}"), next)]
    }

    /// A heartbeat, if it has news.
    fn heartbeat(&self, state: &State) -> Steps {
        if state.down == Some(true) || state.master.time() == state.now {
            return Vec::new();
        }
        let next = self.master_acts(state, Act::Of(MasterInput::Heartbeat { now: state.now }));
        vec![("the master sends a heartbeat".to_owned(), next)]
    }

    fn link(&self, state: &State) -> Steps {
        match state.down {
            Some(false) => {
                vec![("the link goes down".to_owned(), State { down: Some(true), ..state.clone() })]
            }
            Some(true) => vec![("the link comes back".to_owned(), State { down: None, ..state.clone() })],
            None => Vec::new(),
        }
    }

    /// Time passes, as long as no message stays undelivered for too long.
    fn time(&self, state: &State) -> Steps {
        if state.passes == self.passes_max {
            return Vec::new();
        }
        let latest = state.link.front().map(|(sent, _)| Millis(sent.0 + self.delay_ms));
        let is_down = state.down == Some(true);
        let may_come =
            |at: &Millis| *at > state.now && (is_down || latest.is_none_or(|latest| *at <= latest));
        let to =
            |now: Millis| (format!("it is {now}"), State { now, passes: state.passes + 1, ..state.clone() });
        self.worth_looking_at(state, latest, is_down).into_iter().filter(may_come).map(to).collect()
    }

    /// The instants at which an answer may change. `latest`: the last moment at which the oldest message may be
    /// delivered.
    fn worth_looking_at(&self, state: &State, latest: Option<Millis>, is_down: bool) -> BTreeSet<Millis> {
        let mut all = deadlines(&state.master_holds());
        all.extend(deadlines(&state.replica_holds()));
        for message in state.link.iter().map(|(_, message)| message).chain(&state.unpublished) {
            if let Message::Entry(_, _, _, carried) = message {
                all.extend(carried);
            }
        }
        let mut found = BTreeSet::new();
        for deadline in all {
            for on_clock in [deadline, deadline.offset(-state.skew_ms)] {
                found.extend([on_clock, on_clock.offset(-1)]);
            }
            if let Judging::LogTimeWithFloor { floor_ms } = self.policy.judging() {
                let by_floor = Millis(deadline.0 + floor_ms).offset(-state.skew_ms);
                found.extend([by_floor, by_floor.offset(-1)]);
            }
        }
        if let Some(limit) = self.limit_ms {
            let silent = Millis(state.silent_since.0 + limit);
            found.extend([silent, silent.offset(1)]);
        }
        if let Some(latest) = latest {
            found.insert(latest);
            found.extend(is_down.then(|| Millis(latest.0 + self.delay_ms + 1)));
        }
        found
    }

    fn delivery(&self, state: &State) -> Steps {
        let mut next = state.clone();
        if state.down == Some(true) {
            return Vec::new();
        }
        let Some((_, message)) = next.link.pop_front() else { return Vec::new() };
        let words = format!("the link delivers {message}");
        next.silent_since = state.now;
        match &message {
            Message::Heartbeat(time) => next.replica.heartbeat(*time, state.moment().elapsed),
            Message::Entry(entry, ..) => {
                next.replica.receive(self.policy, entry.clone(), state.moment());
                next.unpublished.push_back(message);
                next.unapplied += 1;
                if !self.apart {
                    next.apply(self.policy);
                    next.publish();
                }
            }
        }
        vec![(words, next)]
    }

    fn application(&self, state: &State) -> Steps {
        let mut next = state.clone();
        if state.unapplied == 0 {
            return Vec::new();
        }
        next.apply(self.policy);
        vec![("the replica applies an entry".to_owned(), next)]
    }

    fn publication(&self, state: &State) -> Steps {
        let mut next = state.clone();
        if state.unapplied == state.unpublished.len() {
            return Vec::new();
        }
        next.publish();
        vec![("the replica publishes what it applied".to_owned(), next)]
    }

    fn removals(&self, state: &State) -> Steps {
        let mut steps = Vec::new();
        let now = state.now;
        for key in dead(&state.master_holds(), now) {
            let words = format!("the master removes {key}");
            steps.push((words, self.master_acts(state, Act::Of(MasterInput::Expire { key, now }))));
        }
        let by = match self.policy.removal() {
            Removal::ByMaster => return steps,
            Removal::Local => state.local(),
            Removal::LogTime => state.replica.replica().heard(),
        };
        if !state.unpublished.is_empty() {
            return steps;
        }
        for key in dead(&state.replica_holds(), by) {
            let (words, mut next) = (format!("the replica removes {key}"), state.clone());
            next.replica.remove(self.policy, &key, state.local()).expect(MEMORY);
            steps.push((words, next));
        }
        steps
    }
}

fn dead(held: &Dump, now: Millis) -> Vec<Key> {
    held.iter().filter(|(_, stored)| stored.has_dead(now)).map(|(key, _)| key.clone()).collect()
}

fn deadlines(held: &Dump) -> BTreeSet<Millis> {
    held.values().flat_map(Stored::deadlines).collect()
}

fn deadlines_of(keys: &KeySet, held: &[Dump]) -> BTreeSet<Millis> {
    let is_one = |key: &Key| match keys {
        KeySet::Everything => true,
        KeySet::Keys(keys) => keys.contains(key),
    };
    let stored = held.iter().flatten().filter(|(key, _)| is_one(key));
    stored.flat_map(|(_, stored)| stored.deadlines()).collect()
}

/// Notes what the master's readers see at `now`.
fn see(moments: &mut Vec<Visible>, held: &Dump, now: Millis) {
    let sees = invariant::visible(held, now);
    if moments.last() != Some(&sees) {
        moments.push(sees);
    }
}

/// An act of the master.
enum Act<'a> {
    /// A step of its own.
    Of(MasterInput),
    /// It runs what a client sends.
    Runs(&'a Request),
}

/// The keys whose value an entry wrote for a request: none for a command that changes only deadlines; for a transaction, no key of
/// which all its commands change only the deadline.
fn wrote(entry: &Entry, request: &Request) -> KeySet {
    let writes = |command: &&Command| command.kind() != Kind::Deadline;
    let writers: Vec<&Command> = request.commands().iter().filter(writes).collect();
    match (&*entry.keys(), writers.as_slice()) {
        (_, []) => KeySet::empty(),
        (KeySet::Keys(keys), writers) if request.commands().len() > 1 => {
            let is_written = |key: &&Key| writers.iter().any(|command| command.keys().contains(key));
            KeySet::of(keys.iter().filter(is_written).cloned())
        }
        (keys, _) => keys.clone(),
    }
}

/// How a reader of the replica that judges at `now` sees each key that was ever written.
fn sights(state: &State, held: &Dump, now: Millis) -> BTreeMap<Key, Sight> {
    let mut sights = BTreeMap::new();
    for key in state.writers.keys().chain(held.keys()) {
        let writer = state.writers.get(key).copied().unwrap_or_default();
        let is_there = held.get(key).is_some_and(|stored| !stored.is_dead(now));
        sights.insert(key.clone(), if is_there { Sight::Alive(writer) } else { Sight::Dead(writer) });
    }
    sights
}
