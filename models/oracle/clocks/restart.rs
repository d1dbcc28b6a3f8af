//! Restart — a node is stopped or killed, and starts again; then the replica connects again.

use super::{
    Folder, LEAD_MS, LIMIT_MS, MASTER, Message, NODES, Offset, Question, REPLICA, State, Steps, TICK_MS,
};
use crate::binlog::{Epoch, Lsn};
use crate::expiry::LogTime;
use crate::node::{Master, MasterClock, MasterInput, Readers, Replica, SerialReplica};
use crate::time::Millis;

/// Maximum of a downtime that counts, in milliseconds.
const DOWNTIME_MAX_MS: u64 = 1_000;
/// Maximum number of ticks that a node is down.
const DOWN_MAX: u64 = 2;

impl Question<'_> {
    /// Every way in which a node restarts.
    pub(super) fn restarts(&self, state: &State) -> Steps {
        let mut steps = Vec::new();
        for (is_killed, down) in [false, true].into_iter().flat_map(|it| (0..=DOWN_MAX).map(move |n| (it, n)))
        {
            let words = if is_killed { "killed" } else { "stopped" };
            for (node, name) in NODES.iter().enumerate() {
                let mut next = State { may_restart: false, ..state.clone() };
                match node {
                    MASTER => self.master_restarts(&mut next, is_killed, down * TICK_MS),
                    _ => Self::replica_restarts(&mut next, is_killed, down * TICK_MS),
                }
                self.connect(&mut next);
                steps.push((format!("the {name} is {words}, and starts {down} ticks later"), next));
            }
        }
        steps.retain(|_| state.may_restart);
        steps
    }

    fn master_restarts(&self, next: &mut State, is_killed: bool, down_ms: u64) {
        if !is_killed {
            let pair = next.clock.pair(next.moment(MASTER));
            next.folder = Folder { pair, ceiling: next.read(), at: next.elapsed, set_by_ms: 0 };
        }
        next.elapsed += down_ms;
        let Folder { pair, ceiling, at, set_by_ms } = next.folder;
        if let Some(given) = &mut next.given {
            let beyond_ms = (next.elapsed - at).saturating_sub(DOWNTIME_MAX_MS);
            let lead_ms = if is_killed { LEAD_MS } else { 0 };
            given.longer = beyond_ms.max(set_by_ms.min(0).unsigned_abs());
            given.shorter = set_by_ms.max(0).unsigned_abs() + lead_ms;
        }
        let now = next.moment(MASTER);
        let (judging, floor) = (self.policy.judging(), ceiling.max(next.master.time()));
        next.clock = MasterClock::started(judging, Some(pair), DOWNTIME_MAX_MS, floor, now);
        next.write_folder();
        let (store, last, time) = (next.master.store().clone(), next.master.last(), next.read());
        next.master = Master::resume(store, Epoch(1), last, time);
        // The offset that was valid at each entry before the start is no longer known.
        let offset_ms = next.clock.offset_ms();
        next.offsets = vec![Offset { after: Lsn::NONE, time: Millis::ZERO, offset_ms, at: 0 }];
        (next.master_started, next.is_sent_old) = (true, true);
    }

    fn replica_restarts(next: &mut State, is_killed: bool, down_ms: u64) {
        let before = next.replica.replica().clone();
        let last = next.published().next_back().map(|logged| logged.entry.time).unwrap_or_default();
        let (heard, told, offset_ms, readers) = if is_killed {
            (last, next.ceiling_of_replica.max(last), 0, Readers::WaitForMaster)
        } else {
            let told = before.log_time(next.moment(REPLICA).elapsed).time;
            (before.heard(), told, before.offset_ms(), before.readers())
        };
        next.elapsed += down_ms;
        next.write_folder();
        let log_time = LogTime::resumed(heard, told, next.moment(REPLICA).elapsed);
        let replica = Replica::new(before.published(), log_time, Some(LIMIT_MS), readers);
        next.replica = SerialReplica::new(replica.with_offset(offset_ms), next.replica.shown().clone());
        next.delivered_at = next.elapsed;
        if told > heard {
            next.guessed = next.guessed.max(told);
        }
    }

    /// The replica connects again. The master sends the offset, the entries that the replica lacks, and the time at the
    /// log's end.
    fn connect(&self, next: &mut State) {
        next.link.clear();
        let at = next.replica.replica().published();
        let holds = next.offsets.iter().rev().find(|offset| offset.after <= at).copied();
        let told = next.replica.replica().offset_ms();
        next.link.extend(holds.filter(|holds| holds.offset_ms != told).map(Message::Offset));
        for lsn in next.log.iter().map(|logged| logged.entry.lsn).filter(|lsn| *lsn > at) {
            next.link.push_back(Message::Entry(lsn));
            let changed = next.offsets.iter().filter(|offset| offset.after == lsn);
            next.link.extend(changed.copied().map(Message::Offset));
        }
        let now = next.read();
        self.master_acts(next, MasterInput::Heartbeat { now }, None);
        next.replica.resumed(next.master.last());
    }
}
