//! Follow — a path of one choice, and another choice → how far the other can go the same way, and what stops it. Pure.
//!
//! Two steps are the same when the same party does the same thing; what differs by strategy (markers, which of the
//! workers it is, the form of the log) does not count. Where the other cannot follow, its own model says what has
//! to happen first: the shortest way to a state in which the step is possible.

use super::experiment::Model;
use super::path::Path;
use super::story::Step;
use super::walk::{NoPath, View};
use std::collections::VecDeque;

/// How far a choice followed a path of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Followed {
    /// Its own path.
    pub path: Path,
    /// Steps of the other that it has no need of (heartbeats that tell it nothing), counted from 1.
    pub skipped: Vec<usize>,
    /// Where it could not follow.
    pub stop: Option<Stop>,
}

/// A step that cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Which step of the other's path, from 1 on.
    pub step: usize,
    /// The step, as the other took it.
    pub wanted: Step,
    /// The steps that have to come first, and then the step as this choice takes it: alone, or in one with what
    /// stands before it. `None` if nothing within reach makes it possible.
    pub way: Option<(Vec<Step>, Step)>,
}

/// Ways looked at for what has to happen first.
const WAYS_MAX: usize = 400;

/// Takes with `other` the steps that `path` takes with `own`, as far as it can. Errors: `own` has no such path.
pub fn follow(own: &Model, path: &[usize], other: &Model) -> Result<Followed, NoPath> {
    let view = own.at(path)?;
    let mut followed = Followed { path: Path::default(), skipped: Vec::new(), stop: None };
    for (step, wanted) in (1..).zip(&view.story.steps[view.prelude()..]) {
        let there = other.at(&followed.path)?;
        match same(&there, wanted) {
            Some(number) => followed.path.push(number),
            None if is_heartbeat(wanted) => followed.skipped.push(step),
            None => {
                let way = what_comes_first(other, &followed.path, wanted);
                followed.stop = Some(Stop { step, wanted: wanted.clone(), way });
                break;
            }
        }
    }
    Ok(followed)
}

/// The number of the step that does the same; of several, the one by the same party.
fn same(there: &View, wanted: &Step) -> Option<usize> {
    let can = || there.next.iter().enumerate().filter(|(_, next)| !next.waits);
    let by_same = can().find(|(_, next)| next.step.who == wanted.who && deed(&next.step) == deed(wanted));
    let alike =
        || can().find(|(_, next)| kind(&next.step) == kind(wanted) && deed(&next.step) == deed(wanted));
    by_same.or_else(alike).map(|(number, _)| number)
}

/// Who acts, any worker being as good as another.
fn kind(step: &Step) -> &str {
    step.who.split(' ').next().unwrap_or_default()
}

/// What is done, without what differs from choice to choice.
fn deed(step: &Step) -> String {
    if let Some((command, _)) = step.what.split_once(" on the master") {
        return command.to_owned();
    }
    let parts = if step.what.starts_with("is killed") { 2 } else { 1 };
    let deed = step.what.split(';').take(parts).collect::<Vec<_>>().join(";");
    let until =
        |text: &str, end: &str| text.split_once(end).map_or(text.to_owned(), |(deed, _)| deed.to_owned());
    // `delivers entry 1: k = "5" until t = 2 s, at once`: what the entry says is the policy's affair.
    if deed.starts_with("delivers entry") { until(&deed, ":") } else { until(&deed, ", marker ") }
}

/// The number of a step that takes what `wanted` takes, and more.
fn takes_with_others(there: &View, wanted: &Step) -> Option<usize> {
    let job = wanted.what.strip_prefix("takes ")?;
    let takes_it = |step: &Step| {
        step.what.strip_prefix("takes ").is_some_and(|jobs| jobs.split(" and ").any(|one| one == job))
    };
    there.next.iter().position(|next| !next.waits && takes_it(&next.step))
}

fn is_heartbeat(step: &Step) -> bool {
    step.what.contains("heartbeat")
}

/// The shortest way on which the wanted step becomes possible: no new command, no crash.
fn what_comes_first(other: &Model, path: &[usize], wanted: &Step) -> Option<(Vec<Step>, Step)> {
    let mut ways: VecDeque<Path> = VecDeque::from([Path::from(path)]);
    for _ in 0..WAYS_MAX {
        let way = ways.pop_front()?;
        let there = other.at(&way).ok()?;
        if let Some(number) = same(&there, wanted).or_else(|| takes_with_others(&there, wanted)) {
            let done = there.story.steps.len() - (way.len() - path.len());
            return Some((there.story.steps[done..].to_vec(), there.next[number].step.clone()));
        }
        for (number, next) in there.next.iter().enumerate() {
            let intervenes = next.step.who == "client" || next.step.what.starts_with("is killed");
            if !next.waits && !intervenes {
                ways.push_back(way.then(number));
            }
        }
    }
    None
}
