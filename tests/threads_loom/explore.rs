//! How loom is run, and what is noted of it.

use crate::results::{Outcome, note};
use crate::sync;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// Runs `body` in every interleaving, or in all with at most `preemptions` switches of a thread that could have gone on.
/// Gives how many there were, and the panic that ended it.
fn run(preemptions: Option<usize>, body: impl Fn() + Send + Sync + 'static) -> (usize, Option<String>) {
    sync::lose_wake_ups(false);
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    // No limit of the environment's may end a run early and call it green.
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
        panic!("{case}: {panic}\nin interleaving {runs}; loom goes through them in the same order each time");
    }
    assert!(runs > 1, "{case}: nothing was interleaved");
    let limits = preemptions.map(|bound| format!("bounded to {bound} preemptions, not exhaustive"));
    note("loom", case, Outcome::Held, limits.as_deref(), runs);
}

/// Explores `body` until it panics, which it must, with `words`.
pub fn finds(case: &str, words: &str, preemptions: Option<usize>, body: impl Fn() + Send + Sync + 'static) {
    let (runs, panic) = run(preemptions, body);
    let panic = panic.unwrap_or_else(|| {
        note("loom", case, Outcome::Missed, preemptions.map(|_| "bounded"), runs);
        panic!("{case}: not found in {runs} interleavings")
    });
    assert!(panic.contains(words), "{case}: found something else than {words}: {panic}");
    note("loom", case, Outcome::Found, None, runs);
}
