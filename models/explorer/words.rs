//! Words — what a choice does, in a sentence for a reader who does not know it. Pure.

use crate::expiry::Policy;
use crate::models::choice::{Choice, Kind};
use crate::ordering::Strategy;

/// The question that a model answers.
pub fn model(name: &str) -> &'static str {
    match name {
        "ordering" => "In which order a replica applies the log",
        _ => "Who decides when a key expires",
    }
}

/// A description of a choice, in a few sentences.
pub fn choice(choice: Choice) -> String {
    match choice.kind() {
        Kind::Expiry(policy) => expiry(policy).to_owned(),
        Kind::Ordering(choice) => {
            let commands = if choice.commands {
                " The log carries the commands themselves, not the bytes that they result in."
            } else {
                ""
            };
            let early = if choice.reads_after_crash {
                " After a restart, readers are let in before the replica has caught up."
            } else {
                ""
            };
            format!("{}{commands}{early}", ordering(choice.strategy))
        }
    }
}

fn ordering(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::FirstKey => {
            "Each entry goes to the worker of its first key; an entry without a key, such as FLUSHDB, goes to any worker. No worker \
             waits for another. (The oldest Pika.)"
        }
        Strategy::KeyHash => {
            "Each key has its worker, and an entry of several keys is split; an entry without a key, such as FLUSHDB, goes to any \
             worker. No worker waits for another. (Pika before #2808.)"
        }
        Strategy::Serial => {
            "Entries are applied one after the other in the order of the log, several of them in one batch."
        }
        Strategy::Barrier => {
            "Each key has its worker, but FLUSHDB waits for all entries before it, and all entries after it wait for FLUSHDB."
        }
        Strategy::Sequence => {
            "Workers build batches in parallel; one of them writes the batches in the order of the log."
        }
        Strategy::Writeset => "An entry starts when the last entry that touches one of its keys is done.",
        Strategy::WritesetSnapshots => {
            "Like writeset, but readers see snapshots, each taken when all entries up to some entry are done."
        }
    }
}

fn expiry(policy: Policy) -> &'static str {
    match policy {
        Policy::Verbatim => {
            "The command is logged as it was sent; the replica runs it by its own clock when it arrives."
        }
        Policy::Absolute => {
            "SETEX and EXPIRE are logged with the instant at which the key dies. INCR and similar commands are logged as they were \
             sent, and the replica runs those by its own clock. (Pika before #2833.)"
        }
        Policy::AtEntryTime => {
            "The command is logged, and the replica runs it at the time at which the master ran it; readers judge by their node's clock."
        }
        Policy::Pksetat => {
            "A write whose outcome depends on the old value is logged as its result, deadline included; readers judge by their \
             node's clock."
        }
        Policy::MasterExpires => {
            "Deadlines are logged as instants, and the master logs a DEL for each key that it expires; readers judge by their \
             node's clock. (Redis.)"
        }
        Policy::Relative => {
            "The remaining lifetime is logged; the replica counts it from the entry's arrival."
        }
        Policy::Effects => {
            "Every write is logged as bytes with the deadline in them; readers judge by their node's clock."
        }
        Policy::LogClock => {
            "Every write is logged as bytes; the replica judges by the time that the log carries, never by its own clock."
        }
    }
}
