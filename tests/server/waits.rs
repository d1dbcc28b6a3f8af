//! WAIT and WAITAOF on a connection. Error texts are those of Redis 7.0.15 (WAIT) and Valkey 9.1 (WAITAOF).

use super::harness::Running;
use std::sync::atomic::Ordering;

#[test]
fn wait_arguments_are_checked_as_in_redis() {
    let server = Running::new();
    let mut client = server.connect();
    for (line, reply) in [
        ("WAIT 0 0", ":0"),
        ("WAIT -1 0", ":0"),
        ("WAIT 1 20", ":0"),
        ("WAITAOF 0 0 0", "*2\r\n:1\r\n:0"),
        ("WAITAOF 1 0 100", "*2\r\n:1\r\n:0"),
        ("WAITAOF 1 1 20", "*2\r\n:1\r\n:0"),
        ("WAIT 1", "-ERR wrong number of arguments for 'wait' command"),
        ("WAIT 1 1 1", "-ERR wrong number of arguments for 'wait' command"),
        ("WAIT a 1", "-ERR value is not an integer or out of range"),
        ("WAIT 1 a", "-ERR timeout is not an integer or out of range"),
        ("WAIT 1 99999999999999999999", "-ERR timeout is not an integer or out of range"),
        ("WAIT 1 -1", "-ERR timeout is negative"),
        ("WAITAOF 2 a 0", "-ERR value is out of range, value must between 0 and 1"),
        ("WAITAOF -1 0 0", "-ERR value is out of range, value must between 0 and 1"),
        ("WAITAOF a b c", "-ERR value is not an integer or out of range"),
        ("WAITAOF 0 -1 0", "-ERR value is out of range, must be positive"),
        ("WAITAOF 0 a 0", "-ERR value is out of range, must be positive"),
        ("WAITAOF 1 0 a", "-ERR timeout is not an integer or out of range"),
        ("WAITAOF 1 0 -1", "-ERR timeout is negative"),
    ] {
        client.expect(line, &format!("{reply}\r\n"));
    }
    server.node.is_replica.store(true, Ordering::Relaxed);
    client.expect(
        "WAIT a b",
        "-ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a replica is configured to \
         be writable (which is not the default) writes to replicas are just local and are not propagated.\r\n",
    );
    client.expect("WAITAOF a b c", "-ERR value is not an integer or out of range\r\n");
    client.expect(
        "WAITAOF 0 0 0",
        "-ERR WAITAOF cannot be used with replica instances. Please also note that writes to replicas are just local and are \
         not propagated.\r\n",
    );
}

#[test]
fn wait_in_a_transaction_does_not_block() {
    let server = Running::new();
    let mut client = server.connect();
    client.send("MULTI\r\nSET a 1\r\nWAIT 5 0\r\nWAITAOF 1 5 0\r\nWAIT x 0\r\nEXEC\r\n");
    let queued = "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n";
    let ran = "*4\r\n+OK\r\n:0\r\n*2\r\n:1\r\n:0\r\n-ERR value is not an integer or out of range\r\n";
    client.read(&format!("{queued}{ran}"), "EXEC");
}

#[test]
fn wait_without_an_end_ends_with_its_connection() {
    let server = Running::new();
    let (mut waiting, mut killed, mut other) = (server.connect(), server.connect(), server.connect());
    // Requests before it are answered, those after it wait.
    waiting.send("SET a 1\r\nWAIT 1 0\r\nSET a 2\r\n");
    waiting.read("+OK\r\n", "SET");
    killed.send("CLIENT ID\r\n");
    let id = killed.line();
    killed.send("WAIT 1 0\r\n");
    other.expect("GET a", "$1\r\n1\r\n");
    other.expect(&format!("CLIENT KILL ID {}", &id[1..]), ":1\r\n");
    assert_eq!(killed.read_to_end(), "");
    drop(waiting);
    while !other.text("INFO clients").contains("connected_clients:1\r\n") {
        std::thread::yield_now();
    }
    other.expect("GET a", "$1\r\n1\r\n");
}
