//! Commands on strings.

use super::Spec;

pub(super) const TABLE: &[Spec] = &[];
