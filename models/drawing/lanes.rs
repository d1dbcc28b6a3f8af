//! Lanes — a story → swim lanes: a column for each who acts, a row a step, arrows between. Pure.

use crate::models::invariants::Invariant;
use crate::models::story::{Actor, Arrow, Clocks, Holding, Lane, Sign, Step, Story};
use crate::models::timeline::shortened;

/// Characters of what a step did, at most: a value of many thousand bytes would hide the lanes.
const WORDS_CHARS_MAX: usize = 1000;

/// What stands where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lanes {
    /// The columns, from left to right.
    pub lanes: Vec<Lane>,
    /// The rows, a step each.
    pub rows: Vec<LaneRow>,
    /// What is sent in one row and arrives in a later one, or never.
    pub flights: Vec<Flight>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneRow {
    /// Its number, from 1; that of a step before the path is 0.
    pub number: usize,
    /// Who acts.
    pub who: Actor,
    /// What is done, in words; of very many the beginning.
    pub what: String,
    /// What is in each lane.
    pub cells: Vec<Cell>,
    /// The arrows.
    pub spans: Vec<Span>,
    /// Whether it happens in all lanes: time passes.
    pub is_everywhere: bool,
    /// What the clocks say afterwards.
    pub clocks: Option<Clocks>,
    /// The invariants that it broke.
    pub broken: Vec<Invariant>,
}

/// What is in one lane in one row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// What it has to do with the step.
    pub role: Role,
    /// What happens in it.
    pub sign: Option<Sign>,
    /// How something stands in it afterwards.
    pub state: Holding,
    /// What stands in it.
    pub label: String,
}

/// What a lane has to do with a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Nothing.
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
    /// From where.
    pub from: usize,
    /// To where.
    pub to: usize,
    /// What goes over.
    pub label: String,
    /// Whether it is the beginning or the end of a [`Flight`].
    pub in_flight: bool,
}

/// An arrow from row to row, by the numbers (from 0) of rows and lanes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flight {
    /// The row in which it is sent.
    pub sent_in: usize,
    /// From where.
    pub from: usize,
    /// The row in which it arrives; of one that never does, the last row.
    pub arrives_in: usize,
    /// To where; of one that never arrives, the link.
    pub to: usize,
    /// Whether it arrives.
    pub arrives: bool,
    /// What goes over.
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
}

/// The lanes that a step names.
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

/// Each message from the row that sent it to the row that delivers it. A link keeps their order.
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
