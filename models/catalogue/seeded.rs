//! Seeded — bugs that no strategy and no policy of the crate has, each a fault put on one that is safe.
//!
//! Nothing but the catalogue, `replay` and tests can reach them: they have no name on the command line of `check` or
//! `serve`, and no other search knows them.

use super::Configuration;
use super::seeded_machines::{PolicyFault, WrongPolicy};
use crate::expiry::{ExpiryPolicy, Policy};
use crate::models::ordering::Position;
use crate::ordering::Strategy;
use std::sync::Arc;

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Seeded {
    /// Lanes do not meet: each runs FLUSHALL when it comes to it.
    FlushInEveryFlow,
    /// An entry goes to the lane of its last key, which it writes, and not of the one that it reads.
    RoutedByDestination,
    /// The last entry waits until there is one more.
    HoldsBackTheLast,
    /// The last write but one is logged after the last.
    LoggedLate,
    /// The last write is not logged.
    NotLogged,
    /// After a crash the replica goes on from what it had received.
    ResumesAtReceived,
    /// The marker is written after its batch.
    MarkerBehindData,
    /// The marker is one entry ahead of the data.
    MarkerAheadOfData,
    /// The result of a write that depends on the old value is logged without its deadline.
    ResultWithoutDeadline,
    /// Deadlines go through 32 bits.
    DeadlineInInt32,
    /// PSETEX's milliseconds are logged as seconds.
    MillisecondsAsSeconds,
    /// APPEND to a new key logs the empty value that was there before.
    AppendLogsOldValue,
    /// Deletions of ranges do not reach the log.
    RangesDropped,
    /// The replica removes what is dead by its own clock.
    RemovesByOwnClock(Policy),
    /// Readers of the replica see what is dead until it is removed.
    ReadersSeeTheDead,
}

impl Seeded {
    /// All of them.
    pub const ALL: &[Seeded] = &[
        Seeded::FlushInEveryFlow,
        Seeded::RoutedByDestination,
        Seeded::HoldsBackTheLast,
        Seeded::LoggedLate,
        Seeded::NotLogged,
        Seeded::ResumesAtReceived,
        Seeded::MarkerBehindData,
        Seeded::MarkerAheadOfData,
        Seeded::ResultWithoutDeadline,
        Seeded::DeadlineInInt32,
        Seeded::MillisecondsAsSeconds,
        Seeded::AppendLogsOldValue,
        Seeded::RangesDropped,
        Seeded::RemovesByOwnClock(Policy::Effects),
        Seeded::RemovesByOwnClock(Policy::AtEntryTime),
        Seeded::RemovesByOwnClock(Policy::MasterExpires),
        Seeded::ReadersSeeTheDead,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Seeded::FlushInEveryFlow => "flush_in_every_flow",
            Seeded::RoutedByDestination => "routed_by_destination",
            Seeded::HoldsBackTheLast => "holds_back_the_last",
            Seeded::LoggedLate => "logged_late",
            Seeded::NotLogged => "not_logged",
            Seeded::ResumesAtReceived => "resumes_at_received",
            Seeded::MarkerBehindData => "marker_behind_data",
            Seeded::MarkerAheadOfData => "marker_ahead_of_data",
            Seeded::ResultWithoutDeadline => "result_without_deadline",
            Seeded::DeadlineInInt32 => "deadline_in_int32",
            Seeded::MillisecondsAsSeconds => "milliseconds_as_seconds",
            Seeded::AppendLogsOldValue => "append_logs_old_value",
            Seeded::RangesDropped => "ranges_dropped",
            Seeded::RemovesByOwnClock(_) => "removes_by_own_clock",
            Seeded::ReadersSeeTheDead => "readers_see_the_dead",
        }
    }

    /// What it does, in a sentence.
    pub fn in_words(self) -> &'static str {
        match self {
            Seeded::FlushInEveryFlow => {
                "lanes do not meet at FLUSHALL: it stands in each of them, and each runs it when it comes to it"
            }
            Seeded::RoutedByDestination => {
                "an entry goes to the lane of the key that it writes, its last one, whatever other keys it reads"
            }
            Seeded::HoldsBackTheLast => "the last entry is handed to the workers only when one more has come",
            Seeded::LoggedLate => {
                "the master lets go of the last write but one before it is logged: the last one is logged first"
            }
            Seeded::NotLogged => "the last write is in the master's store and not in the log",
            Seeded::ResumesAtReceived => {
                "the position that survives a crash is that of the last entry received, applied or not"
            }
            Seeded::MarkerBehindData => {
                "the marker is written after its batch, not with it: a crash between the two leaves the one before"
            }
            Seeded::MarkerAheadOfData => {
                "the marker that a crash leaves counts an entry that was not written"
            }
            Seeded::ResultWithoutDeadline => {
                "a write whose outcome depends on the old value logs its result, and the result has no deadline"
            }
            Seeded::DeadlineInInt32 => "of a deadline in milliseconds only the low 31 bits reach the log",
            Seeded::MillisecondsAsSeconds => "the time that PSETEX gives is logged as if it were in seconds",
            Seeded::AppendLogsOldValue => {
                "APPEND logs the value from before it, which is empty for a new key"
            }
            Seeded::RangesDropped => "deletions of ranges of keys are left out of the log",
            Seeded::RemovesByOwnClock(_) => {
                "the replica removes what is dead by its own clock, before the log has told it of later writes"
            }
            Seeded::ReadersSeeTheDead => "readers of the replica are shown what is dead until it is removed",
        }
    }

    /// The choice that it is put on; without the fault the row's program is safe under it.
    pub fn base(self) -> Configuration {
        match self {
            Seeded::FlushInEveryFlow => Configuration::effects(Strategy::Barrier),
            Seeded::RoutedByDestination => Configuration::commands(Strategy::FirstKey),
            Seeded::HoldsBackTheLast
            | Seeded::LoggedLate
            | Seeded::NotLogged
            | Seeded::ResumesAtReceived
            | Seeded::MarkerAheadOfData => Configuration::effects(Strategy::Serial),
            Seeded::MarkerBehindData => Configuration::commands(Strategy::Serial),
            Seeded::ResultWithoutDeadline => Configuration::Expiry(Policy::Pksetat),
            Seeded::DeadlineInInt32
            | Seeded::MillisecondsAsSeconds
            | Seeded::AppendLogsOldValue
            | Seeded::RangesDropped => Configuration::Expiry(Policy::Effects),
            Seeded::RemovesByOwnClock(policy) => Configuration::Expiry(policy),
            Seeded::ReadersSeeTheDead => Configuration::Expiry(Policy::MasterExpires),
        }
    }

    /// Whether a node of the engine can have it: as its strategy, its policy, or its clock.
    pub fn has_place_in_engine(self) -> bool {
        match self {
            Seeded::LoggedLate
            | Seeded::NotLogged
            | Seeded::FlushInEveryFlow
            | Seeded::ResumesAtReceived
            | Seeded::MarkerBehindData
            | Seeded::MarkerAheadOfData => false,
            Seeded::RoutedByDestination
            | Seeded::HoldsBackTheLast
            | Seeded::ResultWithoutDeadline
            | Seeded::DeadlineInInt32
            | Seeded::MillisecondsAsSeconds
            | Seeded::AppendLogsOldValue
            | Seeded::RangesDropped
            | Seeded::RemovesByOwnClock(_)
            | Seeded::ReadersSeeTheDead => true,
        }
    }

    /// From where a replica with it goes on after a crash.
    pub(super) fn position(self) -> Position {
        match self {
            Seeded::ResumesAtReceived => Position::Received,
            Seeded::MarkerBehindData => Position::BehindBatch,
            Seeded::MarkerAheadOfData => Position::AheadOfBatch,
            _ => Position::Marker,
        }
    }

    /// What the entries of a log of so many writes carry, where it is not the writes in their order.
    pub(super) fn log(self, writes: usize) -> Option<Vec<Option<usize>>> {
        let mut log: Vec<Option<usize>> = (0..writes).map(Some).collect();
        match self {
            Seeded::LoggedLate if writes >= 2 => log.swap(writes - 2, writes - 1),
            Seeded::NotLogged if writes >= 1 => log[writes - 1] = None,
            _ => return None,
        }
        Some(log)
    }

    /// The policy that has it.
    pub(super) fn policy(self, base: Policy) -> Arc<dyn ExpiryPolicy + Send + Sync> {
        let fault = match self {
            Seeded::ResultWithoutDeadline => PolicyFault::ResultWithoutDeadline,
            Seeded::DeadlineInInt32 => PolicyFault::DeadlineInInt32,
            Seeded::MillisecondsAsSeconds => PolicyFault::MillisecondsAsSeconds,
            Seeded::AppendLogsOldValue => PolicyFault::AppendLogsOldValue,
            Seeded::RangesDropped => PolicyFault::RangesDropped,
            Seeded::RemovesByOwnClock(_) => PolicyFault::RemovesByOwnClock,
            _ => return base.get(),
        };
        Arc::new(WrongPolicy { base, fault })
    }
}
