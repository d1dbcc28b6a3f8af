//! Session — a socket whose reads and writes end on request. Does I/O: a socket, a clock, a lock.
//!
//! A blocking call on a socket cannot be woken. So no call lasts longer than [`POLL`], and between two calls the session
//! checks whether it has to end.

use super::partial::{Partial, Stalled};
use std::cell::Cell;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a session may take to notice a request to end.
pub const POLL: Duration = Duration::from_millis(100);

/// Time limits of a link, on both sides. Programs use [`Timing::default`], tests use shorter ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The longest time for making a connection.
    pub connect: Duration,
    /// A peer that sends nothing for longer is disconnected. It is many times `idle`.
    pub silence: Duration,
    /// The shortest time between two acks. An ack is sent only when it changes, or after `idle`.
    pub ack: Duration,
    /// After this time each side repeats its last message, so that the other side knows that it is alive.
    pub idle: Duration,
    /// The pause after a first failure. It doubles with each further failure.
    pub retry: Duration,
    /// The longest pause between two attempts.
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

/// A request to end. Clones share the same request.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<(Mutex<bool>, Condvar)>);

impl Stop {
    /// A request that is not set.
    pub fn new() -> Stop {
        Stop::default()
    }

    /// Sets the request. It cannot be unset.
    pub fn set(&self) {
        let (is_set, changed) = &*self.0;
        *is_set.lock().unwrap_or_else(PoisonError::into_inner) = true;
        changed.notify_all();
    }

    /// Whether the request is set.
    pub fn is_set(&self) -> bool {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the request is set, but no longer than `at_most`. Returns whether it is set.
    pub fn wait(&self, at_most: Duration) -> bool {
        let (is_set, changed) = &*self.0;
        let is_set = is_set.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = changed.wait_timeout_while(is_set, at_most, |is_set| !*is_set);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// The reason for which a session ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum End {
    /// It was ended on request.
    #[error("stopped")]
    Stopped,
    /// The other side closed it.
    #[error("connection closed by the other side")]
    Closed,
    /// The other side sent nothing for too long.
    #[error("nothing received for {ms} ms")]
    Silent {
        /// How long it sent nothing, in milliseconds.
        ms: u128,
    },
    /// The other side sends a message, or a block of a compressed stream, whose rest does not come.
    #[error(transparent)]
    Stalled(#[from] Stalled),
    /// The system reported an error.
    #[error("connection failed: {0}")]
    Io(#[from] io::Error),
}

impl End {
    /// Converts the error of a reader that reads from a [`Session::reader`]: the [`End`], if the session ended. Errors: the
    /// reader's own error, if not.
    pub fn from_read(error: io::Error) -> Result<End, io::Error> {
        error.downcast()
    }
}

/// A socket whose reads and writes end when `stop` is set, or when [`Session::end`] is called.
#[derive(Debug)]
pub struct Session<'a> {
    socket: TcpStream,
    stop: &'a Stop,
    ended: Stop,
}

impl<'a> Session<'a> {
    /// Configures the socket, which may be in non-blocking mode.
    pub fn new(socket: TcpStream, stop: &'a Stop) -> io::Result<Session<'a>> {
        socket.set_nonblocking(false)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(POLL))?;
        socket.set_write_timeout(Some(POLL))?;
        Ok(Session { socket, stop, ended: Stop::new() })
    }

    /// Ends the reads and writes of all threads of the session, and closes the connection.
    pub fn end(&self) {
        self.ended.set();
        // An error is ignored: the other side may have closed the connection before.
        let _ = self.socket.shutdown(Shutdown::Both);
    }

    /// Whether the session has to end.
    pub fn is_ended(&self) -> bool {
        self.ended.is_set() || self.stop.is_set()
    }

    /// Waits until [`Session::end`] is called, but no longer than `at_most`. Returns whether it was called.
    pub fn wait(&self, at_most: Duration) -> bool {
        self.ended.wait(at_most)
    }

    /// Waits for bytes and reads them, at least one. Errors: [`End`]; `Silent` if nothing arrives for `silence`.
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

    /// A reader of all bytes that arrive, for a decoder which notes in `asked` that it is asked for more. It never returns an end of
    /// file: its errors are [`End`]s within an [`io::Error`], and [`End::from_read`] extracts them.
    pub fn reader<'s>(&'s self, silence: Duration, asked: &'s Asked) -> impl Read + 's {
        Reader { session: self, silence, asked, partial: Partial::default(), bytes: 0 }
    }

    /// Writes all `bytes`, and waits as long as the other side takes to read them. Errors: [`End`], but never `Silent`.
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

/// Whether a decoder was asked for more bytes since it last read from the socket. If it was not, it waits for the rest of a block.
#[derive(Debug, Default)]
pub struct Asked(Cell<bool>);

impl Asked {
    /// Notes that the decoder is asked.
    pub fn set(&self) {
        self.0.set(true);
    }
}

struct Reader<'a> {
    session: &'a Session<'a>,
    silence: Duration,
    asked: &'a Asked,
    partial: Partial,
    /// Bytes that were read since the decoder was asked.
    bytes: usize,
}

impl Reader<'_> {
    fn next(&mut self, buffer: &mut [u8]) -> Result<usize, End> {
        let since = Instant::now();
        let length = self.session.read(buffer, self.silence)?;
        let is_asked = self.asked.0.take();
        self.bytes = if is_asked { length } else { self.bytes + length };
        self.partial.read(since.elapsed(), (is_asked, self.bytes), self.silence)?;
        Ok(length)
    }
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.next(buffer).map_err(io::Error::other)
    }
}

/// Ends a session when it is dropped, and so also when its thread panics. So no other thread of the session is left
/// waiting.
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
