//! Drawing — a story → a space-time diagram and tables of keys, in one layout for the terminal, the pages and files. Pure.
//!
//! [`Lanes`] and [`Lifetimes`] compute the layout, without units. Three thin outputs draw it: text ([`super::timeline`]),
//! SVG ([`svg`]) and HTML ([`html`]).
//!
//! ```text
//! client master log    w0   w1   replica
//! ●─────▶○─────▶○1     │    │    │        a client sends, the replica has entry 1 in its log
//! │      │      ○─────▶●1   │    │        worker 0 takes it
//! │      │      │      ●1───┼───▶○        worker 0 writes it
//! ```
//!
//! The form follows ShiViz's diagrams (Beschastnikh et al., *Debugging distributed systems*, ACM Queue 14-2, 2016): time
//! runs downwards, and each actor has a column.

pub mod html;
mod lanes;
mod lifetimes;
pub mod svg;

pub use lanes::{Cell, Flight, LaneRow, Lanes, Role, Span};
pub use lifetimes::{Bar, Lifetimes, seconds};
