//! Disk errors — the kinds of writes that a node's disks refuse at present, for its writers and for INFO. Pure, except for
//! its lock.

use super::Meters;
use crate::sync::{Arc, Mutex, lock};

/// A kind of write that a disk may refuse. An error lasts until the disk accepts a write of the same kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Appending entries to the log.
    Log,
    /// Writing a batch to the store.
    Batch,
    /// Flushing the store.
    Flush,
}

/// The kinds of writes that are refused now, each with the disk's error.
#[derive(Debug, Default)]
pub struct DiskErrors {
    now: Mutex<[Option<String>; 3]>,
    meters: Arc<Meters>,
}

impl DiskErrors {
    /// No errors; `meters` keep the last one.
    pub fn new(meters: Arc<Meters>) -> DiskErrors {
        DiskErrors { meters, ..DiskErrors::default() }
    }

    /// Notes that `what` was refused with `error`, or that it was accepted (`None`).
    pub fn set(&self, what: Refused, error: Option<String>) {
        let mut now = lock(&self.now);
        let before = &mut now[what as usize];
        match (&*before, &error) {
            (None, Some(error)) => {
                tracing::error!(?what, %error, "the disk refuses writes: they are retried")
            }
            (Some(_), None) => tracing::info!(?what, "the disk accepts writes again"),
            _ => {}
        }
        if let Some(error) = &error {
            self.meters.failed(if what == Refused::Log { "log" } else { "store" }, error.clone());
        }
        *before = error;
    }

    /// Whether `what` is refused now.
    pub fn is_refused(&self, what: Refused) -> bool {
        lock(&self.now)[what as usize].is_some()
    }

    /// The error because of which the store cannot be written; `None`: it can.
    pub fn store(&self) -> Option<String> {
        let now = lock(&self.now);
        now[Refused::Batch as usize].clone().or_else(|| now[Refused::Flush as usize].clone())
    }

    /// The error because of which writes are refused; `None`: they are accepted.
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
