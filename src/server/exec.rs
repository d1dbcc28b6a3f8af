//! Exec — runs a connection's transaction, and its WATCH and UNWATCH. Does I/O: through the node.
//!
//! The commands for the node run as one request. Before that the session runs its own (SELECT, CLIENT SETNAME), because
//! they decide the database of the commands after them; after that the server answers the others (INFO, CONFIG). None of
//! them depends on the data. If the node runs nothing, the session is as it was before.

use super::connection::{Connection, ENCODED_APART_BYTES_MIN, End};
use super::reply::Protocol;
use super::room::Size;
use super::session::{Ask, Step};
use super::transaction::Queued;
use super::{Backend, Refused};
use crate::command::{Command, Reply};
use crate::effect::Key;
use crate::node;
use std::sync::Arc;

/// The beginning of the reply to an EXEC that runs nothing.
pub(super) const ABORTED: &str = "EXECABORT Transaction discarded because of";

impl<N: Backend> Connection<N> {
    /// Runs the queued requests, and replies. Returns the reason if one of them ends the connection.
    pub(super) async fn exec(&mut self, framed: Option<Protocol>) -> Result<Option<End>, End> {
        self.session.queued = None;
        let Some(queue) = self.transaction.take() else {
            self.unwatch();
            self.reply(&Reply::Error(format!("{ABORTED} previous errors.")), framed);
            return Ok(None);
        };
        let before = self.session.clone();
        let (commands, steps) = self.steps(queue);
        let ran = self.run_commands(commands).await?;
        self.unwatch();
        let (reply, end) = match ran {
            Ok(node::Executed::Ran(replies)) => self.answer_queued(steps, replies).await,
            // As in Redis, a client beyond its limit is disconnected, and its writes stay.
            Ok(node::Executed::RanBeyondReplies) => return Err(End::Output(self.reply_bytes_max())),
            Ok(node::Executed::Changed) => {
                self.session = before;
                (Reply::NullArray, None)
            }
            Err(Refused(text)) => {
                self.session = before;
                (Reply::Error(format!("{ABORTED}: {text}")), None)
            }
        };
        let mut replies = self.client.room.replies(1);
        replies.push(reply);
        if replies.bytes() < ENCODED_APART_BYTES_MIN {
            replies.as_slice().iter().for_each(|reply| self.reply(reply, framed));
        } else {
            self.encode_apart(replies, vec![framed]).await?;
        }
        Ok(end)
    }

    /// The commands for the node, and the step for each request; `None`: the node answers it.
    fn steps(&mut self, queue: Vec<Queued>) -> (Vec<Command>, Vec<Option<Step>>) {
        let (mut commands, mut steps) = (Vec::new(), Vec::with_capacity(queue.len()));
        for queued in queue {
            steps.push(match queued {
                Queued::Node(command) => {
                    commands.push(command.in_database(self.session.db));
                    None
                }
                Queued::Session(argv) => {
                    let step = self.session.answer(argv);
                    Some(step.unwrap_or_else(|error| Step::Reply(Reply::Error(error.to_string()))))
                }
            });
        }
        (commands, steps)
    }

    /// Runs the commands on the node, once there is room for replies.
    async fn run_commands(&mut self, commands: Vec<Command>) -> Result<Result<node::Executed, Refused>, End> {
        let watches = self.transaction.watches().to_vec();
        if commands.is_empty() && watches.is_empty() {
            return Ok(Ok(node::Executed::Ran(Vec::new())));
        }
        let mut turn = None;
        self.make_room().await?;
        if !self.client.room.replies(0).has_room(Size::Any) {
            let client = Arc::clone(&self.client);
            turn = Some(self.unless_ended(client.room.freed()).await?);
        }
        let transaction = node::Transaction { commands, watches, reply_bytes_max: self.reply_bytes_max() };
        let shared = Arc::clone(&self.shared);
        let admitted = self.admitted(&shared, transaction.is_write()).await?;
        let ran = shared.node.exec(transaction, self.client.room.clone()).await;
        drop((turn, admitted));
        Ok(ran)
    }

    /// The most bytes that the replies of one transaction may take: as many as may wait for the client.
    fn reply_bytes_max(&self) -> usize {
        let hard = self.shared.config().output.hard;
        if hard == 0 { usize::MAX } else { hard }
    }

    /// The reply to EXEC: that to each request in order.
    async fn answer_queued(&mut self, steps: Vec<Option<Step>>, replies: Vec<Reply>) -> (Reply, Option<End>) {
        let (mut replies, mut all, mut end) = (replies.into_iter(), Vec::with_capacity(steps.len()), None);
        for step in steps {
            all.push(match step {
                // The node makes one reply for each of its commands.
                None | Some(Step::Run(_)) => replies.next().unwrap_or(Reply::Null),
                Some(Step::Reply(reply)) => reply,
                // An array of replies has no place for a missing one.
                Some(Step::Silent) => Reply::OK,
                Some(Step::Ask(Ask::Wait(argv))) => match self.wait_for_replicas(&argv, false).await {
                    Ok(reply) => reply,
                    Err(why) => {
                        end = Some(why);
                        Reply::Null
                    }
                },
                Some(Step::Ask(ask)) => match self.answer(ask).await {
                    Ok(reply) => reply.unwrap_or(Reply::Null),
                    Err((reply, why)) => {
                        end = Some(why);
                        reply.unwrap_or(Reply::Null)
                    }
                },
            });
        }
        (Reply::Array(all), end)
    }

    /// WATCH.
    pub(super) async fn watch(&mut self, keys: Vec<Key>) -> Reply {
        let bytes = keys.iter().map(|key| size_of::<node::WatchedKey>() + key.name.len()).sum();
        match self.shared.node.watch(keys).await {
            Ok(watch) => {
                self.transaction.watch(watch, bytes);
                Reply::OK
            }
            Err(Refused(text)) => Reply::Error(text),
        }
    }

    /// Ends all watches of the connection.
    pub(super) fn unwatch(&mut self) {
        for watch in self.transaction.take_watches() {
            self.shared.node.unwatch(watch);
        }
    }

    /// Drops the queue and ends all watches: DISCARD, RESET, and the end of the connection.
    pub(super) fn end_transaction(&mut self) {
        self.session.queued = None;
        self.transaction.begin();
        self.unwatch();
    }
}
