//! A node on disks that forget: its folder and its log are in memory, its store is in a temporary folder.

use super::forgetful::Forgetful;
use replicheck::binlog::files::{File, Files};
use replicheck::binlog::segment::Options;
use replicheck::binlog::{Entry, Epoch, Fsync, Lsn, SegmentLog};
use replicheck::command::{Command, Reply, line};
use replicheck::engine::{Engine, Folders, Settings, SharedFiles, StartError};
use replicheck::node::{Executed, Transaction};
use replicheck::server::room::Room;
use replicheck::server::{Backend as _, Refused};
use replicheck::time::Millis;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a test waits for a condition that must come true.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub type Node = Arc<Engine<Forgetful>>;

/// The disks of a node.
pub struct Disks {
    pub node: Forgetful,
    pub binlog: Forgetful,
    pub dir: TempDir,
}

impl Disks {
    pub fn new() -> Disks {
        Disks::with(Forgetful::new(), Forgetful::new())
    }

    pub fn with(node: Forgetful, binlog: Forgetful) -> Disks {
        Disks { node, binlog, dir: tempfile::tempdir().expect("a folder") }
    }

    /// A folder with this log, and with a file `node` that an earlier version wrote, which names no folder.
    pub fn of_log(binlog: Forgetful) -> Disks {
        Disks::with(node_file(&first_version(Millis::ZERO, Epoch(0))), binlog)
    }

    /// A copy of the folder of a stopped node.
    pub fn copy(&self) -> Disks {
        let copy = Disks::with(self.node.copy(), self.binlog.copy());
        copy_folder(&self.dir.path().join("store"), &copy.dir.path().join("store"));
        copy
    }

    /// The default settings, but with one worker, and with a store that is flushed at the end only.
    pub fn settings(&self, fsync: Fsync) -> Settings {
        Settings { fsync, workers: 1, ..Settings::new(self.dir.path()) }
    }

    pub fn try_start(&self, settings: Settings) -> Result<Node, StartError> {
        Engine::start_on(self.folders(), settings, None)
    }

    pub fn folders(&self) -> Folders<Forgetful> {
        Folders { node: self.node.clone(), binlog: self.binlog.clone(), store: self.dir.path().join("store") }
    }

    /// The content of the file `node`.
    pub fn identity(&self) -> serde_json::Value {
        let bytes = self.node.bytes("node");
        let line = bytes.split(|&byte| byte == b'\n').next().expect("a line");
        serde_json::from_slice(line).expect("it is whole")
    }

    /// Changes a field of the file `node`.
    pub fn rewrite(&self, field: &str, value: serde_json::Value) {
        let mut identity = self.identity();
        identity[field] = value;
        let text = with_checksum(&identity.to_string());
        self.node.damage("node", |bytes| *bytes = text.clone().into_bytes());
    }

    pub fn start(&self, fsync: Fsync) -> Node {
        self.try_start(self.settings(fsync)).expect("it starts")
    }

    /// The error with which the node refuses to start.
    pub fn refused(&self, settings: Settings) -> String {
        match self.try_start(settings) {
            Ok(_) => panic!("it starts"),
            Err(error) => error.to_string(),
        }
    }
}

/// A file `node` of version 1.
pub fn first_version(ceiling: Millis, epoch: Epoch) -> String {
    let (ceiling, epoch) = (ceiling.0, epoch.0);
    format!(
        r#"{{"version":1,"expiry":"log_clock","ceiling_ms":{ceiling},"follower":false,"epoch":{epoch},"lost":false}}"#
    )
}

/// The text of a file `node` with this first line and its checksum.
pub fn with_checksum(line: &str) -> String {
    format!("{line}\ncrc32c {:08x}\n", crc32c::crc32c(line.as_bytes()))
}

/// A durable file `node` with this text.
pub fn node_file(text: &str) -> Forgetful {
    let files = Forgetful::new();
    files.create("node").and_then(|file| file.write_at(0, text.as_bytes())).expect("the disk works");
    files.damage("node", |_| {});
    files
}

/// Runs the lines as one connection's pipeline; returns the replies. A line of commands with `; ` between them is a transaction,
/// and its reply is an array.
pub fn run<F: SharedFiles>(node: &Engine<F>, lines: &[&str]) -> Vec<Reply> {
    let command = |text: &str| {
        let argv = line::split(text.as_bytes()).expect("a line");
        Command::parse(0, argv).expect("a command")
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let (mut replies, mut waiting) = (Vec::new(), Vec::new());
        for line in lines {
            if line.contains("; ") {
                replies.extend(node.run(std::mem::take(&mut waiting)).await);
                let commands = line.split("; ").map(command).collect();
                let ran = node
                    .exec(
                        Transaction { commands, watches: Vec::new(), reply_bytes_max: usize::MAX },
                        Room::unlimited(),
                    )
                    .await;
                replies.push(match ran {
                    Ok(Executed::Ran(replies)) => Reply::Array(replies),
                    Ok(Executed::Changed) => Reply::NullArray,
                    Ok(Executed::RanBeyondReplies) => panic!("there is no limit"),
                    Err(Refused(text)) => Reply::Error(text),
                });
            } else {
                waiting.push(command(line));
            }
        }
        replies.extend(node.run(waiting).await);
        replies
    })
}

pub fn is_misconf(reply: &Reply) -> bool {
    matches!(reply, Reply::Error(text) if text.starts_with("MISCONF Errors writing to the binlog: "))
}

/// Checks again and again until `is_so` holds. Panics after [`PATIENCE`].
pub fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "waited for {what}");
        std::thread::yield_now();
    }
}

/// All entries of a log.
pub fn entries(binlog: &Forgetful) -> Vec<Entry> {
    let (log, _) = SegmentLog::open(binlog.copy(), Options::default()).expect("it opens");
    let mut cursor = log.cursor(Lsn(1)).expect("nothing is purged");
    let mut all = Vec::new();
    while log.last() > Lsn(all.len() as u64) {
        all.extend(log.read(&mut cursor, log.last(), 1 << 20).expect("it is whole"));
    }
    all
}

/// A log of these entries, each in a group of its own, as a running node leaves it: synced through `synced`, and completely
/// synced under `always`.
pub fn log_of(entries: &[Entry], synced: usize, options: Options) -> Forgetful {
    let files = Forgetful::new();
    let (mut log, _) = SegmentLog::open(files.clone(), options).expect("an empty folder");
    for (at, entry) in entries.iter().enumerate() {
        log.append(std::slice::from_ref(entry)).expect("the disk works");
        if at + 1 == synced || options.fsync == Fsync::Always {
            log.sync().expect("the disk works");
        }
    }
    files
}

/// Copies the files of a folder that no process writes.
pub fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for file in std::fs::read_dir(from).expect("it is there") {
        let file = file.expect("a file");
        std::fs::copy(file.path(), to.join(file.file_name())).expect("it is copied");
    }
}
