//! `replicheck probe` — addresses of a master and its replicas → in which keys they differ, or what a load makes them break.

mod rounds;
mod run;
mod run_text;
mod shrunk;

use super::check::{create, print};
use super::{Outcome, UsageError, paint, tls};
use indicatif::{ProgressBar, ProgressStyle};
use replicheck::probe::compare::{Progress, compare};
use replicheck::probe::options::{Address, Credentials, Options};
use replicheck::probe::report::{Outcome as Judged, Report};
use replicheck::probe::{html, json, junit, metrics, text};
use replicheck::secret::Secret;
use std::fs::File;
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, SystemTime};

/// Find out whether your own replica holds what its master holds.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    Compare(CompareArgs),
    Run(run::RunArgs),
}

/// Compare a master with its replicas, key by key; only reads are sent.
///
/// Both ways: what a replica lacks, has in excess, or holds differently, in type, value, order or deadline. A difference counts
/// only when it stands at an equal position of both nodes; what is written too often ends as undecided. User and password come
/// from REPLICHECK_USER and REPLICHECK_PASSWORD, for the replicas from REPLICHECK_REPLICA_USER and REPLICHECK_REPLICA_PASSWORD
/// if these are set. Exit code: 0 = nothing found, 1 = found, 2 = the command was not understood, 3 =
/// could not judge, and why.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = EXAMPLES)]
struct CompareArgs {
    /// The master
    #[arg(long, value_name = "HOST:PORT")]
    master: Address,
    /// A replica of that master; may be given several times
    #[arg(long, value_name = "HOST:PORT", required = true)]
    replica: Vec<Address>,
    /// Only these databases; without it all that hold keys
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(i64).range(0..))]
    db: Vec<i64>,
    /// Only keys that match this pattern (SCAN's MATCH)
    #[arg(long = "match", value_name = "GLOB")]
    pattern: Option<String>,
    /// Also compare the deadlines of fields of hashes, where both sides know them
    #[arg(long)]
    fields: bool,
    /// By how many milliseconds deadlines may differ
    #[arg(long, value_name = "MS", default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..))]
    ttl_tolerance: i64,
    /// Keys a second, so that the master serves its clients meanwhile; 0 is no limit
    #[arg(long, value_name = "KEYS/S", default_value_t = RATE)]
    rate: u64,
    /// Seconds that a replica may take to reach the master's position
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    wait: u64,
    /// A file whose first line is the password of all nodes; it takes the place of the environment's
    #[arg(long, value_name = "FILE")]
    password_file: Option<String>,
    #[command(flatten)]
    tls: tls::Args,
    /// Write the report as JSON to this file; - is standard output (the text then goes to standard error)
    #[arg(long, value_name = "FILE")]
    json: Option<String>,
    /// Write it as JUnit's XML, for CI
    #[arg(long, value_name = "FILE")]
    junit: Option<String>,
    /// Write it as a page
    #[arg(long, value_name = "FILE")]
    html: Option<String>,
    /// Write it as Prometheus's text format
    #[arg(long, value_name = "FILE")]
    metrics: Option<String>,
}

/// Keys a second if `--rate` is not given. Both figures of src/probe/README.md hang on it.
const RATE: u64 = 35_000;

const EXAMPLES: &str = "Examples:
  replicheck probe compare --master db1:6379 --replica db2:6379
  replicheck probe compare --master db1:6379 --replica db2:6379 --replica db3:6379 --match 'session:*' --db 0
  REPLICHECK_PASSWORD=… replicheck probe compare --master db1:6379 --replica db2:6379 --fields
  replicheck probe compare --master db1:6379 --replica db2:6379 --tls --cacert ca.pem
  replicheck probe compare --master db1:6379 --replica db2:6379 --json - | jq '.replicas[].differences[].key'
  replicheck probe compare --master db1:6379 --replica db2:6379 --metrics /var/lib/node_exporter/probe.prom";

/// Runs the subcommand.
pub fn run(args: &Args) -> Result<Outcome, UsageError> {
    match &args.command {
        Command::Compare(args) => run_compare(args),
        Command::Run(args) => run::run(args),
    }
}

fn run_compare(args: &CompareArgs) -> Result<Outcome, UsageError> {
    let options = options(args)?;
    // A file that cannot be written is refused before the work.
    let file = |name: &Option<String>| name.as_deref().filter(|name| *name != "-").map(create).transpose();
    let files = [file(&args.json)?, file(&args.junit)?, file(&args.html)?, file(&args.metrics)?];
    let line = progress_line();
    let mut tell = |progress: Progress| {
        if let Some(line) = &line {
            line.set_length(progress.total.max(progress.done));
            line.set_position(progress.done);
            line.set_message(format!("{} differ", progress.found));
        }
    };
    let report = compare(&options, &mut tell).unwrap_or_else(|error| Report::impossible(&options, &error));
    if let Some(line) = line {
        line.finish_and_clear();
    }
    write(args, &report, files)?;
    Ok(match report.outcome() {
        Judged::Nothing => Outcome::Expected,
        Judged::Found => Outcome::Differs,
        Judged::CouldNotJudge(_) => Outcome::CouldNotJudge,
    })
}

/// A line that is overwritten, on a terminal only.
fn progress_line() -> Option<ProgressBar> {
    // The template is a constant; with a wrong one the line would only be drawn in the default style.
    let style = ProgressStyle::with_template("[{elapsed}] {pos} of {len} keys read, {per_sec}: {msg}");
    let line = || ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    std::io::stderr().is_terminal().then(line)
}

/// The credentials of the master and of the replicas, from a file and the environment. Errors: the file cannot be read.
fn credentials(
    password_file: Option<&str>,
    tls: &tls::Args,
) -> Result<(Credentials, Credentials), UsageError> {
    let of_file = password_file.map(first_line).transpose()?;
    let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    let secret = |text: String| Secret::new(text.as_bytes());
    let tls = tls.read()?;
    let of_master = Credentials {
        tls: tls.clone(),
        user: variable("REPLICHECK_USER"),
        password: of_file.clone().or_else(|| variable("REPLICHECK_PASSWORD")).and_then(secret),
    };
    let own_password = of_file.or_else(|| variable("REPLICHECK_REPLICA_PASSWORD")).and_then(secret);
    let of_replicas = Credentials {
        tls,
        user: variable("REPLICHECK_REPLICA_USER").or_else(|| of_master.user.clone()),
        password: own_password.or_else(|| of_master.password.clone()),
    };
    Ok((of_master, of_replicas))
}

fn options(args: &CompareArgs) -> Result<Options, UsageError> {
    let (of_master, of_replicas) = credentials(args.password_file.as_deref(), &args.tls)?;
    Ok(Options {
        master: args.master.clone(),
        replicas: args.replica.clone(),
        of_master,
        of_replicas,
        databases: args.db.clone(),
        pattern: args.pattern.clone(),
        fields: args.fields,
        tolerance_ms: args.ttl_tolerance,
        rate: args.rate,
        wait: Duration::from_secs(args.wait),
    })
}

fn first_line(file: &str) -> Result<String, UsageError> {
    let wrong = |reason: String| UsageError::File { file: file.to_owned(), reason };
    let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() { Err(wrong("its first line is empty".to_owned())) } else { Ok(line.to_owned()) }
}

fn write(args: &CompareArgs, report: &Report, files: [Option<File>; 4]) -> Result<(), UsageError> {
    let words = paint::signs(&text::text(report));
    let json = json::json(report).map_err(std::io::Error::from)?;
    if args.json.as_deref() == Some("-") {
        print(anstream::stderr(), &words)?;
        print(std::io::stdout(), &json)?;
    } else {
        print(anstream::stdout(), &words)?;
    }
    let now_s = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let texts = [
        json,
        junit::junit(report).map_err(std::io::Error::other)?,
        html::page(report),
        metrics::text(report, now_s),
    ];
    for (file, text) in files.into_iter().zip(texts) {
        if let Some(mut file) = file {
            file.write_all(text.as_bytes())?;
        }
    }
    Ok(())
}
