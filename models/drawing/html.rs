//! HTML — a story → parts of a page, or a self-contained page. Pure.
//!
//! Each drawing is included twice, for wide and for narrow screens, and the style shows one of the two. The steps are
//! also a list of words, for readers who cannot see the drawing or want to copy the text.

use super::{Lanes, svg};
use crate::models::invariants::listed;
use crate::models::story::{KeyRow, Step, Story};
use crate::models::timeline::{elided, log};
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// Width of a drawing in pixels: on a wide screen, on half of one, and on a narrow one.
pub const WIDE: i32 = 1140;
/// Width of each of two drawings that are side by side.
pub const HALF: i32 = 580;
const NARROW: i32 = 358;

/// The rules that the parts need in a page's style.
pub const STYLE: &str = "\
.rc-narrow{display:none}@media (max-width:760px){.rc-wide{display:none}.rc-narrow{display:block}}\
.rc-keys{border-collapse:collapse;margin:.5rem 0}.rc-keys caption{text-align:left;font-weight:600;padding:.3rem 0}\
.rc-keys th,.rc-keys td{text-align:left;padding:.25rem .9rem .25rem 0;border-bottom:1px solid #9aa4af;vertical-align:top}\
.rc-keys td,.rc-keys tbody th{font-family:ui-monospace,monospace;font-size:.85rem;overflow-wrap:anywhere}\
.rc-differs{font-weight:700}";

const PAGE_STYLE: &str = "\
:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:1172px;padding:1rem;\
background:#fff;color:#1b1f24}h1{font-size:1.25rem}h2{font-size:1rem;margin:1.2rem 0 .2rem}code{font-family:ui-monospace,monospace;font-size:.85rem;overflow-wrap:anywhere}\
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem .9rem;margin:.5rem 0 1rem}dt{font-weight:600}dd{margin:0}\
@media (prefers-color-scheme:dark){body{background:#15191e;color:#e6e9ed}}";

/// The swim lanes of a story, and its steps in words. `id` must be unique among the stories of a page; `wide`: width in
/// pixels on a wide screen.
pub fn lanes(story: &Story, id: &str, title: &str, wide: i32) -> Markup {
    some_lanes(&Lanes::of(story), story, (id, title), wide)
}

/// The same with the rows of `lanes` only; the list of words has every step.
pub fn some_lanes(lanes: &Lanes, story: &Story, (id, title): (&str, &str), wide: i32) -> Markup {
    let text = "The same steps are listed below in words.";
    html! {
        div.rc-wide { (svg::lanes(lanes, wide).element(&format!("{id}-wide"), title, text)) }
        div.rc-narrow { (svg::lanes(lanes, NARROW).element(&format!("{id}-narrow"), title, text)) }
        details {
            summary { "The steps in words" }
            ol {
                @for step in &story.steps {
                    li {
                        (step.in_words())
                        @if !step.broken.is_empty() { strong { " ✗ breaks " (listed(&step.broken)) } }
                    }
                }
            }
        }
    }
}

/// The keys of master and replica side by side, with `≠` where they differ.
pub fn keys(rows: &[KeyRow], caption: &str) -> Markup {
    html! {
        table.rc-keys {
            caption { (caption) }
            thead { tr { th scope="col" { "≠" } th scope="col" { "key" } th scope="col" { "master" } th scope="col" { "replica" } } }
            tbody {
                @for row in rows {
                    tr.rc-differs[row.differs] {
                        td { @if row.differs { span role="img" aria-label="they differ" { "≠" } } }
                        th scope="row" { (row.key) }
                        td { (row.master) }
                        td { (row.replica) }
                    }
                }
                @if rows.is_empty() { tr { td {} td colspan="3" { "both are empty" } } }
            }
        }
    }
}

/// The deadlines after these steps as bars; nothing if there are none.
pub fn lifetimes(steps: &[Step], id: &str) -> Markup {
    let title = "How long each key lives, by master and replica";
    let text = "The same deadlines are in the table of keys.";
    html! {
        @for (class, width) in [("wide", WIDE / 2), ("narrow", NARROW)] {
            @if let Some(drawing) = svg::lifetimes(steps, width) {
                div class={ "rc-" (class) } { (drawing.element(&format!("{id}-{class}"), title, text)) }
            }
        }
    }
}

/// A story as a self-contained page. `facts` follow the title: each a name and its text.
pub fn document(story: &Story, title: &str, facts: &[(&str, String)]) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) (PreEscaped(PAGE_STYLE)) }
            }
            body {
                main {
                    h1 { (title) }
                    dl {
                        dt { "program" } dd { code { (elided(&story.program, "; ")) } }
                        dt { "log" } dd { code { (elided(&log(story), " · ")) } }
                        @if !story.lanes.is_empty() { dt { "lanes" } dd { code { (story.lanes) } } }
                        @for (name, fact) in facts { dt { (name) } dd { code { (fact) } } }
                    }
                    (lanes(story, "story", title, WIDE))
                    (keys(&story.keys, "Both nodes after the last step"))
                    @let lives = lifetimes(&story.steps, "lives");
                    @if !lives.0.is_empty() { h2 { "How long the keys live" } (lives) }
                    p { strong { "⇒ " (story.conclusion) } }
                }
            }
        }
    };
    page.into_string() + "\n"
}
