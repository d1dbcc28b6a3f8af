//! Cases without a difference: lag, keys that are written all the while, a replica that does not follow.

use crate::seed::Seed;
use crate::servers::{Make, Pair, Server, until};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;

/// Writes to the master until told to stop, and counts the batches. Some keys are written in each batch, some are written
/// and deleted, some change and change back.
fn write(master: &Server, mut draw: fastrand::Rng, stop: &AtomicBool, batches: &AtomicU64) {
    let mut connection = master.connect();
    while !stop.load(Relaxed) {
        let mut pipe = redis::pipe();
        for _ in 0..50 {
            let (key, value) = (draw.u64(..3000), draw.u64(..));
            match draw.u8(..8) {
                0 => pipe.cmd("SET").arg(format!("k{key}")).arg(value),
                1 => pipe.cmd("SET").arg(format!("t{key}")).arg(value).arg("PX").arg(1 + key),
                2 => pipe.cmd("RPUSH").arg(format!("l{}", key % 50)).arg(value),
                3 => pipe.cmd("LPOP").arg(format!("l{}", key % 50)),
                4 => pipe.cmd("HSET").arg(format!("h{}", key % 20)).arg(key).arg(value),
                5 => pipe.cmd("DEL").arg(format!("k{key}")),
                6 => pipe.cmd("SET").arg("hot").arg(value % 2),
                _ => pipe.cmd("DEL").arg("hot"),
            };
        }
        pipe.query::<Vec<redis::Value>>(&mut connection).expect("the master answers");
        batches.fetch_add(1, Relaxed);
    }
}

#[test]
fn compare_under_a_load_of_writes_finds_nothing() {
    let Some(pair) = Pair::start(Make::Redis) else { return };
    let seed = Seed::of_this_run();
    let (stop, batches) = (AtomicBool::new(false), AtomicU64::new(0));
    let compared = thread::scope(|scope| {
        scope.spawn(|| write(&pair.master, seed.rng(), &stop, &batches));
        until("there are keys", || (batches.load(Relaxed) > 200).then_some(()));
        let compared: Vec<_> =
            (0..10).map(|_| (batches.load(Relaxed), pair.compare(&["--rate", "5000"]))).collect();
        stop.store(true, Relaxed);
        compared
    });
    for (at, (_, one)) in compared.iter().enumerate() {
        assert_eq!((one.code, one.differences()), (Some(0), vec![]), "comparison {at}: {}", one.words);
    }
    assert!(compared.windows(2).all(|two| two[0].0 < two[1].0), "the load went on");
    let suspected = |name: &str| compared.iter().any(|(_, one)| one.json["replicas"][0][name] != 0);
    assert!(suspected("caught_up"), "some key differed at first, so that the looks were needed");
}

#[test]
fn finds_a_planted_difference_under_a_load_of_writes() {
    let Some(pair) = Pair::start(Make::Redis) else { return };
    pair.master.run_all(&["SET planted v", "SET other v"]);
    pair.settle();
    pair.replica.run_all(&["SET planted w", "SET extra v"]);
    let seed = Seed::of_this_run();
    let (stop, batches) = (AtomicBool::new(false), AtomicU64::new(0));
    let compared = thread::scope(|scope| {
        scope.spawn(|| write(&pair.master, seed.rng(), &stop, &batches));
        until("there are keys", || (batches.load(Relaxed) > 200).then_some(()));
        let compared = pair.compare(&[]);
        stop.store(true, Relaxed);
        compared
    });
    assert_eq!(compared.differences(), ["extra extra_key", "planted other_value"], "{}", compared.words);
}

#[test]
fn compare_with_a_replica_that_applies_nothing_says_may_be_lag() {
    let Some(pair) = Pair::start(Make::Redis) else { return };
    pair.master.run_all(&["SET changed v", "SET removed v", "SET same v"]);
    pair.settle();
    // The link stays up and reads are answered; what the master sends waits.
    pair.replica.run("CLIENT PAUSE 600000 WRITE");
    pair.master.run_all(&["SET changed w", "DEL removed", "SET new v"]);
    let lagging = pair.compare(&["--wait", "1"]);
    assert_eq!((lagging.code, lagging.differences()), (Some(3), vec![]), "{}", lagging.words);
    assert_eq!(lagging.json["replicas"][0]["may_be_lag"], 3, "{}", lagging.words);
    assert!(lagging.words.contains("did not reach the master's position within 1 s"), "{}", lagging.words);
    pair.replica.run("CLIENT UNPAUSE");
    pair.settle();
    let caught_up = pair.compare(&[]);
    assert_eq!((caught_up.code, caught_up.differences()), (Some(0), vec![]), "{}", caught_up.words);
}

#[test]
fn compare_with_a_replica_whose_link_is_down_could_not_judge() {
    let Some(pair) = Pair::start(Make::Redis) else { return };
    pair.master.run("SET k v");
    pair.settle();
    pair.replica.run(&format!("REPLICAOF {}", nobody().replace(':', " ")));
    pair.master.run("SET k w");
    let compared = pair.compare(&[]);
    assert_eq!((compared.code, compared.differences()), (Some(3), vec![]), "{}", compared.words);
    assert!(compared.words.contains("its link to its master is down"), "{}", compared.words);
}

#[test]
fn compare_with_a_replica_of_another_master_could_not_judge() {
    let Some(pair) = Pair::start(Make::Redis) else { return };
    let Some(other) = Server::start(Make::Redis) else { return };
    other.run("SET k v");
    let (host, port) = (pair.replica.address(), other.address());
    let (_, port) = port.split_once(':').expect("host:port");
    pair.replica.run(&format!("REPLICAOF 127.0.0.1 {port}"));
    until("the link is up", || (pair.replica.info("master_link_status")? == "up").then_some(()));
    let compared = pair.compare(&[]);
    assert_eq!((compared.code, compared.differences()), (Some(3), vec![]), "{}", compared.words);
    assert!(
        compared.words.contains(&format!("{host} cannot be compared as a replica of")),
        "{}",
        compared.words
    );
    assert!(compared.words.contains("another history"), "{}", compared.words);
    assert_eq!(compared.json["outcome"], "could_not_judge");
}

/// An address without a listener.
fn nobody() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound").to_string()
}
