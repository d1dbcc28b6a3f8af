//! Queues — lines of several clients, with MULTI and EXEC among them → which of them are one transaction. Pure.
//!
//! MONITOR shows a command when it runs, and the commands of a transaction run at EXEC. Lines of other clients may stand between
//! MULTI and the first of them, so there is a queue for each client:
//!
//! ```text
//! [0 10.0.0.1:1] "MULTI"
//! [0 10.0.0.2:1] "SET" "b" "1"          one write
//! [0 10.0.0.1:1] "SET" "a" "1"
//! [0 10.0.0.1:1] "INCR" "c"
//! [0 10.0.0.1:1] "EXEC"                 one write: MULTI; SET a 1; INCR c; EXEC
//! ```
//!
//! Where EXEC runs nothing, because a watched key was changed or a command was refused, MONITOR shows no command before it.

use super::request::Request;
use crate::command::Command;
use std::collections::BTreeMap;

/// A client, by what its lines name it. All typed lines are of one client.
pub type Client<'a> = &'a [u8];

/// The client that MONITOR names for commands of a script.
const SCRIPT: Client<'_> = b"lua";

/// The transaction that a client has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Queue {
    /// The line of its MULTI.
    line: usize,
    /// Its database at MULTI.
    db: u8,
    commands: Vec<Command>,
}

/// The transactions that are not run yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Queues {
    open: BTreeMap<Vec<u8>, Queue>,
    /// The client of the last script, which runs until that client's next line.
    script_of: Option<Vec<u8>>,
}

/// The reason why a line of a transaction is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueueError {
    /// The client has begun a transaction already.
    #[error("MULTI within MULTI, which began in line {0}")]
    Nested(usize),
    /// The client has begun no transaction.
    #[error("EXEC without MULTI")]
    NotBegun,
    /// The file ends before EXEC.
    #[error("MULTI without EXEC: the file ends within this transaction")]
    NotRun,
}

impl Queues {
    /// MULTI in that line, of a client that is in database `db`. Errors: the client has begun a transaction already.
    pub fn begin(&mut self, client: Client<'_>, (line, db): (usize, u8)) -> Result<(), QueueError> {
        match self.open.get(client) {
            Some(queue) => Err(QueueError::Nested(queue.line)),
            None => {
                self.open.insert(client.to_vec(), Queue { line, db, commands: Vec::new() });
                Ok(())
            }
        }
    }

    /// A write of the client, which may be the one of a script. Returns it if it is not part of a transaction.
    pub fn add(&mut self, client: Client<'_>, command: Command) -> Option<Command> {
        let client = if client == SCRIPT { self.script_of.as_deref().unwrap_or(client) } else { client };
        match self.open.get_mut(client) {
            Some(queue) => {
                queue.commands.push(command);
                None
            }
            None => Some(command),
        }
    }

    /// EXEC of the client. Returns the transaction; `None` if it has no write. Errors: the client has begun none.
    pub fn run(&mut self, client: Client<'_>) -> Result<Option<Request>, QueueError> {
        let queue = self.open.remove(client).ok_or(QueueError::NotBegun)?;
        Ok((!queue.commands.is_empty()).then_some(Request::Transaction(queue.commands)))
    }

    /// DISCARD of the client. Returns the database in which it was at MULTI; `None` if it has begun no transaction.
    pub fn discard(&mut self, client: Client<'_>) -> Option<u8> {
        self.open.remove(client).map(|queue| queue.db)
    }

    /// A script of the client: its commands follow.
    pub fn script(&mut self, client: Client<'_>) {
        self.script_of = Some(client.to_vec());
    }

    /// The lines of each MULTI whose transaction is not run yet.
    pub fn unfinished(&self) -> impl Iterator<Item = usize> {
        self.open.values().map(|queue| queue.line)
    }
}
