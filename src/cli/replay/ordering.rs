//! A path of the ordering model on real nodes: clients send, workers write, and readers read, in the order of the
//! path. Does I/O.
//!
//! The pool itself does the model's *take*: a worker has a job as soon as there is one for it. The order of writes decides
//! what readers can see. The jobs that are finished when a worker begins decide which marker its batch carries. The path
//! controls both.
//!
//! For a path with a crash the replica runs in a separate process, which aborts at the crash. The state that it leaves
//! on disk is compared with the state that the model's crash leaves. Then the replica starts again, and lets readers in
//! when it has recovered.

use super::Ran;
use super::cluster::{Cluster, Kind, Setup};
use super::orders::{Order, Told, has_crash};
use super::readers::Readers;
use crate::cli::nodes::{RunError, wait_until};
use replicheck::apply::pool::PoolState;
use replicheck::binlog::Lsn;
use replicheck::engine::HandClock;
use replicheck::models::bounds::RECENT_START as START;
use replicheck::models::choice::Choice;
use replicheck::models::experiment::{Experiment, Setting};
use replicheck::models::ordering::INVARIANTS;
use replicheck::models::request::Request;
use replicheck::models::story::{Arrow, Deed, Lane, Mark, Sign, Step, key_rows};
use replicheck::ordering::{Job, OrderingStrategy as _, Reads};
use replicheck::store::{Content, Dump};
use std::path::Path;
use tokio::runtime::Handle;

/// Runs the orders on nodes of `choice`, as far as it allows them. `is_recorded`: the orders are those of its
/// own path, so its readers must be given the same state as the model's readers. Errors: [`RunError`].
pub fn run(
    handle: &Handle,
    folder: &Path,
    experiment: &Experiment,
    choice: Choice,
    (orders, is_recorded): (&[Told], bool),
) -> Result<Ran, RunError> {
    let clock = HandClock::new(START);
    let workers = match &experiment.setting {
        Setting::Schedules(schedules, _) => schedules.workers,
        Setting::Clocks(_) => 1,
    };
    let kind = if has_crash(orders) { Kind::Apart } else { Kind::Gated };
    let setup = Setup { choice, tick_ms: None, workers, kind, replica_clock: clock.clone(), clock };
    let cluster = Cluster::start(handle, folder, setup)?;
    let reads = choice.machine(workers).reads();
    let mut run = Run { cluster, reads, is_recorded, ran: Ran::new(choice), readers: Readers::new() };
    for (number, (order, given)) in (1..).zip(orders) {
        run.carry_out(order)?;
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
    ran.places = Some(cluster.end());
    Ok(ran)
}

struct Run {
    cluster: Cluster,
    reads: Reads,
    is_recorded: bool,
    ran: Ran,
    readers: Readers,
}

impl Run {
    fn carry_out(&mut self, order: &Order) -> Result<(), RunError> {
        match order {
            Order::Send(request) => self.send(request),
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
                        "The model applies the log again in {steps} steps; a node does this before its port opens, in log order, \
                         so the steps were not driven one by one"
                    ));
                }
                Ok(())
            }
        }
    }

    fn send(&mut self, request: &Request) -> Result<(), RunError> {
        let (lsns, error) = self.cluster.send(request)?;
        let mut what = format!("{request} on the master");
        if let Some(error) = error {
            what += &format!(" (answered: {error})");
        }
        for &lsn in &lsns {
            let entry =
                self.cluster.link.entry(lsn).ok_or_else(|| RunError::node("the entry was not sent"))?;
            self.readers.sent(entry, request.to_string(), &self.cluster.given()?[0]);
            self.cluster.link.deliver()?;
            self.wait_until_admitted(lsn)?;
            what += &format!("; the replica receives it as entry {lsn}");
        }
        let carries = lsns.iter().map(ToString::to_string).collect();
        let arrow = |from, to, carries| Arrow { from, to, carries, left_in: None };
        let arrows =
            vec![arrow(Lane::Client, Lane::Master, Vec::new()), arrow(Lane::Master, Lane::Log, carries)];
        self.look(Lane::Client, arrows, what)
    }

    /// Waits until the pool has admitted the entry, or the entry waits for a cut.
    fn wait_until_admitted(&self, lsn: Lsn) -> Result<(), RunError> {
        let has_come = || {
            let state = self.cluster.pool();
            state.map_or(true, |state| state.admitted >= lsn || state.admission_waits)
        };
        wait_until(format_args!("entry {lsn}"), has_come)?;
        self.cluster.pool().map(|_| ())
    }

    /// Lets the worker of `job` begin. Under another strategy perhaps no worker has the job yet; then its marker is settled
    /// when it is written.
    fn begin(&mut self, job: &Job) -> Result<(), RunError> {
        if !self.cluster.pool()?.at_gate.contains(job) {
            return Ok(());
        }
        self.cluster.replica.let_begin(job)?;
        let what = format!("a worker begins to write {}: its marker is settled", self.readers.name(job));
        self.look(Lane::Replica, Vec::new(), what)
    }

    /// Lets `wanted` be written. If the strategy has not given it to a worker, the jobs before it are written
    /// first.
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
                self.ran.note(format!("{name} was not written: no worker may write it"));
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
        let carries = vec![job.first().to_string()];
        self.readers.wrote(job);
        let arrow = Arrow { from: Lane::Log, to: Lane::Replica, carries, left_in: None };
        self.look(Lane::Replica, vec![arrow], what)
    }

    /// Lets written jobs be finished.
    fn finish(&mut self, which: impl Fn(&Job) -> bool) -> Result<(), RunError> {
        for job in self.cluster.pool()?.unfinished.into_iter().filter(which) {
            self.cluster.replica.let_finish(job.clone())?;
            self.wait_until_over(&job)?;
            let what = format!("its worker reports that {} is done", self.readers.name(&job));
            self.look(Lane::Replica, Vec::new(), what)?;
        }
        Ok(())
    }

    fn wait_until_over(&self, job: &Job) -> Result<(), RunError> {
        let is_over = || self.cluster.pool().map_or(true, |state| !state.begun.contains(job));
        wait_until(format_args!("{job:?}"), is_over)
    }

    /// Kills the replica, which leaves the flushed batches, and starts it again.
    fn crash(&mut self, left: &Dump, after: Lsn) -> Result<(), RunError> {
        let (found, marker) = self.cluster.kill_replica()?;
        if let (true, Some(unlike)) = (self.is_recorded, other_crash((&found, marker), (left, after))) {
            self.ran.unlike(unlike);
        }
        let sign = |sign| vec![Mark { lane: Lane::Replica, sign }];
        self.ran.story.steps.push(Step {
            deed: Deed::Ran(format!("its process aborts; on disk it left {}, marker {marker}", seen(&found))),
            lane: Some(Lane::Replica),
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
        // Its readers see the recovered state, whatever they saw before.
        self.readers.applied = Lsn(u64::MAX);
        self.look(Lane::Replica, Vec::new(), what)?;
        if let Some(step) = self.ran.story.steps.last_mut() {
            step.marks = sign(Sign::Up);
        }
        Ok(())
    }

    /// Writes the remaining jobs in the order of the log, and publishes them.
    fn go_to_the_end(&mut self) -> Result<(), RunError> {
        self.finish(|_| true)?;
        while let Some(job) = self.cluster.pool()?.at_gate.first().cloned() {
            self.let_write(job)?;
            self.finish(|_| true)?;
        }
        if self.reads == Reads::Published {
            self.carry_out(&Order::Cut)?;
        }
        Ok(())
    }

    /// A reader of the replica reads, and the result is judged.
    fn look(&mut self, lane: Lane, arrows: Vec<Arrow>, what: String) -> Result<(), RunError> {
        let [_, given] = self.cluster.given()?;
        let applied = self.cluster.applied();
        // Readers of a strategy that shows prefixes are given the published state, not the current store.
        let is_new = self.reads == Reads::Latest || applied != self.readers.applied;
        self.readers.applied = applied;
        let pool = self.cluster.pool()?;
        let is_idle = pool.at_gate.is_empty() && pool.unfinished.is_empty() && pool.begun.is_empty();
        let is_stuck = pool.watermark < pool.admitted && is_idle;
        self.readers.look(&given.stored, is_new, is_stuck);
        self.ran.story.steps.push(Step {
            deed: Deed::Ran(format!("{what}; a reader of the replica sees {}", seen(&given.stored))),
            lane: Some(lane),
            arrows,
            ..Step::default()
        });
        Ok(())
    }

    fn compare(&mut self, number: usize, expected: &Dump) -> Result<(), RunError> {
        // What is published is what a worker has said to be done; readers of the model see it as soon as it is written.
        if self.reads != Reads::Latest && !self.cluster.pool()?.unfinished.is_empty() {
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

/// A text for the difference between what a crash left and what the model's crash left, marker included;
/// `None`: they are equal.
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

/// The contents without deadlines, because the clock of this model stands still at an instant of its own.
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
