//! `replicheck replay-node` — a replica that follows orders from its standard input. Does I/O: RocksDB, TCP, threads,
//! abort.
//!
//! A crash cannot be simulated in the process that judges it. So a path with a crash runs its replica in this process:
//! there is no destructor, no flush and no clean stop between the order and the end.

use super::cluster::settings;
use super::replica::see;
use super::wire::{Answer, Order, job};
use crate::cli::nodes;
use crate::cli::{Outcome, UsageError};
use replicheck::apply::pool::Schedule;
use replicheck::engine::{Engine, HandClock, Settings};
use replicheck::models::bounds::RECENT_START as START;
use replicheck::models::choice::Choice;
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
    /// The address of its master.
    #[arg(long)]
    pub master: SocketAddr,
    /// Number of its workers.
    #[arg(long)]
    pub workers: usize,
    /// The choice that it runs.
    #[arg(long)]
    pub choice: String,
    /// The seeded fault, if any.
    #[arg(long)]
    pub seeded: Option<String>,
}

/// Answers each line of standard input with a line on standard output, until the input ends.
pub fn run(args: &Args) -> Result<Outcome, UsageError> {
    let named = Choice::named("ordering", &args.choice, args.seeded.as_deref());
    let choice = named.map_err(|error| UsageError::Unknown(error.to_string()))?;
    let runtime = Runtime::new()?;
    let settings = settings(choice, args.workers, &args.dir, &HandClock::new(START));
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
        answer(&carry_out(&node.engine, order))?;
    }
    // The process that gave the orders has ended.
    node.engine.abandon();
    Ok(Outcome::Expected)
}

fn carry_out(engine: &Engine, order: Order) -> Answer {
    match order {
        Order::Look => {}
        Order::LetBegin(line) => engine.let_begin(&job(line)),
        Order::LetWrite(line) => engine.let_write(job(line)),
        Order::LetFinish(line) => engine.let_finish(job(line)),
        Order::Cut => engine.cut(),
        Order::Flush => engine.flush().map_err(|error| error.to_string())?,
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
