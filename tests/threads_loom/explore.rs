//! Runs loom, and notes the results.

use crate::results::{Outcome, note};
use crate::sync;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// Runs `body` in every interleaving, or in all with at most `preemptions` preemptions (switches away from a thread that could
/// have continued). Returns the number of interleavings, and the panic that ended the exploration.
fn run(preemptions: Option<usize>, body: impl Fn() + Send + Sync + 'static) -> (usize, Option<String>) {
    sync::lose_wake_ups(false);
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    // No limit from the environment may end a run early and report it as successful.
    builder.max_duration = None;
    builder.max_permutations = None;
    builder.max_branches = 10_000;
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        builder.check(move || {
            counted.fetch_add(1, SeqCst);
            body();
        });
    }));
    let panic = outcome.err().map(|panic| match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic.downcast_ref::<&str>().copied().unwrap_or("a panic without words").to_owned(),
    });
    (runs.load(SeqCst), panic)
}

/// Explores `body`, which must not panic.
pub fn explore(case: &str, preemptions: Option<usize>, body: impl Fn() + Send + Sync + 'static) {
    let (runs, panic) = run(preemptions, body);
    if let Some(panic) = panic {
        panic!("{case}: {panic}\nin interleaving {runs}; loom explores them in the same order each time");
    }
    assert!(runs > 1, "{case}: nothing was interleaved");
    let limits = preemptions.map(|bound| format!("bounded to {bound} preemptions, not exhaustive"));
    note("loom", case, Outcome::Held, limits.as_deref(), runs);
}

/// Explores `body` until it panics, which it must do with `words` in the message.
pub fn finds(case: &str, words: &str, preemptions: Option<usize>, body: impl Fn() + Send + Sync + 'static) {
    let (runs, panic) = run(preemptions, body);
    let panic = panic.unwrap_or_else(|| {
        note("loom", case, Outcome::Missed, preemptions.map(|_| "bounded"), runs);
        panic!("{case}: not found in {runs} interleavings")
    });
    assert!(panic.contains(words), "{case}: the panic does not contain '{words}': {panic}");
    note("loom", case, Outcome::Found, None, runs);
}
