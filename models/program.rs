//! Program — a file of commands → the writes that a checker explores. Pure.
//!
//! A file is either commands as typed in redis-cli, one a line, or what `redis-cli monitor` printed:
//!
//! ```text
//! # the first founding bug          OK
//! SET a b                           1700000000.123456 [0 127.0.0.1:60123] "SET" "a" "b"
//! SET a c                           1700000000.124001 [0 lua] "SET" "a" "c"
//! FLUSHDB                           1700000000.200010 [0 unix:/run/redis.sock] "FLUSHDB"
//! ```
//!
//! Reads change nothing: they are counted and left out, those of data types that are not supported, too. In a capture the
//! same applies to what clients say about themselves (`CLIENT`, `COMMAND DOCS`…). Scripts are left out, because their
//! commands follow on lines of their own. The writes between MULTI and EXEC of a client are one write of the program, in the place
//! of its EXEC; WATCH and UNWATCH are left out, because what a capture shows is what ran.

use super::bounds::{DRAWN, INSTANT_MAX, ODD_START};
use super::queues::{Client, QueueError, Queues};
use super::redis_reads::is_redis_read;
use super::request::{self, Request};
use crate::binlog::{Entry, Epoch, Payload};
use crate::command::line::{self, LineError};
use crate::command::{Command, CommandError, DATABASES, Kind};
use crate::effect::Write;
use crate::expiry::Policy;
use crate::node::Master;
use crate::store::memory::MemoryStore;
use crate::time::Millis;
use std::collections::BTreeMap;

/// Maximum number of bytes that the writes of a searched program may amount to: their arguments plus what each of them
/// stores. A search keeps many stores, and each counterexample shows their content step by step.
pub const BYTES_MAX: usize = 128 * 1024;

/// The writes of a program file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Program {
    /// The writes in the order of the file.
    pub commands: Vec<ProgramLine>,
    /// Number of reads that were left out.
    pub reads: usize,
    /// Names of the commands that were left out because they are about a connection or the server and change no key, in
    /// lower case, each with its count.
    pub skipped: BTreeMap<String, usize>,
    /// Names of the commands that run scripts, in lower case, each with its count. They were left out because the scripts'
    /// commands are lines of their own.
    pub scripts: BTreeMap<String, usize>,
    /// The instant at which the capture began, by the clock of the captured server; `None` for typed commands. Absolute
    /// deadlines (EXPIREAT) count from the Unix epoch; the instants in [`ProgramLine::at`] count from this one.
    pub started: Option<Millis>,
}

/// One write of a program.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProgramLine {
    /// Its line in the file, counted from 1; of a transaction, the line of EXEC.
    pub line: usize,
    /// The write: a command or a transaction.
    pub request: Request,
    /// When it ran, counted from the first line of the capture; never earlier than the previous write. `None` for typed
    /// commands.
    pub at: Option<Millis>,
}

/// An error in a program file, with its line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct ProgramError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong.
    pub reason: ProgramErrorReason,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProgramErrorReason {
    /// It cannot be split into arguments.
    #[error(transparent)]
    Line(#[from] LineError),
    /// It is not a command, or has a wrong number of arguments.
    #[error("{}", without_code(.0))]
    Command(#[from] CommandError),
    /// SELECT without the number of a database, or a capture in a database with too high a number.
    #[error("DB index is out of range")]
    Database,
    /// MULTI and EXEC are not in pairs.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The writes up to this one amount to too many bytes to be searched.
    #[error(
        "too much to keep: with this write the program comes to {bytes} bytes, and at most {BYTES_MAX} can be judged \
         (its arguments, and what it stores)"
    )]
    TooHeavy {
        /// What the writes up to this one amount to, or a lower bound of it.
        bytes: usize,
    },
    /// A line of a capture that MONITOR does not print.
    #[error("not a line of a MONITOR capture: expected seconds.microseconds [db client] \"command\" …")]
    NotMonitor,
}

fn without_code(error: &CommandError) -> String {
    let text = error.to_string();
    text.strip_prefix("ERR ").unwrap_or(&text).to_owned()
}

/// Commands of a capture that do not change data: about the connection, the server or a subscription. In alphabetical
/// order.
const NOT_DATA: &str = "acl auth bgrewriteaof bgsave client cluster command config function hello info lastsave latency \
    lolwut memory module monitor psubscribe psync publish pubsub punsubscribe quit readonly readwrite replconf role \
    save script slowlog spublish ssubscribe subscribe sunsubscribe sync time unsubscribe wait waitaof";

/// Commands of a capture that run a script. MONITOR shows the script's own commands after them.
const SCRIPTS: &str = "eval eval_ro evalsha evalsha_ro fcall fcall_ro";

/// Commands that concern the keys that a client watches. Whether an EXEC ran shows without them.
const WATCHES: &str = "watch unwatch";

/// The client of typed commands.
const TYPED: Client<'_> = b"";

/// A line of a program file that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadLine {
    /// The name of its command in upper case, or a description of a line that is no command.
    pub command: String,
    /// The place of the line, and the reason.
    pub error: ProgramError,
}

/// Reads a program file. Errors: the first line that is wrong. Cost: O(bytes).
pub fn parse(file: &[u8]) -> Result<Program, ProgramError> {
    let (program, unread) = parse_readable(file);
    unread.into_iter().next().map_or(Ok(program), |line| Err(line.error))
}

/// Reads the lines of a program file that can be read, and returns the other lines as well. Cost: O(bytes).
pub fn parse_readable(file: &[u8]) -> (Program, Vec<UnreadLine>) {
    let (mut program, mut queues, mut unread) = (Program::default(), Queues::default(), Vec::new());
    let lines = || (1..).zip(file.split(|&byte| byte == b'\n')).filter(|(_, text)| is_content(text));
    // redis-cli prints `OK` when MONITOR begins. That is not a command.
    let is_greeting = |text: &[u8]| text.trim_ascii() == b"OK";
    let first = lines().find(|(_, text)| !is_greeting(text));
    let captured = first.is_none_or(|(_, text)| Stamp::parse(text).is_some());
    let mut db = 0;
    for (line, text) in lines().skip_while(|(_, text)| captured && is_greeting(text)) {
        let added = match captured {
            true => program.add_captured(line, text, &mut queues),
            false => program.add_typed(line, text, (&mut queues, &mut db)),
        };
        if let Err(reason) = added {
            unread.push(UnreadLine {
                command: command_of(text, captured),
                error: ProgramError { line, reason },
            });
        }
    }
    unread.extend(queues.unfinished().map(|line| {
        let error = ProgramError { line, reason: QueueError::NotRun.into() };
        UnreadLine { command: request::MULTI.to_owned(), error }
    }));
    unread.sort_by_key(|unread| unread.error.line);
    (program, unread)
}

/// Maximum number of characters of the name of a command that cannot be read.
const NAME_CHARS_MAX: usize = 24;

/// The name of the command on a line that cannot be read, or what the line is instead.
fn command_of(text: &[u8], captured: bool) -> String {
    let typed = if captured { Stamp::parse(text).map(|stamp| stamp.command) } else { Some(text) };
    let Some(typed) = typed else { return "no line of MONITOR".to_owned() };
    let first = typed.split(u8::is_ascii_whitespace).find(|word| !word.is_empty()).unwrap_or_default();
    let name = line::split(first).ok().and_then(|words| words.into_iter().next());
    let name = name.unwrap_or_else(|| first.to_vec()).escape_ascii().to_string();
    name.chars().take(NAME_CHARS_MAX).collect::<String>().to_ascii_uppercase()
}

fn is_content(text: &[u8]) -> bool {
    !text.starts_with(b"#") && !text.trim_ascii().is_empty()
}

impl Program {
    /// When a run of the program begins: for a capture when it began, but late enough for any skew of the clocks.
    pub fn begins(&self) -> Millis {
        self.started.map_or(ODD_START, |started| started.max(ODD_START))
    }

    /// Checks that a search can keep what the writes store: they run once, one after the other, on a master in memory.
    /// Errors: [`ProgramErrorReason::TooHeavy`] for the first write that goes beyond [`BYTES_MAX`]; that write does not
    /// run.
    pub fn check_weight(&self) -> Result<(), ProgramError> {
        let now = self.begins();
        let mut master = Master::new(MemoryStore::new(), Epoch(1));
        let mut bytes = 0_usize;
        for ProgramLine { line, request, .. } in &self.commands {
            let fits = |bytes| match bytes {
                0..=BYTES_MAX => Ok(()),
                _ => Err(ProgramError { line: *line, reason: ProgramErrorReason::TooHeavy { bytes } }),
            };
            // A huge value is not created only to measure it.
            let asked_for = request.commands().iter().map(Command::length_asked_for);
            let arguments = request.commands().iter().flat_map(Command::argv).map(Vec::len);
            bytes += arguments.sum::<usize>();
            fits(asked_for.fold(bytes, usize::saturating_add))?;
            let entries = request.run(&mut master, &*Policy::Effects.get(), (now, DRAWN));
            let entries = entries.expect("the store in memory does not fail");
            bytes += entries.iter().map(stored).sum::<usize>();
            fits(bytes)?;
        }
        Ok(())
    }

    fn add_typed(
        &mut self,
        line: usize,
        text: &[u8],
        (queues, db): (&mut Queues, &mut u8),
    ) -> Result<(), ProgramErrorReason> {
        let argv = line::split(text)?;
        let name = lower_case_name(&argv);
        match name.as_str() {
            "multi" => queues.begin(TYPED, (line, *db))?,
            "exec" => self.add_run(line, queues.run(TYPED)?, None),
            "discard" => {
                *db = queues.discard(TYPED).unwrap_or(*db);
                self.skip(name);
            }
            name if is_one_of(WATCHES, name) => self.skip(name.to_owned()),
            _ => {
                let is_read = is_redis_read(&argv);
                match Command::parse(*db, argv) {
                    Ok(command) if command.name() == "select" => {
                        *db = command.selects().ok_or(ProgramErrorReason::Database)?;
                    }
                    Ok(command) => self.add(line, (command, None), (queues, TYPED)),
                    Err(_) if is_read => self.reads += 1,
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }

    fn add_captured(
        &mut self,
        line: usize,
        text: &[u8],
        queues: &mut Queues,
    ) -> Result<(), ProgramErrorReason> {
        let stamp = Stamp::parse(text).ok_or(ProgramErrorReason::NotMonitor)?;
        let started = *self.started.get_or_insert(stamp.time);
        let argv = line::split(stamp.command)?;
        let db = stamp.db.filter(|&db| db < DATABASES).ok_or(ProgramErrorReason::Database)?;
        // The captured server's clock may have been set back, but the program's times must not decrease.
        let last = self.commands.last().and_then(|last| last.at).unwrap_or(Millis::ZERO);
        let at = Some(last.max(Millis(stamp.time.since(started))));
        let (name, is_read) = (lower_case_name(&argv), is_redis_read(&argv));
        match name.as_str() {
            // The server refused a MULTI within MULTI, and went on with the transaction.
            "multi" => drop(queues.begin(stamp.client, (line, db))),
            "exec" => self.add_run(line, queues.run(stamp.client)?, at),
            "discard" | "reset" => {
                queues.discard(stamp.client);
                self.skip(name);
            }
            name if is_one_of(WATCHES, name) => self.skip(name.to_owned()),
            _ => match Command::parse(db, argv) {
                Ok(command) => self.add(line, (command, at), (queues, stamp.client)),
                Err(_) if is_read => self.reads += 1,
                Err(_) if is_one_of(NOT_DATA, &name) => self.skip(name),
                Err(_) if is_one_of(SCRIPTS, &name) => {
                    queues.script(stamp.client);
                    *self.scripts.entry(name).or_default() += 1;
                }
                Err(error) => return Err(error.into()),
            },
        }
        Ok(())
    }

    fn add(
        &mut self,
        line: usize,
        (command, at): (Command, Option<Millis>),
        (queues, client): (&mut Queues, Client<'_>),
    ) {
        match command.kind() {
            Kind::Read => self.reads += 1,
            Kind::Connection => self.skip(command.name().to_owned()),
            Kind::Write | Kind::Deadline | Kind::Flush => {
                self.add_run(line, queues.add(client, command).map(Request::from), at);
            }
        }
    }

    /// Adds what ran at that line, if it writes.
    fn add_run(&mut self, line: usize, request: Option<Request>, at: Option<Millis>) {
        self.commands.extend(request.map(|request| ProgramLine { line, request, at }));
    }

    fn skip(&mut self, name: String) {
        *self.skipped.entry(name).or_default() += 1;
    }
}

/// Bytes that an entry stores.
fn stored(entry: &Entry) -> usize {
    let put = |write: &Write| if let Write::Put { key, value } = write { key.len() + value.len() } else { 0 };
    let effects = entry.payload.parts().iter().filter_map(Payload::effect);
    effects.flat_map(|effect| &effect.writes).map(put).sum()
}

fn is_one_of(names: &str, name: &str) -> bool {
    names.split_whitespace().any(|one| one == name)
}

fn lower_case_name(argv: &[Vec<u8>]) -> String {
    String::from_utf8_lossy(argv.first().map(Vec::as_slice).unwrap_or_default()).to_ascii_lowercase()
}

/// The parsed beginning of a line of MONITOR.
struct Stamp<'a> {
    time: Millis,
    db: Option<u8>,
    client: Client<'a>,
    command: &'a [u8],
}

impl Stamp<'_> {
    /// The parts of `seconds.microseconds [db client] "command" …`.
    fn parse(text: &[u8]) -> Option<Stamp<'_>> {
        let (seconds, rest) = number(text)?;
        let (micros, rest) = number(rest.strip_prefix(b".")?)?;
        let (db, rest) = number(rest.strip_prefix(b" [")?)?;
        let rest = rest.strip_prefix(b" ")?;
        // The client may be a path that contains brackets; the opening quote of the command marks its end.
        let end = rest.windows(3).position(|window| window == b"] \"")?;
        let time = Millis(seconds.checked_mul(1000)?.checked_add(micros / 1000)?);
        if time > INSTANT_MAX {
            return None;
        }
        let (client, command) = (&rest[..end], &rest[end + 2..]);
        Some(Stamp { time, db: u8::try_from(db).ok(), client, command })
    }
}

/// The decimal number at the beginning of `text`, and what follows it.
fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = std::str::from_utf8(&text[..digits]).ok()?.parse().ok()?;
    Some((number, &text[digits..]))
}
