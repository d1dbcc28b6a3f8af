//! Machines — the strategy and the policy that an experiment runs: those of a built-in choice, or a user's own. Pure.

use super::choice::Choice;
use super::ordering::{Machine, Routes};
use super::rigged::Rigged;
use crate::expiry::ExpiryPolicy;
use std::sync::Arc;

/// The choice of an experiment, which makes the machines that its model runs.
pub trait Machines: Clone + Send + Sync + 'static {
    /// A machine of the strategy.
    type Machine: Machine;

    /// The built-in choice that it is, or that has the same kind, log and admission of readers.
    fn like(&self) -> Choice;

    /// A machine of the strategy for this many workers, with batches of at most `batch` entries if that is given.
    fn machine(&self, workers: usize, batch: Option<usize>) -> Self::Machine;

    /// The expiry policy in a run whose ticks have this length.
    fn policy_within(&self, tick_ms: u64) -> Arc<dyn ExpiryPolicy + Send + Sync>;

    /// Record of which worker took which key. Only a user's own strategy has one: the routes of the others are known.
    fn routes(&self) -> Option<Arc<Routes>> {
        None
    }
}

impl Machines for Choice {
    type Machine = Rigged;

    fn like(&self) -> Choice {
        *self
    }

    fn machine(&self, workers: usize, batch: Option<usize>) -> Rigged {
        batch.map_or_else(|| Choice::machine(*self, workers), |batch| self.machine_with(workers, batch))
    }

    fn policy_within(&self, tick_ms: u64) -> Arc<dyn ExpiryPolicy + Send + Sync> {
        Choice::policy_within(*self, tick_ms)
    }
}

/// A user's own strategy, whose batches have any size, or a user's own policy.
#[derive(Clone)]
pub struct Own<F> {
    /// The built-in choice with the same kind, log and admission of readers.
    pub like: Choice,
    /// Makes a machine of the strategy for a number of workers.
    pub new: F,
    /// The policy.
    pub policy: Arc<dyn ExpiryPolicy + Send + Sync>,
    /// See [`Machines::routes`].
    pub routes: Option<Arc<Routes>>,
}

impl<O: Machine, F: Fn(usize) -> O + Clone + Send + Sync + 'static> Machines for Own<F> {
    type Machine = O;

    fn like(&self) -> Choice {
        self.like
    }

    fn machine(&self, workers: usize, _batch: Option<usize>) -> O {
        (self.new)(workers)
    }

    fn policy_within(&self, _tick_ms: u64) -> Arc<dyn ExpiryPolicy + Send + Sync> {
        Arc::clone(&self.policy)
    }

    fn routes(&self) -> Option<Arc<Routes>> {
        self.routes.clone()
    }
}
