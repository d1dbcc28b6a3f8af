//! Judge — the searches of one choice → its rows.

use super::cost::Searched;
use super::experiment::{Experiment, ExperimentError, Setting, judges};
use super::invariants::Invariant;
use super::machines::Machines;
use super::path;
use super::sample::{Walks, sample};
use super::search::{Found, Limits, Progress, search};
use super::story::{Narrate, Story};
use super::verdict::{Row, Verdict};
use std::collections::BTreeMap;
use std::time::Instant;

type Run = Box<dyn Fn(&Progress) -> Vec<Row> + Send + Sync>;

/// The searches of one choice.
pub struct Task {
    /// `ordering` or `expiry`.
    pub model: &'static str,
    /// The choice that it judges.
    pub choice: String,
    /// The named scenario or program file; `None` for every program.
    pub scenario: Option<String>,
    /// How long it takes beside others: run the heaviest first, so that no core waits for one at the end.
    pub weight: u8,
    run: Run,
}

impl Task {
    /// A task that `run` does.
    pub fn new(
        model: &'static str,
        choice: String,
        scenario: Option<String>,
        run: impl Fn(&Progress) -> Vec<Row> + Send + Sync + 'static,
    ) -> Task {
        Task { model, choice, scenario, weight: 0, run: Box::new(run) }
    }

    /// A task that runs these searches for the choice of the model. `expected`: the expected verdict of an invariant; `None`
    /// if it has no row.
    pub fn of_parts(
        (model, choice, scenario): (&'static str, String, Option<String>),
        parts: Vec<Part>,
        expected: impl Fn(Invariant) -> Option<Verdict> + Send + Sync + 'static,
    ) -> Task {
        Task::new(model, choice.clone(), scenario.clone(), move |progress| {
            rows_of((model, choice.clone(), scenario.as_ref()), &parts, &expected, progress)
        })
    }

    /// With that weight.
    #[must_use]
    pub fn weighing(self, weight: u8) -> Task {
        Task { weight, ..self }
    }

    /// Runs it on this thread. `progress` shows the search under way and can stop it; rows of a search that was
    /// stopped say *incomplete*.
    pub fn run(&self, progress: &Progress) -> Vec<Row> {
        (self.run)(progress)
    }
}

/// How many schedules are drawn at random in place of a search, and the seed.
type Draws = (Walks, u64);

/// For each invariant that is known to be broken, the steps of the shortest story that can be walked.
type Shortest = BTreeMap<Invariant, usize>;

/// How a model is explored.
#[derive(Clone, Copy)]
struct How {
    draws: Option<Draws>,
    /// An invariant that another search of the same rows decides.
    optional: Option<Invariant>,
}
type Search = Box<dyn Fn(How, &Shortest, &Progress) -> Outcome + Send + Sync>;

/// One search.
pub struct Part {
    bounds: String,
    how: How,
    run: Search,
}

/// What one search came to.
struct Outcome {
    /// The number of its part in the task.
    number: usize,
    invariants: &'static [Invariant],
    sometimes: &'static [&'static str],
    tested: Vec<bool>,
    /// See [`Judged::coverage`](super::judged::Judged::coverage).
    coverage: Vec<(String, bool)>,
    stories: Vec<Option<Story>>,
    found: Found<()>,
    seconds: f64,
    seed: Option<u64>,
}

impl Outcome {
    fn searched(&self) -> Searched {
        Searched {
            number: self.number,
            unique: self.found.unique,
            generated: self.found.generated,
            bytes: self.found.unique * self.found.state_bytes,
            depth: self.found.depth,
            seconds: self.seconds,
            // Drawn schedules are never all schedules: their verdict says so, and they ended by themselves.
            finished: self.seed.is_some() || self.found.finished,
        }
    }
}

impl Part {
    /// A search of the model that `model` makes, of at most `states_max` unique states.
    pub fn of<M: Narrate>(
        bounds: String,
        states_max: usize,
        model: impl Fn() -> M + Send + Sync + 'static,
    ) -> Part {
        let run = move |how: How, shortest: &Shortest, progress: &Progress| match how.draws {
            None => outcome(&model(), None, |model| {
                let steps = |name: &Invariant| match how.optional {
                    _ if !progress.asks_for(*name) => 0,
                    Some(optional) if optional == *name => 0,
                    _ => shortest.get(name).copied().unwrap_or(usize::MAX),
                };
                let shorter_than = model.invariants().iter().map(steps).collect();
                search(model, &Limits { states_max, shorter_than }, progress)
            }),
            Some((walks, seed)) => {
                outcome(&model(), Some(seed), |into| sample((&model, into), walks, seed, progress))
            }
        };
        Part { bounds, how: How { draws: None, optional: None }, run: Box::new(run) }
    }

    /// A search of the experiment's model that judges `invariant`, of at most `states_max` unique states. `words`: its
    /// bounds in words, given the number of programs that are left out because the strategy declares itself undefined for
    /// them. Errors: the model cannot be built.
    pub fn of_experiment<C: Machines>(
        experiment: &Experiment<C>,
        invariant: Invariant,
        states_max: usize,
        words: impl FnOnce(usize) -> String,
    ) -> Result<Part, ExperimentError> {
        // A model that cannot be built is reported now, before the search runs.
        const BUILT: &str = "it was built before";
        let experiment = experiment.clone();
        Ok(match experiment.setting {
            Setting::Schedules(..) => {
                let words = words(experiment.ordering_model()?.left_out());
                Part::of(words, states_max, move || experiment.ordering_model().expect(BUILT))
            }
            Setting::Clocks(_) => {
                let judges = judges(invariant);
                experiment.expiry_model(judges)?;
                Part::of(words(0), states_max, move || experiment.expiry_model(judges).expect(BUILT))
            }
        })
    }

    /// Schedules drawn at random from `seed`, in place of the search.
    #[must_use]
    pub fn drawing(self, walks: Walks, seed: u64) -> Part {
        let bounds = format!("{}; {} schedules drawn at random, seed {seed}", self.bounds, walks.all);
        Part { bounds, how: How { draws: Some((walks, seed)), ..self.how }, ..self }
    }

    /// A search that may end when all invariants but this one are broken; another part of the same rows decides that.
    #[must_use]
    pub fn not_needed_for(self, optional: Invariant) -> Part {
        Part { how: How { optional: Some(optional), ..self.how }, ..self }
    }
}

fn outcome<M: Narrate>(model: &M, seed: Option<u64>, run: impl FnOnce(&M) -> Found<M::Action>) -> Outcome {
    let started = Instant::now();
    let found = run(model);
    let seconds = started.elapsed().as_secs_f64();
    let stories = found.broken.iter().map(|path| path.as_ref().map(|path| told(model, path))).collect();
    Outcome {
        number: 0,
        invariants: model.invariants(),
        sometimes: model.sometimes(),
        tested: (0..model.invariants().len()).map(|index| model.witnesses().has(index)).collect(),
        coverage: model.coverage(),
        stories,
        found: Found {
            unique: found.unique,
            generated: found.generated,
            depth: found.depth,
            state_bytes: found.state_bytes,
            finished: found.finished,
            ended_early: found.ended_early,
            broken: Vec::new(),
        },
        seconds,
        seed,
    }
}

fn told<M: Narrate>(model: &M, path: &[M::Action]) -> Story {
    let path_numbers = path::numbers(model, path).expect("a path of this model");
    Story { path: path_numbers, ..model.story(path) }
}

/// What each search came to. Where one has found an invariant broken, the later ones look for shorter stories only.
fn outcomes_of<'a>(parts: &'a [Part], progress: &Progress) -> Vec<(&'a Part, Outcome)> {
    let mut shortest = Shortest::new();
    let mut is_decided = false;
    let outcome = |(number, part): (usize, &'a Part)| {
        if is_decided {
            return None;
        }
        let outcome = Outcome { number, ..(part.run)(part.how, &shortest, progress) };
        for (name, story) in outcome.invariants.iter().zip(&outcome.stories) {
            if let Some(story) = story.as_ref().filter(|story| story.own.is_some()) {
                // A story has at least the steps of its path.
                let steps = shortest.entry(*name).or_insert(usize::MAX);
                *steps = story.steps.len().min(*steps);
            }
            is_decided |= story.is_some() && progress.only == Some(*name);
        }
        Some((part, outcome))
    };
    parts.iter().enumerate().map_while(outcome).collect()
}

/// The rows of a choice: a row an invariant, over all searches that judge it. An invariant without an expected verdict has
/// no row.
pub fn rows_of(
    (model, choice, scenario): (&'static str, String, Option<&String>),
    parts: &[Part],
    expected: &dyn Fn(Invariant) -> Option<Verdict>,
    progress: &Progress,
) -> Vec<Row> {
    let outcomes = outcomes_of(parts, progress);
    let mut invariants: Vec<Invariant> = Vec::new();
    for name in outcomes.iter().flat_map(|(_, outcome)| outcome.invariants) {
        if !invariants.contains(name) {
            invariants.push(*name);
        }
    }
    let row = |invariant: &Invariant| {
        let judging: Vec<(&Part, &Outcome, usize)> = outcomes
            .iter()
            .filter_map(|(part, outcome)| {
                let index = outcome.invariants.iter().position(|name| name == invariant)?;
                let is_optional = part.how.optional == Some(*invariant);
                let is_open = is_optional && outcome.found.ended_early && outcome.stories[index].is_none();
                (!is_open).then_some((*part, outcome, index))
            })
            .collect();
        Some(row_of(model, &choice, scenario, *invariant, &judging, expected(*invariant)?))
    };
    invariants.iter().filter_map(row).collect()
}

fn row_of(
    model: &'static str,
    choice: &str,
    scenario: Option<&String>,
    invariant: Invariant,
    judging: &[(&Part, &Outcome, usize)],
    expected: Verdict,
) -> Row {
    let stories = judging.iter().filter_map(|(_, outcome, index)| outcome.stories[*index].as_ref());
    // One that can be walked and replayed comes first: with larger batches there may be a shorter one.
    let counterexample = stories.min_by_key(|story| (story.own.is_none(), story.steps.len())).cloned();
    let (verdict, note) = verdict_of(invariant, judging, counterexample.is_some(), scenario.is_some());
    let bounds: Vec<&str> = judging.iter().map(|(part, _, _)| part.bounds.as_str()).collect();
    Row {
        model,
        choice: choice.to_owned(),
        invariant,
        scenario: scenario.cloned(),
        verdict,
        expected,
        searches: judging.iter().map(|(_, outcome, _)| outcome.searched()).collect(),
        bounds: bounds.join("; "),
        witness: if matches!(verdict, Verdict::Holds | Verdict::Sampled) { witness(judging) } else { "" },
        note,
        counterexample,
    }
}

/// The event that put an invariant to the test, if there was one.
fn witness(judging: &[(&Part, &Outcome, usize)]) -> &'static str {
    let seen = judging.iter().find(|(_, outcome, index)| outcome.tested[*index]);
    seen.map_or("", |(_, outcome, index)| outcome.sometimes[*index])
}

/// From which number schedules were drawn, if they were.
fn seed_of(judging: &[(&Part, &Outcome, usize)]) -> Option<u64> {
    judging.iter().find_map(|(_, outcome, _)| outcome.seed)
}

/// The verdict over all searches that judge an invariant, and what must be said with it.
fn verdict_of(
    invariant: Invariant,
    judging: &[(&Part, &Outcome, usize)],
    is_broken: bool,
    is_fixed_program: bool,
) -> (Verdict, String) {
    let seed = seed_of(judging);
    let mut notes: Vec<String> = seed.map(|seed| format!("sampled with seed {seed}")).into_iter().collect();
    if is_broken {
        return (Verdict::Violated, notes.join("; "));
    }
    if let Some((_, outcome, _)) =
        judging.iter().find(|(_, outcome, _)| seed.is_none() && !outcome.found.finished)
    {
        return (Verdict::Incomplete, format!("stopped at {} states", outcome.found.unique));
    }
    let (left_out, of) = if invariant == Invariant::Progress { (Vec::new(), 0) } else { left_out(judging) };
    let tested = judging.iter().any(|(_, outcome, index)| outcome.tested[*index]);
    if let Some((_, outcome, index)) = judging.first().filter(|_| !tested) {
        let never = outcome.sometimes[*index];
        notes.push(match seed.is_none() && is_fixed_program {
            true => format!("never put to the test, so ✓ says nothing: in no run {never}"),
            false => format!("never put to the test: {never}"),
        });
    }
    if !left_out.is_empty() {
        let share = format!("{} of {of} keys and writes with a deadline", left_out.len());
        notes.push(format!("not put to the test: {share}: {}", listed(&left_out)));
    }
    let verdict = match (seed, left_out.is_empty()) {
        (Some(_), _) => Verdict::Sampled,
        (None, false) => Verdict::Incomplete,
        // A fixed program need not put everything to the test.
        (None, true) if tested || is_fixed_program => Verdict::Holds,
        (None, true) => Verdict::Incomplete,
    };
    (verdict, notes.join("; "))
}

/// Names of what no search met, and the number of all that some search could meet.
fn left_out(judging: &[(&Part, &Outcome, usize)]) -> (Vec<String>, usize) {
    let mut all: Vec<(&str, bool)> = Vec::new();
    for (name, was_met) in judging.iter().flat_map(|(_, outcome, _)| &outcome.coverage) {
        match all.iter_mut().find(|(known, _)| known == name) {
            Some((_, met)) => *met |= was_met,
            None => all.push((name, *was_met)),
        }
    }
    let open = all.iter().filter(|(_, met)| !met).map(|(name, _)| (*name).to_owned()).collect();
    (open, all.len())
}

/// Of what is left out, so many are named.
const NAMED: usize = 8;

fn listed(left_out: &[String]) -> String {
    let named = left_out.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    match left_out.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}
