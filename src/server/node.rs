//! Node — what the server needs of the engine behind it.

use super::clients::Seat;
use super::facts::Facts;
use super::room::{Replies, Room};
use crate::binlog::Fsync;
use crate::command::{Command, Reply};
use std::net::TcpStream;

/// A node refused; the text is the error reply, code first.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

/// The engine of one node. All methods may be called at any time, from many connections at once.
pub trait Node: Send + Sync + 'static {
    /// Runs commands of one connection in order, as far as `room` has room for their replies (see [`Replies::has_room`]): the
    /// replies, one each, and the commands that were not run. Those come again, once there is room. Refusals (`READONLY`,
    /// `MISCONF`, `LOADING`) are replies, and the node's to give. SELECT never comes here; each command knows its database.
    fn answer(
        &self,
        commands: Vec<Command>,
        room: Room,
    ) -> impl Future<Output = (Replies, Vec<Command>)> + Send;

    /// As [`Node::answer`], all of them, whatever memory the replies take.
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

    /// What INFO and ROLE tell. Called at each of them, so it is cheap.
    fn facts(&self) -> Facts;

    /// REPLICAOF: follows the master at (host, port) from now on; `None` = NO ONE, it is a master itself.
    fn replicate(&self, master: Option<(String, u16)>) -> impl Future<Output = Result<(), Refused>> + Send;

    /// CONFIG SET appendfsync.
    fn set_appendfsync(&self, fsync: Fsync) -> impl Future<Output = Result<(), Refused>> + Send;

    /// A replica sent `argv`, an RCSYNC. Its socket, blocking, is the node's from now on; `already_read` is what the
    /// replica sent behind the command. Called on a thread of the runtime, so it does not block: a thread of the
    /// node takes the socket. Nothing was replied. `seat` is dropped when the socket is closed: until then it counts.
    fn follow(&self, argv: Vec<Vec<u8>>, socket: TcpStream, already_read: Vec<u8>, seat: Seat);

    /// Returns when all clients have to be disconnected, as they were told what no longer holds. Called again after each time.
    fn disconnects(&self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }

    /// SHUTDOWN: makes everything durable and takes no more writes; then the process may end.
    fn stop(&self) -> impl Future<Output = Result<(), Refused>> + Send;
}
