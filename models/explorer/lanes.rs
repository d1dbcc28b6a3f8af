//! Lanes — a story → a row a step. Pure.

use crate::models::story::Story;
use maud::{Markup, html};

/// The story as a table: who did what, and what each worker held or the clocks said afterwards.
pub fn lanes_html(story: &Story) -> Markup {
    html! {
        table.lanes {
            caption.unseen { "What happened, a step a row" }
            thead { tr { th scope="col" { "#" } th scope="col" { "who" } th scope="col" { "what" } th scope="col" { "afterwards" } } }
            tbody {
                @for (number, step) in (1..).zip(&story.steps) {
                    tr {
                        td.number { (number) }
                        th.who scope="row" { (step.who) }
                        td.what { (step.what) }
                        td.after { @for lane in &step.lanes { span.lane { (lane) } } }
                    }
                }
            }
        }
    }
}
