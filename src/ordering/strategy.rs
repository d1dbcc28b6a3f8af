//! The strategies by name. Pure.

use super::barrier::Barrier;
use super::first_key::FirstKey;
use super::key_hash::KeyHash;
use super::sequence::Sequence;
use super::serial::Serial;
use super::writeset::Writeset;
use super::writeset_snapshots::WritesetSnapshots;
use super::{Admission, Job, Ordering, Reads, Refused};
use crate::binlog::Lsn;

/// Names the strategies once: the enum of names, the enum of machines, and the delegation to them.
macro_rules! strategies {
    ($($variant:ident($machine:ty) $name:literal $new:expr;)*) => {
        /// An ordering strategy by name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Strategy {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
        }

        impl Strategy {
            /// All of them, the unsafe ones first.
            pub const ALL: &[Strategy] = &[$(Strategy::$variant,)*];

            /// The name that users write.
            pub fn name(self) -> &'static str {
                match self { $(Strategy::$variant => $name,)* }
            }

            /// A machine with no entries for `workers` (at least 1); a batch holds at most `batch_entries_max`
            /// (at least 1).
            pub fn machine(self, workers: usize, batch_entries_max: usize) -> AnyOrdering {
                match self {
                    $(Strategy::$variant => {
                        let new: fn(usize, usize) -> $machine = $new;
                        AnyOrdering::$variant(new(workers, batch_entries_max))
                    })*
                }
            }
        }

        /// A machine of any of the strategies.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum AnyOrdering {
            $(#[doc = concat!("`", $name, "`")] $variant($machine),)*
        }

        impl AnyOrdering {
            fn get(&self) -> &dyn Ordering {
                match self { $(AnyOrdering::$variant(machine) => machine,)* }
            }

            fn get_mut(&mut self) -> &mut dyn Ordering {
                match self { $(AnyOrdering::$variant(machine) => machine,)* }
            }
        }
    };
}

strategies! {
    FirstKey(FirstKey) "first_key" FirstKey::new;
    KeyHash(KeyHash) "key_hash" KeyHash::new;
    Serial(Serial) "serial" |_, batch| Serial::new(batch);
    Barrier(Barrier) "barrier" Barrier::new;
    Sequence(Sequence) "sequence" |_, batch| Sequence::new(batch);
    Writeset(Writeset) "writeset" |_, batch| Writeset::new(batch);
    WritesetSnapshots(WritesetSnapshots) "writeset_snapshots" |_, batch| WritesetSnapshots::new(batch);
}

impl Strategy {
    /// Whether every state between two batches is a state of the master. A node's readers are then given what was
    /// published with its clock; otherwise the store as it is.
    pub fn shows_prefixes(self) -> bool {
        match self {
            Strategy::Serial | Strategy::Sequence | Strategy::WritesetSnapshots => true,
            Strategy::FirstKey | Strategy::KeyHash | Strategy::Barrier | Strategy::Writeset => false,
        }
    }
}

impl std::str::FromStr for Strategy {
    type Err = UnknownStrategy;

    fn from_str(name: &str) -> Result<Strategy, UnknownStrategy> {
        let known = Strategy::ALL.iter().find(|strategy| strategy.name() == name);
        known.copied().ok_or_else(|| UnknownStrategy(name.to_owned()))
    }
}

/// No strategy has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown ordering '{0}' (known: {known})", known = known())]
pub struct UnknownStrategy(String);

fn known() -> String {
    Strategy::ALL.iter().map(|strategy| strategy.name()).collect::<Vec<_>>().join(", ")
}

impl Ordering for AnyOrdering {
    fn admits(&self) -> bool {
        self.get().admits()
    }

    fn admit(&mut self, entry: &Admission<'_>) -> Result<(), Refused> {
        self.get_mut().admit(entry)
    }

    fn take(&mut self, worker: usize) -> Option<Job> {
        self.get_mut().take(worker)
    }

    fn may_write(&self, job: &Job) -> bool {
        self.get().may_write(job)
    }

    fn finish(&mut self, worker: usize, job: &Job) {
        self.get_mut().finish(worker, job);
    }

    fn reads(&self) -> Reads {
        self.get().reads()
    }

    fn cut(&mut self) {
        self.get_mut().cut();
    }

    fn publishable(&self) -> Option<Lsn> {
        self.get().publishable()
    }

    fn published(&mut self) {
        self.get_mut().published();
    }

    fn interchangeable_workers(&self) -> bool {
        self.get().interchangeable_workers()
    }

    fn has_lanes(&self) -> bool {
        self.get().has_lanes()
    }
}
