//! Acts — what the nodes and the network do in a step, and what is judged after it.

use super::model::{Fault, ReplicationModel, Side, State};
use super::session::{End, Session, ack_in, length_at};
use super::{Choice, KEY};
use crate::binlog::log::{epoch_of_start, last_epoch};
use crate::binlog::{Entry, Log, Lsn, Payload, encode};
use crate::effect::Effect;
use crate::expiry::Policy;
use crate::invariant::{self, AtRest};
use crate::models::bounds::START;
use crate::models::judged::InvariantSet;
use crate::models::scenario;
use crate::replication::attempt::{self, Attempt, Next};
use crate::replication::handshake::{Hello, History, Refusal, Resume, ResumePoint, answer};
use crate::replication::order::Acks;
use crate::replication::sender::{Seen, Sender};
use crate::replication::wire::{
    Downstream, Incoming, decode_downstream, encode_ack, encode_heartbeat, encode_offset,
};
use crate::replication::{Ack, Offset, Tail};

/// The most steps in which a state comes to rest; more are taken for a circle.
const STEPS_TO_REST: u8 = 100;

impl ReplicationModel {
    /// A client writes to the master.
    pub(super) fn write(&self, state: &mut State) -> Option<()> {
        let mut log = self.log(state, Side::Master).clone();
        let command = scenario::commands(&[&format!("SET {KEY} {}", state.writes + 1)]).pop()?;
        let (lsn, payload) = (log.last().next(), Payload::Command(command));
        log.append(Entry { lsn, epoch: state.epoch, time: START, payload }).ok()?;
        state.logs[Side::Master.index()] = self.logs.number(log);
        state.writes += 1;
        Some(())
    }

    /// The master begins an epoch, as each start as master does.
    pub(super) fn start_master(&self, state: &mut State) {
        let epochs = self.log(state, Side::Master).epochs();
        let keeps = [Choice::OldEpoch, Choice::NumbersOnly].contains(&self.choice());
        if keeps && state.drawn > 0 {
            state.epoch = last_epoch(epochs, state.epoch);
            return;
        }
        state.drawn += 1;
        state.epoch = epoch_of_start(epochs, state.epoch, state.drawn);
    }

    /// A node is killed, loses entries, and starts again. All that it has then is on its disk.
    pub(super) fn kill(&self, state: &mut State, side: Side, lost: u8) {
        let mut log = self.log(state, side).clone();
        log.truncate_after(Lsn(log.last().0.saturating_sub(lost.into())));
        state.durable[side.index()] = log.last();
        if side == Side::Replica {
            state.applied = state.applied.min(log.last());
        }
        state.logs[side.index()] = self.logs.number(log);
        (state.session, state.kills) = (None, state.kills + 1);
        if side == Side::Master {
            state.kept = Ack::default();
            self.start_master(state);
        } else {
            state.is_refused = false;
        }
    }

    /// The checksum at an entry: the number of the entries of its epoch through it. `None`: there is no such entry, or nothing is
    /// compared.
    fn checksum(&self, log: &Log, at: Lsn) -> Option<u32> {
        let entries = log.epoch_through(at).filter(|_| self.choice() != Choice::NumbersOnly)?;
        Some(self.summed.number(entries.to_vec()))
    }

    /// The hello of the replica, as `engine::following` makes it.
    pub(super) fn hello(&self, state: &State) -> Hello {
        let log = self.log(state, Side::Replica);
        Attempt::default().hello(Hello {
            last: log.last(),
            checksum: self.checksum(log, log.last()),
            expiry: Policy::LogClock.name().to_owned(),
            epochs: log.epochs().to_vec(),
            ..Hello::default()
        })
    }

    /// The master's answer, as `engine::feeds` makes it.
    pub(super) fn answer(&self, state: &State) -> Result<Resume, Refusal> {
        let (log, hello) = (self.log(state, Side::Master), Hello::parse(&self.hello(state).argv())?);
        let history = History {
            first: Lsn(1),
            last: log.last(),
            epochs: log.epochs().to_vec(),
            epoch: state.epoch,
            expiry: hello.expiry.clone(),
            time: START,
            follows: false,
        };
        let next = |at: Lsn| log.get(at.next()).map(|entry| entry.time);
        let resume =
            answer(&history, &hello, |at| ResumePoint { checksum: self.checksum(log, at), next: next(at) })?;
        let from = if self.choice() == Choice::FromTable && state.kept.received > Lsn::NONE {
            state.kept.received.next()
        } else {
            resume.from
        };
        Ok(Resume { from, ..resume })
    }

    /// The replica connects. Returns the state, and whether the replica is refused although its log is a beginning of its master's.
    pub(super) fn connect(&self, mut state: State) -> (State, bool) {
        let is_beginning = self.is_beginning(&state);
        let hello = self.hello(&state);
        match self.answer(&state) {
            Ok(resume) => {
                let mut acks = Acks::default();
                let keeps = self.choice() == Choice::KeepsWindow;
                if keeps {
                    // It was taken before, so it may be taken now.
                    let _ = acks.take(state.kept, state.kept.received);
                }
                let has_entries = hello.last > Lsn::NONE;
                let is_later = state.faults + state.kills > 0;
                self.witnesses.note(InvariantSet::default().with(1, has_entries && is_later));
                let session = Session {
                    sender: Sender::new(&resume),
                    acks,
                    taken: Ack::default(),
                    has_beat: false,
                    end: End::Asked(hello),
                    told: None,
                    partial: Vec::new(),
                    down: vec![format!("+{}\r\n", resume.status()).into_bytes()],
                    up: Vec::new(),
                };
                state.session = Some(self.sessions.number(session));
                (state, false)
            }
            Err(refusal) => {
                let next = Attempt::default().refused(&refusal.reply(hello.version));
                state.is_refused = matches!(next, Next::FullSync(_));
                (state, is_beginning)
            }
        }
    }

    /// The replica's store and log become those of the master, durable.
    pub(super) fn copy(&self, state: &mut State) {
        let last = self.log(state, Side::Master).last();
        state.logs[Side::Replica.index()] = state.logs[Side::Master.index()];
        (state.durable[Side::Replica.index()], state.applied, state.is_refused) = (last, last, false);
        state.kept = Ack::default();
    }

    fn tail(&self, state: &State) -> Tail {
        Tail { last: self.log(state, Side::Master).last(), time: START, bytes: 0 }
    }

    /// Whether the master has an entry or a heartbeat to send, and room for it. It repeats its heartbeat every second; here only where
    /// that changes anything, which is where the replica lacks something that was sent.
    pub(super) fn has_to_send(&self, state: &State, session: &Session) -> bool {
        let has_more = session.sent() < self.tail(state).last || !session.has_beat;
        let is_quiet = session.down.is_empty() && session.partial.is_empty();
        let lacks = session.follows() && self.log(state, Side::Replica).last() != session.sent();
        (has_more || is_quiet && lacks) && session.has_room(Side::Replica)
    }

    /// The master sends its next messages, as `replication::feed` does; a group is one entry.
    pub(super) fn send(&self, state: &mut State) -> Option<()> {
        let mut session = self.session(state)?.clone();
        let (tail, mut bytes) = (self.tail(state), Vec::new());
        let after = session.sent();
        let next = session.sender.next(tail, (Offset { after, ..Offset::default() }, None));
        if let Some(offset) = next.offset {
            encode_offset(&offset, &mut bytes);
        }
        if next.up_to.is_some() {
            let entry = self.log(state, Side::Master).get(after.next())?;
            encode(entry, &mut bytes).ok()?;
            session.sender.entries(Seen { last: entry.lsn, time: entry.time });
            session.has_beat = false;
        }
        // A heartbeat is due after the last entry.
        let is_last = session.sent() == tail.last;
        if let Some(heartbeat) = session.sender.heartbeat(tail, is_last) {
            encode_heartbeat(&heartbeat, &mut bytes);
            session.has_beat = true;
        }
        session.down.push(bytes);
        state.session = Some(self.sessions.number(session));
        Some(())
    }

    /// The LSNs that the replica acknowledges.
    pub(super) fn ack(&self, state: &State) -> Ack {
        let received = self.log(state, Side::Replica).last();
        let is_early = self.choice() == Choice::ReceivedIsDurable;
        let durable = if is_early { received } else { state.durable[Side::Replica.index()] };
        Ack { received, durable, applied: state.applied }
    }

    /// Whether the replica has an ack to send, and room for it. It repeats its last one every second; here only where the master lacks
    /// it.
    pub(super) fn has_to_ack(&self, state: &State, session: &Session) -> bool {
        let ack = self.ack(state);
        let is_lost = session.up.is_empty() && session.taken != ack;
        session.follows() && session.has_room(Side::Master) && (session.told != Some(ack) || is_lost)
    }

    /// The replica sends an ack.
    pub(super) fn send_ack(&self, state: &mut State) -> Option<()> {
        let mut session = self.session(state)?.clone();
        let (ack, mut bytes) = (self.ack(state), Vec::new());
        encode_ack(&ack, &mut bytes);
        session.up.push(bytes);
        session.told = Some(ack);
        state.session = Some(self.sessions.number(session));
        Some(())
    }

    /// The master takes an ack, or hangs up.
    pub(super) fn take_ack(&self, state: &mut State) -> Option<()> {
        let mut session = self.session(state)?.clone();
        let message = session.up.remove(0);
        let taken = ack_in(&message).filter(|ack| session.acks.take(*ack, session.sent()).is_ok());
        let Some(ack) = taken else {
            state.session = None;
            return Some(());
        };
        session.taken = ack;
        if [Choice::KeepsWindow, Choice::FromTable].contains(&self.choice()) {
            state.kept = ack;
        }
        state.session = Some(self.sessions.number(session));
        Some(())
    }

    /// A message arrives at the replica, which takes it or hangs up, as `client::link` does.
    pub(super) fn receive(&self, state: &mut State) -> Option<()> {
        let mut session = self.session(state)?.clone();
        let message = session.down.remove(0);
        let end = match std::mem::replace(&mut session.end, End::Asked(Hello::default())) {
            End::Asked(hello) => self.answered(&hello, &message),
            End::Following(mut receiver) => {
                let mut bytes = std::mem::take(&mut session.partial);
                bytes.extend_from_slice(&message);
                self.taken(state, &mut receiver, bytes).map(|partial| {
                    session.partial = partial;
                    End::Following(receiver)
                })
            }
        };
        state.session = end.map(|end| self.sessions.number(Session { end, ..session }));
        Some(())
    }

    /// The replica's end after an answer; `None`: it is none to the hello.
    fn answered(&self, hello: &Hello, message: &[u8]) -> Option<End> {
        let status = message.strip_prefix(b"+")?.strip_suffix(b"\r\n")?;
        match Attempt::default().accepted(hello, status) {
            Next::Follow(_) => Some(End::Following(attempt::receiver(hello))),
            _ => None,
        }
    }

    /// Takes the messages in `bytes`, and returns those that have arrived in part; `None`: the replica hangs up. What came before an
    /// error is kept.
    fn taken(
        &self,
        state: &mut State,
        receiver: &mut crate::replication::order::Receiver,
        bytes: Vec<u8>,
    ) -> Option<Vec<u8>> {
        let mut incoming = Incoming::new(bytes);
        loop {
            let Some(message) = incoming.next(decode_downstream).ok()? else {
                return Some(incoming.rest().to_vec());
            };
            if self.choice() != Choice::ByMaximum {
                receiver.take(&message).ok()?;
            }
            if let Downstream::Entry(entry, _) = message {
                self.append(state, entry)?;
            }
        }
    }

    /// Appends an entry to the replica's log. Without a check of the order, missing entries before it count as empty, and an entry that is
    /// there already is dropped.
    fn append(&self, state: &mut State, entry: Entry) -> Option<()> {
        let mut log = self.log(state, Side::Replica).clone();
        if self.choice() == Choice::ByMaximum {
            if entry.lsn <= log.last() {
                return Some(());
            }
            while log.last().next() < entry.lsn {
                let (lsn, payload) = (log.last().next(), Payload::Effect(Effect::none()));
                log.append(Entry { lsn, payload, ..entry.clone() }).ok()?;
            }
        }
        log.append(entry).ok()?;
        state.logs[Side::Replica.index()] = self.logs.number(log);
        Some(())
    }

    /// The network does something to messages under way.
    pub(super) fn fail(&self, state: &mut State, side: Side, fault: Fault) -> Option<()> {
        let mut session = self.session(state)?.clone();
        let held = session.held_mut(side);
        match fault {
            Fault::Lost => drop(held.remove(0)),
            Fault::Repeated => held.insert(0, held.first()?.clone()),
            Fault::Swapped => held.swap(0, 1),
            Fault::Damaged => *held.first_mut()?.last_mut()? ^= 1,
            Fault::Lengthened => {
                let at = length_at(held.first()?)?;
                held[0][at] ^= 1;
            }
        }
        state.session = Some(self.sessions.number(session));
        state.faults += 1;
        Some(())
    }

    /// Whether the replica's log is a beginning of its master's.
    pub(super) fn is_beginning(&self, state: &State) -> bool {
        self.beginnings.get((state.logs[1], state.logs[0]), || {
            let [its, own] = Side::BOTH.map(|side| self.log(state, side).from(Lsn::NONE));
            its.starts_with(own)
        })
    }

    /// The state with the invariants that it breaks.
    pub(super) fn judged(&self, next: State, is_refused_wrongly: bool) -> State {
        let session = self.session(&next);
        let is_parted = session.is_some_and(Session::follows) && !self.is_beginning(&next);
        let taken = session.map(|session| session.taken).unwrap_or_default();
        let through = |log: &Log, last: Lsn| -> Vec<Entry> {
            log.from(Lsn::NONE).iter().filter(|entry| entry.lsn <= last).cloned().collect()
        };
        let durable = through(self.log(&next, Side::Replica), next.durable[1]);
        let is_true = taken.durable == Lsn::NONE
            || invariant::durability(through(self.log(&next, Side::Master), taken.durable), &durable);
        let rests = self.rests(&next, STEPS_TO_REST);
        let last = self.log(&next, Side::Master).last();
        let met = InvariantSet::default()
            .with(0, session.is_some_and(Session::follows) && last.0 > 1 && next.faults + next.kills > 0)
            .with(2, taken.durable > Lsn::NONE)
            .with(3, taken.applied == last && last > Lsn::NONE);
        self.witnesses.note(met);
        let broken = InvariantSet::default()
            .with(0, is_parted)
            .with(1, is_refused_wrongly)
            .with(2, !is_true)
            .with(3, !rests);
        State { broken, ..next }
    }

    /// Whether the replica comes to rest with the whole log after at most `steps_left` steps that are no writes and no faults.
    fn rests(&self, state: &State, steps_left: u8) -> bool {
        let of = State { writes: 0, faults: 0, kills: 0, broken: InvariantSet::default(), ..*state };
        self.rests.get(of, || {
            let mut actions = Vec::new();
            self.work(state, &mut actions);
            let Some(&action) = actions.first() else { return self.has_all(state) };
            let next = self.after(state, action).map(|(next, _)| next);
            steps_left > 0 && next.is_some_and(|next| self.rests(&next, steps_left - 1))
        })
    }

    /// Whether the replica has applied the whole log, and the master knows it.
    fn has_all(&self, state: &State) -> bool {
        let last = self.log(state, Side::Master).last();
        let acked = self.session(state).map(|session| session.taken);
        let is_told = acked == Some(Ack { received: last, durable: last, applied: last });
        is_told
            && invariant::progress(AtRest {
                logged: last,
                admitted: self.log(state, Side::Replica).last(),
                applied: state.applied,
                published: state.applied,
                readers_are_in: true,
                admits_more: self.session(state).is_some_and(Session::follows),
            })
    }
}
