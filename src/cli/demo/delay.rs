//! A link that delivers late: a TCP proxy before a master. Does I/O: sockets, threads.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

const CHUNK_BYTES: usize = 64 << 10;
/// Maximum number of chunks in transit; beyond it the sender waits.
const CHUNKS_MAX: usize = 1024;

/// Starts the proxy on a free port. Data from `target` is delivered `delay` late, data to `target` at once. The proxy
/// lives as long as the process. Errors: no port or no thread can be had.
pub fn delayed(target: SocketAddr, delay: Duration) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let addr = listener.local_addr()?;
    thread::Builder::new().name("late link".to_owned()).spawn(move || {
        for near in listener.incoming().flatten() {
            // If `target` does not answer, the replica sees a closed connection and tries again.
            let _ = TcpStream::connect(target).and_then(|far| couple(near, far, delay));
        }
    })?;
    Ok(addr)
}

fn couple(near: TcpStream, far: TcpStream, delay: Duration) -> io::Result<()> {
    let (mut from_near, mut to_far) = (near.try_clone()?, far.try_clone()?);
    thread::Builder::new().spawn(move || {
        let _ = io::copy(&mut from_near, &mut to_far);
        let _ = to_far.shutdown(Shutdown::Both);
    })?;
    let (sender, receiver) = sync_channel(CHUNKS_MAX);
    thread::Builder::new().spawn(move || stamp(far, &sender))?;
    thread::Builder::new().spawn(move || deliver(&receiver, near, delay))?;
    Ok(())
}

/// Stamps each chunk with the time of its arrival.
fn stamp(mut far: TcpStream, sender: &SyncSender<(Instant, Vec<u8>)>) {
    let mut buffer = vec![0; CHUNK_BYTES];
    while let Ok(length @ 1..) = far.read(&mut buffer) {
        if sender.send((Instant::now(), buffer[..length].to_vec())).is_err() {
            return;
        }
    }
}

fn deliver(receiver: &Receiver<(Instant, Vec<u8>)>, mut near: TcpStream, delay: Duration) {
    while let Ok((came, bytes)) = receiver.recv() {
        thread::sleep(delay.saturating_sub(came.elapsed()));
        if near.write_all(&bytes).is_err() {
            return;
        }
    }
    let _ = near.shutdown(Shutdown::Both);
}
