//! Looks — suspected keys → a verdict on each, by looks at an equal position. Does I/O: nodes, a clock, pauses.
//!
//! [`position`](super::position) says how a key is looked at, and when a difference counts.

use super::difference::{Comparison, Differences, Rules, Times, compare};
use super::info::Position;
use super::node::{Node, array, is_error};
use super::options::{Options, ProbeError};
use super::paged;
use super::position::{Look, Master, Reached, Suspect, Verdict};
use super::read::read;
use super::seen::{Deadline, Seen, Type, Value};
use redis::Value as Reply;
use std::thread;
use std::time::{Duration, Instant};

/// Keys of one look. The fewer keys, the shorter is the look, and the rarer a write falls into it.
const KEYS_OF_LOOK: [usize; 4] = [256, 256, 32, 1];

/// The first pause between two questions for a replica's position; it doubles.
const PAUSE: Duration = Duration::from_millis(1);

/// The longest such pause.
const PAUSE_MAX: Duration = Duration::from_millis(50);

/// A replica, with the facts that a look needs.
pub struct Follower {
    /// The node.
    pub node: Node,
    /// Why its position is not known; `None`: it is.
    pub unknown: Option<&'static str>,
    /// Whether it did not reach a position in time. Then it is not waited for again until it has caught up.
    pub is_behind: bool,
}

/// Judges the suspected keys of the database that both nodes have selected.
pub fn judge(
    master: &mut Node,
    follower: &mut Follower,
    keys: Vec<Vec<u8>>,
    options: &Options,
) -> Result<Vec<(Vec<u8>, Verdict)>, ProbeError> {
    let started = Instant::now();
    let mut judged = Vec::with_capacity(keys.len());
    let mut pending: Vec<(Vec<u8>, Suspect)> =
        keys.into_iter().map(|key| (key, Suspect::default())).collect();
    let mut attempt = 0;
    while !pending.is_empty() {
        if attempt == 1 && follower.unknown.is_some() {
            thread::sleep(options.wait.saturating_sub(started.elapsed()));
        }
        let size = KEYS_OF_LOOK[attempt.min(KEYS_OF_LOOK.len() - 1)];
        let mut again = Vec::new();
        let mut rest = pending.into_iter();
        loop {
            let chunk: Vec<_> = rest.by_ref().take(size).collect();
            if chunk.is_empty() {
                break;
            }
            let keys: Vec<Vec<u8>> = chunk.iter().map(|(key, _)| key.clone()).collect();
            let looks = look(master, follower, &keys, (options, attempt > 0))?;
            for ((key, mut suspect), look) in chunk.into_iter().zip(looks) {
                match suspect.look(look) {
                    Some(verdict) => judged.push((key, verdict)),
                    None => again.push((key, suspect)),
                }
            }
        }
        pending = again;
        attempt += 1;
    }
    Ok(judged)
}

/// One look at some keys. `waited`: the time allowed has passed, for a replica that tells no position.
fn look(
    master: &mut Node,
    follower: &mut Follower,
    keys: &[Vec<u8>],
    (options, waited): (&Options, bool),
) -> Result<Vec<Look>, ProbeError> {
    // A field that is dead by the clock of one node only would look lost; so deadlines of fields are read in any case.
    let fields = knows_fields(master, &follower.node);
    let is_watched = watch(master, keys)?;
    let before = read_whole(master, keys, fields)?;
    let reached = reach(master, follower, options, waited)?;
    let replica = read(&mut follower.node, keys, fields)?;
    let mut comparisons = Vec::with_capacity(keys.len());
    for (key, (ours, theirs)) in keys.iter().zip(before.iter().zip(&replica)) {
        comparisons.push(compare_whole(
            (master, &mut follower.node),
            key,
            (ours, theirs),
            (options, fields),
        )?);
    }
    let after = read_whole(master, keys, fields)?;
    let untouched = unwatch(master, is_watched)?;
    let rules = rules(options);
    let looks = comparisons.into_iter().zip(before.iter().zip(&after)).zip(&replica);
    Ok(looks
        .map(|((comparison, (before, after)), replica)| {
            // The replica may be ahead of the first read.
            let is_equal = !is_big(after) && compare(after, replica, rules) == Comparison::Equal;
            let comparison = if is_equal { Comparison::Equal } else { comparison };
            let stood = compare(before, after, EXACTLY) == Comparison::Equal;
            let master = match (untouched, stood) {
                (true, _) => Master::Untouched,
                (false, true) if !master.knows.watch => Master::SameWithoutWatch,
                (false, true) => Master::Same,
                (false, false) => Master::Changed,
            };
            Look { comparison, master, reached }
        })
        .collect())
}

/// The master's value stood only if it is the same in all.
const EXACTLY: Rules = Rules { tolerance_ms: 0, fields: true };

/// What counts as equal, as it was asked for.
pub fn rules(options: &Options) -> Rules {
    Rules { tolerance_ms: options.tolerance_ms, fields: options.fields }
}

/// Whether both nodes know deadlines of fields.
pub fn knows_fields(master: &Node, replica: &Node) -> bool {
    master.knows.hpexpiretime && replica.knows.hpexpiretime
}

/// Watches the keys. `false`: the master does not, or not all in one command.
fn watch(master: &mut Node, keys: &[Vec<u8>]) -> Result<bool, ProbeError> {
    if !master.knows.watch {
        return Ok(false);
    }
    let mut pipe = redis::pipe();
    pipe.cmd("WATCH").arg(keys);
    Ok(!master.ask(&pipe)?.iter().any(is_error))
}

/// Ends the watch with an empty transaction. Returns whether no key was touched meanwhile.
fn unwatch(master: &mut Node, is_watched: bool) -> Result<bool, ProbeError> {
    if !is_watched {
        return Ok(false);
    }
    let mut pipe = redis::pipe();
    pipe.cmd("MULTI").cmd("EXEC");
    Ok(matches!(master.ask(&pipe)?.last(), Some(Reply::Array(_))))
}

/// Reads keys; big values with length and digest.
fn read_whole(node: &mut Node, keys: &[Vec<u8>], fields: bool) -> Result<Vec<Seen>, ProbeError> {
    let mut seen = read(node, keys, fields)?;
    for (key, seen) in keys.iter().zip(&mut seen) {
        if let Value::Big { kind, .. } = seen.value {
            seen.value = paged::digest(node, key, kind, fields)?;
        }
    }
    Ok(seen)
}

fn is_big(seen: &Seen) -> bool {
    matches!(seen.value, Value::Big { .. })
}

/// Compares what both nodes show of a key; a big value element by element. With `fields` the deadlines of its fields are read.
pub fn compare_whole(
    (master, replica): (&mut Node, &mut Node),
    key: &[u8],
    (ours, theirs): (&Seen, &Seen),
    (options, fields): (&Options, bool),
) -> Result<Comparison, ProbeError> {
    let rules = rules(options);
    let kind = ours.value.type_name().parse::<Type>();
    let (Ok(kind), true) = (kind, is_big(ours) || is_big(theirs)) else {
        return Ok(compare(ours, theirs, rules));
    };
    if ours.value.type_name() != theirs.value.type_name() {
        return Ok(compare(ours, theirs, rules));
    }
    let times = Times { master: ours.at, replica: theirs.at };
    let mut found = paged::compare((master, replica), (key, kind), fields, (times, rules))?;
    // Of the two heads only the deadlines are left to compare.
    let head =
        |deadline: Deadline| Seen { value: Value::Big { kind, length: 0, digest: 0 }, deadline, at: None };
    if let Comparison::Differs(Differences { shown, .. }) =
        compare(&head(ours.deadline), &head(theirs.deadline), rules)
    {
        shown.into_iter().for_each(|one| found.push(one.kind, one.element, one.master, one.replica));
    }
    Ok(if found.is_empty() { Comparison::Equal } else { Comparison::Differs(found) })
}

/// Waits until the replica has applied all that the master has written by now.
pub fn reach(
    master: &mut Node,
    follower: &mut Follower,
    options: &Options,
    waited: bool,
) -> Result<Reached, ProbeError> {
    if follower.unknown.is_some() {
        return Ok(Reached::Unknown { waited });
    }
    let at_master = master.info_of_replication()?;
    let Position::Applied { history, offset: target } = at_master.position_of_master() else {
        return Ok(Reached::Unknown { waited });
    };
    let patience = if follower.is_behind { Duration::ZERO } else { options.wait };
    let (started, mut pause) = (Instant::now(), PAUSE);
    loop {
        let (position, info) = follower.node.position_of_replica()?;
        let reason = match position {
            Position::Applied { history: own, offset } if own == history => {
                if offset >= target {
                    follower.is_behind = false;
                    return Ok(Reached::Position);
                }
                None
            }
            _ => info.unfit_as_replica_of(&at_master),
        };
        if started.elapsed() >= patience {
            follower.is_behind = true;
            return match reason {
                None => Ok(Reached::NotInTime),
                Some(reason) => {
                    let role = format!("a replica of {}", master.name());
                    Err(ProbeError::Unfit { node: follower.node.name(), role, reason })
                }
            };
        }
        thread::sleep(pause.min(patience.saturating_sub(started.elapsed())));
        pause = (2 * pause).min(PAUSE_MAX);
    }
}

/// Which of these keys the node does not have.
pub fn absent(node: &mut Node, keys: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, ProbeError> {
    let mut pipe = redis::pipe();
    pipe.cmd("EXISTS").arg(&keys);
    let reply = node.ask(&pipe)?.pop().unwrap_or_default();
    if super::node::number(&reply) == i64::try_from(keys.len()).ok() {
        return Ok(Vec::new());
    }
    let mut pipe = redis::pipe();
    for key in &keys {
        pipe.cmd("EXISTS").arg(key.as_slice());
    }
    let replies = node.ask(&pipe)?;
    let is_absent = |reply: &Reply| super::node::number(reply) == Some(0);
    Ok(keys.into_iter().zip(&replies).filter(|(_, reply)| is_absent(reply)).map(|(key, _)| key).collect())
}

/// The number of databases that a node says it has, by CONFIG GET; 1 if it does not say.
pub fn databases(node: &mut Node) -> Result<i64, ProbeError> {
    let mut pipe = redis::pipe();
    pipe.cmd("CONFIG").arg("GET").arg("databases");
    let reply = node.ask(&pipe)?.pop().unwrap_or_default();
    Ok(array(reply).get(1).and_then(super::node::number).unwrap_or(1))
}
