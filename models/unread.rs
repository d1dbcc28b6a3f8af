//! Unread — the lines of a program file that cannot be read → how many of which command, in words. Pure.

use super::program::UnreadLine;

/// Maximum number of lines that are named for one command.
const LINES_NAMED: usize = 6;
/// Maximum number of characters of a reason.
const REASON_CHARS_MAX: usize = 100;

/// The lines of each command, the command with most lines first.
fn by_command(unread: &[UnreadLine]) -> Vec<(&str, Vec<&UnreadLine>)> {
    let mut found: Vec<(&str, Vec<&UnreadLine>)> = Vec::new();
    for line in unread {
        match found.iter_mut().find(|(command, _)| *command == line.command) {
            Some((_, lines)) => lines.push(line),
            None => found.push((&line.command, vec![line])),
        }
    }
    found.sort_by_key(|(_, lines)| std::cmp::Reverse(lines.len()));
    found
}

/// `XADD: 5, GEOADD: 2`
pub fn counts(unread: &[UnreadLine]) -> String {
    let count = |(command, lines): &(&str, Vec<&UnreadLine>)| format!("{command}: {}", lines.len());
    by_command(unread).iter().map(count).collect::<Vec<_>>().join(", ")
}

/// The lines in words: for each command the number of lines, their numbers, and the error of the first. A single line is one
/// line of text.
pub fn in_words(unread: &[UnreadLine]) -> String {
    if let [line] = unread {
        return line.error.to_string();
    }
    let mut text = format!("{} lines cannot be read:", unread.len());
    for (command, lines) in by_command(unread) {
        let named: Vec<String> =
            lines.iter().take(LINES_NAMED).map(|unread| unread.error.line.to_string()).collect();
        let more = match lines.len().saturating_sub(LINES_NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let word = if lines.len() == 1 { "line" } else { "lines" };
        let reason = lines.first().map(|unread| unread.error.reason.to_string()).unwrap_or_default();
        let reason: String = reason.trim_end().chars().take(REASON_CHARS_MAX).collect();
        text += &format!("\n  {command}: {} ({word} {}{more}): {reason}", lines.len(), named.join(", "));
    }
    text
}
