//! A link that delivers on demand: a TCP proxy before a master. Does I/O: sockets, threads.
//!
//! ```text
//! master ─▶ in transit: entry 1, entry 2, heartbeat │ deliver() ─▶ replica         data from the replica passes at once
//! ```
//!
//! Before [`Link::hold`], and again after [`Link::release`], everything passes. While the link is held, a heartbeat that no step of
//! the path sends is dropped: the master sends one a second, and one after a command that logs nothing. So is a heartbeat without
//! news.

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

/// A message from the master.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// The entry with this LSN.
    Entry(Lsn),
    /// The master's log time.
    Heartbeat(Millis),
}

#[derive(Default)]
struct UnderWay {
    is_held: bool,
    /// Whether the next heartbeat is a step of the path.
    awaits_heartbeat: bool,
    messages: VecDeque<(Message, Vec<u8>)>,
    /// All entries that were sent.
    entries: BTreeMap<Lsn, Entry>,
    /// The latest time that was sent.
    time: Millis,
    /// The connection to the replica.
    near: Option<TcpStream>,
}

/// A link that delivers on demand. It lives as long as the process.
pub struct Link {
    /// The address at which the replica connects to it.
    pub addr: SocketAddr,
    shared: Arc<HeldMessages>,
}

#[derive(Default)]
struct HeldMessages {
    under_way: Mutex<UnderWay>,
    came: Condvar,
}

impl HeldMessages {
    fn lock(&self) -> MutexGuard<'_, UnderWay> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Link {
    /// Starts a link to `master` on a free port. Errors: no port or no thread can be had.
    pub fn before(master: SocketAddr) -> io::Result<Link> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let addr = listener.local_addr()?;
        let shared = Arc::new(HeldMessages::default());
        let couples = Arc::clone(&shared);
        thread::Builder::new().name("held link".to_owned()).spawn(move || {
            for near in listener.incoming().flatten() {
                // If the master does not answer, the replica sees a closed connection and tries again.
                let _ = TcpStream::connect(master).and_then(|far| couple(near, far, &couples));
            }
        })?;
        Ok(Link { addr, shared })
    }

    /// From now on only [`Link::deliver`] delivers messages.
    pub fn hold(&self) {
        self.shared.lock().is_held = true;
    }

    /// Everything passes again, until the link is held. Messages in transit are lost: a replica that connects
    /// again requests them again.
    pub fn release(&self) {
        let mut under_way = self.shared.lock();
        under_way.is_held = false;
        under_way.messages.clear();
    }

    /// The next heartbeat with news is a step of the path.
    pub fn await_heartbeat(&self) {
        self.shared.lock().awaits_heartbeat = true;
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
        if was_sent(&under_way) {
            Ok(())
        } else {
            Err(RunError::Process(format!("{message:?} was not sent")))
        }
    }

    /// Delivers the oldest message in transit; `None`: there is none. Errors: the replica is not connected.
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

fn couple(near: TcpStream, far: TcpStream, shared: &Arc<HeldMessages>) -> io::Result<()> {
    let (mut from_near, mut to_far) = (near.try_clone()?, far.try_clone()?);
    thread::Builder::new().spawn(move || {
        let _ = io::copy(&mut from_near, &mut to_far);
        let _ = to_far.shutdown(Shutdown::Both);
    })?;
    shared.lock().near = Some(near.try_clone()?);
    let shared = Arc::clone(shared);
    thread::Builder::new().spawn(move || {
        // Bytes that are not a message end the connection, as they would at the replica.
        let _ = carry(far, &near, &shared);
        let _ = near.shutdown(Shutdown::Both);
    })?;
    Ok(())
}

/// Splits the stream from the master: the line that answers the handshake passes, messages are kept in
/// transit.
fn carry(mut far: TcpStream, mut near: &TcpStream, shared: &HeldMessages) -> io::Result<()> {
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
            Downstream::Heartbeat(_) if self.is_held && !self.awaits_heartbeat => return Ok(()),
            Downstream::Heartbeat(heartbeat) => {
                let is_news = heartbeat.time > self.time;
                self.awaits_heartbeat &= !is_news;
                (Message::Heartbeat(heartbeat.time), heartbeat.time, is_news)
            }
            // It is not a step of a path, so it travels with the message before it.
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
