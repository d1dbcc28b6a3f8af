//! A path through the expiry model as a story.

use super::action::Action;
use super::model::{ExpiryModel, State};
use super::world::Message;
use crate::binlog::Payload;
use crate::command::Command;
use crate::effect::Write;
use crate::invariant;
use crate::models::invariants::Invariant;
use crate::models::judged::Judged;
use crate::models::path;
use crate::models::request::Request;
use crate::models::setting::{Clocks as Times, Setting};
use crate::models::story::{self as told, Carried, Change, Conclusion, Deed, Lives, Logged, Named, Part};
use crate::models::story::{
    Actions, Arrow, Clocks, Holding, Holds, Instant, KeyRow, Lane, Mark, Narrate, OwnPath, Sign, Step, Story,
    key_rows, ms_since,
};
use crate::store::key;
use crate::store::record::{Record, Value};
use crate::time::Millis;

impl Narrate for ExpiryModel {
    fn story(&self, path: &[Action]) -> Story {
        tell(self, path)
    }
}

/// Tells the path that takes these actions. Panics: if the path does not exist.
fn tell(model: &ExpiryModel, path: &[Action]) -> Story {
    let mut story = Story::default();
    let (start, steps) = path::steps(model, path);
    let last = path::end_of(start, &steps);
    let mut under_way = UnderWay::default();
    let skew_ms = model.skew_ms(start.skew);
    if skew_ms != 0 {
        story.steps.push(Step { deed: Deed::Skew(skew_ms), ..state_of(model, &start, &under_way) });
    }
    for (state, action, next) in steps {
        let deed = deed(model, &state, action, &next);
        let (arrows, marks) = drawn(model, &state, action, &next, story.steps.len(), &mut under_way);
        let step = state_of(model, &next, &under_way);
        story.steps.push(Step { deed, lane: lane(action), arrows, marks, ..step });
        if let Action::Command(symbol) = action {
            story.program.extend(model.setup().alphabet[symbol].lines());
        }
    }
    story.keys = keys(model, &last);
    story.conclusion = conclusion(model, &last);
    story.own = path_of(model, &start, path);
    story
}

/// The path on the model of this program alone, whose commands are numbered in their order.
fn path_of(model: &ExpiryModel, initial: &State, path: &[Action]) -> Option<OwnPath> {
    let setup = model.setup();
    let in_db_0 = setup.alphabet.iter().all(Request::is_in_db_0);
    let mut sent = 0..;
    let of_its_own = |action: &Action| match action {
        Action::Command(_) => Action::Command(sent.next().unwrap_or_default()),
        action => *action,
    };
    (in_db_0 && !setup.readers_see_the_dead).then(|| OwnPath {
        setting: Setting::Clocks(Times {
            skews_ms: vec![model.skew_ms(initial.skew)],
            ..setup.clocks.clone()
        }),
        actions: Actions::Expiry(path.iter().map(of_its_own).collect()),
    })
}

/// The messages under way, oldest first: the step in which each was sent, and its name.
#[derive(Clone, Debug, Default)]
struct UnderWay(Vec<(usize, String)>);

/// Where a step is done; `None` where it is everywhere.
fn lane(action: Action) -> Option<Lane> {
    match action {
        Action::Command(_) => Some(Lane::Client),
        Action::Pass(_) => None,
        Action::Heartbeat | Action::MasterRemoves(_) => Some(Lane::Master),
        Action::Deliver | Action::LinkDown | Action::LinkUp => Some(Lane::Link),
        Action::ReplicaRemoves(_) | Action::Apply | Action::Publish => Some(Lane::Replica),
    }
}

/// The arrows and signs of step `number`. Notes what it sends and delivers.
fn drawn(
    model: &ExpiryModel,
    state: &State,
    action: Action,
    next: &State,
    number: usize,
    under_way: &mut UnderWay,
) -> (Vec<Arrow>, Vec<Mark>) {
    let mut arrows = Vec::new();
    if action == Action::Deliver {
        let (sent_in, name) = under_way.0.remove(0);
        arrows.push(Arrow {
            from: Lane::Link,
            to: Lane::Replica,
            carries: vec![name],
            left_in: Some(sent_in),
        });
    } else {
        if matches!(action, Action::Command(_)) {
            let carries = Vec::new();
            arrows.push(Arrow { from: Lane::Client, to: Lane::Master, carries, left_in: None });
        }
        let before = model.links.value(state.link).len();
        let new = model.links.value(next.link)[before..].iter();
        let names: Vec<String> = new.map(|(_, message)| short(model, *message)).collect();
        if !names.is_empty() {
            let carries = names.clone();
            arrows.push(Arrow { from: Lane::Master, to: Lane::Link, carries, left_in: None });
        }
        under_way.0.extend(names.into_iter().map(|name| (number, name)));
    }
    let mark = |lane, sign| vec![Mark { lane, sign }];
    let marks = match action {
        Action::MasterRemoves(_) => mark(Lane::Master, Sign::Remove),
        Action::ReplicaRemoves(_) => mark(Lane::Replica, Sign::Remove),
        Action::Publish => mark(Lane::Replica, Sign::Publish),
        Action::LinkDown => mark(Lane::Link, Sign::Down),
        Action::LinkUp => mark(Lane::Link, Sign::Up),
        _ => Vec::new(),
    };
    (arrows, marks)
}

/// A message's name in the drawing: an entry's number, or that of a heartbeat.
fn short(model: &ExpiryModel, message: u32) -> String {
    match model.messages.value(message) {
        Message::Heartbeat(_) => "hb".to_owned(),
        Message::Entry { entry, .. } => entry.lsn.to_string(),
    }
}

fn deed(model: &ExpiryModel, state: &State, action: Action, next: &State) -> Deed {
    match action {
        Action::Command(symbol) => Deed::Send {
            requests: vec![model.setup().alphabet[symbol].clone()],
            logged: Logged::Messages(sent(model, state, next)),
        },
        Action::Pass(ms) => Deed::Pass(ms),
        Action::Heartbeat => Deed::Heartbeat,
        Action::Deliver => {
            let (sent_at, number) = model.links.value(state.link)[0];
            Deed::Deliver { message: message(model, number), late_ms: Some(state.elapsed - sent_at) }
        }
        Action::MasterRemoves(n) => Deed::Remove {
            key: ExpiryModel::nth_key(model.master_dump(state.master), n),
            logged: sent(model, state, next),
        },
        Action::ReplicaRemoves(n) => {
            Deed::RemoveFound(ExpiryModel::nth_key(model.replica_dump(state.replica), n))
        }
        Action::Apply => {
            let entry = model.replicas.value(state.replica).replica.received().next();
            Deed::Apply(entry.map(|entry| entry.lsn).unwrap_or_default())
        }
        Action::Publish => Deed::Show(model.replicas.value(next.replica).replica.replica().published()),
        Action::LinkDown => Deed::LinkDown,
        Action::LinkUp => Deed::LinkUp,
    }
}

/// The messages that a step sent.
fn sent(model: &ExpiryModel, state: &State, next: &State) -> Vec<told::Message> {
    let before = model.links.value(state.link).len();
    let new = &model.links.value(next.link)[before..];
    new.iter().map(|(_, number)| message(model, *number)).collect()
}

fn message(model: &ExpiryModel, number: u32) -> told::Message {
    match model.messages.value(number) {
        Message::Heartbeat(time) => told::Message::Heartbeat(Some(since(model, *time))),
        Message::Entry { entry, .. } => told::Message::Entry(told::Entry {
            lsn: entry.lsn,
            carries: Some(carried(model, &entry.payload)),
        }),
    }
}

fn carried(model: &ExpiryModel, payload: &Payload) -> Carried {
    match payload {
        Payload::Command(command) => {
            let deadline = absolute_deadline(model, command);
            Carried::Command { argv: command.argv().to_vec(), deadline }
        }
        Payload::Effect(effect) => {
            Carried::Effect(effect.writes.iter().map(|write| change(model, write)).collect())
        }
        Payload::Transaction(parts) => {
            Carried::Transaction(parts.iter().map(|part| carried(model, part)).collect())
        }
    }
}

fn change(model: &ExpiryModel, write: &Write) -> Change {
    match write {
        Write::Put { key: raw, value } => match (key::metadata_key(raw), Record::decode(raw, value)) {
            (Some(name), Ok(record)) => Change::Put {
                key: name.to_string(),
                value: match record.value {
                    Value::String(text) => format!("\"{}\"", text.escape_ascii()),
                    Value::Hash(hash, None) => format!("hash of {}", hash.count),
                    Value::Hash(hash, Some(_)) => format!("hash of {} and fields with deadlines", hash.count),
                    Value::List(list, _) => format!("list of {}", list.count),
                    Value::Set(set) => format!("set of {}", set.count),
                    Value::SortedSet(set, _) => format!("sorted set of {}", set.count),
                },
                lives: record.deadline.map_or(Lives::WithoutDeadline, |it| lives(model, it)),
            },
            _ => Change::PutField,
        },
        Write::Delete { key: raw } => {
            key::metadata_key(raw).map_or(Change::DeleteField, |name| Change::Delete(name.to_string()))
        }
        Write::DeleteRange { .. } => Change::DeleteFields,
    }
}

/// Milliseconds from the beginning.
fn since(model: &ExpiryModel, instant: Millis) -> i128 {
    i128::from(instant.0) - i128::from(model.setup().clocks.start.0)
}

/// Until when an entry says that a key lives: an instant, or (`relative`) a time from its arrival on, which is far
/// smaller than any instant.
fn lives(model: &ExpiryModel, deadline: Millis) -> Lives {
    match deadline.0 < model.setup().clocks.start.0 / 2 {
        true => Lives::FromArrival(deadline.0),
        false => Lives::Until(since(model, deadline)),
    }
}

/// The deadline that a command names as a number of milliseconds.
fn absolute_deadline(model: &ExpiryModel, command: &Command) -> Option<Named> {
    let argv = command.argv();
    let place = match command.name() {
        "pexpireat" => 2,
        _ => argv.iter().position(|word| word.eq_ignore_ascii_case(b"PXAT"))? + 1,
    };
    let ms = std::str::from_utf8(argv.get(place)?).ok()?.parse().ok()?;
    Some(Named { place, since_ms: since(model, Millis(ms)) })
}

/// Log, clocks and keys of a state; what was done is the caller's.
fn state_of(model: &ExpiryModel, state: &State, under_way: &UnderWay) -> Step {
    let setup = model.setup();
    let judged = model.readers_judge_at(state);
    let log = model.links.value(state.link).iter();
    let names: Vec<&str> = under_way.0.iter().map(|(_, name)| name.as_str()).collect();
    let link = match (state.down, names.is_empty()) {
        (Some(true), _) => Holding::Down,
        (_, true) => Holding::Idle,
        (_, false) => Holding::Lies,
    };
    let idle = |lane| Holds { lane, state: Holding::Idle, label: String::new() };
    Step {
        log: log.map(|(_, number)| message(model, *number).to_string()).collect(),
        holds: vec![
            idle(Lane::Client),
            idle(Lane::Master),
            Holds { lane: Lane::Link, state: link, label: names.join(" ") },
            idle(Lane::Replica),
        ],
        clocks: Some(Clocks {
            master_ms: ms_since(setup.clocks.start, model.master_clock(state.elapsed)),
            replica_ms: (!setup.readers_see_the_dead && judged.time > Millis::ZERO)
                .then(|| ms_since(setup.clocks.start, judged.time)),
            estimated: judged.estimated,
        }),
        keys: keys(model, state),
        broken: state.broken.of(model.invariants()),
        ..Step::default()
    }
}

fn keys(model: &ExpiryModel, state: &State) -> Vec<KeyRow> {
    let judged = model.readers_judge_at(state).time;
    let instants = Instant {
        start: model.setup().clocks.start,
        master: model.master_clock(state.elapsed),
        replica: judged,
    };
    let rows = key_rows(model.master_dump(state.master), model.replica_dump(state.replica), Some(instants));
    rows.into_iter().map(|(_, row)| row).collect()
}

/// What the last step broke, and how.
fn conclusion(model: &ExpiryModel, last: &State) -> Conclusion {
    let explained = |invariant: Invariant| match invariant {
        Invariant::SameValue => "With the same log applied, the two hold different values.",
        Invariant::SameDeadline => "With the same log applied, the deadlines differ.",
        Invariant::NoImmortalKey => {
            "The replica holds a key without a deadline that has one on the master, or is gone there: it lives \
             for ever."
        }
        Invariant::NoResurrection => {
            "A reader of the replica saw the key dead, and now sees the same value alive."
        }
        Invariant::NoEarlyDeath => "A key is gone for readers of the replica that the master still has.",
        _ => "The master could not have answered this read of the replica at any moment up to now.",
    };
    let broken = last.broken.of(model.invariants()).into_iter();
    let mut parts: Vec<Part> =
        broken.map(|name| Part::Broken { invariants: vec![name], how: explained(name).to_owned() }).collect();
    if parts.is_empty() {
        return Conclusion::default();
    }
    let judged = model.readers_judge_at(last);
    let sees = invariant::visible(model.replica_dump(last.replica), judged.time);
    let seen: Vec<String> = sees.iter().map(|(key, content)| format!("{key} = {content}")).collect();
    parts.push(Part::Sees(if seen.is_empty() { "no key".to_owned() } else { seen.join(", ") }));
    Conclusion(parts)
}
