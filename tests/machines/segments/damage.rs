//! Damage — bits that flip and files that vanish, below the fsync point and above it; and what a clean stop proves.

use super::forgetful::Forgetful;
use super::history::{History, MANY, Step, entry, options, read_all};
use Step::{Append, Policy, Purge, Restart, Stop, Sync};
use replicheck::binlog::segment::{Covered, Damage, Found, Options, begin_after};
use replicheck::binlog::{Epoch, Fsync, Lsn, Recovered, SegmentError, SegmentLog, encode};

fn ran(options: Options, script: &[Step]) -> Forgetful {
    let (files, mut history) = (Forgetful::new(), History::default());
    history.run(&files, options, script);
    assert!(history.errors.is_empty(), "{history:?}");
    files
}

fn start(files: &Forgetful, options: Options) -> Result<Recovered, SegmentError> {
    SegmentLog::open(files.copy(), options).map(|(_, found)| found)
}

const NEVER_SYNCED: Options = Options { segment_bytes_max: MANY, fsync: Fsync::EverySec };
const FIRST: &str = "00000000000000000001.binlog";

/// The length of the segment after each step.
fn lengths(script: &[Step]) -> Vec<usize> {
    (0..=script.len()).map(|end| ran(NEVER_SYNCED, &script[..end]).bytes(FIRST).len()).collect()
}

#[test]
fn damage_any_bit_below_the_fsync_point_is_refused_and_above_it_cut() {
    let script = [Append(1), Append(1), Sync, Append(1), Append(1)];
    let ends = lengths(&script);
    let (files, synced, whole) = (ran(NEVER_SYNCED, &script), ends[2], ends[5]);
    // The offset at which each entry begins.
    let begins = [ends[0], ends[1], ends[2], ends[4]];
    let (mut refused, mut cut) = (0, 0);
    for bit in 0..whole * 8 {
        let damaged = files.copy();
        damaged.damage(FIRST, |bytes| bytes[bit / 8] ^= 1 << (bit % 8));
        let entries_before = begins.iter().filter(|&&begin| begin <= bit / 8).count();
        let begin = entries_before.checked_sub(1).map_or(0, |last| begins[last]);
        match start(&damaged, NEVER_SYNCED) {
            Ok(found) => {
                assert!(
                    bit / 8 >= synced,
                    "bit {bit} was synced, and the start accepted the damage: {found:?}"
                );
                assert_eq!(found.last, Lsn(entries_before as u64 - 1), "bit {bit}");
                assert_eq!(found.cut_bytes, (whole - begin) as u64, "bit {bit}");
                assert_eq!((found.durable, found.clean), (Lsn(2), false), "bit {bit}");
                cut += 1;
            }
            Err(error @ SegmentError::Damaged { .. }) => {
                assert!(bit / 8 < synced, "bit {bit} was not synced, and the start says: {error}");
                let place =
                    format!("{FIRST} is damaged at byte {begin}, where lsn {} begins", entries_before.max(1));
                assert!(error.to_string().starts_with(&place), "bit {bit}: {error} for {place}");
                assert_eq!(damaged.bytes(FIRST).len(), whole, "a refusal must not change the file");
                refused += 1;
            }
            Err(error) => panic!("bit {bit}: {error}"),
        }
    }
    eprintln!("{refused} bits refused, {cut} cut");
    assert_eq!((refused, cut), (synced * 8, (whole - synced) * 8));
}

#[test]
fn damage_any_bit_of_a_segment_before_the_last_is_refused() {
    let options = options(1, Fsync::No);
    let files = ran(options, &[Append(2), Append(1), Append(1)]);
    for name in [FIRST, "00000000000000000003.binlog"] {
        for bit in 0..files.bytes(name).len() * 8 {
            let damaged = files.copy();
            damaged.damage(name, |bytes| bytes[bit / 8] ^= 1 << (bit % 8));
            let error = start(&damaged, options).expect_err("damage below");
            let text = error.to_string();
            assert!(text.starts_with(name), "bit {bit} of {name}: {text}");
            assert!(
                matches!(error, SegmentError::Damaged { covered: Covered::Whole, .. }),
                "bit {bit}: {error:?}"
            );
        }
    }
}

#[test]
fn damage_any_bit_of_the_points_only_knows_less() {
    for (script, last) in [(&[Append(1), Sync, Append(1), Sync][..], 2), (&[Append(2), Stop][..], 2)] {
        let files = ran(NEVER_SYNCED, script);
        let right = start(&files, NEVER_SYNCED).expect("no damage");
        assert_eq!((right.durable, right.clean), (Lsn(last), script.contains(&Stop)));
        let mut less = 0;
        for bit in 0..files.bytes("durable").len() * 8 {
            let damaged = files.copy();
            damaged.damage("durable", |bytes| bytes[bit / 8] ^= 1 << (bit % 8));
            let found = start(&damaged, NEVER_SYNCED).expect("the segments are whole");
            assert!(found.durable <= right.durable && found.clean <= right.clean, "bit {bit}: {found:?}");
            assert_eq!((found.last, found.cut_bytes), (Lsn(last), 0));
            less += u32::from(found.durable < right.durable);
        }
        assert_eq!(less > 0, !script.contains(&Stop), "a stop is in both slots");
    }
}

#[test]
fn damage_points_lost_is_no_proof_and_no_refusal() {
    let files = ran(NEVER_SYNCED, &[Append(2), Stop]);
    replicheck::binlog::Files::remove(&files, "durable").expect("it is there");
    let found = start(&files, NEVER_SYNCED).expect("the segments are whole");
    assert_eq!((found.last, found.durable, found.clean), (Lsn(2), Lsn(0), false));
}

#[test]
fn damage_synced_entries_cut_off_are_refused() {
    let script = [Append(1), Append(1), Sync, Append(1)];
    let (files, ends) = (ran(NEVER_SYNCED, &script), lengths(&script));
    for length in 0..=ends[4] {
        let damaged = files.copy();
        damaged.damage(FIRST, |bytes| bytes.truncate(length));
        match start(&damaged, NEVER_SYNCED) {
            Ok(found) => assert!(length >= ends[2] && found.last >= Lsn(2), "{length}: {found:?}"),
            Err(SegmentError::Damaged { covered: Covered::Synced { file_bytes, lsn }, reason, .. }) => {
                assert!(length < ends[2] && (file_bytes, lsn) == (ends[2] as u64, Lsn(2)));
                assert_eq!(
                    reason == Damage::End,
                    length == ends[0] || length == ends[1],
                    "{length}: {reason}"
                );
            }
            Err(error) => assert!(length < ends[0], "{length}: {error}"),
        }
    }
}

#[test]
fn damage_entry_of_another_version_is_never_cut() {
    let files = ran(NEVER_SYNCED, &[Append(1), Sync, Append(1)]);
    let end = lengths(&[Append(1)])[1];
    for first_byte in [0xb3_u8, 0xb1] {
        let newer = files.copy();
        newer.damage(FIRST, |bytes| {
            bytes[end] = first_byte;
            bytes[end + 29] = 9; // An unknown kind of payload.
            let content = bytes.len() - 4;
            let checksum = crc32c::crc32c(&bytes[end..content]).to_be_bytes();
            bytes[content..].copy_from_slice(&checksum);
        });
        let error = start(&newer, NEVER_SYNCED).expect_err("another version's entry");
        assert!(
            matches!(error, SegmentError::Damaged { covered: Covered::WrittenSo, lsn: Lsn(2), .. }),
            "{error}"
        );
    }
}

#[test]
fn damage_good_entry_of_another_place_is_refused_below_and_cut_above() {
    let stray = |files: &Forgetful, at: usize| {
        let mut bytes = Vec::new();
        encode(&entry(7, 1, 7), &mut bytes).expect("small");
        files.damage(FIRST, |segment| segment[at..at + bytes.len()].copy_from_slice(&bytes));
    };
    let script = [Append(1), Sync, Append(1), Append(1)];
    let (files, ends) = (ran(NEVER_SYNCED, &script), lengths(&script));
    let above = files.copy();
    stray(&above, ends[3]);
    let found = start(&above, NEVER_SYNCED).expect("above the point");
    assert_eq!((found.last, found.cut_bytes), (Lsn(2), (ends[4] - ends[3]) as u64));
    stray(&files, ends[0]);
    let error = start(&files, NEVER_SYNCED).expect_err("below the point").to_string();
    assert!(error.contains("lsn gap: expected 1, got 7"), "{error}");
}

#[test]
fn clean_stop_proves_nothing_of_bytes_behind_it() {
    let files = ran(NEVER_SYNCED, &[Append(1), Stop]);
    let mut next = Vec::new();
    encode(&entry(2, 1, 2), &mut next).expect("small");
    for (behind, last) in [(&next[..], 2), (&[0, 0, 0][..], 1)] {
        let longer = files.copy();
        longer.damage(FIRST, |bytes| bytes.extend_from_slice(behind));
        let found = start(&longer, NEVER_SYNCED).expect("above the point");
        assert_eq!((found.last, found.clean), (Lsn(last), false));
    }
}

#[test]
fn missing_segment_is_refused_wherever_it_stood() {
    let options = options(1, Fsync::No);
    let files = ran(options, &[Append(1), Append(2), Append(1), Append(1), Sync]);
    let segments = [1, 2, 4, 5].map(|first| format!("{first:020}.binlog"));
    for (at, name) in segments.iter().enumerate() {
        let lacking = files.copy();
        replicheck::binlog::Files::remove(&lacking, name).expect("it is there");
        let error = start(&lacking, options).expect_err("a segment is missing");
        let follows = segments.get(at + 1).map_or(Found::Nothing, |next| Found::File(next.clone()));
        let SegmentError::Missing { expected, found } = &error else { panic!("{name}: {error}") };
        assert_eq!((*expected, found), (Lsn([1, 2, 4, 5][at]), &follows));
        assert!(error.to_string().starts_with(&format!("segment with lsn {expected} is missing: ")));
    }
    segments.iter().for_each(|name| replicheck::binlog::Files::remove(&files, name).expect("it is there"));
    let error = start(&files, options).expect_err("all segments are missing");
    assert!(matches!(error, SegmentError::Missing { expected: Lsn(1), found: Found::Nothing }), "{error}");
}

/// The files of the segments that hold entries 2 and 3 are exchanged.
#[test]
fn segment_under_another_name_is_refused() {
    let options = options(1, Fsync::No);
    let files = ran(options, &[Append(1), Append(1), Append(1), Append(1), Sync]);
    let names = [2, 3].map(|first| format!("{first:020}.binlog"));
    for (from, to) in [(names[0].as_str(), "x"), (&names[1], &names[0]), ("x", &names[1])] {
        replicheck::binlog::Files::rename(&files, from, to).expect("it is there");
    }
    let error = start(&files, options).expect_err("two segments changed places");
    let SegmentError::Damaged { file, reason: Damage::Header(reason), .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(
        (file, reason.to_string().as_str()),
        (&names[0], "header belongs to the segment that begins at lsn 3")
    );
}

/// `begin_after` removes everything that is there. Acknowledged entries may be lost, and a start reports the log as not clean.
#[test]
fn begin_after_leaves_a_log_that_goes_on_there_and_is_not_clean() {
    let scripts: [&[Step]; 3] = [&[], &[Append(1), Append(2)], &[Append(3), Stop]];
    for (script, without) in
        scripts.into_iter().flat_map(|script| [None, Some("durable")].map(|file| (script, file)))
    {
        let files = ran(options(1, Fsync::No), script);
        if let Some(name) = without {
            replicheck::binlog::Files::remove(&files, name).expect("it is there");
        }
        begin_after(&files, Lsn(7), Epoch(5), entry(7, 5, 0).time).expect("the disk works");
        assert_eq!(
            replicheck::binlog::Files::list(&files).expect("a folder"),
            ["00000000000000000008.binlog"]
        );
        let (mut log, found) = SegmentLog::open(files, NEVER_SYNCED).expect("a log without entries");
        assert_eq!(
            (found.first, found.last, found.time),
            (Lsn(8), Lsn(7), entry(7, 5, 0).time),
            "{script:?}"
        );
        assert_eq!((&found.epochs[..], found.clean), (&[(Epoch(5), Lsn(7))][..], false), "{script:?}");
        log.append(&[entry(8, 5, 8)]).expect("the next entry");
        assert_eq!(read_all(&log), [entry(8, 5, 8)]);
    }
}

#[test]
fn missing_first_segment_after_a_purge_is_refused() {
    let options = options(1, Fsync::No);
    let files = ran(options, &[Append(1), Append(2), Append(1), Append(1), Purge(3)]);
    let found = start(&files, options).expect("purged, not lost");
    assert_eq!((found.first, found.last), (Lsn(2), Lsn(5)));
    replicheck::binlog::Files::remove(&files, "00000000000000000002.binlog").expect("it is there");
    let error = start(&files, options).expect_err("a segment is missing");
    assert!(matches!(error, SegmentError::Missing { expected: Lsn(2), .. }), "{error}");
}

#[test]
fn clean_only_a_stop_or_always_proves_it() {
    let cases: [(&[Step], Fsync, bool); 9] = [
        (&[], Fsync::No, false),
        (&[Append(1), Stop], Fsync::No, true),
        (&[Append(1), Sync], Fsync::EverySec, false),
        (&[Append(1), Sync], Fsync::Always, true),
        (&[Append(1), Restart, Append(1)], Fsync::EverySec, false),
        (&[Append(1), Restart], Fsync::EverySec, false),
        (&[Append(1), Policy(Fsync::Always), Append(1), Sync], Fsync::No, true),
        (&[Append(1), Sync, Policy(Fsync::No), Append(1)], Fsync::Always, false),
        (&[Append(1), Policy(Fsync::EverySec), Append(1), Sync], Fsync::No, false),
    ];
    for (script, fsync, clean) in cases {
        let options = options(MANY, fsync);
        let files = ran(options, script);
        for after in [files.copy(), files.bare()] {
            let found = start(&after, options).expect("no damage");
            let stopped = clean && script.last() == Some(&Stop);
            assert_eq!(
                (found.clean, found.stopped),
                (clean, stopped),
                "{script:?} under {fsync:?}: {found:?}"
            );
        }
    }
    let new = start(&Forgetful::new(), NEVER_SYNCED).expect("an empty folder");
    assert!(new.clean && new.last == Lsn::NONE);
}

#[test]
fn clean_under_always_is_not_claimed_of_a_cut_tail() {
    let options = options(MANY, Fsync::Always);
    let files = ran(options, &[Append(1), Sync, Append(2)]);
    files.damage(FIRST, |bytes| bytes.truncate(bytes.len() - 1));
    let found = start(&files, options).expect("above the point");
    assert_eq!((found.last, found.clean, found.cut_bytes > 0), (Lsn(2), false, true));
}

#[test]
fn epochs_outlive_restarts_rotation_and_purge() {
    let options = options(1, Fsync::No);
    let files = Forgetful::new();
    let (mut log, _) = SegmentLog::open(files.clone(), options).expect("an empty folder");
    for (lsn, epoch) in [(1, 1), (2, 1), (3, 4), (4, 4), (5, 9)] {
        log.append(&[entry(lsn, epoch, lsn)]).expect("the disk works");
    }
    assert_eq!(log.epochs(), [(Epoch(1), Lsn(1)), (Epoch(4), Lsn(3)), (Epoch(9), Lsn(5))]);
    // The epochs of purged entries leave the list, except for the newest.
    assert_eq!((log.purge(Lsn(4)).expect("the disk works"), log.first()), (3, Lsn(4)));
    assert_eq!(log.epochs(), [(Epoch(4), Lsn(3)), (Epoch(9), Lsn(5))]);
    let epochs = [(Epoch(9), Lsn(5))];
    assert_eq!((log.purge(Lsn(5)).expect("the disk works"), log.first()), (1, Lsn(5)));
    assert_eq!(log.epochs(), epochs);
    log.stop().expect("the disk works");
    let (mut log, found) = SegmentLog::open(files, options).expect("a clean stop");
    assert_eq!((&found.epochs[..], log.epochs()), (&epochs[..], &epochs[..]));
    assert_eq!(found.time, entry(5, 9, 5).time);
    let back = log.append(&[entry(6, 8, 0)]).expect_err("an older epoch");
    assert_eq!(back.to_string(), "epoch goes back: 8 after 9 (lsn 6)");
    assert_eq!(read_all(&log), [entry(5, 9, 5)]);
}
