//! Order — which message may come next, on either side of a session. Pure.
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

/// The replica's side: what it has received.
///
/// Invariants: LSNs are contiguous, epochs and log time never go back, a heartbeat or an offset stands after the last entry received.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Receiver {
    last: Lsn,
    epoch: Epoch,
    time: Millis,
}

impl Receiver {
    /// Before the first message: the replica's log ends at `last`, of that epoch (0 if it is empty).
    ///
    /// Log time begins at 0: a replica may have heard a later heartbeat from a master that is gone than the one that was
    /// promoted, and must take its entries all the same. Entries are held against the replica's own log when appended.
    pub fn new(last: Lsn, epoch: Epoch) -> Receiver {
        Receiver { last, epoch, time: Millis::ZERO }
    }

    /// Takes the next message. Errors: `Order`, `HeartbeatOrder`, `HeartbeatBack`, `OffsetOrder`, and all is as before.
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

/// The master's side: what the replica has acknowledged.
///
/// Invariants: no watermark goes back; durable and applied are never beyond received, and received never beyond sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Acks {
    last: Ack,
}

impl Acks {
    /// Takes the next ack; `sent` is the last LSN that may have reached the replica. Errors: `AckOrder`, and all is as
    /// before.
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
