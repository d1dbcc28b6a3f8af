//! Command line — arguments → a subcommand, and its exit code. Does I/O: files, terminal, threads.
//!
//! Exit codes are the same everywhere: 0 = as expected, 1 = not as expected, 2 = the command was not
//! understood, 3 = nothing can be said (of `probe` alone).

mod catalogue;
mod caught;
mod check;
mod commit;
#[cfg(feature = "rocksdb")]
mod demo;
#[cfg(feature = "explorer")]
mod explore;
#[cfg(not(all(feature = "rocksdb", feature = "explorer", feature = "probe")))]
mod lacking;
#[cfg(feature = "rocksdb")]
mod log;
mod named;
#[cfg(feature = "rocksdb")]
mod nodes;
mod paint;
#[cfg(feature = "probe")]
mod probe;
#[cfg(feature = "rocksdb")]
mod replay;
#[cfg(feature = "rocksdb")]
mod serve;
#[cfg(feature = "probe")]
mod tls;
mod trace;
mod watch;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// A formally checked consistency test kit for Redis-protocol replication.
///
/// Which ways of replicating a Redis-like store are safe, which are not, and the shortest story of each failure.
#[derive(Parser)]
#[command(name = "replicheck", version, max_term_width = 100, after_help = after_help())]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

fn after_help() -> String {
    [EXAMPLES, EXPLORER_EXAMPLES, ENGINE_EXAMPLES, PROBE_EXAMPLES, &lacking_of_this_build()].concat()
}

const EXAMPLES: &str = "Examples:
  replicheck check                           every choice, every short program (half a minute)
  replicheck check --choice key_hash         one way of replicating
  replicheck check --program commands.txt    your own commands, or a capture of redis-cli monitor
  replicheck catalogue                       known bugs of Pika and its peers, and their cures
  replicheck trace check trace.jsonl         what the workers of a replica of your own wrote
  replicheck check --help                    all options";

#[cfg(feature = "explorer")]
const EXPLORER_EXAMPLES: &str = "
  replicheck explore                         watch a replica go wrong, step by step, in a browser
  replicheck explore --node 127.0.0.1:7002   and a node of yours while it works";
#[cfg(not(feature = "explorer"))]
const EXPLORER_EXAMPLES: &str = "";

#[cfg(feature = "rocksdb")]
const ENGINE_EXAMPLES: &str = "
  replicheck demo                            both founding bugs on real nodes, under every choice
  replicheck replay R29                      a known bug's counterexample on real nodes, then its cure
  replicheck serve --port 7001 --dir master  a node for Redis clients";
#[cfg(not(feature = "rocksdb"))]
const ENGINE_EXAMPLES: &str = "";

#[cfg(feature = "probe")]
const PROBE_EXAMPLES: &str = "
  replicheck probe compare --help            find out in which keys your replica differs from its master
  replicheck probe run --help                find out what a load makes your replica break";
#[cfg(not(feature = "probe"))]
const PROBE_EXAMPLES: &str = "";

/// The end of the help: the subcommands that this build does not have.
fn lacking_of_this_build() -> String {
    let commands = [
        ("demo", cfg!(feature = "rocksdb")),
        ("explore", cfg!(feature = "explorer")),
        ("probe", cfg!(feature = "probe")),
        ("replay", cfg!(feature = "rocksdb")),
        ("serve", cfg!(feature = "rocksdb")),
    ];
    let names: Vec<&str> = commands.iter().filter(|(_, is_there)| !is_there).map(|(name, _)| *name).collect();
    let Some(first) = names.first() else { return String::new() };
    let each = if names.len() == 1 { "It" } else { "Each" };
    format!("\n\nNot in this build: {}. {each} says how to build it: replicheck {first}", names.join(", "))
}

#[derive(Subcommand)]
enum Command {
    Catalogue(catalogue::Args),
    Check(check::Args),
    #[cfg(feature = "rocksdb")]
    Demo(demo::Args),
    /// Not in this build: it needs the feature `rocksdb`.
    #[cfg(not(feature = "rocksdb"))]
    #[command(hide = true)]
    Demo(lacking::Args),
    #[cfg(feature = "explorer")]
    Explore(explore::Args),
    /// Not in this build: it needs the feature `explorer`.
    #[cfg(not(feature = "explorer"))]
    #[command(hide = true)]
    Explore(lacking::Args),
    #[cfg(feature = "probe")]
    Probe(probe::Args),
    /// Not in this build: it needs the feature `probe`.
    #[cfg(not(feature = "probe"))]
    #[command(hide = true)]
    Probe(lacking::Args),
    #[cfg(feature = "rocksdb")]
    Replay(replay::Args),
    /// Not in this build: it needs the feature `rocksdb`.
    #[cfg(not(feature = "rocksdb"))]
    #[command(hide = true)]
    Replay(lacking::Args),
    /// The separate process that `replay` starts, and kills at a crash.
    #[cfg(feature = "rocksdb")]
    #[command(hide = true)]
    ReplayNode(replay::node::Args),
    #[cfg(feature = "rocksdb")]
    Serve(serve::Args),
    /// Not in this build: it needs the feature `rocksdb`.
    #[cfg(not(feature = "rocksdb"))]
    #[command(hide = true)]
    Serve(lacking::Args),
    Trace(trace::Args),
}

/// The outcome of a subcommand.
pub enum Outcome {
    /// Everything is as expected.
    Expected,
    /// Something differs; the output names it.
    Differs,
    /// Nothing can be said; the output says why.
    #[cfg(feature = "probe")]
    CouldNotJudge,
}

/// The reason why a command could not be run; its text is shown after `error: `.
#[derive(Debug, thiserror::Error)]
pub enum UsageError {
    /// A file cannot be read, or has wrong contents.
    #[error("{file}: {reason}")]
    File {
        /// The name of the file as it was given.
        file: String,
        /// The fault in it, and its place.
        reason: String,
    },
    /// A name is not known; the text lists the known names.
    #[error("{0}")]
    Unknown(String),
    /// What was asked for cannot be done, and why: ask for something else.
    #[cfg(feature = "rocksdb")]
    #[error("{0}")]
    Refused(String),
    /// A program or a path could not be run on nodes.
    #[cfg(feature = "rocksdb")]
    #[error(transparent)]
    Run(#[from] nodes::RunError),
    /// The address is taken, or is none of this machine: choose another one.
    #[cfg(any(feature = "rocksdb", feature = "explorer"))]
    #[error("cannot listen on {bind}:{port}: {source}")]
    Listen {
        /// The address that was asked for.
        bind: std::net::IpAddr,
        /// The port that was asked for.
        port: u16,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A subcommand that this build does not have.
    #[cfg(not(all(feature = "rocksdb", feature = "explorer", feature = "probe")))]
    #[error(
        "`{command}` is not in this build: it needs the feature `{feature}`, which {needs}.\n\
         To build and run it: cargo run --release --features {feature} -- {command} --help\n\
         To install it:       cargo install --path . --features {feature}"
    )]
    Lacking {
        /// Its name.
        command: &'static str,
        /// The feature of the crate that it needs.
        feature: &'static str,
        /// The arguments that a build with the feature takes.
        needs: &'static str,
    },
    /// The answer cannot be written to the terminal or pipe.
    #[error("cannot write: {0}")]
    Output(#[from] std::io::Error),
}

/// Runs the subcommand that the arguments name.
pub fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Catalogue(args) => catalogue::run(&args),
        Command::Check(args) => check::run(&args),
        #[cfg(feature = "rocksdb")]
        Command::Demo(args) => demo::run(&args),
        #[cfg(not(feature = "rocksdb"))]
        Command::Demo(_) => Err(lacking::refused("demo", "rocksdb")),
        #[cfg(feature = "explorer")]
        Command::Explore(args) => explore::run(&args),
        #[cfg(not(feature = "explorer"))]
        Command::Explore(_) => Err(lacking::refused("explore", "explorer")),
        #[cfg(feature = "probe")]
        Command::Probe(args) => probe::run(&args),
        #[cfg(not(feature = "probe"))]
        Command::Probe(_) => Err(lacking::refused("probe", "probe")),
        #[cfg(feature = "rocksdb")]
        Command::Replay(args) => replay::run(&args),
        #[cfg(not(feature = "rocksdb"))]
        Command::Replay(_) => Err(lacking::refused("replay", "rocksdb")),
        #[cfg(feature = "rocksdb")]
        Command::ReplayNode(args) => replay::node::run(&args),
        #[cfg(feature = "rocksdb")]
        Command::Serve(args) => serve::run(&args),
        #[cfg(not(feature = "rocksdb"))]
        Command::Serve(_) => Err(lacking::refused("serve", "rocksdb")),
        Command::Trace(args) => trace::run(&args),
    };
    match outcome {
        Ok(Outcome::Expected) => ExitCode::SUCCESS,
        Ok(Outcome::Differs) => ExitCode::from(1),
        #[cfg(feature = "probe")]
        Ok(Outcome::CouldNotJudge) => ExitCode::from(3),
        Err(error) => {
            anstream::eprintln!("{} {}", paint::bad("error:"), error.to_string().trim_end());
            ExitCode::from(2)
        }
    }
}
