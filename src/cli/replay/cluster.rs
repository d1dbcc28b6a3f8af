//! A master, a link that is held, and a replica whose workers wait at a gate. Does I/O: folders, TCP, threads.

use super::link::{Link, Message};
use super::places::{Folder, Places};
use super::replica::{Apart, Replica};
use crate::cli::nodes::{self, LIMIT, RunError, Running, wait_until};
use replicheck::apply::pool::{PoolState, Schedule};
use replicheck::binlog::Lsn;
use replicheck::client::{Client, OwnedFrame};
use replicheck::engine::{Clock, HandClock, Machine, Own, ReaderView, Settings};
use replicheck::models::bounds::RECENT_START as START;
use replicheck::models::bounds::batch_entries_max;
use replicheck::models::choice::Choice;
use replicheck::models::request::{self, Request};
use replicheck::server::Backend as _;
use replicheck::server::facts::Role;
use replicheck::store::Dump;
use replicheck::time::Millis;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::runtime::Handle;

/// The setup of a cluster.
pub struct Setup {
    /// The choice of both nodes.
    pub choice: Choice,
    /// The length of the path's ticks in milliseconds, by which a number in the policy is scaled; `None`: the path has none.
    pub tick_ms: Option<u64>,
    /// Number of workers of the replica.
    pub workers: usize,
    /// How the replica runs.
    pub kind: Kind,
    /// The replica's clock, which follows the master's clock.
    pub replica_clock: HandClock,
    /// The master's clock.
    pub clock: HandClock,
}

/// How a replica runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Its workers write without waiting.
    Free,
    /// Its workers wait at a gate.
    Gated,
    /// Its workers wait at a gate, and it runs in a separate process, which can be killed.
    Apart,
}

/// Two nodes that are driven step by step.
pub struct Cluster {
    /// The master, which accepts writes.
    pub master: Running,
    /// The replica.
    pub replica: Replica,
    /// The link between the two.
    pub link: Link,
    /// The master's clock; the replica's clock advances with it.
    pub clock: HandClock,
    /// The replica's clock.
    pub replica_clock: HandClock,
    /// The folder of both nodes' folders.
    folder: PathBuf,
    client: Client,
}

impl Cluster {
    /// Starts both nodes with empty folders in `folder`. They are connected, and no message is in transit.
    /// Errors: [`RunError`].
    pub fn start(handle: &Handle, folder: &Path, setup: Setup) -> Result<Cluster, RunError> {
        let Setup { choice, tick_ms, workers, kind, replica_clock, clock } = setup;
        let settings = |name: &str, clock: &HandClock| Settings {
            own: own(choice, tick_ms),
            ..settings(choice, workers, &folder.join(name), clock)
        };
        let master = nodes::start(handle, settings("master", &clock), None)?;
        let link = Link::before(master.addr)?;
        let here = |schedule| {
            let settings = Settings { schedule, ..settings("replica", &replica_clock) };
            nodes::start(handle, settings, Some(link.addr)).map(Replica::Here)
        };
        let replica = match kind {
            Kind::Free => here(Schedule::Free)?,
            Kind::Gated => here(Schedule::Gated)?,
            Kind::Apart => {
                let apart = Apart::start(choice, workers, folder.join("replica"), link.addr)?;
                Replica::Apart(Box::new(apart))
            }
        };
        // The master first sends its offset, which also carries its time, and then a heartbeat. A heartbeat that arrived after
        // the link is held would be delivered instead of the first entry.
        link.wait_for(Message::Heartbeat(START))?;
        wait_until("the link", || replica.log_time().map_or(true, |time| time >= START))?;
        replica.look()?;
        link.hold();
        let client = Client::connect(&master.addr.to_string(), LIMIT)?;
        Ok(Cluster { master, replica, link, clock, replica_clock, folder: folder.to_owned(), client })
    }

    /// A client sends a request to the master: a transaction between MULTI and EXEC. Returns the entries that result, which are
    /// now in transit, and the first error reply, if any. Errors: [`RunError`].
    pub fn send(&mut self, request: &Request) -> Result<(Vec<Lsn>, Option<String>), RunError> {
        let before = self.last();
        let is_transaction = request.command().is_none();
        let mut replies = Vec::new();
        if is_transaction {
            replies.push(self.client.call(&[request::MULTI])?);
        }
        for command in request.commands() {
            replies.push(self.client.call(command.argv())?);
        }
        if is_transaction {
            replies.push(self.client.call(&[request::EXEC])?);
        }
        let error = replies.iter().find_map(error_in);
        self.sent_since(before).map(|lsns| (lsns, error))
    }

    /// The entries after `before`, which are now in transit.
    pub fn sent_since(&self, before: Lsn) -> Result<Vec<Lsn>, RunError> {
        let last = self.last();
        if last > before {
            self.link.wait_for(Message::Entry(last))?;
        }
        Ok((before.0 + 1..=last.0).map(Lsn).collect())
    }

    /// The master's last entry.
    pub fn last(&self) -> Lsn {
        self.master.engine.facts().progress.applied
    }

    /// The last entry that readers of the replica see; 0 if the replica does not answer: the next order to it
    /// reports the reason.
    pub fn applied(&self) -> Lsn {
        self.replica.applied().unwrap_or_default()
    }

    /// The replica's workers. Errors: they have stopped.
    pub fn pool(&self) -> Result<PoolState, RunError> {
        self.replica.pool()
    }

    /// Makes the replica abort. Returns its store as left on disk, and the marker in it. Errors: [`RunError`].
    pub fn kill_replica(&mut self) -> Result<(Dump, Lsn), RunError> {
        self.replica.apart()?.kill()?;
        // Until the master has noticed, it may send on the link to the replica that has ended.
        wait_until("the master to drop its replica", || match self.master.engine.facts().role {
            Role::Master { replicas } => replicas.is_empty(),
            Role::Replica { .. } => true,
        })?;
        self.replica.apart()?.left()
    }

    /// Starts the replica again on its folder and waits until it lets readers in; then the link is held again.
    /// Errors: [`RunError`].
    pub fn restart_replica(&mut self) -> Result<(), RunError> {
        self.link.release();
        self.replica.apart()?.restart()?;
        let is_open = || self.replica.look().map_or(true, |seen| seen.lets_readers_in);
        wait_until("the replica to let readers in", is_open)?;
        self.replica.look()?;
        self.link.hold();
        Ok(())
    }

    /// The states that readers of both nodes are given.
    pub fn given(&self) -> Result<[ReaderView; 2], RunError> {
        Ok([self.master.engine.given()?, self.replica.given()?])
    }

    /// Waits until the replica's log time is this.
    pub fn wait_for_time(&self, time: Millis) -> Result<(), RunError> {
        wait_until("a heartbeat", || self.replica.log_time().map_or(true, |heard| heard >= time))?;
        self.replica.log_time().map(|_| ())
    }

    /// Ends both nodes, and returns where they were. The replica never writes what it has not written by then.
    pub fn end(self) -> Places {
        let (master, link, replica) = (self.master.addr, self.link.addr, self.replica.place());
        self.replica.end();
        let _ = self.master.engine.stop_now();
        let folders = ["master", "replica"].map(|name| Folder::of(self.folder.join(name)));
        Places { master, link, replica, folders }
    }
}

/// The settings of a node of `choice`.
pub fn settings(choice: Choice, workers: usize, dir: &Path, clock: &HandClock) -> Settings {
    let (ordering, expiry) = choice.strategy_and_policy();
    Settings {
        ordering,
        expiry,
        workers,
        batch_entries_max: batch_entries_max(ordering),
        log_clock_limit_ms: u64::MAX,
        clock: Clock::ByHand(clock.clone()),
        own: own(choice, None),
        ..Settings::new(dir)
    }
}

/// The parts of a choice that no choice has a name for: those with its fault, and the policy as the path's model runs it.
fn own(choice: Choice, tick_ms: Option<u64>) -> Own {
    let policy = tick_ms.map(|tick_ms| choice.policy_within(tick_ms));
    if choice.fault().is_none() {
        return Own { policy, ..Own::default() };
    }
    Own {
        ordering: Some(Arc::new(move |workers, _| -> Machine { Box::new(choice.machine(workers)) })),
        policy: policy.or_else(|| Some(choice.policy())),
    }
}

/// The first error in a reply: itself, or one of the replies to a transaction.
fn error_in(reply: &OwnedFrame) -> Option<String> {
    match reply {
        OwnedFrame::Error(error) => Some(error.to_string()),
        OwnedFrame::Array(replies) => replies.iter().find_map(error_in),
        _ => None,
    }
}
