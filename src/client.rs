//! Client — a blocking client of any server that speaks RESP2, and the replica's link. Does I/O: sockets.

#[doc(hidden)]
pub mod link;
#[doc(hidden)]
pub mod served;

use redis_protocol::resp2::decode::decode;
use redis_protocol::resp2::encode::encode_borrowed;
use redis_protocol::resp2::types::BorrowedFrame;
pub use redis_protocol::resp2::types::OwnedFrame;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// Bytes of the longest reply that is waited for: twice the longest value that Redis knows.
pub const REPLY_BYTES_MAX: usize = 1 << 30;
const READ_BYTES: usize = 64 << 10;

/// Why there is no reply. The connection is of no more use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// No address of the server takes a connection.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// The server.
        address: String,
        /// What the system said of the last one tried.
        source: io::Error,
    },
    /// The connection failed, or a time limit passed.
    #[error("connection failed: {0}")]
    Io(#[from] io::Error),
    /// The server closed the connection.
    #[error("connection closed by the server")]
    Closed,
    /// What came is no RESP2.
    #[error("reply is not RESP: {0}")]
    NotResp(String),
    /// The reply is longer than [`REPLY_BYTES_MAX`].
    #[error("reply is longer than {REPLY_BYTES_MAX} bytes")]
    TooLong,
}

/// A connection to a server that is trusted: arrays nested very deeply in a reply would exhaust the stack.
#[derive(Debug)]
pub struct Client {
    socket: TcpStream,
    incoming: Vec<u8>,
}

impl Client {
    /// Connects to `host:port`; `limit` is for that, and for each read and write later.
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

    /// Sends a command; several may be under way.
    pub fn send<A: AsRef<[u8]>>(&mut self, argv: &[A]) -> Result<(), ClientError> {
        Ok(self.socket.write_all(&command_bytes(argv)?)?)
    }

    /// The next reply.
    pub fn receive(&mut self) -> Result<OwnedFrame, ClientError> {
        let mut buffer = vec![0; READ_BYTES];
        loop {
            if let Some((reply, used)) = reply_in(&self.incoming)? {
                self.incoming.drain(..used);
                return Ok(reply);
            }
            if self.incoming.len() > REPLY_BYTES_MAX {
                return Err(ClientError::TooLong);
            }
            match self.socket.read(&mut buffer)? {
                0 => return Err(ClientError::Closed),
                length => self.incoming.extend_from_slice(&buffer[..length]),
            }
        }
    }
}

/// A connection to the first address of `host:port` that takes one.
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

/// The reply at the beginning of `bytes`, and how many it takes; `None` if more must come first.
fn reply_in(bytes: &[u8]) -> Result<Option<(OwnedFrame, usize)>, ClientError> {
    decode(bytes).map_err(|error| ClientError::NotResp(error.to_string()))
}
