//! Lanes — a story → swim lanes: a column for each actor, a row for each step, arrows in between. Pure.

use crate::models::invariants::Invariant;
use crate::models::story::{Actor, Arrow, Clocks, Holding, Lane, Sign, Step, Story};
use crate::models::timeline::shortened;

/// Maximum number of characters of a step's words: a value of many thousand bytes would hide the lanes.
const WORDS_CHARS_MAX: usize = 1000;

/// The layout of the swim lanes of a story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lanes {
    /// The columns, from left to right.
    pub lanes: Vec<Lane>,
    /// The rows, one for each step.
    pub rows: Vec<LaneRow>,
    /// Messages that are sent in one row and arrive in a later one, or never.
    pub flights: Vec<Flight>,
}

/// The row of one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneRow {
    /// The step's number, counted from 1; 0 for a step before the path.
    pub number: usize,
    /// Who acts.
    pub who: Actor,
    /// What is done, in words; of very many the beginning.
    pub what: String,
    /// The content of each lane.
    pub cells: Vec<Cell>,
    /// The arrows.
    pub spans: Vec<Span>,
    /// Whether the step happens in all lanes, as the passing of time does.
    pub is_everywhere: bool,
    /// The readings of the clocks afterwards.
    pub clocks: Option<Clocks>,
    /// The invariants that it broke.
    pub broken: Vec<Invariant>,
}

/// The content of one lane in one row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// The lane's part in the step.
    pub role: Role,
    /// The sign of what happens in it.
    pub sign: Option<Sign>,
    /// How the lane holds its content afterwards.
    pub state: Holding,
    /// The content that it holds.
    pub label: String,
}

/// The part of a lane in a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// It takes no part.
    #[default]
    Still,
    /// It acts.
    Acts,
    /// An arrow begins or ends in it.
    Meets,
}

/// An arrow within a row, by the numbers of its lanes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The lane where it begins.
    pub from: usize,
    /// The lane where it ends.
    pub to: usize,
    /// The label of the message.
    pub label: String,
    /// Whether it is the beginning or the end of a [`Flight`].
    pub in_flight: bool,
}

/// An arrow from row to row, by the numbers (from 0) of rows and lanes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flight {
    /// The row in which the message is sent.
    pub sent_in: usize,
    /// The lane where it begins.
    pub from: usize,
    /// The row in which it arrives; the last row if it never arrives.
    pub arrives_in: usize,
    /// The lane where it ends; the link if it never arrives.
    pub to: usize,
    /// Whether it arrives.
    pub arrives: bool,
    /// The label of the message.
    pub label: String,
}

impl Lanes {
    /// The layout of a story.
    pub fn of(story: &Story) -> Lanes {
        let mut lanes: Vec<Lane> = story.steps.iter().flat_map(named).collect();
        lanes.sort();
        lanes.dedup();
        let steps = story.steps.iter().zip(1_usize..);
        let rows = steps.map(|(step, at)| row(step, at.saturating_sub(story.prelude()), &lanes)).collect();
        let flights = flights(&story.steps, &lanes);
        Lanes { lanes, rows, flights }
    }

    /// Only the rows with these numbers, from 0 and in ascending order. A flight stays if both of its ends do.
    #[must_use]
    pub fn only(self, kept: &[usize]) -> Lanes {
        let place = |row: usize| kept.binary_search(&row).ok();
        let last = kept.len().saturating_sub(1);
        let flight = |flight: Flight| {
            let arrives_in = if flight.arrives { place(flight.arrives_in)? } else { last };
            Some(Flight { sent_in: place(flight.sent_in)?, arrives_in, ..flight })
        };
        let mut rows: Vec<Option<LaneRow>> = self.rows.into_iter().map(Some).collect();
        Lanes {
            rows: kept.iter().filter_map(|&row| rows.get_mut(row)?.take()).collect(),
            flights: self.flights.into_iter().filter_map(flight).collect(),
            lanes: self.lanes,
        }
    }
}

/// The lanes that occur in a step.
fn named(step: &Step) -> Vec<Lane> {
    let arrows = step.arrows.iter().flat_map(|arrow| [arrow.from, arrow.to]);
    let marks = step.marks.iter().map(|mark| mark.lane);
    let holds = step.holds.iter().map(|holds| holds.lane);
    step.lane.into_iter().chain(arrows).chain(marks).chain(holds).collect()
}

fn row(step: &Step, number: usize, lanes: &[Lane]) -> LaneRow {
    let cell = |lane: &Lane| {
        let holds = step.holds.iter().find(|holds| holds.lane == *lane);
        let meets = step.arrows.iter().any(|arrow| arrow.from == *lane || arrow.to == *lane);
        let role = match () {
            () if step.lane == Some(*lane) => Role::Acts,
            () if meets => Role::Meets,
            () => Role::Still,
        };
        Cell {
            role,
            sign: step.marks.iter().find(|mark| mark.lane == *lane).map(|mark| mark.sign),
            state: holds.map(|holds| holds.state).unwrap_or_default(),
            label: holds.map(|holds| holds.label.clone()).unwrap_or_default(),
        }
    };
    let place = |lane: Lane| lanes.iter().position(|known| *known == lane).unwrap_or_default();
    let span = |arrow: &Arrow| Span {
        from: place(arrow.from),
        to: place(arrow.to),
        label: arrow.label(),
        in_flight: arrow.left_in.is_some() || arrow.to == Lane::Link,
    };
    LaneRow {
        number,
        who: step.actor(),
        what: shortened(&step.what(), WORDS_CHARS_MAX),
        cells: lanes.iter().map(cell).collect(),
        spans: step.arrows.iter().map(span).collect(),
        is_everywhere: step.lane.is_none() && !step.holds.is_empty(),
        clocks: step.clocks,
        broken: step.broken.clone(),
    }
}

/// The flight of each message, from the row that sends it to the row that delivers it. A link delivers messages in order.
fn flights(steps: &[Step], lanes: &[Lane]) -> Vec<Flight> {
    let place = |lane: Lane| lanes.iter().position(|known| *known == lane).unwrap_or_default();
    let mut flights: Vec<Flight> = Vec::new();
    for (row, arrow) in
        steps.iter().enumerate().flat_map(|(row, step)| step.arrows.iter().map(move |it| (row, it)))
    {
        if arrow.to == Lane::Link {
            flights.extend(arrow.carries.iter().map(|message| Flight {
                sent_in: row,
                from: place(arrow.from),
                arrives_in: steps.len() - 1,
                to: place(Lane::Link),
                arrives: false,
                label: message.clone(),
            }));
        } else if let Some(sent_in) = arrow.left_in
            && let Some(flight) = flights.iter_mut().find(|it| it.sent_in == sent_in && !it.arrives)
        {
            (flight.arrives, flight.arrives_in, flight.to) = (true, row, place(arrow.to));
        }
    }
    flights
}
