//! The sparse form of the registers: runs of registers with the same number. Pure.
//!
//! ```text
//! 00nnnnnn            n + 1 registers with 0: 1 to 64
//! 01nnnnnn nnnnnnnn   n + 1 registers with 0: 1 to 16,384
//! 1vvvvvnn            n + 1 registers with v + 1: 1 to 4 registers, numbers 1 to 32
//! ```
//!
//! [`raise`] splits and joins runs as Redis does, byte for byte: it joins only runs of a number, and only near the change.

use super::value::REGISTERS;

/// Most registers in a run of zeros of one byte.
const ZEROS_SHORT: usize = 64;
/// Most registers in a run of a number.
const NUMBERS_MAX: usize = 4;
/// Largest number.
const NUMBER_MAX: u8 = 32;
/// How many runs are looked at to join them, beginning with the run before the changed one.
const JOINED_MAX: usize = 5;

/// What became of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Its number was as large already.
    None,
    /// It was raised.
    Done,
    /// The sparse form has no room for the number.
    NoRoom,
    /// The runs end before the register.
    Damaged,
}

/// A run: its number (0 for zeros), how many registers it has, and its size in bytes.
#[derive(Clone, Copy)]
struct Run {
    number: u8,
    length: usize,
    bytes: usize,
}

impl Run {
    /// The run that begins at `at`, which is within `runs`.
    fn at(runs: &[u8], at: usize) -> Run {
        let first = runs[at];
        let low = usize::from(first & 0x3f);
        match first >> 6 {
            0 => Run { number: 0, length: low + 1, bytes: 1 },
            1 => {
                let second = runs.get(at + 1).copied().unwrap_or_default();
                Run { number: 0, length: (low << 8 | usize::from(second)) + 1, bytes: 2 }
            }
            _ => Run { number: (first >> 2 & 0x1f) + 1, length: usize::from(first & 3) + 1, bytes: 1 },
        }
    }
}

/// Appends a run of `length` registers with `number`; none if `length` is 0.
fn push(runs: &mut Vec<u8>, number: u8, length: usize) {
    let Some(more) = length.checked_sub(1).and_then(|more| u16::try_from(more).ok()) else { return };
    let [high, low] = more.to_be_bytes();
    match number.checked_sub(1) {
        None if length > ZEROS_SHORT => runs.extend([0x40 | high, low]),
        None => runs.push(low),
        Some(number) => runs.push(0x80 | number << 2 | low),
    }
}

/// All registers with 0.
pub(super) fn empty() -> Vec<u8> {
    let mut runs = Vec::new();
    push(&mut runs, 0, REGISTERS);
    runs
}

/// The numbers of all registers; `None`: the runs have not that many registers.
pub(super) fn registers(runs: &[u8]) -> Option<Vec<u8>> {
    let (mut registers, mut at) = (Vec::with_capacity(REGISTERS), 0);
    while at < runs.len() {
        let run = Run::at(runs, at);
        if registers.len() + run.length > REGISTERS {
            return None;
        }
        registers.resize(registers.len() + run.length, run.number);
        at += run.bytes;
    }
    (registers.len() == REGISTERS).then_some(registers)
}

/// Raises a register to `number` if it is lower; the runs stay within `bytes_max`.
pub(super) fn raise(runs: &mut Vec<u8>, register: usize, number: u8, bytes_max: usize) -> Change {
    if number > NUMBER_MAX {
        return Change::NoRoom;
    }
    let (mut at, mut before, mut first) = (0, 0, 0);
    let run = loop {
        if at >= runs.len() {
            return Change::Damaged;
        }
        let run = Run::at(runs, at);
        if register < first + run.length {
            break run;
        }
        (before, at, first) = (at, at + run.bytes, first + run.length);
    };
    if run.number >= number {
        return Change::None;
    }
    let mut parts = Vec::with_capacity(5);
    push(&mut parts, run.number, register - first);
    push(&mut parts, number, 1);
    push(&mut parts, run.number, first + run.length - register - 1);
    if parts.len() > run.bytes && runs.len() + parts.len() - run.bytes > bytes_max {
        return Change::NoRoom;
    }
    runs.splice(at..(at + run.bytes).min(runs.len()), parts);
    join(runs, before);
    Change::Done
}

/// Joins neighbouring runs of the same number, from the run at `at` on.
fn join(runs: &mut Vec<u8>, mut at: usize) {
    for _ in 0..JOINED_MAX {
        if at >= runs.len() {
            return;
        }
        let run = Run::at(runs, at);
        let end = at + run.bytes;
        let next = (end < runs.len()).then(|| Run::at(runs, end));
        let is_same = |next: &Run| next.number == run.number && run.length + next.length <= NUMBERS_MAX;
        match next.filter(|next| run.number > 0 && is_same(next)) {
            Some(next) => {
                let mut joined = Vec::with_capacity(1);
                push(&mut joined, run.number, run.length + next.length);
                runs.splice(at..end + next.bytes, joined);
            }
            None => at = end,
        }
    }
}
