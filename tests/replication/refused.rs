//! Errors that end a link for good, errors that only end a connection, and garbage from either side.

use super::entries::entry;
use super::master::{LogSource, Master, PATIENCE, command, timing};
use super::recorder::{Recorder, Running};
use crate::seed::Seed;
use replicheck::binlog::{Lsn, encode};
use replicheck::client::link::LinkError;
use replicheck::client::{Client, OwnedFrame};
use replicheck::compression::CompressionMethod;
use replicheck::compression::stream::Encoder;
use replicheck::replication::feed::FeedError;
use replicheck::replication::handshake::{Hello, Refusal, Resume};
use replicheck::replication::session::{End, Timing};
use replicheck::replication::wire::{encode_ack, encode_heartbeat};
use replicheck::replication::{Ack, Heartbeat, PROTOCOL_VERSION, Tail};
use replicheck::time::Millis;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

#[test]
fn link_refused_stops_for_good() {
    let source = LogSource::default();
    source.write(3, 1, 5);
    let mut master = Master::new(source, 2, timing());
    let recorder = Recorder::default();
    recorder.change(|state| {
        (1..=5).for_each(|lsn| state.log.append(entry(lsn, 1, 9, 5)).expect("what comes next"));
    });
    let reason = Running::new(&master.address, recorder).stopped();
    assert!(matches!(reason, LinkError::Refused(_)));
    assert_eq!(
        reason.to_string(),
        "NOSYNC replica has lsn 5, but the histories fork after lsn 3; the master's log ends at 3, epoch 2; \
         this replica takes no full sync: start it on a copy of its stopped master's folder, with --take-copy; an empty \
         folder is enough if the master's log begins at lsn 1"
    );
    master.stop();
    assert_eq!(master.source.connections(), 1, "the master was asked once");
    assert!(matches!(master.source.refusals()[..], [Refusal::Beyond { .. }]));
}

#[test]
fn link_follower_that_fails_stops_for_good() {
    let source = LogSource::default();
    source.write(9, 1, 5);
    let mut master = Master::new(source, 1, timing());
    let recorder = Recorder::default();
    recorder.change(|state| state.fails_at = Some(Lsn(4)));
    let reason = Running::new(&master.address, recorder).stopped();
    assert!(matches!(reason, LinkError::Follower(_)) && reason.to_string() == "disk full");
    master.stop();
    assert_eq!(master.source.connections(), 1);
}

/// A server that answers its n-th connection with `answers[n]`, then closes its port, and connects to `master` once.
fn answering(answers: Vec<Vec<u8>>, master: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    let master = master.to_string();
    thread::spawn(move || {
        for answer in answers {
            let (mut socket, _) = listener.accept().expect("a connection");
            command(&mut socket);
            socket.write_all(&answer).expect("the link reads");
            // Waits until the link has read enough: a close with unread bytes could overtake the answer.
            let _ = socket.shutdown(std::net::Shutdown::Write);
            let _ = std::io::copy(&mut socket, &mut std::io::sink());
        }
        drop(listener);
        drop(TcpStream::connect(master));
    });
    address
}

fn encoded(lsn: u64, time: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(&entry(lsn, 1, time, 5), &mut bytes).expect("small");
    bytes
}

fn heartbeat(after: u64, time: u64) -> Vec<u8> {
    let (mut bytes, tail) = (Vec::new(), Tail { last: Lsn(9), time: Millis(time), bytes: 0 });
    encode_heartbeat(&Heartbeat { time: Millis(time), after: Lsn(after), tail }, &mut bytes);
    bytes
}

#[test]
fn link_garbage_from_the_master_is_an_error_and_another_try() {
    let resume = |rest: &[&[u8]]| [b"+CONTINUE 1 9 1\r\n".as_slice(), &rest.concat()].concat();
    let mut damaged = encoded(1, 0);
    damaged[30] ^= 1;
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"".to_vec(), "connection closed by the other side"),
        (b"+OK\r\n".to_vec(), "master answered OK"),
        (b"-ERR unknown command 'RCSYNC'\r\n".to_vec(), "master answered ERR unknown command 'RCSYNC'"),
        (b"-LOADING soon\r\n".to_vec(), "master answered LOADING soon"),
        (b"$5\r\nhello\r\n".to_vec(), "master answered $5\\r\\nhello\\r\\n"),
        (b"HTTP/1.1 400 Bad Request\r\n".to_vec(), "master answered HTTP/1.1 400 Bad Request\\r\\n"),
        (b"\n\n\n".to_vec(), "master answered \\n\\n\\n"),
        (b"+CONTINUE 2 9 1\r\n".to_vec(), "master answered CONTINUE 2 9 1"),
        (b"+CONTINUE 1 9\r\n".to_vec(), "master answered CONTINUE 1 9"),
        (b"+CONTINUE 1 9 1 lz4\r\n".to_vec(), "master answered CONTINUE 1 9 1 lz4"),
        (b"*1\r\n".repeat(100_000), "master answered *1\\r\\n"),
        (b"+".repeat(100_000), "master answered ++++++++"),
        (resume(&[b"garbage"]), "no entry begins with byte 67"),
        (resume(&[&encoded(2, 0)]), "lsn gap: expected 1, got 2 (epoch 1)"),
        (resume(&[&damaged]), "entry checksum is "),
        (resume(&[&heartbeat(1, 0)]), "heartbeat belongs after lsn 1, but came after lsn 0"),
        // The messages before the garbage are kept: the next connection resumes after them.
        (resume(&[&heartbeat(0, 3), &encoded(1, 5), b"\xb5"]), "unknown entry version 5"),
        (
            b"+CONTINUE 2 9 1\r\n".iter().chain(&encoded(2, 6)).chain(&heartbeat(1, 9)).copied().collect(),
            "heartbeat belongs after lsn 1, but came after lsn 2",
        ),
    ];
    let (answers, texts): (Vec<_>, Vec<_>) = cases.into_iter().unzip();
    let master = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = answering(answers, &master.local_addr().expect("an address").to_string());
    let running = Running::new(&address, Recorder::default());
    running.recorder.wait_until("every answer", |state| state.downs.len() >= texts.len());
    running.recorder.change(|state| {
        for (down, text) in state.downs.iter().zip(texts) {
            assert!(down.to_string().starts_with(text), "`{down}` is not `{text}`");
        }
        assert_eq!((state.log.last(), state.heartbeats.len()), (Lsn(2), 1));
        assert!(state.stopped.is_none());
    });
}

#[test]
fn link_to_a_master_of_version_1_asks_again_with_that_and_is_not_down_in_between() {
    let refusal = |version: u64| {
        let text = "run the same version of the program on both";
        format!("-NOSYNC replica speaks replication version {version}, this node 1: {text}\r\n").into_bytes()
    };
    let stream = [b"+CONTINUE 1 9 1\r\n".as_slice(), &encoded(1, 0), b"\xb5"].concat();
    let master = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let answers = vec![refusal(4), refusal(3), refusal(2), stream];
    let address = answering(answers, &master.local_addr().expect("an address").to_string());
    let running = Running::new(&address, Recorder::default());
    running.recorder.wait_until("the end of the fourth connection", |state| !state.downs.is_empty());
    running.recorder.change(|state| {
        assert!(state.downs[0].to_string().starts_with("unknown entry version 5"), "{}", state.downs[0]);
        let versions: Vec<u64> = state.resumes.iter().map(|resume| resume.version).collect();
        assert_eq!((versions, state.log.last(), state.stopped.is_none()), (vec![1], Lsn(1), true));
    });
}

/// Garbage in place of a compressed stream, and after a good beginning of one.
#[test]
fn link_garbage_in_a_compressed_stream_is_an_error_and_another_try() {
    let seed = Seed::of_this_run();
    for codec in [CompressionMethod::Lz4, CompressionMethod::Zstd] {
        let mut encoder = Encoder::new(codec).expect("memory");
        let mut stream = format!("+CONTINUE 1 9 1 {}\r\n", codec.name()).into_bytes();
        let garbage = [stream.clone(), b"garbage, and more of it".to_vec()].concat();
        stream.extend(encoder.encode(encoded(1, 0)).expect("memory"));
        let mut random = seed.rng();
        let mut answers = vec![garbage];
        for _ in 0..100 {
            let mut damaged = stream.clone();
            let at = random.usize(stream.len() / 3..stream.len());
            damaged[at] ^= 1 << random.u8(..8);
            damaged.extend(std::iter::repeat_with(|| random.u8(..)).take(50));
            answers.push(damaged);
        }
        let count = answers.len();
        let master = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = answering(answers, &master.local_addr().expect("an address").to_string());
        let running = Running::new(&address, Recorder::asking_for(codec));
        running.recorder.wait_until("every answer", |state| state.downs.len() >= count);
        running.recorder.change(|state| {
            let told = state.downs[0].to_string();
            assert!(told.starts_with("compressed stream: "), "{told}");
            // Every entry has its own checksum, so the entries that were delivered are right.
            let log: Vec<_> = state.log.from(Lsn(0)).to_vec();
            assert!(log.is_empty() || log == [entry(1, 1, 0, 5)], "{log:?}");
            assert!(state.stopped.is_none());
        });
    }
}

#[test]
fn link_random_bytes_after_the_answer_never_panic() {
    let seed = Seed::of_this_run();
    let mut random = seed.rng();
    let mut bytes = |length: usize| (0..length).map(|_| random.u8(..)).collect::<Vec<u8>>();
    let answers: Vec<Vec<u8>> = (0..200)
        .map(|case| match case % 4 {
            0 => bytes(case),
            1 => [b"+CONTINUE 1 9 1\r\n".as_slice(), &bytes(case)].concat(),
            2 => [b"+CONTINUE 1 9 1\r\n\xb1\0\0".as_slice(), &bytes(case)].concat(),
            _ => [b"+CONTINUE 1 9 1\r\n\xc1".as_slice(), &bytes(case)].concat(),
        })
        .collect();
    let master = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = answering(answers, &master.local_addr().expect("an address").to_string());
    let running = Running::new(&address, Recorder::default());
    running.recorder.wait_until("every answer", |state| state.downs.len() >= 200);
    running.recorder.change(|state| assert_eq!((state.log.last(), state.heartbeats.len()), (Lsn::NONE, 0)));
}

/// A connection to `master` after a handshake by hand.
fn by_hand(master: &Master) -> TcpStream {
    let mut socket = TcpStream::connect(&master.address).expect("it accepts");
    socket.set_read_timeout(Some(PATIENCE)).expect("a limit");
    let words = Hello { expiry: "log_clock".to_owned(), ..Hello::default() }.argv();
    let words = words.iter().map(|word| format!("${}\r\n{}\r\n", word.len(), word.escape_ascii()));
    let command = format!("*{}\r\n{}", words.len(), words.collect::<String>());
    socket.write_all(command.as_bytes()).expect("it reads");
    socket
}

#[test]
fn feed_garbage_from_the_replica_ends_that_connection_alone() {
    let source = LogSource::default();
    source.write(3, 1, 5);
    let mut master = Master::new(source, 1, timing());
    let running = Running::new(&master.address, Recorder::default());
    running.wait_for(Lsn(3));
    let ack = |received, durable, applied| {
        let mut bytes = Vec::new();
        encode_ack(
            &Ack { received: Lsn(received), durable: Lsn(durable), applied: Lsn(applied) },
            &mut bytes,
        );
        bytes
    };
    let mut damaged = ack(1, 1, 1);
    damaged[9] ^= 0x10;
    let cases: [(Vec<u8>, &str); 5] = [
        (b"PING\r\n".to_vec(), "no ack begins with byte 50"),
        (b"\xa2".to_vec(), "unknown ack version 2"),
        (damaged, "ack checksum is "),
        (ack(4, 0, 0), "ack Ack { "),
        ([ack(0, 0, 0), ack(0, 1, 0)].concat(), "ack Ack { "),
    ];
    for (garbage, text) in cases {
        let mut socket = by_hand(&master);
        socket.write_all(&garbage).expect("it reads");
        let _ = socket.read_to_end(&mut Vec::new());
        match &master.source.wait_for_ends(1)[..] {
            [Err(FeedError::Wire(error))] => assert!(error.to_string().starts_with(text), "{error}"),
            other => panic!("{text}: {other:?}"),
        }
    }
    master.source.write(3, 1, 5);
    running.wait_for(Lsn(6));
    running.recorder.change(|state| assert_eq!(state.downs.len(), 0));
    drop(running);
    master.stop();
}

#[test]
fn feed_silent_replica_is_cut() {
    let limits = Timing { silence: Duration::from_millis(150), ..timing() };
    let mut master = Master::new(LogSource::default(), 1, limits);
    let socket = by_hand(&master);
    let ends = master.source.wait_for_ends(1);
    assert!(matches!(ends[..], [Err(FeedError::End(End::Silent { ms })) ] if ms >= 150), "{ends:?}");
    drop(socket);
    master.stop();
}

#[test]
fn link_silent_master_is_left() {
    let limits = Timing { silence: Duration::from_millis(150), ..timing() };
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    let running = Running::with(&address, Recorder::default(), limits);
    let mut first = listener.accept().expect("a connection").0;
    command(&mut first);
    first.write_all(b"+CONTINUE 1 0 1\r\n").expect("the link reads");
    let second = listener.accept().expect("another try");
    running.recorder.change(|state| {
        assert!(matches!(state.downs[..], [LinkError::End(End::Silent { .. })]), "{:?}", state.downs);
    });
    drop((first, second));
}

/// A length has no checksum of its own: if it is damaged, heartbeats count as a part of the entry, or of the compressed block.
#[test]
fn link_to_a_master_whose_message_does_not_end_is_left_although_bytes_come() {
    // The first byte of an entry's length counts 16 MiB; the third of a block's, after 7 bytes of the frame, 64 KiB.
    for (codec, damaged) in [(CompressionMethod::None, 1), (CompressionMethod::Lz4, 7 + 2)] {
        let limits = Timing { silence: Duration::from_millis(300), ..timing() };
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let running = Running::with(&address, Recorder::asking_for(codec), limits);
        let mut first = listener.accept().expect("a connection").0;
        command(&mut first);
        let resume = Resume { from: Lsn(1), codec, version: PROTOCOL_VERSION, ..Resume::default() };
        first.write_all(format!("+{}\r\n", resume.status()).as_bytes()).expect("the link reads");
        let (mut encoder, mut bytes) = (Encoder::new(codec).expect("a codec"), Vec::new());
        encode(&entry(1, 1, 9, 5), &mut bytes).expect("it is short");
        let mut bytes = encoder.encode(bytes).expect("it is short");
        bytes[damaged] ^= 1;
        first.write_all(&bytes).expect("the link reads");
        let heartbeats = thread::spawn(move || {
            let tail = Tail { last: Lsn(1), time: Millis(9), bytes: 0 };
            loop {
                let mut bytes = Vec::new();
                encode_heartbeat(&Heartbeat { time: Millis(9), after: Lsn(1), tail }, &mut bytes);
                if first.write_all(&encoder.encode(bytes).expect("it is short")).is_err() {
                    return;
                }
                thread::park_timeout(Duration::from_millis(5));
            }
        });
        running.recorder.wait_until("the link is left", |state| !state.downs.is_empty());
        running.recorder.change(|state| {
            let is_stalled = matches!(state.downs[..], [LinkError::End(End::Stalled(_))]);
            assert!(is_stalled, "{codec:?}: {:?}", state.downs);
            assert_eq!(state.log.last(), Lsn::NONE);
        });
        heartbeats.join().expect("no panic");
    }
}

#[test]
fn client_reads_replies_and_refusals() {
    let source = LogSource::default();
    source.write(1, 1, 5);
    let mut master = Master::new(source, 1, timing());
    let mut client = Client::connect(&master.address, PATIENCE).expect("it accepts");
    match client.call(&["RCSYNC", "2", "1", "x"]) {
        Ok(OwnedFrame::Error(text)) => assert_eq!(text, "ERR rcsync: invalid number of arguments"),
        other => panic!("{other:?}"),
    }
    assert!(matches!(client.receive(), Err(replicheck::client::ClientError::Closed)));
    let address = answering(
        vec![b"*2\r\n:7\r\n$-1\r\n+PO".iter().chain(b"NG\r\n!").copied().collect()],
        &master.address,
    );
    let mut client = Client::connect(&address, PATIENCE).expect("it accepts");
    let reply = client.call(&["GET", "a key\r\n"]).expect("RESP");
    assert_eq!(reply, OwnedFrame::Array(vec![OwnedFrame::Integer(7), OwnedFrame::Null]));
    assert_eq!(client.receive().expect("RESP"), OwnedFrame::SimpleString(b"PONG".to_vec()));
    let text = client.receive().expect_err("no RESP").to_string();
    assert!(text.starts_with("reply is not RESP: "), "{text}");
    drop(client);
    master.stop();
}
