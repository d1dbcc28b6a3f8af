//! `replicheck check` — bounds, or a program of the user's own → tables, counterexamples, JSON and JUnit. Does I/O: files,
//! terminal.

pub(super) mod args;
mod export;
pub(super) mod json;
mod junit;
mod required;
mod shrunk;
mod text;

pub use args::Args;

use super::{Outcome, UsageError, paint, watch};
use replicheck::models::check;
use replicheck::models::judge::Task;
use replicheck::models::own_program::{self, OwnProgramError};
use replicheck::models::program::{self, Program, UnreadLine};
use replicheck::models::report::Report;
use replicheck::models::unread;
use replicheck::models::verdict::Row;
use replicheck::names::UnknownName;
use std::io::{ErrorKind, Write};
use std::time::Instant;
use text::Run;

/// Columns of the output if it is not a terminal.
const WIDTH_DEFAULT: u16 = 100;

/// Upper bound (excluded) of drawn seeds: they are short enough to be typed.
const SEEDS: u64 = 1_000_000;

/// The files that were asked for. They are opened before the work, so that a wrong name does not lose the verdicts of a minute.
struct Files {
    json: Option<std::fs::File>,
    junit: Option<std::fs::File>,
    export: Option<export::Folder>,
}

/// Runs the checks and prints their results.
pub fn run(args: &Args) -> Result<Outcome, UsageError> {
    let read = args.program.as_deref().map(|file| read(file, args.skip_unsupported)).transpose()?;
    let (program, left_out) = read.unzip();
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..SEEDS));
    let tasks = tasks(args, program.as_ref(), seed)?;
    required::check(args)?;
    let files = Files {
        json: args.json.as_deref().filter(|file| *file != "-").map(create).transpose()?,
        junit: args.junit.as_deref().map(create).transpose()?,
        export: args.export.as_deref().map(export::Folder::make).transpose()?,
    };
    let started = Instant::now();
    let watch::Judged { mut rows, mut panicked } = watch::run_all(&tasks);
    let cut = match &program {
        Some(program) if !args.quiet => shrunk::cut_down(args, (program, seed), &mut rows, &mut panicked)?,
        _ => Vec::new(),
    };
    let left_out = left_out.unwrap_or_default();
    say_left_out(&mut rows, &left_out);
    let mut run = Run {
        args,
        seed,
        cut,
        panicked,
        seconds: started.elapsed().as_secs_f64(),
        threads: watch::threads(tasks.len()),
    };
    print_all(&mut run, files, (program.as_ref(), &left_out), &rows)
}

/// Prints the tables and writes the files.
fn print_all(
    run: &mut Run<'_>,
    files: Files,
    (program, left_out): (Option<&Program>, &[UnreadLine]),
    rows: &[Row],
) -> Result<Outcome, UsageError> {
    let args = run.args;
    let to_stderr = args.json.as_deref() == Some("-");
    let report = Report { rows, own_program: program.is_some(), width: width(to_stderr) };
    let exports = if files.export.is_some() { run.files(rows) } else { Vec::new() };
    let stories = if args.quiet { Vec::new() } else { run.stories(&report) };
    let text = paint::signs(&run.text(&report, program.map(|program| (program, left_out)), &stories));
    if to_stderr {
        print(anstream::stderr(), &text)?
    } else {
        print(anstream::stdout(), &text)?
    }
    if files.json.is_some() || to_stderr {
        let json = json::array(rows, |row| run.file_of(row)).map_err(std::io::Error::from)?;
        match files.json {
            Some(mut file) => file.write_all(json.as_bytes())?,
            None => print(std::io::stdout(), &json)?,
        }
    }
    if let Some(mut file) = files.junit {
        file.write_all(junit::document(rows, args).as_bytes())?;
    }
    if let Some(folder) = files.export {
        folder.write(exports)?;
    }
    Ok(run.outcome(&report))
}

/// Adds to the note of every verdict that the program was judged without some of its lines.
fn say_left_out(rows: &mut [Row], left_out: &[UnreadLine]) {
    if left_out.is_empty() {
        return;
    }
    let without = format!("without lines that cannot be read ({})", unread::counts(left_out));
    for row in rows {
        let before = if row.note.is_empty() { "" } else { "; " };
        row.note += &format!("{before}{without}");
    }
}

/// The program in a file, and its lines that cannot be read. Errors: there are such lines, and they are not to be skipped; or
/// nothing writes.
fn read(file: &str, skips_unsupported: bool) -> Result<(Program, Vec<UnreadLine>), UsageError> {
    let wrong = |reason: String| UsageError::File { file: file.to_owned(), reason };
    let bytes = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
    let (program, unread) = program::parse_readable(&bytes);
    if !unread.is_empty() && (!skips_unsupported || program.commands.is_empty()) {
        let hint = match (skips_unsupported, unread.len()) {
            (true, _) => "no write is left",
            (false, 1) => "--skip-unsupported goes on without this line, and says so with every verdict",
            (false, _) => "--skip-unsupported goes on without them, and says so with every verdict",
        };
        return Err(wrong(format!("{}\n{hint}", unread::in_words(&unread))));
    }
    if program.commands.is_empty() {
        return Err(wrong("no write in it, so there is nothing to replicate".to_owned()));
    }
    Ok((program, unread))
}

pub(super) fn create(file: &str) -> Result<std::fs::File, UsageError> {
    let wrong = |error: std::io::Error| UsageError::File { file: file.to_owned(), reason: error.to_string() };
    std::fs::File::create(file).map_err(wrong)
}

fn tasks(args: &Args, program: Option<&Program>, seed: u64) -> Result<Vec<Task>, UsageError> {
    let model = args.model.as_deref();
    let unknown = |error: UnknownName| UsageError::Unknown(error.to_string());
    let tasks = match program {
        Some(program) => program_tasks(args, program, seed)?,
        None if args.workers == Some(1) => {
            let why = "--workers 1 goes with --program: with one worker no choice can reorder, and the verdicts that are \
                       expected over every program are those of two or more";
            return Err(UsageError::Unknown(why.to_owned()));
        }
        None => check::tasks_of(args.bounds, args.ordering(), model, &args.choice).map_err(unknown)?,
    };
    if args.workers.is_some() && tasks.iter().all(|task| task.model != "ordering") {
        let why = "--workers is about the ordering model, and none of its choices is checked";
        return Err(UsageError::Unknown(why.to_owned()));
    }
    Ok(tasks)
}

fn program_tasks(args: &Args, program: &Program, seed: u64) -> Result<Vec<Task>, UsageError> {
    let wrong = |error: OwnProgramError| match error {
        OwnProgramError::TooLong(_) | OwnProgramError::TooHeavy(_) => {
            UsageError::File { file: args.program.clone().unwrap_or_default(), reason: error.to_string() }
        }
        OwnProgramError::Unknown(_) | OwnProgramError::OwnProgramsOnly => {
            UsageError::Unknown(error.to_string())
        }
    };
    let (name, bounds) = (args.program_name(), (args.ordering(), args.expiry()));
    let mut choices: Vec<Option<&str>> = Vec::new();
    for choice in args.choice.iter().map(|choice| Some(choice.as_str())) {
        if !choices.contains(&choice) {
            choices.push(choice);
        }
    }
    if choices.is_empty() {
        choices.push(None);
    }
    let mut tasks = Vec::new();
    for choice in choices {
        let model = args.model.as_deref();
        let of_choice = own_program::program_tasks_within(program, (&name, seed), bounds, model, choice);
        tasks.extend(of_choice.map_err(wrong)?);
    }
    Ok(tasks)
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use replicheck::models::cost::Searched;
    use replicheck::models::invariants::Invariant;
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
            searches: vec![Searched {
                number: 0,
                unique: 1234,
                generated: 5678,
                bytes: 61_700,
                depth: 9,
                seconds: 0.5,
                finished: verdict != Verdict::Incomplete,
            }],
            bounds: "all of it".to_owned(),
            witness: "",
            note: String::new(),
            counterexample: None,
        }
    }

    #[test]
    fn say_left_out_is_in_the_note_of_every_verdict() {
        let (_, unread) = program::parse_readable(b"SET a 1\nXADD l 1\nXADD l 2\nGEOADD z 1 a\n");
        let sampled = Row { note: "sampled with seed 7".to_owned(), ..row(Verdict::Sampled, Verdict::Holds) };
        let mut rows = [row(Verdict::Holds, Verdict::Holds), sampled];
        say_left_out(&mut rows, &unread);
        assert_eq!(rows[0].note, "without lines that cannot be read (XADD: 2, GEOADD: 1)");
        assert_eq!(rows[1].note, format!("sampled with seed 7; {}", rows[0].note));
    }
}
