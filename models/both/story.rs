//! A path in words and arrows.

use super::model::{Action, BothModel, Message, State};
use crate::apply::Worker;
use crate::binlog::Lsn;
use crate::models::judged::Judged;
use crate::models::ordering::{Move, Task};
use crate::models::path::start_of;
use crate::models::story::{
    Arrow, Clocks, Holding, Holds, Instant, KeyRow, Lane, Mark, Narrate, Sign, Step, Story, key_rows,
    ms_since,
};
use crate::node::Readers;
use crate::ordering::Job;
use crate::time::Millis;
use stateright::Model;

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
    let mut state = start_of(model, path);
    let mut under_way = UnderWay::new();
    let skew_ms = model.setup.times.skew_ms(state.skew);
    if skew_ms != 0 {
        let what = format!("the replica's clock is {} ahead of the master's", seconds(skew_ms));
        story.steps.push(Step { who: "time".to_owned(), what, ..state_of(model, &state, &under_way) });
    }
    for action in path {
        let next = model.next_state(&state, *action).expect("a path of this model");
        let arrows = arrows(model, (&state, &next), *action, story.steps.len(), &mut under_way);
        let (actor, who, what) = told(model, &state, *action, &next);
        let step =
            Step { who, what, actor, arrows, marks: marks(*action), ..state_of(model, &next, &under_way) };
        story.steps.push(step);
        if let Action::Command(symbol) = action {
            story.program.push(model.setup.times.alphabet[*symbol].to_string());
        }
        state = next;
    }
    story.keys = keys(model, &state);
    story.conclusion = conclusion(model, &state);
    story
}

fn seconds(ms: i64) -> String {
    format!("{} s", ms as f64 / 1000.0)
}

/// Where, who and what.
fn told(model: &BothModel, state: &State, action: Action, next: &State) -> (Option<Lane>, String, String) {
    let (lane, what) = match action {
        Action::Command(symbol) => {
            let command = &model.setup.times.alphabet[symbol];
            let (before, after) = (model.logs.value(state.log).len(), model.logs.value(next.log));
            let logged = after[before..].last().map(|entry| format!("logged as entry {}", entry.lsn));
            let logged = logged.unwrap_or_else(|| "nothing to log".to_owned());
            (Lane::Client, format!("{command} on the master; {logged}"))
        }
        Action::Heartbeat => (Lane::Master, "sends a heartbeat with its time".to_owned()),
        Action::Pass(ms) => {
            return (None, "time".to_owned(), format!("goes on by {}", seconds(ms.cast_signed())));
        }
        Action::Deliver => {
            let (sent, message) = model.links.value(state.link)[0];
            let late = match state.elapsed - sent {
                0 => "at once".to_owned(),
                late => format!("{} late", seconds(late.cast_signed())),
            };
            (Lane::Link, format!("delivers {}, {late}", in_words(message)))
        }
        Action::Move(step) => worked(model, state, step, next),
        Action::Crash(flushed) => {
            let left = match flushed {
                0 => "nothing of the store had been flushed".to_owned(),
                1 => "the first batch had been flushed".to_owned(),
                count => format!("the first {count} batches had been flushed"),
            };
            (Lane::Replica, format!("is killed and starts again; {left}; readers wait"))
        }
        Action::Recover(_) => {
            let [from, to] =
                [state, next].map(|state| model.controls.value(state.control).applier.admitted());
            (Lane::Replica, format!("applies {} of its log", entries(&Job::run(from.next(), to))))
        }
    };
    let who = if lane == Lane::Log { "replica".to_owned() } else { lane.name() };
    (Some(lane), who, what)
}

/// A step of the strategy or of a worker.
fn worked(model: &BothModel, state: &State, step: Move, next: &State) -> (Lane, String) {
    let [before, after] = [state, next].map(|state| model.controls.value(state.control));
    let held = |worker: u8, control: &super::model::Pool| {
        control.applier.workers()[usize::from(worker)].job().map_or("nothing".to_owned(), entries)
    };
    let lane = |worker: u8| Lane::Worker(worker.into());
    match step {
        Move::Take(worker) => (lane(worker), format!("takes {}", held(worker, after))),
        Move::Begin(worker) => (lane(worker), format!("begins to write {}", held(worker, before))),
        Move::Write(worker) => (lane(worker), format!("writes {}", held(worker, before))),
        Move::Finish(worker) => {
            let low = after.applier.watermark();
            (lane(worker), format!("is done with {}; all up to entry {low} is applied", held(worker, before)))
        }
        Move::Cut => (Lane::Replica, "closes admission to publish a snapshot".to_owned()),
        Move::Publish => {
            (Lane::Replica, format!("publishes a snapshot at entry {}", after.replica.published()))
        }
    }
}

fn entries(job: &Job) -> String {
    let numbers: Vec<String> = job.lsns.iter().map(ToString::to_string).collect();
    let part = job.part.as_ref().map(|key| format!(" ({key})")).unwrap_or_default();
    format!("{} {}{part}", if job.lsns.len() == 1 { "entry" } else { "entries" }, numbers.join(", "))
}

fn in_words(message: Message) -> String {
    match message {
        Message::Entry(lsn) => format!("entry {lsn}"),
        Message::Heartbeat(_) => "a heartbeat".to_owned(),
    }
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
    let arrow = |from, to, label: &str| Arrow { from, to, label: label.to_owned(), left_in: None };
    let mut arrows = Vec::new();
    let label = |task: &Task| task.job.lsns.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    match action {
        Action::Deliver => {
            let (sent, name) = under_way.remove(0);
            return vec![Arrow { left_in: Some(sent), ..arrow(Lane::Link, Lane::Log, &name) }];
        }
        Action::Crash(_) => under_way.clear(),
        Action::Command(_) => arrows.push(arrow(Lane::Client, Lane::Master, "")),
        Action::Move(step @ (Move::Take(worker) | Move::Write(worker) | Move::Finish(worker))) => {
            let lane = Lane::Worker(worker.into());
            let held = if matches!(step, Move::Take(_)) { next } else { state };
            let job = model.controls.value(held.control).applier.workers()[usize::from(worker)].job();
            let label = job.map(|job| label(&Task { job: job.clone(), marker: None })).unwrap_or_default();
            arrows.push(match step {
                Move::Take(_) => arrow(Lane::Log, lane, &label),
                Move::Write(_) => arrow(lane, Lane::Replica, &label),
                _ => arrow(lane, Lane::Log, ""),
            });
        }
        Action::Recover(_) => arrows.push(arrow(Lane::Log, Lane::Replica, "")),
        _ => {}
    }
    let new = model.links.value(next.link).get(under_way.len()..).unwrap_or_default();
    let names: Vec<String> = new.iter().map(|(_, message)| short(*message)).collect();
    if !names.is_empty() {
        arrows.push(arrow(Lane::Master, Lane::Link, &names.join(" ")));
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
            Worker::Given(_) | Worker::Writing(..) => Holding::Held,
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
        broken: state.broken.names(model.invariants()).into_iter().map(str::to_owned).collect(),
        ..Step::default()
    }
}

fn keys(model: &BothModel, state: &State) -> Vec<KeyRow> {
    let (master, replica) = (model.master_clock(state), model.readers_judge_at(state));
    let instants = Instant { start: model.setup.times.clocks.start, master, replica };
    let rows = key_rows(model.master_dump(state.master), model.replica_dump(state.published), Some(instants));
    rows.into_iter().map(|(_, row)| row).collect()
}

/// What the last step broke, in sentences.
fn conclusion(model: &BothModel, last: &State) -> String {
    let control = model.controls.value(last.control);
    let mut words = Vec::new();
    if last.broken.has(0) {
        let waits = if control.replica.readers() == Readers::In { "" } else { " Readers wait." };
        let (low, last) = (control.applier.watermark(), model.masters.value(last.master).last());
        let applied = format!("All up to entry {low} is applied, of {last}.");
        words.push(format!("Broken: progress. No step of the replica is possible. {applied}{waits}"));
    }
    if last.broken.has(1) {
        let sees =
            crate::invariant::visible(model.replica_dump(last.published), model.readers_judge_at(last));
        let seen: Vec<String> = sees.iter().map(|(key, content)| format!("{key} = {content}")).collect();
        let seen = if seen.is_empty() { "no key".to_owned() } else { seen.join(", ") };
        words.push(format!(
            "Broken: past_read. The master could not have answered this read of the replica at any moment up to now. A \
             reader of the replica sees {seen}."
        ));
    }
    words.join(" ")
}
