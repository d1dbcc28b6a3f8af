//! Seeded machines — strategies and policies with a fault, around the engine's own. Pure.

use crate::apply::Instants;
use crate::binlog::{Entry, Payload};
use crate::command::Command;
use crate::effect::{Effect, KeySet, Write};
use crate::expiry::{ExpiryPolicy, Judging, Policy, Removal};
use crate::ordering::first_key::FirstKey;
use crate::ordering::{Admission, AnyOrdering, Job, Ordering, Refused, lane_of};
use crate::store::key;
use crate::store::record::{Record, Value};
use crate::time::Millis;
use std::borrow::Cow;

/// A lane a worker, each a machine of its own; what has no key stands in all of them, and each runs it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Flows(Vec<FirstKey>);

impl Flows {
    pub(super) fn new(workers: usize) -> Flows {
        Flows(vec![FirstKey::new(1, 1); workers])
    }
}

impl Ordering for Flows {
    fn admit(&mut self, entry: &Admission<'_>) -> Result<(), Refused> {
        let flows = self.0.len();
        match &entry.first_key {
            Some(key) => self.0[lane_of(key, flows)].admit(entry),
            None => self.0.iter_mut().try_for_each(|flow| flow.admit(entry)),
        }
    }

    fn take(&mut self, worker: usize) -> Option<Job> {
        self.0.get_mut(worker)?.take(0)
    }

    fn finish(&mut self, worker: usize, job: &Job) {
        self.0[worker].finish(0, job);
    }
}

/// Lanes by the last key in the order of keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ByDestination(AnyOrdering);

impl ByDestination {
    pub(super) fn new(inner: AnyOrdering) -> ByDestination {
        ByDestination(inner)
    }
}

impl crate::ordering::Wrapper for ByDestination {
    type Inner = AnyOrdering;

    fn inner(&self) -> &AnyOrdering {
        &self.0
    }

    fn inner_mut(&mut self) -> &mut AnyOrdering {
        &mut self.0
    }

    fn admit(&mut self, entry: &Admission<'_>) -> Result<(), Refused> {
        let first_key = match &*entry.keys {
            KeySet::Keys(keys) => keys.last().cloned().map(Cow::Owned),
            KeySet::Everything => None,
        };
        Ordering::admit(&mut self.0, &Admission { first_key, ..entry.clone() })
    }
}

/// A strategy that is told of an entry when the next one comes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HoldsBack {
    inner: AnyOrdering,
    held: Option<Admission<'static>>,
}

impl HoldsBack {
    pub(super) fn new(inner: AnyOrdering) -> HoldsBack {
        HoldsBack { inner, held: None }
    }
}

impl crate::ordering::Wrapper for HoldsBack {
    type Inner = AnyOrdering;

    fn inner(&self) -> &AnyOrdering {
        &self.inner
    }

    fn inner_mut(&mut self) -> &mut AnyOrdering {
        &mut self.inner
    }

    fn admit(&mut self, entry: &Admission<'_>) -> Result<(), Refused> {
        let before = self.held.replace(entry.clone().into_owned());
        before.map_or(Ok(()), |before| Ordering::admit(&mut self.inner, &before))
    }
}

/// A strategy, with a fault or without.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Rigged {
    /// Without.
    Plain(AnyOrdering),
    /// A lane a worker; what has no key is run by each.
    Flows(Flows),
    /// Lanes by the last key.
    ByDestination(ByDestination),
    /// Told of an entry when the next one comes.
    HoldsBack(HoldsBack),
}

impl crate::ordering::Wrapper for Rigged {
    type Inner = dyn Ordering;

    fn inner(&self) -> &(dyn Ordering + 'static) {
        match self {
            Rigged::Plain(machine) => machine,
            Rigged::Flows(machine) => machine,
            Rigged::ByDestination(machine) => machine,
            Rigged::HoldsBack(machine) => machine,
        }
    }

    fn inner_mut(&mut self) -> &mut (dyn Ordering + 'static) {
        match self {
            Rigged::Plain(machine) => machine,
            Rigged::Flows(machine) => machine,
            Rigged::ByDestination(machine) => machine,
            Rigged::HoldsBack(machine) => machine,
        }
    }
}

/// What is wrong with a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PolicyFault {
    ResultWithoutDeadline,
    DeadlineInInt32,
    MillisecondsAsSeconds,
    AppendLogsOldValue,
    RangesDropped,
    RemovesByOwnClock,
}

/// A policy with a fault.
#[derive(Debug)]
pub(super) struct WrongPolicy {
    pub(super) base: Policy,
    pub(super) fault: PolicyFault,
}

impl WrongPolicy {
    /// What the fault makes of an effect of `command`.
    fn mangled(&self, command: &Command, mut effect: Effect, now: Millis) -> Effect {
        match self.fault {
            PolicyFault::ResultWithoutDeadline if command.depends_on_stored() => {
                with_records(effect, |record| Record { deadline: None, ..record })
            }
            PolicyFault::DeadlineInInt32 => {
                with_deadlines(effect, |deadline| Millis(deadline.0 & 0x7fff_ffff))
            }
            PolicyFault::MillisecondsAsSeconds if command.name() == "psetex" => {
                with_deadlines(effect, |deadline| {
                    Millis(now.0.saturating_add(deadline.since(now).saturating_mul(1000)))
                })
            }
            PolicyFault::AppendLogsOldValue if command.name() == "append" => {
                with_records(effect, |record| Record { value: Value::String(Vec::new()), ..record })
            }
            PolicyFault::RangesDropped => {
                effect.writes.retain(|write| !matches!(write, Write::DeleteRange { .. }));
                effect
            }
            _ => effect,
        }
    }
}

impl ExpiryPolicy for WrongPolicy {
    fn logged(&self, command: &Command, effect: Effect, now: Millis) -> Payload {
        match self.base.get().logged(command, effect, now) {
            Payload::Effect(effect) => Payload::Effect(self.mangled(command, effect, now)),
            command => command,
        }
    }

    fn arrived(&self, entry: Entry, local: Millis) -> Entry {
        self.base.get().arrived(entry, local)
    }

    fn instants(&self, entry: &Entry, local: Millis) -> Instants {
        self.base.get().instants(entry, local)
    }

    fn judging(&self) -> Judging {
        self.base.get().judging()
    }

    fn removal(&self) -> Removal {
        if self.fault == PolicyFault::RemovesByOwnClock { Removal::Local } else { self.base.get().removal() }
    }
}

fn with_deadlines(effect: Effect, replace: impl Fn(Millis) -> Millis) -> Effect {
    with_records(effect, |record| Record { deadline: record.deadline.map(&replace), ..record })
}

/// The effect with each metadata record in it replaced.
fn with_records(mut effect: Effect, replace: impl Fn(Record) -> Record) -> Effect {
    for write in &mut effect.writes {
        if let Write::Put { key, value } = write
            && key::is_metadata(key)
            && let Ok(record) = Record::decode(key, value)
        {
            *value = replace(record).encode();
        }
    }
    effect
}
