//! Subject — a program with what it is run on: a choice, perhaps with a fault, and what else may happen → its model.
//!
//! Rows and trace files come to the same: what the models judge and real nodes replay.

use super::seeded_machines::{ByDestination, Flows, HoldsBack, Rigged};
use super::{Bug, Configuration, Seeded};
use crate::command::{Command, line};
use crate::expiry::{ExpiryPolicy, Policy};
use crate::models::bounds::{self, ExpiryBounds, ODD_START, OrderingBounds, RECENT_START, TICK_MS_MAX};
use crate::models::check::log_policy;
use crate::models::expected::OrderingChoice;
use crate::models::expiry::{self, ExpiryModel, Judges, Passing};
use crate::models::invariants::Invariant;
use crate::models::judged::Judged;
use crate::models::ordering::{self, OrderingModel, Position, Programs};
use crate::models::path::Path;
use crate::models::story::Story;
use crate::models::trace::{self, Setting, Trace, TraceError, VERSION};
use crate::ordering::Strategy;
use crate::time::Millis;
use std::sync::Arc;

/// Workers and crashes that a trace may ask for: what a state of the model has room for, and more than a person reads.
const WORKERS_MAX: usize = 8;
const CRASHES_MAX: u8 = 4;
/// Skews that a trace may name.
const SKEWS_MAX: usize = 256;

/// A program with what it is run on.
#[derive(Clone, Debug, PartialEq)]
pub struct Subject {
    /// What it is run on.
    pub configuration: Configuration,
    /// The commands that clients send.
    pub program: Vec<Command>,
    /// What else may happen. It is that of the configuration's model.
    pub setting: Setting,
    /// The invariant that is judged.
    pub invariant: Option<Invariant>,
}

/// A model of one of both kinds.
pub enum Model {
    /// Its replica has worker threads.
    Ordering(Box<OrderingModel<Rigged>>),
    /// Its nodes have clocks.
    Expiry(Box<ExpiryModel>),
}

/// What a configuration is without its fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// A strategy, and what the log carries.
    Ordering(OrderingChoice),
    /// A policy.
    Expiry(Policy),
}

impl Configuration {
    /// The choice.
    pub fn base(self) -> Base {
        match self {
            Configuration::Ordering(choice) => Base::Ordering(choice),
            Configuration::Expiry(policy) => Base::Expiry(policy),
            Configuration::Seeded(seeded) => seeded.base().base(),
        }
    }

    /// The fault.
    pub fn seeded(self) -> Option<Seeded> {
        match self {
            Configuration::Seeded(seeded) => Some(seeded),
            _ => None,
        }
    }

    /// The strategy and the policy by which its nodes run.
    pub fn choices(self) -> (Strategy, Policy) {
        match self.base() {
            Base::Ordering(choice) => (choice.strategy, log_policy(choice)),
            Base::Expiry(policy) => (Strategy::Serial, policy),
        }
    }

    /// A machine of its strategy for so many workers, the fault in it.
    pub fn machine(self, workers: usize) -> Rigged {
        let (strategy, _) = self.choices();
        let plain = strategy.machine(workers, bounds::batch_entries_max(strategy));
        match self.seeded() {
            Some(Seeded::FlushInEveryFlow) => Rigged::Flows(Flows::new(workers)),
            Some(Seeded::RoutedByDestination) => Rigged::ByDestination(ByDestination::new(plain)),
            Some(Seeded::HoldsBackTheLast) => Rigged::HoldsBack(HoldsBack::new(plain)),
            _ => Rigged::Plain(plain),
        }
    }

    /// Its policy, the fault in it.
    pub fn policy(self) -> Arc<dyn ExpiryPolicy + Send + Sync> {
        let (_, policy) = self.choices();
        self.seeded().map_or_else(|| policy.get(), |seeded| seeded.policy(policy))
    }

    /// The choice of that name, or a fault on it. Errors: a name that nothing has.
    pub fn named(model: &str, choice: &str, seeded: Option<&str>) -> Result<Configuration, TraceError> {
        let orderings = OrderingChoice::all().into_iter().map(Configuration::Ordering);
        let policies = Policy::ALL.iter().copied().map(Configuration::Expiry);
        let known: Vec<Configuration> = match model {
            "ordering" => orderings.collect(),
            "expiry" => policies.collect(),
            _ => return Err(unknown("model", model, ["ordering", "expiry"].map(str::to_owned).to_vec())),
        };
        let base = known.iter().copied().find(|configuration| configuration.name() == choice);
        let names = || known.iter().map(|configuration| configuration.name()).collect();
        let base = base.ok_or_else(|| unknown("choice", choice, names()))?;
        let Some(name) = seeded else { return Ok(base) };
        let faults = || Seeded::ALL.iter().copied().filter(|seeded| seeded.base() == base);
        let names = || faults().map(|seeded| seeded.name().to_owned()).collect();
        let seeded = faults().find(|seeded| seeded.name() == name);
        seeded.map(Configuration::Seeded).ok_or_else(|| unknown("fault", name, names()))
    }
}

fn unknown(what: &'static str, name: &str, known: Vec<String>) -> TraceError {
    TraceError::Unknown { what, name: name.to_owned(), known: known.join(", ") }
}

impl Subject {
    /// What a row's program is run on, its bug or its cure. Panics: if the row's program is none.
    pub fn of(bug: &Bug, configuration: Configuration) -> Subject {
        let setting = match bug.setting {
            super::Setting::Schedules { crashes } => {
                Setting::Schedules { workers: OrderingBounds::QUICK.workers, crashes }
            }
            super::Setting::Clocks { tick_ms, delay_ticks, .. } => {
                Setting::Clocks { tick_ms, delay_ticks, skews_ms: bug.setting.skews_ms(), passes: None }
            }
        };
        let invariant = Some(bug.invariant);
        let program = crate::models::scenario::commands(bug.program);
        Subject { configuration, program, setting, invariant }
    }

    /// What a trace is of. Errors: a version, a name, a command, a setting that is not known.
    pub fn of_trace(trace: &Trace) -> Result<Subject, TraceError> {
        if !(1..=VERSION).contains(&trace.version) {
            return Err(TraceError::Version(trace.version));
        }
        let configuration = Configuration::named(&trace.model, &trace.choice, trace.seeded.as_deref())?;
        let wrong = |model, needed| Err(TraceError::Setting { model, needed });
        match (&trace.setting, configuration.base()) {
            (
                Setting::Schedules { workers: 1..=WORKERS_MAX, crashes: 0..=CRASHES_MAX },
                Base::Ordering(_),
            ) => {}
            (_, Base::Ordering(_)) => return wrong("ordering", "workers (1 to 8), crashes (0 to 4)"),
            (Setting::Clocks { tick_ms: 1..=TICK_MS_MAX, skews_ms, .. }, Base::Expiry(_))
                if (1..=SKEWS_MAX).contains(&skews_ms.len())
                    && skews_ms.iter().all(|ms| ms.unsigned_abs() < start(&trace.setting).0) => {}
            (_, Base::Expiry(_)) => {
                let needed = "tick_ms (1 to 2^53), delay_ticks, skews_ms (1 to 256, from which no clock begins before 0)";
                return wrong("expiry", needed);
            }
        }
        let program = (1..).zip(&trace.program).map(|(line, text)| parsed(line, text));
        let program: Vec<Command> = program.collect::<Result<_, _>>()?;
        let invariant = trace.invariant;
        if let Some(invariant) = invariant {
            let known = match configuration.base() {
                Base::Ordering(_) => ordering::INVARIANTS.to_vec(),
                Base::Expiry(_) => [expiry::STATE_INVARIANTS, expiry::READ_INVARIANTS].concat(),
            };
            if !known.contains(&invariant) {
                let known = known.into_iter().map(|known| known.name().to_owned()).collect();
                return Err(unknown("invariant", invariant.name(), known));
            }
        }
        Ok(Subject { configuration, program, setting: trace.setting.clone(), invariant })
    }

    /// What a story is of that was told under a choice without a fault. `None`: there is no such choice, or no real node
    /// has it (readers are let in too early); a step that a trace cannot say (a link that goes down).
    pub fn told(
        (model, choice): (&str, &str),
        program: Vec<Command>,
        invariant: Option<Invariant>,
        story: &Story,
    ) -> Option<Subject> {
        let configuration = Configuration::named(model, choice, None).ok()?;
        if matches!(configuration, Configuration::Ordering(choice) if choice.reads_after_crash) {
            return None;
        }
        let setting = match story.taken.as_ref()? {
            Path::Ordering { workers, crashes_max, .. } => {
                Setting::Schedules { workers: *workers, crashes: *crashes_max }
            }
            // A node publishes what it applies at once.
            Path::Expiry { times, .. } if times.apart => return None,
            Path::Expiry { times, .. } => Setting::Clocks {
                tick_ms: times.tick_ms,
                delay_ticks: times.delay_ticks_max,
                skews_ms: vec![times.skew_ms],
                passes: (times.passing == Passing::Instants).then_some(times.passes_max),
            },
        };
        Some(Subject { configuration, program, setting, invariant })
    }

    /// A story that was told elsewhere, as a trace that can be replayed. `None`: the subject's own model has no such
    /// path or tells it otherwise, but for the instant at which it begins (replay has one database, and four ticks).
    pub fn trace_of(&self, story: &Story) -> Option<Trace> {
        let own = match (self.model(), story.taken.as_ref()?) {
            (Model::Ordering(model), Path::Ordering { path, .. }) => retold(&*model, path),
            (Model::Expiry(model), Path::Expiry { path, .. }) => retold(&*model, path),
            _ => None,
        }?;
        let trace = self.trace(&own);
        let is_same = own.since_its_start() == story.since_its_start();
        (is_same && Subject::of_trace(&trace).is_ok_and(|read| read == *self)).then_some(trace)
    }

    /// A path of its model as a trace.
    pub fn trace(&self, story: &Story) -> Trace {
        let (model, base) = match self.configuration.base() {
            Base::Ordering(choice) => ("ordering", choice.name()),
            Base::Expiry(policy) => ("expiry", policy.name().to_owned()),
        };
        Trace {
            version: VERSION,
            model: model.to_owned(),
            choice: base,
            seeded: self.configuration.seeded().map(|seeded| seeded.name().to_owned()),
            program: self.program.iter().map(ToString::to_string).collect(),
            setting: self.setting.clone(),
            invariant: self.invariant,
            path: story.path.clone(),
            steps: story.in_words(),
        }
    }

    /// Its model. Panics: on more than 65,535 commands.
    pub fn model(&self) -> Model {
        match (&self.setting, self.configuration.base()) {
            (Setting::Schedules { workers, crashes }, Base::Ordering(choice)) => {
                Model::Ordering(Box::new(self.ordering_model(*workers, *crashes, choice)))
            }
            (Setting::Clocks { tick_ms, delay_ticks, skews_ms, passes }, Base::Expiry(_)) => {
                Model::Expiry(Box::new(self.expiry_model(*tick_ms, *delay_ticks, skews_ms, *passes)))
            }
            _ => unreachable!("the setting is that of the configuration's model"),
        }
    }

    fn ordering_model(&self, workers: usize, crashes: u8, choice: OrderingChoice) -> OrderingModel<Rigged> {
        let (configuration, seeded) = (self.configuration, self.configuration.seeded());
        let bounds = OrderingBounds { workers, crashes_max: crashes, ..OrderingBounds::QUICK };
        let programs = Programs::only(&self.program, &*log_policy(choice).get()).expect("a short program");
        let programs = match seeded.and_then(|seeded| seeded.log(programs.length_max())) {
            Some(log) => programs.with_log(&log),
            None => programs,
        };
        let position = seeded.map_or(Position::Marker, Seeded::position);
        let setup = ordering::Setup { position, ..bounds.setup(choice, programs, false) };
        OrderingModel::new(setup, move |workers| configuration.machine(workers))
    }

    /// When its run begins.
    pub fn start(&self) -> Millis {
        start(&self.setting)
    }

    fn expiry_model(
        &self,
        tick_ms: u64,
        delay_ticks: u8,
        skews_ms: &[i64],
        passes: Option<u8>,
    ) -> ExpiryModel {
        let bounds = ExpiryBounds { delay_ticks_max: delay_ticks, ..ExpiryBounds::QUICK };
        let judges = self.invariant.map_or(Judges::State, bounds::judges);
        let setup = expiry::Setup {
            start: self.start(),
            passing: passes.map_or(Passing::Ticks, |_| Passing::Instants),
            passes_max: passes.unwrap_or(super::TICKS),
            tick_ms,
            begins: self.program.len(),
            length_max: self.program.len(),
            skews_ms: skews_ms.to_vec(),
            readers_see_the_dead: self.configuration.seeded() == Some(Seeded::ReadersSeeTheDead),
            ..bounds.setup(judges, self.program.clone())
        };
        ExpiryModel::new(setup, self.configuration.policy())
    }
}

/// When a run begins. A story in ticks is told in round numbers.
fn start(setting: &Setting) -> Millis {
    match setting {
        Setting::Clocks { passes: Some(_), .. } => ODD_START,
        _ => RECENT_START,
    }
}

/// The story of a path, if `model` has it.
fn retold<M: Judged>(model: &M, path: &[M::Action]) -> Option<Story> {
    Some(Story { path: trace::numbers(model, path)?, ..model.story(path) })
}

fn parsed(line: usize, text: &str) -> Result<Command, TraceError> {
    let wrong = |reason: String| TraceError::Program { line, reason };
    let argv = line::split(text.as_bytes()).map_err(|error| wrong(error.to_string()))?;
    let command = Command::parse(0, argv).map_err(|error| wrong(error.to_string()))?;
    if !command.is_write() {
        return Err(wrong(format!("'{}' writes nothing", command.name())));
    }
    Ok(command)
}
