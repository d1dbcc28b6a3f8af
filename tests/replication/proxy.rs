//! A proxy that closes a connection after a given number of bytes, or holds back all bytes for a while.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// The direction of the counted bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Down,
    Up,
}

/// Starts a proxy before `master`; returns its address. Its n-th connection is closed after `limits[n]` bytes in that direction,
/// later ones never. A connection's threads end with it, and the accepting thread ends with the test.
pub fn proxy(master: &str, way: Way, limits: Vec<usize>) -> String {
    start(master, way, limits, &Arc::default())
}

/// Starts a proxy before `master` that carries nothing while the flag is set. Returns its address and the flag.
pub fn stalling(master: &str) -> (String, Arc<AtomicBool>) {
    let is_held = Arc::default();
    (start(master, Way::Down, Vec::new(), &is_held), is_held)
}

fn start(master: &str, way: Way, limits: Vec<usize>, is_held: &Arc<AtomicBool>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    let (master, is_held) = (master.to_string(), Arc::clone(is_held));
    thread::spawn(move || {
        let mut limits = limits.into_iter();
        for replica in listener.incoming().map_while(Result::ok) {
            let limit = limits.next().unwrap_or(usize::MAX);
            let Ok(master) = TcpStream::connect(&master) else { continue };
            let (down, up) = if way == Way::Down { (limit, usize::MAX) } else { (usize::MAX, limit) };
            carry(&master, &replica, down, &is_held);
            carry(&replica, &master, up, &is_held);
        }
    });
    address
}

/// Forwards `limit` bytes in a thread, and then closes both directions.
fn carry(from: &TcpStream, to: &TcpStream, limit: usize, is_held: &Arc<AtomicBool>) {
    let mut from = from.try_clone().expect("a handle");
    let mut to = to.try_clone().expect("a handle");
    let is_held = Arc::clone(is_held);
    thread::spawn(move || {
        let (mut left, mut buffer) = (limit, [0; 4096]);
        while left > 0 {
            while is_held.load(Ordering::Relaxed) {
                thread::park_timeout(Duration::from_millis(1));
            }
            let room = left.min(buffer.len());
            match from.read(&mut buffer[..room]) {
                Ok(length) if length > 0 && to.write_all(&buffer[..length]).is_ok() => left -= length,
                _ => break,
            }
        }
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    });
}
