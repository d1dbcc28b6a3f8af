//! A path of the ordering model on real nodes: clients send, workers write, and readers look, in its order. Does I/O.
//!
//! The model's *take* and *finish* are the pool's own business: a worker has a job as soon as there is one for it. What
//! readers can see is decided by the order of writes, and that is the path's.

use super::Ran;
use super::cluster::{Cluster, Setup};
use crate::cli::nodes::wait_until;
use replicheck::binlog::Lsn;
use replicheck::command::Command;
use replicheck::effect::KeySet;
use replicheck::engine::{Given, HandClock};
use replicheck::invariant::{State, Versions, convergence};
use replicheck::models::catalogue::{Configuration, Rigged, START, Subject};
use replicheck::models::judged::InvariantSet;
use replicheck::models::ordering::{
    self, Action, History, INVARIANTS, Move, OrderingModel, reader_looks, with_convergence,
};
use replicheck::models::story::{Arrow, Lane, Step, key_rows};
use replicheck::models::trace::Taken;
use replicheck::ordering::{Job, Ordering as _, Reads};
use replicheck::store::{Content, Dump};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use tokio::runtime::Handle;

/// What the nodes are told to do.
pub enum Order {
    /// A client sends a command, and the replica receives its entry.
    Send(Command),
    /// A worker writes a job.
    Write(Job),
    /// Admission closes, so that a snapshot is published.
    Cut,
}

/// An order, and what readers of the replica are given in the model afterwards; `None` where the nodes may be ahead of it.
pub type Told = (Order, Option<Dump>);

/// The orders of a path. Errors: what real nodes cannot be told to do.
pub fn orders(
    model: &OrderingModel<Rigged>,
    path: &[Taken<ordering::State, Action>],
) -> Result<Vec<Told>, String> {
    let mut orders = Vec::new();
    for (before, action, after) in path {
        let given = || Some(model.given(after).clone());
        match action {
            Action::Command(_) => {
                let program = model.setup().programs.at(after.place);
                let command = program.command.clone().ok_or("the path sends nothing")?;
                orders.push((Order::Send(command), given()));
            }
            Action::Move(Move::Write(worker)) => {
                let job = model.in_hand(before, *worker).ok_or("the path writes nothing")?;
                orders.push((Order::Write(job.clone()), given()));
            }
            Action::Move(Move::Cut) => orders.push((Order::Cut, None)),
            Action::Move(Move::Take(_) | Move::Finish(_) | Move::Publish) => {}
            Action::Readmit | Action::Crash(_) => {
                return Err("the path has a crash: crashes are not replayed on real nodes".to_owned());
            }
        }
    }
    Ok(orders)
}

/// Runs the orders on nodes of `configuration`, as far as it lets them. `is_recorded`: they are of its own path, so its
/// readers must be given what the model's are. Errors: in words.
pub fn run(
    handle: &Handle,
    folder: &Path,
    subject: &Subject,
    configuration: Configuration,
    (orders, is_recorded): (&[Told], bool),
) -> Result<Ran, String> {
    let clock = HandClock::new(START);
    let workers = match subject.setting {
        replicheck::models::trace::Setting::Schedules { workers, .. } => workers,
        replicheck::models::trace::Setting::Clocks { .. } => 1,
    };
    let setup = Setup { configuration, workers, is_gated: true, replica_clock: clock.clone(), clock };
    let cluster = Cluster::start(handle, folder, setup)?;
    let reads = configuration.machine(workers).reads();
    let mut run = Run { cluster, reads, ran: Ran::new(configuration), readers: Readers::new() };
    for (number, (order, given)) in (1..).zip(orders) {
        run.follow(order)?;
        if let (Some(given), true) = (given, is_recorded) {
            run.compare(number, given)?;
        }
    }
    if !is_recorded {
        run.go_to_the_end()?;
    }
    let Run { cluster, mut ran, readers, .. } = run;
    ran.is_at_end = cluster.applied() == cluster.last();
    let [master, replica] = cluster.given()?;
    ran.keys = key_rows(&master.stored, &replica.stored, None).into_iter().map(|(_, row)| row).collect();
    ran.broke(INVARIANTS, readers.broken);
    cluster.end();
    Ok(ran)
}

struct Run {
    cluster: Cluster,
    reads: Reads,
    ran: Ran,
    readers: Readers,
}

/// What is known of both nodes, to judge what readers of the replica are given.
struct Readers {
    /// The master after 0, 1, 2, … entries.
    versions: Vec<Versions>,
    dumps: Vec<Dump>,
    /// What each entry was: the command, and the keys that it touches.
    entries: BTreeMap<Lsn, (String, KeySet)>,
    written: Vec<Job>,
    /// Who wrote each key of the replica's store last.
    stored: Versions,
    /// The same of what readers are given, and of what they were given before.
    given: Versions,
    saw: Versions,
    applied: Lsn,
    broken: InvariantSet,
}

impl Run {
    fn follow(&mut self, order: &Order) -> Result<(), String> {
        match order {
            Order::Send(command) => self.send(command),
            Order::Write(job) => self.write(job),
            Order::Cut => {
                self.cluster.replica.engine.cut();
                self.look(Lane::Replica, Vec::new(), "closes admission to publish a snapshot".to_owned())
            }
        }
    }

    fn send(&mut self, command: &Command) -> Result<(), String> {
        let (lsns, error) = self.cluster.send(command)?;
        let mut what = format!("{command} on the master");
        if let Some(error) = error {
            what += &format!(" (answered: {error})");
        }
        for &lsn in &lsns {
            let entry = self.cluster.link.entry(lsn).ok_or("the entry was not sent")?;
            self.readers.sent(lsn, command.to_string(), entry.keys(), &self.cluster.given()?[0]);
            self.cluster.link.deliver()?;
            self.wait_until_admitted(lsn)?;
            what += &format!("; the replica receives it as entry {lsn}");
        }
        let label = || lsns.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let arrow = |from, to, label| Arrow { from, to, label, left_in: None };
        let arrows =
            vec![arrow(Lane::Client, Lane::Master, String::new()), arrow(Lane::Master, Lane::Log, label())];
        self.look(Lane::Client, arrows, what)
    }

    /// Waits until the pool has the entry, or keeps it waiting at a cut.
    fn wait_until_admitted(&self, lsn: Lsn) -> Result<(), String> {
        let has_come = || {
            let state = self.cluster.pool();
            state.map_or(true, |state| state.admitted >= lsn || state.admission_waits)
        };
        wait_until(format_args!("entry {lsn}"), has_come)?;
        self.cluster.pool().map(|_| ())
    }

    /// Lets `wanted` be written; where the strategy has not given it to a worker, what stands before it.
    fn write(&mut self, wanted: &Job) -> Result<(), String> {
        let name = self.readers.name(wanted);
        let mut before = Vec::new();
        while !self.readers.is_written(wanted) {
            let at_gate = self.cluster.pool()?.at_gate;
            let next = at_gate.iter().find(|job| overlap(job, wanted));
            let Some(job) = next.or(at_gate.first()).cloned() else {
                self.ran.note(format!("{name} was not written: no worker may"));
                return Ok(());
            };
            if next.is_none() {
                before.push(self.readers.name(&job));
            }
            self.let_through(job)?;
        }
        if !before.is_empty() {
            self.ran.note(format!("{name} had to wait for {}", before.join(", ")));
        }
        Ok(())
    }

    fn let_through(&mut self, job: Job) -> Result<(), String> {
        self.cluster.replica.engine.let_through(job.clone());
        let is_over = || self.cluster.pool().map_or(true, |state| !state.begun.contains(&job));
        wait_until(format_args!("the write of {job:?}"), is_over)?;
        let what = format!("writes {}", self.readers.name(&job));
        let label = job.first.to_string();
        self.readers.wrote(job);
        let arrow = Arrow { from: Lane::Log, to: Lane::Replica, label, left_in: None };
        self.look(Lane::Replica, vec![arrow], what)
    }

    /// Writes what is left, in the order of the log, and publishes it.
    fn go_to_the_end(&mut self) -> Result<(), String> {
        while let Some(job) = self.cluster.pool()?.at_gate.first().cloned() {
            self.let_through(job)?;
        }
        if self.reads == Reads::Published {
            self.follow(&Order::Cut)?;
        }
        Ok(())
    }

    /// A reader of the replica looks, and is judged.
    fn look(&mut self, actor: Lane, arrows: Vec<Arrow>, what: String) -> Result<(), String> {
        let [_, given] = self.cluster.given()?;
        let applied = self.cluster.applied();
        let is_new = self.reads == Reads::Latest || applied != self.readers.applied;
        self.readers.applied = applied;
        let pool = self.cluster.pool()?;
        let is_stuck = pool.watermark < pool.admitted && pool.at_gate.is_empty() && pool.begun.is_empty();
        self.readers.look(&given.stored, is_new, is_stuck);
        self.ran.story.steps.push(Step {
            who: actor.name(),
            what: format!("{what}; a reader of the replica sees {}", seen(&given.stored)),
            actor: Some(actor),
            arrows,
            ..Step::default()
        });
        Ok(())
    }

    fn compare(&mut self, number: usize, expected: &Dump) -> Result<(), String> {
        let [_, given] = self.cluster.given()?;
        if contents(&given.stored) != contents(expected) {
            let (here, there) = (seen(&given.stored), seen(expected));
            self.ran.unlike(format!("after order {number} a reader sees {here}, in the model {there}"));
        }
        Ok(())
    }
}

impl Readers {
    fn new() -> Readers {
        Readers {
            versions: vec![Versions::default()],
            dumps: vec![Dump::new()],
            entries: BTreeMap::new(),
            written: Vec::new(),
            stored: Versions::default(),
            given: Versions::default(),
            saw: Versions::default(),
            applied: Lsn::NONE,
            broken: InvariantSet::default(),
        }
    }

    fn sent(&mut self, lsn: Lsn, command: String, keys: KeySet, master: &Given) {
        let mut versions = self.versions.last().cloned().unwrap_or_default();
        versions.write(&keys, lsn);
        self.versions.push(versions);
        self.dumps.push(master.stored.clone());
        self.entries.insert(lsn, (command, keys));
    }

    fn wrote(&mut self, job: Job) {
        for lsn in job.lsns() {
            let whole = self.entries.get(&lsn).map_or_else(KeySet::empty, |(_, keys)| keys.clone());
            let keys = job.part.clone().map_or(whole, |key| KeySet::of([key]));
            self.stored.write(&keys, lsn);
        }
        self.written.push(job);
    }

    /// Whether all of the job is written, be it in other pieces.
    fn is_written(&self, wanted: &Job) -> bool {
        let has_part = |lsn: Lsn, key| {
            self.written.iter().any(|job| job.lsns().any(|it| it == lsn) && job.part.as_ref() == key)
        };
        wanted.lsns().all(|lsn| {
            let all_parts = || match self.entries.get(&lsn) {
                Some((_, KeySet::Keys(keys))) => keys.iter().all(|key| has_part(lsn, Some(key))),
                _ => false,
            };
            has_part(lsn, None) || wanted.part.as_ref().map_or_else(all_parts, |key| has_part(lsn, Some(key)))
        })
    }

    /// The entries of a job, with their commands.
    fn name(&self, job: &Job) -> String {
        let command = |lsn| self.entries.get(&lsn).map(|(command, _)| command.as_str()).unwrap_or_default();
        let entries: Vec<String> = job.lsns().map(|lsn| format!("entry {lsn} ({})", command(lsn))).collect();
        let part = job.part.as_ref().map(|key| format!(", its part for {key}")).unwrap_or_default();
        format!("{}{part}", entries.join(" and "))
    }

    fn look(&mut self, stored: &Dump, is_new: bool, is_stuck: bool) {
        if is_new {
            self.given = self.stored.clone();
        }
        let history =
            History { versions: self.versions.iter().collect(), dumps: self.dumps.iter().collect() };
        let sees = State { versions: &self.given, dump: stored };
        let broken = reader_looks(&history, &self.saw, sees, &BTreeSet::new());
        let end =
            self.versions.last().zip(self.dumps.last()).map(|(versions, dump)| State { versions, dump });
        let is_at_end = self.applied == Lsn(self.versions.len() as u64 - 1);
        let converged = !is_stuck && (!is_at_end || end.is_none_or(|end| convergence(sees, end)));
        self.broken.0 |= with_convergence(broken, converged).0;
        self.saw = self.given.clone();
    }
}

fn overlap(job: &Job, wanted: &Job) -> bool {
    let parts_meet = job.part.is_none() || wanted.part.is_none() || job.part == wanted.part;
    parts_meet && job.first <= wanted.last && wanted.first <= job.last
}

/// Without deadlines: this model's clock stands still elsewhere.
fn contents(dump: &Dump) -> Vec<(String, &Content)> {
    dump.iter().map(|(key, stored)| (key.to_string(), &stored.content)).collect()
}

fn seen(dump: &Dump) -> String {
    let keys: Vec<String> =
        contents(dump).iter().map(|(key, content)| format!("{key} = {content}")).collect();
    if keys.is_empty() { "no key".to_owned() } else { keys.join(", ") }
}
