//! Failover — FAILOVER: the master and one of its replicas exchange their roles, and no acknowledged write is lost.
//!
//! ```text
//! FAILOVER ─▶ OK     writes wait      a replica acknowledges the last entry     it becomes a master     this node follows it
//!             └─────────────────── waiting-for-sync ──────────────────────┘└────────── failover-in-progress ──────────────┘
//!                                   timeout, ABORT: the writes go on, or with FORCE the replica becomes a master anyway
//! ```
//!
//! Writes that waited are then answered READONLY. The other replicas are refused by this node, and have to be told which node
//! to follow. Source: <https://redis.io/docs/latest/commands/failover/>; `failoverCommand` in replication.c, Redis 7.0. One
//! thing differs: the replica becomes a master by REPLICAOF NO ONE, sent with the password `masterauth`.

use super::backend::Refused;
use super::clients::locked;
use super::facts::{Follower, FollowerState, Role};
use super::pause::{after, until};
use super::{Backend, ServerState};
use crate::command::{CommandError, Reply, parse_integer};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;

/// A parsed FAILOVER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// FAILOVER ABORT.
    Abort,
    /// FAILOVER, with its options.
    Begin {
        /// The address of the replica; `None`: the first one that has caught up.
        to: Option<(String, u16)>,
        /// How long to wait until the replica has caught up; `None`: without an end.
        timeout: Option<Duration>,
        /// Whether the replica becomes a master after the timeout, too.
        force: bool,
    },
}

/// How far a failover has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// There is none.
    #[default]
    None,
    /// A replica has to catch up.
    WaitForSync,
    /// The replica becomes a master.
    InProgress,
}

impl Stage {
    /// Its name in INFO.
    pub fn name(self) -> &'static str {
        match self {
            Stage::None => "no-failover",
            Stage::WaitForSync => "waiting-for-sync",
            Stage::InProgress => "failover-in-progress",
        }
    }
}

/// The failover of a server, if there is one, and how the last one ended.
#[derive(Debug, Default)]
pub(super) struct Failovers(Mutex<Failover>);

#[derive(Debug, Default)]
struct Failover {
    stage: Stage,
    /// Aborts it.
    abort: Arc<Notify>,
    /// The reason for which the last one was aborted.
    aborted: Option<String>,
}

impl Failovers {
    /// How far it has come.
    pub fn stage(&self) -> Stage {
        locked(&self.0).stage
    }

    /// The reason for which the last one was aborted; `None`: it was not, or another one has begun.
    pub fn aborted(&self) -> Option<String> {
        locked(&self.0).aborted.clone()
    }

    /// Begins one, and returns the signal that aborts it. `None`: there is one already.
    fn begin(&self) -> Option<Arc<Notify>> {
        let mut failover = locked(&self.0);
        if failover.stage != Stage::None {
            return None;
        }
        *failover = Failover { stage: Stage::WaitForSync, ..Failover::default() };
        Some(Arc::clone(&failover.abort))
    }

    fn set(&self, stage: Stage) {
        locked(&self.0).stage = stage;
    }

    fn end(&self, aborted: Option<String>) {
        let mut failover = locked(&self.0);
        (failover.stage, failover.aborted) = (Stage::None, aborted);
    }

    /// Whether there was one to abort.
    fn abort(&self) -> bool {
        let failover = locked(&self.0);
        failover.abort.notify_one();
        failover.stage != Stage::None
    }
}

/// Parses a FAILOVER. Errors: its options.
pub(super) fn parse(argv: &[Vec<u8>]) -> Result<Asked, CommandError> {
    let is = |word: &[u8], name: &str| word.eq_ignore_ascii_case(name.as_bytes());
    if let [_, word] = argv
        && is(word, "abort")
    {
        return Ok(Asked::Abort);
    }
    let integer = |word: &[u8]| parse_integer(word).ok_or_else(CommandError::not_an_integer);
    let (mut to, mut timeout, mut force) = (None, None, false);
    let mut rest = &argv[1..];
    while let Some(word) = rest.first() {
        rest = match rest {
            [_, ms, rest @ ..] if is(word, "timeout") && timeout.is_none() => {
                let ms = u64::try_from(integer(ms)?).ok().filter(|&ms| ms > 0);
                let wrong = || CommandError::err("FAILOVER timeout must be greater than 0");
                timeout = Some(Duration::from_millis(ms.ok_or_else(wrong)?));
                rest
            }
            [_, host, port, rest @ ..] if is(word, "to") && to.is_none() => {
                // No replica has another port than these, so the failover will be refused.
                let port = u16::try_from(integer(port)?).unwrap_or(0);
                to = Some((String::from_utf8_lossy(host).into_owned(), port));
                rest
            }
            [_, rest @ ..] if is(word, "force") && !force => {
                force = true;
                rest
            }
            _ => return Err(CommandError::syntax()),
        };
    }
    Ok(Asked::Begin { to, timeout, force })
}

/// Answers a FAILOVER. Once it has begun, a task of its own carries it out.
pub(super) async fn answer<N: Backend>(shared: &Arc<ServerState<N>>, asked: Asked) -> Reply {
    let Asked::Begin { to, timeout, force } = asked else {
        return match shared.failovers.abort() {
            true => Reply::OK,
            false => Reply::Error("ERR No failover in progress.".to_owned()),
        };
    };
    let Some(aborted) = shared.failovers.begin() else {
        return Reply::Error("ERR FAILOVER already in progress.".to_owned());
    };
    if let Some(refusal) = refusal(&shared.node.facts().role, to.as_ref(), timeout.is_some(), force) {
        shared.failovers.set(Stage::None);
        return Reply::Error(format!("ERR {refusal}"));
    }
    tracing::info!(?to, ?timeout, force, "failover begins");
    let shared = Arc::clone(shared);
    shared.pauses.set_failover(true).await;
    shared.hold_removals();
    tokio::spawn(async move {
        let forced = to.clone().filter(|_| force);
        let ended = run(&shared, to, timeout, forced, &aborted).await;
        match &ended {
            Ok((host, port)) => tracing::info!(host, port, "failover ends: the replica is the master"),
            Err(reason) => tracing::warn!(reason, "failover aborted"),
        }
        shared.pauses.set_failover(false).await;
        shared.hold_removals();
        // The last step, because another failover may begin after it.
        shared.failovers.end(ended.err());
    });
    Reply::OK
}

/// The reason for which a failover cannot begin.
fn refusal(role: &Role, to: Option<&(String, u16)>, has_timeout: bool, force: bool) -> Option<&'static str> {
    let replicas = match role {
        Role::Replica { .. } => return Some("FAILOVER is not valid when server is a replica."),
        Role::Master { replicas } if replicas.is_empty() => {
            return Some("FAILOVER requires connected replicas.");
        }
        Role::Master { replicas } => replicas,
    };
    if force && (!has_timeout || to.is_none()) {
        return Some("FAILOVER with force option requires both a timeout and target HOST and IP.");
    }
    let (host, port) = to?;
    let is_named = |replica: &&Follower| replica.addr.eq_ignore_ascii_case(host) && replica.port == *port;
    match replicas.iter().find(is_named).map(|replica| replica.state) {
        None => Some("FAILOVER target HOST and PORT is not a replica."),
        Some(FollowerState::Online) => None,
        Some(_) => Some("FAILOVER target replica is not online."),
    }
}

/// Carries a failover out. `forced`: the replica that becomes a master after the timeout although it has not caught up. Errors:
/// the reason for which the roles are as they were.
async fn run<N: Backend>(
    shared: &ServerState<N>,
    to: Option<(String, u16)>,
    timeout: Option<Duration>,
    forced: Option<(String, u16)>,
    aborted: &Notify,
) -> Result<(String, u16), String> {
    let mut server_ends = shared.ended.subscribe();
    let (replica, behind) = tokio::select! {
        biased;
        () = aborted.notified() => return Err("by FAILOVER ABORT".to_owned()),
        _ = server_ends.wait_for(Option::is_some) => return Err("the server ends".to_owned()),
        caught_up = shared.node.caught_up(to) => (caught_up.map_err(|Refused(text)| text)?, false),
        () = until(timeout.map(after)) => {
            (forced.ok_or_else(|| "no replica caught up before the timeout".to_owned())?, true)
        }
    };
    shared.failovers.set(Stage::InProgress);
    tokio::select! {
        biased;
        () = aborted.notified() => Err("by FAILOVER ABORT; the replica may be a master".to_owned()),
        _ = server_ends.wait_for(Option::is_some) => Err("the server ends".to_owned()),
        handed_over = shared.node.hand_over(replica.clone(), behind) => {
            handed_over.map(|()| replica).map_err(|Refused(text)| text)
        }
    }
}
