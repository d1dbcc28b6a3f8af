//! Expected verdicts: DESIGN's tables, with the corrections that finished searches made, each with its reason.

use super::both::Choice;
use super::clocks;
use super::handshake::{self, Compares, Epochs, Event};
use super::invariants::Invariant::{self, *};
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

/// What the tables say of one invariant of the ordering model, over every program of the search.
///
/// Where they say more than DESIGN's: a parallel strategy on *commands* breaks `exactly_once` after a crash, and
/// with it `convergence` and the levels above it, since what ran twice (INCR) is a value that the master does not
/// have. Versions still never go back, so `monotonic_reads` holds. The legacy strategies break `exactly_once` on effects,
/// too: FLUSHDB may be applied between two runs of a SET that came before it.
pub fn ordering(choice: OrderingChoice, invariant: Invariant) -> Verdict {
    let unordered = is_unordered(choice.strategy);
    let runs_twice = choice.commands && writes_out_of_order(choice.strategy);
    let broken = match invariant {
        Convergence => unordered || runs_twice,
        PerKeyOrder | ExactlyOnce => unordered || runs_twice || choice.reads_after_crash,
        Prefix => !choice.strategy.shows_prefixes() || runs_twice || choice.reads_after_crash,
        MonotonicReads => unordered || choice.reads_after_crash,
        Progress => false,
        // Not judged.
        SameValue | SameDeadline | NoImmortalKey | Lifetime | NoResurrection | NoEarlyDeath | Resume
        | PastRead => false,
    };
    verdict(broken)
}

fn is_unordered(strategy: Strategy) -> bool {
    matches!(strategy, Strategy::FirstKey | Strategy::KeyHash)
}

/// Whether a choice promises the invariant for any program: a ✗ of a promised one is a fault of the choice. All of them promise *progress*; a choice
/// that is unsafe in one way promises nothing else, whatever a table over a few commands says of it.
pub fn ordering_promises(choice: OrderingChoice, invariant: Invariant) -> bool {
    let runs_twice = choice.commands && writes_out_of_order(choice.strategy);
    let is_safe = !is_unordered(choice.strategy) && !runs_twice && !choice.reads_after_crash;
    match invariant {
        Progress => true,
        Prefix => is_safe && choice.strategy.shows_prefixes(),
        Convergence | PerKeyOrder | MonotonicReads | ExactlyOnce => is_safe,
        // Not judged.
        SameValue | SameDeadline | NoImmortalKey | Lifetime | NoResurrection | NoEarlyDeath | Resume
        | PastRead => is_safe,
    }
}

/// As [`ordering_promises`], of a policy: the cells of the table that hold, of the policies that log what a write came to.
pub fn expiry_promises(policy: Policy, invariant: Invariant) -> bool {
    let is_safe = matches!(
        policy,
        Policy::LogClock | Policy::Effects | Policy::Pksetat | Policy::AtEntryTime | Policy::MasterExpires
    );
    invariant == Progress || (is_safe && expiry(policy, invariant) == Verdict::Holds)
}

/// The expectation of a program of the user's own: a promised invariant holds, any other may be broken.
pub fn promised(promises: bool) -> Verdict {
    verdict(!promises)
}

/// What the tables say of one invariant of the expiry model.
///
/// Three verdicts are not DESIGN's, whose table was searched over one string that is applied as it arrives. `relative`
/// breaks `same_value` for collections: the replica's clock is ahead, so the lag is over-estimated and the deadline comes
/// early; the replica removes the hash, and then an effect on one field arrives, which brings back that field alone.
/// `verbatim` and `absolute` break `no_resurrection`: PERSIST is applied just before the key dies and published just after,
/// and a reader in between sees no key.
pub fn expiry(policy: Policy, invariant: Invariant) -> Verdict {
    let at_replicas_clock = matches!(policy, Policy::Verbatim | Policy::Absolute);
    let broken = match invariant {
        Progress => false,
        NoImmortalKey => at_replicas_clock,
        SameValue | SameDeadline => at_replicas_clock || policy == Policy::Relative,
        NoResurrection | NoEarlyDeath | PastRead => policy != Policy::LogClock,
        // Not judged.
        Convergence | PerKeyOrder | Prefix | MonotonicReads | ExactlyOnce | Lifetime | Resume => false,
    };
    verdict(broken)
}

/// What the table of ordering and expiry together says: readers see the master's past if they see prefixes and judge by log
/// time.
pub fn both(choice: Choice, invariant: Invariant) -> Verdict {
    verdict(invariant == PastRead && !choice.reads_the_past())
}

/// What the table of clocks says: nothing moves `log_clock`. Any other policy is moved by each step of a wall clock. Where clocks
/// agree, a reader of a replica that is late finds keys dead that the master has given more time (`SETEX k 1 1; PEXPIREAT k …`), and
/// where the replica counts the time itself, they live too long.
pub fn clocks(choice: clocks::Choice, invariant: Invariant) -> Verdict {
    let clocks::Choice { policy, steps } = choice;
    let is_moved = steps && policy != Policy::LogClock;
    let broken = match invariant {
        Progress => false,
        Lifetime => is_moved || policy == Policy::Verbatim,
        NoResurrection => {
            is_moved || !matches!(policy, Policy::Verbatim | Policy::Absolute | Policy::LogClock)
        }
        NoEarlyDeath => is_moved || matches!(policy, Policy::Verbatim | Policy::Absolute | Policy::Relative),
        PastRead => policy != Policy::LogClock,
        // Not judged.
        Convergence | PerKeyOrder | Prefix | MonotonicReads | ExactlyOnce | SameValue | SameDeadline
        | NoImmortalKey | Resume => false,
    };
    verdict(broken)
}

/// What the table of the handshake says. Numbers alone take any two histories for one. A start that looks clean goes on in its epoch,
/// and so does a copy's. Where every start begins an epoch, only a machine that goes back while its process runs on is in an epoch
/// that somebody else has entries of. The checksum of one entry does not tell of the entries before it; one of all entries does.
/// No choice refuses a replica whose log is a beginning of its master's.
pub fn handshake(
    choice: handshake::Choice,
    scenario: Option<&handshake::Scenario>,
    invariant: Invariant,
) -> Verdict {
    let scenario = scenario.unwrap_or(&handshake::EVERYTHING);
    let may = scenario.may;
    let has = |events: &[Event]| events.iter().any(|event| may.contains(event));
    let parts = match choice.epochs {
        Epochs::One => scenario.may_part(),
        Epochs::UncleanStarts => has(&[Event::Restore, Event::Clone, Event::Removal, Event::Revert]),
        Epochs::Starts => has(&[Event::Revert]),
    };
    verdict(invariant == Convergence && parts && choice.compares != Compares::EntriesOfEpoch)
}

fn verdict(broken: bool) -> Verdict {
    if broken { Verdict::Violated } else { Verdict::Holds }
}
