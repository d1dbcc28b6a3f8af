//! Lanes — a story → its drawing, as the terminal and the exports have it. Pure.

use crate::models::drawing::html;
use crate::models::story::Story;
use maud::Markup;

/// The swim lanes of a story, and the steps in words. `id` is another for each story of a page.
pub fn lanes_html(story: &Story, id: &str) -> Markup {
    html::lanes(story, id, "What happened, a step a row", html::WIDE)
}

/// The same beside another story.
pub fn lanes_beside(story: &Story, id: &str) -> Markup {
    html::lanes(story, id, "What happened, a step a row", html::HALF)
}
