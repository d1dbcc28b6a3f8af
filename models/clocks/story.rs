//! A path as a story.

use super::TICK_MS;
use super::model::{Action, ClocksModel, Node, State};
use super::world::{Message, World, key, seen};
use crate::binlog::Lsn;
use crate::models::bounds::START;
use crate::models::invariants::Invariant;
use crate::models::judged::Judged;
use crate::models::path;
use crate::models::story::{self as told, Conclusion, Deed, Logged, Part};
use crate::models::story::{
    Arrow, Clocks, Holding, Holds, Instant, KeyRow, Lane, Mark, Narrate, Sign, Step, Story, key_rows,
    ms_since,
};
use crate::node::Readers;
use crate::store::dump;
use crate::time::Millis;

/// The bit of *past_read*.
const PAST_READ: usize = 4;

/// Messages under way, oldest first: the step in which each was sent, and its name.
type UnderWay = Vec<(usize, String)>;

impl Narrate for ClocksModel {
    fn story(&self, path: &[Action]) -> Story {
        tell(self, path)
    }
}

/// Tells the path that takes these actions. Panics: if the path does not exist.
fn tell(model: &ClocksModel, path: &[Action]) -> Story {
    let mut story = Story::default();
    let (start, steps) = path::steps(model, path);
    let last = path::end_of(start, &steps);
    let mut under_way = UnderWay::new();
    for (number, (state, action, next)) in steps.into_iter().enumerate() {
        let arrows = arrows(model.world(&next), action, number, &mut under_way);
        let (lane, deed) = told(model, &state, action, &next);
        let step = Step { deed, lane, arrows, marks: marks(action), ..state_of(model, &next, &under_way) };
        story.steps.push(step);
        if let Action::Command(symbol) = action {
            story.program.push(model.setup.alphabet[symbol].to_string());
        }
    }
    story.keys = keys(model, model.world(&last));
    story.conclusion = conclusion(model, &last);
    story
}

fn lane_of(node: Node) -> Lane {
    if node == Node::Master { Lane::Master } else { Lane::Replica }
}

/// Where, and what.
fn told(model: &ClocksModel, state: &State, action: Action, next: &State) -> (Option<Lane>, Deed) {
    let (lane, deed) = match action {
        Action::Command(symbol) => {
            let requests = vec![model.setup.alphabet[symbol].clone().into()];
            let [before, after] = [state, next].map(|state| model.world(state).log.len() as u64);
            let logged = if after > before { Logged::As(Lsn(after)) } else { Logged::Nothing };
            (Lane::Client, Deed::Send { requests, logged })
        }
        Action::Heartbeat => (Lane::Master, Deed::Heartbeat),
        Action::Pass => return (None, Deed::Pass(TICK_MS)),
        Action::Deliver => {
            let message = match model.world(state).link[0].1 {
                Message::Entry(lsn) => told::Message::Entry(told::Entry::numbered(lsn)),
                Message::Heartbeat(_) => told::Message::Heartbeat(None),
                Message::Offset { offset_ms, .. } => told::Message::Offset(offset_ms),
            };
            (Lane::Link, Deed::Deliver { message, late_ms: None })
        }
        Action::MasterRemoves | Action::ReplicaRemoves => {
            let lane = if action == Action::MasterRemoves { Lane::Master } else { Lane::Replica };
            (lane, Deed::Remove { key: key(), logged: Vec::new() })
        }
        Action::Step(node, by) => (lane_of(node), Deed::SetClock(i64::from(by) * TICK_MS.cast_signed())),
        Action::Restart { node, is_killed, down } => {
            (lane_of(node), Deed::Restart { is_killed, down_ms: u64::from(down) * TICK_MS })
        }
    };
    (Some(lane), deed)
}

/// A message's name in the drawing.
fn short(message: Message) -> String {
    match message {
        Message::Entry(lsn) => lsn.to_string(),
        Message::Heartbeat(_) => "hb".to_owned(),
        Message::Offset { .. } => "off".to_owned(),
    }
}

/// The arrows of step `number`. Notes what it sends and delivers.
fn arrows(next: &World, action: Action, number: usize, under_way: &mut UnderWay) -> Vec<Arrow> {
    let arrow = |from, to, carries: Vec<String>| Arrow { from, to, carries, left_in: None };
    let mut arrows = Vec::new();
    match action {
        Action::Deliver => {
            let (sent, name) = under_way.remove(0);
            return vec![Arrow { left_in: Some(sent), ..arrow(Lane::Link, Lane::Replica, vec![name]) }];
        }
        Action::Restart { .. } => under_way.clear(),
        Action::Command(_) => arrows.push(arrow(Lane::Client, Lane::Master, Vec::new())),
        _ => {}
    }
    let new = next.link.get(under_way.len()..).unwrap_or_default();
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
        Action::Restart { node, .. } => mark(lane_of(node), Sign::Down),
        Action::MasterRemoves => mark(Lane::Master, Sign::Remove),
        Action::ReplicaRemoves => mark(Lane::Replica, Sign::Remove),
        _ => Vec::new(),
    }
}

/// By which instants readers of both nodes judge.
fn instants(model: &ClocksModel, world: &World) -> (Millis, Millis, bool) {
    let reading = world.side.replica.replica().reads_at(&*model.policy, world.now(1), world.told);
    (world.clock.clone().read(world.now(0)), reading.time, reading.estimated)
}

/// Log, clocks and keys of a state; what was done is the caller's.
fn state_of(model: &ClocksModel, state: &State, under_way: &UnderWay) -> Step {
    let world = model.world(state);
    let idle = |lane| Holds { lane, state: Holding::Idle, label: String::new() };
    let names: Vec<&str> = under_way.iter().map(|(_, name)| name.as_str()).collect();
    let lies = if names.is_empty() { Holding::Idle } else { Holding::Lies };
    let link = Holds { lane: Lane::Link, state: lies, label: names.join(" ") };
    let (master, replica, estimated) = instants(model, world);
    Step {
        log: (1..=world.log.len()).map(|lsn| lsn.to_string()).collect(),
        holds: vec![idle(Lane::Client), idle(Lane::Master), link, idle(Lane::Replica)],
        clocks: Some(Clocks {
            master_ms: ms_since(START, master),
            replica_ms: (replica > Millis::ZERO).then(|| ms_since(START, replica)),
            estimated,
        }),
        keys: keys(model, world),
        broken: state.broken.of(model.invariants()),
        ..Step::default()
    }
}

fn keys(model: &ClocksModel, world: &World) -> Vec<KeyRow> {
    let (master, replica, _) = instants(model, world);
    let stored = [world.master.store(), world.side.replica.shown()]
        .map(|store| dump(store).expect(super::model::MEMORY));
    let rows = key_rows(&stored[0], &stored[1], Some(Instant { start: START, master, replica }));
    rows.into_iter().map(|(_, row)| row).collect()
}

/// What the last step broke, and how.
fn conclusion(model: &ClocksModel, last: &State) -> Conclusion {
    let mut parts: Vec<Part> = last
        .broken
        .of(model.invariants())
        .into_iter()
        .map(|name| Part::Broken { invariants: vec![name], how: how(model.world(last), name) })
        .collect();
    if last.broken.has(PAST_READ) {
        parts.push(Part::Sees(sees(model, model.world(last))));
    }
    Conclusion(parts)
}

fn how(world: &World, invariant: Invariant) -> String {
    match invariant {
        Invariant::Progress => {
            let is_let_in = world.side.replica.replica().readers() == Readers::In;
            let waits = if is_let_in { "" } else { " Readers wait." };
            format!("The replica is at rest, and readers are not given all that it has.{waits}")
        }
        Invariant::Lifetime => {
            let given = world.given.map_or((0, 0), |given| (given.duration, world.elapsed - given.at));
            let [given, passed] = [given.0, given.1].map(|ms| ms as f64 / 1000.0);
            let key = key();
            format!("{key} was given {given} s; {passed} s of elapsed time have passed since.")
        }
        Invariant::NoResurrection => {
            "A reader of the replica saw the key dead, and now sees it alive, with no write in between."
                .to_owned()
        }
        Invariant::NoEarlyDeath => {
            "The replica does not show a key that the master, at its own time, still has.".to_owned()
        }
        Invariant::PastRead => {
            "The master could not have answered this read of the replica at any moment up to now.".to_owned()
        }
        _ => format!("It is not so that {}.", invariant.promise()),
    }
}

/// What a reader of the replica sees.
fn sees(model: &ClocksModel, world: &World) -> String {
    let (_, judged, _) = instants(model, world);
    let stored = dump(world.side.replica.shown()).expect(super::model::MEMORY);
    let sees = seen(&stored, judged, world.side.replica.replica().offset_ms());
    let named = sees.iter().map(|(key, (content, until))| match until {
        Some(until) => format!("{key} = {content} until {} s", ms_since(START, *until) as f64 / 1000.0),
        None => format!("{key} = {content}"),
    });
    let named: Vec<String> = named.collect();
    if named.is_empty() { "no key".to_owned() } else { named.join(", ") }
}
