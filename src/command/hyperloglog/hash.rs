//! The register of an element and the number that it brings to it. Pure.

use super::value::{REGISTER_BITS, REGISTERS};

/// The seed with which Redis hashes elements.
const SEED: u64 = 0xadc8_3b19;

/// The register of `element`, and its number for it: the position of the lowest bit that is set in the hash above the bits
/// that choose the register, 1 to 51.
pub(super) fn place(element: &[u8]) -> (usize, u8) {
    let hash = murmur(element, SEED);
    let register = usize::try_from(hash % REGISTERS as u64).unwrap_or_default();
    // The bit beyond the hash bounds the number.
    let rest = hash >> REGISTER_BITS | 1 << (u64::BITS - REGISTER_BITS);
    (register, u8::try_from(rest.trailing_zeros() + 1).unwrap_or(u8::MAX))
}

/// MurmurHash64A, with numbers read as little-endian on every machine.
///
/// Source: Austin Appleby, MurmurHash2_64.
fn murmur(bytes: &[u8], seed: u64) -> u64 {
    const FACTOR: u64 = 0xc6a4_a793_5bd1_e995;
    const SHIFT: u32 = 47;
    let mixed = |number: u64| {
        let number = number.wrapping_mul(FACTOR);
        (number ^ number >> SHIFT).wrapping_mul(FACTOR)
    };
    let mut hash = seed ^ (bytes.len() as u64).wrapping_mul(FACTOR);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        hash = (hash ^ mixed(u64::from_le_bytes(*word))).wrapping_mul(FACTOR);
    }
    if !rest.is_empty() {
        let number = rest.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte));
        hash = (hash ^ number).wrapping_mul(FACTOR);
    }
    hash = (hash ^ hash >> SHIFT).wrapping_mul(FACTOR);
    hash ^ hash >> SHIFT
}
