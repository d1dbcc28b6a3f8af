//! Asked — a user's own policy, wrapped so that every question can be asked twice. It exposes a policy that is not a pure
//! function.
//!
//! A search keeps the policy's answers and does not ask again. If a policy answers by more than its arguments (the number
//! of calls, earlier calls, a clock), verdicts would rest on answers that the policy no longer gives. So everything is
//! asked a second time, in another order, and the answers are compared.

use crate::apply::Instants;
use crate::binlog::{Entry, Payload};
use crate::command::Command;
use crate::effect::Effect;
use crate::expiry::{Clocks, ExpiryPolicy, Judging, Reading, Removal, RemovalLog, Removed};
use crate::time::Millis;
use rustc_hash::FxHashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Maximum number of questions kept.
const KEPT: usize = 4096;

/// A question to a policy: a call with its arguments.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Question {
    Logged(Command, Effect, Millis),
    LoggedBefore(Command, Effect, Millis),
    Arrived(Entry, Millis),
    Instants(Entry, Millis),
    ReadsAt(Clocks),
    LogsRemovalBefore(Command, Removed),
    Settings,
}

/// A policy's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    Payload(Payload),
    Payloads(Vec<Payload>),
    Entry(Entry),
    Instants(Instants),
    Reading(Reading),
    IsLogged(bool),
    Settings(Judging, Removal, RemovalLog),
}

impl Question {
    fn ask(&self, policy: &dyn ExpiryPolicy) -> Answer {
        match self {
            Question::Logged(command, effect, now) => {
                Answer::Payload(policy.logged(command, effect.clone(), *now))
            }
            Question::LoggedBefore(command, effect, now) => {
                Answer::Payloads(policy.logged_before(command, effect, *now))
            }
            Question::Arrived(entry, local) => Answer::Entry(policy.arrived(entry.clone(), *local)),
            Question::Instants(entry, local) => Answer::Instants(policy.instants(entry, *local)),
            Question::ReadsAt(clocks) => Answer::Reading(policy.reads_at(*clocks)),
            Question::LogsRemovalBefore(command, removed) => {
                Answer::IsLogged(policy.logs_removal_before(command, *removed))
            }
            Question::Settings => Answer::Settings(policy.judging(), policy.removal(), policy.removal_log()),
        }
    }

    fn in_words(&self) -> String {
        match self {
            Question::Logged(command, _, now) => format!("logged, {command} at {now}"),
            Question::LoggedBefore(command, _, now) => format!("logged_before, {command} at {now}"),
            Question::Arrived(entry, local) => format!("arrived, entry {} at {local}", entry.lsn),
            Question::Instants(entry, local) => format!("instants, entry {} at {local}", entry.lsn),
            Question::ReadsAt(clocks) => format!("reads_at, the replica's clock at {}", clocks.local),
            Question::LogsRemovalBefore(command, _) => format!("logs_removal_before, {command}"),
            Question::Settings => "judging, removal or removal_log".to_owned(),
        }
    }
}

#[derive(Default)]
struct Kept {
    questions: Vec<Question>,
    answers: FxHashMap<Question, Answer>,
    /// The first question that got two different answers, in words.
    differs: Option<String>,
}

/// A policy whose answers are recorded.
pub(super) struct Asked {
    policy: Arc<dyn ExpiryPolicy + Send + Sync>,
    kept: Mutex<Kept>,
}

impl Asked {
    /// Wraps `policy` and records its answers.
    pub fn new(policy: Arc<dyn ExpiryPolicy + Send + Sync>) -> Asked {
        Asked { policy, kept: Mutex::default() }
    }

    /// Asks every recorded question again, the last one first. Returns the first question that got two different answers,
    /// in words; `None` if the policy behaved like a pure function.
    pub fn answered_in_two_ways(&self) -> Option<String> {
        let questions = self.kept().questions.clone();
        for question in questions.into_iter().rev() {
            self.ask(question);
        }
        self.kept().differs.clone()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // A panic of another thread leaves the record consistent: each question is recorded in one step.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self, question: Question) -> Answer {
        let answer = question.ask(&*self.policy);
        let mut kept = self.kept();
        match kept.answers.get(&question) {
            Some(known) if *known != answer => {
                kept.differs.get_or_insert_with(|| question.in_words());
            }
            Some(_) => {}
            None if kept.questions.len() < KEPT => {
                kept.answers.insert(question.clone(), answer.clone());
                kept.questions.push(question);
            }
            None => {}
        }
        answer
    }

    fn settings(&self) -> (Judging, Removal, RemovalLog) {
        match self.ask(Question::Settings) {
            Answer::Settings(judging, removal, removal_log) => (judging, removal, removal_log),
            _ => unreachable!("settings were asked for"),
        }
    }
}

impl ExpiryPolicy for Asked {
    fn logged(&self, command: &Command, effect: Effect, now: Millis) -> Payload {
        match self.ask(Question::Logged(command.clone(), effect, now)) {
            Answer::Payload(payload) => payload,
            _ => unreachable!("a payload was asked for"),
        }
    }

    fn logged_before(&self, command: &Command, effect: &Effect, now: Millis) -> Vec<Payload> {
        match self.ask(Question::LoggedBefore(command.clone(), effect.clone(), now)) {
            Answer::Payloads(payloads) => payloads,
            _ => unreachable!("payloads were asked for"),
        }
    }

    fn arrived(&self, entry: Entry, local: Millis) -> Entry {
        match self.ask(Question::Arrived(entry, local)) {
            Answer::Entry(entry) => entry,
            _ => unreachable!("an entry was asked for"),
        }
    }

    fn instants(&self, entry: &Entry, local: Millis) -> Instants {
        match self.ask(Question::Instants(entry.clone(), local)) {
            Answer::Instants(instants) => instants,
            _ => unreachable!("instants were asked for"),
        }
    }

    fn judging(&self) -> Judging {
        self.settings().0
    }

    fn reads_at(&self, clocks: Clocks) -> Reading {
        match self.ask(Question::ReadsAt(clocks)) {
            Answer::Reading(reading) => reading,
            _ => unreachable!("a reading was asked for"),
        }
    }

    fn removal(&self) -> Removal {
        self.settings().1
    }

    fn removal_log(&self) -> RemovalLog {
        self.settings().2
    }

    fn logs_removal_before(&self, command: &Command, removed: Removed) -> bool {
        match self.ask(Question::LogsRemovalBefore(command.clone(), removed)) {
            Answer::IsLogged(is_logged) => is_logged,
            _ => unreachable!("whether a removal is logged was asked for"),
        }
    }
}
