//! Log time through kills: it never goes back for a reader, and it is not driven ahead.

use super::kills::clocks;
use super::node::{Node, folder, pause, until};
use replicheck::client::OwnedFrame;

/// How far log time may be ahead of the clock after a kill, in milliseconds: see `CEILING_AHEAD_MS` in the engine.
const AHEAD_MS: i64 = 4_000;

fn options(words: &str) -> Vec<String> {
    words.split(' ').map(str::to_owned).collect()
}

/// Whether the replica shows the key; `None` if the replica cannot be reached or lets no reader in.
fn shows(replica: &Node, key: &str) -> Option<bool> {
    match replica.connect().ok()?.call(&["EXISTS", key]).ok()? {
        OwnedFrame::Integer(count) => Some(count == 1),
        OwnedFrame::Error(text) if text.starts_with("LOADING") => None,
        other => panic!("EXISTS gave {other:?}"),
    }
}

#[test]
fn crash_replica_that_was_idle_shows_no_dead_key_again() {
    for fsync in ["always", "everysec"] {
        for ordering in ["serial", "writeset"] {
            let (_removed, dir) = folder();
            let mut words = options(&format!("--ordering {ordering} --appendfsync {fsync} --workers 2"));
            let mut master = Node::start(&dir.join("master"), &words);
            words.extend(["--replicaof".to_owned(), master.address()]);
            let mut replica = Node::start(&dir.join("replica"), &words);
            let set = master.connect().unwrap().call(&["SET", "k", "v", "PX", "300"]).unwrap();
            assert_eq!(set, OwnedFrame::SimpleString(b"OK".into()));
            until("k lives", || (shows(&replica, "k") == Some(true)).then_some(())).unwrap();
            until("k is dead", || (shows(&replica, "k") == Some(false)).then_some(())).unwrap();
            // With the master away, the replica receives no time.
            master.kill();
            replica.kill();
            replica.restart();
            for _ in 0..20 {
                let seen = shows(&replica, "k");
                assert_ne!(seen, Some(true), "no_resurrection: {ordering}, {fsync}\n{}", replica.log_end());
                pause();
            }
            master.restart();
            let seen = until("readers are let in", || shows(&replica, "k")).unwrap();
            assert!(!seen, "no_resurrection: {ordering}, {fsync}, link up\n{}", replica.log_end());
        }
    }
}

#[test]
fn crash_log_time_of_a_master_killed_often_is_not_driven_ahead() {
    let (_removed, dir) = folder();
    let mut master = Node::start(&dir.join("master"), &options("--appendfsync no"));
    let mut before = 0;
    for kill in 1..=5 {
        let set = master.connect().unwrap().call(&["SET", "k", "v", "PX", "1"]).unwrap();
        assert_eq!(set, OwnedFrame::SimpleString(b"OK".into()));
        master.kill();
        master.restart();
        let [log_time, clock] = clocks(&master).unwrap();
        assert!(log_time >= before, "log time went back from {before} to {log_time}");
        assert!(log_time - clock <= AHEAD_MS, "kill {kill}: log time is {} ms ahead", log_time - clock);
        before = log_time;
    }
}
