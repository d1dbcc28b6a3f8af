//! Connections that cut, delay, lose, double and corrupt bytes, between processes under load: once they are healed the nodes hold the
//! same, and what WAIT promised outlives the master.

use super::dump::{DATABASES, difference, dump};
use super::faulty::{Fault, Faulty};
use super::load::operation;
use super::node::{Node, folder, until};
use crate::seed::{Seed, setting};
use replicheck::client::OwnedFrame;
use std::time::{Duration, Instant};

/// Seconds for which each choice is harmed; `REPLICHECK_FAULT_SECONDS` sets others.
const SECONDS: u64 = 4;
/// After so many groups of writes there is a WAIT.
const GROUPS_A_WAIT: u64 = 5;
/// The longest time, in milliseconds, for which WAIT waits.
const WAIT_MS: &str = "50";

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

/// Writes for so long, in groups with numbers after `n`. Returns the last group, and the last one that a replica had received
/// before WAIT answered.
pub(super) fn load(master: &Node, seed: u64, mut n: u64, seconds: u64) -> (u64, u64) {
    let (mut client, begun, mut promised) = (master.connect().unwrap(), Instant::now(), 0);
    while begun.elapsed() < Duration::from_secs(seconds) {
        n += 1;
        let db = n % DATABASES;
        client.call(&["SELECT", &db.to_string()]).unwrap();
        for at in 0..20 {
            client.send(&operation(seed, db, n * 20 + at)).unwrap();
        }
        (0..20).for_each(|_| drop(client.receive().unwrap()));
        client.call(&["SELECT", "0"]).unwrap();
        client.call(&["SET", "promise", &n.to_string()]).unwrap();
        if !n.is_multiple_of(GROUPS_A_WAIT) {
            continue;
        }
        match client.call(&["WAIT", "1", WAIT_MS]).unwrap() {
            OwnedFrame::Integer(1) => promised = n,
            OwnedFrame::Integer(0) => {}
            other => panic!("{other:?}"),
        }
    }
    (n, promised)
}

/// A replica of another history follows through a proxy that harms it, and begins with a full sync.
/// Returns how often each fault was done.
fn harmed(options: &str, seed: u64, seconds: u64) -> Vec<(Fault, usize)> {
    let (_removed, dir) = folder();
    let options = words(options);
    let master = &mut Node::start(&dir.join("master"), &options);
    for key in 0..2_000 {
        master_sets(master, &format!("key-{key}"), &"v".repeat(500));
    }
    let mut replica = Node::start(&dir.join("replica"), &options);
    replica.connect().unwrap().call(&["SET", "own", "1"]).unwrap();
    let proxy = Faulty::start(master.address(), seed);
    let (host, port) = proxy.address.rsplit_once(':').unwrap();
    let follow = |replica: &Node| {
        let reply = replica.connect().unwrap().call(&["REPLICAOF", host, port]).unwrap();
        matches!(reply, OwnedFrame::SimpleString(_)).then_some(())
    };
    // REPLICAOF asks the master for its role, and that question may be harmed, too.
    until("REPLICAOF", || follow(&replica)).unwrap();
    let (last, promised) = load(master, seed, 0, seconds);
    println!("{options:?}: {last} groups of writes, {promised} promised, faults {:?}", proxy.done());
    assert_eq!(replica.fact("rc_link_stopped").unwrap(), "", "a harmed connection is tried again");
    proxy.heal();
    // It is tried again after a pause.
    let is_up = || (replica.fact("master_link_status").ok()? == "up").then_some(());
    until("a link", is_up).unwrap_or_else(|text| panic!("{text}\n{}", replica.log_end()));
    let (_, promised) = load(master, seed, last, 1);
    assert!(promised > last, "a healed connection carries acknowledgements");
    assert_equal_and_kept(master, &replica, promised);
    assert!(replica.terminate().success());
    proxy.done()
}

/// Waits until both nodes hold the same, kills the master and promotes the replica, which must have all that WAIT promised.
pub(super) fn assert_equal_and_kept(master: &mut Node, replica: &Node, promised: u64) {
    let applied = || {
        let (wanted, applied) = (master.fact("rc_applied_lsn").ok()?, replica.fact("rc_applied_lsn").ok()?);
        (wanted == applied).then_some(())
    };
    until("all entries", applied).unwrap_or_else(|text| panic!("{text}\n{}", replica.log_end()));
    // Keys die between two dumps.
    let equal = || difference(&dump(master).ok()?, &dump(replica).ok()?).is_empty().then_some(());
    until("equal dumps", equal).unwrap_or_else(|text| {
        panic!("{text}\n{}", difference(&dump(master).unwrap(), &dump(replica).unwrap()))
    });
    master.kill();
    let mut client = replica.connect().unwrap();
    client.call(&["REPLICAOF", "NO", "ONE"]).unwrap();
    let OwnedFrame::BulkString(kept) = client.call(&["GET", "promise"]).unwrap() else {
        panic!("it is lost")
    };
    let kept: u64 = String::from_utf8(kept).unwrap().parse().unwrap();
    assert!(kept >= promised, "promised {promised}, kept {kept}");
}

fn master_sets(master: &Node, key: &str, value: &str) {
    master.connect().unwrap().call(&["SET", key, value]).unwrap();
}

#[test]
fn crash_of_connections_in_every_way_ends_with_equal_nodes_once_they_are_healed() {
    let (seconds, seed) = (setting("REPLICHECK_FAULT_SECONDS").unwrap_or(SECONDS), Seed::of_this_run());
    let choices = [
        "--workers 2 --flush-bytes 200000",
        "--workers 2 --ordering writeset_snapshots --compression zstd",
        "--workers 2 --ordering barrier --expiry master_expires --compression lz4",
    ];
    let mut done = Vec::new();
    for (at, options) in choices.into_iter().enumerate() {
        done.extend(harmed(options, seed.number().wrapping_add(at as u64), seconds));
    }
    for fault in Fault::ALL {
        let times: usize = done.iter().filter(|(other, _)| *other == fault).map(|(_, times)| times).sum();
        assert!(times > 0, "{fault:?} was never done");
    }
}
