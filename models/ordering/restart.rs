//! Restart — a crash, the data that survive it, and the replica's recovery from its log before its worker pool starts.

use super::Machine;
use super::action::Action;
use super::control::{Control, Task, started};
use super::model::{OrderingModel, Position, State};
use crate::binlog::Lsn;
use crate::ordering::Job;

impl<O: Machine> OrderingModel<O> {
    /// The number of the control of a replica that has just started (see [`started`]) with a log that ends with entry
    /// `log`.
    pub(super) fn fresh_control(&self, published: Lsn, tail: Option<Lsn>, log: Lsn, may_crash: bool) -> u32 {
        let workers = self.setup.workers;
        let control = Control::new((self.new)(workers), workers, started(published, tail), log, may_crash);
        self.controls.number(control)
    }

    /// Whether the replica has started and has not yet applied all of its log.
    pub fn recovers(&self, state: &State) -> bool {
        self.control(state.control).to_recover > 0
    }

    /// Whether the replica may be killed in this state.
    pub(super) fn may_crash(&self, state: &State) -> bool {
        let control = self.control(state.control);
        let caught_up = control.is_quiet() && control.published == control.admitted;
        let nothing_to_lose = state.place == 0;
        state.crashes_left > 0 && !nothing_to_lose && (!self.setup.crash_when_quiet || caught_up)
    }

    /// Adds the crashes that are possible: first those that leave the log whole.
    pub(super) fn crashes(&self, state: &State, actions: &mut Vec<Action>) {
        let batches = self.data(state.data).batches;
        actions.extend((0..=batches).map(|flushed| Action::Crash(flushed, 0)));
        if !self.setup.tail_may_be_lost {
            return;
        }
        for flushed in 0..=batches {
            let held = self.left(state, flushed).map_or(Lsn::NONE, |left| self.datas.value(left).marker());
            let beyond = self.control(state.control).admitted.0.saturating_sub(held.0);
            let beyond = u16::try_from(beyond).unwrap_or(u16::MAX);
            actions.extend((1..=beyond).map(|lost| Action::Crash(flushed, lost)));
        }
    }

    /// The number of the data that a crash leaves if the first `flushed_batches` batches had been flushed.
    fn left(&self, state: &State, flushed_batches: u16) -> Option<u32> {
        let lost = self.data(state.data).batches.checked_sub(flushed_batches)?;
        let mut left = state.data;
        for _ in 0..lost {
            left = self.datas.value(left).before?;
        }
        Some(left)
    }

    /// The state after the replica was killed and started again: of its batches the first `flushed_batches` had been
    /// flushed, and the last `lost` entries of its log are lost.
    pub(super) fn crashed(&self, state: &State, flushed_batches: u16, lost: u16) -> Option<State> {
        let left = self.datas.value(self.left(state, flushed_batches)?);
        let crashes_left = state.crashes_left - 1;
        let data = self.datas.number(left.survived());
        let length = self.setup.programs.length(state.place);
        let goes_on_after = match self.setup.position {
            Position::Marker | Position::BehindBatch | Position::WithFirstPart => left.marker(),
            Position::Received => self.control(state.control).admitted,
            Position::AheadOfBatch => left.marker().next().min(length),
        };
        let tail = (!self.setup.reads_after_crash).then_some(length);
        let log = Lsn(length.0.checked_sub(lost.into())?);
        let control = self.fresh_control(goes_on_after, tail, log, crashes_left > 0);
        Some(State { control, data, published: data, crashes_left, ..*state })
    }

    /// Applies the next `count` entries of the log as one batch. Returns the state, and whether an entry was written a
    /// second time.
    pub(super) fn recovered(&self, state: &State, count: u16) -> (State, bool) {
        let control = self.controls.value(state.control);
        let from = control.applier.admitted();
        let to = Lsn(from.0 + u64::from(count));
        let task = self.tasks.number(Task { job: Job::run(from.next(), to), marker: None });
        let (data, repeats) = self.written(state, task);
        let control = self.controls.number(control.recovered((self.new)(self.setup.workers), to));
        (State { control, data, published: data, ..*state }, repeats)
    }
}
