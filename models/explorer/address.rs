//! Address — a URL ↔ choice, program, setting and path, so that every view can be opened again elsewhere. Pure.
//!
//! ```text
//! /explore/ordering/key_hash?program=SET a 1; FLUSHDB&workers=3&path=0.0.2&at=1
//!          └ model  └ choice          │               │         │           └ how many of the path's steps are shown
//!                                     │               │         └ numbers of steps, in the model's order
//!                                     │               └ a setting that is not the default
//!                                     └ lines, or commands with `;` between them
//! /catalogue/R06/explore?path=0.0.2&skew=1000&under=cure
//!            └ a known bug's own program and setting    └ the cure in place of the choice that has the bug
//! ```

use super::problem::{Asked, Problem};
use super::words;
use crate::models::catalogue::{self, Bug, Case};
use crate::models::choice::{Choice, Kind};
use crate::models::experiment::{Experiment, Extent, Setting};
use crate::models::path::Path;
use crate::models::program::{self, Program};
use crate::models::scaled;
use crate::models::story::Story;
use maud::{Markup, html};
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Maximum number of writes of a program that can be explored: the page of each step shows the whole path again.
pub const WRITES_MAX: usize = 24;
/// Maximum number of steps of a path.
const STEPS_MAX: usize = 400;

/// The largest skew in milliseconds: with it no clock begins before the instant 0.
const SKEW_MS_MAX: i64 = 999_999_999;

/// The settings, each with its name, label and range.
pub const SETTINGS: &[(&str, &str, &str, RangeInclusive<i64>)] = &[
    ("ordering", "workers", "workers", 1..=4),
    ("ordering", "crashes", "crashes at most", 0..=2),
    ("expiry", "passes", "times that time passes", 0..=8),
    ("expiry", "delay", "half lifetimes a message may be late", 0..=8),
    ("expiry", "skew", "milliseconds the replica's clock is ahead", -SKEW_MS_MAX..=SKEW_MS_MAX),
    ("expiry", "apart", "1: delivered, applied and published in steps", 0..=1),
];

/// A known bug, under the choice that has it or under its cure.
#[derive(Clone, Copy, Debug)]
pub struct OfBug {
    /// Its row in the catalogue.
    pub case: &'static Case,
    /// How the models show it.
    pub bug: &'static Bug,
    /// Whether the cure runs instead of the choice that has the bug.
    pub is_cured: bool,
}

impl OfBug {
    /// The choice that runs the program.
    pub fn choice(self) -> Choice {
        if self.is_cured { self.bug.cure } else { self.bug.with }
    }

    /// The experiment of the program under this choice.
    pub fn experiment(self) -> Experiment {
        self.bug.experiment(self.choice())
    }

    /// The page and the path on which this story of the bug can be walked; the beginning if it has no such path.
    pub fn same_path(self, story: &Story) -> (Typed, Path) {
        let experiment = self.experiment();
        let is_there = |skew_ms: &i64| {
            let model = experiment.clone().at_skew(*skew_ms).model().ok();
            let view = model.and_then(|model| model.at(&story.path).ok());
            view.is_some_and(|view| view.story.deeds() == story.deeds())
        };
        match experiment.skews_ms().iter().copied().find(is_there) {
            Some(skew_ms) => (Typed::at_bug(self, skew_ms), story.path.clone()),
            None => (Typed::at_bug(self, 0), Path::default()),
        }
    }
}

/// A choice, a program as typed, and a setting.
#[derive(Clone, Debug)]
pub struct Typed {
    /// The choice.
    pub choice: Choice,
    /// The program's lines.
    pub text: String,
    /// The bounds on time and faults.
    pub extent: Extent,
    /// The known bug whose program, setting and fault are walked, if any. Then only the skew of `extent` is used.
    pub bug: Option<OfBug>,
}

/// The reasons why a program cannot be explored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadProgram {
    /// A line is wrong.
    #[error(transparent)]
    Line(#[from] program::ProgramError),
    /// It has no write, so there is nothing to replicate.
    #[error("there is no write in it, so there is nothing to replicate")]
    Empty,
    /// It is too long.
    #[error(
        "it has {0} writes, and at most {WRITES_MAX} can be explored: `replicheck check --program` takes more"
    )]
    TooLong(usize),
}

impl Typed {
    /// The choice with its own example program.
    pub fn default_of(choice: Choice) -> Typed {
        let text = match choice.kind() {
            Kind::Ordering(_) => "SET a 1\nFLUSHDB",
            Kind::Expiry(_) => "SETEX k 2 5\nINCR k",
        };
        Typed { choice, text: text.to_owned(), extent: Extent::default(), bug: None }
    }

    /// The choice, program and setting in a URL. Problems: an unknown choice, or a setting out of range.
    pub fn of(model: &str, choice: &str, asked: &Asked) -> Result<Typed, Problem> {
        let choice = Choice::named(model, choice, None)
            .map_err(|error| Problem::unknown(error.to_string(), choices()))?;
        let typed = Typed::default_of(choice);
        let text = asked.get("program").map_or(typed.text, |text| lines(text));
        Ok(Typed { text, extent: extent(asked)?, choice, bug: None })
    }

    /// The bug, choice and skew in a URL of a known bug. Problems: an unknown bug, or one that is not shown; a skew that the bug
    /// does not have.
    pub fn of_bug(id: &str, asked: &Asked) -> Result<Typed, Problem> {
        let case = catalogue::find(id).ok_or_else(|| Problem::no_bug(id))?;
        let bug = case.bug().ok_or_else(|| Problem::no_bug(id))?;
        let is_cured = match asked.get("under").map(String::as_str) {
            None | Some("bug") => false,
            Some("cure") => true,
            Some(other) => {
                return Err(Problem::value(format!("under: '{other}' is neither 'bug' nor 'cure'")));
            }
        };
        let of = OfBug { case, bug, is_cured };
        let experiment = of.experiment();
        let skews_ms = experiment.skews_ms();
        let usual = skews_ms.first().copied().unwrap_or_default();
        let skew_ms = asked.get("skew").map_or(Some(usual), |text| i64::from_str(text).ok());
        let skew_ms = skew_ms.filter(|skew_ms| skews_ms.contains(skew_ms));
        let skew_ms = skew_ms
            .ok_or_else(|| Problem::value(format!("skew: for this bug it must be one of {skews_ms:?}")))?;
        Ok(Typed::at_bug(of, skew_ms))
    }

    /// A known bug's program under one skew.
    pub fn at_bug(of: OfBug, skew_ms: i64) -> Typed {
        let choice = of.choice().without_fault();
        let extent = Extent { skew_ms, ..Extent::default() };
        Typed { choice, text: of.bug.program.join("\n"), extent, bug: Some(of) }
    }

    /// The experiment that is walked; for a known bug, under one skew.
    pub fn experiment(&self, program: &Program) -> Experiment {
        match self.bug {
            Some(of) => of.experiment().at_skew(self.extent.skew_ms),
            None => Experiment::within(self.choice, program, self.extent),
        }
    }

    /// The name of what is walked: the choice's, with the fault's if there is one.
    pub fn name(&self) -> String {
        self.bug.map_or_else(|| self.choice.name(), |of| of.choice().name())
    }

    /// A description of what is walked, in a sentence or two: what the choice does, a number that is scaled to this run, and the
    /// fault in it.
    pub fn in_words(&self) -> String {
        let floor = self.floor_in_words().map(|floor| format!(" Here with {floor}.")).unwrap_or_default();
        let fault = self.bug.and_then(|of| of.choice().fault());
        let fault = fault.map(|fault| format!(" With a fault: {}.", fault.in_words())).unwrap_or_default();
        words::choice(self.choice) + &floor + &fault
    }

    /// The floor of a policy that has one, as the model runs it on this program.
    fn floor_in_words(&self) -> Option<String> {
        let Kind::Expiry(policy) = self.choice.kind() else { return None };
        match self.experiment(&self.parse().ok()?).setting {
            Setting::Clocks(clocks) => scaled::floor_in_words(policy, clocks.tick_ms),
            Setting::Schedules(..) => None,
        }
    }

    /// The parsed program. Errors: it cannot be explored.
    pub fn parse(&self) -> Result<Program, BadProgram> {
        let program = program::parse(self.text.as_bytes())?;
        match program.commands.len() {
            0 => Err(BadProgram::Empty),
            1..=WRITES_MAX => program.check_weight().map(|()| program).map_err(BadProgram::Line),
            more => Err(BadProgram::TooLong(more)),
        }
    }

    /// The same program and setting under another choice.
    pub fn under(&self, choice: Choice) -> Typed {
        Typed { choice, ..self.clone() }
    }

    /// The address of the explore page, at the beginning of the path.
    pub fn explore(&self) -> String {
        self.explore_path(&[], None)
    }

    /// The address of the explore page after a path, or after its first steps.
    pub fn explore_path(&self, path: &[usize], at: Option<usize>) -> String {
        self.address("explore", "", path, at)
    }

    /// The address of the page that also follows this path under `other`; for a known bug, under its cure.
    pub fn compare(&self, other: Choice, path: &[usize]) -> String {
        self.address("compare", &format!("/{}", other.name()), path, None)
    }

    /// The address of a file for the path's first `at` steps.
    pub fn export(&self, file: &str, path: &[usize], at: usize) -> String {
        self.address("export", &format!("/{file}"), path, Some(at))
    }

    fn address(&self, kind: &str, of: &str, path: &[usize], at: Option<usize>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let page = match self.bug {
            Some(OfBug { case, .. }) if kind == "compare" => format!("/catalogue/{}/compare", case.id),
            Some(OfBug { case, .. }) => format!("/catalogue/{}/{kind}{of}", case.id),
            None => format!("/{kind}/{}/{}{of}", self.choice.model(), self.choice.name()),
        };
        match self.bug {
            Some(of) if of.is_cured => _ = query.append_pair("under", "cure"),
            Some(_) => {}
            None => _ = query.append_pair("program", &in_line(&self.text)),
        }
        let usual = values(&Extent::default());
        for ((value, usual), (model, name, ..)) in values(&self.extent).into_iter().zip(usual).zip(SETTINGS) {
            let usual = match self.bug {
                Some(of) if *name == "skew" => of.experiment().skews_ms().first().copied().unwrap_or(usual),
                _ => usual,
            };
            if value != usual && *model == self.choice.model() {
                query.append_pair(name, &value.to_string());
            }
        }
        if !path.is_empty() {
            query.append_pair("path", &Path::from(path).to_string());
        }
        if let Some(at) = at.filter(|at| *at < path.len()) {
            query.append_pair("at", &at.to_string());
        }
        format!("{page}?{}", query.finish())
    }
}

/// Every choice as a link to its page.
pub fn choices() -> Markup {
    html! {
        @for model in ["ordering", "expiry"] {
            h2 { (words::model(model)) }
            ul.choices {
                @for choice in Choice::all().into_iter().filter(|choice| choice.model() == model) {
                    li { a href=(Typed::default_of(choice).explore()) { (choice.name()) } }
                }
            }
        }
    }
}

/// The values of the extent, in the order of [`SETTINGS`].
pub fn values(setting: &Extent) -> [i64; 6] {
    let workers = i64::try_from(setting.workers).unwrap_or(i64::MAX);
    let (passes, delay) = (setting.passes.into(), setting.delay.into());
    [workers, setting.crashes.into(), passes, delay, setting.skew_ms, setting.apart.into()]
}

fn extent(asked: &Asked) -> Result<Extent, Problem> {
    let usual = Extent::default();
    let mut got = values(&usual);
    for ((_, name, label, range), value) in SETTINGS.iter().zip(&mut got) {
        *value =
            number(asked, name, *value, range).map_err(|text| Problem::value(format!("{label}: {text}")))?;
    }
    let [workers, crashes, passes, delay, skew_ms, apart] = got;
    // The numbers are in range, so each fits its type.
    Ok(Extent {
        workers: usize::try_from(workers).unwrap_or(usual.workers),
        crashes: u8::try_from(crashes).unwrap_or(usual.crashes),
        passes: u8::try_from(passes).unwrap_or(usual.passes),
        delay: u8::try_from(delay).unwrap_or(usual.delay),
        skew_ms,
        apart: apart == 1,
    })
}

/// A value in the query is not a number of the range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a number from {} to {}", .range.start(), .range.end())]
pub struct NotInRange {
    text: String,
    range: RangeInclusive<i64>,
}

/// A number in the query, or `usual` if it is missing.
pub fn number(asked: &Asked, name: &str, usual: i64, range: &RangeInclusive<i64>) -> Result<i64, NotInRange> {
    let Some(text) = asked.get(name).filter(|text| !text.is_empty()) else { return Ok(usual) };
    let number = i64::from_str(text).ok().filter(|number| range.contains(number));
    number.ok_or_else(|| NotInRange { text: text.clone(), range: range.clone() })
}

/// The numbers of a path, and how many of its steps are shown.
pub fn path(asked: &Asked) -> Result<(Path, usize), Problem> {
    let text = asked.get("path").map_or("", String::as_str);
    let path = Path::from_str(text).map_err(|error| Problem::value(format!("path: {error}")))?;
    if path.len() > STEPS_MAX {
        return Err(Problem::value(format!("path: {} steps, at most {STEPS_MAX} are shown", path.len())));
    }
    let length = i64::try_from(path.len()).unwrap_or(i64::MAX);
    let at =
        number(asked, "at", length, &(0..=length)).map_err(|text| Problem::value(format!("at: {text}")))?;
    Ok((path, usize::try_from(at).unwrap_or_default()))
}

/// A program of a URL as lines: the URL has lines, or commands with `;` between them.
pub fn lines(text: &str) -> String {
    if text.contains('\n') {
        return text.replace('\r', "");
    }
    text.split(';').map(str::trim).collect::<Vec<_>>().join("\n")
}

/// The inverse of [`lines`]: one line if that is unambiguous.
fn in_line(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let is_plain = lines.len() > 1 && !lines.iter().any(|line| line.is_empty() || line.contains(';'));
    match (is_plain, lines.as_slice()) {
        (true, _) => lines.join("; "),
        (false, [only]) if !only.contains(';') => (*only).to_owned(),
        (false, _) => format!("{}\n", text.trim_end_matches('\n')),
    }
}
