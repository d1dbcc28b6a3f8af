//! Exec — runs a connection's transaction, and its WATCH and UNWATCH. Does I/O: through the node.
//!
//! The commands for the node run as one request. Before that the session runs its own (SELECT, CLIENT SETNAME), because
//! they decide the database of the commands after them; after that the server answers the others (INFO, CONFIG). None of
//! them depends on the data. If the node runs nothing, the session is as it was before.
//!
//! REPLICAOF changes the node, so it ends a part of the queue: the commands before it run as one request to the node in its old
//! role, the commands after it as one request to the node in its new role. Sentinel sends REPLICAOF inside MULTI. Redis would run
//! the writes after it and log them nowhere (redis#5666); here they are refused, as all writes to a replica are.

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

/// Requests that the node runs in one role.
#[derive(Default)]
struct Part {
    /// The commands for the node.
    commands: Vec<Command>,
    /// The step for each request; `None`: the node answers it.
    steps: Vec<Option<Step>>,
}

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
        let mut parts = self.parts(queue).into_iter();
        let first = parts.next().unwrap_or_default();
        let ran = self.run_commands(first.commands).await?;
        self.unwatch();
        let (reply, end) = match ran {
            Ok(node::Executed::Ran(replies)) => {
                let (mut all, mut end) = self.answer_queued(first.steps, replies).await;
                for part in parts {
                    if end.is_some() {
                        break;
                    }
                    let replies = self.run_later(part.commands).await?;
                    let (more, why) = self.answer_queued(part.steps, replies).await;
                    all.extend(more);
                    end = why;
                }
                (Reply::Array(all), end)
            }
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

    /// The parts of the queue: a REPLICAOF is the last request of its part.
    fn parts(&mut self, queue: Vec<Queued>) -> Vec<Part> {
        let mut parts = vec![Part::default()];
        for queued in queue {
            let (step, command) = match queued {
                Queued::Node(command) => (None, Some(command.in_database(self.session.db))),
                Queued::Session(argv) => {
                    let step = self.session.answer(argv);
                    (Some(step.unwrap_or_else(|error| Step::Reply(Reply::Error(error.to_string())))), None)
                }
            };
            let ends = matches!(step, Some(Step::Ask(Ask::Replicate(_))));
            if let Some(part) = parts.last_mut() {
                part.commands.extend(command);
                part.steps.push(step);
            }
            if ends {
                parts.push(Part::default());
            }
        }
        parts
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

    /// Runs the commands of a part after a REPLICAOF: those that the node refuses in its new role are answered with the refusal,
    /// the others run as one request.
    async fn run_later(&mut self, commands: Vec<Command>) -> Result<Vec<Reply>, End> {
        let refusals: Vec<_> = commands.iter().map(|command| self.shared.node.refusal(command)).collect();
        let runs = commands.into_iter().zip(&refusals).filter(|(_, refusal)| refusal.is_none());
        let mut ran = match self.run_commands(runs.map(|(command, _)| command).collect()).await? {
            Ok(node::Executed::Ran(replies)) => Ok(replies.into_iter()),
            Ok(node::Executed::RanBeyondReplies) => return Err(End::Output(self.reply_bytes_max())),
            // The watches ended with the first part.
            Ok(node::Executed::Changed) => Ok(Vec::new().into_iter()),
            Err(refused) => Err(refused),
        };
        let reply = |refusal: Option<Refused>| match (refusal, &mut ran) {
            (Some(refused), _) => Reply::Error(refused.0),
            (None, Ok(replies)) => replies.next().unwrap_or(Reply::Null),
            (None, Err(refused)) => Reply::Error(refused.0.clone()),
        };
        Ok(refusals.into_iter().map(reply).collect())
    }

    /// The most bytes that the replies of one transaction may take: as many as may wait for the client.
    fn reply_bytes_max(&self) -> usize {
        let hard = self.shared.config().output.hard;
        if hard == 0 { usize::MAX } else { hard }
    }

    /// The reply to each request of a part, in order.
    async fn answer_queued(
        &mut self,
        steps: Vec<Option<Step>>,
        replies: Vec<Reply>,
    ) -> (Vec<Reply>, Option<End>) {
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
        (all, end)
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
