//! Reading and purging, the groups that append refuses, and the real disk.

use super::forgetful::{DiskFault, Forgetful, size};
use super::history::{MANY, entry, options, read_all};
use replicheck::binlog::files::{File, Files};
use replicheck::binlog::{Disk, Entry, Fsync, Head, Lsn, SegmentError, SegmentLog, Stretch, encode};
use std::path::PathBuf;

fn entries(through: u64) -> Vec<Entry> {
    (1..=through).map(|lsn| entry(lsn, 1, lsn)).collect()
}

/// The entries as they are laid out in a segment.
fn stretch(entries: &[Entry]) -> Stretch {
    let mut bytes = Vec::new();
    entries.iter().for_each(|entry| encode(entry, &mut bytes).expect("small"));
    let last = entries.last().map(|&Entry { lsn, epoch, time, .. }| Head { lsn, epoch, time });
    Stretch { bytes, last }
}

/// The number of bytes that the entries take in a segment.
fn bytes_of(entries: &[Entry]) -> usize {
    stretch(entries).bytes.len()
}

/// A log of entries 1 to 9 in groups of up to three, in segments of at most that length.
fn nine(files: &Forgetful, segment_bytes_max: u64) -> SegmentLog<Forgetful> {
    let (mut log, _) =
        SegmentLog::open(files.clone(), options(segment_bytes_max, Fsync::No)).expect("it starts");
    let all = entries(9);
    for group in [&all[..1], &all[1..3], &all[3..6], &all[6..8], &all[8..]] {
        log.append(group).expect("the disk works");
    }
    log
}

#[test]
fn append_a_group_is_one_write() {
    let files = Forgetful::new();
    let mut log = nine(&files, MANY);
    let before = files.changes().len();
    log.append(&(10..20).map(|lsn| entry(lsn, 1, 0)).collect::<Vec<_>>()).expect("the disk works");
    assert_eq!(files.changes().len() - before, 1, "{:?}", &files.changes()[before..]);
    log.sync().expect("the disk works");
    assert_eq!(files.changes().len() - before, 3, "one fsync, one point: {:?}", &files.changes()[before..]);
    log.sync().expect("the disk works");
    assert_eq!(files.changes().len() - before, 3, "without new entries a sync does nothing");
}

#[test]
fn append_of_what_was_received_is_append_of_its_entries() {
    let (files, received) = (Forgetful::new(), Forgetful::new());
    let open =
        |files: &Forgetful| SegmentLog::open(files.clone(), options(150, Fsync::No)).expect("it starts").0;
    let (mut log, mut its_replicas) = (open(&files), open(&received));
    for group in entries(9).chunks(2) {
        log.append(group).expect("the disk works");
        its_replicas.append_received(group, &stretch(group).bytes).expect("the disk works");
    }
    assert_eq!(received.changes(), files.changes());
    let gap = [entry(11, 1, 11)];
    let refused = its_replicas.append_received(&gap, &stretch(&gap).bytes);
    assert!(matches!(refused, Err(SegmentError::Order(_))), "{refused:?}");
}

#[test]
fn read_from_any_lsn_through_any_gives_these() {
    for segment_bytes_max in [1, 150, MANY] {
        let log = nine(&Forgetful::new(), segment_bytes_max);
        let all = entries(9);
        for (from, up_to) in (0..=11_u64).flat_map(|from| (0..=11_u64).map(move |up_to| (from, up_to))) {
            for bytes_max in [0, 1, 60, 100, 200, usize::MAX] {
                let mut cursor = log.cursor(Lsn(from)).expect("nothing is purged");
                let mut of_bytes = cursor;
                let mut read = Vec::new();
                loop {
                    let some = log.read(&mut cursor, Lsn(up_to), bytes_max).expect("the disk works");
                    let same = log.read_bytes(&mut of_bytes, Lsn(up_to), bytes_max).expect("the disk works");
                    assert_eq!(same, stretch(&some), "{bytes_max}");
                    assert_eq!(of_bytes, cursor);
                    if some.is_empty() {
                        break;
                    }
                    assert!(some.len() == 1 || bytes_of(&some) <= bytes_max, "{bytes_max}: {some:?}");
                    read.extend(some);
                }
                let expected = all.iter().filter(|entry| (from..=up_to).contains(&entry.lsn.0));
                assert!(read.iter().eq(expected), "{from} through {up_to} by {bytes_max}: {read:?}");
            }
        }
    }
}

#[test]
fn read_of_a_segment_cut_since_the_start_is_damage_at_its_entry() {
    const FIRST: &str = "00000000000000000001.binlog";
    for segment_bytes_max in [150, MANY] {
        let whole = nine(&Forgetful::new(), segment_bytes_max);
        let file = Forgetful::new();
        drop(nine(&file, segment_bytes_max));
        let bytes = file.bytes(FIRST).len();
        let entries_there = (1..=9).take_while(|&count| bytes_of(&entries(count)) < bytes).count();
        let header = bytes - bytes_of(&entries(entries_there as u64));
        for (length, bytes_max) in (header..bytes).flat_map(|length| [1, 60, 1000].map(|max| (length, max))) {
            let files = Forgetful::new();
            let log = nine(&files, segment_bytes_max);
            files.damage(FIRST, |bytes| bytes.truncate(length));
            let (mut cursor, mut read) = (log.cursor(Lsn(1)).expect("nothing is purged"), Vec::new());
            let error = loop {
                match log.read(&mut cursor, Lsn(9), bytes_max) {
                    Ok(some) => read.extend(some),
                    Err(error) => break error,
                }
            };
            let SegmentError::Damaged { file, lsn, .. } = &error else { panic!("{length}: {error}") };
            let left = (1..=9).take_while(|&count| header + bytes_of(&entries(count)) <= length).count();
            assert_eq!((file.as_str(), lsn.0), (FIRST, left as u64 + 1), "{length} by {bytes_max}");
            assert_eq!(read, entries(cursor.next().0 - 1), "{length} by {bytes_max}");
        }
        assert_eq!(read_all(&whole), entries(9));
    }
}

#[test]
fn read_on_while_the_log_grows_misses_nothing() {
    let (mut log, _) = SegmentLog::open(Forgetful::new(), options(150, Fsync::No)).expect("it starts");
    let (mut cursor, mut read) = (log.cursor(Lsn(1)).expect("nothing is purged"), Vec::new());
    for entry in entries(20) {
        log.append(&[entry]).expect("the disk works");
        read.extend(log.read(&mut cursor, log.last(), 1000).expect("the disk works"));
        assert_eq!(cursor.next(), log.last().next());
    }
    assert_eq!(read, entries(20));
}

#[test]
fn purge_keeps_what_it_is_asked_to_keep() {
    for (segment_bytes_max, keep_from) in
        [1, 150, MANY].into_iter().flat_map(|max| (0..=12).map(move |keep| (max, keep)))
    {
        let files = Forgetful::new();
        let mut log = nine(&files, segment_bytes_max);
        let mut cursor = log.cursor(Lsn(1)).expect("nothing is purged");
        let before = log.first();
        let gone = log.purge(Lsn(keep_from)).expect("the disk works");
        assert!(log.first() <= Lsn(keep_from.max(1)), "keep {keep_from}: begins at {}", log.first());
        assert_eq!(gone > 0, log.first() > before);
        let kept = entries(9).split_off(size(log.first().0) - 1);
        assert!(!kept.is_empty() && read_all(&log) == kept, "the last segment stays");
        assert_eq!(log.purge(Lsn(keep_from)).expect("the disk works"), 0);
        if gone > 0 {
            let error = log.read(&mut cursor, Lsn(9), 100).expect_err("purged");
            assert_eq!(error.to_string(), format!("lsn 1 is purged: the log begins at {}", log.first()));
            assert!(matches!(log.cursor(Lsn(1)), Err(SegmentError::Purged { asked: Lsn(1), .. })));
        }
        log.append(&[entry(10, 1, 10)]).expect("the disk works");
        assert_eq!(read_all(&log).last(), Some(&entry(10, 1, 10)));
    }
    let mut log = nine(&Forgetful::new(), 1);
    assert_eq!(
        (log.purge(Lsn(6)).expect("the disk works"), log.first()),
        (2, Lsn(4)),
        "6 is in the segment of 4"
    );
}

#[test]
fn append_out_of_order_leaves_the_log_as_it_was() {
    let mut log = nine(&Forgetful::new(), MANY);
    let mut early = entry(11, 1, 0);
    early.time.0 = 5;
    let groups: [(&[Entry], &str); 3] = [
        (&[entry(11, 1, 0)], "lsn gap: expected 10, got 11 (epoch 1)"),
        (&[entry(10, 2, 0), entry(11, 1, 0)], "epoch goes back: 1 after 2 (lsn 11)"),
        (&[entry(10, 1, 0), early], "log time goes back: 5 ms after 1010 ms (lsn 11, epoch 1)"),
    ];
    for (group, text) in groups {
        assert_eq!(log.append(group).expect_err(text).to_string(), text);
        assert_eq!(read_all(&log), entries(9));
    }
    log.append(&[]).expect("nothing");
    log.append(&[entry(10, 1, 10)]).expect("what comes next");
    assert_eq!(read_all(&log), entries(10));
}

/// While the disk syncs, the log goes on: entries appended meanwhile do not count as durable, and a new segment is no step back.
#[test]
fn sync_entries_that_come_meanwhile_are_not_counted() {
    for segment_bytes_max in [1, 150, MANY] {
        let files = Forgetful::new();
        let mut log = nine(&files, segment_bytes_max);
        let syncing = log.begin_sync().expect("it works");
        log.append(&[entry(10, 1, 10)]).expect("the disk works");
        let outcome = syncing.run();
        assert_eq!(log.end_sync(&syncing, outcome).expect("the disk works"), Lsn(9));
        assert_eq!(log.durable(), Lsn(9));
        for after in files.power_losses(|_| usize::MAX) {
            let (log, found) =
                SegmentLog::open(after, options(segment_bytes_max, Fsync::No)).expect("it starts");
            assert!(found.last >= Lsn(9), "{found:?}");
            assert_eq!(read_all(&log)[..9], entries(9));
        }
        log.purge(Lsn(10)).expect("the disk works");
        let options = options(segment_bytes_max, Fsync::No);
        let (after, _) =
            SegmentLog::open(files.copy(), options).expect("the point is in a segment that is there");
        assert_eq!(read_all(&after).last(), Some(&entry(10, 1, 10)));
        assert_eq!(log.sync().expect("the disk works"), Lsn(10));
    }
}

#[test]
fn sync_that_failed_meanwhile_poisons_the_log() {
    let mut log = nine(&Forgetful::new(), MANY);
    let syncing = log.begin_sync().expect("it works");
    log.append(&[entry(10, 1, 10)]).expect("the disk works");
    let error = log.end_sync(&syncing, Err(std::io::Error::other("gone"))).expect_err("the disk failed");
    assert!(matches!(error, SegmentError::Fatal { .. }), "{error}");
    assert!(
        log.poisoned().is_some() && log.begin_sync().is_err() && log.append(&[entry(11, 1, 11)]).is_err()
    );
    assert_eq!(log.durable(), Lsn::NONE);
}

#[test]
fn sync_whose_point_is_not_written_says_so_and_tries_again() {
    let files = Forgetful::new();
    let mut log = nine(&files, MANY);
    files.fail(1, DiskFault::Once);
    let error = log.sync().expect_err("the point").to_string();
    assert_eq!(error, "cannot write durable: input/output error");
    assert_eq!((log.durable(), log.poisoned()), (Lsn(9), None));
    let found =
        |files: &Forgetful| SegmentLog::open(files.copy(), options(MANY, Fsync::No)).expect("it starts").1;
    assert_eq!(
        (found(&files).durable, found(&files).last),
        (Lsn(0), Lsn(9)),
        "the point is older, no entry is lost"
    );
    log.sync().expect("the disk works");
    assert_eq!(found(&files).durable, Lsn(9));
}

#[test]
fn sync_whose_point_is_torn_twice_leaves_the_one_before() {
    let files = Forgetful::new();
    let mut log = nine(&files, MANY);
    log.sync().expect("the disk works");
    log.append(&[entry(10, 1, 10)]).expect("the disk works");
    for write in [1, 0] {
        files.fail(write, DiskFault::Once);
        log.sync().expect_err("the point");
        let found = SegmentLog::open(files.copy(), options(MANY, Fsync::No)).expect("it starts").1;
        assert_eq!((found.durable, found.last), (Lsn(9), Lsn(10)), "one slot is torn, not both");
    }
}

#[test]
fn crash_in_a_purge_of_many_leaves_no_hole() {
    let mut ends = 0;
    for at in 0.. {
        let files = Forgetful::new();
        let mut log = nine(&files, 1);
        log.sync().expect("the disk works");
        let before = files.changes().len();
        files.fail(at, DiskFault::Death);
        let is_over = log.purge(Lsn(9)).is_ok();
        assert!(is_over || files.changes().len() > before + at);
        for after in files.power_losses(|_| 20) {
            let (log, found) = SegmentLog::open(after, options(1, Fsync::No)).expect("no segment is lacking");
            assert_eq!((found.last, read_all(&log).last()), (Lsn(9), Some(&entry(9, 1, 9))));
            ends += 1;
        }
        if is_over {
            break;
        }
    }
    assert!(ends > 12, "{ends} ends");
}

/// A folder in the system's folder for temporary files; it is removed in the end.
struct TempFolder(PathBuf);

impl TempFolder {
    fn new(name: &str) -> TempFolder {
        TempFolder(std::env::temp_dir().join(format!("replicheck-segments-{}-{name}", std::process::id())))
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn disk_round_trip_with_rotation_purge_and_a_cut_tail() {
    let folder = TempFolder::new("round-trip");
    let options = options(1000, Fsync::EverySec);
    let disk = || Disk::open(&folder.0).expect("a folder");
    let (mut log, found) = SegmentLog::open(disk(), options).expect("an empty folder");
    assert_eq!((found.last, found.clean), (Lsn::NONE, true));
    for group in entries(100).chunks(7) {
        log.append(group).expect("the disk works");
    }
    log.stop().expect("the disk works");

    let (mut log, found) = SegmentLog::open(disk(), options).expect("a clean stop");
    assert_eq!((found.first, found.last, found.durable, found.clean), (Lsn(1), Lsn(100), Lsn(100), true));
    assert!(log.purge(Lsn(50)).expect("the disk works") > 0);
    log.append(&[entry(101, 2, 101)]).expect("the disk works");
    assert_eq!(log.sync().expect("the disk works"), Lsn(101));
    log.append(&[entry(102, 2, 102)]).expect("the disk works");
    let mut cursor = log.cursor(Lsn(60)).expect("kept");
    let read = log.read(&mut cursor, Lsn(102), usize::MAX).expect("the disk works");
    assert_eq!(read[0], entry(60, 1, 60));
    drop(log);

    let mut names: Vec<_> =
        std::fs::read_dir(&folder.0).expect("a folder").map(|file| file.expect("a file").path()).collect();
    names.sort();
    let last =
        names.iter().rfind(|name| name.extension().is_some_and(|end| end == "binlog")).expect("a segment");
    let mut bytes = std::fs::read(last).expect("a file");
    let mut torn = Vec::new();
    encode(&entry(103, 2, 103), &mut torn).expect("small");
    bytes.extend_from_slice(&torn[..20]);
    std::fs::write(last, &bytes).expect("a file");

    let (log, found) = SegmentLog::open(disk(), options).expect("a torn tail");
    assert_eq!((found.last, found.durable, found.clean, found.cut_bytes), (Lsn(102), Lsn(101), false, 20));
    assert_eq!(std::fs::metadata(last).expect("a file").len(), bytes.len() as u64 - 20);
    let mut cursor = log.cursor(Lsn(102)).expect("kept");
    assert_eq!(log.read(&mut cursor, Lsn(102), 1).expect("the disk works"), [entry(102, 2, 102)]);
    drop(log);

    let at = bytes.len() - 25 - torn.len();
    std::fs::write(last, &bytes[..at]).expect("a file");
    let error = SegmentLog::open(disk(), options).expect_err("101 was synced").to_string();
    assert!(error.contains("fsync had covered") && error.contains("lsn 10"), "{error}");
}

#[test]
fn disk_file_is_written_at_its_place_cut_renamed_and_removed() {
    let folder = TempFolder::new("files");
    let disk = Disk::open(&folder.0).expect("a folder");
    let file = disk.create("a").expect("a file");
    file.write_at(3, b"xyz").expect("room");
    file.write_at(0, b"abc").expect("room");
    assert_eq!(
        (file.bytes().expect("open"), file.read_at(2, usize::MAX).expect("open")),
        (6, b"cxyz".to_vec())
    );
    assert_eq!(file.read_at(9, 4).expect("beyond the end"), b"");
    file.truncate(4).expect("open");
    file.sync().expect("open");
    disk.rename("a", "b").expect("it is there");
    disk.sync_directory().expect("a folder");
    assert_eq!(disk.list().expect("a folder"), ["b"]);
    assert_eq!(disk.open("b").expect("it is there").read_at(0, 3).expect("open"), b"abc");
    assert!(disk.open("a").is_err() && disk.remove("a").is_err());
    disk.remove("b").expect("it is there");
    assert_eq!(disk.list().expect("a folder"), [""; 0]);
}
