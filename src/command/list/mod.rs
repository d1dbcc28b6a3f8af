//! Commands on lists. Pure.

use super::Spec;

pub(super) const TABLE: &[Spec] = &[];
