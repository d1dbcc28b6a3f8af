//! A path of the ordering model → what real nodes are told, one order after the other. Pure.
//!
//! ```text
//! the path        command 1, command 2, take, take, begin 2, write 2, crash (1 batch flushed), recover 1 and 2, …
//! the orders      send 1, send 2, begin 2, write 2, flush, crash         recovered: readers are given what the model's are
//! ```
//!
//! A crash leaves the first so many batches. A node's store flushes all or nothing, so it is flushed after the last of
//! them, and the batches after it are lost. What a replica does with its log after a crash is not told: a node does it
//! before its port opens, in the order of the log.

use crate::cli::nodes::RunError;
use replicheck::binlog::Lsn;
use replicheck::command::Command;
use replicheck::models::catalogue::Rigged;
use replicheck::models::ordering::{self, Action, Move, OrderingModel};
use replicheck::models::trace::Taken;
use replicheck::ordering::Job;
use replicheck::store::Dump;

/// What the nodes are told to do.
pub enum Order {
    /// A client sends a command, and the replica receives its entry.
    Send(Command),
    /// A worker begins to write a job: its marker is settled.
    Begin(Job),
    /// A worker writes a job.
    Write(Job),
    /// The worker says that it is done.
    Finish(Job),
    /// Admission closes, so that a snapshot is published.
    Cut,
    /// The replica's store is flushed.
    Flush,
    /// The replica is killed and starts again. In the model it finds this, and its log runs again after that entry.
    Crash(Dump, Lsn),
    /// In the model, too, readers are let in again, after so many steps.
    Recovered(usize),
}

/// An order, and what readers of the replica are given in the model afterwards; `None` where the nodes may be ahead of it.
pub type Told = (Order, Option<Dump>);

/// Whether the replica is killed on the way.
pub fn has_crash(orders: &[Told]) -> bool {
    orders.iter().any(|(order, _)| matches!(order, Order::Crash(..)))
}

/// The orders of a path. Errors: what real nodes cannot be told to do.
pub fn orders(
    model: &OrderingModel<Rigged>,
    path: &[Taken<ordering::State, Action>],
) -> Result<Vec<Told>, RunError> {
    let crashes: Vec<u16> = path.iter().filter_map(|(_, action, _)| flushed(action)).collect();
    if crashes.len() > 1 {
        return Err(RunError::NotDriven(format!(
            "the path has {} crashes: after the first one a node writes its log again as one batch, so it cannot be told \
             which batches the second one leaves",
            crashes.len()
        )));
    }
    if path.iter().any(|(_, action, _)| matches!(action, Action::Crash(_, 1..))) {
        let why = "the crash loses entries of the log: a node that is killed keeps its own";
        return Err(RunError::not_driven(why));
    }
    let (mut orders, mut batches, mut recovering) = (Vec::new(), 0, None);
    for (before, action, after) in path {
        let is_open = model.lets_readers_in(after);
        // A node publishes at once what the model publishes in a step of its own.
        let is_ahead = model.publication_is_due(after);
        let given = || (is_open && !is_ahead).then(|| model.given(after).clone());
        // Steps of recovery: a node takes them all at once.
        if let Some(steps) = &mut recovering {
            *steps += 1;
        }
        match action {
            Action::Command(_) => {
                let program = model.setup().programs.at(after.place);
                let command =
                    program.command.clone().ok_or_else(|| RunError::not_driven("the path sends nothing"))?;
                orders.push((Order::Send(command), given()));
            }
            Action::Move(Move::Begin(worker)) => {
                let job = model
                    .in_hand(before, *worker)
                    .ok_or_else(|| RunError::not_driven("the path begins nothing"))?;
                orders.push((Order::Begin(job.clone()), None));
            }
            Action::Move(Move::Write(worker)) => {
                let job = model
                    .in_hand(before, *worker)
                    .ok_or_else(|| RunError::not_driven("the path writes nothing"))?;
                // Of what was in the log at the crash nothing is left to write.
                orders.push((Order::Write(job.clone()), given()));
                batches += 1;
                if crashes.first() == Some(&batches) && !has_crash(&orders) {
                    orders.push((Order::Flush, None));
                }
            }
            Action::Move(Move::Cut) => orders.push((Order::Cut, None)),
            Action::Move(Move::Finish(worker)) => {
                let job = model
                    .unfinished(before, *worker)
                    .ok_or_else(|| RunError::not_driven("the path finishes nothing"))?;
                orders.push((Order::Finish(job.clone()), given()));
            }
            Action::Move(Move::Take(_) | Move::Publish) | Action::Recover(_) | Action::Resend => {}
            Action::Crash(..) => {
                orders.push((Order::Crash(model.given(after).clone(), model.watermark(after)), None));
                recovering = Some(0);
            }
        }
        if is_open && let Some(steps) = recovering.take() {
            orders.push((Order::Recovered(steps), given()));
        }
    }
    Ok(orders)
}

fn flushed(action: &Action) -> Option<u16> {
    match action {
        Action::Crash(flushed, _) => Some(*flushed),
        _ => None,
    }
}
