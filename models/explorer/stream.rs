//! Stream — a run in progress → server-sent events with the changed parts of the page. The run stops when the connection
//! closes.

use super::address::Typed;
use super::matrix::{self, Line, Reach};
use super::problem::{Asked, Problem};
use super::run::{Finished, Run, Running, Searches, Watched, address_of};
use super::{home, program};
use crate::models::choice::Choice;
use crate::models::story::Story;
use crate::models::verdict::Row;
use axum::extract::{Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use maud::{Markup, html};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::mpsc;

/// How often a page receives changes.
const TELL_EVERY: Duration = Duration::from_millis(250);

/// A stream of events as they are sent.
pub struct Events(mpsc::Receiver<Event>);

impl futures_core::Stream for Events {
    type Item = Result<Event, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context).map(|event| event.map(Ok))
    }
}

/// The answer to a request for a stream.
pub type Stream = Sse<axum::response::sse::KeepAliveStream<Events>>;

type Answer = Result<Stream, Problem>;

/// The stream of a channel's messages.
pub fn of(receiver: mpsc::Receiver<Event>) -> Stream {
    Sse::new(Events(receiver)).keep_alive(KeepAlive::default())
}

/// The parts of a page as a listener was told them last, by id.
#[derive(Default)]
pub struct Told(BTreeMap<String, String>);

impl Told {
    /// The parts that changed, one after the other; they are told now. `None`: no part changed.
    pub fn changed(&mut self, parts: Vec<(String, Markup)>) -> Option<String> {
        let mut changed = String::new();
        for (id, part) in parts {
            let part = part.into_string();
            if self.0.get(&id) != Some(&part) {
                changed += &part;
                self.0.insert(id, part);
            }
        }
        (!changed.is_empty()).then_some(changed)
    }
}

/// The events of the matrices while their searches run.
pub async fn matrices(State(searches): State<Arc<Searches>>, Query(asked): Query<Asked>) -> Answer {
    let reach = Reach::of(&asked)?;
    let extent = reach.extent;
    let link = move |row: &Row, story: &Story| {
        let choice = Choice::named(row.model, &row.choice, None).ok()?;
        address_of(&Typed { choice, text: story.program.join("\n"), extent, bug: None }, story)
    };
    let run =
        Run::new(reach.tasks(), searches.known(&reach.query()), Some(reach.query()), link).start(&searches);
    Ok(tell(run, None, |run, finished, is_over| {
        let (choices, watched) = (Choice::all(), run.watched());
        let lines = matrix::lines(&choices, |number| finished.get(&number).map(Arc::as_ref), &watched);
        let mut parts: Vec<(String, Markup)> =
            lines.iter().map(|line| (matrix::id(line.choice), matrix::row(line))).collect();
        parts.push(("status".to_owned(), home::status(finished, &named(run, &watched), is_over)));
        parts.push(("bounds".to_owned(), html! { div #bounds { (matrix::bounds_in_words(&lines)) } }));
        parts
    }))
}

/// The events of the verdicts on one program while its searches run.
pub async fn one_program(State(searches): State<Arc<Searches>>, Query(asked): Query<Asked>) -> Answer {
    let order = program::Order::of(&asked)?;
    let (tasks, seconds) = (order.tasks()?, order.seconds);
    let (text, extent) = (order.text.clone(), order.extent());
    let link = move |row: &Row, story: &Story| {
        let choice = Choice::named(row.model, &row.choice, None).ok()?;
        address_of(&Typed { choice, text: text.clone(), extent, bug: None }, story)
    };
    let run = Run::new(tasks, Finished::new(), None, link).start(&searches);
    let until = Some(Duration::from_secs(seconds));
    Ok(tell(run, until, move |run, finished, is_over| {
        let watched = run.watched();
        let lines = program::lines(&order, run.tasks(), finished, &watched);
        let mut parts: Vec<(String, Markup)> =
            lines.iter().map(|line: &Line<'_>| (matrix::id(line.choice), matrix::row(line))).collect();
        let status = program::status(finished.len(), run.tasks().len(), &named(run, &watched), is_over);
        parts.push(("status".to_owned(), status));
        parts
    }))
}

fn named(run: &Run, watched: &[Watched]) -> Vec<(String, Watched)> {
    let name = |number: usize| run.tasks().get(number).map(|task| task.choice.clone()).unwrap_or_default();
    watched.iter().map(|watched| (name(watched.number), *watched)).collect()
}

/// Sends changes until the run is over, its time is up, or the connection has closed; in each case the run then stops.
fn tell(
    run: Running,
    time_limit: Option<Duration>,
    parts: impl Fn(&Run, &Finished, bool) -> Vec<(String, Markup)> + Send + 'static,
) -> Stream {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut told = Told::default();
        let mut ticks = tokio::time::interval(TELL_EVERY);
        let started = tokio::time::Instant::now();
        loop {
            tokio::select! {
                () = sender.closed() => return,
                _ = ticks.tick() => {}
            }
            if time_limit.is_some_and(|limit| started.elapsed() >= limit) {
                run.stop_searching();
            }
            let is_over = run.is_over();
            let changed = told.changed(parts(&run, &run.finished(), is_over));
            if let Some(changed) = changed
                && sender.send(Event::default().event("parts").data(changed)).await.is_err()
            {
                return;
            }
            if is_over {
                let _ = sender.send(Event::default().event("over").data("")).await;
                return;
            }
        }
    });
    of(receiver)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::judge::Task;
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering::Relaxed;

    /// A task whose search ends only when it is told to stop.
    fn endless() -> Task {
        Task::new("ordering", "serial".to_owned(), None, |progress| {
            while !progress.stop.load(Relaxed) {
                std::thread::yield_now();
            }
            Vec::new()
        })
    }

    /// Waits until no search runs, for at most a minute. Returns whether that was reached.
    async fn is_quiet(searches: &Searches) -> bool {
        tokio::time::timeout(Duration::from_secs(60), searches.all_permits()).await.is_ok()
    }

    #[test]
    fn stream_listener_gone_stops_the_searches() {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        let quiet = runtime.block_on(async {
            let searches = Arc::new(Searches::default());
            let run = Run::new(vec![endless(), endless(), endless()], Finished::new(), None, |_, _| None);
            let (sender, begun) = tokio::sync::oneshot::channel();
            let sender = std::sync::Mutex::new(Some(sender));
            let stream = tell(run.start(&searches), None, move |run, _, _| {
                if run.watched().len() == 1 {
                    sender.lock().expect("nobody panics").take().map(|sender| sender.send(()));
                }
                Vec::new()
            });
            begun.await.expect("a search runs");
            drop(stream);
            is_quiet(&searches).await
        });
        runtime.shutdown_background();
        assert!(quiet, "the searches go on though the connection has closed");
    }

    #[test]
    fn stream_of_one_page_searches_one_at_a_time() {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let task = || {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            Task::new("ordering", "serial".to_owned(), None, move |_| {
                most.fetch_max(now.fetch_add(1, Relaxed) + 1, Relaxed);
                (0..200).for_each(|_| std::thread::yield_now());
                now.fetch_sub(1, Relaxed);
                Vec::new()
            })
        };
        let tasks = (0..8).map(|_| task()).collect();
        runtime.block_on(async {
            let run =
                Run::new(tasks, Finished::new(), None, |_, _| None).start(&Arc::new(Searches::default()));
            while !run.is_over() {
                tokio::task::yield_now().await;
            }
        });
        runtime.shutdown_background();
        assert_eq!(most.load(Relaxed), 1);
    }

    #[test]
    fn stream_time_up_stops_the_searches_and_says_over() {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        let over = runtime.block_on(async {
            let searches = Arc::new(Searches::default());
            let run = Run::new(vec![endless()], Finished::new(), None, |_, _| None).start(&searches);
            let (sender, over) = tokio::sync::oneshot::channel();
            let sender = std::sync::Mutex::new(Some(sender));
            let _stream = tell(run, Some(Duration::ZERO), move |_, _, is_over| {
                if is_over {
                    sender.lock().expect("nobody panics").take().map(|sender| sender.send(()));
                }
                Vec::new()
            });
            tokio::time::timeout(Duration::from_secs(60), over).await.is_ok_and(|over| over.is_ok())
        });
        runtime.shutdown_background();
        assert!(over, "the search goes on past its time");
    }
}
