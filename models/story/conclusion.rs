//! Conclusion — what a path came to, in parts that are joined to sentences at the edge. Pure.

use crate::models::invariants::{Invariant, listed};
use std::fmt;

/// What the last step broke, and what a reader of the replica sees then. Empty if nothing was broken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conclusion(pub Vec<Part>);

/// A part of a conclusion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Invariants are broken.
    Broken {
        /// Which.
        invariants: Vec<Invariant>,
        /// How, in sentences; empty where the names say all.
        how: String,
    },
    /// What a reader of the replica sees: `k = "5"`.
    Sees(String),
    /// Sentences that say something else.
    Said(String),
}

impl Conclusion {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In lines: one for each time that something is said to be broken, what follows it included.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<Vec<String>> = Vec::new();
        for part in &self.0 {
            match lines.last_mut() {
                Some(line) if !matches!(part, Part::Broken { .. }) => line.push(part.to_string()),
                _ => lines.push(vec![part.to_string()]),
            }
        }
        lines.into_iter().map(|line| line.join(" ")).collect()
    }

    /// This one, and then `other` of the same path: what a reader sees is said once, at the end.
    #[must_use]
    pub fn and(mut self, other: Conclusion) -> Conclusion {
        if other.0.iter().any(|part| matches!(part, Part::Sees(_))) {
            self.0.retain(|part| !matches!(part, Part::Sees(_)));
        }
        let (sees, breaks) = self.0.into_iter().partition::<Vec<_>, _>(|part| matches!(part, Part::Sees(_)));
        Conclusion(breaks.into_iter().chain(other.0).chain(sees).collect())
    }
}

impl fmt::Display for Part {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::Broken { invariants, how } if how.is_empty() => {
                write!(out, "Broken: {}.", listed(invariants))
            }
            Part::Broken { invariants, how } => write!(out, "Broken: {}. {how}", listed(invariants)),
            Part::Sees(seen) => write!(out, "A reader of the replica sees {seen}."),
            Part::Said(text) => out.write_str(text),
        }
    }
}

impl fmt::Display for Conclusion {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        out.write_str(&parts.join(" "))
    }
}
