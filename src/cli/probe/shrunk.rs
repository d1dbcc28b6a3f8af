//! Shrunk — the round in which something broke → the few writes that still break it, found by running them again, in a file. Does I/O:
//! nodes, files, a clock.

use super::rounds::{Load, play};
use super::run::{Found, RunArgs};
use crate::cli::UsageError;
use indicatif::ProgressBar;
use replicheck::models::invariants::Invariant;
use replicheck::models::program::{Program, ProgramLine};
use replicheck::models::program_file;
use replicheck::models::request::Request;
use replicheck::models::shrink::shrink;
use replicheck::models::story::Story;
use replicheck::probe::round::Nodes;
use replicheck::time::Millis;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long the rounds of one ✗ are cut down.
const LIMIT: Duration = Duration::from_secs(20);

/// How often a shorter program is played before it counts as one that breaks nothing: a race does not show each time.
const TRIES: usize = 40;

/// A broken invariant, in few writes.
pub struct Cut {
    /// The replica's place in the options.
    pub replica: usize,
    /// What.
    pub invariant: Invariant,
    /// The number of writes before and after.
    pub writes: (usize, usize),
    /// Whether no single write can be left out, as far as the tries show.
    pub is_minimal: bool,
    /// The file of the program.
    pub file: String,
    /// What was seen.
    pub story: Story,
    program: Program,
}

/// Cuts down the rounds of each ✗ and writes the programs. Errors: a file cannot be written.
pub fn cut_down(
    nodes: &mut Nodes,
    args: &RunArgs,
    (found, seed): (&[Found], u64),
    line: Option<&ProgressBar>,
) -> Result<Vec<Cut>, UsageError> {
    let mut cuts: Vec<Cut> = Vec::new();
    for one in found {
        if let Some(line) = line {
            line.set_message(format!("cutting down what breaks {}", one.invariant));
        }
        cuts.push(cut_of(nodes, one, &cuts));
    }
    write(args, seed, &mut cuts)?;
    Ok(cuts)
}

/// The cut of one ✗. A program that was cut down for another one is tried first.
fn cut_of(nodes: &mut Nodes, found: &Found, others: &[Cut]) -> Cut {
    let original = program(&found.load);
    // What was seen in the round itself counts, whatever the tries show.
    let mut story = found.done.story(found.replica, found.invariant).unwrap_or_default();
    let started = Instant::now();
    let is_over = || started.elapsed() >= LIMIT || found.invariant == Invariant::Progress;
    let mut breaks = |program: &Program| {
        let load = load_of(program);
        (0..TRIES).take_while(|_| !is_over()).any(|shift| {
            let Ok(done) = play(nodes, &load, shift) else { return false };
            let Some(shown) = done.story(found.replica, found.invariant) else { return false };
            story = shown;
            true
        })
    };
    let known = others.iter().filter(|cut| cut.replica == found.replica && cut.is_minimal);
    let known = known.map(|cut| cut.program.clone()).find(|program| breaks(program));
    let (short, is_minimal) = match known {
        Some(program) => (program, true),
        None => {
            let shrunk = shrink(&original, &mut breaks, is_over);
            (shrunk.program, shrunk.is_minimal)
        }
    };
    Cut {
        replica: found.replica,
        invariant: found.invariant,
        writes: (original.commands.len(), short.commands.len()),
        is_minimal,
        file: String::new(),
        story,
        program: short,
    }
}

/// The begin that a program with instants is given: any, as its deadlines are durations.
const BEGIN: Millis = Millis(1_000_000_000_000);

/// A load as a program. One with instants has the form of a capture.
fn program(load: &Load) -> Program {
    let (started, lines): (_, Vec<(Option<Millis>, Request)>) = match load {
        Load::Ordered(requests) => (None, requests.iter().map(|request| (None, request.clone())).collect()),
        Load::Timed(writes) => {
            (Some(BEGIN), writes.iter().map(|(at, request)| (Some(Millis(*at)), request.clone())).collect())
        }
    };
    let lines = lines.into_iter().enumerate();
    let commands = lines.map(|(line, (at, request))| ProgramLine { line: line + 1, request, at }).collect();
    Program { commands, started, ..Program::default() }
}

/// A program as a load: a capture is sent at its instants.
pub fn load_of(program: &Program) -> Load {
    let lines = program.commands.iter();
    match program.started {
        None => Load::Ordered(lines.map(|line| line.request.clone()).collect()),
        Some(_) => {
            let at = |line: &ProgramLine| line.at.unwrap_or_default().0;
            Load::Timed(lines.map(|line| (at(line), line.request.clone())).collect())
        }
    }
}

fn write(args: &RunArgs, seed: u64, cuts: &mut [Cut]) -> Result<(), UsageError> {
    let folder = Path::new(&args.shrunk);
    let wrong = |file: &Path, error: std::io::Error| UsageError::File {
        file: file.display().to_string(),
        reason: error.to_string(),
    };
    if !cuts.is_empty() {
        std::fs::create_dir_all(folder).map_err(|error| wrong(folder, error))?;
    }
    for cut in cuts {
        let of_replica = if args.replica.len() > 1 { format!(".{}", cut.replica + 1) } else { String::new() };
        let path = folder.join(format!("{}{of_replica}.txt", cut.invariant));
        let source = args.program.clone().unwrap_or_else(|| format!("a round of seed {seed}"));
        let address = &args.replica[cut.replica];
        let remark = format!(
            "Cut down from the {} writes of {source}: {address} breaks {}.",
            cut.writes.0, cut.invariant
        );
        std::fs::write(&path, program_file::text(&cut.program, &[remark]))
            .map_err(|error| wrong(&path, error))?;
        cut.file = path.display().to_string();
    }
    Ok(())
}
