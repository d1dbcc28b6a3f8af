//! `replicheck probe run` — addresses of a master and its replicas → a load made to provoke, and what readers saw break. Does I/O:
//! nodes, files, terminal.

use super::rounds::{Done, Load, NotPlayed, play, reads_at_once};
use super::shrunk::{Cut, cut_down, load_of};
use super::{credentials, run_text};
use crate::cli::check::{create, json, print, width};
use crate::cli::{Outcome, UsageError, paint, tls};
use indicatif::{ProgressBar, ProgressStyle};
use replicheck::models::cost::Searched;
use replicheck::models::invariants::{Invariant, ORDERING};
use replicheck::models::program;
use replicheck::models::provoke::{drawn, timed};
use replicheck::models::request::Request;
use replicheck::models::verdict::{Row, Verdict};
use replicheck::probe::options::{Address, Options, ProbeError};
use replicheck::probe::round::Nodes;
use std::io::{IsTerminal as _, Write as _};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Write a load made to provoke, read on each replica all the while, and judge what was seen.
///
/// In a database of its own, which must be empty: it is emptied again and again. What is written shows in which order, how often and how
/// far a replica has applied it. Verdicts have the words of `check`: ✗ is proved by the reads that are shown, `sampled` means that no
/// read broke it. Each ✗ is cut down to few commands by running it again. Credentials are those of `probe compare`. Exit code: 0 =
/// nothing is broken that --expect promises, 1 = something is, 2 = the command was not understood, 3 = could not judge, and why.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = EXAMPLES)]
pub struct RunArgs {
    /// The master
    #[arg(long, value_name = "HOST:PORT")]
    pub master: Address,
    /// A replica of that master; may be given several times
    #[arg(long, value_name = "HOST:PORT", required = true)]
    pub replica: Vec<Address>,
    /// The database that is written to and emptied
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..))]
    pub db: i64,
    /// Go on although the database has keys: FLUSHDB removes them
    #[arg(long)]
    pub i_own_this_database: bool,
    /// For how many seconds rounds are played
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    pub seconds: u64,
    /// The seed of the load; drawn if it is not given
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Write this program again and again, in place of drawn rounds; its form is that of `check --program`
    #[arg(long, value_name = "FILE", conflicts_with = "seed")]
    pub program: Option<String>,
    /// The level that the servers promise; a higher one may break
    #[arg(long, value_name = "LEVEL", value_enum, default_value_t = Expect::Prefix)]
    pub expect: Expect,
    /// Seconds that a replica may take to reach the master's position
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    pub wait: u64,
    /// A file whose first line is the password of all nodes; it takes the place of the environment's
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<String>,
    #[command(flatten)]
    pub tls: tls::Args,
    /// Folder for the short programs that show each ✗
    #[arg(long, value_name = "DIR", default_value = "replicheck-run")]
    pub shrunk: String,
    /// Write the verdicts as JSON to this file, in the form of `check --json`; - is standard output (the text then goes to standard error)
    #[arg(long, value_name = "FILE")]
    pub json: Option<String>,
}

/// A level that replication may promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Expect {
    /// At the end of the log the replica is as the master
    Convergence,
    /// Also: no key goes back
    PerKeyOrder,
    /// Also: readers see all keys as the master had them at one moment
    Prefix,
}

const EXAMPLES: &str = "Examples:
  replicheck probe run --master db1:6379 --replica db2:6379 --db 15
  replicheck probe run --master db1:6379 --replica db2:6379 --replica db3:6379 --seconds 3600 --seed 7
  replicheck probe run --master db1:6379 --replica db2:6379 --expect per_key_order --json -
  replicheck probe run --master db1:6379 --replica db2:6379 --program replicheck-run/prefix.txt";

/// Each so many rounds one is about deadlines: it takes longer than the others.
const TIMED_EVERY: u64 = 8;

/// Seeds are short enough to be typed.
const SEEDS: u64 = 1_000_000;

/// Something that broke, in the round that showed it.
pub struct Found {
    /// The replica's place in the options.
    pub replica: usize,
    /// What.
    pub invariant: Invariant,
    /// The round's writes.
    pub load: Load,
    /// The round.
    pub done: Rc<Done>,
}

/// The sums over all rounds.
#[derive(Default)]
pub struct Tally {
    /// The number of rounds.
    pub rounds: u64,
    /// The number of writes, transactions counted once.
    pub writes: u64,
    /// The reads that differed from the one before, by replica.
    pub reads: Vec<usize>,
    /// The longest time until a replica had caught up, by replica.
    pub caught_up_ms: Vec<u64>,
    /// The longest lag that the servers reported, in milliseconds, by replica; `None`: they report none.
    pub reported_lag_ms: Vec<Option<u64>>,
    /// The invariants that were put to the test, by replica.
    pub tested: Vec<Vec<Invariant>>,
    /// The broken invariants, each once for each replica.
    pub found: Vec<Found>,
    /// Seconds that it took.
    pub seconds: f64,
    /// Why it ended early.
    pub broken_off: Option<String>,
}

/// Runs the subcommand.
pub fn run(args: &RunArgs) -> Result<Outcome, UsageError> {
    let options = options(args)?;
    let program = args.program.as_deref().map(read).transpose()?;
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..SEEDS));
    // A file that cannot be written is refused before the work.
    let file = args.json.as_deref().filter(|name| *name != "-").map(create).transpose()?;
    let mut nodes = match Nodes::open(&options, args.db, args.i_own_this_database) {
        Ok(nodes) => nodes,
        Err(error) => {
            return could_not_begin(args, &error, file);
        }
    };
    let is_timed = |round: u64| round % TIMED_EVERY == TIMED_EVERY - 1;
    let untimed = nodes.without_deadlines();
    let rounds = |round: u64| match &program {
        Some(load) => load.clone(),
        None if untimed.is_none() && is_timed(round) => Load::Timed(timed::drawn(seed, round)),
        None => Load::Ordered(drawn(seed, round)),
    };
    let line = progress_line();
    let tally = rounds_of(&mut nodes, args, &rounds, line.as_ref());
    let cuts = cut_down(&mut nodes, args, (&tally.found, seed), line.as_ref())?;
    if let Some(line) = line {
        line.finish_and_clear();
    }
    // The database is left empty, as it was found. A node that does not answer any more has been told of.
    let _ = nodes.empty(&[]);
    let rows = rows((&nodes, args), &judged_of(program.as_ref()), (&tally, &cuts), seed);
    write(args, &run_text::Ran { args, nodes: &nodes, tally: &tally, cuts: &cuts, seed, rows: &rows }, file)
}

/// Tells why no round was played; there are no verdicts.
fn could_not_begin(
    args: &RunArgs,
    error: &ProbeError,
    file: Option<std::fs::File>,
) -> Result<Outcome, UsageError> {
    let words = paint::signs(&format!("⇒ could not judge:\n  {error}\n"));
    let json = json::array(&[], |_| None).map_err(std::io::Error::from)?;
    tell((args, file), &words, &json)?;
    Ok(Outcome::CouldNotJudge)
}

/// Prints the text and writes the JSON.
fn tell((args, file): (&RunArgs, Option<std::fs::File>), words: &str, json: &str) -> Result<(), UsageError> {
    if args.json.as_deref() == Some("-") {
        print(anstream::stderr(), words)?;
        print(std::io::stdout(), json)?;
    } else {
        print(anstream::stdout(), words)?;
    }
    if let Some(mut file) = file {
        file.write_all(json.as_bytes())?;
    }
    Ok(())
}

fn options(args: &RunArgs) -> Result<Options, UsageError> {
    let (of_master, of_replicas) = credentials(args.password_file.as_deref(), &args.tls)?;
    Ok(Options {
        master: args.master.clone(),
        replicas: args.replica.clone(),
        of_master,
        of_replicas,
        databases: vec![args.db],
        pattern: None,
        fields: false,
        tolerance_ms: 0,
        rate: 0,
        wait: Duration::from_secs(args.wait),
    })
}

fn read(file: &str) -> Result<Load, UsageError> {
    let wrong = |reason: String| UsageError::File { file: file.to_owned(), reason };
    let bytes = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
    let program = program::parse(&bytes).map_err(|error| wrong(error.to_string()))?;
    let load = load_of(&program);
    let requests = load.requests();
    if requests.is_empty() || !requests.iter().all(Request::is_in_db_0) {
        return Err(wrong(
            "it needs a write, and all of it in database 0 (--db says which one that is)".to_owned(),
        ));
    }
    Ok(load)
}

/// A line that is overwritten, on a terminal only.
fn progress_line() -> Option<ProgressBar> {
    // The template is a constant; with a wrong one the line would only be drawn in the default style.
    let style = ProgressStyle::with_template("[{elapsed}] {msg}");
    let line = || ProgressBar::no_length().with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    std::io::stderr().is_terminal().then(line)
}

/// Plays rounds until the time is over, or convergence is broken on each replica: then no level is left.
fn rounds_of(
    nodes: &mut Nodes,
    args: &RunArgs,
    rounds: &dyn Fn(u64) -> Load,
    line: Option<&ProgressBar>,
) -> Tally {
    let (count, started) = (args.replica.len(), Instant::now());
    let mut tally = Tally {
        reads: vec![0; count],
        caught_up_ms: vec![0; count],
        reported_lag_ms: vec![None; count],
        tested: vec![Vec::new(); count],
        ..Tally::default()
    };
    while started.elapsed() < Duration::from_secs(args.seconds) {
        let load = rounds(tally.rounds);
        match round(nodes, &load, &mut tally) {
            Ok(()) => {}
            Err(error) => {
                tally.broken_off = Some(error.to_string());
                break;
            }
        }
        if let Some(line) = line {
            line.set_message(format!(
                "{} rounds, {} writes: {} broken",
                tally.rounds,
                tally.writes,
                tally.found.len()
            ));
        }
        let is_over = |replica| {
            let breaks =
                |invariant| tally.found.iter().any(|it| (it.replica, it.invariant) == (replica, invariant));
            breaks(Invariant::Convergence) || breaks(Invariant::Progress)
        };
        if (0..count).all(is_over) || tally.found.iter().any(|found| found.invariant == Invariant::Progress) {
            break;
        }
    }
    tally.seconds = started.elapsed().as_secs_f64();
    tally
}

fn round(nodes: &mut Nodes, load: &Load, tally: &mut Tally) -> Result<(), NotPlayed> {
    let shift = usize::try_from(tally.rounds).unwrap_or_default();
    let done = play(nodes, load, shift)?;
    tally.rounds += 1;
    tally.writes += load.requests().len() as u64;
    let mut broken = Vec::new();
    for (at, replica) in done.replicas.iter().enumerate() {
        tally.reads[at] += replica.reads;
        tally.caught_up_ms[at] = tally.caught_up_ms[at].max(replica.caught_up_ms);
        tally.reported_lag_ms[at] = tally.reported_lag_ms[at].max(replica.reported_lag_ms);
        for invariant in &replica.tested {
            if !tally.tested[at].contains(invariant) {
                tally.tested[at].push(*invariant);
            }
        }
        let is_new = |invariant| !tally.found.iter().any(|it| (it.replica, it.invariant) == (at, invariant));
        let new = replica.broken.iter().copied().filter(|it| is_new(*it));
        broken.extend(new.map(|invariant| (at, invariant)));
    }
    if broken.is_empty() {
        return Ok(());
    }
    let done = Rc::new(done);
    for (replica, invariant) in broken {
        tally.found.push(Found { replica, invariant, load: load.clone(), done: Rc::clone(&done) });
    }
    Ok(())
}

/// The invariants that a load puts to the test; `None`: drawn rounds.
fn judged_of(load: Option<&Load>) -> Vec<Invariant> {
    match load {
        Some(Load::Ordered(_)) => ORDERING.invariants.to_vec(),
        Some(Load::Timed(_)) => [&[Invariant::Progress], timed::EXPIRY].concat(),
        None => [ORDERING.invariants, timed::EXPIRY].concat(),
    }
}

/// The verdicts on these invariants, as `check` has them.
fn rows(
    (nodes, args): (&Nodes, &RunArgs),
    judged: &[Invariant],
    (tally, cuts): (&Tally, &[Cut]),
    seed: u64,
) -> Vec<Row> {
    let of_replica = |(at, replica): (usize, &replicheck::probe::report::OfReplica)| {
        let row = |invariant: &Invariant| {
            let found = tally.found.iter().find(|found| (found.replica, found.invariant) == (at, *invariant));
            let cut = cuts.iter().find(|cut| (cut.replica, cut.invariant) == (at, *invariant));
            let (verdict, note) = match found {
                Some(_) => (Verdict::Violated, String::new()),
                None if tally.tested[at].contains(invariant) => {
                    (Verdict::Sampled, "no read broke it, and no more is claimed".to_owned())
                }
                None => (Verdict::Incomplete, not_judged(*invariant, replica, nodes)),
            };
            let searched = Searched {
                number: at,
                unique: tally.reads[at],
                generated: tally.writes,
                bytes: 0,
                depth: cuts.iter().filter(|cut| cut.replica == at).map(|cut| cut.writes.1).max().unwrap_or(0),
                seconds: tally.seconds,
                finished: tally.broken_off.is_none(),
            };
            Row {
                model: "probe",
                choice: replica.name.clone(),
                invariant: *invariant,
                scenario: None,
                verdict,
                expected: expected(args.expect, *invariant),
                searches: vec![searched],
                bounds: format!("{} rounds of seed {seed}, {} writes", tally.rounds, tally.writes),
                witness: "",
                note,
                counterexample: cut.map(|cut| cut.story.clone()),
            }
        };
        judged.iter().map(row).collect::<Vec<_>>()
    };
    nodes.replicas.iter().enumerate().flat_map(of_replica).collect()
}

/// Why nothing can be said of an invariant.
fn not_judged(invariant: Invariant, replica: &replicheck::probe::report::OfReplica, nodes: &Nodes) -> String {
    if let Some(node) = nodes.without_deadlines().filter(|_| timed::EXPIRY.contains(&invariant)) {
        return format!("{node} does not know PEXPIRETIME");
    }
    if timed::EXPIRY.contains(&invariant) {
        return "no round with deadlines was played, or a node tells its clock neither by TIME nor by INFO"
            .to_owned();
    }
    if invariant == Invariant::Prefix && !reads_at_once(&replica.software) {
        return format!("{} is not known to read several keys at one moment", replica.software);
    }
    replica.why_lag.clone().unwrap_or_else(|| "no round came that far".to_owned())
}

fn expected(level: Expect, invariant: Invariant) -> Verdict {
    let least = match invariant {
        Invariant::Prefix => Expect::Prefix,
        Invariant::PerKeyOrder | Invariant::MonotonicReads => Expect::PerKeyOrder,
        _ => Expect::Convergence,
    };
    if least <= level { Verdict::Holds } else { Verdict::Violated }
}

fn write(
    args: &RunArgs,
    ran: &run_text::Ran<'_>,
    file: Option<std::fs::File>,
) -> Result<Outcome, UsageError> {
    let to_stderr = args.json.as_deref() == Some("-");
    let words = paint::signs(&run_text::text(ran, width(to_stderr)));
    let file_of = |row: &Row| ran.cut_of(row).map(|cut| cut.file.as_str());
    let json = json::array(ran.rows, file_of).map_err(std::io::Error::from)?;
    tell((args, file), &words, &json)?;
    Ok(ran.outcome())
}
