//! `replicheck trace` — a trace of any replica → whether dependent batches overlapped. Does I/O: files, terminal.

use super::check::{create, print};
use super::{Outcome, UsageError, paint};
use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use replicheck::models::cost::thousands;
use replicheck::trace_check::judged::{Judged, Lines, Place, Wrong, judge};
use serde::Serialize;
use std::io::{IsTerminal, Read, Write};
use std::time::{Duration, Instant};

/// Judge the writes of your own replica's workers.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Check(CheckArgs),
}

/// Judge traces: did each batch wait for the batches that it depends on?
///
/// A trace has a JSON line for each batch that a worker of the replica wrote, in any order, with ticks of one counter that were
/// taken before and after the write. `serve --trace` writes such lines; the format, its schema, and two programs that
/// write it are in models/README.md. If no two dependent batches overlapped or ran out of order, the replica has its
/// master's state, as far as the trace goes: the checker is proved. Exit code: 0 = nothing is wrong, 1 = something is, 2 =
/// the command was not understood, or the file is no trace.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = EXAMPLES)]
struct CheckArgs {
    /// The traces, each of one replica and judged by itself; - is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,
    /// A missing entry is wrong: each LSN between the lowest and the highest one must be there. Without this, missing entries are
    /// counted
    #[arg(long)]
    complete: bool,
    /// Write the verdicts as JSON, an array, to this file; - is standard output (the text then goes to standard error)
    #[arg(long, value_name = "FILE")]
    json: Option<String>,
}

const EXAMPLES: &str = "Examples:
  replicheck trace check trace.jsonl
  my-replica | replicheck trace check --complete -
  replicheck trace check --json - traces/*.jsonl 2> stories.txt | jq '.[] | select(.verdict == \"wrong\").file'

A line: {\"version\": 1, \"lsns\": [7], \"keys\": [\"a\"], \"start\": 12, \"finish\": 15}";

/// The time after which progress is shown.
const PATIENCE: Duration = Duration::from_secs(2);

/// The most characters of a line that are shown.
const LINE_CHARS_MAX: usize = 300;

/// A file, and what it came to.
struct Told<'a> {
    file: &'a str,
    complete: bool,
    text: Vec<u8>,
    judged: Judged,
}

/// Judges the traces and prints the verdicts.
pub fn run(args: &Args) -> Result<Outcome, UsageError> {
    let What::Check(args) = &args.what;
    let json_file = args.json.as_deref().filter(|file| *file != "-").map(create).transpose()?;
    let (mut verdicts, mut is_right) = (Vec::new(), true);
    for (at, file) in args.files.iter().enumerate() {
        let told = judged(file, args.complete)?;
        let words = paint::signs(&told.in_words());
        let words = if at == 0 { words } else { format!("\n{words}") };
        match args.json.as_deref() {
            Some("-") => print(anstream::stderr(), &words)?,
            _ => print(anstream::stdout(), &words)?,
        }
        is_right &= told.judged.wrong.is_empty();
        if args.json.is_some() {
            verdicts.push(told.verdict());
        }
    }
    if args.json.is_some() {
        let json = serde_json::to_string_pretty(&verdicts).map_err(std::io::Error::from)? + "\n";
        match json_file {
            Some(mut file) => file.write_all(json.as_bytes())?,
            None => print(std::io::stdout(), &json)?,
        }
    }
    Ok(if is_right { Outcome::Expected } else { Outcome::Differs })
}

/// Judges one trace. Errors: the file cannot be read, or is no trace.
fn judged(file: &str, complete: bool) -> Result<Told<'_>, UsageError> {
    let wrong_file = |reason: String| UsageError::File { file: file.to_owned(), reason };
    let text = read(file).map_err(|error| wrong_file(error.to_string()))?;
    let mut progress = Progress::new(text.len());
    let judged = Lines::read(&text, |bytes| progress.read(bytes)).and_then(|lines| {
        progress.read_all();
        judge(lines, complete)
    });
    progress.end();
    let judged = judged.map_err(|error| wrong_file(error.to_string()))?;
    Ok(Told { file, complete, text, judged })
}

fn read(file: &str) -> std::io::Result<Vec<u8>> {
    if file != "-" {
        return std::fs::read(file);
    }
    let mut text = Vec::new();
    std::io::stdin().lock().read_to_end(&mut text)?;
    Ok(text)
}

/// A line on a terminal that is overwritten, once the work has taken a while.
struct Progress {
    since: Instant,
    bytes: u64,
    line: Option<ProgressBar>,
}

impl Progress {
    fn new(bytes: usize) -> Progress {
        Progress { since: Instant::now(), bytes: bytes as u64, line: None }
    }

    fn read(&mut self, bytes: usize) {
        if self.line.is_none() && self.since.elapsed() > PATIENCE && std::io::stderr().is_terminal() {
            // The template is a constant; with a wrong one the line would only be drawn in the default style.
            let style = ProgressStyle::with_template("[{elapsed}] {bytes} of {total_bytes}: {wide_msg}");
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
            self.line = Some(ProgressBar::new(self.bytes).with_style(style).with_message("reads"));
        }
        if let Some(line) = &self.line {
            line.set_position(bytes as u64);
        }
    }

    fn read_all(&mut self) {
        self.read(usize::try_from(self.bytes).unwrap_or(usize::MAX));
        if let Some(line) = &self.line {
            line.set_message("judges");
            line.tick();
        }
    }

    fn end(self) {
        if let Some(line) = self.line {
            line.finish_and_clear();
        }
    }
}

impl<'a> Told<'a> {
    /// The verdict for a reader.
    fn in_words(&self) -> String {
        let Judged { batches, entries, window: (first, last), wrong, .. } = &self.judged;
        let seen = format!(
            "{}: {} of {}, LSNs {first} to {last}",
            self.file,
            counted(*batches as u64, "batch", "batches"),
            counted(*entries, "entry", "entries")
        );
        let mut told = match wrong.is_empty() {
            true => format!("✓ {seen}: each batch waited for the batches that it depends on\n"),
            false => format!("✗ {seen}\n"),
        };
        for wrong in wrong {
            told += &format!("\n✗ {}: {}\n", wrong.kind(), wrong.in_words());
            let drawn = wrong.drawn();
            if !drawn.is_empty() {
                told += &format!("\n{drawn}\n");
            }
            for (number, line) in lines(wrong, &self.text) {
                told += &format!("line {number}: {}\n", shortened(&line));
            }
        }
        let notes = self.notes();
        if !notes.is_empty() && !wrong.is_empty() {
            told += "\n";
        }
        notes.iter().for_each(|note| told += &format!(" ! {note}\n"));
        told
    }

    /// The limits of the verdict.
    fn notes(&self) -> Vec<String> {
        let (mut notes, judged) = (Vec::new(), &self.judged);
        if let Some((first, entries)) = judged.missing.filter(|_| !self.complete) {
            notes.push(format!(
                "{} between the lowest and the highest LSN, the first is {first}: nothing is said of what is not in the trace \
                 (--complete: this is wrong)",
                counted(entries, "LSN is missing", "LSNs are missing")
            ));
        }
        if judged.runs > 1 {
            notes.push(format!(
                "{} runs: each is judged by itself, and not how one goes on after the other",
                judged.runs
            ));
        }
        if let Some(line) = judged.cut_short {
            notes.push(format!("line {line} is cut short, and is not judged"));
        }
        notes
    }

    /// The verdict as JSON.
    fn verdict(&self) -> JsonVerdict<'a> {
        let line = |(place, (number, text)): (Place, (usize, String))| JsonLine {
            number,
            lsn: place.lsn.0,
            start: place.start,
            finish: place.finish,
            text,
        };
        let judged = &self.judged;
        let wrong = judged.wrong.iter().map(|wrong| JsonWrong {
            kind: wrong.kind(),
            words: wrong.in_words(),
            lines: wrong.places().into_iter().zip(lines(wrong, &self.text)).map(line).collect(),
        });
        JsonVerdict {
            version: 1,
            file: self.file,
            verdict: if judged.wrong.is_empty() { "right" } else { "wrong" },
            batches: judged.batches,
            entries: judged.entries,
            first_lsn: judged.window.0.0,
            last_lsn: judged.window.1.0,
            missing: judged.missing.map_or(0, |(_, entries)| entries),
            runs: judged.runs,
            wrong: wrong.collect(),
            notes: self.notes(),
        }
    }
}

fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", thousands(number), if number == 1 { one } else { many })
}

/// The lines of the batches that a fault is about, with their numbers.
fn lines(wrong: &Wrong, text: &[u8]) -> Vec<(usize, String)> {
    let line = |number: usize| {
        let line = text.split(|&byte| byte == b'\n').nth(number - 1).unwrap_or_default();
        (number, String::from_utf8_lossy(line).trim().to_owned())
    };
    wrong.places().iter().map(|place| line(place.line)).collect()
}

fn shortened(line: &str) -> String {
    let mut short: String = line.chars().take(LINE_CHARS_MAX).collect();
    if short.len() < line.len() {
        short.push('…');
    }
    short
}

/// The verdict as JSON.
#[derive(Serialize)]
struct JsonVerdict<'a> {
    version: u64,
    file: &'a str,
    verdict: &'static str,
    batches: usize,
    entries: u64,
    first_lsn: u64,
    last_lsn: u64,
    missing: u64,
    runs: usize,
    wrong: Vec<JsonWrong>,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct JsonWrong {
    kind: &'static str,
    words: String,
    lines: Vec<JsonLine>,
}

#[derive(Serialize)]
struct JsonLine {
    number: usize,
    lsn: u64,
    start: u64,
    finish: u64,
    text: String,
}
