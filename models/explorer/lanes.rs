//! Lanes — a story → its drawing, the same as in the terminal and in exported files; and the rows that a visitor asks for.
//! Pure.

use super::problem::{Asked, Problem};
use crate::models::drawing::{Lanes, Role, html};
use crate::models::story::{Step, Story};
use maud::{Markup, html as markup};
use std::mem::discriminant;

const TITLE: &str = "What happened, one row for each step";

/// A longer story folds its repeats, unless a visitor asks for all rows.
const STEPS_WITHOUT_FOLDS: usize = 100;
/// A shorter run of steps of one kind is not folded.
const REPEATS_MIN: usize = 4;

/// The name of the query's field, and its value for all rows.
const FIELD: &str = "rows";
const ALL: &str = "all";

/// The swim lanes of a story, and its steps in words. `id` must be unique among the stories of a page.
pub fn lanes_html(story: &Story, id: &str) -> Markup {
    html::lanes(story, id, TITLE, html::WIDE)
}

/// The swim lanes of a story that is side by side with another story.
pub fn lanes_beside(story: &Story, id: &str) -> Markup {
    html::lanes(story, id, TITLE, html::HALF)
}

/// The rows that a visitor asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rows {
    /// Every row; in a long story, of a run of steps of one kind the first and the last.
    Folded,
    /// Every row.
    All,
    /// The rows of the steps in which the lane of this name takes part.
    Lane(String),
}

impl Rows {
    /// The rows that a URL asks for. Problems: the text is too long for the name of a lane.
    pub fn of(asked: &Asked) -> Result<Rows, Problem> {
        match asked.get(FIELD).map(String::as_str) {
            None | Some("") => Ok(Rows::Folded),
            Some(ALL) => Ok(Rows::All),
            Some(name) if name.len() <= 8 => Ok(Rows::Lane(name.to_owned())),
            Some(_) => Err(Problem::value(format!("{FIELD}: '{ALL}', or the name of a lane such as 'w0'"))),
        }
    }

    /// The field that asks for these rows, to be added to an address that already has a query.
    pub fn query(&self) -> String {
        let value = match self {
            Rows::Folded => return String::new(),
            Rows::All => ALL,
            Rows::Lane(name) => name,
        };
        let value: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
        format!("&{FIELD}={value}")
    }

    /// The drawing of these rows, with a link to every other choice of rows. `here`: the page's address without such a choice.
    pub fn drawing(&self, story: &Story, id: &str, here: &str) -> Markup {
        let lanes = Lanes::of(story);
        let kept = self.kept(&lanes, story);
        let (shown, all) = (kept.len(), lanes.rows.len());
        let names: Vec<String> = lanes.lanes.iter().map(|lane| lane.short_name()).collect();
        markup! {
            p.filter aria-label="Rows" {
                "Rows: " (self.link(&Rows::All, "all", here))
                @if all > STEPS_WITHOUT_FOLDS { (self.link(&Rows::Folded, "repeats folded", here)) }
                @for name in names { (self.link(&Rows::Lane(name.clone()), &name, here)) }
            }
            @if shown < all { p.quiet { (shown) " of " (all) " rows are shown." } }
            @if shown == 0 { p.quiet { "This lane takes no part in any step." } }
            @else { (html::some_lanes(&lanes.only(&kept), story, (id, TITLE), html::WIDE)) }
        }
    }

    fn link(&self, other: &Rows, words: &str, here: &str) -> Markup {
        let is_all = *other == Rows::All && *self == Rows::Folded;
        let is_current = self == other || is_all;
        markup! { a href={ (here) (other.query()) } aria-current=[is_current.then_some("true")] { (words) } " " }
    }

    /// The numbers of these rows, from 0.
    fn kept(&self, lanes: &Lanes, story: &Story) -> Vec<usize> {
        let all = 0..lanes.rows.len();
        match self {
            Rows::All => all.collect(),
            Rows::Folded => shown_of(&story.steps),
            Rows::Lane(name) => {
                let lane = lanes.lanes.iter().position(|lane| lane.short_name() == *name);
                let takes_part = |row: &usize| {
                    let row = &lanes.rows[*row];
                    row.is_everywhere
                        || lane.is_some_and(|lane| {
                            row.cells[lane].role != Role::Still || row.cells[lane].sign.is_some()
                        })
                };
                all.filter(takes_part).collect()
            }
        }
    }
}

/// The numbers of the steps that are shown when repeats are folded: of a run of steps of one kind by one actor, the first and
/// the last, and those that break something. All of a short story.
pub fn shown_of(steps: &[Step]) -> Vec<usize> {
    if steps.len() <= STEPS_WITHOUT_FOLDS {
        return (0..steps.len()).collect();
    }
    let is_alike = |one: &Step, other: &Step| {
        one.actor() == other.actor() && discriminant(&one.deed) == discriminant(&other.deed)
    };
    let mut shown = Vec::new();
    let mut start = 0;
    for run in steps.chunk_by(is_alike) {
        let end = start + run.len() - 1;
        let is_shown = |at: &usize| {
            run.len() < REPEATS_MIN || *at == start || *at == end || !steps[*at].broken.is_empty()
        };
        shown.extend((start..=end).filter(is_shown));
        start = end + 1;
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::story::{Deed, Lane};

    fn steps(runs: &[(usize, Lane)]) -> Vec<Step> {
        let one = |lane: Lane| Step { lane: Some(lane), deed: Deed::default(), ..Step::default() };
        runs.iter().flat_map(|&(count, lane)| std::iter::repeat_with(move || one(lane)).take(count)).collect()
    }

    #[test]
    fn shown_of_a_long_story_folds_runs_and_keeps_what_breaks() {
        let mut long = steps(&[(60, Lane::Client), (3, Lane::Worker(0)), (60, Lane::Worker(1))]);
        assert_eq!(shown_of(&long), [0, 59, 60, 61, 62, 63, 122]);
        long[70].broken = vec![crate::models::invariants::Invariant::Convergence];
        assert_eq!(shown_of(&long), [0, 59, 60, 61, 62, 63, 70, 122]);
        assert_eq!(shown_of(&long[..100]).len(), 100, "a shorter story is shown whole");
    }
}
