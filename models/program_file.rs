//! Program file — a program → the text of a file from which [`super::program::parse`] reads it again. Pure.
//!
//! A capture stays a capture, so that instants and deadlines stay: its first line is a PING at the instant at which it began.

use super::program::Program;
use super::request::{self, Request};
use crate::command::line::Quoted;
use crate::time::Millis;
use std::fmt::Write;

/// The text of a file. `remarks` are lines of comment above the program.
pub fn text(program: &Program, remarks: &[String]) -> String {
    let mut text: String =
        remarks.iter().map(|remark| format!("# {}\n", remark.replace('\n', " "))).collect();
    if let Some(started) = program.started {
        text += &format!("{} \"PING\"\n", stamp(started, 0));
    }
    let mut db = 0;
    for line in &program.commands {
        for (own_db, argv) in written(&line.request) {
            if let Some(started) = program.started {
                let at = Millis(started.0.saturating_add(line.at.unwrap_or_default().0));
                let _ = writeln!(text, "{}{}", stamp(at, own_db), captured(&argv));
                continue;
            }
            if own_db != db {
                db = own_db;
                let _ = writeln!(text, "SELECT {db}");
            }
            let words: Vec<String> = argv.iter().map(|word| Quoted(word).to_string()).collect();
            let _ = writeln!(text, "{}", words.join(" "));
        }
    }
    text
}

/// The lines of a request, each with its database.
fn written(request: &Request) -> Vec<(u8, Vec<Vec<u8>>)> {
    let commands = request.commands().iter().map(|command| (command.db(), command.argv().to_vec()));
    let commands: Vec<_> = commands.collect();
    match request {
        Request::Command(_) => commands,
        Request::Transaction(_) => {
            let (first, last) = (commands.first(), commands.last());
            let line = |db: Option<&(u8, _)>, name: &str| (db.map_or(0, |(db, _)| *db), vec![name.into()]);
            let (multi, exec) = (line(first, request::MULTI), line(last, request::EXEC));
            [multi].into_iter().chain(commands).chain([exec]).collect()
        }
    }
}

/// What MONITOR prints before a command.
fn stamp(at: Millis, db: u8) -> String {
    format!("{}.{:03}000 [{db} 127.0.0.1:0]", at.0 / 1000, at.0 % 1000)
}

/// The arguments as MONITOR prints them.
fn captured(argv: &[Vec<u8>]) -> String {
    let byte = |byte: &u8| match byte {
        b'"' | b'\\' => format!("\\{}", char::from(*byte)),
        b' '..=b'~' => char::from(*byte).to_string(),
        _ => format!("\\x{byte:02x}"),
    };
    let argument = |argument: &Vec<u8>| format!(" \"{}\"", argument.iter().map(byte).collect::<String>());
    argv.iter().map(argument).collect()
}
