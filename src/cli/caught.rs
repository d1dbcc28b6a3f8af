//! Caught — work that may panic → its result, or the message of the panic, so that the rest of an answer is
//! still given.
//!
//! A panic is a bug in replicheck, and the panic hook has reported it on standard error, with its place. But the
//! verdicts of the other choices must not be lost because of it.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// The message of a panic.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PanicMessage(pub String);

/// A part of the answer that is missing because of a panic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panicked {
    /// `ordering` or `expiry`.
    pub model: &'static str,
    /// The choice that it is about.
    pub choice: String,
    /// The part that panicked: `the search`, `the drawing of past_read`.
    pub what: String,
    /// The message of the panic.
    pub message: String,
}

/// Runs `work` and returns its result. Errors: `work` panicked; the error is the panic's message. Data that `work`
/// may leave half changed must not be used after that.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, PanicMessage> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        PanicMessage(text.unwrap_or("a panic without a message").to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caught_gives_the_value_or_the_message() {
        assert_eq!(caught(|| 7), Ok(7));
        let number = std::hint::black_box(7);
        assert_eq!(caught(|| panic!("number {number}")), Err::<(), _>(PanicMessage("number 7".to_owned())));
        assert_eq!(caught(|| panic!("plain")), Err::<(), _>(PanicMessage("plain".to_owned())));
        assert!(caught(|| std::panic::panic_any(number)).is_err());
    }
}
