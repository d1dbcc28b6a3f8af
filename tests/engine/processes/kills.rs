//! Kills — for one choice, rounds of load, SIGKILL, restart and a comparison of everything.

use super::dump::{Database, Failed, difference, dump};
use super::load::{Control, Writer};
use super::node::{Node, folder, until};
use super::reader::Reader;
use fastrand::Rng;
use replicheck::client::ClientError;
use replicheck::compression::CompressionMethod;
use replicheck::expiry::Policy;
use replicheck::ordering::Strategy;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// A small flush threshold, so that stores are flushed during the load, and markers differ from restart to restart.
const FLUSH_BYTES: u64 = 200_000;
/// The most operations that are acknowledged before a kill.
const OPERATIONS_MAX: u64 = 1500;

/// The node that is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    Master,
    Replica,
}

/// The choices with which both nodes run.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    pub ordering: Strategy,
    pub expiry: Policy,
    /// Whether the replica's readers may see only states that the master had.
    pub prefixes: bool,
    /// Whether a key that a reader of the replica has seen dead must stay dead.
    pub no_resurrection: bool,
}

impl Choice {
    pub fn name(self) -> String {
        format!("{}/{}", self.ordering.name(), self.expiry.name())
    }
}

/// Counts of what a run did.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub masters: u64,
    pub replicas: u64,
    pub operations: u64,
    pub reads: u64,
    pub refused: u64,
    pub flushes: usize,
}

/// A master, its replica, and the writers of the load.
struct Pair {
    master: Node,
    replica: Node,
    writers: Vec<Writer>,
    random: Rng,
    /// The nodes that were killed, in order.
    killed: Vec<Victim>,
    /// What was done, one line for each step.
    history: String,
}

/// Runs one choice through its kills. Errors: the invariant that broke, with the history.
pub fn run(choice: Choice, seed: u64, victims: &[Victim]) -> Result<Tally, String> {
    let mut random = Rng::with_seed(seed);
    let fsync = ["always", "everysec", "no"][random.usize(..3)];
    let (_removed, dir) = folder();
    let mut pair = Pair::start(choice, fsync, &dir, random);
    let mut reader = Reader::new(seed, choice.prefixes, choice.no_resurrection);
    pair.writers = (0..super::dump::DATABASES).map(|db| Writer::new(seed, db)).collect();
    let stop = AtomicBool::new(false);
    let address = pair.replica.address();
    let outcome = thread::scope(|scope| {
        let reading = scope.spawn(|| reader.run(&address, &stop));
        let rounds = victims.iter().try_for_each(|victim| {
            pair.round(*victim)?;
            if reading.is_finished() { Err("the reader has ended".to_owned()) } else { Ok(()) }
        });
        stop.store(true, Ordering::Relaxed);
        reading.join().expect("the reader does not panic").and(rounds)
    });
    // Counted before the stop, because the stop flushes, too.
    let flushes = [&pair.master, &pair.replica].map(|node| node.log().matches("store flushed").count());
    let outcome = outcome.and_then(|()| pair.stop());
    outcome.map_err(|what| {
        let Pair { history, master, replica, .. } = &pair;
        format!(
            "{what}\nchoice {}, appendfsync {fsync}, 4 workers, a flush every {FLUSH_BYTES} bytes\n{history}\
             the master's log ends\n{}\nthe replica's log ends\n{}",
            choice.name(),
            master.log_end(),
            replica.log_end()
        )
    })?;
    let count = |of| pair.killed.iter().filter(|victim| **victim == of).count() as u64;
    Ok(Tally {
        masters: count(Victim::Master),
        replicas: count(Victim::Replica),
        operations: pair.writers.iter().map(Writer::operations).sum(),
        reads: reader.reads,
        refused: reader.refused,
        flushes: flushes.iter().sum(),
    })
}

impl Pair {
    fn start(choice: Choice, fsync: &str, dir: &Path, mut random: Rng) -> Pair {
        let compression = CompressionMethod::ALL[random.usize(..CompressionMethod::ALL.len())].name();
        let words = format!(
            "--ordering {} --expiry {} --appendfsync {fsync} --workers 4 --flush-bytes {FLUSH_BYTES} \
             --compression {compression}",
            choice.ordering.name(),
            choice.expiry.name()
        );
        let mut options: Vec<String> = words.split(' ').map(str::to_owned).collect();
        let master = Node::start(&dir.join("master"), &options);
        options.extend(["--replicaof".to_owned(), master.address()]);
        let replica = Node::start(&dir.join("replica"), &options);
        Pair { master, replica, writers: Vec::new(), random, killed: Vec::new(), history: String::new() }
    }

    /// Runs load, a kill during the load, and a restart. Then both nodes must have every acknowledged write, once.
    fn round(&mut self, victim: Victim) -> Result<(), String> {
        let operations = self.random.u64(1..OPERATIONS_MAX);
        let _ = writeln!(self.history, "  {operations} operations, SIGKILL of the {victim:?}, restart");
        let control = Control::default();
        let mut writers = std::mem::take(&mut self.writers);
        let address = self.master.address();
        let killed = thread::scope(|scope| {
            let (address, control) = (&address, &control);
            let run = |writer: &mut Writer| {
                let outcome = writer.run(address, control);
                control.end();
                outcome
            };
            let running: Vec<_> = writers.iter_mut().map(|writer| scope.spawn(move || run(writer))).collect();
            let killed = control.wait_for(operations).and_then(|()| match victim {
                Victim::Master => {
                    self.master.kill();
                    self.killed.push(Victim::Master);
                    Ok(())
                }
                Victim::Replica => self.kill_replica(control),
            });
            control.stop();
            for writer in running {
                let kept = writer.join().expect("a writer does not panic")?;
                if !kept && victim == Victim::Replica {
                    return Err("a writer lost its connection to a master that was not killed".to_owned());
                }
            }
            killed
        });
        self.writers = writers;
        killed?;
        if victim == Victim::Master {
            self.master.restart();
        }
        let databases = self.settle()?;
        self.writers.iter_mut().zip(&databases).try_for_each(|(writer, database)| writer.check(database))
    }

    /// Kills the replica and restarts it. The load continues while it is away and after it is back.
    fn kill_replica(&mut self, control: &Control) -> Result<(), String> {
        self.replica.kill();
        self.killed.push(Victim::Replica);
        control.wait_for(self.random.u64(..OPERATIONS_MAX / 2))?;
        self.replica.restart();
        control.wait_for(self.random.u64(..OPERATIONS_MAX / 2))
    }

    /// Waits until the replica has applied everything; then both must have the same data. Repeats a dump if a key dies meanwhile.
    fn settle(&mut self) -> Result<Vec<Database>, String> {
        let mut last = String::new();
        let settled = until("the replica has all that the master has", || match self.compare() {
            Ok(databases) => Some(Ok(databases)),
            Err(Unequal::Yet(why)) => {
                last = why;
                None
            }
            Err(Unequal::Forever(why)) => Some(Err(why)),
        });
        settled
            .unwrap_or_else(|text| Err(format!("{text}\n{last}")))
            .map_err(|text| format!("convergence: {text}"))
    }

    fn compare(&mut self) -> Result<Vec<Database>, Unequal> {
        for (name, node) in [("master", &mut self.master), ("replica", &mut self.replica)] {
            if node.has_ended() {
                return Err(Unequal::Forever(format!("the {name} has ended by itself")));
            }
        }
        let stopped = self.replica.fact("rc_link_stopped")?;
        if !stopped.is_empty() {
            return Err(Unequal::Forever(format!("the link is stopped: {stopped}")));
        }
        let link = self.replica.fact("master_link_status")?;
        let has = self.replica.fact("rc_applied_lsn")?;
        let end = self.master.fact("rc_received_lsn")?;
        if link != "up" || has != end {
            return Err(Unequal::Yet(format!("link {link}, applied {has} of {end}")));
        }
        let (mut master, mut replica) = (dump(&self.master)?, dump(&self.replica)?);
        // After a kill of the master, log time is ahead for a while, and a policy may judge by the replica's own clock.
        // So a key that is dead by any of these clocks is not compared.
        let now = clocks(&self.master)?.into_iter().chain(clocks(&self.replica)?).max();
        for database in master.iter_mut().chain(&mut replica) {
            database.retain(|_, row| row.deadline.is_none_or(|deadline| Some(deadline) > now));
        }
        let difference = difference(&master, &replica);
        if difference.is_empty() { Ok(master) } else { Err(Unequal::Forever(difference)) }
    }

    /// Sends SIGTERM to both nodes; both must end well.
    fn stop(&mut self) -> Result<(), String> {
        self.history.push_str("  SIGTERM of both\n");
        for node in [&mut self.replica, &mut self.master] {
            let ended = node.terminate();
            if ended.code() != Some(0) {
                return Err(format!("after SIGTERM: {ended}"));
            }
        }
        Ok(())
    }
}

/// A node's log time and its own clock, milliseconds since 1970.
pub fn clocks(node: &Node) -> Result<[i64; 2], ClientError> {
    let of = |name| node.fact(name).map(|text| text.parse::<i64>().unwrap());
    Ok([of("rc_log_time")?, of("server_time_usec")? / 1000])
}

/// Why two nodes do not have the same data.
enum Unequal {
    /// They may become equal later.
    Yet(String),
    /// They will never become equal.
    Forever(String),
}

impl From<Failed> for Unequal {
    fn from(failed: Failed) -> Unequal {
        Unequal::Yet(failed.0)
    }
}

impl From<ClientError> for Unequal {
    fn from(error: ClientError) -> Unequal {
        Unequal::Yet(error.to_string())
    }
}
