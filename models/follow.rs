//! Follow — a path of one choice, and another choice → how far the other can go the same way, and what stops it. Pure.
//!
//! Two steps are the same when the same party does the same thing ([`Deed::is_same`]); what differs by strategy (markers,
//! which of the workers it is, the form of the log) does not count. Where the other cannot follow, its own model says what has
//! to happen first: the shortest way to a state in which the step is possible.

use super::experiment::Model;
use super::path::Path;
use super::story::{Actor, Deed, Step};
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
            None if wanted.deed.is_heartbeat() => followed.skipped.push(step),
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
    let does_it = |is_by: fn(Actor, Actor) -> bool| {
        there.next.iter().position(|next| {
            !next.waits && is_by(next.step.actor(), wanted.actor()) && next.step.deed.is_same(&wanted.deed)
        })
    };
    does_it(|one, other| one == other).or_else(|| does_it(Actor::is_alike))
}

/// The number of a step that takes what `wanted` takes, and more.
fn takes_with_others(there: &View, wanted: &Step) -> Option<usize> {
    there.next.iter().position(|next| !next.waits && next.step.deed.takes_with_others(&wanted.deed))
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
            let intervenes = matches!(next.step.deed, Deed::Send { .. } | Deed::Crash { .. });
            if !next.waits && !intervenes {
                ways.push_back(way.then(number));
            }
        }
    }
    None
}
