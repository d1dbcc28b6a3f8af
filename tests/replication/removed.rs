//! A follower that has removed a key by itself, and a promoted master on which that key is still alive.

use replicheck::binlog::{Entry, Epoch, Lsn};
use replicheck::command::{Command, line};
use replicheck::effect::Key;
use replicheck::expiry::{LogTime, Policy};
use replicheck::node::{Master, Readers, Replica, SerialReplica, removal_with_deadline};
use replicheck::replication::handshake::{Hello, History, Refusal, Resume, ResumePoint, answer};
use replicheck::store::memory::MemoryStore;
use replicheck::store::{Dump, Store, dump};
use replicheck::time::{Elapsed, Millis, Moment};

fn run(master: &mut Master<MemoryStore>, now: u64, text: &str) -> Vec<Entry> {
    let command = Command::parse(0, line::split(text.as_bytes()).expect("a line")).expect("a command");
    let mut entries = Vec::new();
    master.request(&*Policy::LogClock.get(), &command, Millis(now), 0, &mut entries).expect("memory");
    entries
}

fn apply(replica: &mut SerialReplica<MemoryStore>, entries: &[Entry]) {
    let policy = Policy::LogClock.get();
    for entry in entries {
        replica.receive(&*policy, entry.clone(), Moment::default());
        replica.apply(&*policy, Millis::ZERO).expect("memory");
        replica.publish();
    }
}

/// `h` dies at 100 s. C hears 105 s and removes it. B has heard 95 s, is promoted, and writes to `h` at `written_at`. Returns
/// both stores if C resumes, and the refusal otherwise. `is_told`: C's hello reports the removal.
fn promoted(written_at: u64, is_told: bool) -> Result<(Dump, Dump), Refusal> {
    let mut a = Master::new(MemoryStore::new(), Epoch(1));
    let shared = [run(&mut a, 0, "HSET h f 1"), run(&mut a, 0, "PEXPIRE h 100000")].concat();
    let log_time = LogTime::at(Millis::ZERO, Elapsed::default());
    let follower =
        || SerialReplica::new(Replica::new(Lsn::NONE, log_time, None, Readers::In), MemoryStore::new());
    let [mut b, mut c] = [follower(), follower()];
    [&mut b, &mut c].into_iter().for_each(|replica| apply(replica, &shared));
    c.heartbeat(Millis(105_000), Elapsed::default());
    let heard = c.replica().heard();
    let mut store = c.shown().clone();
    let dead = removal_with_deadline(&store, &Key::new(0, "h"), heard).expect("memory");
    let (effect, deadline) = dead.expect("`h` is dead on C");
    store.write(&effect.writes).expect("memory");
    let mut c = SerialReplica::new(c.replica().clone(), store);
    let mut b = Master::resume(b.shown().clone(), Epoch(2), Lsn(2), Millis(95_000));
    let written = run(&mut b, written_at, "HSET h g 2");
    let history = History {
        first: Lsn(1),
        last: b.last(),
        epochs: vec![(Epoch(1), Lsn(1)), (Epoch(2), Lsn(3))],
        epoch: Epoch(2),
        expiry: "log_clock".to_owned(),
        time: b.time(),
        follows: false,
    };
    let hello = Hello {
        last: Lsn(2),
        removed: if is_told { deadline } else { Millis::ZERO },
        expiry: "log_clock".to_owned(),
        epochs: vec![(Epoch(1), Lsn(1))],
        ..Hello::default()
    };
    let Resume { from, .. } =
        answer(&history, &hello, |_| ResumePoint { checksum: None, next: Some(written[0].time) })?;
    assert_eq!(from, Lsn(3));
    apply(&mut c, &written);
    Ok((dump(b.store()).expect("memory"), dump(c.shown()).expect("memory")))
}

#[test]
fn follower_that_does_not_tell_what_it_removed_differs_for_ever_and_one_that_does_is_refused() {
    let (master, replica) = promoted(95_000, false).expect("the hello is accepted");
    assert_ne!(master, replica, "the fault: the replica has half of the hash");
    let refusal = Refusal::Removed { removed: Millis(100_000), next: Millis(95_000) };
    assert_eq!(promoted(95_000, true), Err(refusal));
    let (master, replica) = promoted(100_000, true).expect("h is dead on both");
    assert_eq!(master, replica);
}
