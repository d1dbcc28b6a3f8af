//! Cost — searches → how many they are, and their states, bytes and seconds. Pure.

/// One search of a choice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Searched {
    /// Its number among the searches of its model, choice and scenario.
    pub number: usize,
    /// Unique states. If it explored twice, the sum of both explorations.
    pub unique: usize,
    /// States generated, found before or not.
    pub generated: u64,
    /// Bytes of memory of its unique states.
    pub bytes: usize,
    /// Steps of the longest of the shortest paths.
    pub depth: usize,
    /// Wall time in seconds.
    pub seconds: f64,
    /// Whether it ended by itself.
    pub finished: bool,
}

/// What some searches cost together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Searches.
    pub searches: usize,
    /// Searches that ended by themselves.
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
    /// Adds one search.
    pub(super) fn add(&mut self, search: &Searched) {
        self.searches += 1;
        self.finished += usize::from(search.finished);
        self.unique += search.unique;
        self.generated += search.generated;
        self.bytes += search.bytes;
        self.depth = self.depth.max(search.depth);
        self.seconds += search.seconds;
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
