//! CLIENT — parses its subcommands, and changes the session or asks the server. Pure.

use super::pause::Paused;
use super::session::{Ask, Session, Step};
use super::table;
use super::wait::timeout;
use crate::command::{CommandError, Reply, parse_integer};

/// The subcommands of CLIENT, each with its arity.
pub(super) const SUBCOMMANDS: &[(&str, i32)] = &[
    ("getname", 2),
    ("help", 2),
    ("id", 2),
    ("info", 2),
    ("kill", -3),
    ("list", -2),
    ("no-evict", 3),
    ("pause", -3),
    ("reply", 3),
    ("setinfo", 4),
    ("setname", 3),
    ("unpause", 2),
];

const HELP: &[&str] = &[
    "GETNAME",
    "    Return the name of the current connection.",
    "ID",
    "    Return the ID of the current connection.",
    "INFO",
    "    Return information about the current client connection.",
    "KILL <ip:port>",
    "    Kill connection made from <ip:port>.",
    "KILL <option> <value> [<option> <value> [...]]",
    "    Kill connections. Options are: ADDR, LADDR, ID, TYPE, USER, SKIPME (default: yes).",
    "LIST [TYPE <type> | ID <id> [<id> ...]]",
    "    Return information about client connections.",
    "NO-EVICT (ON|OFF)",
    "    Protect the current client connection from eviction.",
    "PAUSE <timeout> [WRITE|ALL]",
    "    Suspend all, or just write, clients for <timeout> milliseconds.",
    "REPLY (ON|OFF|SKIP)",
    "    Control the replies sent to the current connection.",
    "SETINFO (LIB-NAME|LIB-VER) <value>",
    "    Tell the library of the current connection.",
    "SETNAME <name>",
    "    Assign the name <name> to the current connection.",
    "UNPAUSE",
    "    Stop the current client pause, resuming traffic.",
];

/// The clients that a CLIENT LIST shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listed {
    /// All clients.
    All,
    /// The clients of one type. All clients here are of the type `normal`.
    Type {
        /// Whether the type is `normal`.
        normal: bool,
    },
    /// The clients with these ids.
    Ids(Vec<u64>),
}

/// The clients that a CLIENT KILL disconnects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kill {
    /// The old form: the client with this address. The reply is OK, or an error if there is no such client.
    Address(String),
    /// The new form: all clients that pass every filter. The reply is their number.
    Filter {
        /// The client's id.
        id: Option<u64>,
        /// The client's address.
        addr: Option<String>,
        /// The server's address on this connection.
        laddr: Option<String>,
        /// Whether the requested type is `normal`.
        normal: bool,
        /// Whether the client that sent the command is left out.
        skip_me: bool,
    },
}

pub(super) fn step(session: &mut Session, argv: &[Vec<u8>]) -> Result<Step, CommandError> {
    Ok(match table::subcommand("client", SUBCOMMANDS, argv)? {
        "help" => Step::Reply(table::help("client", HELP)),
        "id" => Step::Reply(Reply::Integer(i64::try_from(session.id).unwrap_or(i64::MAX))),
        "getname" => {
            Step::Reply(Reply::bulk_or_null(Some(session.name.clone()).filter(|name| !name.is_empty())))
        }
        "setname" => session.set_name(&argv[2]).map(|()| Step::Reply(Reply::OK))?,
        "setinfo" => set_info(session, &argv[2], &argv[3]).map(Step::Reply)?,
        "info" => Step::Ask(Ask::ClientInfo),
        "list" => Step::Ask(Ask::ClientList(listed(&argv[2..])?)),
        "kill" => Step::Ask(Ask::ClientKill(kill(&argv[2..])?)),
        "pause" => pause(argv)?,
        "unpause" => Step::Ask(Ask::ClientUnpause),
        "no-evict" => {
            session.no_evict = on_or_off(&argv[2])?;
            Step::Reply(Reply::OK)
        }
        _ => reply(session, &argv[2])?,
    })
}

fn on_or_off(argument: &[u8]) -> Result<bool, CommandError> {
    match argument.to_ascii_lowercase().as_slice() {
        b"on" => Ok(true),
        b"off" => Ok(false),
        _ => Err(CommandError::syntax()),
    }
}

fn reply(session: &mut Session, argument: &[u8]) -> Result<Step, CommandError> {
    if argument.eq_ignore_ascii_case(b"skip") {
        session.quiet.skip_next = !session.quiet.off;
        return Ok(Step::Silent);
    }
    if on_or_off(argument)? {
        session.quiet = super::session::Quiet::default();
        return Ok(Step::Reply(Reply::OK));
    }
    session.quiet.off = true;
    Ok(Step::Silent)
}

/// CLIENT SETINFO, as in Redis 7.2: client libraries send it to any server.
fn set_info(session: &mut Session, attribute: &[u8], value: &[u8]) -> Result<Reply, CommandError> {
    let place = match attribute.to_ascii_lowercase().as_slice() {
        b"lib-name" => &mut session.library.0,
        b"lib-ver" => &mut session.library.1,
        _ => {
            let shown = String::from_utf8_lossy(attribute);
            return Err(CommandError::err(format_args!("Unrecognized option '{shown}'")));
        }
    };
    if !value.iter().all(u8::is_ascii_graphic) {
        let shown = String::from_utf8_lossy(attribute);
        let text = "cannot contain spaces, newlines or special characters.";
        return Err(CommandError::err(format_args!("{shown} {text}")));
    }
    *place = value.to_vec();
    Ok(Reply::OK)
}

fn pause(argv: &[Vec<u8>]) -> Result<Step, CommandError> {
    let paused = match argv {
        [_, _, _] => Paused::All,
        [_, _, _, kind] if kind.eq_ignore_ascii_case(b"write") => Paused::Writes,
        [_, _, _, kind] if kind.eq_ignore_ascii_case(b"all") => Paused::All,
        [_, _, _, _] => return Err(CommandError::err("CLIENT PAUSE mode must be WRITE or ALL")),
        _ => {
            let shown = String::from_utf8_lossy(&argv[1]);
            let text = "unknown subcommand or wrong number of arguments for";
            return Err(CommandError::err(format_args!("{text} '{shown}'. Try CLIENT HELP.")));
        }
    };
    Ok(Step::Ask(Ask::ClientPause(paused, timeout(&argv[2])?)))
}

fn listed(options: &[Vec<u8>]) -> Result<Listed, CommandError> {
    match options {
        [] => Ok(Listed::All),
        [option, kind] if option.eq_ignore_ascii_case(b"type") => {
            Ok(Listed::Type { normal: is_normal(kind)? })
        }
        [option, ids @ ..] if option.eq_ignore_ascii_case(b"id") && !ids.is_empty() => {
            // An id that no client has is not an error. 0, which no client has, stands for negative ids.
            let id = |id: &Vec<u8>| parse_integer(id).map(|id| u64::try_from(id).unwrap_or(0));
            let ids: Option<Vec<u64>> = ids.iter().map(id).collect();
            ids.map(Listed::Ids).ok_or_else(|| CommandError::err("Invalid client ID"))
        }
        _ => Err(CommandError::syntax()),
    }
}

fn is_normal(kind: &[u8]) -> Result<bool, CommandError> {
    match kind.to_ascii_lowercase().as_slice() {
        b"normal" => Ok(true),
        b"master" | b"replica" | b"slave" | b"pubsub" => Ok(false),
        _ => {
            let shown = String::from_utf8_lossy(kind);
            Err(CommandError::err(format_args!("Unknown client type '{shown}'")))
        }
    }
}

fn kill(options: &[Vec<u8>]) -> Result<Kill, CommandError> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if let [address] = options {
        return Ok(Kill::Address(text(address)));
    }
    let (mut id, mut addr, mut laddr, mut normal, mut skip_me) = (None, None, None, true, true);
    for pair in options.chunks(2) {
        let [option, value] = pair else { return Err(CommandError::syntax()) };
        match option.to_ascii_lowercase().as_slice() {
            b"id" => {
                let number = parse_integer(value).and_then(|id| u64::try_from(id).ok()).filter(|&id| id > 0);
                let error = || CommandError::err("client-id should be greater than 0");
                id = Some(number.ok_or_else(error)?);
            }
            b"type" => normal = is_normal(value)?,
            b"addr" => addr = Some(text(value)),
            b"laddr" => laddr = Some(text(value)),
            b"user" if value == b"default" => {}
            b"user" => {
                return Err(CommandError::err(format_args!("No such user '{}'", text(value))));
            }
            b"skipme" if value.eq_ignore_ascii_case(b"yes") => skip_me = true,
            b"skipme" if value.eq_ignore_ascii_case(b"no") => skip_me = false,
            _ => return Err(CommandError::syntax()),
        }
    }
    Ok(Kill::Filter { id, addr, laddr, normal, skip_me })
}
