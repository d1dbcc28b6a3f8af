//! Problem — what is wrong with a request → a page that says so and links to valid addresses. Pure.

use super::page;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use std::collections::BTreeMap;

/// The values of a request's query by name.
pub type Asked = BTreeMap<String, String>;

/// The body of a page, or the problem that is shown in its place.
pub type Answer = Result<Markup, Problem>;

/// The reason why a page cannot be shown.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    title: &'static str,
    /// The error, in a sentence.
    text: String,
    /// The content shown below that sentence.
    help: Markup,
}

impl Problem {
    /// No page has this address. `choices`: links to all choices.
    pub fn no_page(choices: &Markup) -> Problem {
        Problem {
            status: StatusCode::NOT_FOUND,
            title: "No such page",
            text: "Nothing has this address.".to_owned(),
            help: html! { p { "There are the " a href="/" { "verdicts of all choices" } ", a page for each of them, and a page to "
            a href="/program" { "judge a program of your own" } "." } (choices) },
        }
    }

    /// A model or choice is unknown. `choices`: links to all choices.
    pub fn unknown(text: String, choices: Markup) -> Problem {
        Problem { status: StatusCode::NOT_FOUND, title: "No such choice", text, help: choices }
    }

    /// No row of the catalogue has this id.
    pub fn no_bug(id: &str) -> Problem {
        let help =
            html! { p { "There are " a href="/catalogue" { "all known bugs" } ", by system and by kind." } };
        let text = format!("No known bug has the id '{id}'.");
        Problem { status: StatusCode::NOT_FOUND, title: "No such bug", text, help }
    }

    /// The explorer was started without a node.
    pub fn no_node() -> Problem {
        let help = html! { p { "Start it with the address of one: " code { "replicheck explore --node 127.0.0.1:7002" } "." } };
        let text = "This explorer does not watch a node.".to_owned();
        Problem { status: StatusCode::NOT_FOUND, title: "No node", text, help }
    }

    /// A value in the URL is invalid.
    pub fn value(text: String) -> Problem {
        let help = html! { p { "Go " a href="/" { "back to the verdicts" } "." } };
        Problem { status: StatusCode::BAD_REQUEST, title: "This address is not valid", text, help }
    }

    /// A path does not exist. `nearest`: addresses of paths that do.
    pub fn path(text: String, nearest: &[(String, String)]) -> Problem {
        let help = html! { ul { @for (href, words) in nearest { li { a href=(href) { (words) } } } } };
        Problem { status: StatusCode::NOT_FOUND, title: "No such path", text, help }
    }

    /// A program cannot be explored. `form`: the program in a form, to be corrected.
    pub fn program(text: String, form: Markup) -> Problem {
        Problem {
            status: StatusCode::BAD_REQUEST,
            title: "This program cannot be explored",
            text,
            help: form,
        }
    }

    /// The page's own code failed.
    pub fn broken() -> Problem {
        Problem {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            title: "This page failed",
            text: "That is a fault of replicheck, not yours: its terminal says where.".to_owned(),
            help: html! { p { "Go " a href="/" { "back to the verdicts" } "." } },
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = html! { h1 { (self.title) } p.problem role="alert" { (self.text) } (self.help) };
        (self.status, page::page(self.title, &body)).into_response()
    }
}
