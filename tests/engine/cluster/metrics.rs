//! Figures of a master and a replica under load, as Prometheus reads them.

use super::super::disks::{Disks, wait_until};
use super::peer::{AS_IT_IS, Peer};
use crate::scrape::{Page, page_at};
use replicheck::engine::{Settings, SharedFiles};
use replicheck::ordering::Strategy;
use std::collections::BTreeSet;

/// The number of keys: some for each of two workers.
const KEYS: usize = 40;

/// The rounds of load after which each wait must have occurred that a strategy has.
const ROUNDS_MAX: usize = 100;

fn page<F: SharedFiles>(peer: &Peer<F>) -> Page {
    page_at(peer.metrics).expect("it has a role")
}

/// Writes many keys, with a FLUSHDB in between and keys that several entries share.
fn load(master: &Peer, round: usize) {
    let mut lines: Vec<String> = (0..20 * KEYS).map(|n| format!("SET k{} {round}", n % KEYS)).collect();
    lines.push("FLUSHDB".to_owned());
    lines.extend((0..20 * KEYS).map(|n| format!("MSET k{} {round} k{} {round}", n % KEYS, (n + 1) % KEYS)));
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    for part in lines.chunks(100) {
        master.run(part);
    }
}

fn replica_of(disks: &Disks, strategy: Strategy, port: u16) -> Peer {
    let change = move |settings: &mut Settings| {
        (settings.ordering, settings.batch_entries_max) = (strategy, 8);
    };
    Peer::replica(disks, &change, port)
}

const WAITED: &str = "replicheck_wait_seconds_total";

fn waited(page: &Page, what: &str) -> f64 {
    page.one(&format!("{WAITED}{{for={what}}}"))
}

fn watermark(page: &Page, name: &str) -> f64 {
    page.one(&format!("replicheck_watermark_lsn{{watermark={name}}}"))
}

fn assert_ordered(page: &Page) {
    let [received, durable, applied, published] =
        ["received", "durable", "applied", "published"].map(|name| watermark(page, name));
    assert!(received >= applied && applied >= published && received >= durable, "{:#?}", page.samples);
    assert_eq!(page.one("replicheck_watermark_gap_entries"), received - published);
}

/// The metrics that the server's README names.
fn documented() -> BTreeSet<String> {
    let text = include_str!("../../../src/server/README.md");
    let names = text.split('`').filter(|name| name.starts_with("replicheck_") && !name.contains('{'));
    names.map(str::to_owned).collect()
}

#[test]
fn metrics_of_both_roles_are_those_that_are_documented() {
    let (m, r) = (Disks::new(), Disks::new());
    let master = Peer::master(&m, AS_IT_IS);
    let replica = replica_of(&r, Strategy::Barrier, master.port);
    load(&master, 0);
    replica.wait_for(&master);
    for (peer, strategy, role) in [(&master, "serial", "master"), (&replica, "barrier", "replica")] {
        let page = page(peer);
        let seen: BTreeSet<String> = page.types.keys().cloned().collect();
        assert_eq!(seen, documented(), "{role}");
        assert_eq!(page.choice, (strategy.to_owned(), "log_clock".to_owned()));
        let info = format!("replicheck_node_info{{role={role},version={}}}", env!("CARGO_PKG_VERSION"));
        assert_eq!(page.one(&info), 1.0);
    }
}

#[test]
fn metrics_under_load_are_ordered_never_fall_and_end_without_lag() {
    for (strategy, waits) in [
        (Strategy::Barrier, &["barrier", "conflict"] as &[&str]),
        (Strategy::Writeset, &["barrier", "conflict"]),
        (Strategy::Sequence, &["turn"]),
        (Strategy::Serial, &[]),
    ] {
        let (m, r) = (Disks::new(), Disks::new());
        let master = Peer::master(&m, AS_IT_IS);
        let replica = replica_of(&r, strategy, master.port);
        let (mut of_master, mut of_replica) = (page(&master), page(&replica));
        // Whether a worker has to wait in a round depends on the threads.
        for round in 0..ROUNDS_MAX {
            load(&master, round);
            for (peer, before) in [(&master, &mut of_master), (&replica, &mut of_replica)] {
                let page = page(peer);
                assert_ordered(&page);
                page.assert_after(before);
                *before = page;
            }
            if round > 2 && waits.iter().all(|what| waited(&of_replica, what) > 0.0) {
                break;
            }
        }
        replica.wait_for(&master);
        wait_until("no lag", || page(&replica).one("replicheck_lag_entries") == 0.0);
        let (of_master, of_replica) = (page(&master), page(&replica));
        let entries = watermark(&of_master, "received");
        for name in ["received", "applied", "published"] {
            assert_eq!(watermark(&of_replica, name), entries, "{}: {name}", strategy.name());
        }
        for name in ["replicheck_lag_bytes", "replicheck_lag_seconds", "replicheck_watermark_gap_entries"] {
            assert_eq!(of_replica.one(name), 0.0, "{}: {name}", strategy.name());
        }
        for name in ["replicheck_queue_entries", "replicheck_in_hand_entries"] {
            assert_eq!(of_replica.sum(name), 0.0, "{}: {name}", strategy.name());
        }
        assert_eq!(of_replica.one("replicheck_link_up"), 1.0);
        assert_eq!(of_master.one("replicheck_replicas"), 1.0);
        // Each entry was in one batch, as these strategies do not split any.
        for page in [&of_master, &of_replica] {
            assert_eq!(page.one("replicheck_batch_entries_sum"), entries, "{}", strategy.name());
        }
        assert!(of_replica.one("replicheck_batch_entries_bucket{le=8}") > 0.0);
        let beyond = of_replica.one("replicheck_batch_entries_count");
        assert_eq!(of_replica.one("replicheck_batch_entries_bucket{le=8}"), beyond, "batches of at most 8");
        // A strategy that never waits for this reason leaves the figure at 0.
        for what in ["barrier", "conflict", "turn", "cut"] {
            let is_0 = waited(&of_replica, what) == 0.0;
            assert_eq!(is_0, !waits.contains(&what), "{}: {what}", strategy.name());
        }
    }
}

#[test]
fn metrics_go_on_when_the_roles_are_exchanged() {
    let (m, r) = (Disks::new(), Disks::new());
    let first = replica_of(&m, Strategy::Barrier, 1);
    // Nobody listens on port 1.
    wait_until("an error", || page(&first).one("replicheck_last_error_age_seconds{place=link}") >= 0.0);
    first.replicate(None).expect("it is promoted");
    let second = replica_of(&r, Strategy::Barrier, first.port);
    load(&first, 0);
    second.wait_for(&first);
    let mut before = [page(&first), page(&second)];
    assert!(before[0].one("replicheck_flushes_total") > 0.0, "the end of its first role flushes the store");
    assert!(before[0].one("replicheck_partial_syncs_total{answer=resumed}") >= 1.0);
    assert!(before[0].one("replicheck_last_error_age_seconds{place=link}") > 0.0, "it is kept");
    for round in 1..3 {
        let (old, new) = if round % 2 == 1 { (&first, &second) } else { (&second, &first) };
        new.replicate(None).expect("it is promoted");
        old.replicate(Some(new.port)).expect("it follows");
        load(new, round);
        old.wait_for(new);
        let after = [page(&first), page(&second)];
        for (before, after) in before.iter().zip(&after) {
            after.assert_after(before);
            assert_ordered(after);
            let [before, after] = [before, after].map(|page| page.one("replicheck_batch_entries_sum"));
            assert!(after > before, "both roles count batches: {before} {after}");
        }
        before = after;
    }
    assert!(before[0].one("replicheck_partial_syncs_total{answer=resumed}") >= 2.0);
}

#[test]
fn metrics_count_a_full_sync_on_both_sides() {
    let folder = tempfile::tempdir().expect("a folder");
    // Small segments and flushes, so that the log is purged and the replica cannot resume.
    let small = |settings: &mut Settings| {
        (settings.segment_bytes_max, settings.flush_bytes) = (100_000, 200_000);
    };
    let master = Peer::on_disk(&folder.path().join("master"), &small, None);
    let lines: Vec<String> = (0..3000).map(|n| format!("SET key{n} {}", "v".repeat(1000))).collect();
    for part in lines.chunks(50) {
        master.run(&part.iter().map(String::as_str).collect::<Vec<_>>());
    }
    let replica = Peer::on_disk(&folder.path().join("replica"), AS_IT_IS, Some(master.port));
    replica.assert_equals(&master, "after a full sync");
    let of = |page: &Page, direction: &str| {
        ["begun", "complete", "failed"].map(|stage| {
            page.one(&format!("replicheck_full_syncs_total{{direction={direction},stage={stage}}}"))
        })
    };
    wait_until("the master knows that it is complete", || of(&page(&master), "sent") == [1.0, 1.0, 0.0]);
    assert_eq!(of(&page(&replica), "received"), [1.0, 1.0, 0.0]);
    assert_eq!(of(&page(&replica), "sent"), [0.0; 3]);
    assert!(page(&master).one("replicheck_flushes_total") > 1.0);
}

#[test]
fn metrics_lag_of_a_link_that_is_down_is_unknown() {
    let (m, r) = (Disks::new(), Disks::new());
    let master = Peer::master(&m, AS_IT_IS);
    let replica = replica_of(&r, Strategy::Serial, master.port);
    master.run(&["SET a 1"]);
    replica.wait_for(&master);
    master.stop().expect("it stops");
    wait_until("the link is down", || page(&replica).one("replicheck_link_up") == 0.0);
    let page = page(&replica);
    assert!(page.one("replicheck_lag_entries").is_nan() && page.one("replicheck_lag_seconds").is_nan());
    assert!(page.one("replicheck_last_error_age_seconds{place=link}") >= 0.0);
}
