//! Promotion — which node may be promoted, and what the other nodes do then; kills and losses of power.

use super::model::{FailoverModel, Link, Node, Role, State, Written};
use super::{Fault, Promoted, Victim};
use crate::binlog::log::{epoch_of_start, last_epoch};
use crate::binlog::{Epoch, Log, Lsn};

/// The epoch in which the first master writes.
const FIRST: Epoch = Epoch(1 << 32 | 1);

impl FailoverModel {
    /// Whether it matters which followers were accepted.
    pub(super) fn minds_accepted(&self) -> bool {
        self.choice().promoted() == Promoted::Quorum
    }

    /// Whether the operator may promote a node now.
    pub(super) fn may_be_promoted(&self, state: &State, node: Node) -> bool {
        let follows = |node: Node| state.member(node).role != Role::Master;
        let has_written = self.has_written(state, node);
        if state.promotions >= self.setup.scenario.promotions_max || !follows(node) || !has_written {
            return false;
        }
        let other = state.current.third(node);
        let last = |node: Node| self.log(state, node).last();
        match self.choice().promoted() {
            Promoted::Any => true,
            Promoted::Furthest => {
                Node::ALL.into_iter().filter(|&rival| follows(rival)).all(|rival| last(rival) <= last(node))
            }
            Promoted::CaughtUp => {
                let (old, own) = (state.member(state.current), state.member(node));
                let is_connected = own.role == Role::Follows(state.current) && own.link == Link::Up;
                old.role == Role::Master && is_connected && own.log == old.log
            }
            Promoted::Newest => self.newest_entry(state, other) <= self.newest_entry(state, node),
            Promoted::Quorum => {
                let is_accepted = |node: Node| {
                    state.member(node).role == Role::Follows(state.current) && state.member(node).is_accepted
                };
                is_accepted(node)
                    && is_accepted(other)
                    && self.newest_entry(state, other) <= self.newest_entry(state, node)
            }
        }
    }

    /// Whether a node has written all received entries: it does so before it changes its role or its master.
    pub(super) fn has_written(&self, state: &State, node: Node) -> bool {
        state.member(node).told <= self.log(state, node).last()
    }

    /// Whether a node is the one that was promoted last, or is told to follow it.
    pub(super) fn is_led(&self, state: &State, node: Node) -> bool {
        node == state.current || state.member(node).role == Role::Follows(state.current)
    }

    /// The epoch and the number of a node's last entry.
    fn newest_entry(&self, state: &State, node: Node) -> (Epoch, Lsn) {
        let log = self.log(state, node);
        (log.epoch_at(log.last()).unwrap_or_default(), log.last())
    }

    /// The replica becomes master, in a new epoch.
    pub(super) fn promote(&self, state: &mut State, node: Node) {
        let (old, other) = (state.current, state.current.third(node));
        self.stop(state, node);
        state.member_mut(old).waits = self.choice().promoted() == Promoted::CaughtUp;
        state.promotions += 1;
        state.current = node;
        self.begin(state, node, true);
        if matches!(self.choice().promoted(), Promoted::Newest | Promoted::Quorum) {
            self.follow(state, other);
        }
    }

    /// A node starts as master, or is `promoted`: it begins an epoch as the engine does.
    pub(super) fn begin(&self, state: &mut State, node: Node, promoted: bool) {
        let keeps = self.has(Fault::SameEpoch) || self.has(Fault::SameEpochUnchecked);
        let epochs = self.log(state, node).epochs();
        let noted = state.member(node).noted;
        let noted = if promoted && keeps {
            last_epoch(epochs, noted).max(FIRST)
        } else {
            state.drawn += 1;
            epoch_of_start(epochs, noted, state.drawn)
        };
        let member = state.member_mut(node);
        (member.noted, member.role, member.link) = (noted, Role::Master, Link::Down);
        member.is_accepted = false;
    }

    /// A node leaves its role. As in the engine, its log is durable then.
    fn stop(&self, state: &mut State, node: Node) {
        self.leave_clients(state, node);
        state.member_mut(node).durable = self.log(state, node).last();
    }

    /// A node is told to follow the node that was promoted last.
    pub(super) fn follow(&self, state: &mut State, node: Node) {
        self.stop(state, node);
        let link = if self.has(Fault::NewHistory) { Link::New } else { Link::Down };
        let (current, last) = (state.current, self.log(state, node).last());
        let member = state.member_mut(node);
        (member.role, member.link, member.is_accepted) = (Role::Follows(current), link, false);
        member.waits = false;
        member.told = member.told.min(last);
        self.cut_followers(state, node);
    }

    /// The connections of clients that wait on a node end.
    fn leave_clients(&self, state: &mut State, node: Node) {
        for write in state.writes.iter_mut().filter(|write| **write == Written::Waits(node)) {
            *write = Written::GivenUp;
        }
    }

    /// The connections of a node's followers end.
    fn cut_followers(&self, state: &mut State, node: Node) {
        let follows = Role::Follows(node);
        for member in state.members.iter_mut().filter(|member| member.role == follows) {
            member.link = if member.link == Link::Up { Link::Down } else { member.link };
        }
    }

    /// A node is killed and starts again in its role. It keeps all written entries.
    pub(super) fn kill(&self, state: &mut State, node: Node) {
        state.kills += 1;
        self.start_again(state, node);
    }

    fn start_again(&self, state: &mut State, node: Node) {
        self.leave_clients(state, node);
        self.cut_followers(state, node);
        let last = self.log(state, node).last();
        let member = state.member_mut(node);
        (member.told, member.waits) = (member.told.min(last), false);
        match member.role {
            Role::Master => self.begin(state, node, false),
            Role::Follows(_) if member.link == Link::Up => member.link = Link::Down,
            Role::Follows(_) => {}
        }
    }

    /// Whether a node has anything to lose, and may lose it.
    pub(super) fn may_lose_power(&self, state: &State, node: Node) -> bool {
        let member = state.member(node);
        let is_victim = match self.setup.scenario.victim {
            Victim::Any => true,
            Victim::Master => member.role == Role::Master,
            Victim::Replica => member.role != Role::Master,
        };
        let may = state.losses < self.setup.scenario.losses_max && is_victim;
        may && member.durable < self.log(state, node).last()
    }

    /// A node loses power and starts again. It loses all entries that are not durable.
    pub(super) fn lose_power(&self, state: &mut State, node: Node) {
        state.losses += 1;
        let mut log: Log = self.log(state, node).clone();
        log.truncate_after(state.member(node).durable);
        state.member_mut(node).log = self.logs.number(log);
        self.start_again(state, node);
    }
}
