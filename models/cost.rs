//! Cost — rows → how many searches gave them, and their states, bytes and seconds. Pure.

use super::verdict::Row;

/// What some searches cost together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Searches.
    pub searches: usize,
    /// Searches of which no row is *incomplete*.
    pub finished: usize,
    /// Unique states, summed.
    pub unique: usize,
    /// States generated, summed.
    pub generated: u64,
    /// Bytes of memory of all unique states.
    pub bytes: usize,
    /// Steps of the deepest search.
    pub depth: usize,
    /// Seconds of all searches, one after the other.
    pub seconds: f64,
}

impl Cost {
    /// The searches that gave these rows: rows of one task that the same of its parts judged are of the same searches.
    pub fn of(rows: &[Row]) -> Cost {
        let search = |row: &Row| (row.model, row.choice.clone(), row.scenario.clone(), row.parts.clone());
        let mut cost = Cost::default();
        let mut seen = Vec::new();
        for row in rows {
            let key = search(row);
            if seen.contains(&key) {
                continue;
            }
            let is_finished = rows.iter().all(|other| other.finished || search(other) != key);
            seen.push(key);
            cost.searches += 1;
            cost.finished += usize::from(is_finished);
            cost.unique += row.unique_states;
            cost.generated += row.generated_states;
            cost.bytes += row.unique_states * row.state_bytes;
            cost.depth = cost.depth.max(row.max_depth);
            cost.seconds += row.seconds;
        }
        cost
    }

    /// States, bytes and searches in words.
    pub fn in_words(&self) -> String {
        format!(
            "{} unique states of {} bytes each, {} generated, in {} {}. A choice's line gives the sum of \
             its searches' states and times, and the greatest depth",
            thousands(self.unique),
            self.bytes / self.unique.max(1),
            thousands(self.generated),
            self.searches,
            if self.searches == 1 { "search" } else { "searches" },
        )
    }

    /// States a second in words.
    pub fn speed_in_words(&self) -> String {
        let per_second = |states: f64| thousands(rounded(states / self.seconds.max(0.001)));
        let (unique, generated) = (per_second(self.unique as f64), per_second(self.generated as f64));
        format!("a thread: {unique} unique states/s, {generated} generated/s")
    }
}

/// A number of states a second, in whole states.
pub fn rounded(number: f64) -> u128 {
    format!("{number:.0}").parse().unwrap_or(0)
}

/// A number with its thousands apart: `51,234,567`.
pub fn thousands(number: impl ToString) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
