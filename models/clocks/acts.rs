//! Acts — what the nodes do in a step.

use super::lifetime::{Allowed, DOWNTIME_MAX_MS, GivenDuration, LEAD_MS};
use super::model::Node;
use super::world::{Folder, LIMIT_MS, Logged, Measured, Message, World, key};
use super::{Fault, TICK_MS};
use crate::binlog::{Epoch, Lsn};
use crate::command::{Command, parse_integer};
use crate::expiry::{ExpiryPolicy, Judging, LogTime};
use crate::models::bounds::DRAWN;
use crate::models::expiry::wrote;
use crate::models::request::Request;
use crate::node::{Master, MasterClock, MasterInput, MasterOutput, Readers, Replica, SerialReplica};
use crate::store::{Dump, dump};
use crate::time::Millis;
use std::sync::Arc;

const MEMORY: &str = "the store in memory does not fail";

impl World {
    /// The master's ticker writes the folder: the next ceiling, and the pair of log time and wall time.
    pub fn write_folder(&mut self) {
        let now = self.now(0);
        let ceiling = self.clock.next_ceiling(now, LEAD_MS);
        self.clock.raise(ceiling);
        self.folder = Folder { pair: self.clock.pair(now), ceiling, at: self.elapsed, stepped_ms: 0 };
    }

    /// The master measures the offset of its wall clock, and sends it if it has changed.
    pub fn measure(&mut self) {
        if let Some(step) = self.clock.measure(self.now(0)) {
            let (after, time, offset_ms) = (self.master.last(), step.time, step.offset_ms);
            let measured = Measured { after, time, offset_ms, at: self.elapsed };
            self.tell(measured);
            self.offsets.retain(|before| before.after < after);
            self.offsets.push(measured);
            self.note_moment();
        }
    }

    fn tell(&mut self, Measured { time, offset_ms, at, .. }: Measured) {
        self.link.push((at, Message::Offset { time, offset_ms }));
    }

    fn send(&mut self, message: Message) {
        self.link.push((self.elapsed, message));
    }

    pub fn command(&mut self, policy: &dyn ExpiryPolicy, command: &Command) {
        self.measure();
        let now = self.now(0);
        let time = self.clock.begin(now);
        Arc::make_mut(&mut self.master).set_offset(self.clock.offset_ms());
        let request = MasterInput::Request { command: command.clone(), now: time, random: DRAWN };
        let mut then = Master::clone(&self.master);
        let outputs = Arc::make_mut(&mut self.master).step(policy, request).expect(MEMORY);
        self.clock.end();
        // An entry before the command's own entry is the DEL of a dead key. At that entry the command has not written
        // yet.
        then.step(policy, MasterInput::Expire { key: key(), now: time }).expect(MEMORY);
        let removed = dump(then.store()).expect(MEMORY);
        self.take(outputs, Some((command, removed)));
        self.sent += 1;
        let duration = (command.name() == "psetex")
            .then(|| parse_integer(&command.argv()[2]).and_then(|ms| u64::try_from(ms).ok()))
            .flatten();
        // After a start, log time may stand still at the old ceiling until the counted time reaches it.
        let stands = time.since(self.clock.counted(now)).min(LEAD_MS);
        let allowed = Allowed { longer: if self.has_started { stands } else { 0 }, shorter: 0 };
        self.given = duration.map(|duration| GivenDuration {
            lsn: self.master.last(),
            at: self.elapsed,
            duration,
            allowed,
        });
    }

    /// Logs and sends the master's outputs. `command`: the command that caused the last entry, with the store as it was
    /// before that command.
    fn take(&mut self, outputs: Vec<MasterOutput>, command: Option<(&Command, Dump)>) {
        let last = self.master.last();
        for output in outputs {
            match output {
                MasterOutput::Append(entry) => {
                    let own = command.as_ref().filter(|_| entry.lsn == last);
                    let wrote = own.map_or_else(
                        || entry.keys().into_owned(),
                        |(own, _)| wrote(&Request::from((*own).clone()), &entry),
                    );
                    let then = match (&command, own) {
                        (Some((_, removed)), None) => removed.clone(),
                        _ => dump(self.master.store()).expect(MEMORY),
                    };
                    self.send(Message::Entry(entry.lsn));
                    Arc::make_mut(&mut self.log).push(Logged { entry, wrote, then, at: self.elapsed });
                }
                MasterOutput::Heartbeat(time) => self.send(Message::Heartbeat(time)),
                MasterOutput::Reply(_) => {}
            }
        }
    }

    pub fn heartbeat(&mut self, policy: &dyn ExpiryPolicy) {
        self.measure();
        let now = self.clock.read(self.now(0));
        let outputs =
            Arc::make_mut(&mut self.master).step(policy, MasterInput::Heartbeat { now }).expect(MEMORY);
        self.take(outputs, None);
        self.write_folder();
    }

    pub fn master_removes(&mut self, policy: &dyn ExpiryPolicy) {
        let now = self.clock.read(self.now(0));
        let outputs = Arc::make_mut(&mut self.master)
            .step(policy, MasterInput::Expire { key: key(), now })
            .expect(MEMORY);
        self.take(outputs, None);
    }

    pub fn replica_removes(&mut self, policy: &dyn ExpiryPolicy) {
        let wall = self.now(1).wall;
        Arc::make_mut(&mut self.side).replica.remove(policy, &key(), wall).expect(MEMORY);
    }

    pub fn pass(&mut self) {
        self.elapsed += TICK_MS;
        self.passes += 1;
        self.write_folder();
    }

    pub fn step(&mut self, node: Node, ticks: i8) {
        let by_ms = i64::from(ticks) * TICK_MS.cast_signed();
        self.ahead_ms[node.index()] += by_ms;
        if node == Node::Master {
            self.folder.stepped_ms += by_ms;
        }
        self.may_step = false;
    }

    /// The oldest message is delivered, applied and published.
    pub fn deliver(&mut self, policy: &dyn ExpiryPolicy) {
        let now = self.now(1);
        let (newest, message) = self.link.remove(0);
        (self.newest, self.receipt) = (newest, self.elapsed);
        let time = match message {
            Message::Entry(lsn) => self.logged(lsn).entry.time,
            Message::Heartbeat(time) | Message::Offset { time, .. } => time,
        };
        // By now the replica's ticker has raised the ceiling. A heartbeat that waits for the ceiling is no different from
        // a late one.
        let ceiling = self.side.replica.replica().ceiling().max(Millis(time.0 + LEAD_MS));
        Arc::make_mut(&mut self.side).replica.set_ceiling(ceiling);
        match message {
            Message::Entry(lsn) => {
                let Logged { entry, wrote, then, .. } = self.logged(lsn).clone();
                Arc::make_mut(&mut self.side).replica.receive(policy, entry, now);
                Arc::make_mut(&mut self.side).replica.apply(policy, now.wall).expect(MEMORY);
                Arc::make_mut(&mut self.side).replica.publish();
                Arc::make_mut(&mut self.side).note(lsn, &wrote, then);
            }
            Message::Heartbeat(time) => {
                Arc::make_mut(&mut self.side).replica.heartbeat(time, now.elapsed);
                self.catches_up = false;
            }
            Message::Offset { time, offset_ms } => {
                Arc::make_mut(&mut self.side).replica.offset(time, offset_ms, now.elapsed)
            }
        }
    }

    fn logged(&self, lsn: Lsn) -> &Logged {
        &self.log[usize::try_from(lsn.0).expect("a short log") - 1]
    }

    /// The replica connects again. The master sends the offset, the entries that the replica lacks, and the time at its
    /// log's end.
    fn connect(&mut self) {
        self.measure();
        self.link.clear();
        let (replica, last) = (self.side.replica.replica(), self.master.last());
        let (received, known) = (replica.published(), replica.offset_ms());
        let holds = self.offsets.iter().rev().find(|measured| measured.after <= received).copied();
        // The master does not know the offsets from before its start. Instead of them it sends the first one measured
        // after its start.
        let first = Measured { time: Millis::ZERO, at: self.newest, ..self.offsets[0] };
        let holds = holds.unwrap_or(first);
        // A feed sends an offset only if it differs from the last one sent.
        let mut told = known;
        if holds.offset_ms != told {
            told = holds.offset_ms;
            self.tell(holds);
        }
        for lsn in (received.0 + 1..=last.0).map(Lsn) {
            self.link.push((self.logged(lsn).at, Message::Entry(lsn)));
            let measured = self.offsets.iter().find(|measured| measured.after == lsn).copied();
            if let Some(measured) = measured.filter(|measured| measured.offset_ms != told) {
                told = measured.offset_ms;
                self.tell(measured);
            }
        }
        let time = self.clock.read(self.now(0));
        self.send(Message::Heartbeat(time));
        Arc::make_mut(&mut self.side).replica.resumed(last);
    }

    pub fn restart_master(&mut self, judging: Judging, is_killed: bool, down: u8) {
        if !is_killed {
            let now = self.now(0);
            let told = self.clock.read(now);
            let pair = self.clock.pair(now);
            self.folder = Folder { pair, ceiling: told, at: self.elapsed, stepped_ms: 0 };
        }
        self.elapsed += u64::from(down) * TICK_MS;
        let Folder { pair, ceiling, at, stepped_ms } = self.folder;
        let now = self.now(0);
        self.clock =
            MasterClock::started(judging, Some(pair), DOWNTIME_MAX_MS, ceiling.max(self.master.time()), now);
        self.write_folder();
        let (store, last) = (self.master.store().clone(), self.master.last());
        self.master = Arc::new(Master::resume(store, Epoch(1), last, self.clock.read(now)));
        if let Some(given) = &mut self.given {
            let moved = Allowed::by_start(stepped_ms, self.elapsed - at, is_killed);
            given.allowed.longer += moved.longer;
            given.allowed.shorter += moved.shorter;
        }
        (self.may_restart, self.has_started, self.catches_up) = (false, true, true);
        let (time, offset_ms) = (self.clock.read(now), self.clock.offset_ms());
        self.offsets = vec![Measured { after: last, time, offset_ms, at: self.elapsed }];
        self.connect();
    }

    pub fn restart_replica(&mut self, fault: Option<Fault>, is_killed: bool, down: u8) {
        let replica = self.side.replica.replica();
        let received = replica.published();
        let of_entry = self.log.get(usize::try_from(received.0).expect("a short log").wrapping_sub(1));
        let of_entry = of_entry.map_or(Millis::ZERO, |logged| logged.entry.time);
        let told_now = replica.log_time(self.now(1).elapsed).time;
        let (mut heard, told, offset_ms, readers) = if is_killed {
            (of_entry, replica.ceiling().max(of_entry), 0, Readers::WaitForMaster)
        } else {
            (replica.heard(), told_now, replica.offset_ms(), replica.readers())
        };
        if fault == Some(Fault::ToldTakenForHeard) {
            heard = told;
        }
        self.elapsed += u64::from(down) * TICK_MS;
        // The master keeps running while the replica is down.
        self.write_folder();
        let log_time = LogTime::resumed(heard, told, self.now(1).elapsed);
        let mut replica = Replica::new(received, log_time, Some(LIMIT_MS), readers).with_offset(offset_ms);
        replica.set_ceiling(told);
        let store = self.side.replica.shown().clone();
        Arc::make_mut(&mut self.side).replica = SerialReplica::new(replica, store);
        // A killed node may have given its readers any time up to its ceiling.
        self.exempt = self.exempt.max(if told > heard { told } else { Millis::ZERO });
        self.receipt = self.elapsed;
        self.may_restart = false;
        if fault == Some(Fault::FollowerLiftsMaster) && told > self.clock.read(self.now(0)) {
            let now = self.now(0);
            self.clock = MasterClock::new(Judging::LogTime, (told, now.elapsed), told, now);
            self.write_folder();
        }
        self.connect();
    }
}
