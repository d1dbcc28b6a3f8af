//! Session — turns each argv of one connection into a command for the node, a reply, or a request to the server. Pure.
//!
//! The choices of a connection (database, protocol, name, whether it wants replies) are kept only here.

use super::client_command;
use super::config;
use super::describe;
use super::failover;
use super::pause::Paused;
use super::reply::Protocol;
use super::table::{self, Name, Row};
use crate::command::{Command, CommandError, Reply, parse_integer};
use crate::effect::Key;
use crate::secret::Secret;
use std::time::Duration;

/// The choices of one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The connection's id.
    pub id: u64,
    /// The database that commands run in.
    pub db: u8,
    /// The protocol in which replies are encoded.
    pub protocol: Protocol,
    /// The connection's name; empty if it has none.
    pub name: Vec<u8>,
    /// Name and version of the client's library, from CLIENT SETINFO.
    pub library: (Vec<u8>, Vec<u8>),
    /// Whether the client sent CLIENT NO-EVICT ON. It is only shown in CLIENT LIST.
    pub no_evict: bool,
    /// The number of commands that wait for EXEC; `None`: there was no MULTI.
    pub queued: Option<usize>,
    pub(super) quiet: Quiet,
    /// The password of the node, as it is now; `None`: there is none.
    pub(super) password: Option<Secret>,
    /// Whether the client sent the password, or connected when there was none.
    pub(super) is_authenticated: bool,
}

/// Redis's error for a HELLO without the password.
const NO_AUTH_AT_HELLO: &str = "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH \
    <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time";

/// The replies that CLIENT REPLY suppresses: all (`off`), that of this request (`skip`), that of the next one
/// (`skip_next`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Quiet {
    pub(super) off: bool,
    pub(super) skip: bool,
    pub(super) skip_next: bool,
}

/// The next step for a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The node runs it.
    Run(Command),
    /// This is its reply.
    Reply(Reply),
    /// The server itself answers it.
    Ask(Ask),
    /// It has no reply: CLIENT REPLY OFF or SKIP.
    Silent,
}

/// A request that the session cannot answer, because it needs the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// HELLO: describe the server. The session is already changed.
    Hello,
    /// INFO with these sections.
    Info(Vec<Vec<u8>>),
    /// ROLE.
    Role,
    /// CLIENT LIST.
    ClientList(client_command::Listed),
    /// CLIENT INFO.
    ClientInfo,
    /// CLIENT KILL.
    ClientKill(client_command::Kill),
    /// CONFIG GET with these patterns.
    ConfigGet(Vec<Vec<u8>>),
    /// CONFIG SET with these names and values.
    ConfigSet(Vec<(Vec<u8>, Vec<u8>)>),
    /// CONFIG RESETSTAT.
    ResetStatistics,
    /// REPLICAOF: the master's host and port; `None` = NO ONE.
    Replicate(Option<(String, u16)>),
    /// CLIENT PAUSE: what is paused, and for how long.
    ClientPause(Paused, Duration),
    /// CLIENT UNPAUSE.
    ClientUnpause,
    /// FAILOVER.
    Failover(failover::Asked),
    /// RCSYNC with its argv: the node takes over the socket.
    Follow(Vec<Vec<u8>>),
    /// WAIT or WAITAOF with its argv.
    Wait(Vec<Vec<u8>>),
    /// SHUTDOWN.
    Shutdown,
    /// QUIT: reply OK, and end the connection.
    Quit,
    /// RESET: end the transaction, and watch nothing. The session is already changed.
    Reset,
    /// MULTI: queue the following commands.
    Multi,
    /// EXEC: run the queued commands.
    Exec,
    /// EXEC that is refused with this error: drop the queued commands.
    AbortExec(String),
    /// DISCARD: drop the queued commands.
    Discard,
    /// WATCH these keys.
    Watch(Vec<Key>),
    /// UNWATCH.
    Unwatch,
}

/// The step for a request, or the error that is its reply.
pub(super) type Answer = Result<Step, CommandError>;

impl Session {
    /// A connection with the default choices.
    pub fn new(id: u64) -> Session {
        Session {
            id,
            db: 0,
            protocol: Protocol::default(),
            name: Vec::new(),
            library: (Vec::new(), Vec::new()),
            no_evict: false,
            queued: None,
            quiet: Quiet::default(),
            password: None,
            is_authenticated: true,
        }
    }

    /// A connection to a node with this password.
    pub fn with_password(id: u64, password: Option<Secret>) -> Session {
        let is_authenticated = password.is_none();
        Session { password, is_authenticated, ..Session::new(id) }
    }

    /// Decides the step for `argv` (which has at least a name), and whether its reply is sent to the client.
    pub fn step(&mut self, argv: Vec<Vec<u8>>) -> (Step, bool) {
        self.step_by(|session| session.answer(argv))
    }

    /// Decides the step for a request by calling `answer`, and whether its reply is sent to the client.
    pub(super) fn step_by(&mut self, answer: impl FnOnce(&mut Session) -> Answer) -> (Step, bool) {
        let step = answer(self).unwrap_or_else(|error| Step::Reply(Reply::Error(error.to_string())));
        let told = self.is_told();
        self.quiet.skip = std::mem::take(&mut self.quiet.skip_next);
        (step, told)
    }

    /// Whether the reply to the current request is sent to the client.
    pub fn is_told(&self) -> bool {
        !self.quiet.off && !self.quiet.skip
    }

    /// The step for `argv`, whether MULTI was sent before or not.
    pub(super) fn answer(&mut self, argv: Vec<Vec<u8>>) -> Answer {
        let Some(row) = table::find(&argv[0]) else { return self.command(argv) };
        let is_open = [Name::Auth, Name::Hello, Name::Quit, Name::Reset].contains(&row.name);
        let arity = table::check_arity(row.name.text(), row.arity, &argv);
        if let (Name::Exec, Err(error)) = (row.name, &arity) {
            return Ok(Step::Ask(Ask::AbortExec(error.to_string())));
        }
        arity?;
        if !self.is_authenticated && !is_open {
            return locked(row, &argv);
        }
        Ok(match row.name {
            Name::Auth => Step::Reply(self.auth(&argv)?),
            Name::Failover => Step::Ask(Ask::Failover(failover::parse(&argv)?)),
            Name::Hello => self.hello(&argv)?,
            Name::Client => client_command::step(self, &argv)?,
            Name::Command => Step::Reply(describe::command(&argv)?),
            Name::Config => config::step(&argv)?,
            Name::Info => Step::Ask(Ask::Info(argv[1..].to_vec())),
            Name::Role => Step::Ask(Ask::Role),
            Name::Replicaof | Name::Slaveof => Step::Ask(Ask::Replicate(master_argument(&argv)?)),
            Name::Rcsync => Step::Ask(Ask::Follow(argv)),
            Name::Wait | Name::Waitaof => Step::Ask(Ask::Wait(argv)),
            Name::Shutdown => shutdown(&argv)?,
            Name::Quit => Step::Ask(Ask::Quit),
            Name::Reset => {
                *self = Session::with_password(self.id, self.password.take());
                Step::Ask(Ask::Reset)
            }
            Name::Multi => Step::Ask(Ask::Multi),
            Name::Exec => Step::Ask(Ask::Exec),
            Name::Discard => Step::Ask(Ask::Discard),
            Name::Watch => {
                Step::Ask(Ask::Watch(argv.into_iter().skip(1).map(|name| Key::new(self.db, name)).collect()))
            }
            Name::Unwatch => Step::Ask(Ask::Unwatch),
        })
    }

    fn command(&mut self, argv: Vec<Vec<u8>>) -> Answer {
        // As in Redis, an unknown command and a wrong number of arguments are refused first.
        let command = Command::parse(self.db, argv)?;
        if !self.is_authenticated {
            return Err(no_auth());
        }
        if command.name() != "select" {
            return Ok(Step::Run(command));
        }
        // SELECT reads and writes no key, so it runs on an empty store.
        let empty = crate::store::memory::MemoryStore::new();
        let now = crate::time::Millis::ZERO;
        let (reply, _) = command.execute(&crate::command::View::new(&empty, self.db, now), now)?;
        self.db = command.selects().unwrap_or(self.db);
        Ok(Step::Reply(reply))
    }

    fn hello(&mut self, argv: &[Vec<u8>]) -> Answer {
        let protocol = match argv.get(1) {
            None => self.protocol,
            Some(version) => match parse_integer(version) {
                None => {
                    return Err(CommandError::err("Protocol version is not an integer or out of range"));
                }
                Some(2) => Protocol::Resp2,
                Some(3) => Protocol::Resp3,
                Some(_) => {
                    return Err(CommandError::Client("NOPROTO unsupported protocol version".to_owned()));
                }
            },
        };
        let mut options = argv.get(2..).unwrap_or_default();
        while let Some((option, rest)) = options.split_first() {
            options = match rest {
                [user, password, rest @ ..] if option.eq_ignore_ascii_case(b"auth") => {
                    self.authenticate(user, password)?;
                    rest
                }
                [name, rest @ ..] if option.eq_ignore_ascii_case(b"setname") => {
                    self.set_name(name)?;
                    rest
                }
                _ => {
                    let option = String::from_utf8_lossy(option);
                    return Err(CommandError::err(format_args!("Syntax error in HELLO option '{option}'")));
                }
            };
        }
        if !self.is_authenticated {
            return Err(CommandError::Client(NO_AUTH_AT_HELLO.to_owned()));
        }
        self.protocol = protocol;
        Ok(Step::Ask(Ask::Hello))
    }

    /// Checks the password of `user`. Without a password of the node, the user `default` is accepted with any one. Errors:
    /// WRONGPASS.
    fn authenticate(&mut self, user: &[u8], password: &[u8]) -> Result<(), CommandError> {
        if user == b"default" && self.password.as_ref().is_none_or(|own| own.is(password)) {
            self.is_authenticated = true;
            return Ok(());
        }
        Err(CommandError::Client("WRONGPASS invalid username-password pair or user is disabled.".to_owned()))
    }

    fn auth(&mut self, argv: &[Vec<u8>]) -> Result<Reply, CommandError> {
        match argv {
            [_, _] if self.password.is_none() => Err(CommandError::err(
                "AUTH <password> called without any password configured for the default user. Are you sure your \
                 configuration is correct?",
            )),
            [_, password] => self.authenticate(b"default", password).map(|()| Reply::OK),
            [_, user, password] => self.authenticate(user, password).map(|()| Reply::OK),
            _ => Err(CommandError::syntax()),
        }
    }

    pub(super) fn set_name(&mut self, name: &[u8]) -> Result<(), CommandError> {
        if !name.iter().all(u8::is_ascii_graphic) {
            let text = "Client names cannot contain spaces, newlines or special characters.";
            return Err(CommandError::err(text));
        }
        self.name = name.to_vec();
        Ok(())
    }
}

/// Whether a request is a line of HTTP, which a web page may have made a browser send. As in Redis, that is POST or Host:,
/// in upper or lower case.
pub(super) fn is_http(argv: &[Vec<u8>]) -> bool {
    [&b"post"[..], b"host:"].iter().any(|name| argv[0].eq_ignore_ascii_case(name))
}

/// The answer to a request of a client that has not sent the password. As in Redis, an unknown subcommand is refused first.
fn locked(row: &Row, argv: &[Vec<u8>]) -> Answer {
    let subcommands = describe::subcommands_of(row.name);
    if argv.len() > 1 && !subcommands.is_empty() {
        table::subcommand(row.name.text(), subcommands, argv)?;
    }
    match row.name {
        Name::Exec => Ok(Step::Ask(Ask::AbortExec(no_auth().to_string()))),
        _ => Err(no_auth()),
    }
}

/// The error for a client that has not sent the password.
fn no_auth() -> CommandError {
    CommandError::Client("NOAUTH Authentication required.".to_owned())
}

fn master_argument(argv: &[Vec<u8>]) -> Result<Option<(String, u16)>, CommandError> {
    if argv[1].eq_ignore_ascii_case(b"no") && argv[2].eq_ignore_ascii_case(b"one") {
        return Ok(None);
    }
    let port = parse_integer(&argv[2]).and_then(|port| u16::try_from(port).ok());
    let port = port.ok_or_else(|| CommandError::err("Invalid master port"))?;
    Ok(Some((String::from_utf8_lossy(&argv[1]).into_owned(), port)))
}

fn shutdown(argv: &[Vec<u8>]) -> Answer {
    let has = |name: &str| argv[1..].iter().any(|option| option.eq_ignore_ascii_case(name.as_bytes()));
    let known = ["nosave", "save", "now", "force", "abort"];
    let all_known =
        argv[1..].iter().all(|option| known.iter().any(|name| option.eq_ignore_ascii_case(name.as_bytes())));
    if !all_known || (has("save") && has("nosave")) || (has("abort") && argv.len() > 2) {
        return Err(CommandError::syntax());
    }
    if has("abort") {
        return Err(CommandError::err("No shutdown in progress."));
    }
    Ok(Step::Ask(Ask::Shutdown))
}
