//! Reserved — an address that is taken for a server before it listens there. Does I/O: TCP.
//!
//! A replica names its port in its hello, and its link starts before it can answer clients. So the port is taken first, and is known
//! also where any free one was asked for.

use std::io;
use std::net::{IpAddr, SocketAddr};
use tokio::net::{TcpListener, TcpSocket};

/// Maximum number of connections that the system keeps until the server takes them.
const BACKLOG: u32 = 1024;

/// An address that takes no connection yet.
#[derive(Debug)]
pub struct Reserved(TcpSocket);

impl Reserved {
    /// Takes the address. `port` 0: any free port. Errors: the address is in use, or is not an address of this machine.
    pub fn new(bind: IpAddr, port: u16) -> io::Result<Reserved> {
        let socket = if bind.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // With this option a port is free although connections of an earlier server are still closing, and although another socket has
        // it that does not listen. So the system chooses a port without it. The connections of this server need it from the beginning.
        socket.set_reuseaddr(port != 0)?;
        socket.bind(SocketAddr::from((bind, port)))?;
        socket.set_reuseaddr(true)?;
        Ok(Reserved(socket))
    }

    /// The port. Errors: the system's.
    pub fn port(&self) -> io::Result<u16> {
        Ok(self.0.local_addr()?.port())
    }

    /// Listens there. Errors: another socket of this port listens by now.
    pub(super) fn listen(self) -> io::Result<TcpListener> {
        self.0.listen(BACKLOG)
    }
}
