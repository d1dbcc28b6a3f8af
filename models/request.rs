//! Request — what a client has a master run as one write: a command, or the commands of MULTI … EXEC. Pure.
//!
//! The models run it by the engine's own code ([`Master::request`], [`Master::exec`]), so a transaction is one entry of the log.

use crate::binlog::Entry;
use crate::command::{Command, Kind, line};
use crate::effect::{Key, KeySet};
use crate::expiry::ExpiryPolicy;
use crate::node::{Master, Transaction};
use crate::store::{Store, StoreError};
use crate::time::Millis;
use std::fmt;

/// One write of a program.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Request {
    /// A command.
    Command(Command),
    /// The commands between MULTI and EXEC.
    Transaction(Vec<Command>),
}

impl From<Command> for Request {
    fn from(command: Command) -> Request {
        Request::Command(command)
    }
}

impl Request {
    /// Its commands, in order.
    pub fn commands(&self) -> &[Command] {
        match self {
            Request::Command(command) => std::slice::from_ref(command),
            Request::Transaction(commands) => commands,
        }
    }

    /// The command, if it is not a transaction.
    pub fn command(&self) -> Option<&Command> {
        match self {
            Request::Command(command) => Some(command),
            Request::Transaction(_) => None,
        }
    }

    /// The keys that its commands name.
    pub fn keys(&self) -> KeySet {
        keys_of(self.commands().iter())
    }

    /// The keys that its commands name, without those of which it may change the deadline only.
    pub fn written_keys(&self) -> KeySet {
        keys_of(self.commands().iter().filter(|command| command.kind() != Kind::Deadline))
    }

    /// Whether all of it is in database 0.
    pub fn is_in_db_0(&self) -> bool {
        self.commands().iter().all(|command| command.db() == 0)
    }

    /// The same request with each key under the name that `name_of` gives it.
    #[must_use]
    pub fn renamed(&self, name_of: &dyn Fn(&Key) -> Vec<u8>) -> Request {
        let renamed = |command: &Command| command.renamed(name_of);
        match self {
            Request::Command(command) => Request::Command(renamed(command)),
            Request::Transaction(commands) => Request::Transaction(commands.iter().map(renamed).collect()),
        }
    }

    /// Has `master` run it at `now`, with this random number for commands with a random outcome. Returns the entries that it
    /// logs; the last one is its own, the others are of keys that were found dead. Errors: the store's.
    pub fn run<S: Store>(
        &self,
        master: &mut Master<S>,
        policy: &dyn ExpiryPolicy,
        (now, random): (Millis, u64),
    ) -> Result<Vec<Entry>, StoreError> {
        let mut entries = Vec::new();
        match self {
            Request::Command(command) => {
                master.request(policy, command, now, random, &mut entries)?;
            }
            Request::Transaction(commands) => {
                let transaction = Transaction {
                    commands: commands.clone(),
                    watches: Vec::new(),
                    reply_bytes_max: usize::MAX,
                };
                master.exec(policy, &transaction, now, random, &mut entries)?;
            }
        }
        Ok(entries)
    }

    /// Its lines as a user would type them in redis-cli, MULTI and EXEC included.
    pub fn lines(&self) -> Vec<String> {
        let commands = self.commands().iter().map(ToString::to_string);
        match self {
            Request::Command(_) => commands.collect(),
            Request::Transaction(_) => {
                [MULTI.to_owned()].into_iter().chain(commands).chain([EXEC.to_owned()]).collect()
            }
        }
    }
}

impl fmt::Display for Request {
    /// `SET a 1`, or `MULTI; SET a 1; SET b 1; EXEC`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.lines().join("; "))
    }
}

impl fmt::Debug for Request {
    /// As [`fmt::Display`], with the database of each command that is not in database 0.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let commands: Vec<String> = self.commands().iter().map(|command| format!("{command:?}")).collect();
        match self {
            Request::Command(_) => out.write_str(&commands.concat()),
            Request::Transaction(_) => write!(out, "{MULTI}; {}; {EXEC}", commands.join("; ")),
        }
    }
}

/// The line that begins a transaction.
pub const MULTI: &str = "MULTI";
/// The line that runs a transaction.
pub const EXEC: &str = "EXEC";

/// The lines of requests, in order.
pub fn lines(requests: &[Request]) -> Vec<String> {
    requests.iter().flat_map(Request::lines).collect()
}

/// The requests of lines, of which `parse` reads a command: `MULTI`, the lines after it and `EXEC` are one request. Errors: those of
/// `parse`, and the place of a MULTI without EXEC or of an EXEC without MULTI.
pub fn of_lines<E>(
    lines: &[impl AsRef<str>],
    mut parse: impl FnMut(usize, &str) -> Result<Command, E>,
    unpaired: impl Fn(usize) -> E,
) -> Result<Vec<Request>, E> {
    let (mut requests, mut queue): (Vec<Request>, Option<(usize, Vec<Command>)>) = (Vec::new(), None);
    for (place, text) in lines.iter().map(AsRef::as_ref).enumerate() {
        match (text, &mut queue) {
            (MULTI, Some(_)) => return Err(unpaired(place)),
            (MULTI, none) => *none = Some((place, Vec::new())),
            (EXEC, queue) => {
                let (_, commands) = queue.take().ok_or_else(|| unpaired(place))?;
                requests.push(Request::Transaction(commands));
            }
            (text, Some((_, queue))) => queue.push(parse(place, text)?),
            (text, None) => requests.push(parse(place, text)?.into()),
        }
    }
    queue.map_or(Ok(requests), |(place, _)| Err(unpaired(place)))
}

/// The requests of lines that are known to be good; a prefix `1> ` means: in database 1. Panics: on a line that is not good.
pub fn of_ours(lines: &[&str]) -> Vec<Request> {
    let parse = |_, text: &str| {
        let (db, text) = text.strip_prefix("1> ").map_or((0, text), |text| (1, text));
        let argv = line::split(text.as_bytes()).map_err(|error| error.to_string())?;
        Command::parse(db, argv).map_err(|error| error.to_string())
    };
    let requests = of_lines(lines, parse, |place| format!("line {place}: MULTI and EXEC are not in pairs"));
    requests.expect("lines of ours")
}

fn keys_of<'a>(commands: impl Iterator<Item = &'a Command>) -> KeySet {
    let mut keys = KeySet::empty();
    commands.for_each(|command| keys.extend(&command.keys()));
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_lines_have_transactions_as_one() {
        let text = ["SET a 1", "MULTI", "SET a 2", "1> DEL b", "EXEC", "MULTI", "EXEC", "DEL a"];
        let requests = of_ours(&text);
        let shown: Vec<String> = requests.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["SET a 1", "MULTI; SET a 2; DEL b; EXEC", "MULTI; EXEC", "DEL a"]);
        assert!(requests[0].is_in_db_0() && !requests[1].is_in_db_0());
        assert_eq!(lines(&requests).len(), text.len());
    }

    #[test]
    fn requests_of_lines_refuse_multi_and_exec_that_are_not_in_pairs() {
        for (text, place) in [(&["MULTI"][..], 0), (&["EXEC"], 0), (&["MULTI", "MULTI", "EXEC"], 1)] {
            assert_eq!(of_lines(text, |_, _| Err(9), |place| place), Err(place), "{text:?}");
        }
    }

    #[test]
    fn request_whose_commands_change_deadlines_only_writes_no_key() {
        let [first, second] = &of_ours(&["MULTI", "EXPIRE k 1", "SET j 1", "EXEC", "PERSIST k"])[..] else {
            panic!("two requests")
        };
        assert_eq!(first.written_keys(), KeySet::of([Key::new(0, "j")]));
        assert!(second.written_keys().is_empty() && !second.keys().is_empty());
    }
}
