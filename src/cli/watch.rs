//! Watch — tasks → their rows, on as many threads as there are cores, with a display of the running tasks.
//!
//! On a terminal: one line that is overwritten, with the number of finished tasks and the running ones (cell, unique states,
//! states/s, depth). Elsewhere: nothing, so that a log has the results only.

use super::caught::{PanicMessage, Panicked, caught};
use indicatif::{ProgressBar, ProgressStyle};
use replicheck::models::cost::{rounded, thousands};
use replicheck::models::judge::Task;
use replicheck::models::search::Progress;
use replicheck::models::verdict::Row;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

/// How often the display is drawn.
const REDRAW: Duration = Duration::from_millis(100);

/// The tasks, and the task that each thread runs.
struct Work<'a> {
    tasks: &'a [Task],
    progress: Vec<Progress>,
    /// Numbers of the tasks, the heaviest first.
    order: Vec<usize>,
    /// Number of tasks that were begun.
    next: AtomicUsize,
    /// For each thread the task that it runs now.
    running: Vec<AtomicUsize>,
    is_terminal: bool,
}

/// Number of threads: as many as there are cores, but no more than there are tasks.
pub fn threads(tasks: usize) -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(tasks).max(1)
}

/// The results of the tasks.
#[derive(Debug, Default)]
pub struct Judged {
    /// The rows, in the order of the tasks.
    pub rows: Vec<Row>,
    /// The tasks that panicked, in their order; they have no rows.
    pub panicked: Vec<Panicked>,
}

impl Judged {
    /// The rows of every task. Panics: a task panicked.
    pub fn of_every_task(self) -> Vec<Row> {
        assert!(self.panicked.is_empty(), "searches panicked: {:?}", self.panicked);
        self.rows
    }
}

/// Runs all tasks. A task that panics does not end the others.
pub fn run_all(tasks: &[Task]) -> Judged {
    let work = Work {
        tasks,
        progress: tasks.iter().map(|_| Progress::default()).collect(),
        order: heaviest_first(tasks),
        next: AtomicUsize::new(0),
        running: (0..threads(tasks.len())).map(|_| AtomicUsize::new(usize::MAX)).collect(),
        is_terminal: std::io::stderr().is_terminal(),
    };
    let work = &work;
    let mut done: Vec<(usize, Result<Vec<Row>, PanicMessage>)> = thread::scope(|scope| {
        let workers: Vec<_> =
            (0..work.running.len()).map(|thread| scope.spawn(move || work.run_some(thread))).collect();
        if work.is_terminal {
            work.watch(&workers);
        }
        let join = |worker: ScopedJoinHandle<_>| {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        workers.into_iter().flat_map(join).collect()
    });
    done.sort_by_key(|(task, _)| *task);
    let mut judged = Judged::default();
    for (number, rows) in done {
        match rows {
            Ok(rows) => judged.rows.extend(rows),
            Err(PanicMessage(message)) => judged.panicked.push(Panicked {
                model: tasks[number].model,
                choice: tasks[number].choice.clone(),
                what: "the search".to_owned(),
                message,
            }),
        }
    }
    judged
}

fn heaviest_first(tasks: &[Task]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..tasks.len()).collect();
    order.sort_by_key(|&number| std::cmp::Reverse(tasks[number].weight));
    order
}

impl Work<'_> {
    /// Runs tasks that no other thread has begun, until none is left.
    fn run_some(&self, thread: usize) -> Vec<(usize, Result<Vec<Row>, PanicMessage>)> {
        let mut done = Vec::new();
        loop {
            let begun = self.next.fetch_add(1, Relaxed);
            let Some(&number) = self.order.get(begun) else {
                self.running[thread].store(usize::MAX, Relaxed);
                return done;
            };
            let task = &self.tasks[number];
            self.running[thread].store(number, Relaxed);
            done.push((number, caught(|| task.run(&self.progress[number]))));
        }
    }

    /// Draws the display until every worker has finished.
    fn watch<T>(&self, workers: &[ScopedJoinHandle<'_, T>]) {
        let tasks = self.tasks.len() as u64;
        // The template is a constant; with a wrong one the line would only be drawn in the default style.
        let style = ProgressStyle::with_template("[{elapsed}] {pos} of {len} done: {wide_msg}");
        let line = ProgressBar::new(tasks).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        let mut since = vec![(usize::MAX, Instant::now()); self.running.len()];
        while !workers.iter().all(ScopedJoinHandle::is_finished) {
            let mut running = Vec::new();
            for (number, since) in self.running.iter().map(|running| running.load(Relaxed)).zip(&mut since) {
                if since.0 != number {
                    *since = (number, Instant::now());
                }
                let task = self.tasks.get(number);
                running.extend(task.map(|task| status(task, &self.progress[number], since.1.elapsed())));
            }
            let begun = (self.next.load(Relaxed) as u64).min(tasks);
            line.set_position(begun.saturating_sub(running.len() as u64));
            line.set_message(running.join(" · "));
            thread::sleep(REDRAW);
        }
        // The following output is printed where the line was.
        line.finish_and_clear();
    }
}

fn name(task: &Task) -> String {
    let scenario = task.scenario.as_ref().map(|scenario| format!("/{scenario}")).unwrap_or_default();
    format!("{}/{}{scenario}", task.model, task.choice)
}

fn status(task: &Task, progress: &Progress, elapsed: Duration) -> String {
    let unique = progress.unique.load(Relaxed);
    let rate = rounded(unique as f64 / elapsed.as_secs_f64().max(0.1));
    let (name, depth) = (name(task), progress.depth.load(Relaxed));
    if unique == 0 {
        return name;
    }
    format!("{name} {} states, {}/s, depth {depth}", thousands(unique), thousands(rate))
}

#[cfg(test)]
mod tests {
    use super::*;
    use replicheck::models::verdict::Verdict;

    #[test]
    fn run_all_task_that_panics_leaves_the_others_their_rows() {
        let task = |choice: &str, panics: bool| {
            Task::new("expiry", choice.to_owned(), None, move |_| {
                assert!(!panics, "a fault of the test");
                vec![crate::cli::check::tests::row(Verdict::Holds, Verdict::Holds)]
            })
        };
        let tasks = [task("first", false), task("second", true), task("third", false)];
        let Judged { rows, panicked } = run_all(&tasks);
        assert_eq!(rows.len(), 2);
        let [panicked] = &panicked[..] else { panic!("{panicked:?}") };
        assert_eq!((panicked.model, panicked.choice.as_str()), ("expiry", "second"));
        assert_eq!(panicked.message, "a fault of the test");
    }
}
