//! Reader — a client that reads the replica all the time, through kills and restarts, and remembers what it saw.

use super::load::{COUNTER, LIST, ONCE, operation};
use replicheck::client::{Client, ClientError, OwnedFrame};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long the reader waits for a reply of a node, which may be killed meanwhile.
const LIMIT: Duration = Duration::from_secs(5);
/// How many of the keys that die soon are read each time: the ones written last.
const ONCE_KEYS: usize = 24;

/// A reader and what it has seen.
pub struct Reader {
    seed: u64,
    /// Whether the ordering promises that readers see only states that the master had.
    expects_prefixes: bool,
    /// Whether the policy promises that a key that was seen dead stays dead.
    expects_no_resurrection: bool,
    counter: i64,
    list_bytes: usize,
    /// `increments[n]`: how many of the first n operations are an INCR of the counter.
    increments: Vec<i64>,
    /// The numbers of the keys that die soon, in the order in which they are written.
    once: Vec<u64>,
    alive: BTreeSet<u64>,
    dead: BTreeSet<u64>,
    /// Reads that were answered.
    pub reads: u64,
    /// Reads that were refused: the replica is catching up.
    pub refused: u64,
}

impl Reader {
    pub fn new(seed: u64, expects_prefixes: bool, expects_no_resurrection: bool) -> Reader {
        Reader {
            seed,
            expects_prefixes,
            expects_no_resurrection,
            counter: 0,
            list_bytes: 0,
            increments: vec![0],
            once: Vec::new(),
            alive: BTreeSet::new(),
            dead: BTreeSet::new(),
            reads: 0,
            refused: 0,
        }
    }

    /// Reads until `stop` is set. Errors: a value went back, or a promise was broken.
    pub fn run(&mut self, address: &str, stop: &AtomicBool) -> Result<(), String> {
        while !stop.load(Ordering::Relaxed) {
            // The connection fails while the replica is killed and restarted.
            let Ok(mut client) = Client::connect(address, LIMIT) else {
                super::node::pause();
                continue;
            };
            while !stop.load(Ordering::Relaxed) {
                match self.look(&mut client) {
                    Ok(seen) => seen?,
                    Err(_) => break,
                }
                super::node::pause();
            }
        }
        Ok(())
    }

    fn look(&mut self, client: &mut Client) -> Result<Result<(), String>, ClientError> {
        let last = self.once.len().saturating_sub(ONCE_KEYS);
        let once = self.once[last..].to_vec();
        client.send(&["MGET", COUNTER, LIST])?;
        for n in &once {
            client.send(&["EXISTS", &format!("{ONCE}{n}")])?;
        }
        let both = client.receive()?;
        let mut exist = Vec::new();
        for n in once {
            exist.push((n, client.receive()?));
        }
        Ok(self.see(both, exist))
    }

    fn see(&mut self, both: OwnedFrame, exist: Vec<(u64, OwnedFrame)>) -> Result<(), String> {
        for (n, exists) in exist {
            match exists {
                OwnedFrame::Integer(0) if self.alive.contains(&n) => drop(self.dead.insert(n)),
                OwnedFrame::Integer(1) if self.expects_no_resurrection && self.dead.contains(&n) => {
                    return Err(format!("no_resurrection: {ONCE}{n} was seen dead, and is seen alive again"));
                }
                OwnedFrame::Integer(1) => drop(self.alive.insert(n)),
                _ => {}
            }
        }
        match both {
            OwnedFrame::Array(values) => {
                self.reads += 1;
                self.see_both(text(&values[0]), text(&values[1]))
            }
            OwnedFrame::Error(error) if error.starts_with("LOADING") => {
                self.refused += 1;
                Ok(())
            }
            OwnedFrame::Error(error) if error.starts_with("TRYAGAIN") => Ok(()),
            other => Err(format!("MGET gave {other:?}")),
        }
    }

    fn see_both(&mut self, counter: &str, list: &str) -> Result<(), String> {
        let number: i64 = counter.parse().unwrap_or(0);
        if number < self.counter || list.len() < self.list_bytes {
            return Err(format!(
                "monotonic_reads: a reader of the replica saw {COUNTER} {} and {} bytes of {LIST}, then {number} and {}",
                self.counter,
                self.list_bytes,
                list.len()
            ));
        }
        (self.counter, self.list_bytes) = (number, list.len());
        let last: usize = list.trim_end_matches(';').rsplit(';').next().unwrap_or("").parse().unwrap_or(0);
        let next = self.know_until_append_after(last);
        // The state is the one after m operations, and the list says that last ≤ m < next.
        let (least, most) = (self.increments[last], self.increments[next - 1]);
        if self.expects_prefixes && !(least..=most).contains(&number) {
            return Err(format!(
                "prefix: {LIST} ends with operation {last}, the next append is operation {next}: {COUNTER} is from {least} to \
                 {most} between them, and a reader of the replica saw {number}"
            ));
        }
        Ok(())
    }

    /// The number of the first operation after `last` that appends to the list.
    fn know_until_append_after(&mut self, last: usize) -> usize {
        let mut at = last + 1;
        loop {
            while self.increments.len() <= at {
                let n = self.increments.len() as u64;
                let argv = operation(self.seed, 0, n);
                let is_counted = argv[..2] == ["INCR", COUNTER];
                self.increments.push(self.increments[self.increments.len() - 1] + i64::from(is_counted));
                if argv[1].starts_with(ONCE) {
                    self.once.push(n);
                }
            }
            if operation(self.seed, 0, at as u64)[..2] == ["APPEND", LIST] {
                return at;
            }
            at += 1;
        }
    }
}

fn text(frame: &OwnedFrame) -> &str {
    match frame {
        OwnedFrame::BulkString(text) => std::str::from_utf8(text).unwrap(),
        _ => "",
    }
}
