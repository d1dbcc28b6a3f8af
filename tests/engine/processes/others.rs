//! How long clients wait because of others: PING beside long reads, SCAN in a large database, and what an idle node uses.
//!
//! There are few records by default; the published figures come from `REPLICHECK_RECORDS=1000000`. The bounds are for a machine
//! that has other work, too. Before expensive reads ran apart and scans continued where they were, each was exceeded by far.

use super::node::{Node, folder, until};
use crate::seed::setting;
use replicheck::client::{Client, OwnedFrame};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const RECORDS: u64 = 50_000;
/// How many fields, or keys, one command writes.
const BATCH: u64 = 1_000;
/// Bytes for each record in long values.
const VALUE_BYTES: u64 = 500;

fn records() -> u64 {
    setting("REPLICHECK_RECORDS").unwrap_or(RECORDS)
}

fn connect(node: &Node) -> Client {
    Client::connect(&node.address(), Duration::from_secs(120)).unwrap()
}

fn call(client: &mut Client, words: &[&str]) -> OwnedFrame {
    match client.call(words).unwrap() {
        OwnedFrame::Error(text) => panic!("{words:?}: {text}"),
        reply => reply,
    }
}

/// Sends `of(n)` for each batch of records.
fn fill(node: &Node, of: impl Fn(u64) -> Vec<String>) {
    let mut client = connect(node);
    for first in (0..records()).step_by(usize::try_from(BATCH).unwrap()) {
        let words: Vec<String> = (first..first + BATCH).flat_map(&of).collect();
        let name = if words[0].starts_with('f') { ["HSET", "h"].as_slice() } else { &["MSET"] };
        let words: Vec<&str> = name.iter().copied().chain(words.iter().map(String::as_str)).collect();
        call(&mut client, &words);
    }
}

/// Sends PINGs on one connection while `work` runs; returns how long each took, sorted.
fn pings_beside(node: &Node, work: impl FnOnce() + Send) -> Vec<Duration> {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let pings = scope.spawn(|| {
            let (mut client, mut took) = (connect(node), Vec::new());
            while !done.load(Ordering::Relaxed) || took.len() < 100 {
                let asked = Instant::now();
                call(&mut client, &["PING"]);
                took.push(asked.elapsed());
                std::thread::park_timeout(Duration::from_micros(500));
            }
            took.sort_unstable();
            took
        });
        work();
        done.store(true, Ordering::Relaxed);
        pings.join().unwrap()
    })
}

#[test]
fn ping_beside_commands_that_take_long_is_answered_soon() {
    let (_removed, dir) = folder();
    let node = Node::start(&dir.join("node"), &[]);
    fill(&node, |n| vec![format!("f{n}"), format!("v{n}")]);
    fill(&node, |n| vec![format!("k{n}"), format!("v{n}")]);
    let value = "v".repeat(usize::try_from(records() * VALUE_BYTES).unwrap());
    let count = records().to_string();
    let commands: [&[&str]; 9] = [
        &["HGETALL", "h"],
        &["HKEYS", "h"],
        &["HVALS", "h"],
        &["HSCAN", "h", "0", "COUNT", &count],
        &["SCAN", "0", "COUNT", &count],
        &["KEYS", "*"],
        &["DBSIZE"],
        &["SET", "long", &value],
        &["GET", "long"],
    ];
    for words in commands {
        let mut took = Duration::ZERO;
        let pings = pings_beside(&node, || {
            let mut client = connect(&node);
            let asked = Instant::now();
            (0..5).for_each(|_| drop(call(&mut client, words)));
            took = asked.elapsed() / 5;
        });
        let p99 = pings[pings.len() * 99 / 100];
        println!(
            "{:<8} {took:>10.1?}, PING beside it: p99 {p99:>8.1?}, longest {:>8.1?}",
            words[0],
            pings[pings.len() - 1]
        );
        assert!(p99 < Duration::from_millis(100), "{}: {p99:?}", words[0]);
    }
}

#[test]
fn scan_of_many_keys_takes_no_longer_a_call_than_of_few_and_tells_each_once() {
    let (_removed, dir) = folder();
    let mut node = Node::start(&dir.join("node"), &[]);
    fill(&node, |n| vec![format!("f{n}"), format!("v{n}")]);
    fill(&node, |n| vec![format!("k{n}"), format!("v{n}")]);
    let mut client = connect(&node);
    for words in [["SCAN"].as_slice(), &["HSCAN", "h"]] {
        let (mut cursor, mut seen, mut took) = ("0".to_owned(), 0, Vec::new());
        loop {
            let words: Vec<&str> = words.iter().copied().chain([cursor.as_str(), "COUNT", "100"]).collect();
            let asked = Instant::now();
            let OwnedFrame::Array(parts) = call(&mut client, &words) else { panic!("no array") };
            took.push(asked.elapsed());
            let [OwnedFrame::BulkString(next), OwnedFrame::Array(items)] = parts.as_slice() else {
                panic!("{parts:?}")
            };
            seen += items.len() / words.len().saturating_sub(3).max(1);
            cursor = String::from_utf8(next.clone()).unwrap();
            if cursor == "0" {
                break;
            }
        }
        took.sort_unstable();
        let median = took[took.len() / 2];
        println!(
            "{}: {} calls, median {median:.1?}, longest {:.1?}",
            words[0],
            took.len(),
            took[took.len() - 1]
        );
        let expected = records() + u64::from(words[0] == "SCAN");
        assert_eq!(u64::try_from(seen).unwrap(), expected, "{}", words[0]);
        assert!(median < Duration::from_millis(5), "{median:?}");
    }
    // A cursor from before a restart is refused.
    let OwnedFrame::Array(parts) = call(&mut client, &["SCAN", "0"]) else { panic!("no array") };
    let OwnedFrame::BulkString(cursor) = &parts[0] else { panic!("{parts:?}") };
    let cursor = String::from_utf8(cursor.clone()).unwrap();
    node.kill();
    node.restart();
    let refused = connect(&node).call(&["SCAN", &cursor]).unwrap();
    let told = "ERR invalid cursor: it is unknown or no longer known: start again with 0";
    assert_eq!(refused, OwnedFrame::Error(told.to_owned()));
}

/// What the node's process has used of a processor so far.
fn used(pid: &str) -> Duration {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = text.rsplit(')').next().unwrap().split_whitespace().collect();
    // utime and stime, the 14th and 15th field, in hundredths of a second.
    let ticks: u64 = fields[11..13].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

#[test]
fn idle_node_rests_whatever_was_deleted() {
    let (_removed, dir) = folder();
    let node = Node::start(&dir.join("node"), &[]);
    fill(&node, |n| vec![format!("k{n}"), format!("v{n}")]);
    let mut client = connect(&node);
    for first in (0..records()).step_by(usize::try_from(BATCH).unwrap()) {
        let words: Vec<String> = (first..first + BATCH).map(|n| format!("k{n}")).collect();
        let words: Vec<&str> = ["DEL"].into_iter().chain(words.iter().map(String::as_str)).collect();
        call(&mut client, &words);
    }
    for n in 0..100 {
        call(&mut client, &["SET", &format!("k{n}"), "v", "PX", "1"]);
    }
    until("the dead keys are removed", || {
        (call(&mut client, &["DBSIZE"]) == OwnedFrame::Integer(0)).then_some(())
    })
    .unwrap();
    let pid = node.fact("process_id").unwrap();
    // The store may be flushed and its files merged once more; after that, no work is left.
    let rests = || {
        let before = used(&pid);
        std::thread::park_timeout(Duration::from_secs(2));
        let used = used(&pid).saturating_sub(before);
        println!("{used:?} of a processor in 2 s");
        (used <= Duration::from_millis(20)).then_some(())
    };
    until("it rests", rests).unwrap();
}
