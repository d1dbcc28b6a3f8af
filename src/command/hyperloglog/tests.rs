//! Tests of properties that a transcript of a real server cannot show: effects, forms of the registers, the estimate's error.

use super::estimate::{Histogram, estimate};
use super::hash::place;
use super::sparse::{self, Change};
use super::value::{REGISTERS, Registers, Sketch};
use crate::command::Reply;
use crate::command::fixture::Fixture;
use crate::command::random::Random;
use crate::time::Millis;

#[test]
fn hyperloglog_writes_that_change_nothing_have_no_effect() {
    let mut fixture = Fixture::new();
    fixture.run("PFADD a x y z");
    fixture.run("PFADD b x");
    for line in [
        "PFADD a",
        "PFADD a x y",
        "PFMERGE a",
        "PFMERGE a b",
        "PFMERGE a a b none",
        "PFCOUNT a",
        "PFCOUNT a b",
    ] {
        assert!(fixture.effect(line).is_empty(), "{line}");
    }
    for line in ["PFADD a w v u t", "PFMERGE b a", "PFMERGE c a b", "PFADD d"] {
        assert_eq!(fixture.effect(line).writes.len(), 1, "{line}");
    }
}

#[test]
fn hyperloglog_over_a_dead_hash_takes_nothing_from_it() {
    for line in ["PFADD h x", "PFMERGE h s"] {
        let mut fixture = Fixture::new();
        fixture.run("PFADD s x");
        fixture.run("HSET h f v g w");
        fixture.run("PEXPIRE h 5");
        fixture.now = Millis(2000);
        fixture.run(line);
        assert_eq!(fixture.run("PFCOUNT h"), Reply::Integer(1), "{line}");
        assert_eq!(fixture.run("PTTL h"), Reply::Integer(-1), "{line}");
        assert_eq!(fixture.records(), 2, "{line}");
    }
}

/// In Redis, elements before the damage that is found may have been added.
#[test]
fn pfadd_to_a_damaged_string_adds_nothing() {
    let bytes = [b"HYLL\x01".as_slice(), &[0; 10], &[0x80, 0x50, 0x00]].concat();
    let mut fixture = Fixture::new();
    fixture.run_in(0, &[b"SET", b"k", &bytes]);
    // The register of `x` is beyond the damage, those of the others are not.
    let elements = ["0", "1", "2", "3", "4", "5", "x"].map(str::as_bytes);
    assert!(elements.iter().any(|element| place(element).0 < 4097));
    let (reply, effect) = fixture.run_in(0, &[[b"PFADD".as_slice(), b"k"].as_slice(), &elements].concat());
    assert!(reply.is_error() && effect.is_empty(), "{reply:?}");
}

#[test]
fn registers_of_both_forms_are_the_largest_numbers_added() {
    for seed in 0..20 {
        let mut random = Random::new(seed);
        let (mut sketch, mut model) = (Sketch::empty(), vec![0; REGISTERS]);
        let (reach, largest) = (1 + random.below(REGISTERS), 1 + random.below(32));
        for step in 0..2_000 {
            let register = random.below(reach);
            let number = u8::try_from(1 + random.below(largest)).expect("32 at most");
            let was_dense = sketch.is_dense();
            sketch.raise(register, number).expect("it is not damaged");
            model[register] = number.max(model[register]);
            assert!(sketch.is_dense() || sketch.bytes().len() <= 3_000, "seed {seed}, step {step}");
            assert!(sketch.is_dense() || !was_dense, "seed {seed}, step {step}: sparse again");
            if step % 100 == 0 || was_dense != sketch.is_dense() {
                let mut registers = Registers::empty();
                registers.raise_to(&sketch).expect("it is not damaged");
                assert_eq!(registers.numbers(), model, "seed {seed}, step {step}");
            }
        }
    }
}

#[test]
fn sparse_form_becomes_dense_at_a_number_beyond_32() {
    let mut sketch = Sketch::empty();
    sketch.raise(5, 32).expect("it is not damaged");
    assert!(!sketch.is_dense());
    sketch.raise(16_383, 33).expect("it is not damaged");
    assert!(sketch.is_dense());
    let mut registers = Registers::empty();
    registers.raise_to(&sketch).expect("it is not damaged");
    let expected = |register| match register {
        5 => 32,
        16_383 => 33,
        _ => 0,
    };
    assert_eq!(registers.numbers(), (0..REGISTERS).map(expected).collect::<Vec<u8>>());
}

#[test]
fn sparse_runs_without_room_stay_as_they_are() {
    let mut runs = sparse::empty();
    assert_eq!(sparse::raise(&mut runs, 100, 3, 5), Change::Done);
    let before = runs.clone();
    assert_eq!(before.len(), 5, "zeros, the number, zeros");
    assert_eq!(sparse::raise(&mut runs, 200, 3, 6), Change::NoRoom);
    assert_eq!(sparse::raise(&mut runs, 100, 33, 100), Change::NoRoom);
    assert_eq!(sparse::raise(&mut runs, 100, 3, 5), Change::None);
    assert_eq!(runs, before);
    assert_eq!(sparse::raise(&mut runs, 100, 31, 5), Change::Done, "a run is replaced by one of its size");
    assert_eq!(sparse::raise(&mut runs, 100, 32, 4), Change::Done, "and in runs that are too long already");
    assert_eq!(sparse::raise(&mut runs, REGISTERS, 1, 100), Change::Damaged);
}

#[test]
fn estimate_of_many_elements_is_close() {
    let mut sketch = Sketch::empty();
    let mut added = 0_u32;
    for target in [10, 100, 1_000, 10_000, 100_000] {
        for element in added..target {
            let (register, number) = place(format!("element:{element}").as_bytes());
            sketch.raise(register, number).expect("it is not damaged");
        }
        added = target;
        let count = sketch.count().expect("it is not damaged") as f64;
        let error = (count / f64::from(target) - 1.0).abs();
        assert!(error < 0.025, "{count} instead of {target}: three times the standard error");
    }
}

/// The sparse run of `length` registers with `number`.
fn run(number: u8, length: u8) -> u8 {
    0x80 | (number - 1) << 2 | (length - 1)
}

/// Five runs are looked at, from the one before the change on. Zeros are never joined.
#[test]
fn sparse_runs_near_the_change_are_joined_as_in_redis() {
    let cases: [(&[u8], usize, u8, &[u8]); 5] = [
        (&[run(5, 3), 3], 3, 5, &[run(5, 4), 2]),
        (&[run(5, 4), 3], 4, 5, &[run(5, 4), run(5, 1), 2]),
        (&[0, 0, 0], 0, 5, &[run(5, 1), 0, 0]),
        (
            &[run(1, 1), run(2, 3), run(3, 1), run(3, 1)],
            2,
            9,
            &[run(1, 1), run(2, 1), run(9, 1), run(2, 1), run(3, 2)],
        ),
        (
            &[run(1, 1), run(2, 3), run(3, 1), run(4, 1), run(4, 1)],
            2,
            9,
            &[run(1, 1), run(2, 1), run(9, 1), run(2, 1), run(3, 1), run(4, 1), run(4, 1)],
        ),
    ];
    for (before, register, number, after) in cases {
        let mut runs = before.to_vec();
        assert_eq!(sparse::raise(&mut runs, register, number, 100), Change::Done);
        assert_eq!(runs, after, "{before:x?}: register {register} raised to {number}");
    }
}

/// A dense HyperLogLog with the stored number of elements 7; its first register is 3, the others are 0.
fn dense() -> Vec<u8> {
    let mut bytes = [b"HYLL".as_slice(), &[0; 4], &[7], &[0; 7]].concat();
    bytes.resize(16 + REGISTERS * 6 / 8, 0);
    bytes[16] = 3;
    bytes
}

#[test]
fn hyperloglog_that_was_merged_with_a_dense_one_is_dense() {
    let (long, short) = (Reply::count(dense().len()), Reply::Integer(20));
    for (line, length) in [
        ("PFMERGE k d", &long),
        ("PFMERGE k s d", &long),
        ("PFMERGE k d s", &long),
        ("PFMERGE k d none", &long),
        ("PFMERGE k s", &short),
    ] {
        let mut fixture = Fixture::new();
        fixture.run_in(0, &[b"SET", b"d", &dense()]);
        fixture.run("PFADD s x");
        fixture.run(line);
        assert_eq!(fixture.run("STRLEN k"), *length, "{line}");
    }
}

#[test]
fn dense_hyperloglog_of_another_length_is_refused() {
    for (length, is_refused) in [(12_303, true), (12_304, false), (12_305, true)] {
        let (mut fixture, mut bytes) = (Fixture::new(), dense());
        bytes.resize(length, 0);
        fixture.run_in(0, &[b"SET", b"k", &bytes]);
        for line in ["PFCOUNT k", "PFADD k x", "PFMERGE k"] {
            assert_eq!(fixture.run(line).is_error(), is_refused, "{line}, {length} bytes");
        }
    }
}

#[test]
fn stored_number_of_elements_is_valid_until_a_register_changes() {
    let mut sketch = Sketch::parse(dense()).expect("it is one");
    for (number, flag) in [(2, 0), (3, 0), (4, 0x80), (4, 0x80)] {
        sketch.raise(0, number).expect("it is not damaged");
        assert_eq!(sketch.bytes()[8..16], [7, 0, 0, 0, 0, 0, 0, flag], "raised to {number}");
    }
    let mut sparse = Sketch::empty().bytes().to_vec();
    sparse[8] = 7;
    let mut sketch = Sketch::parse(sparse).expect("it is one");
    sketch.raise(0, 33).expect("it is not damaged");
    assert!(sketch.is_dense());
    assert_eq!(sketch.bytes()[8..16], [7, 0, 0, 0, 0, 0, 0, 0x80], "the dense form keeps the number");
}

/// The hashes of these elements have no bit, or only their highest bits, above those that choose the register.
#[test]
fn number_of_a_hash_of_zeros_is_51_at_most() {
    for (element, expected) in [
        (b"\xf4\x2f\xd7\x00\x8e\x52\x87\x12", (5, 51)),
        (b"\x0e\x4d\x9a\xc1\x43\x11\x2b\xd9", (8_192, 51)),
        (b"\xe9\x13\x2e\x1a\x88\x15\xdb\x74", (5, 50)),
        (b"\xe6\x94\xe7\x60\x6e\x29\x8e\x72", (16_383, 49)),
    ] {
        assert_eq!(place(element), expected, "{}", element.escape_ascii());
    }
}

/// How many registers have each number when `elements` were added, on average: a register is at most k with the probability
/// exp(-elements / registers / 2^k).
#[expect(clippy::cast_possible_truncation, reason = "at most the number of registers")]
fn expected_registers(elements: f64) -> Histogram {
    let all = REGISTERS as f64;
    let at_most = |number: i32| (all * (-elements / all * 2_f64.powi(-number)).exp()).round() as u32;
    let (mut histogram, mut below): (Histogram, u32) = ([0; 64], 0);
    for (number, count) in (0..).zip(&mut histogram[..51]) {
        (*count, below) = (at_most(number) - below, at_most(number));
    }
    histogram[51] = 16_384 - below;
    histogram
}

/// With 2^60 elements and more, some registers are full.
#[test]
fn estimate_of_the_expected_registers_is_the_number_of_elements() {
    for power in [4, 10, 20, 30, 40, 50, 60, 62, 63] {
        let elements = 2_f64.powi(power);
        let error = (estimate(&expected_registers(elements)) as f64 / elements - 1.0).abs();
        assert!(error < 0.001, "2^{power} elements: error {error}");
    }
    let mut sketch = Sketch::empty();
    (0..REGISTERS).for_each(|register| sketch.raise(register, 40).expect("it is not damaged"));
    let count = sketch.count().expect("it is not damaged");
    assert!((1 << 53..1 << 54).contains(&count), "{count} of 0.72 * 2^54, all registers being 40");
}
