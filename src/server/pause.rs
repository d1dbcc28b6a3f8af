//! Pause — which requests of clients wait, and for how long: CLIENT PAUSE, CLIENT UNPAUSE, and the pause of a failover.
//!
//! ```text
//! CLIENT PAUSE 1000 WRITE ─▶ no further write is admitted ─▶ the admitted ones end ─▶ OK
//! GET k                      runs
//! SET k v                    waits until the pause ends, and with it what the same client sends after it
//! ```
//!
//! Source: <https://redis.io/docs/latest/commands/client-pause/>; `processCommand` in server.c, Redis 7.0. One thing differs:
//! MULTI queues a write at once, and its EXEC waits.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{RwLock, RwLockReadGuard, watch};
use tokio::time::Instant;

/// The requests that a pause holds back; a later one includes the earlier ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Paused {
    /// None.
    #[default]
    Nothing,
    /// Writes, and transactions with a write.
    Writes,
    /// All requests of clients.
    All,
}

/// Leave to pass writes to the node. No pause begins while it exists.
pub(super) type Admitted<'a> = RwLockReadGuard<'a, ()>;

/// The pauses of a server.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    state: watch::Sender<State>,
    /// Whether there may be a pause. It is read for each request, so it is not behind a lock.
    is_set: AtomicBool,
    /// Locked for reading while the node runs writes.
    admitted: RwLock<()>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct State {
    /// The pause by CLIENT PAUSE, and its end.
    by_client: Option<(Paused, Instant)>,
    /// Whether a failover holds back writes.
    by_failover: bool,
}

impl State {
    fn paused(&self, now: Instant) -> Paused {
        let by_client =
            self.by_client.filter(|&(_, end)| now < end).map_or(Paused::Nothing, |(paused, _)| paused);
        let by_failover = if self.by_failover { Paused::Writes } else { Paused::Nothing };
        by_client.max(by_failover)
    }

    /// With one more pause by a client. As in Redis, the earlier one neither ends sooner nor holds back less.
    fn with(&self, paused: Paused, end: Instant, now: Instant) -> State {
        let by_client = match self.by_client.filter(|&(_, before)| now < before) {
            None => (paused, end),
            Some((before, before_end)) => (before.max(paused), before_end.max(end)),
        };
        State { by_client: Some(by_client), ..*self }
    }
}

impl Pauses {
    /// What is paused now.
    pub fn now(&self) -> Paused {
        if !self.is_set.load(Ordering::Acquire) {
            return Paused::Nothing;
        }
        self.state.borrow().paused(Instant::now())
    }

    /// The instant until which a pause lasts, if one does: the removals of dead keys wait as long as writes do.
    pub fn until(&self) -> Option<Instant> {
        let state = self.state.borrow();
        let by_failover = state.by_failover.then(|| after(Duration::MAX));
        by_failover.max(state.by_client.map(|(_, end)| end))
    }

    /// Waits until no pause holds back requests of this kind.
    pub async fn end(&self, kind: Paused) {
        let mut states = self.state.subscribe();
        loop {
            let (is_over, end) = {
                let state = states.borrow_and_update();
                // A pause that has ended while a failover goes on is not waited for again.
                let end = state.by_client.map(|(_, end)| end).filter(|&end| Instant::now() < end);
                (state.paused(Instant::now()) < kind, end)
            };
            if is_over {
                return;
            }
            tokio::select! {
                // The sender is alive: it is in `self`.
                _ = states.changed() => {}
                () = until(end) => {}
            }
        }
    }

    /// Leave to pass writes to the node now; `None`: they have to wait.
    pub fn try_admit(&self) -> Option<Admitted<'_>> {
        let admitted = self.admitted.try_read().ok()?;
        (self.now() == Paused::Nothing).then_some(admitted)
    }

    /// Waits for leave to pass writes to the node.
    pub async fn admit(&self) -> Admitted<'_> {
        loop {
            let admitted = self.admitted.read().await;
            if self.now() == Paused::Nothing {
                return admitted;
            }
            drop(admitted);
            self.end(Paused::Writes).await;
        }
    }

    /// CLIENT PAUSE until `end`. Returns once the writes that were admitted before have ended.
    pub async fn pause(&self, paused: Paused, end: Instant) {
        self.change(|state| *state = state.with(paused, end, Instant::now())).await;
    }

    /// CLIENT UNPAUSE. The pause of a failover remains.
    pub async fn unpause(&self) {
        self.change(|state| state.by_client = None).await;
    }

    /// Begins or ends the pause of a failover. Returns as [`Pauses::pause`].
    pub async fn set_failover(&self, is_paused: bool) {
        self.change(|state| state.by_failover = is_paused).await;
    }

    async fn change(&self, change: impl FnOnce(&mut State)) {
        self.state.send_modify(|state| {
            change(state);
            self.is_set.store(state.paused(Instant::now()) > Paused::Nothing, Ordering::Release);
        });
        // A connection that is admitted after this sees the change.
        drop(self.admitted.write().await);
    }
}

/// The instant after `timeout`; a far one, if that is beyond what the clock can name.
pub(super) fn after(timeout: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(timeout).unwrap_or_else(|| now + Duration::from_secs(u64::from(u32::MAX)))
}

/// Waits until the instant `at`; for ever if it is `None`.
pub(super) async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    /// The output of a future if it is ready now.
    fn ready<F: Future>(future: Pin<&mut F>) -> Option<F::Output> {
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }

    #[test]
    fn second_pause_neither_shortens_nor_weakens_the_first() {
        let now = Instant::now();
        let after = |s: u64| now + Duration::from_secs(s);
        let first = State::default().with(Paused::All, after(10), now);
        let rows = [
            (Paused::Writes, after(5), (Paused::All, after(10))),
            (Paused::Writes, after(20), (Paused::All, after(20))),
            (Paused::All, after(5), (Paused::All, after(10))),
        ];
        for (paused, end, expected) in rows {
            assert_eq!(first.with(paused, end, now).by_client, Some(expected));
        }
        // The first one is over.
        let later = after(10);
        assert_eq!(first.with(Paused::Writes, after(12), later).by_client, Some((Paused::Writes, after(12))));
        assert_eq!(first.paused(later), Paused::Nothing);
        assert_eq!(State { by_failover: true, ..first }.paused(later), Paused::Writes);
        assert_eq!(State { by_failover: true, ..first }.paused(now), Paused::All);
    }

    #[test]
    fn pause_waits_for_what_was_admitted_and_admits_nothing_more() {
        let pauses = Pauses::default();
        let admitted = pauses.try_admit().expect("nothing is paused");
        let mut pausing = pin!(pauses.set_failover(true));
        assert!(ready(pausing.as_mut()).is_none(), "a write is still running");
        assert!(pauses.try_admit().is_none());
        drop(admitted);
        assert!(ready(pausing).is_some());
        assert!(pauses.try_admit().is_none());
        // Reads go on.
        assert!(ready(pin!(pauses.end(Paused::All))).is_some());
        let mut admitting = pin!(pauses.admit());
        assert!(ready(admitting.as_mut()).is_none());
        assert!(ready(pin!(pauses.set_failover(false))).is_some());
        assert!(ready(admitting).is_some());
        assert_eq!(pauses.now(), Paused::Nothing);
    }
}
