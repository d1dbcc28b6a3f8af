//! A path through the ordering model as a story.

use super::Machine;
use super::action::Action;
use super::checks::{CONVERGENCE, EXACTLY_ONCE, MONOTONIC_READS, PER_KEY_ORDER, PREFIX, PROGRESS};
use super::drawn::{Taken, drawn, holds, log, named_after};
use super::model::{OrderingModel, Position, State};
use super::told::deed;
use crate::binlog::Lsn;
use crate::effect::Key;
use crate::invariant::Versions;
use crate::models::assignment;
use crate::models::judged::{InvariantSet, Judged};
use crate::models::path;
use crate::models::request::{self, Request};
use crate::models::setting::Schedules;
use crate::models::story::{
    Actions, Conclusion, Held, KeyRow, Narrate, OwnPath, Part, Step, Story, key_rows,
};
use crate::node::Readers;
use crate::ordering::Reads;
use crate::store::Dump;

impl<O: Machine> Narrate for OrderingModel<O> {
    fn story(&self, path: &[Action]) -> Story {
        tell(self, path)
    }
}

/// Tells the path that takes these actions. Panics: if the path does not exist.
fn tell<O: Machine>(model: &OrderingModel<O>, path: &[Action]) -> Story {
    let (start, steps) = path::steps(model, path);
    let seen = steps.last().map_or(start, |(before, _, _)| *before);
    let last = path::end_of(start, &steps);
    let mut story = Story::default();
    // Where a state keeps its workers sorted, a worker's place changes: this is who stands where.
    let mut names: Vec<usize> = (0..model.setup().workers).collect();
    let mut taken = Taken::default();
    for (state, action, next) in steps {
        let after = named_after(model, &state, action, &next, &names);
        taken.note(model, &state, action, &next);
        story.steps.push(Step {
            deed: deed(model, &state, action, &next),
            log: log(model, &next),
            holds: holds(model, &next, &after, &taken),
            keys: keys(model, &next),
            broken: next.broken.of(model.invariants()),
            ..drawn(model, &state, action, &next, &names)
        });
        names = after;
    }
    let programs = &model.setup().programs;
    let sent: Vec<Request> = match &programs.at(last.place).wrong {
        None => programs.requests(last.place).cloned().collect(),
        Some(wrong) => wrong.run.clone(),
    };
    story.program = request::lines(&sent);
    story.lanes = lanes(model, &last);
    story.keys = keys(model, &last);
    story.conclusion = conclusion(model, &seen, &last);
    story.own = path_of(model, &last, path);
    story
}

/// Which keys of the program share a lane.
fn lanes<O: Machine>(model: &OrderingModel<O>, state: &State) -> String {
    let requests: Vec<Request> = model.setup().programs.requests(state.place).cloned().collect();
    let keys = assignment::keys_of(&requests);
    if keys.is_empty() || !model.controls.value(state.control).applier.ordering().has_lanes() {
        return String::new();
    }
    let lanes = assignment::assignment_of(&keys, model.setup().workers);
    assignment::in_words(&keys, &lanes)
}

/// The path on the model of this program alone, where the command that comes next is number 0.
fn path_of<O: Machine>(model: &OrderingModel<O>, last: &State, path: &[Action]) -> Option<OwnPath> {
    let setup = model.setup();
    let is_plain = setup.position == Position::Marker
        && !setup.tail_may_be_lost
        && setup.programs.at(last.place).wrong.is_none();
    let in_db_0 = setup.programs.requests(last.place).all(Request::is_in_db_0);
    let of_its_own = |action: &Action| match action {
        Action::Command(_) => Action::Command(0),
        action => *action,
    };
    let schedules = Schedules { workers: setup.workers, crashes_max: setup.crashes_max };
    (is_plain && in_db_0 && setup.canonical && setup.shipped_batches).then(|| OwnPath {
        setting: schedules.setting(),
        actions: Actions::Ordering(path.iter().map(of_its_own).collect()),
    })
}

/// The keys of both nodes, each with the entry that wrote it: values may be equal where versions are not.
fn keys<O: Machine>(model: &OrderingModel<O>, state: &State) -> Vec<KeyRow> {
    let program = model.setup().programs.at(state.place);
    let replica = model.datas.value(state.data);
    let written = |versions: &Versions, key: &Key, held: Held| Held {
        by_entry: held.content.is_some().then(|| versions.of(key)),
        ..held
    };
    let rows = key_rows(&program.dump, &replica.dump(), None);
    let with_versions = rows.into_iter().map(|(key, row)| {
        let master = written(&program.versions, &key, row.master);
        let here = written(&replica.versions, &key, row.replica);
        KeyRow { differs: row.differs || master != here, master, replica: here, key: row.key }
    });
    with_versions.collect()
}

/// The invariants that the last step broke, and how.
fn conclusion<O: Machine>(model: &OrderingModel<O>, before: &State, last: &State) -> Conclusion {
    if last.broken == InvariantSet::default() {
        return Conclusion::default();
    }
    let mut how = Vec::new();
    let mut say = |yes: bool, what: &dyn Fn() -> String| how.extend(yes.then(what));
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
    let invariants = last.broken.of(model.invariants());
    Conclusion(vec![Part::Broken { invariants, how: how.join(" ") }])
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
        let request = programs.at(place).request.as_ref().map(ToString::to_string).unwrap_or_default();
        return format!("Where {request} comes next, the replica stops for good: {refused}.");
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
