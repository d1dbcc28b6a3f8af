//! The number of different elements, estimated from the numbers in the registers. Pure.
//!
//! Source: Otmar Ertl, "New cardinality estimation algorithms for HyperLogLog sketches", arXiv:1702.01284, algorithm 6. The
//! operations are in the order in which Redis does them, so that each rounding is the same.

use super::value::{REGISTER_BITS, REGISTERS};

/// How many registers have each number.
pub(super) type Histogram = [u32; 64];

/// Maximum number that a hash gives to a register, without the bit beyond the hash.
const NUMBER_MAX: usize = (u64::BITS - REGISTER_BITS) as usize;

/// 1 / (2 ln 2): the estimator's factor for infinitely many registers.
const ALPHA: f64 = 0.721_347_520_444_481_7;

/// The estimate, rounded to the nearest integer.
#[expect(clippy::cast_possible_truncation, reason = "a whole number of at most 2^64, and saturating")]
pub(super) fn estimate(histogram: &Histogram) -> u64 {
    let registers = REGISTERS as f64;
    let full = f64::from(histogram[NUMBER_MAX + 1]);
    let mut sum = registers * tau((registers - full) / registers);
    for count in histogram[1..=NUMBER_MAX].iter().rev() {
        sum = (sum + f64::from(*count)) * 0.5;
    }
    sum += registers * sigma(f64::from(histogram[0]) / registers);
    (ALPHA * registers * registers / sum).round() as u64
}

/// The part of the registers that are full: τ of the paper. `share` is that of the others.
fn tau(share: f64) -> f64 {
    if share == 0.0 || share == 1.0 {
        return 0.0;
    }
    let (mut root, mut weight, mut sum) = (share, 1.0, 1.0 - share);
    loop {
        let before = sum;
        root = root.sqrt();
        weight *= 0.5;
        sum -= (1.0 - root) * (1.0 - root) * weight;
        if sum == before {
            return sum / 3.0;
        }
    }
}

/// The part of the registers that are empty: σ of the paper. `share` is theirs.
fn sigma(share: f64) -> f64 {
    if share == 1.0 {
        return f64::INFINITY;
    }
    let (mut power, mut weight, mut sum) = (share, 1.0, share);
    loop {
        let before = sum;
        power *= power;
        sum += power * weight;
        weight += weight;
        if sum == before {
            return sum;
        }
    }
}
