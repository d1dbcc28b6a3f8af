//! Acts — writes and their acknowledgement, entries that are received, and the handshake.

use super::model::{FailoverModel, Link, Member, Node, Role, State, Written};
use super::{Acknowledged, Fault};
use crate::binlog::{Entry, Log, Lsn};
use crate::expiry::Policy;
use crate::models::bounds::START;
use crate::models::judged::InvariantSet;
use crate::replication::handshake::{Hello, History, Refusal, Resume, ResumePoint, answer};
use crate::replication::{Ack, PROTOCOL_VERSION, PROTOCOL_VERSION_RUNNING};

impl FailoverModel {
    /// A client sends the next write to a node that acts as master.
    pub(super) fn write(&self, state: &mut State, node: Node) -> Option<()> {
        let number = state.written();
        let Member { log, noted: epoch, .. } = *state.member(node);
        *state.writes.get_mut(number)? = Written::Waits(node);
        state.member_mut(node).log = self.appended.get((log, epoch, number), || {
            let mut log = self.logs.value(log).clone();
            let payload = self.contents[number].clone();
            log.append(Entry { lsn: log.last().next(), epoch, time: START, payload })
                .expect("a master's own entry comes next");
            self.logs.number(log)
        });
        Some(())
    }

    /// The number of a write in a node's log; `None`: it is not there.
    pub(super) fn place(&self, state: &State, node: Node, write: usize) -> Option<Lsn> {
        let entries = self.log(state, node).from(Lsn::NONE);
        entries.iter().find(|entry| entry.payload == self.contents[write]).map(|entry| entry.lsn)
    }

    /// Whether a client waits for a write, and is told now that it is done.
    pub(super) fn is_done(&self, state: &State, write: usize) -> bool {
        let Written::Waits(node) = state.writes[write] else { return false };
        let Some(target) = self.place(state, node, write) else { return false };
        let own = state.member(node).durable >= target;
        let acks = || self.acks(state, node);
        let count = |durable| acks().filter(|ack| ack.counts(target, durable)).count();
        match self.choice().acknowledged() {
            Acknowledged::Applied => true,
            Acknowledged::Durable => own,
            Acknowledged::WaitConnected => count(false) == acks().count(),
            Acknowledged::Wait(replicas) => count(false) >= replicas,
            Acknowledged::WaitAof(replicas) => own && count(true) >= replicas,
        }
    }

    /// The last acks of the followers that are connected to a node.
    fn acks(&self, state: &State, node: Node) -> impl Iterator<Item = Ack> {
        let of = move |follower: Node| {
            let member = state.member(follower);
            let is_connected = member.role == Role::Follows(node) && member.link == Link::Up;
            let last = self.log(state, follower).last();
            is_connected.then_some(Ack {
                received: last.max(member.told),
                durable: member.durable,
                applied: last,
            })
        };
        Node::ALL.into_iter().filter_map(of)
    }

    /// The client is told that its write is done.
    pub(super) fn acknowledge(&self, state: &mut State, write: usize) -> Option<()> {
        let Written::Waits(node) = state.writes[write] else { return None };
        state.writes[write] = Written::Acknowledged(node);
        Some(())
    }

    /// A replica receives the next entry. It hangs up if the entry cannot come next.
    pub(super) fn receive(&self, state: &mut State, node: Node) -> Option<()> {
        let master = state.master_of(node)?;
        let logs = (state.member(node).log, state.member(master).log);
        let after = self.received_after(logs)?;
        let member = state.member_mut(node);
        match after {
            Some(log) => member.log = log,
            None => member.link = Link::Down,
        }
        Some(())
    }

    /// The log after the next entry of the master's log; `None` in it: the log does not take it. `None`: there is no such entry.
    pub(super) fn received_after(&self, (own, its): (u32, u32)) -> Option<Option<u32>> {
        let next = self.logs.value(own).last().next();
        let entry = self.logs.value(its).get(next)?;
        Some(self.received.get((own, its), || {
            let mut log = self.logs.value(own).clone();
            log.append(entry.clone()).ok().map(|()| self.logs.number(log))
        }))
    }

    /// A replica connects: it resumes, or gets a copy. Returns whether it is refused although its log is a beginning of its
    /// master's.
    pub(super) fn connect(&self, state: &mut State, node: Node) -> Option<bool> {
        let master = state.master_of(node)?;
        let (own, its) = (*state.member(node), *state.member(master));
        let key = (its.log, its.noted, own.log, own.link == Link::New);
        let resumes = self.handshakes.get(key, || self.handshake(&its, &own).is_ok());
        let is_beginning = self.is_beginning(own.log, its.log);
        let mut member = Member { link: Link::Down, ..own };
        if resumes {
            (member.link, member.is_accepted) = (Link::Up, self.minds_accepted());
        } else if self.has(Fault::NoCopy) {
            member.link = Link::Stopped;
        } else {
            member.log = self.given(&its);
            member.durable = self.logs.value(member.log).last();
        }
        *state.member_mut(node) = member;
        let has_entries = self.log(state, node).last() > Lsn::NONE;
        let tested = resumes && has_entries && state.promotions > 0;
        self.witnesses.note(InvariantSet::default().with(super::reads::RESUME, tested));
        Some(is_beginning && !resumes)
    }

    /// The number of the log that a refused follower has next.
    pub(super) fn given(&self, its: &Member) -> u32 {
        if self.has(Fault::EmptiedFirst) { self.logs.number(Log::new()) } else { its.log }
    }

    /// The master's answer to the replica's hello.
    pub(super) fn handshake(&self, its: &Member, own: &Member) -> Result<Resume, Refusal> {
        let [log, follower] = [its, own].map(|member| self.logs.value(member.log));
        let is_checked = !self.has(Fault::SameEpochUnchecked);
        let hello = Hello {
            version: if is_checked { PROTOCOL_VERSION } else { PROTOCOL_VERSION_RUNNING - 1 },
            last: follower.last(),
            checksum: self.checksum(follower, follower.last()),
            expiry: Policy::LogClock.name().to_owned(),
            epochs: follower.epochs().to_vec(),
            ..Hello::default()
        };
        let hello = Hello::parse(&hello.argv())?;
        let history = History {
            first: Lsn(1),
            last: log.last(),
            epochs: if own.link == Link::New { Vec::new() } else { log.epochs().to_vec() },
            epoch: its.noted,
            expiry: hello.expiry.clone(),
            time: START,
            follows: false,
        };
        let next = |at: Lsn| log.get(at.next()).map(|entry| entry.time);
        answer(&history, &hello, |at| ResumePoint { checksum: self.checksum(log, at), next: next(at) })
    }

    /// The checksum at an entry: the number of the entries of its epoch through it. `None`: there is no such entry.
    fn checksum(&self, log: &Log, at: Lsn) -> Option<u32> {
        Some(self.summed.number(log.epoch_through(at)?.to_vec()))
    }

    /// Whether a log is a beginning of another one.
    pub(super) fn is_beginning(&self, own: u32, its: u32) -> bool {
        self.beginnings.get((own, its), || {
            let [own, its] = [own, its].map(|log| self.logs.value(log).from(Lsn::NONE));
            its.starts_with(own)
        })
    }
}
