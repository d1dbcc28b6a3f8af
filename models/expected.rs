//! Expected verdicts: DESIGN's tables, with the corrections that finished searches made, each with its reason.

use super::verdict::Verdict;
use crate::expiry::Policy;
use crate::ordering::Strategy;

/// A way for a replica to apply the log: a strategy and what is added to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderingChoice {
    /// The strategy.
    pub strategy: Strategy,
    /// Whether the log carries commands instead of effects.
    pub commands: bool,
    /// Whether readers are let in after a restart before the replica has caught up.
    pub reads_after_crash: bool,
}

impl OrderingChoice {
    /// All choices that are judged: every strategy on effects, every strategy on commands, and the one that lets
    /// readers in too early.
    pub fn all() -> Vec<OrderingChoice> {
        let with = |commands| {
            Strategy::ALL.iter().map(move |&strategy| OrderingChoice {
                strategy,
                commands,
                reads_after_crash: false,
            })
        };
        let early = OrderingChoice { strategy: Strategy::Writeset, commands: false, reads_after_crash: true };
        with(false).chain(with(true)).chain([early]).collect()
    }

    /// The name that users write: `writeset`, `writeset+commands`, `writeset+reads_after_crash`.
    pub fn name(self) -> String {
        let mut name = self.strategy.name().to_owned();
        if self.commands {
            name.push_str("+commands");
        }
        if self.reads_after_crash {
            name.push_str("+reads_after_crash");
        }
        name
    }
}

/// Whether more than one entry may be under way between the take and the end of the write.
fn writes_out_of_order(strategy: Strategy) -> bool {
    !matches!(strategy, Strategy::Serial | Strategy::Sequence)
}

/// What the tables say of one invariant of the ordering model.
///
/// Where they say more than DESIGN's: a parallel strategy on *commands* breaks `exactly_once` after a crash, and
/// with it `convergence` and the levels above it, since what ran twice (INCR) is a value that the master does not
/// have. Versions still never go back, so `monotonic_reads` holds.
pub fn ordering(choice: OrderingChoice, invariant: &str) -> Verdict {
    let unordered = matches!(choice.strategy, Strategy::FirstKey | Strategy::KeyHash);
    let runs_twice = choice.commands && writes_out_of_order(choice.strategy);
    let shows_prefixes =
        matches!(choice.strategy, Strategy::Serial | Strategy::Sequence | Strategy::WritesetSnapshots);
    let broken = match invariant {
        "convergence" => unordered || runs_twice,
        "per_key_order" => unordered || runs_twice || choice.reads_after_crash,
        "prefix" => !shows_prefixes || runs_twice || choice.reads_after_crash,
        "monotonic_reads" => unordered || choice.reads_after_crash,
        _ => runs_twice,
    };
    verdict(broken)
}

/// Whether a program outside the alphabet of the search may break an invariant that the tables say holds.
///
/// One case is known: readers who are let in too early after a crash see entries on one hash half run again (the count
/// of an earlier entry beside the fields of a later one), which breaks `exactly_once`. Strings, which the search is
/// over, are written whole.
pub fn may_break(choice: OrderingChoice, invariant: &str) -> bool {
    choice.reads_after_crash && invariant == "exactly_once"
}

/// What the tables say of one invariant of the expiry model.
///
/// One verdict is not DESIGN's: `relative` breaks `same_value` for collections. The replica's clock is ahead, so the
/// lag is over-estimated and the deadline comes early; the replica removes the hash, and then an effect on one
/// field arrives, which brings back that field alone. (DESIGN's table was searched over one string.)
pub fn expiry(policy: Policy, invariant: &str) -> Verdict {
    let at_replicas_clock = matches!(policy, Policy::Verbatim | Policy::Absolute);
    let broken = match invariant {
        "no_immortal_key" => at_replicas_clock,
        "same_value" | "same_deadline" => at_replicas_clock || policy == Policy::Relative,
        "no_resurrection" => !at_replicas_clock && policy != Policy::LogClock,
        _ => policy != Policy::LogClock,
    };
    verdict(broken)
}

fn verdict(broken: bool) -> Verdict {
    if broken { Verdict::Violated } else { Verdict::Holds }
}
