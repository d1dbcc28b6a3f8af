//! Parts — a choice within bounds → the searches that judge it. Of an ordering or expiry choice they are a list of
//! experiments.
//!
//! Each dimension that can grow has its own search. One search over all dimensions would need the product of their
//! states:
//!
//! | ordering | programs | crash |
//! |---|---|---|
//! | every command, the shipped names | one command less | at any moment |
//! | every command, batches of 2 and 3 | one command less | at any moment |
//! | every command, each other way to share lanes | one command less | at any moment |
//! | every command, with the log's end lost, too | one command less | at any moment |
//! | commands on lists, sets and sorted sets | one command less | at any moment |
//! | transactions, and writes beside them | one command less | at any moment |
//! | commands on strings | the full length | when the replica is quiet |
//!
//! The searches of a choice run one after another. When one search has found an invariant broken, later searches only
//! look for a shorter counterexample, and end when none can be shorter. In the ordering model the first search decides
//! *progress*; in the expiry model each search that judges *progress* decides it.

use super::assignment;
use super::both::{self, BothModel};
use super::bounds::{self, BATCHES, Bounds, ExpiryBounds, ODD_START, OrderingBounds, batch_entries_max};
use super::choice::{Choice, Kind};
use super::clocks::{self, ClocksModel};
use super::crash::{self, CrashModel};
use super::experiment::{Clocks, Dimension, Experiment, ExperimentError, Setting, Workload};
use super::expiry::{self, READ_INVARIANTS, STATE_INVARIANTS};
use super::failover::{self, FailoverModel};
use super::full_sync::{self, FullSyncModel};
use super::handshake::{self, HandshakeModel};
use super::invariants::Invariant;
use super::judge::Part;
use super::machines::Machines;
use super::ordering;
use super::replication::{self, ReplicationModel};
use super::scaled;
use super::scenario;
use crate::effect::Key;
use crate::expiry::Judging;
use crate::ordering::{OrderingStrategy, Strategy};

/// The searches of a cell, as data: each an experiment, with the words for its bounds that the experiment does not give
/// (names of keys, how lanes are shared).
pub(super) type Cell<C = Choice> = Vec<(String, Experiment<C>)>;

/// The parts of a cell: for each group of invariants that has a model of its own, a search of each experiment. Errors: a
/// model cannot be built.
pub(super) fn parts<C: Machines>(cell: &Cell<C>, states_max: usize) -> Result<Vec<Part>, ExperimentError> {
    let groups: &[Invariant] = match cell.first().map(|(_, experiment)| experiment.choice.like().kind()) {
        Some(Kind::Expiry(_)) => &[STATE_INVARIANTS[0], READ_INVARIANTS[0]],
        _ => &ordering::INVARIANTS[..1],
    };
    let searches = groups.iter().flat_map(|group| cell.iter().map(move |search| (*group, search)));
    let part = |(group, (more, experiment)): (Invariant, &(String, Experiment<C>))| {
        Part::of_experiment(experiment, group, states_max, |left_out| in_words(experiment, more, left_out))
    };
    searches.map(part).collect()
}

/// The bounds of a search in words.
fn in_words<C: Machines>(experiment: &Experiment<C>, more: &str, left_out: usize) -> String {
    let floor = |clocks: &Clocks| match experiment.choice.like().kind() {
        Kind::Expiry(policy) => scaled::floor_as_bound(policy, clocks.tick_ms),
        Kind::Ordering(_) => String::new(),
    };
    match (&experiment.setting, &experiment.workload) {
        (Setting::Clocks(clocks), Workload::Program(commands)) => {
            format!("{more}{} writes, {}{}", commands.len(), clocks.in_words(), floor(clocks))
        }
        (Setting::Clocks(clocks), Workload::Every { alphabet, length_max, .. }) => {
            let named: Vec<String> = alphabet.iter().map(ToString::to_string).collect();
            let programs = format!("{more}: programs up to {length_max} of {}", named.join(", "));
            format!("{programs}, {}{}", clocks.in_words(), floor(clocks))
        }
        (Setting::Schedules(schedules, dimension), workload) => {
            let (workers, crashes) = (schedules.workers, schedules.crashes_max);
            let programs = match workload {
                Workload::Program(commands) => format!("every schedule of {} writes", commands.len()),
                Workload::Every { alphabet, length_max, .. } => {
                    let alike = ordering::alike_in_words(alphabet);
                    format!("programs up to {length_max} of {} commands{alike}", alphabet.len())
                }
            };
            let moment = match (workload, dimension) {
                (Workload::Program(_), _) => "",
                (_, Dimension::QuietCrashes) => " when the replica is quiet",
                _ => " at any moment",
            };
            let mut words = format!("{programs}, {workers} workers, at most {crashes} crash{moment}");
            match dimension {
                Dimension::Batches(batch) => words += &format!(", batches up to {batch}"),
                Dimension::LostTail => words += ", the log's end may be lost",
                Dimension::Plain | Dimension::QuietCrashes => {}
            }
            words += more;
            if left_out > 0 {
                words += &format!(", {left_out} programs left out that it declares undefined");
            }
            words
        }
    }
}

/// The same experiment under every other way to share lanes than the one of the present names.
pub(super) fn with_other_lanes(experiment: &Experiment, lanes: usize) -> Cell {
    let requests = experiment.workload.requests();
    let keys = assignment::keys_of(requests);
    let own = assignment::assignment_of(&keys, lanes);
    let others = assignment::assignments(keys.len(), lanes).into_iter().filter(|other| *other != own);
    let under = |other: Vec<usize>| {
        let words = format!(", lanes {}", assignment::in_words(&keys, &other));
        (words, experiment.under(assignment::renamed(requests, &keys, &other, lanes)))
    };
    others.map(under).collect()
}

/// The same experiment under a randomly drawn way to share lanes.
pub(super) fn with_drawn_lanes(
    experiment: &Experiment,
    lanes: usize,
    keys: &[Key],
    seed: u64,
) -> (String, Experiment) {
    let mut random = fastrand::Rng::with_seed(seed);
    let drawn: Vec<usize> = keys.iter().map(|_| random.usize(..lanes)).collect();
    let requests = assignment::renamed(experiment.workload.requests(), keys, &drawn, lanes);
    (format!(", lanes drawn with seed {seed}"), experiment.under(requests))
}

/// The cell of an ordering choice over every program.
pub(super) fn of_choice(choice: Choice, strategy: Strategy, bounds: OrderingBounds) -> Cell {
    let of = |workload: &Workload, dimension| {
        let setting = Setting::Schedules(bounds.schedules(), dimension);
        (String::new(), Experiment { choice, workload: workload.clone(), setting })
    };
    let shorter = Workload::every(bounds::ordering_alphabet(), bounds.length_max.saturating_sub(1));
    let mut cell = vec![of(&shorter, Dimension::Plain)];
    let larger = BATCHES.filter(|&batch| batch > batch_entries_max(strategy));
    cell.extend(larger.map(|batch| of(&shorter, Dimension::Batches(batch))));
    if choice.machine(bounds.workers).has_lanes() {
        cell.extend(with_other_lanes(&cell[0].1, bounds.workers));
    }
    if bounds.loses_tails {
        cell.push(of(&shorter, Dimension::LostTail));
    }
    let collections = Workload::every(bounds::ordering_collections(), bounds.length_max.saturating_sub(1));
    cell.push(of(&collections, Dimension::Plain));
    let transactions = Workload::every(bounds::ordering_transactions(), bounds.length_max.saturating_sub(1));
    cell.push(of(&transactions, Dimension::Plain));
    let longest = Workload::every(bounds::ordering_strings(), bounds.length_max);
    cell.push(of(&longest, Dimension::QuietCrashes));
    cell
}

/// The cell of an expiry policy: one string key, one hash key, two string keys; two string keys with delivery, application
/// and publication as separate steps; one string key with time passing once more, at one command less; each family of
/// commands; a link that goes down.
pub(super) fn of_policy<C: Machines>(policy: &C, bounds: ExpiryBounds) -> Cell<C> {
    let length = bounds.length_max;
    let less = length.saturating_sub(1).max(1);
    let longer = ExpiryBounds { passes_max: bounds.passes_max + 1, ..bounds };
    let of = |(keys, lines): (&str, &[&str]), length, bounds: ExpiryBounds, beside: fn(Clocks) -> Clocks| {
        let alphabet = scenario::requests(lines);
        let setting = Setting::Clocks(beside(bounds.clocks(&alphabet, ODD_START)));
        let workload = Workload::every(alphabet, length);
        (keys.to_owned(), Experiment { choice: policy.clone(), workload, setting })
    };
    // Every program of a family begins with the same commands and continues with up to two of the others, or with one if
    // programs have at most two commands. Three would mean nine times as many programs, which is too many.
    let of_family = |family: &expiry::Family| {
        let (alphabet, begins) = (family.alphabet(), family.begins.len());
        let mut clocks = bounds.clocks(&alphabet, ODD_START);
        // Equal clocks are searched with the other alphabets.
        clocks.skews_ms.retain(|skew| *skew != 0 || bounds.skew_ticks_max == 0);
        let length_max = begins + length.saturating_sub(1).clamp(1, 2);
        let workload = Workload::Every { alphabet, begins, length_max };
        let setting = Setting::Clocks(clocks);
        (family.name.to_owned(), Experiment { choice: policy.clone(), workload, setting })
    };
    let [one_string, _, two_strings] = bounds::EXPIRY_ALPHABETS;
    let every = bounds::EXPIRY_ALPHABETS.map(|keys| of(keys, length, bounds, |clocks| clocks)).into_iter();
    // The search of separate steps comes early, because some violations are found only there.
    let apart = of(two_strings, less, bounds, Clocks::with_steps_apart);
    let once_more = of(one_string, less, longer, |clocks| clocks);
    let link_down = of(one_string, less, bounds, Clocks::with_link_down);
    let families = expiry::FAMILIES.iter().map(of_family);
    every.chain([apart, once_more]).chain(families).chain([link_down]).collect()
}

/// The cell of an expiry policy over a user's own programs.
pub(super) fn of_policy_over<C: Machines>(policy: &C, bounds: ExpiryBounds, workload: &Workload) -> Cell<C> {
    let search = |clocks| {
        let (choice, workload, setting) = (policy.clone(), workload.clone(), Setting::Clocks(clocks));
        ("its own commands".to_owned(), Experiment { choice, workload, setting })
    };
    bounds.own_clocks(workload.requests(), ODD_START).into_iter().map(search).collect()
}

/// The searches of ordering and expiry together. Each dimension that grows has its own search: the programs, the number
/// of times that time passes, and a crash.
pub(super) fn of_both(choice: both::Choice, bounds: ExpiryBounds) -> Vec<Part> {
    let once = ExpiryBounds { passes_max: bounds.passes_max.saturating_sub(1), ..bounds };
    let shorter = |bounds: ExpiryBounds| ExpiryBounds { length_max: bounds.length_max - 1, ..bounds };
    let part = |(bounds, crashes_max): (ExpiryBounds, u8)| {
        let setup = both::Setup::new(choice, bounds, crashes_max);
        Part::of(setup.in_words(), bounds.states_max, move || BothModel::new(setup.clone()))
    };
    [(once, 0), (shorter(bounds), 0), (shorter(once), 1)].map(part).into()
}

/// Maximum number of unique states of one search of the clocks model. Its states do not share parts, and need up to 6 kB
/// each.
const CLOCKS_STATES_MAX: usize = 1_200_000;

/// The searches of the clocks model, one for each of [`clocks_reach`].
pub(super) fn of_clocks(choice: clocks::Choice, bounds: Bounds) -> Vec<Part> {
    let part = |(length, passes, restarts): ClocksReach| {
        let setup = clocks::Setup::new(choice, length, passes, restarts);
        Part::of(setup.in_words(), CLOCKS_STATES_MAX, move || ClocksModel::new(setup.clone()))
    };
    let judges_locally = choice.policy.get().judging() != Judging::LogTime;
    clocks_reach(bounds, judges_locally, choice.steps).iter().copied().map(part).collect()
}

/// Maximum length of a program, maximum number of times that time passes, and whether nodes restart.
type ClocksReach = (usize, u8, bool);

/// How far the searches of the clocks model go. Restarts have their own searches; so do programs of two commands, and steps
/// and restarts together. A policy that judges by the wall clock, with a floor too, breaks within a few steps and has fewer
/// searches.
fn clocks_reach(bounds: Bounds, judges_locally: bool, steps: bool) -> &'static [ClocksReach] {
    match (bounds, judges_locally, steps) {
        (Bounds::Quick, true, true) => &[(2, 1, false)],
        (Bounds::Quick, true, false) => &[(2, 2, false), (1, 2, true)],
        (Bounds::Quick, false, true) => &[(2, 2, false), (1, 1, true)],
        (Bounds::Quick, false, false) => &[(2, 2, false), (1, 2, true), (2, 1, true)],
        (Bounds::Deep, ..) => &[(3, 2, false), (2, 1, true), (1, 2, true)],
    }
}

/// Maximum number of unique states of one search of the handshake model.
const HANDSHAKE_STATES_MAX: usize = 10_000_000;

/// The searches of one accident, or of all accidents together. The deep bounds have one more write and one more start;
/// all accidents together have one start. Together they have too few writes for two histories with equal ends, so a
/// revert is also searched alone.
pub(super) fn of_handshake(
    choice: handshake::Choice,
    scenario: Option<&handshake::Scenario>,
    bounds: Bounds,
) -> Vec<Part> {
    let more = u8::from(bounds == Bounds::Deep);
    let part = |scenario: handshake::Scenario| {
        let setup = handshake::Setup::new(choice, scenario);
        Part::of(setup.in_words(), HANDSHAKE_STATES_MAX, move || HandshakeModel::new(setup))
    };
    match scenario {
        Some(scenario) => vec![part(scenario.and(more, more))],
        None => vec![part(handshake::EVERYTHING.and(0, more)), part(handshake::REVERT.and(more, more))],
    }
}

/// Maximum number of unique states of one search of the model of a session.
const REPLICATION_STATES_MAX: usize = 10_000_000;

/// The searches of a way to run a session: faults of the network, and kills with one fault. The deep bounds have one more of each.
pub(super) fn of_replication(choice: replication::Choice, bounds: Bounds) -> Vec<Part> {
    let more = u8::from(bounds == Bounds::Deep);
    let setup = |writes_max, faults_max, kills_max| replication::Setup {
        choice,
        writes_max: writes_max + more,
        faults_max: faults_max + more,
        kills_max: kills_max + more * u8::from(kills_max > 0),
    };
    let part = |setup: replication::Setup| {
        Part::of(setup.in_words(), REPLICATION_STATES_MAX, move || ReplicationModel::new(setup))
    };
    [setup(2, 2, 0), setup(2, 1, 1), setup(2, 0, 2)].map(part).into()
}

/// Maximum number of unique states of one search of the model of a full sync.
const FULL_SYNC_STATES_MAX: usize = 10_000_000;

/// The searches of a way to copy a store: writes and a cut, fewer writes and a kill, and keys that die. The deep bounds have one
/// more of each.
pub(super) fn of_full_sync(choice: full_sync::Choice, bounds: Bounds) -> Vec<Part> {
    let more = u8::from(bounds == Bounds::Deep);
    let setups = [
        full_sync::Setup::of_writes(choice, 3 + more, 1 + more, 0),
        full_sync::Setup::of_writes(choice, 2 + more, 1 + more, 1 + more),
        full_sync::Setup::of_time(choice, 2 + more, 1 + more, 1),
    ];
    let part = |setup: full_sync::Setup| {
        Part::of(setup.in_words(), FULL_SYNC_STATES_MAX, move || FullSyncModel::new(setup))
    };
    setups.map(part).into()
}

/// Maximum number of unique states of one search of the model of a fail-over.
const FAILOVER_STATES_MAX: usize = 20_000_000;

/// The searches of one accident of a fail-over, or of all accidents together. The deep bounds have one more of each. Together they
/// have one write, so promotions are searched alone, too.
pub(super) fn of_failover(
    choice: failover::Choice,
    scenario: Option<&failover::Scenario>,
    bounds: Bounds,
) -> Vec<Part> {
    let more = u8::from(bounds == Bounds::Deep);
    let part = |scenario: failover::Scenario| {
        let setup = failover::Setup { choice, scenario: scenario.and(more) };
        Part::of(setup.in_words(), FAILOVER_STATES_MAX, move || FailoverModel::new(setup))
    };
    match scenario {
        Some(scenario) => vec![part(*scenario)],
        None => vec![part(failover::EVERYTHING), part(failover::SCENARIOS[0])],
    }
}

/// Maximum number of unique states of one search of the model of a crash.
const CRASH_STATES_MAX: usize = 10_000_000;

/// The searches of a write path: kills and power losses of a master, one on a disk that lies, one whose log has many segments, and
/// those of a replica. The deep bounds have one write more.
pub(super) fn of_crash(choice: crash::Choice, bounds: Bounds) -> Vec<Part> {
    let more = u8::from(bounds == Bounds::Deep);
    let part = |setup: crash::Setup| {
        let setup = crash::Setup { writes_max: setup.writes_max + more, ..setup };
        Part::of(setup.in_words(), CRASH_STATES_MAX, move || CrashModel::new(setup))
    };
    crash::Setup::all(choice).map(part).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_reach_of_deep_bounds_covers_that_of_quick_bounds() {
        for (judges_locally, steps) in [(true, true), (true, false), (false, true), (false, false)] {
            let deep = clocks_reach(Bounds::Deep, judges_locally, steps);
            for quick in clocks_reach(Bounds::Quick, judges_locally, steps) {
                let covers = |one: &ClocksReach| one.0 >= quick.0 && one.1 >= quick.1 && one.2 == quick.2;
                assert!(deep.iter().any(covers), "{quick:?} of {judges_locally}, {steps}");
            }
        }
    }
}
