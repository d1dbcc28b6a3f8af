//! Told — a step of the ordering model in words.

use super::Machine;
use super::action::{Action, Move};
use super::control::Control;
use super::drawn::{held, name, new_job, recovered};
use super::log::WrongLog;
use super::model::{OrderingModel, State};
use crate::apply::Worker;
use crate::binlog::Lsn;
use crate::node::Readers;
use crate::ordering::Job;

/// The actor of a step and what it does, in words.
pub(super) fn told<O: Machine>(
    model: &OrderingModel<O>,
    state: &State,
    action: Action,
    next: &State,
    names: &[usize],
) -> (String, String) {
    let programs = &model.setup().programs;
    let before = model.controls.value(state.control);
    let after = model.controls.value(next.control);
    let worker = |place: u8| format!("worker {}", names[usize::from(place)]);
    match action {
        Action::Command(_) => {
            let program = programs.at(next.place);
            let command = program.command.as_ref().map(ToString::to_string).unwrap_or_default();
            let entry = programs.length(next.place);
            match &program.wrong {
                None => {
                    let received = format!("the replica receives it as entry {entry}");
                    ("client".to_owned(), format!("{command} on the master; {received}"))
                }
                Some(wrong) => received_wrong(wrong, entry),
            }
        }
        Action::Recover(_) => {
            let batch = recovered(before, after);
            let entries = if batch.lsns.len() > 1 { "entries" } else { "entry" };
            ("replica".to_owned(), format!("applies {entries} {} of its log", job(model, state, &batch)))
        }
        Action::Resend => {
            let entry = after.applier.admitted();
            ("master".to_owned(), format!("sends entry {entry} ({}) again", name(model, state, entry)))
        }
        Action::Move(Move::Take(number)) => {
            (worker(number), format!("takes {}", in_hand(model, state, before, after)))
        }
        Action::Move(Move::Begin(number)) => (worker(number), begin(model, state, before, number)),
        Action::Move(Move::Write(number)) => (worker(number), write(model, state, before, number)),
        Action::Move(Move::Finish(number)) => (worker(number), finish(model, state, before, after, number)),
        Action::Move(Move::Cut) => {
            let cut = after.applier.admitted();
            ("replica".to_owned(), format!("closes admission at entry {cut} to publish a snapshot"))
        }
        Action::Move(Move::Publish) => {
            ("replica".to_owned(), format!("publishes a snapshot at entry {}", after.replica.published()))
        }
        Action::Crash(flushed, lost) => ("replica".to_owned(), crash(model, next, flushed, lost)),
    }
}

/// The actor and the words for a step in which the replica receives entry `entry` of a log that went wrong.
fn received_wrong(wrong: &WrongLog, entry: Lsn) -> (String, String) {
    let received = format!("the replica receives as entry {entry}: {}", wrong.carries);
    match wrong.newly_run.as_slice() {
        [only] if *only == wrong.carries => {
            ("client".to_owned(), format!("{only} on the master; the replica receives it as entry {entry}"))
        }
        [] => ("master".to_owned(), format!("logs {} only now; {received}", wrong.carries)),
        newly_run => {
            ("client".to_owned(), format!("{} on the master; {received}", newly_run.join(", then ")))
        }
    }
}

/// The job that a worker holds after a take and did not hold before, in words.
fn in_hand<O: Machine>(
    model: &OrderingModel<O>,
    state: &State,
    before: &Control<O>,
    after: &Control<O>,
) -> String {
    new_job(before, after).map_or("a job".to_owned(), |new| job(model, state, new))
}

/// The batch that a worker begins to write, and its marker, in words.
fn begin<O: Machine>(model: &OrderingModel<O>, state: &State, before: &Control<O>, worker: u8) -> String {
    let Some(begun) = held(before, worker) else { return "begins".to_owned() };
    format!("begins to write {}, marker {}", job(model, state, begun), marker(before, worker))
}

fn write<O: Machine>(model: &OrderingModel<O>, state: &State, before: &Control<O>, worker: u8) -> String {
    let Some(written) = held(before, worker) else { return "writes".to_owned() };
    format!("writes {}, marker {}", job(model, state, written), marker(before, worker))
}

/// The marker of a worker that writes, or that is about to begin.
fn marker<O: Machine>(before: &Control<O>, worker: u8) -> Lsn {
    let worker = usize::from(worker);
    match before.applier.workers()[worker] {
        Worker::Writing(_, marker) => marker,
        _ => before.applier.clone().begin(worker).unwrap_or_default(),
    }
}

fn finish<O: Machine>(
    model: &OrderingModel<O>,
    state: &State,
    before: &Control<O>,
    after: &Control<O>,
    worker: u8,
) -> String {
    let Some(done) = held(before, worker) else { return "is done".to_owned() };
    let done = job(model, state, done);
    match after.applier.watermark() {
        Lsn(0) => format!("is done with {done}; entry 1 is not applied yet"),
        low => format!("is done with {done}; all up to entry {low} is applied"),
    }
}

fn crash<O: Machine>(model: &OrderingModel<O>, next: &State, flushed: u16, lost: u16) -> String {
    let marker = model.controls.value(next.control).applier.watermark();
    let batches = match flushed {
        0 => "nothing of the store had been flushed".to_owned(),
        1 => "the first batch had been flushed".to_owned(),
        count => format!("the first {count} batches had been flushed"),
    };
    let readers = if let Readers::WaitFor(entry) = model.controls.value(next.control).replica.readers() {
        format!("; readers wait for entry {entry}")
    } else if model.setup().reads_after_crash {
        "; readers are let in at once".to_owned()
    } else {
        String::new()
    };
    let log = match lost {
        0 => String::new(),
        1 => "; the last entry of its log is lost".to_owned(),
        lost => format!("; the last {lost} entries of its log are lost"),
    };
    format!("is killed and starts again; {batches}{log}; it goes on after entry {marker}{readers}")
}

fn job<O: Machine>(model: &OrderingModel<O>, state: &State, job: &Job) -> String {
    let entries: Vec<String> =
        job.lsns.iter().map(|&lsn| format!("{lsn} ({})", name(model, state, lsn))).collect();
    let part = job.part.as_ref().map(|key| format!(", its part for {key}")).unwrap_or_default();
    format!("{}{part}", entries.join(" and "))
}
