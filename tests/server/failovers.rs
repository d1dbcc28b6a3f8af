//! FAILOVER on a connection. Error texts are those of Redis 7.0.15.

use super::harness::{Client, PATIENCE, Running};
use replicheck::compression::CompressionMethod;
use replicheck::server::facts::{Follower, FollowerState, Progress, Role};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// A server whose node reports two replicas.
fn with_replicas() -> Running {
    let server = Running::new();
    let follower = |port, state| Follower {
        addr: "127.0.0.1".to_owned(),
        port,
        state,
        compression: CompressionMethod::None,
        progress: Progress::default(),
    };
    let replicas = vec![follower(7001, FollowerState::Online), follower(7002, FollowerState::SendSnapshot)];
    server.node.facts.lock().expect("no test panicked with it").role = Role::Master { replicas };
    server
}

fn wait_for_stage(client: &mut Client, stage: &str) {
    let (field, begun) = (format!("master_failover_state:{stage}\r\n"), Instant::now());
    while !client.text("INFO replication").contains(&field) {
        assert!(begun.elapsed() < PATIENCE, "{field}");
        std::thread::yield_now();
    }
}

#[test]
fn failover_arguments_are_checked_as_in_redis() {
    let alone = Running::new();
    let mut client = alone.connect();
    for (line, reply) in [
        ("FAILOVER", "FAILOVER requires connected replicas."),
        ("FAILOVER ABORT", "No failover in progress."),
        ("FAILOVER TIMEOUT 0", "FAILOVER timeout must be greater than 0"),
        ("FAILOVER TIMEOUT a", "value is not an integer or out of range"),
        ("FAILOVER TIMEOUT", "syntax error"),
        ("FAILOVER TO a b", "value is not an integer or out of range"),
        ("FAILOVER TO a 1", "FAILOVER requires connected replicas."),
        ("FAILOVER FORCE FORCE", "syntax error"),
        ("FAILOVER ABORT ABORT", "syntax error"),
    ] {
        client.expect(line, &format!("-ERR {reply}\r\n"));
    }
    alone.node.is_replica.store(true, Ordering::Relaxed);
    client.expect("FAILOVER", "-ERR FAILOVER is not valid when server is a replica.\r\n");

    let server = with_replicas();
    let mut client = server.connect();
    for (line, reply) in [
        ("FAILOVER FORCE", "FAILOVER with force option requires both a timeout and target HOST and IP."),
        ("FAILOVER TO 127.0.0.1 7003", "FAILOVER target HOST and PORT is not a replica."),
        ("FAILOVER TO 127.0.0.1 72537", "FAILOVER target HOST and PORT is not a replica."),
        ("FAILOVER TO 127.0.0.1 7002", "FAILOVER target replica is not online."),
    ] {
        client.expect(line, &format!("-ERR {reply}\r\n"));
    }
    // None of them holds back writes.
    client.expect("SET a 1", "+OK\r\n");
}

#[test]
fn failover_holds_back_writes_until_the_replica_is_the_master() {
    let server = with_replicas();
    let (mut client, mut writer) = (server.connect(), server.connect());
    client.expect("FAILOVER TO 127.0.0.1 7001", "+OK\r\n");
    wait_for_stage(&mut client, "waiting-for-sync");
    writer.send("SET a 1\r\n");
    client.expect("FAILOVER", "-ERR FAILOVER already in progress.\r\n");
    client.expect("REPLICAOF NO ONE", "-ERR REPLICAOF not allowed while failing over.\r\n");
    // Only the failover ends its pause.
    client.expect("CLIENT UNPAUSE", "+OK\r\n");
    client.expect("GET a", "$-1\r\n");
    server.node.caught_up.notify_one();
    wait_for_stage(&mut client, "failover-in-progress");
    client.expect("GET a", "$-1\r\n");
    server.node.promoted.notify_one();
    writer.read("-READONLY You can't write against a read only replica.\r\n", "SET");
    wait_for_stage(&mut client, "no-failover");
    client.expect("GET a", "$-1\r\n");
}

#[test]
fn failover_that_is_aborted_or_times_out_lets_writes_go_on() {
    let server = with_replicas();
    let (mut client, mut writer) = (server.connect(), server.connect());
    client.expect("FAILOVER", "+OK\r\n");
    writer.send("SET a 1\r\n");
    client.expect("FAILOVER ABORT", "+OK\r\n");
    writer.read("+OK\r\n", "SET");
    wait_for_stage(&mut client, "no-failover");
    client.expect("FAILOVER ABORT", "-ERR No failover in progress.\r\n");

    client.expect("FAILOVER TIMEOUT 30", "+OK\r\n");
    writer.expect("SET a 2", "+OK\r\n");
    wait_for_stage(&mut client, "no-failover");

    // With FORCE the replica becomes the master after the timeout.
    client.expect("FAILOVER TO 127.0.0.1 7001 FORCE TIMEOUT 30", "+OK\r\n");
    wait_for_stage(&mut client, "failover-in-progress");
    client.expect("FAILOVER ABORT", "+OK\r\n");
    wait_for_stage(&mut client, "no-failover");
    client.expect("SET a 3", "+OK\r\n");
}

#[test]
fn removals_of_dead_keys_wait_as_long_as_a_pause_or_a_failover() {
    let server = with_replicas();
    let mut client = server.connect();
    let from = || *server.node.removals_from.lock().expect("no test panicked with it");
    let hour = Duration::from_secs(3600);
    client.expect("CLIENT PAUSE 1800000 WRITE", "+OK\r\n");
    let of_the_pause = from().expect("they wait");
    assert!(of_the_pause < Instant::now() + hour);
    client.expect("FAILOVER", "+OK\r\n");
    assert!(from().expect("they wait") > Instant::now() + hour);
    // The end of the one is not the end of the other.
    client.expect("CLIENT UNPAUSE", "+OK\r\n");
    assert!(from().expect("they wait") > Instant::now() + hour);
    client.expect("CLIENT PAUSE 1800000 WRITE", "+OK\r\n");
    client.expect("FAILOVER ABORT", "+OK\r\n");
    wait_for_stage(&mut client, "no-failover");
    assert!(from().expect("they wait") < Instant::now() + hour);
    client.expect("CLIENT UNPAUSE", "+OK\r\n");
    assert_eq!(from(), None);
}

#[test]
fn server_that_ends_during_a_failover_does_not_wait_for_it() {
    let server = with_replicas();
    let mut client = server.connect();
    client.expect("FAILOVER", "+OK\r\n");
    server.stopped();
}
