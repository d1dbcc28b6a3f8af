//! A path through the expiry model in words.

use super::model::{Action, ExpiryModel, State};
use super::world::Message;
use crate::binlog::{Entry, Payload};
use crate::command::Command;
use crate::effect::{Effect, Write};
use crate::invariant;
use crate::models::judged::{InvariantSet, Judged};
use crate::models::story::{Instant, KeyRow, Step, Story, key_rows};
use crate::store::key;
use crate::store::record::{Record, Value};
use crate::time::Millis;
use stateright::Model;

/// Tells the path that takes these actions. Panics: if the path does not exist.
pub(super) fn tell(model: &ExpiryModel, path: &[Action]) -> Story {
    let mut story = Story::default();
    // Which skew the path belongs to: the first initial state from which it breaks something, or can be gone at all.
    let ways = model.init_states().into_iter().filter_map(|state| Some((state, ends(model, state, path)?)));
    let (mut state, _) =
        ways.min_by_key(|(_, broken)| *broken == InvariantSet::default()).expect("a path of this model");
    if state.skew != 0 {
        let seconds = i64::from(state.skew) * model.setup().tick_ms.cast_signed();
        story.steps.push(Step {
            who: "time".to_owned(),
            what: format!("the replica's clock is {} the master's", apart(seconds)),
            ..state_of(model, &state)
        });
    }
    for action in path {
        let next = model.next_state(&state, *action).expect("a path of this model");
        let (who, what) = told(model, &state, *action, &next);
        story.steps.push(Step { who: who.to_owned(), what, ..state_of(model, &next) });
        if let Action::Command(symbol) = action {
            story.program.push(model.setup().alphabet[*symbol].to_string());
        }
        state = next;
    }
    story.keys = keys(model, &state);
    story.conclusion = conclusion(model, &state);
    story
}

/// What the last step of the path breaks from this initial state, if the path exists.
fn ends(model: &ExpiryModel, initial: State, path: &[Action]) -> Option<InvariantSet> {
    let mut state = initial;
    for action in path {
        let mut possible = Vec::new();
        model.actions(&state, &mut possible);
        if !possible.contains(action) {
            return None;
        }
        state = model.next_state(&state, *action)?;
    }
    Some(state.broken)
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
        Action::Tick => {
            let seconds = model.setup().tick_ms as f64 / 1000.0;
            ("time", format!("goes on by {seconds} s"))
        }
        Action::Heartbeat => ("master", "sends a heartbeat with its time".to_owned()),
        Action::Deliver => {
            let (sent_at, message) = model.links.value(state.link)[0];
            let late = u64::from(state.tick - sent_at) * model.setup().tick_ms;
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
    let ms = i128::from(instant.0) - i128::from(model.setup().start.0);
    format!("t = {} s", ms as f64 / 1000.0)
}

/// Until when an entry says that a key lives: an instant, or (`relative`) a time from its arrival on, which is far
/// smaller than any instant.
fn until(model: &ExpiryModel, deadline: Millis) -> String {
    if deadline.0 < model.setup().start.0 / 2 {
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

/// Log, clocks and keys of a state; who and what are the caller's.
fn state_of(model: &ExpiryModel, state: &State) -> Step {
    let master = model.master_clock(state.tick);
    let judged = model.readers_judge_at(state);
    let mark = if judged.estimated { " (estimated)" } else { "" };
    let log = model.links.value(state.link).iter();
    Step {
        who: String::new(),
        what: String::new(),
        log: log.map(|(_, message)| message_in_words(model, *message)).collect(),
        lanes: vec![
            format!("master {}", at(model, master)),
            match model.setup().readers_see_the_dead {
                true => "replica does not judge".to_owned(),
                false => format!("replica judges at {}{mark}", at(model, judged.time)),
            },
        ],
        keys: keys(model, state),
    }
}

fn keys(model: &ExpiryModel, state: &State) -> Vec<KeyRow> {
    let judged = model.readers_judge_at(state).time;
    let instants =
        Instant { start: model.setup().start, master: model.master_clock(state.tick), replica: judged };
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
