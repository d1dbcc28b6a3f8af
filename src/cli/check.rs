//! `replicheck check` — bounds, or a program of the user's own → tables, counterexamples and JSON.

use super::caught::{PanicMessage, Panicked, caught};
use super::{Outcome, UsageError, export, json, paint, watch};
use replicheck::models::bounds::Bounds;
use replicheck::models::check;

use replicheck::models::cost::{Cost, rounded, thousands};
use replicheck::models::export::{Export, exports};
use replicheck::models::grid::wrapped;
use replicheck::models::judge::Task;
use replicheck::models::own_program::{self, OwnProgramError};
use replicheck::models::program::{self, Program};
use replicheck::models::report::{Report, distinct, sign, steps};
use replicheck::models::timeline::timeline;
use replicheck::models::verdict::Row;
use replicheck::names::UnknownName;
use std::io::{ErrorKind, Write};
use std::time::Instant;

/// Columns of the output if it is not a terminal.
const WIDTH_DEFAULT: u16 = 100;

/// Check ways of replicating, and show the shortest story of each failure.
///
/// Explores every program up to a length, every schedule of workers, delays and a crash, and shows for each choice
/// which invariants hold (✓) and which do not (✗ with the steps of the shortest counterexample). Exit code: 0 = all
/// verdicts are as expected, 1 = some differ or are incomplete, 2 = the command was not understood.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = EXAMPLES)]
pub struct Args {
    /// Only this model: ordering, expiry, both (ordering and expiry together), clocks (wall clocks that are set, restarts),
    /// handshake (folders that are copied and put back, machines that go back)
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// Only this strategy or policy, as the table names it
    #[arg(long, value_name = "NAME")]
    choice: Option<String>,
    /// How far to explore: quick (a minute on two cores) or deep (one more of each bound)
    #[arg(long, value_name = "quick|deep", default_value = "quick")]
    bounds: Bounds,
    /// Judge exactly this program: commands as typed in redis-cli, one per line, or a capture of MONITOR
    #[arg(long, value_name = "FILE")]
    program: Option<String>,
    /// Seed from which schedules of a long program are drawn; by default a different one in each run, which is
    /// printed
    #[arg(long, value_name = "N", requires = "program")]
    seed: Option<u64>,
    /// Write the verdicts as JSON to this file; - is standard output (the tables then go to standard error)
    #[arg(long, value_name = "FILE")]
    json: Option<String>,
    /// Write each shortest counterexample into this folder: a page, a drawing, a test in Rust, a path file
    #[arg(long, value_name = "DIR")]
    export: Option<String>,
}

/// Upper bound (excluded) of drawn seeds: they are short enough to be typed.
const SEEDS: u64 = 1_000_000;

const EXAMPLES: &str = "Examples:
  replicheck check
  replicheck check --model ordering --choice key_hash
  replicheck check --bounds deep --model expiry
  replicheck check --program commands.txt
  redis-cli monitor > capture.txt; replicheck check --program capture.txt
  replicheck check --program commands.txt --export stories
  replicheck check --json - 2> tables.txt | jq '.[] | select(.verdict == \"violated\") | .choice'";

/// Runs the checks and prints their results.
pub fn run(args: &Args) -> Result<Outcome, UsageError> {
    let program = args.program.as_deref().map(read).transpose()?;
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..SEEDS));
    let tasks = tasks(args, program.as_ref(), seed)?;
    // The file is opened before the work, so that a wrong name does not lose the verdicts of a minute.
    let json_file = args.json.as_deref().filter(|file| *file != "-").map(create).transpose()?;
    let folder = args.export.as_deref().map(export::Folder::make).transpose()?;
    let started = Instant::now();
    let watch::Judged { rows, panicked } = watch::run_all(&tasks);
    let mut run = Run {
        args,
        seed,
        panicked,
        seconds: started.elapsed().as_secs_f64(),
        threads: watch::threads(tasks.len()),
    };
    let to_stderr = args.json.as_deref() == Some("-");
    let report = Report { rows: &rows, own_program: program.is_some(), width: width(to_stderr) };
    let files = if folder.is_some() { run.files(&rows) } else { Vec::new() };
    let stories = run.stories(&report);
    let text = paint::signs(&run.text(&report, program.as_ref(), &stories));
    if to_stderr {
        print(anstream::stderr(), &text)?
    } else {
        print(anstream::stdout(), &text)?
    }
    if let Some(mut file) = json_file {
        file.write_all(json::array(&rows).map_err(std::io::Error::from)?.as_bytes())?;
    } else if to_stderr {
        print(std::io::stdout(), &json::array(&rows).map_err(std::io::Error::from)?)?;
    }
    if let Some(folder) = folder {
        folder.write(files)?;
    }
    Ok(run.outcome(&report))
}

fn read(file: &str) -> Result<Program, UsageError> {
    let wrong = |reason: String| UsageError::File { file: file.to_owned(), reason };
    let bytes = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
    let program = program::parse(&bytes).map_err(|error| wrong(error.to_string()))?;
    if program.commands.is_empty() {
        return Err(wrong("no write in it, so there is nothing to replicate".to_owned()));
    }
    Ok(program)
}

pub(super) fn create(file: &str) -> Result<std::fs::File, UsageError> {
    let wrong = |error: std::io::Error| UsageError::File { file: file.to_owned(), reason: error.to_string() };
    std::fs::File::create(file).map_err(wrong)
}

fn tasks(args: &Args, program: Option<&Program>, seed: u64) -> Result<Vec<Task>, UsageError> {
    let (bounds, model, choice) = (args.bounds, args.model.as_deref(), args.choice.as_deref());
    let unknown = |error: UnknownName| UsageError::Unknown(error.to_string());
    match program {
        Some(program) => {
            own_program::program_tasks(program, (&program_name(args), seed), bounds, model, choice).map_err(
                |error| match error {
                    OwnProgramError::Unknown(error) => unknown(error),
                    OwnProgramError::OwnProgramsOnly => UsageError::Unknown(error.to_string()),
                    OwnProgramError::TooLong(_) | OwnProgramError::TooHeavy(_) => UsageError::File {
                        file: args.program.clone().unwrap_or_default(),
                        reason: error.to_string(),
                    },
                },
            )
        }
        None => check::tasks(bounds, model, choice).map_err(unknown),
    }
}

/// The program's file without its folders.
fn program_name(args: &Args) -> String {
    let path = std::path::Path::new(args.program.as_deref().unwrap_or_default());
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Columns of the terminal that the tables go to.
pub(super) fn width(to_stderr: bool) -> u16 {
    let term = if to_stderr { console::Term::stderr() } else { console::Term::stdout() };
    term.size_checked().map_or(WIDTH_DEFAULT, |(_, columns)| columns.max(60))
}

/// Writes the whole text. It is not an error if the reader has closed the pipe (`| head`).
pub(super) fn print(mut to: impl Write, text: &str) -> Result<(), UsageError> {
    match to.write_all(text.as_bytes()).and_then(|()| to.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// A finished run.
struct Run<'a> {
    args: &'a Args,
    /// The seed from which schedules were drawn, if any were.
    seed: u64,
    /// The missing parts of the answer.
    panicked: Vec<Panicked>,
    seconds: f64,
    threads: usize,
}

impl Run<'_> {
    /// The outcome for the exit code.
    fn outcome(&self, report: &Report<'_>) -> Outcome {
        let is_whole = self.panicked.is_empty();
        if is_whole && report.differing().is_empty() { Outcome::Expected } else { Outcome::Differs }
    }

    /// The result of `work` for a row. If it panics, the panic is recorded and the result is `None`.
    fn noting<T>(&mut self, row: &Row, kind: &str, work: impl FnOnce() -> T) -> Option<T> {
        let note = |PanicMessage(message)| {
            let (choice, what) = (row.choice.clone(), format!("{kind} of {}", row.invariant));
            self.panicked.push(Panicked { model: row.model, choice, what, message });
        };
        caught(work).map_err(note).ok()
    }

    /// The files of every counterexample.
    fn files(&mut self, rows: &[Row]) -> Vec<Export> {
        let mut files = Vec::new();
        for row in rows {
            let again = self.again(row.model, &row.choice, row.note.contains("sampled"));
            files.extend(self.noting(row, "the files", || exports(row, &again)).unwrap_or_default());
        }
        files
    }

    /// The drawings of the counterexamples that are printed.
    fn stories(&mut self, report: &Report<'_>) -> Vec<String> {
        let drawn = |row: &Row| row.counterexample.as_ref().map(|story| timeline(story, report.width));
        let mut stories = Vec::new();
        for row in report.told() {
            let drawn = self.noting(row, "the drawing", || drawn(row)).flatten();
            stories.extend(drawn.map(|drawn| self.counterexample(row, &drawn)));
        }
        stories
    }

    /// The whole output: tables, counterexamples, and a summary.
    fn text(&self, report: &Report<'_>, program: Option<&Program>, stories: &[String]) -> String {
        let mut text = program.map(|program| self.program_line(program)).unwrap_or_default();
        for model in distinct(report.rows, |row| row.model) {
            text += &self.tables(model, report);
        }
        text + &stories.concat() + &self.end(report)
    }

    fn program_line(&self, program: &Program) -> String {
        let mut left_out: Vec<String> = Vec::new();
        left_out.extend((program.reads > 0).then(|| format!("reads: {}", program.reads)));
        left_out.extend(program.skipped.iter().map(|(name, times)| format!("{name}: {times}")));
        let left_out = match left_out.is_empty() {
            true => "nothing left out".to_owned(),
            false => format!("left out, because they change nothing: {}", left_out.join(", ")),
        };
        let name = program_name(self.args);
        format!("Program {name}: {} writes; {left_out}\n\n", program.commands.len())
    }

    fn tables(&self, model: &str, report: &Report<'_>) -> String {
        let what = if report.own_program { "this program" } else { "every program within the bounds" };
        let (verdicts, scenarios) = (report.verdict_table(model), report.scenario_table(model));
        let mut text = String::new();
        if !verdicts.is_empty() {
            text += &format!("{}\n\n{verdicts}\n", paint::title(&format!("Model {model}: {what}")));
        }
        if !scenarios.is_empty() {
            text += &format!("{}\n\n{scenarios}\n", paint::title(&format!("Model {model}: named scenarios")));
        }
        text + &report.legend(model) + "\n"
    }

    /// A row's counterexample, from its title to the command that finds it again.
    fn counterexample(&self, row: &Row, drawn: &str) -> String {
        let scenario = row.scenario.as_ref().map(|name| format!(" / {name}")).unwrap_or_default();
        let steps = steps(row).unwrap_or_default();
        let title =
            format!("{} / {}{scenario} breaks {} in {steps} steps", row.model, row.choice, row.invariant);
        let again = self.again(row.model, &row.choice, row.note.contains("sampled"));
        format!("{}\n{drawn}\nreplay   {again}\n\n", paint::title(&title))
    }

    /// The command that checks only this choice again; with the same seed if `is_sampled`.
    fn again(&self, model: &str, choice: &str, is_sampled: bool) -> String {
        let bounds = if self.args.bounds == Bounds::Deep { " --bounds deep" } else { "" };
        let program = self.args.program.as_ref().map(|file| format!(" --program {}", quoted(file)));
        let program = program.unwrap_or_default();
        let seed = if is_sampled { format!(" --seed {}", self.seed) } else { String::new() };
        format!("replicheck check --model {model} --choice {choice}{bounds}{program}{seed}")
    }

    /// The missing parts of the answer, each with the command that shows it again.
    fn lacking(&self) -> String {
        let told = |panicked: &Panicked| {
            let Panicked { model, choice, what, message } = panicked;
            let again = self.again(model, choice, false);
            format!(
                " ! {model} / {choice}: {what} panicked, which is a bug of replicheck: {message}\n   replay   {again}\n"
            )
        };
        self.panicked.iter().map(told).collect()
    }

    /// The summary of the run in words; it names each verdict that differs.
    fn end(&self, report: &Report<'_>) -> String {
        let (differing, all) = (report.differing(), report.rows.len());
        let alike = differing.chunk_by(|row, next| differ_alike(row, next));
        let named: String = alike.map(|rows| marked(&differs(rows), report.width)).collect();
        let named = named + &self.lacking();
        let came_to = match differing.len() {
            0 if report.own_program => {
                format!("All {all} verdicts: nothing is broken except what an unsafe choice may break")
            }
            0 => format!("All {all} verdicts (scenarios included) are as expected"),
            count => format!("{count} of {all} verdicts are not as expected"),
        };
        let came_to = match self.panicked.len() {
            0 => came_to,
            count => {
                format!(
                    "{came_to}; parts of the answer that are missing because replicheck panicked: {count}"
                )
            }
        };
        let cost = Cost::of(report.rows);
        let came_to = format!(
            "{came_to}; searches finished: {} of {}; {} unique states in {:.1} s ({} states/s, threads: {}).",
            cost.finished,
            cost.searches,
            thousands(cost.unique),
            self.seconds,
            thousands(rounded(cost.unique as f64 / self.seconds.max(0.001))),
            self.threads,
        );
        let json = self.args.json.as_deref().filter(|file| *file != "-");
        let json = json.map(|file| format!("Verdicts as JSON: {file}\n")).unwrap_or_default();
        let stories = report.rows.iter().filter(|row| row.counterexample.is_some()).count();
        let export = self.args.export.as_ref();
        let export = export.map(|folder| format!("Counterexamples as files: {stories} in {folder}\n"));
        named + &wrapped(&came_to, report.width) + &json + &export.unwrap_or_default()
    }
}

/// A file's name, quoted for a shell if necessary.
fn quoted(file: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || "/._-".contains(letter);
    if file.chars().all(is_plain) { file.to_owned() } else { format!("'{}'", file.replace('\'', r"'\''")) }
}

/// A text with a mark before it, in lines that fit.
fn marked(text: &str, width: u16) -> String {
    let lines = wrapped(text, width.saturating_sub(3));
    let marks = [" ! "].into_iter().chain(std::iter::repeat("   "));
    lines.lines().zip(marks).map(|(line, mark)| format!("{mark}{line}\n")).collect()
}

/// Whether two rows of one choice differ from what is expected in the same way, for the same stated reason.
fn differ_alike(row: &Row, next: &Row) -> bool {
    let is_same_search =
        (row.model, &row.choice, &row.scenario) == (next.model, &next.choice, &next.scenario);
    let is_same_way = (row.verdict, row.expected, steps(row)) == (next.verdict, next.expected, steps(next));
    is_same_search && is_same_way && row.note == next.note && !row.note.is_empty()
}

/// A text for rows that differ from what is expected in the same way.
fn differs(rows: &[&Row]) -> String {
    let Some(row) = rows.first() else { return String::new() };
    let scenario = row.scenario.as_ref().map(|name| format!(" / {name}")).unwrap_or_default();
    let length = steps(row).map(|steps| format!(" {steps}")).unwrap_or_default();
    let note = if row.note.is_empty() { String::new() } else { format!(" ({})", row.note) };
    let (found, expected) = (sign(row.verdict), sign(row.expected));
    let invariants = rows.iter().map(|row| row.invariant.name()).collect::<Vec<_>>().join(", ");
    let are = if rows.len() == 1 { "is" } else { "are" };
    format!(
        "{} / {}{scenario}: {invariants} {are} {found}{length}, expected {expected}{note}",
        row.model, row.choice
    )
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use replicheck::models::invariants::Invariant;
    use replicheck::models::story::Story;
    use replicheck::models::verdict::Verdict;

    /// A row for tests.
    pub(in crate::cli) fn row(verdict: Verdict, expected: Verdict) -> Row {
        Row {
            model: "ordering",
            choice: "serial".to_owned(),
            invariant: Invariant::Prefix,
            scenario: None,
            verdict,
            expected,
            parts: vec![0],
            unique_states: 1234,
            generated_states: 5678,
            state_bytes: 50,
            finished: verdict != Verdict::Incomplete,
            max_depth: 9,
            seconds: 0.5,
            bounds: "all of it".to_owned(),
            witness: "",
            note: String::new(),
            counterexample: None,
        }
    }

    /// The exit code and the end of what is printed.
    fn check(rows: &[Row], own_program: bool) -> (bool, String) {
        check_with(rows, own_program, Vec::new())
    }

    const ARGS: Args = Args {
        model: None,
        choice: None,
        bounds: Bounds::Quick,
        program: None,
        seed: None,
        json: None,
        export: None,
    };

    fn check_with(rows: &[Row], own_program: bool, panicked: Vec<Panicked>) -> (bool, String) {
        let report = Report { rows, own_program, width: 100 };
        let mut run = Run { args: &ARGS, seed: 7, panicked, seconds: 0.5, threads: 2 };
        let stories = run.stories(&report);
        (matches!(run.outcome(&report), Outcome::Expected), run.text(&report, None, &stories))
    }

    #[test]
    fn outcome_search_that_panicked_is_named_with_its_replay() {
        let rows = [row(Verdict::Holds, Verdict::Holds)];
        let panicked = Panicked {
            model: "expiry",
            choice: "log_clock".to_owned(),
            what: "the search".to_owned(),
            message: "attempt to multiply with overflow".to_owned(),
        };
        let (expected, text) = check_with(&rows, true, vec![panicked]);
        assert!(!expected);
        let named = " ! expiry / log_clock: the search panicked, which is a bug of replicheck: attempt to multiply with \
            overflow\n   replay   replicheck check --model expiry --choice log_clock\n";
        assert!(text.contains(named), "{text}");
        assert!(text.contains("because replicheck panicked: 1;"), "{text}");
        assert!(text.contains("serial"), "the other rows are still there: {text}");
    }

    #[test]
    fn outcome_drawing_that_panics_leaves_the_verdicts() {
        let violated =
            Row { counterexample: Some(Story::default()), ..row(Verdict::Violated, Verdict::Violated) };
        let mut run = Run { args: &ARGS, seed: 7, panicked: Vec::new(), seconds: 0.5, threads: 2 };
        assert_eq!(run.noting(&violated, "the drawing", || 7), Some(7));
        assert_eq!(run.noting(&violated, "the drawing", || panic!("no room")), None::<()>);
        assert_eq!(run.panicked[0].what, "the drawing of prefix");
        let report = Report { rows: &[violated], own_program: false, width: 100 };
        assert!(matches!(run.outcome(&report), Outcome::Differs));
    }

    #[test]
    fn outcome_row_that_differs_is_named() {
        let rows = [row(Verdict::Holds, Verdict::Holds), row(Verdict::Violated, Verdict::Holds)];
        let (expected, text) = check(&rows, false);
        assert!(!expected);
        assert!(text.contains(" ! ordering / serial: prefix is ✗, expected ✓"), "{text}");
        assert!(text.contains("1 of 2 verdicts are not as expected"), "{text}");
    }

    #[test]
    fn outcome_rows_that_differ_for_one_reason_are_named_together() {
        let open = |invariant, note: &str| Row {
            invariant,
            note: note.to_owned(),
            ..row(Verdict::Incomplete, Verdict::Holds)
        };
        let rows = [
            open(Invariant::Prefix, "k never dies"),
            open(Invariant::Convergence, "k never dies"),
            open(Invariant::ExactlyOnce, ""),
        ];
        let (_, text) = check(&rows, false);
        assert!(text.contains(": prefix, convergence are incomplete, expected ✓ (k never dies)"), "{text}");
        assert!(text.contains(": exactly_once is incomplete, expected ✓\n"), "{text}");
    }

    #[test]
    fn outcome_incomplete_differs_and_unsafe_choice_may_hold_on_own_program() {
        assert!(!check(&[row(Verdict::Incomplete, Verdict::Holds)], false).0);
        assert!(!check(&[row(Verdict::Holds, Verdict::Violated)], false).0);
        let (expected, text) = check(&[row(Verdict::Holds, Verdict::Violated)], true);
        assert!(expected && text.contains("nothing is broken except what"), "{text}");
    }

    #[test]
    fn quoted_name_with_a_space_is_one_word() {
        assert_eq!(quoted("a/b.txt"), "a/b.txt");
        assert_eq!(quoted("it's a.txt"), r"'it'\''s a.txt'");
    }
}
