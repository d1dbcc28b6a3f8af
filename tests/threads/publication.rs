//! What readers are given.

use replicheck::binlog::Lsn;
use replicheck::expiry::LogTime;
use replicheck::publication::{LogClock, MasterPublication, ReplicaPublication};
use replicheck::time::Millis;
use std::sync::Arc;

fn read(publication: &MasterPublication<&'static str>, now: u64) -> (u64, u64, &'static str) {
    let sight = publication.read(Millis(now));
    (sight.lsn.0, sight.clock.0, *sight.snapshot)
}

#[test]
fn master_clock_follows_time_up_to_the_ceiling_and_never_goes_back() {
    let publication = MasterPublication::new(LogClock::new(Millis(10)), Lsn(7), "seven");
    assert_eq!(read(&publication, 50), (7, 10, "seven"), "no ceiling yet");
    publication.raise(Millis(40));
    assert_eq!(read(&publication, 20), (7, 20, "seven"));
    assert_eq!(read(&publication, 15), (7, 20, "seven"));
    assert_eq!(read(&publication, 50), (7, 40, "seven"));
    publication.raise(Millis(30));
    assert_eq!(publication.begin(Millis(60)), Millis(40), "a lower ceiling changes nothing, none is passed");
}

#[test]
fn master_clock_stands_still_while_a_group_is_under_way() {
    let publication = MasterPublication::new(LogClock::new(Millis(10)), Lsn(7), "seven");
    publication.raise(Millis(1000));
    assert_eq!(publication.heartbeat(Millis(15)), Some((Lsn(7), Millis(15))));
    assert_eq!(publication.begin(Millis(20)), Millis(20));
    assert_eq!(read(&publication, 30), (7, 20, "seven"));
    assert_eq!(publication.heartbeat(Millis(30)), None);
    publication.publish(Lsn(8), "eight");
    assert_eq!(read(&publication, 30), (8, 30, "eight"));
    publication.begin(Millis(40));
    publication.refuse();
    assert_eq!(read(&publication, 50), (8, 50, "eight"));
    assert_eq!(publication.heartbeat(Millis(45)), Some((Lsn(8), Millis(50))));
}

#[test]
fn master_publish_gives_up_the_state_before() {
    let publication = MasterPublication::new(LogClock::new(Millis(10)), Lsn(0), String::from("none"));
    let reader = publication.read(Millis(10)).snapshot;
    publication.publish(Lsn(1), String::from("one"));
    assert_eq!((Arc::strong_count(&reader), reader.as_str()), (1, "none"));
}

#[test]
fn replica_clock_is_log_time_and_moves_with_the_state() {
    let publication = ReplicaPublication::new(LogTime::at(Millis(4990), Millis(5150)), Some(100), Lsn(0));
    let read = |local| {
        let (lsn, log_time, snapshot) = publication.read(Millis(local));
        (lsn.0, snapshot.as_deref().copied(), log_time.time.0, log_time.estimated)
    };
    let publish = |lsn, state, local| {
        publication.publish(Lsn(lsn), Millis(local), |judged_at| Some((state, judged_at.0)));
    };
    assert_eq!(read(5200), (0, None, 4990, false), "the time before the start was no silence");
    publication.hear(Lsn(1), Millis(5000), Millis(5160));
    publication.hear(Lsn(1), Millis(5030), Millis(5170));
    publication.hear(Lsn(2), Millis(5055), Millis(5180));
    assert_eq!(read(5200), (0, None, 4990, false), "nothing is heard before its entry is applied");
    publish(1, "one", 5200);
    assert_eq!(read(5300), (1, Some(("one", 5030)), 5030, false));
    assert_eq!(read(5310), (1, Some(("one", 5030)), 5040, true), "silent for longer than the limit");
    publish(2, "two", 5310);
    assert_eq!(read(5310), (2, Some(("two", 5055)), 5055, false));
    publication.publish(Lsn(3), Millis(5310), |_| None);
    assert_eq!(read(5310), (3, Some(("two", 5055)), 5055, false), "the state before stays");
}
