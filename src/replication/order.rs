//! Order — checks which message may come next, on either side of a session. Pure.
//!
//! ```text
//! has 5, epoch 2    6      heartbeat(after 6)   7      heartbeat(after 6)   8          9, earlier than the heartbeat
//!                   good   good                 good   refused              refused    refused
//! ```

use super::wire::{Downstream, WireError};
use super::{Ack, Heartbeat, Offset};
use crate::binlog::log::check_next;
use crate::binlog::{Epoch, Lsn};
use crate::time::Millis;

/// The replica's side: the place in the log up to which it has received messages.
///
/// Invariants: LSNs are contiguous, epochs and log time never decrease, a heartbeat or an offset belongs after the last
/// entry received.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Receiver {
    last: Lsn,
    epoch: Epoch,
    time: Millis,
}

impl Receiver {
    /// The state before the first message. The replica's log ends at `last`, an entry of `epoch` (0 if the log is empty).
    ///
    /// Log time begins at 0. A replica may have received a later heartbeat from its former master than the promoted master
    /// had, and still has to accept the entries of the promoted one. Entries are checked against the replica's own log when
    /// they are appended.
    pub fn new(last: Lsn, epoch: Epoch) -> Receiver {
        Receiver { last, epoch, time: Millis::ZERO }
    }

    /// Takes the next message. Errors: `Order`, `HeartbeatOrder`, `HeartbeatBack`, `OffsetOrder`; the state is then
    /// unchanged.
    pub fn take(&mut self, message: &Downstream) -> Result<(), WireError> {
        match message {
            Downstream::Entry(entry, _) => {
                check_next(self.last, Some((self.epoch, self.time)), entry)?;
                *self = Receiver { last: entry.lsn, epoch: entry.epoch, time: entry.time };
            }
            &Downstream::Heartbeat(Heartbeat { time, after, tail }) => {
                if after != self.last || after > tail.last {
                    return Err(WireError::HeartbeatOrder { after, received: self.last, last: tail.last });
                }
                if time < self.time || time > tail.time {
                    return Err(WireError::HeartbeatBack {
                        last: self.time,
                        got: time,
                        after,
                        tail: tail.time,
                    });
                }
                self.time = time;
            }
            &Downstream::Offset(Offset { after, .. }) if after != self.last => {
                return Err(WireError::OffsetOrder { after, received: self.last });
            }
            Downstream::Offset(Offset { time, .. }) => self.time = self.time.max(*time),
        }
        Ok(())
    }
}

/// The master's side: the LSNs that the replica has acknowledged.
///
/// Invariants: no acknowledged LSN decreases; durable and applied are at most received, and received is at most sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Acks {
    last: Ack,
}

impl Acks {
    /// Takes the next ack. `sent` is the last LSN that may have reached the replica. Errors: `AckOrder`; the state is then
    /// unchanged.
    pub fn take(&mut self, ack: Ack, sent: Lsn) -> Result<(), WireError> {
        let before = self.last;
        let goes_back =
            ack.received < before.received || ack.durable < before.durable || ack.applied < before.applied;
        if goes_back || ack.durable > ack.received || ack.applied > ack.received || ack.received > sent {
            return Err(WireError::AckOrder { got: ack, before, sent });
        }
        self.last = ack;
        Ok(())
    }
}
