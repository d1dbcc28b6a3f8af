//! Workload — the programs that an experiment runs: one program, or every program of an alphabet up to a length. Pure.

use crate::command::Command;

/// The programs that an experiment runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Workload {
    /// This program.
    Program(Vec<Command>),
    /// Every program of an alphabet up to a length.
    Every {
        /// The commands that a client may send.
        alphabet: Vec<Command>,
        /// How many commands of the alphabet every program begins with, in order.
        begins: usize,
        /// Maximum number of commands.
        length_max: usize,
    },
}

impl Workload {
    /// Every program of these commands up to that length.
    pub fn every(alphabet: Vec<Command>, length_max: usize) -> Workload {
        Workload::Every { alphabet, begins: 0, length_max }
    }

    /// The commands of the program, or of the alphabet.
    pub fn commands(&self) -> &[Command] {
        match self {
            Workload::Program(commands) | Workload::Every { alphabet: commands, .. } => commands,
        }
    }
}
