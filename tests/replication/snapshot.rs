//! The messages of a full sync: round trip, damage, and which message may come next.

use crate::property::properties;
use replicheck::binlog::{Epoch, Lsn};
use replicheck::compression::CompressionMethod;
use replicheck::replication::snapshot::{
    Arrival, Head, Message, Record, Request, Totals, decode, decode_received, encode_end, encode_head,
    encode_received, encode_records, parse_status, status,
};
use replicheck::replication::wire::Incoming;
use replicheck::time::Millis;

fn head() -> Head {
    Head {
        last: Lsn(900),
        epoch: (Epoch(7), Lsn(450)),
        running: Some(0),
        time: Millis(5_000),
        offset_ms: -3,
        removed: Millis(4_000),
        bytes: 1 << 40,
    }
}

fn record(key: &str, value: &str) -> Record {
    (key.as_bytes().to_vec(), value.as_bytes().to_vec())
}

fn encode(message: &Message) -> Vec<u8> {
    let mut bytes = Vec::new();
    match message {
        Message::Head(head) => encode_head(head, &mut bytes),
        Message::Records(records) => encode_records(records, &mut bytes),
        Message::End(totals) => encode_end(*totals, &mut bytes),
    }
    bytes
}

/// A full sync of three records.
fn all() -> Vec<Message> {
    let groups = [vec![record("a", ""), record("b", "22")], vec![record("c", "333")]];
    let mut totals = Totals::default();
    groups.iter().for_each(|group| totals.add(group));
    let [first, second] = groups.map(Message::Records);
    vec![Message::Head(head()), first, second, Message::End(totals)]
}

#[test]
fn snapshot_messages_are_read_back_in_whatever_pieces_they_arrive() {
    let bytes: Vec<u8> = all().iter().flat_map(encode).collect();
    for piece in [1, 2, 7, bytes.len()] {
        let (mut incoming, mut read, mut arrival) = (Incoming::default(), Vec::new(), Arrival::default());
        for bytes in bytes.chunks(piece) {
            incoming.push(bytes);
            while let Some(message) = incoming.next(decode).expect("whole") {
                arrival.take(&message).expect("in order");
                read.push(message);
            }
        }
        assert_eq!(read, all());
        assert_eq!((arrival.is_complete(), arrival.head()), (true, Some(&head())));
        assert_eq!(arrival.totals(), Totals { records: 3, bytes: 8 });
    }
    let unknown = Message::Head(Head { running: None, ..head() });
    assert_eq!(decode(&encode(&unknown)).expect("whole").map(|(message, _)| message), Some(unknown));
    let mut report = Vec::new();
    encode_received(u64::MAX, &mut report);
    assert_eq!(decode_received(&report), Ok(Some((u64::MAX, report.len()))));
    assert!(decode(&report).is_err() && decode_received(&encode(&all()[3])).is_err());
}

#[test]
fn snapshot_byte_changed_or_cut_is_never_taken_for_the_message() {
    for message in all() {
        let bytes = encode(&message);
        for at in 0..bytes.len() {
            assert_eq!(decode(&bytes[..at]), Ok(None), "cut at {at}");
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                // A longer length waits for bytes that never come.
                assert!(!matches!(decode(&damaged), Ok(Some(_))), "byte {at}, bit {bit} of {message:?}");
            }
        }
    }
}

properties! {
    /// A message of each kind, with a right checksum over content of any bytes. Small bytes make lengths that fit.
    fn prop_snapshot_content_of_any_bytes_is_decoded_or_refused(content: Vec<u8>, kind: u8, are_small: bool) -> bool {
        let kind = b"hrep"[usize::from(kind) % 4];
        let mut bytes = vec![0xe1, kind];
        bytes.extend_from_slice(&u32::try_from(content.len()).expect("short").to_be_bytes());
        bytes.extend(content.iter().map(|byte| if are_small { byte % 3 } else { *byte }));
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_be_bytes());
        let _ = decode_received(&bytes);
        match decode(&bytes) {
            // A message has one form.
            Ok(Some((message, used))) => used == bytes.len() && encode(&message) == bytes,
            Ok(None) => false,
            Err(_) => true,
        }
    }
}

#[test]
fn snapshot_messages_out_of_order_or_incomplete_are_refused() {
    let [head, first, second, end] = <[Message; 4]>::try_from(all()).expect("four");
    let none = Message::End(Totals::default());
    let cases: &[(&str, Vec<&Message>)] = &[
        ("no head", vec![&first]),
        ("an end without a head", vec![&none]),
        ("two heads", vec![&head, &head]),
        ("a group twice", vec![&head, &first, &first]),
        ("groups in another order", vec![&head, &second, &first]),
        ("a group that is missing", vec![&head, &first, &end]),
        ("an end at the beginning", vec![&head, &end]),
        ("a message after the end", vec![&head, &none, &first]),
        ("two ends", vec![&head, &none, &none]),
    ];
    for (what, messages) in cases {
        let mut arrival = Arrival::default();
        let (last, before) = messages.split_last().expect("not empty");
        before.iter().for_each(|message| arrival.take(message).expect(what));
        let state = arrival.clone();
        assert!(arrival.take(last).is_err(), "{what}");
        assert_eq!(arrival, state, "{what}: unchanged");
    }
    let mut repeated = Arrival::default();
    repeated.take(&head).expect("the head");
    let equal = Message::Records(vec![record("a", "1"), record("a", "2")]);
    assert!(repeated.take(&equal).is_err(), "a key twice in a group");
}

#[test]
fn snapshot_head_with_which_no_log_can_begin_is_refused() {
    let head = head();
    for (is_sound, head) in [
        (true, head),
        (true, Head { last: Lsn::NONE, epoch: (Epoch(0), Lsn::NONE), ..head }),
        (false, Head { last: Lsn::NONE, ..head }),
        (false, Head { epoch: (Epoch(0), Lsn(1)), ..head }),
        (false, Head { epoch: (Epoch(7), Lsn::NONE), ..head }),
        (false, Head { epoch: (Epoch(7), Lsn(901)), ..head }),
    ] {
        assert_eq!(Arrival::default().take(&Message::Head(head)).is_ok(), is_sound, "{head:?}");
    }
}

#[test]
fn snapshot_request_and_answer_are_read_back() {
    for codec in CompressionMethod::ALL.iter().copied() {
        let request = Request { version: 4, port: 7002, expiry: "log_clock".to_owned(), codec };
        assert!(Request::is_in(&request.argv()));
        assert_eq!(Request::parse(&request.argv()), Ok(request));
        assert_eq!(parse_status(status(codec).as_bytes()), Some(codec));
    }
    let argv = |text: &str| text.split(' ').map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>();
    assert!(!Request::is_in(&argv("RCSYNC 4 0 - 0 0 log_clock -")));
    for (text, reason) in [
        ("RCSYNC 4 full", "ERR rcsync: invalid number of arguments"),
        ("RCSYNC 4 full 70000 log_clock", "ERR rcsync: invalid port"),
        ("RCSYNC 4 full 7002 Log", "ERR rcsync: invalid expiry policy"),
        ("RCSYNC 4 full 7002 log_clock gzip", "ERR rcsync: invalid compression (known: lz4, zstd)"),
        ("RCSYNC x full 7002 log_clock", "ERR rcsync: invalid version"),
    ] {
        assert_eq!(Request::parse(&argv(text)).expect_err(text).to_string(), reason);
    }
    let old =
        Request::parse(&argv("RCSYNC 3 full 7002 log_clock")).expect_err("version 3 knows no full sync");
    assert!(old.to_string().starts_with("NOSYNC replica speaks replication version 3"), "{old}");
    assert_eq!(parse_status(b"SNAPSHOTS"), None);
    assert_eq!(parse_status(b"CONTINUE 1 2 3"), None);
}
