//! Models — stateright models over the engine's own machines, and what searches them.

pub mod check;
pub mod cost;
pub mod expiry;
pub mod grid;
pub mod intern;
pub mod judged;
pub mod ordering;
pub mod program;
pub mod report;
pub mod search;
pub mod story;
pub mod timeline;
pub mod verdict;
