//! Words — what a choice does, in a sentence for someone who has never seen it. Pure.

use super::address::Typed;
use crate::models::walk::Choice;

/// What a model is about.
pub fn model(name: &str) -> &'static str {
    match name {
        "ordering" => "In which order a replica applies the log",
        _ => "Who decides when a key expires",
    }
}

/// What is walked: a choice, or one with a fault put into it.
pub fn walked(typed: &Typed) -> String {
    let fault = typed.bug.and_then(|of| of.configuration().seeded());
    let fault = fault.map(|fault| format!(" With a fault: {}.", fault.in_words())).unwrap_or_default();
    choice(typed.choice) + &fault
}

/// What a choice does.
pub fn choice(choice: Choice) -> String {
    match choice {
        Choice::Expiry(policy) => policy.summary().to_owned(),
        Choice::Ordering(choice) => {
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
            format!("{}{commands}{early}", choice.strategy.summary())
        }
    }
}
