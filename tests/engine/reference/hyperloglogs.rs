//! PFADD PFCOUNT PFMERGE: plain registers, and the two spellings of them in which Redis keeps them as a string. Pure.
//!
//! The pages do not say which spelling Redis chooses, so none is written here. After a command that changes registers, the
//! reference takes over the string of the server, if it spells just these registers (`Reference::take_spellings`).

use super::values::Value;
use super::{Call, Refused, Told, number, ok};
use std::collections::BTreeMap;

/// The registers that are not 0: for each the largest number of zeros, plus one, that a hash of an element ended in.
pub(super) type Registers = BTreeMap<u16, u8>;

/// The number of registers.
const REGISTERS: u16 = 16384;
/// The length of the bytes before the registers.
const HEADER: usize = 16;
/// The length of the longer spelling: 6 bits a register.
const DENSE: usize = HEADER + 12288;

/// MurmurHash64A by Austin Appleby, with the seed that Redis uses.
fn hash(element: &[u8]) -> u64 {
    const FACTOR: u64 = 0xc6a4_a793_5bd1_e995;
    let length = u64::try_from(element.len()).expect("64 bits");
    let mut hash = 0xadc8_3b19 ^ length.wrapping_mul(FACTOR);
    for chunk in element.chunks(8) {
        let mut bytes = [0; 8];
        bytes[..chunk.len()].copy_from_slice(chunk);
        let mut word = u64::from_le_bytes(bytes);
        if chunk.len() == 8 {
            word = word.wrapping_mul(FACTOR);
            word = (word ^ (word >> 47)).wrapping_mul(FACTOR);
        }
        hash = (hash ^ word).wrapping_mul(FACTOR);
    }
    hash = (hash ^ (hash >> 47)).wrapping_mul(FACTOR);
    hash ^ (hash >> 47)
}

/// The register of an element, and the value that the element asks for.
fn register(element: &[u8]) -> (u16, u8) {
    let hash = hash(element);
    let zeros = (hash >> 14 | 1 << 50).trailing_zeros();
    (u16::try_from(hash % u64::from(REGISTERS)).expect("below"), u8::try_from(zeros + 1).expect("at most 51"))
}

fn raise(registers: &mut Registers, at: u16, value: u8) {
    let old = registers.entry(at).or_default();
    *old = value.max(*old);
}

/// Refuses a string that does not begin as a HyperLogLog does.
fn check(bytes: &[u8]) -> Result<(), Refused> {
    match bytes {
        [b'H', b'Y', b'L', b'L', 0, ..] if bytes.len() == DENSE => Ok(()),
        [b'H', b'Y', b'L', b'L', 1, ..] if bytes.len() >= HEADER => Ok(()),
        _ => Err(Refused("WRONGTYPE Key is not a valid HyperLogLog string value.".to_owned())),
    }
}

/// The registers that a string spells.
fn spelt(bytes: &[u8]) -> Result<Registers, Refused> {
    check(bytes)?;
    let body = &bytes[HEADER..];
    if bytes[4] == 0 {
        return Ok(dense(body));
    }
    sparse(body).ok_or_else(|| Refused("INVALIDOBJ Corrupted HLL object detected".to_owned()))
}

/// The number of elements that the header of a HyperLogLog's string holds; `None`: its highest bit says that it is out of date.
fn counted(bytes: &[u8]) -> Option<u64> {
    let number = u64::from_le_bytes(bytes[8..HEADER].try_into().expect("8 bytes"));
    (number >> 63 == 0).then_some(number)
}

/// Whether a string spells these registers.
pub(super) fn spells(bytes: &[u8], registers: &Registers) -> bool {
    let right = |number| i128::from(number) == estimate(registers);
    spelt(bytes).is_ok_and(|spelt| spelt == *registers) && counted(bytes).is_none_or(right)
}

/// Six bits a register, the lowest bits of a byte first.
fn dense(body: &[u8]) -> Registers {
    let bit = |at: usize| body[at / 8] >> (at % 8) & 1;
    let value = |at: u16| (0..6).map(|power| bit(usize::from(at) * 6 + power) << power).sum::<u8>();
    (0..REGISTERS).map(|at| (at, value(at))).filter(|(_, value)| *value > 0).collect()
}

/// Runs of equal registers: `00xxxxxx` zeros, `01xxxxxx xxxxxxxx` more zeros, `1vvvvvxx` a value.
fn sparse(mut body: &[u8]) -> Option<Registers> {
    let mut values = Vec::new();
    while let [first, rest @ ..] = body {
        let low = u16::from(first & 0x3f);
        let (value, length);
        (value, length, body) = match first >> 6 {
            0 => (0, low + 1, rest),
            1 => (0, (low << 8 | u16::from(*rest.first()?)) + 1, &rest[1..]),
            _ => ((first >> 2 & 0x1f) + 1, (low & 3) + 1, rest),
        };
        values.extend(std::iter::repeat_n(value, usize::from(length)));
    }
    let is_whole = values.len() == usize::from(REGISTERS);
    is_whole.then(|| (0..).zip(values).filter(|(_, value)| *value > 0).collect())
}

/// The estimate of Otmar Ertl, "New cardinality estimation algorithms for HyperLogLog sketches", 2017, algorithm 6.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "an estimate"
)]
fn estimate(registers: &Registers) -> i128 {
    let all = f64::from(REGISTERS);
    let share = |value: u8| registers.values().filter(|other| **other == value).count() as f64;
    let mut sum = all * tau((all - share(51)) / all);
    for value in (1..=50).rev() {
        sum = 0.5 * (sum + share(value));
    }
    sum += all * sigma((all - registers.len() as f64) / all);
    // 1 / (2 ln 2)
    (0.721_347_520_444_481_7 * all * all / sum).round() as i128
}

fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut sum) = (1.0, x);
    loop {
        x *= x;
        let before = sum;
        sum += x * y;
        y += y;
        if sum == before {
            return sum;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut sum) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = sum;
        y *= 0.5;
        sum -= (1.0 - x) * (1.0 - x) * y;
        if sum == before {
            return sum / 3.0;
        }
    }
}

/// The registers in the key at `at`; `None`: there is no key.
fn registers(call: &Call<'_>, at: usize) -> Result<Option<Registers>, Refused> {
    if let Some(Value::HyperLogLog(registers)) = call.held(at).map(|held| held.value) {
        return Ok(Some(registers));
    }
    call.string(at)?.map(|bytes| spelt(&bytes)).transpose()
}

pub(super) fn pfadd(call: &mut Call<'_>) -> Told {
    if let ([_], Ok(Some(bytes))) = (call.args, call.string(0)) {
        // There is nothing to add, so Redis does not read the registers.
        check(&bytes)?;
        return number(0);
    }
    let old = registers(call, 0)?;
    let mut new = old.clone().unwrap_or_default();
    for element in &call.args[1..] {
        let (at, value) = register(element);
        raise(&mut new, at, value);
    }
    let changes = old.as_ref() != Some(&new);
    if changes {
        call.put(0, Value::HyperLogLog(new));
    }
    number(i128::from(changes))
}

/// The registers of all these keys together.
fn merged(call: &Call<'_>) -> Result<Registers, Refused> {
    let mut merged = Registers::new();
    for at in 0..call.args.len() {
        for (at, value) in registers(call, at)?.unwrap_or_default() {
            raise(&mut merged, at, value);
        }
    }
    Ok(merged)
}

pub(super) fn pfcount(call: &mut Call<'_>) -> Told {
    if let ([_], Ok(Some(bytes))) = (call.args, call.string(0)) {
        // The number in the header is believed before the registers are read.
        check(&bytes)?;
        if let Some(number_in_header) = counted(&bytes) {
            return number(i128::from(number_in_header));
        }
    }
    number(estimate(&merged(call)?))
}

pub(super) fn pfmerge(call: &mut Call<'_>) -> Told {
    let merged = merged(call)?;
    call.put(0, Value::HyperLogLog(merged));
    ok()
}
