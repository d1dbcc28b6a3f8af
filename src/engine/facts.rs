//! Facts — collects the state that a node reports in INFO and ROLE.

use super::feeds::Feeds;
use super::node::Role;
use super::{Settings, following, master};
use crate::binlog::{Epoch, Files};
use crate::client::link::{LinkError, LinkState};
use crate::replication::lag::Lag;
use crate::server::Facts;
use crate::server::facts::{Follower, Link, Progress, Role as RoleFacts, Syncs};
use crate::server::measured::Measured;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::lock;
use crate::time::Millis;

/// The facts of a node at this instant.
pub fn facts<F: Files>(settings: &Settings, run_id: &str, role: &Role<F>) -> Facts {
    let mut facts = Facts {
        run_id: run_id.to_owned(),
        role: RoleFacts::Master { replicas: Vec::new() },
        epoch: Epoch::default(),
        progress: Progress::default(),
        log_time: Millis::ZERO,
        log_time_estimated: false,
        offset_ms: 0,
        clock_steps: count(&settings.meters.clock_steps),
        clients_disconnected: count(&settings.meters.forgotten),
        ordering: settings.ordering,
        expiry: settings.expiry,
        workers: settings.workers,
        appendfsync: settings.fsync,
        compression: settings.compression,
        read_only: None,
        good_replicas: 0,
        syncs: Syncs {
            full: settings.meters.syncs.sent().begun,
            resumed: count(&settings.meters.syncs.resumed),
            refused: count(&settings.meters.syncs.refused),
        },
        measured: None,
        dir: settings.dir.display().to_string(),
    };
    match role {
        Role::Master(shared) => {
            of_master(&mut facts, shared);
            facts.measured = Some(Measured {
                // The writer publishes what it has written at once.
                applied: facts.progress.applied,
                queued: vec![0; settings.workers],
                in_hand: vec![0; settings.workers],
                ..settings.meters.measured()
            });
        }
        Role::Replica(shared) => {
            facts.measured = Some(of_replica(&mut facts, shared, settings.meters.measured()));
        }
        Role::None => facts.read_only = Some("the node is stopped or is changing its role".to_owned()),
    }
    facts
}

fn of_master<F: Files>(facts: &mut Facts, shared: &master::MasterState<F>) {
    let (applied, time, offset_ms) = shared.seen();
    facts.offset_ms = offset_ms;
    let log = shared.log.state();
    facts.epoch = shared.epoch;
    facts.log_time = time;
    facts.read_only = log.poisoned.or_else(|| shared.errors.first());
    let reached = Progress { received: log.last, durable: log.durable, applied, ..Progress::default() };
    facts.progress = with_lag(reached, Lag::NONE);
    facts.role = RoleFacts::Master { replicas: followers(&shared.feeds) };
}

/// The replicas of a node.
fn followers(feeds: &Feeds) -> Vec<Follower> {
    let replicas = feeds.list().into_iter().map(|fed| {
        let ack = fed.progress.ack;
        let reached = Progress {
            received: ack.received,
            durable: ack.durable,
            applied: ack.applied,
            ..Progress::default()
        };
        Follower {
            addr: fed.addr.map(|addr| addr.ip().to_string()).unwrap_or_default(),
            port: fed.port,
            state: fed.state,
            compression: fed.compression,
            progress: with_lag(reached, fed.progress.lag),
        }
    });
    replicas.collect()
}

/// Returns `measured` with the figures of the workers.
fn of_replica<F: Files>(
    facts: &mut Facts,
    shared: &following::ReplicaState<F>,
    measured: Measured,
) -> Measured {
    // In this order, so that published ≤ applied ≤ received.
    let (applied, log_time) = shared.applied.seen();
    let (watermark, queued, in_hand) = shared.pool.queued();
    let log = shared.log.state();
    facts.offset_ms = shared.applied.offset_ms();
    facts.epoch = log.epochs.last().map(|&(epoch, _)| epoch).unwrap_or_default();
    facts.read_only = log.poisoned.or_else(|| shared.applied.errors().first());
    (facts.log_time, facts.log_time_estimated) = (log_time.time, log_time.estimated);
    let (state, since) = &*lock(&shared.link);
    let link = match state {
        LinkState::Connecting => Link::Connecting,
        &LinkState::Syncing { received, expected } => Link::Sync { received, expected },
        LinkState::Stopped { reason: LinkError::Replaced } => Link::Connecting,
        LinkState::Up { codec } => Link::Up { compression: *codec },
        LinkState::Down { .. } => Link::Down,
        LinkState::Stopped { reason } => Link::Stopped { reason: reason.to_string() },
    };
    // While the link is down the master may have written more, so the lag is unknown.
    let is_up = matches!(link, Link::Up { .. });
    let lag = if is_up { lock(&shared.marks).lag(applied) } else { Lag::default() };
    let reached = Progress { received: log.last, durable: log.durable, applied, ..Progress::default() };
    facts.progress = with_lag(reached, lag);
    let down_ms = if is_up { 0 } else { shared.clock.elapsed().since(*since) };
    let (host, port) = (shared.master.host.clone(), shared.master.port);
    let replicas = followers(&shared.feeds);
    facts.role = RoleFacts::Replica { host, port, link, down_ms, replicas };
    Measured { applied: watermark, queued: queued.workers, queued_for_any: queued.any, in_hand, ..measured }
}

fn count(number: &AtomicU64) -> u64 {
    number.load(Ordering::Relaxed)
}

fn with_lag(reached: Progress, lag: Lag) -> Progress {
    Progress { lag_entries: lag.entries, lag_bytes: lag.bytes, lag_ms: lag.ms, ..reached }
}
