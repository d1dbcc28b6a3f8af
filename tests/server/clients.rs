//! Connections and their requests: order of replies, protocols, CLIENT, INFO, the hand-over of a replica's socket.

use super::harness::{PATIENCE, Running};
use replicheck::server::Ended;
use std::io::{Read, Write};

#[test]
fn pipeline_of_ten_thousand_commands_is_answered_in_order() {
    let server = Running::new();
    let mut client = server.connect();
    let (mut sent, mut expected) = (String::new(), String::new());
    for number in 0..10_000 {
        match number % 4 {
            0 => {
                sent += &format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\n{number:05}\r\n");
                expected += "+OK\r\n";
            }
            1 => {
                sent += "GET k\r\n";
                expected += &format!("$5\r\n{:05}\r\n", number - 1);
            }
            2 => {
                sent += &format!("SELECT {}\r\n", number % 3);
                expected += "+OK\r\n";
            }
            _ => {
                sent += &format!("NOPE {number}\r\n");
                expected +=
                    &format!("-ERR unknown command 'NOPE', with args beginning with: '{number}' \r\n");
            }
        }
    }
    client.send(&sent);
    client.read(&expected, "the pipeline");
}

#[test]
fn pipeline_longer_than_socket_buffers_needs_no_reader() {
    let server = Running::new();
    let mut client = server.connect();
    let (message, count) = ("m".repeat(10_000), 3000);
    // Everything is written before anything is read: a server that stops reading too early would wait for ever.
    client.send(format!("*2\r\n$4\r\nECHO\r\n$10000\r\n{message}\r\n").repeat(count));
    client.read(&format!("$10000\r\n{message}\r\n").repeat(count), "all messages");
}

#[test]
fn request_byte_by_byte_is_answered() {
    let server = Running::new();
    let mut client = server.connect();
    for byte in b"*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\nECHO 'a b'\r\n" {
        client.send([*byte]);
    }
    client.read("$2\r\nhi\r\n$3\r\na b\r\n", "both");
}

#[test]
fn protocol_error_is_told_after_the_replies_before_it_and_closes() {
    let server = Running::new();
    let mut client = server.connect();
    client.send("PING\r\nSET k v\r\n*1\r\nPING\r\nPING\r\n");
    assert_eq!(client.read_to_end(), "+PONG\r\n+OK\r\n-ERR Protocol error: expected '$', got 'P'\r\n");
    server.connect().expect("GET k", "$1\r\nv\r\n");
}

#[test]
fn hello_3_changes_how_replies_are_framed_from_there_on() {
    let server = Running::new();
    let mut client = server.connect();
    let told = "%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:3\r\n\
                $2\r\nid\r\n:1\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n\
                $7\r\nmodules\r\n*0\r\n";
    client.send("HSET h f v\r\nGET no\r\nHGETALL h\r\nHELLO 3\r\nGET no\r\nHGETALL h\r\n");
    let before = ":1\r\n$-1\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n";
    client.read(&format!("{before}{told}_\r\n%1\r\n$1\r\nf\r\n$1\r\nv\r\n"), "HELLO 3 amid a pipeline");
    client.expect("CONFIG GET timeout", "%1\r\n$7\r\ntimeout\r\n$1\r\n0\r\n");
    client.expect("CLIENT LIST TYPE master", "=4\r\ntxt:\r\n");
    client.expect("RESET", "+RESET\r\n");
    client.expect("GET no", "$-1\r\n");
}

#[test]
fn client_reply_off_and_skip_hold_replies_back() {
    let server = Running::new();
    let mut client = server.connect();
    client.send("CLIENT REPLY SKIP\r\nSET k 1\r\nINCR k\r\nCLIENT REPLY SKIP\r\nNOPE\r\nPING\r\n");
    client.read(":2\r\n+PONG\r\n", "two skips");
    client.send(
        "CLIENT REPLY OFF\r\nINCR k\r\nCLIENT LIST\r\nCLIENT REPLY nope\r\nCLIENT REPLY SKIP\r\nPING\r\n",
    );
    client.expect("CLIENT REPLY ON", "+OK\r\n");
    client.expect("GET k", "$1\r\n3\r\n");
}

#[test]
fn client_kill_ends_the_one_that_it_names() {
    let server = Running::new();
    let (mut one, mut two) = (server.connect(), server.connect());
    one.expect("CLIENT ID", ":1\r\n");
    two.expect("CLIENT SETNAME two", "+OK\r\n");
    let list = one.text("CLIENT LIST");
    assert_eq!(list.lines().count(), 2, "{list}");
    assert!(list.lines().any(|line| line.starts_with("id=2 ") && line.contains(" name=two ")), "{list}");
    assert!(list.contains(" cmd=client|list "), "{list}");
    one.expect("CLIENT KILL ID 2", ":1\r\n");
    assert_eq!(two.read_to_end(), "");
    one.expect("CLIENT KILL ID 1", ":0\r\n");
    one.expect("CLIENT KILL ID 1 SKIPME no", ":1\r\n");
    assert_eq!(one.read_to_end(), "");
    let mut three = server.connect();
    let own = three.socket.local_addr().expect("a bound socket");
    three.expect(&format!("CLIENT KILL {own}"), "+OK\r\n");
    assert_eq!(three.read_to_end(), "");
}

#[test]
fn info_and_role_tell_the_facts() {
    let server = Running::new();
    let mut client = server.connect();
    client.expect("SET k v", "+OK\r\n");
    let info = client.text("INFO replication");
    let replid = format!("master_replid:{:040x}", 1);
    let expected = ["# Replication", "role:master", "connected_slaves:0", "rc_applied_lsn:1", "rc_epoch:1"];
    for line in expected.into_iter().chain([replid.as_str()]) {
        assert!(info.split("\r\n").any(|seen| seen == line), "{line} is lacking: {info}");
    }
    let all = client.text("INFO");
    let expected =
        ["redis_version:7.0.15", "connected_clients:1", "rc_ordering:serial", "rc_log_compression:none"];
    for line in expected.into_iter().chain(["# Keyspace", "rc_keys_counted_by:DBSIZE"]) {
        assert!(all.split("\r\n").any(|seen| seen == line), "{line} is lacking: {all}");
    }
    client.expect("CONFIG GET compression", "*2\r\n$11\r\ncompression\r\n$4\r\nnone\r\n");
    let immutable =
        "CONFIG SET failed (possibly related to argument 'compression') - can't set immutable config";
    client.expect("CONFIG SET compression lz4", &format!("-ERR {immutable}\r\n"));
    client.expect("ROLE", "*3\r\n$6\r\nmaster\r\n:1\r\n*0\r\n");
    client.expect("REPLICAOF a 1", "-ERR this node has no link\r\n");
}

#[test]
fn rcsync_hands_over_the_socket_and_what_was_read() {
    let server = Running::new();
    let mut client = server.connect();
    client.send("PING\r\nRCSYNC 1 abc\r\nraw *x bytes");
    client.read("+PONG\r\n", "the reply before the hand-over");
    let (argv, mut socket, already_read, _seat) =
        server.followed.recv_timeout(PATIENCE).expect("the node gets the socket");
    assert_eq!(argv, [b"RCSYNC".to_vec(), b"1".to_vec(), b"abc".to_vec()]);
    socket.set_read_timeout(Some(PATIENCE)).expect("a socket");
    // Bytes that arrived after the command are read from the socket.
    let mut all = already_read;
    while all.len() < b"raw *x bytes".len() {
        let mut byte = [0];
        socket.read_exact(&mut byte).expect("more bytes");
        all.push(byte[0]);
    }
    assert_eq!(all, b"raw *x bytes");
    socket.write_all(b"from the node").expect("the other side reads");
    client.read("from the node", "the hand-over");
    assert!(!server.connect().text("CLIENT LIST").contains("id=1 "), "the replica is no longer a client");
}

#[test]
fn quit_and_shutdown_end_as_in_redis() {
    let server = Running::new();
    let (mut one, mut two) = (server.connect(), server.connect());
    one.send("PING\r\nQUIT\r\nPING\r\n");
    assert_eq!(one.read_to_end(), "+PONG\r\n+OK\r\n");
    two.expect("SET k v", "+OK\r\n");
    let mut three = server.connect();
    three.send("PING\r\nSHUTDOWN NOSAVE\r\nPING\r\n");
    assert_eq!(three.read_to_end(), "+PONG\r\n");
    assert_eq!(two.read_to_end(), "");
    assert_eq!(server.ended(), Ended::Shutdown);
}

#[test]
fn stop_from_outside_closes_everyone() {
    let server = Running::new();
    let mut client = server.connect();
    client.expect("PING", "+PONG\r\n");
    let addr = server.addr;
    assert_eq!(server.stopped(), Ended::Stop);
    assert_eq!(client.read_to_end(), "");
    assert!(std::net::TcpStream::connect(addr).is_err(), "no server listens");
}
