//! Address — a URL → choice, program, setting and path; and back, so that every view can be opened elsewhere. Pure.
//!
//! ```text
//! /explore/ordering/key_hash?program=SET a 1; FLUSHDB&workers=3&path=0.0.2&at=1
//!          └ model  └ choice          │               │         │           └ of the path's steps the first is shown
//!                                     │               │         └ numbers of steps, in the model's order
//!                                     │               └ what is not as usual
//!                                     └ lines, or commands with `;` between them
//! /catalogue/R06/explore?path=0.0.2&skew=1000&under=cure
//!            └ a known bug's own program and setting    └ what cures it, in place of what has it
//! ```

use super::Asked;
use super::problem::Problem;
use crate::models::catalogue::{self, Base, Bug, Case, Configuration, Subject};
use crate::models::program::{self, Program};
use crate::models::story::Story;
use crate::models::walk::{Choice, Setting, Walk};
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Writes of a program that can be explored: each step's page tells the whole path again.
pub const WRITES_MAX: usize = 24;
/// Steps of a path.
const STEPS_MAX: usize = 400;

/// The largest skew in milliseconds: no clock begins before the instant 0.
const SKEW_MS_MAX: i64 = 999_999_999;

/// What may be set, and how far: name, label, range.
pub const SETTINGS: &[(&str, &str, &str, RangeInclusive<i64>)] = &[
    ("ordering", "workers", "workers", 1..=4),
    ("ordering", "crashes", "crashes at most", 0..=2),
    ("expiry", "passes", "times that time passes", 0..=8),
    ("expiry", "delay", "half lifetimes a message may be late", 0..=8),
    ("expiry", "skew", "milliseconds the replica's clock is ahead", -SKEW_MS_MAX..=SKEW_MS_MAX),
    ("expiry", "apart", "1: delivered, applied and published in steps", 0..=1),
];

/// A known bug, or its cure.
#[derive(Clone, Copy, Debug)]
pub struct OfBug {
    /// Its row.
    pub case: &'static Case,
    /// How the models show it.
    pub bug: &'static Bug,
    /// Whether what cures it takes the place of what has it.
    pub is_cured: bool,
}

impl OfBug {
    /// What the program is run on.
    pub fn configuration(self) -> Configuration {
        if self.is_cured { self.bug.cure } else { self.bug.with }
    }

    /// The program with what it is run on.
    pub fn subject(self) -> Subject {
        Subject::of(self.bug, self.configuration())
    }

    /// Where this story can be gone, which was told of this bug; the beginning where it cannot.
    pub fn same_path(self, story: &Story) -> (Typed, Vec<usize>) {
        let subject = self.subject();
        let is_there = |skew_ms: &i64| {
            let view = Walk::of(&subject, *skew_ms).at(&story.path);
            view.is_ok_and(|view| view.story.deeds() == story.deeds())
        };
        match self.bug.setting.skews_ms().into_iter().find(is_there) {
            Some(skew_ms) => (Typed::at_bug(self, skew_ms), story.path.clone()),
            None => (Typed::at_bug(self, 0), Vec::new()),
        }
    }
}

/// A choice, a program as it was typed, and a setting.
#[derive(Clone, Debug)]
pub struct Typed {
    /// The choice.
    pub choice: Choice,
    /// The program's lines.
    pub text: String,
    /// How far time and faults go.
    pub setting: Setting,
    /// The known bug whose program, setting and fault are walked; of `setting` only the skew counts then.
    pub bug: Option<OfBug>,
}

/// Why a program cannot be explored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadProgram {
    /// A line is wrong.
    #[error(transparent)]
    Line(#[from] program::ProgramError),
    /// There is nothing to replicate.
    #[error("there is no write in it, so there is nothing to replicate")]
    Empty,
    /// It is too long.
    #[error(
        "it has {0} writes, and at most {WRITES_MAX} can be explored: `replicheck check --program` takes more"
    )]
    TooLong(usize),
}

impl Typed {
    /// The choice's own example.
    pub fn default_of(choice: Choice) -> Typed {
        let text = match choice {
            Choice::Ordering(_) => "SET a 1\nFLUSHDB",
            Choice::Expiry(_) => "SETEX k 2 5\nINCR k",
        };
        Typed { choice, text: text.to_owned(), setting: Setting::default(), bug: None }
    }

    /// What a URL asks for. Problems: no such choice, a setting out of range.
    pub fn of(model: &str, choice: &str, asked: &Asked) -> Result<Typed, Problem> {
        let choice = Choice::named(model, choice).map_err(|error| Problem::unknown(error.to_string()))?;
        let typed = Typed::default_of(choice);
        let text = asked.get("program").map_or(typed.text, |text| lines(text));
        Ok(Typed { text, setting: setting(asked)?, choice, bug: None })
    }

    /// What a URL asks for of a known bug. Problems: no such bug, or none that is shown; a skew that is not its own.
    pub fn of_bug(id: &str, asked: &Asked) -> Result<Typed, Problem> {
        let case = catalogue::find(id).ok_or_else(|| Problem::no_bug(id))?;
        let bug = case.bug().ok_or_else(|| Problem::no_bug(id))?;
        let is_cured = match asked.get("under").map(String::as_str) {
            None | Some("bug") => false,
            Some("cure") => true,
            Some(other) => return Err(Problem::value(format!("under: '{other}' is neither bug nor cure"))),
        };
        let of = OfBug { case, bug, is_cured };
        let skews_ms = bug.setting.skews_ms();
        let usual = skews_ms.first().copied().unwrap_or_default();
        let skew_ms = asked.get("skew").map_or(Some(usual), |text| i64::from_str(text).ok());
        let skew_ms = skew_ms.filter(|skew_ms| skews_ms.contains(skew_ms));
        let skew_ms =
            skew_ms.ok_or_else(|| Problem::value(format!("skew: it is one of {skews_ms:?} here")))?;
        Ok(Typed::at_bug(of, skew_ms))
    }

    /// A known bug's program under one skew.
    pub fn at_bug(of: OfBug, skew_ms: i64) -> Typed {
        let choice = match of.configuration().base() {
            Base::Ordering(choice) => Choice::Ordering(choice),
            Base::Expiry(policy) => Choice::Expiry(policy),
        };
        let setting = Setting { skew_ms, ..Setting::default() };
        Typed { choice, text: of.bug.program.join("\n"), setting, bug: Some(of) }
    }

    /// The name of what is walked: the choice's, and what is put into it.
    pub fn name(&self) -> String {
        self.bug.map_or_else(|| self.choice.name(), |of| of.configuration().name())
    }

    /// The program. Errors: it cannot be explored.
    pub fn parse(&self) -> Result<Program, BadProgram> {
        let program = program::parse(self.text.as_bytes())?;
        match program.commands.len() {
            0 => Err(BadProgram::Empty),
            1..=WRITES_MAX => program.check_weight().map(|()| program).map_err(BadProgram::Line),
            more => Err(BadProgram::TooLong(more)),
        }
    }

    /// The same under another choice.
    pub fn under(&self, choice: Choice) -> Typed {
        Typed { choice, ..self.clone() }
    }

    /// The address of the explore page, at the beginning.
    pub fn explore(&self) -> String {
        self.explore_path(&[], None)
    }

    /// The address of the explore page after a path, or after its first steps.
    pub fn explore_path(&self, path: &[usize], at: Option<usize>) -> String {
        self.address("explore", "", path, at)
    }

    /// The address of the page that goes this path under `other`, too; of a known bug, under its cure.
    pub fn compare(&self, other: Choice, path: &[usize]) -> String {
        self.address("compare", &format!("/{}", other.name()), path, None)
    }

    /// The address of a file of the path's first `at` steps.
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
        let usual = values(&Setting::default());
        for ((value, usual), (model, name, ..)) in values(&self.setting).into_iter().zip(usual).zip(SETTINGS)
        {
            let usual = match self.bug {
                Some(of) if *name == "skew" => of.bug.setting.skews_ms().first().copied().unwrap_or(usual),
                _ => usual,
            };
            if value != usual && *model == self.choice.model() {
                query.append_pair(name, &value.to_string());
            }
        }
        if !path.is_empty() {
            let numbers: Vec<String> = path.iter().map(ToString::to_string).collect();
            query.append_pair("path", &numbers.join("."));
        }
        if let Some(at) = at.filter(|at| *at < path.len()) {
            query.append_pair("at", &at.to_string());
        }
        format!("{page}?{}", query.finish())
    }
}

/// The values of a setting, in the order of [`SETTINGS`].
pub fn values(setting: &Setting) -> [i64; 6] {
    let workers = i64::try_from(setting.workers).unwrap_or(i64::MAX);
    let (passes, delay) = (setting.passes.into(), setting.delay.into());
    [workers, setting.crashes.into(), passes, delay, setting.skew_ms, setting.apart.into()]
}

fn setting(asked: &Asked) -> Result<Setting, Problem> {
    let usual = Setting::default();
    let mut got = values(&usual);
    for ((_, name, label, range), value) in SETTINGS.iter().zip(&mut got) {
        *value =
            number(asked, name, *value, range).map_err(|text| Problem::value(format!("{label}: {text}")))?;
    }
    let [workers, crashes, passes, delay, skew_ms, apart] = got;
    // In range, so each fits.
    Ok(Setting {
        workers: usize::try_from(workers).unwrap_or(usual.workers),
        crashes: u8::try_from(crashes).unwrap_or(usual.crashes),
        passes: u8::try_from(passes).unwrap_or(usual.passes),
        delay: u8::try_from(delay).unwrap_or(usual.delay),
        skew_ms,
        apart: apart == 1,
    })
}

/// A number of the query, or what it usually is.
pub fn number(asked: &Asked, name: &str, usual: i64, range: &RangeInclusive<i64>) -> Result<i64, String> {
    let Some(text) = asked.get(name).filter(|text| !text.is_empty()) else { return Ok(usual) };
    let number = i64::from_str(text).ok().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("'{text}' is not a number from {} to {}", range.start(), range.end()))
}

/// The numbers of a path, and how many of them are shown.
pub fn path(asked: &Asked) -> Result<(Vec<usize>, usize), Problem> {
    let text = asked.get("path").map_or("", String::as_str).trim_matches('.');
    let numbers: Result<Vec<usize>, _> =
        text.split('.').filter(|_| !text.is_empty()).map(usize::from_str).collect();
    let path = numbers.map_err(|_| {
        Problem::value(format!(
            "path: '{text}' is not numbers of steps with dots between them, such as 0.3.1"
        ))
    })?;
    if path.len() > STEPS_MAX {
        return Err(Problem::value(format!("path: {} steps, at most {STEPS_MAX} are shown", path.len())));
    }
    let length = i64::try_from(path.len()).unwrap_or(i64::MAX);
    let at =
        number(asked, "at", length, &(0..=length)).map_err(|text| Problem::value(format!("at: {text}")))?;
    Ok((path, usize::try_from(at).unwrap_or_default()))
}

/// A program of a URL as lines: it has some already, or commands with `;` between them.
pub fn lines(text: &str) -> String {
    if text.contains('\n') {
        return text.replace('\r', "");
    }
    text.split(';').map(str::trim).collect::<Vec<_>>().join("\n")
}

/// The inverse of [`lines`]: in one line where that is not ambiguous.
fn in_line(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let is_plain = lines.len() > 1 && !lines.iter().any(|line| line.is_empty() || line.contains(';'));
    match (is_plain, lines.as_slice()) {
        (true, _) => lines.join("; "),
        (false, [only]) if !only.contains(';') => (*only).to_owned(),
        (false, _) => format!("{}\n", text.trim_end_matches('\n')),
    }
}
