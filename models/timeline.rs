//! Timeline — a story → lines of text: swim lanes, the keys of both nodes, the broken invariant. Pure.
//!
//! ```text
//! program   SET a b; FLUSHDB
//!
//!  #   client master log    w0   w1   replica  what
//! ────────────────────────────────────────────────────────────────
//!  1   ●─────▶○─────▶○1     │    │    │        SET a b on the master; the replica receives it as entry 1
//!  2   │      │      ○─────▶●1   │    │        takes 1 (SET a b)
//! ```
//!
//! The layout is [`Lanes`], which pages and files draw, too.

use super::drawing::{Cell, LaneRow, Lanes, Lifetimes, Role, seconds};
use super::grid::{grid, settle, wrapped};
use super::story::{Clocks, Held, Holding, KeyRow, Lane, Sign, Step, Story};
use std::fmt::Write;

/// Number of steps shown at the beginning and at the end of a story that is longer than both together.
const STEPS_FIRST: usize = 4;
const STEPS_LAST: usize = 20;

/// Number of commands or entries shown at the beginning and at the end of a long program.
const ITEMS_FIRST: usize = 3;
const ITEMS_LAST: usize = 9;
/// Maximum number of characters shown of one of them, and of a key.
const ITEM_CHARS_MAX: usize = 60;
/// Maximum number of characters shown of what a node holds under a key.
const CELL_CHARS_MAX: usize = 1000;

/// Maximum number of characters of a label in a lane.
const LABEL_CHARS_MAX: usize = 6;
/// Minimum width for words beside the lanes; if there is less room, the words are put below the lanes.
const WORDS_CHARS_MIN: usize = 24;

/// The story as text of `width` columns, from the program to the conclusion.
pub fn timeline(story: &Story, width: u16) -> String {
    let mut facts = grid(width, None);
    if !story.program.is_empty() {
        facts.add_row(["program", &elided(&story.program, "; ")]);
    }
    let log = log(story);
    if !log.is_empty() {
        facts.add_row(["log", &elided(&log, " · ")]);
        if !story.lanes.is_empty() {
            facts.add_row(["lanes", &story.lanes]);
        }
    }
    let mut text = if facts.is_empty() { String::new() } else { settle(&mut facts, &[0], &[]) + "\n" };
    text += &steps(&Lanes::of(story), width);
    if !story.keys.is_empty() {
        text += &format!("\n{}", keys(&story.keys, width));
    }
    text += &lifetimes(&story.steps, width);
    if !story.conclusion.is_empty() {
        let mut conclusion = grid(width, None);
        conclusion.add_row(["⇒", &story.conclusion.to_string()]);
        text += &format!("\n{}", settle(&mut conclusion, &[0], &[]));
    }
    text
}

/// The items in one line: of many items the first and the last ones, of a long item its beginning.
pub(super) fn elided<T: AsRef<str>>(items: &[T], between: &str) -> String {
    let short = |item: &T| {
        let cut: String = item.as_ref().chars().take(ITEM_CHARS_MAX).collect();
        if cut.len() < item.as_ref().len() { cut + "…" } else { cut }
    };
    let hidden = items.len().saturating_sub(ITEMS_FIRST + ITEMS_LAST);
    let mut shown: Vec<String> = items.iter().map(short).collect();
    if hidden > 0 {
        shown.splice(ITEMS_FIRST..items.len() - ITEMS_LAST, [format!("… {hidden} more …")]);
    }
    shown.join(between)
}

/// Every entry that was in the log at some time, in the order of appearance.
pub(super) fn log(story: &Story) -> Vec<&str> {
    let mut log: Vec<&str> = Vec::new();
    for entry in story.steps.iter().flat_map(|step| &step.log) {
        if !log.contains(&entry.as_str()) {
            log.push(entry);
        }
    }
    log
}

/// A label of a lane, cut at its end if it is too long.
pub(super) fn shortened(label: &str, chars_max: usize) -> String {
    if label.chars().count() <= chars_max {
        return label.to_owned();
    }
    label.chars().take(chars_max.saturating_sub(1)).chain(['…']).collect()
}

fn steps(lanes: &Lanes, width: u16) -> String {
    let columns = Columns::of(lanes, width);
    let mut text = columns.heading();
    let hidden = lanes.rows.len().saturating_sub(STEPS_FIRST + STEPS_LAST);
    for row in &lanes.rows {
        if hidden > 0 && row.number == STEPS_FIRST + 1 {
            columns.line(&mut text, "", &columns.still(None), &[], &format!("… {hidden} steps …"));
        }
        if hidden == 0 || row.number <= STEPS_FIRST || row.number > lanes.rows.len() - STEPS_LAST {
            columns.row(&mut text, row);
        }
    }
    text
}

/// The positions of the columns.
struct Columns<'a> {
    lanes: &'a Lanes,
    /// The position of each lane, and finally of what follows the lanes.
    places: Vec<usize>,
    /// Width of the step number and of the sign of a broken step.
    number: usize,
    /// Positions of the clocks' columns; empty if the story has no clocks.
    clocks: Vec<usize>,
    /// Width of the words.
    words: u16,
    /// Whether the words are beside the lanes; otherwise they are below.
    is_beside: bool,
}

const CLOCKS: [&str; 2] = ["master t", "replica t"];

impl Columns<'_> {
    fn of(lanes: &Lanes, width: u16) -> Columns<'_> {
        let mut places = vec![0];
        for (at, lane) in lanes.lanes.iter().enumerate() {
            let labels = lanes.rows.iter().map(|row| label(&row.cells[at]).chars().count());
            let pitch = labels.max().unwrap_or(0).max(lane.short_name().len() - 1).max(3) + 2;
            places.push(places[at] + pitch);
        }
        let has_clocks = lanes.rows.iter().any(|row| row.clocks.is_some());
        let width_of = |side: usize| {
            let cells = lanes.rows.iter().filter_map(|row| row.clocks).map(|it| clock_words(it)[side].len());
            cells.chain([CLOCKS[side].len()]).max().unwrap_or(0)
        };
        let clocks: Vec<usize> = if has_clocks { vec![width_of(0), width_of(1)] } else { Vec::new() };
        let number = lanes.rows.len().to_string().len();
        let lanes_end = places.last().copied().unwrap_or_default();
        let taken = number
            + 2
            + lanes_end
            + usize::from(lanes_end > 0)
            + clocks.iter().map(|it| it + 2).sum::<usize>();
        let beside = usize::from(width).saturating_sub(taken);
        let is_beside = beside >= WORDS_CHARS_MIN;
        let words = if is_beside { beside } else { usize::from(width).saturating_sub(number + 2) };
        let words = u16::try_from(words).unwrap_or(u16::MAX);
        Columns { lanes, places, number, clocks, words, is_beside }
    }

    fn heading(&self) -> String {
        let mut names = vec![' '; self.places.last().copied().unwrap_or_default()];
        for (lane, &place) in self.lanes.lanes.iter().zip(&self.places) {
            put(&mut names, place, &lane.short_name());
        }
        let mut text = String::new();
        let number = format!("{:>width$}", "#", width = self.number);
        let words = if self.is_beside { "what" } else { "" };
        self.line(&mut text, &number, &names, &CLOCKS.map(str::to_owned), words);
        let rest = self.lanes.rows.iter().map(|row| row.what.chars().count()).max().unwrap_or(0);
        let all = text.trim_end().chars().count() - words.len() + rest.min(usize::from(self.words));
        text + &"─".repeat(all) + "\n"
    }

    fn row(&self, text: &mut String, row: &LaneRow) {
        let broken = if row.broken.is_empty() { "" } else { "✗" };
        let number = format!("{:>width$}{broken}", row.number, width = self.number);
        let clocks = row.clocks.map(clock_words).unwrap_or_default();
        let words = wrapped(&row.what, self.words);
        let mut words = words.lines();
        let first = if self.is_beside { words.next().unwrap_or_default() } else { "" };
        self.line(text, &number, &self.drawn(row), &clocks, first);
        for line in words {
            match self.is_beside {
                true => self.line(text, "", &self.still(Some(row)), &[], line),
                false => *text += &format!("{:indent$}{line}\n", "", indent = self.number + 2),
            }
        }
    }

    /// One line: number, lanes, clocks, words.
    fn line(&self, text: &mut String, number: &str, lanes: &[char], clocks: &[String], words: &str) {
        let lanes: String = lanes.iter().collect();
        let space = if lanes.is_empty() { "" } else { " " };
        let mut line = format!("{number:<width$}{lanes}{space}", width = self.number + 2);
        for (at, width) in self.clocks.iter().enumerate() {
            let clock = clocks.get(at).map(String::as_str).unwrap_or_default();
            let _ = write!(line, "{clock:<width$}  ");
        }
        let _ = writeln!(text, "{}", (line + words).trim_end());
    }

    /// The lanes of a row without the drawing of its step.
    fn still(&self, row: Option<&LaneRow>) -> Vec<char> {
        let mut line = vec![' '; self.places.last().copied().unwrap_or_default()];
        for (at, &place) in self.places.iter().take(self.lanes.lanes.len()).enumerate() {
            let state = row.map(|row| row.cells[at].state).unwrap_or_default();
            line[place] = lifeline(state);
        }
        line
    }

    /// The lanes of a row with the drawing of its step.
    fn drawn(&self, row: &LaneRow) -> Vec<char> {
        let mut line = self.still(Some(row));
        if row.is_everywhere {
            let end = self.places[self.lanes.lanes.len() - 1];
            line[..end].iter_mut().filter(|it| **it == ' ').for_each(|it| *it = '┄');
        }
        for span in &row.spans {
            let (from, to) = (self.places[span.from], self.places[span.to]);
            for place in &mut line[from.min(to) + 1..from.max(to)] {
                *place = if *place == ' ' { '─' } else { '┼' };
            }
            if from < to { line[to - 1] = '▶' } else { line[to + 1] = '◀' }
        }
        for (at, cell) in row.cells.iter().enumerate() {
            let place = self.places[at];
            if line[place] == '┼' {
                continue;
            }
            line[place] = match (cell.sign, cell.role) {
                (Some(sign), _) => glyph(sign),
                (None, Role::Acts) => '●',
                (None, Role::Meets) => '○',
                (None, Role::Still) => line[place],
            };
            if line[place + 1] != '◀' {
                put(&mut line, place + 1, &label(cell));
            }
        }
        line
    }
}

/// Overwrites what is there, except the head of an arrow.
fn put(line: &mut [char], place: usize, text: &str) {
    for (to, letter) in line[place..].iter_mut().zip(text.chars()).take_while(|(to, _)| **to != '▶') {
        *to = letter;
    }
}

/// The label of a cell; it ends with `…` if it waits for others.
fn label(cell: &Cell) -> String {
    let waits = if cell.state == Holding::Waits { "…" } else { "" };
    shortened(&cell.label, LABEL_CHARS_MAX) + waits
}

fn lifeline(state: Holding) -> char {
    match state {
        Holding::Idle | Holding::Lies => '│',
        Holding::Held => '┃',
        Holding::Waits | Holding::Written => '╏',
        Holding::Down => ' ',
    }
}

fn glyph(sign: Sign) -> char {
    match sign {
        Sign::Down => '╳',
        Sign::Up => '●',
        Sign::Cut => '◇',
        Sign::Publish => '◆',
        Sign::Again => '↻',
        Sign::Remove => '×',
    }
}

/// The readings of both clocks in words.
pub(super) fn clock_words(clocks: Clocks) -> [String; 2] {
    let replica = clocks.replica_ms.map_or("-".to_owned(), seconds);
    let mark = if clocks.estimated { " ?" } else { "" };
    [seconds(clocks.master_ms), replica + mark]
}

/// The keys of master and replica side by side, with `≠` where they differ. A long key or value is cut.
pub fn keys(rows: &[KeyRow], width: u16) -> String {
    let mut table = grid(width, Some(["", "key", "master", "replica"].map(str::to_owned).into()));
    for row in rows {
        let cell = |held: &Held| shortened(&held.to_string(), CELL_CHARS_MAX);
        let key = shortened(&row.key, ITEM_CHARS_MAX);
        let sign = if row.differs { "≠" } else { "" }.to_owned();
        table.add_row([sign, key, cell(&row.master), cell(&row.replica)]);
    }
    settle(&mut table, &[0, 1], &[])
}

/// Maximum width of a time axis.
const AXIS_COLUMNS_MAX: usize = 50;

/// The deadlines after these steps as bars, after an empty line; an empty string if there are none.
fn lifetimes(steps: &[Step], width: u16) -> String {
    let Some(lives) = Lifetimes::after(steps) else { return String::new() };
    let names: Vec<String> = lives
        .bars
        .iter()
        .map(|bar| {
            let differs = if bar.differs { "≠" } else { " " };
            let node = if bar.on_master { Lane::Master } else { Lane::Replica };
            format!("{differs}  {}  {}", shortened(&bar.key, 20), node.name())
        })
        .collect();
    let left =
        names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max("   lives until".len() - 1) + 2;
    let columns = usize::from(width).saturating_sub(left + 16).clamp(10, AXIS_COLUMNS_MAX);
    let length = u16::try_from(columns).unwrap_or(u16::MAX);
    let column = |ms: i64| usize::from(lives.along(ms, length));
    let longest = lives.ticks_ms.iter().map(|tick| seconds(*tick).len()).max().unwrap_or(0);
    let mut numbers = vec![' '; columns + longest];
    let mut axis: Vec<char> = vec!['─'; columns + 1];
    for tick in &lives.ticks_ms {
        let at = column(*tick);
        let text = seconds(*tick);
        if numbers[at.saturating_sub(1)..].iter().take(text.len() + 1).all(|it| *it == ' ') {
            put(&mut numbers, at, &text);
        }
        axis[at] = '┴';
    }
    let mut text =
        format!("\n{:<left$}{}\n", "   lives until", numbers.iter().collect::<String>().trim_end());
    let _ = writeln!(text, "{:left$}{}", "", axis.iter().collect::<String>());
    for (bar, name) in lives.bars.iter().zip(&names) {
        let from = column(bar.from_ms);
        let is_beyond = bar.until_ms.is_none_or(|until| until > lives.end_ms);
        let to = bar.until_ms.map_or(columns, column).max(from);
        let mut line = vec![' '; columns + 1];
        line[from..=to].fill(if bar.is_dead { '┈' } else { '━' });
        line[from] = '├';
        line[to] = if is_beyond { '▶' } else { '┤' };
        let until = bar.until_ms.map_or("no deadline".to_owned(), seconds);
        let dead = if bar.is_dead { ", dead" } else { "" };
        let line: String = line.into_iter().collect();
        let _ = writeln!(text, "{name:<left$}{} {until}{dead}", line.trim_end());
    }
    let now = [("   master t", Some(lives.master_ms)), ("   replica t", lives.replica_ms)];
    for (name, ms) in now.into_iter().filter_map(|(name, ms)| Some((name, ms?))) {
        let _ = writeln!(text, "{name:<left$}{:at$}▲ {}", "", seconds(ms), at = column(ms));
    }
    text
}
