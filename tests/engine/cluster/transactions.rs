//! Readers of a replica while transactions arrive: where the strategy promises `prefix`, they see all of one or nothing.

use super::super::disks::Disks;
use super::peer::Peer;
use replicheck::command::Reply;
use replicheck::engine::Settings;
use replicheck::expiry::Policy;
use replicheck::ordering::{Level, Strategy};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The number of transactions that are written at least.
const WRITTEN: usize = 600;
/// The number of different values that the reader sees at least, however rarely the strategy publishes. Writes go on until then.
const SEEN: usize = 10;
/// How long the reader waits for them.
const PATIENCE: Duration = Duration::from_secs(60);

/// Every transaction gives all three keys the same value; between its commands they differ, or are missing. `key_hash` sends the
/// keys of one without FLUSHDB to different workers.
fn transaction(value: usize) -> String {
    let clears = if value.is_multiple_of(2) { "FLUSHDB; " } else { "" };
    format!("SET a {value}; {clears}SET c {value}; MSET a {value} b {value}; INCR a; SET a {value}")
}

/// What a reader saw.
#[derive(Debug, Default)]
struct Seen {
    /// The number of times at which it was not what the reader saw before.
    values: usize,
    /// The first reply in which the keys differ.
    half: Option<Reply>,
}

fn seen_by_a_reader(ordering: Strategy, expiry: Policy) -> Seen {
    let (m, r) = (Disks::new(), Disks::new());
    let change = |settings: &mut Settings| (settings.ordering, settings.expiry) = (ordering, expiry);
    let master = Peer::master(&m, &change);
    master.one(&transaction(0));
    let replica = Peer::replica(&r, &change, master.port);
    replica.wait_for(&master);
    let mut seen = Seen::default();
    let (enough, written, began) = (AtomicBool::new(false), AtomicUsize::new(0), Instant::now());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !enough.load(Ordering::Relaxed) && began.elapsed() < PATIENCE {
                master.one(&transaction(written.fetch_add(1, Ordering::Relaxed) + 1));
            }
        });
        let mut before = None;
        while (seen.values < SEEN || written.load(Ordering::Relaxed) < WRITTEN) && began.elapsed() < PATIENCE
        {
            let reply = replica.one("MGET a b c");
            let all_equal =
                matches!(&reply, Reply::Array(values) if values.windows(2).all(|pair| pair[0] == pair[1]));
            if !all_equal {
                seen.half.get_or_insert_with(|| reply.clone());
            }
            seen.values += usize::from(before.as_ref() != Some(&reply));
            before = Some(reply);
        }
        enough.store(true, Ordering::Relaxed);
    });
    seen
}

#[test]
fn readers_of_a_prefix_strategy_see_no_half_of_a_transaction() {
    std::thread::scope(|scope| {
        for &ordering in Strategy::ALL.iter().filter(|strategy| strategy.promises() >= Level::Prefix) {
            scope.spawn(move || {
                for expiry in [Policy::LogClock, Policy::MasterExpires] {
                    let seen = seen_by_a_reader(ordering, expiry);
                    let what = format!("{} {}: {seen:?}", ordering.name(), expiry.name());
                    assert_eq!(seen.half, None, "{what}");
                    assert!(seen.values >= SEEN, "too few transactions arrived while it read: {what}");
                }
            });
        }
    });
}
