//! Rounds — a round of writes → played on the nodes → the verdict on each replica. Does I/O: nodes.

use replicheck::binlog::Lsn;
use replicheck::command::Reply;
use replicheck::effect::Key;
use replicheck::invariant::AtRest;
use replicheck::models::invariants::Invariant;
use replicheck::models::provoke::{self, Broken, History, Judged, Kind, Recording, Sight, Unfit, judged};
use replicheck::models::request::Request;
use replicheck::models::story::Story;
use replicheck::probe::options::ProbeError;
use replicheck::probe::position::Reached;
use replicheck::probe::round::{Answer, Nodes, Played, Round, Watched};
use replicheck::probe::seen::{Type, Value};
use replicheck::store::{Content, Dump, Stored};

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

/// What came of a round on one replica.
pub struct OfReplica {
    /// The verdicts.
    pub judged: Judged,
    /// The number of reads that differed from the one before.
    pub reads: usize,
    /// Milliseconds until it had caught up.
    pub caught_up_ms: u64,
    /// The lag that the servers report, in milliseconds.
    pub reported_lag_ms: Option<u64>,
    recording: Recording,
}

/// A round that was played.
pub struct Done {
    requests: Vec<Request>,
    history: History,
    /// The replicas, in the order of the options.
    pub replicas: Vec<OfReplica>,
}

impl Done {
    /// The story of what a replica broke.
    pub fn story(&self, replica: usize, broken: &Broken) -> Story {
        provoke::story(&self.requests, &self.history, &self.replicas[replica].recording, broken)
    }

    /// What the replica broke of this invariant.
    pub fn broken(&self, replica: usize, invariant: Invariant) -> Option<&Broken> {
        self.replicas[replica].judged.broken.iter().find(|broken| broken.invariant == invariant)
    }
}

/// Plays the requests and judges the replicas. `shift` says which size of burst comes first. Errors: see [`NotPlayed`].
pub fn play(nodes: &mut Nodes, requests: &[Request], shift: usize) -> Result<Done, NotPlayed> {
    let history = History::of(requests)?;
    let keys: Vec<(Key, Type)> = provoke::keys_of(requests)
        .into_iter()
        .filter_map(|key| Some((key.clone(), of_kind(provoke::kind_of(requests, &key.name)?))))
        .collect();
    let round = Round {
        requests: requests.iter().map(words).collect(),
        keys: keys.iter().map(|(key, kind)| (key.name.clone(), *kind)).collect(),
        shift,
    };
    let played = nodes.play(&round)?;
    let keys: Vec<Key> = keys.into_iter().map(|(key, _)| key).collect();
    check_master(&history, requests, &keys, &played)?;
    let is_at_once: Vec<bool> =
        nodes.replicas.iter().map(|replica| reads_at_once(&replica.software)).collect();
    let replicas = played.replicas.into_iter().zip(is_at_once).map(|(watched, is_at_once)| {
        let (reads, caught_up_ms) = (watched.reads.len(), watched.caught_up_ms);
        let reported_lag_ms = watched.reported_lag_ms;
        let recording = recording(&keys, watched, is_at_once, requests.len());
        OfReplica { judged: judged(&history, &recording), reads, caught_up_ms, reported_lag_ms, recording }
    });
    let replicas = replicas.collect();
    Ok(Done { requests: requests.to_vec(), history, replicas })
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

/// The master must be as the history has it: the verdicts follow from the history.
fn check_master(
    history: &History,
    requests: &[Request],
    keys: &[Key],
    played: &Played,
) -> Result<(), NotPlayed> {
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
    let at = |logged: Lsn, applied: Lsn| AtRest {
        logged,
        admitted: applied,
        applied,
        published: applied,
        readers_are_in: true,
        admits_more: true,
    };
    let lsn = |offset: i64| Lsn(u64::try_from(offset).unwrap_or_default());
    let (rest, end) = match watched.reached {
        Reached::Position => {
            let all = Lsn(requests as u64);
            (Some(at(all, all)), Some(dump(keys, &watched.end)))
        }
        Reached::NotInTime => {
            (watched.positions.map(|(logged, applied)| at(lsn(logged), lsn(applied))), None)
        }
        Reached::Unknown { .. } => (None, None),
    };
    Recording { keys: keys.to_vec(), is_at_once, sights: sights.collect(), rest, end }
}

/// Values as the models know them.
fn dump(keys: &[Key], values: &[Value]) -> Dump {
    let stored = |(key, value): (&Key, &Value)| {
        Some((key.clone(), Stored { content: content(value)?, deadline: None }))
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
