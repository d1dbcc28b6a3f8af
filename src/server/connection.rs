//! Connection — serves one client's socket: reads requests, runs commands in order, writes replies in order. Does I/O.
//!
//! A run takes the requests that have arrived, up to a bound, so that no client occupies a worker thread for long. The node
//! answers a run in pieces: while more than a bound of bytes waits for the client to read it, no further reply is made and
//! nothing is read. A client beyond its output limit is disconnected. If the replies of all clients together exceed their
//! limit, only small replies are made, and the clients that hold the most are disconnected.

use super::clients::{Client, Last, Seat};
use super::output::Output;
use super::pause::{Admitted, Paused};
use super::reply::Protocol;
use super::request::{ProtocolError, Requests};
use super::room::Replies;
use super::session::{self, Ask, Session, Step};
use super::transaction::Transaction;
use super::{Backend, Config, Ended, ServerState};
use crate::command::{Command, Reply};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;

/// The most commands in one run.
const RUN_COMMANDS_MAX: usize = 1024;
/// A run ends once its arguments have this many bytes.
const RUN_BYTES_MAX: usize = 1 << 20;

/// The most bytes that are written before other connections get their turn.
const SENT_BYTES_MAX: usize = 1 << 20;
/// Replies of this many bytes or more are encoded on a separate thread: a million fields take a tenth of a second to
/// encode, and as long to free.
pub(super) const ENCODED_APART_BYTES_MIN: usize = 256 * 1024;

/// The reason for which a connection ends.
#[derive(Debug)]
pub(super) enum End {
    /// The client closed the connection, or sent QUIT.
    Client,
    /// The socket failed.
    Socket(io::Error),
    /// The bytes received are not a valid request.
    Protocol(ProtocolError),
    /// The client was named in a CLIENT KILL.
    Killed,
    /// The client neither sent nor read anything for too long.
    Idle,
    /// More reply bytes wait than the client's output limit allows; how many.
    Output(usize),
    /// The replies of all clients exceed their common limit, and this client was among those that held the most.
    Evicted,
    /// The client sent HTTP.
    Http,
    /// The server ends.
    Server,
    /// The client is a replica, and the node takes over its socket; the argv of its RCSYNC, and its seat.
    Follow(Vec<Vec<u8>>, Seat),
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> End {
        End::Socket(error)
    }
}

/// The action of a connection after a run.
enum Next {
    /// It runs again: more requests may have arrived.
    Run,
    /// It waits until the client sends more.
    Wait,
    /// It ends, after all waiting replies are sent.
    End(End),
}

/// The connection of one client.
pub(super) struct Connection<N> {
    pub(super) shared: Arc<ServerState<N>>,
    pub(super) socket: TcpStream,
    pub(super) client: Arc<Client>,
    pub(super) ended: watch::Receiver<Option<Ended>>,
    /// The server's configuration, as it was when this run began.
    pub(super) config: Config,
    pub(super) session: Session,
    pub(super) requests: Requests,
    pub(super) output: Output,
    pub(super) transaction: Transaction,
    last: Last,
    /// The instant of the last read or write.
    pub(super) active: Instant,
}

/// A command for the node, with the protocol that frames its reply; `None`: the reply is not sent.
type Queued = (Command, Option<Protocol>);

impl<N: Backend> Connection<N> {
    pub(super) fn new(shared: Arc<ServerState<N>>, socket: TcpStream, client: Arc<Client>) -> Connection<N> {
        let (config, ended) = (shared.config(), shared.ended.subscribe());
        let session = Session::with_password(client.id, config.requirepass.clone());
        let mut requests = Requests::new(config.limits);
        requests.set_unknown(!session.is_authenticated);
        let (output, last, active) = (Output::new(&client.room), Last::default(), Instant::now());
        let transaction = Transaction::new(&client.room);
        Connection {
            shared,
            socket,
            client,
            ended,
            config,
            session,
            requests,
            output,
            transaction,
            last,
            active,
        }
    }

    /// Serves the client until either side ends.
    pub(super) async fn serve(mut self) {
        let (id, addr) = (self.client.id, self.client.addr);
        tracing::debug!(id, %addr, "client connected");
        let end = match self.talk().await {
            Err(end) => end,
            Ok(never) => match never {},
        };
        // Replies made before the end are still sent, as far as the socket takes them at once.
        let _ = self.send();
        self.end_transaction();
        self.shared.clients.leave(&self.client);
        match end {
            End::Client => tracing::debug!(id, %addr, "client disconnected"),
            End::Socket(error) => tracing::debug!(id, %addr, %error, "client connection failed"),
            End::Protocol(error) => tracing::warn!(id, %addr, %error, "client closed: protocol error"),
            End::Killed => tracing::info!(id, %addr, "client closed: killed"),
            End::Idle => tracing::info!(id, %addr, "client closed: idle"),
            End::Output(bytes) => {
                self.shared.clients.over_output_limit.fetch_add(1, Relaxed);
                tracing::warn!(id, %addr, bytes, "client closed: output buffer limit");
            }
            End::Evicted => {
                self.shared.clients.evicted.fetch_add(1, Relaxed);
                tracing::warn!(id, %addr, "client closed: too many replies wait for all clients, and it held the most");
            }
            End::Http => tracing::warn!(
                id,
                %addr,
                "client closed: possible attack. It sent POST or Host:, so a web page may have made a browser send commands here"
            ),
            End::Server => tracing::debug!(id, %addr, "client closed: the server ends"),
            End::Follow(argv, seat) => self.hand_over(argv, seat),
        }
    }

    /// Passes the socket of a replica to the node.
    fn hand_over(self, argv: Vec<Vec<u8>>, seat: Seat) {
        let (id, addr) = (self.client.id, self.client.addr);
        let socket = self.socket.into_std().and_then(|socket| {
            socket.set_nonblocking(false)?;
            Ok(socket)
        });
        match socket {
            Ok(socket) => {
                tracing::info!(id, %addr, "replica connected");
                self.shared.node.follow(argv, socket, self.requests.into_rest(), seat);
            }
            Err(error) => tracing::warn!(id, %addr, %error, "replica connection failed"),
        }
    }

    async fn talk(&mut self) -> Result<std::convert::Infallible, End> {
        loop {
            self.config = self.shared.config();
            self.requests.set_limits(self.config.limits);
            self.session.password.clone_from(&self.config.requirepass);
            match self.run().await? {
                Next::End(end) => {
                    self.send_all().await?;
                    return Err(end);
                }
                Next::Run => {
                    self.send()?;
                    self.check()?;
                    tokio::task::yield_now().await;
                }
                Next::Wait => {
                    self.send()?;
                    self.check()?;
                    self.wait(true).await?;
                }
            }
        }
    }

    /// Writes as much as the socket takes at once, up to a bound. Without the bound, a client that reads as fast as the
    /// server writes would occupy the thread until its whole reply is sent.
    pub(super) fn send(&mut self) -> Result<(), End> {
        let enough = self.output.waiting().saturating_sub(SENT_BYTES_MAX);
        while self.output.waiting() > enough {
            match self.socket.try_write(self.output.front()) {
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

    /// Writes all waiting replies; reads nothing meanwhile.
    async fn send_all(&mut self) -> Result<(), End> {
        self.send()?;
        self.config.timeout_s = 0;
        while self.output.waiting() > 0 {
            self.wait(false).await?;
        }
        Ok(())
    }

    /// Checks the output limits. Errors: too many bytes wait for this client, or it was evicted.
    pub(super) fn check(&mut self) -> Result<(), End> {
        self.output.check(self.config.output, Instant::now()).map_err(End::Output)?;
        if self.client.is_evicted() { Err(End::Evicted) } else { Ok(()) }
    }

    /// Publishes the state of this connection for CLIENT LIST.
    pub(super) fn note(&self) {
        let (held, pending) = (self.requests.held(), self.output.waiting());
        self.client.note(&self.session, &self.last, held, pending);
    }

    /// Runs the requests that have arrived, up to a bound.
    async fn run(&mut self) -> Result<Next, End> {
        let mut queued: Vec<Queued> = Vec::new();
        let (mut commands, mut bytes) = (0, 0);
        let next = loop {
            if commands == RUN_COMMANDS_MAX || bytes >= RUN_BYTES_MAX {
                break Next::Run;
            }
            self.end_of_pause(Paused::All, &mut queued).await?;
            let argv = match self.requests.next_request() {
                Ok(Some(argv)) => argv,
                Ok(None) => break Next::Wait,
                Err(error) => break Next::End(End::Protocol(error)),
            };
            if session::is_http(&argv) {
                break Next::End(End::Http);
            }
            commands += 1;
            bytes += argv.iter().map(Vec::len).sum::<usize>();
            self.last.note(&argv);
            let (step, told) = self.step(argv);
            self.requests.set_unknown(!self.session.is_authenticated);
            let framed = told.then_some(self.session.protocol);
            if let Step::Run(command) = step {
                if command.is_write() {
                    self.end_of_pause(Paused::Writes, &mut queued).await?;
                }
                queued.push((command, framed));
                continue;
            }
            // Earlier commands are answered first, and this step sees their effects.
            self.run_queued(&mut queued).await?;
            if let Some(end) = self.answer_step(step, framed).await? {
                break Next::End(end);
            }
        };
        self.run_queued(&mut queued).await?;
        if let Next::End(End::Protocol(error)) = &next
            && *error != ProtocolError::QueryTooBig
        {
            let told = self.session.is_told().then_some(self.session.protocol);
            self.reply(&Reply::Error(format!("ERR {error}")), told);
        }
        if let Next::End(End::Http) = next {
            return Err(End::Http);
        }
        if commands > 0 {
            self.shared.clients.commands.fetch_add(commands as u64, Relaxed);
            self.note();
        }
        Ok(next)
    }

    /// Waits until no pause holds back requests of this kind. The earlier requests are answered first.
    async fn end_of_pause(&mut self, kind: Paused, queued: &mut Vec<Queued>) -> Result<(), End> {
        if self.shared.pauses.now() < kind {
            return Ok(());
        }
        self.run_queued(queued).await?;
        let shared = Arc::clone(&self.shared);
        self.unless_closed(shared.pauses.end(kind)).await
    }

    /// Waits until the node may be passed requests, which are writes or not. A pause waits for the end of what is admitted.
    pub(super) async fn admitted<'a>(
        &mut self,
        shared: &'a ServerState<N>,
        is_write: bool,
    ) -> Result<Option<Admitted<'a>>, End> {
        if !is_write {
            return Ok(None);
        }
        if let Some(admitted) = shared.pauses.try_admit() {
            return Ok(Some(admitted));
        }
        self.unless_closed(shared.pauses.admit()).await.map(Some)
    }

    /// The step for a request: MULTI queues it.
    fn step(&mut self, argv: Vec<Vec<u8>>) -> (Step, bool) {
        if self.session.queued.is_none() {
            return self.session.step(argv);
        }
        let (node, transaction) = (&self.shared.node, &mut self.transaction);
        let bytes_max = self.config.limits.query_bytes_max;
        let refusal = |command: &Command| node.refusal(command);
        self.session.step_by(|session| transaction.queue(session, argv, bytes_max, &refusal))
    }

    /// Answers a step that the node does not run. Returns the reason if the step ends the connection.
    async fn answer_step(&mut self, step: Step, framed: Option<Protocol>) -> Result<Option<End>, End> {
        self.make_room().await?;
        let answered = match step {
            Step::Reply(reply) => Ok(Some(reply)),
            Step::Ask(Ask::Exec) if self.session.queued.is_some() => return self.exec(framed).await,
            Step::Ask(ask) => {
                self.client.note(&self.session, &self.last, self.requests.held(), 0);
                self.answer(ask).await
            }
            Step::Run(_) | Step::Silent => Ok(None),
        };
        let (reply, end) = match answered {
            Ok(reply) => (reply, None),
            Err((reply, end)) => (reply, Some(end)),
        };
        reply.iter().for_each(|reply| self.reply(reply, framed));
        Ok(end)
    }

    /// Has the node run the queued commands in pieces. Each piece starts once there is room for further replies.
    async fn run_queued(&mut self, queued: &mut Vec<Queued>) -> Result<(), End> {
        if queued.is_empty() {
            return Ok(());
        }
        let (mut commands, framed): (Vec<Command>, Vec<Option<Protocol>>) = queued.drain(..).unzip();
        let mut framed = framed.into_iter();
        let mut turn = None;
        while !commands.is_empty() {
            self.make_room().await?;
            let shared = Arc::clone(&self.shared);
            let _admitted = self.admitted(&shared, commands.iter().any(Command::is_write)).await?;
            let (replies, rest) = shared.node.answer(commands, self.client.room.clone()).await;
            drop(turn.take());
            if replies.count() == 0 {
                // The next reply may be large.
                let client = Arc::clone(&self.client);
                turn = Some(self.unless_ended(client.room.freed()).await?);
            }
            debug_assert_eq!(replies.count() + rest.len(), framed.len(), "one reply each");
            if replies.bytes() < ENCODED_APART_BYTES_MIN {
                for (reply, framed) in replies.as_slice().iter().zip(&mut framed) {
                    self.reply(reply, framed);
                }
            } else {
                let framed = framed.by_ref().take(replies.count()).collect();
                self.encode_apart(replies, framed).await?;
            }
            commands = rest;
        }
        Ok(())
    }

    /// Encodes large replies on a thread that serves no other connection. Their memory is freed there, too.
    pub(super) async fn encode_apart(
        &mut self,
        replies: Replies,
        framed: Vec<Option<Protocol>>,
    ) -> Result<(), End> {
        let mut output = std::mem::replace(&mut self.output, Output::new(&self.client.room));
        let encoding = tokio::task::spawn_blocking(move || {
            output.extend(&replies, &framed);
            output
        });
        self.output = encoding.await.map_err(|error| End::Socket(io::Error::other(error)))?;
        Ok(())
    }

    pub(super) fn reply(&mut self, reply: &Reply, framed: Option<Protocol>) {
        if let Some(protocol) = framed {
            self.output.push(reply, protocol);
        }
    }
}
