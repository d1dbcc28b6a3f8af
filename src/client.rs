//! Client — a blocking client for any server that speaks RESP2, and a replica's link to its master. Does I/O: sockets.

#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod full_sync;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod link;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod served;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod text;

use redis_protocol::resp2::decode::decode;
use redis_protocol::resp2::encode::encode_borrowed;
use redis_protocol::resp2::types::BorrowedFrame;
pub use redis_protocol::resp2::types::OwnedFrame;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// The longest reply that is accepted, in bytes: twice the longest value in Redis.
pub const REPLY_BYTES_MAX: usize = 1 << 30;
const READ_BYTES: usize = 64 << 10;

/// The reason for which there is no reply. The connection cannot be used any further.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// No address of the server accepts a connection.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// The server, `host:port`.
        address: String,
        /// The system's error for the last address tried.
        source: io::Error,
    },
    /// The connection failed, or a time limit passed.
    #[error("connection failed: {0}")]
    Io(#[from] io::Error),
    /// The server closed the connection.
    #[error("connection closed by the server")]
    Closed,
    /// The bytes received are not valid RESP2.
    #[error("reply is not RESP: {0}")]
    NotResp(String),
    /// The reply is longer than this number of bytes.
    #[error("reply is longer than {0} bytes")]
    TooLong(usize),
    /// The reply is neither a string nor an error.
    #[error("reply is not a string")]
    NotText,
}

/// A connection to a trusted server: a reply with very deeply nested arrays would exhaust the stack.
#[derive(Debug)]
pub struct Client {
    socket: TcpStream,
    incoming: Vec<u8>,
}

impl Client {
    /// Connects to `host:port`. `limit` is the longest time for that, and for each later read and write.
    pub fn connect(address: &str, limit: Duration) -> Result<Client, ClientError> {
        let socket = connect(address, limit)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(limit))?;
        socket.set_write_timeout(Some(limit))?;
        Ok(Client { socket, incoming: Vec::new() })
    }

    /// Sends a command and waits for its reply.
    pub fn call<A: AsRef<[u8]>>(&mut self, argv: &[A]) -> Result<OwnedFrame, ClientError> {
        self.send(argv)?;
        self.receive()
    }

    /// Sends a command and does not wait for its reply. Several commands may be in flight.
    pub fn send<A: AsRef<[u8]>>(&mut self, argv: &[A]) -> Result<(), ClientError> {
        Ok(self.socket.write_all(&command_bytes(argv)?)?)
    }

    /// Waits for the next reply.
    pub fn receive(&mut self) -> Result<OwnedFrame, ClientError> {
        let mut buffer = vec![0; READ_BYTES];
        loop {
            if let Some((reply, used)) = reply_in(&self.incoming)? {
                self.incoming.drain(..used);
                return Ok(reply);
            }
            if self.incoming.len() > REPLY_BYTES_MAX {
                return Err(ClientError::TooLong(REPLY_BYTES_MAX));
            }
            match self.socket.read(&mut buffer)? {
                0 => return Err(ClientError::Closed),
                length => self.incoming.extend_from_slice(&buffer[..length]),
            }
        }
    }
}

/// Connects to the first address of `host:port` that accepts a connection.
fn connect(address: &str, limit: Duration) -> Result<TcpStream, ClientError> {
    let failed = |source| ClientError::Connect { address: address.to_string(), source };
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for candidate in address.to_socket_addrs().map_err(failed)? {
        match TcpStream::connect_timeout(&candidate, limit) {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(failed(last))
}

fn command_bytes<A: AsRef<[u8]>>(argv: &[A]) -> Result<Vec<u8>, ClientError> {
    let words: Vec<_> = argv.iter().map(|word| BorrowedFrame::BulkString(word.as_ref())).collect();
    let command = BorrowedFrame::Array(&words);
    let mut bytes = vec![0; command.encode_len(false)];
    encode_borrowed(&mut bytes, &command, false).map_err(|error| ClientError::NotResp(error.to_string()))?;
    Ok(bytes)
}

/// The reply at the beginning of `bytes`, and its length; `None` if it is incomplete.
fn reply_in(bytes: &[u8]) -> Result<Option<(OwnedFrame, usize)>, ClientError> {
    decode(bytes).map_err(|error| ClientError::NotResp(error.to_string()))
}
