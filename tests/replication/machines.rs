//! The two machines of a session: the next messages of a master, and the next step of a replica after an answer.

use replicheck::binlog::{Epoch, Lsn};
use replicheck::replication::attempt::{Attempt, Next, after_error};
use replicheck::replication::handshake::{Hello, Refusal, Resume};
use replicheck::replication::order::Receiver;
use replicheck::replication::partial::{BYTES_MIN, Partial, Stalled};
use replicheck::replication::sender::{Seen, Sender};
use replicheck::replication::wire::Downstream;
use replicheck::replication::{Offset, PROTOCOL_VERSION, PROTOCOL_VERSION_MIN, Tail};
use replicheck::time::Millis;
use std::time::Duration;

fn resume(from: u64, version: u64) -> Resume {
    Resume { from: Lsn(from), version, ..Resume::default() }
}

fn tail(last: u64, time: u64) -> Tail {
    Tail { last: Lsn(last), time: Millis(time), bytes: 0 }
}

fn seen(last: u64, time: u64) -> Seen {
    Seen { last: Lsn(last), time: Millis(time) }
}

fn offset(offset_ms: i64, until: Option<u64>) -> (Offset, Option<Lsn>) {
    (Offset { offset_ms, ..Offset::default() }, until.map(Lsn))
}

#[test]
fn sender_sends_each_offset_before_the_entries_that_were_written_after_it() {
    let mut sender = Sender::new(&resume(5, PROTOCOL_VERSION));
    assert_eq!(sender.seen(), seen(4, 0));
    let next = sender.next(tail(9, 100), offset(7, Some(6)));
    assert_eq!((next.offset.map(|offset| offset.offset_ms), next.up_to), (Some(7), Some(Lsn(6))));
    sender.entries(seen(6, 90));
    assert_eq!(sender.heartbeat(tail(9, 100), false), None, "entries of an earlier time may follow");
    let next = sender.next(tail(9, 100), offset(8, None));
    assert_eq!((next.offset.map(|offset| offset.offset_ms), next.up_to), (Some(8), Some(Lsn(9))));
    sender.entries(seen(9, 99));
    let next = sender.next(tail(9, 100), offset(8, None));
    assert_eq!((next.offset, next.up_to), (None, None), "the offset is told once");
}

#[test]
fn sender_moves_log_time_only_at_the_end_of_the_log_and_repeats_it_when_that_is_due() {
    let mut sender = Sender::new(&resume(1, PROTOCOL_VERSION));
    let due = sender.heartbeat(tail(2, 50), true).expect("it is due");
    assert_eq!((due.time, due.after), (Millis(0), Lsn::NONE), "entries are missing, so time stands");
    sender.entries(seen(2, 40));
    let moved = sender.heartbeat(tail(2, 50), false).expect("log time has advanced");
    assert_eq!((moved.time, moved.after, moved.tail), (Millis(50), Lsn(2), tail(2, 50)));
    assert_eq!(sender.heartbeat(tail(2, 50), false), None);
    assert_eq!(sender.heartbeat(tail(2, 50), true), Some(moved));
}

#[test]
fn sender_to_an_old_replica_sends_no_offset() {
    let mut sender = Sender::new(&resume(1, 1));
    assert_eq!(sender.next(tail(0, 1), offset(7, None)).offset, None);
}

/// However the log grows, a replica's side accepts each message.
#[test]
fn sender_sends_only_what_a_receiver_takes() {
    let (mut sender, mut receiver) =
        (Sender::new(&resume(1, PROTOCOL_VERSION)), Receiver::new(Lsn::NONE, Epoch(0)));
    for (last, time, group) in [(0, 10, 9), (3, 20, 2), (3, 25, 1), (3, 30, 9), (5, 30, 9), (5, 31, 9)] {
        let tail = tail(last, time);
        let next = sender.next(tail, offset(i64::try_from(time / 20).expect("it is small"), None));
        if let Some(offset) = next.offset {
            let offset = Offset { after: sender.seen().last, time: sender.seen().time, ..offset };
            receiver.take(&Downstream::Offset(offset)).expect("what comes next");
        }
        let before = sender.seen().last.0;
        let through = next.up_to.map_or(before, |up_to| up_to.0.min(before + group));
        for lsn in before + 1..=through {
            receiver
                .take(&Downstream::Entry(super::entries::entry(lsn, 1, time, 1), 0))
                .expect("what comes next");
            sender.entries(seen(lsn, time));
        }
        if let Some(heartbeat) = sender.heartbeat(tail, true) {
            receiver.take(&Downstream::Heartbeat(heartbeat)).expect("what comes next");
        }
    }
    assert_eq!(sender.seen(), seen(5, 31));
}

fn hello(last: u64) -> Hello {
    Hello { last: Lsn(last), checksum: Some(1), expiry: "log_clock".into(), ..Hello::default() }
}

#[test]
fn attempt_follows_only_the_answer_to_its_hello() {
    let attempt = Attempt::default();
    let hello = attempt.hello(hello(4));
    for (from, follows) in [(5, true), (4, false), (6, false)] {
        let status = resume(from, PROTOCOL_VERSION).status();
        let next = attempt.accepted(&hello, status.as_bytes());
        assert_eq!(matches!(next, Next::Follow(_)), follows, "{status}: {next:?}");
        let damaged = status.replacen("CONTINUE", "CONTINUF", 1);
        assert_eq!(attempt.accepted(&hello, damaged.as_bytes()), Next::Retry, "{damaged}");
    }
}

#[test]
fn attempt_goes_back_by_one_version_at_a_time_and_then_stops() {
    let mut attempt = Attempt::default();
    let text = Refusal::Version { theirs: PROTOCOL_VERSION }.to_string();
    let mut versions = Vec::new();
    loop {
        let hello = attempt.hello(hello(4));
        versions.push((hello.version, hello.checksum.is_some()));
        if attempt.refused(&text) != Next::OlderVersion {
            break;
        }
    }
    assert_eq!(versions, [(4, true), (3, true), (2, false), (PROTOCOL_VERSION_MIN, false)]);
    assert_eq!(attempt.refused(&text), Next::Stop(text.clone()));
}

#[test]
fn attempt_after_an_error_does_what_its_first_word_says() {
    let other = Refusal::OtherEntry { last: Lsn(3) };
    let reason = "replica's entries through lsn 3 are not this master's".to_owned();
    assert_eq!(after_error(&other.reply(PROTOCOL_VERSION)), Next::FullSync(reason));
    assert_eq!(after_error(&other.reply(3)), Next::Stop(other.reply(3)));
    for text in ["TRYAGAIN later", "LOADING it loads", "NOSYNC", "", "ERR NOSYNC x"] {
        assert_eq!(after_error(text), Next::Retry, "{text}");
    }
}

#[test]
fn partial_message_is_waited_for_while_enough_of_it_comes() {
    let (mut partial, limit) = (Partial::default(), Duration::from_secs(10));
    let second = Duration::from_secs(1);
    // A long message at 64 KiB in ten seconds.
    for read in 1..=100 {
        assert_eq!(partial.read(second, (false, read * BYTES_MIN.div_ceil(10)), limit), Ok(()), "{read}");
    }
    // Messages that end, however slowly they come.
    for _ in 0..100 {
        assert_eq!(partial.read(9 * second, (true, 44), limit), Ok(()));
    }
    // One that does not.
    let ends: Vec<_> = (1..=10).map(|read| partial.read(second, (false, 44 + read * 45), limit)).collect();
    assert!(ends[..9].iter().all(Result::is_ok));
    assert_eq!(ends[9], Err(Stalled { ms: 10_000, bytes: 450 }));
    assert_eq!(partial.read(second, (true, 0), limit), Ok(()), "a new connection begins anew in any case");
}
