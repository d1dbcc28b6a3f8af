//! COMMAND — describes the commands of the command tables to clients. Pure.
//!
//! Flags and categories are derived from the kind of a command. There are fewer than in Redis: `denyoom` and `fast` are
//! missing for data commands. The summary of a data command is its grammar.

use super::table::{self, ROWS};
use super::{client_command, config};
use crate::command::{Command, CommandError, KeyArguments, Kind, Reply, matches, table_by_group};

/// The subcommands of COMMAND, each with its arity.
const SUBCOMMANDS: &[(&str, i32)] =
    &[("count", 2), ("docs", -2), ("getkeys", -4), ("help", 2), ("info", -2), ("list", -2)];

const HELP: &[&str] = &[
    "(no subcommand)",
    "    Return details about all Redis commands.",
    "COUNT",
    "    Return the total number of commands in this Redis server.",
    "LIST",
    "    Return a list of all commands in this Redis server.",
    "INFO [<command-name> ...]",
    "    Return details about multiple Redis commands.",
    "    If no command names are given, documentation details for all",
    "    commands are returned.",
    "DOCS [<command-name> ...]",
    "    Return documentation details about multiple Redis commands.",
    "    If no command names are given, documentation details for all",
    "    commands are returned.",
    "GETKEYS <full-command>",
    "    Return the keys from a full Redis command.",
];

/// The description of one command.
struct Described {
    name: String,
    arity: i32,
    flags: Vec<&'static str>,
    keys: KeyArguments,
    group: &'static str,
    summary: &'static str,
    subcommands: &'static [(&'static str, i32)],
}

fn all() -> impl Iterator<Item = Described> {
    let of_node = table_by_group().map(|(group, spec)| Described {
        name: spec.name.to_owned(),
        arity: spec.arity,
        flags: match spec.kind {
            Kind::Read => vec!["readonly"],
            Kind::Write | Kind::Deadline | Kind::Flush => vec!["write"],
            Kind::Connection => vec!["fast"],
        },
        keys: spec.keys,
        group,
        summary: spec.grammar,
        subcommands: &[],
    });
    let of_server = ROWS.iter().map(|row| Described {
        name: row.name.text().to_owned(),
        arity: row.arity,
        flags: row.flags.to_vec(),
        keys: row.keys,
        group: row.group,
        summary: row.summary,
        subcommands: subcommands_of(row.name),
    });
    of_node.chain(of_server)
}

/// The subcommands of a command, each with its arity; empty if it has none.
pub(super) fn subcommands_of(name: table::Name) -> &'static [(&'static str, i32)] {
    match name {
        table::Name::Client => client_command::SUBCOMMANDS,
        table::Name::Config => config::SUBCOMMANDS,
        table::Name::Command => SUBCOMMANDS,
        _ => &[],
    }
}

fn named(name: &[u8]) -> Option<Described> {
    let text = String::from_utf8_lossy(name).to_lowercase();
    match text.split_once('|') {
        None => all().find(|command| command.name == text),
        Some((container, _)) => {
            let container = all().find(|command| command.name == container)?;
            subcommands(&container).find(|command| command.name == text)
        }
    }
}

fn subcommands(container: &Described) -> impl Iterator<Item = Described> {
    let (outer, group) = (container.name.clone(), container.group);
    container.subcommands.iter().map(move |(name, arity)| Described {
        name: format!("{outer}|{name}"),
        arity: *arity,
        flags: table::SUBCOMMAND_FLAGS.to_vec(),
        keys: KeyArguments::None,
        group,
        summary: "",
        subcommands: &[],
    })
}

/// Makes the reply to COMMAND and its subcommands.
pub(super) fn command(argv: &[Vec<u8>]) -> Result<Reply, CommandError> {
    if argv.len() == 1 {
        return Ok(Reply::Array(all().map(|command| info(&command)).collect()));
    }
    let name = table::subcommand("command", SUBCOMMANDS, argv)?;
    let arguments = &argv[2..];
    Ok(match name {
        "count" => Reply::count(all().count()),
        "help" => table::help("command", HELP),
        "info" if arguments.is_empty() => Reply::Array(all().map(|command| info(&command)).collect()),
        "info" => {
            let told = arguments.iter().map(|name| named(name).map_or(Reply::Null, |command| info(&command)));
            Reply::Array(told.collect())
        }
        "docs" if arguments.is_empty() => Reply::Map(all().map(|command| docs(&command)).collect()),
        "docs" => Reply::Map(
            arguments.iter().filter_map(|name| named(name)).map(|command| docs(&command)).collect(),
        ),
        "list" => list(arguments)?,
        _ => keys_of(arguments)?,
    })
}

fn statuses(names: impl IntoIterator<Item = &'static str>) -> Reply {
    Reply::Set(names.into_iter().map(Reply::Status).collect())
}

/// First position, last position and step of the key arguments, as in Redis's COMMAND INFO. All are 0 for a command without
/// keys.
fn positions(keys: KeyArguments) -> (i64, i64, i64) {
    let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    match keys {
        KeyArguments::Range { first, last, step } => {
            (number(first), i64::try_from(last).unwrap_or(-1), number(step))
        }
        KeyArguments::Counted { has_target: true, .. } => (1, 1, 1),
        KeyArguments::Counted { .. } | KeyArguments::None | KeyArguments::Everything => (0, 0, 0),
    }
}

fn info(command: &Described) -> Reply {
    let (first, last, step) = positions(command.keys);
    let category = match command.group {
        "string" => "@string",
        "hash" => "@hash",
        "list" => "@list",
        "set" => "@set",
        "sorted-set" => "@sortedset",
        "bitmap" => "@bitmap",
        "transactions" => "@transaction",
        "hyperloglog" => "@hyperloglog",
        "generic" => "@keyspace",
        "connection" => "@connection",
        _ => "@admin",
    };
    let access = command.flags.iter().find_map(|flag| match *flag {
        "readonly" => Some("@read"),
        "write" => Some("@write"),
        _ => None,
    });
    let inner = subcommands(command).map(|command| info(&command)).collect();
    Reply::Array(vec![
        Reply::bulk(command.name.as_bytes()),
        Reply::Integer(i64::from(command.arity)),
        statuses(command.flags.iter().copied()),
        Reply::Integer(first),
        Reply::Integer(last),
        Reply::Integer(step),
        statuses([category].into_iter().chain(access)),
        Reply::Set(Vec::new()),
        Reply::Set(key_specification(command).into_iter().collect()),
        Reply::Set(inner),
    ])
}

fn key_specification(command: &Described) -> Option<Reply> {
    let (first, last, step) = positions(command.keys);
    if first == 0 {
        return None;
    }
    let map = |pairs: Vec<(&str, Reply)>| {
        Reply::Map(pairs.into_iter().map(|(name, value)| (Reply::bulk(name), value)).collect())
    };
    let typed = |kind: &str, spec: Reply| map(vec![("type", Reply::bulk(kind)), ("spec", spec)]);
    // In this form the last key is counted from the first key, or from the end.
    let last = if last < 0 { last } else { last - first };
    // WATCH reads no value, so it has no second flag.
    let access: &[&str] = match command.flags.as_slice() {
        flags if flags.contains(&"readonly") => &["RO", "access"],
        flags if flags.contains(&"write") => &["RW", "update"],
        _ => &["RO"],
    };
    Some(map(vec![
        ("flags", statuses(access.iter().copied())),
        ("begin_search", typed("index", map(vec![("index", Reply::Integer(first))]))),
        (
            "find_keys",
            typed(
                "range",
                map(vec![
                    ("lastkey", Reply::Integer(last)),
                    ("keystep", Reply::Integer(step)),
                    ("limit", Reply::Integer(0)),
                ]),
            ),
        ),
    ]))
}

fn docs(command: &Described) -> (Reply, Reply) {
    let mut told = vec![
        (Reply::bulk("summary"), Reply::bulk(command.summary)),
        (Reply::bulk("since"), Reply::bulk("1.0.0")),
        (Reply::bulk("group"), Reply::bulk(command.group)),
    ];
    let inner: Vec<(Reply, Reply)> = subcommands(command).map(|command| docs(&command)).collect();
    if !inner.is_empty() {
        told.push((Reply::bulk("subcommands"), Reply::Map(inner)));
    }
    (Reply::bulk(command.name.as_bytes()), Reply::Map(told))
}

fn list(options: &[Vec<u8>]) -> Result<Reply, CommandError> {
    let names = |keep: &dyn Fn(&Described) -> bool| {
        Reply::Array(all().filter(keep).map(|command| Reply::bulk(command.name.as_bytes())).collect())
    };
    let [by, kind, value] = options else {
        return if options.is_empty() { Ok(names(&|_| true)) } else { Err(CommandError::syntax()) };
    };
    if !by.eq_ignore_ascii_case(b"filterby") {
        return Err(CommandError::syntax());
    }
    match kind.to_ascii_lowercase().as_slice() {
        b"module" => Ok(names(&|_| false)),
        b"pattern" => Ok(names(&|command| matches(&value.to_ascii_lowercase(), command.name.as_bytes()))),
        b"aclcat" => {
            let category = format!("@{}", String::from_utf8_lossy(value).to_lowercase());
            Ok(names(&|command| has_category(command, &category)))
        }
        _ => Err(CommandError::syntax()),
    }
}

fn has_category(command: &Described, category: &str) -> bool {
    let Reply::Array(told) = info(command) else { return false };
    let Some(Reply::Set(categories)) = told.get(6) else { return false };
    categories.iter().any(|told| matches!(told, Reply::Status(name) if *name == category))
}

fn keys_of(argv: &[Vec<u8>]) -> Result<Reply, CommandError> {
    let known = named(&argv[0]).ok_or_else(|| CommandError::err("Invalid command specified"))?;
    let wrong = |_| CommandError::err("Invalid number of arguments specified for command");
    if positions(known.keys).0 == 0 {
        return Err(CommandError::err("The command has no key arguments"));
    }
    let command = Command::parse(0, argv.to_vec()).map_err(wrong)?;
    Ok(Reply::Array(command.key_arguments().into_iter().map(Reply::bulk).collect()))
}
