//! A proxy that closes a connection after a given number of bytes.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

/// The direction of the counted bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Down,
    Up,
}

/// Starts a proxy before `master`; returns its address. Its n-th connection is closed after `limits[n]` bytes in that direction,
/// later ones never. A connection's threads end with it, and the accepting thread ends with the test.
pub fn proxy(master: &str, way: Way, limits: Vec<usize>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    let master = master.to_string();
    thread::spawn(move || {
        let mut limits = limits.into_iter();
        for replica in listener.incoming().map_while(Result::ok) {
            let limit = limits.next().unwrap_or(usize::MAX);
            let Ok(master) = TcpStream::connect(&master) else { continue };
            let (down, up) = if way == Way::Down { (limit, usize::MAX) } else { (usize::MAX, limit) };
            carry(&master, &replica, down);
            carry(&replica, &master, up);
        }
    });
    address
}

/// Forwards `limit` bytes in a thread, and then closes both directions.
fn carry(from: &TcpStream, to: &TcpStream, limit: usize) {
    let mut from = from.try_clone().expect("a handle");
    let mut to = to.try_clone().expect("a handle");
    thread::spawn(move || {
        let (mut left, mut buffer) = (limit, [0; 4096]);
        while left > 0 {
            let room = left.min(buffer.len());
            match from.read(&mut buffer[..room]) {
                Ok(length) if length > 0 && to.write_all(&buffer[..length]).is_ok() => left -= length,
                _ => break,
            }
        }
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    });
}
