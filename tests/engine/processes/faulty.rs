//! Faulty — a proxy between a replica and its master that harms the connection until it is healed: it cuts, holds back, drips,
//! doubles, loses and corrupts bytes.

use super::node::pause;
use fastrand::Rng;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// One read in so many is harmed.
const HARMED_OF: usize = 12;
/// The longest time for which bytes are held back.
const HELD_MS: u64 = 60;

/// The silence after lost bytes that ends a connection.
const SILENCE: Duration = Duration::from_millis(300);

/// A fault that hits the bytes of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection ends, without these bytes.
    Cut,
    /// They arrive later.
    Hold,
    /// They arrive a few at a time.
    Drip,
    /// They arrive twice.
    Double,
    /// They do not arrive, and later ones do, until the connection ends in the silence of a node that waits for them.
    Lose,
    /// One of their bits is another.
    Corrupt,
}

impl Fault {
    pub const ALL: [Fault; 6] =
        [Fault::Cut, Fault::Hold, Fault::Drip, Fault::Double, Fault::Lose, Fault::Corrupt];
}

/// A proxy, which ends with the test.
pub struct Faulty {
    /// Its address, `host:port`.
    pub address: String,
    state: Arc<State>,
}

struct State {
    is_healed: AtomicBool,
    /// How often each fault was done.
    done: [AtomicUsize; Fault::ALL.len()],
    random: Mutex<Rng>,
}

impl Faulty {
    /// Starts a proxy before `master`. The seed draws the faults; which bytes they hit depends on the network, too.
    pub fn start(master: String, seed: u64) -> Faulty {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (is_healed, random) = (AtomicBool::new(false), Mutex::new(Rng::with_seed(seed)));
        let state = Arc::new(State { is_healed, done: Default::default(), random });
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for replica in listener.incoming().map_while(Result::ok) {
                let Ok(master) = TcpStream::connect(&master) else { continue };
                carry(&master, &replica, &shared);
                carry(&replica, &master, &shared);
            }
        });
        Faulty { address, state }
    }

    /// From now on nothing is harmed.
    pub fn heal(&self) {
        self.state.is_healed.store(true, Ordering::Relaxed);
    }

    /// The faults with their numbers.
    pub fn done(&self) -> Vec<(Fault, usize)> {
        Fault::ALL.into_iter().zip(self.state.done.iter().map(|done| done.load(Ordering::Relaxed))).collect()
    }
}

impl State {
    /// The fault of the next read; `None`: it arrives as it is.
    fn draw(&self) -> Option<(Fault, u64)> {
        if self.is_healed.load(Ordering::Relaxed) {
            return None;
        }
        let mut random = self.random.lock().unwrap();
        (random.usize(..HARMED_OF) == 0).then(|| {
            let at = random.usize(..Fault::ALL.len());
            self.done[at].fetch_add(1, Ordering::Relaxed);
            (Fault::ALL[at], random.u64(..))
        })
    }
}

/// Forwards in a thread until either side ends, and then closes both.
fn carry(from: &TcpStream, to: &TcpStream, state: &Arc<State>) {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    let state = Arc::clone(state);
    thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            let fault = state.draw();
            if fault.is_some_and(|(fault, _)| fault == Fault::Lose) {
                // The nodes themselves would wait for 10 s.
                from.set_read_timeout(Some(SILENCE)).unwrap();
            }
            if fault.is_some_and(|(fault, _)| fault == Fault::Cut)
                || pass(&mut buffer[..length], fault, &mut to).is_err()
            {
                break;
            }
        }
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    });
}

fn pass(bytes: &mut [u8], fault: Option<(Fault, u64)>, to: &mut TcpStream) -> std::io::Result<()> {
    match fault {
        Some((Fault::Lose, _)) => return Ok(()),
        Some((Fault::Double, _)) => to.write_all(bytes)?,
        Some((Fault::Corrupt, drawn)) => {
            let bit = usize::try_from(drawn % (bytes.len() as u64 * 8)).unwrap();
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        Some((Fault::Hold, drawn)) => {
            let end = Instant::now() + Duration::from_millis(drawn % HELD_MS);
            while Instant::now() < end {
                pause();
            }
        }
        Some((Fault::Drip, _)) => {
            to.set_nodelay(true)?;
            for few in bytes.chunks(bytes.len().div_ceil(50)) {
                to.write_all(few)?;
                pause();
            }
            return Ok(());
        }
        Some((Fault::Cut, _)) | None => {}
    }
    to.write_all(bytes)
}
