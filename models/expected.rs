//! Expected verdicts — what a choice's row promises, and what is added to it → a verdict for each invariant. Pure.
//!
//! Finished searches corrected some of these; each correction stands here with its reason.

use super::both;
use super::choice::{Choice, Kind, OrderingChoice, writes_out_of_order};
use super::clocks;
use super::crash;
use super::failover;
use super::full_sync;
use super::handshake::{self, Compares, Epochs, Event};
use super::invariants::Invariant::{self, *};
use super::replication;
use super::verdict::Verdict;
use crate::expiry::{Guarantee, Policy};
use crate::ordering::Level;

/// What the tables say of one invariant of the ordering model, over every program of the search: what the strategy promises, and
/// what is added to it.
///
/// A strategy that writes out of order breaks `exactly_once` on *commands* after a crash, and with it `convergence` and the levels
/// above it: a command that ran twice (INCR) leaves a value that the master does not have. Versions still never go back, so
/// `monotonic_reads` holds. A strategy that promises nothing breaks `exactly_once` on effects, too: FLUSHDB may be applied between
/// two runs of a SET that came before it.
pub fn ordering(choice: OrderingChoice, invariant: Invariant) -> Verdict {
    let level = choice.strategy.promises();
    let unordered = level == Level::Nothing;
    let runs_twice = choice.commands && writes_out_of_order(choice.strategy);
    let broken = match invariant {
        Progress => false,
        Convergence => unordered || runs_twice,
        PerKeyOrder => level < Level::PerKeyOrder || runs_twice || choice.reads_after_crash,
        Prefix => level < Level::Prefix || runs_twice || choice.reads_after_crash,
        MonotonicReads => unordered || choice.reads_after_crash,
        ExactlyOnce => unordered || runs_twice || choice.reads_after_crash,
        // Not judged by this model.
        SameValue | SameDeadline | NoImmortalKey | Lifetime | NoResurrection | NoEarlyDeath | Resume
        | OneHistory | Durability | PastRead => false,
    };
    verdict(broken)
}

/// Whether a choice promises the invariant for any program: a ✗ of a promised one is a fault of the choice. All of them promise
/// *progress*; a choice that is unsafe in one way promises nothing else, whatever a table over a few commands says of it.
pub fn ordering_promises(choice: OrderingChoice, invariant: Invariant) -> bool {
    let level = choice.strategy.promises();
    let runs_twice = choice.commands && writes_out_of_order(choice.strategy);
    let is_safe = level > Level::Nothing && !runs_twice && !choice.reads_after_crash;
    match invariant {
        Progress => true,
        Prefix => is_safe && level >= Level::Prefix,
        Convergence | PerKeyOrder | MonotonicReads | ExactlyOnce => is_safe,
        // Not judged by this model.
        SameValue | SameDeadline | NoImmortalKey | Lifetime | NoResurrection | NoEarlyDeath | Resume
        | OneHistory | Durability | PastRead => is_safe,
    }
}

/// As [`ordering_promises`], of a policy: the cells of the table that hold. A policy under which the replica's state may
/// differ from the master's promises nothing but *progress*.
pub fn expiry_promises(policy: Policy, invariant: Invariant) -> bool {
    let is_safe = policy.promises() >= Guarantee::SameState;
    invariant == Progress || (is_safe && expiry(policy, invariant) == Verdict::Holds)
}

/// What the tables say of one invariant of the choice's model, over every program of the searches.
pub fn of(choice: Choice, invariant: Invariant) -> Verdict {
    match choice.kind() {
        Kind::Ordering(choice) => ordering(choice, invariant),
        Kind::Expiry(policy) => expiry(policy, invariant),
    }
}

/// The expectation of a program of the user's own: a promised invariant holds, any other may be broken.
pub fn of_own_program(choice: Choice, invariant: Invariant) -> Verdict {
    verdict(!match choice.kind() {
        Kind::Ordering(choice) => ordering_promises(choice, invariant),
        Kind::Expiry(policy) => expiry_promises(policy, invariant),
    })
}

/// What the tables say of one invariant of the expiry model: what the policy promises.
///
/// Two of the promises are weaker than one would think. `relative` breaks `same_value` for collections: the replica's clock
/// is ahead, so the lag is over-estimated and the deadline comes early; the replica removes the hash, and then an effect on one
/// field arrives, which brings back that field alone. `verbatim` and `absolute` break `no_resurrection`: PERSIST is applied just
/// before the key dies and published just after, and a reader in between sees no key.
pub fn expiry(policy: Policy, invariant: Invariant) -> Verdict {
    let needed = match invariant {
        Progress => Guarantee::Nothing,
        NoImmortalKey => Guarantee::NoImmortalKey,
        SameValue | SameDeadline => Guarantee::SameState,
        NoResurrection | NoEarlyDeath | PastRead => Guarantee::SameReads,
        // Not judged by this model.
        Convergence | PerKeyOrder | Prefix | MonotonicReads | ExactlyOnce | Lifetime | Resume
        | OneHistory | Durability => Guarantee::Nothing,
    };
    verdict(policy.promises() < needed)
}

/// What the table of ordering and expiry together says: readers see the master's past if they see prefixes and judge by log
/// time.
pub fn both(choice: both::Choice, invariant: Invariant) -> Verdict {
    verdict(invariant == PastRead && !choice.reads_the_past())
}

/// What the table of clocks says: nothing moves `log_clock`. Any other policy is moved by each step of a wall clock. Where clocks
/// agree, a reader of a replica that is late finds keys dead that the master has given more time (`SETEX k 1 1; PEXPIREAT k …`), and
/// where the replica counts the time itself, they live too long.
pub fn clocks(choice: clocks::Choice, invariant: Invariant) -> Verdict {
    let clocks::Choice { policy, steps } = choice;
    let is_unmoved = policy.promises() == Guarantee::SameReads;
    let broken = match invariant {
        Progress => false,
        Lifetime | NoResurrection | NoEarlyDeath | PastRead if is_unmoved => false,
        Lifetime => steps || policy == Policy::Verbatim,
        NoResurrection => steps || policy.promises() > Guarantee::Nothing,
        NoEarlyDeath => steps || policy.promises() < Guarantee::SameState,
        PastRead => true,
        // Not judged by this model.
        Convergence | PerKeyOrder | Prefix | MonotonicReads | ExactlyOnce | SameValue | SameDeadline
        | NoImmortalKey | Resume | OneHistory | Durability => false,
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

/// The verdicts of the table of the session: each choice breaks what its fault concerns, and the engine's way nothing.
pub fn replication(choice: replication::Choice, invariant: Invariant) -> Option<Verdict> {
    Some(verdict(choice.breaks().contains(&invariant)))
}

/// What the table of the full sync says: each choice breaks what its fault concerns, and the engine's way nothing. `None`: nothing
/// puts the invariant to the test.
pub fn full_sync(choice: full_sync::Choice, invariant: Invariant) -> Option<Verdict> {
    choice.tests(invariant).then(|| verdict(choice.breaks().contains(&invariant)))
}

/// What the table of the fail-over says: when an acknowledged write may be lost, and what a fault breaks beside that.
pub fn failover(
    choice: failover::Choice,
    scenario: Option<&failover::Scenario>,
    invariant: Invariant,
) -> Verdict {
    verdict(choice.is_expected_to_break(invariant, scenario.unwrap_or(&failover::EVERYTHING)))
}

/// What the table of the crash says: the engine's write paths break nothing, and each other one breaks what its fault concerns. `None`:
/// nothing puts the invariant to the test.
pub fn crash(choice: crash::Choice, invariant: Invariant) -> Option<Verdict> {
    Some(verdict(choice.breaks().contains(&invariant)))
}

fn verdict(broken: bool) -> Verdict {
    if broken { Verdict::Violated } else { Verdict::Holds }
}
