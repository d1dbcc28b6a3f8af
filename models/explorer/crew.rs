//! Crew — the few threads on which all searches of all pages run, for as long as the explorer does.
//!
//! Threads of their own and not of a pool that grows and shrinks: what a search frees, the allocator keeps for the
//! thread that it ran on. So the next search takes it again, and memory does not grow with the number of searches.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

type Job = Box<dyn FnOnce() + Send>;

/// Threads that wait for jobs; they end when this is dropped and their jobs are done.
#[derive(Debug)]
pub struct Crew(Mutex<Sender<Job>>);

impl Crew {
    /// So many threads. Panics: if the system has no thread left.
    pub fn new(threads: usize) -> Crew {
        let (sender, receiver) = channel::<Job>();
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..threads {
            let receiver = Arc::clone(&receiver);
            std::thread::spawn(move || {
                loop {
                    let job = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(job) = job else { return };
                    // Whoever waits for its result learns of a panic by the result that never comes.
                    let _ = catch_unwind(AssertUnwindSafe(job));
                }
            });
        }
        Crew(Mutex::new(sender))
    }

    /// Hands over a job; the first thread that is free does it.
    pub fn give(&self, job: impl FnOnce() + Send + 'static) {
        let sender = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The threads live as long as the sender.
        let _ = sender.send(Box::new(job));
    }
}
