//! Rigged — a choice → the strategy and the policy that its nodes run, with its fault in them: small changes around the
//! engine's own machines. Pure.

use super::bounds;
use super::choice::Choice;
use super::fault::SeededFault;
use super::ordering::Position;
use super::scaled;
use crate::apply::Instants;
use crate::binlog::{Entry, Lsn, Payload};
use crate::command::Command;
use crate::effect::{Effect, Write};
use crate::expiry::{ExpiryPolicy, Judging, Policy, Removal, Removed};
use crate::ordering::first_key::FirstKey;
use crate::ordering::{Admission, AnyStrategy, Job, OrderingStrategy, Refused, lane_of};
use crate::store::key;
use crate::store::record::{Record, Value};
use crate::time::Millis;
use std::sync::Arc;

impl Choice {
    /// A machine of its strategy for this many workers, with the fault in it.
    pub fn machine(self, workers: usize) -> Rigged {
        let (strategy, _) = self.strategy_and_policy();
        self.machine_with(workers, bounds::batch_entries_max(strategy))
    }

    /// Like [`Choice::machine`], with batches of at most so many entries.
    pub fn machine_with(self, workers: usize, batch: usize) -> Rigged {
        let (strategy, _) = self.strategy_and_policy();
        let plain = strategy.machine(workers, batch);
        match self.fault() {
            Some(SeededFault::FlushInEveryFlow) => Rigged::Flows(Flows::new(workers)),
            Some(SeededFault::HoldsBackTheLast) => Rigged::HoldsBack(HoldsBack::new(plain)),
            Some(SeededFault::WakeUpLost) => Rigged::Asleep(Asleep::new(plain)),
            _ => Rigged::Plain(plain),
        }
    }

    /// Its policy as the engine runs it, with the fault in it.
    pub fn policy(self) -> Arc<dyn ExpiryPolicy + Send + Sync> {
        let (_, policy) = self.strategy_and_policy();
        self.fault().map_or_else(|| policy.get(), |fault| fault.policy(policy))
    }

    /// Its policy in a run whose ticks have this length, with the fault in it.
    pub fn policy_within(self, tick_ms: u64) -> Arc<dyn ExpiryPolicy + Send + Sync> {
        let (_, policy) = self.strategy_and_policy();
        if self.fault().is_some() { self.policy() } else { scaled::policy(policy, tick_ms) }
    }
}

impl SeededFault {
    /// The position after which a replica with this fault resumes after a crash.
    pub(super) fn position(self) -> Position {
        match self {
            SeededFault::ResumesAtReceived => Position::Received,
            SeededFault::MarkerBehindData => Position::BehindBatch,
            SeededFault::MarkerAheadOfData => Position::AheadOfBatch,
            SeededFault::MarkerWithFirstPart => Position::WithFirstPart,
            _ => Position::Marker,
        }
    }

    /// For a log of this many writes, the write that each entry carries; `None` if the log holds the writes in their
    /// order.
    pub(super) fn log(self, writes: usize) -> Option<Vec<Option<usize>>> {
        let mut log: Vec<Option<usize>> = (0..writes).map(Some).collect();
        match self {
            SeededFault::LoggedLate if writes >= 2 => log.swap(writes - 2, writes - 1),
            SeededFault::NotLogged if writes >= 1 => log[writes - 1] = None,
            _ => return None,
        }
        Some(log)
    }

    /// The policy `base` with this fault.
    fn policy(self, base: Policy) -> Arc<dyn ExpiryPolicy + Send + Sync> {
        let fault = match self {
            SeededFault::ResultWithoutDeadline => PolicyFault::ResultWithoutDeadline,
            SeededFault::DeadlineInInt32 => PolicyFault::DeadlineInInt32,
            SeededFault::MillisecondsAsSeconds => PolicyFault::MillisecondsAsSeconds,
            SeededFault::AppendLogsOldValue => PolicyFault::AppendLogsOldValue,
            SeededFault::RangesDropped => PolicyFault::RangesDropped,
            SeededFault::RemovesByOwnClock(_) => PolicyFault::RemovesByOwnClock,
            SeededFault::ConversionDropsFields => PolicyFault::ConversionDropsFields,
            SeededFault::EmptiedHashUntold => PolicyFault::EmptiedHashUntold,
            SeededFault::ProbedFieldsUntold => PolicyFault::ProbedFieldsUntold,
            SeededFault::FieldDurationsLogged => PolicyFault::FieldDurationsLogged,
            _ => return base.get(),
        };
        Arc::new(WrongPolicy { base, fault })
    }
}

/// One lane for each worker, each lane a machine of its own. An entry without a key is queued in every lane, and each
/// runs it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Flows(Vec<FirstKey>);

impl Flows {
    fn new(workers: usize) -> Flows {
        Flows(vec![FirstKey::new(1, 1); workers])
    }
}

impl OrderingStrategy for Flows {
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

/// A strategy that is given an entry only when the next one arrives.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HoldsBack {
    inner: AnyStrategy,
    held: Option<Admission<'static>>,
}

impl HoldsBack {
    fn new(inner: AnyStrategy) -> HoldsBack {
        HoldsBack { inner, held: None }
    }
}

impl crate::ordering::Wrapper for HoldsBack {
    type Inner = AnyStrategy;

    fn inner(&self) -> &AnyStrategy {
        &self.inner
    }

    fn inner_mut(&mut self) -> &mut AnyStrategy {
        &mut self.inner
    }

    fn admit(&mut self, entry: &Admission<'_>) -> Result<(), Refused> {
        let before = self.held.replace(entry.clone().into_owned());
        before.map_or(Ok(()), |before| OrderingStrategy::admit(&mut self.inner, &before))
    }
}

/// A strategy with workers that sleep from the end of an entry without a key until another entry is admitted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Asleep {
    inner: AnyStrategy,
    /// The admitted entries without a key that have not been applied.
    keyless: Vec<Lsn>,
    is_asleep: bool,
}

impl Asleep {
    fn new(inner: AnyStrategy) -> Asleep {
        Asleep { inner, keyless: Vec::new(), is_asleep: false }
    }
}

impl crate::ordering::Wrapper for Asleep {
    type Inner = AnyStrategy;

    fn inner(&self) -> &AnyStrategy {
        &self.inner
    }

    fn inner_mut(&mut self) -> &mut AnyStrategy {
        &mut self.inner
    }

    fn admit(&mut self, entry: &Admission<'_>) -> Result<(), Refused> {
        OrderingStrategy::admit(&mut self.inner, entry)?;
        self.is_asleep = false;
        if entry.first_key.is_none() {
            self.keyless.push(entry.lsn);
        }
        Ok(())
    }

    fn take(&mut self, worker: usize) -> Option<Job> {
        if self.is_asleep { None } else { OrderingStrategy::take(&mut self.inner, worker) }
    }

    fn finish(&mut self, worker: usize, job: &Job) {
        OrderingStrategy::finish(&mut self.inner, worker, job);
        let before = self.keyless.len();
        self.keyless.retain(|lsn| !job.lsns.contains(lsn));
        self.is_asleep |= self.keyless.len() < before;
    }
}

/// A strategy with or without a fault.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Rigged {
    /// Without a fault.
    Plain(AnyStrategy),
    /// One lane for each worker; each lane runs the entries without a key.
    Flows(Flows),
    /// Each entry is admitted only when the next one arrives.
    HoldsBack(HoldsBack),
    /// Workers sleep after an entry without a key.
    Asleep(Asleep),
}

impl crate::ordering::Wrapper for Rigged {
    type Inner = dyn OrderingStrategy;

    fn inner(&self) -> &(dyn OrderingStrategy + 'static) {
        match self {
            Rigged::Plain(machine) => machine,
            Rigged::Flows(machine) => machine,
            Rigged::HoldsBack(machine) => machine,
            Rigged::Asleep(machine) => machine,
        }
    }

    fn inner_mut(&mut self) -> &mut (dyn OrderingStrategy + 'static) {
        match self {
            Rigged::Plain(machine) => machine,
            Rigged::Flows(machine) => machine,
            Rigged::HoldsBack(machine) => machine,
            Rigged::Asleep(machine) => machine,
        }
    }
}

/// The ways in which a policy can be faulty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PolicyFault {
    ResultWithoutDeadline,
    DeadlineInInt32,
    MillisecondsAsSeconds,
    AppendLogsOldValue,
    RangesDropped,
    RemovesByOwnClock,
    ConversionDropsFields,
    EmptiedHashUntold,
    ProbedFieldsUntold,
    FieldDurationsLogged,
}

/// A policy with a fault.
#[derive(Debug)]
struct WrongPolicy {
    base: Policy,
    fault: PolicyFault,
}

impl WrongPolicy {
    /// Whether `command` gives fields a duration, and the fault logs it as it came.
    fn logs_duration_of(&self, command: &Command) -> bool {
        let gives_duration = match command.name() {
            "hexpire" | "hpexpire" => true,
            "hsetex" | "hgetex" => {
                command.argv().iter().any(|word| [&b"EX"[..], b"PX"].contains(&&*word.to_ascii_uppercase()))
            }
            _ => false,
        };
        self.fault == PolicyFault::FieldDurationsLogged && gives_duration
    }

    /// The effect of `command` as the fault changes it.
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
            _ if self.logs_duration_of(command) => Payload::Command(command.clone()),
            command => command,
        }
    }

    fn arrived(&self, entry: Entry, local: Millis) -> Entry {
        self.base.get().arrived(entry, local)
    }

    fn instants(&self, entry: &Entry, local: Millis) -> Instants {
        let instants = self.base.get().instants(entry, local);
        match &entry.payload {
            Payload::Command(command) if self.logs_duration_of(command) => {
                Instants { now: local, ..instants }
            }
            _ => instants,
        }
    }

    fn judging(&self) -> Judging {
        self.base.get().judging()
    }

    fn removal(&self) -> Removal {
        if self.fault == PolicyFault::RemovesByOwnClock { Removal::Local } else { self.base.get().removal() }
    }

    fn logs_removal_before(&self, command: &Command, removed: Removed) -> bool {
        let is_untold = match self.fault {
            PolicyFault::ConversionDropsFields => removed == Removed::Fields && converts(command),
            PolicyFault::EmptiedHashUntold => removed == Removed::Key && probes_fields(command),
            PolicyFault::ProbedFieldsUntold => removed == Removed::Fields && probes_fields(command),
            _ => false,
        };
        !is_untold
    }
}

/// Whether `command` looks for fields and treats those that are dead as missing.
fn probes_fields(command: &Command) -> bool {
    let probing = ["hexpire", "hpexpire", "hexpireat", "hpexpireat", "hpersist", "hgetex", "hsetex"];
    probing.contains(&command.name())
}

/// Whether `command` changes the encoding of a hash: Valkey keeps a hash in one piece while its fields and values have at
/// most 64 bytes.
fn converts(command: &Command) -> bool {
    let writes = ["hset", "hmset", "hsetnx", "hsetex"].contains(&command.name());
    writes && command.argv().iter().skip(2).any(|word| word.len() > 64)
}

fn with_deadlines(effect: Effect, replace: impl Fn(Millis) -> Millis) -> Effect {
    with_records(effect, |record| Record { deadline: record.deadline.map(&replace), ..record })
}

/// The effect with each of its metadata records replaced.
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
