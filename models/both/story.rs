//! A path as a story.

use super::model::{Action, BothModel, Message, State};
use crate::apply::Worker;
use crate::binlog::Lsn;
use crate::models::invariants::Invariant;
use crate::models::judged::Judged;
use crate::models::ordering::Move;
use crate::models::path;
use crate::models::story::{self as told, Conclusion, Deed, Entrance, Logged, Part, Work};
use crate::models::story::{
    Arrow, Clocks, Holding, Holds, Instant, KeyRow, Lane, Mark, Narrate, Sign, Step, Story, key_rows,
    ms_since,
};
use crate::node::Readers;
use crate::ordering::Job;
use crate::time::Millis;

/// Messages under way, oldest first: the step in which each was sent, and its name.
type UnderWay = Vec<(usize, String)>;

impl Narrate for BothModel {
    fn story(&self, path: &[Action]) -> Story {
        tell(self, path)
    }
}

/// Tells the path that takes these actions. Panics: if the path does not exist.
fn tell(model: &BothModel, path: &[Action]) -> Story {
    let mut story = Story::default();
    let (start, steps) = path::steps(model, path);
    let last = path::end_of(start, &steps);
    let mut under_way = UnderWay::new();
    let skew_ms = model.setup.times.skew_ms(start.skew);
    if skew_ms != 0 {
        story.steps.push(Step { deed: Deed::Skew(skew_ms), ..state_of(model, &start, &under_way) });
    }
    for (state, action, next) in steps {
        let arrows = arrows(model, (&state, &next), action, story.steps.len(), &mut under_way);
        let (lane, deed) = told(model, &state, action, &next);
        let step = Step { deed, lane, arrows, marks: marks(action), ..state_of(model, &next, &under_way) };
        story.steps.push(step);
        if let Action::Command(symbol) = action {
            story.program.extend(model.setup.times.alphabet[symbol].lines());
        }
    }
    story.keys = keys(model, &last);
    story.conclusion = conclusion(model, &last);
    story
}

/// Where, and what.
fn told(model: &BothModel, state: &State, action: Action, next: &State) -> (Option<Lane>, Deed) {
    let (lane, deed) = match action {
        Action::Command(symbol) => {
            let requests = vec![model.setup.times.alphabet[symbol].clone()];
            let (before, after) = (model.logs.value(state.log).len(), model.logs.value(next.log));
            let logged = after[before..].last().map_or(Logged::Nothing, |entry| Logged::As(entry.lsn));
            (Lane::Client, Deed::Send { requests, logged })
        }
        Action::Heartbeat => (Lane::Master, Deed::Heartbeat),
        Action::Pass(ms) => return (None, Deed::Pass(ms)),
        Action::Deliver => {
            let (sent, message) = model.links.value(state.link)[0];
            let message = match message {
                Message::Entry(lsn) => told::Message::Entry(told::Entry::numbered(lsn)),
                Message::Heartbeat(_) => told::Message::Heartbeat(None),
            };
            (Lane::Link, Deed::Deliver { message, late_ms: Some(state.elapsed - sent) })
        }
        Action::Move(step) => worked(model, state, step, next),
        Action::Crash(flushed) => {
            let readers = Some(Entrance::Later);
            (Lane::Replica, Deed::Crash { flushed, lost: 0, after: None, readers })
        }
        Action::Recover(_) => {
            let [from, to] =
                [state, next].map(|state| model.controls.value(state.control).applier.admitted());
            (Lane::Replica, Deed::Recover(work(&Job::run(from.next(), to))))
        }
    };
    (Some(lane), deed)
}

/// A step of the strategy or of a worker.
fn worked(model: &BothModel, state: &State, step: Move, next: &State) -> (Lane, Deed) {
    let [before, after] = [state, next].map(|state| model.controls.value(state.control));
    let held = |worker: u8, control: &super::model::Pool| {
        control.applier.workers()[usize::from(worker)].job().map(work).unwrap_or_default()
    };
    let lane = |worker: u8| Lane::Worker(worker.into());
    match step {
        Move::Take(worker) => (lane(worker), Deed::Take(held(worker, after))),
        Move::Begin(worker) => (lane(worker), Deed::Begin { work: held(worker, before), marker: None }),
        Move::Write(worker) => (lane(worker), Deed::Write { work: held(worker, before), marker: None }),
        Move::Finish(worker) => {
            let applied = after.applier.watermark();
            (lane(worker), Deed::Finish { work: held(worker, before), applied })
        }
        Move::Cut => (Lane::Replica, Deed::Cut(None)),
        Move::Publish => (Lane::Replica, Deed::Publish(after.replica.published())),
    }
}

fn work(job: &Job) -> Work {
    Work { entries: job.lsns.iter().map(|&lsn| told::Entry::numbered(lsn)).collect(), part: job.part.clone() }
}

/// A message's name in the drawing.
fn short(message: Message) -> String {
    match message {
        Message::Entry(lsn) => lsn.to_string(),
        Message::Heartbeat(_) => "hb".to_owned(),
    }
}

/// The arrows of step `number`. Notes what it sends and delivers.
fn arrows(
    model: &BothModel,
    (state, next): (&State, &State),
    action: Action,
    number: usize,
    under_way: &mut UnderWay,
) -> Vec<Arrow> {
    let arrow = |from, to, carries: Vec<String>| Arrow { from, to, carries, left_in: None };
    let mut arrows = Vec::new();
    match action {
        Action::Deliver => {
            let (sent, name) = under_way.remove(0);
            return vec![Arrow { left_in: Some(sent), ..arrow(Lane::Link, Lane::Log, vec![name]) }];
        }
        Action::Crash(_) => under_way.clear(),
        Action::Command(_) => arrows.push(arrow(Lane::Client, Lane::Master, Vec::new())),
        Action::Move(step @ (Move::Take(worker) | Move::Write(worker) | Move::Finish(worker))) => {
            let lane = Lane::Worker(worker.into());
            let held = if matches!(step, Move::Take(_)) { next } else { state };
            let job = model.controls.value(held.control).applier.workers()[usize::from(worker)].job();
            let lsns = job.into_iter().flat_map(|job| &job.lsns).map(ToString::to_string).collect();
            arrows.push(match step {
                Move::Take(_) => arrow(Lane::Log, lane, lsns),
                Move::Write(_) => arrow(lane, Lane::Replica, lsns),
                _ => arrow(lane, Lane::Log, Vec::new()),
            });
        }
        Action::Recover(_) => arrows.push(arrow(Lane::Log, Lane::Replica, Vec::new())),
        _ => {}
    }
    let new = model.links.value(next.link).get(under_way.len()..).unwrap_or_default();
    let names: Vec<String> = new.iter().map(|(_, message)| short(*message)).collect();
    if !names.is_empty() {
        arrows.push(arrow(Lane::Master, Lane::Link, names.clone()));
    }
    under_way.extend(names.into_iter().map(|name| (number, name)));
    arrows
}

fn marks(action: Action) -> Vec<Mark> {
    let mark = |lane, sign| vec![Mark { lane, sign }];
    match action {
        Action::Crash(_) => mark(Lane::Replica, Sign::Down),
        Action::Recover(_) => mark(Lane::Log, Sign::Again),
        Action::Move(Move::Cut) => mark(Lane::Log, Sign::Cut),
        Action::Move(Move::Publish) => mark(Lane::Replica, Sign::Publish),
        _ => Vec::new(),
    }
}

/// Log, clocks and keys of a state; what was done is the caller's.
fn state_of(model: &BothModel, state: &State, under_way: &UnderWay) -> Step {
    let control = model.controls.value(state.control);
    let idle = |lane| Holds { lane, state: Holding::Idle, label: String::new() };
    let lies = |lane, label: String| {
        let state = if label.is_empty() { Holding::Idle } else { Holding::Lies };
        Holds { lane, state, label }
    };
    let names: Vec<&str> = under_way.iter().map(|(_, name)| name.as_str()).collect();
    let is_taken = |lsn: Lsn| {
        let mut jobs = control.applier.workers().iter().filter_map(Worker::job);
        control.applier.is_finished(lsn) || jobs.any(|job| job.lsns.contains(&lsn))
    };
    let waiting = (1..=state.received.0).map(Lsn).filter(|lsn| !is_taken(*lsn)).map(|lsn| lsn.to_string());
    let workers = (0..).zip(control.applier.workers()).map(|(place, worker)| {
        let state = match worker {
            Worker::Idle => Holding::Idle,
            Worker::Taken(_) | Worker::Writing(..) => Holding::Held,
            Worker::Written(_) => Holding::Written,
        };
        let job = worker.job().map(|job| job.lsns.iter().map(ToString::to_string).collect::<Vec<_>>());
        Holds { lane: Lane::Worker(place), state, label: job.unwrap_or_default().join(" ") }
    });
    let log = [idle(Lane::Client), idle(Lane::Master), lies(Lane::Link, names.join(" "))].into_iter();
    let log = log.chain([lies(Lane::Log, waiting.collect::<Vec<_>>().join(" "))]);
    let (start, judged) = (model.setup.times.clocks.start, model.readers_judge_at(state));
    Step {
        log: (1..=model.logs.value(state.log).len() as u64).map(|lsn| Lsn(lsn).to_string()).collect(),
        holds: log.chain(workers).chain([idle(Lane::Replica)]).collect(),
        clocks: Some(Clocks {
            master_ms: ms_since(start, model.master_clock(state)),
            // Nothing was heard yet.
            replica_ms: (judged > Millis::ZERO).then(|| ms_since(start, judged)),
            estimated: false,
        }),
        keys: keys(model, state),
        broken: state.broken.of(model.invariants()),
        ..Step::default()
    }
}

fn keys(model: &BothModel, state: &State) -> Vec<KeyRow> {
    let (master, replica) = (model.master_clock(state), model.readers_judge_at(state));
    let instants = Instant { start: model.setup.times.clocks.start, master, replica };
    let rows = key_rows(model.master_dump(state.master), model.replica_dump(state.published), Some(instants));
    rows.into_iter().map(|(_, row)| row).collect()
}

/// What the last step broke, and how.
fn conclusion(model: &BothModel, last: &State) -> Conclusion {
    let control = model.controls.value(last.control);
    let mut parts = Vec::new();
    if last.broken.has(0) {
        let waits = if control.replica.readers() == Readers::In { "" } else { " Readers wait." };
        let (low, last) = (control.applier.watermark(), model.masters.value(last.master).last());
        let applied = format!("All up to entry {low} is applied, of {last}.");
        let how = format!("No step of the replica is possible. {applied}{waits}");
        parts.push(Part::Broken { invariants: vec![Invariant::Progress], how });
    }
    if last.broken.has(1) {
        let sees =
            crate::invariant::visible(model.replica_dump(last.published), model.readers_judge_at(last));
        let seen: Vec<String> = sees.iter().map(|(key, content)| format!("{key} = {content}")).collect();
        let how = "The master could not have answered this read of the replica at any moment up to now.";
        parts.push(Part::Broken { invariants: vec![Invariant::PastRead], how: how.to_owned() });
        parts.push(Part::Sees(if seen.is_empty() { "no key".to_owned() } else { seen.join(", ") }));
    }
    Conclusion(parts)
}
