//! Tests of properties that a transcript of a real server cannot show: effects, forms of the registers, the estimate's error.

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
    assert_eq!(sparse::raise(&mut runs, 100, 32, 5), Change::Done, "a run is replaced by one of its size");
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
