//! Partial — the reads of a stream → whether the rest of a message that has arrived in part is still waited for. Pure.
//!
//! ```text
//! read      entry 7, 100 bytes of entry 8      45 bytes   45 bytes   …        no more than a heartbeat a second, for 10 s
//!           waits                              waits      waits      stalled  the length of entry 8 may be damaged
//! ```
//!
//! A length has no checksum of its own. If it is damaged, the heartbeats that follow count as a part of the message, and the end may
//! be half a gigabyte away: the link would look alive, and nothing would be applied any more.

use std::time::Duration;

/// A peer that sends a long message sends at least so many bytes of it within the time limit.
pub const BYTES_MIN: usize = 64 << 10;

/// The rest of a message does not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message has arrived in part, and in {ms} ms only {bytes} bytes of its rest")]
pub struct Stalled {
    /// How long the rest was waited for, in milliseconds.
    pub ms: u128,
    /// How many bytes came.
    pub bytes: usize,
}

/// A message that has arrived in part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Partial {
    /// How long its rest is waited for, since there were this many bytes of it.
    waited: Duration,
    bytes: usize,
}

impl Partial {
    /// Takes a read that lasted `waited`. `is_next`: it completed a message. `rest`: the bytes of the next message that have arrived.
    /// Errors: [`Stalled`], if fewer than [`BYTES_MIN`] bytes of one message arrive within `at_most` of reading.
    pub fn read(
        &mut self,
        waited: Duration,
        (is_next, rest): (bool, usize),
        at_most: Duration,
    ) -> Result<(), Stalled> {
        if is_next || rest == 0 || rest >= self.bytes + BYTES_MIN {
            *self = Partial { waited: Duration::ZERO, bytes: rest };
            return Ok(());
        }
        self.waited += waited;
        if self.waited < at_most {
            return Ok(());
        }
        Err(Stalled { ms: self.waited.as_millis(), bytes: rest.saturating_sub(self.bytes) })
    }
}
