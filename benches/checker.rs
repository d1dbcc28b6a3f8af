//! Checker — states per second and bytes per state of the searches that `check` runs, by choice, and on all
//! cores.

mod baseline;
mod measure;
mod results;

use measure::{Bench, Mode};
use replicheck::models::bounds::{Bounds, ExpiryBounds, OrderingBounds};
use replicheck::models::check::tasks_within;
use replicheck::models::cost::Cost;
use replicheck::models::judge::Task;
use replicheck::models::verdict;
use serde_json::json;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

/// Runs `tasks` on `threads` threads, the heaviest first, as `check` does. Returns the time, and the cost of the
/// searches.
fn searched(mut tasks: Vec<Task>, threads: usize) -> (Duration, Cost) {
    tasks.sort_by_key(|task| task.weight);
    let (left, rows) = (Mutex::new(tasks), Mutex::new(Vec::new()));
    let since = Instant::now();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let task = left.lock().expect("no panic").pop();
                    let Some(task) = task else { return };
                    let found = task.run(&Default::default());
                    rows.lock().expect("no panic").extend(found);
                }
            });
        }
    });
    (since.elapsed(), verdict::cost(&rows.into_inner().expect("no panic")))
}

fn main() {
    let mut bench = Bench::new("checker", "states a second and bytes a state of the searches of `check`");
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let quick = (Bounds::Quick.ordering(), Bounds::Quick.expiry());
    let shorter = (
        OrderingBounds { length_max: quick.0.length_max - 1, ..quick.0 },
        ExpiryBounds { length_max: quick.1.length_max - 1, ..quick.1 },
    );
    for model in ["ordering", "expiry"] {
        let tasks = |bounds: (OrderingBounds, ExpiryBounds), choice: Option<&str>| {
            tasks_within(bounds.0, bounds.1, Some(model), choice).expect("a model and a choice of ours")
        };
        let whole = if bench.mode == Mode::Once { shorter } else { quick };
        searches(&mut bench, model, "all choices", cores, "quick", || tasks(whole, None));
        // A single choice is searched with programs one command shorter if time is short; the table shows
        // this.
        let (bounds, alone) =
            if bench.mode == Mode::Full { ("quick", quick) } else { ("a command less", shorter) };
        for task in tasks(shorter, None) {
            searches(&mut bench, model, &task.choice, 1, bounds, || tasks(alone, Some(&task.choice)));
        }
    }
    bench.finish();
}

fn searches(
    bench: &mut Bench,
    model: &str,
    choice: &str,
    threads: usize,
    bounds: &str,
    tasks: impl Fn() -> Vec<Task>,
) {
    let params = json!({ "model": model, "bounds": bounds, "threads": threads });
    let mut cost = Cost::default();
    // The number of states is known only after the first search, so the rate is computed from the time of one
    // search.
    let search = bench.seconds(choice, &params, || {
        let (time, found) = searched(tasks(), threads);
        cost = found;
        time.into()
    });
    let Some(seconds) = search else { return };
    bench.row(choice, params.clone(), cost.unique as f64 / seconds, "unique states/s", None);
    bench.row(choice, params.clone(), cost.generated as f64 / seconds, "generated states/s", None);
    bench.row(choice, params, cost.bytes as f64 / cost.unique.max(1) as f64, "bytes/state", None);
}
