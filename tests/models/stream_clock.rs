//! `stream_clock`: the lag and the skew that break it, to the millisecond.

use replicheck::expiry::Policy;
use replicheck::expiry::stream_clock::{FLOOR_MS, StreamClock};
use replicheck::models::bounds::{EXPIRY_ALPHABETS, ExpiryBounds};
use replicheck::models::experiment::Clocks;
use replicheck::models::expiry::{ExpiryModel, Judges, READ_INVARIANTS};
use replicheck::models::invariants::Invariant::{self, NoEarlyDeath, NoResurrection, PastRead};
use replicheck::models::oracle::expiry as plain;
use replicheck::models::scaled;
use replicheck::models::scenario;
use replicheck::models::search::{Limits, Progress, search};
use replicheck::models::story::Narrate;
use replicheck::time::Millis;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The floor of these searches.
const FLOOR: u64 = 501;

/// The invariants of reads that some program breaks, each with the steps of its shortest counterexample. `lag_ms`: how late a message
/// may be; `skew_ms`: by how much the replica's clock is ahead.
fn broken(lag_ms: u64, skew_ms: i64) -> BTreeMap<Invariant, usize> {
    let mut shortest = BTreeMap::new();
    for (keys, alphabet) in EXPIRY_ALPHABETS {
        let mut setup = ExpiryBounds::QUICK.setup(Judges::Reads, scenario::requests(alphabet));
        // A tick is nothing here but the unit of delays.
        setup.clocks =
            Clocks { tick_ms: lag_ms, delay_ticks_max: 1, skews_ms: vec![skew_ms], ..setup.clocks };
        let model = ExpiryModel::new(setup, Arc::new(StreamClock { floor_ms: FLOOR }));
        let found = search(&model, &Limits::default(), &Progress::default());
        assert!(found.finished, "{keys}, lag {lag_ms}, skew {skew_ms}");
        println!("{keys}, lag {lag_ms} ms, skew {skew_ms} ms: {} states", found.unique);
        for (invariant, path) in READ_INVARIANTS.iter().zip(&found.broken) {
            if let Some(path) = path {
                println!("  {invariant} in {} steps: {}", path.len(), model.story(path).program.join("; "));
                let steps = shortest.entry(*invariant).or_insert(usize::MAX);
                *steps = path.len().min(*steps);
            }
        }
    }
    shortest
}

#[test]
fn model_stream_clock_lag_and_skew_together_up_to_the_floor_break_nothing() {
    for (lag_ms, skew_ms) in [(0, 0), (FLOOR, 0), (0, FLOOR.cast_signed()), (251, 250), (FLOOR + 1, -1)] {
        assert_eq!(broken(lag_ms, skew_ms), BTreeMap::new(), "lag {lag_ms} ms, skew {skew_ms} ms");
    }
}

#[test]
fn model_stream_clock_one_millisecond_beyond_the_floor_breaks_reads() {
    let cases = [(FLOOR + 1, 0), (0, FLOOR.cast_signed() + 1), (251, 251), (FLOOR + 2, -1)];
    let found = cases.map(|(lag_ms, skew_ms)| broken(lag_ms, skew_ms));
    let of_lag = || BTreeMap::from([(NoResurrection, 6), (PastRead, 5)]);
    let of_skew = BTreeMap::from([(NoResurrection, 5), (NoEarlyDeath, 3), (PastRead, 3)]);
    assert_eq!(found, [of_lag(), of_skew, of_lag(), of_lag()], "{cases:?}");
}

#[test]
fn stream_clock_floor_is_that_of_the_engine_where_ticks_are_long_enough() {
    let floor = |tick_ms| scaled::policy(Policy::StreamClock, tick_ms).judging().floor_ms();
    assert_eq!(Policy::StreamClock.get().judging().floor_ms(), Some(FLOOR_MS));
    assert_eq!(
        [1, 1_002, 119_999, 120_000, 1 << 53].map(floor),
        [0, 501, 59_999, FLOOR_MS, FLOOR_MS].map(Some)
    );
    for policy in Policy::ALL.iter().filter(|policy| **policy != Policy::StreamClock) {
        assert_eq!(scaled::policy(*policy, 1_002).judging(), policy.get().judging(), "{policy:?}");
        assert_eq!(scaled::floor_in_words(*policy, 1_002), None, "{policy:?}");
    }
    let words = [1_002, 120_000].map(|tick_ms| scaled::floor_in_words(Policy::StreamClock, tick_ms));
    let expected = ["a floor of 501 ms, which stands for 60000 ms", "a floor of 60000 ms"];
    assert_eq!(words, expected.map(|words| Some(words.to_owned())));
}

/// The plain search shares only the machines with the fast one.
#[test]
fn plain_search_agrees_on_both_sides_of_the_floor() {
    let breaks = |lines: &[&str], delay_ms, skew_ms| {
        let opinion = plain::opinion(&plain::Question {
            policy: &StreamClock { floor_ms: FLOOR },
            program: &scenario::requests(lines),
            start: Millis(1_000_000_457),
            passes_max: 2,
            delay_ms,
            skews_ms: &[skew_ms],
            limit_ms: None,
            link_down: false,
            apart: false,
        });
        opinion.broken.into_keys().collect::<Vec<_>>()
    };
    let persisted = ["PSETEX k 2003 5", "PERSIST k"];
    assert_eq!(breaks(&persisted, FLOOR, 0), Vec::<Invariant>::new());
    assert_eq!(breaks(&persisted, FLOOR + 1, 0), [NoResurrection, PastRead]);
    assert_eq!(breaks(&persisted[..1], 0, FLOOR.cast_signed()), Vec::<Invariant>::new());
    assert_eq!(breaks(&persisted[..1], 0, FLOOR.cast_signed() + 1), [NoEarlyDeath, PastRead]);
}
