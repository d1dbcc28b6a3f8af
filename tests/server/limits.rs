//! Limits on what a client may use: connections, bytes of a request, bytes of waiting replies, time.

use super::harness::{PATIENCE, Running};
use replicheck::server::OutputLimit;
use replicheck::server::request::Limits;
use replicheck::server::{Config, REPLICAS_MAX};

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
    // The whole request has a limit, too; Redis closes without a message.
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
    // One reply is within the limit; a hundred unread ones exceed the buffers of any socket.
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
    // The client reads only after the server has closed it: CLIENT LIST shows when.
    let closed = (0..1_000_000).any(|_| !other.text("CLIENT LIST").contains("id=1 "));
    assert!(closed, "after a million requests the client is still connected");
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

#[test]
fn replicas_beyond_their_number_are_refused_and_count_as_connections() {
    let server = Running::with(Config { maxclients: REPLICAS_MAX + 2, ..Config::default() });
    let mut asks = server.connect();
    let mut replica = |_| {
        let mut replica = server.connect();
        replica.send("RCSYNC 1 abc\r\n");
        (replica, server.followed.recv_timeout(PATIENCE).expect("the node gets the socket"))
    };
    let mut replicas: Vec<_> = (0..REPLICAS_MAX).map(&mut replica).collect();
    let mut one_more = server.connect();
    one_more.expect("RCSYNC 1 abc", "-ERR max number of replicas reached\r\n");
    // The refused one is still a connection, and with the replicas it takes all places.
    assert_eq!(server.connect().read_to_end(), "-ERR max number of clients reached\r\n");
    one_more.expect("PING", "+PONG\r\n");
    // The node closes a replica, and its place becomes free.
    drop(replicas.pop());
    replica(0);
    asks.expect("PING", "+PONG\r\n");
}

#[test]
fn maxclients_that_the_system_does_not_allow_is_refused_with_what_it_does() {
    let server = Running::with(Config { descriptors_reserved: Some(100), ..Config::default() });
    let mut client = server.connect();
    client.expect("CONFIG SET maxclients 11", "+OK\r\n");
    client.send("CONFIG SET timeout 7 maxclients 4294967295\r\n");
    let refused = client.line();
    let expected = "-ERR CONFIG SET failed (possibly related to argument 'maxclients') - The operating system is not able to \
                    handle the specified number of clients, try with ";
    let tried = refused.strip_prefix(expected).unwrap_or_else(|| panic!("{refused}"));
    client.expect(
        "CONFIG GET timeout maxclients",
        "*4\r\n$10\r\nmaxclients\r\n$2\r\n11\r\n$7\r\ntimeout\r\n$1\r\n0\r\n",
    );
    client.expect(&format!("CONFIG SET maxclients {tried}"), "+OK\r\n");
}
