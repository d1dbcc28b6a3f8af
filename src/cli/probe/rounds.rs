//! Rounds — a round of writes → played on the nodes → the verdict on each replica. Does I/O: nodes.

use replicheck::binlog::Lsn;
use replicheck::command::Reply;
use replicheck::effect::Key;
use replicheck::invariant::{self, AtRest};
use replicheck::models::invariants::Invariant;
use replicheck::models::provoke::timed::{self, Stored, Timed};
use replicheck::models::provoke::{self, History, Judged, Kind, Recording, Sight, Unfit, judged};
use replicheck::models::request::Request;
use replicheck::models::story::Story;
use replicheck::probe::options::ProbeError;
use replicheck::probe::position::Reached;
use replicheck::probe::round::{self, Answer, Nodes, Played, Round, Watched};
use replicheck::probe::seen::{Deadline, Seen as NodeSeen, Type, Value};
use replicheck::store::{Content, Dump, Stored as StoredKey};
use replicheck::time::Millis;
use std::rc::Rc;

/// A round says nothing of the replicas.
#[derive(Debug, thiserror::Error)]
pub enum NotPlayed {
    /// A node does not answer any more.
    #[error(transparent)]
    Node(#[from] ProbeError),
    /// The writes cannot be judged.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// The master answers or holds something else than its writes come to.
    #[error(
        "the master's {0}. Another client may write to this database, or the server's commands differ from Redis's"
    )]
    OtherMaster(String),
}

/// The writes of a round.
#[derive(Clone, Debug)]
pub enum Load {
    /// Writes whose outcome does not depend on time, as fast as they can be sent.
    Ordered(Vec<Request>),
    /// Writes with deadlines, each at its instant.
    Timed(Vec<Timed>),
}

impl Load {
    /// The writes, in order.
    pub fn requests(&self) -> Vec<Request> {
        match self {
            Load::Ordered(requests) => requests.clone(),
            Load::Timed(writes) => writes.iter().map(|(_, request)| request.clone()).collect(),
        }
    }
}

/// The verdicts on one replica in a round.
pub struct OfReplica {
    /// The invariants that were put to the test.
    pub tested: Vec<Invariant>,
    /// Those that are broken.
    pub broken: Vec<Invariant>,
    /// The number of reads that differed from the one before.
    pub reads: usize,
    /// Milliseconds until it had caught up.
    pub caught_up_ms: u64,
    /// The lag that the servers report, in milliseconds.
    pub reported_lag_ms: Option<u64>,
    seen: Seen,
}

/// The reads of a replica.
enum Seen {
    /// Reads, judged by the master's states.
    Reads { history: Rc<History>, recording: Recording, judged: Judged },
    /// The contents of both nodes; `None`: the position was not reached.
    Stored(Option<Stored>),
}

/// A round that was played.
pub struct Done {
    load: Load,
    /// The replicas, in the order of the options.
    pub replicas: Vec<OfReplica>,
}

impl Done {
    /// The story of what a replica broke; `None`: it did not, or there is nothing to draw.
    pub fn story(&self, replica: usize, invariant: Invariant) -> Option<Story> {
        match (&self.replicas[replica].seen, &self.load) {
            (Seen::Reads { history, recording, judged }, load) => {
                let broken = judged.broken.iter().find(|broken| broken.invariant == invariant)?;
                Some(provoke::story(&load.requests(), history, recording, broken))
            }
            (Seen::Stored(stored), Load::Timed(writes)) => {
                let is_broken = self.replicas[replica].broken.contains(&invariant);
                stored.as_ref().filter(|_| is_broken).map(|stored| timed::story(writes, stored, invariant))
            }
            (Seen::Stored(_), Load::Ordered(_)) => None,
        }
    }
}

/// Plays a load and judges the replicas. `shift` says which size of burst comes first. Errors: see [`NotPlayed`].
pub fn play(nodes: &mut Nodes, load: &Load, shift: usize) -> Result<Done, NotPlayed> {
    let requests = load.requests();
    let history = match load {
        Load::Ordered(requests) => Some(Rc::new(History::of(requests)?)),
        Load::Timed(_) => None,
    };
    let keys: Vec<(Key, Type)> = provoke::keys_of(&requests)
        .into_iter()
        .filter_map(|key| Some((key.clone(), of_kind(provoke::kind_of(&requests, &key.name)?))))
        .collect();
    let round = Round {
        requests: requests.iter().map(words).collect(),
        keys: keys.iter().map(|(key, kind)| (key.name.clone(), *kind)).collect(),
        at_ms: match load {
            Load::Ordered(_) => None,
            Load::Timed(writes) => Some(writes.iter().map(|(at, _)| *at).collect()),
        },
        shift,
    };
    let played = nodes.play(&round)?;
    let keys: Vec<Key> = keys.into_iter().map(|(key, _)| key).collect();
    check_master(history.as_deref(), &requests, &keys, &played)?;
    let is_at_once: Vec<bool> =
        nodes.replicas.iter().map(|replica| reads_at_once(&replica.software)).collect();
    let replicas = played.replicas.into_iter().zip(is_at_once).map(|(watched, is_at_once)| {
        let (reads, caught_up_ms) = (watched.reads.len(), watched.caught_up_ms);
        let reported_lag_ms = watched.reported_lag_ms;
        let (tested, broken, seen) = match &history {
            Some(history) => of_reads(history, &keys, watched, (is_at_once, requests.len())),
            None => of_stored(&keys, &watched, requests.len()),
        };
        OfReplica { tested, broken, reads, caught_up_ms, reported_lag_ms, seen }
    });
    let replicas = replicas.collect();
    Ok(Done { load: load.clone(), replicas })
}

/// The invariants that were tested, those that are broken, and what was seen.
type Verdicts = (Vec<Invariant>, Vec<Invariant>, Seen);

fn of_reads(
    history: &Rc<History>,
    keys: &[Key],
    watched: Watched,
    (is_at_once, requests): (bool, usize),
) -> Verdicts {
    let recording = recording(keys, watched, is_at_once, requests);
    let judged = judged(history, &recording);
    let broken = judged.broken.iter().map(|broken| broken.invariant).collect();
    (judged.tested.clone(), broken, Seen::Reads { history: Rc::clone(history), recording, judged })
}

fn of_stored(keys: &[Key], watched: &Watched, requests: usize) -> Verdicts {
    let rest = rest(watched, requests);
    let mut tested: Vec<Invariant> = rest.iter().map(|_| Invariant::Progress).collect();
    let mut broken: Vec<Invariant> =
        rest.iter().filter(|rest| !invariant::progress(**rest)).map(|_| Invariant::Progress).collect();
    let stored = watched.stored.as_ref().and_then(|nodes| stored(keys, nodes));
    if let Some(stored) = &stored {
        tested.extend(timed::EXPIRY);
        broken.extend(timed::broken(stored));
    }
    (tested, broken, Seen::Stored(stored))
}

/// By how many milliseconds the clock that a node judges by may be ahead of the one that it tells. This project's server judges by log
/// time, which may be 50 ms off.
const CLOCK_MARGIN_MS: i64 = 100;

/// What both nodes hold, as far as it is alive beyond any doubt; `None`: a node does not tell its clock.
fn stored(keys: &[Key], nodes: &round::Stored) -> Option<Stored> {
    let latest_clock_ms = nodes.latest_clock?.saturating_add(CLOCK_MARGIN_MS);
    let latest_clock = Millis(u64::try_from(latest_clock_ms).unwrap_or_default());
    let is_changing = |seen: &NodeSeen| seen.value == Value::Changing;
    if nodes.master.iter().chain(&nodes.replica).any(is_changing) {
        return None;
    }
    let dump = |seen: &[NodeSeen]| {
        let one = |(key, seen): (&Key, &NodeSeen)| {
            // One node may find it dead already. One that died between the read of its deadline and that of its value looks empty.
            if seen.is_dead_at(Some(latest_clock_ms)) {
                return None;
            }
            let deadline = match seen.deadline {
                Deadline::At { ms, .. } => Some(Millis(u64::try_from(ms).unwrap_or_default())),
                Deadline::Never => None,
            };
            Some((key.clone(), StoredKey { content: content(&seen.value)?, deadline }))
        };
        keys.iter().zip(seen).filter_map(one).collect::<Dump>()
    };
    Some(Stored { master: dump(&nodes.master), replica: dump(&nodes.replica), latest_clock })
}

/// Whether a server is known to read all keys of a MULTI at one moment.
pub fn reads_at_once(software: &str) -> bool {
    ["redis ", "valkey ", "replicheck "].iter().any(|name| software.starts_with(name))
}

fn of_kind(kind: Kind) -> Type {
    match kind {
        Kind::String => Type::Text,
        Kind::List => Type::List,
        Kind::Set => Type::Set,
        Kind::Hash => Type::Hash,
    }
}

fn words(request: &Request) -> Vec<Vec<Vec<u8>>> {
    request.commands().iter().map(|command| command.argv().to_vec()).collect()
}

/// The master must be as the history has it: the verdicts follow from the history. Without one it must have refused nothing.
fn check_master(
    history: Option<&History>,
    requests: &[Request],
    keys: &[Key],
    played: &Played,
) -> Result<(), NotPlayed> {
    for (request, answers) in requests.iter().zip(&played.answers) {
        if let Some(Answer::Refused(error)) =
            answers.iter().find(|answer| matches!(answer, Answer::Refused(_)))
        {
            return Err(NotPlayed::OtherMaster(format!("answer to {request} is {error}")));
        }
    }
    let Some(history) = history else { return Ok(()) };
    for (at, (request, answers)) in requests.iter().zip(&played.answers).enumerate() {
        let replies = history.replies(at);
        let odd = answers.iter().zip(replies).find(|(answer, reply)| match (answer, reply) {
            (Answer::Number(number), Reply::Integer(expected)) => number != expected,
            (Answer::Number(_), _) | (_, Reply::Integer(_)) | (Answer::Refused(_), _) => true,
            (Answer::Other, _) => false,
        });
        if let Some((answer, reply)) = odd {
            let text = format!("answer to {request} is {answer:?} and should be {reply:?}");
            return Err(NotPlayed::OtherMaster(text));
        }
    }
    let end = dump(keys, &played.master);
    if end == *history.end() {
        return Ok(());
    }
    let odd = keys.iter().find(|key| end.get(*key) != history.end().get(*key));
    let shown =
        |dump: &Dump, key: &Key| dump.get(key).map_or("nothing".to_owned(), |it| it.content.to_string());
    let text = odd.map_or_else(String::new, |key| {
        format!("{key} is {} and should be {}", shown(&end, key), shown(history.end(), key))
    });
    Err(NotPlayed::OtherMaster(text))
}

fn recording(keys: &[Key], watched: Watched, is_at_once: bool, requests: usize) -> Recording {
    let sights = watched.reads.iter().map(|read| Sight { sent: read.sent, dump: dump(keys, &read.values) });
    let end = matches!(watched.reached, Reached::Position).then(|| dump(keys, &watched.end));
    Recording {
        keys: keys.to_vec(),
        is_at_once,
        sights: sights.collect(),
        rest: rest(&watched, requests),
        end,
    }
}

/// The replica when the time allowed was over; `None`: its position is not known.
fn rest(watched: &Watched, requests: usize) -> Option<AtRest> {
    let lsn = |offset: i64| Lsn(u64::try_from(offset).unwrap_or_default());
    let (logged, applied) = match watched.reached {
        Reached::Position => (Lsn(requests as u64), Lsn(requests as u64)),
        Reached::NotInTime => watched.positions.map(|(logged, applied)| (lsn(logged), lsn(applied)))?,
        Reached::Unknown { .. } => return None,
    };
    let (admitted, published) = (applied, applied);
    Some(AtRest { logged, admitted, applied, published, readers_are_in: true, admits_more: true })
}

/// Values as the models know them.
fn dump(keys: &[Key], values: &[Value]) -> Dump {
    let stored = |(key, value): (&Key, &Value)| {
        Some((key.clone(), StoredKey { content: content(value)?, deadline: None }))
    };
    keys.iter().zip(values).filter_map(stored).collect()
}

fn content(value: &Value) -> Option<Content> {
    Some(match value {
        Value::Absent => return None,
        Value::Text(text) => Content::String(text.clone()),
        Value::List(items) => Content::List(items.clone()),
        Value::Set(members) => Content::Set(members.clone()),
        Value::Hash(fields) => {
            Content::Hash(fields.iter().map(|(name, field)| (name.clone(), field.value.clone())).collect())
        }
        // The master never held such a text, so it is judged as a value that never was.
        other => Content::String(format!("({})", other.type_name()).into_bytes()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str, deadline: Deadline) -> NodeSeen {
        NodeSeen { value: Value::Text(text.as_bytes().to_vec()), deadline, at: None }
    }

    #[test]
    fn stored_key_that_a_node_may_find_dead_already_is_no_difference() {
        let at = |ms: i64| Deadline::At { ms, error_ms: 0 };
        let broken = |deadline: Deadline| {
            let (master, replica) = (vec![NodeSeen::absent(None)], vec![seen("330", deadline)]);
            let both = round::Stored { master, replica, latest_clock: Some(1000) };
            let stored = stored(&[Key::new(0, "t0")], &both).expect("both tell their clocks");
            timed::broken(&stored)
        };
        assert!(broken(at(1001)).is_empty());
        assert!(broken(at(1050)).is_empty());
        assert_eq!(broken(at(1101)), [Invariant::SameValue]);
        assert_eq!(broken(Deadline::Never), [Invariant::SameValue, Invariant::NoImmortalKey]);
    }

    #[test]
    fn stored_is_not_judged_without_clocks_or_while_a_type_changes() {
        let one = || vec![NodeSeen::absent(None)];
        let keys = [Key::new(0, "t0")];
        let without = round::Stored { master: one(), replica: one(), latest_clock: None };
        assert_eq!(stored(&keys, &without), None);
        let changing = vec![NodeSeen { value: Value::Changing, deadline: Deadline::Never, at: None }];
        let changing = round::Stored { master: one(), replica: changing, latest_clock: Some(1) };
        assert_eq!(stored(&keys, &changing), None);
    }
}
