//! Assets — the style sheet and the scripts, built into the program.

use super::problem::Problem;
use crate::models::drawing;
use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

const ASSETS: &[(&str, &str, &str)] = &[
    ("explorer.css", "text/css; charset=utf-8", include_str!("assets/explorer.css")),
    ("drawing.css", "text/css; charset=utf-8", drawing::html::STYLE),
    ("explorer.js", "text/javascript; charset=utf-8", include_str!("assets/explorer.js")),
    ("htmx.min.js", "text/javascript; charset=utf-8", include_str!("assets/htmx.min.js")),
    ("htmx.LICENSE", "text/plain; charset=utf-8", include_str!("assets/htmx.LICENSE")),
];

/// Answers with the asset of that name.
pub async fn get(Path(name): Path<String>) -> Response {
    match ASSETS.iter().find(|(known, ..)| *known == name) {
        Some((_, kind, text)) => {
            ([(CONTENT_TYPE, *kind), (CACHE_CONTROL, "no-cache")], *text).into_response()
        }
        None => Problem::no_page(&super::address::choices()).into_response(),
    }
}
