//! Ordering and expiry together: what breaks reads of a past state over several keys, and that the model can find it.

use replicheck::expiry::Policy;
use replicheck::models::both::{Action, BothModel, Choice, Setup};
use replicheck::models::bounds::ExpiryBounds;
use replicheck::models::invariants::Invariant;
use replicheck::models::judged::Judged;
use replicheck::models::search::{Found, Limits, Progress, search};
use replicheck::models::story::{Deed, Narrate};
use replicheck::ordering::Strategy;
use stateright::{Checker, Model};

const SMALL: ExpiryBounds = ExpiryBounds { length_max: 2, passes_max: 1, ..ExpiryBounds::QUICK };

fn run(setup: Setup) -> Found<Action> {
    search(&BothModel::new(setup), &Limits::default(), &Progress::default())
}

#[test]
fn readers_of_prefixes_who_judge_by_log_time_see_the_past_and_no_others_do() {
    for choice in Choice::all() {
        for crashes_max in [0, 1] {
            let found = run(Setup::new(choice, SMALL, crashes_max));
            assert!(found.finished, "{}", choice.name());
            let broken: Vec<bool> = found.broken.iter().map(Option::is_some).collect();
            assert_eq!(broken, [false, !choice.reads_the_past()], "{}", choice.name());
        }
    }
}

#[test]
fn readers_of_the_live_store_are_ahead_of_their_log_time_even_in_log_order() {
    for strategy in [Strategy::Serial, Strategy::Sequence] {
        let choice = Choice { strategy, policy: Policy::LogClock };
        let setup = Setup { snapshots: false, ..Setup::new(choice, SMALL, 0) };
        let found = run(setup.clone());
        let path = found.broken[1].as_ref().unwrap_or_else(|| panic!("{}: past_read holds", choice.name()));
        let story = BothModel::new(setup).story(path);
        let dies_first = story.steps.iter().position(|step| matches!(step.deed, Deed::Pass(_)));
        let is_written_late = story.steps.last().is_some_and(|step| matches!(step.deed, Deed::Write { .. }));
        assert!(dies_first.is_some() && is_written_late, "{:?}", story.in_words());
    }
}

#[test]
fn search_of_both_agrees_with_stateright() {
    for choice in Choice::all() {
        let model = || BothModel::new(Setup::new(choice, SMALL, 1));
        let ours = search(&model(), &Limits::default(), &Progress::default());
        let theirs = model().checker().threads(1).spawn_bfs().join();
        for (index, invariant) in model().invariants().iter().enumerate() {
            let discovered = theirs.discovery(invariant.name()).is_some();
            assert_eq!(ours.broken[index].is_some(), discovered, "{}: {invariant}", choice.name());
        }
        assert_eq!(ours.unique, theirs.unique_state_count(), "{}", choice.name());
    }
}

#[test]
fn stories_of_both_break_at_their_last_step_only() {
    for choice in Choice::all().into_iter().filter(|choice| !choice.reads_the_past()) {
        let setup = Setup::new(choice, SMALL, 1);
        let found = run(setup.clone());
        let story = BothModel::new(setup).story(found.broken[1].as_ref().expect("it is broken"));
        let (last, before) = story.steps.split_last().expect("there are steps");
        assert!(last.broken.contains(&Invariant::PastRead), "{}", choice.name());
        assert!(before.iter().all(|step| step.broken.is_empty()), "{}", choice.name());
        assert!(story.conclusion.to_string().contains("past_read"), "{}", story.conclusion);
    }
}
