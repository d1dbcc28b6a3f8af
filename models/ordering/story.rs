//! A path through the ordering model in words.

use super::Machine;
use super::checks::{CONVERGENCE, EXACTLY_ONCE, MONOTONIC_READS, PER_KEY_ORDER, PREFIX, PROGRESS};
use super::control::{Control, Move};
use super::log::WrongLog;
use super::model::{Action, OrderingModel, Position, State};
use crate::apply::Worker;
use crate::binlog::Lsn;
use crate::command::Command;
use crate::effect::{Key, KeySet};
use crate::invariant::Versions;
use crate::models::assignment;
use crate::models::judged::{InvariantSet, Judged};
use crate::models::path::Path;
use crate::models::story::{Arrow, Holding, Holds, KeyRow, Lane, Mark, Sign, Step, Story, key_rows};
use crate::node::Readers;
use crate::ordering::{Job, Reads};
use crate::store::Dump;
use stateright::Model;
use std::collections::BTreeMap;

/// Tells the path that takes these actions. Panics: if the path does not exist.
pub(super) fn tell<O: Machine>(model: &OrderingModel<O>, path: &[Action]) -> Story {
    let mut state = model.init_states()[0];
    let mut story = Story::default();
    let mut seen = state;
    // Where a state keeps its workers sorted, a worker's place changes: this is who stands where.
    let mut names: Vec<usize> = (0..model.setup().workers).collect();
    let mut taken = Taken::default();
    for action in path {
        let next = model.next_state(&state, *action).expect("a path of this model");
        let after = named_after(model, &state, *action, &next, &names);
        taken.note(model, &state, *action, &next);
        let (who, what) = told(model, &state, *action, &next, &names);
        story.steps.push(Step {
            who,
            what,
            log: log(model, &next),
            holds: holds(model, &next, &after, &taken),
            keys: keys(model, &next),
            broken: next.broken.names(model.invariants()).into_iter().map(str::to_owned).collect(),
            ..drawn(model, &state, *action, &next, &names)
        });
        names = after;
        (seen, state) = (state, next);
    }
    let programs = &model.setup().programs;
    let sent = || programs.commands(state.place).map(ToString::to_string).collect();
    story.program = programs.at(state.place).wrong.as_ref().map_or_else(sent, |wrong| wrong.run.clone());
    story.lanes = lanes(model, &state);
    story.keys = keys(model, &state);
    story.conclusion = conclusion(model, &seen, &state);
    story.taken = path_of(model, &state, path);
    story
}

/// Which keys of the program share a lane.
fn lanes<O: Machine>(model: &OrderingModel<O>, state: &State) -> String {
    let commands: Vec<Command> = model.setup().programs.commands(state.place).cloned().collect();
    let keys = assignment::keys_of(&commands);
    if keys.is_empty() || !model.controls.value(state.control).applier.ordering().has_lanes() {
        return String::new();
    }
    let lanes = assignment::assignment_of(&keys, model.setup().workers);
    assignment::in_words(&keys, &lanes)
}

/// The path on the model of this program alone, where the command that comes next is number 0.
fn path_of<O: Machine>(model: &OrderingModel<O>, last: &State, path: &[Action]) -> Option<Path> {
    let setup = model.setup();
    let is_plain = setup.position == Position::Marker
        && !setup.tail_may_be_lost
        && setup.programs.at(last.place).wrong.is_none();
    let in_db_0 = setup.programs.commands(last.place).all(|command| command.db() == 0);
    let of_its_own = |action: &Action| match action {
        Action::Command(_) => Action::Command(0),
        action => *action,
    };
    (is_plain && in_db_0 && setup.canonical && setup.shipped_batches).then(|| Path::Ordering {
        workers: setup.workers,
        crashes_max: setup.crashes_max,
        path: path.iter().map(of_its_own).collect(),
    })
}

/// How often entries, or parts of one, were taken since the replica started.
#[derive(Default)]
struct Taken(BTreeMap<Lsn, (usize, bool)>);

impl Taken {
    fn note<O: Machine>(&mut self, model: &OrderingModel<O>, state: &State, action: Action, next: &State) {
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

    /// Whether all of an entry of so many keys was taken.
    fn has(&self, lsn: Lsn, keys: usize) -> bool {
        self.0.get(&lsn).is_some_and(|(times, in_parts)| !in_parts || *times >= keys)
    }
}

/// Who stands where after a step.
fn named_after<O: Machine>(
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

/// Who does what, in words.
fn told<O: Machine>(
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
            let batch = Job::run(before.applier.admitted().next(), after.applier.admitted());
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

/// The arrows and signs of a step, and where it is done; all else is the caller's.
fn drawn<O: Machine>(
    model: &OrderingModel<O>,
    state: &State,
    action: Action,
    next: &State,
    names: &[usize],
) -> Step {
    let before = model.controls.value(state.control);
    let after = model.controls.value(next.control);
    let worker = |place: u8| Lane::Worker(names[usize::from(place)]);
    let in_hand = |place: u8| held(before, place).map(short).unwrap_or_default();
    let arrow = |from, to, label: &str| Arrow { from, to, label: label.to_owned(), left_in: None };
    let (actor, arrows, sign) = match action {
        Action::Command(_) => {
            let entry = model.setup().programs.length(next.place).to_string();
            let is_run = model
                .setup()
                .programs
                .at(next.place)
                .wrong
                .as_ref()
                .is_none_or(|wrong| !wrong.newly_run.is_empty());
            let received = arrow(Lane::Master, Lane::Log, &entry);
            match is_run {
                true => (Lane::Client, vec![arrow(Lane::Client, Lane::Master, ""), received], None),
                false => (Lane::Master, vec![received], None),
            }
        }
        Action::Recover(_) => {
            let batch = Job::run(before.applier.admitted().next(), after.applier.admitted());
            (Lane::Log, vec![arrow(Lane::Log, Lane::Replica, &short(&batch))], Some(Sign::Again))
        }
        Action::Resend => {
            let entry = after.applier.admitted().to_string();
            (Lane::Master, vec![arrow(Lane::Master, Lane::Log, &entry)], None)
        }
        Action::Move(Move::Take(number)) => {
            let label = new_job(before, after).map(short).unwrap_or_default();
            (worker(number), vec![arrow(Lane::Log, worker(number), &label)], None)
        }
        Action::Move(Move::Begin(number)) => (worker(number), Vec::new(), None),
        Action::Move(Move::Write(number)) => {
            (worker(number), vec![arrow(worker(number), Lane::Replica, &in_hand(number))], None)
        }
        Action::Move(Move::Finish(number)) => {
            (worker(number), vec![arrow(worker(number), Lane::Log, "")], None)
        }
        Action::Move(Move::Cut) => (Lane::Log, Vec::new(), Some(Sign::Cut)),
        Action::Move(Move::Publish) => (Lane::Replica, Vec::new(), Some(Sign::Publish)),
        Action::Crash(..) => {
            let workers = names.iter().map(|&name| Lane::Worker(name));
            let all = [Lane::Log].into_iter().chain(workers).chain([Lane::Replica]);
            let marks = all.map(|lane| Mark { lane, sign: Sign::Down }).collect();
            return Step { actor: Some(Lane::Replica), marks, ..Step::default() };
        }
    };
    let marks = sign.map(|sign| Mark { lane: actor, sign }).into_iter().collect();
    Step { actor: Some(actor), arrows, marks, ..Step::default() }
}

/// The job of a worker.
fn held<O: Machine>(control: &Control<O>, worker: u8) -> Option<&Job> {
    control.applier.workers().get(usize::from(worker)).and_then(Worker::job)
}

/// The job of the worker that took one.
fn new_job<'a, O: Machine>(before: &Control<O>, after: &'a Control<O>) -> Option<&'a Job> {
    let before = before.applier.workers();
    // A worker that holds just what another holds cannot be: a job is in flight once.
    after.applier.workers().iter().find(|worker| !before.contains(worker)).and_then(Worker::job)
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
    new_job(before, after).map_or("a job".to_owned(), |new| job(model, state, new))
}

/// The marker of the batch that a worker begins, in words.
fn begin<O: Machine>(model: &OrderingModel<O>, state: &State, before: &Control<O>, worker: u8) -> String {
    let Some(begun) = held(before, worker) else { return "begins".to_owned() };
    format!("begins to write {}, marker {}", job(model, state, begun), marker(before, worker))
}

fn write<O: Machine>(model: &OrderingModel<O>, state: &State, before: &Control<O>, worker: u8) -> String {
    let Some(written) = held(before, worker) else { return "writes".to_owned() };
    format!("writes {}, marker {}", job(model, state, written), marker(before, worker))
}

/// The marker of a worker that writes, or begins to.
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

/// An entry's command.
fn name<O: Machine>(model: &OrderingModel<O>, state: &State, lsn: Lsn) -> String {
    let commands = &model.setup().programs;
    let program = commands.at(commands.prefix(state.place, lsn));
    let logged = || program.command.as_ref().map(ToString::to_string).unwrap_or_default();
    program.wrong.as_ref().map_or_else(logged, |wrong| wrong.carries.clone())
}

fn job<O: Machine>(model: &OrderingModel<O>, state: &State, job: &Job) -> String {
    let entries: Vec<String> =
        job.lsns.iter().map(|&lsn| format!("{lsn} ({})", name(model, state, lsn))).collect();
    let part = job.part.as_ref().map(|key| format!(", its part for {key}")).unwrap_or_default();
    format!("{}{part}", entries.join(" and "))
}

fn log<O: Machine>(model: &OrderingModel<O>, state: &State) -> Vec<String> {
    let length = model.setup().programs.length(state.place).0;
    (1..=length).map(|lsn| format!("{lsn} {}", name(model, state, Lsn(lsn)))).collect()
}

/// What lies in the log untaken, and what each worker has.
fn holds<O: Machine>(model: &OrderingModel<O>, state: &State, names: &[usize], taken: &Taken) -> Vec<Holds> {
    let control = model.controls.value(state.control);
    let moves = control.moves(false);
    let may_write = |place: usize| control.fault.is_none() && control.applier.may_begin(place);
    let worker = |(place, worker): (usize, &Worker)| {
        let (state, label) = match worker {
            Worker::Idle => (Holding::Idle, String::new()),
            Worker::Given(job) if may_write(place) => (Holding::Held, short(job)),
            Worker::Given(job) => (Holding::Waits, short(job)),
            Worker::Writing(job, _) => (Holding::Held, short(job)),
            Worker::Written(job) => (Holding::Written, short(job)),
        };
        Holds { lane: Lane::Worker(names[place]), state, label }
    };
    let programs = &model.setup().programs;
    let length = programs.length(state.place);
    let keys = |lsn| match &*programs.entry(state.place, lsn).1.keys {
        KeySet::Keys(keys) => keys.len(),
        KeySet::Everything => 1,
    };
    let untaken = (1..=length.0).map(Lsn).filter(|&lsn| {
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

fn short(job: &Job) -> String {
    let entries: Vec<String> = job.lsns.iter().map(|&lsn| lsn.to_string()).collect();
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

/// The invariants that the last step broke, in sentences.
fn conclusion<O: Machine>(model: &OrderingModel<O>, before: &State, last: &State) -> String {
    if last.broken == InvariantSet::default() {
        return String::new();
    }
    let mut words = format!("Broken: {}.", last.broken.names(model.invariants()).join(", "));
    let mut say = |yes: bool, what: &dyn Fn() -> String| {
        if yes {
            words += &format!(" {}", what());
        }
    };
    let converges = !last.broken.has(CONVERGENCE);
    let reads = [PER_KEY_ORDER, PREFIX, MONOTONIC_READS].iter().any(|&of| last.broken.has(of));
    say(last.broken.has(PROGRESS), &|| stuck(model, last));
    say(!converges, &|| {
        "The whole log is applied, and the replica does not hold what the master holds.".to_owned()
    });
    say(converges && reads, &|| {
        let control = model.controls.value(last.control);
        let published = control.applier.ordering().reads() == Reads::Published;
        let where_from = if published { "the published snapshot" } else { "the replica" };
        let (saw, sees) = (model.versions_of(before.seen), &model.datas.value(last.published).versions);
        match versions(saw) == versions(sees) {
            true => format!("A reader of {where_from} sees {}.", contents(model.given(last))),
            false => {
                format!("A reader of {where_from} saw {}, and now sees {}.", versions(saw), versions(sees))
            }
        }
    });
    say(last.broken.has(EXACTLY_ONCE), &|| {
        let once = contents(&model.given_once(last));
        format!(
            "An entry was applied twice, and a reader can tell: it sees {}; applied once each, the same entries leave {once}.",
            contents(model.given(last))
        )
    });
    words
}

/// The work that a replica at rest still owes.
fn stuck<O: Machine>(model: &OrderingModel<O>, last: &State) -> String {
    let control = model.controls.value(last.control);
    let length = model.setup().programs.length(last.place);
    if let Some(fault) = control.fault {
        return format!("The strategy gives out {fault}.");
    }
    if let Some((place, refused)) = model.refused(last) {
        let programs = &model.setup().programs;
        let command = programs.at(place).command.as_ref().map(ToString::to_string).unwrap_or_default();
        return format!("Where {command} comes next, the replica stops for good: {refused}.");
    }
    let (admitted, applied) = (control.applier.admitted(), control.applier.watermark());
    if admitted < length {
        return format!("Entry {} is logged, and the strategy never admits it.", admitted.next());
    }
    if applied < length {
        return format!("Entry {} is admitted, and no worker can go on.", applied.next());
    }
    if control.replica.readers() != Readers::In {
        return "The log is applied, and readers are never let in.".to_owned();
    }
    let published = control.applier.ordering().reads() == Reads::Published;
    let given = control.replica.published();
    if published && given < length {
        return format!("Entry {} is applied, and readers are never given it.", given.next());
    }
    "The log is applied, and the strategy would admit no entry more.".to_owned()
}

/// `a = "1", h = {f: 1}`: what is held.
fn contents(dump: &Dump) -> String {
    let held: Vec<String> = dump.iter().map(|(key, stored)| format!("{key} = {}", stored.content)).collect();
    if held.is_empty() { "no key".to_owned() } else { held.join(", ") }
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
