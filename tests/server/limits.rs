//! What a client may take: connections, bytes of a request, bytes of replies that wait, time.

use super::harness::Running;
use replicheck::server::Config;
use replicheck::server::config::OutputLimit;
use replicheck::server::request::Limits;

#[test]
fn client_beyond_maxclients_is_refused_until_one_leaves() {
    let server = Running::with(Config { maxclients: 2, ..Config::default() });
    let (mut one, mut two) = (server.connect(), server.connect());
    one.expect("PING", "+PONG\r\n");
    two.expect("PING", "+PONG\r\n");
    assert_eq!(server.connect().read_to_end(), "-ERR max number of clients reached\r\n");
    one.expect("CONFIG SET maxclients 3", "+OK\r\n");
    server.connect().expect("PING", "+PONG\r\n");
    two.send("QUIT\r\n");
    assert_eq!(two.read_to_end(), "+OK\r\n");
    assert!(one.text("INFO stats").contains("rejected_connections:1\r\n"));
}

#[test]
fn bulk_beyond_its_limit_is_refused_by_its_header() {
    let limits = Limits { bulk_bytes_max: 2 << 20, query_bytes_max: 3 << 20 };
    let server = Running::with(Config { limits, ..Config::default() });
    let value = "v".repeat(2 << 20);
    let mut client = server.connect();
    client.send(format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${}\r\n{value}\r\n", value.len()));
    client.read("+OK\r\n", "a bulk of the limit's length");
    client.expect("STRLEN k", ":2097152\r\n");
    client.send(format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${}\r\n", value.len() + 1));
    assert_eq!(client.read_to_end(), "-ERR Protocol error: invalid bulk length\r\n");
    // The whole request has a limit too; Redis closes without a word.
    let mut client = server.connect();
    client.send(format!("PING\r\n*3\r\n$2\r\nab\r\n${}\r\n{value}\r\n$1048576\r\n", value.len()));
    assert_eq!(client.read_to_end(), "+PONG\r\n");
}

#[test]
fn reader_that_takes_nothing_is_closed_at_the_hard_limit() {
    let output = OutputLimit { hard: 1 << 20, soft: 0, soft_seconds: 0 };
    let server = Running::with(Config { output, ..Config::default() });
    let (mut slow, mut other) = (server.connect(), server.connect());
    let value = "v".repeat(1 << 19);
    slow.send(format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${}\r\n{value}\r\n", value.len()));
    slow.read("+OK\r\n", "SET");
    // One reply is within the limit; a hundred that are not read are beyond any socket's buffers.
    slow.send("GET k\r\n".repeat(100));
    other.expect("PING", "+PONG\r\n");
    let taken = slow.read_to_end().len();
    assert!(taken < 100 * value.len(), "{taken} bytes were sent");
    other.expect("STRLEN k", ":524288\r\n");
}

#[test]
fn reader_that_takes_nothing_is_closed_after_the_soft_limits_time() {
    let output = OutputLimit { hard: 0, soft: 1 << 20, soft_seconds: 1 };
    let server = Running::with(Config { output, ..Config::default() });
    let (mut slow, mut other) = (server.connect(), server.connect());
    let value = "v".repeat(1 << 19);
    slow.send(format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${}\r\n{value}\r\n", value.len()));
    slow.read("+OK\r\n", "SET");
    slow.send("GET k\r\n".repeat(100));
    // Not before the server has closed it does the client read: the list says when.
    let closed = (0..1_000_000).any(|_| !other.text("CLIENT LIST").contains("id=1 "));
    assert!(closed, "a million questions later it is still there");
    let taken = slow.read_to_end().len();
    assert!(taken < 100 * value.len(), "{taken} bytes were sent");
}

#[test]
fn client_that_is_silent_is_closed_after_the_timeout() {
    let server = Running::with(Config { timeout_s: 1, ..Config::default() });
    let mut client = server.connect();
    client.expect("PING", "+PONG\r\n");
    assert_eq!(client.read_to_end(), "");
}
