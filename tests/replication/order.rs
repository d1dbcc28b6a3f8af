//! The messages that may come next, on either side of a session.

use super::entries::entry;
use replicheck::binlog::{Epoch, Lsn};
use replicheck::replication::order::{Acks, Receiver};
use replicheck::replication::wire::Downstream;
use replicheck::replication::{Ack, Heartbeat, Offset, Tail};
use replicheck::time::Millis;

fn write(lsn: u64, epoch: u64, time: u64) -> Downstream {
    Downstream::Entry(entry(lsn, epoch, time, 1), 0)
}

fn beat(time: u64, after: u64, last: u64, tail_time: u64) -> Downstream {
    let tail = Tail { last: Lsn(last), time: Millis(tail_time), bytes: 0 };
    Downstream::Heartbeat(Heartbeat { time: Millis(time), after: Lsn(after), tail })
}

fn offset(after: u64) -> Downstream {
    Downstream::Offset(Offset { time: Millis(1), after: Lsn(after), offset_ms: -1 })
}

#[test]
fn receiver_takes_what_follows_and_refuses_the_rest() {
    let mut receiver = Receiver::new(Lsn(5), Epoch(2));
    for message in [
        beat(90, 5, 9, 99),
        write(6, 2, 100),
        beat(100, 6, 9, 101),
        beat(120, 6, 6, 120),
        offset(6),
        write(7, 4, 120),
    ] {
        receiver.take(&message).expect("what comes next");
    }
    let refused = [
        (write(7, 4, 120), "lsn gap: expected 8, got 7 (epoch 4)"),
        (write(9, 4, 120), "lsn gap: expected 8, got 9 (epoch 4)"),
        (write(8, 3, 120), "epoch goes back: 3 after 4 (lsn 8)"),
        (write(8, 4, 119), "log time goes back: 119 ms after 120 ms (lsn 8, epoch 4)"),
        (beat(120, 6, 9, 120), "heartbeat belongs after lsn 6, but came after lsn 7; the log ends at lsn 9"),
        (beat(120, 8, 9, 120), "heartbeat belongs after lsn 8, but came after lsn 7; the log ends at lsn 9"),
        (beat(120, 7, 6, 120), "heartbeat belongs after lsn 7, but came after lsn 7; the log ends at lsn 6"),
        (offset(6), "offset belongs after lsn 6, but came after lsn 7"),
        (offset(8), "offset belongs after lsn 8, but came after lsn 7"),
        (beat(119, 7, 9, 120), "heartbeat of 119 ms came after log time 120 ms (lsn 7, tail 120 ms)"),
        (beat(130, 7, 9, 129), "heartbeat of 130 ms came after log time 120 ms (lsn 7, tail 129 ms)"),
    ];
    for (message, text) in refused {
        let before = receiver.clone();
        assert_eq!(receiver.take(&message).expect_err(text).to_string(), text);
        assert_eq!(receiver, before);
    }
    receiver.take(&beat(130, 7, 9, 130)).expect("what comes next");
    let text = receiver.take(&write(8, 4, 129)).expect_err("earlier than the heartbeat").to_string();
    assert_eq!(text, "log time goes back: 129 ms after 130 ms (lsn 8, epoch 4)");
    receiver.take(&write(8, 4, 130)).expect("what comes next");
}

#[test]
fn receiver_first_entry_of_an_older_epoch_is_refused() {
    let mut receiver = Receiver::new(Lsn(5), Epoch(2));
    let text = receiver.take(&write(6, 1, 0)).expect_err("an older epoch").to_string();
    assert_eq!(text, "epoch goes back: 1 after 2 (lsn 6)");
    Receiver::new(Lsn::NONE, Epoch(0)).take(&write(1, 1, 0)).expect("the first entry of all");
}

#[test]
fn acks_that_go_back_or_beyond_are_refused() {
    let ack = |received, durable, applied| Ack {
        received: Lsn(received),
        durable: Lsn(durable),
        applied: Lsn(applied),
    };
    let mut acks = Acks::default();
    for good in [ack(5, 3, 4), ack(5, 3, 4), ack(7, 7, 6)] {
        acks.take(good, Lsn(8)).expect("what was sent");
    }
    let bad = [ack(6, 6, 6), ack(7, 6, 6), ack(7, 7, 5), ack(9, 7, 6), ack(7, 8, 6), ack(7, 7, 8)];
    for bad in bad {
        let before = acks.clone();
        let text = acks.take(bad, Lsn(8)).expect_err("out of order").to_string();
        assert!(text.ends_with("the last lsn sent is 8"), "{text}");
        assert_eq!(acks, before);
    }
    acks.take(ack(8, 8, 8), Lsn(8)).expect("what was sent");
}
