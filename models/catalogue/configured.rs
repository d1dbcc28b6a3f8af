//! Configured — a configuration → the machine that orders a replica's log, and the policy by which the log was written.
//! Pure.

use super::seeded_machines::{ByDestination, Flows, HoldsBack};
use super::{Configuration, Seeded};
use crate::expiry::ExpiryPolicy;
use crate::models::bounds::BATCH_ENTRIES_MAX;
use crate::models::check::log_policy;
use crate::ordering::Ordering;
use std::sync::Arc;

impl Configuration {
    /// The choice, and the fault that is put on it.
    fn taken_apart(self) -> (Configuration, Option<Seeded>) {
        match self {
            Configuration::Seeded(seeded) => (seeded.base(), Some(seeded)),
            plain => (plain, None),
        }
    }

    /// The machine with no entries for so many workers (at least 1); `None` for a policy, which orders nothing.
    pub fn machine(self, workers: usize) -> Option<Box<dyn Ordering + Send>> {
        let (Configuration::Ordering(choice), seeded) = self.taken_apart() else { return None };
        let plain = choice.strategy.machine(workers, BATCH_ENTRIES_MAX);
        Some(match seeded {
            Some(Seeded::FlushInEveryFlow) => Box::new(Flows::new(workers)),
            Some(Seeded::RoutedByDestination) => Box::new(ByDestination::new(plain)),
            Some(Seeded::HoldsBackTheLast) => Box::new(HoldsBack::new(plain)),
            _ => Box::new(plain),
        })
    }

    /// The policy by which the master logs.
    pub fn log_policy(self) -> Arc<dyn ExpiryPolicy + Send + Sync> {
        match self.taken_apart() {
            (Configuration::Ordering(choice), _) => log_policy(choice).get(),
            (Configuration::Expiry(policy), None) => policy.get(),
            (Configuration::Expiry(policy), Some(seeded)) => seeded.policy(policy),
            (Configuration::Seeded(_), _) => unreachable!("a fault is put on a strategy or a policy"),
        }
    }
}
