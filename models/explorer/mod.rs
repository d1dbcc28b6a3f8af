//! Explorer — a browser's requests → pages: verdicts, any path step by step, two choices side by side. Does I/O: sockets,
//! threads, and a clock for the time limit of a search.
//!
//! ```text
//! /                       why FLUSHDB breaks a replica; the matrices, filled while the searches run
//! /tour/1 … /tour/5        the two founding bugs and their cures, one screen each
//! /explore/MODEL/CHOICE   one path: ?program=SET a 1; FLUSHDB&path=0.0.1&at=2&workers=2…
//! /compare/MODEL/A/B      A's path, and how far B can follow it
//! /program                a visitor's own program, judged under any choices
//! /export/MODEL/CHOICE/E  a path as a file with the extension E
//! /catalogue              known bugs; /catalogue/ID is one of them, with its shortest counterexample
//! /catalogue/ID/explore   its path step by step; …/compare side by side with the cure; …/export/E as a file
//! /bench                  strategies compared by what `cargo bench` measured in this checkout
//! /node                   a running node, drawn while it works; /node.json its figures
//! ```
//!
//! Every page except the matrices and the node's is computed from its URL alone, and no state is kept for a visitor. A search runs as
//! long as the connection that watches it is open. The state that is kept is bounded: the rows of finished searches, one
//! set for each combination of bounds that the form offers. Every page can be read without scripts; scripts add keys,
//! play and live numbers.

mod address;
mod assets;
mod bench;
mod catalogue;
mod compare;
mod crew;
mod explore;
mod export;
mod home;
mod lanes;
mod matrix;
mod node;
mod opened;
mod page;
mod problem;
mod program;
mod run;
mod stream;
mod tour;
mod words;

pub use node::Node;

use crate::models::catalogue::TestResult;
use crate::models::search::Progress;
use address::Typed;
use axum::Router;
use axum::extract::{FromRef, Path, Query, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use axum::routing::get;
use problem::{Answer, Asked, Problem};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use tokio::net::TcpListener;

/// The browser loads only what this server sends, and no other site may embed a page in a frame.
const CONTENT_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
    frame-ancestors 'none'; form-action 'self'; base-uri 'none'";

/// The files of this checkout that pages show.
#[derive(Clone, Debug, Default)]
pub struct Checkout {
    /// The results that `cargo test` left for the catalogue's bugs.
    pub results: Vec<TestResult>,
    /// The folder to which `cargo bench` writes its results.
    pub bench_results: PathBuf,
}

/// The state that all pages share.
#[derive(Clone)]
struct SiteState {
    searches: Arc<run::Searches>,
    checkout: Arc<Checkout>,
    node: node::Watched,
}

impl FromRef<SiteState> for Arc<run::Searches> {
    fn from_ref(shop: &SiteState) -> Arc<run::Searches> {
        Arc::clone(&shop.searches)
    }
}

impl FromRef<SiteState> for Arc<Checkout> {
    fn from_ref(shop: &SiteState) -> Arc<Checkout> {
        Arc::clone(&shop.checkout)
    }
}

impl FromRef<SiteState> for node::Watched {
    fn from_ref(shop: &SiteState) -> node::Watched {
        shop.node.clone()
    }
}

/// The routes of all pages. The `node` is watched as long as the router exists.
pub fn router(checkout: Checkout, node: Option<Node>) -> Router {
    let state = SiteState {
        searches: Arc::new(run::Searches::default()),
        checkout: Arc::new(checkout),
        node: node.map(|node| Arc::new(node::Watch::begin(node))),
    };
    Router::new()
        .route("/", get(home))
        .route("/matrix/stream", get(stream::matrices))
        .route("/tour/{number}", get(tour))
        .route("/explore/{model}/{choice}", get(explore))
        .route("/compare/{model}/{own}/{other}", get(compare))
        .route("/export/{model}/{choice}/{ending}", get(export))
        .route("/program", get(program))
        .route("/program/stream", get(stream::one_program))
        .route("/catalogue", get(bugs))
        .route("/catalogue/{id}", get(bug))
        .route("/catalogue/{id}/explore", get(bug_explore))
        .route("/catalogue/{id}/compare", get(bug_compare))
        .route("/catalogue/{id}/export/{ending}", get(bug_export))
        .route("/bench", get(bench))
        .route("/node", get(node::page))
        .route("/node/stream", get(node::changes))
        .route("/node.json", get(node::json))
        .route("/assets/{name}", get(assets::get))
        .fallback(async || Problem::no_page(&address::choices()))
        .method_not_allowed_fallback(async || Problem::no_page(&address::choices()))
        .layer(axum::middleware::map_response(with_headers))
        .with_state(state)
}

/// Serves the pages until the listener fails.
pub async fn serve(listener: TcpListener, checkout: Checkout, node: Option<Node>) -> std::io::Result<()> {
    axum::serve(listener, router(checkout, node)).await
}

async fn with_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

type Pages = State<Arc<run::Searches>>;

async fn home(
    State(searches): Pages,
    State(node): State<node::Watched>,
    Query(asked): Query<Asked>,
) -> Answer {
    let all = Arc::clone(&searches);
    let node = node.map(|node| node.address());
    blocking(&searches, move |progress| home::home(&all, &asked, node.as_deref(), progress)).await
}

async fn tour(State(searches): Pages, Path(number): Path<String>) -> Answer {
    blocking(&searches, move |progress| tour::tour(&number, progress)).await
}

async fn explore(
    State(searches): Pages,
    Path((model, choice)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Answer {
    blocking(&searches, move |progress| {
        explore::explore(&Typed::of(&model, &choice, &asked)?, &asked, progress)
    })
    .await
}

async fn compare(
    State(searches): Pages,
    Path(names): Path<(String, String, String)>,
    Query(asked): Query<Asked>,
) -> Answer {
    blocking(&searches, move |_| compare::compare(&names, &asked)).await
}

async fn export(
    State(searches): Pages,
    Path((model, choice, ending)): Path<(String, String, String)>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    blocking(&searches, move |_| export::file(&Typed::of(&model, &choice, &asked)?, &ending, &asked)).await
}

async fn program(State(searches): Pages, Query(asked): Query<Asked>) -> Answer {
    blocking(&searches, move |_| program::program(&asked)).await
}

async fn bugs(State(searches): Pages, Query(asked): Query<Asked>) -> Answer {
    blocking(&searches, move |_| catalogue::table(&asked)).await
}

async fn bug(
    State(searches): Pages,
    State(checkout): State<Arc<Checkout>>,
    Path(id): Path<String>,
) -> Answer {
    blocking(&searches, move |progress| catalogue::bug(&id, &checkout.results, progress)).await
}

async fn bug_explore(State(searches): Pages, Path(id): Path<String>, Query(asked): Query<Asked>) -> Answer {
    blocking(&searches, move |progress| explore::explore(&Typed::of_bug(&id, &asked)?, &asked, progress))
        .await
}

async fn bug_compare(State(searches): Pages, Path(id): Path<String>, Query(asked): Query<Asked>) -> Answer {
    blocking(&searches, move |_| compare::cured(&id, &asked)).await
}

async fn bug_export(
    State(searches): Pages,
    Path((id, ending)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    blocking(&searches, move |_| export::file(&Typed::of_bug(&id, &asked)?, &ending, &asked)).await
}

async fn bench(State(searches): Pages, State(checkout): State<Arc<Checkout>>) -> Answer {
    blocking(&searches, move |_| Ok(bench::page_of(&checkout.bench_results))).await
}

/// Stops the searches of a page when its request is dropped.
struct EndsWithRequest(Arc<Progress>);

impl Drop for EndsWithRequest {
    fn drop(&mut self) {
        self.0.stop.store(true, Relaxed);
    }
}

/// Runs the work for a page, which takes milliseconds, outside the threads that answer other requests, and only a few at
/// a time. Its searches run one after the other, under the progress that it is given.
async fn blocking<T: Send + 'static>(
    searches: &run::Searches,
    page: impl FnOnce(&Progress) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let Ok(permit) = Arc::clone(&searches.pages).acquire_owned().await else { return Err(Problem::broken()) };
    let progress = Arc::new(Progress::default());
    let _ends = EndsWithRequest(Arc::clone(&progress));
    let work = move || {
        // The permit is held until the work ends, even if the request was dropped.
        let _permit = permit;
        page(&progress)
    };
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(Problem::broken()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    /// A job that spins until it is told to stop, and reports when it began and when it ended.
    fn endless(said: std::sync::mpsc::Sender<&'static str>) -> impl FnOnce(&Progress) -> Result<(), Problem> {
        move |progress| {
            let _ = said.send("began");
            while !progress.stop.load(Relaxed) {
                std::thread::yield_now();
            }
            let _ = said.send("ended");
            Ok(())
        }
    }

    #[test]
    fn page_whose_request_goes_stops_searching() {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        let searches = Arc::new(run::Searches::default());
        let (said, heard) = channel();
        let own = Arc::clone(&searches);
        let request = runtime.spawn(async move { blocking(&own, endless(said)).await });
        assert_eq!(heard.recv(), Ok("began"));
        assert_eq!(searches.pages.available_permits(), run::PAGES_MAX - 1);
        request.abort();
        let ended = heard.recv_timeout(std::time::Duration::from_secs(60));
        runtime.shutdown_background();
        assert_eq!(ended, Ok("ended"), "the search goes on though its request was dropped");
    }
}
