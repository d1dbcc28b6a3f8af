//! Lag in entries, bytes and milliseconds, against sums over the whole log.

use crate::property::properties;
use replicheck::binlog::Lsn;
use replicheck::replication::Tail;
use replicheck::replication::lag::{Lag, MARKS_MAX, Marks};
use replicheck::time::Millis;

fn tail(last: u64, time: u64, bytes: u64) -> Tail {
    Tail { last: Lsn(last), time: Millis(time), bytes }
}

fn lag(entries: u64, bytes: Option<u64>, ms: Option<u64>) -> Lag {
    Lag { entries: Some(entries), bytes, ms }
}

#[test]
fn lag_in_bytes_is_known_once_the_end_was_reached() {
    let mut marks = Marks::new(Lsn(5));
    marks.end(tail(8, 1000, 5_000));
    assert_eq!(marks.lag(Lsn(5)), lag(3, None, None), "nothing is known of the time of entry 5");
    marks.pass(Lsn(7), 60, Millis(900));
    assert_eq!(marks.lag(Lsn(5)), lag(3, None, None));
    assert_eq!(marks.lag(Lsn(7)), lag(1, None, Some(100)));
    marks.pass(Lsn(8), 40, Millis(1000));
    assert_eq!(marks.lag(Lsn(7)), lag(1, Some(40), Some(100)));
    marks.end(tail(12, 1500, 5_200));
    assert_eq!(marks.lag(Lsn(7)), lag(5, Some(240), Some(600)));
    assert_eq!(marks.lag(Lsn(8)), lag(4, Some(200), Some(500)));
    marks.pass(Lsn(8), 0, Millis(1400));
    assert_eq!(marks.lag(Lsn(8)), lag(4, Some(200), Some(100)), "a heartbeat advanced log time");
    assert_eq!(marks.lag(Lsn(12)), lag(0, Some(0), Some(0)));
}

#[test]
fn lag_heartbeats_while_nothing_is_written_make_nothing_coarser() {
    let mut marks = Marks::new(Lsn(5));
    marks.pass(Lsn(6), 10, Millis(100));
    (0..3 * MARKS_MAX as u64).for_each(|beat| marks.pass(Lsn(7), 0, Millis(200 + beat)));
    marks.end(tail(7, 9000, 10));
    assert_eq!(marks.lag(Lsn(6)), lag(1, Some(0), Some(8900)));
}

#[test]
fn lag_with_more_marks_than_are_kept_is_never_too_small() {
    let groups = 5 * MARKS_MAX as u64;
    let mut marks = Marks::new(Lsn(0));
    marks.end(tail(groups, groups, 10 * groups));
    (1..=groups).for_each(|lsn| marks.pass(Lsn(lsn), 10, Millis(lsn)));
    let mut exact = 0;
    for lsn in 1..=groups {
        let lag = marks.lag(Lsn(lsn));
        let (bytes, ms) = (lag.bytes.expect("the end was reached"), lag.ms.unwrap_or(u64::MAX));
        assert!(
            lag.entries == Some(groups - lsn) && bytes >= 10 * (groups - lsn) && ms >= groups - lsn,
            "{lsn}: {lag:?}"
        );
        exact += u64::from(bytes == 10 * (groups - lsn));
    }
    assert!(exact > MARKS_MAX as u64 / 4, "{exact} of {groups} are exact");
}

properties! {
    fn prop_lag_of_small_sessions_is_the_sum_of_what_is_lacking(start: u32, base: u64, groups: Vec<(u8, u8)>) -> bool {
        let start = u64::from(start);
        let mut marks = Marks::new(Lsn(start));
        let (mut lsn, mut bytes, mut ends) = (start, 0_u64, vec![(start, 0_u64)]);
        for (entries, length) in groups {
            lsn += u64::from(entries) + 1;
            bytes += u64::from(length);
            marks.pass(Lsn(lsn), u64::from(length), Millis(lsn));
            ends.push((lsn, bytes));
        }
        marks.end(tail(lsn, lsn, base.wrapping_add(bytes)));
        ends.into_iter().all(|(at, there)| {
            let lag = marks.lag(Lsn(at));
            lag.entries == Some(lsn - at) && lag.bytes == Some(bytes - there) && (at == start || lag.ms == Some(lsn - at))
        })
    }
}
