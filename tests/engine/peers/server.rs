//! Server — `redis-server` as a child process, and a connection on which many commands are in flight. Does I/O: processes,
//! sockets.

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

/// The version whose replies the reference describes.
const VERSION: &str = "v=7.0.";
const READ_BYTES: usize = 64 << 10;

/// A Redis that runs and keeps nothing on the disk. Dropping it ends the process.
pub(super) struct Redis {
    child: Child,
    folder: TempDir,
}

impl Redis {
    /// Starts a Redis that listens on a socket in a folder of its own, and on no port. `None`, with a line on standard error, if
    /// Redis 7.0 is not installed.
    pub(super) fn start(options: &[&str]) -> Option<Redis> {
        let version = Command::new("redis-server").arg("--version").output();
        let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        if !version.as_ref().is_ok_and(|text| text.contains(VERSION)) {
            // Not with `println!`: the test harness hides its output when the test passes.
            let _ = writeln!(io::stderr(), "skipped: redis-server {VERSION} not found: {version:?}");
            return None;
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new("redis-server");
        command.args(["--port", "0", "--save", "", "--appendonly", "no", "--daemonize", "no"]);
        command.arg("--dir").arg(folder.path()).arg("--unixsocket").arg(folder.path().join("socket"));
        command.args(options).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("a program that has told its version");
        let mut output = BufReader::new(child.stdout.take().expect("piped"));
        let (ready, is_ready) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            while output.read_line(&mut line).is_ok_and(|length| length > 0) {
                if line.contains("now ready to accept connections") {
                    let _ = ready.send(());
                }
                line.clear();
            }
        });
        let redis = Redis { child, folder };
        is_ready.recv_timeout(PATIENCE).expect("redis-server starts");
        Some(redis)
    }

    pub(super) fn address(&self) -> Address {
        Address::Unix(self.folder.path().join("socket"))
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
    address: Address,
    socket: Option<(Box<dyn Read + Send>, Box<dyn Write + Send>)>,
}

impl Peer {
    pub(super) fn new(address: Address) -> Peer {
        Peer { address, socket: None }
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
