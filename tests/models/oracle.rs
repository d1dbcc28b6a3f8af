//! A second opinion: the fast models against searches that are as plain as possible, program by program, verdict by verdict.
//!
//! `cargo test` compares every short program and a sample of the longer ones, drawn from the seed of the run;
//! `REPLICHECK_ORACLE=all` compares every case.

mod both;
mod clocks;
mod expiry;
mod handshake;
mod ordering;
mod own_programs;

use crate::seed::{Seed, again};
use replicheck::models::invariants::{Invariant, listed};
use replicheck::models::oracle::Opinion;
use replicheck::models::request::Request;
use replicheck::models::search::{Limits, Progress, search};
use replicheck::models::story::Narrate;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};
use std::time::Instant;

/// The invariants that the fast model breaks, each with the steps of its path.
type Broken = BTreeMap<Invariant, Vec<String>>;

/// The two verdicts on one case.
struct Verdicts {
    fast: Broken,
    plain: Opinion,
}

impl Verdicts {
    /// Describes the invariants on which the two disagree; `None`: they agree.
    fn difference(&self) -> Option<String> {
        let names = |broken: &Broken| broken.keys().copied().collect::<BTreeSet<_>>();
        let (fast, plain) = (names(&self.fast), names(&self.plain.broken));
        if fast == plain {
            return None;
        }
        let list = |names: &BTreeSet<Invariant>| listed(&names.iter().copied().collect::<Vec<_>>());
        let mut text =
            format!("  the fast model breaks: {}\n  the plain search breaks: {}", list(&fast), list(&plain));
        for (only, names, broken) in
            [("fast model", &fast - &plain, &self.fast), ("plain search", &plain - &fast, &self.plain.broken)]
        {
            for name in names {
                text += &format!(
                    "\n  {name} is broken by the {only} alone:\n    {}",
                    broken[&name].join("\n    ")
                );
            }
        }
        Some(text)
    }
}

fn fast<M: Narrate>(model: &M) -> Broken {
    let found = search(model, &Limits::default(), &Progress::default());
    assert!(found.finished, "the bounds of one program are small");
    let paths = model.invariants().iter().zip(&found.broken);
    let in_words = |path: &Vec<M::Action>| {
        let steps = model.story(path).steps;
        steps.iter().map(|step| step.in_words()).collect()
    };
    paths.filter_map(|(name, path)| Some((*name, in_words(path.as_ref()?)))).collect()
}

fn program(requests: &[impl Display]) -> String {
    requests.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Every program of `length` of these commands or requests.
fn of_length<T: Clone>(alphabet: &[T], length: usize) -> Vec<Vec<T>> {
    let mut all = vec![Vec::new()];
    for _ in 0..length {
        let longer = |begun: Vec<T>| {
            alphabet.iter().map(move |command| [begun.as_slice(), std::slice::from_ref(command)].concat())
        };
        all = all.into_iter().flat_map(longer).collect();
    }
    all
}

/// Programs of these commands that one model searches together, so that it may use for one what it remembers of another.
#[derive(Clone)]
struct Together<T> {
    alphabet: Vec<Request>,
    length_max: usize,
    of: T,
}

impl<T: Display> Display for Together<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "every program up to {} of: {}", self.length_max, self.of)
    }
}

impl<T> Together<T> {
    /// The combined verdicts of the plain search on each program alone.
    fn plain(&self, opinion: impl Fn(Vec<Request>) -> Option<Opinion>) -> Opinion {
        let mut all = Opinion { broken: BTreeMap::new(), states: 0 };
        for commands in (1..=self.length_max).flat_map(|length| of_length(&self.alphabet, length)) {
            let named = program(&commands);
            let Some(opinion) = opinion(commands) else { continue };
            merge(&mut all, &named, opinion);
        }
        all
    }
}

/// Adds the opinion on one case; the case's name becomes the first step of each path that is new.
fn merge(all: &mut Opinion, case: &str, opinion: Opinion) {
    all.states += opinion.states;
    for (name, path) in opinion.broken {
        all.broken.entry(name).or_insert_with(|| [vec![case.to_owned()], path].concat());
    }
}

fn is_complete() -> bool {
    std::env::var("REPLICHECK_ORACLE").is_ok_and(|what| what == "all")
}

/// How many differences a failure shows in full.
const TOLD: usize = 5;

/// Compares the `short` cases and `drawn` of the `long` ones, drawn from the seed, or all of them. Returns the invariants that no
/// case broke, which were thus not tested. Panics if some cases differ.
fn compare<C: Display>(
    what: &str,
    (short, mut long): (Vec<C>, Vec<C>),
    (drawn, seed): (usize, &Seed),
    invariants: &[Invariant],
    verdicts: impl Fn(&C) -> Option<Verdicts>,
) -> Vec<Invariant> {
    let all = if is_complete() { "REPLICHECK_ORACLE=all " } else { "" };
    let again = format!("{all}{}", again(seed.number(), &[]));
    let (started, total) = (Instant::now(), short.len() + long.len());
    seed.rng().shuffle(&mut long);
    long.truncate(if is_complete() { total } else { drawn });
    let (mut compared, mut states, mut differences) = (0, 0, Vec::new());
    let mut times_broken: BTreeMap<Invariant, usize> = invariants.iter().map(|name| (*name, 0)).collect();
    for case in short.iter().chain(&long) {
        let Some(verdicts) = verdicts(case) else { continue };
        differences.extend(verdicts.difference().map(|difference| format!("{case}\n{difference}\n")));
        (compared, states) = (compared + 1, states + verdicts.plain.states);
        verdicts.plain.broken.keys().for_each(|name| *times_broken.entry(*name).or_default() += 1);
    }
    println!(
        "{what}: {compared} programs x choices compared, of {total} cases; {states} plain states, {:.1} s; times broken: \
         {times_broken:?}\n{again}",
        started.elapsed().as_secs_f64(),
    );
    let told = differences.iter().take(TOLD).map(String::as_str).collect::<String>();
    assert!(differences.is_empty(), "{} differ:\n{told}run it again: {again}", differences.len());
    times_broken.into_iter().filter(|(_, times)| *times == 0).map(|(name, _)| name).collect()
}

/// `count` requests of the alphabet, drawn at random.
fn some_of(random: &mut fastrand::Rng, alphabet: &[Request], count: usize) -> Vec<Request> {
    let mut drawn = alphabet.to_vec();
    random.shuffle(&mut drawn);
    drawn.truncate(count);
    drawn
}

/// The text of the difference; panics if there is none.
fn difference(case: &impl Display, verdicts: &Verdicts) -> String {
    verdicts.difference().unwrap_or_else(|| panic!("{case}: both break {:?}", verdicts.plain.broken.keys()))
}
