//! Batches of two entries under every strategy, as the engine writes them: the verdicts are those of one at a time.

use replicheck::models::bounds::OrderingBounds;
use replicheck::models::check::judge_ordering;
use replicheck::models::expected::{self, OrderingChoice};
use replicheck::models::verdict::Verdict;
use replicheck::ordering::Strategy;

#[test]
fn batches_of_two_entries_keep_the_verdict_of_every_strategy() {
    let bounds = OrderingBounds { length_max: 3, ..OrderingBounds::QUICK };
    for &strategy in Strategy::ALL {
        let choice = OrderingChoice { strategy, commands: false, reads_after_crash: false };
        let one =
            judge_ordering(strategy.name(), bounds, move |n| strategy.machine(n, 1), |_| Verdict::Holds);
        let two =
            judge_ordering(strategy.name(), bounds, move |n| strategy.machine(n, 2), |_| Verdict::Holds);
        for (one, two) in one.iter().zip(&two) {
            let (name, invariant) = (strategy.name(), two.invariant);
            assert_eq!(
                two.verdict,
                expected::ordering(choice, invariant),
                "{name} {invariant}: {}",
                two.note
            );
            assert!(two.unique_states > one.unique_states, "{name}: no batch of two was written");
        }
    }
}
