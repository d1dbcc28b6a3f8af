//! Choice — an ordering choice or an expiry policy, perhaps with a seeded fault; and the only parser of their names.
//! Pure.
//!
//! ```text
//! writeset+commands            an ordering choice: a strategy, and what the log carries
//! log_clock                    an expiry policy
//! serial!logged_late           a choice with a fault
//! ```

use super::fault::SeededFault;
use crate::binlog::Lsn;
use crate::effect::{Key, KeySet};
use crate::expiry::Policy;
use crate::names::{UnknownName, find};
use crate::ordering::{Admission, OrderingStrategy as _, Reads, Strategy};

/// A way for a replica to apply the log: a strategy and its options.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderingChoice {
    /// The strategy.
    pub strategy: Strategy,
    /// Whether the log carries commands instead of effects.
    pub commands: bool,
    /// Whether readers are let in right after a restart, before the replica has caught up.
    pub reads_after_crash: bool,
}

impl OrderingChoice {
    /// A strategy on a log of effects.
    pub const fn effects(strategy: Strategy) -> OrderingChoice {
        OrderingChoice { strategy, commands: false, reads_after_crash: false }
    }

    /// A strategy on a log of commands.
    pub const fn commands(strategy: Strategy) -> OrderingChoice {
        OrderingChoice { strategy, commands: true, reads_after_crash: false }
    }

    /// All choices that are judged: every strategy on effects, every strategy on commands, and the one choice that lets
    /// readers in too early.
    pub fn all() -> Vec<OrderingChoice> {
        let strategies = || Strategy::ALL.iter().copied();
        let early = OrderingChoice { reads_after_crash: true, ..OrderingChoice::effects(Strategy::Writeset) };
        let on_effects = strategies().map(OrderingChoice::effects);
        on_effects.chain(strategies().map(OrderingChoice::commands)).chain([early]).collect()
    }

    /// The name that users write: `writeset`, `writeset+commands`, `writeset+reads_after_crash`.
    pub fn name(self) -> String {
        let mut name = self.strategy.name().to_owned();
        if self.commands {
            name.push_str("+commands");
        }
        if self.reads_after_crash {
            name.push_str("+reads_after_crash");
        }
        name
    }

    /// The expiry policy by which the log is written.
    pub fn log_policy(self) -> Policy {
        if self.commands { Policy::AtEntryTime } else { Policy::Effects }
    }
}

/// The subject of a choice. Each subject has a model that judges it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The order in which a replica applies the log.
    Ordering(OrderingChoice),
    /// What the log says about time, and by which clock readers judge.
    Expiry(Policy),
}

/// An ordering choice or an expiry policy, perhaps with a seeded fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Choice {
    kind: Kind,
    fault: Option<SeededFault>,
}

impl Choice {
    /// An ordering choice.
    pub const fn ordering(choice: OrderingChoice) -> Choice {
        Choice { kind: Kind::Ordering(choice), fault: None }
    }

    /// A strategy on a log of effects.
    pub const fn effects(strategy: Strategy) -> Choice {
        Choice::ordering(OrderingChoice::effects(strategy))
    }

    /// A strategy on a log of commands.
    pub const fn commands(strategy: Strategy) -> Choice {
        Choice::ordering(OrderingChoice::commands(strategy))
    }

    /// An expiry policy.
    pub const fn expiry(policy: Policy) -> Choice {
        Choice { kind: Kind::Expiry(policy), fault: None }
    }

    /// The choice that a fault is made for, with the fault.
    pub const fn faulty(fault: SeededFault) -> Choice {
        Choice { kind: fault.kind(), fault: Some(fault) }
    }

    /// Every choice without a fault, in the order of the tables.
    pub fn all() -> Vec<Choice> {
        let orderings = OrderingChoice::all().into_iter().map(Choice::ordering);
        orderings.chain(Policy::ALL.iter().copied().map(Choice::expiry)).collect()
    }

    /// The subject of the choice.
    pub const fn kind(self) -> Kind {
        self.kind
    }

    /// Its fault, if any.
    pub const fn fault(self) -> Option<SeededFault> {
        self.fault
    }

    /// The same choice without a fault.
    #[must_use]
    pub const fn without_fault(self) -> Choice {
        Choice { kind: self.kind, fault: None }
    }

    /// The model that judges it: `ordering` or `expiry`.
    pub fn model(self) -> &'static str {
        match self.kind {
            Kind::Ordering(_) => "ordering",
            Kind::Expiry(_) => "expiry",
        }
    }

    /// The name that users write; with a fault, followed by the fault's name: `serial!logged_late`.
    pub fn name(self) -> String {
        let name = match self.kind {
            Kind::Ordering(choice) => choice.name(),
            Kind::Expiry(policy) => policy.name().to_owned(),
        };
        self.fault.map_or(name.clone(), |fault| format!("{name}!{}", fault.name()))
    }

    /// The strategy and the policy that the nodes run.
    pub fn strategy_and_policy(self) -> (Strategy, Policy) {
        match self.kind {
            Kind::Ordering(choice) => (choice.strategy, choice.log_policy()),
            Kind::Expiry(policy) => (Strategy::Serial, policy),
        }
    }

    /// The choice with that name, with the fault of that name. Errors: an unknown name.
    pub fn named(model: &str, name: &str, fault: Option<&str>) -> Result<Choice, UnknownName> {
        let models = ["ordering", "expiry"];
        if !models.contains(&model) {
            return Err(UnknownName::new("model", model, models));
        }
        let of_model: Vec<Choice> =
            Choice::all().into_iter().filter(|choice| choice.model() == model).collect();
        let choice = find("choice", name, &of_model, |choice| choice.name())?;
        let Some(name) = fault else { return Ok(choice) };
        let faults: Vec<SeededFault> =
            SeededFault::ALL.iter().copied().filter(|fault| fault.kind() == choice.kind).collect();
        find("fault", name, &faults, SeededFault::name).map(Choice::faulty)
    }
}

impl SeededFault {
    /// The choice that the fault is put on. Without the fault, the catalogue's program is safe under it.
    pub const fn kind(self) -> Kind {
        let choice = match self {
            SeededFault::FlushInEveryFlow | SeededFault::WakeUpLost => {
                OrderingChoice::effects(Strategy::Barrier)
            }
            SeededFault::HoldsBackTheLast
            | SeededFault::LoggedLate
            | SeededFault::NotLogged
            | SeededFault::ResumesAtReceived
            | SeededFault::MarkerAheadOfData => OrderingChoice::effects(Strategy::Serial),
            SeededFault::MarkerBehindData => OrderingChoice::commands(Strategy::Serial),
            SeededFault::MarkerWithFirstPart => OrderingChoice::effects(Strategy::KeyHash),
            SeededFault::ResultWithoutDeadline => return Kind::Expiry(Policy::Pksetat),
            SeededFault::DeadlineInInt32
            | SeededFault::MillisecondsAsSeconds
            | SeededFault::AppendLogsOldValue
            | SeededFault::RangesDropped => return Kind::Expiry(Policy::Effects),
            SeededFault::RemovesByOwnClock(policy) => return Kind::Expiry(policy),
            SeededFault::ReadersSeeTheDead
            | SeededFault::ConversionDropsFields
            | SeededFault::EmptiedHashUntold
            | SeededFault::ProbedFieldsUntold
            | SeededFault::FieldDurationsLogged => return Kind::Expiry(Policy::MasterExpires),
        };
        Kind::Ordering(choice)
    }
}

/// Whether batches may be written in another order than the log's, so that a crash may leave what was applied beyond the marker.
pub(super) fn writes_out_of_order(strategy: Strategy) -> bool {
    strategy.reads() != Reads::BetweenBatches
}

/// Whether an entry of several keys is applied one key at a time. Each part is then ordered with the other entries of its key.
pub(super) fn splits_entries(strategy: Strategy) -> bool {
    let keys = ["a", "b"].map(|name| Key::new(0, name));
    let entry = Admission::new(Lsn(1), KeySet::of(keys.clone()), keys.first().cloned(), true);
    let mut machine = strategy.machine(1, 1);
    machine.admit(&entry).is_ok() && machine.take(0).is_some_and(|job| job.part.is_some())
}
