//! Ample — a state of the expiry model → the delivery that may be explored instead of all its steps, if it may.
//!
//! Under many policies the effect of a message on the replica does not depend on the time of delivery: an entry carries
//! results, or is applied at its own time. Then the delivery commutes with every step that can come before it, and a run that
//! delivers at once reaches the same stores as a run that delivers late:
//!
//! ```text
//! command, heartbeat, removal on the master    add messages behind this one
//! time passes                                  the effect of the message stays the same
//! removal on the replica                       is not possible before the delivery, at any time
//! ```
//!
//! After the delivery, time does not pass to the instants that concern the message alone: the last instant at which it may be
//! delivered, and the deadlines that it carries and neither store has. Nothing changes at these instants any more.
//!
//! Nothing about a policy is assumed. The message is delivered to a copy of the replica at every instant at which something may
//! change, and the results are compared. The reduction is for searches of the stored state only, because readers see whether
//! a message was delivered.

use super::action::Action;
use super::model::{ExpiryModel, ReplicaStep, State};
use super::setup::Judges;
use super::world::Message;
use crate::models::setting::Passing;
use crate::store::{Dump, Stored};
use crate::time::{Elapsed, Millis, Moment};
use std::collections::BTreeSet;

impl ExpiryModel {
    /// The delivery of the oldest message, if it is an ample set; see [`Judged::ample_step`](crate::models::judged::Judged::ample_step).
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

    /// Whether the effect of this message on this replica is the same at every time of delivery, and the replica can remove no
    /// key before.
    fn is_timeless(&self, replica: u32, message: u32) -> bool {
        let after = |moment| self.replica_after(replica, ReplicaStep::Message(message), moment);
        let deadlines = |dump: &Dump| dump.values().flat_map(Stored::deadlines).collect::<Vec<_>>();
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
            by.is_some_and(|by| self.replica_dump(replica).values().any(|stored| stored.has_dead(by)))
        };
        let start = self.replica_moment(0, 0).wall;
        !removes(start)
            && self.setup.clocks.skews_ms.iter().all(|skew| {
                walls.iter().all(|&wall| {
                    let elapsed = Elapsed(wall.offset(skew.saturating_neg()).0);
                    after(Moment { elapsed, wall }) == first && !removes(wall)
                })
            })
    }

    /// Notes the late deliveries of the oldest message, which were compared with the one now, as covered.
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
