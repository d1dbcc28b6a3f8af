//! A path as a story.

use super::KEY;
use super::model::{Action, ReplicationModel, Side, State};
use super::session::{Session, ack_in, in_words};
use crate::binlog::{Lsn, Payload};
use crate::models::invariants::Invariant;
use crate::models::judged::Judged;
use crate::models::path;
use crate::models::story::handshake::NodeDeed;
use crate::models::story::replication::SessionDeed;
use crate::models::story::{
    Arrow, Conclusion, Deed, Held, Holding, Holds, KeyRow, Lane, Logged, Mark, Narrate, Part, Sign, Step,
    Story,
};

impl Narrate for ReplicationModel {
    fn story(&self, path: &[Action]) -> Story {
        tell(self, path)
    }
}

/// Tells the path that takes these actions. Panics: if the path does not exist.
fn tell(model: &ReplicationModel, path: &[Action]) -> Story {
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
            log: lsns(model, &next, Side::Master),
            holds: holds(model, &next),
            keys: keys(model, &next),
            broken: next.broken.of(model.invariants()),
            ..Step::default()
        });
        if action == Action::Write {
            story.program.push(format!("SET {KEY} {}", next.writes));
        }
    }
    story.keys = keys(model, &last);
    story.conclusion = conclusion(model, &last);
    story
}

fn lane_of(side: Side) -> Lane {
    if side == Side::Master { Lane::Master } else { Lane::Replica }
}

/// The message that is the oldest on its way to `side`, in words.
fn oldest(model: &ReplicationModel, state: &State, side: Side) -> Vec<String> {
    let message = model.session(state).and_then(|session| session.held(side).first());
    match (message, side) {
        (Some(message), Side::Replica) => in_words(message),
        (Some(_), Side::Master) => vec!["ack".to_owned()],
        (None, _) => Vec::new(),
    }
}

/// Where, and what.
fn told(model: &ReplicationModel, state: &State, action: Action, next: &State) -> (Lane, Deed) {
    let last = |side| model.log(next, side).last();
    let (lane, deed) = match action {
        Action::Write => {
            let requests = vec![
                crate::models::scenario::requests(&[&format!("SET {KEY} {}", next.writes)]).swap_remove(0),
            ];
            return (Lane::Client, Deed::Send { requests, logged: Logged::As(last(Side::Master)) });
        }
        Action::Apply => return (Lane::Replica, Deed::Apply(next.applied)),
        Action::Cut => return (Lane::Replica, Deed::Node(NodeDeed::LoseLink)),
        Action::Connect => {
            let answer = model.answer(state).map(|resume| resume.from);
            let last = model.log(state, Side::Replica).last();
            return (Lane::Replica, Deed::Node(NodeDeed::Connect { last, answer }));
        }
        Action::Sync(side) => (lane_of(side), SessionDeed::Sync(last(side))),
        Action::Copy => (Lane::Replica, SessionDeed::Copy(last(Side::Replica))),
        Action::Send => {
            let sent = model.session(next).and_then(|session| session.down.last());
            (Lane::Master, SessionDeed::Send(sent.map(|message| in_words(message)).unwrap_or_default()))
        }
        Action::Ack => (Lane::Replica, SessionDeed::Ack(model.ack(state))),
        Action::Arrive(side) => (lane_of(side), arrived(model, state, next, side)),
        Action::GiveUp => (Lane::Replica, SessionDeed::GiveUp),
        Action::Fail(side, fault) => (Lane::Link, SessionDeed::Fail(fault, oldest(model, state, side))),
        Action::Kill(side, _) => (lane_of(side), SessionDeed::Kill(last(side))),
    };
    (lane, Deed::Session(deed))
}

/// What became of the message that arrived at `side`.
fn arrived(model: &ReplicationModel, state: &State, next: &State, side: Side) -> SessionDeed {
    let message = oldest(model, state, side);
    let Some(session) = model.session(next) else { return SessionDeed::HangUp(message) };
    if side == Side::Master {
        let before = model.session(state).and_then(|session| ack_in(session.up.first()?));
        return SessionDeed::TakeAck(before.unwrap_or_default());
    }
    let followed = model.session(state).is_some_and(Session::follows);
    match (followed, session.partial.is_empty()) {
        (false, _) => SessionDeed::Follow,
        (true, true) => SessionDeed::Take(message),
        (true, false) => SessionDeed::TakePart(message),
    }
}

fn arrows(model: &ReplicationModel, state: &State, action: Action, next: &State) -> Vec<Arrow> {
    let arrow = |from, to, carries: Vec<String>| vec![Arrow { from, to, carries, left_in: None }];
    match action {
        Action::Write => arrow(Lane::Client, Lane::Master, Vec::new()),
        Action::Connect => arrow(Lane::Replica, Lane::Master, Vec::new()),
        Action::Copy => arrow(Lane::Master, Lane::Replica, vec!["copy".to_owned()]),
        Action::Send => {
            let sent = model.session(next).and_then(|session| session.down.last());
            arrow(Lane::Master, Lane::Link, sent.map(|message| in_words(message)).unwrap_or_default())
        }
        Action::Ack => arrow(Lane::Replica, Lane::Link, vec!["ack".to_owned()]),
        Action::Arrive(side) => arrow(Lane::Link, lane_of(side), oldest(model, state, side)),
        _ => Vec::new(),
    }
}

fn marks(action: Action) -> Vec<Mark> {
    let mark = |lane, sign| vec![Mark { lane, sign }];
    match action {
        Action::Kill(side, _) => mark(lane_of(side), Sign::Down),
        Action::Fail(..) | Action::Cut => mark(Lane::Link, Sign::Cut),
        _ => Vec::new(),
    }
}

fn lsns(model: &ReplicationModel, state: &State, side: Side) -> Vec<String> {
    model.log(state, side).from(Lsn::NONE).iter().map(|entry| entry.lsn.to_string()).collect()
}

fn holds(model: &ReplicationModel, state: &State) -> Vec<Holds> {
    let session = model.session(state);
    let held = session.map_or(0, |session| session.down.len() + session.up.len());
    let hold = |lane, state, label: String| Holds { lane, state, label };
    let link = match (session, held) {
        (None, _) => hold(Lane::Link, Holding::Down, String::new()),
        (_, 0) => hold(Lane::Link, Holding::Idle, String::new()),
        (_, held) => hold(Lane::Link, Holding::Lies, held.to_string()),
    };
    let log = |side| hold(lane_of(side), Holding::Lies, lsns(model, state, side).join(" "));
    vec![hold(Lane::Client, Holding::Idle, String::new()), log(Side::Master), link, log(Side::Replica)]
}

/// The key as each node's last entry has it; the replica's is that of its log.
fn keys(model: &ReplicationModel, state: &State) -> Vec<KeyRow> {
    let [master, replica] = Side::BOTH.map(|side| {
        let log = model.log(state, side);
        let value = log.from(Lsn::NONE).iter().rev().find_map(|entry| match &entry.payload {
            Payload::Command(command) => command.argv().last().cloned(),
            Payload::Effect(_) | Payload::Transaction(_) => None,
        });
        value.map_or(Held::default(), |value| Held::plain(format!("\"{}\"", value.escape_ascii())))
    });
    if master == Held::default() && replica == Held::default() {
        return Vec::new();
    }
    vec![KeyRow { key: KEY.to_owned(), differs: master != replica, master, replica }]
}

/// What the last step broke, and how.
fn conclusion(model: &ReplicationModel, last: &State) -> Conclusion {
    let mut parts = Vec::new();
    let mut say = |index: usize, invariant, how: String| {
        if last.broken.has(index) {
            parts.push(Part::Broken { invariants: vec![invariant], how });
        }
    };
    let how = "The replica follows, and its log is not a beginning of the master's.";
    say(0, Invariant::Convergence, how.to_owned());
    let how = "The replica's log is a beginning of the master's, and the replica is refused.";
    say(1, Invariant::Resume, how.to_owned());
    let taken = model.session(last).map(|session| session.taken).unwrap_or_default();
    let how = format!(
        "The master counts entry {} as durable on the replica, where a kill leaves the log through entry {}.",
        taken.durable, last.durable[1]
    );
    say(2, Invariant::Durability, how);
    let how = "Without further faults the replica never comes to have and to acknowledge the whole log.";
    say(3, Invariant::Progress, how.to_owned());
    Conclusion(parts)
}
