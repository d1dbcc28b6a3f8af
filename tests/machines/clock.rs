//! A master's clock under steps of its wall clock, and the conversion of clients' instants to log time.

use crate::property::properties;
use replicheck::binlog::{Entry, Epoch, Payload};
use replicheck::command::{Command, Reply, line};
use replicheck::effect::Key;
use replicheck::expiry::{Judging, Policy};
use replicheck::node::{Master, MasterClock, Pair, STEP_MS, Step};
use replicheck::store::dump;
use replicheck::store::memory::MemoryStore;
use replicheck::time::{Elapsed, Millis, Moment};

const HOUR: i64 = 3_600_000;

fn at(elapsed: u64, wall: u64) -> Moment {
    Moment { elapsed: Elapsed(elapsed), wall: Millis(wall) }
}

/// A clock whose log time was 1,000,000,000 when the elapsed clock said 0.
fn clock(judging: Judging) -> MasterClock {
    let start = Millis(1_000_000_000);
    let mut clock = MasterClock::new(judging, (start, Elapsed(0)), start, at(0, start.0));
    clock.raise(Millis(u64::MAX));
    clock
}

#[test]
fn clock_that_steps_moves_the_offset_and_not_log_time() {
    let mut clock = clock(Judging::LogTime);
    let cases = [
        (5, 0, None),
        (6, 50, None),
        (7, 51, Some((51, 51))),
        (8, 1, None),
        (9, HOUR, Some((HOUR, HOUR - 51))),
        (10, -HOUR, Some((-HOUR, -2 * HOUR))),
        (11, -HOUR, None),
        (12, 0, Some((0, HOUR))),
    ];
    for (elapsed, ahead, stepped) in cases {
        let now = at(elapsed, Millis(1_000_000_000 + elapsed).offset(ahead).0);
        let time = Millis(1_000_000_000 + elapsed);
        let expected = stepped.map(|(offset_ms, by_ms)| Step { time, offset_ms, by_ms });
        assert_eq!(clock.measure(now), expected, "{elapsed}");
        assert_eq!(clock.read(now), Millis(1_000_000_000 + elapsed));
    }
}

#[test]
fn clock_of_a_policy_that_judges_locally_is_the_wall_clock_that_never_goes_back() {
    let mut clock = clock(Judging::Local);
    assert_eq!(clock.read(at(5, 1_000_003_000)), Millis(1_000_003_000));
    assert_eq!(clock.read(at(6, 1_000_000_000)), Millis(1_000_003_000));
    assert_eq!((clock.measure(at(7, 9_000_000_000)), clock.offset_ms()), (None, 0));
}

#[test]
fn clock_offset_stands_still_while_a_group_is_under_way() {
    let mut clock = clock(Judging::LogTime);
    clock.begin(at(1, 1_000_000_001));
    assert_eq!(clock.measure(at(2, 2_000_000_000)), None);
    clock.end();
    assert!(clock.measure(at(2, 2_000_000_000)).is_some());
}

#[test]
fn start_goes_on_by_the_wall_time_that_has_passed_within_bounds() {
    let pair = Pair { log: Millis(500_000), wall: Millis(9_000_000) };
    let day = 86_400_000;
    for (wall, expected) in [
        (9_000_000, 500_000),
        (9_000_700, 500_700),
        (8_000_000, 500_000),
        (9_000_000 + day, 500_000 + day),
        (9_000_001 + day, 500_000 + day),
        (u64::MAX, 500_000 + day),
    ] {
        assert_eq!(pair.resumed(Millis(wall), day), Millis(expected), "wall {wall}");
    }
}

#[test]
fn crashes_do_not_add_up() {
    let (mut pair, mut floor) = (Pair { log: Millis(1_000), wall: Millis(1_000) }, Millis(1_000));
    for crash in 1..=20u64 {
        // 250 ms of wall time pass between two crashes.
        let now = at(crash, 1_000 + crash * 250);
        let mut clock =
            MasterClock::new(Judging::LogTime, (pair.resumed(now.wall, 1 << 30), now.elapsed), floor, now);
        floor = clock.next_ceiling(now, 4_000);
        clock.raise(floor);
        pair = clock.pair(now);
        assert!(clock.read(now).0 <= 1_000 + crash * 250 + 4_000, "crash {crash}");
    }
}

properties! {
    /// Under any steps of the wall clock, log time counts elapsed time. An instant that a client names is converted within 50 ms.
    fn prop_log_time_under_any_steps_is_elapsed_time(steps: Vec<(u16, i32)>) -> bool {
        let (mut stepped, mut still) = (clock(Judging::LogTime), clock(Judging::LogTime));
        let (mut elapsed, mut wall) = (0, Millis(1_000_000_000));
        steps.into_iter().all(|(passes, step)| {
            elapsed += u64::from(passes);
            wall = wall.offset(i64::from(passes) + i64::from(step));
            let now = at(elapsed, wall.0);
            stepped.measure(now);
            let true_wall = Millis(1_000_000_000 + elapsed);
            let (read, expected) = (stepped.read(now), still.read(at(elapsed, true_wall.0)));
            let error = wall.offset(-stepped.offset_ms()).0.abs_diff(read.0);
            read == expected && error <= STEP_MS
        })
    }
}

fn command(text: &str) -> Command {
    Command::parse(0, line::split(text.as_bytes()).expect("a line")).expect("a command")
}

#[test]
fn command_that_names_an_instant_is_translated_and_no_other() {
    for (text, expected) in [
        ("EXPIREAT k 2000000", Some("PEXPIREAT k 1999999000")),
        ("PEXPIREAT k 2000 GT", Some("PEXPIREAT k 1000 GT")),
        ("PEXPIREAT k 1000", Some("PEXPIREAT k 1")),
        ("EXPIREAT k -5", Some("PEXPIREAT k 1")),
        ("SET k v EXAT 2000000", Some("SET k v PXAT 1999999000")),
        ("SET k v NX pxat 2000 GET", Some("SET k v NX PXAT 1000 GET")),
        ("SET k v EXAT 5 EXAT 7", Some("SET k v PXAT 4000 PXAT 6000")),
        ("SET k EXAT EXAT 7", Some("SET k EXAT PXAT 6000")),
        ("GETEX k EXAT 7", Some("GETEX k PXAT 6000")),
        ("SET k v PXAT 0", Some("SET k v PXAT 0")),
        ("SET k v PXAT x", Some("SET k v PXAT x")),
        ("SET k v EXAT 9223372036854776", Some("SET k v PXAT 0")),
        ("EXPIREAT k 9223372036854776", None),
        ("EXPIREAT k x", None),
        ("SET k v EX 7", None),
        ("SET k v", None),
        ("SET EXAT 7", None),
        ("GETEX k PERSIST", None),
        ("SETEX k 7 v", None),
        ("EXPIRE k 7", None),
        ("INCR k", None),
    ] {
        let translated = command(text).in_log_time(1_000).map(|command| command.to_string());
        assert_eq!(translated.as_deref(), expected, "{text}");
    }
}

/// A master at log time 1,000,000 whose wall clock is `offset_ms` ahead of it.
fn master(offset_ms: i64) -> Master<MemoryStore> {
    let mut master = Master::new(MemoryStore::new(), Epoch(1));
    master.set_offset(offset_ms);
    master
}

fn run(master: &mut Master<MemoryStore>, policy: Policy, text: &str) -> (Reply, Vec<Entry>) {
    let mut entries = Vec::new();
    let now = Millis(1_000_000);
    let reply = master.request(&*policy.get(), &command(text), now, 0, &mut entries).expect("memory");
    (reply, entries)
}

#[test]
fn master_stores_log_time_and_answers_by_the_wall_clock() {
    for offset_ms in [0, HOUR, -500_000, 51] {
        let wall = 1_000_000 + offset_ms;
        let mut master = master(offset_ms);
        run(&mut master, Policy::LogClock, "SET k v");
        let set = format!("PEXPIREAT k {}", wall + 10_000);
        assert_eq!(run(&mut master, Policy::LogClock, &set).0, Reply::Integer(1));
        assert_eq!(run(&mut master, Policy::LogClock, "PEXPIRETIME k").0, Reply::Integer(wall + 10_000));
        assert_eq!(run(&mut master, Policy::LogClock, "PTTL k").0, Reply::Integer(10_000));
        let stored = dump(master.store()).expect("memory");
        assert_eq!(stored[&Key::new(0, "k")].deadline, Some(Millis(1_010_000)), "offset {offset_ms}");
        let past = format!("EXPIREAT k {}", wall / 1000 - 1);
        assert_eq!(run(&mut master, Policy::LogClock, &past).0, Reply::Integer(1));
        assert_eq!(run(&mut master, Policy::LogClock, "EXISTS k").0, Reply::Integer(0));
    }
}

#[test]
fn master_logs_commands_in_log_time_and_refuses_what_redis_refuses_in_its_words() {
    let mut clocked = master(1_000);
    let (_, entries) = run(&mut clocked, Policy::Verbatim, "SET k v PXAT 2000000");
    let [Entry { payload: Payload::Command(logged), .. }] = &entries[..] else { panic!("{entries:?}") };
    assert_eq!(logged.to_string(), "SET k v PXAT 1999000");
    for text in [
        "SET k v EXAT 0",
        "SET k v EXAT 9223372036854776",
        "SET k v PXAT x",
        "SET k v EXAT 5 PXAT 7",
        "SET k v EXAT",
        "GETEX k EXAT -1",
        "EXPIREAT k 9223372036854776",
        "EXPIREAT k 5 NX XX",
        "PEXPIREAT k",
    ] {
        let Ok(parsed) = Command::parse(0, line::split(text.as_bytes()).expect("a line")) else { continue };
        let mut plain = master(0);
        let replies = [&mut clocked, &mut plain].map(|master| {
            run(master, Policy::LogClock, "SET k v");
            run(master, Policy::LogClock, &parsed.to_string()).0
        });
        assert_eq!(replies[0], replies[1], "{text}");
    }
}

#[test]
fn master_key_removed_without_an_entry_tells_its_deadline_under_log_time_alone() {
    for policy in Policy::ALL.iter().copied() {
        let mut master = master(0);
        run(&mut master, policy, "SET k v PX 1000");
        let (alive, dead) = (Millis(1_000_999), Millis(1_001_000));
        let mut expire = |now| {
            let mut entries = Vec::new();
            let told = master.expire(&*policy.get(), &Key::new(0, "k"), now, &mut entries).expect("memory");
            (told, entries.len())
        };
        assert_eq!(expire(alive), (None, 0), "{policy:?}");
        let expected = match policy {
            // The master judges by its own clock.
            Policy::Verbatim | Policy::Absolute | Policy::Relative => (None, 0),
            Policy::MasterExpires => (None, 1),
            Policy::AtEntryTime
            | Policy::Pksetat
            | Policy::Effects
            | Policy::StreamClock
            | Policy::LogClock => (Some(dead), 0),
        };
        assert_eq!(expire(dead), expected, "{policy:?}");
        assert_eq!(expire(dead), (None, 0), "{policy:?}: it is removed");
    }
}
