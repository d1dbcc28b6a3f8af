//! Shrunk — the ✗ of a long program → the short program that still breaks the invariant, in a file, and the shortest story of it.
//! Does I/O: writes the files.
//!
//! A long program is judged by schedules drawn at random, so its stories are long. Each ✗ gets ten seconds: the program is cut
//! down ([`replicheck::models::shrink`]) under the same choice, invariant and seed. The shorter program is judged like any program, by a
//! search of every schedule if it is short enough.

use super::args::Args;
use crate::cli::caught::Panicked;
use crate::cli::{UsageError, watch};
use replicheck::models::bounds::{ExpiryBounds, OrderingBounds};
use replicheck::models::invariants::{Invariant, listed};
use replicheck::models::judge::Task;
use replicheck::models::own_program::program_tasks_within;
use replicheck::models::program::Program;
use replicheck::models::program_file;
use replicheck::models::search::Progress;
use replicheck::models::shrink::{Shrunk, shrink};
use replicheck::models::story::{Deed, Step, Story};
use replicheck::models::verdict::{Row, Verdict};
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

/// How long a program is cut down for one ✗.
const LIMIT: Duration = Duration::from_secs(10);

/// Maximum number of schedules that are drawn of a shorter program to see whether it still breaks the invariant. They are the
/// first ones of those that are drawn when the shorter program is judged, so that its verdict is the same.
const SCHEDULES: u64 = 20;

/// A program that was cut down for a ✗.
pub struct Cut {
    /// The model, the choice and the invariant of the ✗.
    pub of: (&'static str, String, Invariant),
    /// The file of the program.
    pub file: String,
    /// The number of writes before and after.
    pub writes: (usize, usize),
    /// Whether no single command can be left out.
    pub is_minimal: bool,
    /// Whether schedules of the shorter program were drawn, too: it is still too long for a search.
    pub is_sampled: bool,
}

/// A shorter program, and its story of the ✗.
struct Found {
    of: (&'static str, String, Invariant),
    shrunk: Shrunk,
    story: Story,
    is_sampled: bool,
}

/// Whether the schedules of a row were drawn.
pub fn is_sampled(row: &Row) -> bool {
    row.note.starts_with("sampled with seed ")
}

/// Cuts the program down for each ✗ that was found by drawing schedules, and puts the shorter story into its row. Searches that
/// panic are added to `panicked`. Errors: a file cannot be written.
pub fn cut_down(
    args: &Args,
    (program, seed): (&Program, u64),
    rows: &mut [Row],
    panicked: &mut Vec<Panicked>,
) -> Result<Vec<Cut>, UsageError> {
    let judge = Judge { name: args.program_name(), seed, bounds: (args.ordering(), args.expiry()) };
    let is_long = |row: &&Row| row.verdict == Verdict::Violated && is_sampled(row);
    let long: Vec<Row> = rows.iter().filter(is_long).cloned().collect();
    let found: Arc<Mutex<Vec<Found>>> = Arc::default();
    let task = |rows: &[Row]| {
        let (judge, found) = (judge.clone(), Arc::clone(&found));
        let (program, rows) = (program.clone(), rows.to_vec());
        let (model, choice) = (rows[0].model, rows[0].choice.clone());
        Task::new(model, choice, Some("cutting the program down".to_owned()), move |_| {
            let shorter = judge.shorter(&program, &rows);
            found.lock().unwrap_or_else(PoisonError::into_inner).extend(shorter);
            Vec::new()
        })
    };
    let tasks: Vec<Task> =
        long.chunk_by(|row, next| (row.model, &row.choice) == (next.model, &next.choice)).map(task).collect();
    let failed = watch::run_all(&tasks).panicked;
    panicked.extend(failed.into_iter().map(|failed| Panicked { what: "cutting down".to_owned(), ..failed }));
    drop(tasks);
    let mut found = std::mem::take(&mut *found.lock().unwrap_or_else(PoisonError::into_inner));
    let place = |found: &Found| rows.iter().position(|row| is_of(row, &found.of));
    found.sort_by_key(place);
    write(args, program, found, rows)
}

/// Whether the row is about this model, choice and invariant.
pub fn is_of(row: &Row, (model, choice, invariant): &(&'static str, String, Invariant)) -> bool {
    (row.model, &row.choice, row.invariant) == (*model, choice, *invariant)
}

/// Writes the programs, each of a choice once, and puts the stories into the rows.
fn write(
    args: &Args,
    program: &Program,
    found: Vec<Found>,
    rows: &mut [Row],
) -> Result<Vec<Cut>, UsageError> {
    let folder = Path::new(&args.shrunk);
    let wrong = |file: &Path, error: std::io::Error| UsageError::File {
        file: file.display().to_string(),
        reason: error.to_string(),
    };
    if !found.is_empty() {
        std::fs::create_dir_all(folder).map_err(|error| wrong(folder, error))?;
    }
    let (name, from) = (args.program_name(), program.commands.len());
    let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem);
    let is_same = |one: &Found, other: &Found| {
        (one.of.0, &one.of.1, &one.shrunk.program) == (other.of.0, &other.of.1, &other.shrunk.program)
    };
    let mut cuts: Vec<Cut> = Vec::new();
    for (number, one) in found.iter().enumerate() {
        let Found { of, shrunk: Shrunk { program: short, is_minimal }, story, is_sampled } = one;
        let first = found.iter().position(|other| is_same(one, other)).unwrap_or(number);
        let file = match cuts.get(first) {
            Some(cut) => cut.file.clone(),
            None => {
                let alike = found.iter().filter(|other| is_same(one, other)).map(|other| other.of.2);
                let broken = listed(&alike.collect::<Vec<_>>());
                let remark = format!("Cut down from the {from} writes of {name}: {} breaks {broken}.", of.1);
                let path = folder.join(format!("{stem}.{}.{}.txt", of.1, of.2));
                let text = program_file::text(short, &[remark]);
                std::fs::write(&path, text).map_err(|error| wrong(&path, error))?;
                path.display().to_string()
            }
        };
        if let Some(row) = rows.iter_mut().find(|row| is_of(row, of)) {
            row.counterexample = Some(story.clone());
        }
        let writes = (from, short.commands.len());
        cuts.push(Cut { of: of.clone(), file, writes, is_minimal: *is_minimal, is_sampled: *is_sampled });
    }
    Ok(cuts)
}

/// How a program is judged.
#[derive(Clone)]
struct Judge {
    name: String,
    seed: u64,
    bounds: (OrderingBounds, ExpiryBounds),
}

impl Judge {
    /// A shorter program for each row of one choice, if there is one. A program that was found for one row is tried for the
    /// others, too.
    fn shorter(&self, program: &Program, rows: &[Row]) -> Vec<Found> {
        let mut found: Vec<Found> = Vec::new();
        for row in rows {
            let known: Vec<Program> = found.iter().map(|found| found.shrunk.program.clone()).collect();
            let shrunk = self.cut(program, &known, row);
            if shrunk.program.commands.len() < program.commands.len() {
                found.extend(self.told(shrunk, row, &found));
            }
        }
        for at in 0..found.len() {
            let row =
                rows.iter().find(|row| is_of(row, &found[at].of)).filter(|_| !found[at].shrunk.is_minimal);
            let shorter =
                row.and_then(|row| self.minimal_for(row, &found).and_then(|it| self.told(it, row, &found)));
            if let Some(shorter) = shorter {
                found[at] = shorter;
            }
        }
        found
    }

    /// A program of another row from which no command can be left out, and which breaks this row's invariant, too.
    fn minimal_for(&self, row: &Row, found: &[Found]) -> Option<Shrunk> {
        let progress = Progress { only: Some(row.invariant), ..Progress::default() };
        let mut minimal = found.iter().map(|found| &found.shrunk).filter(|shrunk| shrunk.is_minimal);
        minimal.find(|shrunk| self.breaks(&shrunk.program, row, &progress)).cloned()
    }

    /// The shorter program with its shortest story of the row's ✗.
    fn told(&self, shrunk: Shrunk, row: &Row, found: &[Found]) -> Option<Found> {
        let of = (row.model, row.choice.clone(), row.invariant);
        let same = found.iter().find(|found| found.shrunk.program == shrunk.program);
        let (story, is_sampled) = match same {
            Some(same) if same.story.breaks(row.invariant) => (same.story.clone(), same.is_sampled),
            _ => self.story(&shrunk.program, row)?,
        };
        Some(Found { of, shrunk, story, is_sampled })
    }

    /// The program, cut down for this row within the limit of time.
    fn cut(&self, program: &Program, known: &[Program], row: &Row) -> Shrunk {
        let progress = Progress { only: Some(row.invariant), ..Progress::default() };
        let is_over = || progress.stop.load(Relaxed);
        let breaks = |program: &Program| self.breaks(program, row, &progress);
        let (done, ends) = mpsc::channel::<()>();
        let stop = &progress.stop;
        thread::scope(|scope| {
            scope.spawn(move || {
                if ends.recv_timeout(LIMIT) == Err(mpsc::RecvTimeoutError::Timeout) {
                    stop.store(true, Relaxed);
                }
            });
            let start = self.start(program, known, row, &breaks);
            let shrunk = shrink(&start, breaks, is_over);
            drop(done);
            shrunk
        })
    }

    /// The program to begin with: one that was found for another invariant, or the commands that the story sent, or all.
    fn start(
        &self,
        program: &Program,
        known: &[Program],
        row: &Row,
        breaks: &dyn Fn(&Program) -> bool,
    ) -> Program {
        if let Some(known) = known.iter().find(|known| breaks(known)) {
            return known.clone();
        }
        let sent = row.counterexample.as_ref().map_or(usize::MAX, sent);
        let commands = program.commands.iter().take(sent).cloned().collect();
        let sent = Program { commands, ..program.clone() };
        if breaks(&sent) { sent } else { program.clone() }
    }

    fn breaks(&self, program: &Program, row: &Row, progress: &Progress) -> bool {
        let (ordering, expiry) = self.bounds;
        let few = |schedules: Option<u64>| Some(schedules.map_or(SCHEDULES, |all| all.min(SCHEDULES)));
        let ordering = OrderingBounds { draws: few(ordering.draws), ..ordering };
        let expiry = ExpiryBounds { draws: few(expiry.draws), ..expiry };
        let rows = self.rows(program, (ordering, expiry), row, progress);
        rows.iter().any(|judged| judged.invariant == row.invariant && judged.verdict == Verdict::Violated)
    }

    /// The shortest story of the row's ✗ on this program, and whether its schedules were drawn.
    fn story(&self, program: &Program, row: &Row) -> Option<(Story, bool)> {
        let rows = self.rows(program, self.bounds, row, &Progress::default());
        let judged = rows.into_iter().find(|judged| judged.invariant == row.invariant)?;
        let is_sampled = is_sampled(&judged);
        judged.counterexample.map(|story| (story, is_sampled))
    }

    fn rows(
        &self,
        program: &Program,
        bounds: (OrderingBounds, ExpiryBounds),
        row: &Row,
        progress: &Progress,
    ) -> Vec<Row> {
        let (model, choice) = (Some(row.model), Some(row.choice.as_str()));
        let tasks = program_tasks_within(program, (&self.name, self.seed), bounds, model, choice);
        tasks.map_or(Vec::new(), |tasks| tasks.iter().flat_map(|task| task.run(progress)).collect())
    }
}

/// How many requests clients send in the story.
fn sent(story: &Story) -> usize {
    let of = |step: &Step| if let Deed::Send { requests, .. } = &step.deed { requests.len() } else { 0 };
    story.steps.iter().map(of).sum()
}
