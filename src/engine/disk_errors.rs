//! Disk errors — what a node's disks refuse at present, for who writes and for INFO. Pure, but for its lock.

use crate::sync::{Mutex, lock};

/// What a disk may refuse, each until it takes it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Entries of the log.
    Log,
    /// A batch of the store.
    Batch,
    /// A flush of the store.
    Flush,
}

/// What is refused now, with the disk's words.
#[derive(Debug, Default)]
pub struct DiskErrors {
    now: Mutex<[Option<String>; 3]>,
}

impl DiskErrors {
    /// Notes that `what` was refused, or that it was taken.
    pub fn set(&self, what: Refused, error: Option<String>) {
        let mut now = lock(&self.now);
        let before = &mut now[what as usize];
        match (&*before, &error) {
            (None, Some(error)) => tracing::error!(?what, %error, "refused by the disk: tried again"),
            (Some(_), None) => tracing::info!(?what, "taken by the disk again"),
            _ => {}
        }
        *before = error;
    }

    /// Why the store takes nothing, if it does not.
    pub fn store(&self) -> Option<String> {
        let now = lock(&self.now);
        now[Refused::Batch as usize].clone().or_else(|| now[Refused::Flush as usize].clone())
    }

    /// Why writes are refused, if they are.
    pub fn first(&self) -> Option<String> {
        lock(&self.now).iter().flatten().next().cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disk_errors_last_until_the_disk_takes_the_same_again() {
        let errors = DiskErrors::default();
        assert_eq!((errors.first(), errors.store()), (None, None));
        errors.set(Refused::Flush, Some("full".to_owned()));
        errors.set(Refused::Log, None);
        assert_eq!((errors.first(), errors.store()), (Some("full".to_owned()), Some("full".to_owned())));
        errors.set(Refused::Flush, None);
        errors.set(Refused::Log, Some("log".to_owned()));
        assert_eq!((errors.first(), errors.store()), (Some("log".to_owned()), None));
    }
}
