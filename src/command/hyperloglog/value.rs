//! The bytes of a HyperLogLog. Pure.
//!
//! ```text
//! "HYLL"  encoding (1)  00 00 00  number of elements (8, little-endian; highest bit set = invalid)  then, if the encoding is
//!   0 dense    16,384 registers of 6 bits, from the lowest bit of the first byte on
//!   1 sparse   runs of registers with the same number: see `sparse`
//! ```
//!
//! A HyperLogLog begins as sparse. It becomes dense, forever, when it grows beyond [`SPARSE_BYTES_MAX`] or gets a number that
//! the sparse form does not have. Its bytes are those that Redis has after the same commands.

use super::estimate::{Histogram, estimate};
use super::sparse::{self, Change};
use crate::command::CommandError;

/// Number of bits of a hash that choose the register.
pub(super) const REGISTER_BITS: u32 = 14;
/// Number of registers.
pub(super) const REGISTERS: usize = 1 << REGISTER_BITS;
/// Longest sparse form in bytes, header included: Redis's default `hll-sparse-max-bytes`.
const SPARSE_BYTES_MAX: usize = 3000;

const MAGIC: &[u8] = b"HYLL";
const ENCODING: usize = 4;
const HEADER_BYTES: usize = 16;
const DENSE: u8 = 0;
const SPARSE: u8 = 1;
/// Size of a register of the dense form in bits.
const DENSE_BITS: usize = 6;
const DENSE_BYTES: usize = HEADER_BYTES + REGISTERS * DENSE_BITS / 8;
/// Highest bit of the last byte of the stored number of elements: the number is invalid.
const INVALID: u8 = 0x80;

/// Numbers of all registers.
pub(super) struct Registers(Vec<u8>);

impl Registers {
    /// No element was added.
    pub(super) fn empty() -> Registers {
        Registers(vec![0; REGISTERS])
    }

    /// Raises each register to that of `other` if that is larger. Errors: `other` is damaged.
    pub(super) fn raise_to(&mut self, other: &Sketch) -> Result<(), CommandError> {
        let theirs = other.registers()?;
        self.0.iter_mut().zip(theirs.0).for_each(|(ours, theirs)| *ours = theirs.max(*ours));
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn numbers(&self) -> &[u8] {
        &self.0
    }

    /// The estimated number of elements.
    pub(super) fn count(&self) -> u64 {
        let mut histogram: Histogram = [0; 64];
        self.0.iter().for_each(|number| histogram[usize::from(number % 64)] += 1);
        estimate(&histogram)
    }
}

/// A stored HyperLogLog.
pub(super) struct Sketch(Vec<u8>);

impl Sketch {
    /// A HyperLogLog without elements.
    pub(super) fn empty() -> Sketch {
        let header = [MAGIC, &[SPARSE], &[0; 10], &[INVALID]].concat();
        Sketch([header, sparse::empty()].concat())
    }

    /// The HyperLogLog in a string. Errors: WRONGTYPE; runs of the sparse form are not checked.
    pub(super) fn parse(bytes: Vec<u8>) -> Result<Sketch, CommandError> {
        let has_shape = bytes.starts_with(MAGIC)
            && bytes.len() >= HEADER_BYTES
            && (bytes[ENCODING] == SPARSE || (bytes[ENCODING] == DENSE && bytes.len() == DENSE_BYTES));
        let wrong = "WRONGTYPE Key is not a valid HyperLogLog string value.";
        if has_shape { Ok(Sketch(bytes)) } else { Err(CommandError::Client(wrong.to_owned())) }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn is_dense(&self) -> bool {
        self.0[ENCODING] == DENSE
    }

    /// The number of elements: that in the string if it is valid, else the estimate. Errors: the string is damaged.
    pub(super) fn count(&self) -> Result<u64, CommandError> {
        let stored = self.0[8..HEADER_BYTES].iter().rev();
        if self.0[HEADER_BYTES - 1] & INVALID == 0 {
            return Ok(stored.fold(0, |number, &byte| number << 8 | u64::from(byte)));
        }
        Ok(self.registers()?.count())
    }

    /// Raises a register to `number` if it is lower. Errors: the string is damaged.
    pub(super) fn raise(&mut self, register: usize, number: u8) -> Result<(), CommandError> {
        let changed = if self.is_dense() {
            raise_dense(&mut self.0[HEADER_BYTES..], register, number)
        } else {
            let mut runs = self.0[HEADER_BYTES..].to_vec();
            match sparse::raise(&mut runs, register, number, SPARSE_BYTES_MAX - HEADER_BYTES) {
                Change::None => false,
                Change::Done => {
                    self.0.truncate(HEADER_BYTES);
                    self.0.extend(runs);
                    true
                }
                Change::NoRoom => {
                    self.make_dense()?;
                    raise_dense(&mut self.0[HEADER_BYTES..], register, number)
                }
                Change::Damaged => return Err(damaged()),
            }
        };
        if changed {
            self.0[HEADER_BYTES - 1] |= INVALID;
        }
        Ok(())
    }

    /// Raises the registers to those of `union`. It becomes dense if `has_dense`: one of the merged ones is. Errors: the string
    /// is damaged.
    pub(super) fn merge(&mut self, union: &Registers, has_dense: bool) -> Result<(), CommandError> {
        if has_dense && !self.is_dense() {
            self.make_dense()?;
        }
        let numbers = union.0.iter().enumerate().filter(|(_, number)| **number > 0);
        for (register, number) in numbers {
            self.raise(register, *number)?;
        }
        self.0[HEADER_BYTES - 1] |= INVALID;
        Ok(())
    }

    /// The numbers of all registers. Errors: the string is damaged.
    fn registers(&self) -> Result<Registers, CommandError> {
        let bytes = &self.0[HEADER_BYTES..];
        if self.is_dense() {
            return Ok(Registers((0..REGISTERS).map(|register| dense(bytes, register)).collect()));
        }
        sparse::registers(bytes).map(Registers).ok_or_else(damaged)
    }

    fn make_dense(&mut self) -> Result<(), CommandError> {
        let registers = self.registers()?;
        self.0[ENCODING] = DENSE;
        self.0.truncate(HEADER_BYTES);
        self.0.resize(DENSE_BYTES, 0);
        for (register, number) in registers.0.into_iter().enumerate() {
            raise_dense(&mut self.0[HEADER_BYTES..], register, number);
        }
        Ok(())
    }
}

/// `INVALIDOBJ …`
fn damaged() -> CommandError {
    CommandError::Client("INVALIDOBJ Corrupted HLL object detected".to_owned())
}

/// The byte in which a register of the dense form begins, and the number of bits before it in that byte.
fn dense_place(register: usize) -> (usize, usize) {
    (register * DENSE_BITS / 8, register * DENSE_BITS % 8)
}

/// The number of a register of the dense form.
fn dense(bytes: &[u8], register: usize) -> u8 {
    let (at, shift) = dense_place(register);
    let pair = u16::from_le_bytes([bytes[at], bytes.get(at + 1).copied().unwrap_or_default()]);
    (pair >> shift & 0x3f) as u8
}

/// Raises a register of the dense form to `number` if it is lower. Returns whether it was.
fn raise_dense(bytes: &mut [u8], register: usize, number: u8) -> bool {
    let old = dense(bytes, register);
    if old >= number {
        return false;
    }
    let (at, shift) = dense_place(register);
    let [low, high] = (u16::from(old ^ number) << shift).to_le_bytes();
    bytes[at] ^= low;
    if let Some(byte) = bytes.get_mut(at + 1) {
        *byte ^= high;
    }
    true
}
