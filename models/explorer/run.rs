//! Run — the searches that one page watches. They run one at a time, and only a few at a time for all pages together.
//! They end when the page's connection closes.
//!
//! Memory: at most [`SEARCHES_MAX`] searches run, with at most [`STATES_MAX`] states each, or [`USUAL_STATES_MAX`] within the
//! usual bounds; a state needs at most [`STATE_BYTES_MAX`], and a model with all its programs at most [`MODEL_BYTES_MAX`]. A search's model and states are
//! dropped when it ends. Only the rows of finished searches are kept, for the last [`REACHES_MAX`] bounds.

use super::address::Typed;
use super::crew::Crew;
use crate::models::experiment::Extent;
use crate::models::judge::Task;
use crate::models::search::Progress;
use crate::models::setting::Setting;
use crate::models::story::Story;
use crate::models::verdict::Row;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::{Semaphore, oneshot};

/// Maximum number of searches that run at a time, for all pages together.
pub const SEARCHES_MAX: usize = 2;
/// Maximum number of unique states of one search.
pub const STATES_MAX: usize = 400_000;
/// Maximum number of bytes that a search needs for each state, all tables included; checked by a test.
pub const STATE_BYTES_MAX: usize = 980;
/// Maximum number of bytes that a model needs before its first state, mostly for its programs; checked by a test.
pub const MODEL_BYTES_MAX: usize = 57_000_000;
/// Maximum number of unique states of one search within the usual bounds, where all searches end within it.
pub const USUAL_STATES_MAX: usize = 1_200_000;
/// Maximum number of bytes that a search and its model need; checked by a test within the usual bounds. The rest of one
/// gigabyte is for pages, and for memory that the allocator keeps.
pub const SEARCH_BYTES_MAX: usize = 900_000_000 / SEARCHES_MAX;
const _: () = assert!(MODEL_BYTES_MAX + STATES_MAX * STATE_BYTES_MAX <= SEARCH_BYTES_MAX);
/// Maximum number of pages that are computed at a time, each with a small search of its own.
pub const PAGES_MAX: usize = 4;
/// Maximum number of bounds for which rows are kept.
const REACHES_MAX: usize = 8;

/// The result of a finished task, with an address for each counterexample.
#[derive(Debug)]
pub struct Done {
    /// The task's rows.
    pub rows: Vec<Row>,
    /// For each row, the address of its counterexample.
    pub links: Vec<Option<String>>,
}

/// Finished tasks by their numbers.
pub type Finished = BTreeMap<usize, Arc<Done>>;

/// The state that all pages share.
#[derive(Debug)]
pub struct Searches {
    crew: Crew,
    permits: Arc<Semaphore>,
    /// Permits for the pages that are computed at a time.
    pub pages: Arc<Semaphore>,
    kept: Mutex<BTreeMap<String, Finished>>,
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
    /// The known rows for the bounds with this query.
    pub fn known(&self, reach: &str) -> Finished {
        lock(&self.kept).get(reach).cloned().unwrap_or_default()
    }

    /// Waits until no search runs.
    #[cfg(test)]
    pub async fn all_permits(&self) {
        let all = u32::try_from(SEARCHES_MAX).expect("a few");
        self.permits.acquire_many(all).await.expect("never closed").forget();
    }

    fn keep(&self, reach: &str, number: usize, done: &Arc<Done>) {
        let mut kept = lock(&self.kept);
        kept.entry(reach.to_owned()).or_default().insert(number, Arc::clone(done));
        while kept.len() > REACHES_MAX {
            let other = kept.keys().find(|other| other.as_str() != reach).cloned();
            other.map(|other| kept.remove(&other));
        }
    }
}

/// Returns the address of a counterexample.
type Link = Box<dyn Fn(&Row, &Story) -> Option<String> + Send + Sync>;

/// The tasks of one page.
pub struct Run {
    tasks: Vec<Task>,
    progress: Vec<Progress>,
    /// The numbers of the tasks without a known result, in the order in which they start.
    order: Vec<usize>,
    begun: AtomicUsize,
    running: Mutex<BTreeMap<usize, Instant>>,
    finished: Mutex<Finished>,
    stopped: AtomicBool,
    link: Link,
    reach: Option<String>,
}

/// A run in progress; it stops when this is dropped.
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

/// A running task.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Watched {
    /// Its number.
    pub number: usize,
    /// Unique states so far.
    pub unique: u64,
    /// Number of steps to the state that is looked at now.
    pub depth: u64,
    /// Seconds since it began.
    pub seconds: f64,
}

impl Run {
    /// A run of the tasks, except those with a result in `known`. `link` returns the address of a counterexample. With
    /// `reach`, the query of its bounds, the rows are kept for these bounds.
    pub fn new(
        tasks: Vec<Task>,
        known: Finished,
        reach: Option<String>,
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

    /// Starts the run: one search after the other, whenever the searches of other pages leave a thread free.
    pub fn start(self, searches: &Arc<Searches>) -> Running {
        let run = Arc::new(self);
        tokio::spawn(work(Arc::clone(&run), Arc::clone(searches)));
        Running(run)
    }

    /// Stops all searches for good.
    fn stop(&self) {
        self.stopped.store(true, Relaxed);
        self.stop_searching();
    }

    /// Stops the running searches, and those to come as soon as they start: their rows say *incomplete*.
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

    /// The running tasks.
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
            // This fails if the explorer has ended; then the result is not needed.
            let _ = sender.send(done);
        });
        // A search that panicked has written to the terminal; its rows stay empty.
        let done = searched.await.unwrap_or_else(|_| Done { rows: Vec::new(), links: Vec::new() });
        let done = Arc::new(done);
        lock(&run.running).remove(&number);
        if let Some(reach) = run.reach.as_ref().filter(|_| !run.progress[number].stop.load(Relaxed)) {
            searches.keep(reach, number, &done);
        }
        lock(&run.finished).insert(number, done);
    }
}

/// The address of a counterexample's path. `typed` has its program and choice; the skew is the story's. `None`: the model
/// of the program alone does not have this path.
pub fn address_of(typed: &Typed, story: &Story) -> Option<String> {
    let program = typed.parse().ok()?;
    let own = story.own.as_ref()?;
    let (skew_ms, apart) = match &own.setting {
        Setting::Clocks(clocks) => (clocks.skews_ms.first().copied().unwrap_or_default(), clocks.apart),
        Setting::Schedules(..) => (0, false),
    };
    let typed = Typed { extent: Extent { skew_ms, apart, ..typed.extent }, ..typed.clone() };
    let model = typed.experiment(&program).model().ok()?;
    let path = model.path_by(&own.actions)?;
    let is_the_same = model.at(&path).is_ok_and(|view| view.story.deeds() == story.deeds());
    is_the_same.then(|| typed.explore_path(&path, None))
}

/// Locks a mutex. A panic of another thread leaves its content consistent: each change is one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
