//! Messages after the handshake: round trips, damage, cuts, and arbitrary bytes.

use super::entries::entry;
use crate::property::properties;
use quickcheck::{Arbitrary, Gen};
use replicheck::binlog::{Lsn, encode};
use replicheck::replication::wire::{
    Downstream, Incoming, WireError, decode_ack, decode_downstream, encode_ack, encode_heartbeat,
    encode_offset,
};
use replicheck::replication::{Ack, Heartbeat, Offset, Tail};
use replicheck::time::Millis;

/// Messages with any content, in any order, and their bytes.
#[derive(Clone, Debug)]
struct Stream {
    messages: Vec<Downstream>,
    bytes: Vec<u8>,
    /// The end of each message.
    ends: Vec<usize>,
}

impl Arbitrary for Stream {
    fn arbitrary(source: &mut Gen) -> Stream {
        let mut stream = Stream { messages: Vec::new(), bytes: Vec::new(), ends: Vec::new() };
        for _ in 0..1 + usize::arbitrary(source) % 6 {
            let [a, b, c, d, e] = [(); 5].map(|()| u64::arbitrary(source));
            if u8::arbitrary(source) % 3 == 0 {
                let offset = Offset { time: Millis(c), after: Lsn(a), offset_ms: b.cast_signed() };
                encode_offset(&offset, &mut stream.bytes);
                stream.messages.push(Downstream::Offset(offset));
            } else if bool::arbitrary(source) {
                let tail = Tail { last: Lsn(c), time: Millis(d), bytes: e };
                let heartbeat = Heartbeat { time: Millis(a), after: Lsn(b), tail };
                encode_heartbeat(&heartbeat, &mut stream.bytes);
                stream.messages.push(Downstream::Heartbeat(heartbeat));
            } else {
                let (entry, start) = (entry(a, b, c, usize::from(u8::arbitrary(source))), stream.bytes.len());
                encode(&entry, &mut stream.bytes).expect("small");
                stream.messages.push(Downstream::Entry(entry, stream.bytes.len() - start));
            }
            stream.ends.push(stream.bytes.len());
        }
        stream
    }
}

/// The messages in bytes that come in these pieces, up to the first error.
fn decoded(bytes: &[u8], pieces: &[u8]) -> (Vec<Downstream>, Option<WireError>) {
    let (mut incoming, mut messages, mut rest) = (Incoming::default(), Vec::new(), bytes);
    let mut pieces = pieces.iter().cycle();
    while !rest.is_empty() {
        let length = pieces.next().map_or(rest.len(), |&length| usize::from(length).max(1)).min(rest.len());
        incoming.push(&rest[..length]);
        rest = &rest[length..];
        loop {
            match incoming.next(decode_downstream) {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(incoming.next(decode_downstream), Err(error.clone()), "an error stays");
                    return (messages, Some(error));
                }
            }
        }
    }
    (messages, None)
}

properties! {
    fn prop_stream_in_any_pieces_gives_what_was_sent(stream: Stream, pieces: Vec<u8>) -> bool {
        decoded(&stream.bytes, &pieces) == (stream.messages, None)
    }

    fn prop_stream_cut_anywhere_gives_the_whole_messages_before_it(stream: Stream) -> bool {
        (0..stream.bytes.len()).all(|cut| {
            let whole = stream.ends.iter().filter(|&&end| end <= cut).count();
            decoded(&stream.bytes[..cut], &[]) == (stream.messages[..whole].to_vec(), None)
        })
    }

    fn prop_stream_with_a_flipped_bit_gives_no_wrong_message(stream: Stream, bit: usize, pieces: Vec<u8>) -> bool {
        let mut bytes = stream.bytes.clone();
        let bit = bit % (bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        let good = stream.ends.iter().filter(|&&end| end <= bit / 8).count();
        // A length that grew makes the decoder wait for more bytes, and so does an offset that became a heartbeat, which is longer;
        // any other damage is an error.
        let (messages, error) = decoded(&bytes, &pieces);
        let at = bit / 8 - good.checked_sub(1).map_or(0, |before| stream.ends[before]);
        let is_longer = (1..5).contains(&at) || at == 0 && bytes[bit / 8] & 0xf0 == 0xc0;
        messages == stream.messages[..good] && (error.is_some() || is_longer)
    }

    fn prop_any_bytes_do_not_panic(bytes: Vec<u8>, first: u8, pieces: Vec<u8>) -> bool {
        let first = [0xb1, 0xc1, 0xa1, 0xc2, 0xa0, 0, 0xd1][usize::from(first) % 7];
        let bytes = [&[first], bytes.as_slice()].concat();
        let (messages, _) = decoded(&bytes, &pieces);
        messages.is_empty() && matches!(decode_ack(&bytes), Ok(None) | Err(_))
    }

    fn prop_ack_round_trip_cut_and_flipped(received: u64, durable: u64, applied: u64, bit: usize) -> bool {
        let ack = Ack { received: Lsn(received), durable: Lsn(durable), applied: Lsn(applied) };
        let mut bytes = Vec::new();
        encode_ack(&ack, &mut bytes);
        let whole = decode_ack(&[bytes.as_slice(), b"more"].concat()) == Ok(Some((ack, bytes.len())));
        let cut = (0..bytes.len()).all(|end| decode_ack(&bytes[..end]) == Ok(None));
        let bit = bit % (bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        whole && cut && decode_ack(&bytes).is_err()
    }
}

#[test]
fn wire_bytes_of_version_1_stay_as_they_are() {
    let tail = Tail { last: Lsn(9), time: Millis(1030), bytes: 700 };
    let mut bytes = Vec::new();
    encode_heartbeat(&Heartbeat { time: Millis(1020), after: Lsn(7), tail }, &mut bytes);
    encode_ack(&Ack { received: Lsn(7), durable: Lsn(6), applied: Lsn(5) }, &mut bytes);
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        text,
        concat!(
            "c1",
            "00000000000003fc",
            "0000000000000007",
            "0000000000000009",
            "0000000000000406",
            "00000000000002bc",
            "85117248",
            "a1",
            "0000000000000007",
            "0000000000000006",
            "0000000000000005",
            "269b24ed"
        )
    );
}

#[test]
fn wire_bytes_of_an_offset_stay_as_they_are() {
    let mut bytes = Vec::new();
    encode_offset(&Offset { time: Millis(1020), after: Lsn(7), offset_ms: -3_600_000 }, &mut bytes);
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(text, concat!("d1", "00000000000003fc", "0000000000000007", "ffffffffffc91180", "a0b1979d"));
}

#[test]
fn wire_errors_are_worded_with_their_values() {
    let down = |bytes: &[u8]| decode_downstream(bytes).expect_err("bad bytes").to_string();
    let up = |bytes: &[u8]| decode_ack(bytes).expect_err("bad bytes").to_string();
    assert_eq!(down(b"+OK\r\n"), "no entry begins with byte 2b");
    assert_eq!(down(b"\xb5"), "unknown entry version 5");
    assert_eq!(down(b"\xc2"), "unknown heartbeat version 2");
    assert_eq!(up(b"\xa3"), "unknown ack version 3");
    assert_eq!(up(b"PING"), "no ack begins with byte 50");
    let text = down(&[&[0xc1], [0; 44].as_slice()].concat());
    assert!(text.starts_with("heartbeat checksum is 00000000, its bytes give "), "{text}");
}
