//! Ample — the delivery that can stand for all steps of a state, where it can.
//!
//! How long a message is under way matters if what the replica makes of it depends on when it comes. Under many policies it
//! does not: an entry carries results, or is applied at its own time. Then the delivery commutes with everything that can
//! happen before it, and a run that delivers at once comes to the same stores as one that delivers late:
//!
//! ```text
//! command, heartbeat, the master removes a key    they add messages behind this one
//! time passes                                     the replica makes the same of the message at any time
//! the replica removes a key                       not possible before the delivery, at no time
//! ```
//!
//! Once the message has come, time no longer passes to instants that matter for it alone: the last moment at which it may
//! come, and deadlines that it carries and neither store has. At those nothing changes any more.
//!
//! Nothing about a policy is assumed: the replica is given the message at every moment at which something may change for
//! either, and the results are compared. This holds for the stored state only. Readers see whether a message has come.

use super::action::Action;
use super::model::{ExpiryModel, ReplicaStep, State};
use super::setup::Judges;
use super::world::Message;
use crate::models::setting::Passing;
use crate::store::Dump;
use crate::time::{Elapsed, Millis, Moment};
use std::collections::BTreeSet;

impl ExpiryModel {
    /// The delivery of the oldest message, if it can stand for all steps of this state.
    pub(super) fn prompt_delivery(&self, state: &State) -> Option<Action> {
        let clocks = &self.setup.clocks;
        let is_stored_state = self.setup.judges == Judges::State && !clocks.apart && state.down.is_none();
        if !is_stored_state || clocks.passing != Passing::Instants {
            return None;
        }
        let (_, message) = *self.links.value(state.link).first()?;
        let is_timeless =
            self.timeless.get((state.replica, message), || self.is_timeless(state.replica, message));
        is_timeless.then(|| {
            let seen = (state.master, state.link, state.replica, state.skew, state.elapsed, state.passes);
            self.lateness.get(seen, || self.note_lateness(state, message));
            Action::Deliver
        })
    }

    /// Whether this replica makes the same of this message whenever it comes, and removes no key before.
    fn is_timeless(&self, replica: u32, message: u32) -> bool {
        let after = |moment| self.replica_after(replica, ReplicaStep::Message(message), moment);
        let deadlines = |dump: &Dump| dump.values().filter_map(|stored| stored.deadline).collect::<Vec<_>>();
        let first = after(self.replica_moment(0, 0));
        let mut changes = deadlines(self.replica_dump(replica));
        changes.extend(deadlines(self.replica_dump(first)));
        if let Message::Entry { deadlines, .. } = self.messages.value(message) {
            changes.extend(deadlines);
        }
        let walls: BTreeSet<Millis> =
            changes.iter().flat_map(|at| [at.0.saturating_sub(1), at.0]).map(Millis).collect();
        let side = self.replicas.value(replica).replica.replica();
        let removes = |wall| {
            let by = side.removes_at(self.policy(), wall);
            by.is_some_and(|by| self.replica_dump(replica).values().any(|stored| stored.is_dead(by)))
        };
        let skews = (0u16..).zip(&self.setup.clocks.skews_ms);
        let start = self.replica_moment(0, 0).wall;
        !removes(start)
            && skews.into_iter().all(|(_, skew)| {
                walls.iter().all(|&wall| {
                    let elapsed = Elapsed(wall.offset(skew.saturating_neg()).0);
                    after(Moment { elapsed, wall }) == first && !removes(wall)
                })
            })
    }

    /// Notes how late the oldest message may be delivered: the same as now comes of it then.
    fn note_lateness(&self, state: &State, message: u32) {
        let mut passes = Vec::new();
        self.passes(state, &mut passes);
        for action in passes {
            let Action::Pass(ms) = action else { continue };
            let wall = self.replica_clock(state.elapsed + ms, state.skew);
            self.note_application(message, self.master_clock(state.elapsed + ms).max(wall));
        }
    }
}
