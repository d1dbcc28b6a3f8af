//! Section C — deadlines, and the clocks that judge them.

use super::Standing::{Counted, Later, NotShown, OutOfScope};
use super::{Case, Configuration, Seeded, Setting, clocks, hypothesis, row};
use crate::expiry::Policy::{Absolute, AtEntryTime, Effects, LogClock, MasterExpires, Pksetat, Verbatim};
use crate::models::invariants::Invariant;

const WITHOUT_DEADLINE: Configuration = Configuration::Seeded(Seeded::ResultWithoutDeadline);
const SEES_THE_DEAD: Configuration = Configuration::Seeded(Seeded::ReadersSeeTheDead);

/// No message is late and the clocks agree, so that nothing but the fault is left.
const AT_ONCE: Setting = Setting::Clocks { tick_ms: 10_000, delay_ticks: 0, skews: &[0] };

pub(super) const CASES: &[Case] = &[
    row(
        "R29",
        ("Pika", "pika#2760, cured in pika#2833"),
        "INCR is run again where the key has expired, and creates one that never dies.",
        Counted(clocks(
            &["SETEX k 10 100", "INCR k"],
            10_000,
            Configuration::Expiry(Absolute),
            (Invariant::NoImmortalKey, 5),
            Configuration::Expiry(Pksetat),
        )),
    ),
    row(
        "R30",
        ("Pika", "pika#2417"),
        "The inverse: the key has expired on the master and not on the replica, where INCR goes on from the old value.",
        Counted(
            clocks(
                &["SETEX k 10 5", "INCR k"],
                10_000,
                Configuration::Expiry(Absolute),
                (Invariant::SameValue, 6),
                Configuration::Expiry(Pksetat),
            )
            .in_setting(Setting::Clocks { tick_ms: 10_000, delay_ticks: 0, skews: &[-1] }),
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
            Configuration::Expiry(Pksetat),
        )),
    ),
    hypothesis(
        "R32",
        "Pika 3.5.5",
        "An assignment that is never reached: INCR is logged without the deadline.",
        Counted(clocks(
            &["SETEX k 10 100", "INCR k"],
            10_000,
            WITHOUT_DEADLINE,
            (Invariant::NoImmortalKey, 4),
            Configuration::Expiry(Pksetat),
        )),
    ),
    row(
        "R33",
        ("Pika", "pika#3012, pika#3117, cured in pika#3133"),
        "A deadline in milliseconds goes through an int32: the replica takes the key for long dead.",
        Counted(clocks(
            &["SETEX k 3600 v"],
            1_000_000,
            Configuration::Seeded(Seeded::DeadlineInInt32),
            (Invariant::NoEarlyDeath, 2),
            Configuration::Expiry(Effects),
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
                Configuration::Seeded(Seeded::MillisecondsAsSeconds),
                (Invariant::SameDeadline, 2),
                Configuration::Expiry(Effects),
            )
            .standing_for(
                "the wrong unit only; that the replica fails to parse it is about Pika's text format",
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
            Configuration::Seeded(Seeded::AppendLogsOldValue),
            (Invariant::SameValue, 2),
            Configuration::Expiry(Effects),
        )),
    ),
    row(
        "R36",
        ("Pika", "from its public code: DECR, HINCRBY, SADD, LPUSH, ZADD and SET NX are logged as they came"),
        "A write to a collection is run again where the collection has expired, and creates one that never dies.",
        Counted(
            clocks(
                &["HSET h a 1", "EXPIRE h 1", "HSET h b 1"],
                1000,
                Configuration::Expiry(Absolute),
                (Invariant::NoImmortalKey, 7),
                Configuration::Expiry(Effects),
            )
            .standing_for("HSET for SADD"),
        ),
    ),
    row(
        "R37",
        ("Kvrocks, Pika", "kvrocks#522, kvrocks#523"),
        "The replica's compaction removes a hash that is dead by its own clock before a later write to it arrives, \
         and its fields are gone for good.",
        Counted(clocks(
            &["HSET h f 1", "EXPIRE h 10", "EXPIRE h 100", "HINCRBY h g 1"],
            10_000,
            Configuration::Seeded(Seeded::RemovesByOwnClock(Effects)),
            (Invariant::SameValue, 8),
            Configuration::Expiry(Effects),
        )),
    ),
    row(
        "R38",
        ("AxeDB", "nosql-cn/AxeDB#1"),
        "The same between commit and apply: the command that is run after the removal starts from nothing.",
        Counted(clocks(
            &["SETEX x 10 5", "INCRBY x 10", "EXPIRE x 20"],
            10_000,
            Configuration::Seeded(Seeded::RemovesByOwnClock(AtEntryTime)),
            (Invariant::SameValue, 6),
            Configuration::Expiry(MasterExpires),
        )),
    ),
    row(
        "R39",
        ("Kvrocks", "kvrocks#2079"),
        "An expiry is extended between the snapshot of a slot that moves and the log that follows it.",
        OutOfScope("cluster slots"),
    ),
    row(
        "R40",
        ("Kvrocks", "kvrocks#2315"),
        "A filter drops the newest version of a key, dead, and an older one in a lower level shows again.",
        NotShown("the models' store has no levels; what compaction may drop is tested on RocksDB itself"),
    ),
    row(
        "R41",
        ("Redis", "redis#187, redis#3198, redis#1768, redis#1770, redis#3127"),
        "A replica answers with a value whose deadline has passed, until the master's DEL arrives.",
        Counted(
            clocks(
                &["SETEX foo 10 v", "SET bar 1"],
                10_000,
                SEES_THE_DEAD,
                (Invariant::PastRead, 5),
                Configuration::Expiry(MasterExpires),
            )
            .in_setting(AT_ONCE)
            .standing_for("SET bar shows to a reader that the deadline has passed"),
        ),
    ),
    row(
        "R42",
        ("Redis", "redis#5015, redis#5021, redis#8016"),
        "EXISTS and OBJECT on a replica still see what has expired.",
        Counted(
            clocks(
                &["HSET h f 1", "EXPIRE h 10", "SET bar 1"],
                10_000,
                SEES_THE_DEAD,
                (Invariant::PastRead, 7),
                Configuration::Expiry(MasterExpires),
            )
            .in_setting(AT_ONCE)
            .standing_for("SET bar shows to a reader that the deadline has passed"),
        ),
    ),
    row(
        "R43",
        ("Redis", "redis#1770"),
        "The replica's clock is ahead: EXPIRE from the master finds the key dead, and does nothing.",
        Counted(
            clocks(
                &["SETEX k 2 v", "EXPIRE k 100"],
                1000,
                Configuration::Expiry(Absolute),
                (Invariant::SameDeadline, 6),
                Configuration::Expiry(MasterExpires),
            )
            .in_setting(Setting::Clocks { tick_ms: 1000, delay_ticks: 0, skews: &[1] }),
        ),
    ),
    row(
        "R45",
        ("Redis", "redis#296, redis#2015, redis#4950"),
        "Expired keys are left out when a replica loads or saves its file, and the master's log then meets no key.",
        Later("lists, blocking commands and full sync"),
    ),
    row(
        "R46",
        ("Redis", "redis#5171, redis#8357, cured in redis#8433 and redis#8474"),
        "A time to live counts again from its arrival: on the replica the key lives longer by the lag.",
        Counted(
            clocks(
                &["SET k v EX 10"],
                1000,
                Configuration::Expiry(Verbatim),
                (Invariant::SameDeadline, 3),
                Configuration::Expiry(Effects),
            )
            .standing_for("the deadline differs at once; a fail-over only shows it"),
        ),
    ),
    row(
        "R50",
        ("Redis", "redis#14784 (claimed, not confirmed)"),
        "RESTORE with a deadline that has passed changes nothing on the master and is sent all the same.",
        Later("RESTORE"),
    ),
    row(
        "R53",
        ("Dragonfly", "dragonfly#582, dragonfly#6984"),
        "The replica removes expired keys itself, and what the master then does to them finds nothing.",
        Counted(clocks(
            &["SETEX k 10 v", "PERSIST k"],
            10_000,
            Configuration::Seeded(Seeded::RemovesByOwnClock(MasterExpires)),
            (Invariant::SameValue, 6),
            Configuration::Expiry(MasterExpires),
        )),
    ),
    row(
        "R54",
        ("Dragonfly", "dragonfly#2052, dragonfly#4906"),
        "A member dies while it is looked at, and that its key is empty now is not journaled.",
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
        "The wall clock is set: keys die at once, live longer, or never die while it stands still.",
        NotShown(
            "the catalogue's models have no clock that is set; `check --model clocks` has: effects+steps breaks lifetime \
             in two steps, log_clock+steps holds",
        ),
    ),
    row(
        "R81",
        ("Tarantool, Redis", "tarantool#12037, redis#8433 (discussion)"),
        "A replica whose clock is off hides keys that live, and nobody notices.",
        Counted(
            clocks(
                &["SETEX k 600 v"],
                300_000,
                Configuration::Expiry(Effects),
                (Invariant::NoEarlyDeath, 4),
                Configuration::Expiry(LogClock),
            )
            .in_setting(Setting::Clocks { tick_ms: 300_000, delay_ticks: 3, skews: &[1] }),
        ),
    ),
];
