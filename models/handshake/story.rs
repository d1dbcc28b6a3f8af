//! A path in words and arrows.

use super::CONTENTS;
use super::model::{Action, Down, Folder, HandshakeModel, Node, State, With};
use crate::binlog::{Entry, Lsn, Payload};
use crate::models::bounds::START;
use crate::models::judged::Judged;
use crate::models::path::start_of;
use crate::models::story::{Arrow, Holding, Holds, KeyRow, Lane, Mark, Narrate, Sign, Step, Story};
use stateright::Model;

impl Narrate for HandshakeModel {
    fn story(&self, path: &[Action]) -> Story {
        tell(self, path)
    }
}

/// Tells the path that takes these actions. Panics: if the path does not exist.
fn tell(model: &HandshakeModel, path: &[Action]) -> Story {
    let mut story = Story::default();
    let mut state = start_of(model, path);
    for action in path {
        let next = model.next_state(&state, *action).expect("a path of this model");
        let (lane, what) = told(model, &state, *action, &next);
        story.steps.push(Step {
            who: lane.name(),
            what,
            actor: Some(lane),
            arrows: arrows(model, &state, *action, &next),
            marks: marks(*action),
            holds: [Node::A, Node::B].map(|node| holds(model, &next, node)).into(),
            keys: keys(model, &next),
            broken: next.broken.names(model.invariants()).into_iter().map(str::to_owned).collect(),
            ..Step::default()
        });
        if let Action::Write { content, .. } = action {
            story.program.push(CONTENTS[*content].to_owned());
        }
        state = next;
    }
    story.keys = keys(model, &state);
    story.conclusion = conclusion(model, &state);
    story
}

fn lane_of(node: Node) -> Lane {
    Lane::Node(node.index())
}

/// The replica, where one node is master and the other is not.
fn replica(state: &State) -> Node {
    state.master().map_or(Node::B, Node::other)
}

/// Who does what.
fn told(model: &HandshakeModel, state: &State, action: Action, next: &State) -> (Lane, String) {
    let lane = replica(state);
    match action {
        Action::Write { node, content, .. } => {
            let folder = next.folder(node);
            let entry = model.log(folder).get(model.log(folder).last()).expect("it was written just now");
            let (at, content) = (entry.time.0 - START.0, CONTENTS[content]);
            let logged = format!("logged as entry {} of epoch {}, at {at} ms", entry.lsn, entry.epoch);
            (Lane::Client, format!("{content} on {}; {logged}", lane_of(node).name()))
        }
        Action::Deliver if !next.is_up => {
            (lane_of(lane), "gets an entry that cannot come next, and hangs up".to_owned())
        }
        Action::Deliver => (lane_of(lane), format!("receives entry {}", model.log(next.folder(lane)).last())),
        Action::Cut => (lane_of(lane), "loses its connection".to_owned()),
        Action::Connect => (lane_of(lane), connected(model, state)),
        Action::Restart { node, down, with, as_master } => {
            (lane_of(node), restarted(model, state, next, (node, down, with, as_master)))
        }
        Action::Copy(node) => (lane_of(node), "runs, and its folder is copied".to_owned()),
        Action::Snapshot(node) => (lane_of(node), "runs, and a snapshot of its machine is taken".to_owned()),
        Action::Revert => {
            let node = state.snapshot.map_or(Node::A, |(node, _)| node);
            let last = model.log(next.folder(node)).last();
            let log =
                if last == Lsn::NONE { "an empty log".to_owned() } else { format!("a log through {last}") };
            (lane_of(node), format!("goes back to the snapshot with its machine: it runs on, with {log}"))
        }
    }
}

/// What comes of a handshake.
fn connected(model: &HandshakeModel, state: &State) -> String {
    let lane = replica(state);
    let [master, own] = [lane.other(), lane].map(|node| state.folder(node));
    let last = model.log(own).last();
    let says = if last == Lsn::NONE { "has no entry".to_owned() } else { format!("has entry {last} last") };
    match model.handshake(master, own) {
        Ok(resume) => format!("connects, {says}, and resumes from {}", resume.from),
        Err(refusal) => {
            let text = refusal.to_string();
            format!("connects, {says}, and is refused: {}", text.split(';').next().unwrap_or_default())
        }
    }
}

/// How a node went down and started.
fn restarted(
    model: &HandshakeModel,
    state: &State,
    next: &State,
    (node, down, with, as_master): (Node, Down, With, bool),
) -> String {
    let last = model.log(state.folder(node)).last();
    let down = match down {
        Down::Stopped => "is stopped".to_owned(),
        Down::Killed(0) => "is killed".to_owned(),
        Down::Killed(_) => format!("is killed and loses entry {last}"),
    };
    let with = match with {
        With::Own => String::new(),
        With::Copy if state.copy.is_some_and(|(from, _)| from != node) => {
            format!(", is given the copy of {}'s folder", lane_of(node.other()).name())
        }
        With::Copy => ", is given the copy of its folder".to_owned(),
        With::NodeRemoved => ", loses the file `node`".to_owned(),
    };
    let starts = if as_master {
        let Folder { noted, .. } = next.folder(node);
        let is_new = next.drawn > state.drawn;
        format!("starts as master in {} epoch {noted}", if is_new { "the new" } else { "the old" })
    } else {
        "starts as replica".to_owned()
    };
    format!("{down}{with}, and {starts}")
}

fn arrows(model: &HandshakeModel, state: &State, action: Action, next: &State) -> Vec<Arrow> {
    let arrow = |from, to, label: String| vec![Arrow { from, to, label, left_in: None }];
    let lane = replica(state);
    match action {
        Action::Write { node, .. } => arrow(Lane::Client, lane_of(node), String::new()),
        Action::Deliver => {
            let last = model.log(next.folder(lane)).last();
            arrow(lane_of(lane.other()), lane_of(lane), last.to_string())
        }
        Action::Connect => arrow(lane_of(lane), lane_of(lane.other()), String::new()),
        _ => Vec::new(),
    }
}

fn marks(action: Action) -> Vec<Mark> {
    match action {
        Action::Restart { node, .. } => vec![Mark { lane: lane_of(node), sign: Sign::Down }],
        Action::Copy(node) | Action::Snapshot(node) => vec![Mark { lane: lane_of(node), sign: Sign::Cut }],
        _ => Vec::new(),
    }
}

/// What a node's log holds: a letter an entry, the key that it writes.
fn holds(model: &HandshakeModel, state: &State, node: Node) -> Holds {
    let entries = model.log(state.folder(node)).from(Lsn::NONE);
    let label: String = entries.iter().map(key_of).collect();
    let holding = if label.is_empty() { Holding::Idle } else { Holding::Lies };
    Holds { lane: lane_of(node), state: holding, label }
}

/// The key that an entry writes.
fn key_of(entry: &Entry) -> String {
    content_of(entry).split(' ').nth(1).unwrap_or_default().to_owned()
}

fn content_of(entry: &Entry) -> String {
    match &entry.payload {
        Payload::Command(command) => command.to_string(),
        Payload::Effect(_) => String::new(),
    }
}

/// The keys of master and replica, where there are both.
fn keys(model: &HandshakeModel, state: &State) -> Vec<KeyRow> {
    let Some(master) = state.master() else { return Vec::new() };
    let held = [master, master.other()].map(|node| {
        let entries = model.log(state.folder(node)).from(Lsn::NONE);
        entries.iter().map(key_of).collect::<Vec<String>>()
    });
    let row = |content: &&str| {
        let key = content.split(' ').nth(1).unwrap_or_default().to_owned();
        let [master, replica] =
            [0, 1].map(|side| if held[side].contains(&key) { "\"1\"" } else { "-" }.to_owned());
        KeyRow { differs: master != replica, key, master, replica, ..KeyRow::default() }
    };
    let is_held = |row: &KeyRow| held.iter().any(|keys| keys.contains(&row.key));
    CONTENTS.iter().map(row).filter(is_held).collect()
}

/// What the last step broke, in sentences.
fn conclusion(model: &HandshakeModel, last: &State) -> String {
    let lane = replica(last);
    let names = [lane_of(lane).name(), lane_of(lane.other()).name()];
    let mut words = Vec::new();
    if last.broken.has(0) {
        words.push(format!(
            "Broken: convergence. The link is up, and the log of {} is no beginning of that of {}: {}",
            names[0],
            names[1],
            parted(model, last, lane)
        ));
    }
    if last.broken.has(1) {
        words.push(format!(
            "Broken: resume. The log of {} is a beginning of that of {}, and it is refused.",
            names[0], names[1]
        ));
    }
    words.join(" ")
}

/// The first entry in which the logs differ.
fn parted(model: &HandshakeModel, state: &State, lane: Node) -> String {
    let [own, its] = [lane, lane.other()].map(|node| model.log(state.folder(node)));
    let lsns = own.from(Lsn::NONE).iter().map(|entry| entry.lsn);
    let first = lsns.into_iter().find(|lsn| own.get(*lsn) != its.get(*lsn)).unwrap_or_default();
    let said = |entry: Option<&Entry>| {
        entry.map_or("nothing".to_owned(), |entry| {
            format!("{} of epoch {} at {} ms", content_of(entry), entry.epoch, entry.time.0 - START.0)
        })
    };
    let same = if own.last() > first && own.get(own.last()) == its.get(own.last()) {
        format!(" Their entries {} are equal byte for byte.", own.last())
    } else {
        String::new()
    };
    let (own, its) = (said(own.get(first)), said(its.get(first)));
    format!("its entry {first} is {own}, the master's is {its}.{same}")
}
