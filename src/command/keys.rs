//! Commands on keys of any type.

use super::{Command, Spec};

pub(super) const TABLE: &[Spec] = &[];

/// The keys of `command`, each with the database that it is in: COPY … DB names one in another.
pub(super) fn in_their_databases(command: &Command) -> Vec<(u8, &[u8])> {
    command.key_arguments().into_iter().map(|name| (command.db(), name)).collect()
}
