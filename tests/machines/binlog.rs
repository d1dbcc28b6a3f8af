//! The binlog's codec and its pure log, over entries drawn at random.

use crate::property::properties;
use quickcheck::{Arbitrary, Gen, TestResult};
use replicheck::binlog::codec::{ENTRY_BYTES_MAX, VERSION_1, encoded_bytes};
use replicheck::binlog::log::{epoch_of_start, last_epoch};
use replicheck::binlog::{
    DecodeError, Entry, Epoch, Fsync, Log, LogError, Lsn, Payload, TooLarge, decode, encode,
};
use replicheck::command::Command;
use replicheck::effect::{Effect, Key, KeySet, Write};
use replicheck::time::Millis;

#[derive(Clone, Debug)]
struct AnyEntry(Entry);

impl Arbitrary for AnyEntry {
    fn arbitrary(source: &mut Gen) -> AnyEntry {
        let payload = match u8::arbitrary(source) % 3 {
            0 => Payload::Command(any_command(source)),
            1 => Payload::Effect(any_effect(source)),
            _ => any_transaction(source),
        };
        AnyEntry(Entry {
            lsn: Lsn(u64::arbitrary(source)),
            epoch: Epoch(u64::arbitrary(source)),
            time: Millis(u64::arbitrary(source)),
            payload,
        })
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = AnyEntry>> {
        if let Payload::Transaction(parts) = &self.0.payload {
            let (entry, parts) = (self.0.clone(), parts.clone());
            let payloads = (0..parts.len()).filter_map(move |at| {
                let others = parts.iter().enumerate().filter(|(other, _)| *other != at);
                Payload::transaction(others.map(|(_, part)| part.clone()))
            });
            return Box::new(payloads.map(move |payload| AnyEntry(Entry { payload, ..entry.clone() })));
        }
        let Payload::Effect(effect) = &self.0.payload else { return Box::new(std::iter::empty()) };
        let (entry, keys) = (self.0.clone(), effect.keys.clone());
        let fewer = move |count| {
            let Payload::Effect(effect) = &entry.payload else { return AnyEntry(entry.clone()) };
            let writes = effect.writes[..count].to_vec();
            let payload = Payload::Effect(Effect { writes, keys: keys.clone() });
            AnyEntry(Entry { payload, ..entry.clone() })
        };
        Box::new((0..effect.writes.len()).map(fewer))
    }
}

fn any_command(source: &mut Gen) -> Command {
    let (name, arguments) =
        *source.choose(&[("FlushAll", 0), ("hincrby", 3), ("RENAME", 2), ("del", 5)]).unwrap_or(&("del", 1));
    let mut argv = vec![name.as_bytes().to_vec()];
    argv.extend((0..arguments).map(|_| Vec::arbitrary(source)));
    Command::parse(u8::arbitrary(source), argv).expect("a command of the table")
}

/// A transaction of two to six parts, at least one of them a command.
fn any_transaction(source: &mut Gen) -> Payload {
    let mut parts = vec![Payload::Command(any_command(source)), Payload::Effect(any_effect(source))];
    for _ in 0..usize::arbitrary(source) % 5 {
        let part = match bool::arbitrary(source) {
            true => Payload::Command(any_command(source)),
            false => Payload::Effect(any_effect(source)),
        };
        parts.insert(usize::arbitrary(source) % (parts.len() + 1), part);
    }
    Payload::Transaction(parts)
}

fn any_effect(source: &mut Gen) -> Effect {
    let names: Vec<(u8, Vec<u8>)> = Vec::arbitrary(source);
    let keys = match u8::arbitrary(source) % 4 {
        0 => KeySet::Everything,
        _ => KeySet::of(names.into_iter().map(|(db, name)| Key::new(db, name))),
    };
    let count = usize::arbitrary(source) % 6;
    let writes = (0..count).map(|_| {
        let (key, value) = <(Vec<u8>, Vec<u8>)>::arbitrary(source);
        match u8::arbitrary(source) % 3 {
            0 => Write::Put { key, value },
            1 => Write::Delete { key },
            _ => Write::DeleteRange { from: key, to: value },
        }
    });
    Effect { writes: writes.collect(), keys }
}

fn encoded(entry: &Entry) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(entry, &mut bytes).expect("small");
    bytes
}

/// Corrects length and checksum of damaged bytes, so that the damage passes both checks.
fn reseal(bytes: &mut Vec<u8>) {
    let length = u32::try_from(bytes.len() + 4).expect("small");
    bytes[1..5].copy_from_slice(&length.to_be_bytes());
    let checksum = crc32c::crc32c(bytes);
    bytes.extend_from_slice(&checksum.to_be_bytes());
}

properties! {
    fn prop_codec_decode_gives_what_was_encoded(entry: AnyEntry, before: Vec<u8>, after: Vec<u8>) -> bool {
        let mut bytes = before.clone();
        encode(&entry.0, &mut bytes).expect("small");
        let length = bytes.len() - before.len();
        bytes.extend_from_slice(&after);
        length == encoded_bytes(&entry.0) && decode(&bytes[before.len()..]) == Ok((entry.0, length))
    }

    fn prop_codec_prefix_is_truncated(entry: AnyEntry) -> bool {
        let bytes = encoded(&entry.0);
        (0..bytes.len()).all(|end| matches!(
            decode(&bytes[..end]),
            Err(DecodeError::Truncated { needed }) if end < needed && needed <= bytes.len()
        ))
    }

    fn prop_codec_flipped_bit_is_detected(entry: AnyEntry, bit: usize) -> bool {
        let mut bytes = encoded(&entry.0);
        let bit = bit % (bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        decode(&bytes).is_err()
    }

    fn prop_codec_any_bytes_do_not_panic_nor_take_memory(bytes: Vec<u8>) -> bool {
        let mut sealed = [&[VERSION_1, 0, 0, 0, 0], bytes.as_slice()].concat();
        reseal(&mut sealed);
        decode(&bytes).is_err() && is_refused_or_canonical(&sealed)
    }

    fn prop_codec_damage_under_a_right_checksum_does_not_panic_nor_take_memory(
        entry: AnyEntry, damage: Vec<(usize, u8)>, cut: Option<usize>
    ) -> bool {
        let mut bytes = encoded(&entry.0);
        bytes.truncate(bytes.len() - 4);
        let payload = bytes.len() - 29;
        for (at, byte) in damage {
            bytes[29 + at % payload] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(29 + cut % payload);
        }
        reseal(&mut bytes);
        is_refused_or_canonical(&bytes)
    }

    fn prop_log_fork_is_where_two_masters_part(shared: Vec<u8>, left: Vec<u8>, right: Vec<u8>) -> TestResult {
        if shared.is_empty() {
            return TestResult::discard();
        }
        // One side has odd epochs and the other one even epochs, so that they never share one.
        let base = history(&Log::new(), &shared, |step| u64::from(step % 4));
        let left = history(&base, &left, |step| 101 + 2 * u64::from(step % 4));
        let right = history(&base, &right, |step| 100 + 2 * u64::from(step % 4));
        let fork = base.last();
        TestResult::from_bool(
            left.fork_with(right.epochs()) == fork && right.fork_with(left.epochs()) == fork
                || left == base && right == base
        )
    }
}

/// Bytes of memory that decode may hold at a time, for each byte of its input. The shortest write has 5 bytes and takes 56 in
/// memory, and a vector that grows holds its old items, its new ones, and room for as many again.
const MEMORY_A_BYTE: u64 = 40;

/// Whether decode refuses the bytes for their content, or encode writes the same bytes again: an entry has one encoding.
/// Asserts that the memory that decode needs is bounded by the length of its input.
fn is_refused_or_canonical(bytes: &[u8]) -> bool {
    let mut decoded = None;
    let memory = allocation_counter::measure(|| decoded = Some(decode(bytes)));
    assert!(memory.bytes_max <= 1_024 + MEMORY_A_BYTE * bytes.len() as u64, "{memory:?} of {bytes:02x?}");
    match decoded.expect("it returns") {
        Err(DecodeError::Checksum { .. } | DecodeError::Truncated { .. }) => false,
        Err(_) => true,
        Ok((entry, used)) => encoded(&entry) == bytes[..used],
    }
}

/// `base` with one more entry for each step, in the epoch that `epoch` returns for the step.
fn history(base: &Log, steps: &[u8], epoch: impl Fn(u8) -> u64) -> Log {
    let mut log = base.clone();
    let mut steps = steps.to_vec();
    steps.sort_by_key(|&step| epoch(step));
    for step in steps {
        log.append(entry(log.last().0 + 1, epoch(step), 0)).expect("the next entry");
    }
    log
}

fn entry(lsn: u64, epoch: u64, time: u64) -> Entry {
    let payload = Payload::Effect(Effect::none());
    Entry { lsn: Lsn(lsn), epoch: Epoch(epoch), time: Millis(time), payload }
}

fn log(rows: &[(u64, u64, u64)]) -> Log {
    let mut log = Log::new();
    rows.iter().for_each(|&(lsn, epoch, time)| log.append(entry(lsn, epoch, time)).expect("the next entry"));
    log
}

/// An entry of version 1 with this payload, and the right length and checksum.
fn sealed(payload: &[u8]) -> Vec<u8> {
    let mut bytes = [&[VERSION_1], [0; 28].as_slice(), payload].concat();
    reseal(&mut bytes);
    bytes
}

#[test]
fn entry_keys_are_those_of_its_payload() {
    let key = |db, name: &str| Key::new(db, name);
    let keys = |argv: &str| {
        let argv = argv.split(' ').map(|argument| argument.as_bytes().to_vec()).collect();
        let payload = Payload::Command(Command::parse(2, argv).expect("a command of the table"));
        Entry { payload, ..entry(1, 1, 0) }.keys().into_owned()
    };
    assert_eq!(keys("DEL a b a"), KeySet::of([key(2, "a"), key(2, "b")]));
    assert_eq!(keys("COPY a b DB 4"), KeySet::of([key(2, "a"), key(4, "b")]));
    assert_eq!(keys("FLUSHDB"), KeySet::Everything);
    let effect = Effect { writes: Vec::new(), keys: KeySet::of([key(3, "c")]) };
    let entry = Entry { payload: Payload::Effect(effect), ..entry(1, 1, 0) };
    assert_eq!(*entry.keys(), KeySet::of([key(3, "c")]));
}

#[test]
fn codec_refuses_what_the_format_does_not_allow() {
    let malformed: &[(&[u8], &str)] = &[
        (b"\x00", "unknown kind of payload"),
        (b"\x01\x02", "unknown kind of key set"),
        (b"\x01\x01\xff\xff\xff\xff", "a count beyond the end"),
        (b"\x01\x00\xff\xff\xff\xff", "a count beyond the end"),
        (b"\x02\x00\xff\xff\xff\xff", "a count beyond the end"),
        (b"\x02\x00\0\0\0\x02\0\0\0\0", "a count beyond the end"),
        (b"\x02\x00\0\0\0\x01\xff\xff\xff\xff", "a length beyond the end"),
        (b"\x01\x01\0\0\0\x02\x00\0\0\0\x01b\x00\0\0\0\x01a\0\0\0\0", "keys out of order"),
        (b"\x01\x01\0\0\0\x02\x00\0\0\0\x01a\x00\0\0\0\x01a\0\0\0\0", "keys out of order"),
        (b"\x01\x00\0\0\0\x01\x04\0\0\0\0", "unknown kind of write"),
        (b"\x01\x00\0\0\0\0\x00", "bytes after the payload"),
        (b"\x03\xff\xff\xff\xff", "a count beyond the end"),
        (b"\x03\0\0\0\x02\x01\x00\0\0\0\0", "a count beyond the end"),
        (b"\x03\0\0\0\0", "a transaction of fewer than two parts"),
        (b"\x03\0\0\0\x01\x01\x00\0\0\0\0", "a transaction of fewer than two parts"),
        (b"\x03\0\0\0\x02\x01\x00\0\0\0\0\x01\x00\0\0\0\0", "a transaction without a command"),
        (b"\x03\0\0\0\x02\x01\x00\0\0\0\0\x03\0\0\0\0\0\0", "unknown kind of payload"),
        (
            b"\x03\0\0\0\x02\x01\x00\0\0\0\0\x02\x00\0\0\0\x01\0\0\0\x07flushdb",
            "another version than its records have",
        ),
    ];
    for (payload, reason) in malformed {
        assert_eq!(decode(&sealed(payload)), Err(DecodeError::Malformed(reason)), "{payload:02x?}");
    }
}

#[test]
fn codec_errors_are_worded_with_their_values() {
    let unknown = sealed(b"\x02\x00\0\0\0\x02\0\0\0\x03FOO\0\0\0\x01a");
    let mut damaged = encoded(&entry(7, 1, 0));
    damaged[12] = 8;
    let mut long = encoded(&entry(7, 1, 0));
    long[1] = 0xff;
    let cases: &[(&[u8], &str)] = &[
        (&[], "entry is cut short: needs 5 bytes"),
        (&encoded(&entry(7, 1, 0))[..20], "entry is cut short: needs 43 bytes"),
        (b"\xb5\0\0\0\x40", "unknown entry version 5"),
        (b"\0\0\0\0\0\0\0\0", "no entry begins with byte 00"),
        (b"\xb1\0\0\0\x21", "entry length 33 is not within 34 and 537919488"),
        (&long, "entry length 4278190123 is not within 34 and 537919488"),
        (
            &unknown,
            "entry 0 holds a command that this version does not run: \
             ERR unknown command 'FOO', with args beginning with: 'a' ",
        ),
    ];
    for (bytes, text) in cases {
        assert_eq!(decode(bytes).expect_err("bad bytes").to_string(), *text);
    }
    let text = decode(&damaged).expect_err("bad bytes").to_string();
    assert!(text.starts_with("entry checksum is ") && text.contains(", its bytes give "), "{text}");
}

#[test]
fn codec_entry_above_the_limit_is_not_written() {
    let write = Write::Put { key: Vec::new(), value: vec![0; ENTRY_BYTES_MAX - 47] };
    let mut large = entry(1, 1, 0);
    large.payload = Payload::Effect(Effect { writes: vec![write], keys: KeySet::Everything });
    let mut bytes = vec![1, 2, 3];
    assert_eq!(encode(&large, &mut bytes), Err(TooLarge { bytes: ENTRY_BYTES_MAX + 1 }));
    assert_eq!(bytes, [1, 2, 3]);
}

#[test]
fn log_entry_out_of_line_is_refused() {
    let full = log(&[(1, 1, 100), (2, 3, 130)]);
    let cases = [
        (entry(4, 3, 130), "lsn gap: expected 3, got 4 (epoch 3)"),
        (entry(2, 3, 130), "lsn gap: expected 3, got 2 (epoch 3)"),
        (entry(3, 2, 130), "epoch goes back: 2 after 3 (lsn 3)"),
        (entry(3, 3, 120), "log time goes back: 120 ms after 130 ms (lsn 3, epoch 3)"),
        (entry(3, 4, 120), "log time goes back: 120 ms after 130 ms (lsn 3, epoch 4)"),
    ];
    for (entry, text) in cases {
        let mut log = full.clone();
        assert_eq!(log.append(entry).expect_err("refused").to_string(), text);
        assert_eq!(log, full);
    }
    let gap = LogError::Gap { expected: Lsn(1), got: Lsn(0), epoch: Epoch(1) };
    assert_eq!(Log::new().append(entry(0, 1, 0)), Err(gap), "LSN 0 is no entry");
}

#[test]
fn log_is_read_and_cut_by_lsn() {
    let mut log = log(&[(1, 1, 0), (2, 1, 0), (3, 1, 5), (4, 2, 5), (5, 2, 6), (6, 5, 6)]);
    assert_eq!(log.epochs(), [(Epoch(1), Lsn(1)), (Epoch(2), Lsn(4)), (Epoch(5), Lsn(6))]);
    let epochs: Vec<_> = (0..8).map(|lsn| log.epoch_at(Lsn(lsn)).map(|epoch| epoch.0)).collect();
    assert_eq!(epochs, [None, Some(1), Some(1), Some(1), Some(2), Some(2), Some(5), None]);
    let lengths: Vec<_> = (0..9).map(|lsn| log.from(Lsn(lsn)).len()).collect();
    assert_eq!(lengths, [6, 6, 5, 4, 3, 2, 1, 0, 0]);
    assert_eq!(log.get(Lsn(4)), Some(&entry(4, 2, 5)));
    assert_eq!((log.get(Lsn(0)), log.get(Lsn(7))), (None, None));
    log.truncate_after(Lsn(9));
    assert_eq!(log.last(), Lsn(6));
    log.truncate_after(Lsn(3));
    assert_eq!((log.last(), log.epochs()), (Lsn(3), [(Epoch(1), Lsn(1))].as_slice()));
    log.append(entry(4, 3, 5)).expect("a new epoch continues from the cut");
    log.truncate_after(Lsn::NONE);
    assert_eq!(log, Log::new());
}

#[test]
fn log_fork_is_the_last_shared_lsn() {
    let own = log(&[(1, 1, 0), (2, 1, 0), (3, 2, 0), (4, 2, 0), (5, 4, 0)]);
    let cases: &[(&[(u64, u64)], u64)] = &[
        (&[], 0),
        (&[(9, 1)], 0),
        (&[(1, 1)], 2),
        (&[(1, 1), (2, 2)], 1),
        (&[(1, 1), (2, 3)], 4),
        (&[(1, 1), (3, 2)], 1),
        (&[(1, 1), (3, 3)], 2),
        (&[(1, 1), (3, 9)], 2),
        (&[(1, 1), (2, 3), (3, 4)], 3),
        (&[(1, 1), (2, 3), (4, 5)], 5),
        (&[(1, 1), (2, 3), (4, 5), (6, 6)], 5),
        (&[(1, 1), (2, 3), (4, 5), (6, 8)], 5),
    ];
    for (other, fork) in cases {
        let other: Vec<_> = other.iter().map(|&(epoch, first)| (Epoch(epoch), Lsn(first))).collect();
        assert_eq!(own.fork_with(&other), Lsn(*fork), "{other:?}");
    }
    assert_eq!(Log::new().fork_with(own.epochs()), Lsn::NONE);
}

#[test]
fn log_epoch_of_a_start_comes_after_each_that_its_folder_knows() {
    let epochs = [(Epoch(1), Lsn(1)), (Epoch(3).next(7), Lsn(4))];
    let written = epochs[1].0;
    // No epoch at all; the file `node` is lost; its epoch has no entry yet; it is behind the log; the log has no entries.
    for (epochs, noted, last) in [
        (&epochs[..0], Epoch(0), Epoch(0)),
        (&epochs[..], Epoch(0), written),
        (&epochs[..], written.next(1), written.next(1)),
        (&epochs[..], Epoch(1), written),
        (&epochs[..0], Epoch(5), Epoch(5)),
    ] {
        assert_eq!(last_epoch(epochs, noted), last);
        let begun = [2, 3].map(|random| epoch_of_start(epochs, noted, random));
        assert!(begun.iter().all(|epoch| *epoch > last && *epoch > noted), "{begun:?} after {last}");
        assert_ne!(begun[0], begun[1]);
    }
}

#[test]
fn codec_shortest_writes_need_no_more_memory_than_is_said() {
    let writes = vec![Write::Delete { key: Vec::new() }; 200];
    let payload = Payload::Effect(Effect { writes, keys: KeySet::Everything });
    assert!(is_refused_or_canonical(&encoded(&Entry { payload, ..entry(1, 1, 1) })));
}

#[test]
fn epoch_next_is_later_whatever_was_drawn() {
    for (epoch, drawn, next) in [
        (0, 0xc0ffee, "1-00c0ffee"),
        (7, 1, "1-00000001"),
        (3 << 32 | 0xffff_ffff, 0, "4-00000000"),
        (3 << 32 | 5, 0x8000_0001, "4-80000001"),
    ] {
        let after = Epoch(epoch).next(drawn);
        assert_eq!(after.to_string(), next);
        assert!(after > Epoch(epoch));
    }
}

#[test]
fn fsync_of_another_name_is_refused_with_the_known_ones() {
    for fsync in [Fsync::Always, Fsync::EverySec, Fsync::No] {
        assert_eq!(fsync.name().parse(), Ok(fsync));
    }
    let error = "often".parse::<Fsync>().expect_err("no policy has this name").to_string();
    assert_eq!(error, "unknown appendfsync 'often' (known: always, everysec, no)");
}
