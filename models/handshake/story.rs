//! A path as a story.

use super::CONTENTS;
use super::model::{Action, Down, HandshakeModel, Node, State, With};
use crate::binlog::{Entry, Lsn, Payload};
use crate::command::Command;
use crate::models::bounds::START;
use crate::models::invariants::Invariant;
use crate::models::judged::Judged;
use crate::models::path;
use crate::models::story::handshake::{self as told, NodeDeed, Start};
use crate::models::story::{
    Arrow, Conclusion, Deed, Held, Holding, Holds, KeyRow, Lane, Logged, Mark, Narrate, Part, Sign, Step,
    Story,
};

impl Narrate for HandshakeModel {
    fn story(&self, path: &[Action]) -> Story {
        tell(self, path)
    }
}

/// Tells the path that takes these actions. Panics: if the path does not exist.
fn tell(model: &HandshakeModel, path: &[Action]) -> Story {
    let mut story = Story::default();
    let (start, steps) = path::steps(model, path);
    let last = path::end_of(start, &steps);
    for (state, action, next) in steps {
        let (lane, deed) = told(model, &state, action, &next);
        story.steps.push(Step {
            deed,
            lane: Some(lane),
            arrows: arrows(model, &state, action, &next),
            marks: marks(action),
            holds: [Node::A, Node::B].map(|node| holds(model, &next, node)).into(),
            keys: keys(model, &next),
            broken: next.broken.of(model.invariants()),
            ..Step::default()
        });
        if let Action::Write { content, .. } = action {
            story.program.push(CONTENTS[content].to_owned());
        }
    }
    story.keys = keys(model, &last);
    story.conclusion = conclusion(model, &last);
    story
}

fn lane_of(node: Node) -> Lane {
    Lane::Node(node.index())
}

/// The replica, where one node is master and the other is not.
fn replica(state: &State) -> Node {
    state.master().map_or(Node::B, Node::other)
}

/// Where, and what.
fn told(model: &HandshakeModel, state: &State, action: Action, next: &State) -> (Lane, Deed) {
    let lane = replica(state);
    let (node, deed) = match action {
        Action::Write { node, content, .. } => {
            let log = model.log(next.folder(node));
            let entry = log.get(log.last()).expect("it was written just now");
            let (lsn, epoch, at_ms) = (entry.lsn, entry.epoch, entry.time.0 - START.0);
            let logged = Logged::On { node: node.index(), lsn, epoch, at_ms };
            let requests = commands_of(&model.contents[content]).cloned().map(Into::into).collect();
            return (Lane::Client, Deed::Send { requests, logged });
        }
        Action::Deliver if !next.is_up => (lane, NodeDeed::HangUp),
        Action::Deliver => (lane, NodeDeed::Receive(model.log(next.folder(lane)).last())),
        Action::Cut => (lane, NodeDeed::LoseLink),
        Action::Connect => {
            let [master, own] = [lane.other(), lane].map(|node| state.folder(node));
            let answer = model.handshake(master, own).map(|resume| resume.from);
            (lane, NodeDeed::Connect { last: model.log(own).last(), answer })
        }
        Action::Restart { node, down, with, as_master } => {
            (node, restarted(model, state, next, (node, down, with, as_master)))
        }
        Action::Copy(node) => (node, NodeDeed::Copied),
        Action::Snapshot(node) => (node, NodeDeed::Snapshot),
        Action::Revert => {
            let node = state.snapshot.map_or(Node::A, |(node, _)| node);
            (node, NodeDeed::Revert(model.log(next.folder(node)).last()))
        }
    };
    (lane_of(node), Deed::Node(deed))
}

/// How a node went down and started.
fn restarted(
    model: &HandshakeModel,
    state: &State,
    next: &State,
    (node, down, with, as_master): (Node, Down, With, bool),
) -> NodeDeed {
    NodeDeed::Restart {
        down: match down {
            Down::Stopped => told::Down::Stopped,
            Down::Killed(0) => told::Down::Killed,
            Down::Killed(_) => told::Down::Losing(model.log(state.folder(node)).last()),
        },
        folder: match with {
            With::Own => told::Folder::Own,
            With::Copy => {
                let from = state.copy.map(|(from, _)| from).filter(|from| *from != node);
                told::Folder::Copy(from.map(Node::index))
            }
            With::NodeRemoved => told::Folder::NodeRemoved,
        },
        start: match as_master {
            true => Start::Master { epoch: next.folder(node).noted, is_new: next.drawn > state.drawn },
            false => Start::Replica,
        },
    }
}

fn arrows(model: &HandshakeModel, state: &State, action: Action, next: &State) -> Vec<Arrow> {
    let arrow = |from, to, lsn: Option<Lsn>| {
        let carries = lsn.iter().map(ToString::to_string).collect();
        vec![Arrow { from, to, carries, left_in: None }]
    };
    let lane = replica(state);
    match action {
        Action::Write { node, .. } => arrow(Lane::Client, lane_of(node), None),
        Action::Deliver => {
            let last = model.log(next.folder(lane)).last();
            arrow(lane_of(lane.other()), lane_of(lane), Some(last))
        }
        Action::Connect => arrow(lane_of(lane), lane_of(lane.other()), None),
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
    let label: String = entries.iter().map(|entry| key_of(&entry.payload)).collect();
    let holding = if label.is_empty() { Holding::Idle } else { Holding::Lies };
    Holds { lane: lane_of(node), state: holding, label }
}

/// The key that a payload writes.
fn key_of(payload: &Payload) -> String {
    let keys = commands_of(payload).flat_map(Command::key_arguments);
    keys.map(|key| key.escape_ascii().to_string()).collect()
}

/// The commands of a payload: clients write commands only.
fn commands_of(payload: &Payload) -> impl Iterator<Item = &Command> {
    payload.parts().iter().filter_map(|part| match part {
        Payload::Command(command) => Some(command),
        Payload::Effect(_) | Payload::Transaction(_) => None,
    })
}

/// The keys of master and replica, where there are both.
fn keys(model: &HandshakeModel, state: &State) -> Vec<KeyRow> {
    let Some(master) = state.master() else { return Vec::new() };
    let held = [master, master.other()].map(|node| {
        let entries = model.log(state.folder(node)).from(Lsn::NONE);
        entries.iter().map(|entry| key_of(&entry.payload)).collect::<Vec<String>>()
    });
    let row = |content: &Payload| {
        let key = key_of(content);
        let [master, replica] = [0, 1].map(|side| match held[side].contains(&key) {
            true => Held::plain("\"1\""),
            false => Held::default(),
        });
        KeyRow { differs: master != replica, key, master, replica }
    };
    let is_held = |row: &KeyRow| held.iter().any(|keys| keys.contains(&row.key));
    model.contents.iter().map(row).filter(is_held).collect()
}

/// What the last step broke, and how.
fn conclusion(model: &HandshakeModel, last: &State) -> Conclusion {
    let lane = replica(last);
    let [own, its] = [lane_of(lane).name(), lane_of(lane.other()).name()];
    let mut parts = Vec::new();
    if last.broken.has(0) {
        let parted = parted(model, last, lane);
        let how = format!("The link is up, and the log of {own} is not a prefix of that of {its}: {parted}");
        parts.push(Part::Broken { invariants: vec![Invariant::Convergence], how });
    }
    if last.broken.has(1) {
        let how = format!("The log of {own} is a beginning of that of {its}, and it is refused.");
        parts.push(Part::Broken { invariants: vec![Invariant::Resume], how });
    }
    Conclusion(parts)
}

/// The first entry in which the logs differ.
fn parted(model: &HandshakeModel, state: &State, lane: Node) -> String {
    let [own, its] = [lane, lane.other()].map(|node| model.log(state.folder(node)));
    let lsns = own.from(Lsn::NONE).iter().map(|entry| entry.lsn);
    let first = lsns.into_iter().find(|lsn| own.get(*lsn) != its.get(*lsn)).unwrap_or_default();
    let said = |entry: Option<&Entry>| {
        entry.map_or("nothing".to_owned(), |entry| {
            let content: String = commands_of(&entry.payload).map(ToString::to_string).collect();
            format!("{content} of epoch {} at {} ms", entry.epoch, entry.time.0 - START.0)
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
