//! Measured — numbers measured by the benches → a page: strategies in one table, then a table for each question, then every
//! figure. Pure.
//!
//! One renderer serves both the page that `cargo bench` writes and the explorer's page.

mod figures;
mod overview;
mod pivot;
mod row;

pub use figures::{Comparison, comparisons};
pub use overview::{BEHIND, BEHIND_AT_MOST, Overview};
pub use row::{Measured, amount, bar, in_words, params, share};

use maud::{Markup, html};

/// Style of the page, for one that has no style of its own.
pub const STYLE: &str = include_str!("measured.css");

/// The whole page below its heading.
pub fn page(measured: &[Measured]) -> Markup {
    html! {
        @if let Some(overview) = Overview::of(measured) { (overview.markup()) }
        p.quiet { "A percentage is the share of the limit, which is what this machine could do without any ordering. It is the median of the runs; after ± is half the distance between their quartiles, where there were three runs or more." }
        (pivot::tables(measured))
        details { summary { "Every figure" } (figures::tables(measured)) }
    }
}
