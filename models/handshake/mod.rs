//! Handshake — the model of two nodes whose folders are copied, put back and started: whose log goes on from whose?
//!
//! Each node is master or replica, and may change. A start takes the folder as it is: as the last run left it, a copy that was put
//! back, a copy of the other node's, or one without the file `node`. A machine may go back to a snapshot, with the process that runs
//! on it. The engine's own code says which epoch a start begins ([`crate::binlog::log::epoch_of_start`]), what a log takes
//! ([`crate::binlog::Log`]) and whether a replica resumes ([`crate::replication::handshake::answer`]).
//!
//! ```text
//! node A   1:x          the copy of before entry 1 is put back; 1:y
//! node B   1:x                                                        says: my last entry is 1
//! ```
//!
//! Judged are *convergence*: while the link is up, the replica's log is a beginning of the master's; and *resume*: a replica whose
//! log is one is not refused. Nothing is purged, and no replica removes a key by itself.
//!
//! What it deliberately leaves out: two starts never draw the same bits, and two checksums are equal only if what they are of is. A
//! running engine draws 32 bits a start and compares 32 bits of checksum.

mod acts;
mod model;
mod story;

pub use model::{Action, Down, Folder, HandshakeModel, Node, State, With};

use crate::models::invariants::{self, Invariant};

/// The invariants, in the order of the bits.
pub const INVARIANTS: &[Invariant] = invariants::HANDSHAKE.invariants;

/// Which epochs there are, as far as the handshake is told of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Epochs {
    /// One: only numbers are compared.
    One,
    /// A promotion begins one, and so does a start as master that may have lost entries: the engine's rule until November 2026.
    UncleanStarts,
    /// Every start as master begins one.
    Starts,
}

/// What the handshake compares beside numbers and epochs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compares {
    /// Nothing: version 1 of the protocol.
    Nothing,
    /// The checksum of the replica's last entry with that of the master's entry of that number.
    LastEntry,
    /// A checksum of the entries of its epoch up to that one, as nodes do.
    EntriesOfEpoch,
}

/// How two histories are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// By epochs.
    pub epochs: Epochs,
    /// By checksums.
    pub compares: Compares,
}

impl Choice {
    /// Those that are judged, from the weakest to the strongest.
    pub fn all() -> Vec<Choice> {
        [
            (Epochs::One, Compares::Nothing),
            (Epochs::UncleanStarts, Compares::Nothing),
            (Epochs::UncleanStarts, Compares::LastEntry),
            (Epochs::Starts, Compares::Nothing),
            (Epochs::Starts, Compares::LastEntry),
            (Epochs::Starts, Compares::EntriesOfEpoch),
        ]
        .map(|(epochs, compares)| Choice { epochs, compares })
        .into()
    }

    /// `numbers`, `clean_starts`, `epochs+checksum`.
    pub fn name(self) -> String {
        let epochs = match self.epochs {
            Epochs::One => "numbers",
            Epochs::UncleanStarts => "clean_starts",
            Epochs::Starts => "epochs",
        };
        let compares = match self.compares {
            Compares::Nothing => "",
            Compares::LastEntry => "+checksum",
            Compares::EntriesOfEpoch => "+chain",
        };
        format!("{epochs}{compares}")
    }
}

/// What may happen to a node beside writes and the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It loses its connection. A start cuts it in any case.
    Cut,
    /// It is killed; of its log the last entry may be lost.
    Kill,
    /// Its folder is copied, and the copy is put back later.
    Restore,
    /// Its folder is copied, and the copy takes the place of the other node's.
    Clone,
    /// The file `node` is removed while it is stopped.
    Removal,
    /// A master's machine goes back to a snapshot, with the process that runs on it.
    Revert,
    /// It becomes master if it is a replica, replica if it is master.
    Promotion,
}

/// A kind of accident: its name, what happens, and the writes and starts that its stories need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    /// What may happen beside stops and starts.
    pub may: &'static [Event],
    /// Writes at most.
    pub writes_max: u8,
    /// Starts at most.
    pub starts_max: u8,
}

/// The accidents, each alone.
pub const SCENARIOS: &[Scenario] = &[
    Scenario { name: "restart", may: &[Event::Cut], writes_max: 3, starts_max: 3 },
    Scenario { name: "kill", may: &[Event::Kill], writes_max: 3, starts_max: 2 },
    Scenario { name: "restore", may: &[Event::Restore], writes_max: 4, starts_max: 1 },
    Scenario { name: "clone", may: &[Event::Clone, Event::Promotion], writes_max: 4, starts_max: 2 },
    Scenario {
        name: "node_file_removed",
        may: &[Event::Removal, Event::Promotion],
        writes_max: 5,
        starts_max: 2,
    },
    REVERT,
    Scenario { name: "promotion", may: &[Event::Promotion], writes_max: 3, starts_max: 3 },
];

/// A machine goes back to a snapshot.
pub const REVERT: Scenario = Scenario { name: "revert", may: &[Event::Revert], writes_max: 4, starts_max: 1 };

/// All of them together.
pub const EVERYTHING: Scenario = Scenario {
    name: "everything",
    may: &[
        Event::Cut,
        Event::Kill,
        Event::Restore,
        Event::Clone,
        Event::Removal,
        Event::Revert,
        Event::Promotion,
    ],
    writes_max: 3,
    starts_max: 1,
};

impl Scenario {
    /// Whether it can part two logs: without that nothing puts *convergence* to the test.
    pub fn may_part(&self) -> bool {
        self.may.iter().any(|event| *event != Event::Cut)
    }

    /// With so many writes and so many starts more.
    #[must_use]
    pub fn and(self, writes: u8, starts: u8) -> Scenario {
        Scenario { writes_max: self.writes_max + writes, starts_max: self.starts_max + starts, ..self }
    }
}

/// A fault to put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The master tells of its newest epoch only: who stands in an older one is refused.
    ForgetsEpochs,
}

/// The bounds of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The choice.
    pub choice: Choice,
    /// What may happen.
    pub scenario: Scenario,
    /// The fault.
    pub fault: Option<Fault>,
}

/// What clients write.
pub(super) const CONTENTS: [&str; 2] = ["SET x 1", "SET y 1"];

impl Setup {
    /// Everything that may happen in the scenario.
    pub fn new(choice: Choice, scenario: Scenario) -> Setup {
        Setup { choice, scenario, fault: None }
    }

    pub(super) fn may(&self, event: Event) -> bool {
        self.scenario.may.contains(&event)
    }

    /// What one search explores, in words.
    pub fn in_words(&self) -> String {
        let Scenario { writes_max, starts_max, .. } = self.scenario;
        let mut words = vec![
            format!("two nodes, up to {writes_max} writes of {}", CONTENTS.join(" or ")),
            "one of them 1 ms after the entry before, or none".to_owned(),
            match starts_max {
                1 => "one stop with a start".to_owned(),
                more => format!("up to {more} stops, each with a start"),
            },
        ];
        let mut say = |event: Event, text: &str| words.extend(self.may(event).then(|| text.to_owned()));
        say(Event::Cut, "the link cut at any moment");
        say(Event::Kill, "a kill that loses the last entry or none in the place of a stop");
        say(Event::Restore, "a folder copied once and put back");
        say(Event::Clone, "a folder copied once to the other node");
        say(Event::Removal, "the file `node` removed before a start as master");
        say(Event::Revert, "one snapshot of a master's machine, one return to it");
        say(Event::Promotion, "roles that change at a start");
        words.join(", ")
    }
}
