//! Probe — a master and its replicas, of any make → the keys in which they differ. Does I/O: `node`, `read`, `paged`, `looks`,
//! `compare`, `round`.
//!
//! Only reads are sent, except by [`round`], whose database is its own. A difference counts only when it stands at an equal position, see [`position`].
//!
//! | module | what it does |
//! |---|---|
//! | [`options`] | the options; the errors that prevent a comparison |
//! | [`seen`], [`difference`], [`shown`] | what a node shows of a key; how two nodes differ in it; as a short text |
//! | [`info`], [`position`] | where a node is in its history; when a difference counts |
//! | [`node`], [`read`], [`paged`], [`looks`] | a connection; many keys at once; a big value; suspected keys |
//! | [`mod@compare`] | the driver |
//! | [`round`] | writes, and what readers of the replicas see of them: the driver of `probe run` |
//! | [`report`], [`text`], [`json`], [`junit`], [`html`], [`metrics`] | what was found, for people and for programs |

pub mod compare;
pub mod difference;
pub mod html;
pub mod info;
pub mod json;
pub mod junit;
pub mod looks;
pub mod metrics;
pub mod node;
pub mod options;
pub mod paged;
pub mod position;
pub mod read;
pub mod report;
pub mod round;
pub mod seen;
pub mod shown;
pub mod text;
