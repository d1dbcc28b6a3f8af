//! Told — a fault of a trace → a sentence, and a drawing of its ticks. Pure.
//!
//! ```text
//!          12        14        15        18
//! line 4   ├───────────────────┤              entry 7
//! line 5             ├───────────────────┤    entry 8
//! ```
//!
//! Ticks are drawn in their order, with the same distance between any two.

use super::KeySet;
use super::judged::{Place, Told, Wrong};

/// The most keys that a sentence names.
const KEYS_MAX: usize = 3;

impl Wrong {
    /// The kind of fault, as the JSON of a verdict names it.
    pub fn kind(&self) -> &'static str {
        match self {
            Wrong::NotWaitedFor { earlier, later, .. } if later.finish < earlier.start => "overtaken",
            Wrong::NotWaitedFor { .. } => "overlapped",
            Wrong::Backwards { .. } => "backwards",
            Wrong::Twice { .. } => "twice",
            Wrong::Ahead { told: Told::Marker, .. } => "marker",
            Wrong::Ahead { told: Told::Published, .. } => "published",
            Wrong::Missing { .. } => "missing",
        }
    }

    /// The batches that it is about, the earlier entry first.
    pub fn places(&self) -> Vec<Place> {
        match self {
            Wrong::NotWaitedFor { earlier, later, .. } => vec![*earlier, *later],
            Wrong::Backwards { at } => vec![*at],
            Wrong::Twice { first, again, .. } => vec![*first, *again],
            Wrong::Ahead { at, unfinished, .. } => vec![*unfinished, *at],
            Wrong::Missing { .. } => Vec::new(),
        }
    }

    /// The fault in words.
    pub fn in_words(&self) -> String {
        match self {
            Wrong::NotWaitedFor { earlier, later, keys, keys_are_of_many } => {
                let (e, l) = (earlier, later);
                let how = match self.kind() {
                    "overtaken" => format!("had finished at tick {} when entry {} started", l.finish, e.lsn),
                    _ => format!("started at tick {} although entry {} had not finished", l.start, e.lsn),
                };
                let hint = match keys_are_of_many {
                    true => {
                        ". A line tells the keys of several entries together: `keys_of` tells whose they are, and the two \
                             may turn out not to depend on each other"
                    }
                    false => "",
                };
                format!(
                    "entry {} depends on entry {} (both touch {}), but it {how}{hint}",
                    l.lsn,
                    e.lsn,
                    named(keys)
                )
            }
            Wrong::Backwards { at: Place { line, start, finish, .. } } => {
                format!(
                    "the batch of line {line} finished at tick {finish}, before it started at tick {start}"
                )
            }
            Wrong::Twice { key, first, again } => {
                let part = key.as_ref().map(|key| format!(", its part for {key},")).unwrap_or_default();
                format!(
                    "entry {}{part} was written by line {} and again by line {}, without a restart between them",
                    first.lsn, first.line, again.line
                )
            }
            Wrong::Ahead { told, value, at, unfinished } => {
                let said = match told {
                    Told::Marker => "the marker of",
                    Told::Published => "what readers are shown by",
                };
                format!(
                    "{said} line {} says that all entries up to {value} are written at tick {}, but entry {} was not until \
                     tick {}",
                    at.line, at.finish, unfinished.lsn, unfinished.finish
                )
            }
            Wrong::Missing { first, entries: 1 } => format!("entry {first} is missing"),
            Wrong::Missing { first, entries } => {
                format!("{entries} entries are missing, the first is {first}")
            }
        }
    }

    /// The ticks of its batches, drawn; empty if there are none. Lines have no more than 80 columns unless ticks are long.
    pub fn drawn(&self) -> String {
        let places = self.places();
        let mut ticks: Vec<u64> = places.iter().flat_map(|place| [place.start, place.finish]).collect();
        ticks.sort_unstable();
        ticks.dedup();
        let Some(highest) = ticks.last() else { return String::new() };
        let step = (highest.to_string().len() + 2).max(10);
        let label = places.iter().map(|place| format!("line {}", place.line).len()).max().unwrap_or(0) + 3;
        let axis: String = ticks.iter().map(|tick| format!("{tick:<step$}")).collect();
        let mut text = format!("{:label$}{}\n", "", axis.trim_end());
        let end = ticks.len() * step;
        for Place { line, lsn, start, finish } in places {
            let column = |tick: u64| ticks.partition_point(|&other| other < tick) * step;
            let (from, to) = (column(start.min(finish)), column(start.max(finish)));
            let bar = match to - from {
                0 => "│".to_owned(),
                width => format!("├{}┤", "─".repeat(width - 1)),
            };
            let name = format!("line {line}");
            let bar = format!("{:from$}{bar}", "");
            text += &format!("{name:label$}{bar:end$}entry {lsn}\n");
        }
        text
    }
}

fn named(keys: &KeySet) -> String {
    let KeySet::Keys(keys) = keys else { return "everything".to_owned() };
    let mut names: Vec<String> = keys.iter().take(KEYS_MAX).map(ToString::to_string).collect();
    if keys.len() > KEYS_MAX {
        names.push(format!("{} more", keys.len() - KEYS_MAX));
    }
    names.join(", ")
}
