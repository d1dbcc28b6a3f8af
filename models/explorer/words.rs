//! Words — what a choice does, in a sentence for a reader who does not know it. Pure.

use crate::models::choice::{Choice, Kind};

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
        Kind::Expiry(policy) => policy.summary().to_owned(),
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
            format!("{}{commands}{early}", choice.strategy.summary())
        }
    }
}
