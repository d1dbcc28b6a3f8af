//! Both sides over TCP: every entry arrives, in order and once, whatever happens to the connection.

use super::entries::entry;
use super::master::{LogSource, Master, PATIENCE, timing};
use super::proxy::{Way, proxy};
use super::recorder::{Recorder, Running};
use replicheck::binlog::{Epoch, Log, Lsn};
use replicheck::client::link::LinkError;
use replicheck::compression::CompressionMethod;
use replicheck::replication::Heartbeat;
use replicheck::replication::handshake::Resume;
use replicheck::replication::lag::Lag;
use replicheck::replication::session::{End, Session, Stop, Timing};
use replicheck::time::Millis;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// Asserts that every heartbeat's time lies between those of the entries around it, and that heartbeats never go back.
fn assert_in_place(log: &Log, heartbeats: &[Heartbeat]) {
    let time = |lsn: Lsn| log.get(lsn).map(|entry| entry.time);
    for heartbeat in heartbeats {
        let (before, after) = (time(heartbeat.after), time(heartbeat.after.next()));
        assert!(before.is_none_or(|before| before <= heartbeat.time), "{heartbeat:?} after {before:?}");
        assert!(after.is_none_or(|after| heartbeat.time <= after), "{heartbeat:?} before {after:?}");
    }
    assert!(heartbeats.is_sorted_by_key(|heartbeat| (heartbeat.after, heartbeat.time)));
}

#[test]
fn link_entries_and_heartbeats_arrive_in_log_order() {
    CompressionMethod::ALL.iter().copied().for_each(arrive_in_log_order);
}

fn arrive_in_log_order(codec: CompressionMethod) {
    let source = LogSource::default();
    // Several groups, so that the replica is behind at first and the feed must catch up.
    source.write(500, 1, 2000);
    let mut master = Master::new(source, 1, timing());
    let running = Running::new(&master.address, Recorder::asking_for(codec));
    running.wait_for(Lsn(500));
    for last in 501..=540 {
        master.source.write(1, 1 + last / 520, 20);
        running.wait_for(Lsn(last));
        master.source.tick(5);
        let time = master.source.tail().time;
        running
            .recorder
            .wait_until("the heartbeat", |state| state.heartbeats.last().is_some_and(|h| h.time == time));
    }
    master.source.write(5000, 2, 20);
    running.wait_for(Lsn(5540));
    running.recorder.change(|state| {
        assert_eq!(state.log, master.source.log());
        assert_in_place(&state.log, &state.heartbeats);
        assert_eq!(
            state.resumes,
            [Resume { from: Lsn(1), last: Lsn(500), epoch: Epoch(1), codec, version: 4 }]
        );
        assert!(state.groups < 2000, "5540 entries came in {} groups", state.groups);
    });
    let is_all = |progress: &replicheck::replication::feed::Progress| {
        progress.ack.applied == Lsn(5540) && progress.sent == Lsn(5540) && progress.lag == Lag::NONE
    };
    // After `idle` at the latest, the replica acknowledges the last entry.
    let acked = || master.source.progress().last().is_some_and(is_all);
    while !acked() {
        master.source.wait_until_not_read(timing().idle);
    }
    assert!(matches!(running.stop(), LinkError::End(End::Stopped)));
    assert!(matches!(master.source.wait_for_ends(1)[..], [Err(_)]), "the replica closed the connection");
    master.stop();
}

/// Cuts the stream of one connection after each number of bytes in turn. Returns the LSN from which each connection resumed.
fn cut_and_resume(way: Way, limits: Vec<usize>, entries: usize, codec: CompressionMethod) -> Vec<Lsn> {
    let cuts = limits.len();
    let source = LogSource::default();
    source.write(entries, 1, 5);
    let mut master = Master::new(source, 1, timing());
    let running = Running::new(&proxy(&master.address, way, limits), Recorder::asking_for(codec));
    running.recorder.wait_until("every cut", |state| state.downs.len() >= cuts);
    master.source.write(10, 2, 5);
    running.wait_for(Lsn(entries as u64 + 10));
    let froms = running.recorder.change(|state| {
        assert_eq!(state.log, master.source.log());
        assert_in_place(&state.log, &state.heartbeats);
        let froms: Vec<_> = state.resumes.iter().map(|resume| resume.from).collect();
        assert!(froms.is_sorted(), "{froms:?}");
        let closed = state.downs.iter().filter(|down| matches!(down, LinkError::End(_))).count();
        assert_eq!(closed, cuts, "{:?}", state.downs.iter().find(|down| !matches!(down, LinkError::End(_))));
        froms
    });
    drop(running);
    master.stop();
    froms
}

#[test]
fn link_cut_after_any_number_of_bytes_resumes_without_loss_or_repetition() {
    // Entries have 78 bytes: connection n delivers about n / 78 of them, and a part of one.
    cut_and_resume(Way::Down, (0..500).collect(), 2000, CompressionMethod::None);
}

#[test]
fn link_compressed_and_cut_after_any_number_of_bytes_resumes_without_loss_or_repetition() {
    // A group of 256 KB holds some 3,000 of these entries and compresses to some 50 KB; its first bytes yield no entry yet.
    let limits = || (0..150).chain([500, 3_000, 60_000, 90_000]).collect();
    for codec in [CompressionMethod::Lz4, CompressionMethod::Zstd] {
        let froms = cut_and_resume(Way::Down, limits(), 40_000, codec);
        assert!(froms.iter().any(|from| (2..40_000).contains(&from.0)), "{codec:?}: {froms:?}");
    }
}

#[test]
fn link_cut_in_the_hello_or_between_acks_resumes() {
    // The hello takes about 70 bytes, and each ack 29; an ack is sent every 20 ms.
    cut_and_resume(Way::Up, (0..110).chain((110..260).step_by(11)).collect(), 200, CompressionMethod::None);
}

#[test]
fn link_follower_that_is_full_holds_the_master_back() {
    let (value_bytes, count) = (64 << 10, 1000_u64);
    let source = LogSource::default();
    source.write(1000, 1, value_bytes);
    let limits = Timing { silence: Duration::from_millis(600), ..timing() };
    let mut master = Master::new(source, 1, limits);
    let recorder = Recorder::default();
    recorder.change(|state| state.is_full = true);
    let running = Running::with(&master.address, recorder, limits);
    // Longer than the limit on silence: a slow replica that acknowledges is not cut.
    master.source.wait_until_not_read(2 * limits.silence);
    // The data that the kernel buffers for both sockets, and one group on either side, out of 64 MB.
    let under_way = master.source.read_bytes();
    assert!(
        under_way > 0 && under_way < 24 << 20,
        "{under_way} bytes are read and not accepted by the follower"
    );
    running.recorder.change(|state| {
        assert_eq!((state.log.last(), state.downs.len()), (Lsn::NONE, 0), "{:?}", state.downs);
        state.is_full = false;
    });
    running.wait_for(Lsn(count));
    running.recorder.change(|state| {
        assert_eq!((state.log.last(), state.downs.len(), state.resumes.len()), (Lsn(count), 0, 1));
        assert!(state.bytes > 65_536_000, "{} bytes", state.bytes);
        let catching_up =
            state.heartbeats.iter().filter(|heartbeat| heartbeat.after < heartbeat.tail.last).count();
        assert!(catching_up > 0, "no heartbeat reported that the replica was behind");
    });
    master.stop();
}

#[test]
fn session_told_to_stop_ends_its_reads_and_writes() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let socket = TcpStream::connect(listener.local_addr().expect("an address")).expect("it listens");
    let (mut peer, _) = listener.accept().expect("a connection");
    let stop = Stop::new();
    let session = Session::new(socket, &stop).expect("a socket");
    thread::scope(|scope| {
        let write = scope.spawn(|| session.write(&vec![0; 64 << 20]));
        let read = scope.spawn(|| session.read(&mut [0], PATIENCE));
        peer.read_exact(&mut [0]).expect("it has begun");
        stop.set();
        for end in [write.join().expect("no panic"), read.join().expect("no panic").map(|_| ())] {
            assert!(matches!(end, Err(End::Stopped)), "{end:?}");
        }
    });
    assert!(matches!(session.write(b"more"), Err(End::Stopped)));
}

#[test]
fn feed_stopped_while_the_replica_does_not_read_ends() {
    let source = LogSource::default();
    source.write(1000, 1, 64 << 10);
    let mut master = Master::new(source, 1, timing());
    let recorder = Recorder::default();
    recorder.change(|state| state.is_full = true);
    let running = Running::new(&master.address, recorder);
    master.source.wait_until_not_read(Duration::from_millis(300));
    master.stop();
    assert!(matches!(master.source.wait_for_ends(1)[..], [Ok(())]));
    drop(running);
}

#[test]
fn link_resumes_across_a_new_epoch_from_its_own_log() {
    let source = LogSource::default();
    source.write(20, 1, 5);
    let recorder = Recorder::default();
    recorder.change(|state| {
        source.log().from(Lsn(0)).iter().take(12).for_each(|entry| {
            state.log.append(entry.clone()).expect("what comes next");
        });
    });
    source.write(5, 3, 5);
    let mut master = Master::new(source, 3, timing());
    let running = Running::new(&master.address, recorder);
    running.wait_for(Lsn(25));
    running.recorder.change(|state| {
        assert_eq!(
            state.resumes,
            [Resume {
                from: Lsn(13),
                last: Lsn(25),
                epoch: Epoch(3),
                codec: CompressionMethod::None,
                version: 4
            }]
        );
        assert_eq!(state.log, master.source.log());
        assert_eq!(state.log.get(Lsn(21)), Some(&entry(21, 3, state.log.from(Lsn(21))[0].time.0, 5)));
        assert!(state.log.from(Lsn(25))[0].time > Millis::ZERO);
    });
    drop(running);
    master.stop();
}

#[test]
fn link_offset_stands_between_the_entries_between_which_it_was_measured() {
    let source = LogSource::default();
    source.write(3, 1, 20);
    source.step(3_600_000);
    source.write(4, 1, 20);
    source.step(-50);
    source.step(0);
    source.write(1, 1, 20);
    let master = Master::new(source, 1, timing());
    let running = Running::new(&master.address, Recorder::default());
    running.wait_for(Lsn(8));
    master.source.step(9);
    master.source.tick(1);
    running
        .recorder
        .wait_until("the last offset", |state| state.offsets.last().is_some_and(|o| o.offset_ms == 9));
    running.recorder.change(|state| {
        let told: Vec<_> = state.offsets.iter().map(|offset| (offset.after.0, offset.offset_ms)).collect();
        assert_eq!(
            told,
            [(0, 0), (3, 3_600_000), (7, 0), (8, 9)],
            "of two offsets after one entry, the later one is sent"
        );
        assert_eq!(state.log, master.source.log());
    });
}
