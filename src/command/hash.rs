//! Commands on hashs.

use super::Spec;

pub(super) const TABLE: &[Spec] = &[];
