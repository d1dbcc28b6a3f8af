//! The state and the time that readers are given while entries arrive and are applied.

use super::explore::{explore, finds};
use crate::apply::pool::{Limits, Pool, Schedule, Stopped};
use crate::handover::hand_over;
use crate::log::log;
use crate::promise::{History, Judge, Seen, Wrong};
use crate::publication::{MasterPublication, ReplicaPublication, ReplicaSight};
use crate::sync::{Mutex, lock};
use loom::sync::atomic::{AtomicU64, Ordering as Memory};
use loom::thread;
use replicheck::apply::Applier;
use replicheck::binlog::{Entry, Lsn};
use replicheck::effect::KeySet;
use replicheck::expiry::{self, Judging, LogTime};
use replicheck::node::{MasterClock, Readers, Replica};
use replicheck::ordering::{AnyStrategy, Strategy};
use replicheck::time::{Elapsed, Millis, Moment};
use std::sync::Arc;

/// A moment at which both clocks show `now`.
fn at(now: u64) -> Moment {
    Moment { elapsed: Elapsed(now), wall: Millis(now) }
}

fn clock() -> MasterClock {
    MasterClock::new(Judging::LogTime, (Millis(10), Elapsed(10)), Millis(10), at(10))
}

#[test]
fn loom_publication_reader_never_judges_beyond_an_unpublished_entry() {
    explore("publication, writer, reader", None, || {
        // In place of a snapshot: the time of the next entry, which the reader does not see.
        let publication = Arc::new(MasterPublication::new(clock(), Lsn(0), 0));
        publication.raise(Millis(100));
        let writer = thread::spawn({
            let publication = Arc::clone(&publication);
            move || {
                let first = publication.begin(at(20), |_, _| ()).0;
                publication.publish(Lsn(1), 1);
                let second = publication.begin(at(30), |_, _| ()).0;
                publication.publish(Lsn(2), 2);
                [first, second]
            }
        });
        let beat = publication.heartbeat(at(25), |_, _| ());
        let sights = [publication.read(at(50)), publication.read(at(40))];
        let stamped = writer.join().expect("no panic");
        for sight in &sights {
            assert_eq!(sight.lsn.0, *sight.snapshot, "state and number belong together");
            let at = usize::try_from(sight.lsn.0).expect("small");
            assert!(stamped.get(at).is_none_or(|next| sight.clock <= *next), "{sight:?}, {stamped:?}");
            assert!(at == 0 || stamped[at - 1] <= sight.clock, "{sight:?}, {stamped:?}");
        }
        assert!(sights[0].lsn <= sights[1].lsn && sights[0].clock <= sights[1].clock);
        if let Some((after, time)) = beat {
            let at = usize::try_from(after.0).expect("small");
            assert!(stamped.get(at).is_none_or(|next| time <= *next), "heartbeat {time} after {after}");
        }
    });
}

#[test]
fn loom_replica_publication_reader_judges_between_what_it_sees_and_the_next() {
    explore("publication of a replica, link, worker, reader", None, || {
        let zero = Elapsed::default();
        let replica = Replica::new(Lsn(0), LogTime::at(Millis(5), zero), None, Readers::In);
        let publication = Arc::new(ReplicaPublication::new(replica));
        let link = thread::spawn({
            let publication = Arc::clone(&publication);
            move || {
                publication.tell(|replica| replica.receive(Lsn(1), Millis(10), zero));
                publication.tell(|replica| replica.heartbeat(Lsn(1), Millis(15), zero));
                publication.tell(|replica| replica.receive(Lsn(2), Millis(20), zero));
            }
        });
        let worker = thread::spawn({
            let publication = Arc::clone(&publication);
            move || (1..=2).for_each(|lsn| publication.publish(Lsn(lsn), |at| Some((lsn, at))))
        });
        let mut before = (Lsn(0), Millis(0));
        for _ in 0..2 {
            let ReplicaSight { lsn, reading: clock, snapshot, .. } =
                publication.read(&expiry::log_clock::LogClock, Moment::default());
            assert_eq!(snapshot.map_or(0, |snapshot| snapshot.0), lsn.0, "state and number belong together");
            // The link may be behind the worker here, so the time has no lower bound.
            let next = [10, 20, u64::MAX][usize::try_from(lsn.0).expect("small")];
            assert!(clock.time.0 <= next, "{} after entry {lsn}", clock.time);
            assert!(before <= (lsn, clock.time) && before.1 <= clock.time, "the reader went back");
            before = (lsn, clock.time);
        }
        link.join().expect("no panic");
        worker.join().expect("no panic");
        assert_eq!(
            publication.read(&expiry::log_clock::LogClock, Moment::default()).reading.time,
            Millis(20)
        );
    });
}

/// A way to hand received entries over: to the log, to the readers' clock and to the pool, in some order.
type HandOver = fn(&Pool<AnyStrategy>, Vec<Entry>, &Mutex<Lsn>, &Judge) -> Result<(), Stopped>;

fn append(received: &Mutex<Lsn>, entries: &[Entry]) -> Result<(), Stopped> {
    *lock(received) = entries.last().map_or(Lsn::NONE, |entry| entry.lsn);
    Ok(())
}

fn shipped(
    pool: &Pool<AnyStrategy>,
    entries: Vec<Entry>,
    received: &Mutex<Lsn>,
    judge: &Judge,
) -> Result<(), Stopped> {
    hand_over(
        pool,
        entries,
        1,
        |entries| append(received, entries),
        |entries| judge.receive(entries),
        |entry| entry,
    )
}

fn tells_time_too_late(
    pool: &Pool<AnyStrategy>,
    entries: Vec<Entry>,
    received: &Mutex<Lsn>,
    judge: &Judge,
) -> Result<(), Stopped> {
    append(received, &entries)?;
    for entry in entries {
        pool.admit(Arc::new(entry.clone()), 1)?;
        judge.receive(&[entry]);
    }
    Ok(())
}

fn appends_too_late(
    pool: &Pool<AnyStrategy>,
    entries: Vec<Entry>,
    received: &Mutex<Lsn>,
    judge: &Judge,
) -> Result<(), Stopped> {
    for entry in &entries {
        judge.receive(std::slice::from_ref(entry));
        pool.admit(Arc::new(entry.clone()), 1)?;
    }
    append(received, &entries)
}

/// A link hands over two entries, one worker applies them, and a reader reads the published state, its clock, and how far the
/// log has come.
fn from_link_to_reader(history: &Arc<History>, steps: HandOver) {
    let limits = Limits { entries_max: 1, bytes_max: 1000 };
    let machine = Strategy::Serial.machine(1, 1);
    let pool = Arc::new(Pool::new(Applier::new(machine, 1, Lsn::NONE), limits, Schedule::Free));
    let judge = Arc::new(Judge::new(history, Strategy::Serial, Wrong::Nothing).with_publication());
    let received = Arc::new(Mutex::new(Lsn::NONE));
    let worker = thread::spawn({
        let (pool, judge) = (Arc::clone(&pool), Arc::clone(&judge));
        move || pool.run_worker(0, &*judge)
    });
    let link = thread::spawn({
        let (pool, judge, received) = (Arc::clone(&pool), Arc::clone(&judge), Arc::clone(&received));
        move || {
            let entries = judge.history.entries.iter().map(|entry| Entry::clone(entry)).collect();
            steps(&pool, entries, &received, &judge).expect("nothing fails");
            pool.close();
        }
    });
    let (applied, clock, published) = judge.read();
    let received = *lock(&received);
    let (first, last) = history.clocks(applied);
    let is_between = first <= clock && clock <= last;
    let sees = published.map_or_else(Seen::default, |published| Seen::clone(&published));
    let length = history.prefix(&sees);
    link.join().expect("no panic");
    worker.join().expect("no panic");
    assert!(applied <= received, "applied beyond the log: {applied}, {received}");
    assert!(is_between, "clock {clock} after entry {applied}, not in {first}..={last}");
    assert_eq!(length, Some(applied), "the reader does not see the prefix of that length");
    judge.assert_kept(&["convergence", "prefix"], true);
}

fn two_entries() -> Arc<History> {
    let history = Arc::new(History::of(log(&["SET a 1", "FLUSHDB"])));
    assert_eq!(*history.entries[1].keys(), KeySet::Everything);
    history
}

#[test]
fn loom_hand_over_reader_never_judges_too_early_or_sees_more_than_the_log() {
    let history = two_entries();
    explore("hand-over, link, worker, reader", None, move || from_link_to_reader(&history, shipped));
}

#[test]
fn finds_hand_over_in_another_order() {
    let history = two_entries();
    let steps = Arc::clone(&history);
    finds("hand-over that tells the time too late", "clock ", None, move || {
        from_link_to_reader(&steps, tells_time_too_late);
    });
    finds("hand-over that appends too late", "applied beyond the log", None, move || {
        from_link_to_reader(&history, appends_too_late);
    });
}

/// A pair (LSN, clock) without a lock: the clock is stored first, so that a reader that sees the LSN judges late enough.
fn publication_by_atomics(publish: Memory, read: Memory) {
    let published = Arc::new((AtomicU64::new(0), AtomicU64::new(0)));
    let writer = thread::spawn({
        let published = Arc::clone(&published);
        move || {
            published.1.store(10, Memory::Relaxed);
            published.0.store(1, publish);
        }
    });
    let lsn = published.0.load(read);
    let clock = published.1.load(Memory::Relaxed);
    writer.join().expect("no panic");
    assert!(lsn == 0 || clock == 10, "clock {clock} with entry {lsn}");
}

#[test]
fn finds_relaxed_publication_under_loom() {
    explore("publication by atomics, Release and Acquire", None, || {
        publication_by_atomics(Memory::Release, Memory::Acquire);
    });
    finds("a Relaxed publication", "clock 0 with entry 1", None, || {
        publication_by_atomics(Memory::Relaxed, Memory::Relaxed);
    });
}
