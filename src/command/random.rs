//! Pseudorandom numbers from a seed that the caller has drawn. Pure: the same seed gives the same numbers.

/// A sequence of pseudorandom numbers: splitmix64.
///
/// Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
pub(super) struct Random {
    state: u64,
}

impl Random {
    /// The sequence for `seed`.
    pub(super) fn new(seed: u64) -> Random {
        Random { state: seed }
    }

    /// The next number below `bound`; 0 if `bound` is 0. Low numbers are more frequent by `bound` in 2^64,
    /// which is not noticeable.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let bound = u64::try_from(bound).unwrap_or(u64::MAX);
        let number = mix(self.state).checked_rem(bound).unwrap_or(0);
        usize::try_from(number).unwrap_or(0)
    }
}

/// The finisher of splitmix64: one to one on 64 bits, and each bit of `number` changes about half of the bits
/// of the result.
pub(super) fn mix(mut number: u64) -> u64 {
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
