//! Handshake — the model of two nodes whose folders are copied, restored and started: may the replica's log resume from
//! the master's?
//!
//! Each node is a master or a replica, and may change its role. A node starts with its folder as it was left, with a
//! restored copy, with a copy of the other node's folder, or with a folder without the file `node`. A machine may also
//! return to a snapshot, together with the process that runs on it. The engine's own code decides which epoch a start
//! begins ([`crate::binlog::log::epoch_of_start`]), which entries a log takes ([`crate::binlog::Log`]) and whether a
//! replica resumes ([`crate::replication::handshake::answer`]).
//!
//! ```text
//! node A   1:x          a copy from before entry 1 is restored; 1:y
//! node B   1:x                                                        says: my last entry is 1
//! ```
//!
//! The model judges *convergence*: while the link is up, the replica's log is a beginning of the master's. It also judges
//! *resume*: a replica whose log is such a beginning is not refused. Nothing is purged, and no replica removes a key by
//! itself.
//!
//! One thing is left out on purpose: in the model two starts never draw the same bits, and two checksums are equal only
//! if they cover equal entries. A running engine draws 32 bits a start and compares 32 bits of checksum.

mod acts;
mod model;
mod story;

pub use model::{Action, Down, Folder, HandshakeModel, Node, State, With};

use crate::models::invariants::{self, Invariant};

/// The invariants, in the order of the bits.
pub const INVARIANTS: &[Invariant] = invariants::HANDSHAKE.invariants;

/// Which epochs exist, as far as the handshake sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Epochs {
    /// One epoch only, so the handshake compares only LSNs.
    One,
    /// A promotion begins an epoch, and so does a start as master that may have lost entries: the engine's rule until
    /// November 2026.
    UncleanStarts,
    /// Every start as master begins an epoch.
    Starts,
}

/// The data that the handshake compares in addition to LSNs and epochs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compares {
    /// Nothing: version 1 of the protocol.
    Nothing,
    /// The checksum of the replica's last entry with that of the master's entry at the same LSN.
    LastEntry,
    /// A checksum over the entries of the last entry's epoch up to that entry: the engine's way.
    EntriesOfEpoch,
}

/// How a handshake distinguishes two histories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// By epochs.
    pub epochs: Epochs,
    /// By checksums.
    pub compares: Compares,
}

impl Choice {
    /// The choices that are judged, from the weakest to the strongest.
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

    /// The name of the choice, like `numbers`, `clean_starts` or `epochs+checksum`.
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

    /// What tells two histories apart, in a sentence.
    pub fn summary(self) -> &'static str {
        match (self.epochs, self.compares) {
            (Epochs::One, _) => "Entries are compared by their numbers alone.",
            (Epochs::UncleanStarts, Compares::Nothing) => {
                "A start after a crash begins an epoch; a start after a clean stop keeps it."
            }
            (Epochs::UncleanStarts, _) => "As clean_starts, and the last entry's checksum is compared.",
            (Epochs::Starts, Compares::Nothing) => "Every start as master begins an epoch.",
            (Epochs::Starts, Compares::LastEntry) => "As epochs, and the last entry's checksum is compared.",
            (Epochs::Starts, Compares::EntriesOfEpoch) => {
                "As epochs, and a checksum over all entries of the epoch is compared."
            }
        }
    }
}

/// An event that may happen to a node, besides writes and deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It loses its connection. A restart cuts the connection in any case.
    Cut,
    /// It is killed; the last entry of its log may be lost.
    Kill,
    /// Its folder is copied, and the copy is restored later.
    Restore,
    /// Its folder is copied, and the copy replaces the other node's folder.
    Clone,
    /// The file `node` is removed while it is stopped.
    Removal,
    /// A master's machine returns to a snapshot, together with the process that runs on it.
    Revert,
    /// It changes its role: a replica becomes master, a master becomes replica.
    Promotion,
}

/// A kind of accident: its name, the events, and the numbers of writes and starts that its stories need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    /// The events that may happen besides stops and starts.
    pub may: &'static [Event],
    /// Maximum number of writes.
    pub writes_max: u8,
    /// Maximum number of starts.
    pub starts_max: u8,
}

/// The accidents, each by itself.
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

/// A machine returns to a snapshot.
pub const REVERT: Scenario = Scenario { name: "revert", may: &[Event::Revert], writes_max: 4, starts_max: 1 };

/// All accidents together.
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
    /// Whether its events can make two logs diverge: otherwise nothing puts *convergence* to the test.
    pub fn may_part(&self) -> bool {
        self.may.iter().any(|event| *event != Event::Cut)
    }

    /// The same scenario with this many writes and this many starts more.
    #[must_use]
    pub fn and(self, writes: u8, starts: u8) -> Scenario {
        Scenario { writes_max: self.writes_max + writes, starts_max: self.starts_max + starts, ..self }
    }
}

/// A fault that the catalogue seeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The master knows only its newest epoch: a replica in an older one is refused.
    ForgetsEpochs,
}

/// The bounds of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The choice.
    pub choice: Choice,
    /// The events that may happen.
    pub scenario: Scenario,
    /// The seeded fault, if any.
    pub fault: Option<Fault>,
}

/// The commands that clients send.
pub(super) const CONTENTS: [&str; 2] = ["SET x 1", "SET y 1"];

impl Setup {
    /// The setup with everything that may happen in the scenario.
    pub fn new(choice: Choice, scenario: Scenario) -> Setup {
        Setup { choice, scenario, fault: None }
    }

    pub(super) fn may(&self, event: Event) -> bool {
        self.scenario.may.contains(&event)
    }

    /// The bounds of one search, in words.
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
