//! Run — the searches that one page watches, one at a time and a few at a time for all pages together, ended when the
//! page goes.
//!
//! Memory: at most [`SEARCHES_MAX`] searches run, of at most [`STATES_MAX`] states each; a state needs at most
//! [`STATE_BYTES_MAX`], a model with all its programs at most [`MODEL_BYTES_MAX`]. A search's model and states are dropped
//! when it ends. What stays are the rows of finished ones, for the last [`REACHES_MAX`] bounds.

use super::address::Typed;
use super::crew::Crew;
use super::matrix::Reach;
use crate::models::judge::Task;
use crate::models::path::Path;
use crate::models::search::Progress;
use crate::models::story::Story;
use crate::models::verdict::Row;
use crate::models::walk::{Setting, Walk};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::{Semaphore, oneshot};

/// Searches that run at a time, whoever watches them.
pub const SEARCHES_MAX: usize = 2;
/// Unique states of one search.
pub const STATES_MAX: usize = 400_000;
/// Bytes that a search needs for each of its states, all tables included; a test holds it.
pub const STATE_BYTES_MAX: usize = 980;
/// Bytes that a model needs before its first state, its programs above all; a test holds it.
pub const MODEL_BYTES_MAX: usize = 57_000_000;
/// What is left of one gigabyte is for pages, and for what the allocator keeps.
const _: () = assert!(SEARCHES_MAX * (MODEL_BYTES_MAX + STATES_MAX * STATE_BYTES_MAX) <= 900_000_000);
/// Pages that are computed at a time, each with a small search of its own.
pub const PAGES_MAX: usize = 4;
/// Bounds of which rows are kept.
const REACHES_MAX: usize = 8;

/// What a finished task came to, with an address for each counterexample.
#[derive(Debug)]
pub struct Done {
    /// The task's rows.
    pub rows: Vec<Row>,
    /// For each of them the address of its counterexample.
    pub links: Vec<Option<String>>,
}

/// Finished tasks by their numbers.
pub type Finished = BTreeMap<usize, Arc<Done>>;

/// What all pages share.
#[derive(Debug)]
pub struct Searches {
    crew: Crew,
    permits: Arc<Semaphore>,
    /// Pages that are computed at a time.
    pub pages: Arc<Semaphore>,
    kept: Mutex<BTreeMap<Reach, Finished>>,
}

impl Default for Searches {
    fn default() -> Searches {
        Searches {
            crew: Crew::new(SEARCHES_MAX),
            permits: Arc::new(Semaphore::new(SEARCHES_MAX)),
            pages: Arc::new(Semaphore::new(PAGES_MAX)),
            kept: Mutex::default(),
        }
    }
}

impl Searches {
    /// The rows that are known for these bounds.
    pub fn known(&self, reach: &Reach) -> Finished {
        lock(&self.kept).get(reach).cloned().unwrap_or_default()
    }

    /// Waits until no search runs.
    #[cfg(test)]
    pub async fn all_permits(&self) {
        let all = u32::try_from(SEARCHES_MAX).expect("a few");
        self.permits.acquire_many(all).await.expect("never closed").forget();
    }

    fn keep(&self, reach: &Reach, number: usize, done: &Arc<Done>) {
        let mut kept = lock(&self.kept);
        kept.entry(reach.clone()).or_default().insert(number, Arc::clone(done));
        while kept.len() > REACHES_MAX {
            let other = kept.keys().find(|other| *other != reach).cloned();
            other.map(|other| kept.remove(&other));
        }
    }
}

/// Gives the address of a counterexample.
type Link = Box<dyn Fn(&Row, &Story) -> Option<String> + Send + Sync>;

/// The tasks of one page.
pub struct Run {
    tasks: Vec<Task>,
    progress: Vec<Progress>,
    /// Tasks that are not known from before, in the order in which they are begun.
    order: Vec<usize>,
    begun: AtomicUsize,
    running: Mutex<BTreeMap<usize, Instant>>,
    finished: Mutex<Finished>,
    stopped: AtomicBool,
    link: Link,
    reach: Option<Reach>,
}

/// A run under way; it stops when this is dropped.
pub struct Running(Arc<Run>);

impl std::ops::Deref for Running {
    type Target = Run;

    fn deref(&self) -> &Run {
        &self.0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// A task under way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Watched {
    /// Its number.
    pub number: usize,
    /// Unique states so far.
    pub unique: u64,
    /// Steps of the path to the state looked at now.
    pub depth: u64,
    /// Seconds since it began.
    pub seconds: f64,
}

impl Run {
    /// The tasks but those of `known`; `link` gives the address of a counterexample. With `reach`, rows are kept for it.
    pub fn new(
        tasks: Vec<Task>,
        known: Finished,
        reach: Option<Reach>,
        link: impl Fn(&Row, &Story) -> Option<String> + Send + Sync + 'static,
    ) -> Run {
        Run {
            progress: tasks.iter().map(|_| Progress::default()).collect(),
            order: (0..tasks.len()).filter(|number| !known.contains_key(number)).collect(),
            begun: AtomicUsize::new(0),
            running: Mutex::default(),
            finished: Mutex::new(known),
            stopped: AtomicBool::new(false),
            link: Box::new(link),
            tasks,
            reach,
        }
    }

    /// Begins: one search after the other, as soon as the searches of other pages leave a thread.
    pub fn start(self, searches: &Arc<Searches>) -> Running {
        let run = Arc::new(self);
        tokio::spawn(work(Arc::clone(&run), Arc::clone(searches)));
        Running(run)
    }

    /// Ends all searches for good.
    fn stop(&self) {
        self.stopped.store(true, Relaxed);
        self.stop_searching();
    }

    /// Ends the searches under way, and those to come, at their first look: their rows say *incomplete*.
    pub fn stop_searching(&self) {
        self.progress.iter().for_each(|progress| progress.stop.store(true, Relaxed));
    }

    /// Finished tasks.
    pub fn finished(&self) -> Finished {
        lock(&self.finished).clone()
    }

    /// Whether nothing is left to do.
    pub fn is_over(&self) -> bool {
        lock(&self.finished).len() == self.tasks.len()
    }

    /// The tasks.
    pub fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    /// The tasks under way.
    pub fn watched(&self) -> Vec<Watched> {
        let watched = |(&number, since): (&usize, &Instant)| Watched {
            number,
            unique: self.progress[number].unique.load(Relaxed),
            depth: self.progress[number].depth.load(Relaxed),
            seconds: since.elapsed().as_secs_f64(),
        };
        lock(&self.running).iter().map(watched).collect()
    }

    fn next(&self) -> Option<usize> {
        self.order.get(self.begun.fetch_add(1, Relaxed)).copied()
    }

    fn run(&self, number: usize) -> Done {
        lock(&self.running).insert(number, Instant::now());
        let rows = self.tasks[number].run(&self.progress[number]);
        let link = |row: &Row| row.counterexample.as_ref().and_then(|story| (self.link)(row, story));
        let links = rows.iter().map(link).collect();
        Done { rows, links }
    }
}

/// Runs one task after the other until none is left.
async fn work(run: Arc<Run>, searches: Arc<Searches>) {
    loop {
        let Ok(permit) = Arc::clone(&searches.permits).acquire_owned().await else { return };
        let was_stopped = run.stopped.load(Relaxed);
        let Some(number) = run.next().filter(|_| !was_stopped) else { return };
        let own = Arc::clone(&run);
        let (sender, searched) = oneshot::channel();
        searches.crew.give(move || {
            let done = own.run(number);
            drop(permit);
            // Nobody waits any more when the explorer ends.
            let _ = sender.send(done);
        });
        // A search that panicked has told the terminal; its rows stay empty.
        let done = searched.await.unwrap_or_else(|_| Done { rows: Vec::new(), links: Vec::new() });
        let done = Arc::new(done);
        lock(&run.running).remove(&number);
        if let Some(reach) = run.reach.as_ref().filter(|_| !run.progress[number].stop.load(Relaxed)) {
            searches.keep(reach, number, &done);
        }
        lock(&run.finished).insert(number, done);
    }
}

/// The address of a counterexample's path. `typed` has its program and choice; its skew is the story's. `None`: the program
/// alone does not have the path.
pub fn address_of(typed: &Typed, story: &Story) -> Option<String> {
    let program = typed.parse().ok()?;
    let (skew_ms, apart) = match &story.taken {
        Some(Path::Expiry { times, .. }) => (times.skew_ms, times.apart),
        _ => (0, false),
    };
    let typed = Typed { setting: Setting { skew_ms, apart, ..typed.setting }, ..typed.clone() };
    let path = Walk::new(typed.choice, &program, typed.setting).ok()?.path_of(&story.deeds())?;
    Some(typed.explore_path(&path, None))
}

/// A panic elsewhere leaves these whole: each change is one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
