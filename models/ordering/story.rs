//! A path through the ordering model in words.

use super::Machine;
use super::control::{Control, Move, Phase};
use super::model::{Action, OrderingModel, State};
use crate::binlog::Lsn;
use crate::invariant::Versions;
use crate::models::judged::{InvariantSet, Judged};
use crate::models::story::{KeyRow, Step, Story, key_rows};
use crate::ordering::{Job, Reads};
use stateright::Model;

/// Tells the path that takes these actions. Panics: if the path does not exist.
pub(super) fn tell<O: Machine>(model: &OrderingModel<O>, path: &[Action]) -> Story {
    let mut state = model.init_states()[0];
    let mut story = Story::default();
    let mut seen = state;
    for action in path {
        let next = model.next_state(&state, *action).expect("a path of this model");
        story.steps.push(step(model, &state, *action, &next));
        (seen, state) = (state, next);
    }
    let programs = &model.setup().programs;
    story.program = programs.at(state.place).commands.iter().map(ToString::to_string).collect();
    story.keys = keys(model, &state);
    story.conclusion = conclusion(model, &seen, &state);
    story
}

fn step<O: Machine>(model: &OrderingModel<O>, state: &State, action: Action, next: &State) -> Step {
    let programs = &model.setup().programs;
    let before = model.controls.value(state.control);
    let after = model.controls.value(next.control);
    let worker = |number: u8| format!("worker {number}");
    let (who, what) = match action {
        Action::Command(_) => {
            let command = programs.at(next.place).commands.last();
            let command = command.map(ToString::to_string).unwrap_or_default();
            let entry = programs.length(next.place);
            (
                "client".to_owned(),
                format!("{command} on the master; the replica receives it as entry {entry}"),
            )
        }
        Action::Readmit => {
            let entry = after.applier.admitted();
            (
                "replica".to_owned(),
                format!("runs its log again: entry {entry} ({})", name(model, state, entry)),
            )
        }
        Action::Move(Move::Take(number)) => {
            (worker(number), format!("takes {}", in_hand(model, state, before, after)))
        }
        Action::Move(Move::Write(number)) => (worker(number), write(model, state, before, number)),
        Action::Move(Move::Finish(number)) => (worker(number), finish(model, state, before, after, number)),
        Action::Move(Move::Cut) => {
            let cut = after.applier.admitted();
            ("replica".to_owned(), format!("closes admission at entry {cut} to publish a snapshot"))
        }
        Action::Move(Move::Publish) => {
            ("replica".to_owned(), format!("publishes a snapshot at entry {}", after.published))
        }
        Action::Crash(flushed) => ("replica".to_owned(), crash(model, next, flushed)),
    };
    Step { who, what, log: log(model, next), lanes: lanes(model, next), keys: keys(model, next) }
}

/// What a worker holds after a take that it did not hold before.
fn in_hand<O: Machine>(
    model: &OrderingModel<O>,
    state: &State,
    before: &Control<O>,
    after: &Control<O>,
) -> String {
    let new = after.workers.iter().find(|phase| !before.workers.contains(phase));
    match new {
        Some(Phase::Taken(task)) => job(model, state, &task.job),
        _ => "a job".to_owned(),
    }
}

fn write<O: Machine>(model: &OrderingModel<O>, state: &State, before: &Control<O>, worker: u8) -> String {
    match &before.workers[usize::from(worker)] {
        Phase::Taken(task) => {
            let marker = task.marker.or_else(|| before.applier.marker(&task.job)).unwrap_or_default();
            format!("writes {}, marker {marker}", job(model, state, &task.job))
        }
        _ => "writes".to_owned(),
    }
}

fn finish<O: Machine>(
    model: &OrderingModel<O>,
    state: &State,
    before: &Control<O>,
    after: &Control<O>,
    worker: u8,
) -> String {
    match &before.workers[usize::from(worker)] {
        Phase::Written(done) => format!(
            "is done with {}; all up to {} is applied",
            job(model, state, done),
            after.applier.watermark()
        ),
        _ => "is done".to_owned(),
    }
}

fn crash<O: Machine>(model: &OrderingModel<O>, next: &State, flushed: u8) -> String {
    let marker = model.datas.value(next.data).marker();
    let batches = match flushed {
        0 => "nothing of the store had been flushed".to_owned(),
        1 => "the first batch had been flushed".to_owned(),
        count => format!("the first {count} batches had been flushed"),
    };
    let readers = if next.opens_at > 0 {
        format!("readers wait for entry {}", next.opens_at)
    } else {
        "readers are let in at once".to_owned()
    };
    format!("is killed and starts again; {batches}; it goes on after entry {marker}; {readers}")
}

/// An entry's command.
fn name<O: Machine>(model: &OrderingModel<O>, state: &State, lsn: Lsn) -> String {
    let commands = &model.setup().programs;
    let place = commands.prefix(state.place, lsn);
    commands.at(place).commands.last().map(ToString::to_string).unwrap_or_default()
}

fn job<O: Machine>(model: &OrderingModel<O>, state: &State, job: &Job) -> String {
    let entries: Vec<String> = job.lsns().map(|lsn| format!("{lsn} ({})", name(model, state, lsn))).collect();
    let part = job.part.as_ref().map(|key| format!(", its part for {key}")).unwrap_or_default();
    format!("{}{part}", entries.join(" and "))
}

fn log<O: Machine>(model: &OrderingModel<O>, state: &State) -> Vec<String> {
    let length = model.setup().programs.length(state.place).0;
    (1..=length).map(|lsn| format!("{lsn} {}", name(model, state, Lsn(lsn)))).collect()
}

fn lanes<O: Machine>(model: &OrderingModel<O>, state: &State) -> Vec<String> {
    let control = model.controls.value(state.control);
    let lane = |phase: &Phase| match phase {
        Phase::Idle => "idle".to_owned(),
        Phase::Taken(task) => format!("holds {}", short(&task.job)),
        Phase::Written(job) => format!("wrote {}", short(job)),
    };
    control.workers.iter().enumerate().map(|(number, phase)| format!("w{number} {}", lane(phase))).collect()
}

fn short(job: &Job) -> String {
    let entries: Vec<String> = job.lsns().map(|lsn| lsn.to_string()).collect();
    let part = job.part.as_ref().map(|key| format!(" ({key})")).unwrap_or_default();
    format!("{}{part}", entries.join("+"))
}

fn keys<O: Machine>(model: &OrderingModel<O>, state: &State) -> Vec<KeyRow> {
    let master = &model.setup().programs.at(state.place).dump;
    key_rows(master, &model.datas.value(state.data).dump(), None)
}

/// What the last step broke, in a sentence.
fn conclusion<O: Machine>(model: &OrderingModel<O>, before: &State, last: &State) -> String {
    if last.broken == InvariantSet::default() {
        return String::new();
    }
    let names: Vec<&str> = model
        .invariants()
        .iter()
        .copied()
        .enumerate()
        .filter(|(index, _)| last.broken.has(*index))
        .map(|(_, name)| name)
        .collect();
    let saw = versions(model.versions_of(before.seen));
    let sees = versions(&model.datas.value(last.published).versions);
    let control = model.controls.value(last.control);
    let all_applied =
        control.is_quiet() && control.applier.watermark() == model.setup().programs.length(last.place);
    let published = control.applier.ordering().reads() == Reads::Published;
    let mut words = format!("Broken: {}.", names.join(", "));
    if last.broken.has(0) && all_applied {
        words += " The whole log is applied, and the replica does not hold what the master holds.";
    } else if last.broken.has(0) {
        words += " Entries wait, and no worker can go on.";
    } else {
        let where_from = if published { "the published snapshot" } else { "the replica" };
        words += &format!(
            " A reader of {where_from} saw {saw} and now sees {sees} (key = number of the entry that wrote it)."
        );
    }
    words
}

fn versions(versions: &Versions) -> String {
    let named: Vec<String> = versions.keys().map(|key| format!("{key} = {}", versions.of(key))).collect();
    let others = versions.others();
    match (named.is_empty(), others) {
        (true, Lsn(0)) => "nothing written".to_owned(),
        (true, others) => format!("all keys = {others}"),
        (false, Lsn(0)) => named.join(", "),
        (false, others) => format!("{}, all others = {others}", named.join(", ")),
    }
}
