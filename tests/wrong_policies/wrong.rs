//! A policy with one fault; otherwise it does what its base policy does. Pure.

use replicheck::apply::Instants;
use replicheck::binlog::{Entry, Payload};
use replicheck::command::{Command, line};
use replicheck::effect::{Effect, Write};
use replicheck::expiry::{Clocks, ExpiryPolicy, Judging, Policy, Reading, Removal, RemovalLog, Removed};
use replicheck::store::key;
use replicheck::store::record::Record;
use replicheck::time::Millis;

/// A shipped policy with a fault.
#[derive(Clone, Copy, Debug)]
pub struct Wrong {
    pub base: Policy,
    pub fault: Fault,
}

/// The fault. Every function is pure.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// Commands of this name are not logged: their entries are empty.
    Forgets(&'static str),
    /// Keys that commands of this name write have no deadline.
    DropsDeadline(&'static str),
    /// An effect is logged as the effect that this function returns.
    Logs(fn(&Command, Effect) -> Effect),
    /// A deadline is logged as this function returns it. Its arguments: the command, the deadline, the master's clock.
    LogsDeadline(fn(&Command, Millis, Millis) -> Option<Millis>),
    /// A deadline is stored as this function returns it, given the replica's clock less the entry's time, in ms.
    KeepsDeadline(fn(Millis, i64) -> Millis),
    /// The first command is logged as the second one, which runs at the entry's time.
    Instead(&'static str, &'static str),
    /// This command is logged as two commands, each in an entry of its own.
    InTwo(&'static str, [&'static str; 2]),
    /// Commands of this name are logged as commands, and run at these instants.
    Runs(&'static str, fn(&Entry, Millis) -> Instants),
    /// Every command of the log runs at these instants.
    RunsAll(fn(&Entry, Millis) -> Instants),
    /// The replica stores an entry as this function returns it.
    Arrives(fn(Entry, Millis) -> Entry),
    /// Readers of the replica judge by this instant.
    ReadsAt(fn(Clocks) -> Reading),
    /// The replica removes what is dead by another clock.
    Removes(Removal),
    /// The master logs its removals in another way.
    TellsOfRemovals(RemovalLog),
    /// The master does not log what it removed before this command.
    RemovesUntoldBefore(&'static str),
}

impl ExpiryPolicy for Wrong {
    fn logged(&self, command: &Command, effect: Effect, now: Millis) -> Payload {
        let payload = self.base.get().logged(command, effect, now);
        match self.fault {
            Fault::Forgets(name) if command.name() == name => Payload::Effect(Effect::none()),
            Fault::DropsDeadline(name) if command.name() == name => {
                of_effect(payload, |effect| with_deadlines(effect, |_| None))
            }
            Fault::Logs(logs) => of_effect(payload, |effect| logs(command, effect)),
            Fault::LogsDeadline(logs) => {
                of_effect(payload, |effect| with_deadlines(effect, |deadline| logs(command, deadline, now)))
            }
            Fault::Instead(of, logs) if command.to_string() == of => Payload::Command(typed(command, logs)),
            Fault::InTwo(of, [_, second]) if command.to_string() == of => {
                Payload::Command(typed(command, second))
            }
            Fault::Runs(name, _) if command.name() == name => Payload::Command(command.clone()),
            _ => payload,
        }
    }

    fn logged_before(&self, command: &Command, effect: &Effect, now: Millis) -> Vec<Payload> {
        match self.fault {
            Fault::InTwo(of, [first, _]) if command.to_string() == of => {
                vec![Payload::Command(typed(command, first))]
            }
            _ => self.base.get().logged_before(command, effect, now),
        }
    }

    fn arrived(&self, entry: Entry, local: Millis) -> Entry {
        let entry = self.base.get().arrived(entry, local);
        match self.fault {
            Fault::KeepsDeadline(keeps) => {
                let ahead = local.0.cast_signed().saturating_sub(entry.time.0.cast_signed());
                let kept = |effect| with_deadlines(effect, |deadline| Some(keeps(deadline, ahead)));
                Entry { payload: of_effect(entry.payload, kept), ..entry }
            }
            Fault::Arrives(arrives) => arrives(entry, local),
            _ => entry,
        }
    }

    fn instants(&self, entry: &Entry, local: Millis) -> Instants {
        match (self.fault, &entry.payload) {
            (Fault::Runs(name, runs), Payload::Command(command)) if command.name() == name => {
                runs(entry, local)
            }
            (Fault::RunsAll(runs), _) => runs(entry, local),
            _ => self.base.get().instants(entry, local),
        }
    }

    fn judging(&self) -> Judging {
        self.base.get().judging()
    }

    fn reads_at(&self, clocks: Clocks) -> Reading {
        match self.fault {
            Fault::ReadsAt(reads_at) => reads_at(clocks),
            _ => self.base.get().reads_at(clocks),
        }
    }

    fn removal(&self) -> Removal {
        match self.fault {
            Fault::Removes(removal) => removal,
            _ => self.base.get().removal(),
        }
    }

    fn removal_log(&self) -> RemovalLog {
        match self.fault {
            Fault::TellsOfRemovals(log) => log,
            _ => self.base.get().removal_log(),
        }
    }

    fn logs_removal_before(&self, command: &Command, removed: Removed) -> bool {
        match self.fault {
            Fault::RemovesUntoldBefore(of) if command.to_string() == of => false,
            _ => self.base.get().logs_removal_before(command, removed),
        }
    }
}

/// The command of a line, in the database of `beside`.
fn typed(beside: &Command, text: &str) -> Command {
    let argv = line::split(text.as_bytes()).expect("no quotes are open");
    Command::parse(beside.db(), argv).expect("a command with its arguments")
}

/// The payload with its effect replaced, if it is one.
pub fn of_effect(payload: Payload, replace: impl FnOnce(Effect) -> Effect) -> Payload {
    match payload {
        Payload::Effect(effect) => Payload::Effect(replace(effect)),
        command => command,
    }
}

/// The effect with each deadline in it replaced.
pub fn with_deadlines(mut effect: Effect, replace: impl Fn(Millis) -> Option<Millis>) -> Effect {
    for write in &mut effect.writes {
        if let Write::Put { key, value } = write
            && let Some(record) = metadata(key, value)
        {
            *value = Record { deadline: record.deadline.and_then(&replace), ..record }.encode();
        }
    }
    effect
}

/// The deadlines in the effect.
pub fn deadlines(effect: &Effect) -> impl Iterator<Item = Millis> {
    effect.writes.iter().filter_map(|write| match write {
        Write::Put { key, value } => metadata(key, value)?.deadline,
        _ => None,
    })
}

/// The effect without the writes for which `is_lost` is true.
pub fn without(mut effect: Effect, is_lost: impl Fn(&Write) -> bool) -> Effect {
    effect.writes.retain(|write| !is_lost(write));
    effect
}

/// The metadata record under this raw key, if it is one.
pub fn metadata(raw: &[u8], value: &[u8]) -> Option<Record> {
    key::is_metadata(raw).then(|| Record::decode(raw, value).ok()).flatten()
}
