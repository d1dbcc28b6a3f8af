//! CLIENT PAUSE and CLIENT UNPAUSE on a connection. Error texts are those of Redis 7.0.15.

use super::harness::{Client, PATIENCE, Running};
use std::time::{Duration, Instant};

/// Longer than any test.
const LONG: &str = "3600000";

/// Waits until so many clients wait in a command.
fn wait_for_blocked(client: &mut Client, count: usize) {
    let (field, begun) = (format!("blocked_clients:{count}\r\n"), Instant::now());
    while !client.text("INFO clients").contains(&field) {
        assert!(begun.elapsed() < PATIENCE, "{field}");
        std::thread::yield_now();
    }
}

#[test]
fn pause_arguments_are_checked_as_in_redis() {
    let server = Running::new();
    let mut client = server.connect();
    for (line, reply) in [
        ("CLIENT PAUSE", "-ERR wrong number of arguments for 'client|pause' command"),
        ("CLIENT PAUSE a", "-ERR timeout is not an integer or out of range"),
        ("CLIENT PAUSE -1", "-ERR timeout is negative"),
        ("CLIENT PAUSE 0", "+OK"),
        ("CLIENT PAUSE 99999999999999999999", "-ERR timeout is not an integer or out of range"),
        ("CLIENT PAUSE 0 READ", "-ERR CLIENT PAUSE mode must be WRITE or ALL"),
        ("CLIENT PAUSE a READ", "-ERR CLIENT PAUSE mode must be WRITE or ALL"),
        ("CLIENT PAUSE 0 WRITE", "+OK"),
        (
            "CLIENT PAUSE 0 ALL x",
            "-ERR unknown subcommand or wrong number of arguments for 'PAUSE'. Try CLIENT HELP.",
        ),
        ("CLIENT UNPAUSE", "+OK"),
        ("CLIENT UNPAUSE x", "-ERR wrong number of arguments for 'client|unpause' command"),
        ("CLIENT PAUSE 9223372036854775807 WRITE", "+OK"),
        ("CLIENT UNPAUSE", "+OK"),
        ("SET a 1", "+OK"),
    ] {
        client.expect(line, &format!("{reply}\r\n"));
    }
}

#[test]
fn paused_writes_wait_in_their_places_and_reads_do_not() {
    let server = Running::new();
    let (mut writer, mut other) = (server.connect(), server.connect());
    other.expect(&format!("CLIENT PAUSE {LONG} write"), "+OK\r\n");
    // The request before the write is answered. The one after it waits with the write.
    writer.send("GET a\r\nSET a 1\r\nGET a\r\n");
    writer.read("$-1\r\n", "GET");
    wait_for_blocked(&mut other, 1);
    other.expect("GET a", "$-1\r\n");
    // A second pause does not shorten it.
    other.expect("CLIENT PAUSE 0 WRITE", "+OK\r\n");
    wait_for_blocked(&mut other, 1);
    other.expect("CLIENT UNPAUSE", "+OK\r\n");
    writer.read("+OK\r\n$1\r\n1\r\n", "SET");
    other.expect("GET a", "$1\r\n1\r\n");
    wait_for_blocked(&mut other, 0);
}

#[test]
fn paused_transaction_waits_if_it_writes() {
    let server = Running::new();
    let (mut writer, mut other) = (server.connect(), server.connect());
    other.expect(&format!("CLIENT PAUSE {LONG} WRITE"), "+OK\r\n");
    writer.send("MULTI\r\nGET a\r\nEXEC\r\nMULTI\r\nSET a 1\r\nEXEC\r\n");
    writer.read("+OK\r\n+QUEUED\r\n*1\r\n$-1\r\n+OK\r\n+QUEUED\r\n", "MULTI");
    wait_for_blocked(&mut other, 1);
    other.expect("GET a", "$-1\r\n");
    other.expect("CLIENT UNPAUSE", "+OK\r\n");
    writer.read("*1\r\n+OK\r\n", "EXEC");
}

#[test]
fn pause_of_all_ends_by_its_timeout_and_holds_back_every_request() {
    let server = Running::new();
    let mut client = server.connect();
    let begun = Instant::now();
    client.send("CLIENT PAUSE 150\r\nPING\r\nCLIENT UNPAUSE\r\nSET a 1\r\n");
    client.read("+OK\r\n+PONG\r\n+OK\r\n+OK\r\n", "CLIENT PAUSE");
    assert!(begun.elapsed() >= Duration::from_millis(150));
}

#[test]
fn paused_client_that_leaves_or_is_killed_is_not_counted_any_more() {
    let server = Running::new();
    let (mut leaving, mut killed, mut other) = (server.connect(), server.connect(), server.connect());
    killed.send("CLIENT ID\r\n");
    let id = killed.line();
    other.expect(&format!("CLIENT PAUSE {LONG} WRITE"), "+OK\r\n");
    leaving.send("SET a 1\r\n");
    killed.send("SET a 2\r\n");
    wait_for_blocked(&mut other, 2);
    drop(leaving);
    wait_for_blocked(&mut other, 1);
    other.expect(&format!("CLIENT KILL ID {}", &id[1..]), ":1\r\n");
    assert_eq!(killed.read_to_end(), "");
    wait_for_blocked(&mut other, 0);
    other.expect("CLIENT UNPAUSE", "+OK\r\n");
    // Neither write was run.
    other.expect("GET a", "$-1\r\n");
}

#[test]
fn pause_is_answered_once_the_writes_before_it_have_ended() {
    let server = Running::new();
    let mut other = server.connect();
    other.expect("SET n 0", "+OK\r\n");
    for round in 0..50 {
        std::thread::scope(|scope| {
            let writers: Vec<_> = (0..4)
                .map(|_| {
                    let mut client = server.connect();
                    scope.spawn(move || {
                        client.send("INCR n\r\n".repeat(100));
                        (0..100).for_each(|_| drop(client.line()));
                    })
                })
                .collect();
            other.expect(&format!("CLIENT PAUSE {LONG} WRITE"), "+OK\r\n");
            let paused = other.text("GET n");
            for _ in 0..20 {
                assert_eq!(other.text("GET n"), paused, "round {round}");
            }
            other.expect("CLIENT UNPAUSE", "+OK\r\n");
            writers.into_iter().for_each(|writer| writer.join().expect("no panic"));
        });
    }
}
