//! A link that delivers when it is told to: a TCP proxy before a master. Does I/O: sockets, threads.
//!
//! ```text
//! master ─▶ under way: entry 1, entry 2, heartbeat │ deliver() ─▶ replica          what the replica says goes at once
//! ```
//!
//! Until [`Link::hold`] all goes through, and again from [`Link::release`] on. While it is held, a heartbeat that tells
//! nothing new (each side repeats itself once a second) is dropped.

use crate::cli::nodes::{LIMIT, RunError};
use replicheck::binlog::{Entry, Lsn};
use replicheck::replication::wire::{Downstream, Incoming, decode_downstream};
use replicheck::time::Millis;
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

const CHUNK_BYTES: usize = 64 << 10;

/// What the master sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// The entry of that number.
    Entry(Lsn),
    /// Its log time.
    Heartbeat(Millis),
}

#[derive(Default)]
struct UnderWay {
    is_held: bool,
    messages: VecDeque<(Message, Vec<u8>)>,
    /// All entries that were sent.
    entries: BTreeMap<Lsn, Entry>,
    /// The latest time that was sent.
    time: Millis,
    /// Where to deliver.
    near: Option<TcpStream>,
}

/// A link that delivers when it is told to. It lives as long as the process.
pub struct Link {
    /// Where the replica finds it.
    pub addr: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    under_way: Mutex<UnderWay>,
    came: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, UnderWay> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Link {
    /// Listens on a free port. Errors: no port, no thread.
    pub fn before(master: SocketAddr) -> io::Result<Link> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let addr = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let couples = Arc::clone(&shared);
        thread::Builder::new().name("held link".to_owned()).spawn(move || {
            for near in listener.incoming().flatten() {
                // Who finds no one there sees a closed connection, and tries again.
                let _ = TcpStream::connect(master).and_then(|far| couple(near, far, &couples));
            }
        })?;
        Ok(Link { addr, shared })
    }

    /// From now on nothing is delivered but what [`Link::deliver`] does.
    pub fn hold(&self) {
        self.shared.lock().is_held = true;
    }

    /// All goes through again, until it is held. What was under way is lost: who connects again asks for it again.
    pub fn release(&self) {
        let mut under_way = self.shared.lock();
        under_way.is_held = false;
        under_way.messages.clear();
    }

    /// Waits until `message` has been sent. Errors: it was not.
    pub fn wait_for(&self, message: Message) -> Result<(), RunError> {
        let was_sent = |under_way: &UnderWay| match message {
            Message::Entry(lsn) => under_way.entries.contains_key(&lsn),
            Message::Heartbeat(time) => under_way.time >= time,
        };
        let waits = |under_way: &mut UnderWay| !was_sent(under_way);
        let (under_way, _) = self
            .shared
            .came
            .wait_timeout_while(self.shared.lock(), LIMIT, waits)
            .unwrap_or_else(PoisonError::into_inner);
        if was_sent(&under_way) { Ok(()) } else { Err(RunError::Node(format!("{message:?} was not sent"))) }
    }

    /// Delivers the oldest message under way; `None`: there is none. Errors: the replica is gone.
    pub fn deliver(&self) -> Result<Option<Message>, RunError> {
        let mut under_way = self.shared.lock();
        let Some((message, bytes)) = under_way.messages.pop_front() else { return Ok(None) };
        let near = under_way.near.as_mut().ok_or_else(|| RunError::node("the replica is not connected"))?;
        near.write_all(&bytes)?;
        Ok(Some(message))
    }

    /// An entry that was sent.
    pub fn entry(&self, lsn: Lsn) -> Option<Entry> {
        self.shared.lock().entries.get(&lsn).cloned()
    }
}

fn couple(near: TcpStream, far: TcpStream, shared: &Arc<Shared>) -> io::Result<()> {
    let (mut from_near, mut to_far) = (near.try_clone()?, far.try_clone()?);
    thread::Builder::new().spawn(move || {
        let _ = io::copy(&mut from_near, &mut to_far);
        let _ = to_far.shutdown(Shutdown::Both);
    })?;
    shared.lock().near = Some(near.try_clone()?);
    let shared = Arc::clone(shared);
    thread::Builder::new().spawn(move || {
        // Bytes that are no message end the connection, as they would at the replica.
        let _ = carry(far, &near, &shared);
        let _ = near.shutdown(Shutdown::Both);
    })?;
    Ok(())
}

/// Takes what the master sends apart: the line that answers the handshake goes through, messages go under way.
fn carry(mut far: TcpStream, mut near: &TcpStream, shared: &Shared) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut incoming: Option<Incoming> = None;
    let mut answer = Vec::new();
    loop {
        let length = far.read(&mut buffer)?;
        if length == 0 {
            return Ok(());
        }
        match &mut incoming {
            Some(incoming) => incoming.push(&buffer[..length]),
            None => {
                answer.extend_from_slice(&buffer[..length]);
                let Some(end) = answer.iter().position(|&byte| byte == b'\n') else { continue };
                near.write_all(&answer[..=end])?;
                incoming = Some(Incoming::new(answer.split_off(end + 1)));
            }
        }
        let Some(incoming) = &mut incoming else { continue };
        let take = |bytes: &[u8]| {
            let message = decode_downstream(bytes)?;
            Ok(message.map(|(message, used)| ((message, bytes[..used].to_vec()), used)))
        };
        while let Some((message, bytes)) = incoming.next(take).map_err(io::Error::other)? {
            shared.lock().send(message, bytes)?;
            shared.came.notify_all();
        }
    }
}

impl UnderWay {
    fn send(&mut self, message: Downstream, bytes: Vec<u8>) -> io::Result<()> {
        let (message, time, is_news) = match message {
            Downstream::Entry(entry, _) => {
                let (lsn, time) = (entry.lsn, entry.time);
                self.entries.insert(lsn, entry);
                (Message::Entry(lsn), time, true)
            }
            Downstream::Heartbeat(heartbeat) => {
                (Message::Heartbeat(heartbeat.time), heartbeat.time, heartbeat.time > self.time)
            }
            // No step of a path: it goes with the message before it.
            Downstream::Offset(_) => {
                return match (self.messages.back_mut(), &mut self.near) {
                    (Some((_, before)), _) => {
                        before.extend_from_slice(&bytes);
                        Ok(())
                    }
                    (None, Some(near)) => near.write_all(&bytes),
                    (None, None) => Ok(()),
                };
            }
        };
        self.time = self.time.max(time);
        match (self.is_held, &mut self.near) {
            (false, Some(near)) => near.write_all(&bytes),
            (true, _) if is_news => {
                self.messages.push_back((message, bytes));
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
