//! Transaction — the commands that a connection queues between MULTI and EXEC, and what it watches. Pure.
//!
//! ```text
//! MULTI ─▶ queue: parsed, checked, QUEUED ─▶ EXEC: all of them, as one request to the node
//!             │ an error is replied at once        ├─ an error while queueing: EXECABORT
//!             ▼                                    └─ a watched key was changed: nil
//!          the queue is dropped
//! ```
//!
//! The queue is counted against the client's [`Room`], as replies are, so a client with a large queue is among those that
//! are disconnected when memory is short. One queue may take as many bytes as one request.
//!
//! Source: <https://redis.io/docs/latest/develop/interact/transactions/>; `processCommand` in server.c and multi.c, Redis 7.0.

use super::Refused;
use super::describe;
use super::room::{Charge, Room};
use super::session::{Answer, Session, Step};
use super::table::{self, Name, Row};
use crate::command::{Command, CommandError, Reply};
use crate::node::Watch;
use std::mem;

/// Bytes that a queued request takes beside its arguments.
const REQUEST_BYTES: usize = size_of::<Queued>() + 16;
/// Bytes that an argument takes beside its content.
const ARGUMENT_BYTES: usize = size_of::<Vec<u8>>();

/// A request that waits for EXEC.
#[derive(Debug)]
pub(super) enum Queued {
    /// A command for the node, in the database of the time when it was queued.
    Node(Command),
    /// A request that the session or the server answers: SELECT, CLIENT, INFO, …
    Session(Vec<Vec<u8>>),
}

/// The queue and the watches of one connection.
pub(super) struct Transaction {
    queue: Vec<Queued>,
    queue_bytes: usize,
    /// Whether a request was refused while queueing. The queue is then empty: EXEC will not run it.
    is_failed: bool,
    watches: Vec<Watch>,
    watch_bytes: usize,
    charge: Charge,
}

impl Transaction {
    /// A connection that has queued and watched nothing.
    pub(super) fn new(room: &Room) -> Transaction {
        Transaction {
            queue: Vec::new(),
            queue_bytes: 0,
            is_failed: false,
            watches: Vec::new(),
            watch_bytes: 0,
            charge: room.charge(),
        }
    }

    /// Begins a queue: MULTI.
    pub(super) fn begin(&mut self) {
        self.queue = Vec::new();
        (self.queue_bytes, self.is_failed) = (0, false);
        self.count();
    }

    /// Ends the queue. Returns its requests; `None`: one of them was refused.
    pub(super) fn take(&mut self) -> Option<Vec<Queued>> {
        let (queue, is_failed) = (mem::take(&mut self.queue), self.is_failed);
        self.begin();
        (!is_failed).then_some(queue)
    }

    /// The step for a request after MULTI: it is queued, ends the queue, or is refused. `bytes_max`: the most bytes that the
    /// queue may take. `refusal`: the reason for which the node refuses a command now.
    pub(super) fn queue(
        &mut self,
        session: &mut Session,
        argv: Vec<Vec<u8>>,
        bytes_max: usize,
        refusal: &dyn Fn(&Command) -> Option<Refused>,
    ) -> Answer {
        let row = table::find(&argv[0]);
        match row.map(|row| row.name) {
            Some(Name::Multi) if argv.len() == 1 => {
                return Err(CommandError::err("MULTI calls can not be nested"));
            }
            Some(Name::Watch) if argv.len() > 1 => {
                return Err(CommandError::err("WATCH inside MULTI is not allowed"));
            }
            Some(Name::Quit | Name::Exec) => return session.answer(argv),
            Some(Name::Discard | Name::Reset) if argv.len() == 1 => return session.answer(argv),
            _ => {}
        }
        let bytes =
            REQUEST_BYTES + argv.iter().map(|argument| ARGUMENT_BYTES + argument.len()).sum::<usize>();
        let queued = checked(session, argv, row, refusal).and_then(|queued| {
            let is_within = self.queue_bytes.saturating_add(bytes) <= bytes_max;
            is_within.then_some(queued).ok_or_else(too_large)
        });
        match queued {
            // The queue will not be run, so it need not grow.
            Ok(_) if self.is_failed => {}
            Ok(queued) => {
                self.queue.push(queued);
                self.queue_bytes += bytes;
                session.queued = Some(self.queue.len());
            }
            Err(error) => {
                self.queue = Vec::new();
                (self.queue_bytes, self.is_failed) = (0, true);
                self.count();
                return Err(error);
            }
        }
        self.count();
        Ok(Step::Reply(Reply::Status("QUEUED")))
    }

    /// Adds a watch of keys that take `bytes`.
    pub(super) fn watch(&mut self, watch: Watch, bytes: usize) {
        self.watches.push(watch);
        self.watch_bytes += bytes;
        self.count();
    }

    /// What is watched.
    pub(super) fn watches(&self) -> &[Watch] {
        &self.watches
    }

    /// Takes all watches, which the caller ends.
    pub(super) fn take_watches(&mut self) -> Vec<Watch> {
        let watches = mem::take(&mut self.watches);
        self.watch_bytes = 0;
        self.count();
        watches
    }

    fn count(&mut self) {
        self.charge.set(self.queue_bytes + self.watch_bytes);
    }
}

/// The request, if it exists, has the right number of arguments, may be queued, and the node does not refuse it.
fn checked(
    session: &Session,
    argv: Vec<Vec<u8>>,
    row: Option<&Row>,
    refusal: &dyn Fn(&Command) -> Option<Refused>,
) -> Result<Queued, CommandError> {
    let Some(row) = row else {
        let command = Command::parse(session.db, argv)?;
        command.check_subcommand()?;
        if let Some(Refused(text)) = refusal(&command) {
            return Err(CommandError::Client(text));
        }
        return Ok(match command.name() {
            "select" => Queued::Session(command.argv().to_vec()),
            _ => Queued::Node(command),
        });
    };
    table::check_arity(row.name.text(), row.arity, &argv)?;
    let subcommands = describe::subcommands_of(row.name);
    if argv.len() > 1 && !subcommands.is_empty() {
        table::subcommand(row.name.text(), subcommands, &argv)?;
    }
    if row.is_queued() {
        Ok(Queued::Session(argv))
    } else {
        Err(CommandError::err("Command not allowed inside a transaction"))
    }
}

fn too_large() -> CommandError {
    CommandError::err("the queued commands are larger than client-query-buffer-limit")
}
