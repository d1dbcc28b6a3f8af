//! Tests of random choices: every member has the same probability, and a large set is not read. Also of what combinations of
//! sets read.

use crate::command::fixture::Fixture;
use crate::command::{Command, Reply, View};
use crate::store::memory::MemoryStore;
use crate::store::{Read, StoreError, Visit, element};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

/// Number of members of the large set `s`; their names are numbers below it.
const MEMBERS: usize = 10_000;

/// A store that counts the records and ranges that are read from it.
struct Counted<'a> {
    store: &'a MemoryStore,
    records: Cell<usize>,
    scans: Cell<usize>,
}

impl Counted<'_> {
    fn scanned(&self, visit: &mut Visit<'_>, raw: &[u8], value: &[u8]) -> ControlFlow<()> {
        self.records.set(self.records.get() + 1);
        visit(raw, value)
    }
}

impl Read for Counted<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.records.set(self.records.get() + 1);
        self.store.get(key)
    }

    fn scan(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.scans.set(self.scans.get() + 1);
        self.store.scan(from, to, &mut |raw, value| self.scanned(visit, raw, value))
    }

    fn scan_back(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.store.scan_back(from, to, &mut |raw, value| self.scanned(visit, raw, value))
    }
}

/// A fixture with the set `s`, whose members are numbers.
fn with_members(count: usize) -> Fixture {
    let mut fixture = Fixture::new();
    let members: Vec<String> = (0..count).map(|number| number.to_string()).collect();
    fixture.run(&format!("SADD s {}", members.join(" ")));
    fixture
}

/// Runs a command that reads, and returns the members in its reply, and how many records and ranges it read.
fn drawn(fixture: &Fixture, line: &str, random: u64) -> (Vec<Vec<u8>>, usize, usize) {
    let counted = Counted { store: &fixture.store, records: Cell::new(0), scans: Cell::new(0) };
    let view = View::new(&counted, 0, fixture.now).with_random(random);
    let argv = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
    let command = Command::parse(0, argv).expect("a command");
    let (reply, _) = command.execute(&view, fixture.now).expect("a store in memory does not fail");
    (members(reply), counted.records.get(), counted.scans.get())
}

/// The members in a reply.
fn members(reply: Reply) -> Vec<Vec<u8>> {
    match reply {
        Reply::Array(items) | Reply::Set(items) => items.into_iter().flat_map(members).collect(),
        Reply::Bulk(member) => vec![member],
        Reply::Null => Vec::new(),
        other => panic!("{other:?} has no members"),
    }
}

/// Another random number for each call of a test.
fn spread(call: u64) -> u64 {
    call.wrapping_mul(0x1234_5678_9abc_def1)
}

fn number(member: &[u8]) -> usize {
    std::str::from_utf8(member).expect("digits").parse().expect("a number")
}

/// Asserts that members were drawn as if each had the same probability: chi-square of the `times` that each was drawn, within
/// five standard deviations.
fn assert_uniform(times: &[u32], what: &str) {
    let degrees = times.len() as f64 - 1.0;
    let expected = f64::from(times.iter().sum::<u32>()) / times.len() as f64;
    let square: f64 = times.iter().map(|times| (f64::from(*times) - expected).powi(2) / expected).sum();
    let deviation = (square - degrees) / (2.0 * degrees).sqrt();
    println!("{what}: chi-square {square:.0} with {degrees} degrees of freedom: {deviation:+.2} deviations");
    assert!(deviation.abs() < 5.0, "{what}: {deviation:+.2} standard deviations from uniform");
}

#[test]
fn draws_from_a_large_set_are_uniform() {
    let fixture = with_members(MEMBERS);
    for (line, calls) in [("SRANDMEMBER s -150", 270), ("SRANDMEMBER s 150", 270), ("SRANDMEMBER s", 30_000)]
    {
        let mut times = vec![0; MEMBERS];
        for call in 0..calls {
            for member in drawn(&fixture, line, spread(call)).0 {
                times[number(&member)] += 1;
            }
        }
        assert_uniform(&times, line);
    }
}

#[test]
fn draws_from_a_set_just_large_enough_and_from_a_small_one_are_uniform() {
    for count in [128, 129, 200] {
        let fixture = with_members(count);
        let mut times = vec![0; count];
        for call in 0..20_000 {
            let (members, ..) = drawn(&fixture, "SRANDMEMBER s", spread(call));
            assert_eq!(members.len(), 1);
            times[number(&members[0])] += 1;
        }
        assert_uniform(&times, &format!("one of {count}"));
    }
}

#[test]
fn draw_from_a_large_set_reads_few_records() {
    let fixture = with_members(MEMBERS);
    let (mut records_most, mut records_all, mut scans_all) = (0, 0, 0);
    for call in 0..1_000 {
        let (_, records, scans) = drawn(&fixture, "SRANDMEMBER s", call);
        (records_most, records_all) = (records_most.max(records), records_all + records);
        scans_all += scans;
    }
    println!("records: {records_all} in 1000 draws, at most {records_most}; ranges: {scans_all}");
    assert!(records_most < 1_000, "{records_most} records in one draw");
    assert!(records_all < 100 * 1_000, "{records_all} records in 1000 draws");
    assert!(scans_all < 6 * 1_000, "{scans_all} ranges in 1000 draws");
    let (_, records, _) = drawn(&fixture, "SRANDMEMBER s 100", 7);
    assert!(records < MEMBERS, "{records} records for 100 members");
    let (members, records, scans) = drawn(&fixture, "SRANDMEMBER s 9000", 7);
    assert_eq!(
        (members.len(), records, scans),
        (9_000, MEMBERS + 1, 1),
        "a large part: the set is read once"
    );
}

#[test]
fn distinct_draws_are_distinct_and_repeated_ones_are_as_many_as_asked_for() {
    for count in [3, 128, 129, 1_000, MEMBERS] {
        let fixture = with_members(count);
        for wanted in [0, 1, 2, count / 64, count / 64 + 1, count / 2, count - 1, count, count + 1] {
            let (members, ..) = drawn(&fixture, &format!("SRANDMEMBER s {wanted}"), 42);
            assert_eq!(members.len(), wanted.min(count), "{wanted} of {count}");
            let distinct: BTreeSet<Vec<u8>> = members.into_iter().collect();
            assert_eq!(distinct.len(), wanted.min(count), "{wanted} of {count}");
            if wanted > 0 {
                let (members, ..) = drawn(&fixture, &format!("SRANDMEMBER s -{wanted}"), 42);
                assert_eq!(members.len(), wanted, "-{wanted} of {count}");
            }
        }
    }
}

#[test]
fn srandmember_with_a_count_that_does_not_fit_in_memory_is_refused() {
    let mut fixture = with_members(3);
    assert!(fixture.run("SRANDMEMBER s -1048577").is_error());
    assert_eq!(members(fixture.run("SRANDMEMBER s -1048576")).len(), 1 << 20);
    assert_eq!(fixture.run("SRANDMEMBER none -4000000000000000000"), Reply::Array(Vec::new()));
}

#[test]
fn spop_takes_each_member_once_until_none_is_left() {
    for count in [1, 5, 700] {
        let mut fixture = with_members(count);
        let mut seen = BTreeSet::new();
        for left in (0..count).rev() {
            fixture.random = left as u64;
            let member = members(fixture.run("SPOP s"));
            assert!(seen.insert(member), "a member came twice");
            assert_eq!(fixture.run("SCARD s"), Reply::count(left));
        }
        assert_eq!(fixture.run("SPOP s"), Reply::Null);
        assert_eq!(fixture.records(), 0);
    }
}

#[test]
fn spop_is_logged_as_what_it_drew() {
    for (count, name) in [(1, "SREM"), (15, "SREM"), (300, "SREM"), (700, "DEL"), (900, "DEL")] {
        let (mut popped, mut told) = (with_members(700), with_members(700));
        let line = format!("SPOP s {count}");
        let argv = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        popped.random = 42;
        let effect = popped.effect(&line);
        let logged = Command::parse(0, argv).expect("a command").without_chance(&effect);
        assert!(logged.to_string().starts_with(name), "{line}: {logged}");
        let words: Vec<&[u8]> = logged.argv().iter().map(Vec::as_slice).collect();
        told.run_in(0, &words);
        assert_eq!(told.store, popped.store, "{line}");
    }
}

/// Members with equal hashes. A checksum stays as it is if a multiple of its polynomial is added to the text, at any byte.
fn colliding() -> Vec<Vec<u8>> {
    let bits: Vec<u8> = std::iter::once(1)
        .chain((0..32).rev().map(|bit| u8::from(0x1edc_6f41_u32 >> bit & 1 == 1)))
        .collect();
    let pattern: Vec<u8> =
        bits.chunks(8).map(|byte| byte.iter().enumerate().map(|(at, bit)| bit << at).sum::<u8>()).collect();
    let member = |number: u32| {
        let mut member = vec![b'x'; 12];
        for at in (0..8).filter(|at| number >> at & 1 == 1) {
            pattern.iter().zip(&mut member[at..]).for_each(|(add, byte)| *byte ^= add);
        }
        member
    };
    let members: Vec<Vec<u8>> = (0..256).map(member).collect();
    let hashes: BTreeSet<Vec<u8>> =
        members.iter().map(|member| element::of_member(member)[..4].to_vec()).collect();
    assert_eq!(hashes.len(), 1, "the hashes are equal");
    members
}

#[test]
fn members_with_equal_hashes_are_drawn_too() {
    let colliding = colliding();
    for others in [0, 1_000] {
        let mut fixture = if others == 0 { Fixture::new() } else { with_members(others) };
        let argv = [&b"SADD"[..], b"s"].into_iter().chain(colliding.iter().map(Vec::as_slice));
        fixture.run_in(0, &argv.collect::<Vec<_>>());
        assert_eq!(fixture.run("SCARD s"), Reply::count(others + 256));
        let (mut times, mut seen) = (BTreeMap::new(), BTreeSet::new());
        for call in 0..1_000 {
            let member = drawn(&fixture, "SRANDMEMBER s", call).0.remove(0);
            *times.entry(colliding.contains(&member)).or_insert(0) += 1;
            seen.insert(member);
        }
        println!("with {others} others, a member with the shared hash or another was drawn: {times:?}");
        assert!(times[&true] > 0, "one with the shared hash");
        assert!(others > 0 || seen.len() > 200, "{} of 256: those beyond the window, too", seen.len());
        let (seven, ..) = drawn(&fixture, "SRANDMEMBER s 7", 7);
        assert_eq!(seven.into_iter().collect::<BTreeSet<_>>().len(), 7);
        assert_eq!(members(fixture.run("SPOP s 1256")).len(), others + 256);
        assert_eq!(fixture.records(), 0);
    }
}

#[test]
fn combination_of_sets_reads_the_small_ones() {
    let mut fixture = with_members(MEMBERS);
    fixture.run("SADD few 1 2 x");
    for (line, count, most) in [
        ("SINTER s few", 2, 10),
        ("SINTER few s", 2, 10),
        ("SDIFF few s", 1, 10),
        ("SDIFF s few", MEMBERS - 2, MEMBERS + 10),
    ] {
        let (members, records, _) = drawn(&fixture, line, 0);
        assert_eq!(members.len(), count, "{line}");
        assert!(records <= most, "{line}: {records} records");
    }
}
