//! Disks that fail under a running node, and folders that a node must not open.

use super::super::disks::{Disks, entries, is_misconf, log_of, run, wait_until};
use super::super::forgetful::{DiskFault, Forgetful};
use replicheck::binlog::files::Files;
use replicheck::binlog::segment::Options;
use replicheck::binlog::{Fsync, Lsn};
use replicheck::command::Reply;
use replicheck::engine::Settings;
use replicheck::expiry::Policy;
use replicheck::server::Backend as _;
use replicheck::time::Millis;

fn ok() -> Reply {
    Reply::Status("OK")
}

#[test]
fn disk_full_refuses_writes_until_there_is_room() {
    for fsync in [Fsync::Always, Fsync::EverySec, Fsync::No] {
        let disks = Disks::new();
        let node = disks.start(fsync);
        assert_eq!(run(&node, &["SET a 1"]), [ok()]);
        let before = node.dump().expect("it reads");
        disks.binlog.fail(0, DiskFault::Full);
        for _ in 0..2 {
            let replies = run(&node, &["SET b 2", "GET b", "HSET h f 1", "GET a", "PING"]);
            assert!(is_misconf(&replies[0]) && is_misconf(&replies[2]), "{replies:?}");
            assert_eq!(replies[1], Reply::Null, "no write of a refused group is visible");
            assert_eq!(replies[3..], [Reply::bulk("1"), Reply::Status("PONG")], "reads are answered");
        }
        assert_eq!(node.dump().expect("it reads"), before);
        let why = node.facts().read_only.expect("the node is read-only");
        assert!(why.ends_with("no space left on device"), "{why}");
        disks.binlog.mend();
        assert_eq!(run(&node, &["SET b 3", "GET b"]), [ok(), Reply::bulk("3")]);
        assert_eq!(node.facts().read_only, None, "the node accepts writes when there is room again");
        assert_eq!(node.facts().progress.applied, Lsn(2), "refused writes took no lsn");
        let after = node.dump().expect("it reads");
        node.stop_now().expect("it stops");
        drop(node);
        let again = disks.start(fsync);
        assert_eq!(again.dump().expect("it reads"), after);
        again.stop_now().expect("it stops");
    }
}

/// A node of which an fsync failed. It had acknowledged `SET a 1` and, unless fsync is `always`, `SET b 2`.
fn poisoned(fsync: Fsync) -> (Disks, super::super::disks::Node) {
    let disks = Disks::new();
    let node = disks.start(fsync);
    run(&node, &["SET a 1"]);
    wait_until("the first entry is durable", || node.facts().progress.durable == Lsn(1));
    // Change 1 is the sync that follows the append.
    disks.binlog.fail(1, DiskFault::Sync);
    let reply = run(&node, &["SET b 2"]);
    assert_eq!(is_misconf(&reply[0]), fsync == Fsync::Always, "{reply:?}");
    wait_until("the fsync failed", || node.facts().read_only.is_some());
    (disks, node)
}

#[test]
fn fsync_failed_makes_the_node_read_only_for_good() {
    for fsync in [Fsync::Always, Fsync::EverySec] {
        let (disks, node) = poisoned(fsync);
        let why = node.facts().read_only.expect("the node is read-only");
        assert!(why.contains("cannot sync") && why.contains("input/output error"), "{why}");
        disks.binlog.mend();
        let seen = if fsync == Fsync::Always { Reply::Null } else { Reply::bulk("2") };
        for _ in 0..2 {
            let replies = run(&node, &["SET c 3", "GET a", "GET b", "GET c"]);
            assert!(is_misconf(&replies[0]), "{replies:?}");
            assert_eq!(replies[1..], [Reply::bulk("1"), seen.clone(), Reply::Null]);
        }
        assert!(node.facts().read_only.is_some());
        assert!(node.stop_now().is_err(), "the node cannot promise that everything is durable");
        drop(node);
        // After a power loss the second write is lost; when only the process ended, the second write may survive.
        for left in [disks.binlog.bare(), disks.binlog.copy()] {
            let found = entries(&left).len();
            let again = Disks { node: disks.node.copy(), ..Disks::with(Forgetful::new(), left) };
            let node = again.start(fsync);
            let replies = run(&node, &["GET a", "GET b", "GET c", "SET c 3"]);
            assert!((1..=2).contains(&found));
            let b = if found == 2 { Reply::bulk("2") } else { Reply::Null };
            assert_eq!(replies, [Reply::bulk("1"), b, Reply::Null, ok()]);
            node.stop_now().expect("it stops");
        }
    }
}

#[test]
fn role_change_of_a_poisoned_node_reports_that_it_has_failed() {
    let (_disks, node) = poisoned(Fsync::EverySec);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let refused = node.replicate(Some(("127.0.0.1".to_owned(), 1))).await.expect_err("it cannot stop");
        assert!(refused.0.contains("log takes no more entries"), "{refused}");
        let wait = tokio::time::timeout(std::time::Duration::from_secs(5), node.failure().wait());
        let reason = wait.await.expect("a node without a role says so");
        assert!(reason.contains("log takes no more entries"), "{reason}");
    });
}

#[test]
fn folder_of_another_expiry_policy_is_refused() {
    let disks = Disks::new();
    disks.start(Fsync::EverySec).stop_now().expect("it stops");
    let settings = Settings { expiry: Policy::Relative, ..disks.settings(Fsync::EverySec) };
    assert_eq!(
        disks.refused(settings),
        "the folder's log was written under expiry `log_clock`, not `relative`: start with --expiry log_clock, \
         or in an empty folder"
    );
    disks.start(Fsync::EverySec).stop_now().expect("the folder's own policy opens it");
}

#[test]
fn bit_flipped_below_the_fsync_point_is_refused_and_above_it_cut() {
    const SEGMENT: &str = "00000000000000000001.binlog";
    let disks = Disks::new();
    let node = disks.start(Fsync::No);
    run(&node, &["SET a 1"]);
    run(&node, &["SET b 2"]);
    run(&node, &["SET c 3"]);
    run(&node, &["SET d 4"]);
    let all = entries(&disks.binlog);
    node.stop_now().expect("it stops");
    let bytes_of = |count: usize| log_of(&all[..count], count, Options::default()).bytes(SEGMENT).len();
    for (entry, flipped_at) in (1..=4).map(|entry| (entry, bytes_of(entry) - 1)) {
        let binlog = log_of(&all, 2, Options::default());
        binlog.damage(SEGMENT, |bytes| bytes[flipped_at] ^= 1);
        let damaged = Disks::of_log(binlog);
        if entry <= 2 {
            let text = damaged.refused(damaged.settings(Fsync::No));
            let begins = format!("binlog: {SEGMENT} is damaged at byte {}", bytes_of(entry - 1));
            assert!(text.starts_with(&begins) && text.contains("fsync had covered"), "{text}");
        } else {
            let node = damaged.start(Fsync::No);
            assert_eq!(node.facts().progress.applied, Lsn(entry as u64 - 1));
            assert!(node.facts().epoch > all[0].epoch, "entries may be lost, so the epoch is a new one");
            node.stop_now().expect("it stops");
        }
    }
}

#[test]
fn segment_missing_is_refused() {
    let disks = Disks::new();
    let settings = || Settings { segment_bytes_max: 1, ..disks.settings(Fsync::EverySec) };
    let node = disks.try_start(settings()).expect("it starts");
    for line in ["SET a 1", "SET b 2", "SET c 3", "SET d 4"] {
        run(&node, &[line]);
    }
    node.stop_now().expect("it stops");
    drop(node);
    for lsn in 1..=4 {
        let binlog = disks.binlog.copy();
        binlog.remove(&format!("{lsn:020}.binlog")).expect("a segment each");
        let missing = Disks { node: disks.node.copy(), ..Disks::with(Forgetful::new(), binlog) };
        let text = missing.refused(Settings { dir: missing.dir.path().into(), ..settings() });
        assert!(text.starts_with(&format!("binlog: segment with lsn {lsn} is missing")), "{text}");
    }
}

#[test]
fn ceiling_that_cannot_be_written_makes_log_time_stand_still() {
    let disks = Disks::new();
    let node = disks.start(Fsync::EverySec);
    disks.node.fail(0, DiskFault::Forever);
    let ceiling = Millis(disks.identity()["ceiling_ms"].as_u64().expect("a number"));
    wait_until("log time is at the ceiling", || node.facts().log_time >= ceiling);
    assert_eq!(
        run(&node, &["SET a 1 PX 1", "GET a"]),
        [ok(), Reply::bulk("1")],
        "the key lives, because log time stands still"
    );
    assert_eq!(node.facts().log_time, ceiling);
    assert_eq!(entries(&disks.binlog)[0].time, ceiling);
    disks.node.mend();
    wait_until("log time advances", || node.facts().log_time > ceiling);
    wait_until("the key is dead", || run(&node, &["GET a"]) == [Reply::Null]);
    node.stop_now().expect("it stops");
}
