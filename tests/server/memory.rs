//! Replies that no client reads: how many of them are produced, for one client and for all.

use super::harness::{Client, Running, number};
use replicheck::server::Config;

/// The length of a value, in bytes.
const VALUE_BYTES: usize = 4 << 20;
/// How many times a client requests the value at once.
const READS: usize = 100;
/// The reply bytes that may wait for a client before no more are produced, the reply in progress at that point, and a little.
const ONE_CLIENT_MAX: usize = (32 << 20) + VALUE_BYTES + (1 << 20);

fn with_value(config: Config) -> (Running, Client) {
    let server = Running::with(config);
    let mut client = server.connect();
    let value = "v".repeat(VALUE_BYTES);
    client.send(format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${VALUE_BYTES}\r\n{value}\r\n"));
    client.read("+OK\r\n", "SET");
    (server, client)
}

/// The value of a field of the client's line in CLIENT LIST.
fn listed(asks: &mut Client, id: u64, field: &str) -> Option<usize> {
    let list = asks.text("CLIENT LIST");
    let line = list.lines().find(|line| line.starts_with(&format!("id={id} ")))?;
    line.split(' ').find_map(|part| part.strip_prefix(field)?.strip_prefix('=')?.parse().ok())
}

#[test]
fn reader_that_takes_nothing_is_made_few_replies_and_gets_all_once_it_reads() {
    // A run of reads, and reads with writes among them; only the reads reply with the value.
    for (line, expected_other) in [("GET k\r\n", ""), ("GET k\r\nSET other 1\r\n", "+OK\r\n")] {
        let (server, mut asks) = with_value(Config::default());
        let mut slow = server.connect();
        slow.send(line.repeat(READS));
        let waiting = (0..1_000_000).find_map(|_| listed(&mut asks, 2, "obl").filter(|&bytes| bytes > 0));
        let waiting = waiting.expect("after a million requests no reply waits");
        assert!(waiting <= ONE_CLIENT_MAX, "{waiting} bytes wait for one client: {line}");
        let reply = format!("${VALUE_BYTES}\r\n{}\r\n{expected_other}", "v".repeat(VALUE_BYTES));
        (0..READS).for_each(|_| slow.read(&reply, "a client that reads late"));
        slow.expect("PING", "+PONG\r\n");
    }
}

#[test]
fn replies_of_all_clients_beyond_their_limit_close_those_who_hold_most() {
    const LIMIT: usize = 80 << 20;
    // The limit, and what the two threads produce meanwhile: a reply each, and its encoded bytes.
    const MAX: usize = LIMIT + 2 * 2 * VALUE_BYTES + (1 << 20);
    let (server, mut asks) = with_value(Config::default());
    asks.expect(&format!("CONFIG SET maxmemory-clients {LIMIT}"), "+OK\r\n");
    asks.expect("CONFIG GET maxmemory-clients", "*2\r\n$17\r\nmaxmemory-clients\r\n$8\r\n83886080\r\n");
    let mut slow: Vec<Client> = (0..8).map(|_| server.connect()).collect();
    slow.iter_mut().for_each(|slow| slow.send("GET k\r\n".repeat(READS)));
    // Eight clients do not fit, because each of them may hold 32 MB and more.
    let mut most = 0;
    let closed = (0..1_000_000).find_map(|_| {
        let info = asks.text("INFO");
        most = most.max(number(&info, "mem_clients_normal"));
        Some(number(&info, "evicted_clients")).filter(|&evicted| evicted >= 5)
    });
    let closed = closed.expect("after a million requests no client is closed");
    assert!(most <= MAX && most > 0, "{most} bytes waited for all clients");
    // A client that reads is served, and a client that was not closed gets all replies.
    asks.expect("STRLEN k", &format!(":{VALUE_BYTES}\r\n"));
    let whole = (VALUE_BYTES + format!("${VALUE_BYTES}\r\n\r\n").len()) * READS;
    let mut ended = 0;
    for mut slow in slow {
        let read = slow.read_at_most(whole);
        ended += usize::from(read < whole);
    }
    assert!(ended >= closed && ended < 8, "{ended} of 8 were closed");
    let info = asks.text("INFO");
    assert_eq!(number(&info, "evicted_clients"), ended, "{info}");
}
