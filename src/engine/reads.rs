//! Reads — answers a connection's reads, and moves long ones to threads that serve no other connection. Does I/O: threads.
//!
//! ```text
//! few small reads        on the thread of the connection
//! many small reads       on another thread
//! one long read          on another thread; few at a time, so that threads are left for small reads
//! ```

use super::read::Cost;
use crate::command::{Command, Reply};
use crate::node::{self, Executed, Transaction};
use crate::server::room::{Replies, Room, Size};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// Reads of a connection run on another thread if there are at least this many: to wake a thread costs about as much as a
/// read.
const MANY: usize = 8;

/// The most long reads at a time. The runtime has twice as many blocking threads as there are cores; this assumes at least
/// two cores.
pub const LONG_MAX: usize = 2;

/// Answers reads in order, as long as there is room. Returns the replies, and the commands that were not run. `read`
/// returns the reply to a command, or `None` if the read costs more than the given cost.
pub async fn answer(
    mut commands: Vec<Command>,
    room: Room,
    long: &Semaphore,
    read: impl Fn(&Command, Cost) -> Option<Reply> + Send + Sync + 'static,
) -> (Replies, Vec<Command>) {
    let count = commands.len();
    let (mut replies, read) = (room.replies(count), Arc::new(read));
    loop {
        let small = Arc::clone(&read);
        let run = move |mut replies: Replies, mut commands: Vec<Command>| {
            let before = replies.count();
            let is_done = replies.fill_until(&commands, Size::Small, |command| small(command, Cost::Small));
            commands.drain(..replies.count() - before);
            (replies, commands, is_done)
        };
        let ran = if commands.len() < MANY {
            Ok(run(replies, commands))
        } else {
            spawn_blocking(move || run(replies, commands)).await
        };
        let Ok((made, mut rest, is_done)) = ran else { return room.failed(count, PANICKED) };
        if is_done {
            return (made, rest);
        }
        // The semaphore is never closed. Without a permit the read would still run.
        let _permit = long.acquire().await.ok();
        let (any, made_before) = (Arc::clone(&read), made.count());
        let ran = spawn_blocking(move || {
            let (mut replies, before) = (made, made_before);
            replies.fill(&rest[..1], |command| any(command, Cost::Any).unwrap_or(Reply::Null));
            rest.drain(..replies.count() - before);
            (replies, rest)
        });
        let Ok(ran) = ran.await else { return room.failed(count, PANICKED) };
        (replies, commands) = ran;
        // Other connections may have used up the room meanwhile. Then the server passes the command again.
        if replies.count() == made_before {
            return (replies, commands);
        }
    }
}

/// Runs a transaction whose commands are all reads. `read` as in [`answer`], of one state. Errors: a thread panicked.
pub async fn answer_all(
    transaction: Transaction,
    long: &Semaphore,
    read: impl Fn(&Command, Cost) -> Option<Reply> + Send + Sync + 'static,
) -> Result<Executed, &'static str> {
    if transaction.commands.len() < MANY
        && let Some(ran) = run(&transaction, |command| read(command, Cost::Small))
    {
        return Ok(ran);
    }
    // The semaphore is never closed. Without a permit the reads would still run.
    let _permit = long.acquire().await.ok();
    let any = move |command: &Command| Some(read(command, Cost::Any).unwrap_or(Reply::Null));
    let ran = spawn_blocking(move || run(&transaction, any));
    ran.await.ok().flatten().ok_or(PANICKED)
}

/// `None`: `read` did not answer one of the commands.
fn run(transaction: &Transaction, read: impl Fn(&Command) -> Option<Reply>) -> Option<Executed> {
    let mut replies = node::Replies::to(transaction);
    for command in &transaction.commands {
        replies.push(read(command)?);
    }
    Some(replies.ran())
}

const PANICKED: &str = "ERR the command panicked";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::line;
    use std::sync::Mutex;
    use std::thread;

    fn commands(text: &str, count: usize) -> Vec<Command> {
        let argv = line::split(text.as_bytes()).expect("a line");
        vec![Command::parse(0, argv).expect("a command"); count]
    }

    /// The replies to `few` small reads, a long one and `few` small ones. Also the cost of each read, and whether it ran on
    /// this thread.
    async fn run(few: usize) -> (Vec<Reply>, Vec<(Cost, bool)>) {
        let all = [commands("GET a", few), commands("KEYS *", 1), commands("GET a", few)].concat();
        let (here, ran) = (thread::current().id(), Arc::new(Mutex::new(Vec::new())));
        let seen = Arc::clone(&ran);
        let read = move |command: &Command, cost| {
            let is_long = command.touches_everything();
            seen.lock().expect("no thread panicked").push((cost, thread::current().id() == here));
            (!is_long || cost == Cost::Any).then(|| Reply::truth(is_long))
        };
        let (replies, rest) = answer(all, Room::unlimited(), &Semaphore::new(1), read).await;
        assert!(rest.is_empty());
        let ran = ran.lock().expect("no thread panicked").clone();
        (replies.into_vec(), ran)
    }

    #[tokio::test]
    async fn read_that_costs_much_runs_apart_and_others_where_they_are_unless_they_are_many() {
        for few in [3, MANY] {
            let (replies, ran) = run(few).await;
            let expected: Vec<Reply> = (0..2 * few + 1).map(|at| Reply::truth(at == few)).collect();
            assert_eq!(replies, expected, "in order");
            let any: Vec<bool> = ran.iter().filter(|(cost, _)| *cost == Cost::Any).map(|ran| ran.1).collect();
            assert_eq!(any, [false], "{few}: the long read runs on another thread, once");
            let here = ran.iter().filter(|(cost, here)| *cost == Cost::Small && *here).count();
            let expected = if few < MANY { 2 * few + 1 } else { 0 };
            assert_eq!(here, expected, "{few}: small reads");
        }
    }
}
