//! Crashes — power losses after every step and during every change, and disks that fail at every change.

use super::forgetful::{DiskFault, Forgetful};
use super::history::{History, MANY, Step, entry, options, read_all};
use Step::{Append, Pack, Policy, Purge, Restart, Stop, Sync};
use replicheck::binlog::segment::Options;
use replicheck::binlog::{Entry, Fsync, Lsn, SegmentLog};
use replicheck::compression::CompressionMethod;

/// Tears a segment at every byte, and the file of points at a few places: all torn slots are alike.
fn fine(name: &str) -> usize {
    if name.starts_with("durable") { 25 } else { 1 }
}

fn coarse(_: &str) -> usize {
    37
}

/// All groups of one to two entries, with a fsync after the groups that the mask selects.
fn script(mask: u32) -> Vec<Step> {
    let groups = [1, 2, 1].into_iter().enumerate();
    let steps = groups.flat_map(|(at, count)| {
        [Some(Append(count)), (mask >> at & 1 == 1).then_some(Sync)].into_iter().flatten()
    });
    steps.collect()
}

#[test]
fn crash_every_tail_at_every_fsync_point_keeps_what_was_synced() {
    let (mut starts, mut cuts, mut lost, mut whole) = (0, 0, 0, 0);
    for (mask, segment_bytes_max) in (0..8).flat_map(|mask| [(mask, MANY), (mask, 1), (mask, 150)]) {
        for fsync in
            [Fsync::EverySec, Fsync::Always].into_iter().filter(|fsync| *fsync != Fsync::Always || mask == 7)
        {
            let (script, options) = (script(mask), options(segment_bytes_max, fsync));
            for end in 1..=script.len() {
                let (files, mut history) = (Forgetful::new(), History::default());
                let log = history.run(&files, options, &script[..end]);
                assert!(log.is_some() && history.errors.is_empty(), "{history:?}");
                for after in files.power_losses(fine) {
                    let found = history.assert_kept(&after, options);
                    starts += 1;
                    cuts += u32::from(found.cut_bytes > 0);
                    lost += u32::from(found.last < history.last());
                    whole += u32::from(found.last == history.last());
                }
            }
        }
    }
    eprintln!("{starts} starts, {cuts} cut a tail, {lost} lost entries, {whole} lost none");
    assert!(cuts > 0 && lost > 0 && whole > 0);
}

/// A script that has every kind of change.
const LONG: &[Step] = &[
    Append(1),
    Append(2),
    Sync,
    Append(1),
    Restart,
    Append(2),
    Append(1),
    Sync,
    Pack(CompressionMethod::Lz4),
    Purge(4),
    Pack(CompressionMethod::Zstd),
    Append(2),
    Policy(Fsync::Always),
    Append(1),
    Sync,
    Append(1),
    Policy(Fsync::No),
    Append(1),
    Pack(CompressionMethod::Zstd),
    Purge(9),
    Append(2),
    Sync,
    Append(2),
    Stop,
];

/// The number of changes that the script makes on a disk that works.
fn changes(options: Options, script: &[Step]) -> usize {
    let (files, mut history) = (Forgetful::new(), History::default());
    history.run(&files, options, script);
    assert!(history.errors.is_empty() && history.not_packed.is_empty(), "{history:?}");
    let (is_whole, has_closed) = (script.len() == LONG.len(), options.segment_bytes_max < MANY);
    assert!(!is_whole || (history.packed == 3) == has_closed, "{history:?}");
    files.changes().len()
}

/// Runs every prefix of the long script with the fault at every change, and passes each end state to `check`.
fn at_every_change(fault: DiskFault, mut check: impl FnMut(&Forgetful, &History, Options)) {
    for segment_bytes_max in [MANY, 150] {
        for fsync in [Fsync::EverySec, Fsync::Always] {
            let options = options(segment_bytes_max, fsync);
            for script in (0..=LONG.len()).map(|end| &LONG[..end]) {
                for at in 0..changes(options, script) {
                    let (files, mut history) = (Forgetful::new(), History::default());
                    files.fail(at, fault);
                    history.run(&files, options, script);
                    check(&files, &history, options);
                }
            }
        }
    }
}

#[test]
fn crash_at_every_change_keeps_what_was_synced() {
    let (mut ends, mut starts, mut cuts) = (0, 0, 0);
    at_every_change(DiskFault::Death, |files, history, options| {
        ends += 1;
        history.assert_goes_on(&files.copy(), options);
        for after in files.power_losses(coarse) {
            starts += 1;
            cuts += u32::from(history.assert_kept(&after, options).cut_bytes > 0);
        }
    });
    eprintln!("{ends} deaths, {starts} starts, {cuts} cut a tail");
    assert!(ends > 100 && cuts > 0);
}

#[test]
fn crash_at_every_change_of_a_start_keeps_what_was_synced() {
    let mut starts = 0;
    for segment_bytes_max in [MANY, 150] {
        let options = options(segment_bytes_max, Fsync::EverySec);
        for script in [&[Append(2), Sync, Append(2)][..], &[Append(1), Sync, Append(2), Stop], &[]] {
            let (files, mut history) = (Forgetful::new(), History::default());
            history.run(&files, options, script);
            // The start that fails may have synced everything that it found.
            history.durable_max = history.last();
            for before in files.power_losses(coarse).into_iter().chain([files.copy()]) {
                for fault in [DiskFault::Death, DiskFault::Sync, DiskFault::Once, DiskFault::Full] {
                    for at in 0.. {
                        let failing = before.failing(at, fault);
                        let before = failing.changes().len();
                        let is_open = SegmentLog::open(failing.clone(), options).is_ok();
                        let is_over = failing.changes().len() - before <= at;
                        assert!(!is_over || is_open);
                        for after in failing.power_losses(coarse).into_iter().chain([failing.copy()]) {
                            starts += 1;
                            history.assert_goes_on(&after, options);
                        }
                        if is_over {
                            break;
                        }
                    }
                }
            }
        }
    }
    eprintln!("{starts} starts after a start that failed");
}

#[test]
fn disk_full_at_every_change_leaves_a_good_prefix() {
    let (mut poisoned, mut refused) = (0, 0);
    at_every_change(DiskFault::Full, |files, history, options| {
        poisoned += u32::from(history.poisoned);
        refused += u32::from(!history.errors.is_empty());
        assert!(history.doubtful.is_empty(), "a refused group may come back: {history:?}");
        let mut errors = history.errors.iter().chain(&history.not_packed);
        assert!(errors.all(|error| error.contains("no space left")), "{history:?}");
        files.mend();
        history.assert_goes_on(&files.copy(), options);
        for after in files.power_losses(coarse) {
            history.assert_kept(&after, options);
        }
    });
    eprintln!("{refused} disks full");
    assert!(refused > 100 && poisoned == 0, "a full disk must poison no log: {poisoned}");
}

#[test]
fn disk_full_then_room_again_goes_on_with_a_shorter_group() {
    for at in 0..3 {
        let options = options(if at == 0 { MANY } else { 1 }, Fsync::No);
        let (files, mut history) = (Forgetful::new(), History::default());
        let mut log = history.run(&files, options, &[Append(1)]).expect("the disk works");
        files.fail(at, DiskFault::Full);
        let big: Vec<Entry> = (2..9).map(|lsn| entry(lsn, 1, 77)).collect();
        let error = log.append(&big).expect_err("the disk is full").to_string();
        assert!(error.contains("no space left on device"), "{error}");
        assert_eq!((log.last(), log.poisoned()), (Lsn(1), None));
        files.mend();
        log.append(&big[..1]).expect("there is room");
        log.sync().expect("the disk works");
        let (log, found) = SegmentLog::open(files.bare(), options).expect("it starts");
        assert_eq!((found.last, found.cut_bytes), (Lsn(2), 0));
        assert_eq!(read_all(&log)[1], big[0]);
    }
}

#[test]
fn fsync_failed_at_every_change_poisons_and_claims_nothing() {
    let (mut failed, mut poisoned) = (0, 0);
    at_every_change(DiskFault::Sync, |files, history, options| {
        failed += u32::from(!history.errors.is_empty());
        poisoned += u32::from(history.poisoned);
        if let [first, later @ ..] = &history.errors[..] {
            assert!(first.contains("sync") && first.contains("takes no more entries"), "{first}");
            let refused = |error: &String| error.starts_with("log takes no more entries: cannot sync");
            assert!(later.iter().all(refused), "{later:?}");
        }
        // The process starts again on the same machine, and reads pages that are not on the disk.
        history.assert_goes_on(&files.copy(), options);
        for after in files.power_losses(coarse) {
            history.assert_kept(&after, options);
        }
    });
    eprintln!("{failed} fsyncs failed, {poisoned} logs poisoned");
    assert!(failed > 50 && poisoned > 20);
}

#[test]
fn disk_error_at_every_change_once_or_for_ever_loses_nothing_durable() {
    for fault in [DiskFault::Once, DiskFault::Forever] {
        at_every_change(fault, |files, history, options| {
            let heard = history.errors.len() + history.not_packed.len();
            assert!(heard > 0, "an error that was not reported: {history:?}");
            files.mend();
            history.assert_goes_on(&files.copy(), options);
            for after in files.power_losses(coarse) {
                history.assert_kept(&after, options);
            }
        });
    }
}
