//! Hostile connections: HTTP on the port, and peers on other machines.

use super::harness::Running;
use replicheck::server::Config;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};

/// Bytes that a browser can be made to send to any port, and the replies that they may get.
#[test]
fn http_is_closed_without_a_reply_and_nothing_behind_it_runs() {
    let cases = [
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n\r\nSET pwned yes\r\n", ""),
        ("post\r\nSET pwned yes\r\n", ""),
        ("host: a\r\nSET pwned yes\r\n", ""),
        ("*1\r\n$5\r\nHoSt:\r\nSET pwned yes\r\n", ""),
        ("*2\r\n$4\r\nPoSt\r\n$1\r\n/\r\nSET pwned yes\r\n", ""),
        // The command before it is answered.
        ("SET before 1\r\nPOST /\r\nSET pwned yes\r\n", "+OK\r\n"),
        (
            "GET / HTTP/1.1\r\nHost: a\r\n\r\nSET pwned yes\r\n",
            "-ERR wrong number of arguments for 'get' command\r\n",
        ),
        // As in Redis, no other HTTP header closes the connection.
        ("Host\r\nQUIT\r\n", "-ERR unknown command 'Host', with args beginning with: \r\n+OK\r\n"),
    ];
    let server = Running::new();
    for (sent, expected) in cases {
        let mut client = server.connect();
        client.send(sent);
        assert_eq!(client.read_to_end(), expected, "{sent}");
        server.connect().expect("EXISTS pwned", ":0\r\n");
    }
    server.connect().expect("EXISTS before", ":1\r\n");
}

/// An address of this machine other than the loopback address. No packet is sent to find it.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // A documentation address: the system only looks up from which of its own addresses it would send.
    socket.connect((Ipv4Addr::new(198, 51, 100, 1), 9)).ok()?;
    socket.local_addr().ok().map(|addr| addr.ip()).filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
}

#[test]
fn peer_of_another_address_is_refused_as_long_as_the_mode_is_protected() {
    let Some(own) = own_address() else {
        let _ = writeln!(std::io::stderr(), "skipped: an address beside the loopback one not found");
        return;
    };
    let bind = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let server = Running::with(Config { bind, ..Config::default() });
    let (near, far) = ((Ipv4Addr::LOCALHOST, server.addr.port()), (own, server.addr.port()));
    let (near, far) = (SocketAddr::from(near), SocketAddr::from(far));
    let connect = |addr: SocketAddr| {
        server.connect_to(TcpStream::connect(addr).expect("the server listens on this address"))
    };
    let refused = connect(far).read_to_end();
    let beginning = "-DENIED Redis is running in protected mode because protected mode is enabled";
    assert!(refused.starts_with(beginning) && refused.ends_with(".\r\n"), "{refused}");
    let mut client = connect(near);
    client.expect("CONFIG GET protected-mode", "*2\r\n$14\r\nprotected-mode\r\n$3\r\nyes\r\n");
    assert!(client.text("INFO stats").contains("rejected_connections:1\r\n"));
    client.expect("CONFIG SET protected-mode no", "+OK\r\n");
    connect(far).expect("PING", "+PONG\r\n");
    client.expect("CONFIG SET protected-mode YES", "+OK\r\n");
    assert!(connect(far).read_to_end().starts_with("-DENIED "));
}
