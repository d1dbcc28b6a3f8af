//! History — the last minute of a node: a few numbers of each answer, and rates between answers. Pure.
//!
//! It begins again when the node does: its counts then begin at 0.

use super::facts::Facts;
use crate::apply::pool::Wait;
use std::collections::VecDeque;

/// How far the history goes back, in milliseconds.
pub const SPAN_MS: u64 = 60_000;
/// The time over which rates are taken, in milliseconds.
pub const RATE_MS: u64 = 2_000;
/// The most points, whatever their times.
const POINTS_MAX: usize = 600;

/// The numbers of one answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// When it came, in milliseconds since the watch began.
    pub at_ms: u64,
    /// The numbers; `None`: there was no answer.
    pub figures: Option<Figures>,
}

/// The figures that are drawn over time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// The last entry that readers see.
    pub published: u64,
    /// Entries that readers do not see yet.
    pub gap: u64,
    /// The lag in milliseconds; `None`: not known.
    pub lag_ms: Option<u64>,
    /// The longest queue.
    pub longest_queue: u64,
    /// How long threads waited, in microseconds, in the order of [`Wait::ALL`].
    pub waited_us: [u64; Wait::ALL.len()],
    /// Batches.
    pub batches: u64,
    /// Entries in them.
    pub batch_entries: u64,
}

impl Figures {
    fn of(facts: &Facts) -> Figures {
        let own = facts.lanes.iter().map(|lane| lane.queued).max().unwrap_or_default();
        Figures {
            published: facts.watermarks.published,
            gap: facts.watermarks.gap(),
            lag_ms: facts.lag.ms,
            longest_queue: own.max(facts.queued_for_any),
            waited_us: Wait::ALL.map(|wait| facts.waited_us.get(wait.name()).copied().unwrap_or_default()),
            batches: facts.batches,
            batch_entries: facts.batch_entries,
        }
    }
}

/// The last minute. The oldest point is first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    points: VecDeque<Point>,
    run_id: String,
}

/// A number that grew from one answer to the next, and the time between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Growth {
    /// By how much.
    pub by: u64,
    /// In how many milliseconds.
    pub in_ms: u64,
}

impl Growth {
    /// The growth per second.
    pub fn per_second(self) -> f64 {
        self.by as f64 * 1000.0 / self.in_ms.max(1) as f64
    }
}

impl History {
    /// Adds the answer of this time; `None`: there was none. Answers older than a minute are dropped.
    pub fn add(&mut self, at_ms: u64, facts: Option<&Facts>) {
        if let Some(facts) = facts.filter(|facts| facts.run_id != self.run_id) {
            self.points.clear();
            self.run_id = facts.run_id.clone();
        }
        self.points.push_back(Point { at_ms, figures: facts.map(Figures::of) });
        let is_old = |point: &Point| at_ms.saturating_sub(point.at_ms) > SPAN_MS;
        while self.points.len() > POINTS_MAX || self.points.front().is_some_and(is_old) {
            self.points.pop_front();
        }
    }

    /// The time of the last point.
    pub fn now_ms(&self) -> u64 {
        self.points.back().map_or(0, |point| point.at_ms)
    }

    /// How much `count` grew between the last two answers.
    pub fn last_growth(&self, count: impl Fn(&Figures) -> u64) -> Option<Growth> {
        self.growths(count).pop()?.1
    }

    /// How much `count` grew over the last two seconds, from the oldest answer in them to the last.
    pub fn growth(&self, count: impl Fn(&Figures) -> u64) -> Option<Growth> {
        let now = self.now_ms();
        let recent = self.points.iter().filter(|point| now - point.at_ms <= RATE_MS);
        let mut told = recent.filter_map(|point| Some((point.at_ms, count(point.figures.as_ref()?))));
        let first = told.next()?;
        between(first, told.last()?)
    }

    /// A number at each time.
    pub fn series(&self, number: impl Fn(&Figures) -> Option<u64>) -> Vec<(u64, Option<f64>)> {
        let value = |point: &Point| Some(number(point.figures.as_ref()?)? as f64);
        self.points.iter().map(|point| (point.at_ms, value(point))).collect()
    }

    /// The growth per second of `count`, from each answer to the next.
    pub fn speeds(&self, count: impl Fn(&Figures) -> u64) -> Vec<(u64, Option<f64>)> {
        let growths = self.growths(count).into_iter();
        growths.map(|(at_ms, growth)| (at_ms, growth.map(Growth::per_second))).collect()
    }

    fn growths(&self, count: impl Fn(&Figures) -> u64) -> Vec<(u64, Option<Growth>)> {
        let told = |point: &Point| Some((point.at_ms, count(point.figures.as_ref()?)));
        let pairs = self.points.iter().zip(self.points.iter().skip(1));
        pairs
            .map(|(one, next)| (next.at_ms, told(one).zip(told(next)).and_then(|(a, b)| between(a, b))))
            .collect()
    }
}

/// `None`: it went back, as after a full sync, or no time has passed.
fn between(first: (u64, u64), last: (u64, u64)) -> Option<Growth> {
    let (by, in_ms) = (last.1.checked_sub(first.1)?, last.0.checked_sub(first.0)?);
    (in_ms > 0).then_some(Growth { by, in_ms })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::explorer::node::parse::parse;

    /// Facts with this published LSN and run id.
    fn facts(published: u64, run_id: &str) -> Facts {
        let mut facts = parse(include_str!("replica.info")).expect("INFO");
        (facts.watermarks.published, facts.run_id) = (published, run_id.to_owned());
        facts
    }

    fn history(points: &[(u64, Option<u64>)]) -> History {
        let mut history = History::default();
        for &(at_ms, published) in points {
            history.add(at_ms, published.map(|lsn| facts(lsn, "a")).as_ref());
        }
        history
    }

    #[test]
    fn growth_is_over_two_seconds_and_unknown_where_it_cannot_be_told() {
        let grown = |by, in_ms| Some(Growth { by, in_ms });
        for (points, last, recent) in [
            (&[] as &[(u64, Option<u64>)], None, None),
            (&[(0, Some(5))], None, None),
            (&[(0, Some(5)), (250, Some(9))], grown(4, 250), grown(4, 250)),
            (&[(0, Some(5)), (1000, Some(7)), (3000, Some(9))], grown(2, 2000), grown(2, 2000)),
            (&[(0, Some(5)), (250, None), (500, Some(9))], None, grown(4, 500)),
            (&[(0, Some(5)), (250, Some(9)), (500, None)], None, grown(4, 250)),
            // After a full sync from another master it may be less.
            (&[(0, Some(5)), (250, Some(3))], None, None),
            (&[(7, Some(5)), (7, Some(9))], None, None),
        ] {
            let history = history(points);
            let published = |figures: &Figures| figures.published;
            assert_eq!(
                (history.last_growth(published), history.growth(published)),
                (last, recent),
                "{points:?}"
            );
        }
    }

    #[test]
    fn history_is_a_minute_at_most_and_begins_again_with_the_node() {
        let mut history = history(&[(0, Some(1)), (1, Some(1)), (SPAN_MS, Some(1)), (SPAN_MS + 1, Some(1))]);
        assert_eq!(
            history.points.iter().map(|point| point.at_ms).collect::<Vec<_>>(),
            [1, SPAN_MS, SPAN_MS + 1]
        );
        for at_ms in 0..2 * POINTS_MAX as u64 {
            history.add(SPAN_MS + 2 + at_ms, None);
        }
        assert_eq!(history.points.len(), POINTS_MAX);
        history.add(90_000, Some(&facts(2, "b")));
        assert_eq!(history.points.len(), 1);
    }
}
