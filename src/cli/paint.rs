//! Paint — plain tables → the same tables with colours. On output, anstream removes the colours again if the
//! output is not a terminal or `NO_COLOR` is set.

use anstyle::{AnsiColor, Style};

/// A title.
pub fn title(text: &str) -> String {
    with(Style::new().bold(), text)
}

/// Something that is wrong.
pub fn bad(text: &str) -> String {
    with(AnsiColor::Red.on_default().bold(), text)
}

/// Colours for the signs of tables and timelines. Widths stay as they are.
pub fn signs(text: &str) -> String {
    let yellow = AnsiColor::Yellow.on_default();
    let signs = [
        ("✓", AnsiColor::Green.on_default()),
        ("✗", AnsiColor::Red.on_default()),
        ("≠", AnsiColor::Red.on_default().bold()),
        ("⇒", Style::new().bold()),
        (" !", yellow.bold()),
        ("incomplete", yellow),
    ];
    signs.iter().fold(text.to_owned(), |text, (sign, style)| text.replace(sign, &with(*style, sign)))
}

fn with(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}
