//! Rest — whether a replica can do nothing more, and what it still owes; how far it is.

use super::Machine;
use super::control::Rank;
use super::log::Place;
use super::model::{Admitted, OrderingModel, State};
use crate::binlog::Lsn;
use crate::invariant::AtRest;
use crate::ordering::Refused;

impl<O: Machine> OrderingModel<O> {
    /// Whether the end is reached after a crash that left entries, so that what follows the marker was run again. Where
    /// markers are exact no entry is ever written twice: that is what is seen then.
    pub(super) fn went_on(&self, state: &State, at_end: bool) -> bool {
        let length = self.setup.programs.length(state.place);
        at_end
            && state.crashes_left < self.setup.crashes_max
            && self.controls.value(state.control).began_within(length)
    }

    /// Whether no step of the replica is possible, unless it crashes or a command comes.
    pub fn is_at_rest(&self, state: &State) -> bool {
        let is_admitted = || self.control(state.control).admitted == self.setup.programs.length(state.place);
        let waits = || is_admitted() || self.admitted(state.control, state.place).is_none();
        self.moves(state).next().is_none() && waits()
    }

    /// What is asked of a replica at rest.
    pub(super) fn at_rest(&self, state: &State) -> Option<AtRest> {
        let control = self.control(state.control);
        self.is_at_rest(state).then(|| AtRest {
            logged: self.setup.programs.length(state.place),
            admitted: control.admitted,
            applied: control.watermark,
            published: control.shown(),
            readers_are_in: state.opens_at == 0,
            admits_more: control.admits && control.fault.is_none() && self.refused(state).is_none(),
        })
    }

    /// The command that would come next whose entry the strategy refuses, and why, unless its pair with the choice is
    /// declared undefined: such programs are left out.
    pub(super) fn refused(&self, state: &State) -> Option<(Place, Refused)> {
        let programs = &self.setup.programs;
        if self.control(state.control).admitted < programs.length(state.place) {
            return match self.admission(state.control, state.place) {
                Admitted::Refused(refused) => Some((state.place, refused)),
                Admitted::Waits | Admitted::Next(_) => None,
            };
        }
        programs.at(state.place).children.iter().flatten().find_map(|&child| {
            match self.admission(state.control, child) {
                Admitted::Refused(refused) if !refused.declared => Some((child, refused)),
                _ => None,
            }
        })
    }

    /// How far a state is. Every step raises it, so that no run is endless and each ends at rest.
    pub(super) fn rank(&self, state: &State) -> (u8, Lsn, Rank) {
        let crashes = self.setup.crashes_max - state.crashes_left;
        (crashes, self.setup.programs.length(state.place), self.control(state.control).rank)
    }
}
