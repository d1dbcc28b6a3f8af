//! Models — stateright models over the engine's own machines, and what searches them.

mod asked;
pub mod assignment;
pub mod both;
pub mod bounds;
pub mod catalogue;
pub mod check;
pub mod clocks;
pub mod cost;
pub mod drawing;
pub mod expected;
pub mod expiry;
#[cfg(feature = "explorer")]
pub mod explorer;
pub mod export;
pub mod follow;
pub mod grid;
pub mod intern;
pub mod judge;
pub mod judged;
pub mod measured;
mod names;
pub mod oracle;
pub mod ordering;
pub mod own_machine;
pub mod own_program;
mod parts;
pub mod path;
pub mod program;
pub mod report;
pub mod sample;
pub mod scenario;
pub mod search;
pub mod story;
pub mod timeline;
pub mod trace;
pub mod verdict;
pub mod walk;
