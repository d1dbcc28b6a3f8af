//! Words — what a choice does, in a sentence for someone who has never seen it. Pure.

use crate::expiry::Policy;
use crate::models::choice::{Choice, Kind};
use crate::ordering::Strategy;

/// What a model is about.
pub fn model(name: &str) -> &'static str {
    match name {
        "ordering" => "In which order a replica applies the log",
        _ => "Who decides when a key expires",
    }
}

/// What a choice does.
pub fn choice(choice: Choice) -> String {
    match choice.kind() {
        Kind::Expiry(policy) => expiry(policy).to_owned(),
        Kind::Ordering(choice) => {
            let commands = if choice.commands {
                " The log carries the commands themselves, not the bytes that they came to."
            } else {
                ""
            };
            let early = if choice.reads_after_crash {
                " After a restart readers are let in before the replica has caught up."
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
            "Each entry goes to the worker of its first key; one without a key, such as FLUSHDB, to any worker. Nobody waits \
             for anybody. (The oldest Pika.)"
        }
        Strategy::KeyHash => {
            "Each key has its worker, and an entry of several keys is split; one without a key, such as FLUSHDB, goes to any \
             worker. Nobody waits for anybody. (Pika before #2808.)"
        }
        Strategy::Serial => "One entry after the other in the order of the log, a run of them as one batch.",
        Strategy::Barrier => {
            "Each key has its worker, but FLUSHDB waits for all before it and holds all after it."
        }
        Strategy::Sequence => {
            "Workers build the batches side by side; one of them writes them in the order of the log."
        }
        Strategy::Writeset => "An entry starts when the last entry that touches one of its keys is done.",
        Strategy::WritesetSnapshots => {
            "As writeset, but readers are given snapshots that are taken when all up to some entry is done."
        }
    }
}

fn expiry(policy: Policy) -> &'static str {
    match policy {
        Policy::Verbatim => {
            "The command is logged as it came; the replica runs it by its own clock when it arrives."
        }
        Policy::Absolute => {
            "SETEX and EXPIRE are logged with the instant of death, INCR and its like as they came, and the replica runs \
             those by its own clock. (Pika before #2833.)"
        }
        Policy::AtEntryTime => {
            "The command is logged, and the replica runs it at the time at which the master did; reads go by the reader's clock."
        }
        Policy::Pksetat => {
            "A write whose outcome depends on the old value is logged as its result, deadline included; reads go by the \
             reader's clock."
        }
        Policy::MasterExpires => {
            "Deadlines are logged as instants, and the master logs a DEL for each key that it expires; reads go by the reader's \
             clock. (Redis.)"
        }
        Policy::Relative => {
            "The time that is left is logged; the replica counts it from the entry's arrival."
        }
        Policy::Effects => {
            "Every write is logged as bytes with the deadline in them; reads go by the reader's clock."
        }
        Policy::LogClock => {
            "Every write is logged as bytes; the replica judges by the time that the log carries, never by its own clock."
        }
    }
}
