//! Good replicas — refuses a master's writes while too few replicas acknowledge in time (min-replicas-to-write).

use super::feeds::Feeds;
use crate::server::MinReplicas;
use crate::sync::{Mutex, lock};
use std::time::Duration;

/// Redis's reply to a write while there are too few good replicas.
pub const NO_REPLICAS: &str = "NOREPLICAS Not enough good replicas to write.";

/// The number of good replicas that a node needs as a master. It survives changes of the role.
#[derive(Debug, Default)]
pub struct GoodReplicas(Mutex<MinReplicas>);

impl GoodReplicas {
    /// Changes what is needed.
    pub fn set(&self, min: MinReplicas) {
        *lock(&self.0) = min;
    }

    /// Whether a master with these replicas must refuse writes.
    pub fn are_too_few(&self, feeds: &Feeds) -> bool {
        let min = *lock(&self.0);
        min.is_set() && feeds.heard(lag_max(min)) < min.to_write
    }

    /// The number of good replicas.
    pub fn count(&self, feeds: &Feeds) -> u64 {
        let min = *lock(&self.0);
        feeds.heard(lag_max(min))
    }
}

/// The greatest age of a good replica's last acknowledgement. Redis counts whole seconds, so this does, too.
fn lag_max(min: MinReplicas) -> Duration {
    Duration::from_secs(min.lag_max_s.saturating_add(1))
}
