//! Server — `redis-server` or `valkey-server` as a child process, and a connection on which many commands are in flight. Does
//! I/O: processes, sockets.

use super::replies;
use crate::engine::processes::node::PATIENCE;
use replicheck::command::Reply;
use std::io::{self, BufRead as _, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use tempfile::TempDir;

const READ_BYTES: usize = 64 << 10;

/// The server that gives a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Server {
    /// Redis 7.0: the version whose replies the reference describes.
    Redis,
    /// Valkey 9.1, which has deadlines of fields.
    Valkey,
    Replicheck,
}

impl Server {
    /// The program, and what its version contains.
    fn program(self) -> (&'static str, &'static str) {
        match self {
            Server::Redis => ("redis-server", "v=7.0."),
            Server::Valkey => ("valkey-server", "v=9.1."),
            Server::Replicheck => ("replicheck", ""),
        }
    }
}

/// A Redis or Valkey that runs and keeps nothing on the disk. Dropping it ends the process.
pub(super) struct Redis {
    server: Server,
    child: Child,
    folder: TempDir,
}

impl Redis {
    /// Starts a server that listens on a socket in a folder of its own, and on no port. `None`, with a line on standard error, if
    /// it is not installed in this version.
    pub(super) fn start(server: Server, options: &[&str]) -> Option<Redis> {
        let (program, expected) = server.program();
        let version = Command::new(program).arg("--version").output();
        let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        if !version.as_ref().is_ok_and(|text| text.contains(expected)) {
            // Not with `println!`: the test harness hides its output when the test passes.
            let _ = writeln!(io::stderr(), "skipped: {program} {expected} not found: {version:?}");
            return None;
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new(program);
        command.args(["--port", "0", "--save", "", "--appendonly", "no", "--daemonize", "no"]);
        command.arg("--dir").arg(folder.path()).arg("--unixsocket").arg(folder.path().join("socket"));
        command.args(options).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("a program that has told its version");
        let mut output = BufReader::new(child.stdout.take().expect("piped"));
        let (ready, is_ready) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            while output.read_line(&mut line).is_ok_and(|length| length > 0) {
                if line.to_ascii_lowercase().contains("ready to accept connections") {
                    let _ = ready.send(());
                }
                line.clear();
            }
        });
        let redis = Redis { server, child, folder };
        is_ready.recv_timeout(PATIENCE).expect("a server that starts");
        Some(redis)
    }

    /// A connection to it.
    pub(super) fn peer(&self) -> Peer {
        Peer::new(self.server, Address::Unix(self.folder.path().join("socket")))
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where a server listens.
#[derive(Clone, Debug)]
pub(super) enum Address {
    Unix(PathBuf),
    /// `host:port`
    Tcp(String),
}

impl Address {
    /// Both directions of a new connection.
    fn connect(&self) -> io::Result<(Box<dyn Read + Send>, Box<dyn Write + Send>)> {
        match self {
            Address::Unix(path) => {
                let socket = UnixStream::connect(path)?;
                socket.set_read_timeout(Some(PATIENCE))?;
                Ok((Box::new(socket.try_clone()?), Box::new(socket)))
            }
            Address::Tcp(address) => {
                let socket = TcpStream::connect(address)?;
                socket.set_nodelay(true)?;
                socket.set_read_timeout(Some(PATIENCE))?;
                Ok((Box::new(socket.try_clone()?), Box::new(socket)))
            }
        }
    }
}

/// A connection to a server. After an error the next exchange connects again.
pub(super) struct Peer {
    pub(super) server: Server,
    address: Address,
    socket: Option<(Box<dyn Read + Send>, Box<dyn Write + Send>)>,
}

impl Peer {
    pub(super) fn new(server: Server, address: Address) -> Peer {
        Peer { server, address, socket: None }
    }

    /// Sends all of `request`, which holds `count` commands, and returns their replies. Errors: the server closed the connection
    /// or was silent for too long.
    pub(super) fn exchange(&mut self, request: &[u8], count: usize) -> io::Result<Vec<Reply>> {
        let (mut from, mut to) = match self.socket.take() {
            Some(socket) => socket,
            None => self.address.connect()?,
        };
        // A server may wait for its replies to be read before it reads on.
        let (replies, sent) = thread::scope(|scope| {
            let sender = scope.spawn(|| to.write_all(request));
            (receive(&mut from, count), sender.join().expect("a thread that does not panic"))
        });
        let replies = replies?;
        sent?;
        self.socket = Some((from, to));
        Ok(replies)
    }
}

fn receive(from: &mut impl Read, count: usize) -> io::Result<Vec<Reply>> {
    let (mut replies, mut incoming, mut used) = (Vec::with_capacity(count), Vec::new(), 0);
    let mut chunk = vec![0; READ_BYTES];
    while replies.len() < count {
        if let Some((reply, length)) = replies::first(&incoming[used..]) {
            replies.push(reply);
            used += length;
            continue;
        }
        match from.read(&mut chunk)? {
            0 => return Err(io::Error::new(ErrorKind::UnexpectedEof, format!("{} replies", replies.len()))),
            length => incoming.extend_from_slice(&chunk[..length]),
        }
    }
    assert_eq!(used, incoming.len(), "more replies than commands");
    Ok(replies)
}
