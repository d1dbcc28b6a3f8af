//! Packer — the thread that packs closed segments of the log, if the node compresses. Does I/O: a thread, through the log.
//!
//! Not the ticker's work: a segment takes longer than a heartbeat may wait.

use super::Place;
use super::log::SharedLog;
use crate::binlog::{Files, SegmentError};
use crate::compression::Codec;
use crate::replication::session::Stop;
use crate::sync::{Arc, thread};
use std::io;
use std::time::Duration;

/// From one look for a closed segment to the next.
const LOOK: Duration = Duration::from_secs(1);
/// The same after the disk refused. It may be full, and every try writes most of a segment.
const LOOK_AFTER_ERROR: Duration = Duration::from_secs(60);

/// A thread that packs, until this is dropped: a segment that is being packed is finished.
pub struct Packer(Option<(Stop, thread::JoinHandle<()>)>);

impl Packer {
    /// Packs closed segments of `log`, the oldest first; under `none` there is no thread. Errors: the thread's.
    pub fn start<F: Place>(log: Arc<SharedLog<F>>, codec: Codec) -> io::Result<Packer> {
        if codec == Codec::None {
            return Ok(Packer(None));
        }
        let stop = Stop::new();
        let stopped = stop.clone();
        let thread = thread::Builder::new().name("packer".to_owned()).spawn(move || {
            let mut pause = LOOK;
            while !stopped.wait(pause) {
                pause = match pack_all(&log, codec, &stopped) {
                    Ok(()) => LOOK,
                    Err(error @ SegmentError::Io { .. }) => {
                        tracing::warn!(%error, "segment not packed");
                        LOOK_AFTER_ERROR
                    }
                    // The log takes no more, and others say so.
                    Err(error) => return tracing::error!(%error, "no segment is packed any more"),
                };
            }
        })?;
        Ok(Packer(Some((stop, thread))))
    }
}

impl Drop for Packer {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.0.take() {
            stop.set();
            if thread.join().is_err() {
                tracing::error!("the packer panicked");
            }
        }
    }
}

fn pack_all<F: Files>(log: &SharedLog<F>, codec: Codec, stopped: &Stop) -> Result<(), SegmentError> {
    while !stopped.is_set() && log.pack(codec)? {}
    Ok(())
}
