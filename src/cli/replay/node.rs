//! `replicheck replay-node` — a replica that does what its standard input says. Does I/O: RocksDB, TCP, threads, abort.
//!
//! A crash cannot be played in the process that judges it, so a path that has one runs its replica here: no destructor,
//! no flush and no clean stop come between the order and the end.

use super::cluster::settings;
use super::replica::see;
use super::wire::{Answer, Order, job};
use crate::cli::nodes;
use crate::cli::{Outcome, UsageError};
use replicheck::apply::pool::Schedule;
use replicheck::engine::{Engine, HandClock, Settings};
use replicheck::models::catalogue::{Configuration, START};
use std::io::{BufRead, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use tokio::runtime::Runtime;

/// A replica of a path of the ordering model.
#[derive(clap::Args)]
pub struct Args {
    /// Its folder.
    #[arg(long)]
    pub dir: PathBuf,
    /// Where it finds its master.
    #[arg(long)]
    pub master: SocketAddr,
    /// Its workers.
    #[arg(long)]
    pub workers: usize,
    /// What it runs.
    #[arg(long)]
    pub choice: String,
    /// A fault on it.
    #[arg(long)]
    pub seeded: Option<String>,
}

/// Answers each line of standard input by one of standard output, until it ends.
pub fn run(args: &Args) -> Result<Outcome, UsageError> {
    let named = Configuration::named("ordering", &args.choice, args.seeded.as_deref());
    let configuration = named.map_err(|error| UsageError::Unknown(error.to_string()))?;
    let runtime = Runtime::new()?;
    let settings = settings(configuration, args.workers, &args.dir, &HandClock::new(START));
    let settings = Settings { schedule: Schedule::Gated, ..settings };
    let node = match nodes::start(runtime.handle(), settings, Some(args.master)) {
        Ok(node) => node,
        Err(error) => {
            answer(&Err(error.to_string()))?;
            return Ok(Outcome::Differs);
        }
    };
    answer(&seen(&node.engine))?;
    for line in std::io::stdin().lock().lines() {
        let order = serde_json::from_str(&line?).map_err(std::io::Error::from)?;
        answer(&follow(&node.engine, order))?;
    }
    // Whoever gave the orders is gone.
    node.engine.abandon();
    Ok(Outcome::Expected)
}

fn follow(engine: &Engine, order: Order) -> Answer {
    match order {
        Order::Look => {}
        Order::LetBegin(line) => engine.let_begin(&job(line)),
        Order::LetWrite(line) => engine.let_write(job(line)),
        Order::LetFinish(line) => engine.let_finish(job(line)),
        Order::Cut => engine.cut(),
        Order::Flush => engine.flush()?,
        Order::Abort => std::process::abort(),
    }
    seen(engine)
}

fn seen(engine: &Engine) -> Answer {
    see(engine).map(Into::into).map_err(|error| error.to_string())
}

fn answer(answer: &Answer) -> std::io::Result<()> {
    let line = serde_json::to_string(answer)? + "\n";
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(line.as_bytes())?;
    stdout.flush()
}
