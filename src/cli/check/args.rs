//! Arguments of `replicheck check`, and the command that checks one choice again.

use crate::cli::named::{ChoiceName, Named};
use replicheck::models::bounds::{Bounds, ExpiryBounds, OrderingBounds};
use replicheck::models::invariants::Invariant;

/// Check ways of replicating, and show the shortest story of each failure.
///
/// Explores every program up to a length, every schedule of workers, delays and a crash, and shows for each choice
/// which invariants hold (✓) and which do not (✗ with the steps of the shortest counterexample). Exit code: 0 = all
/// verdicts are as expected (a ✗ of an unsafe choice is), 1 = some differ or are incomplete, 2 = the command was not
/// understood. With --require: 0 = all that is required holds, 1 = some of it does not.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = EXAMPLES)]
pub struct Args {
    /// Only this model: ordering, expiry, both (ordering and expiry together), clocks (wall clocks that are set, restarts),
    /// handshake (folders that are copied and put back, machines that go back), replication (a session over a bad network),
    /// full_sync (a copy against live writes),
    /// failover (three nodes, promotions, and what an acknowledgement is worth),
    /// crash (kills and power losses at any moment of the write path)
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,
    /// Only these strategies or policies, as the tables name them; several with commas, or with several --choice
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = ChoiceName)]
    pub choice: Vec<String>,
    /// How far to explore: quick (half a minute on two cores) or deep (one more of each bound)
    #[arg(long, value_name = "quick|deep", default_value = "quick")]
    pub bounds: Bounds,
    /// Number of the replica's workers in the searches of the ordering model, 1 to 8 [default: 2, deep: 3]
    ///
    /// One worker only with --program: the verdicts that are expected over every program are those of two or more.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=8))]
    pub workers: Option<u8>,
    /// Exit with 0 only if these invariants hold under every --choice, whatever is expected; several with commas
    ///
    /// A sampled verdict counts only with --allow-sampled; a refused or an incomplete one never does.
    #[arg(long, value_name = "INVARIANT", value_delimiter = ',', requires = "choice", value_parser = Named::INVARIANTS)]
    pub require: Vec<Invariant>,
    /// With --require: random schedules that broke nothing are enough
    #[arg(long, requires = "require")]
    pub allow_sampled: bool,
    /// Judge exactly this program: commands as typed in redis-cli, one per line, or a capture of MONITOR; MULTI to EXEC is one write
    #[arg(long, value_name = "FILE")]
    pub program: Option<String>,
    /// Go on without the lines of the program that cannot be read, and say so with every verdict
    #[arg(long, requires = "program")]
    pub skip_unsupported: bool,
    /// Seed from which schedules of a long program are drawn; by default a different one in each run, which is
    /// printed
    #[arg(long, value_name = "N", requires = "program")]
    pub seed: Option<u64>,
    /// Number of schedules that are drawn of a long program, for each of its searches [default: 10 to 200, by its length]
    #[arg(long, value_name = "N", requires = "program", value_parser = clap::value_parser!(u64).range(1..))]
    pub schedules: Option<u64>,
    /// Folder for the short programs that long ones are cut down to where they break something
    #[arg(long, value_name = "DIR", requires = "program", default_value = "replicheck-shrunk")]
    pub shrunk: String,
    /// Print the verdicts only: no counterexamples, and no program is cut down
    #[arg(long)]
    pub quiet: bool,
    /// Write the verdicts as JSON to this file; - is standard output (the tables then go to standard error). Its schema is
    /// src/cli/check/verdicts.schema.json
    #[arg(long, value_name = "FILE")]
    pub json: Option<String>,
    /// Write the verdicts as JUnit XML to this file: a suite for each choice, a case for each invariant
    #[arg(long, value_name = "FILE")]
    pub junit: Option<String>,
    /// Write each shortest counterexample into this folder: a page, a drawing, a test in Rust, a path file
    #[arg(long, value_name = "DIR")]
    pub export: Option<String>,
}

const EXAMPLES: &str = "Examples:
  replicheck check
  replicheck check --model ordering --choice key_hash
  replicheck check --choice serial,barrier --quiet
  replicheck check --choice serial --require convergence,prefix
  replicheck check --bounds deep --model expiry
  replicheck check --program commands.txt
  redis-cli monitor > capture.txt; replicheck check --program capture.txt --skip-unsupported
  replicheck check --program own.txt --choice serial --require prefix --junit verdicts.xml
  replicheck check --program commands.txt --export stories
  replicheck check --json - 2> tables.txt | jq '.[] | select(.verdict == \"violated\") | .choice'";

impl Args {
    /// The bounds of the ordering model's searches.
    pub fn ordering(&self) -> OrderingBounds {
        let bounds = self.bounds.ordering();
        let workers = self.workers.map_or(bounds.workers, usize::from);
        OrderingBounds { workers, draws: self.schedules, ..bounds }
    }

    /// The bounds of the expiry model's searches.
    pub fn expiry(&self) -> ExpiryBounds {
        ExpiryBounds { draws: self.schedules, ..self.bounds.expiry() }
    }

    /// The program's file without its folders; empty if there is no program.
    pub fn program_name(&self) -> String {
        let path = std::path::Path::new(self.program.as_deref().unwrap_or_default());
        path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// The command that checks only this choice again. `program` is a file that replaces the program; `seed` is the one that
    /// schedules were drawn from, if any were.
    pub fn again(&self, model: &str, choice: &str, program: Option<&str>, seed: Option<u64>) -> String {
        let mut command = format!("replicheck check --model {model} --choice {choice}");
        if self.bounds == Bounds::Deep {
            command += " --bounds deep";
        }
        if let Some(workers) = self.workers.filter(|_| model == "ordering") {
            command += &format!(" --workers {workers}");
        }
        if let Some(file) = program.or(self.program.as_deref()) {
            command += &format!(" --program {}", quoted(file));
        }
        if self.skip_unsupported && program.is_none() {
            command += " --skip-unsupported";
        }
        if let Some(seed) = seed {
            command += &format!(" --seed {seed}");
            let schedules = self.schedules.map(|schedules| format!(" --schedules {schedules}"));
            command += &schedules.unwrap_or_default();
        }
        command
    }
}

/// A file's name, quoted for a shell if necessary.
pub fn quoted(file: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || "/._-+".contains(letter);
    let is_word = !file.is_empty() && file.chars().all(is_plain);
    if is_word { file.to_owned() } else { format!("'{}'", file.replace('\'', r"'\''")) }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// No arguments.
    pub const ARGS: Args = Args {
        model: None,
        choice: Vec::new(),
        bounds: Bounds::Quick,
        workers: None,
        require: Vec::new(),
        allow_sampled: false,
        program: None,
        skip_unsupported: false,
        seed: None,
        schedules: None,
        shrunk: String::new(),
        quiet: false,
        json: None,
        junit: None,
        export: None,
    };

    #[test]
    fn again_repeats_what_the_verdict_depends_on() {
        assert_eq!(
            ARGS.again("expiry", "log_clock", None, None),
            "replicheck check --model expiry --choice log_clock"
        );
        let args = Args {
            bounds: Bounds::Deep,
            workers: Some(3),
            program: Some("a capture.txt".to_owned()),
            skip_unsupported: true,
            schedules: Some(9),
            ..ARGS
        };
        let drawn = args.again("ordering", "key_hash", None, Some(7));
        assert!(drawn.ends_with(
            "--choice key_hash --bounds deep --workers 3 --program 'a capture.txt' --skip-unsupported --seed 7 --schedules 9"
        ));
        let cut = args.again("expiry", "effects", Some("x/cut.txt"), None);
        assert!(cut.ends_with("--choice effects --bounds deep --program x/cut.txt"), "{cut}");
    }

    #[test]
    fn quoted_name_with_a_space_is_one_word() {
        assert_eq!(quoted("a/b+c.txt"), "a/b+c.txt");
        assert_eq!(quoted("it's a.txt"), r"'it'\''s a.txt'");
        assert_eq!(quoted(""), "''");
    }
}
