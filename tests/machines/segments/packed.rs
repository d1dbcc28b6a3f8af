//! Packed segments — reading them, damage of every byte, hostile files, and changes of the log while one is packed.

use super::forgetful::{Forgetful, size};
use super::history::{options, pack, read_all};
use crate::seed::Seed;
use replicheck::binlog::files::File;
use replicheck::binlog::segment::PackedError;
use replicheck::binlog::{Disk, Entry, Epoch, Files, Fsync, Lsn, Payload, SegmentError, SegmentLog};
use replicheck::compression::CompressionMethod;
use replicheck::effect::{Effect, Key, KeySet, Write};
use replicheck::time::Millis;
use std::path::Path;

const FIRST: &str = "00000000000000000001.binlog";
const SEGMENT_BYTES: u64 = 100_000;
const CODECS: [CompressionMethod; 2] = [CompressionMethod::Lz4, CompressionMethod::Zstd];

/// An entry of about 30 KB: words, but every fifth entry has bytes that no codec can compress.
fn entry(lsn: u64) -> Entry {
    let mut value: Vec<u8> = format!("entry {lsn} ").bytes().cycle().take(30_000).collect();
    if lsn.is_multiple_of(5) {
        // Pinned: an entry is a function of its number, and golden files contain some of them.
        let mut random = fastrand::Rng::with_seed(lsn);
        value = std::iter::repeat_with(|| random.u8(..)).take(70_000).collect();
    }
    let write = Write::Put { key: b"k".to_vec(), value };
    let effect = Effect { writes: vec![write], keys: KeySet::of([Key::new(0, *b"k")]) };
    Entry { lsn: Lsn(lsn), epoch: Epoch(1), time: Millis(1000 + lsn), payload: Payload::Effect(effect) }
}

fn entries(through: u64) -> Vec<Entry> {
    (1..=through).map(entry).collect()
}

/// A log of these entries in segments of about two blocks. Each closed segment is packed by the next of `codecs` in turn.
fn packed<F: Files>(files: F, through: u64, codecs: &[CompressionMethod]) -> SegmentLog<F> {
    let (mut log, _) = SegmentLog::open(files, options(SEGMENT_BYTES, Fsync::No)).expect("an empty folder");
    entries(through).chunks(2).for_each(|group| log.append(group).expect("the disk works"));
    for &codec in codecs.iter().cycle().take_while(|_| !codecs.is_empty()) {
        if !pack(&mut log, codec).expect("the disk works") {
            break;
        }
    }
    log
}

fn open(files: &Forgetful) -> Result<SegmentLog<Forgetful>, SegmentError> {
    SegmentLog::open(files.copy(), options(SEGMENT_BYTES, Fsync::No)).map(|(log, _)| log)
}

/// The segments' names, oldest first.
fn names(files: &impl Files) -> Vec<String> {
    let mut names = files.list().expect("a folder");
    names.retain(|name| name != "durable");
    names.sort();
    names
}

/// The number of the codec with which the file is packed; `None` if it is not packed.
fn codec_in(bytes: &[u8]) -> Option<u8> {
    bytes.starts_with(b"RCPACKED").then(|| bytes[15])
}

#[test]
fn packed_log_of_all_codecs_mixed_reads_back_from_any_lsn() {
    let files = Forgetful::new();
    let mut log = packed(files.clone(), 30, &[CompressionMethod::Lz4, CompressionMethod::Zstd]);
    log.append(&(31..40).map(entry).collect::<Vec<_>>()).expect("the disk works");
    log.append(&[entry(40)]).expect("the disk works");
    let found: Vec<_> = names(&files).iter().map(|name| codec_in(&files.bytes(name))).collect();
    let plain = found.iter().filter(|codec| codec.is_none()).count();
    assert!(found[..4] == [Some(1), Some(2), Some(1), Some(2)] && plain >= 2, "{found:?}");
    let all = entries(40);
    for log in [log, open(&files).expect("a start reads any codec")] {
        assert_eq!(read_all(&log), all);
        for from in 1..=40 {
            for bytes_max in [1, 70_000, usize::MAX] {
                let mut cursor = log.cursor(Lsn(from)).expect("nothing is purged");
                let some = log.read(&mut cursor, Lsn(40), bytes_max).expect("the disk works");
                let rest = &all[size(from) - 1..];
                assert!(!some.is_empty() && rest.starts_with(&some), "from {from} by {bytes_max}");
            }
        }
    }
    assert!(files.bytes(FIRST).len() < 10_000, "words are compressed: {}", files.bytes(FIRST).len());
}

#[test]
fn packed_none_leaves_segments_plain_and_a_packed_one_is_not_packed_again() {
    let files = Forgetful::new();
    let mut log = packed(files.clone(), 10, &[]);
    let before = files.changes().len();
    assert!(!pack(&mut log, CompressionMethod::None).expect("nothing to do"));
    assert_eq!(files.changes().len(), before);
    while pack(&mut log, CompressionMethod::Lz4).expect("the disk works") {}
    let bytes = files.bytes(FIRST);
    let mut again = open(&files).expect("it starts");
    assert!(!pack(&mut again, CompressionMethod::Zstd).expect("nothing to do"));
    assert_eq!((codec_in(&bytes), files.bytes(FIRST)), (Some(1), bytes));
}

#[test]
fn packed_while_a_cursor_stands_in_the_segment_reads_on() {
    for codec in CODECS {
        let files = Forgetful::new();
        let mut log = packed(files.clone(), 12, &[]);
        let mut cursor = log.cursor(Lsn(1)).expect("nothing is purged");
        let mut read = log.read(&mut cursor, Lsn(2), 1).expect("the disk works");
        assert!(pack(&mut log, codec).expect("the disk works"));
        while read.len() < 12 {
            read.extend(log.read(&mut cursor, Lsn(12), 1).expect("the disk works"));
        }
        assert_eq!(read, entries(12));
    }
}

#[test]
fn packed_segments_are_purged_and_one_purged_meanwhile_stays_away() {
    let files = Forgetful::new();
    let mut log = packed(files.clone(), 12, &CODECS);
    log.append(&entries(20)[12..]).expect("the disk works");
    log.append(&[entry(21)]).expect("the disk works");
    let packing = log.begin_pack(CompressionMethod::Lz4).expect("the disk works").expect("one is plain");
    let outcome = packing.run();
    assert!(log.purge(Lsn(21)).expect("the disk works") > 2);
    log.end_pack(packing, outcome).expect("nothing is wrong");
    assert_eq!(names(&files), ["00000000000000000021.binlog"]);
    assert_eq!(read_all(&open(&files).expect("no segment is missing")), [entry(21)]);
}

#[test]
fn packing_that_fails_leaves_the_plain_segment_and_is_tried_again() {
    let files = Forgetful::new();
    let mut log = packed(files.clone(), 12, &[]);
    let plain = files.bytes(FIRST);
    let packing = log.begin_pack(CompressionMethod::Zstd).expect("the disk works").expect("one is plain");
    files.damage(FIRST, |bytes| bytes.truncate(90_000));
    let shorter =
        log.begin_pack(CompressionMethod::Zstd).expect("the disk works").expect("it is still plain");
    files.damage(FIRST, |bytes| *bytes = plain.clone());
    let error = log.end_pack(packing, Err(SegmentError::Poisoned { reason: "gone".to_owned() }));
    assert_eq!(error.expect_err("the outcome is returned").to_string(), "log takes no more entries: gone");
    log.end_pack(shorter, Ok(())).expect_err("its file was removed with the first");
    assert_eq!((files.bytes(FIRST) == plain, log.poisoned()), (true, None));
    assert!(!names(&files).iter().any(|name| name.ends_with(".new")));
    assert!(pack(&mut log, CompressionMethod::Zstd).expect("the disk works"));
    assert_eq!((codec_in(&files.bytes(FIRST)), read_all(&log)), (Some(2), entries(12)));
}

#[test]
fn packed_segment_that_is_the_last_is_a_segment_missing() {
    let files = Forgetful::new();
    drop(packed(files.clone(), 5, &CODECS));
    assert_eq!(names(&files), [FIRST, "00000000000000000005.binlog"]);
    // The recorded point lies in the segment before, so the point alone would not show the loss.
    files.remove("00000000000000000005.binlog").expect("it is there");
    let error = open(&files).expect_err("entries are lost").to_string();
    assert_eq!(error, "segment with lsn 5 is missing: no file follows");
    // Without a recorded point nothing shows that entries were there, and the log continues after the segment.
    files.remove("durable").expect("it is there");
    let mut log = open(&files).expect("it starts");
    log.append(&[entry(5)]).expect("a segment that takes entries");
    assert_eq!(read_all(&log), entries(5));
}

/// Damage must be reported both to a reader while the log is open and at a start; returns both errors.
fn both_refuse(files: &Forgetful, log: &SegmentLog<Forgetful>) -> (SegmentError, SegmentError) {
    let (mut cursor, mut read) = (log.cursor(Lsn(1)).expect("nothing is purged"), Vec::new());
    let reading = loop {
        match log.read(&mut cursor, log.last(), 1) {
            Ok(some) if some.is_empty() => panic!("a damaged file was read completely"),
            Ok(some) => read.extend(some),
            Err(error) => break error,
        }
    };
    assert_eq!(read, entries(read.len() as u64), "what is read before the damage is right");
    (open(files).expect_err("a start"), reading)
}

#[test]
fn packed_segment_with_any_byte_flipped_is_refused_by_name_and_gives_no_wrong_entry() {
    for codec in CODECS {
        let files = Forgetful::new();
        let log = packed(files.clone(), 6, &[codec]);
        let whole = files.bytes(FIRST);
        let mut blocks = 0;
        for at in 0..whole.len() {
            files.damage(FIRST, |bytes| bytes[at] ^= 1 << (at % 8));
            let (start, reading) = both_refuse(&files, &log);
            assert!(start.to_string().starts_with(FIRST), "byte {at}: {start}");
            assert!(reading.to_string().starts_with(FIRST), "byte {at}: {reading}");
            let block = matches!(start, SegmentError::Packed { reason: PackedError::Block { .. }, .. });
            blocks += usize::from(block);
            files.damage(FIRST, |bytes| bytes.clone_from(&whole));
        }
        assert_eq!(blocks, whole.len() - (28 + 8 * 2), "{codec:?}: two blocks after their index");
        for length in (0..whole.len()).step_by(7).chain([whole.len() + 1]) {
            files.damage(FIRST, |bytes| bytes.resize(length, 0));
            let (start, reading) = both_refuse(&files, &log);
            assert!(start.to_string().starts_with(FIRST), "{length} bytes: {start}");
            assert!(reading.to_string().starts_with(FIRST), "{length} bytes: {reading}");
            files.damage(FIRST, |bytes| bytes.clone_from(&whole));
        }
        assert_eq!(read_all(&open(&files).expect("it is whole again")), entries(6));
    }
}

/// Writes the right checksum under a changed index.
fn sealed(bytes: &mut [u8], blocks: usize) {
    let end = 24 + 8 * blocks;
    let checksum = crc32c::crc32c(&bytes[..end]).to_be_bytes();
    bytes[end..end + 4].copy_from_slice(&checksum);
}

#[test]
fn packed_segment_that_lies_with_the_right_checksum_is_refused_and_takes_no_memory() {
    let files = Forgetful::new();
    drop(packed(files.clone(), 6, &[CompressionMethod::Zstd]));
    let whole = files.bytes(FIRST);
    type Lie = fn(&mut Vec<u8>);
    let lies: [(Lie, &str); 8] = [
        (|bytes| bytes[11] = 2, "damaged at byte 0: unknown version 2 of a packed segment"),
        (|bytes| bytes[15] = 9, "damaged at byte 0: unknown codec 9 of a packed segment"),
        (|bytes| bytes[15] = 1, "damaged at byte 44: block 0 cannot be decompressed: "),
        (|bytes| bytes[16] = 0xff, "but its index says 22430037206"),
        // One byte less in a plain segment with the same number of blocks.
        (|bytes| bytes[23] -= 1, "block 1 cannot be decompressed: "),
        (|bytes| bytes[24] = 0xff, "but its index says 427819"),
        (|bytes| bytes.truncate(30), "packed segment has 30 bytes, but its index says 44"),
        (
            |bytes| {
                // A first block of 64 KB and one byte, with the rest of the file behind it.
                bytes[24..28].copy_from_slice(&65_537_u32.to_be_bytes());
                let second = u32::from_be_bytes([bytes[32], bytes[33], bytes[34], bytes[35]]);
                bytes.resize(44 + 65_537 + size(second.into()), 0);
            },
            "damaged at byte 44: block 0 cannot be decompressed: its stored length is 65537 bytes or more, but it has 65536",
        ),
    ];
    for (lie, text) in lies {
        files.damage(FIRST, |bytes| {
            lie(bytes);
            if bytes.len() >= 44 {
                sealed(bytes, 2);
            }
        });
        let mut error = None;
        let memory = allocation_counter::measure(|| error = open(&files).err());
        let told = error.expect("a lie").to_string();
        assert!(told.starts_with(FIRST) && told.contains(text), "{told}\nfor {text}");
        assert!(memory.bytes_max < 4 << 20, "{memory:?} for {text}");
        files.damage(FIRST, |bytes| bytes.clone_from(&whole));
    }
}

#[test]
fn packed_any_index_with_the_right_checksum_is_read_or_refused() {
    let files = Forgetful::new();
    drop(packed(files.clone(), 6, &[CompressionMethod::Lz4]));
    let whole = files.bytes(FIRST);
    let seed = Seed::of_this_run();
    let (mut random, mut refused) = (seed.rng(), 0);
    for _ in 0..2_000 {
        files.damage(FIRST, |bytes| {
            for _ in 0..random.usize(1..4) {
                let at = random.usize(8..bytes.len());
                bytes[at] = random.u8(..);
            }
            sealed(bytes, 2);
        });
        match open(&files) {
            Ok(log) => assert_eq!(read_all(&log), entries(6)),
            Err(error) => {
                refused += 1;
                assert!(error.to_string().starts_with(FIRST), "{error}");
            }
        }
        files.damage(FIRST, |bytes| bytes.clone_from(&whole));
    }
    assert!(refused > 1_900, "{refused}");
}

/// The bytes of the first release: later programs must be able to read them. `UPDATE_GOLDEN=1` rewrites them. A change of them
/// is a new version, unless a codec found a shorter form of the same blocks.
#[test]
fn packed_golden_version_1_is_read() {
    for codec in CODECS {
        let name = format!("tests/golden/binlog/packed1_{}.binlog", codec.name());
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        let files = Forgetful::new();
        drop(packed(files.clone(), 6, &[codec]));
        let now = files.bytes(FIRST);
        if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
            assert_eq!(std::env::var_os("CI"), None, "golden files are not rewritten in CI");
            std::fs::write(&path, &now).expect("golden file is writable");
        }
        let golden = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let alone = Forgetful::new();
        alone.create(FIRST).and_then(|file| file.write_at(0, &golden)).expect("the disk works");
        assert_eq!(read_all(&open(&alone).expect("version 1 is read")), entries(4));
        // The segment's own header is longer than in the first release, and so is the length that follows it.
        assert_eq!(now[..16], golden[..16], "version 1 is written differently");
    }
}

#[test]
fn packed_on_the_real_disk_is_shorter_and_opens() {
    let folder = tempfile::tempdir().expect("a folder");
    let disk = || Disk::open(folder.path()).expect("a folder");
    let log = packed(disk(), 12, &CODECS);
    let length = |name: &String| std::fs::metadata(folder.path().join(name)).expect("a file").len();
    let lengths: Vec<u64> = names(&disk()).iter().map(length).collect();
    assert!(lengths[0] < SEGMENT_BYTES / 10, "{lengths:?}");
    assert_eq!(read_all(&log), entries(12));
    drop(log);
    let (log, found) =
        SegmentLog::open(disk(), options(SEGMENT_BYTES, Fsync::No)).expect("a log of all codecs");
    assert_eq!((found.last, read_all(&log)), (Lsn(12), entries(12)));
}
