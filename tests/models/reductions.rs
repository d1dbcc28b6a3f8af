//! Reduced searches against searches of every state: shipped choices, and machines for which a wrong reduction would show.

use super::search::{expiry, lengths, ordering, print_factor, run};
use replicheck::apply::Instants;
use replicheck::binlog::{Entry, Lsn, Payload};
use replicheck::command::Command;
use replicheck::effect::Effect;
use replicheck::expiry::{ExpiryPolicy, Judging, Policy, Removal};
use replicheck::models::bounds::{ExpiryBounds, OrderingBounds, ordering_alphabet};
use replicheck::models::choice::OrderingChoice;
use replicheck::models::expiry::{ExpiryModel, Judges};
use replicheck::models::judged::Judged;
use replicheck::models::ordering::{OrderingModel, Programs};
use replicheck::models::scenario;
use replicheck::models::search::{Exploration, Found, Limits, Progress, explore, search};
use replicheck::ordering::{Admission, Job, OrderingStrategy, Refused, Strategy};
use replicheck::time::Millis;
use std::sync::Arc;

/// The result of a search: the length of the shortest path to each violation, the invariants that were put to the test, and
/// the coverage.
type Said = (Vec<Option<usize>>, Vec<bool>, Vec<(String, bool)>);

fn said<M: Judged>(model: &M, found: &Found<M::Action>) -> Said {
    assert!(found.finished);
    let tested = (0..model.invariants().len()).map(|index| model.witnesses().has(index)).collect();
    (lengths(found), tested, model.coverage())
}

/// Compares a search with an exploration of every state. Returns the numbers of states of the reduced and of the whole
/// exploration.
fn check_reduced<M: Judged>(name: &str, model: impl Fn() -> M) -> [usize; 2] {
    let (whole, both) = (model(), model());
    let all = run(&whole);
    let found = search(&both, &Limits::default(), &Progress::default());
    let all_broken = all.broken.iter().all(Option::is_some);
    let (mut expected, mut actual) = (said(&whole, &all), said(&both, &found));
    if all_broken {
        // Both end early, so their witnesses and their coverage may differ.
        (expected.1, expected.2) = (Vec::new(), Vec::new());
        (actual.1, actual.2) = (Vec::new(), Vec::new());
    }
    assert_eq!(actual, expected, "{name}");
    // The reduced exploration alone finds the same invariants broken, and its paths are paths of the model.
    let reduced = explore(&model(), Exploration::Reduced, &Limits::default(), &Progress::default());
    for (path, (shortest, invariant)) in reduced.broken.iter().zip(all.broken.iter().zip(whole.invariants()))
    {
        assert_eq!(path.is_some(), shortest.is_some(), "{name}: {invariant}");
        let Some(path) = path else { continue };
        let index = whole.invariants().iter().position(|other| other == invariant).expect("it is judged");
        let breaks = |state| {
            let states = follow(&whole, state, path).unwrap_or_default();
            states.iter().any(|state| whole.broken(state).has(index))
        };
        assert!(whole.init_states().into_iter().any(breaks), "{name}: {invariant} by {path:?}");
    }
    [reduced.unique, all.unique]
}

/// The states of a path from `state`; `None`: the path does not exist.
fn follow<M: Judged>(model: &M, state: M::State, path: &[M::Action]) -> Option<Vec<M::State>> {
    let mut states = vec![state];
    for action in path {
        let last = states.last()?;
        let mut actions = Vec::new();
        model.actions(last, &mut actions);
        let next = actions.contains(action).then(|| model.next_state(last, action.clone()))??;
        states.push(next);
    }
    Some(states)
}

#[test]
fn reduced_search_of_orderings_changes_no_verdict_no_length_and_no_witness() {
    for choice in OrderingChoice::all() {
        for (crash, crash_when_quiet) in [("at any moment", false), ("when quiet", true)] {
            let name = format!("{}, crash {crash}", choice.name());
            let model = || ordering(choice, 3, |setup| setup.crash_when_quiet = crash_when_quiet);
            let states = check_reduced(&name, model);
            print_factor(&name, states);
            assert!(states[0] < states[1], "{name}");
        }
        let name = format!("{}, the log's end lost", choice.name());
        print_factor(
            &name,
            check_reduced(&name, || ordering(choice, 2, |setup| setup.tail_may_be_lost = true)),
        );
    }
}

#[test]
fn reduced_search_of_policies_changes_no_verdict_no_length_and_no_witness() {
    for &policy in Policy::ALL {
        for judges in [Judges::State, Judges::Reads] {
            let name = format!("{}, {judges:?}", policy.name());
            let states = check_reduced(&name, || expiry(policy, judges));
            print_factor(&name, states);
            assert!(states[0] <= states[1], "{name}");
        }
    }
}

/// A strategy that forgets an entry if it is admitted while `capacity` others wait for a worker.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Forgetful {
    capacity: usize,
    waiting: Vec<Lsn>,
}

impl OrderingStrategy for Forgetful {
    fn admit(&mut self, entry: &Admission<'_>) -> Result<(), Refused> {
        if self.waiting.len() < self.capacity {
            self.waiting.push(entry.lsn);
        }
        Ok(())
    }

    fn take(&mut self, _worker: usize) -> Option<Job> {
        let first = (!self.waiting.is_empty()).then(|| self.waiting.remove(0));
        first.map(Job::whole)
    }

    fn finish(&mut self, _worker: usize, _job: &Job) {}

    fn interchangeable_workers(&self) -> bool {
        true
    }
}

/// If a worker takes its job late, this strategy forgets an entry. A reduction that always takes at once would miss that. With
/// a capacity of one the next step shows that a take does not commute, with a capacity of two the step after it.
#[test]
fn reduced_search_of_a_strategy_for_which_it_matters_when_a_worker_takes_finds_what_is_broken() {
    let choice = OrderingChoice::effects(Strategy::Serial);
    for capacity in [1, 2] {
        let model = || {
            let policy = Policy::Effects.get();
            let programs =
                Programs::every(&ordering_alphabet(), capacity + 1, &*policy).expect("a short length");
            let mut setup = OrderingBounds::QUICK.setup(choice, programs);
            setup.workers = 2;
            OrderingModel::new(setup, move |_| Forgetful { capacity, waiting: Vec::new() })
        };
        let name = format!("forgetful, room for {capacity}");
        print_factor(&name, check_reduced(&name, model));
        let found = search(&model(), &Limits::default(), &Progress::default());
        assert!(found.broken[0].is_some(), "{name}: progress is broken");
    }
}

/// Entries are applied at their own time, but the replica removes keys that are dead by its own clock.
#[derive(Debug)]
struct RemovesByItsOwnClock;

impl ExpiryPolicy for RemovesByItsOwnClock {
    fn logged(&self, command: &Command, effect: Effect, now: Millis) -> Payload {
        Policy::AtEntryTime.get().logged(command, effect, now)
    }

    fn instants(&self, entry: &Entry, local: Millis) -> Instants {
        Policy::AtEntryTime.get().instants(entry, local)
    }

    fn judging(&self) -> Judging {
        Policy::AtEntryTime.get().judging()
    }

    fn removal(&self) -> Removal {
        Removal::Local
    }
}

/// With equal clocks only a late delivery shows the fault: the replica removes the key before it applies the entry that
/// changes the key.
#[test]
fn reduced_search_of_a_policy_for_which_it_matters_when_an_entry_comes_finds_what_is_broken() {
    let model = || {
        let bounds = ExpiryBounds { length_max: 2, passes_max: 1, skew_ticks_max: 0, ..ExpiryBounds::QUICK };
        let alphabet = scenario::requests(&["PSETEX k 2003 5", "PERSIST k"]);
        ExpiryModel::new(bounds.setup(Judges::State, alphabet), Arc::new(RemovesByItsOwnClock))
    };
    let name = "at_entry_time, removal by the replica's own clock";
    print_factor(name, check_reduced(name, model));
    let found = search(&model(), &Limits::default(), &Progress::default());
    assert!(found.broken[1].is_some(), "same_value is broken");
}
