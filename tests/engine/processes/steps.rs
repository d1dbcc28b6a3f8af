//! Processes whose wall clocks are set, ahead and back, while they run and between two runs. The library `wall.c` is preloaded
//! and shifts only that clock. Without a C compiler the tests are skipped, and say so.

use super::node::{Node, folder, pause, until};
use replicheck::client::OwnedFrame;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const HOUR: i64 = 3_600_000;
/// How long keys live in these tests.
const LIFETIME: Duration = Duration::from_secs(4);

/// Difference of two log times that comes from cutting them and an elapsed time to whole milliseconds.
const ROUNDED_MS: i64 = 3;

/// Builds the library that shifts wall clocks; `None`: this machine cannot build it.
fn preload(dir: &Path) -> Option<PathBuf> {
    super::preload::build(dir, "wall", include_str!("wall.c"))
}

/// A node whose wall clock can be set.
struct Stepped {
    node: Node,
    ahead: PathBuf,
}

impl Stepped {
    fn start(dir: &Path, name: &str, library: &Path, ahead_ms: i64, options: &[&str]) -> Stepped {
        let ahead = dir.join(format!("{name}.ahead"));
        fs::write(&ahead, ahead_ms.to_string()).unwrap();
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        let preloaded = [("LD_PRELOAD", library.to_owned()), ("WALL_AHEAD_FILE", ahead.clone())];
        let node = Node::start_with(&dir.join(name), &options, &preloaded);
        Stepped { node, ahead }
    }

    /// Sets the node's wall clock: it is `ahead_ms` ahead of the system's from now on.
    fn set(&self, ahead_ms: i64) {
        // A rename: the library reads either the old number or the new one.
        let next = self.ahead.with_extension("next");
        fs::write(&next, ahead_ms.to_string()).unwrap();
        fs::rename(&next, &self.ahead).unwrap();
    }

    fn run(&self, words: &[&str]) -> OwnedFrame {
        self.node.connect().unwrap().call(words).unwrap()
    }

    /// Whether the key is alive; `None`: the node lets no reader in.
    fn shows(&self, key: &str) -> Option<bool> {
        match self.node.connect().ok()?.call(&["EXISTS", key]).ok()? {
            OwnedFrame::Integer(count) => Some(count == 1),
            OwnedFrame::Error(text) if text.starts_with("LOADING") => None,
            other => panic!("EXISTS gave {other:?}"),
        }
    }

    fn log_time(&self) -> Told {
        let asked = Instant::now();
        let time = self.node.fact("rc_log_time").unwrap().parse().unwrap();
        Told { asked, time, answered: Instant::now() }
    }

    /// Waits until the node's folder records how far its wall clock is ahead.
    fn knows_of(&self, ahead_ms: i64) {
        until("the step is in the folder", || {
            let identity = fs::read_to_string(self.node.dir().join("node")).ok()?;
            let identity: serde_json::Value = serde_json::from_str(identity.lines().next()?).ok()?;
            let of = |name: &str| identity["counted"][name].as_i64();
            ((of("wall_ms")? - of("log_ms")? - ahead_ms).abs() < 1_000).then_some(())
        })
        .unwrap_or_else(|text| panic!("{text}\n{}", self.node.log_end()));
    }

    fn is_up(&self) {
        until("the link is up", || (self.node.fact("master_link_status").ok()? == "up").then_some(()))
            .unwrap();
    }

    fn restart(&mut self, how: &str) {
        match how {
            "SIGTERM" => assert!(self.node.terminate().success()),
            "SIGKILL" => self.node.kill(),
            _ => return,
        }
        self.node.restart();
    }
}

/// A node's log time, and the moments before and after it was read.
struct Told {
    asked: Instant,
    time: i64,
    answered: Instant,
}

impl Told {
    /// By how much log time advanced more than elapsed time since `before`, in milliseconds: the least and the most.
    fn ahead_since(&self, before: &Told) -> (i64, i64) {
        let ms = |since: Duration| i64::try_from(since.as_millis()).unwrap();
        let counted = self.time - before.time;
        let (most, least) = (self.answered - before.asked, self.asked - before.answered);
        (counted - ms(most), counted - ms(least))
    }
}

/// Runs `test` with a folder and the library. Skips it if this machine cannot build the library.
fn stepped(test: impl FnOnce(&Path, &Path)) {
    let (_removed, dir) = folder();
    if let Some(library) = preload(&dir) {
        test(&dir, &library);
    }
}

#[test]
fn steps_of_a_masters_wall_clock_change_no_lifetime() {
    stepped(|dir, library| {
        std::thread::scope(|scope| {
            for (before, after) in [(HOUR, 0), (-HOUR, -HOUR), (0, HOUR), (0, -HOUR)] {
                for how in ["", "SIGTERM", "SIGKILL"] {
                    let dir = dir.join(format!("{before} {after} {how}"));
                    scope.spawn(move || {
                        fs::create_dir(&dir).unwrap();
                        lifetime_is_kept(&dir, library, (before, after), how);
                    });
                }
            }
        });
    });
}

fn lifetime_is_kept(dir: &Path, library: &Path, (before, after): (i64, i64), how: &str) {
    let case = format!("ahead by {before} ms at the write and by {after} ms after it, {how}");
    let mut master = Stepped::start(dir, "master", library, 0, &["--appendfsync", "always"]);
    let replica = Stepped::start(dir, "replica", library, 0, &["--replicaof", &master.node.address()]);
    replica.is_up();
    let px = LIFETIME.as_millis().to_string();
    let since = Instant::now();
    master.run(&["SET", "earlier", "v", "PX", &px]);
    master.set(before);
    master.knows_of(before);
    master.run(&["SET", "k", "v", "PX", &px]);
    until("k is there", || (replica.node.fact("rc_applied_lsn").ok()? == "2").then_some(())).unwrap();
    master.set(after);
    // A step that the folder does not record before a kill would count as downtime.
    master.knows_of(after);
    let before = master.log_time();
    master.restart(how);
    // After a kill, log time continues from the ceiling, so a key may die up to 4 s early.
    let keeps = |since: Instant| how != "SIGKILL" && since.elapsed() + Duration::from_millis(500) < LIFETIME;
    for node in [&master, &replica] {
        let seen = until(&case, || node.shows("k")).unwrap();
        assert!(seen || !keeps(since), "{case}: the key died early\n{}", node.node.log_end());
    }
    for node in [&master, &replica] {
        for key in ["k", "earlier"] {
            until(&format!("{case}: {key} is dead"), || (node.shows(key) == Some(false)).then_some(()))
                .unwrap();
        }
    }
    // Elapsed time was not shifted, and log time counts it. After a kill log time continues from the ceiling, up to 4 s ahead.
    let (least, most) = master.log_time().ahead_since(&before);
    assert!(
        least <= 5_000 && most >= -1_000,
        "{case}: log time is ahead of elapsed time by {least} to {most} ms"
    );
}

#[test]
fn steps_of_a_replicas_wall_clock_hide_no_key_there_and_move_no_masters_clock() {
    stepped(|dir, library| {
        std::thread::scope(|scope| {
            for ahead in [HOUR, -HOUR] {
                for how in ["", "SIGTERM", "SIGKILL"] {
                    for expiry in ["log_clock", "effects"] {
                        let dir = dir.join(format!("{ahead} {how} {expiry}"));
                        scope.spawn(move || {
                            fs::create_dir(&dir).unwrap();
                            replica_is_moved_by_nothing(&dir, library, ahead, (how, expiry));
                        });
                    }
                }
            }
        });
    });
}

fn replica_is_moved_by_nothing(dir: &Path, library: &Path, ahead: i64, (how, expiry): (&str, &str)) {
    let case = format!("ahead by {ahead} ms, {how}, {expiry}");
    let mut master = Stepped::start(dir, "master", library, 0, &["--expiry", expiry]);
    let of_master = ["--replicaof", &master.node.address(), "--expiry", expiry];
    let mut replica = Stepped::start(dir, "replica", library, ahead / 2, &of_master);
    replica.is_up();
    master.run(&["SET", "k", "v", "EX", "600"]);
    let before = master.log_time();
    let sees_k = |replica: &Stepped, when: &str| {
        let seen = until(&case, || replica.shows("k")).unwrap();
        assert!(seen || expiry == "effects", "{case}: k is hidden {when}\n{}", replica.node.log_end());
    };
    let applied = || (replica.node.fact("rc_applied_lsn").ok()? == "1").then_some(());
    until("k is there", applied).unwrap();
    sees_k(&replica, "at first");
    // 1.5 s with a wrong clock, then 1.5 s with the right one.
    for ahead in [ahead, 0] {
        replica.set(ahead);
        let set = Instant::now();
        until("the key is seen for 1.5 s", || {
            sees_k(&replica, "after a step");
            (set.elapsed() > Duration::from_millis(1_500)).then_some(())
        })
        .unwrap();
    }
    replica.restart(how);
    replica.is_up();
    sees_k(&replica, "after the restart");
    assert_eq!(master.shows("k"), Some(true), "{case}");
    let (least, most) = master.log_time().ahead_since(&before);
    assert!(
        least <= 1_000 && most >= -1_000,
        "{case}: the master's log time is ahead by {least} to {most} ms"
    );
    // The key must be visible with the link down, too.
    master.node.kill();
    replica.set(ahead);
    for _ in 0..50 {
        sees_k(&replica, "while the link is down");
        pause();
    }
}

#[test]
fn steps_before_a_promotion_change_no_lifetime() {
    stepped(|dir, library| {
        for (index, ahead) in [HOUR, -HOUR].into_iter().enumerate() {
            let dir = dir.join(index.to_string());
            fs::create_dir(&dir).unwrap();
            let mut master = Stepped::start(&dir, "master", library, 0, &[]);
            let replica =
                Stepped::start(&dir, "replica", library, 0, &["--replicaof", &master.node.address()]);
            replica.is_up();
            master.set(ahead);
            until("the step is noted", || (master.node.fact("rc_clock_steps").ok()? == "1").then_some(()))
                .unwrap();
            let (since, px) = (Instant::now(), LIFETIME.as_millis().to_string());
            master.run(&["SET", "k", "v", "PX", &px]);
            until("k is there", || (replica.shows("k") == Some(true)).then_some(())).unwrap();
            master.node.kill();
            replica.set(-ahead);
            replica.run(&["REPLICAOF", "NO", "ONE"]);
            let left = replica.run(&["PTTL", "k"]);
            let OwnedFrame::Integer(left) = left else { panic!("PTTL gave {left:?}") };
            let passed = i64::try_from(since.elapsed().as_millis()).unwrap();
            let lifetime = i64::try_from(LIFETIME.as_millis()).unwrap();
            // The remaining lifetime is longer by the replica's delay behind the master. Each of the two nodes and `passed` is
            // cut to whole milliseconds.
            let least = lifetime - passed - ROUNDED_MS;
            assert!((least..=lifetime).contains(&left), "{left} ms left after {passed} ms");
            until("k is dead", || (replica.shows("k") == Some(false)).then_some(())).unwrap();
        }
    });
}
