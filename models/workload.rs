//! Workload — the programs that an experiment runs: one program, or every program of an alphabet up to a length. Pure.

use super::request::Request;

/// The programs that an experiment runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Workload {
    /// This program.
    Program(Vec<Request>),
    /// Every program of an alphabet up to a length.
    Every {
        /// The commands and transactions that a client may send.
        alphabet: Vec<Request>,
        /// How many commands of the alphabet every program begins with, in order.
        begins: usize,
        /// Maximum number of commands.
        length_max: usize,
    },
}

impl Workload {
    /// Every program of these commands up to that length.
    pub fn every(alphabet: Vec<Request>, length_max: usize) -> Workload {
        Workload::Every { alphabet, begins: 0, length_max }
    }

    /// The commands and transactions of the program, or of the alphabet.
    pub fn requests(&self) -> &[Request] {
        match self {
            Workload::Program(requests) | Workload::Every { alphabet: requests, .. } => requests,
        }
    }
}
