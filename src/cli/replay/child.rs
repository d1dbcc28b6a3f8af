//! A replica in a separate process, as seen by the process that gives it orders. Does I/O: processes, pipes, a thread.

use super::wire::{Answer, Order, Seen};
use crate::cli::nodes::{LIMIT, RunError};
use std::io::{self, BufRead, BufReader, Write};
use std::process::{self, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// A process that answers each line with one line. It is killed when this is dropped.
pub struct Child {
    process: process::Child,
    stdin: ChildStdin,
    answers: Receiver<String>,
    limit: Duration,
}

impl Child {
    /// Starts the process, and waits for its first answer. Errors: [`RunError`]; the process did not start, or did not answer
    /// in time.
    pub fn start(command: &mut Command) -> Result<(Child, Seen), RunError> {
        let child = Child::spawn(command, LIMIT)?;
        let seen = child.answer()?;
        Ok((child, seen))
    }

    fn spawn(command: &mut Command, limit: Duration) -> Result<Child, RunError> {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let wrong = |error| RunError::Process(format!("the replica's process does not start: {error}"));
        let mut process = command.spawn().map_err(wrong)?;
        let pipes = process.stdin.take().zip(process.stdout.take());
        let (stdin, stdout) = pipes.ok_or_else(|| RunError::node("the replica's process has no pipes"))?;
        let (send, answers) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Child { process, stdin, answers, limit })
    }

    /// The number of its process.
    pub fn number(&self) -> u32 {
        self.process.id()
    }

    /// Sends an order, and waits for the answer. Errors: [`RunError`]; the error in the answer, or no answer in
    /// time.
    pub fn tell(&self, order: &Order) -> Result<Seen, RunError> {
        self.say(order)?;
        self.answer()
    }

    fn say(&self, order: &Order) -> Result<(), RunError> {
        let line = serde_json::to_string(order).map_err(io::Error::from)? + "\n";
        (&self.stdin).write_all(line.as_bytes()).map_err(|_| RunError::node("the replica's process is gone"))
    }

    fn answer(&self) -> Result<Seen, RunError> {
        let line = self.answers.recv_timeout(self.limit).map_err(|error| match error {
            RecvTimeoutError::Timeout => {
                RunError::Process(format!("the replica's process did not answer within {:?}", self.limit))
            }
            RecvTimeoutError::Disconnected => RunError::node("the replica's process ended without an answer"),
        })?;
        let answer: Answer = serde_json::from_str(&line).map_err(|error| {
            RunError::Process(format!("the replica's process sent an invalid answer: {error}"))
        })?;
        answer.map(Seen::from).map_err(RunError::Process)
    }

    /// Makes the process abort, and waits until it has ended. Errors: [`RunError`]; it ended in another way, or did not end in
    /// time.
    pub fn abort(mut self) -> Result<(), RunError> {
        self.say(&Order::Abort)?;
        match self.answers.recv_timeout(self.limit) {
            Err(RecvTimeoutError::Disconnected) => {}
            _ => {
                let text = format!("the replica's process did not abort within {:?}", self.limit);
                return Err(RunError::Process(text));
            }
        }
        let status = self.process.wait()?;
        if is_abort(status) {
            return Ok(());
        }
        Err(RunError::Process(format!("the replica's process did not abort: {status}")))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Killing fails if the process has already ended; it must still be waited for.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[cfg(unix)]
fn is_abort(status: ExitStatus) -> bool {
    const SIGABRT: i32 = 6;
    std::os::unix::process::ExitStatusExt::signal(&status) == Some(SIGABRT)
}

#[cfg(not(unix))]
fn is_abort(status: ExitStatus) -> bool {
    !status.success()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn of(script: &str) -> Child {
        let child = Child::spawn(Command::new("sh").args(["-c", script]), Duration::from_millis(300));
        child.expect("a shell")
    }

    #[test]
    fn child_that_does_not_answer_is_an_error_in_time() {
        let child = of("exec sleep 600");
        let error = child.tell(&Order::Look).expect_err("it sleeps");
        assert_eq!(error.to_string(), "the replica's process did not answer within 300ms");
        assert!(child.abort().expect_err("it sleeps").to_string().contains("did not abort within 300ms"));
    }

    #[test]
    fn child_that_ends_is_an_error() {
        assert!(
            of("read line")
                .tell(&Order::Look)
                .expect_err("it ends")
                .to_string()
                .contains("ended without an answer")
        );
        let error = of("read line; exit 0").abort().expect_err("it ends, and does not abort");
        assert!(error.to_string().contains("did not abort: exit status: 0"), "{error}");
    }

    #[test]
    fn child_that_answers_something_else_is_an_error() {
        assert!(
            of("cat").tell(&Order::Look).expect_err("an echo").to_string().contains("sent an invalid answer")
        );
        let refusal = of(r#"echo '{"Err":"no room"}'; cat"#).tell(&Order::Look);
        assert_eq!(refusal.expect_err("it refuses").to_string(), "no room");
    }
}
