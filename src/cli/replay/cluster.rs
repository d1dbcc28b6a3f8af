//! A master, a link that is held, and a replica whose workers stand at a gate. Does I/O: folders, TCP, threads.

use super::link::{Link, Message};
use crate::cli::nodes::{self, LIMIT, Running, in_words, wait_until};
use replicheck::apply::pool::{PoolState, Schedule};
use replicheck::binlog::Lsn;
use replicheck::client::{Client, OwnedFrame};
use replicheck::command::Command;
use replicheck::engine::{Clock, Given, HandClock, Machine, Own, Settings};
use replicheck::models::bounds::BATCH_ENTRIES_MAX;
use replicheck::models::catalogue::{Configuration, START};
use replicheck::server::Node as _;
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
    /// Whether they stand at a gate.
    pub is_gated: bool,
    /// The replica's clock, given the master's.
    pub replica_clock: HandClock,
    /// The master's.
    pub clock: HandClock,
}

/// Two nodes that do what they are told.
pub struct Cluster {
    /// Takes writes.
    pub master: Running,
    /// Follows.
    pub replica: Running,
    /// Between the two.
    pub link: Link,
    /// The master's clock; the replica's goes with it.
    pub clock: HandClock,
    /// The replica's.
    pub replica_clock: HandClock,
    client: Client,
}

impl Cluster {
    /// Both nodes with empty folders in `folder`, connected, nothing under way. Errors: in words.
    pub fn start(handle: &Handle, folder: &Path, setup: Setup) -> Result<Cluster, String> {
        let Setup { configuration, workers, is_gated, replica_clock, clock } = setup;
        let settings = |name: &str, clock: &HandClock| {
            let (ordering, expiry) = configuration.choices();
            Settings {
                ordering,
                expiry,
                workers,
                batch_entries_max: BATCH_ENTRIES_MAX,
                log_clock_limit_ms: u64::MAX,
                clock: Clock::ByHand(clock.clone()),
                own: own(configuration),
                ..Settings::new(folder.join(name))
            }
        };
        let master = nodes::start(handle, settings("master", &clock), None)?;
        let link = Link::before(master.addr).map_err(in_words)?;
        let schedule = if is_gated { Schedule::Gated } else { Schedule::Free };
        let settings = Settings { schedule, ..settings("replica", &replica_clock) };
        let replica = nodes::start(handle, settings, Some(link.addr))?;
        // The master greets with its time.
        wait_until("the link", || replica.engine.facts().log_time >= START)?;
        link.hold();
        let client = Client::connect(&master.addr.to_string(), LIMIT).map_err(in_words)?;
        Ok(Cluster { master, replica, link, clock, replica_clock, client })
    }

    /// A client sends a command to the master. Gives the entries that it came to, now under way, and the error that was
    /// answered. Errors: in words.
    pub fn send(&mut self, command: &Command) -> Result<(Vec<Lsn>, Option<String>), String> {
        let before = self.last();
        let error = match self.client.call(command.argv()).map_err(in_words)? {
            OwnedFrame::Error(error) => Some(error.to_string()),
            _ => None,
        };
        self.sent_since(before).map(|lsns| (lsns, error))
    }

    /// The entries after `before`, now under way.
    pub fn sent_since(&self, before: Lsn) -> Result<Vec<Lsn>, String> {
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

    /// The last entry that readers of the replica see.
    pub fn applied(&self) -> Lsn {
        self.replica.engine.facts().progress.applied
    }

    /// The replica's workers. Errors: they have stopped.
    pub fn pool(&self) -> Result<PoolState, String> {
        let state = self.replica.engine.pool_state().ok_or("the replica is none any more")?;
        match &state.stopped {
            Some(stopped) => Err(format!("the replica stopped: {stopped}")),
            None => Ok(state),
        }
    }

    /// What readers of both are given.
    pub fn given(&self) -> Result<[Given; 2], String> {
        Ok([self.master.engine.given().map_err(in_words)?, self.replica.engine.given().map_err(in_words)?])
    }

    /// Waits until the replica's log time is this.
    pub fn wait_for_time(&self, time: Millis) -> Result<(), String> {
        wait_until("a heartbeat", || self.replica.engine.facts().log_time >= time)
    }

    /// Ends both nodes. What the replica has not written, it never will.
    pub fn end(self) {
        self.replica.engine.abandon();
        for node in [self.replica, self.master] {
            // A replica that was abandoned says so.
            let _ = node.engine.stop_now();
        }
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
