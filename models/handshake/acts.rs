//! Acts — what the nodes do in a step.

use super::model::{Down, Folder, HandshakeModel, Node, State, With};
use super::{Compares, Epochs};
use crate::binlog::log::{epoch_of_start, last_epoch};
use crate::binlog::{Entry, Epoch, Log, Lsn};
use crate::expiry::Policy;
use crate::models::bounds::START;
use crate::models::judged::InvariantSet;
use crate::replication::handshake::{Hello, History, Refusal, Resume, ResumePoint, answer};
use crate::replication::{PROTOCOL_VERSION, PROTOCOL_VERSION_MIN};
use crate::time::Millis;

impl HandshakeModel {
    /// A master logs a write.
    pub(super) fn write(&self, state: &mut State, node: Node, content: usize, later: bool) {
        let Folder { log, noted: epoch, .. } = *state.folder(node);
        let appended = self.appended.get((log, epoch, content, later), || {
            let mut log = self.logs.value(log).clone();
            let time = Millis(time_of(&log, log.last()).unwrap_or(START).0 + u64::from(later));
            let entry =
                Entry { lsn: log.last().next(), epoch, time, payload: self.contents[content].clone() };
            log.append(entry).expect("a master's own entry comes next");
            self.logs.number(log)
        });
        state.folders[node.index()].log = appended;
        state.writes += 1;
        state.is_later |= later;
    }

    /// The next entry that the replica lacks.
    pub(super) fn next_entry(&self, state: &State) -> Option<&Entry> {
        let master = state.master()?;
        let [log, follower] = [master, master.other()].map(|node| self.log(state.folder(node)));
        log.get(follower.last().next())
    }

    /// Delivers the next entry to the replica's log; an entry that cannot come next ends the connection. `None` if there
    /// is none.
    pub(super) fn deliver(&self, state: &mut State) -> Option<()> {
        let entry = self.next_entry(state)?.clone();
        let replica = state.master()?.other();
        let mut log = self.log(state.folder(replica)).clone();
        match log.append(entry) {
            Ok(()) => state.folders[replica.index()].log = self.logs.number(log),
            Err(_) => state.is_up = false,
        }
        Some(())
    }

    /// A node goes down and starts. `None` if it would start with a copy that does not exist.
    pub(super) fn restart(
        &self,
        state: &mut State,
        node: Node,
        (down, with): (Down, With),
        as_master: bool,
    ) -> Option<()> {
        let folder = &mut state.folders[node.index()];
        if let Down::Killed(lost) = down {
            let mut log = self.logs.value(folder.log).clone();
            log.truncate_after(Lsn(log.last().0.saturating_sub(lost.into())));
            (folder.log, folder.clean) = (self.logs.number(log), false);
        }
        match with {
            With::Own => {}
            With::Copy => *folder = state.copy?.1,
            With::NodeRemoved => (folder.noted, folder.follower) = (Epoch::default(), false),
        }
        state.starts += 1;
        self.start(state, node, as_master);
        Some(())
    }

    /// A node starts with the folder that it has.
    pub(super) fn start(&self, state: &mut State, node: Node, as_master: bool) {
        let mut folder = *state.folder(node);
        if as_master {
            let epochs = self.log(&folder).epochs();
            let last = last_epoch(epochs, folder.noted);
            let goes_on = !folder.follower && folder.clean && last != Epoch::default();
            folder.noted = if self.setup.choice.epochs == Epochs::UncleanStarts && goes_on {
                last
            } else {
                state.drawn += 1;
                epoch_of_start(epochs, folder.noted, state.drawn)
            };
        }
        state.folders[node.index()] = Folder { follower: !as_master, clean: true, ..folder };
        state.is_up = false;
    }

    /// The replica connects. Returns whether it is refused although its log is a beginning of its master's; `None` if
    /// there is no master.
    pub(super) fn connect(&self, state: &mut State) -> Option<bool> {
        let node = state.master()?;
        let [master, replica] = [node, node.other()].map(|node| *state.folder(node));
        let key = (master.log, master.noted, replica.log);
        state.is_up = self.handshakes.get(key, || self.handshake(&master, &replica).is_ok());
        let is_beginning = self.is_beginning(state)?;
        let has_entries = self.log(&replica).last() > Lsn::NONE;
        let is_changed = state.starts > 0 || state.reverted;
        let resumes = state.is_up && is_beginning && has_entries && is_changed;
        self.witnesses.note(InvariantSet::default().with(0, !is_beginning).with(1, resumes));
        Some(is_beginning && !state.is_up)
    }

    /// The master's answer to the replica's handshake.
    pub(super) fn handshake(&self, master: &Folder, replica: &Folder) -> Result<Resume, Refusal> {
        let [log, follower] = [master, replica].map(|folder| self.log(folder));
        let hello = Hello {
            version: if self.setup.choice.compares == Compares::Nothing {
                PROTOCOL_VERSION_MIN
            } else {
                PROTOCOL_VERSION
            },
            last: follower.last(),
            checksum: self.checksum(follower, follower.last()),
            expiry: Policy::LogClock.name().to_owned(),
            epochs: self.told(follower),
            ..Hello::default()
        };
        let hello = Hello::parse(&hello.argv())?;
        let mut epochs = self.told(log);
        if self.forgets_epochs() {
            epochs.drain(..epochs.len().saturating_sub(1));
        }
        let history = History {
            first: Lsn(1),
            last: log.last(),
            epochs,
            epoch: master.noted,
            expiry: hello.expiry.clone(),
            time: time_of(log, log.last()).unwrap_or(START),
            follows: false,
        };
        let place = |at| ResumePoint { checksum: self.checksum(log, at), next: time_of(log, at.next()) };
        answer(&history, &hello, place)
    }

    /// The history of a log: its epochs, each with its first LSN, as the handshake uses them.
    fn told(&self, log: &Log) -> Vec<(Epoch, Lsn)> {
        match self.setup.choice.epochs {
            Epochs::One if log.last() == Lsn::NONE => Vec::new(),
            Epochs::One => vec![(Epoch(1), Lsn(1))],
            _ => log.epochs().to_vec(),
        }
    }

    /// The checksum at an entry: the number of the entries that it covers. `None` if there is no such entry, or nothing
    /// is compared.
    fn checksum(&self, log: &Log, at: Lsn) -> Option<u32> {
        let covered = match self.setup.choice.compares {
            Compares::Nothing => return None,
            Compares::LastEntry => vec![log.get(at)?.clone()],
            Compares::EntriesOfEpoch => log.epoch_through(at)?.to_vec(),
        };
        Some(self.summed.number(covered))
    }

    /// Whether the replica's log is a beginning of its master's. `None` if there is no master.
    pub(super) fn is_beginning(&self, state: &State) -> Option<bool> {
        let master = state.master()?;
        let logs = [master.other(), master].map(|node| state.folder(node).log);
        Some(self.beginnings.get((logs[0], logs[1]), || {
            let [own, its] = logs.map(|log| self.logs.value(log).from(Lsn::NONE));
            its.starts_with(own)
        }))
    }
}

/// The time of an entry; `None` if there is no such entry.
pub(super) fn time_of(log: &Log, at: Lsn) -> Option<Millis> {
    log.get(at).map(|entry| entry.time)
}
