//! Scaled — a policy → the policy as a model runs it: the same code, with a number that fits a short run. Pure.
//!
//! `stream_clock` lets readers judge at most 60 s behind the replica's clock. In a run of a few seconds this floor would never
//! matter, and a ✓ would say nothing. So half a tick stands for the 60 s where it is shorter. Delays of up to three ticks and skews
//! of one tick are then on both sides of the floor, as in a run of minutes with a floor of 60 s:
//!
//! ```text
//! PSETEX k 2003 5: a tick is 1002 ms, the floor 501 ms          SETEX k 300 v: a tick is 150,001 ms, the floor 60,000 ms
//! ```

use crate::expiry::stream_clock::{FLOOR_MS, StreamClock};
use crate::expiry::{ExpiryPolicy, Policy};
use std::sync::Arc;

/// The policy in a run whose ticks have this length.
pub fn policy(policy: Policy, tick_ms: u64) -> Arc<dyn ExpiryPolicy + Send + Sync> {
    match policy {
        Policy::StreamClock => Arc::new(StreamClock { floor_ms: FLOOR_MS.min(tick_ms / 2) }),
        _ => policy.get(),
    }
}

/// What is to be said of the policy's floor in such a run; `None`: it has none.
pub fn floor_in_words(named: Policy, tick_ms: u64) -> Option<String> {
    let floor_ms = policy(named, tick_ms).judging().floor_ms()?;
    let stands_for =
        if floor_ms == FLOOR_MS { String::new() } else { format!(", which stands for {FLOOR_MS} ms") };
    Some(format!("a floor of {floor_ms} ms{stands_for}"))
}

/// The same as the end of a list of bounds; empty if the policy has no floor.
pub(super) fn floor_as_bound(named: Policy, tick_ms: u64) -> String {
    floor_in_words(named, tick_ms).map_or_else(String::new, |words| format!(", {words}"))
}
