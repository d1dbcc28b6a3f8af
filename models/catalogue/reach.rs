//! Reach — a bug → whether threads can show it, and if they cannot, why. Pure.
//!
//! ```text
//! what is wrong                                          model   loom, shuttle   quickcheck
//! the order in which entries are applied                 yes     yes             yes
//! the log, or the data that survive a crash              yes     n/a             yes
//! an entry's deadline, or the clock that judges it       yes     n/a             yes
//! ```
//!
//! Tests under loom and shuttle run the engine's worker pool. A fault that is neither in the pool nor in the machine
//! given to it would be the test's own, and it would be found without a second thread. Property tests draw programs and
//! schedules for any row ([`super::drawn()`]).

use super::row::{Bug, RowSetting};
use crate::models::fault::SeededFault;

impl Bug {
    /// Why loom and shuttle cannot show it; `None`: they can, and their tests run it.
    pub fn not_by_threads(&self) -> Option<&'static str> {
        let is_log_wrong =
            matches!(self.with.fault(), Some(SeededFault::LoggedLate | SeededFault::NotLogged));
        match self.given {
            RowSetting::Clocks { .. } => {
                Some("contents or clocks are wrong, in whatever order threads write")
            }
            RowSetting::Schedules { .. } if is_log_wrong => {
                Some("the log is wrong before the replica's threads see it")
            }
            RowSetting::Schedules { crashes: 0 } => None,
            RowSetting::Schedules { .. } => {
                Some("the data that survive a crash are wrong, whichever thread wrote them")
            }
        }
    }
}
