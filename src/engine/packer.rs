//! Packer — the thread that compresses (packs) closed segments of the log, if the node is set to. Does I/O: a thread,
//! through the log.
//!
//! The ticker cannot do this: to pack a segment takes longer than a heartbeat may be delayed.

use super::SharedFiles;
use super::log::SharedLog;
use crate::binlog::{Files, SegmentError};
use crate::compression::CompressionMethod;
use crate::replication::session::Stop;
use crate::sync::{Arc, thread};
use std::io;
use std::time::Duration;

/// The time between two searches for a closed segment.
const LOOK: Duration = Duration::from_secs(1);
/// The same after an error of the disk. The disk may be full, and every try writes most of a segment.
const LOOK_AFTER_ERROR: Duration = Duration::from_secs(60);

/// The packer's thread. When this is dropped, the thread finishes its current segment and ends.
pub struct Packer(Option<(Stop, thread::JoinHandle<()>)>);

impl Packer {
    /// Starts to pack closed segments of `log`, the oldest first. With the codec `none` there is no thread. Errors: the
    /// thread cannot be started.
    pub fn start<F: SharedFiles>(log: Arc<SharedLog<F>>, codec: CompressionMethod) -> io::Result<Packer> {
        if codec == CompressionMethod::None {
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
                    // The log is poisoned, which others report, too.
                    Err(error) => return tracing::error!(%error, "no further segment is packed"),
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

fn pack_all<F: Files>(
    log: &SharedLog<F>,
    codec: CompressionMethod,
    stopped: &Stop,
) -> Result<(), SegmentError> {
    while !stopped.is_set() && log.pack(codec)? {}
    Ok(())
}
