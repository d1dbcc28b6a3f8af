//! Wait — WAIT and WAITAOF: their arguments, and the wait of a connection. Does I/O: through the node.

use super::Backend;
use super::backend::{Awaited, Reached, Refused};
use super::connection::{Connection, End};
use super::facts::Role;
use crate::command::{CommandError, Reply};
use std::sync::Arc;
use std::time::Duration;

/// Redis's error texts for these commands on a replica.
const WAIT_ON_A_REPLICA: &str = "ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a \
    replica is configured to be writable (which is not the default) writes to replicas are just local and are not propagated.";
const WAIT_AOF_ON_A_REPLICA: &str = "ERR WAITAOF cannot be used with replica instances. Please also note that writes to \
    replicas are just local and are not propagated.";

/// Whether `argv` is a WAITAOF, and not a WAIT.
fn is_aof(argv: &[Vec<u8>]) -> bool {
    argv[0].len() > "wait".len()
}

/// What `argv`, a WAIT or a WAITAOF with as many arguments as it has, waits for. Errors: an argument is wrong.
fn parse(argv: &[Vec<u8>]) -> Result<Awaited, CommandError> {
    if !is_aof(argv) {
        let replicas = integer(&argv[1]).ok_or_else(CommandError::not_an_integer)?;
        // As in Redis, any number of replicas is more than a negative one.
        let replicas = usize::try_from(replicas).unwrap_or(0);
        return Ok(Awaited { own: false, durable: false, replicas, timeout: limit(&argv[2])? });
    }
    let own = integer(&argv[1]).ok_or_else(CommandError::not_an_integer)?;
    if !(0..=1).contains(&own) {
        return Err(CommandError::err("value is out of range, value must between 0 and 1"));
    }
    let replicas = integer(&argv[2]).and_then(|count| usize::try_from(count).ok());
    let replicas = replicas.ok_or_else(|| CommandError::err("value is out of range, must be positive"))?;
    Ok(Awaited { own: own == 1, durable: true, replicas, timeout: limit(&argv[3])? })
}

/// The longest time to wait; `None`: without an end.
fn limit(text: &[u8]) -> Result<Option<Duration>, CommandError> {
    Ok(Some(timeout(text)?).filter(|limit| !limit.is_zero()))
}

/// A timeout in milliseconds. Errors: it is none.
pub(super) fn timeout(text: &[u8]) -> Result<Duration, CommandError> {
    let ms = integer(text).ok_or_else(|| CommandError::err("timeout is not an integer or out of range"))?;
    let ms = u64::try_from(ms).map_err(|_| CommandError::err("timeout is negative"))?;
    Ok(Duration::from_millis(ms))
}

fn integer(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

impl<N: Backend> Connection<N> {
    /// Runs a WAIT or a WAITAOF. `blocks`: whether it waits; inside a transaction it does not. Errors: the connection ends.
    pub(super) async fn wait_for_replicas(&mut self, argv: &[Vec<u8>], blocks: bool) -> Result<Reply, End> {
        let node = Arc::clone(&self.shared);
        let is_replica = matches!(node.node.facts().role, Role::Replica { .. });
        // As in Redis, a replica looks at the arguments of WAITAOF only.
        if is_replica && !is_aof(argv) {
            return Ok(Reply::Error(WAIT_ON_A_REPLICA.to_owned()));
        }
        let mut awaited = match parse(argv) {
            Ok(_) if is_replica => return Ok(Reply::Error(WAIT_AOF_ON_A_REPLICA.to_owned())),
            Ok(awaited) => awaited,
            Err(error) => return Ok(Reply::Error(error.to_string())),
        };
        if !blocks {
            awaited.timeout = Some(Duration::ZERO);
        }
        Ok(match self.unless_closed(node.node.wait(awaited)).await? {
            Ok(Reached { own, replicas }) if is_aof(argv) => {
                Reply::Array(vec![Reply::Integer(i64::from(own)), Reply::count(replicas)])
            }
            Ok(Reached { replicas, .. }) => Reply::count(replicas),
            Err(Refused(text)) => Reply::Error(text),
        })
    }
}
