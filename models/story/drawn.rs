//! Drawn — a step as a drawing has it: lanes, arrows and signs, and what stands in each lane. Plain data.

/// Where something happens, from left to right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Clients.
    Client,
    /// One of two or three nodes, 0 to 2, where each may be master or replica.
    Node(usize),
    /// The master.
    Master,
    /// What is under way to the replica.
    Link,
    /// What the replica received.
    Log,
    /// One of the replica's workers: 0, 1, …
    Worker(usize),
    /// The replica's store, and what its readers are given.
    Replica,
}

impl Lane {
    /// `client`, `worker 0`.
    pub fn name(self) -> String {
        match self {
            Lane::Worker(number) => format!("worker {number}"),
            Lane::Node(_) => format!("node {}", self.short_name()),
            lane => lane.short_name(),
        }
    }

    /// The name where there is little room: `w0`.
    pub fn short_name(self) -> String {
        match self {
            Lane::Client => "client".to_owned(),
            Lane::Node(number) => ('A'..='Z').nth(number).unwrap_or('?').to_string(),
            Lane::Master => "master".to_owned(),
            Lane::Link => "link".to_owned(),
            Lane::Log => "log".to_owned(),
            Lane::Worker(number) => format!("w{number}"),
            Lane::Replica => "replica".to_owned(),
        }
    }
}

/// Something that goes over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrow {
    /// From where.
    pub from: Lane,
    /// To where.
    pub to: Lane,
    /// What: numbers of entries, `hb` for a heartbeat; none where it needs no word.
    pub carries: Vec<String>,
    /// The step (from 0) in which it left the master, if that was an earlier one.
    pub left_in: Option<usize>,
}

impl Arrow {
    /// What goes over, in a word.
    pub fn label(&self) -> String {
        self.carries.join(" ")
    }
}

/// Something that happens in one lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// In which.
    pub lane: Lane,
    /// What.
    pub sign: Sign,
}

/// What happens in one lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// It is killed, or goes down.
    Down,
    /// It comes back.
    Up,
    /// Admission closes for a snapshot.
    Cut,
    /// A snapshot is published.
    Publish,
    /// Something that stood there runs again.
    Again,
    /// Something is removed.
    Remove,
}

/// What stands in a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holds {
    /// In which.
    pub lane: Lane,
    /// How.
    pub state: Holding,
    /// What: entry numbers; empty for nothing.
    pub label: String,
}

/// How something stands in a lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Holding {
    /// Nothing is there.
    #[default]
    Idle,
    /// It lies there, and may go on.
    Lies,
    /// It may not go on yet: it waits for others.
    Waits,
    /// A worker has it in hand.
    Held,
    /// A worker wrote it and has not said so.
    Written,
    /// The link is down.
    Down,
}

/// What the clocks say, in milliseconds from the beginning of the story on the master's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// The master's.
    pub master_ms: i64,
    /// By which the replica's readers judge; `None` where they do not judge.
    pub replica_ms: Option<i64>,
    /// Whether that is an estimate.
    pub estimated: bool,
}
