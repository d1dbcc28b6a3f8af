//! Connection — one client's socket: reads, runs commands in order, writes replies in order. Does I/O.
//!
//! A run takes what has come, up to a bound, so that no client holds a worker for long. Replies that the client does
//! not take are kept up to a bound, then nothing more is read from it; beyond its output limit it is closed.

use super::clients::{Client, Last, locked};
use super::config::OutputLimit;
use super::info::{self, Sources};
use super::reply::{Protocol, encode};
use super::request::{ProtocolError, Requests};
use super::session::{Ask, Session, Step};
use super::{Ended, Node, Shared, config};
use crate::command::{Command, Reply};
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::ReadHalf;
use tokio::sync::watch;
use tokio::time::Instant;

/// Commands of one run.
const RUN_COMMANDS_MAX: usize = 1024;
/// Bytes of arguments at which a run ends.
const RUN_BYTES_MAX: usize = 1 << 20;
/// Bytes read at once.
const READ_BYTES: usize = 16 * 1024;
/// While this much waits for the client, nothing is read from it. Generous: a client that sends a long pipeline before it
/// reads would wait for ever, with us, for the other side.
const OUTPUT_PAUSE_BYTES: usize = 32 << 20;
/// A buffer larger than this is given back once it is empty.
const OUTPUT_KEPT_BYTES_MAX: usize = 64 * 1024;

/// Why a connection ends.
#[derive(Debug)]
enum End {
    /// The client closed it, or sent QUIT.
    Client,
    /// The socket failed.
    Socket(io::Error),
    /// What came is no request.
    Protocol(ProtocolError),
    /// CLIENT KILL.
    Killed,
    /// Silent for too long.
    Idle,
    /// Replies wait beyond the limit: so many bytes.
    Output(usize),
    /// The server ends.
    Server,
    /// It is a replica, and the node's: its RCSYNC.
    Follow(Vec<Vec<u8>>),
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> End {
        End::Socket(error)
    }
}

/// One client.
pub(super) struct Connection<N> {
    shared: Arc<Shared<N>>,
    socket: TcpStream,
    client: Arc<Client>,
    ended: watch::Receiver<Option<Ended>>,
    session: Session,
    requests: Requests,
    output: Output,
    last: Last,
    /// When it read or wrote last.
    active: Instant,
}

/// Replies that the client has not taken.
#[derive(Default)]
struct Output {
    bytes: Vec<u8>,
    sent: usize,
    /// Since when more waits than the soft limit allows.
    over_since: Option<Instant>,
}

impl Output {
    fn pending(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    fn sent(&mut self, count: usize) {
        self.sent += count;
        if self.sent == self.bytes.len() {
            self.bytes.clear();
            self.sent = 0;
            if self.bytes.capacity() > OUTPUT_KEPT_BYTES_MAX {
                self.bytes = Vec::new();
            }
        } else if self.sent > self.bytes.len() / 2 {
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
    }
}

/// A command for the node, with how its reply is framed; `None`: it is not told.
type Queued = (Command, Option<Protocol>);

impl<N: Node> Connection<N> {
    pub(super) fn new(shared: Arc<Shared<N>>, socket: TcpStream, client: Arc<Client>) -> Connection<N> {
        let limits = shared.config().limits;
        let ended = shared.ended.subscribe();
        let (session, requests) = (Session::new(client.id), Requests::new(limits));
        let (output, last, active) = (Output::default(), Last::default(), Instant::now());
        Connection { shared, socket, client, ended, session, requests, output, last, active }
    }

    /// Serves the client until either side ends.
    pub(super) async fn serve(mut self) {
        let (id, addr) = (self.client.id, self.client.addr);
        tracing::debug!(id, %addr, "client connected");
        let end = match self.talk().await {
            Err(end) => end,
            Ok(never) => match never {},
        };
        // What the client was promised before the end still goes out, as far as the socket takes it at once.
        let _ = self.send();
        self.shared.clients.leave(&self.client);
        match end {
            End::Client => tracing::debug!(id, %addr, "client gone"),
            End::Socket(error) => tracing::debug!(id, %addr, %error, "client lost"),
            End::Protocol(error) => tracing::warn!(id, %addr, %error, "client closed: protocol error"),
            End::Killed => tracing::info!(id, %addr, "client closed: killed"),
            End::Idle => tracing::info!(id, %addr, "client closed: idle"),
            End::Output(bytes) => tracing::warn!(id, %addr, bytes, "client closed: output buffer limit"),
            End::Server => tracing::debug!(id, %addr, "client closed: server ends"),
            End::Follow(argv) => self.hand_over(argv),
        }
    }

    /// Gives the socket to the node.
    fn hand_over(self, argv: Vec<Vec<u8>>) {
        let (id, addr) = (self.client.id, self.client.addr);
        let socket = self.socket.into_std().and_then(|socket| {
            socket.set_nonblocking(false)?;
            Ok(socket)
        });
        match socket {
            Ok(socket) => {
                tracing::info!(id, %addr, "replica connected");
                self.shared.node.follow(argv, socket, self.requests.into_rest());
            }
            Err(error) => tracing::warn!(id, %addr, %error, "replica lost"),
        }
    }

    async fn talk(&mut self) -> Result<std::convert::Infallible, End> {
        loop {
            let config = self.shared.config();
            self.requests.set_limits(config.limits);
            let mut more = true;
            while more && self.output.pending().len() < OUTPUT_PAUSE_BYTES {
                let run = self.run().await;
                self.check_output(config.output)?;
                match run {
                    Ok(again) => more = again,
                    Err(end) => {
                        self.send_all(config.output).await?;
                        return Err(end);
                    }
                }
                self.send()?;
                if more {
                    tokio::task::yield_now().await;
                }
            }
            self.wait(!more, config.timeout_s, config.output).await?;
        }
    }

    /// Waits for the socket, and reads or writes what it can. Reads only if `reads`: no request is left to run.
    async fn wait(&mut self, reads: bool, timeout_s: u64, limit: OutputLimit) -> Result<(), End> {
        let pending = !self.output.pending().is_empty();
        let reads = reads && self.output.pending().len() < OUTPUT_PAUSE_BYTES;
        let idle_at = (timeout_s > 0).then(|| self.active + Duration::from_secs(timeout_s));
        let soft_at = self.output.over_since.map(|since| since + Duration::from_secs(limit.soft_seconds));
        let (mut reader, writer) = self.socket.split();
        let count = tokio::select! {
            biased;
            () = self.client.killed.notified() => return Err(End::Killed),
            _ = self.ended.wait_for(Option::is_some) => return Err(End::Server),
            () = until(soft_at) => return Err(End::Output(self.output.pending().len())),
            () = until(idle_at) => return Err(End::Idle),
            writable = writer.writable(), if pending => { writable?; None }
            count = read(&mut reader, &mut self.requests), if reads => Some(count?),
        };
        match count {
            Some(0) => return Err(End::Client),
            Some(count) => {
                self.active = Instant::now();
                self.shared.clients.input_bytes.fetch_add(count as u64, Relaxed);
            }
            None => {
                self.send()?;
                self.check_output(limit)?;
            }
        }
        Ok(())
    }

    /// Writes what the socket takes at once.
    fn send(&mut self) -> Result<(), End> {
        while !self.output.pending().is_empty() {
            match self.socket.try_write(self.output.pending()) {
                Ok(count) => {
                    self.active = Instant::now();
                    self.shared.clients.output_bytes.fetch_add(count as u64, Relaxed);
                    self.output.sent(count);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(End::Socket(error)),
            }
        }
        Ok(())
    }

    /// Writes all that waits; nothing is read meanwhile.
    async fn send_all(&mut self, limit: OutputLimit) -> Result<(), End> {
        self.send()?;
        while !self.output.pending().is_empty() {
            self.wait(false, 0, limit).await?;
        }
        Ok(())
    }

    fn check_output(&mut self, limit: OutputLimit) -> Result<(), End> {
        let pending = self.output.pending().len();
        if limit.hard > 0 && pending > limit.hard {
            return Err(End::Output(pending));
        }
        let over = limit.soft > 0 && pending > limit.soft;
        self.output.over_since = over.then(|| self.output.over_since.unwrap_or_else(Instant::now));
        Ok(())
    }

    /// Runs the requests that have come, up to a bound; whether more may be there.
    async fn run(&mut self) -> Result<bool, End> {
        let mut queued: Vec<Queued> = Vec::new();
        let (mut commands, mut bytes) = (0, 0);
        let outcome = loop {
            if commands == RUN_COMMANDS_MAX || bytes >= RUN_BYTES_MAX {
                break Ok(true);
            }
            let argv = match self.requests.next_request() {
                Ok(Some(argv)) => argv,
                Ok(None) => break Ok(false),
                Err(error) => break Err(End::Protocol(error)),
            };
            commands += 1;
            bytes += argv.iter().map(Vec::len).sum::<usize>();
            self.last.note(&argv);
            let (step, told) = self.session.step(argv);
            let framed = told.then_some(self.session.protocol);
            if let Step::Run(command) = step {
                queued.push((command, framed));
                continue;
            }
            // What came before is answered first, and its effects are seen by what comes now.
            self.run_queued(&mut queued).await;
            let answered = match step {
                Step::Reply(reply) => Ok(Some(reply)),
                Step::Ask(ask) => {
                    self.client.note(&self.session, &self.last, self.requests.held(), 0);
                    self.answer(ask).await
                }
                Step::Run(_) | Step::Silent => Ok(None),
            };
            match answered {
                Ok(Some(reply)) => self.reply(&reply, framed),
                Ok(None) => {}
                Err((reply, end)) => {
                    reply.iter().for_each(|reply| self.reply(reply, framed));
                    break Err(end);
                }
            }
        };
        self.run_queued(&mut queued).await;
        if let Err(End::Protocol(error)) = &outcome
            && *error != ProtocolError::QueryTooBig
        {
            let told = self.session.is_told().then_some(self.session.protocol);
            self.reply(&Reply::Error(format!("ERR {error}")), told);
        }
        if commands > 0 {
            self.shared.clients.commands.fetch_add(commands as u64, Relaxed);
            let (held, pending) = (self.requests.held(), self.output.pending().len());
            self.client.note(&self.session, &self.last, held, pending);
        }
        outcome
    }

    async fn run_queued(&mut self, queued: &mut Vec<Queued>) {
        if queued.is_empty() {
            return;
        }
        let (commands, framed): (Vec<Command>, Vec<Option<Protocol>>) = queued.drain(..).unzip();
        let replies = self.shared.node.run(commands).await;
        debug_assert_eq!(replies.len(), framed.len(), "one reply each");
        for (reply, framed) in replies.iter().zip(framed) {
            self.reply(reply, framed);
        }
    }

    fn reply(&mut self, reply: &Reply, framed: Option<Protocol>) {
        if let Some(protocol) = framed {
            encode(reply, protocol, &mut self.output.bytes);
        }
    }

    /// What the server answers; the end of the connection, perhaps after a last reply.
    async fn answer(&mut self, ask: Ask) -> Result<Option<Reply>, (Option<Reply>, End)> {
        let shared = Arc::clone(&self.shared);
        let clients = &shared.clients;
        Ok(Some(match ask {
            Ask::Hello => info::hello(&shared.node.facts(), self.session.id, self.session.protocol),
            Ask::Info(sections) => {
                let (facts, config, counts) = (shared.node.facts(), shared.config(), clients.counts());
                info::info(&Sources { facts: &facts, config: &config, counts: &counts }, &sections)
            }
            Ask::Role => info::role(&shared.node.facts()),
            Ask::ClientList(listed) => Reply::Verbatim(clients.list(&listed)),
            Ask::ClientInfo => Reply::Verbatim(self.client.line().into_bytes()),
            Ask::ClientKill(kill) => {
                let (count, me) = clients.kill(&kill, self.client.id);
                let reply = match kill {
                    super::client_command::Kill::Filter { .. } => Reply::count(count),
                    _ if count > 0 => Reply::OK,
                    _ => Reply::Error("ERR No such client".to_owned()),
                };
                if me {
                    return Err((Some(reply), End::Killed));
                }
                reply
            }
            Ask::ConfigGet(patterns) => config::get(&shared.config(), &shared.node.facts(), &patterns),
            Ask::ConfigSet(pairs) => self.set_config(&pairs).await,
            Ask::ResetStatistics => {
                clients.reset_counts();
                Reply::OK
            }
            Ask::Replicate(master) => {
                tracing::info!(?master, "replicaof");
                done(shared.node.replicate(master).await)
            }
            Ask::Follow(argv) => return Err((None, End::Follow(argv))),
            Ask::Quit => return Err((Some(Reply::OK), End::Client)),
            Ask::Shutdown => match shared.node.stop().await {
                Ok(()) => {
                    shared.ended.send_replace(Some(Ended::Shutdown));
                    return Err((None, End::Server));
                }
                Err(error) => {
                    tracing::error!(%error, "shutdown failed");
                    Reply::Error("ERR Errors trying to SHUTDOWN. Check logs.".to_owned())
                }
            },
        }))
    }

    async fn set_config(&self, pairs: &[(Vec<u8>, Vec<u8>)]) -> Reply {
        let _alone = self.shared.changing.lock().await;
        let change = match config::set(&self.shared.config(), pairs) {
            Ok(change) => change,
            Err(error) => return Reply::Error(error.to_string()),
        };
        if let Some(fsync) = change.appendfsync {
            let set = self.shared.node.set_appendfsync(fsync).await;
            if set.is_err() {
                return done(set);
            }
        }
        *locked(&self.shared.config) = change.config;
        Reply::OK
    }
}

fn done(result: Result<(), super::Refused>) -> Reply {
    result.map_or_else(|refused| Reply::Error(refused.0), |()| Reply::OK)
}

/// Waits for bytes of the client and takes them; how many, 0 at their end. The buffer is on the stack, so that a
/// connection that waits has none, and a read that did not fill it is the last one until more has come: to ask the socket
/// again would be a call in vain for each request.
async fn read(socket: &mut ReadHalf<'_>, requests: &mut Requests) -> io::Result<usize> {
    std::future::poll_fn(|context| {
        let mut chunk = [MaybeUninit::uninit(); READ_BYTES];
        let mut chunk = ReadBuf::uninit(&mut chunk);
        ready!(Pin::new(&mut *socket).poll_read(context, &mut chunk))?;
        requests.fill(chunk.filled());
        Poll::Ready(Ok(chunk.filled().len()))
    })
    .await
}

/// Waits for that instant; for ever if there is none.
async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
