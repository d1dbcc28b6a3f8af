//! Parts — a choice within bounds → the searches that judge it.
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
//! | commands on strings | the full length | when the replica is quiet |
//!
//! The searches of a choice run one after another. When one search has found an invariant broken, later searches only
//! look for a shorter counterexample, and end when none can be shorter. In the ordering model the first search decides
//! *progress*; in the expiry model each search that judges *progress* decides it.

use super::assignment;
use super::both::{self, BothModel};
use super::bounds::{self, BATCHES, Bounds, ExpiryBounds, ODD_START, OrderingBounds, batch_entries_max};
use super::choice::OrderingChoice;
use super::clocks::{self, ClocksModel};
use super::expiry::{self, ExpiryModel, Judges};
use super::handshake::{self, HandshakeModel};
use super::invariants::Invariant;
use super::judge::Part;
use super::ordering::{self, Machine, OrderingModel, Programs, ProgramsError, Routes};
use super::scenario;
use crate::command::Command;
use crate::effect::Key;
use crate::expiry::{ExpiryPolicy, Judging};
use crate::ordering::OrderingStrategy;
use std::sync::Arc;

/// The programs that a search explores.
#[derive(Clone, Debug)]
pub(super) enum Of {
    /// Every program of these commands up to that length.
    Every(Vec<Command>, usize),
    /// Only this program.
    Only(Vec<Command>),
}

impl Of {
    /// The commands.
    pub fn commands(&self) -> &[Command] {
        match self {
            Of::Every(commands, _) | Of::Only(commands) => commands,
        }
    }

    /// The same kind of programs with other commands.
    pub fn with(&self, commands: Vec<Command>) -> Of {
        match self {
            Of::Every(_, length) => Of::Every(commands, *length),
            Of::Only(_) => Of::Only(commands),
        }
    }
}

/// A search of a strategy.
#[derive(Clone, Debug)]
pub(super) struct Search {
    /// The programs.
    pub of: Of,
    /// The payload of the log, and the moment when readers are let in.
    pub choice: OrderingChoice,
    /// Limits on workers, crashes and states.
    pub bounds: OrderingBounds,
    /// Whether the replica crashes only when it is quiet.
    pub crash_when_quiet: bool,
    /// Whether a crash may lose the end of the log.
    pub tail_may_be_lost: bool,
    /// Whether batches have the size that they have in the searches whose counterexamples are shown first.
    pub shipped_batches: bool,
    /// Record of which worker took which key; `None`: not recorded.
    pub routes: Option<Arc<Routes>>,
    /// Words to add to those of its bounds.
    pub words: String,
}

impl Search {
    /// The search of a built-in choice, or of a user's own strategy on such a log.
    pub fn new(of: Of, choice: OrderingChoice, bounds: OrderingBounds) -> Search {
        Search {
            of,
            choice,
            bounds,
            crash_when_quiet: false,
            tail_may_be_lost: false,
            shipped_batches: true,
            routes: None,
            words: String::new(),
        }
    }

    /// The same search with other commands: the same commands under other names.
    #[must_use]
    pub fn under(&self, commands: Vec<Command>, words: String) -> Search {
        Search { of: self.of.with(commands), words, ..self.clone() }
    }

    /// The part that runs this search. Programs for which the strategy declares itself undefined are left out and
    /// counted. Errors: more programs than there are numbers.
    pub fn part<O: Machine>(
        &self,
        new: impl Fn(usize) -> O + Clone + Send + Sync + 'static,
    ) -> Result<Part, ProgramsError> {
        let policy = self.choice.log_policy().get();
        let programs = match &self.of {
            Of::Every(alphabet, length) => Programs::every_unlike(alphabet, *length, &*policy)?,
            Of::Only(commands) => Programs::only(commands, &*policy)?,
        };
        let mut words = match &self.of {
            Of::Every(alphabet, length) => self.bounds.in_words(*length, alphabet, self.crash_when_quiet),
            Of::Only(commands) => format!(
                "every schedule of {} writes, {} workers, at most {} crash",
                commands.len(),
                self.bounds.workers,
                self.bounds.crashes_max
            ),
        };
        words += &self.words;
        let left_out = programs.left_out(&|| new(self.bounds.workers));
        if left_out > 0 {
            words += &format!(", {left_out} programs left out that it declares undefined");
        }
        let search = self.clone();
        Ok(Part::of(words, self.bounds.states_max, move || {
            let setup = search.bounds.setup(search.choice, programs.clone(), search.crash_when_quiet);
            let (shipped_batches, routes) = (search.shipped_batches, search.routes.clone());
            let tail_may_be_lost = search.tail_may_be_lost;
            let setup = ordering::Setup { shipped_batches, routes, tail_may_be_lost, ..setup };
            OrderingModel::new(setup, new.clone())
        }))
    }

    /// This search under every other way to share lanes than the one of the present names.
    pub fn with_other_lanes(&self) -> Vec<Search> {
        let (commands, lanes) = (self.of.commands(), self.bounds.workers);
        let keys = assignment::keys_of(commands);
        let own = assignment::assignment_of(&keys, lanes);
        let others = assignment::assignments(keys.len(), lanes).into_iter().filter(|other| *other != own);
        let under = |other: Vec<usize>| {
            let words = format!("{}, lanes {}", self.words, assignment::in_words(&keys, &other));
            self.under(assignment::renamed(commands, &keys, &other, lanes), words)
        };
        others.map(under).collect()
    }

    /// This search under a randomly drawn way to share lanes.
    pub fn with_drawn_lanes(&self, keys: &[Key], seed: u64) -> Search {
        let lanes = self.bounds.workers;
        let mut random = fastrand::Rng::with_seed(seed);
        let drawn: Vec<usize> = keys.iter().map(|_| random.usize(..lanes)).collect();
        let commands = assignment::renamed(self.of.commands(), keys, &drawn, lanes);
        self.under(commands, format!("{}, lanes drawn with seed {seed}", self.words))
    }
}

/// The searches of a built-in choice. Panics: more programs than there are numbers, which the built-in bounds do not
/// reach.
pub(super) fn of_choice(choice: OrderingChoice, bounds: OrderingBounds) -> Vec<Part> {
    let strategy = choice.strategy;
    let shipped = batch_entries_max(strategy);
    let part = |search: Search, batch: usize| {
        let part = search.part(move |workers| strategy.machine(workers, batch));
        part.expect("the alphabet and the lengths are ours")
    };
    let shorter = Of::Every(bounds::ordering_alphabet(), bounds.length_max.saturating_sub(1));
    let shorter = Search::new(shorter, choice, bounds);
    let first = part(shorter.clone(), shipped);
    let mut others = Vec::new();
    for batch in BATCHES.filter(|&batch| batch > shipped) {
        let words = format!(", batches up to {batch}");
        others.push(part(Search { shipped_batches: false, words, ..shorter.clone() }, batch));
    }
    if strategy.machine(bounds.workers, shipped).has_lanes() {
        others.extend(shorter.with_other_lanes().into_iter().map(|search| part(search, shipped)));
    }
    if bounds.loses_tails {
        let words = ", the log's end may be lost".to_owned();
        others.push(part(Search { tail_may_be_lost: true, words, ..shorter }, shipped));
    }
    let longest = Of::Every(bounds::ordering_strings(), bounds.length_max);
    let longest = Search { crash_when_quiet: true, ..Search::new(longest, choice, bounds) };
    others.push(part(longest, shipped));
    [first]
        .into_iter()
        .chain(others.into_iter().map(|part| part.not_needed_for(Invariant::Progress)))
        .collect()
}

/// The searches of an expiry policy: one string key, one hash key, two string keys; two string keys with delivery,
/// application and publication as separate steps; one string key with time passing once more, at one command less; each
/// family of commands; a link that goes down.
pub(super) fn of_policy(policy: &Arc<dyn ExpiryPolicy + Send + Sync>, bounds: ExpiryBounds) -> Vec<Part> {
    let (length, passes) = (bounds.length_max, bounds.passes_max);
    let shorter = ExpiryBounds { length_max: length.saturating_sub(1).max(1), ..bounds };
    let longer = ExpiryBounds { passes_max: passes + 1, ..shorter };
    let (one_string, lines) = bounds::EXPIRY_ALPHABETS[0];
    let of_one_string = || scenario::commands(lines);
    let part = |keys: &str, setup: expiry::Setup| expiry_part(policy, keys, setup, bounds.states_max);
    let mut parts = Vec::new();
    for judges in [Judges::State, Judges::Reads] {
        for (keys, lines) in bounds::EXPIRY_ALPHABETS {
            parts.push(part(keys, bounds.setup(judges, scenario::commands(lines))));
        }
        // This search comes early, because some violations are found only here.
        let (two_strings, lines) = bounds::EXPIRY_ALPHABETS[2];
        let apart = shorter.setup(judges, scenario::commands(lines)).with_steps_apart();
        parts.push(part(two_strings, apart));
        parts.push(part(one_string, longer.setup(judges, of_one_string())));
        let families = expiry::FAMILIES.iter();
        parts.extend(families.map(|family| part(family.name, bounds.family_setup(judges, family))));
        parts.push(part(one_string, shorter.setup(judges, of_one_string()).with_link_down()));
    }
    parts
}

/// The searches of an expiry policy over every program of these commands.
pub(super) fn of_policy_over(
    policy: &Arc<dyn ExpiryPolicy + Send + Sync>,
    bounds: ExpiryBounds,
    alphabet: &[Command],
) -> Vec<Part> {
    let setups = bounds.own_setups(alphabet, ODD_START).into_iter();
    setups.map(|setup| expiry_part(policy, "its own commands", setup, bounds.states_max)).collect()
}

fn expiry_part(
    policy: &Arc<dyn ExpiryPolicy + Send + Sync>,
    keys: &str,
    setup: expiry::Setup,
    states_max: usize,
) -> Part {
    let named: Vec<String> = setup.alphabet.iter().map(ToString::to_string).collect();
    let programs = format!("{keys}: programs up to {} of {}", setup.length_max, named.join(", "));
    let policy = Arc::clone(policy);
    let words = setup.in_words(&programs);
    Part::of(words, states_max, move || ExpiryModel::new(setup.clone(), Arc::clone(&policy)))
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

/// The searches of the clocks model. Restarts have their own searches; so do programs of two commands, and steps and
/// restarts together. A policy that judges by the wall clock breaks within a few steps and has fewer searches.
pub(super) fn of_clocks(choice: clocks::Choice, bounds: Bounds) -> Vec<Part> {
    let part = |(length, passes, restarts): (usize, u8, bool)| {
        let setup = clocks::Setup::new(choice, length, passes, restarts);
        Part::of(setup.in_words(), CLOCKS_STATES_MAX, move || ClocksModel::new(setup.clone()))
    };
    let judges_locally = choice.policy.get().judging() == Judging::Local;
    match (bounds, judges_locally, choice.steps) {
        (Bounds::Quick, true, true) => vec![part((2, 1, false))],
        (Bounds::Quick, true, false) => vec![part((2, 2, false)), part((1, 2, true))],
        (Bounds::Quick, false, true) => vec![part((2, 2, false)), part((1, 1, true))],
        (Bounds::Quick, false, false) => {
            vec![part((2, 2, false)), part((1, 2, true)), part((2, 1, true))]
        }
        (Bounds::Deep, ..) => vec![part((3, 2, false)), part((2, 1, true))],
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
