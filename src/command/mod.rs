//! Command — argv → command (its keys, its kind) → execute → (reply, effect). Pure.
//!
//! Each command is one function over `(view, now, argv)`; it reads through the [`View`], which hides expired
//! keys, and returns its changes as an [`Effect`]. A new command needs one function in the file of its data
//! type and one row in that file's table. Randomness and time are inputs.
//!
//! Source: the command pages of redis.io; replies and error texts are those of Redis 7.0, for deadlines of fields 8.2.

mod absolute;
mod bit;
mod connection;
mod cursor;
mod draft;
mod edit;
mod error;
#[cfg(test)]
mod fixture;
mod hash;
mod hyperloglog;
mod keys;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod line;
mod list;
mod number;
mod options;
mod pattern;
mod random;
mod renamed;
mod reply;
mod set;
mod sorted_set;
mod split;
mod string;
mod view;

pub use draft::Draft;
pub(crate) use draft::clearing;
pub use error::CommandError;
pub(crate) use number::parse_integer;
#[cfg(feature = "server")]
pub(crate) use pattern::matches;
pub use reply::Reply;
pub use view::{StringValue, View};

use crate::effect::{Effect, Key, KeySet};
use crate::time::Millis;
use edit::Edit;
use std::fmt;
use std::sync::Arc;

/// Number of databases that SELECT can choose from, as in Redis's default configuration.
pub const DATABASES: u8 = 16;

/// The result of a command: a reply and an effect, or an error.
pub type Outcome = Result<(Reply, Effect), CommandError>;

/// The function of a command. `argv` includes the name and has passed the arity check. `now` is the instant at
/// which the command runs: durations count from it. It is usually, but not always, the instant at which the
/// view judges keys.
pub type Execute = fn(view: &View<'_>, now: Millis, argv: &[Vec<u8>]) -> Outcome;

/// The kind of change that a command makes to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Changes nothing.
    Read,
    /// May change a value.
    Write,
    /// May change a deadline, never a value: EXPIRE and its family, PERSIST, GETEX, and the same of fields.
    Deadline,
    /// Empties a database or all of them.
    Flush,
    /// Belongs to the connection: PING, ECHO, SELECT.
    Connection,
}

/// Which arguments of a command are keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyArguments {
    /// No argument is a key, and the command touches no key.
    None,
    /// No argument is a key, and the command touches every key.
    Everything,
    /// Every `step`th argument from the first to the last position (negative: counted from the end).
    Range {
        /// Position of the first key; the name is position 0.
        first: usize,
        /// Position of the last key; -1 is the last argument.
        last: isize,
        /// Distance from one key to the next.
        step: usize,
    },
    /// Some arguments are keys whose number is an argument before them: ZUNIONSTORE destination numkeys key …
    Counted {
        /// Whether the first argument is a key, too.
        has_target: bool,
        /// Position of the number.
        count: usize,
    },
}

impl KeyArguments {
    /// The first argument only.
    pub const FIRST: KeyArguments = KeyArguments::Range { first: 1, last: 1, step: 1 };
    /// The first two arguments.
    pub const TWO: KeyArguments = KeyArguments::Range { first: 1, last: 2, step: 1 };
    /// Every argument.
    pub const ALL: KeyArguments = KeyArguments::Range { first: 1, last: -1, step: 1 };
    /// Every other argument, beginning with the first.
    pub const PAIRS: KeyArguments = KeyArguments::Range { first: 1, last: -1, step: 2 };
}

/// A row of the command table.
pub struct Spec {
    /// Name in lower case, as error texts quote it.
    pub name: &'static str,
    /// Number of arguments, the name included; negative: at least that many.
    pub arity: i32,
    /// The kind of change that it makes to the store.
    pub kind: Kind,
    /// Where its keys are.
    pub keys: KeyArguments,
    /// Whether the data that the command leaves under its keys depends on the data stored before. SET without
    /// options does not, nor does DEL, although its reply does; INCR does. For some commands the options decide,
    /// so this is a function of argv.
    pub depends_on_stored: fn(argv: &[Vec<u8>]) -> bool,
    /// The grammar, as the command's page at redis.io gives it.
    pub grammar: &'static str,
    /// The function that runs it.
    pub execute: Execute,
}

impl fmt::Debug for Spec {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Spec({})", self.name)
    }
}

/// For [`Spec::depends_on_stored`]: true with any options.
pub(crate) fn always(_: &[Vec<u8>]) -> bool {
    true
}

/// For [`Spec::depends_on_stored`]: false with any options.
pub(crate) fn never(_: &[Vec<u8>]) -> bool {
    false
}

/// The tables of the types that have one table, each with its group.
const OTHERS: [(&str, &[Spec]); 9] = [
    ("hash", hash::TABLES[0]),
    ("hash", hash::TABLES[1]),
    ("hash", hash::TABLES[2]),
    ("list", list::TABLE),
    ("set", set::TABLE),
    ("sorted-set", sorted_set::TABLE),
    ("bitmap", bit::TABLE),
    ("hyperloglog", hyperloglog::TABLE),
    ("connection", connection::TABLE),
];

/// All commands: the rows of every table.
pub fn table() -> impl Iterator<Item = &'static Spec> {
    table_by_group().map(|(_, spec)| spec)
}

/// All commands, each with the group that redis.io puts its data type in.
pub fn table_by_group() -> impl Iterator<Item = (&'static str, &'static Spec)> {
    let strings = string::TABLES.into_iter().map(|table| ("string", table));
    let keys = keys::TABLES.into_iter().map(|table| ("generic", table));
    let others = OTHERS.into_iter();
    strings.chain(keys).chain(others).flat_map(|(group, table)| table.iter().map(move |spec| (group, spec)))
}

/// A command with its arguments. The command exists, and the number of arguments is valid.
#[derive(Clone)]
pub struct Command {
    spec: &'static Spec,
    db: u8,
    /// Shared, because a command is kept beside its logged form.
    argv: Arc<[Vec<u8>]>,
}

impl Command {
    /// The command of `argv`, name first, to be run in database `db`. Errors: `ERR unknown command …` and
    /// `ERR wrong number of arguments …`, as Redis words them.
    pub fn parse(db: u8, argv: Vec<Vec<u8>>) -> Result<Command, CommandError> {
        let name = argv.first().map(Vec::as_slice).unwrap_or_default();
        let spec = find(name).ok_or_else(|| CommandError::unknown(name, &argv))?;
        let count = i32::try_from(argv.len()).unwrap_or(i32::MAX);
        if (spec.arity >= 0 && count != spec.arity) || count < spec.arity.abs() {
            return Err(CommandError::arity(spec.name));
        }
        Ok(Command { spec, db, argv: argv.into() })
    }

    /// Checks its subcommand, which Redis does before a command is run or queued. OBJECT is the only command on data that has
    /// some. Errors: `ERR unknown subcommand …` and `ERR wrong number of arguments …`.
    pub fn check_subcommand(&self) -> Result<(), CommandError> {
        if self.name() == "object" { keys::check_object(&self.argv) } else { Ok(()) }
    }

    /// Its row in the table.
    pub fn spec(&self) -> &'static Spec {
        self.spec
    }

    /// Name in lower case.
    pub fn name(&self) -> &'static str {
        self.spec.name
    }

    /// The database that it runs in.
    pub fn db(&self) -> u8 {
        self.db
    }

    /// The same command in database `db`.
    #[must_use]
    pub fn in_database(self, db: u8) -> Command {
        Command { db, ..self }
    }

    /// Name and arguments as they came.
    pub fn argv(&self) -> &[Vec<u8>] {
        &self.argv
    }

    /// The kind of change that it makes to the store.
    pub fn kind(&self) -> Kind {
        self.spec.kind
    }

    /// Whether it may change the store.
    pub fn is_write(&self) -> bool {
        matches!(self.spec.kind, Kind::Write | Kind::Deadline | Kind::Flush)
    }

    /// Whether its changes depend on the data stored before.
    pub fn depends_on_stored(&self) -> bool {
        (self.spec.depends_on_stored)(&self.argv)
    }

    /// The positions of its key arguments in order. A command that will be refused because of its number of keys has none.
    pub fn key_positions(&self) -> Vec<usize> {
        let length = self.argv.len();
        match self.spec.keys {
            KeyArguments::None | KeyArguments::Everything => Vec::new(),
            KeyArguments::Range { first, last, step } => {
                let last =
                    if last < 0 { length.saturating_sub(last.unsigned_abs()) } else { last.unsigned_abs() };
                (first..=last).step_by(step).filter(|at| *at < length).collect()
            }
            KeyArguments::Counted { has_target, count } => {
                let counted = self.argv.get(count).and_then(|number| parse_integer(number));
                let counted = counted.and_then(|number| usize::try_from(number).ok()).unwrap_or(0);
                let keys = count + 1..(count + 1).saturating_add(counted);
                if keys.end > length || keys.is_empty() {
                    return Vec::new();
                }
                has_target.then_some(1).into_iter().chain(keys).collect()
            }
        }
    }

    /// Its key arguments in order, repetitions kept.
    pub fn key_arguments(&self) -> Vec<&[u8]> {
        self.key_positions().into_iter().map(|at| self.argv[at].as_slice()).collect()
    }

    /// Whether its key set is everything: it names no key, and touches them all.
    pub fn touches_everything(&self) -> bool {
        self.spec.keys == KeyArguments::Everything
    }

    /// The keys that it reads or writes.
    pub fn keys(&self) -> KeySet {
        match self.spec.keys {
            KeyArguments::None => KeySet::empty(),
            KeyArguments::Everything => KeySet::Everything,
            KeyArguments::Range { .. } | KeyArguments::Counted { .. } => {
                KeySet::of(keys::in_their_databases(self).into_iter().map(|(db, name)| Key::new(db, name)))
            }
        }
    }

    /// Whether the command is a write with a reply of a few bytes, whatever the store and the arguments hold.
    pub fn reply_is_short(&self) -> bool {
        let returns_value = match self.name() {
            "getset" | "getdel" | "getex" | "hgetex" | "hgetdel" => true,
            "hexpire" | "hpexpire" | "hexpireat" | "hpexpireat" | "hpersist" => true,
            "lpop" | "rpop" | "lmove" | "rpoplpush" | "lmpop" => true,
            "spop" | "zpopmin" | "zpopmax" | "zmpop" | "bitfield" => true,
            "set" => self.argv.iter().skip(3).any(|option| option.eq_ignore_ascii_case(b"get")),
            _ => false,
        };
        self.is_write() && !returns_value
    }

    /// Length in bytes of the string that the command creates because of a number, not because of a long argument: the
    /// offset of SETRANGE plus its part, and the offsets of SETBIT and BITFIELD. 0: any other command, or one that is refused
    /// or changes nothing.
    pub fn length_asked_for(&self) -> usize {
        match self.name() {
            "setrange" => string::length_asked_for(&self.argv),
            _ => bit::length_asked_for(self),
        }
    }

    /// The database that the connection is in after this command succeeded, if this is a SELECT.
    pub fn selects(&self) -> Option<u8> {
        connection::selected(self)
    }

    /// Runs the command and returns its reply and its effect; nothing is written. A client's mistake becomes
    /// an error reply with an empty effect. Errors: only those of the store, after which the node stops.
    pub fn execute(&self, view: &View<'_>, now: Millis) -> Result<(Reply, Effect), crate::store::StoreError> {
        let view = view.in_database(self.db);
        match (self.spec.execute)(&view, now, &self.argv) {
            Ok(outcome) => Ok(outcome),
            Err(error) => Ok((error.into_reply()?, Effect::none())),
        }
    }
}

impl PartialEq for Command {
    fn eq(&self, other: &Command) -> bool {
        self.db == other.db && self.argv == other.argv
    }
}

impl Eq for Command {}

impl std::hash::Hash for Command {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (self.db, &self.argv).hash(state);
    }
}

impl fmt::Display for Command {
    /// The command as a user would type it in redis-cli, with arguments quoted where necessary.
    /// [`line::split`] reads it back.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, argument) in self.argv.iter().enumerate() {
            if position > 0 {
                out.write_str(" ")?;
            }
            write!(out, "{}", line::Quoted(argument))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{self}")?;
        if self.db != 0 {
            write!(out, " (db {})", self.db)?;
        }
        Ok(())
    }
}

/// The row with this name; case is ignored.
fn find(name: &[u8]) -> Option<&'static Spec> {
    // Few names have the same length, so most rows are passed over at once.
    let is_named =
        |spec: &&Spec| spec.name.len() == name.len() && name.eq_ignore_ascii_case(spec.name.as_bytes());
    // Plain loops: every request comes through here, and a chain of iterators takes longer than the search.
    for tables in [string::TABLES.as_slice(), keys::TABLES.as_slice()] {
        for table in tables {
            if let Some(spec) = table.iter().find(is_named) {
                return Some(spec);
            }
        }
    }
    OTHERS.iter().find_map(|(_, table)| table.iter().find(is_named))
}

#[cfg(test)]
mod tests {
    use super::fixture::Fixture;
    use super::*;

    const LARGE: usize = 100_000;

    /// A line for each command that writes, and for SET's option, on a large string `s`, a hash `h` with a large field,
    /// and a set `m` with a large member.
    const WRITES: &[&str] = &[
        "APPEND s v",
        "SETRANGE s 0 v",
        "INCR n",
        "INCRBY n 1",
        "DECR n",
        "DECRBY n 1",
        "INCRBYFLOAT n 1",
        "SET s v",
        "SET s v EX 10",
        "SET s v GET",
        "SETNX s v",
        "SETEX s 10 v",
        "PSETEX s 10 v",
        "GETSET s v",
        "GETEX s",
        "GETDEL s",
        "MSET s v",
        "MSETNX s v",
        "RENAME s t",
        "RENAMENX s t",
        "COPY s t",
        "DEL s",
        "UNLINK s",
        "FLUSHDB",
        "FLUSHALL",
        "PERSIST s",
        "EXPIRE s 10",
        "PEXPIRE s 10",
        "EXPIREAT s 10",
        "PEXPIREAT s 10",
        "HSET h f v",
        "HMSET h f v",
        "HSETNX h f v",
        "HDEL h f",
        "HINCRBY h n 1",
        "HINCRBYFLOAT h n 1",
        // They reply a number for each field.
        "HEXPIRE h 10 FIELDS 9 f f f f f f f f f",
        "HPEXPIRE h 10 FIELDS 9 f f f f f f f f f",
        "HEXPIREAT h 10 FIELDS 9 f f f f f f f f f",
        "HPEXPIREAT h 10 FIELDS 9 f f f f f f f f f",
        "HPERSIST h FIELDS 9 f f f f f f f f f",
        "HGETEX h FIELDS 1 f",
        "HGETDEL h FIELDS 1 f",
        "HSETEX h EX 10 FIELDS 1 f v",
        "LPUSH l v",
        "RPUSH l v",
        "LPUSHX l v",
        "RPUSHX l v",
        "LPOP l",
        "RPOP l",
        "LTRIM l 0 0",
        "LSET l 0 v",
        "LINSERT l BEFORE v w",
        "LREM l 0 v",
        "RPOPLPUSH l k",
        "LMOVE l k LEFT RIGHT",
        "LMPOP 1 l LEFT",
        "SADD m v",
        "SREM m v",
        "SPOP m",
        "SPOP m 1",
        "SMOVE m n v",
        "SINTERSTORE t m",
        "SUNIONSTORE t m",
        "SDIFFSTORE t m",
        "ZADD z 1 m",
        "ZADD z INCR 1 m",
        "ZINCRBY z 1 m",
        "ZREM z m",
        "ZREMRANGEBYRANK z 0 -1",
        "ZREMRANGEBYSCORE z 0 1",
        "ZREMRANGEBYLEX z - +",
        "ZPOPMIN z",
        "ZPOPMAX z",
        "ZMPOP 1 z MIN",
        "ZRANGESTORE d z 0 -1",
        "ZUNIONSTORE d 1 z",
        "ZINTERSTORE d 1 z",
        "ZDIFFSTORE d 1 z",
        "SETBIT s 0 1",
        "BITOP NOT s s",
        "BITFIELD s GET i9 0 GET i9 0 GET i9 0 GET i9 0 GET i9 0 GET i9 0 GET i9 0 GET i9 0",
        "PFADD p v",
        "PFMERGE p q",
        "MOVE s 1",
        "SWAPDB 0 1",
    ];

    #[test]
    fn reply_is_short_for_the_writes_that_return_no_value() {
        for spec in table().filter(|spec| matches!(spec.kind, Kind::Write | Kind::Deadline | Kind::Flush)) {
            let name = spec.name.to_uppercase();
            assert!(WRITES.iter().any(|line| line.split(' ').next() == Some(&name)), "a line for {name}");
        }
        let value = "v".repeat(LARGE);
        for text in WRITES {
            let mut fixture = Fixture::new();
            fixture.run(&format!("SET s {value}"));
            fixture.run(&format!("HSET h f {value}"));
            fixture.run(&format!("RPUSH l {value}"));
            fixture.run(&format!("SADD m {value}"));
            fixture.run(&format!("ZADD z 1 {value}"));
            let argv = text.split(' ').map(|word| word.as_bytes().to_vec()).collect();
            let is_short = Command::parse(0, argv).expect("a command").reply_is_short();
            let reply = format!("{:?}", fixture.run(text));
            assert_eq!(is_short, reply.len() < 100, "{text}: {} bytes", reply.len());
        }
    }
}
