//! Section C — deadlines, and the clocks that judge them.

use super::row::Standing::{Counted, Later, NotShown, OutOfScope};
use super::row::{Case, RowSetting, clocks, hypothesis, row};
use crate::expiry::Policy::{Absolute, AtEntryTime, Effects, LogClock, MasterExpires, Pksetat, Verbatim};
use crate::models::choice::Choice;
use crate::models::fault::SeededFault;
use crate::models::invariants::Invariant;

const WITHOUT_DEADLINE: Choice = Choice::faulty(SeededFault::ResultWithoutDeadline);
const SEES_THE_DEAD: Choice = Choice::faulty(SeededFault::ReadersSeeTheDead);

/// No message is late and the clocks agree, so that the fault is the only cause.
const AT_ONCE: RowSetting = RowSetting::Clocks { tick_ms: 10_000, delay_ticks: 0, skews: &[0] };

pub(super) const CASES: &[Case] = &[
    row(
        "R29",
        ("Pika", "pika#2760, cured in pika#2833"),
        "INCR is run again on a replica where the key has expired, and creates a key that never dies.",
        Counted(clocks(
            &["SETEX k 10 100", "INCR k"],
            10_000,
            Choice::expiry(Absolute),
            (Invariant::NoImmortalKey, 5),
            Choice::expiry(Pksetat),
        )),
    ),
    row(
        "R30",
        ("Pika", "pika#2417"),
        "The key has expired on the master and not on the replica, where INCR continues from the old value.",
        Counted(
            clocks(
                &["SETEX k 10 5", "INCR k"],
                10_000,
                Choice::expiry(Absolute),
                (Invariant::SameValue, 6),
                Choice::expiry(Pksetat),
            )
            .given(RowSetting::Clocks { tick_ms: 10_000, delay_ticks: 0, skews: &[-1] }),
        ),
    ),
    row(
        "R31",
        ("Pika", "pika#766, pika#767"),
        "INCR is logged as SET, and the deadline is lost on the replica.",
        Counted(clocks(
            &["SET a 1 EX 10000", "INCR a"],
            10_000,
            WITHOUT_DEADLINE,
            (Invariant::NoImmortalKey, 4),
            Choice::expiry(Pksetat),
        )),
    ),
    hypothesis(
        "R32",
        "Pika 3.5.5",
        "An assignment is never reached, so INCR is logged without the deadline.",
        Counted(clocks(
            &["SETEX k 10 100", "INCR k"],
            10_000,
            WITHOUT_DEADLINE,
            (Invariant::NoImmortalKey, 4),
            Choice::expiry(Pksetat),
        )),
    ),
    row(
        "R33",
        ("Pika", "pika#3012, pika#3117, cured in pika#3133"),
        "A deadline in milliseconds is cut to an int32, so the replica considers the key long dead.",
        Counted(clocks(
            &["SETEX k 3600 v"],
            1_000_000,
            Choice::faulty(SeededFault::DeadlineInInt32),
            (Invariant::NoEarlyDeath, 2),
            Choice::expiry(Effects),
        )),
    ),
    hypothesis(
        "R34",
        "Pika",
        "PSETEX's milliseconds are logged as seconds.",
        Counted(
            clocks(
                &["PSETEX k 5000 v"],
                1000,
                Choice::faulty(SeededFault::MillisecondsAsSeconds),
                (Invariant::SameDeadline, 2),
                Choice::expiry(Effects),
            )
            .standing_for(
                "only the wrong unit is modelled; that the replica cannot parse the entry is due to Pika's text format",
            ),
        ),
    ),
    hypothesis(
        "R35",
        "Pika",
        "APPEND to a new key logs an empty value.",
        Counted(clocks(
            &["APPEND n hello"],
            1000,
            Choice::faulty(SeededFault::AppendLogsOldValue),
            (Invariant::SameValue, 2),
            Choice::expiry(Effects),
        )),
    ),
    row(
        "R36",
        ("Pika", "from its public code: DECR, HINCRBY, SADD, LPUSH, ZADD and SET NX are logged as they were sent"),
        "A write to a collection is run again on a replica where the collection has expired, and creates one that never dies.",
        Counted(
            clocks(
                &["SADD s a", "EXPIRE s 1", "SADD s b"],
                1000,
                Choice::expiry(Absolute),
                (Invariant::NoImmortalKey, 7),
                Choice::expiry(Effects),
            ),
        ),
    ),
    row(
        "R37",
        ("Kvrocks, Pika", "kvrocks#522, kvrocks#523"),
        "The replica's compaction removes a hash that is dead by the replica's own clock before a later write to it \
         arrives, and its fields are lost for good.",
        Counted(clocks(
            &["HSET h f 1", "EXPIRE h 10", "EXPIRE h 100", "HINCRBY h g 1"],
            10_000,
            Choice::faulty(SeededFault::RemovesByOwnClock(Effects)),
            (Invariant::SameValue, 8),
            Choice::expiry(Effects),
        )),
    ),
    row(
        "R38",
        ("AxeDB", "nosql-cn/AxeDB#1"),
        "The replica removes a dead key between commit and apply, and the command that runs next starts from nothing.",
        Counted(clocks(
            &["SETEX x 10 5", "INCRBY x 10", "EXPIRE x 20"],
            10_000,
            Choice::faulty(SeededFault::RemovesByOwnClock(AtEntryTime)),
            (Invariant::SameValue, 6),
            Choice::expiry(MasterExpires),
        )),
    ),
    row(
        "R39",
        ("Kvrocks", "kvrocks#2079"),
        "An expiry is extended between the snapshot of a moving slot and the log that follows the snapshot.",
        OutOfScope("cluster slots"),
    ),
    row(
        "R40",
        ("Kvrocks", "kvrocks#2315"),
        "A filter drops the newest version of a dead key, and an older version in a lower level becomes visible again.",
        NotShown("the models' store has no levels; what compaction may drop is tested on RocksDB itself"),
    ),
    row(
        "R41",
        ("Redis", "redis#187, redis#3198, redis#1768, redis#1770, redis#3127"),
        "A replica returns a value whose deadline has passed, until the master's DEL arrives.",
        Counted(
            clocks(
                &["SETEX foo 10 v", "SET bar 1"],
                10_000,
                SEES_THE_DEAD,
                (Invariant::PastRead, 5),
                Choice::expiry(MasterExpires),
            )
            .given(AT_ONCE)
            .standing_for("SET bar lets a reader see that the deadline has passed"),
        ),
    ),
    row(
        "R42",
        ("Redis", "redis#5015, redis#5021, redis#8016"),
        "EXISTS and OBJECT on a replica still see expired keys.",
        Counted(
            clocks(
                &["HSET h f 1", "EXPIRE h 10", "SET bar 1"],
                10_000,
                SEES_THE_DEAD,
                (Invariant::PastRead, 7),
                Choice::expiry(MasterExpires),
            )
            .given(AT_ONCE)
            .standing_for("SET bar lets a reader see that the deadline has passed"),
        ),
    ),
    row(
        "R43",
        ("Redis", "redis#1770"),
        "The replica's clock is ahead, so EXPIRE from the master finds the key dead and does nothing.",
        Counted(
            clocks(
                &["SETEX k 2 v", "EXPIRE k 100"],
                1000,
                Choice::expiry(Absolute),
                (Invariant::SameDeadline, 6),
                Choice::expiry(MasterExpires),
            )
            .given(RowSetting::Clocks { tick_ms: 1000, delay_ticks: 0, skews: &[1] }),
        ),
    ),
    row(
        "R45",
        ("Redis", "redis#296, redis#2015, redis#4950"),
        "Expired keys are left out when a replica loads or saves its file, and then entries of the master's log find no key.",
        Later("lists, blocking commands and full sync"),
    ),
    row(
        "R46",
        ("Redis", "redis#5171, redis#8357, cured in redis#8433 and redis#8474"),
        "A time to live counts from its arrival at the replica, where the key lives longer by the lag.",
        Counted(
            clocks(
                &["SET k v EX 10"],
                1000,
                Choice::expiry(Verbatim),
                (Invariant::SameDeadline, 3),
                Choice::expiry(Effects),
            )
            .standing_for("the deadlines differ at once; a fail-over only makes that visible"),
        ),
    ),
    row(
        "R50",
        ("Redis", "redis#14784 (claimed, not confirmed)"),
        "RESTORE with a deadline in the past changes nothing on the master and is sent nevertheless.",
        Later("RESTORE"),
    ),
    row(
        "R53",
        ("Dragonfly", "dragonfly#582, dragonfly#6984"),
        "The replica removes expired keys itself, and the master's later commands on them find nothing.",
        Counted(clocks(
            &["SETEX k 10 v", "PERSIST k"],
            10_000,
            Choice::faulty(SeededFault::RemovesByOwnClock(MasterExpires)),
            (Invariant::SameValue, 6),
            Choice::expiry(MasterExpires),
        )),
    ),
    row(
        "R54",
        ("Dragonfly", "dragonfly#2052, dragonfly#4906"),
        "A member dies while it is read, and the journal does not record that its key is now empty.",
        Later("deadlines of single members, and full sync"),
    ),
    row(
        "R55",
        ("Dragonfly", "dragonfly#8128"),
        "The DEL of an evicted key overtakes the snapshot of that key.",
        OutOfScope("eviction"),
    ),
    row(
        "R56",
        ("KeyDB", "KeyDB#428, KeyDB#743"),
        "The two masters count different numbers of expired keys.",
        OutOfScope("more than one master"),
    ),
    row("R57", ("ardb", "ardb#487"), "A full sync does not honour slave-ignore-expire.", Later("full sync")),
    row(
        "R80",
        ("Redis, Valkey", "redis#416, redis#217, valkey#2651, valkey#4345"),
        "The wall clock is set, so keys die at once, live longer, or do not die while it stands still.",
        NotShown(
            "no clock is set in the catalogue's models; in `check --model clocks` one is: effects+steps breaks lifetime \
             in two steps, log_clock+steps holds",
        ),
    ),
    row(
        "R81",
        ("Tarantool, Redis", "tarantool#12037, redis#8433 (discussion)"),
        "A replica with a wrong clock hides living keys without any warning.",
        Counted(
            clocks(
                &["SETEX k 600 v"],
                300_000,
                Choice::expiry(Effects),
                (Invariant::NoEarlyDeath, 4),
                Choice::expiry(LogClock),
            )
            .given(RowSetting::Clocks { tick_ms: 300_000, delay_ticks: 3, skews: &[1] }),
        ),
    ),
];
