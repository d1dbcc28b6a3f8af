//! A follower that records what the link delivers.

use super::master::{PATIENCE, timing};
use replicheck::binlog::{Entry, Log, Lsn, encode};
use replicheck::client::link::{Follower, FollowerError, Link, LinkError, LinkState};
use replicheck::compression::CompressionMethod;
use replicheck::replication::handshake::{Hello, Resume};
use replicheck::replication::session::{Stop, Timing};
use replicheck::replication::{Ack, Heartbeat, Offset};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};

#[derive(Default)]
pub struct Recorded {
    pub log: Log,
    pub heartbeats: Vec<Heartbeat>,
    pub offsets: Vec<Offset>,
    pub resumes: Vec<Resume>,
    /// The reason each time the link went down; and the reason why it stopped.
    pub downs: Vec<LinkError>,
    pub stopped: Option<LinkError>,
    pub bytes: usize,
    pub groups: usize,
    /// The codec that the follower asks for.
    pub codec: CompressionMethod,
    /// Whether the follower accepts no entries for now.
    pub is_full: bool,
    /// The entry at which the follower fails.
    pub fails_at: Option<Lsn>,
}

#[derive(Default)]
pub struct Recorder {
    state: Mutex<Recorded>,
    changed: Condvar,
}

impl Recorder {
    pub fn asking_for(codec: CompressionMethod) -> Recorder {
        let recorder = Recorder::default();
        recorder.change(|state| state.codec = codec);
        recorder
    }

    pub fn change<T>(&self, change: impl FnOnce(&mut Recorded) -> T) -> T {
        let result = change(&mut self.state.lock().expect("no panic before"));
        self.changed.notify_all();
        result
    }

    /// Waits until `is_so`.
    pub fn wait_until(&self, what: &str, is_so: impl Fn(&Recorded) -> bool) {
        let state = self.state.lock().expect("no panic before");
        let waited = self.changed.wait_timeout_while(state, PATIENCE, |state| !is_so(state));
        let (state, waited) = waited.expect("no panic before");
        let last = state.log.last();
        assert!(!waited.timed_out(), "waited for {what}: at lsn {last}, last down {:?}", state.downs.last());
    }
}

impl Follower for Recorder {
    fn hello(&self) -> Hello {
        self.change(|state| Hello {
            last: state.log.last(),
            epochs: state.log.epochs().to_vec(),
            expiry: "log_clock".to_owned(),
            codec: state.codec,
            ..Hello::default()
        })
    }

    fn resumed(&self, resume: Resume) -> Result<(), FollowerError> {
        self.change(|state| state.resumes.push(resume));
        Ok(())
    }

    fn entries(&self, entries: Vec<Entry>, bytes: &[u8]) -> Result<(), FollowerError> {
        let state = self.state.lock().expect("no panic before");
        let mut state = self.changed.wait_while(state, |state| state.is_full).expect("no panic before");
        assert!(!entries.is_empty());
        state.groups += 1;
        state.bytes += bytes.len();
        let mut encoded = Vec::new();
        entries.iter().for_each(|entry| encode(entry, &mut encoded).expect("it came"));
        assert_eq!(encoded, bytes, "the bytes are those of the entries");
        for entry in entries {
            if state.fails_at == Some(entry.lsn) {
                return Err(FollowerError("disk full".to_string()));
            }
            state.log.append(entry).map_err(|error| FollowerError(error.to_string()))?;
        }
        drop(state);
        self.changed.notify_all();
        Ok(())
    }

    fn heartbeat(&self, heartbeat: Heartbeat) -> Result<(), FollowerError> {
        self.change(|state| {
            assert_eq!(heartbeat.after, state.log.last(), "a heartbeat is at the log's end");
            state.heartbeats.push(heartbeat);
        });
        Ok(())
    }

    fn offset(&self, offset: Offset) {
        self.change(|state| state.offsets.push(offset));
    }

    fn acks(&self) -> Ack {
        let last = self.change(|state| state.log.last());
        Ack { received: last, durable: last, applied: last }
    }

    fn link(&self, state: LinkState) {
        self.change(|recorded| match state {
            LinkState::Down { reason, .. } => recorded.downs.push(reason),
            LinkState::Stopped { reason } => recorded.stopped = Some(reason),
            LinkState::Connecting | LinkState::Syncing { .. } | LinkState::Up { .. } => {}
        });
    }
}

/// A link that runs in a thread of its own, until it is dropped.
pub struct Running {
    pub recorder: Arc<Recorder>,
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    pub fn new(address: &str, recorder: Recorder) -> Running {
        Running::with(address, recorder, timing())
    }

    pub fn with(address: &str, recorder: Recorder, timing: Timing) -> Running {
        // Pinned: it only decides how long the link waits before another attempt.
        let link = Link { address: address.to_string(), timing, seed: 7 };
        let (recorder, stop) = (Arc::new(recorder), Stop::new());
        let (follower, stopped) = (Arc::clone(&recorder), stop.clone());
        let thread = Some(thread::spawn(move || link.run(&*follower, &stopped)));
        Running { recorder, stop, thread }
    }

    pub fn wait_for(&self, last: Lsn) {
        self.recorder.wait_until(&format!("lsn {last}"), |state| state.log.last() >= last);
    }

    /// Waits for the link to stop by itself; returns the reason.
    pub fn stopped(mut self) -> LinkError {
        self.recorder.wait_until("the link to stop", |state| state.stopped.is_some());
        self.thread.take().map_or(Ok(()), JoinHandle::join).expect("no panic in the link");
        self.recorder.change(|state| state.stopped.take()).expect("it stopped")
    }

    /// Stops the link; returns the reason with which it stopped.
    pub fn stop(self) -> LinkError {
        self.stop.set();
        self.stopped()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.set();
        if thread::panicking() {
            return;
        }
        self.recorder.change(|state| state.is_full = false);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("no panic in the link");
        }
    }
}
