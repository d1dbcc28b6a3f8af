//! Drawn — a step of the ordering model as arrows and signs, and what each lane holds after it.

use super::Machine;
use super::action::{Action, Move};
use super::control::Control;
use super::model::{OrderingModel, State};
use crate::apply::Worker;
use crate::binlog::Lsn;
use crate::effect::KeySet;
use crate::models::story::{Arrow, Carried, Holding, Holds, Lane, Mark, Sign, Step};
use crate::ordering::Job;
use std::collections::BTreeMap;

/// How often each entry, or parts of it, was taken since the replica started.
#[derive(Default)]
pub(super) struct Taken(BTreeMap<Lsn, (usize, bool)>);

impl Taken {
    pub fn note<O: Machine>(
        &mut self,
        model: &OrderingModel<O>,
        state: &State,
        action: Action,
        next: &State,
    ) {
        match action {
            Action::Crash(..) => self.0.clear(),
            Action::Move(Move::Take(_)) => {
                let before = model.controls.value(state.control);
                let after = model.controls.value(next.control);
                if let Some(job) = new_job(before, after) {
                    for &lsn in &job.lsns {
                        let (times, in_parts) = self.0.entry(lsn).or_default();
                        (*times, *in_parts) = (*times + 1, job.part.is_some());
                    }
                }
            }
            _ => {}
        }
    }

    /// Whether all of an entry that touches `keys` keys was taken.
    fn has(&self, lsn: Lsn, keys: usize) -> bool {
        self.0.get(&lsn).is_some_and(|(times, in_parts)| !in_parts || *times >= keys)
    }
}

/// The names of the workers by place, after a step: sorting may have moved workers to other places.
pub(super) fn named_after<O: Machine>(
    model: &OrderingModel<O>,
    state: &State,
    action: Action,
    next: &State,
    names: &[usize],
) -> Vec<usize> {
    let Action::Move(step @ (Move::Take(_) | Move::Begin(_) | Move::Write(_) | Move::Finish(_))) = action
    else {
        return names.to_vec();
    };
    let sorted = model.controls.value(next.control).applier.workers();
    let unsorted = model.controls.value(state.control).moves(false);
    let Some((_, unsorted, _)) = unsorted.into_iter().find(|(possible, _, _)| *possible == step) else {
        return names.to_vec();
    };
    let unsorted = unsorted.applier.workers();
    if unsorted == sorted {
        return names.to_vec();
    }
    let mut places: Vec<usize> = (0..names.len()).collect();
    places.sort_by_key(|&place| &unsorted[place]);
    places.into_iter().map(|place| names[place]).collect()
}

/// The arrows and signs of a step, and the lane that acts; the caller fills in the rest.
pub(super) fn drawn<O: Machine>(
    model: &OrderingModel<O>,
    state: &State,
    action: Action,
    next: &State,
    names: &[usize],
) -> Step {
    let before = model.controls.value(state.control);
    let after = model.controls.value(next.control);
    let worker = |place: u8| Lane::Worker(names[usize::from(place)]);
    let in_hand = |place: u8| held(before, place).map(short);
    let arrow = |from, to, label: Option<String>| Arrow {
        from,
        to,
        carries: label.into_iter().collect(),
        left_in: None,
    };
    let (lane, arrows, sign) = match action {
        Action::Command(_) => {
            let entry = model.setup().programs.length(next.place).to_string();
            let is_run = model
                .setup()
                .programs
                .at(next.place)
                .wrong
                .as_ref()
                .is_none_or(|wrong| !wrong.newly_run.is_empty());
            let received = arrow(Lane::Master, Lane::Log, Some(entry));
            match is_run {
                true => (Lane::Client, vec![arrow(Lane::Client, Lane::Master, None), received], None),
                false => (Lane::Master, vec![received], None),
            }
        }
        Action::Recover(_) => {
            let batch = short(&recovered(before, after));
            (Lane::Log, vec![arrow(Lane::Log, Lane::Replica, Some(batch))], Some(Sign::Again))
        }
        Action::Resend => {
            let entry = after.applier.admitted().to_string();
            (Lane::Master, vec![arrow(Lane::Master, Lane::Log, Some(entry))], None)
        }
        Action::Move(Move::Take(number)) => {
            let label = new_job(before, after).map(short);
            (worker(number), vec![arrow(Lane::Log, worker(number), label)], None)
        }
        Action::Move(Move::Begin(number)) => (worker(number), Vec::new(), None),
        Action::Move(Move::Write(number)) => {
            (worker(number), vec![arrow(worker(number), Lane::Replica, in_hand(number))], None)
        }
        Action::Move(Move::Finish(number)) => {
            (worker(number), vec![arrow(worker(number), Lane::Log, None)], None)
        }
        Action::Move(Move::Cut) => (Lane::Log, Vec::new(), Some(Sign::Cut)),
        Action::Move(Move::Publish) => (Lane::Replica, Vec::new(), Some(Sign::Publish)),
        Action::Crash(..) => {
            let workers = names.iter().map(|&name| Lane::Worker(name));
            let all = [Lane::Log].into_iter().chain(workers).chain([Lane::Replica]);
            let marks = all.map(|lane| Mark { lane, sign: Sign::Down }).collect();
            return Step { lane: Some(Lane::Replica), marks, ..Step::default() };
        }
    };
    let marks = sign.map(|sign| Mark { lane, sign }).into_iter().collect();
    Step { lane: Some(lane), arrows, marks, ..Step::default() }
}

/// The batch that a recovery step applied.
pub(super) fn recovered<O: Machine>(before: &Control<O>, after: &Control<O>) -> Job {
    Job::run(before.applier.admitted().next(), after.applier.admitted())
}

/// The job of a worker.
pub(super) fn held<O: Machine>(control: &Control<O>, worker: u8) -> Option<&Job> {
    control.applier.workers().get(usize::from(worker)).and_then(Worker::job)
}

/// The new job of the worker that has just taken one.
pub(super) fn new_job<'a, O: Machine>(before: &Control<O>, after: &'a Control<O>) -> Option<&'a Job> {
    let before = before.applier.workers();
    // No two workers hold the same job, because a job is in flight only once.
    after.applier.workers().iter().find(|worker| !before.contains(worker)).and_then(Worker::job)
}

pub(super) fn log<O: Machine>(model: &OrderingModel<O>, state: &State) -> Vec<String> {
    let length = model.setup().programs.length(state.place).0;
    let line = |lsn| format!("{lsn} {}", carried(model, state, Lsn(lsn)));
    (1..=length).map(line).collect()
}

/// The entries in the log that no worker has taken, and the content of each worker.
pub(super) fn holds<O: Machine>(
    model: &OrderingModel<O>,
    state: &State,
    names: &[usize],
    taken: &Taken,
) -> Vec<Holds> {
    let control = model.controls.value(state.control);
    let moves = control.moves(false);
    let may_write = |place: usize| control.fault.is_none() && control.applier.may_begin(place);
    let worker = |(place, worker): (usize, &Worker)| {
        let (state, label) = match worker {
            Worker::Idle => (Holding::Idle, String::new()),
            Worker::Taken(job) if may_write(place) => (Holding::Held, short(job)),
            Worker::Taken(job) => (Holding::Waits, short(job)),
            Worker::Writing(job, _) => (Holding::Held, short(job)),
            Worker::Written(job) => (Holding::Written, short(job)),
        };
        Holds { lane: Lane::Worker(names[place]), state, label }
    };
    let programs = &model.setup().programs;
    let received = Lsn(control.applier.admitted().0 + control.to_recover());
    let keys = |lsn| match &*programs.entry(state.place, lsn).1.keys {
        KeySet::Keys(keys) => keys.len(),
        KeySet::Everything => 1,
    };
    let untaken = (1..=received.0).map(Lsn).filter(|&lsn| {
        lsn > control.applier.admitted() || !(control.applier.is_finished(lsn) || taken.has(lsn, keys(lsn)))
    });
    let untaken: Vec<Lsn> = untaken.collect();
    let is_admitted = untaken.first().is_some_and(|&lsn| lsn <= control.applier.admitted());
    let is_free = control.applier.workers().contains(&Worker::Idle);
    let may_take = moves.iter().any(|(step, _, _)| matches!(step, Move::Take(_)));
    let log = match untaken.is_empty() {
        true => Holding::Idle,
        false if is_admitted && is_free && !may_take => Holding::Waits,
        false => Holding::Lies,
    };
    let label = untaken.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let log = Holds { lane: Lane::Log, state: log, label };
    let mut workers: Vec<Holds> = control.applier.workers().iter().enumerate().map(worker).collect();
    workers.sort_by_key(|holds| holds.lane);
    [log].into_iter().chain(workers).collect()
}

pub(super) fn short(job: &Job) -> String {
    let entries: Vec<String> = job.lsns.iter().map(|&lsn| lsn.to_string()).collect();
    let part = job.part.as_ref().map(|key| format!(" ({key})")).unwrap_or_default();
    format!("{}{part}", entries.join("+"))
}

/// What an entry carries.
pub(super) fn carried<O: Machine>(model: &OrderingModel<O>, state: &State, lsn: Lsn) -> Carried {
    let programs = &model.setup().programs;
    let program = programs.at(programs.prefix(state.place, lsn));
    let logged = match &program.wrong {
        None => &program.request,
        Some(wrong) => &wrong.carries,
    };
    logged.as_ref().map_or(Carried::Nothing, Carried::request)
}
