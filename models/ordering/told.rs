//! A step of the ordering model as a deed.

use super::Machine;
use super::action::{Action, Move};
use super::control::Control;
use super::drawn::{carried, held, new_job, recovered};
use super::log::WrongLog;
use super::model::{OrderingModel, State};
use crate::apply::Worker;
use crate::binlog::Lsn;
use crate::models::story::{Carried, Deed, Entrance, Entry, Logged, Work};
use crate::node::Readers;
use crate::ordering::Job;

/// What is done.
pub(super) fn deed<O: Machine>(
    model: &OrderingModel<O>,
    state: &State,
    action: Action,
    next: &State,
) -> Deed {
    let before = model.controls.value(state.control);
    let after = model.controls.value(next.control);
    let in_hand = |worker: u8| held(before, worker).map(|job| work(model, state, job)).unwrap_or_default();
    match action {
        Action::Command(_) => {
            let program = model.setup().programs.at(next.place);
            let lsn = model.setup().programs.length(next.place);
            let requests = program.request.clone().into_iter().collect();
            match &program.wrong {
                None => Deed::Send { requests, logged: Logged::Received(Entry::numbered(lsn)) },
                Some(wrong) => received_wrong(wrong, lsn),
            }
        }
        Action::Recover(_) => Deed::Recover(work(model, state, &recovered(before, after))),
        Action::Resend => Deed::Resend(entry(model, state, after.applier.admitted())),
        Action::Move(Move::Take(_)) => {
            let taken = new_job(before, after).map(|job| work(model, state, job));
            Deed::Take(taken.unwrap_or_default())
        }
        Action::Move(Move::Begin(number)) => {
            Deed::Begin { work: in_hand(number), marker: Some(marker(before, number)) }
        }
        Action::Move(Move::Write(number)) => {
            Deed::Write { work: in_hand(number), marker: Some(marker(before, number)) }
        }
        Action::Move(Move::Finish(number)) => {
            Deed::Finish { work: in_hand(number), applied: after.applier.watermark() }
        }
        Action::Move(Move::Cut) => Deed::Cut(Some(after.applier.admitted())),
        Action::Move(Move::Publish) => Deed::Publish(after.replica.published()),
        Action::Crash(flushed, lost) => {
            let readers = match after.replica.readers() {
                Readers::WaitFor(entry) => Some(Entrance::After(entry)),
                _ => model.setup().reads_after_crash.then_some(Entrance::AtOnce),
            };
            Deed::Crash { flushed, lost, after: Some(after.applier.watermark()), readers }
        }
    }
}

/// What is done where entry `lsn` of a log that went wrong is received.
fn received_wrong(wrong: &WrongLog, lsn: Lsn) -> Deed {
    let carries = wrong.carries.as_ref().map_or(Carried::Nothing, Carried::request);
    let entry = Entry { lsn, carries: Some(carries) };
    let send = |entry| Deed::Send { requests: wrong.newly_run.clone(), logged: Logged::Received(entry) };
    match wrong.newly_run.as_slice() {
        [] => Deed::LogLate(entry),
        [only] if Some(only) == wrong.carries.as_ref() => send(Entry::numbered(lsn)),
        _ => send(entry),
    }
}

/// The marker of a worker that writes, or begins to.
fn marker<O: Machine>(before: &Control<O>, worker: u8) -> Lsn {
    let worker = usize::from(worker);
    match before.applier.workers()[worker] {
        Worker::Writing(_, marker) => marker,
        _ => before.applier.clone().begin(worker).unwrap_or_default(),
    }
}

fn entry<O: Machine>(model: &OrderingModel<O>, state: &State, lsn: Lsn) -> Entry {
    Entry { lsn, carries: Some(carried(model, state, lsn)) }
}

fn work<O: Machine>(model: &OrderingModel<O>, state: &State, job: &Job) -> Work {
    Work { entries: job.lsns.iter().map(|&lsn| entry(model, state, lsn)).collect(), part: job.part.clone() }
}
