//! Models — stateright models over the machines of `src`, and what goes with them. Pure.

pub mod program;
