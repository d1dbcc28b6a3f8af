//! The state and the time that readers are given.

use replicheck::binlog::Lsn;
use replicheck::expiry::{self, Judging, LogTime, Reading};
use replicheck::node::{MasterClock, Readers, Replica, Step};
use replicheck::publication::{MasterPublication, ReplicaPublication, ReplicaSight};
use replicheck::time::{Elapsed, Millis, Moment};
use std::sync::Arc;

/// A moment at which both clocks show `now`.
fn at(now: u64) -> Moment {
    Moment { elapsed: Elapsed(now), wall: Millis(now) }
}

/// A clock that continues from log time 10, at a moment at which both clocks showed 10.
fn clock() -> MasterClock {
    MasterClock::new(Judging::LogTime, (Millis(10), Elapsed(10)), Millis(10), at(10))
}

fn no_step(after: Lsn, step: Step) {
    panic!("{step:?} after {after}");
}

fn read(publication: &MasterPublication<&'static str>, now: u64) -> (u64, u64, &'static str) {
    let sight = publication.read(at(now));
    (sight.lsn.0, sight.clock.0, *sight.snapshot)
}

#[test]
fn master_clock_follows_time_up_to_the_ceiling_and_never_goes_back() {
    let publication = MasterPublication::new(clock(), Lsn(7), "seven");
    assert_eq!(read(&publication, 50), (7, 10, "seven"), "no ceiling yet");
    publication.raise(Millis(40));
    assert_eq!(read(&publication, 20), (7, 20, "seven"));
    assert_eq!(read(&publication, 15), (7, 20, "seven"));
    assert_eq!(read(&publication, 50), (7, 40, "seven"));
    publication.raise(Millis(30));
    assert_eq!(
        publication.begin(at(60), no_step),
        (Millis(40), 0),
        "a lower ceiling changes nothing, and no ceiling is passed"
    );
}

#[test]
fn master_clock_stands_still_while_a_group_is_under_way() {
    let publication = MasterPublication::new(clock(), Lsn(7), "seven");
    publication.raise(Millis(1000));
    assert_eq!(publication.heartbeat(at(15), no_step), Some((Lsn(7), Millis(15))));
    assert_eq!(publication.begin(at(20), no_step), (Millis(20), 0));
    assert_eq!(read(&publication, 30), (7, 20, "seven"));
    assert_eq!(publication.heartbeat(at(30), no_step), None);
    publication.publish(Lsn(8), "eight");
    assert_eq!(read(&publication, 30), (8, 30, "eight"));
    publication.begin(at(40), no_step);
    publication.refuse();
    assert_eq!(read(&publication, 50), (8, 50, "eight"));
    assert_eq!(publication.heartbeat(at(45), no_step), Some((Lsn(8), Millis(50))));
}

#[test]
fn master_publish_gives_up_the_state_before() {
    let publication = MasterPublication::new(clock(), Lsn(0), String::from("none"));
    let reader = publication.read(at(10)).snapshot;
    publication.publish(Lsn(1), String::from("one"));
    assert_eq!((Arc::strong_count(&reader), reader.as_str()), (1, "none"));
}

/// A replica that began at log time 4990 with entry 0 when its elapsed clock said 5150, and estimates after 100 ms.
fn replica() -> Replica {
    Replica::new(Lsn(0), LogTime::at(Millis(4990), Elapsed(5150)), Some(100), Readers::In)
}

fn times(replica: &Replica, local: u64) -> (u64, bool) {
    let Reading { time, estimated } = replica.log_time(Elapsed(local));
    (time.0, estimated)
}

#[test]
fn replica_clock_is_log_time_and_moves_with_the_state() {
    let publication = ReplicaPublication::new(replica());
    let read = |local| {
        let ReplicaSight { lsn, reading, snapshot, .. } =
            publication.read(&expiry::log_clock::LogClock, at(local));
        (lsn.0, snapshot.as_deref().copied(), reading.time.0, reading.estimated)
    };
    let publish = |lsn, state| publication.publish(Lsn(lsn), |judged_at| Some((state, judged_at.0)));
    assert_eq!(read(5200), (0, None, 4990, false), "the time before the start does not count as silence");
    publication.tell(|replica| {
        replica.receive(Lsn(1), Millis(5000), Elapsed(5160));
        replica.heartbeat(Lsn(1), Millis(5030), Elapsed(5170));
        replica.receive(Lsn(2), Millis(5055), Elapsed(5210));
    });
    assert_eq!(read(5210), (0, None, 4990, false), "nothing is heard before its entry is applied");
    publish(1, "one");
    assert_eq!(read(5310), (1, Some(("one", 5030)), 5030, false));
    assert_eq!(read(5320), (1, Some(("one", 5030)), 5040, true), "silent for longer than the limit");
    publish(2, "two");
    assert_eq!(read(5320), (2, Some(("two", 5055)), 5065, true));
    publication.publish(Lsn(3), |_| None);
    assert_eq!(read(5320), (3, Some(("two", 5055)), 5065, true), "the state before stays");
}

#[test]
fn replica_whose_worker_stands_still_is_no_silent_master() {
    let mut replica = replica();
    replica.receive(Lsn(1), Millis(5000), Elapsed(5160));
    for (at, time) in (5200..=6200).step_by(100).zip(5050u64..) {
        replica.heartbeat(Lsn(1), Millis(time), Elapsed(at));
    }
    assert_eq!(times(&replica, 6250), (4990, false), "heartbeats arrived all the time");
    assert_eq!(times(&replica, 6305), (4995, true), "now no heartbeats arrive");
    assert_eq!(
        times(&replica, 90_000),
        (5000, true),
        "but readers do not see entry 1, and its time ends the estimate"
    );
    replica.publish(Lsn(1));
    assert_eq!(times(&replica, 6250), (5060, false));
}

#[test]
fn replica_estimate_never_passes_an_entry_that_readers_do_not_see() {
    let mut replica = replica();
    replica.receive(Lsn(1), Millis(5000), Elapsed(5160));
    replica.receive(Lsn(2), Millis(5010), Elapsed(5160));
    assert_eq!(times(&replica, 90_000), (5000, true), "entry 1 has the time 5000");
    replica.publish(Lsn(1));
    assert_eq!(times(&replica, 90_000), (5010, true), "entry 2 at 5010");
    replica.publish(Lsn(2));
    assert_eq!(times(&replica, 5270), (5020, true), "no later entry is known");
}

#[test]
fn replica_estimate_that_was_given_is_not_taken_back() {
    let mut replica = replica();
    assert_eq!(times(&replica, 5350), (5090, true));
    replica.receive(Lsn(1), Millis(5000), Elapsed(5350));
    assert_eq!(times(&replica, 5350), (5090, true), "the estimate was given before entry 1 arrived");
    replica.publish(Lsn(1));
    assert_eq!(times(&replica, 5350), (5090, true));
    replica.heartbeat(Lsn(1), Millis(5100), Elapsed(5360));
    assert_eq!(times(&replica, 5360), (5100, false));
}

#[test]
fn replica_after_a_crash_lets_readers_in_once_a_time_after_the_tail_is_heard() {
    let begun = || {
        let log_time = LogTime::at(Millis(4990), Elapsed(5150));
        let mut replica = Replica::new(Lsn(3), log_time, Some(100), Readers::WaitForMaster);
        replica.heartbeat(Lsn(3), Millis(5000), Elapsed(5150));
        assert_eq!(replica.readers(), Readers::WaitForMaster, "the end of the master's log is not known");
        replica.resumed(Lsn(5));
        replica.receive(Lsn(4), Millis(5000), Elapsed(5150));
        replica.receive(Lsn(5), Millis(5000), Elapsed(5150));
        assert_eq!(replica.readers(), Readers::WaitForTail(Lsn(5)), "no time after entry 5 has arrived");
        replica
    };
    let mut by_heartbeat = begun();
    by_heartbeat.heartbeat(Lsn(5), Millis(5010), Elapsed(5150));
    assert_eq!(by_heartbeat.readers(), Readers::WaitFor(Lsn(5)));
    by_heartbeat.publish(Lsn(4));
    assert_eq!(by_heartbeat.readers(), Readers::WaitFor(Lsn(5)));
    by_heartbeat.publish(Lsn(5));
    assert_eq!((by_heartbeat.readers(), by_heartbeat.heard()), (Readers::In, Millis(5010)));
    let mut by_entry = begun();
    by_entry.receive(Lsn(6), Millis(5020), Elapsed(5150));
    by_entry.publish(Lsn(5));
    assert_eq!(by_entry.readers(), Readers::WaitFor(Lsn(6)));
    by_entry.publish(Lsn(6));
    assert_eq!((by_entry.readers(), by_entry.heard()), (Readers::In, Millis(5020)));
    let mut idle = Replica::new(Lsn(3), LogTime::default(), None, Readers::WaitForMaster);
    idle.resumed(Lsn(3));
    idle.heartbeat(Lsn(3), Millis(5000), Elapsed(5150));
    assert_eq!(idle.readers(), Readers::In, "everything is published already");
}

#[test]
fn replica_estimate_far_beyond_the_master_is_forgotten_and_its_readers_are_let_go_of() {
    let publication = ReplicaPublication::<()>::new(replica());
    let read = |now| publication.read(&expiry::log_clock::LogClock, at(now)).reading;
    assert_eq!(read(9_250).time, Millis(8990), "silent for 4100 ms");
    assert!(
        !publication.heartbeat(Lsn(0), Millis(8900), Millis(8900), Elapsed(9_251)),
        "100 ms ahead are within the limit"
    );
    assert_eq!(read(9_251), Reading { time: Millis(8991), estimated: true });
    assert!(publication.heartbeat(Lsn(0), Millis(8901), Millis(8890), Elapsed(9_252)));
    assert_eq!(read(9_252), Reading { time: Millis(8901), estimated: false });
}

#[test]
fn replica_is_told_no_heartbeat_and_no_estimate_beyond_the_ceiling() {
    let mut bounded = replica();
    bounded.set_ceiling(Millis(5000));
    let publication = ReplicaPublication::new(bounded);
    let read = |now| publication.read(&expiry::log_clock::LogClock, at(now)).reading.time.0;
    assert_eq!(read(9_250), 5000, "an estimate");
    publication.heartbeat(Lsn(0), Millis(9000), Millis(9000), Elapsed(9_251));
    assert_eq!(read(9_251), 5000, "a heartbeat");
    publication.tell(|replica| replica.set_ceiling(Millis(20_000)));
    publication.heartbeat(Lsn(0), Millis(9001), Millis(9001), Elapsed(9_252));
    assert_eq!(read(9_252), 9001);
    publication.receive([(Lsn(1), Millis(30_000))].into_iter(), Elapsed(9_253));
    publication.publish(Lsn(1), |_| None::<()>);
    assert_eq!(read(9_253), 30_000, "the time of an entry is in the log");
    assert_eq!(publication.counted(Elapsed(9_263)), Some(Millis(30_010)));
}

#[test]
fn offset_is_applied_with_the_entry_after_which_it_holds() {
    let publication = ReplicaPublication::<()>::new(replica().with_offset(7));
    let read = || publication.read(&expiry::log_clock::LogClock, at(5_200));
    let offset = || (read().offset_ms, read().reading.time.0);
    publication.receive([(Lsn(1), Millis(5000))].into_iter(), Elapsed(5_160));
    publication.tell(|replica| replica.offset(Lsn(1), Millis(5005), 3_600_000, Elapsed(5_160)));
    publication.tell(|replica| replica.offset(Lsn(1), Millis(5006), -50, Elapsed(5_160)));
    publication.receive([(Lsn(2), Millis(5000))].into_iter(), Elapsed(5_160));
    publication.tell(|replica| replica.offset(Lsn(2), Millis(5007), 9, Elapsed(5_160)));
    assert_eq!(offset(), (7, 4990), "the values that the folder recorded");
    publication.publish(Lsn(1), |_| None);
    assert_eq!(offset(), (-50, 5006), "of two offsets after one entry, the later one holds from its time on");
    publication.publish(Lsn(2), |_| None);
    assert_eq!(offset(), (9, 5007));
}
