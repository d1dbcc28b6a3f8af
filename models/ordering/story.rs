//! A path through the ordering model in words.

use super::Machine;
use super::control::{Control, Move, Phase};
use super::log::WrongLog;
use super::model::{Action, OrderingModel, State};
use crate::binlog::Lsn;
use crate::effect::Key;
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
    // Where a state keeps its workers sorted, a worker's place changes: this is who stands where.
    let mut names: Vec<usize> = (0..model.setup().workers).collect();
    for action in path {
        let next = model.next_state(&state, *action).expect("a path of this model");
        let after = named_after(model, &state, *action, &next, &names);
        story.steps.push(step(model, &state, *action, &next, (&names, &after)));
        names = after;
        (seen, state) = (state, next);
    }
    let programs = &model.setup().programs;
    let sent = || programs.commands(state.place).map(ToString::to_string).collect();
    story.program = programs.at(state.place).wrong.as_ref().map_or_else(sent, |wrong| wrong.run.clone());
    story.keys = keys(model, &state);
    story.conclusion = conclusion(model, &seen, &state);
    story
}

/// Who stands where after a step.
fn named_after<O: Machine>(
    model: &OrderingModel<O>,
    state: &State,
    action: Action,
    next: &State,
    names: &[usize],
) -> Vec<usize> {
    let Action::Move(step @ (Move::Take(_) | Move::Write(_) | Move::Finish(_))) = action else {
        return names.to_vec();
    };
    let sorted = &model.controls.value(next.control).workers;
    let unsorted = model.controls.value(state.control).moves(false);
    let Some((_, unsorted, _)) = unsorted.into_iter().find(|(possible, _, _)| *possible == step) else {
        return names.to_vec();
    };
    if unsorted.workers == *sorted {
        return names.to_vec();
    }
    let mut places: Vec<usize> = (0..names.len()).collect();
    places.sort_by_key(|&place| &unsorted.workers[place]);
    places.into_iter().map(|place| names[place]).collect()
}

fn step<O: Machine>(
    model: &OrderingModel<O>,
    state: &State,
    action: Action,
    next: &State,
    (names, names_after): (&[usize], &[usize]),
) -> Step {
    let programs = &model.setup().programs;
    let before = model.controls.value(state.control);
    let after = model.controls.value(next.control);
    let worker = |place: u8| format!("worker {}", names[usize::from(place)]);
    let (who, what) = match action {
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
        Action::Move(Move::Write(number)) => (worker(number), write(model, state, before, next, number)),
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
    Step { who, what, log: log(model, next), lanes: lanes(model, next, names_after), keys: keys(model, next) }
}

/// Who does what where entry `entry` of a log that went wrong is received.
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

fn write<O: Machine>(
    model: &OrderingModel<O>,
    state: &State,
    before: &Control<O>,
    next: &State,
    worker: u8,
) -> String {
    match &before.workers[usize::from(worker)] {
        Phase::Taken(task) => {
            let marker = model.datas.value(next.data).marker();
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
        Phase::Written(done) => {
            let done = job(model, state, done);
            match after.applier.watermark() {
                Lsn(0) => format!("is done with {done}; entry 1 is not applied yet"),
                low => format!("is done with {done}; all up to entry {low} is applied"),
            }
        }
        _ => "is done".to_owned(),
    }
}

fn crash<O: Machine>(model: &OrderingModel<O>, next: &State, flushed: u16) -> String {
    let marker = model.controls.value(next.control).applier.watermark();
    let batches = match flushed {
        0 => "nothing of the store had been flushed".to_owned(),
        1 => "the first batch had been flushed".to_owned(),
        count => format!("the first {count} batches had been flushed"),
    };
    let readers = if next.opens_at > 0 {
        format!("; readers wait for entry {}", next.opens_at)
    } else if model.setup().reads_after_crash {
        "; readers are let in at once".to_owned()
    } else {
        String::new()
    };
    format!("is killed and starts again; {batches}; it goes on after entry {marker}{readers}")
}

/// An entry's command.
fn name<O: Machine>(model: &OrderingModel<O>, state: &State, lsn: Lsn) -> String {
    let commands = &model.setup().programs;
    let program = commands.at(commands.prefix(state.place, lsn));
    let logged = || program.command.as_ref().map(ToString::to_string).unwrap_or_default();
    program.wrong.as_ref().map_or_else(logged, |wrong| wrong.carries.clone())
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

fn lanes<O: Machine>(model: &OrderingModel<O>, state: &State, names: &[usize]) -> Vec<String> {
    let control = model.controls.value(state.control);
    let lane = |phase: &Phase| match phase {
        Phase::Idle => "idle".to_owned(),
        Phase::Taken(task) => format!("holds {}", short(&task.job)),
        Phase::Written(job) => format!("wrote {}", short(job)),
    };
    let mut lanes: Vec<(usize, String)> =
        names.iter().copied().zip(control.workers.iter().map(lane)).collect();
    lanes.sort();
    lanes.into_iter().map(|(name, lane)| format!("w{name} {lane}")).collect()
}

fn short(job: &Job) -> String {
    let entries: Vec<String> = job.lsns().map(|lsn| lsn.to_string()).collect();
    let part = job.part.as_ref().map(|key| format!(" ({key})")).unwrap_or_default();
    format!("{}{part}", entries.join("+"))
}

/// The keys of both nodes, each with the entry that wrote it: values may be equal where versions are not.
fn keys<O: Machine>(model: &OrderingModel<O>, state: &State) -> Vec<KeyRow> {
    let program = model.setup().programs.at(state.place);
    let replica = model.datas.value(state.data);
    let written = |versions: &Versions, key: &Key, holds: &str| match holds {
        "-" => "-".to_owned(),
        holds => format!("{holds}, by entry {}", versions.of(key)),
    };
    let rows = key_rows(&program.dump, &replica.dump(), None);
    let with_versions = rows.into_iter().map(|(key, row)| {
        let master = written(&program.versions, &key, &row.master);
        let here = written(&replica.versions, &key, &row.replica);
        KeyRow { differs: row.differs || master != here, master, replica: here, ..row }
    });
    with_versions.collect()
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
        words += &format!(" A reader of {where_from} saw {saw}, and now sees {sees}.");
    }
    words
}

fn versions(versions: &Versions) -> String {
    let named = versions.keys().map(|key| format!("{key} as entry {} left it", versions.of(key)));
    let named: Vec<String> = named.collect();
    match (named.is_empty(), versions.others()) {
        (true, Lsn(0)) => "no key written".to_owned(),
        (true, others) => format!("all keys as entry {others} left them"),
        (false, Lsn(0)) => format!("{}, no other key written", named.join(", ")),
        (false, others) => format!("{}, all others as entry {others} left them", named.join(", ")),
    }
}
