//! Tests of properties that a transcript of a real server cannot show: effects, lengths, drawn sequences of commands.

use crate::command::fixture::Fixture;
use crate::command::random::Random;
use crate::command::{Command, Reply};
use crate::effect::Write;
use crate::time::Millis;

fn command(line: &str) -> Command {
    Command::parse(0, line.split(' ').map(|word| word.as_bytes().to_vec()).collect()).expect("a command")
}

#[test]
fn length_asked_for_is_that_of_the_highest_bit_written() {
    for (line, length) in [
        ("SETBIT k 0 1", 1),
        ("SETBIT k 7 0", 1),
        ("SETBIT k 8 1", 2),
        ("SETBIT k 4294967295 1", 512 << 20),
        ("SETBIT k 4294967296 1", 0),
        ("SETBIT k 8 2", 0),
        ("SETBIT k -1 1", 0),
        ("GETBIT k 4294967295", 0),
        ("BITFIELD k SET u8 0 1", 1),
        ("BITFIELD k SET u8 1 1", 2),
        ("BITFIELD k GET u8 800 INCRBY i4 #9 1 SET u2 0 1", 5),
        ("BITFIELD k OVERFLOW FAIL SET u1 4294967295 9", 512 << 20),
        ("BITFIELD k SET u63 4294967295 9", (512 << 20) + 8),
        ("BITFIELD k SET u1 4294967296 0", 0),
        ("BITFIELD k SET u8 0 1 FOO", 0),
        ("BITFIELD k GET u8 4294967295", 0),
        ("BITFIELD_RO k GET u8 4294967295", 0),
        ("BITOP AND k k", 0),
        ("SETRANGE k 10 v", 11),
    ] {
        assert_eq!(command(line).length_asked_for(), length, "{line}");
    }
}

/// In Redis the product overflows and may name another field.
#[test]
fn bitfield_number_of_a_field_beyond_64_bits_is_refused() {
    let mut fixture = Fixture::new();
    for line in ["BITFIELD k GET u4 #4611686018427387905", "BITFIELD k SET i64 #288230376151711745 1"] {
        assert!(fixture.run(line).is_error(), "{line}");
    }
    assert_eq!(fixture.records(), 0);
}

/// In Redis the distance from such a number to the largest value of the field overflows.
#[test]
fn bitfield_saturating_set_of_the_least_numbers_stores_the_largest_value() {
    for (number, stored) in [
        ("-9223372036854775808", 127),
        ("-9223372036854775681", 127),
        ("-9223372036854775680", -128),
        ("-129", -128),
        ("9223372036854775807", 127),
    ] {
        let mut fixture = Fixture::new();
        fixture.run(&format!("BITFIELD k OVERFLOW SAT SET i8 0 {number}"));
        let seen = fixture.run("BITFIELD k GET i8 0");
        assert_eq!(seen, Reply::Array(vec![Reply::Integer(stored)]), "{number}");
    }
    let mut fixture = Fixture::new();
    let added = fixture.run("BITFIELD k OVERFLOW SAT INCRBY i8 0 -128 INCRBY i8 0 -9223372036854775808");
    assert_eq!(
        added,
        Reply::Array(vec![Reply::Integer(-128), Reply::Integer(-128)]),
        "INCRBY has no such overflow"
    );
}

#[test]
fn bit_writes_that_change_nothing_have_no_effect() {
    let mut fixture = Fixture::new();
    fixture.run("SETBIT k 9 1");
    for line in [
        "SETBIT k 9 1",
        "SETBIT k 0 0",
        "SETBIT k 15 0",
        "BITFIELD k SET u8 8 64",
        "BITFIELD k INCRBY u8 0 1 INCRBY u8 0 -1",
        "BITFIELD k OVERFLOW FAIL INCRBY u1 9 1",
        "BITFIELD k GET u8 100",
        "BITFIELD none GET u8 100",
        "BITFIELD none",
        "BITOP AND none none2",
        "SETBIT k 4294967296 1",
    ] {
        assert!(fixture.effect(line).is_empty(), "{line}");
    }
    for line in [
        "SETBIT k 16 0",
        "BITFIELD k OVERFLOW FAIL SET u1 24 2",
        "SETBIT new 0 0",
        "BITFIELD new2 SET u1 0 0",
    ] {
        assert_eq!(fixture.effect(line).writes.len(), 1, "{line}");
    }
}

#[test]
fn bit_writes_over_a_dead_hash_clear_its_fields() {
    for line in ["SETBIT h 3 1", "BITFIELD h SET u8 0 16", "BITOP OR h s"] {
        let mut fixture = Fixture::new();
        fixture.run("SET s \u{10}");
        fixture.run("HSET h f v g w");
        fixture.run("PEXPIRE h 5");
        fixture.now = Millis(2000);
        let effect = fixture.effect(line);
        assert!(matches!(effect.writes[0], Write::DeleteRange { .. }) && effect.writes.len() == 2, "{line}");
        assert_eq!(fixture.run("GET h"), Reply::bulk("\u{10}"), "{line}");
        assert_eq!(fixture.run("PTTL h"), Reply::Integer(-1), "{line}");
        assert_eq!(fixture.records(), 2, "{line}");
    }
    let mut fixture = Fixture::new();
    fixture.run("HSET h f v");
    fixture.run("PEXPIRE h 5");
    fixture.now = Millis(2000);
    assert!(fixture.effect("BITOP AND h none").is_empty(), "the node removes dead keys itself");
}

#[test]
fn bitpos_of_a_single_bit_is_its_offset() {
    let mut fixture = Fixture::new();
    for offset in 0..24 {
        let one: Vec<u8> = (0..3).map(|at| if at == offset / 8 { 0x80 >> (offset % 8) } else { 0 }).collect();
        let zero: Vec<u8> = one.iter().map(|byte| !byte).collect();
        for (bytes, line) in [(one, "BITPOS k 1"), (zero, "BITPOS k 0")] {
            fixture.run_in(0, &[b"SET", b"k", &bytes]);
            assert_eq!(fixture.run(line), Reply::count(offset), "{line} of {bytes:x?}");
        }
    }
}

#[test]
fn bitfield_overflow_holds_for_all_fields_up_to_the_next_one() {
    for (fields, values) in [
        ("INCRBY u2 0 9 INCRBY u2 2 9", vec![Some(1), Some(1)]),
        ("OVERFLOW SAT INCRBY u2 0 9 INCRBY u2 2 9", vec![Some(3), Some(3)]),
        ("OVERFLOW FAIL SET u2 0 4 GET u2 0 INCRBY u2 2 9", vec![None, Some(0), None]),
        (
            "OVERFLOW SAT INCRBY u2 0 9 INCRBY u2 2 9 OVERFLOW WRAP INCRBY u2 4 9 INCRBY u2 6 9",
            vec![Some(3), Some(3), Some(1), Some(1)],
        ),
    ] {
        let replies = values.into_iter().map(|value| value.map_or(Reply::Null, Reply::Integer)).collect();
        assert_eq!(Fixture::new().run(&format!("BITFIELD k {fields}")), Reply::Array(replies), "{fields}");
    }
}

/// The integer that the bits from `offset` on are.
fn number(bits: &[bool], offset: usize, width: usize, is_signed: bool) -> i64 {
    let of = |at: usize| i64::from(bits.get(at).copied().unwrap_or_default());
    let first = if is_signed { -of(offset) } else { of(offset) };
    (offset + 1..offset + width).fold(first, |number, at| number * 2 + of(at))
}

/// A command drawn at random, and its reply to the string `bits`, which it changes.
fn draw(random: &mut Random, bits: &mut Vec<bool>) -> (String, Reply) {
    let (offset, width, is_signed) = (random.below(150), 1 + random.below(63), random.below(2) == 0);
    let sign = if is_signed { 'i' } else { 'u' };
    let end = offset + random.below(80);
    let range = offset.min(bits.len())..(end + 1).min(bits.len());
    match random.below(6) {
        0 | 1 => {
            let bit = random.below(2) == 1;
            let old = bits.get(offset).copied().unwrap_or_default();
            bits.resize(bits.len().max((offset / 8 + 1) * 8), false);
            bits[offset] = bit;
            (format!("SETBIT k {offset} {}", u8::from(bit)), Reply::truth(old))
        }
        2 => {
            let old = number(bits, offset, width, is_signed);
            let last = offset + width - 1;
            bits.resize(bits.len().max((last / 8 + 1) * 8), false);
            let value = i64::try_from(random.below(1 << 62)).expect("62 bits");
            for (place, at) in (offset..=last).rev().enumerate() {
                bits[at] = value >> place & 1 == 1;
            }
            let line = format!("BITFIELD k SET {sign}{width} {offset} {value}");
            (line, Reply::Array(vec![Reply::Integer(old)]))
        }
        3 => {
            let value = number(bits, offset, width, is_signed);
            let line = format!("BITFIELD_RO k GET {sign}{width} {offset}");
            (line, Reply::Array(vec![Reply::Integer(value)]))
        }
        4 => {
            let count = bits[range].iter().filter(|bit| **bit).count();
            (format!("BITCOUNT k {offset} {end} BIT"), Reply::count(count))
        }
        _ => {
            let wanted = random.below(2) == 1;
            let found = range.into_iter().find(|&at| bits[at] == wanted);
            let missing = if bits.is_empty() && !wanted { Reply::Integer(0) } else { Reply::Integer(-1) };
            let line = format!("BITPOS k {} {offset} {end} BIT", u8::from(wanted));
            (line, found.map_or(missing, Reply::count))
        }
    }
}

#[test]
fn bits_after_drawn_commands_are_those_of_a_list_of_bits() {
    for seed in 0..60 {
        let (mut fixture, mut random, mut bits) = (Fixture::new(), Random::new(seed), Vec::new());
        for step in 0..60 {
            let (line, expected) = draw(&mut random, &mut bits);
            assert_eq!(fixture.run(&line), expected, "seed {seed}, step {step}: {line}");
        }
        let byte = |bits: &[bool]| bits.iter().fold(0, |byte: u8, bit| byte << 1 | u8::from(*bit));
        let expected: Vec<u8> = bits.chunks(8).map(byte).collect();
        assert_eq!(fixture.run("GET k"), Reply::Bulk(expected), "seed {seed}");
    }
}
