//! Backend — the interface between the server and the engine behind it.

use super::clients::Seat;
use super::config::MinReplicas;
use super::facts::Facts;
use super::room::{Replies, Room};
use crate::binlog::Fsync;
use crate::command::{Command, Reply};
use crate::effect::Key;
use crate::node::{Executed, Transaction, Watch};
use crate::secret::Secret;
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// The node refused a request. The text is the error reply, which begins with its code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

/// What WAIT or WAITAOF waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Awaited {
    /// Whether it waits until the node's own log is durable.
    pub own: bool,
    /// The number of replicas.
    pub replicas: usize,
    /// Whether the replicas' logs have to be durable; otherwise it is enough that they received it.
    pub durable: bool,
    /// The longest time to wait; `None`: without an end.
    pub timeout: Option<Duration>,
}

/// How far the entries have come that WAIT or WAITAOF waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// Whether they are durable in the node's own log.
    pub own: bool,
    /// The number of replicas that they have reached.
    pub replicas: usize,
}

/// The engine of one node. All methods may be called at any time, from many connections at once.
pub trait Backend: Send + Sync + 'static {
    /// Runs commands of one connection in order, as long as `room` has room for their replies (see [`Replies::has_room`]).
    /// Returns one reply for each command that was run, and the commands that were not run. The server passes these again
    /// once there is room. Refusals (`READONLY`, `MISCONF`, `LOADING`) are replies, and the node makes them. SELECT is
    /// never passed to a node; each command carries its database.
    fn answer(
        &self,
        commands: Vec<Command>,
        room: Room,
    ) -> impl Future<Output = (Replies, Vec<Command>)> + Send;

    /// Like [`Backend::answer`], but runs all commands, without a limit on the memory of the replies.
    fn run(&self, mut commands: Vec<Command>) -> impl Future<Output = Vec<Reply>> + Send {
        async move {
            let mut all = Vec::with_capacity(commands.len());
            while !commands.is_empty() {
                let (replies, rest) = self.answer(commands, Room::unlimited()).await;
                all.extend(replies.into_vec());
                commands = rest;
            }
            all
        }
    }

    /// EXEC: runs the commands of `transaction` in order, all or none. If a key of its watches was changed, it runs nothing.
    /// Readers see all of its writes at once, and it reads one state. The watches are not ended. `room`: the room for the
    /// replies. Errors: nothing was run; the text is the reason, as in [`Backend::refusal`].
    fn exec(
        &self,
        transaction: Transaction,
        room: Room,
    ) -> impl Future<Output = Result<Executed, Refused>> + Send;

    /// The reason for which the node refuses `command` now, before it runs: `READONLY` or `MISCONF`. MULTI asks before it
    /// queues a command. It is called for each of these commands, so it has to be cheap.
    fn refusal(&self, command: &Command) -> Option<Refused>;

    /// WATCH: notes changes of `keys` from now on, until [`Backend::unwatch`]. Errors: the node refuses; it watches nothing.
    fn watch(&self, keys: Vec<Key>) -> impl Future<Output = Result<Watch, Refused>> + Send;

    /// Ends a watch. Called once for each watch.
    fn unwatch(&self, watch: Watch);

    /// The state that INFO and ROLE report. It is called for each of these commands, so it has to be cheap.
    fn facts(&self) -> Facts;

    /// REPLICAOF: the node follows the master at (host, port) from now on; `None` = NO ONE: it becomes a master itself.
    fn replicate(&self, master: Option<(String, u16)>) -> impl Future<Output = Result<(), Refused>> + Send;

    /// CONFIG SET appendfsync: changes when the binlog is synced.
    fn set_appendfsync(&self, fsync: Fsync) -> impl Future<Output = Result<(), Refused>> + Send;

    /// WAIT and WAITAOF: waits until everything that was written before the call has reached where `awaited` says, or until its
    /// timeout. Returns what it has reached. Errors: the node is no master, or does not stay one; the text is the error reply.
    fn wait(&self, awaited: Awaited) -> impl Future<Output = Result<Reached, Refused>> + Send;

    /// CONFIG SET masterauth: the password that the node sends to its master from the next connection on; `None`: none.
    fn set_masterauth(&self, password: Option<Secret>);

    /// CONFIG SET min-replicas-to-write and min-replicas-max-lag: the replicas that the node needs to accept writes from now on.
    fn set_min_replicas(&self, min: MinReplicas);

    /// CLIENT PAUSE and FAILOVER: removes no dead key before the instant `until`; `None`: removes them again. A node that changes
    /// its role forgets it.
    fn hold_removals(&self, until: Option<Instant>);

    /// FAILOVER: waits until a replica has received all that the node has written, and acknowledged it. The server holds back
    /// writes and removals of dead keys meanwhile. `to`: the replica's address; `None`: any one. Returns its address. Errors: the
    /// node is no master.
    fn caught_up(
        &self,
        to: Option<(String, u16)>,
    ) -> impl Future<Output = Result<(String, u16), Refused>> + Send;

    /// FAILOVER: makes the replica at this address a master, and then follows it. It asks again until the replica answers; the
    /// server may drop the future, and then the replica may be a master. `behind`: whether it may lack entries. Errors: the roles
    /// are as they were.
    fn hand_over(
        &self,
        replica: (String, u16),
        behind: bool,
    ) -> impl Future<Output = Result<(), Refused>> + Send;

    /// Takes over the connection of a replica that sent `argv`, an RCSYNC. `socket` is in blocking mode and belongs to the
    /// node from now on; `already_read` is what the replica sent after the command. No reply was sent yet. This is called
    /// on a thread of the runtime, so it must not block: a thread of the node serves the socket. `seat` is dropped when the
    /// socket is closed; until then the replica counts as a connection.
    fn follow(&self, argv: Vec<Vec<u8>>, socket: TcpStream, already_read: Vec<u8>, seat: Seat);

    /// Completes when all clients have to be disconnected, because they read values at a log time that no longer holds. It
    /// is called again each time after it completes.
    fn disconnects(&self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }

    /// SHUTDOWN: makes everything durable and accepts no more writes. After that the process may end.
    fn stop(&self) -> impl Future<Output = Result<(), Refused>> + Send;
}
