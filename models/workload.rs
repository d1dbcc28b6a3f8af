//! Workload — the programs that an experiment runs: one program, or every program of an alphabet up to a length. Pure.

use super::expiry::Family;
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
        /// How many commands of the alphabet every program begins with, in order (expiry; in the ordering model 0).
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

    /// Every program that begins as the family's programs do, with up to so many of its other commands.
    pub fn of_family(family: &Family, others: usize) -> Workload {
        let begins = family.begins.len();
        Workload::Every { alphabet: family.alphabet(), begins, length_max: begins + others }
    }

    /// The commands of the program, or of the alphabet.
    pub fn commands(&self) -> &[Command] {
        match self {
            Workload::Program(commands) | Workload::Every { alphabet: commands, .. } => commands,
        }
    }

    /// The same programs with other commands in the place of each of these: the same under other names.
    #[must_use]
    pub fn with(&self, commands: Vec<Command>) -> Workload {
        match *self {
            Workload::Program(_) => Workload::Program(commands),
            Workload::Every { begins, length_max, .. } => {
                Workload::Every { alphabet: commands, begins, length_max }
            }
        }
    }

    /// How many commands of the alphabet come first, in order, and the maximum number of commands. A program is its own
    /// alphabet.
    pub fn extent(&self) -> (usize, usize) {
        match self {
            Workload::Program(commands) => (commands.len(), commands.len()),
            Workload::Every { begins, length_max, .. } => (*begins, *length_max),
        }
    }
}
