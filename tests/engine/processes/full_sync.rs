//! Full syncs of processes that are killed by SIGKILL at random moments: a replica shows its old data or its master's, never a
//! mixture, and in the end it has the master's.

use super::dump::dump;
use super::node::{Node, folder, pause, until};
use crate::seed::{Seed, setting};
use replicheck::client::OwnedFrame;
use std::path::Path;
use std::time::Duration;

/// The number of kills that hit a full sync; `REPLICHECK_SYNC_KILLS` sets another one.
const KILLS: u64 = 4;
/// Keys of the master, and bytes of each value: a copy takes some tenths of a second.
const KEYS: usize = 20_000;
const VALUE_BYTES: usize = 2_000;
/// Most milliseconds from the begin of a full sync to a kill.
const MOMENT_MS: u64 = 100;

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

fn fill(master: &Node) {
    let (mut client, value) = (master.connect().unwrap(), "v".repeat(VALUE_BYTES));
    for key in 0..KEYS {
        client.send(&["SET", &format!("k{key}"), &value, "EX", "100000"]).unwrap();
        if key % 200 == 199 {
            (0..200).for_each(|_| drop(client.receive().unwrap()));
        }
    }
}

/// What a node shows: its own old key, the first key of the master, the last one.
fn shown(node: &Node) -> Option<[bool; 3]> {
    let reply = node.connect().ok()?.call(&["MGET", "own", "k0", &format!("k{}", KEYS - 1)]).ok()?;
    let OwnedFrame::Array(values) = reply else { return None };
    let is_there = |at: usize| values[at] != OwnedFrame::Null;
    Some([is_there(0), is_there(1), is_there(2)])
}

/// A replica of `master` in a new folder, with data of its own.
fn with_another_history(dir: &Path, options: &[String], master: &Node) -> Node {
    let mut alone = Node::start(dir, options);
    alone.connect().unwrap().call(&["SET", "own", "1"]).unwrap();
    assert!(alone.terminate().success());
    let follows = [options, &words(&format!("--replicaof {}", master.address()))].concat();
    Node::start(dir, &follows)
}

#[test]
fn crash_either_side_killed_during_full_syncs_shows_no_mixture_and_ends_with_the_masters_data() {
    let (kills, seed) = (setting("REPLICHECK_SYNC_KILLS").unwrap_or(KILLS), Seed::of_this_run());
    let mut random = fastrand::Rng::with_seed(seed.number());
    let (_removed, dir) = folder();
    let options = words("--appendfsync everysec --workers 2");
    let mut master = Node::start(&dir.join("master"), &options);
    fill(&master);
    let (mut hits, mut copies, mut whole) = (0, 0, false);
    let mut replica = with_another_history(&dir.join("replica 0"), &options, &master);
    while hits < kills {
        if whole {
            // The copy was complete before it could be hit again.
            (copies, whole) = (copies + 1, false);
            replica = with_another_history(&dir.join(format!("replica {copies}")), &options, &master);
        }
        let begun = until("a full sync", || {
            whole = shown(&replica) == Some([false, true, true]);
            let is_syncing =
                replica.fact("master_sync_in_progress").ok().is_some_and(|syncing| syncing == "1");
            (is_syncing || whole).then_some(())
        });
        begun.unwrap_or_else(|text| panic!("{text}\n{}", replica.log_end()));
        let moment = Duration::from_millis(random.u64(..MOMENT_MS));
        let since = std::time::Instant::now();
        while since.elapsed() < moment {
            pause();
        }
        let killed = if random.bool() { &mut master } else { &mut replica };
        killed.kill();
        killed.restart();
        hits += u64::from(!whole);
        let seen = until("the replica answers", || shown(&replica)).unwrap();
        let (old, new) = ([true, false, false], [false, true, true]);
        assert!(seen == old || seen == new, "a mixture: {seen:?}\n{}", replica.log_end());
    }
    println!("{hits} kills during full syncs, {copies} replicas had a complete copy before");
    until("the master's data", || (shown(&replica)? == [false, true, true]).then_some(()))
        .unwrap_or_else(|text| panic!("{text}\n{}", replica.log_end()));
    master.connect().unwrap().call(&["SET", "after", "1"]).unwrap();
    let last = master.fact("rc_applied_lsn").unwrap();
    until("the last entry", || (replica.fact("rc_applied_lsn").ok()? == last).then_some(())).unwrap();
    assert!(dump(&replica).unwrap() == dump(&master).unwrap(), "the dumps differ");
    replica.kill();
    replica.restart();
    until("it answers", || (shown(&replica)? == [false, true, true]).then_some(())).unwrap();
    let left = std::fs::read_dir(replica.dir()).unwrap().map(|entry| entry.unwrap().file_name());
    let mut left: Vec<_> = left.collect();
    left.sort();
    assert_eq!(left.len(), 2, "the pointer and one generation: {left:?}");
    assert_eq!(left[0], "current", "{left:?}");
}
