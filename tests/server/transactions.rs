//! Transactions over a socket, where the transcript (`golden/server/transactions.txt`) cannot show them: a change of the
//! role, limits, ends of connections, RESP3, pipelines.

use super::harness::{PATIENCE, Running};
use replicheck::server::request::Limits;
use replicheck::server::{Config, OutputLimit};
use std::sync::atomic::Ordering;
use std::time::Instant;

const READONLY: &str = "READONLY You can't write against a read only replica.";

#[test]
fn transaction_on_a_replica_refuses_writes_and_runs_reads() {
    let server = Running::new();
    let mut client = server.connect();
    client.expect("SET k 1", "+OK\r\n");
    server.node.is_replica.store(true, Ordering::Relaxed);
    client.expect("MULTI", "+OK\r\n");
    client.expect("SET k 2", &format!("-{READONLY}\r\n"));
    client.expect("GET k", "+QUEUED\r\n");
    client.expect("EXEC", "-EXECABORT Transaction discarded because of previous errors.\r\n");
    client.expect("MULTI", "+OK\r\n");
    client.expect("GET k", "+QUEUED\r\n");
    client.expect("EXEC", "*1\r\n$1\r\n1\r\n");
}

#[test]
fn transaction_of_a_master_that_became_a_replica_is_refused_and_changes_no_session() {
    let server = Running::new();
    let mut client = server.connect();
    client.expect("MULTI", "+OK\r\n");
    client.expect("SELECT 3", "+QUEUED\r\n");
    client.expect("SET k 2", "+QUEUED\r\n");
    server.node.is_replica.store(true, Ordering::Relaxed);
    client.expect("EXEC", &format!("-EXECABORT Transaction discarded because of: {READONLY}\r\n"));
    server.node.is_replica.store(false, Ordering::Relaxed);
    client.expect("GET k", "$-1\r\n");
    client.expect("SET k 0", "+OK\r\n");
    client.expect("SELECT 0", "+OK\r\n");
    client.expect("GET k", "$1\r\n0\r\n");
}

#[test]
fn transaction_larger_than_a_request_may_be_is_refused_and_frees_its_memory() {
    let limits = Limits { query_bytes_max: 4096, ..Limits::default() };
    let server = Running::with(Config { limits, ..Config::default() });
    let mut client = server.connect();
    let set = format!("SET k {}", "v".repeat(1000));
    client.expect("MULTI", "+OK\r\n");
    for _ in 0..3 {
        client.expect(&set, "+QUEUED\r\n");
    }
    let held = |line: &str| {
        let omem = line.split_once("omem=").and_then(|(_, rest)| rest.split_once(' '));
        omem.and_then(|(omem, _)| omem.parse::<usize>().ok()).expect("a line of CLIENT LIST")
    };
    let mut other = server.connect();
    let line = |listed: String| {
        let line = listed.lines().find(|line| line.contains("id=1 ")).expect("the client").to_owned();
        (held(&line), line)
    };
    let (bytes, queued) = line(other.text("CLIENT LIST"));
    assert!(bytes > 3000, "{queued}");
    assert!(queued.contains("flags=x ") && queued.contains("multi=3 "), "{queued}");
    client.expect(&set, "-ERR the queued commands are larger than client-query-buffer-limit\r\n");
    client.expect("GET k", "+QUEUED\r\n");
    let (bytes, refused) = line(other.text("CLIENT LIST"));
    assert!(bytes < 1000, "{refused}");
    client.expect("EXEC", "-EXECABORT Transaction discarded because of previous errors.\r\n");
    client.expect("GET k", "$-1\r\n");
    assert!(line(other.text("CLIENT LIST")).1.contains("multi=-1 "));
}

#[test]
fn watch_of_a_connection_ends_with_it() {
    let server = Running::new();
    let (mut one, mut two) = (server.connect(), server.connect());
    one.expect("WATCH a b", "+OK\r\n");
    two.expect("WATCH b c", "+OK\r\n");
    assert_eq!(server.node.watched(), 3);
    one.send("QUIT\r\n");
    assert_eq!(one.read_to_end(), "+OK\r\n");
    let until = Instant::now() + PATIENCE;
    while server.node.watched() > 2 {
        assert!(Instant::now() < until, "the watches of a closed connection stay");
        std::thread::yield_now();
    }
    for end in ["UNWATCH", "MULTI\r\nDISCARD", "MULTI\r\nEXEC", "MULTI\r\nGET\r\nEXEC", "RESET"] {
        two.expect("WATCH b c", "+OK\r\n");
        two.send(format!("{end}\r\nECHO done\r\n"));
        while two.line() != "done" {}
        assert_eq!(server.node.watched(), 0, "{end}");
    }
}

#[test]
fn transaction_in_one_pipeline_is_answered_in_order() {
    let server = Running::new();
    let mut client = server.connect();
    client.send(
        "SET k 1\r\nWATCH k\r\nMULTI\r\nINCR k\r\nEXEC\r\nGET k\r\nWATCH k\r\nSET k 5\r\nMULTI\r\nGET k\r\nEXEC\r\n\
         HELLO 3\r\n",
    );
    client.read(
        "+OK\r\n+OK\r\n+OK\r\n+QUEUED\r\n*1\r\n:2\r\n$1\r\n2\r\n+OK\r\n+OK\r\n+OK\r\n+QUEUED\r\n*-1\r\n",
        "the pipeline",
    );
    while client.line() != "*0" {}
    client.send("WATCH k\r\nSET k 6\r\nMULTI\r\nGET k\r\nEXEC\r\nMULTI\r\nGET none\r\nEXEC\r\n");
    client.read("+OK\r\n+OK\r\n+OK\r\n+QUEUED\r\n_\r\n+OK\r\n+QUEUED\r\n*1\r\n_\r\n", "RESP3");
}

#[test]
fn transaction_with_a_large_reply_is_sent_whole() {
    let server = Running::new();
    let mut client = server.connect();
    let value = "v".repeat(300_000);
    client.send(format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${}\r\n{value}\r\n", value.len()));
    client.read("+OK\r\n", "SET");
    client.send("MULTI\r\nGET k\r\nPING\r\nGET k\r\nEXEC\r\n");
    client.read("+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n", "MULTI");
    let bulk = format!("${}\r\n{value}\r\n", value.len());
    client.read(&format!("*3\r\n{bulk}+PONG\r\n{bulk}"), "EXEC");
}

/// As in Redis, whose limit disconnects the client and leaves what it wrote.
#[test]
fn transaction_with_replies_beyond_the_output_limit_is_run_and_ends_the_connection() {
    let output = OutputLimit { hard: 100_000, ..Config::default().output };
    let server = Running::with(Config { output, ..Config::default() });
    let (mut client, mut other) = (server.connect(), server.connect());
    client.send(format!("SET k {}\r\n", "v".repeat(30_000)));
    client.read("+OK\r\n", "SET");
    let exec = |reads| format!("MULTI\r\n{}INCR c\r\nEXEC\r\n", "GET k\r\n".repeat(reads));
    client.send(exec(3));
    while client.line() != ":1" {}
    client.send(exec(4));
    let replies = client.read_to_end();
    assert_eq!(replies, format!("+OK\r\n{}", "+QUEUED\r\n".repeat(5)));
    other.expect("GET c", "$1\r\n2\r\n");
    assert!(other.text("INFO stats").contains("client_output_buffer_limit_disconnections:1\r\n"));
}

#[test]
fn quit_and_kill_in_a_transaction_end_the_connection() {
    let server = Running::new();
    let mut client = server.connect();
    client.send("MULTI\r\nSET k 1\r\nQUIT\r\n");
    assert_eq!(client.read_to_end(), "+OK\r\n+QUEUED\r\n+OK\r\n");
    let mut client = server.connect();
    client.send("GET k\r\nMULTI\r\nSET k 2\r\nCLIENT KILL SKIPME no\r\nEXEC\r\nPING\r\n");
    let replies = client.read_to_end();
    assert!(replies.starts_with("$-1\r\n+OK\r\n+QUEUED\r\n"), "{replies}");
    assert!(!replies.contains("PONG"), "{replies}");
}

#[test]
fn replica_in_a_transaction_is_refused() {
    let server = Running::new();
    let mut client = server.connect();
    client.expect("MULTI", "+OK\r\n");
    client.expect("RCSYNC x", "-ERR Command not allowed inside a transaction\r\n");
    client.expect("EXEC", "-EXECABORT Transaction discarded because of previous errors.\r\n");
}
