//! Section C — deadlines, and the clocks that judge them.

use super::row::Standing::{Counted, Later, NotShown, OutOfScope};
use super::row::{Case, RowSetting, clocks, hypothesis, row};
use crate::expiry::Policy::{
    Absolute, AtEntryTime, Effects, LogClock, MasterExpires, Pksetat, StreamClock, Verbatim,
};
use crate::models::choice::Choice;
use crate::models::fault::SeededFault;
use crate::models::invariants::Invariant;

const WITHOUT_DEADLINE: Choice = Choice::faulty(SeededFault::ResultWithoutDeadline);
const SEES_THE_DEAD: Choice = Choice::faulty(SeededFault::ReadersSeeTheDead);

/// No message is late and the clocks agree, so that the fault is the only cause.
const AT_ONCE: RowSetting = RowSetting::Clocks { tick_ms: 10_000, delay_ticks: 0, skews: &[0] };

/// A value of 65 bytes.
const LONG: &str = "HSET h g xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

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
        Later("blocking commands, and a full sync that leaves out dead keys"),
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
        Later("a full sync with members that die; that the journal does not record an emptied key is R84"),
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
    row("R57", ("ardb", "ardb#487"), "A full sync does not honour slave-ignore-expire.", Later("a full sync that removes keys")),
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
    row(
        "R83",
        ("Valkey", "valkey#4699, cured in valkey#4704"),
        "A long value changes the encoding of a hash, which drops the expired fields; no HDEL tells the replica, where a \
         later command revives them.",
        Counted(
            clocks(
                &["HSET h f 1 g 2", "HPEXPIRE h 300 FIELDS 1 f", LONG, "HEXPIRE h 100 FIELDS 2 f g"],
                1000,
                Choice::faulty(SeededFault::ConversionDropsFields),
                (Invariant::SameValue, 9),
                Choice::expiry(MasterExpires),
            )
            .standing_for("HEXPIRE names the dropped field, so that the field which is left on the replica is seen"),
        ),
    ),
    row(
        "R84",
        ("Dragonfly", "dragonfly#7936, dragonfly#7937, dragonfly#7938, dragonfly#6994"),
        "A command finds all fields of a hash expired and deletes the hash on the master; the journal has no DEL, so the \
         replica keeps it.",
        Counted(
            clocks(
                &["HSET h f 1", "HPEXPIRE h 300 FIELDS 1 f", "HPEXPIRE h 5000 FIELDS 1 f", "HSETNX h f 2"],
                1000,
                Choice::faulty(SeededFault::EmptiedHashUntold),
                (Invariant::SameValue, 8),
                Choice::expiry(MasterExpires),
            )
            .standing_for(
                "Dragonfly journals the second HPEXPIRE, which changed nothing; this master does not, and HSETNX finds \
                 what is left on the replica",
            ),
        ),
    ),
    row(
        "R85",
        ("Dragonfly", "dragonfly#7948"),
        "A command removes the fields that it finds expired without an HDEL and is journaled with its condition, which a \
         replica that still has the fields judges differently.",
        Counted(clocks(
            &["HSET h f 1 g 2", "HPEXPIRE h 300 FIELDS 1 f", "HSETEX h FNX PX 5000 FIELDS 1 f 3"],
            1000,
            Choice::faulty(SeededFault::ProbedFieldsUntold),
            (Invariant::SameValue, 7),
            Choice::expiry(MasterExpires),
        )),
    ),
    row(
        "R86",
        ("Dragonfly", "dragonfly#8272, cured in dragonfly#8340"),
        "The duration of a field is journaled as it came, and the replica counts it from its arrival.",
        Counted(
            clocks(
                &["HSET h f 1", "HEXPIRE h 1 FIELDS 1 f"],
                300,
                Choice::faulty(SeededFault::FieldDurationsLogged),
                (Invariant::SameDeadline, 5),
                Choice::expiry(MasterExpires),
            )
            .standing_for(
                "only the duration in the journal is modelled; that each node counts from its last whole second is the \
                 fault of one node and needs no replica",
            ),
        ),
    ),
    row(
        "R87",
        ("Kvrocks, Pika", "kvrocks#522, kvrocks#523"),
        "The replica removes a field that is dead by the replica's own clock before a later command on it arrives, which \
         then finds no field.",
        Counted(
            clocks(
                &["HSET h f 1 g 2", "HPEXPIRE h 10000 FIELDS 1 f", "HPERSIST h FIELDS 1 f"],
                10_000,
                Choice::faulty(SeededFault::RemovesByOwnClock(MasterExpires)),
                (Invariant::SameValue, 8),
                Choice::expiry(MasterExpires),
            )
            .standing_for(
                "R37 with fields, on a log of commands as Pika has; Kvrocks logs bytes, which write a renewed field again",
            ),
        ),
    ),
    row(
        "R87b",
        ("Kvrocks", "kvrocks#3635"),
        "A hash whose last field has died is still there for the next HSET, whose field so inherits the old key's deadline.",
        Counted(
            clocks(
                &["HSET h f 1", "EXPIRE h 60", "HPEXPIRE h 10000 FIELDS 1 f", "HSET h g 2"],
                10_000,
                Choice::expiry(Absolute),
                (Invariant::SameDeadline, 10),
                Choice::expiry(Pksetat),
            )
            .given(RowSetting::Clocks { tick_ms: 10_000, delay_ticks: 0, skews: &[-1] })
            .standing_for(
                "a replica whose clock is behind stands for the node that still holds the dead field; the report's node is alone",
            ),
        ),
    ),
    row(
        "R88",
        ("EloqKV, Valkey", "eloqkv#509, valkey#3500"),
        "A conditional write is forwarded with its condition, and the replica judges the condition again.",
        Counted(
            clocks(
                &["SET k 1 EX 5", "SET k 2 NX"],
                10_000,
                Choice::expiry(Absolute),
                (Invariant::SameValue, 6),
                Choice::expiry(Pksetat),
            )
            .given(RowSetting::Clocks { tick_ms: 10_000, delay_ticks: 0, skews: &[-1] })
            .standing_for("NX stands for Valkey's IFEQ, and a clock that is behind for a replica that differs"),
        ),
    ),
    row(
        "R89",
        ("TemporalStore", "TemporalStore#1755"),
        "SET with KEEPTTL is logged as it came, and a replica where the key has expired keeps no deadline.",
        Counted(clocks(
            &["SET k 1 EX 10", "SET k 2 KEEPTTL"],
            10_000,
            Choice::expiry(Absolute),
            (Invariant::NoImmortalKey, 5),
            Choice::expiry(Pksetat),
        )),
    ),
    row(
        "R90",
        ("RedisShake", "RedisShake#244, RedisShake#981"),
        "A key that is renewed in time at its source is dead at the target when the renewal arrives there, and stays dead.",
        Counted(clocks(
            &["SET a 1 PX 400", "EXPIRE a 100"],
            1200,
            Choice::expiry(Absolute),
            (Invariant::SameValue, 5),
            Choice::expiry(MasterExpires),
        )),
    ),
    Case {
        report: "hypothesis, read from a design note (2026-10)",
        ..hypothesis(
            "R105",
            "drakeydb",
            "The replica judges by a clock that the link's pings carry, but by no instant that is more than 60 s behind its own \
             clock: a PERSIST that is later than that comes when readers have seen its key dead.",
            Counted(
                clocks(
                    &["SETEX k 60 v", "PERSIST k", "SET k w"],
                    120_000,
                    Choice::expiry(StreamClock),
                    (Invariant::NoResurrection, 5),
                    Choice::expiry(LogClock),
                )
                .standing_for(
                    "the floor decides for readers alone, where the note also loses PERSIST and SET XX; SET k w is there so that a \
                     reader of the cure sees k written anew",
                ),
            ),
        )
    },
];
