//! A path of the ordering model → the orders for real nodes, one after the other. Pure.
//!
//! ```text
//! the path        command 1, command 2, take, take, begin 2, write 2, crash (1 batch flushed), recover 1 and 2, …
//! the orders      send 1, send 2, begin 2, write 2, flush, crash         recovered: readers get the same as in the model
//! ```
//!
//! A crash leaves a prefix of the batches. A node's store flushes everything or nothing, so it is flushed after the
//! last batch of the prefix, and the batches after it are lost. There are no orders for the recovery after a crash: a
//! node applies its log again before its port opens, in the order of the log.

use crate::cli::nodes::RunError;
use replicheck::binlog::Lsn;
use replicheck::models::ordering::{self, Action, Move, OrderingModel};
use replicheck::models::path::Taken;
use replicheck::models::request::Request;
use replicheck::models::rigged::Rigged;
use replicheck::ordering::Job;
use replicheck::store::Dump;

/// An order to the nodes.
pub enum Order {
    /// A client sends a request, and the replica receives its entry.
    Send(Request),
    /// A worker begins to write a job: its marker is settled.
    Begin(Job),
    /// A worker writes a job.
    Write(Job),
    /// The worker reports the job as finished.
    Finish(Job),
    /// Admission closes, so that a snapshot is published.
    Cut,
    /// The replica's store is flushed.
    Flush,
    /// The replica is killed and starts again. In the model it then has this store, and applies its log again after
    /// this entry.
    Crash(Dump, Lsn),
    /// Now readers are let in again in the model, too, after this number of steps.
    Recovered(usize),
}

/// An order, and the state that readers of the replica are given in the model afterwards; `None` if the nodes may be ahead
/// of the model.
pub type Told = (Order, Option<Dump>);

/// Whether the replica is killed on the path.
pub fn has_crash(orders: &[Told]) -> bool {
    orders.iter().any(|(order, _)| matches!(order, Order::Crash(..)))
}

/// The orders of a path. Errors: the path has a step that real nodes cannot be ordered to do.
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
        // A node publishes at once what the model publishes in a separate step.
        let is_ahead = model.publication_is_due(after);
        let given = || (is_open && !is_ahead).then(|| model.given(after).clone());
        // Steps of recovery: a node takes them all at once.
        if let Some(steps) = &mut recovering {
            *steps += 1;
        }
        match action {
            Action::Command(_) => {
                let program = model.setup().programs.at(after.place);
                let request =
                    program.request.clone().ok_or_else(|| RunError::not_driven("the path sends nothing"))?;
                orders.push((Order::Send(request), given()));
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
                // After a crash no entry that was in the log at the crash is left to write.
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
