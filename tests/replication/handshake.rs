//! The handshake: its text, and its decision against logs compared entry by entry.

use super::entries::log_of;
use crate::property::properties;
use quickcheck::{Arbitrary, Gen};
use replicheck::binlog::{Epoch, Log, Lsn};
use replicheck::compression::CompressionMethod;
use replicheck::replication::handshake::{
    EPOCHS_MAX, Hello, History, Refusal, Resume, ResumePoint, answer, without_full_sync,
};
use replicheck::replication::snapshot;
use replicheck::time::Millis;

const EXPIRY: &str = "log_clock";

/// The hello of a replica without a log.
fn nobody() -> Hello {
    Hello { expiry: EXPIRY.to_owned(), ..Hello::default() }
}

#[derive(Clone, Debug)]
struct AnyHello(Hello);

impl Arbitrary for AnyHello {
    fn arbitrary(source: &mut Gen) -> AnyHello {
        let mut rows = Vec::<(u64, u64)>::arbitrary(source);
        let (mut epochs, mut firsts): (Vec<u64>, Vec<u64>) = rows.drain(..).unzip();
        epochs.sort_unstable();
        epochs.dedup();
        firsts.retain(|&first| first > 0);
        firsts.sort_unstable();
        firsts.dedup();
        let epochs: Vec<_> =
            epochs.into_iter().zip(firsts).map(|(epoch, first)| (Epoch(epoch), Lsn(first))).collect();
        let last = epochs.last().map_or(0, |(_, first)| first.0.saturating_add(u64::arbitrary(source) % 9));
        let (removed, port) = (Millis(u64::arbitrary(source)), u16::arbitrary(source));
        let checksum = Option::arbitrary(source);
        let expiry = ["log_clock", "relative", "x"][usize::from(port) % 3].to_owned();
        let codec = CompressionMethod::ALL[usize::from(port) % 7 % 3];
        AnyHello(Hello {
            last: Lsn(last),
            checksum,
            removed,
            port,
            expiry,
            epochs,
            codec,
            ..Hello::default()
        })
    }
}

properties! {
    fn prop_hello_parsed_is_what_was_said(hello: AnyHello) -> bool {
        Hello::parse(&hello.0.argv()) == Ok(hello.0)
    }

    fn prop_hello_any_arguments_are_refused_or_canonical(hello: AnyHello, changes: Vec<(u8, u16, u8)>) -> bool {
        let mut argv = hello.0.argv();
        for (argument, at, byte) in changes {
            let argument = usize::from(argument) % argv.len();
            let length = argv[argument].len();
            if argument > 0 {
                argv[argument][usize::from(at) % length] = *b"0123456789:,-+ x"
                    .get(usize::from(byte % 16)).expect("16 of them");
            }
        }
        // Each hello has one text: arguments that are accepted are the ones that this side would send.
        Hello::parse(&argv).is_err() || Hello::parse(&argv).map(|hello| hello.argv()) == Ok(argv)
    }

    fn prop_hello_any_bytes_do_not_panic(argv: Vec<Vec<u8>>) -> bool {
        let _ = Resume::parse(&argv.concat());
        Hello::parse(&argv).is_err()
    }

    fn prop_resume_parsed_is_what_was_said(from: u64, last: u64, epoch: u64) -> bool {
        let codec = CompressionMethod::ALL[usize::from(epoch.to_be_bytes()[7]) % 3];
        let resume = Resume { from: Lsn(from), last: Lsn(last), epoch: Epoch(epoch), codec, version: 4 };
        Resume::parse(resume.status().as_bytes()) == Some(resume)
    }
}

fn argv(line: &str) -> Vec<Vec<u8>> {
    line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
}

#[test]
fn hello_is_a_line_that_a_person_can_read() {
    let epochs = vec![(Epoch(1), Lsn(1)), (Epoch(2), Lsn(4))];
    let expiry = EXPIRY.to_owned();
    let hello = Hello {
        last: Lsn(5),
        checksum: Some(u32::MAX),
        removed: Millis(1020),
        port: 7002,
        expiry,
        epochs,
        ..Hello::default()
    };
    assert_eq!(hello.argv(), argv("RCSYNC 4 5 4294967295 1020 7002 log_clock 1:1,2:4 crc=43de70ca"));
    assert_eq!(nobody().argv(), argv("RCSYNC 4 0 - 0 0 log_clock - crc=ed10eb57"));
    // A line of before the checksum is read, too.
    assert_eq!(Hello::parse(&argv("rcsync 4 5 4294967295 1020 7002 log_clock 1:1,2:4")).as_ref(), Ok(&hello));
    let asking = Hello { codec: CompressionMethod::Zstd, ..hello };
    assert_eq!(asking.argv(), argv("RCSYNC 4 5 4294967295 1020 7002 log_clock 1:1,2:4 zstd crc=e57ebad2"));
    let resume =
        Resume { from: Lsn(6), last: Lsn(9), epoch: Epoch(2), codec: CompressionMethod::None, version: 4 };
    assert_eq!(resume.status(), "CONTINUE 6 9 2 crc=707b0171");
    assert_eq!(Resume { version: 3, ..resume }.status(), "CONTINUE 6 9 2");
    assert_eq!(
        Resume { codec: CompressionMethod::Lz4, ..resume }.status(),
        "CONTINUE 6 9 2 lz4 crc=3c97ec8c"
    );
    for other in ["CONTINUE 6 9 2 none", "CONTINUE 6 9 2 lz4 more", "CONTINUE 6 9 2 "] {
        assert_eq!(Resume::parse(other.as_bytes()), None, "{other}");
    }
}

/// The words with one bit that is another, in every place.
fn one_bit_off(words: &[Vec<u8>]) -> impl Iterator<Item = Vec<Vec<u8>>> {
    let places =
        words.iter().enumerate().flat_map(|(at, word)| (0..word.len() * 8).map(move |bit| (at, bit)));
    places.map(|(at, bit)| {
        let mut words = words.to_vec();
        words[at][bit / 8] ^= 1 << (bit % 8);
        words
    })
}

#[test]
fn damaged_lines_of_the_handshake_get_no_answer_for_good() {
    let full = snapshot::Request {
        version: 4,
        port: 7002,
        expiry: EXPIRY.to_owned(),
        codec: CompressionMethod::Lz4,
    };
    let epochs = vec![(Epoch(1), Lsn(1)), (Epoch(2), Lsn(4))];
    let hello = Hello { last: Lsn(5), checksum: Some(17), port: 7002, epochs, ..nobody() };
    for damaged in one_bit_off(&hello.argv()[1..]) {
        let argv = [vec![b"RCSYNC".to_vec()], damaged].concat();
        let refusal = Hello::parse(&argv).expect_err("another bit").to_string();
        assert!(refusal.starts_with("ERR") || refusal.starts_with("TRYAGAIN"), "{argv:?}: {refusal}");
    }
    for damaged in one_bit_off(&full.argv()[3..]) {
        let argv = [full.argv()[..3].to_vec(), damaged].concat();
        let refusal = snapshot::Request::parse(&argv).expect_err("another bit").to_string();
        assert!(refusal.starts_with("ERR") || refusal.starts_with("TRYAGAIN"), "{argv:?}: {refusal}");
    }
    let resume = Resume { from: Lsn(6), last: Lsn(9), epoch: Epoch(2), version: 4, ..Resume::default() };
    for damaged in one_bit_off(&[resume.status().into_bytes()]) {
        assert_eq!(Resume::parse(&damaged[0]), None, "{damaged:?}");
    }
    for damaged in one_bit_off(&[snapshot::status(CompressionMethod::None).into_bytes()]) {
        assert_eq!(snapshot::parse_status(&damaged[0]), None, "{damaged:?}");
    }
}

#[test]
fn hello_of_version_1_is_read_and_its_log_time_is_not_used() {
    let hello = Hello::parse(&argv("RCSYNC 1 5 1020 7002 log_clock 1:1")).expect("version 1");
    let epochs = vec![(Epoch(1), Lsn(1))];
    let expected = Hello { version: 1, last: Lsn(5), port: 7002, epochs, ..nobody() };
    assert_eq!(hello, expected);
    assert_eq!(hello.argv(), argv("RCSYNC 1 5 0 7002 log_clock 1:1"));
}

#[test]
fn hello_malformed_is_refused_with_the_argument() {
    let cases = [
        ("RCSYNC", "version"),
        ("RCSYNC one 5 0 0 1:1", "version"),
        ("RCSYNC 1 5 0 0 1:1", "number of arguments"),
        ("RCSYNC 1 5 0 0 log_clock 1:1 lz4 more", "number of arguments"),
        ("RCSYNC 1 5 0 0 log_clock 1:1 brotli", "compression (known: lz4, zstd)"),
        ("RCSYNC 1 5 0 0 log_clock 1:1 none", "compression (known: lz4, zstd)"),
        ("RCSYNC 1 -5 0 0 log_clock 1:1", "last lsn"),
        ("RCSYNC 1 +5 0 0 log_clock 1:1", "last lsn"),
        ("RCSYNC 1 05 0 0 log_clock 1:1", "last lsn"),
        ("RCSYNC 1 18446744073709551616 0 0 log_clock 1:1", "last lsn"),
        ("RCSYNC 1 5 x 0 log_clock 1:1", "log time"),
        ("RCSYNC 1", "number of arguments"),
        ("RCSYNC 2 5", "number of arguments"),
        ("RCSYNC 2 5 1 2 0 1:1", "number of arguments"),
        ("RCSYNC 2 5 x 0 0 log_clock 1:1", "checksum"),
        ("RCSYNC 2 5 4294967296 0 0 log_clock 1:1", "checksum"),
        ("RCSYNC 2 5 1 -1 0 log_clock 1:1", "removed deadline"),
        ("RCSYNC 1 5 0 65536 log_clock 1:1", "port"),
        ("RCSYNC 1 5 0 0 logClock 1:1", "expiry policy"),
        ("RCSYNC 1 5 0 0  1:1", "expiry policy"),
        ("RCSYNC 1 5 0 0 abcdefghijklmnopqrstuvwxyzabcdefg 1:1", "expiry policy"),
        ("RCSYNC 1 5 0 0 log_clock -", "list of epochs"),
        ("RCSYNC 1 0 0 0 log_clock 1:1", "list of epochs"),
        ("RCSYNC 1 5 0 0 log_clock 1:0", "list of epochs"),
        ("RCSYNC 1 5 0 0 log_clock 1:6", "list of epochs"),
        ("RCSYNC 1 5 0 0 log_clock 1:1,", "list of epochs"),
        ("RCSYNC 1 5 0 0 log_clock 1:1,1:2", "list of epochs"),
        ("RCSYNC 1 5 0 0 log_clock 1:2,2:2", "list of epochs"),
        ("RCSYNC 1 5 0 0 log_clock 1:3,2:2", "list of epochs"),
        ("RCSYNC 1 5 0 0 log_clock 11", "list of epochs"),
        ("RCSYNC 1 5 0 0 log_clock 1:1:1", "list of epochs"),
    ];
    for (line, what) in cases {
        let refusal = Hello::parse(&argv(line)).expect_err(line);
        assert_eq!(refusal.to_string(), format!("ERR rcsync: invalid {what}"), "{line}");
    }
    let rows = |count: u64| Hello {
        last: Lsn(count),
        epochs: (1..=count).map(|row| (Epoch(row), Lsn(row))).collect(),
        ..nobody()
    };
    let many = rows(EPOCHS_MAX as u64);
    assert_eq!(Hello::parse(&many.argv()).as_ref(), Ok(&many));
    let newest = Hello::parse(&rows(EPOCHS_MAX as u64 + 1).argv()).expect("the newest epochs are sent");
    assert_eq!(newest.epochs, rows(EPOCHS_MAX as u64 + 1).epochs[1..]);
    // Without the checksum, which it would not fit.
    let mut more = many.argv();
    more.pop();
    more[2] = b"999999".to_vec();
    more[7].extend_from_slice(b",99999:99999");
    assert_eq!(Hello::parse(&more), Err(Refusal::Malformed("list of epochs")), "one more than the limit");
}

#[test]
fn hello_of_another_version_is_refused_whatever_follows_it() {
    let refusal = Hello::parse(&argv("RCSYNC 5 anything")).expect_err("version 5");
    assert_eq!(
        refusal.to_string(),
        "NOSYNC replica speaks replication version 5, this node 4: run the same version of the program on both"
    );
}

#[test]
fn resume_other_status_is_none() {
    for status in
        ["", "OK", "CONTINUE", "CONTINUE 6 9", "CONTINUE 6 9 2 1", "CONTINUE 6 9 x", "continue 6 9 2"]
    {
        assert_eq!(Resume::parse(status.as_bytes()), None, "{status}");
    }
}

fn history(log: &Log, epoch: u64) -> History {
    History {
        first: Lsn(1),
        last: log.last(),
        epochs: log.epochs().to_vec(),
        epoch: Epoch(epoch),
        expiry: EXPIRY.to_owned(),
        time: Millis(1_000),
        follows: false,
    }
}

/// The place in the master's log after entry `at`; no checksum is compared.
fn place(log: &Log) -> impl Fn(Lsn) -> ResumePoint + '_ {
    |at| ResumePoint { checksum: None, next: log.from(at.next()).first().map(|entry| entry.time) }
}

fn hello(log: &Log) -> Hello {
    Hello { last: log.last(), epochs: log.epochs().to_vec(), ..nobody() }
}

/// Every list of up to three of these epochs that does not go back.
fn lists(out_of: &[u64]) -> Vec<Vec<u64>> {
    let mut lists = vec![Vec::new()];
    for at in 0.. {
        let Some(list) = lists.get(at).cloned() else { return lists };
        if list.len() < 3 {
            let may_follow = |epoch: &&u64| list.last().is_none_or(|last| last <= *epoch);
            lists.extend(out_of.iter().filter(may_follow).map(|&epoch| [list.clone(), vec![epoch]].concat()));
        }
    }
    lists
}

/// Two nodes share a log; then each loses a part of its end, begins an epoch of its own, and writes on.
#[test]
fn answer_resumes_exactly_if_the_replicas_log_is_a_prefix_of_the_masters() {
    let (mut resumed, mut refused) = (0, 0);
    for shared in lists(&[1, 2]) {
        for (left, right) in (0..=shared.len()).flat_map(|l| (0..=shared.len()).map(move |r| (l, r))) {
            for (mine, theirs) in lists(&[4, 6])
                .iter()
                .flat_map(|mine| lists(&[3, 5]).into_iter().map(move |theirs| (mine.clone(), theirs)))
            {
                let master = log_of(&[&shared[..left], &mine].concat());
                let replica = log_of(&[&shared[..right], &theirs].concat());
                let is_prefix = master.from(Lsn(0)).starts_with(replica.from(Lsn(0)));
                // Epoch 8 began at the master's last start, and has no entry.
                for epoch in [master.epochs().last().map_or(1, |(epoch, _)| epoch.0), 8] {
                    let answer = answer(&history(&master, epoch), &hello(&replica), place(&master));
                    let expected = Resume {
                        from: replica.last().next(),
                        last: master.last(),
                        epoch: Epoch(epoch),
                        codec: CompressionMethod::None,
                        version: 4,
                    };
                    assert_eq!(
                        answer.clone().ok(),
                        is_prefix.then_some(expected),
                        "master {:?} in {epoch}, replica {:?}: {answer:?}",
                        master.epochs(),
                        replica.epochs()
                    );
                    *(if is_prefix { &mut resumed } else { &mut refused }) += 1;
                }
            }
        }
    }
    assert!(resumed > 1000 && refused > 1000, "{resumed} resumed, {refused} refused");
}

#[test]
fn answer_replica_beyond_a_master_that_lost_its_tail_is_refused() {
    let (master, replica) = (log_of(&[1, 1, 1]), log_of(&[1, 1, 1, 1, 1]));
    let refusal =
        answer(&history(&master, 2), &hello(&replica), place(&master)).expect_err("beyond the fork");
    let beyond = Refusal::Beyond { fork: Lsn(3), replica: Lsn(5), last: Lsn(3), epoch: Epoch(2) };
    assert_eq!(refusal, beyond);
    assert_eq!(
        refusal.to_string(),
        "NOSYNC replica has lsn 5, but the histories fork after lsn 3; the master's log ends at 3, epoch 2; \
         this replica takes no full sync: start it on a copy of its stopped master's folder, with --take-copy; an empty \
         folder is enough if the master's log begins at lsn 1"
    );
    assert_eq!(
        refusal.reply(4),
        "FULLSYNC replica has lsn 5, but the histories fork after lsn 3; the master's log ends at 3, epoch 2"
    );
    assert_eq!(
        without_full_sync(&refusal.reply(4)["FULLSYNC ".len()..]),
        refusal.reply(3),
        "an older version"
    );
    let expiry = Refusal::Expiry { theirs: "a".to_owned(), ours: "b".to_owned() };
    assert_eq!(expiry.reply(4), expiry.to_string(), "a full sync does not help");
    let other = answer(&history(&log_of(&[2]), 2), &hello(&replica), |_| ResumePoint::default())
        .expect_err("another history");
    assert_eq!(other, Refusal::OtherHistory { last: Lsn(5) });
}

#[test]
fn answer_replica_that_needs_purged_entries_is_refused() {
    let master = log_of(&[1; 9]);
    for (first, had) in (1..=10).flat_map(|first| (0..=9).map(move |had| (first, had))) {
        let history = History { first: Lsn(first), ..history(&master, 1) };
        let hello = hello(&log_of(&vec![1; had]));
        let wanted = hello.last.next();
        match answer(&history, &hello, place(&master)) {
            Ok(resume) => assert!(resume.from == wanted && wanted.0 >= first),
            Err(refusal) => {
                assert!(wanted.0 < first);
                assert_eq!(refusal, Refusal::Purged { first: Lsn(first), wanted });
            }
        }
    }
}

#[test]
fn answer_replica_under_another_expiry_policy_is_refused() {
    let log = log_of(&[1, 1, 1]);
    for replica in [hello(&log), nobody()] {
        let replica = Hello { expiry: "relative".to_owned(), ..replica };
        let refusal = answer(&history(&log, 1), &replica, place(&log)).expect_err("another policy");
        assert_eq!(
            refusal.to_string(),
            "NOSYNC replica runs expiry `relative`, this node `log_clock`, and the log's entries are valid under their own \
             policy only: start the replica in an empty folder with --expiry log_clock"
        );
    }
}

#[test]
fn answer_replica_whose_last_entry_is_another_one_is_refused() {
    let log = log_of(&[1, 1, 1]);
    for (theirs, ours, is_refused) in
        [(Some(7), Some(8), true), (Some(7), Some(7), false), (None, Some(8), false), (Some(7), None, false)]
    {
        let replica = Hello { checksum: theirs, ..hello(&log) };
        let answer = answer(&history(&log, 1), &replica, |_| ResumePoint { checksum: ours, next: None });
        assert_eq!(
            answer.err(),
            is_refused.then_some(Refusal::OtherEntry { last: Lsn(3) }),
            "{theirs:?} {ours:?}"
        );
    }
    // A checksum of an older kind.
    let older = Hello { version: 2, checksum: Some(7), ..hello(&log) };
    assert!(answer(&history(&log, 1), &older, |_| ResumePoint { checksum: Some(8), next: None }).is_ok());
}

/// A log of four entries, of epochs 1, 1, 2 and 3; its first entries may be purged.
#[test]
fn answer_lists_of_epochs_that_lack_their_beginning_are_compared_from_where_both_are_known() {
    let log = log_of(&[1, 1, 2, 3]);
    let from = |epochs: usize, first: u64| History {
        first: Lsn(first),
        epochs: log.epochs()[epochs..].to_vec(),
        ..history(&log, 3)
    };
    let whole = hello(&log);
    let newest = Hello { epochs: log.epochs()[2..].to_vec(), ..whole.clone() };
    for (history, epochs) in
        [(from(0, 1), &whole), (from(2, 4), &whole), (from(0, 1), &newest), (from(2, 4), &newest)]
    {
        assert_eq!(answer(&history, epochs, place(&log)).map(|resume| resume.from), Ok(Lsn(5)));
    }
    // The replica's log ends before the oldest entry of the master: whatever its history is, the next entries are purged.
    let old = hello(&log_of(&[1, 1]));
    assert_eq!(
        answer(&from(2, 4), &old, place(&log)),
        Err(Refusal::Purged { first: Lsn(4), wanted: Lsn(3) })
    );
    // Another history, whose list begins where the master no longer knows its own.
    let other = hello(&log_of(&[1, 1, 4, 4]));
    assert_eq!(answer(&from(2, 4), &other, place(&log)), Err(Refusal::OtherHistory { last: Lsn(4) }));
}

#[test]
fn answer_replica_that_removed_what_lives_in_the_next_entry_is_refused_and_tries_again_without_one() {
    let log = log_of(&[1, 1, 1]);
    let removed = |removed| Hello { removed: Millis(removed), ..hello(&log) };
    let answered = |hello: &Hello, next: Option<u64>| {
        answer(&history(&log, 1), hello, |_| ResumePoint { checksum: None, next: next.map(Millis) }).err()
    };
    assert_eq!(answered(&removed(100), Some(100)), None, "dead at the instant of the entry");
    let refusal = answered(&removed(101), Some(100)).expect("it lived");
    assert_eq!(refusal, Refusal::Removed { removed: Millis(101), next: Millis(100) });
    assert_eq!(
        refusal.to_string(),
        "NOSYNC replica has removed keys that were dead at 101 ms, and the next entry it needs is of 100 ms: it may write \
         to one of them; this replica takes no full sync: start it on a copy of its stopped master's folder, with --take-copy; an empty \
         folder is enough if the master's log begins at lsn 1"
    );
    assert_eq!(answered(&removed(1_000), None), None, "log time is 1000");
    let refusal = answered(&removed(1_001), None).expect("not yet");
    assert_eq!(
        refusal.to_string(),
        "TRYAGAIN replica has removed keys that were dead at 1001 ms, and log time is only 1000 ms"
    );
}
