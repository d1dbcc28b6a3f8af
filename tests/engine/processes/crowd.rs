//! A crowd: many connections, half of which never read the replies that they ask for, beside a master with two replicas and a
//! client that does read.
//!
//! There are few connections by default. The published figures come from `REPLICHECK_CROWD=5000 REPLICHECK_CROWD_SECONDS=600`,
//! which needs twice as many file descriptors as connections (`ulimit -n`).

use super::node::{Node, folder, until};
use crate::seed::setting;
use replicheck::client::{Client, OwnedFrame};
use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

const CONNECTIONS: u64 = 200;
const SECONDS: u64 = 3;
/// The limit for the replies of all clients, in bytes.
const REPLIES_BYTES: u64 = 64 << 20;
/// Memory that a node may take here beside replies, in bytes: the program, the store's memory, and that of connections.
const REST_BYTES: u64 = 512 << 20;

fn peak_bytes(node: &Node) -> u64 {
    let pid = node.fact("process_id").unwrap();
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// A connection that asks for large replies once a second and reads none. A connection that was closed returns a second later.
struct Unread {
    socket: Option<TcpStream>,
    /// When it asks, or returns, next.
    due: Instant,
}

impl Unread {
    /// Asks for twenty replies of 1 MB, on a new connection if the old one is closed. Returns whether the connection is new.
    fn ask(&mut self, node: &Node) -> bool {
        self.due = Instant::now() + Duration::from_secs(1);
        let request = b"*2\r\n$3\r\nGET\r\n$5\r\nlarge\r\n".repeat(20);
        let is_new = self.socket.is_none();
        if is_new {
            self.socket = TcpStream::connect(node.address()).ok();
            self.socket.iter().for_each(|socket| socket.set_nonblocking(true).unwrap());
        }
        let sent = self.socket.as_mut().map(|socket| socket.write(&request));
        let is_full = matches!(&sent, Some(Err(error)) if error.kind() == std::io::ErrorKind::WouldBlock);
        if !is_full && !matches!(sent, Some(Ok(_))) {
            self.socket = None;
        }
        is_new
    }
}

#[test]
fn crowd_that_does_not_read_takes_bounded_memory_and_others_are_answered() {
    let (_removed, dir) = folder();
    let connections = usize::try_from(setting("REPLICHECK_CROWD").unwrap_or(CONNECTIONS)).unwrap();
    let seconds = Duration::from_secs(setting("REPLICHECK_CROWD_SECONDS").unwrap_or(SECONDS));
    let mut nodes = vec![Node::start(&dir.join("master"), &[])];
    for name in ["one", "two"] {
        let replicaof = ["--replicaof".to_owned(), nodes[0].address()];
        nodes.push(Node::start(&dir.join(name), &replicaof));
    }
    let master = &nodes[0];
    let connect = |node: &Node| Client::connect(&node.address(), Duration::from_secs(60)).unwrap();
    let mut client = connect(master);
    let limit = REPLIES_BYTES.to_string();
    for node in &nodes {
        connect(node).call(&["CONFIG", "SET", "maxmemory-clients", &limit]).unwrap();
    }
    let value = "v".repeat(1_000_000);
    client.call(&["SET", "large", &value]).unwrap();
    let idle: Vec<Client> = (0..connections / 2).map(|at| connect(&nodes[at % nodes.len()])).collect();
    let mut crowd: Vec<Unread> =
        (0..connections / 2).map(|_| Unread { socket: None, due: Instant::now() }).collect();
    let (begun, mut took, mut written, mut opened) = (Instant::now(), Vec::new(), 0_u64, 0_u64);
    while begun.elapsed() < seconds {
        for (at, unread) in crowd.iter_mut().enumerate().filter(|(_, unread)| unread.due <= Instant::now()) {
            opened += u64::from(unread.ask(&nodes[at % nodes.len()]));
        }
        let asked = Instant::now();
        client.call(&["SET", "k", &written.to_string()]).unwrap();
        took.push(asked.elapsed());
        written += 1;
    }
    let again = opened.saturating_sub(crowd.len() as u64);
    took.sort_unstable();
    let p99 = took[took.len() * 99 / 100];
    println!(
        "{connections} connections for {seconds:?}: {written} writes of another client, p99 {p99:.1?}, longest {:.1?}; {again} connections closed",
        took[took.len() - 1]
    );
    for node in &nodes {
        let peak = peak_bytes(node);
        println!("{}: {} MB at most", node.address(), peak >> 20);
        assert!(peak < REPLIES_BYTES + REST_BYTES, "{} MB", peak >> 20);
    }
    assert!(p99 < Duration::from_millis(200), "{p99:?}");
    let last = OwnedFrame::BulkString((written - 1).to_string().into_bytes());
    drop((crowd, idle));
    for replica in &nodes[1..] {
        let has_it = || connect(replica).call(&["GET", "k"]).ok().filter(|value| *value == last);
        until("the replica has the last write", has_it)
            .unwrap_or_else(|text| panic!("{text}\n{}", replica.log_end()));
    }
}

#[test]
fn idle_connections_beyond_the_soft_limit_of_files_leave_the_store_its_own() {
    let (_removed, dir) = folder();
    let mut node = Node::start_with_files(&dir.join("node"), 200);
    let idle: Vec<Client> =
        (0..300).map(|_| Client::connect(&node.address(), Duration::from_secs(60)).unwrap()).collect();
    let mut client = Client::connect(&node.address(), Duration::from_secs(60)).unwrap();
    // Every few of these writes flush the store, which then opens files.
    for n in 0..30 {
        let reply = client.call(&["SET", &format!("k{n}"), &"v".repeat(20_000)]).unwrap();
        assert!(matches!(reply, OwnedFrame::SimpleString(_)), "{reply:?}");
    }
    assert_eq!(client.call(&["DBSIZE"]).unwrap(), OwnedFrame::Integer(30));
    assert!(!node.has_ended() && idle.len() == 300, "{}", node.log_end());
}
