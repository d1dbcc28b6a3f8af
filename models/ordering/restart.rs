//! Restart — a crash, the data that it leaves, and the recovery of a replica from its log before its pool starts.

use super::Machine;
use super::control::{Control, Task, started};
use super::model::{OrderingModel, Position, State};
use crate::binlog::Lsn;
use crate::ordering::Job;

impl<O: Machine> OrderingModel<O> {
    /// The control of a replica that has just started (see [`started`]).
    pub(super) fn fresh_control(&self, published: Lsn, tail: Option<Lsn>, may_crash: bool) -> u32 {
        let workers = self.setup.workers;
        let control = Control::new((self.new)(workers), workers, started(published, tail), may_crash);
        self.controls.number(control)
    }

    /// Whether the replica has started and not yet applied all of its log.
    pub fn recovers(&self, state: &State) -> bool {
        self.control(state.control).admitted < self.setup.programs.length(state.place)
    }

    /// Whether the replica may be killed now.
    pub(super) fn may_crash(&self, state: &State) -> bool {
        let control = self.control(state.control);
        let caught_up = control.is_quiet() && control.published == control.admitted;
        let nothing_to_lose = state.place == 0;
        state.crashes_left > 0 && !nothing_to_lose && (!self.setup.crash_when_quiet || caught_up)
    }

    /// The replica is killed and starts: of its batches the first so many had been flushed.
    pub(super) fn crashed(&self, state: &State, flushed_batches: u16) -> Option<State> {
        let lost = self.data(state.data).batches.checked_sub(flushed_batches)?;
        let mut flushed = state.data;
        for _ in 0..lost {
            flushed = self.datas.value(flushed).before?;
        }
        let left = self.datas.value(flushed);
        let crashes_left = state.crashes_left - 1;
        let data = self.datas.number(left.survived());
        let length = self.setup.programs.length(state.place);
        let goes_on_after = match self.setup.position {
            Position::Marker | Position::BehindBatch => left.marker(),
            Position::Received => self.control(state.control).admitted,
            Position::AheadOfBatch => left.marker().next().min(length),
        };
        let tail = (!self.setup.reads_after_crash).then_some(length);
        let control = self.fresh_control(goes_on_after, tail, crashes_left > 0);
        Some(State { control, data, published: data, crashes_left, ..*state })
    }

    /// The next `count` entries of the log are applied as one batch. Gives the state, and whether an entry was written a
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
