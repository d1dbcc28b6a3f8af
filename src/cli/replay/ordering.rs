//! A path of the ordering model on real nodes: clients send, workers write, and readers look, in its order. Does I/O.
//!
//! The model's *take* is the pool's own business: a worker has a job as soon as there is one for it. What readers can see
//! is decided by the order of writes, and which marker a batch carries by what is finished when its worker begins: both are
//! the path's.
//!
//! At a crash the replica, which then is a process of its own, aborts. What it leaves on disk is compared with what the
//! model's crash leaves; then it starts again, and its readers are let in when it has recovered.

use super::Ran;
use super::cluster::{Cluster, Kind, Setup};
use super::orders::{Order, Told, has_crash};
use super::readers::Readers;
use crate::cli::nodes::{RunError, wait_until};
use replicheck::apply::pool::PoolState;
use replicheck::binlog::Lsn;
use replicheck::command::Command;
use replicheck::engine::HandClock;
use replicheck::models::catalogue::{Configuration, START, Subject};
use replicheck::models::ordering::INVARIANTS;
use replicheck::models::story::{Arrow, Lane, Mark, Sign, Step, key_rows};
use replicheck::ordering::{Job, Ordering as _, Reads};
use replicheck::store::{Content, Dump};
use std::path::Path;
use tokio::runtime::Handle;

/// Runs the orders on nodes of `configuration`, as far as it lets them. `is_recorded`: they are of its own path, so its
/// readers must be given what the model's are. Errors: [`RunError`].
pub fn run(
    handle: &Handle,
    folder: &Path,
    subject: &Subject,
    configuration: Configuration,
    (orders, is_recorded): (&[Told], bool),
) -> Result<Ran, RunError> {
    let clock = HandClock::new(START);
    let workers = match subject.setting {
        replicheck::models::trace::Setting::Schedules { workers, .. } => workers,
        replicheck::models::trace::Setting::Clocks { .. } => 1,
    };
    let kind = if has_crash(orders) { Kind::Apart } else { Kind::Gated };
    let setup = Setup { configuration, workers, kind, replica_clock: clock.clone(), clock };
    let cluster = Cluster::start(handle, folder, setup)?;
    let reads = configuration.machine(workers).reads();
    let shows_prefixes = configuration.choices().0.shows_prefixes();
    let mut run = Run {
        cluster,
        reads,
        shows_prefixes,
        is_recorded,
        ran: Ran::new(configuration),
        readers: Readers::new(),
    };
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
    /// Its readers see what is written once its worker has said so, the model's before that.
    shows_prefixes: bool,
    is_recorded: bool,
    ran: Ran,
    readers: Readers,
}

impl Run {
    fn follow(&mut self, order: &Order) -> Result<(), RunError> {
        match order {
            Order::Send(command) => self.send(command),
            Order::Begin(job) => self.begin(job),
            Order::Write(job) => self.write(job),
            Order::Finish(job) => self.finish(|unfinished| overlap(unfinished, job)),
            Order::Cut => {
                self.cluster.replica.cut()?;
                self.look(Lane::Replica, Vec::new(), "closes admission to publish a snapshot".to_owned())
            }
            Order::Flush => {
                self.cluster.replica.flush()?;
                self.readers.flushed();
                self.look(Lane::Replica, Vec::new(), "flushes what was written so far".to_owned())
            }
            Order::Crash(left, after) => self.crash(left, *after),
            Order::Recovered(steps) => {
                if self.is_recorded && *steps > 0 {
                    self.ran.note(format!(
                        "The model runs the log again in {steps} steps; a node does it before its port opens, in log order, \
                         so they were not driven one by one"
                    ));
                }
                Ok(())
            }
        }
    }

    fn send(&mut self, command: &Command) -> Result<(), RunError> {
        let (lsns, error) = self.cluster.send(command)?;
        let mut what = format!("{command} on the master");
        if let Some(error) = error {
            what += &format!(" (answered: {error})");
        }
        for &lsn in &lsns {
            let entry =
                self.cluster.link.entry(lsn).ok_or_else(|| RunError::node("the entry was not sent"))?;
            self.readers.sent(entry, command.to_string(), &self.cluster.given()?[0]);
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
    fn wait_until_admitted(&self, lsn: Lsn) -> Result<(), RunError> {
        let has_come = || {
            let state = self.cluster.pool();
            state.map_or(true, |state| state.admitted >= lsn || state.admission_waits)
        };
        wait_until(format_args!("entry {lsn}"), has_come)?;
        self.cluster.pool().map(|_| ())
    }

    /// Lets the worker of `job` begin. Under another strategy no worker may have the job yet: its marker is settled when it
    /// is written.
    fn begin(&mut self, job: &Job) -> Result<(), RunError> {
        if !self.cluster.pool()?.at_gate.contains(job) {
            return Ok(());
        }
        self.cluster.replica.let_begin(job)?;
        let what = format!("a worker begins to write {}: its marker is settled", self.readers.name(job));
        self.look(Lane::Replica, Vec::new(), what)
    }

    /// Lets `wanted` be written; where the strategy has not given it to a worker, what stands before it.
    fn write(&mut self, wanted: &Job) -> Result<(), RunError> {
        let name = self.readers.name(wanted);
        let mut before = Vec::new();
        while !self.readers.is_written(wanted) {
            let PoolState { at_gate, unfinished, .. } = self.cluster.pool()?;
            let next = at_gate.iter().find(|job| overlap(job, wanted));
            if next.is_none() && !unfinished.is_empty() {
                self.finish(|_| true)?;
                continue;
            }
            let Some(job) = next.or(at_gate.first()).cloned() else {
                self.ran.note(format!("{name} was not written: no worker may"));
                return Ok(());
            };
            if next.is_none() {
                before.push(self.readers.name(&job));
            }
            self.let_write(job)?;
        }
        if !before.is_empty() {
            self.ran.note(format!("{name} had to wait for {}", before.join(", ")));
        }
        Ok(())
    }

    fn let_write(&mut self, job: Job) -> Result<(), RunError> {
        self.cluster.replica.let_write(job.clone())?;
        self.wait_until_over(&job)?;
        let what = format!("writes {}", self.readers.name(&job));
        let label = job.first().to_string();
        self.readers.wrote(job);
        let arrow = Arrow { from: Lane::Log, to: Lane::Replica, label, left_in: None };
        self.look(Lane::Replica, vec![arrow], what)
    }

    /// Lets jobs that are written be finished.
    fn finish(&mut self, which: impl Fn(&Job) -> bool) -> Result<(), RunError> {
        for job in self.cluster.pool()?.unfinished.into_iter().filter(which) {
            self.cluster.replica.let_finish(job.clone())?;
            self.wait_until_over(&job)?;
            let what = format!("its worker says that {} is done", self.readers.name(&job));
            self.look(Lane::Replica, Vec::new(), what)?;
        }
        Ok(())
    }

    fn wait_until_over(&self, job: &Job) -> Result<(), RunError> {
        let is_over = || self.cluster.pool().map_or(true, |state| !state.begun.contains(job));
        wait_until(format_args!("{job:?}"), is_over)
    }

    /// The replica is killed, leaves what was flushed, and starts again.
    fn crash(&mut self, left: &Dump, after: Lsn) -> Result<(), RunError> {
        let (found, marker) = self.cluster.kill_replica()?;
        if let (true, Some(unlike)) = (self.is_recorded, other_crash((&found, marker), (left, after))) {
            self.ran.unlike(unlike);
        }
        let sign = |sign| vec![Mark { lane: Lane::Replica, sign }];
        self.ran.story.steps.push(Step {
            who: Lane::Replica.name(),
            what: format!("its process aborts; on disk it left {}, marker {marker}", seen(&found)),
            actor: Some(Lane::Replica),
            marks: sign(Sign::Down),
            ..Step::default()
        });
        self.cluster.restart_replica()?;
        let twice = self.readers.recovered(marker);
        let twice: Vec<String> = twice.iter().map(|&lsn| format!("entry {lsn}")).collect();
        let mut what = format!("starts again and runs its log after entry {marker}");
        if !twice.is_empty() {
            what += &format!(", {} for the second time", twice.join(", "));
        }
        // Its readers see what it recovered, whatever they saw last.
        self.readers.applied = Lsn(u64::MAX);
        self.look(Lane::Replica, Vec::new(), what)?;
        if let Some(step) = self.ran.story.steps.last_mut() {
            step.marks = sign(Sign::Up);
        }
        Ok(())
    }

    /// Writes what is left, in the order of the log, and publishes it.
    fn go_to_the_end(&mut self) -> Result<(), RunError> {
        self.finish(|_| true)?;
        while let Some(job) = self.cluster.pool()?.at_gate.first().cloned() {
            self.let_write(job)?;
            self.finish(|_| true)?;
        }
        if self.reads == Reads::Published {
            self.follow(&Order::Cut)?;
        }
        Ok(())
    }

    /// A reader of the replica looks, and is judged.
    fn look(&mut self, actor: Lane, arrows: Vec<Arrow>, what: String) -> Result<(), RunError> {
        let [_, given] = self.cluster.given()?;
        let applied = self.cluster.applied();
        // Readers of a strategy that shows prefixes are given what was published, not the store as it is.
        let is_live = self.reads == Reads::Latest && !self.shows_prefixes;
        let is_new = is_live || applied != self.readers.applied;
        self.readers.applied = applied;
        let pool = self.cluster.pool()?;
        let is_idle = pool.at_gate.is_empty() && pool.unfinished.is_empty() && pool.begun.is_empty();
        let is_stuck = pool.watermark < pool.admitted && is_idle;
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

    fn compare(&mut self, number: usize, expected: &Dump) -> Result<(), RunError> {
        if self.shows_prefixes && !self.cluster.pool()?.unfinished.is_empty() {
            return Ok(());
        }
        let [_, given] = self.cluster.given()?;
        if contents(&given.stored) != contents(expected) {
            let (here, there) = (seen(&given.stored), seen(expected));
            self.ran.unlike(format!("after order {number} a reader sees {here}, in the model {there}"));
        }
        Ok(())
    }
}

/// In which way a crash left something else than the model's, marker included.
fn other_crash(found: (&Dump, Lsn), expected: (&Dump, Lsn)) -> Option<String> {
    let is_other = contents(found.0) != contents(expected.0) || found.1 != expected.1;
    let (here, there) = (seen(found.0), seen(expected.0));
    is_other.then(|| {
        format!(
            "the crash left {here} with marker {}, in the model {there} with marker {}",
            found.1, expected.1
        )
    })
}

fn overlap(job: &Job, wanted: &Job) -> bool {
    let parts_meet = job.part.is_none() || wanted.part.is_none() || job.part == wanted.part;
    parts_meet && job.lsns.iter().any(|lsn| wanted.lsns.contains(lsn))
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

#[cfg(test)]
mod tests {
    use super::*;
    use replicheck::effect::Key;
    use replicheck::store::Stored;

    fn holding(value: &str) -> Dump {
        let stored = Stored { content: Content::String(value.into()), deadline: None };
        Dump::from_iter([(Key::new(0, b"b".to_vec()), stored)])
    }

    #[test]
    fn crash_that_leaves_another_marker_or_value_is_told() {
        let (one, two) = (holding("1"), holding("2"));
        assert_eq!(other_crash((&one, Lsn(1)), (&one, Lsn(1))), None);
        let marker = other_crash((&one, Lsn(2)), (&one, Lsn(1))).expect("another marker");
        assert_eq!(marker, r#"the crash left b = "1" with marker 2, in the model b = "1" with marker 1"#);
        assert!(other_crash((&two, Lsn(1)), (&one, Lsn(1))).is_some());
    }
}
