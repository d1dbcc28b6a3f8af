//! Commands on sorted sets. Pure.

use super::Spec;

pub(super) const TABLE: &[Spec] = &[];
