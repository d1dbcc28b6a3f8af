//! Commands on bits. Pure.

use super::Spec;

pub(super) const TABLE: &[Spec] = &[];
