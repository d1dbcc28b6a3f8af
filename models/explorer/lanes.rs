//! Lanes — a story → its drawing, the same as in the terminal and in exported files. Pure.

use crate::models::drawing::html;
use crate::models::story::Story;
use maud::Markup;

/// The swim lanes of a story, and its steps in words. `id` must be unique among the stories of a page.
pub fn lanes_html(story: &Story, id: &str) -> Markup {
    html::lanes(story, id, "What happened, one row for each step", html::WIDE)
}

/// The swim lanes of a story that is side by side with another story.
pub fn lanes_beside(story: &Story, id: &str) -> Markup {
    html::lanes(story, id, "What happened, one row for each step", html::HALF)
}
