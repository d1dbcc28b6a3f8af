//! AUTH, HELLO with AUTH, and what a client may do before it: the replies of Redis 7.0.15 to the same requests.

use super::harness::{Client, Running};
use replicheck::secret::Secret;
use replicheck::server::Config;

const NO_AUTH: &str = "-NOAUTH Authentication required.\r\n";
const WRONG: &str = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
const NO_AUTH_AT_HELLO: &str = "-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> \
    <pass> option can be used to authenticate the client and select the RESP protocol version at the same time\r\n";

fn locked() -> Running {
    Running::with(Config { requirepass: Secret::new(b"s3 cret"), ..Config::default() })
}

fn expect_all(client: &mut Client, rows: &[(&str, &str)]) {
    rows.iter().for_each(|(line, reply)| client.expect(line, reply));
}

#[test]
fn client_without_the_password_may_do_nothing_else() {
    let server = locked();
    expect_all(
        &mut server.connect(),
        &[
            ("GET a", NO_AUTH),
            ("GET", "-ERR wrong number of arguments for 'get' command\r\n"),
            ("NOSUCH a", "-ERR unknown command 'NOSUCH', with args beginning with: 'a' \r\n"),
            ("PING", NO_AUTH),
            ("CLIENT", "-ERR wrong number of arguments for 'client' command\r\n"),
            ("CLIENT NOSUCH", "-ERR unknown subcommand 'NOSUCH'. Try CLIENT HELP.\r\n"),
            ("CLIENT ID", NO_AUTH),
            ("SET a 1 FOO", NO_AUTH),
            ("AUTH", "-ERR wrong number of arguments for 'auth' command\r\n"),
            ("AUTH x", WRONG),
            ("AUTH foo x", WRONG),
            ("AUTH foo 's3 cret'", WRONG),
            ("AUTH a b c", "-ERR syntax error\r\n"),
            ("HELLO", NO_AUTH_AT_HELLO),
            ("HELLO 3", NO_AUTH_AT_HELLO),
            ("HELLO 9", "-NOPROTO unsupported protocol version\r\n"),
            ("HELLO 3 AUTH default x", WRONG),
            ("MULTI", NO_AUTH),
            ("EXEC", "-EXECABORT Transaction discarded because of: NOAUTH Authentication required.\r\n"),
            ("WATCH a", NO_AUTH),
            ("WAIT 0 0", NO_AUTH),
            ("RCSYNC 4 full 0 log_clock", NO_AUTH),
            ("RESET", "+RESET\r\n"),
            ("COMMAND COUNT", NO_AUTH),
            ("INFO server", NO_AUTH),
            ("SHUTDOWN", NO_AUTH),
            ("QUIT", "+OK\r\n"),
        ],
    );
}

#[test]
fn client_with_the_password_stays_known_until_reset() {
    let server = locked();
    let (mut client, mut other) = (server.connect(), server.connect());
    expect_all(
        &mut client,
        &[
            ("AUTH 's3 cret'", "+OK\r\n"),
            ("GET a", "$-1\r\n"),
            ("RESET", "+RESET\r\n"),
            ("GET a", NO_AUTH),
            ("AUTH default 's3 cret'", "+OK\r\n"),
            ("GET a", "$-1\r\n"),
            ("CONFIG GET requirepass", "*2\r\n$11\r\nrequirepass\r\n$7\r\ns3 cret\r\n"),
            ("CONFIG SET requirepass new", "+OK\r\n"),
            ("GET a", "$-1\r\n"),
            ("AUTH 's3 cret'", WRONG),
            ("GET a", "$-1\r\n"),
            ("AUTH new", "+OK\r\n"),
        ],
    );
    // A connection from before the change needs the new password.
    expect_all(&mut other, &[("AUTH 's3 cret'", WRONG), ("AUTH new", "+OK\r\n"), ("RESET", "+RESET\r\n")]);
    client.expect("CONFIG SET requirepass ''", "+OK\r\n");
    let none = "-ERR AUTH <password> called without any password configured for the default user. Are you sure your \
                configuration is correct?\r\n";
    client.expect("AUTH x", none);
    server.connect().expect("GET a", "$-1\r\n");
}

#[test]
fn password_that_is_set_later_leaves_connected_clients_alone() {
    let server = Running::new();
    let (mut client, mut other) = (server.connect(), server.connect());
    other.expect("PING", "+PONG\r\n");
    client.expect("CONFIG SET requirepass p", "+OK\r\n");
    other.expect("SET a 1", "+OK\r\n");
    server.connect().expect("GET a", NO_AUTH);
    expect_all(&mut other, &[("RESET", "+RESET\r\n"), ("GET a", NO_AUTH)]);
}

#[test]
fn requests_of_a_client_without_the_password_are_small() {
    let server = locked();
    for (bytes, reply) in [
        ("*11\r\n", "-ERR Protocol error: unauthenticated multibulk length\r\n"),
        ("*3\r\n$16385\r\n", "-ERR Protocol error: unauthenticated bulk length\r\n"),
    ] {
        let mut client = server.connect();
        client.send(bytes);
        assert_eq!(client.read_to_end(), reply);
    }
    // After the password the limit no longer holds, even for the rest of the same packet.
    let value = "v".repeat(20_000);
    let mut client = server.connect();
    client.send(format!(
        "*2\r\n$4\r\nAUTH\r\n$7\r\ns3 cret\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$20000\r\n{value}\r\n*12\r\n$3\r\nDEL\r\n{}",
        "$1\r\nb\r\n".repeat(11)
    ));
    client.read("+OK\r\n+OK\r\n:0\r\n", "AUTH, SET, DEL");
    let mut hello = server.connect();
    hello.send("HELLO 2 AUTH default 's3 cret' SETNAME x\r\nCLIENT GETNAME\r\n");
    while hello.line() != "$1" {}
    assert_eq!(hello.line(), "x");
}
