//! A path through the expiry model in words.

use super::action::Action;
use super::model::{ExpiryModel, State};
use super::world::Message;
use crate::binlog::{Entry, Payload};
use crate::command::Command;
use crate::effect::{Effect, Write};
use crate::invariant;
use crate::models::judged::Judged;
use crate::models::path::start_of;
use crate::models::setting::{Clocks as Times, Setting};
use crate::models::story::{
    Actions, Arrow, Clocks, Holding, Holds, Instant, KeyRow, Lane, Mark, Narrate, OwnPath, Sign, Step, Story,
    key_rows, ms_since,
};
use crate::store::key;
use crate::store::record::{Record, Value};
use crate::time::Millis;
use stateright::Model;

impl Narrate for ExpiryModel {
    fn story(&self, path: &[Action]) -> Story {
        tell(self, path)
    }
}

/// Tells the path that takes these actions. Panics: if the path does not exist.
fn tell(model: &ExpiryModel, path: &[Action]) -> Story {
    let mut story = Story::default();
    // Which skew the path belongs to.
    let initial = start_of(model, path);
    let mut state = initial;
    let mut under_way = UnderWay::default();
    let skew_ms = model.skew_ms(state.skew);
    if skew_ms != 0 {
        story.steps.push(Step {
            who: "time".to_owned(),
            what: format!("the replica's clock is {} the master's", apart(skew_ms)),
            ..state_of(model, &state, &under_way)
        });
    }
    for action in path {
        let next = model.next_state(&state, *action).expect("a path of this model");
        let (who, what) = told(model, &state, *action, &next);
        let (arrows, marks) = drawn(model, &state, *action, &next, story.steps.len(), &mut under_way);
        let actor = actor(*action);
        let step = state_of(model, &next, &under_way);
        story.steps.push(Step { who: who.to_owned(), what, actor, arrows, marks, ..step });
        if let Action::Command(symbol) = action {
            story.program.push(model.setup().alphabet[*symbol].to_string());
        }
        state = next;
    }
    story.keys = keys(model, &state);
    story.conclusion = conclusion(model, &state);
    story.own = path_of(model, &initial, path);
    story
}

/// The path on the model of this program alone, whose commands are numbered in their order.
fn path_of(model: &ExpiryModel, initial: &State, path: &[Action]) -> Option<OwnPath> {
    let setup = model.setup();
    let in_db_0 = setup.alphabet.iter().all(|command| command.db() == 0);
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
fn actor(action: Action) -> Option<Lane> {
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
        let (sent_in, label) = under_way.0.remove(0);
        arrows.push(Arrow { from: Lane::Link, to: Lane::Replica, label, left_in: Some(sent_in) });
    } else {
        if matches!(action, Action::Command(_)) {
            let label = String::new();
            arrows.push(Arrow { from: Lane::Client, to: Lane::Master, label, left_in: None });
        }
        let before = model.links.value(state.link).len();
        let new = model.links.value(next.link)[before..].iter();
        let names: Vec<String> = new.map(|(_, message)| short(model, *message)).collect();
        if !names.is_empty() {
            let label = names.join(" ");
            arrows.push(Arrow { from: Lane::Master, to: Lane::Link, label, left_in: None });
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

fn apart(ms: i64) -> String {
    let seconds = ms.unsigned_abs() as f64 / 1000.0;
    if ms > 0 { format!("{seconds} s ahead of") } else { format!("{seconds} s behind") }
}

fn told(model: &ExpiryModel, state: &State, action: Action, next: &State) -> (&'static str, String) {
    let stored = |dump: &crate::store::Dump, n| ExpiryModel::nth_key(dump, n);
    match action {
        Action::Command(symbol) => {
            let sent = sent(model, state, next);
            ("client", format!("{} on the master; logged: {sent}", model.setup().alphabet[symbol]))
        }
        Action::Pass(ms) => ("time", format!("goes on by {} s", ms as f64 / 1000.0)),
        Action::Heartbeat => ("master", "sends a heartbeat with its time".to_owned()),
        Action::Deliver => {
            let (sent_at, message) = model.links.value(state.link)[0];
            let late = state.elapsed - sent_at;
            let late =
                if late == 0 { "at once".to_owned() } else { format!("{} s late", late as f64 / 1000.0) };
            ("link", format!("delivers {}, {late}", message_in_words(model, message)))
        }
        Action::MasterRemoves(n) => {
            let key = stored(model.master_dump(state.master), n);
            let sent = sent(model, state, next);
            let logged = if sent == "nothing" { String::new() } else { format!("; logged: {sent}") };
            ("master", format!("removes {key}, which is dead{logged}"))
        }
        Action::ReplicaRemoves(n) => (
            "replica",
            format!("removes {}, which it finds dead", stored(model.replica_dump(state.replica), n)),
        ),
        Action::Apply => {
            let entry = model.replicas.value(state.replica).replica.received().next();
            ("replica", format!("applies entry {}", entry.map(|entry| entry.lsn).unwrap_or_default()))
        }
        Action::Publish => {
            let shown = model.replicas.value(next.replica).replica.replica().published();
            ("replica", format!("gives readers all up to entry {shown}"))
        }
        Action::LinkDown => ("link", "goes down".to_owned()),
        Action::LinkUp => ("link", "comes back".to_owned()),
    }
}

/// The messages that a step sent.
fn sent(model: &ExpiryModel, state: &State, next: &State) -> String {
    let before = model.links.value(state.link).len();
    let new = &model.links.value(next.link)[before..];
    let words: Vec<String> = new.iter().map(|(_, message)| message_in_words(model, *message)).collect();
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}

fn message_in_words(model: &ExpiryModel, message: u32) -> String {
    match model.messages.value(message) {
        Message::Heartbeat(time) => format!("the heartbeat of {}", at(model, *time)),
        Message::Entry { entry, .. } => entry_in_words(model, entry),
    }
}

fn entry_in_words(model: &ExpiryModel, entry: &Entry) -> String {
    match &entry.payload {
        Payload::Command(command) => {
            format!("entry {}: {command}{}", entry.lsn, absolute_deadline(model, command))
        }
        Payload::Effect(effect) => format!("entry {}: {}", entry.lsn, effect_in_words(model, effect)),
    }
}

fn effect_in_words(model: &ExpiryModel, effect: &Effect) -> String {
    let write = |write: &Write| match write {
        Write::Put { key: raw, value } => match (key::metadata_key(raw), Record::decode(raw, value)) {
            (Some(name), Ok(record)) => {
                let until = record.deadline.map(|it| until(model, it));
                let until = until.unwrap_or_else(|| " without deadline".to_owned());
                match record.value {
                    Value::String(text) => format!("{name} = \"{}\"{until}", text.escape_ascii()),
                    Value::Hash(hash) => format!("{name} = hash of {}{until}", hash.count),
                }
            }
            _ => "a field".to_owned(),
        },
        Write::Delete { key: raw } => match key::metadata_key(raw) {
            Some(name) => format!("delete {name}"),
            None => "delete a field".to_owned(),
        },
        Write::DeleteRange { .. } => "delete all fields".to_owned(),
    };
    effect.writes.iter().map(write).collect::<Vec<_>>().join(", ")
}

/// An instant as seconds from the beginning.
fn at(model: &ExpiryModel, instant: Millis) -> String {
    let ms = i128::from(instant.0) - i128::from(model.setup().clocks.start.0);
    format!("t = {} s", ms as f64 / 1000.0)
}

/// Until when an entry says that a key lives: an instant, or (`relative`) a time from its arrival on, which is far
/// smaller than any instant.
fn until(model: &ExpiryModel, deadline: Millis) -> String {
    if deadline.0 < model.setup().clocks.start.0 / 2 {
        return format!(" for {} s from arrival", deadline.0 as f64 / 1000.0);
    }
    format!(" until {}", at(model, deadline))
}

/// The deadline that a command names as a number of milliseconds, as the story's other instants.
fn absolute_deadline(model: &ExpiryModel, command: &Command) -> String {
    let argv = command.argv();
    let named = match command.name() {
        "pexpireat" => argv.get(2),
        _ => argv.iter().position(|word| word.eq_ignore_ascii_case(b"PXAT")).and_then(|at| argv.get(at + 1)),
    };
    let ms = named.and_then(|word| std::str::from_utf8(word).ok()?.parse().ok());
    ms.map_or(String::new(), |ms| format!(" ({})", at(model, Millis(ms))))
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
        log: log.map(|(_, message)| message_in_words(model, *message)).collect(),
        holds: vec![
            idle(Lane::Client),
            idle(Lane::Master),
            Holds { lane: Lane::Link, state: link, label: names.join(" ") },
            idle(Lane::Replica),
        ],
        clocks: Some(Clocks {
            master_ms: ms_since(setup.clocks.start, model.master_clock(state.elapsed)),
            replica_ms: (!setup.readers_see_the_dead).then(|| ms_since(setup.clocks.start, judged.time)),
            estimated: judged.estimated,
        }),
        keys: keys(model, state),
        broken: state.broken.names(model.invariants()).into_iter().map(str::to_owned).collect(),
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

/// What the last step broke, in sentences.
fn conclusion(model: &ExpiryModel, last: &State) -> String {
    let explained = |name: &str| match name {
        "same_value" => "With the same log applied, the two hold different values.",
        "same_deadline" => "With the same log applied, the deadlines differ.",
        "no_immortal_key" => {
            "The replica holds a key without a deadline that has one on the master, or is gone there: it lives \
             for ever."
        }
        "no_resurrection" => "A reader of the replica saw the key dead, and now sees the same value alive.",
        "no_early_death" => "A key is gone for readers of the replica that the master still has.",
        _ => "The master could not have answered this read of the replica at any moment up to now.",
    };
    let broken = model.invariants().iter().enumerate().filter(|(index, _)| last.broken.has(*index));
    let words: Vec<String> = broken.map(|(_, name)| format!("Broken: {name}. {}", explained(name))).collect();
    let sees = || {
        let judged = model.readers_judge_at(last);
        invariant::visible(model.replica_dump(last.replica), judged.time)
    };
    let seen: Vec<String> = sees().iter().map(|(key, content)| format!("{key} = {content}")).collect();
    let seen = if seen.is_empty() { "no key".to_owned() } else { seen.join(", ") };
    if words.is_empty() {
        String::new()
    } else {
        format!("{} A reader of the replica sees {seen}.", words.join(" "))
    }
}
