//! Failover — a master waits until a replica has caught up, makes it a master, and follows it. Does I/O: one connection.

use super::feeds::Fed;
use super::node::{Engine, Role};
use super::{Address, SharedFiles};
use crate::binlog::Epoch;
use crate::client::served::{self, NotPromoted};
use crate::secret::Secret;
use crate::server::Refused;
use crate::server::facts::FollowerState;
use std::time::Duration;

/// The time between two attempts to reach a replica that may have become a master.
const RETRY: Duration = Duration::from_secs(1);
/// How often a replica's acknowledgements are looked at, at least.
const LOOK: Duration = Duration::from_millis(100);
/// How often a replica is asked for its identity; each time has to be answered within a second.
const ATTEMPTS: usize = 5;

impl<F: SharedFiles> Engine<F> {
    /// Waits until the replica `to`, or any one, has acknowledged all entries. No write may be admitted meanwhile, and no dead key
    /// removed. Returns its address. Errors: the node is no master, or does not stay one.
    pub(super) async fn replica_caught_up(
        &self,
        to: Option<(String, u16)>,
    ) -> Result<(String, u16), Refused> {
        let Role::Master(shared) = self.role() else { return Err(super::node::stopped()) };
        // The writer answers this once all that was queued before is written, removals of dead keys included.
        let watch = shared.watch(Vec::new()).await.map_err(Refused)?;
        shared.unwatch(watch);
        // Replicas acknowledge at once what comes before a heartbeat.
        shared.heartbeat();
        loop {
            let acked = shared.feeds.acked();
            tokio::pin!(acked);
            // From here on no ack is missed.
            acked.as_mut().enable();
            if shared.feeds.stopping().is_set() {
                return Err(super::node::stopped());
            }
            let last = shared.log.state().last;
            let has_all = |fed: &Fed| fed.state == FollowerState::Online && fed.progress.ack.received >= last;
            let asked_for = |address: &(String, u16)| {
                to.as_ref()
                    .is_none_or(|(host, port)| address.0.eq_ignore_ascii_case(host) && address.1 == *port)
            };
            let mut caught_up = shared.feeds.list().into_iter().filter(has_all).filter_map(address);
            if let Some(found) = caught_up.find(asked_for) {
                return Ok(found);
            }
            // A replica may connect meanwhile, which is no ack.
            let _ = tokio::time::timeout(LOOK, acked).await;
        }
    }

    /// Makes the replica a master, and follows it. `behind`: whether it may lack entries. Errors: the roles are as they were.
    pub(super) async fn hand_over_to(&self, replica: (String, u16), behind: bool) -> Result<(), Refused> {
        let Role::Master(shared) = self.role() else { return Err(super::node::stopped()) };
        let log = shared.log.state();
        // The epoch of the last entry. This role has its own epoch, and may have written no entry.
        let epoch = log.epochs.last().map(|&(epoch, _)| epoch).unwrap_or_default();
        let address = Address { host: replica.0, port: replica.1 };
        let password = self.masterauth();
        let (to, secret) = (address.clone(), password.clone());
        let least = if behind { 0 } else { log.last.0 };
        let mut promoted = in_background(move || {
            check_is_replica(&to, secret.as_ref(), (epoch, least))?;
            served::promote(&to.to_string(), secret.as_ref())
        })
        .await;
        while let Err(NotPromoted::Unknown(reason)) = &promoted {
            tracing::warn!(%address, reason, "failover: asking the replica again");
            tokio::time::sleep(RETRY).await;
            let (to, secret) = (address.to_string(), password.clone());
            promoted = in_background(move || match served::ask(&to, secret.as_ref()) {
                Some(node) if node.master.is_none() => Ok(()),
                Some(_) => served::promote(&to, secret.as_ref()),
                None => Err(NotPromoted::Unknown("it cannot be reached".to_owned())),
            })
            .await;
        }
        promoted.map_err(|error| Refused(format!("{address} was not made a master: {error}")))?;
        drop(shared);
        self.blocking(move |engine| engine.change_role(Some(address))).await
    }
}

/// The address at which a replica serves clients; `None`: it serves none.
fn address(fed: Fed) -> Option<(String, u16)> {
    let host = fed.addr?.ip().to_string();
    (fed.port != 0).then_some((host, fed.port))
}

/// Checks that the node at `address` is a replica that holds this history: `epoch`, at least through entry `least`. A port that
/// is forwarded may lead to another node, and that must not lose its master.
fn check_is_replica(
    address: &Address,
    password: Option<&Secret>,
    (epoch, least): (Epoch, u64),
) -> Result<(), NotPromoted> {
    let refused = |reason: &str| Err(NotPromoted::Refused(reason.to_owned()));
    let ask = || served::ask(&address.to_string(), password);
    // A busy node may answer late, so it is asked again.
    match (0..ATTEMPTS).find_map(|_| ask()) {
        None => refused("it cannot be reached, or requires another password than masterauth"),
        Some(node) if node.master.is_none() => refused("the node at this address is no replica"),
        Some(node) if node.epoch != epoch.to_string() || node.received < least => {
            refused("the node at this address is a replica of another history, or lacks entries")
        }
        Some(_) => Ok(()),
    }
}

async fn in_background(
    work: impl FnOnce() -> Result<(), NotPromoted> + Send + 'static,
) -> Result<(), NotPromoted> {
    let unknown = |error: tokio::task::JoinError| NotPromoted::Unknown(error.to_string());
    tokio::task::spawn_blocking(work).await.map_err(unknown)?
}
