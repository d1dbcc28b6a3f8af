//! Lifetimes — the keys of both nodes with their deadlines → bars on one axis of time. Pure.
//!
//! ```text
//! k = "5"    master    0 s ├────────┤ 2 s
//! k = "5"    replica            1 s ├────────┤ 3 s
//! ```

use crate::models::story::{KeyRow, Step, Until};

/// Bars on an axis, in milliseconds from the beginning of the story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// The end of the axis; it begins at 0. More than 0.
    pub end_ms: i64,
    /// The places on it that have a number, 0 the first.
    pub ticks_ms: Vec<i64>,
    /// The bars, by key, the master's before the replica's.
    pub bars: Vec<Bar>,
    /// What the master's clock says.
    pub master_ms: i64,
    /// By which instant the replica judges, if it does.
    pub replica_ms: Option<i64>,
}

/// How long a key lives on one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    /// The key.
    pub key: String,
    /// Whether it is the master's.
    pub on_master: bool,
    /// Since when it is as it is, on the master's clock.
    pub from_ms: i64,
    /// Its deadline; `None` for none.
    pub until_ms: Option<i64>,
    /// Whether it is dead by the clock that judges it.
    pub is_dead: bool,
    /// Whether the other node has no key of the same deadline.
    pub differs: bool,
}

impl Lifetimes {
    /// Those after the last of `steps`. `None` where there are no clocks, or no key has a deadline.
    pub fn after(steps: &[Step]) -> Option<Lifetimes> {
        let last = steps.last()?;
        let clocks = last.clocks?;
        let has_deadline =
            |row: &KeyRow| [&row.master, &row.replica].iter().any(|held| matches!(held.until, Until::Ms(_)));
        if !last.keys.iter().any(has_deadline) {
            return None;
        }
        let bars: Vec<Bar> = last
            .keys
            .iter()
            .flat_map(|row| [true, false].map(|side| bar(steps, row, side)))
            .flatten()
            .collect();
        let latest =
            steps.iter().filter_map(|step| step.clocks).flat_map(|it| [Some(it.master_ms), it.replica_ms]);
        let latest = latest.flatten().max().unwrap_or_default().max(1000);
        // A deadline far beyond the story would leave no room for it: its bar runs out of the axis.
        let near =
            bars.iter().filter_map(|bar| bar.until_ms).filter(|until| *until <= latest.saturating_mul(4));
        let end = near.max().unwrap_or_default().max(latest);
        let tick = tick_ms(end);
        let end_ms = (end / tick + 1).saturating_mul(tick);
        Some(Lifetimes {
            end_ms,
            ticks_ms: (0..=end_ms / tick).map(|number| number * tick).collect(),
            bars,
            master_ms: clocks.master_ms,
            replica_ms: clocks.replica_ms,
        })
    }

    /// Where an instant stands on the axis if that is so many columns (or pixels) long; an instant beyond the axis stands at
    /// its nearer end.
    pub fn along(&self, ms: i64, length: u16) -> u16 {
        let share = i128::from(ms.clamp(0, self.end_ms)) * i128::from(length) / i128::from(self.end_ms);
        u16::try_from(share).unwrap_or(length)
    }
}

/// Milliseconds between two numbers of an axis up to `end`: 1, 2 or 5 times a power of ten, at most six in all.
fn tick_ms(end: i64) -> i64 {
    let steps = (0..19).flat_map(|power| [1, 2, 5].map(|times| times * 10_i64.pow(power)));
    steps.into_iter().find(|step| end / step <= 5).unwrap_or(end)
}

fn bar(steps: &[Step], row: &KeyRow, on_master: bool) -> Option<Bar> {
    let side = |row: &KeyRow| {
        let held = if on_master { &row.master } else { &row.replica };
        (held.content.clone(), held.until)
    };
    let now = side(row);
    let until_ms = match now.1 {
        Until::Untold => return None,
        Until::Forever => None,
        Until::Ms(until) => Some(until),
    };
    let was_so = |step: &&Step| step.keys.iter().any(|known| known.key == row.key && side(known) == now);
    let since = steps.iter().rev().take_while(was_so).last().and_then(|step| step.clocks);
    let clocks = steps.last()?.clocks?;
    let judged_at = if on_master { Some(clocks.master_ms) } else { clocks.replica_ms };
    Some(Bar {
        key: row.key.clone(),
        on_master,
        from_ms: since.map_or(0, |clocks| clocks.master_ms),
        until_ms,
        is_dead: until_ms.zip(judged_at).is_some_and(|(until, now)| until <= now),
        differs: row.master.until != row.replica.until,
    })
}

/// Milliseconds as seconds: `1.5 s`.
pub fn seconds(ms: i64) -> String {
    format!("{} s", ms as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn along_any_instant_stays_on_the_axis() {
        for end_ms in [1, 1000, i64::MAX] {
            let lives =
                Lifetimes { end_ms, ticks_ms: vec![0], bars: Vec::new(), master_ms: 0, replica_ms: None };
            let places = [i64::MIN, -1, 0, end_ms / 2, end_ms, i64::MAX].map(|ms| lives.along(ms, 50));
            assert_eq!([places[0], places[1], places[2]], [0, 0, 0]);
            assert!([0, 24, 25].contains(&places[3]), "{end_ms}: {places:?}");
            assert_eq!([places[4], places[5]], [50, 50]);
        }
    }

    #[test]
    fn axis_of_any_length_has_few_numbers() {
        for end in [1, 999, 1000, 4000, 5001, 30_000, 86_400_000, i64::MAX / 8, i64::MAX] {
            let tick = tick_ms(end);
            assert!(end / tick <= 5 && (tick == 1 || end / tick >= 1), "{end}: {tick}");
        }
    }
}
