//! `replicheck replay` — a counterexample of the models on real nodes, then its cure. Does I/O: TCP, RocksDB, threads.

mod child;
mod cluster;
mod expiry;
mod link;
pub mod node;
mod ordering;
mod orders;
mod places;
mod print;
mod readers;
mod replica;
mod wire;

use super::check::{self, create};
use super::nodes::RunError;
use super::{Outcome, UsageError, paint, watch};
use indicatif::{ProgressBar, ProgressStyle};
use places::Places;
use replicheck::models::catalogue::{self, Bug, Case, Cell, Judgement};
use replicheck::models::choice::{Choice, Kind};
use replicheck::models::experiment::{Experiment, Model, judges};
use replicheck::models::expiry::Judges;
use replicheck::models::invariants::Invariant;
use replicheck::models::judged::InvariantSet;
use replicheck::models::path::{PathError, walk_to};
use replicheck::models::path_file::{PathFile, PathFileError};
use replicheck::models::story::{KeyRow, Story};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;
use tokio::runtime::{Handle, Runtime};

/// Number of replays at the same time; they spend most of their time waiting.
const THREADS: usize = 4;

/// Run a counterexample of the models on real nodes: a master and a replica, TCP, RocksDB, threads; then its cure.
///
/// Clients, clocks, the link and the replica's workers follow the path, one step after the other. The state that readers
/// of the replica are given is judged by the same functions as in the model, and compared with the model's own state.
/// The cure runs the same program in the same order, as far as it allows this order. A path file contains a path; its
/// cure is given by --cure. If the replica crashes in the path, it runs as a separate process, which aborts and starts
/// again on its folder. Exit code: 0 = it behaved as recorded (and the cure held), 1 = it did not, 2 = the command was
/// not understood, or the path cannot be replayed.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = EXAMPLES)]
pub struct Args {
    /// A bug of the catalogue, or a path file; without it, every bug that can be replayed
    #[arg(value_name = "ID|FILE")]
    what: Option<String>,
    /// Write the bug's path to a path file, and replay nothing; - is standard output
    #[arg(long, value_name = "FILE", requires = "what", conflicts_with_all = ["json", "cure"])]
    export: Option<String>,
    /// After a path file, also replay its program under this choice of its model, which should cure it
    #[arg(long, value_name = "NAME", requires = "what")]
    cure: Option<String>,
    /// Run the nodes in this folder and keep it: a folder each for master and replica, with store and binlog. Without it
    /// they run in a temporary folder, which is removed
    #[arg(long, value_name = "DIR", conflicts_with = "export")]
    keep: Option<String>,
    /// Write the results as JSON to this file; - is standard output (the text then goes to standard error)
    #[arg(long, value_name = "FILE")]
    json: Option<String>,
}

const EXAMPLES: &str = "Examples:
  replicheck replay R01
  replicheck replay R01 --keep nodes; ls -R nodes
  replicheck replay R29 --export path.json
  replicheck replay path.json
  replicheck replay path.json --cure writeset
  replicheck replay --json - 2> replay.txt | jq '.[] | select(.as_recorded | not) | .id'";

/// The result of running one choice on real nodes.
pub struct Ran {
    /// The choice.
    pub choice: Choice,
    /// The steps that happened.
    pub story: Story,
    /// Orders that it could not follow.
    pub notes: Vec<String>,
    /// The first difference from the model.
    pub unlike: Option<String>,
    /// The broken invariants.
    pub broken: Vec<Invariant>,
    /// Whether the replica has applied all entries that the master logged.
    pub is_at_end: bool,
    /// Both stores at the end.
    pub keys: Vec<KeyRow>,
    /// Where the nodes were; known when they have ended.
    pub places: Option<Places>,
}

impl Ran {
    /// A result in which nothing has happened yet.
    fn new(choice: Choice) -> Ran {
        let (story, notes) = (Story::default(), Vec::new());
        let (broken, keys) = (Vec::new(), Vec::new());
        Ran { choice, story, notes, unlike: None, broken, is_at_end: false, keys, places: None }
    }

    fn note(&mut self, text: String) {
        self.notes.push(text);
    }

    fn unlike(&mut self, text: String) {
        self.unlike.get_or_insert(text);
    }

    fn broke(&mut self, judged: &'static [Invariant], broken: InvariantSet) {
        self.broken.extend(broken.of(judged));
    }
}

/// The result of replaying a path.
pub struct Replayed {
    /// The row's id, or the file's name.
    pub name: String,
    /// The path.
    pub file: PathFile,
    /// The run under its own choice.
    pub bug: Ran,
    /// The run under the cure, if there is one.
    pub cure: Option<Ran>,
}

impl Replayed {
    /// Whether the nodes followed the path, and broke the invariant that it breaks.
    pub fn is_found(&self) -> bool {
        let is_broken = |invariant| self.bug.broken.contains(&invariant);
        self.bug.unlike.is_none() && self.file.invariant.is_none_or(is_broken)
    }

    /// Whether the cure, if there is one, reached the end of the log and did not break the invariant.
    pub fn is_cured(&self) -> bool {
        let is_broken = |ran: &Ran| self.file.invariant.is_some_and(|it| ran.broken.contains(&it));
        self.cure.as_ref().is_none_or(|ran| ran.is_at_end && !is_broken(ran))
    }
}

/// Replays the requested paths, and prints the results.
pub fn run(args: &Args) -> Result<Outcome, UsageError> {
    let paths = paths(args.what.as_deref(), args.cure.as_deref())?;
    if let (Some(file), Some((_, experiment, path, _))) = (&args.export, paths.first()) {
        return export(file, experiment, path);
    }
    let to_stderr = args.json.as_deref() == Some("-");
    let json_file = args.json.as_deref().filter(|file| *file != "-").map(create).transpose()?;
    let kept = args.keep.as_deref().map(empty_folder).transpose()?;
    let replayed = replay_all(&paths, kept.as_deref())?;
    let replayed: Vec<Replayed> = replayed.into_iter().collect::<Result<_, _>>()?;
    let width = check::width(to_stderr);
    let text = match (args.what.is_some(), replayed.as_slice()) {
        (true, [one]) => print::in_full(one, kept.is_some(), width),
        _ => print::table(&replayed, width),
    };
    let text = paint::signs(&text);
    if to_stderr {
        check::print(anstream::stderr(), &text)?
    } else {
        check::print(anstream::stdout(), &text)?
    }
    let json = print::json(&replayed)?;
    match json_file {
        Some(mut file) => file.write_all(json.as_bytes())?,
        None if to_stderr => check::print(std::io::stdout(), &json)?,
        None => {}
    }
    let is_as_recorded = replayed.iter().all(|one| one.is_found() && one.is_cured());
    Ok(if is_as_recorded { Outcome::Expected } else { Outcome::Differs })
}

/// A name, the experiment of the path, the path, and its cure.
type Replay = (String, Experiment, PathFile, Option<Choice>);

/// The path of the row with this id, the path in this path file, or the paths of all rows that can be
/// replayed.
fn paths(what: Option<&str>, cure: Option<&str>) -> Result<Vec<Replay>, UsageError> {
    let Some(what) = what else {
        let cases = catalogue::all().filter(|case| case.bug().is_some_and(|bug| bug.no_replay.is_empty()));
        return of_rows(&cases.collect::<Vec<_>>());
    };
    let Some(case) = catalogue::find(what) else { return of_file(what, cure).map(|path| vec![path]) };
    if cure.is_some() {
        return Err(UsageError::Refused(format!(
            "{} has a cure of its own: --cure is for path files",
            case.id
        )));
    }
    let not_replayed = |why: &str| UsageError::Refused(format!("{} is not replayed: {why}", case.id));
    match case.bug() {
        None => Err(not_replayed(&case.reason().unwrap_or_default())),
        Some(bug) if !bug.no_replay.is_empty() => Err(not_replayed(bug.no_replay)),
        Some(_) => of_rows(&[case]),
    }
}

fn of_rows(cases: &[&'static Case]) -> Result<Vec<Replay>, UsageError> {
    let rows = watch::run_all(&catalogue::tasks(cases)).of_every_task();
    let judgements = catalogue::judgements(cases, rows);
    let missed = |case: &Case| UsageError::Refused(format!("{}: the model has no counterexample", case.id));
    judgements.iter().map(|judgement| of_row(judgement).ok_or_else(|| missed(judgement.case))).collect()
}

/// The path of a row that was judged; `None`: it has none.
fn of_row(judgement: &Judgement) -> Option<Replay> {
    let bug: &Bug = judgement.case.bug()?;
    let [found, _] = judgement.rows.as_ref()?;
    let experiment = bug.experiment(bug.with);
    let file = PathFile::of(&experiment, Some(bug.invariant), found.counterexample.as_ref()?);
    Some((judgement.case.id.to_owned(), experiment, file, Some(bug.cure)))
}

fn of_file(name: &str, cure: Option<&str>) -> Result<Replay, UsageError> {
    let wrong = |reason: String| UsageError::File { file: name.to_owned(), reason };
    let text = std::fs::read_to_string(name).map_err(|error| {
        wrong(format!("{error}; and no bug of the catalogue has this id (replicheck catalogue lists them)"))
    })?;
    let file: PathFile =
        serde_json::from_str(&text).map_err(|error| wrong(PathFileError::from(error).to_string()))?;
    let experiment = file.experiment().map_err(|error| wrong(error.to_string()))?;
    let named = |cure| Choice::named(&file.model, cure, None);
    let cure = cure.map(named).transpose().map_err(|error| UsageError::Unknown(error.to_string()))?;
    cure.map_or(Ok(()), has_engine)?;
    Ok((name.to_owned(), experiment, file, cure))
}

fn export(file: &str, experiment: &Experiment, path: &PathFile) -> Result<Outcome, UsageError> {
    // Only a path that can be replayed is written.
    prepared(experiment, path)?;
    let json = serde_json::to_string_pretty(path).map_err(std::io::Error::from)? + "\n";
    match file {
        "-" => check::print(std::io::stdout(), &json)?,
        file => create(file)?.write_all(json.as_bytes())?,
    }
    Ok(Outcome::Expected)
}

/// The orders of a path.
enum Orders {
    Ordering(Vec<orders::Told>),
    Expiry(Vec<expiry::Told>, i64),
}

/// Checks that a node can run by this choice. Errors: no node can.
fn has_engine(choice: Choice) -> Result<(), RunError> {
    match choice.kind() {
        Kind::Ordering(ordering) if ordering.reads_after_crash => {
            let why = "real nodes let no reader in too early: this choice is the model's alone";
            Err(RunError::not_driven(why))
        }
        _ => Ok(()),
    }
}

fn prepared(experiment: &Experiment, file: &PathFile) -> Result<Orders, RunError> {
    has_engine(experiment.choice)?;
    if let Some(fault) = experiment.choice.fault().filter(|fault| !fault.has_place_in_engine()) {
        let why = format!("'{}' has no place in the engine: {}", fault.name(), fault.in_words());
        return Err(RunError::NotDriven(why));
    }
    let invariant = file.invariant;
    let not_driven = |error: PathError| RunError::not_driven(error);
    match experiment.model().map_err(RunError::not_driven)? {
        Model::Ordering(model) => {
            let path = walk_to(&*model, &file.path, invariant).map_err(not_driven)?;
            Ok(Orders::Ordering(orders::orders(&model, &path)?))
        }
        Model::Expiry(models) => {
            let [state, reads] = &*models;
            let model = match invariant.map(judges) {
                Some(Judges::Reads) => reads,
                Some(Judges::State) | None => state,
            };
            let path = walk_to(model, &file.path, invariant).map_err(not_driven)?;
            let (orders, skew) = expiry::orders(model, &path)?;
            Ok(Orders::Expiry(orders, skew))
        }
    }
}

/// Replays the path under its own choice, then under the cure. `folder` must not exist yet. Errors: [`RunError`].
fn replay(
    handle: &Handle,
    folder: &Path,
    (name, experiment, file, cure): &Replay,
) -> Result<Replayed, UsageError> {
    let wrong = |reason: String| UsageError::File { file: name.clone(), reason };
    let orders = prepared(experiment, file).map_err(|error| wrong(error.to_string()))?;
    let run = |choice: Choice, is_recorded: bool| {
        let folder = folder.join(if is_recorded { "recorded" } else { "cure" });
        let ran = match &orders {
            Orders::Ordering(orders) => {
                ordering::run(handle, &folder, experiment, choice, (orders, is_recorded))
            }
            Orders::Expiry(orders, skew) => {
                expiry::run(handle, &folder, experiment, choice, (orders, *skew, is_recorded))
            }
        };
        ran.map_err(|reason| wrong(format!("{}: {reason}", choice.name())))
    };
    let bug = run(experiment.choice, true)?;
    let cure = cure.map(|cure| run(cure, false)).transpose()?;
    Ok(Replayed { name: name.clone(), file: file.clone(), bug, cure })
}

/// The cells of the catalogue's column for judged rows; each row may be replayed. Errors: no threads or no folder can be
/// had.
pub fn cells(judgements: &[&Judgement]) -> Result<Vec<Cell>, UsageError> {
    let paths: Vec<Option<Replay>> = judgements.iter().map(|judgement| of_row(judgement)).collect();
    let there: Vec<Replay> = paths.iter().flatten().cloned().collect();
    let mut replayed = replay_all(&there, None)?.into_iter();
    let mut cell = |path: &Option<Replay>| match path.as_ref().and_then(|_| replayed.next()) {
        Some(Ok(one)) if one.is_found() && one.is_cured() => Cell::Found,
        Some(Err(error)) => {
            anstream::eprintln!("{error}");
            Cell::Missed
        }
        _ => Cell::Missed,
    };
    Ok(paths.iter().map(&mut cell).collect())
}

/// The folder with this name, which is made if it does not exist. Errors: there is something in it.
fn empty_folder(name: &str) -> Result<PathBuf, UsageError> {
    let wrong = |reason: String| UsageError::File { file: name.to_owned(), reason };
    std::fs::create_dir_all(name).map_err(|error| wrong(error.to_string()))?;
    let mut files = std::fs::read_dir(name).map_err(|error| wrong(error.to_string()))?;
    match files.next() {
        Some(_) => Err(wrong("the folder is not empty, and nodes begin with empty folders".to_owned())),
        None => Ok(PathBuf::from(name)),
    }
}

/// Replays all paths, some at a time, in the folder `kept` or in a temporary one. The results are in the order of the paths.
fn replay_all(
    paths: &[Replay],
    kept: Option<&Path>,
) -> Result<Vec<Result<Replayed, UsageError>>, UsageError> {
    let runtime = Runtime::new()?;
    let temporary = tempfile::tempdir()?;
    let folder = kept.unwrap_or(temporary.path());
    // A bug's folder has its id; a path file's name may have folders in it.
    let folder_of = |at: usize, (name, ..): &Replay| match catalogue::find(name) {
        Some(case) => folder.join(case.id),
        None => folder.join(at.to_string()),
    };
    let style = ProgressStyle::with_template("replaying on real nodes {wide_bar} {pos} of {len}");
    let bar = ProgressBar::new(paths.len() as u64)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(100));
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some((at, path)) =
            Some(next.fetch_add(1, Relaxed)).and_then(|at| Some((at, paths.get(at)?)))
        {
            done.push((at, replay(runtime.handle(), &folder_of(at, path), path)));
            bar.inc(1);
        }
        done
    };
    let mut done: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS.min(paths.len())).map(|_| scope.spawn(work)).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        threads.into_iter().flat_map(join).collect()
    });
    bar.finish_and_clear();
    done.sort_by_key(|(at, _)| *at);
    Ok(done.into_iter().map(|(_, replayed)| replayed).collect())
}
