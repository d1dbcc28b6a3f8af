//! Seen — what stories, replay and routes ask about a state.

use super::Machine;
use super::action::Move;
use super::model::{OrderingModel, State};
use crate::apply::Worker;
use crate::binlog::Lsn;
use crate::ordering::Job;
use crate::store::Dump;

impl<O: Machine> OrderingModel<O> {
    pub(super) fn note_route(&self, state: &State, step: Move, after: u32) {
        let (Some(routes), Move::Take(worker)) = (&self.setup.routes, step) else { return };
        let workers = self.controls.value(after).applier.workers();
        if let Some(Worker::Taken(job)) = workers.get(usize::from(worker)) {
            for &lsn in job.lsns.iter().filter(|&&lsn| lsn <= self.setup.programs.length(state.place)) {
                routes.note(&self.setup.programs.entry(state.place, lsn).1.keys, worker);
            }
        }
    }

    /// The job that a worker has taken and not written yet.
    pub fn in_hand(&self, state: &State, worker: u8) -> Option<&Job> {
        match self.controls.value(state.control).applier.workers().get(usize::from(worker))? {
            Worker::Taken(job) | Worker::Writing(job, _) => Some(job),
            Worker::Idle | Worker::Written(_) => None,
        }
    }

    /// The job that a worker has written and not reported as finished yet.
    pub fn unfinished(&self, state: &State, worker: u8) -> Option<&Job> {
        match self.controls.value(state.control).applier.workers().get(usize::from(worker))? {
            Worker::Written(job) => Some(job),
            Worker::Idle | Worker::Taken(_) | Worker::Writing(..) => None,
        }
    }

    /// Whether readers of the replica are let in.
    pub fn lets_readers_in(&self, state: &State) -> bool {
        self.control(state.control).readers_are_in
    }

    /// Whether a snapshot can be published and is not published yet.
    pub fn publication_is_due(&self, state: &State) -> bool {
        self.control(state.control).moves.iter().any(|(step, _, _)| *step == Move::Publish)
    }

    /// The state that readers of the replica see.
    pub fn given(&self, state: &State) -> &Dump {
        &self.data(state.published).dump
    }

    /// The state that they would see if nothing had been applied twice.
    pub fn given_once(&self, state: &State) -> Dump {
        let facts = self.data(state.published);
        facts.once.as_ref().unwrap_or(&facts.dump).clone()
    }

    /// The watermark: the highest L with all entries ≤ L written. Right after a crash: the entry after which the replica
    /// resumes its log.
    pub fn watermark(&self, state: &State) -> Lsn {
        self.control(state.control).watermark
    }
}
