//! The engine's threads, run on threads of std.

#[path = "threads/log.rs"]
mod log;
#[path = "threads/recorder.rs"]
mod recorder;
#[allow(dead_code, reason = "shared with the other tests that draw")]
mod seed;

// The files above, which are shared with loom and shuttle, use these two names.
use replicheck::{apply, sync};

mod threads {
    mod gate;
    mod holds;
    mod pool;
    mod publication;
    mod queue;
    mod stops;
    #[cfg(feature = "server")]
    mod trace_file;
    mod traced;
    mod waits;
}
