//! A path of the expiry model on real nodes: both clocks, the link and removals follow the path. Does I/O.

use super::Ran;
use super::cluster::{Cluster, Kind, Setup};
use super::link::Message;
use crate::cli::nodes::{RunError, wait_until};
use replicheck::binlog::Lsn;
use replicheck::effect::{Key, KeySet};
use replicheck::engine::{HandClock, ReaderView};
use replicheck::invariant::{Visible, visible};
use replicheck::models::choice::Choice;
use replicheck::models::experiment::{Experiment, Setting};
use replicheck::models::expiry::{
    self, Action, ExpiryModel, Moments, READ_INVARIANTS, ReplicaSide, STATE_INVARIANTS, Saw, at_same_lsn,
    moments_with, reader_looks, wrote,
};
use replicheck::models::fault::SeededFault;
use replicheck::models::judged::InvariantSet;
use replicheck::models::path::Taken;
use replicheck::models::request::Request;
use replicheck::models::story::{Clocks, Deed, Instant, Lane, Step, key_rows, ms_since};
use replicheck::store::{Dump, Stored};
use replicheck::time::Millis;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tokio::runtime::Handle;

/// An order to the nodes.
pub enum Order {
    /// A client sends a request.
    Send(Request),
    /// This number of milliseconds passes.
    Pass(u64),
    /// The master sends a heartbeat.
    Heartbeat,
    /// The link delivers its oldest message.
    Deliver,
    /// The master removes a key that is dead.
    MasterRemoves(Key),
    /// The replica removes a key that it finds dead.
    ReplicaRemoves(Key),
}

/// An order, and the stores of both nodes of the model afterwards.
pub type Told = (Order, [Dump; 2]);

/// The orders of a path, and the replica's clock less the master's in milliseconds. Errors: the path has a step that real
/// nodes cannot be ordered to do.
pub fn orders(
    model: &ExpiryModel,
    path: &[Taken<expiry::State, Action>],
) -> Result<(Vec<Told>, i64), RunError> {
    let mut orders = Vec::new();
    for (before, action, after) in path {
        let order = match *action {
            Action::Command(symbol) => Order::Send(model.setup().alphabet[symbol].clone()),
            Action::Pass(ms) => Order::Pass(ms),
            Action::Heartbeat => Order::Heartbeat,
            Action::Deliver => Order::Deliver,
            Action::MasterRemoves(n) => {
                Order::MasterRemoves(ExpiryModel::nth_key(model.master_dump(before.master), n))
            }
            Action::ReplicaRemoves(n) => {
                Order::ReplicaRemoves(ExpiryModel::nth_key(model.replica_dump(before.replica), n))
            }
            Action::Apply | Action::Publish => {
                let why = "a node publishes what it applies at once, so the path cannot be driven";
                return Err(RunError::not_driven(why));
            }
            Action::LinkDown | Action::LinkUp => {
                return Err(RunError::not_driven("the path has a link that goes down: that is not replayed"));
            }
        };
        let stored = [model.master_dump(after.master).clone(), model.replica_dump(after.replica).clone()];
        orders.push((order, stored));
    }
    Ok((orders, path.first().map_or(0, |(before, _, _)| model.skew_ms(before.skew))))
}

/// Runs the orders on nodes of `choice`. `is_recorded`: the orders are those of its own path, so both nodes
/// must store the same as in the model. Errors: [`RunError`].
pub fn run(
    handle: &Handle,
    folder: &Path,
    experiment: &Experiment,
    choice: Choice,
    (orders, skew_ms, is_recorded): (&[Told], i64, bool),
) -> Result<Ran, RunError> {
    let start = experiment.start();
    let clock = HandClock::new(start);
    let replica_clock = match choice.fault() {
        // By a clock that never advances, nothing is dead.
        Some(SeededFault::ReadersSeeTheDead) => HandClock::new(Millis::ZERO),
        _ => clock.skewed(skew_ms),
    };
    let tick_ms = match &experiment.setting {
        Setting::Clocks(clocks) => Some(clocks.tick_ms),
        Setting::Schedules(..) => None,
    };
    let setup = Setup { choice, tick_ms, workers: 1, kind: Kind::Free, replica_clock, clock };
    let cluster = Cluster::start(handle, folder, setup)?;
    let mut run = Run { cluster, start, ran: Ran::new(choice), readers: Readers::new(start) };
    for (number, (order, stored)) in (1..).zip(orders) {
        run.carry_out(order)?;
        if is_recorded {
            run.compare(number, stored)?;
        }
    }
    while !is_recorded && run.deliver()? {}
    let Run { cluster, mut ran, readers, .. } = run;
    ran.is_at_end = cluster.applied() == cluster.last();
    let [master, replica] = cluster.given()?;
    let instants = Instant { start, master: master.judged_at, replica: replica.judged_at };
    let rows = key_rows(&master.stored, &replica.stored, Some(instants));
    ran.keys = rows.into_iter().map(|(_, row)| row).collect();
    ran.broke(STATE_INVARIANTS, readers.state);
    ran.broke(READ_INVARIANTS, readers.reads);
    ran.places = Some(cluster.end());
    Ok(ran)
}

struct Run {
    cluster: Cluster,
    start: Millis,
    ran: Ran,
    readers: Readers,
}

/// The facts about both nodes that are needed to judge their stores and the state that readers of the replica
/// are given.
struct Readers {
    side: ReplicaSide,
    saw: Saw,
    moments: Moments,
    /// For each entry the keys whose value it wrote, and the master's store directly after it.
    entries: BTreeMap<Lsn, (KeySet, Dump)>,
    noted: Lsn,
    /// The time of their last read, by the master's clock.
    looked_at: Millis,
    state: InvariantSet,
    reads: InvariantSet,
}

impl Run {
    fn carry_out(&mut self, order: &Order) -> Result<(), RunError> {
        match order {
            Order::Send(request) => self.send(request),
            Order::Pass(ms) => {
                self.cluster.clock.advance(*ms);
                self.look(None, format!("goes on by {} s", *ms as f64 / 1000.0))
            }
            Order::Heartbeat => {
                self.cluster.link.await_heartbeat();
                self.cluster.master.engine.heartbeat();
                self.cluster.link.wait_for(Message::Heartbeat(self.cluster.clock.now()))?;
                self.look(Some(Lane::Master), "sends a heartbeat with its time".to_owned())
            }
            Order::Deliver => {
                if !self.deliver()? {
                    self.ran.note("there was no message to deliver".to_owned());
                }
                Ok(())
            }
            Order::MasterRemoves(key) => {
                let before = self.cluster.last();
                self.cluster.master.engine.remove(key)?;
                let lsns = self.cluster.sent_since(before)?;
                self.readers.sent(&self.cluster, None, &lsns)?;
                self.look(Some(Lane::Master), format!("removes {key} if it is dead{}", logged(&lsns)))
            }
            Order::ReplicaRemoves(key) => {
                self.cluster.replica.remove(key)?;
                self.look(
                    Some(Lane::Replica),
                    format!("removes {key} if its policy finds it dead and allows it"),
                )
            }
        }
    }

    fn send(&mut self, request: &Request) -> Result<(), RunError> {
        let (lsns, error) = self.cluster.send(request)?;
        self.readers.sent(&self.cluster, Some(request), &lsns)?;
        let answered = error.map(|error| format!(" (answered: {error})")).unwrap_or_default();
        self.look(Some(Lane::Client), format!("{request} on the master{answered}{}", logged(&lsns)))
    }

    /// Whether there was anything to deliver.
    fn deliver(&mut self) -> Result<bool, RunError> {
        let what = match self.cluster.link.deliver()? {
            None => return Ok(false),
            Some(Message::Entry(lsn)) => {
                let is_there = || self.cluster.applied() >= lsn || self.cluster.pool().is_err();
                wait_until(format_args!("entry {lsn}"), is_there)?;
                self.cluster.pool()?;
                format!("delivers entry {lsn}")
            }
            Some(Message::Heartbeat(time)) => {
                self.cluster.wait_for_time(time)?;
                format!("delivers the heartbeat of {}", at(self.start, time))
            }
        };
        self.look(Some(Lane::Link), what)?;
        Ok(true)
    }

    /// Readers of both nodes read, and the results are judged.
    fn look(&mut self, lane: Option<Lane>, what: String) -> Result<(), RunError> {
        let [master, replica] = self.cluster.given()?;
        self.readers.look(&self.cluster, &master, &replica);
        let sees = visible(&replica.stored, replica.judged_at);
        self.ran.story.steps.push(Step {
            deed: Deed::Ran(format!("{what}; a reader of the replica sees {}", seen(&sees))),
            lane,
            clocks: Some(Clocks {
                master_ms: ms_since(self.start, self.cluster.clock.now()),
                replica_ms: Some(ms_since(self.start, replica.judged_at)),
                estimated: false,
            }),
            ..Step::default()
        });
        Ok(())
    }

    fn compare(&mut self, number: usize, expected: &[Dump; 2]) -> Result<(), RunError> {
        let given = self.cluster.given()?;
        for ((given, expected), who) in given.iter().zip(expected).zip(["master", "replica"]) {
            if given.stored != *expected {
                let (here, there) = (stored(self.start, &given.stored), stored(self.start, expected));
                self.ran
                    .unlike(format!("after order {number} the {who} stores {here}, in the model {there}"));
            }
        }
        Ok(())
    }
}

impl Readers {
    fn new(start: Millis) -> Readers {
        Readers {
            side: ReplicaSide::new(None),
            saw: Saw::new(),
            moments: vec![Arc::default()],
            entries: BTreeMap::new(),
            noted: Lsn::NONE,
            looked_at: start,
            state: InvariantSet::default(),
            reads: InvariantSet::default(),
        }
    }

    /// Records what the entries wrote. The last entry of a request is its own; the others remove dead keys.
    fn sent(&mut self, cluster: &Cluster, request: Option<&Request>, lsns: &[Lsn]) -> Result<(), RunError> {
        let [master, _] = cluster.given()?;
        for lsn in lsns {
            let entry = cluster.link.entry(*lsn).ok_or_else(|| RunError::node("the entry was not sent"))?;
            let keys = match request {
                Some(request) if lsns.last() == Some(lsn) => wrote(request, &entry),
                _ => entry.keys().into_owned(),
            };
            self.entries.insert(*lsn, (keys, master.stored.clone()));
        }
        Ok(())
    }

    fn look(&mut self, cluster: &Cluster, master: &ReaderView, replica: &ReaderView) {
        let (master_now, replica_now) = (cluster.clock.now(), cluster.replica_clock.now());
        let (last, applied) = (cluster.last(), cluster.applied());
        for (lsn, (keys, stored)) in self.entries.range(self.noted.next()..) {
            if *lsn > applied {
                break;
            }
            self.side.note(*lsn, keys, stored.clone());
            self.noted = *lsn;
        }
        self.moments = moments_with(&self.moments, &master.stored, (self.looked_at, master_now));
        self.looked_at = master_now;
        let clocks = (replica.judged_at, master_now);
        let ((reads, _), saw, behind) =
            reader_looks(&self.side, &replica.stored, (&self.saw, &self.moments), clocks);
        self.saw = saw;
        self.moments.drain(..behind);
        self.reads.0 |= reads.0;
        if applied == last {
            let (state, _) = at_same_lsn(&master.stored, &replica.stored, master_now.max(replica_now));
            self.state.0 |= state.0;
        }
    }
}

/// An instant as seconds from the beginning.
fn at(start: Millis, instant: Millis) -> String {
    format!("t = {} s", instant.since(start) as f64 / 1000.0)
}

fn logged(lsns: &[Lsn]) -> String {
    let entries: Vec<String> = lsns.iter().map(|lsn| format!("entry {lsn}")).collect();
    if entries.is_empty() {
        "; nothing is logged".to_owned()
    } else {
        format!("; logged: {}", entries.join(", "))
    }
}

fn seen(sees: &Visible) -> String {
    let keys: Vec<String> = sees.iter().map(|(key, content)| format!("{key} = {content}")).collect();
    if keys.is_empty() { "no key".to_owned() } else { keys.join(", ") }
}

fn stored(start: Millis, dump: &Dump) -> String {
    let key = |(key, stored): (&Key, &Stored)| {
        let until =
            stored.deadline.map(|deadline| format!(" until {}", at(start, deadline))).unwrap_or_default();
        format!("{key} = {}{until}", stored.content)
    };
    let keys: Vec<String> = dump.iter().map(key).collect();
    if keys.is_empty() { "no key".to_owned() } else { keys.join(", ") }
}
