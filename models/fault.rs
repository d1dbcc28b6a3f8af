//! Fault — a seeded bug that no built-in strategy or policy has, put on a safe one. Pure.
//!
//! Only the catalogue, `replay` and tests can use a fault: it has no name on the command line of `check` or `serve`, and
//! no other search uses it. What a fault does to a machine is in [`super::rigged`].

use crate::expiry::Policy;

/// A seeded fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SeededFault {
    /// Lanes have no barrier: each lane runs FLUSHALL when it reaches it.
    FlushInEveryFlow,
    /// The last entry waits until another entry arrives.
    HoldsBackTheLast,
    /// The end of a command without keys wakes no worker until another entry arrives.
    WakeUpLost,
    /// The last but one write is logged after the last write.
    LoggedLate,
    /// The last write is not logged.
    NotLogged,
    /// After a crash the replica resumes after the last entry that it had received.
    ResumesAtReceived,
    /// The marker is written after its batch.
    MarkerBehindData,
    /// The marker is one entry ahead of the data.
    MarkerAheadOfData,
    /// An entry is written in several batches, and the first one carries its marker.
    MarkerWithFirstPart,
    /// The result of a write that depends on the old value is logged without its deadline.
    ResultWithoutDeadline,
    /// Deadlines are cut to 32 bits.
    DeadlineInInt32,
    /// PSETEX's milliseconds are logged as seconds.
    MillisecondsAsSeconds,
    /// APPEND to a new key logs the old value, which is empty.
    AppendLogsOldValue,
    /// Deletions of key ranges are not logged.
    RangesDropped,
    /// The replica removes dead keys by its own clock.
    RemovesByOwnClock(Policy),
    /// Readers of the replica see dead keys until these are removed.
    ReadersSeeTheDead,
    /// A change of a hash's encoding drops dead fields, and this is not logged.
    ConversionDropsFields,
    /// The removal of a hash that a command on fields finds emptied is not logged.
    EmptiedHashUntold,
    /// The removal of dead fields that a command on fields finds is not logged.
    ProbedFieldsUntold,
    /// Deadlines of fields are logged as durations.
    FieldDurationsLogged,
}

impl SeededFault {
    /// All faults.
    pub const ALL: &[SeededFault] = &[
        SeededFault::FlushInEveryFlow,
        SeededFault::HoldsBackTheLast,
        SeededFault::WakeUpLost,
        SeededFault::LoggedLate,
        SeededFault::NotLogged,
        SeededFault::ResumesAtReceived,
        SeededFault::MarkerBehindData,
        SeededFault::MarkerAheadOfData,
        SeededFault::MarkerWithFirstPart,
        SeededFault::ResultWithoutDeadline,
        SeededFault::DeadlineInInt32,
        SeededFault::MillisecondsAsSeconds,
        SeededFault::AppendLogsOldValue,
        SeededFault::RangesDropped,
        SeededFault::RemovesByOwnClock(Policy::Effects),
        SeededFault::RemovesByOwnClock(Policy::AtEntryTime),
        SeededFault::RemovesByOwnClock(Policy::MasterExpires),
        SeededFault::ReadersSeeTheDead,
        SeededFault::ConversionDropsFields,
        SeededFault::EmptiedHashUntold,
        SeededFault::ProbedFieldsUntold,
        SeededFault::FieldDurationsLogged,
    ];

    /// The name, as path files have it.
    pub fn name(self) -> &'static str {
        match self {
            SeededFault::FlushInEveryFlow => "flush_in_every_flow",
            SeededFault::HoldsBackTheLast => "holds_back_the_last",
            SeededFault::WakeUpLost => "wake_up_lost",
            SeededFault::LoggedLate => "logged_late",
            SeededFault::NotLogged => "not_logged",
            SeededFault::ResumesAtReceived => "resumes_at_received",
            SeededFault::MarkerBehindData => "marker_behind_data",
            SeededFault::MarkerAheadOfData => "marker_ahead_of_data",
            SeededFault::MarkerWithFirstPart => "marker_with_first_part",
            SeededFault::ResultWithoutDeadline => "result_without_deadline",
            SeededFault::DeadlineInInt32 => "deadline_in_int32",
            SeededFault::MillisecondsAsSeconds => "milliseconds_as_seconds",
            SeededFault::AppendLogsOldValue => "append_logs_old_value",
            SeededFault::RangesDropped => "ranges_dropped",
            SeededFault::RemovesByOwnClock(_) => "removes_by_own_clock",
            SeededFault::ReadersSeeTheDead => "readers_see_the_dead",
            SeededFault::ConversionDropsFields => "conversion_drops_fields",
            SeededFault::EmptiedHashUntold => "emptied_hash_untold",
            SeededFault::ProbedFieldsUntold => "probed_fields_untold",
            SeededFault::FieldDurationsLogged => "field_durations_logged",
        }
    }

    /// What the fault does, in a sentence.
    pub fn in_words(self) -> &'static str {
        match self {
            SeededFault::FlushInEveryFlow => {
                "lanes do not meet at FLUSHALL: it is queued in every lane, and each lane runs it when it reaches it"
            }
            SeededFault::HoldsBackTheLast => {
                "the last entry is given to the workers only when another entry has arrived"
            }
            SeededFault::WakeUpLost => {
                "when a command without keys has been applied, no worker is woken until another entry arrives"
            }
            SeededFault::LoggedLate => {
                "the master releases the last but one write before it is logged, so the last write is logged first"
            }
            SeededFault::NotLogged => "the last write is in the master's store and not in the log",
            SeededFault::ResumesAtReceived => {
                "the position that survives a crash is that of the last received entry, applied or not"
            }
            SeededFault::MarkerBehindData => {
                "the marker is written after its batch, not with it: a crash between the two leaves the previous marker"
            }
            SeededFault::MarkerAheadOfData => {
                "the marker that a crash leaves includes an entry that was not written"
            }
            SeededFault::MarkerWithFirstPart => {
                "an entry is written in one batch for each key, and the first of them carries the marker of the whole entry"
            }
            SeededFault::ResultWithoutDeadline => {
                "a write whose outcome depends on the old value logs its result, and the result has no deadline"
            }
            SeededFault::DeadlineInInt32 => {
                "only the low 31 bits of a deadline in milliseconds reach the log"
            }
            SeededFault::MillisecondsAsSeconds => {
                "the milliseconds that PSETEX gives are logged as if they were seconds"
            }
            SeededFault::AppendLogsOldValue => {
                "APPEND logs the value from before the command, which is empty for a new key"
            }
            SeededFault::RangesDropped => "deletions of key ranges are left out of the log",
            SeededFault::RemovesByOwnClock(_) => {
                "the replica removes keys that are dead by its own clock, before it receives later writes of them"
            }
            SeededFault::ReadersSeeTheDead => "readers of the replica see dead keys until these are removed",
            SeededFault::ConversionDropsFields => {
                "a field or value of more than 64 bytes changes the encoding of a hash, which drops the dead fields from the \
                 master's store without an HDEL in the log"
            }
            SeededFault::EmptiedHashUntold => {
                "a command on fields that finds all fields dead deletes the hash on the master without a DEL in the log"
            }
            SeededFault::ProbedFieldsUntold => {
                "a command on fields removes the fields that it finds dead without an HDEL in the log, and is logged with \
                 its own list of fields and its condition"
            }
            SeededFault::FieldDurationsLogged => {
                "commands that give fields a duration are logged as they came, and the replica counts from their arrival"
            }
        }
    }

    /// Whether a node of the engine can run with this fault: in its strategy, its policy, or its clock.
    pub fn has_place_in_engine(self) -> bool {
        match self {
            SeededFault::LoggedLate
            | SeededFault::NotLogged
            | SeededFault::FlushInEveryFlow
            | SeededFault::ResumesAtReceived
            | SeededFault::MarkerBehindData
            | SeededFault::MarkerAheadOfData
            | SeededFault::MarkerWithFirstPart => false,
            SeededFault::HoldsBackTheLast
            | SeededFault::WakeUpLost
            | SeededFault::ResultWithoutDeadline
            | SeededFault::DeadlineInInt32
            | SeededFault::MillisecondsAsSeconds
            | SeededFault::AppendLogsOldValue
            | SeededFault::RangesDropped
            | SeededFault::RemovesByOwnClock(_)
            | SeededFault::ReadersSeeTheDead
            | SeededFault::ConversionDropsFields
            | SeededFault::EmptiedHashUntold
            | SeededFault::ProbedFieldsUntold
            | SeededFault::FieldDurationsLogged => true,
        }
    }
}
