//! Program file — a program → the text of a file from which [`super::program::parse`] reads it again. Pure.
//!
//! A capture stays a capture, so that instants and deadlines stay: its first line is a PING at the instant at which it began.

use super::program::Program;
use crate::command::Command;
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
        let command = &line.command;
        if let Some(started) = program.started {
            let at = Millis(started.0.saturating_add(line.at.unwrap_or_default().0));
            let _ = writeln!(text, "{}{}", stamp(at, command.db()), captured(command));
            continue;
        }
        if command.db() != db {
            db = command.db();
            let _ = writeln!(text, "SELECT {db}");
        }
        let _ = writeln!(text, "{command}");
    }
    text
}

/// What MONITOR prints before a command.
fn stamp(at: Millis, db: u8) -> String {
    format!("{}.{:03}000 [{db} 127.0.0.1:0]", at.0 / 1000, at.0 % 1000)
}

/// The arguments as MONITOR prints them.
fn captured(command: &Command) -> String {
    let byte = |byte: &u8| match byte {
        b'"' | b'\\' => format!("\\{}", char::from(*byte)),
        b' '..=b'~' => char::from(*byte).to_string(),
        _ => format!("\\x{byte:02x}"),
    };
    let argument = |argument: &Vec<u8>| format!(" \"{}\"", argument.iter().map(byte).collect::<String>());
    command.argv().iter().map(argument).collect()
}
