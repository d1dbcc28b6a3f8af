//! Fault — a seeded bug that no strategy and no policy of the crate has, put on one that is safe. Pure.
//!
//! Only the catalogue, `replay` and tests can reach a fault: it has no name on the command line of `check` or `serve`, and no other
//! search knows it. What a fault does to a machine is in [`super::rigged`].

use crate::expiry::Policy;

/// A seeded fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SeededFault {
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

impl SeededFault {
    /// All faults.
    pub const ALL: &[SeededFault] = &[
        SeededFault::FlushInEveryFlow,
        SeededFault::RoutedByDestination,
        SeededFault::HoldsBackTheLast,
        SeededFault::LoggedLate,
        SeededFault::NotLogged,
        SeededFault::ResumesAtReceived,
        SeededFault::MarkerBehindData,
        SeededFault::MarkerAheadOfData,
        SeededFault::ResultWithoutDeadline,
        SeededFault::DeadlineInInt32,
        SeededFault::MillisecondsAsSeconds,
        SeededFault::AppendLogsOldValue,
        SeededFault::RangesDropped,
        SeededFault::RemovesByOwnClock(Policy::Effects),
        SeededFault::RemovesByOwnClock(Policy::AtEntryTime),
        SeededFault::RemovesByOwnClock(Policy::MasterExpires),
        SeededFault::ReadersSeeTheDead,
    ];

    /// The name, as trace files have it.
    pub fn name(self) -> &'static str {
        match self {
            SeededFault::FlushInEveryFlow => "flush_in_every_flow",
            SeededFault::RoutedByDestination => "routed_by_destination",
            SeededFault::HoldsBackTheLast => "holds_back_the_last",
            SeededFault::LoggedLate => "logged_late",
            SeededFault::NotLogged => "not_logged",
            SeededFault::ResumesAtReceived => "resumes_at_received",
            SeededFault::MarkerBehindData => "marker_behind_data",
            SeededFault::MarkerAheadOfData => "marker_ahead_of_data",
            SeededFault::ResultWithoutDeadline => "result_without_deadline",
            SeededFault::DeadlineInInt32 => "deadline_in_int32",
            SeededFault::MillisecondsAsSeconds => "milliseconds_as_seconds",
            SeededFault::AppendLogsOldValue => "append_logs_old_value",
            SeededFault::RangesDropped => "ranges_dropped",
            SeededFault::RemovesByOwnClock(_) => "removes_by_own_clock",
            SeededFault::ReadersSeeTheDead => "readers_see_the_dead",
        }
    }

    /// What the fault does, in a sentence.
    pub fn in_words(self) -> &'static str {
        match self {
            SeededFault::FlushInEveryFlow => {
                "lanes do not meet at FLUSHALL: it stands in each of them, and each runs it when it comes to it"
            }
            SeededFault::RoutedByDestination => {
                "an entry goes to the lane of the key that it writes, its last one, whatever other keys it reads"
            }
            SeededFault::HoldsBackTheLast => {
                "the last entry is handed to the workers only when one more has come"
            }
            SeededFault::LoggedLate => {
                "the master lets go of the last write but one before it is logged: the last one is logged first"
            }
            SeededFault::NotLogged => "the last write is in the master's store and not in the log",
            SeededFault::ResumesAtReceived => {
                "the position that survives a crash is that of the last entry received, applied or not"
            }
            SeededFault::MarkerBehindData => {
                "the marker is written after its batch, not with it: a crash between the two leaves the one before"
            }
            SeededFault::MarkerAheadOfData => {
                "the marker that a crash leaves counts an entry that was not written"
            }
            SeededFault::ResultWithoutDeadline => {
                "a write whose outcome depends on the old value logs its result, and the result has no deadline"
            }
            SeededFault::DeadlineInInt32 => {
                "of a deadline in milliseconds only the low 31 bits reach the log"
            }
            SeededFault::MillisecondsAsSeconds => {
                "the time that PSETEX gives is logged as if it were in seconds"
            }
            SeededFault::AppendLogsOldValue => {
                "APPEND logs the value from before it, which is empty for a new key"
            }
            SeededFault::RangesDropped => "deletions of ranges of keys are left out of the log",
            SeededFault::RemovesByOwnClock(_) => {
                "the replica removes what is dead by its own clock, before the log has told it of later writes"
            }
            SeededFault::ReadersSeeTheDead => {
                "readers of the replica are shown what is dead until it is removed"
            }
        }
    }

    /// Whether a node of the engine can run with the fault: as its strategy, its policy, or its clock.
    pub fn has_place_in_engine(self) -> bool {
        match self {
            SeededFault::LoggedLate
            | SeededFault::NotLogged
            | SeededFault::FlushInEveryFlow
            | SeededFault::ResumesAtReceived
            | SeededFault::MarkerBehindData
            | SeededFault::MarkerAheadOfData => false,
            SeededFault::RoutedByDestination
            | SeededFault::HoldsBackTheLast
            | SeededFault::ResultWithoutDeadline
            | SeededFault::DeadlineInInt32
            | SeededFault::MillisecondsAsSeconds
            | SeededFault::AppendLogsOldValue
            | SeededFault::RangesDropped
            | SeededFault::RemovesByOwnClock(_)
            | SeededFault::ReadersSeeTheDead => true,
        }
    }
}
