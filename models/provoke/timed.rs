//! Timed — a seed → writes around deadlines, each with its instant; what both nodes hold at the end → verdicts on expiry. Pure.
//!
//! Whether a key was dead when a write ran depends on the master's clock, so the master's states are not known beforehand. Both nodes are
//! read at the end, with the same log applied, and compared by the functions of [`crate::invariant`]:
//!
//! ```text
//! at 3 ms   SET t0 7 PX 5      the key dies at 8 ms
//! at 8 ms   INCR t0            alive: 8, until 8 ms; dead: 1, for ever. A replica that decides anew may decide otherwise
//! ```

use crate::command::Command;
use crate::invariant::{self, SameLsn};
use crate::models::invariants::Invariant;
use crate::models::request::Request;
use crate::models::story::{Arrow, Conclusion, Deed, Instant, Lane, Part, Step, Story, key_rows};
use crate::store::Dump;
use crate::time::Millis;

/// A write, and when it is sent: milliseconds from the begin of the round.
pub type Timed = (u64, Request);

/// The contents of both nodes with the same log applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The master's keys.
    pub master: Dump,
    /// The replica's keys.
    pub replica: Dump,
    /// The later of the nodes' own clocks when they were read.
    pub latest_clock: Millis,
}

/// The invariants that are judged.
pub const EXPIRY: &[Invariant] = &[Invariant::SameValue, Invariant::SameDeadline, Invariant::NoImmortalKey];

/// The keys; all of them are strings.
const KEYS: &[&str] = &["t0", "t1", "t2", "t3", "t4", "t5"];

/// Deadlines of a round, drawn; each has a write that follows around its deadline.
const DEADLINES: std::ops::Range<usize> = 4..12;

/// The writes of a round in the order of their instants.
pub fn drawn(seed: u64, round: u64) -> Vec<Timed> {
    let mut random = fastrand::Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(round));
    let mut writes = Vec::new();
    let mut at = 0;
    for _ in 0..random.usize(DEADLINES) {
        let key = KEYS[random.usize(..KEYS.len())];
        let lives = random.u64(2..9);
        let (value, lives_text) = (random.u32(1..1000).to_string(), lives.to_string());
        let first: &[&str] = match random.u8(..3) {
            0 => &["SET", key, &value, "PX", &lives_text],
            1 => &["PSETEX", key, &lives_text, &value],
            _ => &["SET", key, &value, "KEEPTTL"],
        };
        writes.push((at, command(first)));
        // Just before, at, and just after the deadline.
        let then = (at + lives + random.u64(..3)).saturating_sub(1);
        writes.push((then, follower(&mut random, key)));
        at += random.u64(..4);
    }
    writes.sort_by_key(|(at, _)| *at);
    writes
}

/// A write whose outcome depends on whether the key is alive.
fn follower(random: &mut fastrand::Rng, key: &str) -> Request {
    let words: &[&str] = match random.u8(..9) {
        0..3 => &["INCR", key],
        3 => &["APPEND", key, "1"],
        4 => &["PERSIST", key],
        5 => &["GETEX", key, "PX", "60000"],
        6 => &["PEXPIRE", key, "60000", "GT"],
        7 => &["SET", key, "1", "KEEPTTL"],
        _ => &["GETEX", key, "PERSIST"],
    };
    command(words)
}

/// A command of these words. Panics: it is none, which the test of drawn rounds (tests/probe/loads.rs) would show.
fn command(words: &[&str]) -> Request {
    let argv = words.iter().map(|word| word.as_bytes().to_vec()).collect();
    Command::parse(0, argv).expect("a command of the tables above").into()
}

/// The invariants that what both nodes hold breaks.
pub fn broken(stored: &Stored) -> Vec<Invariant> {
    let nodes =
        SameLsn { master: &stored.master, replica: &stored.replica, latest_clock: stored.latest_clock };
    let holds =
        [invariant::same_value(nodes), invariant::same_deadline(nodes), invariant::no_immortal_key(nodes)];
    EXPIRY.iter().zip(holds).filter(|(_, holds)| !holds).map(|(invariant, _)| *invariant).collect()
}

/// The story of what they break.
pub fn story(writes: &[Timed], stored: &Stored, broken: Invariant) -> Story {
    let send = |(at, request): &Timed| Step {
        deed: Deed::Ran(format!("at {at} ms: {request} on the master")),
        lane: Some(Lane::Client),
        arrows: vec![Arrow { from: Lane::Client, to: Lane::Master, carries: Vec::new(), left_in: None }],
        ..Step::default()
    };
    let clock = stored.latest_clock;
    let instants = Instant { start: clock, master: clock, replica: clock };
    let rows = key_rows(&stored.master, &stored.replica, Some(instants));
    let keys: Vec<_> = rows.into_iter().map(|(_, row)| row).collect();
    let end = Step {
        deed: Deed::Ran(
            "both nodes are read with the same log applied; instants count from this read".to_owned(),
        ),
        lane: Some(Lane::Replica),
        keys: keys.clone(),
        broken: vec![broken],
        ..Step::default()
    };
    let part = Part::Broken { invariants: vec![broken], how: String::new() };
    Story {
        program: writes.iter().map(|(_, request)| request.to_string()).collect(),
        steps: writes.iter().map(send).chain([end]).collect(),
        keys,
        conclusion: Conclusion(vec![part]),
        ..Story::default()
    }
}
