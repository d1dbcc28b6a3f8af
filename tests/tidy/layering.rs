//! Layering — no clock, thread, lock, socket, file, randomness or hash order in src/ outside the I/O places. Pure.
//!
//! The rule also holds for `#[cfg(test)]` modules in src/: a test that needs a clock or a file belongs into tests/.

use crate::source::{Keep, blanked, paths};
use crate::{Finding, finding};

/// Paths in src/, or beginnings of paths, where input and output are allowed, with the reason.
pub const IO_PLACES: &[(&str, &str)] = &[
    ("src/main.rs", "the program: arguments, exit code"),
    ("src/cli/", "the subcommands: they read files, print, and measure how long a search took"),
    ("src/server.rs", "sockets, and the only clock of a running node"),
    ("src/server/", "as src/server.rs"),
    ("src/client.rs", "a client of any server that speaks RESP"),
    ("src/client/", "the replica's link: socket, threads, the clock that its time limits need"),
    ("src/replication/feed.rs", "the master's side of a link: as src/client/"),
    ("src/replication/snapshot_feed.rs", "the master's side of a full sync: as src/client/"),
    ("src/replication/session.rs", "reads and writes of a socket that end when they are told to"),
    (
        "src/sync.rs",
        "threads, locks and atomics of what loom and shuttle explore: they change places with std here",
    ),
    ("src/store/rocksdb/", "the store on disk"),
    ("src/binlog/segment", "the segment files, behind a file trait"),
    ("src/apply/pool", "the worker pool, through crate::sync"),
    ("src/handover.rs", "shares entries with the pool's threads"),
    ("src/queue.rs", "a lock and the threads that wait for it, through crate::sync"),
    ("src/publication.rs", "a lock, through crate::sync"),
    (
        "src/engine/",
        "a node as it runs: folder, threads, clock, randomness; everything it decides is decided elsewhere",
    ),
    ("src/trace.rs", "one JSON line a step, into a file"),
    ("src/probe/node.rs", "a connection to a node of any make"),
    ("src/probe/looks.rs", "waits until a replica has reached a position"),
    ("src/probe/compare.rs", "reads all nodes at once, on threads, no faster than the rate"),
    ("src/probe/round.rs", "one thread writes, and one for each replica reads"),
];

/// Files that are built for loom and shuttle, too (`tests/threads_loom.rs`, `tests/threads_shuttle.rs`).
const EXPLORED: &[&str] = &["src/apply/pool/", "src/handover.rs", "src/publication.rs", "src/queue.rs"];

/// What only `crate::sync` may give them. Not `Arc`: what is only read needs no exploring.
const ONLY_BY_SYNC: &[&str] = &[
    "std::thread",
    "std::sync::*",
    "std::sync::atomic",
    "std::sync::Mutex",
    "std::sync::MutexGuard",
    "std::sync::Condvar",
    "std::sync::RwLock",
    "std::sync::OnceLock",
    "std::sync::mpsc",
];

/// Files that may have a hash map, with the reason why its order is never visible.
const HASH_PLACES: &[(&str, &str)] =
    &[("src/ordering/last_of.rs", "it is looked up by key, and its hash is that of its sorted content")];

/// Files that name the system's wall clock, with the purpose. That clock may be set at any time: nothing that is stored or
/// judged depends on it, except in these files.
const WALL_CLOCK_PLACES: &[(&str, &str)] = &[
    ("src/engine/clock.rs", "the clocks of a node"),
    ("src/server/clients.rs", "INFO's server_time_usec"),
    ("src/cli/probe.rs", "when a comparison ended, for Prometheus"),
    ("src/cli/demo/mod.rs", "when a program was sent, to be shown"),
    ("models/explorer/bench.rs", "how old a file is, to be shown"),
];

/// Files that read a node's wall clock (`.wall`, beside the elapsed one), with the purpose.
const MOMENT_PLACES: &[(&str, &str)] = &[
    ("src/engine/clock.rs", "it makes them"),
    ("src/engine/master.rs", "start, stop and readers of a master: its clock takes both times"),
    ("src/engine/writer.rs", "the begin of a group: its clock takes both times"),
    ("src/engine/ticker.rs", "it writes the state from which a start continues"),
    ("src/engine/by_hand.rs", "as src/engine/master.rs"),
    ("src/engine/replica.rs", "policies that judge locally"),
    ("src/engine/following.rs", "the state from which a start continues"),
    ("src/engine/receiving.rs", "policies that judge locally"),
    ("src/engine/open.rs", "policies that judge locally"),
    ("src/cli/replay/", "clocks that are set by hand"),
];

struct Forbidden {
    what: &'static str,
    /// Patterns for [`crate::source::Path::names`].
    paths: &'static [&'static str],
    instead: &'static str,
}

const HASH_MAP: &str = "a hash map, whose order differs from run to run";

const FORBIDDEN: &[Forbidden] = &[
    Forbidden {
        what: "a clock",
        paths: &["Instant::now", "time::Instant", "SystemTime", "UNIX_EPOCH", "std::time::*"],
        instead: "take the time as an argument of type `Millis`",
    },
    Forbidden {
        what: "a thread",
        paths: &["std::thread", "thread::_", "thread_local", "rayon::_", "tokio::_", "crossbeam::_"],
        instead: "write a state machine, and let src/apply/pool run it through crate::sync",
    },
    Forbidden {
        what: "a lock or an atomic",
        paths: &[
            "Mutex",
            "RwLock",
            "Condvar",
            "OnceLock",
            "LazyLock",
            "mpsc",
            "sync::atomic",
            "atomic::_",
            "std::sync::Barrier",
            "std::sync::*",
            "parking_lot::_",
            "loom::_",
            "shuttle::_",
        ],
        instead: "own the state (`&mut self`); threads share it through crate::sync in an I/O place",
    },
    Forbidden {
        what: "a socket",
        paths: &["std::net", "net::_", "TcpStream", "TcpListener", "UdpSocket", "UnixStream"],
        instead: "take and return messages; src/server.rs moves them",
    },
    Forbidden {
        what: "a file",
        paths: &["std::fs", "fs::_", "File::_", "OpenOptions"],
        instead: "take and return bytes; src/binlog/segment keeps them",
    },
    Forbidden {
        what: "randomness",
        paths: &["rand::_", "fastrand", "getrandom", "thread_rng", "RandomState"],
        instead: "take the random number as an argument",
    },
    Forbidden {
        what: HASH_MAP,
        paths: &["HashMap", "HashSet", "FxHashMap", "FxHashSet", "hashbrown::_", "std::collections::*"],
        instead: "use `BTreeMap` or `BTreeSet`",
    },
    Forbidden { what: "all of std", paths: &["std::*"], instead: "name what is used" },
];

/// The paths in a file of src/ that name something forbidden.
pub fn layering(path: &str, text: &str) -> Vec<Finding> {
    if !path.starts_with("src/")
        || !path.ends_with(".rs")
        || IO_PLACES.iter().any(|(place, _)| path.starts_with(place))
    {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for named in paths(&blanked(text, Keep::Code)) {
        for forbidden in FORBIDDEN {
            let may_hash = HASH_PLACES.iter().any(|(place, _)| path == *place);
            if !(may_hash && forbidden.what == HASH_MAP)
                && forbidden.paths.iter().any(|pattern| named.names(pattern))
            {
                let what = format!("`{}` is {}", named.segments.join("::"), forbidden.what);
                findings.push(finding(path, named.line, what, forbidden.instead));
            }
        }
    }
    findings
}

/// The paths of std in an explored file that loom and shuttle could not replace.
pub fn explored(path: &str, text: &str) -> Vec<Finding> {
    if !EXPLORED.iter().any(|place| path.starts_with(place)) {
        return Vec::new();
    }
    let named = paths(&blanked(text, Keep::Code));
    let wrong = named.iter().filter(|named| ONLY_BY_SYNC.iter().any(|pattern| named.names(pattern)));
    wrong
        .map(|named| {
            let what = format!("`{}` in a file that loom and shuttle explore", named.segments.join("::"));
            finding(path, named.line, what, "import it from crate::sync")
        })
        .collect()
}

/// The uses of clocks in a file that are not allowed there.
pub fn clocks(path: &str, text: &str) -> Vec<Finding> {
    let is_in = |places: &[(&str, &str)]| places.iter().any(|(place, _)| path.starts_with(place));
    let is_held = ["src/", "models/"].iter().any(|folder| path.starts_with(folder)) && path.ends_with(".rs");
    let mut findings = Vec::new();
    for (line, code) in (1..).zip(blanked(text, Keep::Code).lines()) {
        let names = |words: &[&str]| words.iter().any(|word| code.contains(word));
        if is_held && names(&["SystemTime", "clock_gettime", "UNIX_EPOCH"]) && !is_in(WALL_CLOCK_PLACES) {
            let what = "the system's wall clock".to_owned();
            findings.push(finding(
                path,
                line,
                what,
                "take a `Moment` from `engine::Clock`, or a time as an argument",
            ));
        }
        if is_held && path.starts_with("src/") && names(&[".moment()"]) && !is_in(MOMENT_PLACES) {
            let what = "a wall clock beside the elapsed one".to_owned();
            findings.push(finding(
                path,
                line,
                what,
                "use `Clock::elapsed`, or add the file with its purpose",
            ));
        }
    }
    findings
}

#[test]
fn explored_file_that_names_a_lock_of_std_is_reported() {
    for bad in ["use std::sync::{Arc, Mutex};", "std::thread::spawn(f);", "use std::sync::atomic::AtomicU64;"]
    {
        let lines: Vec<usize> =
            explored("src/queue.rs", &format!("\n{bad}")).iter().map(|f| f.line).collect();
        assert_eq!(lines, [2], "{bad}");
        assert_eq!(explored("src/engine/reads.rs", bad), []);
    }
    assert_eq!(
        explored("src/apply/pool/mod.rs", "use std::sync::Arc; use crate::sync::{Mutex, thread};"),
        []
    );
}

#[test]
fn clocks_named_elsewhere_are_reported() {
    for (path, text, count) in [
        ("src/engine/packer.rs", "\nlet now = SystemTime::now();", 1),
        ("src/engine/facts.rs", "let now = shared.clock.moment();", 1),
        ("models/search.rs", "use std::time::SystemTime;", 1),
        ("src/engine/clock.rs", "let now = SystemTime::now();", 0),
        ("src/engine/writer.rs", "self.clock.moment()", 0),
        ("src/engine/facts.rs", "shared.clock.elapsed() // no SystemTime", 0),
    ] {
        assert_eq!(clocks(path, text).len(), count, "{path}: {text}");
    }
}

#[test]
fn layering_each_forbidden_thing_is_reported() {
    let bad = [
        ("let t = Instant::now();", "a clock"),
        ("use std::time::{Duration, Instant};", "a clock"),
        ("std::time::SystemTime::now()", "a clock"),
        ("std::thread::spawn(f);", "a thread"),
        ("use std::{fmt, thread};", "a thread"),
        ("thread::yield_now()", "a thread"),
        ("use std::sync::{Arc, Mutex};", "a lock or an atomic"),
        ("use std::sync::atomic::AtomicU64;", "a lock or an atomic"),
        ("fn f(state: &std::sync::RwLock<u8>) {}", "a lock or an atomic"),
        ("use std::net::TcpStream;", "a socket"),
        ("std::fs::read(path)", "a file"),
        ("File::open(path)", "a file"),
        ("use rand::Rng;", "randomness"),
        ("fastrand::u8(..)", "randomness"),
        ("rand::thread_rng()", "randomness"),
        ("use std::collections::hash_map::RandomState;", "randomness"),
        ("let m: HashMap<u8, u8> = HashMap::new();", "a hash map"),
        ("use std::collections::{BTreeMap, HashSet};", "a hash map"),
        ("use std::*;", "all of std"),
        ("#[cfg(test)] mod tests { use std::fs; }", "a file"),
    ];
    for (text, what) in bad {
        let findings = layering("src/ordering/mod.rs", &format!("\n{text}"));
        let seen = findings.iter().any(|f| f.line == 2 && f.what.contains(what));
        assert!(seen, "{text} must be reported as {what}: {findings:?}");
    }
}

#[test]
fn layering_harmless_text_is_not_reported() {
    let fine = "//! Reads no `Instant::now`. /* std::fs */\nuse std::sync::Arc; // not a Mutex\n\
                const S: &str = \"std::net\";\nfn f(instants: Instants, thread: u8, random: u64, rand: u8) {}";
    assert_eq!(layering("src/effect.rs", fine), []);
}

#[test]
fn layering_io_places_are_left_alone_and_their_neighbours_are_not() {
    let bad = "use std::fs;";
    for (path, io) in [
        ("src/main.rs", true),
        ("src/cli/check.rs", true),
        ("src/binlog/segment/reader.rs", true),
        ("src/apply/pool.rs", true),
        ("models/search.rs", true),
        ("src/lib.rs", false),
        ("src/apply/mod.rs", false),
        ("src/binlog/log.rs", false),
        ("src/store/memory.rs", false),
    ] {
        assert_eq!(layering(path, bad).is_empty(), io, "{path}");
    }
    for (path, bad, may) in [
        ("src/ordering/last_of.rs", "use hashbrown::HashMap;", true),
        ("src/ordering/last_of.rs", "use std::fs;", false),
        ("src/ordering/writeset.rs", "use hashbrown::HashMap;", false),
    ] {
        assert_eq!(layering(path, bad).is_empty(), may, "{path}: {bad}");
    }
}
