//! Output — encoded replies that a client has not read yet, and how long they may exceed the soft limit. Pure.

use super::config::OutputLimit;
use super::reply::{Protocol, encode};
use super::room::{Charge, Replies, Room};
use crate::command::Reply;
use std::collections::VecDeque;
use tokio::time::{Duration, Instant};

/// Bytes after which a new buffer is begun, and the largest buffer that is kept after everything is sent.
const BUFFER_BYTES: usize = 64 * 1024;

/// Encoded replies that the client has not read yet. Their memory is counted against the client's [`Room`].
///
/// They are in buffers of about 64 KB, or of one large reply each. So memory is freed as soon as a buffer is sent, and
/// waiting bytes are never moved.
pub(super) struct Output {
    full: VecDeque<Vec<u8>>,
    last: Vec<u8>,
    /// Number of bytes of the first buffer that were sent.
    sent: usize,
    waiting: usize,
    /// The instant since which more bytes wait than the soft limit allows.
    over_since: Option<Instant>,
    /// Memory of the buffers in `full`, in bytes.
    full_bytes: usize,
    charge: Charge,
}

impl Output {
    pub(super) fn new(room: &Room) -> Output {
        let (full, last, charge) = (VecDeque::new(), Vec::new(), room.charge());
        Output { full, last, sent: 0, waiting: 0, over_since: None, full_bytes: 0, charge }
    }

    /// The number of bytes that wait to be sent.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// The first waiting bytes, as one slice; empty if none wait.
    pub(super) fn front(&self) -> &[u8] {
        &self.full.front().unwrap_or(&self.last)[self.sent..]
    }

    /// Encodes a reply and adds it.
    pub(super) fn push(&mut self, reply: &Reply, protocol: Protocol) {
        if self.last.len() >= BUFFER_BYTES {
            self.full_bytes += self.last.capacity();
            self.full.push_back(std::mem::take(&mut self.last));
        }
        let before = self.last.len();
        // Without the reservation a large reply would take up to twice its bytes, because the buffer grows by doubling.
        let expected = reply.bytes();
        if expected > BUFFER_BYTES {
            self.last.reserve_exact(expected);
        }
        encode(reply, protocol, &mut self.last);
        if expected > BUFFER_BYTES {
            self.last.shrink_to_fit();
        }
        self.waiting += self.last.len() - before;
        self.count();
    }

    /// Encodes and adds replies, each with the protocol that frames it; `None`: the reply is not sent.
    pub(super) fn extend(&mut self, replies: &Replies, framed: &[Option<Protocol>]) {
        for (reply, framed) in replies.as_slice().iter().zip(framed) {
            if let Some(protocol) = framed {
                self.push(reply, *protocol);
            }
        }
    }

    /// Notes that `count` bytes of [`Output::front`] were sent.
    pub(super) fn sent(&mut self, count: usize) {
        self.sent += count;
        self.waiting -= count;
        if !self.front().is_empty() {
            return;
        }
        self.sent = 0;
        match self.full.pop_front() {
            Some(sent) => self.full_bytes -= sent.capacity(),
            None if self.last.capacity() > BUFFER_BYTES => self.last = Vec::new(),
            None => self.last.clear(),
        }
        self.count();
    }

    fn count(&mut self) {
        self.charge.set(self.full_bytes + self.last.capacity());
    }

    /// Checks the waiting bytes against the hard limit, and notes since when they exceed the soft one. Errors: the number
    /// of waiting bytes, if it exceeds the hard limit.
    pub(super) fn check(&mut self, limit: OutputLimit, now: Instant) -> Result<(), usize> {
        let pending = self.waiting;
        if limit.hard > 0 && pending > limit.hard {
            return Err(pending);
        }
        let over = limit.soft > 0 && pending > limit.soft;
        self.over_since = over.then(|| self.over_since.unwrap_or(now));
        Ok(())
    }

    /// The instant at which the soft limit will have been exceeded for too long, unless the client reads something; `None`:
    /// it is not exceeded.
    pub(super) fn soft_end(&self, limit: OutputLimit) -> Option<Instant> {
        self.over_since.map(|since| since + Duration::from_secs(limit.soft_seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(bytes: usize) -> Reply {
        Reply::bulk(vec![b'v'; bytes])
    }

    #[test]
    fn output_in_any_pieces_is_what_was_pushed() {
        let sizes = [0, 10, 70_000, 5, 64 * 1024, 1, 200_000, 3];
        for piece in [1, 1000, 65_536, usize::MAX] {
            let room = Room::unlimited();
            let (mut output, mut expected, mut seen) = (Output::new(&room), Vec::new(), Vec::new());
            for (at, &bytes) in sizes.iter().cycle().take(40).enumerate() {
                output.push(&bulk(bytes), Protocol::Resp2);
                encode(&bulk(bytes), Protocol::Resp2, &mut expected);
                // Now and then some bytes are sent in between.
                let times = if at % 3 == 0 { 2 } else { 0 };
                (0..times).for_each(|_| send(&mut output, piece, &mut seen));
                assert_eq!(output.waiting(), expected.len() - seen.len());
                assert!(room.held() >= output.waiting());
            }
            while output.waiting() > 0 {
                send(&mut output, piece, &mut seen);
            }
            assert!(seen == expected, "pieces of {piece}");
            assert!(room.held() <= BUFFER_BYTES);
        }
    }

    fn send(output: &mut Output, piece: usize, seen: &mut Vec<u8>) {
        let count = output.front().len().min(piece);
        seen.extend_from_slice(&output.front()[..count]);
        output.sent(count);
    }

    #[test]
    fn output_takes_little_more_memory_than_its_bytes() {
        let room = Room::unlimited();
        let mut output = Output::new(&room);
        let list = Reply::Array((0..100_000).map(Reply::Integer).collect());
        for reply in [bulk(1_000_000), list, bulk(5_000_000)] {
            output.push(&reply, Protocol::Resp2);
            assert!(room.held() <= output.waiting() + 1000, "{} of {}", output.waiting(), room.held());
        }
        drop(output);
        assert_eq!(room.held(), 0);
    }

    #[test]
    fn output_is_judged_by_the_hard_limit_at_once_and_by_the_soft_one_after_its_time() {
        let mut output = Output::new(&Room::unlimited());
        let (limit, now) = (OutputLimit { hard: 300, soft: 100, soft_seconds: 5 }, Instant::now());
        output.push(&bulk(150), Protocol::Resp2);
        assert_eq!(output.check(limit, now), Ok(()));
        // A later check does not restart the time.
        assert_eq!(output.check(limit, now + Duration::from_secs(1)), Ok(()));
        assert_eq!(output.soft_end(limit), Some(now + Duration::from_secs(5)));
        output.sent(100);
        assert_eq!(output.check(limit, now + Duration::from_secs(2)), Ok(()));
        assert_eq!(output.soft_end(limit), None);
        output.push(&bulk(300), Protocol::Resp2);
        assert_eq!(output.check(limit, now), Err(output.waiting()));
        assert_eq!(output.check(OutputLimit { hard: 0, soft: 0, soft_seconds: 0 }, now), Ok(()));
    }
}
