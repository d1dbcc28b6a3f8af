//! Orders to a replica in a separate process, and its answers ⇄ lines of JSON. Pure.
//!
//! ```text
//! "Look"                                    {"Ok": {"admitted": 2, "at_gate": [[1, 1, null], [2, 2, null]], …}}
//! {"LetWrite": [2, 2, null]}                {"Ok": {"admitted": 2, "at_gate": [[1, 1, null]], …}}
//! "Abort"                                   no answer: the process ends
//! ```

use replicheck::apply::pool::PoolState;
use replicheck::binlog::Lsn;
use replicheck::effect::Key;
use replicheck::engine::ReaderView;
use replicheck::ordering::Job;
use replicheck::store::element::Score;
use replicheck::store::{Content, Stored};
use replicheck::time::Millis;
use serde::{Deserialize, Serialize};

/// An order to the replica: one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// Only answer.
    Look,
    /// Settle the marker of a job at the gate.
    LetBegin(JobLine),
    /// Let a job through the gate, to be written.
    LetWrite(JobLine),
    /// Let a written job through the gate, to be finished.
    LetFinish(JobLine),
    /// Close admission to publish a snapshot.
    Cut,
    /// Flush the store as it is.
    Flush,
    /// Abort at once.
    Abort,
}

/// The answer to each order, and once before the first order: one line. Errors: as text.
pub type Answer = Result<SeenLine, String>;

/// A job on a line: its LSNs, and the database and name of the key if it is a part.
pub type JobLine = (Vec<u64>, Option<KeyLine>);

type KeyLine = (u8, Vec<u8>);

/// The state of a replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The state of its worker pool.
    pub pool: PoolState,
    /// The last entry that its readers see.
    pub applied: Lsn,
    /// Its log time.
    pub log_time: Millis,
    /// Whether readers are let in.
    pub lets_readers_in: bool,
    /// The state that readers are given.
    pub given: ReaderView,
}

/// [`Seen`] as a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenLine {
    admitted: u64,
    watermark: u64,
    admission_waits: bool,
    at_gate: Vec<JobLine>,
    unfinished: Vec<JobLine>,
    begun: Vec<JobLine>,
    applied: u64,
    log_time: u64,
    lets_readers_in: bool,
    judged_at: u64,
    stored: Vec<(KeyLine, ContentLine, Option<u64>)>,
}

/// A field's value, and its deadline in milliseconds.
type Field = (Vec<u8>, Option<u64>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum ContentLine {
    String(Vec<u8>),
    Hash(Vec<(Vec<u8>, Vec<u8>)>),
    /// Fields, each with its value and its deadline.
    Fields(Vec<(Vec<u8>, Field)>),
    List(Vec<Vec<u8>>),
    Set(Vec<Vec<u8>>),
    /// Members with the bytes of their scores.
    SortedSet(Vec<([u8; 8], Vec<u8>)>),
    /// A collection, and the number that its record counts.
    Miscounted(Box<ContentLine>, u64),
}

/// A job in the form of a line.
pub fn job_line(job: &Job) -> JobLine {
    (job.lsns.iter().map(|lsn| lsn.0).collect(), job.part.as_ref().map(key_line))
}

/// The job of a line.
pub fn job((lsns, part): JobLine) -> Job {
    Job { lsns: lsns.into_iter().map(Lsn).collect(), part: part.map(key) }
}

fn key_line(key: &Key) -> KeyLine {
    (key.db, key.name.clone())
}

fn key((db, name): KeyLine) -> Key {
    Key::new(db, name)
}

fn content_line(content: &Content) -> ContentLine {
    match content {
        Content::String(value) => ContentLine::String(value.clone()),
        Content::Hash(fields) => ContentLine::Hash(fields.clone().into_iter().collect()),
        Content::Fields(fields) => {
            let line = |(value, deadline): (Vec<u8>, Option<Millis>)| (value, deadline.map(|it| it.0));
            let lines = fields.clone().into_iter().map(|(field, stored)| (field, line(stored)));
            ContentLine::Fields(lines.collect())
        }
        Content::List(items) => ContentLine::List(items.clone()),
        Content::Set(members) => ContentLine::Set(members.iter().cloned().collect()),
        Content::SortedSet(members) => ContentLine::SortedSet(
            members.iter().map(|(score, member)| (score.to_bytes(), member.clone())).collect(),
        ),
        Content::Miscounted(content, count) => {
            ContentLine::Miscounted(Box::new(content_line(content)), *count)
        }
    }
}

fn content(line: ContentLine) -> Content {
    match line {
        ContentLine::String(value) => Content::String(value),
        ContentLine::Hash(fields) => Content::Hash(fields.into_iter().collect()),
        ContentLine::Fields(fields) => {
            let stored = |(value, deadline): (Vec<u8>, Option<u64>)| (value, deadline.map(Millis));
            Content::Fields(fields.into_iter().map(|(field, line)| (field, stored(line))).collect())
        }
        ContentLine::List(items) => Content::List(items),
        ContentLine::Set(members) => Content::Set(members.into_iter().collect()),
        ContentLine::SortedSet(members) => Content::SortedSet(
            members
                .into_iter()
                .filter_map(|(score, member)| Some((Score::from_bytes(&score)?, member)))
                .collect(),
        ),
        ContentLine::Miscounted(line, count) => Content::Miscounted(Box::new(content(*line)), count),
    }
}

impl From<Seen> for SeenLine {
    fn from(seen: Seen) -> SeenLine {
        let stored = seen.given.stored.iter().map(|(key, stored)| {
            (key_line(key), content_line(&stored.content), stored.deadline.map(|deadline| deadline.0))
        });
        SeenLine {
            admitted: seen.pool.admitted.0,
            watermark: seen.pool.watermark.0,
            admission_waits: seen.pool.admission_waits,
            at_gate: seen.pool.at_gate.iter().map(job_line).collect(),
            unfinished: seen.pool.unfinished.iter().map(job_line).collect(),
            begun: seen.pool.begun.iter().map(job_line).collect(),
            applied: seen.applied.0,
            log_time: seen.log_time.0,
            lets_readers_in: seen.lets_readers_in,
            judged_at: seen.given.judged_at.0,
            stored: stored.collect(),
        }
    }
}

impl From<SeenLine> for Seen {
    /// The lengths of the queue and the holds are left empty: they are not needed of a replica in a separate
    /// process.
    fn from(line: SeenLine) -> Seen {
        let stored = line.stored.into_iter().map(|(at, held, deadline)| {
            (key(at), Stored { content: content(held), deadline: deadline.map(Millis) })
        });
        let pool = PoolState {
            admitted: Lsn(line.admitted),
            watermark: Lsn(line.watermark),
            queued_entries: 0,
            queued_bytes: 0,
            admission_waits: line.admission_waits,
            held: Vec::new(),
            holds: Vec::new(),
            at_gate: line.at_gate.into_iter().map(job).collect(),
            unfinished: line.unfinished.into_iter().map(job).collect(),
            begun: line.begun.into_iter().map(job).collect(),
            stopped: None,
        };
        Seen {
            pool,
            applied: Lsn(line.applied),
            log_time: Millis(line.log_time),
            lets_readers_in: line.lets_readers_in,
            given: ReaderView { stored: stored.collect(), judged_at: Millis(line.judged_at) },
        }
    }
}
