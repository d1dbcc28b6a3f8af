//! A master, a link that is held, and a replica whose workers stand at a gate. Does I/O: folders, TCP, threads.

use super::link::{Link, Message};
use super::replica::{Apart, Replica};
use crate::cli::nodes::{self, LIMIT, RunError, Running, wait_until};
use replicheck::apply::pool::{PoolState, Schedule};
use replicheck::binlog::Lsn;
use replicheck::client::{Client, OwnedFrame};
use replicheck::command::Command;
use replicheck::engine::{Clock, Given, HandClock, Machine, Own, Settings};
use replicheck::models::bounds::batch_entries_max;
use replicheck::models::catalogue::{Configuration, START};
use replicheck::server::Node as _;
use replicheck::server::facts::Role;
use replicheck::store::Dump;
use replicheck::time::Millis;
use std::path::Path;
use std::sync::Arc;
use tokio::runtime::Handle;

/// How a cluster is set up.
pub struct Setup {
    /// What both nodes run.
    pub configuration: Configuration,
    /// Workers of the replica.
    pub workers: usize,
    /// How the replica runs.
    pub kind: Kind,
    /// The replica's clock, given the master's.
    pub replica_clock: HandClock,
    /// The master's.
    pub clock: HandClock,
}

/// How a replica runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Its workers write as they come.
    Free,
    /// They stand at a gate.
    Gated,
    /// They do, in a process of its own, which can be killed.
    Apart,
}

/// Two nodes that do what they are told.
pub struct Cluster {
    /// Takes writes.
    pub master: Running,
    /// Follows.
    pub replica: Replica,
    /// Between the two.
    pub link: Link,
    /// The master's clock; the replica's goes with it.
    pub clock: HandClock,
    /// The replica's.
    pub replica_clock: HandClock,
    client: Client,
}

impl Cluster {
    /// Both nodes with empty folders in `folder`, connected, nothing under way. Errors: [`RunError`].
    pub fn start(handle: &Handle, folder: &Path, setup: Setup) -> Result<Cluster, RunError> {
        let Setup { configuration, workers, kind, replica_clock, clock } = setup;
        let settings =
            |name: &str, clock: &HandClock| settings(configuration, workers, &folder.join(name), clock);
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
                let apart = Apart::start(configuration, workers, folder.join("replica"), link.addr)?;
                Replica::Apart(Box::new(apart))
            }
        };
        // The master greets with its offset, which tells its time, too, and then with a heartbeat. One that came after the link is held
        // would be delivered in the place of the first entry.
        link.wait_for(Message::Heartbeat(START))?;
        wait_until("the link", || replica.log_time().map_or(true, |time| time >= START))?;
        replica.look()?;
        link.hold();
        let client = Client::connect(&master.addr.to_string(), LIMIT)?;
        Ok(Cluster { master, replica, link, clock, replica_clock, client })
    }

    /// A client sends a command to the master. Gives the entries that it came to, now under way, and the error that was
    /// answered. Errors: [`RunError`].
    pub fn send(&mut self, command: &Command) -> Result<(Vec<Lsn>, Option<String>), RunError> {
        let before = self.last();
        let error = match self.client.call(command.argv())? {
            OwnedFrame::Error(error) => Some(error.to_string()),
            _ => None,
        };
        self.sent_since(before).map(|lsns| (lsns, error))
    }

    /// The entries after `before`, now under way.
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

    /// The last entry that readers of the replica see; 0 if it does not answer: what it is told next says why.
    pub fn applied(&self) -> Lsn {
        self.replica.applied().unwrap_or_default()
    }

    /// The replica's workers. Errors: they have stopped.
    pub fn pool(&self) -> Result<PoolState, RunError> {
        self.replica.pool()
    }

    /// The replica aborts. Gives what it left on disk, and the marker in it. Errors: [`RunError`].
    pub fn kill_replica(&mut self) -> Result<(Dump, Lsn), RunError> {
        self.replica.apart()?.kill()?;
        // Until then it may speak on the link to a replica that is gone.
        wait_until("the master to miss its replica", || match self.master.engine.facts().role {
            Role::Master { replicas } => replicas.is_empty(),
            Role::Replica { .. } => true,
        })?;
        self.replica.apart()?.left()
    }

    /// The replica starts again on its folder, and lets readers in; then the link is held again. Errors: [`RunError`].
    pub fn restart_replica(&mut self) -> Result<(), RunError> {
        self.link.release();
        self.replica.apart()?.restart()?;
        let is_open = || self.replica.look().map_or(true, |seen| seen.lets_readers_in);
        wait_until("the replica to let readers in", is_open)?;
        self.replica.look()?;
        self.link.hold();
        Ok(())
    }

    /// What readers of both are given.
    pub fn given(&self) -> Result<[Given; 2], RunError> {
        Ok([self.master.engine.given()?, self.replica.given()?])
    }

    /// Waits until the replica's log time is this.
    pub fn wait_for_time(&self, time: Millis) -> Result<(), RunError> {
        wait_until("a heartbeat", || self.replica.log_time().map_or(true, |heard| heard >= time))?;
        self.replica.log_time().map(|_| ())
    }

    /// Ends both nodes. What the replica has not written, it never will.
    pub fn end(self) {
        self.replica.end();
        let _ = self.master.engine.stop_now();
    }
}

/// How a node of `configuration` runs.
pub fn settings(configuration: Configuration, workers: usize, dir: &Path, clock: &HandClock) -> Settings {
    let (ordering, expiry) = configuration.choices();
    Settings {
        ordering,
        expiry,
        workers,
        batch_entries_max: batch_entries_max(ordering),
        log_clock_limit_ms: u64::MAX,
        clock: Clock::ByHand(clock.clone()),
        own: own(configuration),
        ..Settings::new(dir)
    }
}

/// What no name of a choice stands for.
fn own(configuration: Configuration) -> Own {
    if configuration.seeded().is_none() {
        return Own::default();
    }
    Own {
        ordering: Some(Arc::new(move |workers, _| -> Machine { Box::new(configuration.machine(workers)) })),
        policy: Some(configuration.policy()),
    }
}
