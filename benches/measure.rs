//! Measure — a function that is run repeatedly → its median, next to a limit measured at the same time.
//!
//! Criterion decides how often to run it, and prints its own statistics. Each run is also kept here, with the limit
//! measured directly before or after it. So other load on the machine affects both, and the share is the median over
//! such pairs.

use crate::{baseline, results};
use criterion::{Criterion, SamplingMode, Throughput};
use replicheck::models::measured::{Measured, in_words};
use serde_json::Value;
use std::env;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// The allocator of the program, as in `src/main.rs`, so that the shipped code is measured; the limit uses
/// it, too.
#[cfg(feature = "rocksdb")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How long a bench may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `cargo test --benches`: each bench runs once, with little data; no file is written.
    Once,
    /// `--quick`.
    Quick,
    /// The most exact mode.
    Full,
}

impl Mode {
    /// The mode that the command line asks for.
    pub fn asked() -> Mode {
        let has = |word: &str| env::args().any(|argument| argument == word);
        match (has("--bench") && !has("--test"), has("--quick")) {
            (false, _) => Mode::Once,
            (true, true) => Mode::Quick,
            (true, false) => Mode::Full,
        }
    }

    /// One of three numbers.
    pub fn pick<T>(self, once: T, quick: T, full: T) -> T {
        match self {
            Mode::Once => once,
            Mode::Quick => quick,
            Mode::Full => full,
        }
    }
}

/// The times of one run.
pub struct Run {
    /// The time of the run, without its preparation.
    pub time: Duration,
    /// The time of the limit for the same work.
    pub limit: Option<Duration>,
}

impl From<Duration> for Run {
    fn from(time: Duration) -> Run {
        Run { time, limit: None }
    }
}

/// What a few runs took.
struct Times {
    /// The median time of a run.
    seconds: f64,
    /// The median share of the limit.
    share: Option<f64>,
    /// See [`spread`]: of the share, or as a part of the time where there is no limit.
    spread: Option<f64>,
}

impl Times {
    /// The spread of a row with this value: of its share, or of the value where there is no share.
    fn spread_of(&self, value: f64) -> Option<f64> {
        self.spread.map(|spread| if self.share.is_some() { spread } else { spread * value })
    }
}

/// A bench, with its results so far.
pub struct Bench {
    name: &'static str,
    /// How long it may take.
    pub mode: Mode,
    criterion: Criterion,
    rows: Vec<Measured>,
}

impl Bench {
    /// Reads the command line. `--help` and `--list` may end the process here.
    pub fn new(name: &'static str, about: &str) -> Bench {
        if env::args().any(|argument| argument == "--help" || argument == "-h") {
            println!(
                "\nBench `{name}`: {about}\nAll: cargo bench [-- --quick]. This one: cargo bench --bench {name} [-- FILTER]\n"
            );
        }
        if let Some(baseline) = option("--baseline").filter(|_| Mode::asked() != Mode::Once) {
            let filters: Vec<String> = filters().collect();
            let code = match baseline::compare(&baseline, name, &filters) {
                Ok(text) => {
                    println!("{text}");
                    0
                }
                Err(error) => {
                    eprintln!(
                        "{name}: no comparison with baseline {baseline}: {error}. At the commit to compare with: cargo bench --bench {name} -- --save-baseline {baseline}"
                    );
                    2
                }
            };
            std::process::exit(code);
        }
        let mode = Mode::asked();
        let criterion = Criterion::default()
            .sample_size(10)
            .warm_up_time(Duration::from_millis(200))
            .measurement_time(mode.pick(
                Duration::from_millis(1),
                Duration::from_millis(400),
                Duration::from_secs(2),
            ))
            .configure_from_args();
        Bench { name, mode, criterion, rows: Vec::new() }
    }

    /// Measures `run`, which does `amount` of `unit` per run (`entries`: the rows have the unit `entries/s`). Does
    /// nothing if the command line filters it out.
    pub fn rate(&mut self, choice: &str, params: Value, amount: u64, unit: &str, run: impl FnMut() -> Run) {
        if let Some(times) = self.measured(choice, &params, amount, run) {
            let (value, share) = (amount as f64 / times.seconds, times.share);
            self.add(choice, params, value, &format!("{unit}/s"), share, times.spread_of(value));
        }
    }

    /// Like [`Bench::rate`], but in microseconds per unit (`write`: the rows have the unit `µs/write`).
    #[allow(dead_code, reason = "most benches tell rates")]
    pub fn cost(&mut self, choice: &str, params: Value, amount: u64, unit: &str, run: impl FnMut() -> Run) {
        if let Some(times) = self.measured(choice, &params, amount, run) {
            let (value, share) = (times.seconds * 1e6 / amount as f64, times.share);
            self.add(choice, params, value, &format!("µs/{unit}"), share, times.spread_of(value));
        }
    }

    /// Measures two things in turn: `run` returns the time of the first, and as its limit the time of the second for
    /// the same work. The row says how many times as fast the first is.
    #[allow(dead_code, reason = "most benches compare with a limit")]
    pub fn ratio(&mut self, choice: &str, params: Value, run: impl FnMut() -> Run) {
        if let Some(Times { share: Some(ratio), spread, .. }) = self.measured(choice, &params, 1, run) {
            self.add(choice, params, ratio, "times as fast", None, spread);
        }
    }

    /// [`Bench::rate`] of a function without a limit. Returns whether it was measured.
    #[allow(dead_code, reason = "most benches make something ready first")]
    pub fn timed<T>(
        &mut self,
        choice: &str,
        params: Value,
        amount: u64,
        unit: &str,
        mut run: impl FnMut() -> T,
    ) -> bool {
        let before = self.rows.len();
        self.rate(choice, params, amount, unit, || {
            let since = Instant::now();
            black_box(run());
            since.elapsed().into()
        });
        self.rows.len() > before
    }

    /// The median time of a run in seconds, for a row that the caller adds itself.
    #[allow(dead_code, reason = "most benches know before what a run does")]
    pub fn seconds(&mut self, choice: &str, params: &Value, run: impl FnMut() -> Run) -> Option<f64> {
        self.measured(choice, params, 1, run).map(|times| times.seconds)
    }

    fn measured(
        &mut self,
        choice: &str,
        params: &Value,
        amount: u64,
        mut run: impl FnMut() -> Run,
    ) -> Option<Times> {
        let mut runs: Vec<Run> = Vec::new();
        let mut group = self.criterion.benchmark_group(self.name);
        group.sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(amount));
        group.bench_function(id(choice, params), |bencher| {
            bencher.iter_custom(|times| {
                let before = runs.len();
                runs.extend((0..times).map(|_| run()));
                runs[before..].iter().map(|run| run.time).sum()
            });
        });
        group.finish();
        let seconds = |time: Duration| time.as_secs_f64().max(1e-9);
        let share = |run: &Run| run.limit.map(|limit| limit.as_secs_f64() / seconds(run.time));
        let shares: Vec<f64> = runs.iter().filter_map(share).collect();
        let all: Vec<f64> = runs.iter().map(|run| seconds(run.time)).collect();
        let seconds = median(all.clone())?;
        let spread = match shares.is_empty() {
            true => spread(all).map(|spread| spread / seconds),
            false => spread(shares.clone()),
        };
        Some(Times { seconds, share: median(shares), spread })
    }

    /// Adds a row with a given value.
    #[allow(dead_code, reason = "some benches tell rates only")]
    pub fn row(&mut self, choice: &str, params: Value, value: f64, unit: &str, share_of_limit: Option<f64>) {
        self.add(choice, params, value, unit, share_of_limit, None);
    }

    /// Adds a row with a given value and its spread.
    pub fn add(
        &mut self,
        choice: &str,
        params: Value,
        value: f64,
        unit: &str,
        share_of_limit: Option<f64>,
        spread: Option<f64>,
    ) {
        self.rows.push(Measured {
            bench: self.name.to_owned(),
            choice: choice.to_owned(),
            params,
            value,
            unit: unit.to_owned(),
            share_of_limit,
            spread,
        });
    }

    /// Whether the command line asks for a part that criterion does not run.
    #[allow(dead_code, reason = "criterion runs most parts")]
    pub fn is_asked(&self, part: &str) -> bool {
        filters().next().is_none() || filters().any(|filter| part.contains(&filter))
    }

    /// Prints the table and writes the files. Panics: the files cannot be written.
    pub fn finish(self) {
        self.criterion.final_summary();
        if self.mode == Mode::Once || self.rows.is_empty() {
            return;
        }
        if baseline::write_rows(&self.rows).expect("the file of a comparison can be written") {
            return;
        }
        results::print(&self.rows);
        results::save(self.name, &self.rows, filters().next().is_none())
            .expect("target/bench can be written");
        if let Some(baseline) = option("--save-baseline") {
            baseline::keep(&baseline, self.name).expect("target/bench can be written");
        }
    }
}

/// The arguments that restrict a run to some benches. The value of an option counts, too; then old rows stay. The name of a
/// baseline does not.
fn filters() -> impl Iterator<Item = String> {
    let names = [option("--save-baseline"), option("--baseline")];
    let is_name = move |argument: &String| names.iter().flatten().any(|name| name == argument);
    env::args().skip(1).filter(move |argument| !argument.starts_with('-') && !is_name(argument))
}

/// The value of an option: `--baseline NAME`, `--baseline=NAME`.
pub fn option(name: &str) -> Option<String> {
    let arguments: Vec<String> = env::args().collect();
    let at = arguments.iter().position(|argument| argument == name);
    let joined = || arguments.iter().find_map(|argument| argument.strip_prefix(name)?.strip_prefix('='));
    at.and_then(|at| arguments.get(at + 1)).map(String::as_str).or_else(joined).map(str::to_owned)
}

/// The name of a measurement in criterion: `serial/workers=2,keys=uniform`.
pub fn id(choice: &str, params: &Value) -> String {
    let set = params.as_object().into_iter().flatten();
    let set: Vec<String> = set.map(|(name, value)| format!("{name}={}", in_words(value))).collect();
    if set.is_empty() { choice.to_owned() } else { format!("{choice}/{}", set.join(",")) }
}

/// Half the distance between the lower and the upper quartile. `None`: there are fewer than three values.
pub fn spread(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1).filter(|last| *last >= 2)?;
    // The quartiles are the medians of the two halves; both have the middle value, if there is one.
    let lower = median(values[..=last / 2].to_vec())?;
    let upper = median(values[last - last / 2..].to_vec())?;
    Some((upper - lower) / 2.0)
}

/// The middle value; the mean of the two middle values if there are two.
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    Some((values[last / 2] + values[last - last / 2]) / 2.0)
}
