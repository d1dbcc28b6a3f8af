//! Folders that do not belong to one node: a file `node` of another version, damaged, missing, or from another folder.

use super::super::disks::{Disks, first_version, node_file, run, with_checksum};
use super::super::forgetful::Forgetful;
use replicheck::binlog::{Epoch, Fsync};
use replicheck::command::Reply;
use replicheck::server::Backend as _;
use replicheck::time::Millis;

/// A stopped node's folder with one entry.
fn stopped() -> Disks {
    let disks = Disks::new();
    let node = disks.start(Fsync::EverySec);
    run(&node, &["SET a 1"]);
    node.stop_now().expect("it stops");
    disks
}

#[test]
fn node_file_of_each_version_is_taken_and_of_a_newer_one_refused() {
    let v1 = first_version(Millis(5000), Epoch(7));
    let v2 = v1.replace("\"version\":1", "\"version\":2,\"heard_ms\":4000");
    for text in [&v1, &v2] {
        let disks = Disks::with(node_file(text), Forgetful::new());
        let node = disks.start(Fsync::No);
        assert!(node.facts().log_time >= Millis(5000), "{text}");
        node.stop_now().expect("it stops");
        let identity = disks.identity();
        assert_eq!(identity["version"], 3, "{text}");
        assert_eq!(
            identity["heard_ms"], identity["ceiling_ms"],
            "a master's heard time is the time that it told: {text}"
        );
        disks.start(Fsync::No).stop_now().expect("the new version is read, too");
    }
    for newer in [v2.replace("\"version\":2", "\"version\":4"), with_checksum(&v2.replace(":2,", ":4,"))] {
        let newer = Disks::with(node_file(&newer), Forgetful::new());
        let text = newer.refused(newer.settings(Fsync::No));
        assert_eq!(text, "the file `node` is of version 4; this program reads versions 1 to 3");
    }
}

#[test]
fn node_file_with_any_bit_flipped_or_cut_short_is_refused() {
    let disks = stopped();
    let whole = disks.node.bytes("node");
    let refused = |bytes: &[u8]| {
        let damaged = disks.node.copy();
        damaged.damage("node", |content| *content = bytes.to_vec());
        let damaged = Disks { node: damaged, ..Disks::with(Forgetful::new(), disks.binlog.copy()) };
        damaged.refused(damaged.settings(Fsync::EverySec))
    };
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let text = refused(&bytes);
        assert!(text.starts_with("the file `node` is damaged: "), "bit {bit}: {text}");
    }
    for length in 0..whole.len() {
        let text = refused(&whole[..length]);
        assert!(text.starts_with("the file `node` is damaged: "), "{length} bytes: {text}");
    }
    let node = disks.start(Fsync::EverySec);
    assert_eq!(run(&node, &["GET a"]), [Reply::bulk("1")], "the undamaged file is accepted");
    node.stop_now().expect("it stops");
}

#[test]
fn folder_put_together_from_two_is_refused() {
    let (one, other) = (stopped(), stopped());
    let of_other = |part: &str| {
        let mixed = one.copy();
        match part {
            "store" => Disks { dir: other.copy().dir, ..mixed },
            "log" => Disks { binlog: other.binlog.copy(), ..mixed },
            _ => Disks { node: other.node.copy(), ..mixed },
        }
    };
    for (mixed, named) in [("store", "store"), ("log", "log"), ("node", "store")] {
        let mixed = of_other(mixed);
        let text = mixed.refused(mixed.settings(Fsync::EverySec));
        let begins = format!("the folder was put together from two: its {named} is of folder ");
        assert!(text.starts_with(&begins), "{text}");
    }
    let copy = one.copy();
    let node = copy.start(Fsync::EverySec);
    assert_eq!(run(&node, &["GET a"]), [Reply::bulk("1")], "a complete copy is accepted");
    node.stop_now().expect("it stops");
}

#[test]
fn data_without_its_node_file_is_refused() {
    let without = |log: bool, store: bool| {
        let disks = stopped();
        let binlog = if log { disks.binlog.copy() } else { Forgetful::new() };
        let dir = if store { disks.copy().dir } else { Disks::new().dir };
        Disks { dir, ..Disks::with(Forgetful::new(), binlog) }
    };
    for (log, store) in [(true, true), (true, false), (false, true)] {
        let disks = without(log, store);
        let text = disks.refused(disks.settings(Fsync::EverySec));
        let begins = "the folder has a store or a log, but no file `node`: ";
        assert!(text.starts_with(begins), "log {log}, store {store}: {text}");
    }
    let empty = without(false, false);
    empty.start(Fsync::EverySec).stop_now().expect("an empty folder is initialised");
}

#[test]
fn first_start_that_ended_at_any_change_of_the_folder_is_gone_on_with() {
    for at in 0.. {
        let disks = Disks::new();
        disks.node.fail(at, super::super::forgetful::DiskFault::Death);
        if let Ok(node) = disks.try_start(disks.settings(Fsync::EverySec)) {
            // The start succeeded, so the fault would come later.
            let _ = node.stop_now();
            assert!(at > 2, "a start changes the folder");
            break;
        }
        let left = Disks { node: disks.node.bare(), binlog: disks.binlog.bare(), dir: disks.dir };
        let node = left.start(Fsync::EverySec);
        node.stop_now().expect("it stops");
    }
}
