//! Secret — a password, which no debug output shows. Pure.

use std::fmt;
use std::sync::Arc;

/// A password. Clones share its bytes.
#[derive(Clone)]
pub struct Secret(Arc<[u8]>);

impl Secret {
    /// The password `text`; `None` if it is empty, which means that there is none.
    pub fn new(text: &[u8]) -> Option<Secret> {
        (!text.is_empty()).then(|| Secret(text.into()))
    }

    /// Whether `text` is the password. The time depends on the length of `text` only, so that it tells nothing of the password.
    pub fn is(&self, text: &[u8]) -> bool {
        let own = |at: usize| self.0[at % self.0.len()];
        let differing = text.iter().enumerate().fold(0, |sum, (at, byte)| sum | (byte ^ own(at)));
        (differing == 0) & (text.len() == self.0.len())
    }

    /// Its bytes: for a reply to CONFIG GET, or for another server.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Secret) -> bool {
        self.is(&other.0)
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_is_its_own_bytes_only_and_is_not_shown() {
        let secret = Secret::new(b"abab").expect("not empty");
        assert!(secret.is(b"abab"));
        for other in ["", "a", "ab", "aba", "ababa", "abababab", "ABAB", "baba"] {
            assert!(!secret.is(other.as_bytes()), "{other}");
        }
        assert_eq!(Secret::new(b""), None);
        assert_eq!(format!("{secret:?}"), "Secret");
    }
}
