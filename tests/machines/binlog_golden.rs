//! The bytes of the binlog as the first release of each version wrote them: later programs must be able to read them.
//! `UPDATE_GOLDEN=1` rewrites the files. A change of them is a change of the format, and so needs a new version.

use replicheck::binlog::{DecodeError, Entry, Epoch, Lsn, Payload, decode, encode};
use replicheck::command::Command;
use replicheck::effect::{Effect, Key, KeySet, Write};
use replicheck::time::Millis;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn put(key: &[u8], value: &[u8]) -> Write {
    Write::Put { key: key.to_vec(), value: value.to_vec() }
}

fn delete(key: &[u8]) -> Write {
    Write::Delete { key: key.to_vec() }
}

fn delete_range(from: &[u8], to: &[u8]) -> Write {
    Write::DeleteRange { from: from.to_vec(), to: to.to_vec() }
}

fn keys(keys: &[(u8, &[u8])]) -> KeySet {
    KeySet::of(keys.iter().map(|&(db, name)| Key::new(db, name)))
}

fn effect(keys: KeySet, writes: Vec<Write>) -> Payload {
    Payload::Effect(Effect { writes, keys })
}

fn command(db: u8, argv: &[&[u8]]) -> Payload {
    let argv = argv.iter().map(|argument| argument.to_vec()).collect();
    Payload::Command(Command::parse(db, argv).expect("a command of the table"))
}

/// One entry of every shape. The raw keys are written out here, so that the log's format is fixed independently of the store's
/// format.
fn entries() -> Vec<Entry> {
    let all_bytes: Vec<u8> = (0..=u8::MAX).collect();
    let shapes: Vec<(u64, u64, Payload)> = vec![
        (1, 1000, effect(keys(&[(0, b"a")]), vec![put(b"\x01\x00ma", b"\0\0\0\0\0\0\0\0\0b")])),
        (1, 1000, effect(keys(&[(0, b"a")]), vec![delete(b"\x01\x00ma")])),
        (1, 1001, effect(KeySet::Everything, vec![delete_range(b"\x01\x00", b"\x01\x01")])),
        (1, 1001, effect(KeySet::Everything, vec![delete_range(b"\x01", b"")])),
        (
            1,
            1007,
            effect(
                keys(&[(0, b""), (0, b"hash"), (15, b"a")]),
                vec![
                    put(b"\x01\x00m", b"\0\0\0\0\0\0\0\0\0"),
                    delete_range(
                        b"\x01\x00e\0\0\0\x04hash\0\0\0\0\0\0\0\x07",
                        b"\x01\x00e\0\0\0\x04hash\0\0\0\0\0\0\0\x08",
                    ),
                    put(b"", b""),
                    delete(b"\x01\x0fma"),
                ],
            ),
        ),
        (1, 1_700_000_000_000, effect(keys(&[(255, &all_bytes)]), vec![put(b"\x01\xffm\xff\0", b"\xff\0")])),
        (2, 1_700_000_000_000, effect(keys(&[]), vec![])),
        (2, 1_700_000_000_001, command(0, &[b"HINCRBY", b"hash", b"field", b"-1"])),
        (2, 1_700_000_000_001, command(15, &[b"rEnAmE", &all_bytes, b""])),
        (2, 1_700_000_000_001, command(3, &[b"copy", b"a", b"b", b"DB", b"4", b"REPLACE"])),
        (u64::MAX, u64::MAX, command(3, &[b"flushdb"])),
    ];
    (1..)
        .zip(shapes)
        .map(|(lsn, (epoch, time, payload))| Entry {
            lsn: Lsn(lsn),
            epoch: Epoch(epoch),
            time: Millis(time),
            payload,
        })
        .collect()
}

/// Entries that write the record of a list, a set and a sorted set.
fn entries_of_version_2() -> Vec<Entry> {
    let collection = b"\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0\x01";
    let record = |tag: u8, rest: &[u8]| [&[tag], [0; 8].as_slice(), collection, rest].concat();
    let ends = [[0x80, 0, 0, 0, 0, 0, 0, 0].as_slice(), &[0x80, 0, 0, 0, 0, 0, 0, 0], &[1]].concat();
    let shapes = [
        (record(2, &ends), b"\x01\x00e\0\0\0\x01a\0\0\0\0\0\0\0\x07\x80\0\0\0\0\0\0\0".as_slice()),
        (record(3, &[]), b"\x01\x00e\0\0\0\x01a\0\0\0\0\0\0\0\x07\x93\xad\x88\x06member"),
        (record(4, &[0]), b"\x01\x00e\0\0\0\x01a\0\0\0\0\0\0\0\x07mmember"),
    ];
    let entry = |(lsn, (record, element)): (u64, (Vec<u8>, &[u8]))| Entry {
        lsn: Lsn(lsn),
        epoch: Epoch(3),
        time: Millis(1_800_000_000_000),
        payload: effect(keys(&[(0, b"a")]), vec![put(b"\x01\x00ma", &record), put(element, b"\0")]),
    };
    (12..).zip(shapes).map(entry).collect()
}

/// Transactions: the commands of one MULTI … EXEC, and parts that are effects beside commands.
fn entries_of_version_3() -> Vec<Entry> {
    let collection = b"\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0\x01";
    let set = [&[3], [0; 8].as_slice(), collection].concat();
    let shapes = [
        vec![command(0, &[b"SET", b"a", b"1"]), command(3, &[b"incr", b"b"])],
        vec![
            effect(keys(&[(0, b"a")]), vec![delete(b"\x01\x00ma")]),
            command(15, &[b"FLUSHDB"]),
            effect(keys(&[(0, b"a")]), vec![put(b"\x01\x00ma", &set)]),
            effect(keys(&[]), vec![]),
        ],
        vec![command(0, &[b"DEL", b"a"]), effect(KeySet::Everything, vec![delete_range(b"\x01", b"")])],
    ];
    let entry = |(lsn, parts)| Entry {
        lsn: Lsn(lsn),
        epoch: Epoch(4),
        time: Millis(1_900_000_000_000),
        payload: Payload::Transaction(parts),
    };
    (15..).zip(shapes).map(entry).collect()
}

/// Entries that write the record of a sorted set with two levels of counting records: an effect, and a transaction with one.
fn entries_of_version_4() -> Vec<Entry> {
    let collection = b"\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\x80\x01";
    let record = [&[6], [0; 8].as_slice(), collection].concat();
    let first = b"\x01\x00e\0\0\0\x01a\0\0\0\0\0\0\0\x07b\0\x0f\xff\xff\xff\xff\xff\xff";
    let count = b"\0\0\0\0\0\0\0\x80\x01";
    let sorted_set = effect(keys(&[(0, b"a")]), vec![put(b"\x01\x00ma", &record), put(first, count)]);
    let payloads =
        [sorted_set.clone(), Payload::Transaction(vec![command(0, &[b"SET", b"b", b"1"]), sorted_set])];
    let entry =
        |(lsn, payload)| Entry { lsn: Lsn(lsn), epoch: Epoch(5), time: Millis(2_000_000_000_000), payload };
    (18..).zip(payloads).map(entry).collect()
}

/// What a payload holds, indented by `depth` steps.
fn describe(payload: &Payload, depth: usize, text: &mut String) {
    let pad = "  ".repeat(depth);
    match payload {
        Payload::Command(command) => writeln!(text, "{pad}command {command:?}").expect("text"),
        Payload::Effect(effect) => {
            writeln!(text, "{pad}effect {:?}", effect.keys).expect("text");
            effect.writes.iter().for_each(|write| writeln!(text, "{pad}  {write:?}").expect("text"));
        }
        Payload::Transaction(parts) => {
            writeln!(text, "{pad}transaction").expect("text");
            parts.iter().for_each(|part| describe(part, depth + 1, text));
        }
    }
}

fn listing(file: &str, entries: &[Entry]) -> String {
    let mut text = format!("# What {file} holds. Written by tests/machines/binlog_golden.rs.\n");
    let mut offset = 0;
    for Entry { lsn, epoch, time, payload } in entries {
        let bytes = encoded(&[Entry { lsn: *lsn, epoch: *epoch, time: *time, payload: payload.clone() }]);
        writeln!(text, "\nlsn {lsn}  epoch {epoch}  time {time}  at {offset}  length {}", bytes.len())
            .expect("text");
        describe(payload, 1, &mut text);
        for row in bytes.chunks(32) {
            let row: Vec<String> = row.iter().map(|byte| format!("{byte:02x}")).collect();
            writeln!(text, "  {}", row.join(" ")).expect("text");
        }
        offset += bytes.len();
    }
    text
}

fn encoded(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    entries.iter().for_each(|entry| encode(entry, &mut bytes).expect("small"));
    bytes
}

fn decoded(mut bytes: &[u8]) -> Vec<Entry> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let (entry, used) = decode(bytes).expect("golden bytes are good");
        entries.push(entry);
        bytes = &bytes[used..];
    }
    entries
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/binlog").join(name)
}

fn golden(name: &str, now: &[u8]) -> Vec<u8> {
    let path = path(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        assert_eq!(std::env::var_os("CI"), None, "golden files are not rewritten in CI");
        std::fs::write(&path, now).expect("golden file is writable");
    }
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn golden_versions_are_read_and_written_byte_for_byte() {
    for (name, first, entries) in [
        ("version1", 0xb1, entries()),
        ("version2", 0xb2, entries_of_version_2()),
        ("version3", 0xb3, entries_of_version_3()),
        ("version4", 0xb4, entries_of_version_4()),
    ] {
        let bytes = golden(&format!("{name}.bin"), &encoded(&entries));
        assert_eq!(bytes[0], first, "{name}");
        let read = decoded(&bytes);
        assert_eq!(read, entries, "{name} is read differently");
        assert_eq!(encoded(&read), bytes, "{name} is written differently");
        let listing = listing(&format!("{name}.bin"), &read);
        let listed = golden(&format!("{name}.txt"), listing.as_bytes());
        assert_eq!(String::from_utf8_lossy(&listed), listing, "the listing is stale");
    }
}

#[test]
fn golden_entry_under_another_version_is_refused() {
    for (entry, other) in [
        (entries().remove(0), 0xb2),
        (entries_of_version_2().remove(0), 0xb1),
        (entries().remove(0), 0xb3),
        (entries_of_version_2().remove(0), 0xb3),
        (entries_of_version_3().remove(0), 0xb1),
        (entries_of_version_3().remove(1), 0xb2),
        (entries_of_version_3().remove(1), 0xb4),
        (entries_of_version_4().remove(0), 0xb2),
        (entries_of_version_4().remove(1), 0xb3),
    ] {
        let mut bytes = encoded(&[entry]);
        bytes[0] = other;
        let end = bytes.len() - 4;
        let checksum = crc32c::crc32c(&bytes[..end]);
        bytes[end..].copy_from_slice(&checksum.to_be_bytes());
        assert!(matches!(decode(&bytes), Err(DecodeError::Malformed(_))), "{other:02x}");
    }
}

#[test]
fn golden_every_flipped_bit_is_detected() {
    let all = [entries(), entries_of_version_2(), entries_of_version_3(), entries_of_version_4()];
    let bytes = encoded(&all.concat());
    let mut rest = bytes.as_slice();
    let mut flips = 0;
    while !rest.is_empty() {
        let (_, used) = decode(rest).expect("golden bytes are good");
        for bit in 0..used * 8 {
            // With the following entries present, too: a length that grew then includes their bytes.
            for end in [used, rest.len()] {
                let mut damaged = rest[..end].to_vec();
                damaged[bit / 8] ^= 1 << (bit % 8);
                assert!(decode(&damaged).is_err(), "bit {bit} of {:02x?}", &rest[..used]);
                flips += 1;
            }
        }
        rest = &rest[used..];
    }
    assert_eq!(flips, bytes.len() * 16);
}

#[test]
fn golden_every_prefix_is_truncated() {
    for entry in [entries(), entries_of_version_3(), entries_of_version_4()].concat() {
        let bytes = encoded(&[entry]);
        for end in 0..bytes.len() {
            let needed = if end < 5 { 5 } else { bytes.len() };
            assert_eq!(decode(&bytes[..end]), Err(DecodeError::Truncated { needed }), "{end} bytes");
        }
    }
}
