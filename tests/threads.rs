//! The engine's threads on threads of std.

#[path = "threads/log.rs"]
mod log;
#[path = "threads/recorder.rs"]
mod recorder;
#[allow(dead_code, reason = "shared with the other tests that draw")]
mod seed;

// The names by which the files above, which loom and shuttle share, know these two.
use replicheck::{apply, sync};

mod threads {
    mod gate;
    mod holds;
    mod pool;
    mod publication;
    mod queue;
    mod stops;
    mod traced;
}
