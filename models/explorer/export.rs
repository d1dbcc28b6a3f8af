//! Export — a path of an explore page → files to save: a page, a drawing, a path file for `replicheck replay`, a test in
//! Rust. Pure.

use super::address::{self, Typed};
use super::opened;
use super::problem::{Asked, Problem};
use crate::models::drawing::{html as drawing, svg};
use crate::models::experiment::requests;
use crate::models::export::{What, rust_test};
use crate::models::invariants::Invariant;
use crate::models::path_file::PathFile;
use crate::models::story::Story;
use crate::models::walk::View;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

/// The steps shown, and the files that can be made of them.
pub struct Files<'a> {
    typed: &'a Typed,
    story: &'a Story,
    /// The first invariant that the last step breaks and no earlier step broke.
    invariant: Option<Invariant>,
    /// The steps on the model that `replay` uses.
    path_file: Option<PathFile>,
}

/// The files, each with its extension, its media type, and what it is.
const FILES: [(&str, &str, &str); 4] = [
    ("html", "text/html; charset=utf-8", "a page of its own"),
    ("svg", "image/svg+xml", "the drawing"),
    ("json", "application/json", "a path file for replay"),
    ("rs", "text/plain; charset=utf-8", "a test in Rust"),
];

impl<'a> Files<'a> {
    /// The files of the path that ends in `view`.
    pub fn of(typed: &'a Typed, view: &'a View) -> Files<'a> {
        let invariant = view.broken.split_last().and_then(|(last, before)| {
            last.iter().copied().find(|name| !before.iter().any(|names| names.contains(name)))
        });
        Files { typed, story: &view.story, invariant, path_file: path_file(typed, &view.story, invariant) }
    }

    /// The links below the drawing. Empty before the first step.
    pub fn links(&self, path: &[usize], at: usize) -> Markup {
        let there = |ending: &str| self.text(ending).is_some();
        html! {
            @if at > 0 {
                p.files {
                    "Save these steps as: "
                    @for (number, (ending, _, what)) in FILES.iter().filter(|(ending, ..)| there(ending)).enumerate() {
                        @if number > 0 { " · " }
                        a href=(self.typed.export(ending, path, at)) download { (what) " (." (ending) ")" }
                    }
                    "."
                    @if self.path_file.is_none() { " " span.quiet { "Real nodes cannot go this path, so there is no path file for " code { "replicheck replay" } "." } }
                    @if self.invariant.is_none() { " " span.quiet { "A test in Rust is available where the last step breaks an invariant." } }
                }
            }
        }
    }

    fn title(&self) -> String {
        let name = self.typed.name();
        let steps = self.story.steps.len();
        let breaks = self.invariant.map(|name| format!(" breaks {name}")).unwrap_or_default();
        format!("{} / {name}{breaks} in {steps} steps", self.typed.choice.model())
    }

    /// The text of the file with this extension, if there is one.
    fn text(&self, ending: &str) -> Option<String> {
        let choice = self.typed.choice.name();
        match ending {
            "html" => Some(drawing::document(self.story, &self.title(), &[])),
            "svg" => Some(svg::document(self.story, &self.title())),
            "json" => Some(serde_json::to_string_pretty(self.path_file.as_ref()?).ok()? + "\n"),
            // The public API cannot build a choice with a seeded fault.
            "rs" if self.typed.bug.is_some_and(|of| of.choice().fault().is_some()) => None,
            "rs" => {
                let model = self.typed.choice.model();
                rust_test(What { model, choice: &choice, invariant: self.invariant? }, self.story)
            }
            _ => None,
        }
    }
}

/// Answers with the file. Problems: the path is wrong, or it has no such file.
pub fn file(typed: &Typed, ending: &str, asked: &Asked) -> Result<Response, Problem> {
    let (path, at) = address::path(asked)?;
    let path = &path[..at];
    let view = opened::model(typed)?.at(path).map_err(|error| opened::no_path(typed, path, &error))?;
    let files = Files::of(typed, &view);
    let known = FILES.iter().find(|(known, ..)| *known == ending);
    let Some(((_, kind, _), text)) = known.zip(files.text(ending)) else {
        let there =
            vec![(typed.explore_path(path, None), "the steps, and the files that there are".to_owned())];
        return Err(Problem::path(
            format!("These steps cannot be written as a file of the kind '{ending}'."),
            &there,
        ));
    };
    let stem =
        [typed.choice.model(), &typed.name(), files.invariant.map_or("path", Invariant::name)].join("_");
    let stem = stem.replace(|letter: char| !letter.is_ascii_alphanumeric(), "_");
    let disposition = format!("attachment; filename=\"{stem}.{ending}\"");
    Ok(([(CONTENT_TYPE, (*kind).to_owned()), (CONTENT_DISPOSITION, disposition)], text).into_response())
}

/// The steps as a path file on the model that `replay` uses.
fn path_file(typed: &Typed, story: &Story, invariant: Option<Invariant>) -> Option<PathFile> {
    match typed.bug {
        Some(of) if !of.bug.no_replay.is_empty() => None,
        Some(of) => PathFile::retold(&of.experiment(), invariant, story),
        None => {
            let program = requests(&typed.parse().ok()?);
            PathFile::of_story(typed.choice, program, invariant, story)
        }
    }
}
