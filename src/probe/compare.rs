//! Compare — a master and its replicas → a report of what differs. Does I/O: nodes, threads, a clock.
//!
//! ```text
//! pass 1  SCAN the master, read a batch of keys on all nodes at once ──▶ what differs is suspected
//! pass 2  SCAN each replica, ask the master which of its keys exist ──▶ what does not is suspected
//! then    suspected keys are looked at, at an equal position (`looks`) ──▶ verdicts
//! ```
//!
//! A key that was equal in pass 1 is not read again. Memory: a batch, and at most `SUSPECTS_MAX` suspected keys a replica.

use super::difference::Comparison;
use super::info::{Info, Position};
use super::looks::{Follower, absent, compare_whole, databases, judge, knows_fields};
use super::node::Node;
use super::options::{Options, ProbeError};
use super::read::read;
use super::report::{OfReplica, Report};
use super::seen::{Seen, Value};
use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

/// Keys of a batch.
const BATCH: usize = 500;

/// Suspected keys that are kept before they are judged.
const SUSPECTS_MAX: usize = 4096;

/// How far a comparison is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Keys read in both passes.
    pub done: u64,
    /// Keys that both passes have to read, as far as it is known.
    pub total: u64,
    /// Keys that differ.
    pub found: u64,
}

/// Compares the master with its replicas, and tells how far it is. Errors: the nodes cannot be compared at all. A comparison that
/// ends early gives a report of its findings so far.
pub fn compare(options: &Options, tell: &mut dyn FnMut(Progress)) -> Result<Report, ProbeError> {
    let mut run = Run::open(options, tell)?;
    if let Err(error) = run.all() {
        run.report.broken_off = Some(error.to_string());
    }
    Ok(run.end())
}

struct Run<'a> {
    options: &'a Options,
    master: Node,
    followers: Vec<Follower>,
    suspects: Vec<Vec<Vec<u8>>>,
    report: Report,
    progress: Progress,
    started: Instant,
    tell: &'a mut dyn FnMut(Progress),
}

/// The nodes of the options, connected.
pub struct Opened {
    /// The master.
    pub master: Node,
    /// Its INFO.
    pub info: Info,
    /// The replicas.
    pub followers: Vec<Follower>,
    /// The replicas in the report, without findings yet.
    pub replicas: Vec<OfReplica>,
}

/// Connects to the nodes. Errors: one does not answer, or has not the role that it was given.
pub fn open(options: &Options) -> Result<Opened, ProbeError> {
    let mut master = Node::open(&options.master, &options.of_master)?;
    let info = master.info()?;
    if let Some(reason) = info.unfit_as_master() {
        return Err(ProbeError::Unfit { node: master.name(), role: "the master".to_owned(), reason });
    }
    let unknown_of_master = unknown(info.position_of_master());
    let (mut followers, mut replicas) = (Vec::new(), Vec::new());
    for address in &options.replicas {
        let mut node = Node::open(address, &options.of_replicas)?;
        let own = node.info()?;
        if let Some(reason) = own.unfit_as_replica_of(&info) {
            let role = format!("a replica of {}", master.name());
            return Err(ProbeError::Unfit { node: node.name(), role, reason });
        }
        let mut replica = OfReplica::new(node.name(), own.software());
        let unknown = unknown_of_master.or_else(|| unknown(own.position_of_replica()));
        replica.why_lag = unknown.map(str::to_owned);
        replicas.push(replica);
        followers.push(Follower { node, unknown, is_behind: false });
    }
    Ok(Opened { master, info, followers, replicas })
}

impl<'a> Run<'a> {
    fn open(options: &'a Options, tell: &'a mut dyn FnMut(Progress)) -> Result<Run<'a>, ProbeError> {
        let Opened { master, info, followers, replicas } = open(options)?;
        let report = Report {
            options: options.clone(),
            software: info.software(),
            position: String::new(),
            databases: Vec::new(),
            keys: Default::default(),
            looked_up: 0,
            seconds: 0.0,
            replicas,
            not_compared: Vec::new(),
            broken_off: None,
        };
        let suspects = followers.iter().map(|_| Vec::new()).collect();
        let (progress, started) = (Progress::default(), Instant::now());
        let mut run = Run { options, master, followers, suspects, report, progress, started, tell };
        run.report.not_compared = run.not_compared();
        Ok(run)
    }

    fn all(&mut self) -> Result<(), ProbeError> {
        let databases = self.databases()?;
        for &database in &databases {
            self.select(database)?;
            for node in
                std::iter::once(&mut self.master).chain(self.followers.iter_mut().map(|f| &mut f.node))
            {
                let size = node.ask_one("DBSIZE", &[])?;
                self.progress.total +=
                    super::node::number(&size).and_then(|size| size.try_into().ok()).unwrap_or(0);
            }
        }
        for database in databases {
            self.select(database)?;
            self.report.databases.push(database);
            self.pass_over_master(database)?;
            for at in 0..self.followers.len() {
                self.pass_over_replica(at, database)?;
                self.judge(at, database)?;
            }
        }
        Ok(())
    }

    /// The databases to compare: those that are asked for, or all that hold keys on some node.
    fn databases(&mut self) -> Result<Vec<i64>, ProbeError> {
        if !self.options.databases.is_empty() {
            return Ok(self.options.databases.clone());
        }
        let mut all = BTreeSet::from([0]);
        for node in std::iter::once(&mut self.master).chain(self.followers.iter_mut().map(|f| &mut f.node)) {
            match node.info()?.databases() {
                Some(databases) => all.extend(databases),
                None => all.extend(0..databases(node)?),
            }
        }
        Ok(all.into_iter().collect())
    }

    fn select(&mut self, database: i64) -> Result<(), ProbeError> {
        self.master.select(database)?;
        self.followers.iter_mut().try_for_each(|follower| follower.node.select(database))
    }

    /// Pass 1: reads every key of the master on all nodes.
    fn pass_over_master(&mut self, database: i64) -> Result<(), ProbeError> {
        let mut cursor = b"0".to_vec();
        loop {
            let (next, keys) = self.master.scan(&cursor, self.options.pattern.as_deref(), BATCH)?;
            self.read_batch(&keys)?;
            for at in 0..self.followers.len() {
                if self.suspects[at].len() >= SUSPECTS_MAX {
                    self.judge(at, database)?;
                }
            }
            self.pace(keys.len());
            if next == b"0" {
                return Ok(());
            }
            cursor = next;
        }
    }

    fn read_batch(&mut self, keys: &[Vec<u8>]) -> Result<(), ProbeError> {
        if keys.is_empty() {
            return Ok(());
        }
        let (options, master) = (self.options, &mut self.master);
        // The master is read once for all replicas: with deadlines of fields only if all know them.
        let fields =
            options.fields && self.followers.iter().all(|follower| knows_fields(master, &follower.node));
        let (ours, theirs) = thread::scope(|scope| {
            let readers: Vec<_> = self
                .followers
                .iter_mut()
                .map(|follower| scope.spawn(|| read(&mut follower.node, keys, fields)))
                .collect();
            let ours = read(master, keys, fields);
            let join = |reader: thread::ScopedJoinHandle<'_, _>| {
                reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            let theirs: Vec<Result<Vec<Seen>, ProbeError>> = readers.into_iter().map(join).collect();
            (ours, theirs)
        });
        let ours = ours?;
        for seen in ours.iter().filter(|seen| seen.is_there()) {
            *self.report.keys.entry(seen.value.type_name().to_owned()).or_default() += 1;
        }
        for (at, theirs) in theirs.into_iter().enumerate() {
            for ((key, ours), theirs) in keys.iter().zip(&ours).zip(&theirs?) {
                let nodes = (&mut *master, &mut self.followers[at].node);
                if compare_whole(nodes, key, (ours, theirs), (options, fields))? != Comparison::Equal {
                    self.suspects[at].push(key.clone());
                }
            }
        }
        let unread = ours.iter().filter(|seen| matches!(seen.value, Value::Unread(_)));
        for seen in unread {
            let line =
                format!("values of type {}: only type and deadline are compared", seen.value.type_name());
            if !self.report.not_compared.contains(&line) {
                self.report.not_compared.push(line);
            }
        }
        Ok(())
    }

    /// Pass 2: asks the master for every key of a replica.
    fn pass_over_replica(&mut self, at: usize, database: i64) -> Result<(), ProbeError> {
        let mut cursor = b"0".to_vec();
        loop {
            let pattern = self.options.pattern.as_deref();
            let (next, keys) = self.followers[at].node.scan(&cursor, pattern, BATCH)?;
            let count = keys.len();
            if count > 0 {
                self.suspects[at].extend(absent(&mut self.master, keys)?);
            }
            self.report.looked_up += count as u64;
            if self.suspects[at].len() >= SUSPECTS_MAX {
                self.judge(at, database)?;
            }
            self.pace(count);
            if next == b"0" {
                return Ok(());
            }
            cursor = next;
        }
    }

    fn judge(&mut self, at: usize, database: i64) -> Result<(), ProbeError> {
        let suspects = std::mem::take(&mut self.suspects[at]);
        let follower = &mut self.followers[at];
        let verdicts = judge(&mut self.master, follower, suspects, self.options)?;
        let replica = &mut self.report.replicas[at];
        if follower.is_behind && replica.why_lag.is_none() {
            let seconds = self.options.wait.as_secs_f64();
            replica.why_lag = Some(format!("it did not reach the master's position within {seconds} s"));
        }
        for (key, verdict) in verdicts {
            replica.note(database, key, verdict);
        }
        self.progress.found = self.report.replicas.iter().map(|replica| replica.differing.total).sum();
        Ok(())
    }

    /// Counts keys as read, and pauses if that was faster than the rate.
    fn pace(&mut self, keys: usize) {
        self.progress.done += keys as u64;
        (self.tell)(self.progress);
        if self.options.rate > 0 {
            let due = Duration::from_secs_f64(self.progress.done as f64 / self.options.rate as f64);
            thread::sleep(due.saturating_sub(self.started.elapsed()));
        }
    }

    /// The limits of this comparison, a sentence each.
    fn not_compared(&self) -> Vec<String> {
        let mut lines = vec![
            "keys that were written to the master after the scan had passed their place".to_owned(),
            "groups of consumers of streams; counters of access (OBJECT FREQ, IDLETIME)".to_owned(),
        ];
        if let Some(pattern) = &self.options.pattern {
            lines.push(format!("keys that do not match {pattern}"));
        }
        let nodes =
            || std::iter::once(&self.master).chain(self.followers.iter().map(|follower| &follower.node));
        for node in nodes().filter(|node| !node.knows.pexpiretime) {
            let line =
                "does not know PEXPIRETIME: deadlines are measured by PTTL and TIME, to the stated error";
            lines.push(format!("{} {line}", node.name()));
        }
        let without: Vec<String> = nodes().filter(|node| !node.knows.hpexpiretime).map(Node::name).collect();
        match (self.options.fields, without.is_empty()) {
            (false, _) => lines.push("deadlines of fields (--fields)".to_owned()),
            (true, false) => {
                lines.push(format!("deadlines of fields: {} does not know HPEXPIRETIME", without.join(", ")));
            }
            (true, true) => {}
        }
        if !self.master.knows.watch {
            lines.push(
                "the master has no WATCH: a value that changed and changed back is not noticed".to_owned(),
            );
        }
        lines
    }

    fn end(mut self) -> Report {
        let told = |position: Position| match position {
            Position::Applied { history, offset } => format!("{offset} of {history}"),
            Position::Unknown(why) => format!("unknown: {why}"),
        };
        let gone = || "unknown: it does not answer any more".to_owned();
        let info = self.master.info_of_replication();
        self.report.position = info.map_or_else(|_| gone(), |info| told(info.position_of_master()));
        for (follower, replica) in self.followers.iter_mut().zip(&mut self.report.replicas) {
            let position = follower.node.position_of_replica();
            replica.position = position.map_or_else(|_| gone(), |(position, _)| told(position));
        }
        self.report.replicas.iter_mut().for_each(OfReplica::sort);
        self.report.seconds = self.started.elapsed().as_secs_f64();
        self.report
    }
}

fn unknown(position: Position) -> Option<&'static str> {
    match position {
        Position::Applied { .. } => None,
        Position::Unknown(why) => Some(why),
    }
}
