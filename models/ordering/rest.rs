//! Rest — whether a replica has no step left, what it then still owes, and how far along a state is.

use super::Machine;
use super::log::ProgramIndex;
use super::model::{Admitted, OrderingModel, State};
use crate::binlog::Lsn;
use crate::invariant::AtRest;
use crate::ordering::Refused;

impl<O: Machine> OrderingModel<O> {
    /// Whether no step of the replica is possible except a crash or the arrival of a command.
    pub fn is_at_rest(&self, state: &State) -> bool {
        let is_sent = || self.control(state.control).admitted == self.setup.programs.length(state.place);
        let waits = || is_sent() || self.admitted(state.control, state.place).is_none();
        !self.recovers(state) && self.moves(state).next().is_none() && waits()
    }

    /// The facts that *progress* judges, if the replica is at rest.
    pub(super) fn at_rest(&self, state: &State) -> Option<AtRest> {
        let control = self.control(state.control);
        self.is_at_rest(state).then(|| AtRest {
            logged: self.setup.programs.length(state.place),
            admitted: control.admitted,
            applied: control.watermark,
            published: control.published,
            readers_are_in: control.readers_are_in,
            admits_more: control.admits && control.fault.is_none() && self.refused(state).is_none(),
        })
    }

    /// The place of the first next command whose entry the strategy refuses, and the refusal; `None` if there is none.
    /// Pairs of a choice and a program that are declared undefined are left out.
    pub(super) fn refused(&self, state: &State) -> Option<(ProgramIndex, Refused)> {
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

    /// How far along a state is. Every step raises this rank, so no run of a finite log is endless, and each run ends at
    /// rest.
    pub(super) fn rank(&self, state: &State) -> Rank {
        let control = self.control(state.control);
        Rank {
            crashes: self.setup.crashes_max - state.crashes_left,
            length: self.setup.programs.length(state.place),
            admitted: control.admitted,
            work: control.work,
            published: control.published,
            cutting: control.cutting,
        }
    }
}

/// How far along a state is; the fields are in the order of their weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    crashes: u8,
    length: Lsn,
    admitted: Lsn,
    work: usize,
    published: Lsn,
    cutting: bool,
}
