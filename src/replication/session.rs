//! Session — reads and writes of a socket that end when they are told to. Does I/O: a socket, a clock, a lock.
//!
//! A blocking call on a socket cannot be woken. So none lasts longer than [`POLL`], and what is waited for in between
//! is asked about again.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a session may take to notice that it is to end.
pub const POLL: Duration = Duration::from_millis(100);

/// Time limits of a link, on both sides; a program's own are [`Timing::default`], tests take shorter ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// A connection that takes longer is given up.
    pub connect: Duration,
    /// A peer that says nothing for longer is cut. Many times `idle`.
    pub silence: Duration,
    /// Acks are sent at most this often, and only when they change.
    pub ack: Duration,
    /// After this long each side repeats what it said last, so that the other one knows it is there.
    pub idle: Duration,
    /// The pause after a first failure; it doubles with each further one.
    pub retry: Duration,
    /// The longest pause.
    pub retry_max: Duration,
}

impl Default for Timing {
    fn default() -> Timing {
        Timing {
            connect: Duration::from_secs(2),
            silence: Duration::from_secs(10),
            ack: Duration::from_millis(100),
            idle: Duration::from_secs(1),
            retry: Duration::from_millis(50),
            retry_max: Duration::from_secs(5),
        }
    }
}

/// A request to end. Clones are one and the same.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<(Mutex<bool>, Condvar)>);

impl Stop {
    /// One that is not asked for.
    pub fn new() -> Stop {
        Stop::default()
    }

    /// Asks for the end, for good.
    pub fn set(&self) {
        let (is_set, changed) = &*self.0;
        *is_set.lock().unwrap_or_else(PoisonError::into_inner) = true;
        changed.notify_all();
    }

    /// Whether it was asked for.
    pub fn is_set(&self) -> bool {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it is asked for, `at_most` so long; whether it is.
    pub fn wait(&self, at_most: Duration) -> bool {
        let (is_set, changed) = &*self.0;
        let is_set = is_set.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = changed.wait_timeout_while(is_set, at_most, |is_set| !*is_set);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Why a session ended, as far as its socket knows.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum End {
    /// It was told to.
    #[error("stopped")]
    Stopped,
    /// The other side closed it.
    #[error("connection closed by the other side")]
    Closed,
    /// The other side said nothing for too long.
    #[error("nothing heard for {ms} ms")]
    Silent {
        /// For how long, milliseconds.
        ms: u128,
    },
    /// The system said so.
    #[error("connection failed: {0}")]
    Io(#[from] io::Error),
}

impl End {
    /// Why a reader that reads from a [`Session::reader`] failed, if the session ended; its own error if not.
    pub fn from_read(error: io::Error) -> Result<End, io::Error> {
        error.downcast()
    }
}

/// A socket whose reads and writes end when `stop` is asked for, or when the session [is](Session::end).
#[derive(Debug)]
pub struct Session<'a> {
    socket: TcpStream,
    stop: &'a Stop,
    ended: Stop,
}

impl<'a> Session<'a> {
    /// Sets the socket up; it may come from an asynchronous server.
    pub fn new(socket: TcpStream, stop: &'a Stop) -> io::Result<Session<'a>> {
        socket.set_nonblocking(false)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(POLL))?;
        socket.set_write_timeout(Some(POLL))?;
        Ok(Session { socket, stop, ended: Stop::new() })
    }

    /// Ends what every thread of the session is doing, and closes the connection.
    pub fn end(&self) {
        self.ended.set();
        // The other side may have closed it before.
        let _ = self.socket.shutdown(Shutdown::Both);
    }

    /// Whether it is to end.
    pub fn is_ended(&self) -> bool {
        self.ended.is_set() || self.stop.is_set()
    }

    /// Waits for the session's [end](Session::end), `at_most` so long; whether it has come.
    pub fn wait(&self, at_most: Duration) -> bool {
        self.ended.wait(at_most)
    }

    /// Reads what has come, at least one byte. Errors: [`End`]; `Silent` if nothing comes for `silence`.
    pub fn read(&self, buffer: &mut [u8], silence: Duration) -> Result<usize, End> {
        let since = Instant::now();
        while !self.is_ended() {
            match (&self.socket).read(buffer) {
                Ok(0) => return Err(End::Closed),
                Ok(length) => return Ok(length),
                Err(error) if is_for_now(&error) && since.elapsed() < silence => {}
                Err(error) if is_for_now(&error) => {
                    return Err(End::Silent { ms: since.elapsed().as_millis() });
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(End::Stopped)
    }

    /// What comes, as a reader that never ends. Its errors are [`End`]s in an [`io::Error`]; [`End::from_read`] takes them out.
    pub fn reader(&self, silence: Duration) -> impl Read + '_ {
        Reader { session: self, silence }
    }

    /// Writes all of it, for as long as the other side takes to read. Errors: [`End`], never `Silent`.
    pub fn write(&self, mut bytes: &[u8]) -> Result<(), End> {
        while !bytes.is_empty() {
            if self.is_ended() {
                return Err(End::Stopped);
            }
            match (&self.socket).write(bytes) {
                Ok(0) => return Err(End::Closed),
                Ok(length) => bytes = &bytes[length..],
                Err(error) if is_for_now(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

struct Reader<'a> {
    session: &'a Session<'a>,
    silence: Duration,
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.session.read(buffer, self.silence).map_err(io::Error::other)
    }
}

/// Ends a session when it goes, and so also when its thread panics: no other thread of the session is left waiting.
#[derive(Debug)]
pub struct EndOnDrop<'a>(pub &'a Session<'a>);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Whether the call may be tried again.
fn is_for_now(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
