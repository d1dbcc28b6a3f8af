//! The load of `probe run`: what is drawn has every provocation, and a seed draws the same again.

use replicheck::models::provoke::{History, drawn, timed};
use replicheck::models::request::Request;
use std::collections::BTreeSet;

#[test]
fn drawn_round_is_the_same_for_a_seed_and_differs_between_rounds() {
    assert_eq!(drawn(7, 3), drawn(7, 3));
    assert_ne!(drawn(7, 3), drawn(7, 4));
    assert_ne!(drawn(7, 3), drawn(8, 3));
    assert_eq!(timed::drawn(7, 3), timed::drawn(7, 3));
    assert_ne!(timed::drawn(7, 3), timed::drawn(8, 3));
}

#[test]
fn drawn_rounds_have_every_provocation_and_each_write_is_an_entry() {
    let rounds: Vec<Vec<Request>> = (0..60).map(|round| drawn(1, round)).collect();
    for round in &rounds {
        let history = History::of(round).expect("no write gets an error, or depends on time");
        assert_eq!(history.last().0, round.len() as u64);
    }
    let all: Vec<Request> = rounds.concat();
    let names: BTreeSet<&str> =
        all.iter().flat_map(Request::commands).map(|command| command.name()).collect();
    let provocations = "set append incr rpush sadd hset mset rename del sunionstore flushdb";
    for name in provocations.split(' ') {
        assert!(names.contains(name), "{name}: {names:?}");
    }
    assert!(all.iter().any(|request| matches!(request, Request::Transaction(_))));
}

#[test]
fn drawn_rounds_with_deadlines_have_every_provocation_in_the_order_of_instants() {
    let rounds: Vec<Vec<timed::Timed>> = (0..200).map(|round| timed::drawn(1, round)).collect();
    assert!(rounds.iter().all(|round| round.is_sorted_by_key(|(at, _)| *at)));
    let lines: Vec<String> = rounds.iter().flatten().map(|(_, request)| request.to_string()).collect();
    for word in ["PX", "PSETEX", "KEEPTTL", "INCR", "APPEND", "PERSIST", "GETEX", "GT"] {
        assert!(lines.iter().any(|line| line.contains(word)), "{word}");
    }
}
