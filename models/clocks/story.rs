//! A path in words and arrows.

use super::TICK_MS;
use super::model::{Action, ClocksModel, Node, State};
use super::world::{Message, World, key, seen};
use crate::models::bounds::START;
use crate::models::judged::Judged;
use crate::models::path::start_of;
use crate::models::story::{
    Arrow, Clocks, Holding, Holds, Instant, KeyRow, Lane, Mark, Narrate, Sign, Step, Story, key_rows,
    ms_since,
};
use crate::node::Readers;
use crate::store::dump;
use crate::time::Millis;
use stateright::Model;

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
    let mut state = start_of(model, path);
    let mut under_way = UnderWay::new();
    for (number, action) in path.iter().enumerate() {
        let next = model.next_state(&state, *action).expect("a path of this model");
        let arrows = arrows(model.world(&next), *action, number, &mut under_way);
        let (actor, who, what) = told(model, &state, *action, &next);
        let step =
            Step { who, what, actor, arrows, marks: marks(*action), ..state_of(model, &next, &under_way) };
        story.steps.push(step);
        if let Action::Command(symbol) = action {
            story.program.push(model.setup.alphabet[*symbol].to_string());
        }
        state = next;
    }
    story.keys = keys(model, model.world(&state));
    story.conclusion = conclusion(model, &state);
    story
}

fn ticks(count: u8) -> String {
    format!("{} s", u64::from(count) * TICK_MS / 1000)
}

fn lane_of(node: Node) -> Lane {
    if node == Node::Master { Lane::Master } else { Lane::Replica }
}

/// Where, who and what.
fn told(model: &ClocksModel, state: &State, action: Action, next: &State) -> (Option<Lane>, String, String) {
    let (lane, what) = match action {
        Action::Command(symbol) => {
            let command = &model.setup.alphabet[symbol];
            let [before, after] = [state, next].map(|state| model.world(state).log.len());
            let logged =
                if after > before { format!("logged as entry {after}") } else { "nothing to log".to_owned() };
            (Lane::Client, format!("{command} on the master; {logged}"))
        }
        Action::Heartbeat => (Lane::Master, "sends a heartbeat with its time".to_owned()),
        Action::Pass => return (None, "time".to_owned(), format!("goes on by {}", ticks(1))),
        Action::Deliver => {
            let (_, message) = model.world(state).link[0];
            (Lane::Link, format!("delivers {}", in_words(message)))
        }
        Action::MasterRemoves | Action::ReplicaRemoves => {
            let lane = if action == Action::MasterRemoves { Lane::Master } else { Lane::Replica };
            (lane, format!("removes {}, which is dead", key()))
        }
        Action::Step(node, by) => {
            let way = if by > 0 { "ahead" } else { "back" };
            (lane_of(node), format!("has its wall clock set {way} by {}", ticks(by.unsigned_abs())))
        }
        Action::Restart { node, is_killed, down } => {
            let how = if is_killed { "is killed" } else { "is stopped" };
            let when = if down == 0 { "at once".to_owned() } else { format!("{} later", ticks(down)) };
            (lane_of(node), format!("{how}, and starts again {when}"))
        }
    };
    (Some(lane), lane.name(), what)
}

fn in_words(message: Message) -> String {
    match message {
        Message::Entry(lsn) => format!("entry {lsn}"),
        Message::Heartbeat(_) => "a heartbeat".to_owned(),
        Message::Offset { offset_ms, .. } => {
            format!("the master's offset, {} s", offset_ms as f64 / 1000.0)
        }
    }
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
    let arrow = |from, to, label: &str| Arrow { from, to, label: label.to_owned(), left_in: None };
    let mut arrows = Vec::new();
    match action {
        Action::Deliver => {
            let (sent, name) = under_way.remove(0);
            return vec![Arrow { left_in: Some(sent), ..arrow(Lane::Link, Lane::Replica, &name) }];
        }
        Action::Restart { .. } => under_way.clear(),
        Action::Command(_) => arrows.push(arrow(Lane::Client, Lane::Master, "")),
        _ => {}
    }
    let new = next.link.get(under_way.len()..).unwrap_or_default();
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
        broken: state.broken.names(model.invariants()).into_iter().map(str::to_owned).collect(),
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

/// What the last step broke, in sentences.
fn conclusion(model: &ClocksModel, last: &State) -> String {
    let world = model.world(last);
    let replica = world.side.replica.replica();
    let mut words = Vec::new();
    if last.broken.has(0) {
        let waits = if replica.readers() == Readers::In { "" } else { " Readers wait." };
        words.push(format!(
            "Broken: progress. The replica is at rest, and readers are not given all that it has.{waits}"
        ));
    }
    if last.broken.has(1) {
        let given = world.given.map_or((0, 0), |given| (given.duration, world.elapsed - given.at));
        words.push(format!(
            "Broken: lifetime. {} was given {} s; {} s of elapsed time have passed since.",
            key(),
            given.0 as f64 / 1000.0,
            given.1 as f64 / 1000.0
        ));
    }
    for (bit, text) in [
        (
            2,
            "Broken: no_resurrection. A reader of the replica saw the key dead, and now sees it alive, with no write in between.",
        ),
        (
            3,
            "Broken: no_early_death. The replica does not show a key that the master, at its own time, still has.",
        ),
        (
            4,
            "Broken: past_read. The master could not have answered this read of the replica at any moment up to now.",
        ),
    ] {
        if last.broken.has(bit) {
            words.push(text.to_owned());
        }
    }
    if last.broken.has(4) {
        let (_, judged, _) = instants(model, world);
        let stored = dump(world.side.replica.shown()).expect(super::model::MEMORY);
        let sees = seen(&stored, judged, replica.offset_ms());
        let named = sees.iter().map(|(key, (content, until))| match until {
            Some(until) => format!("{key} = {content} until {} s", ms_since(START, *until) as f64 / 1000.0),
            None => format!("{key} = {content}"),
        });
        let named: Vec<String> = named.collect();
        let named = if named.is_empty() { "no key".to_owned() } else { named.join(", ") };
        words.push(format!("A reader of the replica sees {named}."));
    }
    words.join(" ")
}
