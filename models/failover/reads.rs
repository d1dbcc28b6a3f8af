//! Reads — judges the state after each step.

use super::Fault;
use super::model::{FailoverModel, Link, Member, Node, Role, State, Written};
use crate::binlog::Lsn;
use crate::invariant::{self, AtRest};
use crate::models::judged::InvariantSet;

/// The bits, which are the places in [`super::INVARIANTS`].
const PROGRESS: usize = 0;
const CONVERGENCE: usize = 1;
pub(super) const RESUME: usize = 2;
const DURABILITY: usize = 3;

/// More handshakes than a follower needs.
const TRIES_MAX: u8 = 4;

impl FailoverModel {
    /// The state with what its last step broke.
    pub(super) fn judged(&self, state: State, is_refused_wrongly: bool) -> State {
        let stands = Node::ALL.into_iter().any(|node| self.stands(&state, node));
        let differs = Node::ALL.into_iter().any(|node| self.has_all(&state, node) == Some(false));
        let is_promoted = state.promotions > 0;
        let broken = InvariantSet::default()
            .with(PROGRESS, stands)
            .with(CONVERGENCE, differs)
            .with(RESUME, is_refused_wrongly)
            .with(DURABILITY, is_promoted && !self.is_durable(&state));
        let follows_well = |node| {
            let follows = state.member(node).role == Role::Follows(state.current);
            follows && self.has_all(&state, node) == Some(true)
        };
        let wrote_on = is_promoted && self.log(&state, state.current).last() > Lsn::NONE;
        let went_on = wrote_on && Node::ALL.into_iter().any(follows_well);
        let is_lost_by_nobody = state.writes.iter().any(
            |write| matches!(write, Written::Acknowledged(node) if is_promoted && *node != state.current),
        );
        let tested = InvariantSet::default()
            .with(PROGRESS, went_on)
            .with(CONVERGENCE, went_on)
            .with(DURABILITY, is_lost_by_nobody);
        self.witnesses.note(tested);
        State { broken, ..state }
    }

    /// *durability*: the acknowledged writes are in the history of the node that was promoted last.
    fn is_durable(&self, state: &State) -> bool {
        let acknowledged = state.writes.iter().zip(&self.contents);
        let acknowledged = acknowledged.filter(|(write, _)| matches!(write, Written::Acknowledged(_)));
        let history = self.log(state, state.current).from(Lsn::NONE).iter().map(|entry| &entry.payload);
        invariant::durability(acknowledged.map(|(_, content)| content), &history.collect::<Vec<_>>())
    }

    /// The first acknowledged write that the node promoted last lacks.
    pub(super) fn lost(&self, state: &State) -> Option<usize> {
        let is_acknowledged = |write: &usize| matches!(state.writes[*write], Written::Acknowledged(_));
        let writes = (0..state.written()).filter(is_acknowledged);
        writes.into_iter().find(|&write| self.place(state, state.current, write).is_none())
    }

    /// Whether a connected follower holds the same entries as its master; `None`: it is not connected, or lacks entries.
    pub(super) fn has_all(&self, state: &State, node: Node) -> Option<bool> {
        let master = state.master_of(node)?;
        let [own, its] = [node, master].map(|node| self.log(state, node));
        let is_done = state.member(node).link == Link::Up && own.last() >= its.last();
        is_done.then(|| own == its)
    }

    /// *progress*: whether a follower of the node that was promoted last never receives everything, even without further faults.
    pub(super) fn stands(&self, state: &State, node: Node) -> bool {
        let (own, its) = (*state.member(node), *state.member(state.current));
        if own.role != Role::Follows(state.current) {
            return false;
        }
        let comes = own.link != Link::Stopped
            && self.comes.get((its.log, its.noted, own.log), || self.comes_along(&its, &own));
        !comes
    }

    /// Lets a follower connect, get a copy if it is refused, and receive, until it rests.
    fn comes_along(&self, its: &Member, own: &Member) -> bool {
        let mut own = Member { link: Link::Down, ..*own };
        let logged = self.logs.value(its.log).last();
        for _ in 0..TRIES_MAX {
            if self.handshake(its, &own).is_err() {
                if self.has(Fault::NoCopy) {
                    return false;
                }
                own.log = self.given(its);
                continue;
            }
            while let Some(Some(log)) = self.received_after((own.log, its.log)) {
                own.log = log;
            }
            let last = self.logs.value(own.log).last();
            let rest = AtRest {
                logged,
                admitted: last,
                applied: last,
                published: last,
                readers_are_in: true,
                admits_more: true,
            };
            if invariant::progress(rest) {
                return true;
            }
        }
        false
    }
}
