//! Node — a running node, as it tells of itself in INFO → a page that is drawn anew while it works. Does I/O: `poll`.
//!
//! ```text
//! poll ── text of INFO ──▶ parse ── facts ──▶ history ──▶ draw ──▶ /node, /node/stream
//!                                       └───────────────▶ told ──▶ /node.json
//! ```
//!
//! The node is asked at one pace, whoever watches, and only for INFO.

mod draw;
mod facts;
mod history;
mod lanes;
mod parse;
mod poll;
mod scale;
mod spark;
mod told;
mod work;

pub use poll::{Node, Watch};

use super::page;
use super::problem::{Answer, Problem};
use super::stream::{self, Stream, Told};
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::sse::Event;
use axum::response::{IntoResponse, Response};
use maud::{PreEscaped, html};
use poll::{POLL_EVERY, Seen, Trouble};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// The node of this explorer; `None`: it was started without one.
pub type Watched = Option<Arc<Watch>>;

/// How long a page waits for the first answer of the node.
const FIRST: Duration = Duration::from_secs(4);
/// How often the page loads itself again without scripts, in seconds.
const REFRESH_S: u32 = 2;

/// The page.
pub async fn page(State(watched): State<Watched>) -> Answer {
    let seen = asked(&watched).await?;
    let seen = seen.borrow();
    let times = 1000 / POLL_EVERY.as_millis();
    let body = html! {
        h1 { "Node " (seen.address) }
        div #run data-stream="/node/stream" data-over="false" {
            p.run {
                button #toggle type="button" hidden { "Stop" }
                span.quiet { " Asked for INFO " (times) " times a second. The figures as " a href="/node.json" { "JSON" } "." }
            }
        }
        noscript { p.note { "Without scripts this page loads itself again every " (REFRESH_S) " seconds." } }
        div.node { @for (_, part) in draw::parts(&seen) { (part) } }
    };
    let refresh = format!("<noscript><meta http-equiv=\"refresh\" content=\"{REFRESH_S}\"></noscript>");
    Ok(page::with_head(&format!("Node {}", seen.address), &PreEscaped(refresh), &body))
}

/// The changes of the page, as long as it is open.
pub async fn changes(State(watched): State<Watched>) -> Result<Stream, Problem> {
    let mut seen = asked(&watched).await?;
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut told = Told::default();
        loop {
            let changed = told.changed(draw::parts(&seen.borrow_and_update()));
            if let Some(changed) = changed
                && sender.send(Event::default().event("parts").data(changed)).await.is_err()
            {
                return;
            }
            tokio::select! {
                () = sender.closed() => return,
                changed = seen.changed() => if changed.is_err() { return },
            }
        }
    });
    Ok(stream::of(receiver))
}

/// The figures, for programs. The status is 503 while nothing is known of the node.
pub async fn json(State(watched): State<Watched>) -> Result<Response, Problem> {
    let seen = asked(&watched).await?;
    let told = told::told(&seen.borrow());
    let status = if told.facts.is_some() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let text = serde_json::to_string(&told).map_err(|_| Problem::broken())?;
    Ok((status, [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")], text).into_response())
}

/// The node, after its first answer or a few seconds.
async fn asked(watched: &Watched) -> Result<watch::Receiver<Seen>, Problem> {
    let mut seen = watched.as_ref().ok_or_else(Problem::no_node)?.seen();
    let is_asked = seen.wait_for(|seen| !matches!(seen.facts, Err(Trouble::NotAsked)));
    // Without an answer in time the page says that there is none.
    let _ = tokio::time::timeout(FIRST, is_asked).await;
    Ok(seen)
}
