//! Commands on sets. Pure.

use super::Spec;

pub(super) const TABLE: &[Spec] = &[];
