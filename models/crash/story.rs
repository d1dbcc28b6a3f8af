//! A path as a story.

use super::model::{Accident, Action, CrashModel, Moment, Place, State};
use super::reads::{CONVERGENCE, PROGRESS};
use super::world::LogStep;
use super::{INVARIANTS, Role, Step as Act};
use crate::binlog::Lsn;
use crate::models::invariants::Invariant;
use crate::models::judged::Judged;
use crate::models::path;
use crate::models::request;
use crate::models::story::crash::{CrashDeed, During, Entries, Flushed};
use crate::models::story::{
    Arrow, Conclusion, Deed, Holding, Holds, Lane, Logged, Mark, Narrate, Part, Sign, Step, Story,
};
use crate::store::Dump;

impl Narrate for CrashModel {
    fn story(&self, path: &[Action]) -> Story {
        tell(self, path)
    }
}

/// Tells the path that takes these actions. Panics: if the path does not exist.
fn tell(model: &CrashModel, path: &[Action]) -> Story {
    let mut story = Story::default();
    let (start, steps) = path::steps(model, path);
    let last = path::end_of(start, &steps);
    for (state, action, next) in steps {
        let (lane, deed) = told(model, &state, action, &next);
        story.steps.push(Step {
            deed,
            lane: Some(lane),
            arrows: arrows(model, &state, action),
            marks: marks(model, action),
            holds: vec![holds(model, &next)],
            broken: next.broken.of(model.invariants()),
            ..Step::default()
        });
        if let Action::Send(first, then) = action {
            let sent = [Some(first), then].into_iter().flatten().map(|at| model.alphabet[at].clone());
            story.program.extend(request::lines(&sent.collect::<Vec<_>>()));
        }
    }
    story.conclusion = conclusion(model, &last);
    story
}

/// The lane of the node.
fn own(model: &CrashModel) -> Lane {
    match model.setup.role {
        Role::Master => Lane::Master,
        Role::Replica => Lane::Replica,
    }
}

/// The entries of the group in a state.
fn group(model: &CrashModel, state: &State) -> Entries {
    let Place::Up(run) = state.place else { return Entries { first: Lsn::NONE, last: Lsn::NONE } };
    let entries = model.group(state, run);
    let lsn = |entry: Option<&crate::binlog::Entry>| entry.map(|entry| entry.lsn).unwrap_or_default();
    Entries { first: lsn(entries.first()), last: lsn(entries.last()) }
}

/// The lane of a step, and its deed.
fn told(model: &CrashModel, state: &State, action: Action, next: &State) -> (Lane, Deed) {
    let on = |deed| (own(model), Deed::Crashes(deed));
    match action {
        Action::Send(first, then) if model.setup.role == Role::Master => {
            let requests = [Some(first), then].into_iter().flatten().map(|at| model.alphabet[at].clone());
            (
                Lane::Client,
                Deed::Send { requests: requests.collect(), logged: Logged::As(group(model, next).last) },
            )
        }
        Action::Send(..) | Action::Receive(_) => on(CrashDeed::Receive(group(model, next))),
        Action::Next => on(acted(model, state)),
        Action::Sync => on(CrashDeed::Sync(durable(model, next))),
        Action::BeginFlush => on(CrashDeed::BeginFlush(flush(model, state, next, next.flushing))),
        Action::EndFlush => on(CrashDeed::EndFlush(flush(model, state, next, Some(next.flushed)))),
        Action::Crash(moment, accident) => on(CrashDeed::Crash {
            is_power_loss: matches!(accident, Accident::PowerLoss(_)),
            during: match moment {
                Moment::Between => None,
                Moment::During(step, at) => Some((during(step), at)),
            },
        }),
        Action::Start => on(started(model, state, next)),
    }
}

/// The deed of the next step of a group.
fn acted(model: &CrashModel, state: &State) -> CrashDeed {
    let entries = group(model, state);
    match model.next_step(state) {
        Some(Act::Append) | None => CrashDeed::Append(entries),
        Some(Act::Sync) => CrashDeed::Sync(entries.last),
        Some(Act::Apply) => CrashDeed::Apply { entries, marker: !model.marker_is_apart() },
        Some(Act::Mark) => CrashDeed::Mark(entries.last),
        Some(Act::Publish) => CrashDeed::Publish(entries),
        Some(Act::Reply) => CrashDeed::Reply(entries),
    }
}

fn during(step: LogStep) -> During {
    match step {
        LogStep::Append => During::Append,
        LogStep::Sync => During::Sync,
        LogStep::Purge => During::Purge,
        LogStep::Start => During::Start,
    }
}

/// The last entry through which the log of a running node was synced.
fn durable(model: &CrashModel, state: &State) -> Lsn {
    if let Place::Up(run) = state.place { model.end(run).durable } else { state.durable }
}

/// The state that a flush writes, and the segments that are purged in the same step.
fn flush(model: &CrashModel, state: &State, next: &State, held: Option<u32>) -> Flushed {
    let first = |state: &State| match state.place {
        Place::Up(run) => model.end(run).first,
        _ => Lsn::NONE,
    };
    Flushed {
        marker: held.map(|held| model.held.value(held).marker()).unwrap_or_default(),
        durable: durable(model, next),
        purged_to: (first(next) > first(state)).then(|| first(next)),
    }
}

/// The deed of a start.
fn started(model: &CrashModel, state: &State, next: &State) -> CrashDeed {
    let Place::Down(disk) = state.place else { return CrashDeed::Refuse(String::new()) };
    let starting = model.starting(state, disk);
    let started = model.started(starting);
    match (started.run, next.place) {
        (Err(reason), _) => CrashDeed::Refuse(reason),
        (Ok(run), Place::Up(_)) => CrashDeed::Start {
            marker: starting.marker,
            last: model.end(run).last,
            is_new_log: started.is_new_log,
            epoch: (model.setup.role == Role::Master).then_some(next.noted),
        },
        (Ok(run), _) => CrashDeed::Refuse(model.read(run, starting.marker.next()).err().unwrap_or_default()),
    }
}

fn arrows(model: &CrashModel, state: &State, action: Action) -> Vec<Arrow> {
    let arrow = |from, to| vec![Arrow { from, to, carries: Vec::new(), left_in: None }];
    match (action, model.setup.role) {
        (Action::Send(..), Role::Master) => arrow(Lane::Client, Lane::Master),
        (Action::Send(..) | Action::Receive(_), Role::Replica) => arrow(Lane::Master, Lane::Replica),
        (Action::Next, Role::Master) if model.next_step(state) == Some(Act::Reply) => {
            arrow(Lane::Master, Lane::Client)
        }
        _ => Vec::new(),
    }
}

fn marks(model: &CrashModel, action: Action) -> Vec<Mark> {
    let mark = |sign| vec![Mark { lane: own(model), sign }];
    match action {
        Action::Crash(..) => mark(Sign::Down),
        Action::Start => mark(Sign::Up),
        _ => Vec::new(),
    }
}

/// The numbers of the entries in the node's log.
fn holds(model: &CrashModel, state: &State) -> Holds {
    let (label, held) = match state.place {
        Place::Up(run) => {
            let end = model.end(run);
            let numbers: Vec<String> = (end.first.0..=end.last.0).map(|lsn| lsn.to_string()).collect();
            (numbers.join(" "), Holding::Lies)
        }
        Place::Down(_) | Place::Refused => (String::new(), Holding::Down),
    };
    let held = if label.is_empty() && held == Holding::Lies { Holding::Idle } else { held };
    Holds { lane: own(model), state: held, label }
}

/// The invariants that the last step broke, each with the reason.
fn conclusion(model: &CrashModel, last: &State) -> Conclusion {
    let how = |index: usize, invariant: Invariant| match invariant {
        Invariant::Durability => {
            "A write of which the client was told, and which should be there after this accident, is lost."
                .to_owned()
        }
        Invariant::MonotonicReads => {
            "Readers had seen an entry that the node does not have any more.".to_owned()
        }
        Invariant::OneHistory => {
            "Followers have another entry with this epoch and this number, and cannot tell the two apart."
                .to_owned()
        }
        Invariant::ExactlyOnce => {
            let [holds, once] = model.dumps(last.held).each_ref().map(shown);
            format!("The store holds {holds}; with each entry applied once it would hold {once}.")
        }
        _ if index == CONVERGENCE => {
            let Place::Up(run) = last.place else { return String::new() };
            let [holds, _] = model.dumps(last.held);
            let through = model.last(last, run);
            let wanted = shown(&model.after(last.history, through).dump);
            format!("The store holds {}; the entries through {through} come to {wanted}.", shown(holds))
        }
        _ if index == PROGRESS && last.place == Place::Refused => {
            "The disk has kept all that it had promised, and the node does not start.".to_owned()
        }
        _ => "The disk has kept all that it had promised, and the log begins anew: no follower can resume."
            .to_owned(),
    };
    let broken = INVARIANTS.iter().enumerate().filter(|(index, _)| last.broken.has(*index));
    let part = |(index, &invariant): (usize, &Invariant)| Part::Broken {
        invariants: vec![invariant],
        how: how(index, invariant),
    };
    Conclusion(broken.map(part).collect())
}

/// The content of a store: `a = "1"`.
fn shown(dump: &Dump) -> String {
    let keys: Vec<String> = dump.iter().map(|(key, stored)| format!("{key} = {}", stored.content)).collect();
    if keys.is_empty() { "no key".to_owned() } else { keys.join(", ") }
}
