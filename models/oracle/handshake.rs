//! Two nodes whose folders are copied and restored, without optimizations — a choice × possible events → the shortest way
//! to break each invariant. Pure.
//!
//! The engine provides [`Log`], [`encode`], [`epoch_of_start`] and [`answer`]. The rest is written again: a node is its
//! log and three facts of its files, and each step builds complete nodes. Checksums cover the entries' bytes; no numbers
//! stand for them.
//!
//! ```text
//! a write · the next entry received · the link cut · the replica connects · a node stopped or killed, and started
//! a folder copied, once · a snapshot of a master's machine, once · the machine returns to it, once
//! ```
//!
//! The search goes breadth first, level by level, with complete states. No step is left out because of its likeness to
//! another one.

use crate::binlog::log::epoch_of_start;
use crate::binlog::{Entry, Epoch, Log, Lsn, Payload, encode};
use crate::command::Command;
use crate::models::invariants::Invariant;
use crate::replication::handshake::{Hello, History, ResumePoint, answer};
use crate::time::Millis;
use rustc_hash::FxHashSet;
use std::collections::BTreeMap;
use std::mem;

/// How two histories are distinguished, and which events may happen.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// Whether epochs are compared.
    pub epochs: bool,
    /// Whether a start as master that looks clean continues in the epoch of the last run.
    pub clean_starts_go_on: bool,
    /// Whether the checksum of the replica's last entry is compared.
    pub checksum: bool,
    /// Whether that checksum covers all entries of its epoch up to the last entry.
    pub chained: bool,
    /// The events that may happen besides stops and starts.
    pub may: May,
    /// Maximum number of writes.
    pub writes_max: u8,
    /// Maximum number of starts.
    pub starts_max: u8,
}

/// The events that may happen.
#[derive(Clone, Copy, Debug, Default)]
pub struct May {
    /// The link is cut.
    pub cut: bool,
    /// A node is killed.
    pub kill: bool,
    /// A node's folder is copied, and the copy is restored.
    pub restore: bool,
    /// A node's folder is copied to the other node.
    pub clone: bool,
    /// The file `node` is removed.
    pub removal: bool,
    /// A master's machine returns to a snapshot.
    pub revert: bool,
    /// A node changes its role at a start.
    pub promotion: bool,
}

/// The result of the search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shortest {
    /// Each invariant that breaks, with the steps of a shortest path to there.
    pub broken: BTreeMap<Invariant, usize>,
    /// States visited.
    pub states: usize,
}

/// A node's folder. It also determines what runs on it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Machine {
    log: Log,
    /// The file `node`: the epoch that was begun last, and whether the node is a master.
    noted: Epoch,
    leads: bool,
    /// Whether a start would find that no entry can be lost.
    sound: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    machines: [Machine; 2],
    linked: bool,
    /// The node whose folder was copied, and the copy.
    copied: Option<(usize, Machine)>,
    frozen: Option<(usize, Machine)>,
    went_back: bool,
    draws: u32,
    written: u8,
    ticked: bool,
    started: u8,
}

/// The invariants that break, each with the smallest number of steps.
pub fn shortest(question: &Question) -> Shortest {
    let new = Machine { log: Log::new(), noted: Epoch(0), leads: false, sound: true };
    let master = Machine { noted: epoch_of_start(&[], Epoch(0), 1), leads: true, ..new.clone() };
    let first = State {
        machines: [master, new],
        linked: true,
        copied: None,
        frozen: None,
        went_back: false,
        draws: 1,
        written: 0,
        ticked: false,
        started: 0,
    };
    let mut found = Shortest::default();
    let mut visited = FxHashSet::from_iter([first.clone()]);
    let mut level = vec![first];
    for steps in 1.. {
        for state in mem::take(&mut level) {
            for (next, refused) in question.steps(&state) {
                let parted = next.linked && !next.follows();
                for name in [parted.then_some(Invariant::Convergence), refused.then_some(Invariant::Resume)]
                    .into_iter()
                    .flatten()
                {
                    found.broken.entry(name).or_insert(steps);
                }
                if visited.insert(next.clone()) {
                    level.push(next);
                }
            }
        }
        if level.is_empty() {
            break;
        }
    }
    found.states = visited.len();
    found
}

impl State {
    /// The master and its replica, if there are both.
    fn pair(&self) -> Option<(usize, usize)> {
        match (self.machines[0].leads, self.machines[1].leads) {
            (true, false) => Some((0, 1)),
            (false, true) => Some((1, 0)),
            _ => None,
        }
    }

    /// Whether each entry of the replica is equal to its master's.
    fn follows(&self) -> bool {
        self.pair().is_some_and(|(master, replica)| {
            let [its, own] = [master, replica].map(|node| &self.machines[node].log);
            own.from(Lsn(1)).iter().all(|entry| its.get(entry.lsn) == Some(entry))
        })
    }
}

/// States, each with whether the step into it refused a replica whose entries are all equal to its master's.
type Steps = Vec<(State, bool)>;

impl Question {
    fn steps(&self, state: &State) -> Steps {
        let mut steps = Steps::new();
        for node in [0, 1] {
            self.writes(state, node, &mut steps);
            self.starts(state, node, &mut steps);
            self.copies(state, node, &mut steps);
        }
        self.link(state, &mut steps);
        if let Some((node, machine)) = state.frozen.clone().filter(|_| !state.went_back) {
            let mut next = State { went_back: true, linked: false, ..state.clone() };
            next.machines[node] = machine;
            steps.push((next, false));
        }
        steps
    }

    fn writes(&self, state: &State, node: usize, steps: &mut Steps) {
        if !state.machines[node].leads || state.written == self.writes_max {
            return;
        }
        for (key, tick) in [("x", 0), ("y", 0), ("x", 1), ("y", 1)] {
            if tick == 1 && state.ticked {
                continue;
            }
            let mut next = state.clone();
            let machine = &mut next.machines[node];
            let time = machine.log.get(machine.log.last()).map_or(Millis(1_000), |entry| entry.time);
            let argv = ["SET", key, "1"].map(|word| word.as_bytes().to_vec());
            let entry = Entry {
                lsn: machine.log.last().next(),
                epoch: machine.noted,
                time: Millis(time.0 + tick),
                payload: Payload::Command(Command::parse(0, argv.into()).expect("a command of ours")),
            };
            machine.log.append(entry).expect("it comes next");
            next.written += 1;
            next.ticked |= tick == 1;
            steps.push((next, false));
        }
    }

    fn starts(&self, state: &State, node: usize, steps: &mut Steps) {
        if state.started == self.starts_max {
            return;
        }
        let own = &state.machines[node];
        let mut folders = vec![own.clone()];
        if self.may.kill {
            let killed = Machine { sound: false, ..own.clone() };
            let mut shorter = killed.clone();
            shorter.log.truncate_after(Lsn(own.log.last().0.saturating_sub(1)));
            folders.extend([killed, shorter]);
        }
        if let Some((from, copy)) = &state.copied
            && (if *from == node { self.may.restore } else { self.may.clone })
        {
            folders.push(copy.clone());
        }
        let nameless = self.may.removal.then(|| Machine { noted: Epoch(0), leads: true, ..own.clone() });
        for (folder, roles) in folders
            .into_iter()
            .map(|folder| (folder, vec![false, true]))
            .chain(nameless.map(|it| (it, vec![true])))
        {
            for leads in roles.into_iter().filter(|leads| *leads == own.leads || self.may.promotion) {
                let mut next = State { started: state.started + 1, linked: false, ..state.clone() };
                next.machines[node] = self.started(folder.clone(), leads, &mut next.draws);
                steps.push((next, false));
            }
        }
    }

    /// A folder after a start.
    fn started(&self, folder: Machine, leads: bool, draws: &mut u32) -> Machine {
        let mut started = Machine { leads, sound: true, ..folder.clone() };
        let epochs = folder.log.epochs();
        let newest = epochs.iter().map(|(epoch, _)| *epoch).chain([folder.noted]).max().unwrap_or_default();
        let goes_on = self.clean_starts_go_on && folder.leads && folder.sound && newest > Epoch(0);
        if leads && goes_on {
            started.noted = newest;
        } else if leads {
            *draws += 1;
            started.noted = epoch_of_start(epochs, folder.noted, *draws);
        }
        started
    }

    fn copies(&self, state: &State, node: usize, steps: &mut Steps) {
        let machine = || Some((node, state.machines[node].clone()));
        if (self.may.restore || self.may.clone) && state.copied.is_none() {
            steps.push((State { copied: machine(), ..state.clone() }, false));
        }
        if self.may.revert && state.frozen.is_none() && state.machines[node].leads {
            steps.push((State { frozen: machine(), ..state.clone() }, false));
        }
    }

    fn link(&self, state: &State, steps: &mut Steps) {
        let Some((master, replica)) = state.pair() else { return };
        let [its, own] = [master, replica].map(|node| &state.machines[node]);
        if !state.linked {
            let linked = self.resumes(its, own);
            steps.push((State { linked, ..state.clone() }, !linked && state.follows()));
            return;
        }
        if self.may.cut {
            steps.push((State { linked: false, ..state.clone() }, false));
        }
        if let Some(entry) = its.log.get(own.log.last().next()) {
            let mut next = state.clone();
            next.linked = next.machines[replica].log.append(entry.clone()).is_ok();
            steps.push((next, false));
        }
    }

    /// Whether the handshake lets the replica resume.
    fn resumes(&self, master: &Machine, replica: &Machine) -> bool {
        let epochs = |log: &Log| {
            let one = log.from(Lsn(1)).first().map(|entry| (Epoch(7), entry.lsn));
            if self.epochs { log.epochs().to_vec() } else { one.into_iter().collect() }
        };
        let (last, epoch) = (master.log.last(), master.noted);
        let history = History {
            first: Lsn(1),
            last,
            epochs: epochs(&master.log),
            epoch,
            expiry: "effects".to_owned(),
            time: Millis(u64::MAX),
            follows: false,
        };
        let hello = Hello {
            last: replica.log.last(),
            checksum: self.sum(&replica.log, replica.log.last()),
            expiry: "effects".to_owned(),
            epochs: epochs(&replica.log),
            ..Hello::default()
        };
        answer(&history, &hello, |at| ResumePoint { checksum: self.sum(&master.log, at), next: None }).is_ok()
    }

    /// CRC32C of an entry's bytes, or of those of all entries of its epoch up to it.
    fn sum(&self, log: &Log, at: Lsn) -> Option<u32> {
        let epoch = log.get(at).filter(|_| self.checksum)?.epoch;
        let first = if self.chained { Lsn(1) } else { at };
        let mut bytes = Vec::new();
        for entry in log.from(first).iter().filter(|entry| entry.epoch == epoch && entry.lsn <= at) {
            encode(entry, &mut bytes).expect("a short entry");
            // An entry ends with its own checksum. A checksum over both would have only half of the bits.
            bytes.truncate(bytes.len() - 4);
        }
        Some(crc32c::crc32c(&bytes))
    }
}
