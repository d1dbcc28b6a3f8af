//! Ample — a state of the ordering model → one step that may be explored instead of all its steps, if there is such a step.
//!
//! A worker that takes a job, or reports a job as finished, changes neither the store nor what readers see. Suppose that such
//! a step commutes with every step that can come before it. Then a run that takes it at once breaks the same invariants as a
//! run that takes it later:
//!
//! ```text
//! c ──other──▶ c₁                   other: any other move, an admission, a crash
//! │            │ step₁ commutes, too
//! step         ▼
//! ▼            ▲
//! c′ ─other──▶ t                    with the same batch or entry
//! ```
//!
//! Nothing about a strategy is assumed. Whether a step commutes is computed on the strategy's own machine, for every control
//! that other steps can reach before the step is taken. A crash needs no check: it discards the control, and what it leaves
//! does not depend on jobs that are taken or finished. Every step raises a rank, so no run postpones a step for ever.

use super::Machine;
use super::action::Move;
use super::log::ProgramIndex;
use super::model::{Admitted, ControlFacts, OrderingModel, State};
use std::mem::discriminant;

/// Maximum number of workers and of commands of a program for which the analysis runs. It visits all controls. Beyond these
/// bounds they need more memory than a search may take.
const WORKERS_MAX: usize = 2;
const LENGTH_MAX: usize = 4;

/// The effect of a step outside the control.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Does {
    /// A move of this kind, which writes the batch of the task with that number.
    Moves(std::mem::Discriminant<Move>, Option<u32>),
    /// The admission of the last entry of that program.
    Admits(ProgramIndex),
}

impl<O: Machine> OrderingModel<O> {
    /// Whether this model is small enough for the analysis.
    pub(super) fn looks_for_steps_that_commute(&self) -> bool {
        self.setup.workers <= WORKERS_MAX && self.setup.programs.length_max() <= LENGTH_MAX
    }

    /// The first move that changes nothing that a reader sees and commutes with every other step; `None`: there is none.
    pub(super) fn first_that_commutes(&self, state: &State) -> Option<Move> {
        if self.recovers(state) {
            return None;
        }
        let control = self.control(state.control);
        *control.first_that_commutes.get_or_init(|| {
            let of = |number: usize| self.commutes(state.control, number).then_some(control.moves[number].0);
            (0..control.moves.len()).find_map(of)
        })
    }

    /// Whether move `number` of this control changes nothing that a reader sees, and commutes with every step that can come
    /// before it.
    fn commutes(&self, control: u32, number: usize) -> bool {
        let before = self.control(control);
        let (step, after, _) = before.moves[number];
        if !matches!(step, Move::Take(_) | Move::Finish(_)) {
            return false;
        }
        self.commuting.get((control, number), || {
            is_unseen(before, self.control(after)) && {
                let then = self.steps(after);
                self.steps(control).into_iter().all(|(does, next)| {
                    let is_itself = next == after && does == Does::Moves(discriminant(&step), None);
                    is_itself || self.joins((does, next), step, &then)
                })
            }
        })
    }

    /// Whether another step, which leads to the control `next`, and `step` can be taken in either order with the same result.
    /// `then`: the steps that are possible after `step`.
    fn joins(&self, (does, next): (Does, u32), step: Move, then: &[(Does, u32)]) -> bool {
        let moves = &self.control(next).moves;
        let is_join = |(number, (later, end, _)): (usize, &(Move, u32, Option<u32>))| {
            discriminant(later) == discriminant(&step)
                && then.contains(&(does, *end))
                && self.commutes(next, number)
        };
        moves.iter().enumerate().any(is_join)
    }

    /// All steps of a control except crashes: its moves, and the admission of each entry that may come next in some program.
    fn steps(&self, control: u32) -> Vec<(Does, u32)> {
        let facts = self.control(control);
        let moves =
            facts.moves.iter().map(|(step, next, task)| (Does::Moves(discriminant(step), *task), *next));
        let next = usize::try_from(facts.admitted.next().0).unwrap_or(usize::MAX);
        let admitted = |&place: &ProgramIndex| match self.admission(control, place) {
            Admitted::Next(next) => Some((Does::Admits(place), next)),
            Admitted::Waits | Admitted::Refused(_) => None,
        };
        moves.chain(self.next_entries.get(next).into_iter().flatten().filter_map(admitted)).collect()
    }
}

/// Whether the step between these controls changes nothing that a reader sees, and commits no fault.
fn is_unseen(before: &ControlFacts, after: &ControlFacts) -> bool {
    after.fault.is_none()
        && (before.readers_are_in, before.cutting, before.admitted, before.to_recover)
            == (after.readers_are_in, after.cutting, after.admitted, after.to_recover)
}
