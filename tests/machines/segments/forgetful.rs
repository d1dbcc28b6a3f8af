//! Forgetful files — the disk of the model `crash`, which forgets and fails.

pub use replicheck::models::crash::forgetful::*;
