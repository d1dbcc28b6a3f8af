//! Reach — a bug → whether threads can show it, and if not, why. Pure.
//!
//! ```text
//! wrong is …                                             model   loom, shuttle   quickcheck
//! the order in which entries are applied                 yes     yes             yes
//! the log, or what a crash leaves                        yes     n/a             yes
//! what an entry says of time, or the clock that judges   yes     n/a             yes
//! ```
//!
//! Tests under loom and shuttle run the shipped worker pool, so a fault that is not in it, nor in the machine that it is
//! given, would be the test's own and found without a second thread. Property tests draw programs and schedules for any
//! row ([`super::drawn()`]).

use super::row::{Bug, Given};
use crate::models::fault::SeededFault;

impl Bug {
    /// Why loom and shuttle cannot show it; `None`: they can, and their tests run it.
    pub fn not_by_threads(&self) -> Option<&'static str> {
        let is_log_wrong =
            matches!(self.with.fault(), Some(SeededFault::LoggedLate | SeededFault::NotLogged));
        match self.given {
            Given::Clocks { .. } => Some("contents or clocks are wrong, in whatever order threads write"),
            Given::Schedules { .. } if is_log_wrong => {
                Some("the log is wrong before the replica's threads see it")
            }
            Given::Schedules { crashes: 0 } => None,
            Given::Schedules { .. } => Some("what a crash leaves is wrong, whichever thread wrote it"),
        }
    }
}
