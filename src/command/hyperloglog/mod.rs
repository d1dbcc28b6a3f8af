//! Commands on hyperloglogs. Pure.

use super::Spec;

pub(super) const TABLE: &[Spec] = &[];
