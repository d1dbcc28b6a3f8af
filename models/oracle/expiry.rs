//! Expiry, plainly — one program × one policy → which invariants break. Pure.
//!
//! Of the engine: [`Master`], [`Replica`], the policy, the functions of [`crate::invariant`]. A step is one of these, at any
//! moment:
//!
//! ```text
//! next command · one tick passes · heartbeat · oldest message delivered · master or replica removes one dead key
//! ```
//!
//! Both groups of invariants, of what is stored and of reads, are judged in one state. Heartbeats are sent under every
//! policy, whether anybody goes by log time or not. A state holds what readers saw *before* it, as in [`super::ordering`].

use super::{MEMORY, Opinion, Visit, search};
use crate::binlog::{Entry, Epoch, Lsn, Payload};
use crate::command::{Command, Kind};
use crate::effect::{Key, KeySet};
use crate::expiry::{ExpiryPolicy, Removal};
use crate::invariant::{self, SameLsn, Sight, Visible};
use crate::node::{Master, MasterInput, MasterOutput, Replica, ReplicaInput};
use crate::store::memory::MemoryStore;
use crate::store::{Dump, dump};
use crate::time::Millis;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;

/// What is asked.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// The policy.
    pub policy: &'a dyn ExpiryPolicy,
    /// The commands, each sent once, in their order.
    pub program: &'a [Command],
    /// The master's clock at tick 0.
    pub start: Millis,
    /// Milliseconds a tick.
    pub tick_ms: u64,
    /// How many ticks may pass.
    pub ticks_max: u8,
    /// How many ticks a message may be under way.
    pub delay_ticks_max: u8,
    /// The replica's clocks: ticks that they are ahead of the master's.
    pub skews: &'a [i8],
}

/// Which invariants break.
pub fn opinion(question: &Question<'_>) -> Opinion {
    let started = |&skew: &i8| State {
        master: Master::new(MemoryStore::new(), Epoch(1)),
        link: VecDeque::new(),
        replica: Replica::new(MemoryStore::new()),
        master_then: Dump::new(),
        writers: BTreeMap::new(),
        saw: BTreeMap::new(),
        moments: Vec::new(),
        tick: 0,
        skew,
        sent: 0,
    };
    search(question.skews.iter().map(started).collect(), |state| question.visit(state))
}

/// What is under way to the replica.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Message {
    /// An entry, the keys whose value it wrote, and what the master stored right after it.
    Entry(Entry, KeySet, Dump),
    /// The master's log time.
    Heartbeat(Millis),
}

impl fmt::Display for Message {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::Entry(entry, _, _) => write!(out, "entry {}", entry.lsn),
            Message::Heartbeat(time) => write!(out, "a heartbeat of {time}"),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    master: Master<MemoryStore>,
    /// Undelivered messages, oldest first, each with the tick at which it was sent.
    link: VecDeque<(u8, Message)>,
    replica: Replica<MemoryStore>,
    /// What the master stored after the entries that the replica has applied.
    master_then: Dump,
    /// The last entry, of those applied, that wrote the value of a key.
    writers: BTreeMap<Key, Lsn>,
    /// How readers of the replica saw the keys.
    saw: BTreeMap<Key, Sight>,
    /// What the master's readers could see, oldest first, from the moment on that a reader of the replica saw last.
    moments: Vec<Visible>,
    tick: u8,
    /// The replica's clock less the master's, in ticks.
    skew: i8,
    /// Commands sent.
    sent: usize,
}

impl State {
    fn master_holds(&self) -> Dump {
        dump(self.master.store()).expect(MEMORY)
    }

    fn replica_holds(&self) -> Dump {
        dump(self.replica.store()).expect(MEMORY)
    }
}

type Steps = Vec<(String, State)>;

/// Log time is never estimated: the link is never down.
const LOG_CLOCK_LIMIT_MS: Option<u64> = None;

impl Question<'_> {
    fn master_clock(&self, state: &State) -> Millis {
        Millis(self.start.0 + u64::from(state.tick) * self.tick_ms)
    }

    fn replica_clock(&self, state: &State) -> Millis {
        self.master_clock(state).offset(i64::from(state.skew) * self.tick_ms.cast_signed())
    }

    fn visit(&self, state: &State) -> Visit<State> {
        let mut broken = self.broken_at_same_lsn(state);
        // Readers are always in, and nothing is refused: all that a replica with an empty link may owe is an entry.
        if state.link.is_empty() && state.replica.applied() != state.master.last() {
            broken.push("progress");
        }
        let master_sees = invariant::visible(&state.master_holds(), self.master_clock(state));
        let (mut saw, mut moments) = (state.saw.clone(), state.moments.clone());
        if moments.last() != Some(&master_sees) {
            moments.push(master_sees);
        }
        let judges =
            state.replica.judges_at(self.policy, LOG_CLOCK_LIMIT_MS, self.replica_clock(state), Millis::ZERO);
        if !judges.estimated {
            let held = state.replica_holds();
            let sees = invariant::visible(&held, judges.time);
            let sights = sights(state, &held, judges.time);
            if !invariant::no_resurrection(&saw, &sights) {
                broken.push("no_resurrection");
            }
            if !invariant::no_early_death(&state.master_then, self.master_clock(state), &sees) {
                broken.push("no_early_death");
            }
            match invariant::past_read(&moments, &sees) {
                Some(behind) => drop(moments.drain(..behind)),
                None => broken.push("past_read"),
            }
            saw = sights;
        }
        let steps = [self.command(state), self.time(state), self.delivery(state), self.removals(state)];
        let noted = |(words, next)| (words, State { saw: saw.clone(), moments: moments.clone(), ..next });
        Visit { broken, steps: steps.into_iter().flatten().map(noted).collect() }
    }

    fn broken_at_same_lsn(&self, state: &State) -> Vec<&'static str> {
        if state.replica.applied() != state.master.last() {
            return Vec::new();
        }
        let (master, replica) = (&state.master_holds(), &state.replica_holds());
        let latest_clock = self.master_clock(state).max(self.replica_clock(state));
        let nodes = SameLsn { master, replica, latest_clock };
        let verdicts = [
            ("same_value", invariant::same_value(nodes)),
            ("same_deadline", invariant::same_deadline(nodes)),
            ("no_immortal_key", invariant::no_immortal_key(nodes)),
        ];
        verdicts.into_iter().filter(|(_, holds)| !holds).map(|(name, _)| name).collect()
    }

    /// The master does what `input` asks for, and sends what comes of it. `command`: the client's, if it is one.
    fn master_acts(&self, state: &State, input: MasterInput, command: Option<&Command>) -> State {
        let (mut next, now) = (state.clone(), self.master_clock(state));
        let outputs = next.master.step(self.policy, input).expect(MEMORY);
        // The master as it was after each entry: before a command's own come those that remove the dead of its keys.
        let mut then = state.master.clone();
        for output in outputs {
            let message = match output {
                MasterOutput::Append(entry) if entry.lsn == next.master.last() => {
                    let wrote = wrote(&entry, command);
                    Message::Entry(entry, wrote, next.master_holds())
                }
                MasterOutput::Append(entry) => {
                    let KeySet::Keys(keys) = entry.keys().into_owned() else {
                        unreachable!("a DEL has keys")
                    };
                    for key in keys {
                        then.step(self.policy, MasterInput::Expire { key, now }).expect(MEMORY);
                    }
                    let wrote = wrote(&entry, None);
                    Message::Entry(entry, wrote, dump(then.store()).expect(MEMORY))
                }
                MasterOutput::Heartbeat(time) => Message::Heartbeat(time),
                MasterOutput::Reply(_) => continue,
            };
            next.link.push_back((state.tick, message));
        }
        next
    }

    fn replica_acts(&self, state: &mut State, input: ReplicaInput) {
        let local = self.replica_clock(state);
        state.replica.step(self.policy, LOG_CLOCK_LIMIT_MS, input, local).expect(MEMORY);
    }

    fn command(&self, state: &State) -> Steps {
        let Some(command) = self.program.get(state.sent) else { return Vec::new() };
        let now = self.master_clock(state);
        let request = MasterInput::Request { command: command.clone(), now, random: 0 };
        let next = State { sent: state.sent + 1, ..self.master_acts(state, request, Some(command)) };
        vec![(format!("a client sends {command}"), next)]
    }

    /// One tick, if no message is under way for too long by it; a heartbeat, if it has news.
    fn time(&self, state: &State) -> Steps {
        let mut steps = Vec::new();
        let may_wait = |(sent, _): &(u8, Message)| state.tick - sent < self.delay_ticks_max;
        if state.tick < self.ticks_max && state.link.front().is_none_or(may_wait) {
            steps.push((format!("tick {}", state.tick + 1), State { tick: state.tick + 1, ..state.clone() }));
        }
        let now = self.master_clock(state);
        if state.master.time() < now {
            let next = self.master_acts(state, MasterInput::Heartbeat { now }, None);
            steps.push(("the master sends a heartbeat".to_owned(), next));
        }
        steps
    }

    fn delivery(&self, state: &State) -> Steps {
        let mut next = state.clone();
        let Some((_, message)) = next.link.pop_front() else { return Vec::new() };
        let words = format!("the link delivers {message}");
        match message {
            Message::Heartbeat(time) => self.replica_acts(&mut next, ReplicaInput::Heartbeat(time)),
            Message::Entry(entry, wrote, master) => {
                match wrote {
                    KeySet::Everything => next.writers.values_mut().for_each(|writer| *writer = entry.lsn),
                    KeySet::Keys(keys) => next.writers.extend(keys.into_iter().map(|key| (key, entry.lsn))),
                }
                next.master_then = master;
                self.replica_acts(&mut next, ReplicaInput::Entry(entry));
            }
        }
        vec![(words, next)]
    }

    fn removals(&self, state: &State) -> Steps {
        let mut steps = Vec::new();
        let now = self.master_clock(state);
        for key in dead(&state.master_holds(), now) {
            let words = format!("the master removes {key}");
            steps.push((words, self.master_acts(state, MasterInput::Expire { key, now }, None)));
        }
        let by = match self.policy.removal() {
            Removal::ByMaster => return steps,
            Removal::Local => self.replica_clock(state),
            Removal::LogTime => state.replica.log_time().heard(),
        };
        for key in dead(&state.replica_holds(), by) {
            let (words, mut next) = (format!("the replica removes {key}"), state.clone());
            self.replica_acts(&mut next, ReplicaInput::Remove(key));
            steps.push((words, next));
        }
        steps
    }
}

fn dead(held: &Dump, now: Millis) -> Vec<Key> {
    held.iter().filter(|(_, stored)| stored.is_dead(now)).map(|(key, _)| key.clone()).collect()
}

/// The keys whose value an entry wrote: none if its command changes deadlines only, and it is not the DEL of a dead key.
fn wrote(entry: &Entry, command: Option<&Command>) -> KeySet {
    let is_del = matches!(&entry.payload, Payload::Command(logged) if logged.name() == "del");
    let changes_deadlines = command.is_some_and(|command| command.kind() == Kind::Deadline);
    if changes_deadlines && !is_del { KeySet::empty() } else { entry.keys().into_owned() }
}

/// How a reader of the replica who judges at `now` sees the keys. A key that it saw dead stays dead after its removal.
fn sights(state: &State, held: &Dump, now: Millis) -> BTreeMap<Key, Sight> {
    let mut sights = state.saw.clone();
    sights.retain(|_, sight| matches!(sight, Sight::Dead(_)));
    for (key, stored) in held {
        let writer = state.writers.get(key).copied().unwrap_or_default();
        let sight = if stored.is_dead(now) { Sight::Dead(writer) } else { Sight::Alive(writer) };
        sights.insert(key.clone(), sight);
    }
    sights
}
