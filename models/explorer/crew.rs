//! Crew — the few threads on which the searches of all pages run, for as long as the explorer runs.
//!
//! These threads are fixed; they do not belong to a pool that grows and shrinks. The allocator keeps what a search frees
//! for the thread that the search ran on. So the next search uses that memory again, and memory does not grow with the
//! number of searches.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

type Job = Box<dyn FnOnce() + Send>;

/// Threads that wait for jobs. When the crew is dropped, they finish their jobs and end.
#[derive(Debug)]
pub struct Crew(Mutex<Sender<Job>>);

impl Crew {
    /// A crew of this many threads. Panics: if the system cannot start a thread.
    pub fn new(threads: usize) -> Crew {
        let (sender, receiver) = channel::<Job>();
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..threads {
            let receiver = Arc::clone(&receiver);
            std::thread::spawn(move || {
                loop {
                    let job = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(job) = job else { return };
                    // A caller that waits for the job's result notices a panic because the result's channel closes.
                    let _ = catch_unwind(AssertUnwindSafe(job));
                }
            });
        }
        Crew(Mutex::new(sender))
    }

    /// Queues a job; the first free thread runs it.
    pub fn give(&self, job: impl FnOnce() + Send + 'static) {
        let sender = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The threads live as long as the sender, so this cannot fail.
        let _ = sender.send(Box::new(job));
    }
}
