//! Text — a command whose reply is a string, to a server that need not be trusted. Does I/O: a connection of [`Client`].
//!
//! [`Client::call`] trusts the server: it waits as long as bytes arrive, takes up to a gigabyte, and nested arrays use the
//! stack. Here the whole reply has a time limit and a length, and an array is refused by its first byte.

use super::{Client, ClientError, OwnedFrame, READ_BYTES, reply_in};
use std::io::{self, ErrorKind, Read};
use std::time::{Duration, Instant};

/// The limits of one reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextLimits {
    /// The longest time from the command to the whole reply.
    pub time: Duration,
    /// The longest reply, in bytes.
    pub bytes: usize,
}

/// A server's answer to such a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text {
    /// The string, in which bytes that are not UTF-8 are replaced.
    Told(String),
    /// An error of the server, with its code: `NOAUTH Authentication required.`
    Refused(String),
}

impl Client {
    /// Sends a command and waits for its reply, a string. After an error of [`ClientError`] the connection cannot be used
    /// any further.
    pub fn call_text<A: AsRef<[u8]>>(&mut self, argv: &[A], limits: TextLimits) -> Result<Text, ClientError> {
        let before = self.socket.read_timeout()?;
        let end = Instant::now() + limits.time;
        self.send(argv)?;
        let reply = self.receive_text(end, limits.bytes)?;
        self.socket.set_read_timeout(before)?;
        Ok(reply)
    }

    fn receive_text(&mut self, end: Instant, bytes_max: usize) -> Result<Text, ClientError> {
        let mut buffer = vec![0; READ_BYTES];
        loop {
            if self.incoming.first().is_some_and(|kind| !b"$+-".contains(kind)) {
                return Err(ClientError::NotText);
            }
            if self.incoming.len() > bytes_max {
                return Err(ClientError::TooLong(bytes_max));
            }
            if let Some((reply, used)) = reply_in(&self.incoming)? {
                self.incoming.drain(..used);
                return text(reply);
            }
            // A time-out of zero would be refused.
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::Error::from(ErrorKind::TimedOut).into());
            }
            self.socket.set_read_timeout(Some(left))?;
            match self.socket.read(&mut buffer)? {
                0 => return Err(ClientError::Closed),
                length => self.incoming.extend_from_slice(&buffer[..length]),
            }
        }
    }
}

fn text(reply: OwnedFrame) -> Result<Text, ClientError> {
    match reply {
        OwnedFrame::BulkString(bytes) | OwnedFrame::SimpleString(bytes) => {
            Ok(Text::Told(String::from_utf8_lossy(&bytes).into_owned()))
        }
        OwnedFrame::Error(error) => Ok(Text::Refused(error)),
        _ => Err(ClientError::NotText),
    }
}
