//! A scenario's program on a master and a replica. Does I/O, through the nodes.

use super::delay::delayed;
use super::scenario::{Choice, Scenario};
use crate::cli::nodes::{LIMIT, RunError, start, wait_until};
use replicheck::apply::pool::{Outcome, Schedule};
use replicheck::client::{Client, OwnedFrame};
use replicheck::command::line;
use replicheck::engine::{Ahead, Clock, Engine, Settings};
use replicheck::server::Backend as _;
use replicheck::store::Dump;
use std::net::SocketAddr;
use std::path::Path;
use tokio::runtime::Handle;

/// Number of workers of the replica; with two a schedule can go wrong.
const WORKERS: usize = 2;

/// The result of one choice.
pub struct Shown {
    /// The choice.
    pub choice: Choice,
    /// The master's store after the program; if a clock was set, only the keys that its readers see.
    pub master: Dump,
    /// The replica's store after the same entries, likewise.
    pub replica: Dump,
    /// The reads of clients from both nodes afterwards: command, reply of the master, reply of the replica.
    pub reads: Vec<(String, String, String)>,
    /// The outcome of the schedule: `Some(true)` it was kept, `Some(false)` the strategy did not allow it.
    pub schedule_kept: Option<bool>,
}

impl Shown {
    /// Whether the two stores differ, in values or deadlines.
    pub fn diverged(&self) -> bool {
        self.master != self.replica
    }
}

/// Runs the scenario's program on a master with this choice, and waits for its replica. `folder` must be empty.
/// Errors: [`RunError`].
pub fn show(handle: &Handle, folder: &Path, scenario: &Scenario, choice: Choice) -> Result<Shown, RunError> {
    let master = start(handle, settings(&folder.join("master"), choice), None)?;
    let to_master = delayed(master.addr, scenario.delay)?;
    let ahead = Ahead::default();
    let follows = Settings {
        schedule: Schedule::Held(scenario.holds.clone()),
        // Each entry can be held separately.
        batch_entries_max: 1,
        clock: Clock::SystemAhead(ahead.clone()),
        ..settings(&folder.join("replica"), choice)
    };
    let replica = start(handle, follows, Some(to_master))?;
    let mut client = Client::connect(&master.addr.to_string(), LIMIT)?;
    for text in scenario.program {
        let argv = line::split(text.as_bytes())?;
        if let OwnedFrame::Error(error) = client.call(&argv)? {
            return Err(RunError::Process(format!("{text}: {error}")));
        }
    }
    // The store is read now and not later: once the counter is dead, the master removes it.
    let shown = |engine: &Engine| {
        let given = engine.given()?;
        let mut shown = given.stored;
        if scenario.sets_ahead_ms.is_some() {
            shown.retain(|_, stored| !stored.is_dead(given.judged_at));
        }
        Ok::<Dump, RunError>(shown)
    };
    let stored = shown(&master.engine)?;
    let last = master.engine.facts().progress.applied;
    wait_until(format_args!("entry {last}"), || replica.engine.facts().progress.applied >= last)?;
    if let Some(ahead_ms) = scenario.sets_ahead_ms {
        ahead.set(ahead_ms);
    }
    let received = shown(&replica.engine)?;
    let reads = reads(&stored, &received, master.addr, replica.addr)?;
    let holds = replica.engine.pool_state().map(|state| state.holds).unwrap_or_default();
    let schedule_kept =
        (!holds.is_empty()).then(|| holds.iter().all(|(_, outcome)| *outcome == Outcome::Kept));
    for node in [replica, master] {
        node.engine.stop_now()?;
    }
    Ok(Shown { choice, master: stored, replica: received, reads, schedule_kept })
}

fn settings(folder: &Path, choice: Choice) -> Settings {
    Settings { ordering: choice.ordering, expiry: choice.expiry, workers: WORKERS, ..Settings::new(folder) }
}

/// The replies that a client gets for each key from both nodes.
fn reads(
    master: &Dump,
    replica: &Dump,
    master_at: SocketAddr,
    replica_at: SocketAddr,
) -> Result<Vec<(String, String, String)>, RunError> {
    let mut clients = [master_at, replica_at]
        .map(|at| Client::connect(&at.to_string(), LIMIT))
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?;
    let mut keys: Vec<_> = master.keys().chain(replica.keys()).collect();
    keys.sort();
    keys.dedup();
    let mut reads = Vec::new();
    for key in keys {
        for command in ["GET", "PTTL"] {
            let argv = [command.as_bytes(), &key.name];
            let answers = clients
                .iter_mut()
                .map(|client| client.call(&argv).map(|reply| shown(&reply)))
                .collect::<Result<Vec<_>, _>>()?;
            if let [master, replica] = answers.as_slice() {
                reads.push((format!("{command} {key}"), master.clone(), replica.clone()));
            }
        }
    }
    Ok(reads)
}

/// A reply as redis-cli shows it.
fn shown(reply: &OwnedFrame) -> String {
    match reply {
        OwnedFrame::Null => "(nil)".to_owned(),
        OwnedFrame::Integer(number) => format!("(integer) {number}"),
        OwnedFrame::BulkString(bytes) => format!("\"{}\"", bytes.escape_ascii()),
        OwnedFrame::Error(error) => format!("(error) {error}"),
        OwnedFrame::SimpleString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        OwnedFrame::Array(_) => "(array)".to_owned(),
    }
}
