//! Section D — position, resync, crash, history.

use super::row::Standing::{Counted, Later, NotShown, OutOfScope, ShownBy};
use super::row::{Bug, Case, RowSetting, clocks, hypothesis, row, schedules};
use crate::expiry::Policy::Effects;
use crate::models::choice::Choice;
use crate::models::fault::SeededFault;
use crate::models::invariants::Invariant;
use crate::ordering::Strategy::Serial;

const ONE_CRASH: RowSetting = RowSetting::Schedules { crashes: 1 };
/// In the engine the marker is part of the batch, so the two cannot be written separately.
const ONE_BATCH: &str = "in the engine the marker is part of the batch, and no switch separates the two";

/// A bug of a replica that is killed and starts again.
const fn after_crash(
    program: &'static [&'static str],
    seeded: SeededFault,
    breaks: (Invariant, usize),
    cure: Choice,
) -> Bug {
    schedules(program, Choice::faulty(seeded), breaks, cure).given(ONE_CRASH).not_replayed(ONE_BATCH)
}

pub(super) const CASES: &[Case] = &[
    row(
        "R58",
        ("Pika", "pika#220, pika#2108"),
        "Store and log are two writes: when the second fails, the master holds data that no replica will ever receive.",
        Counted(
            schedules(
                &["SET a 1", "SET a 2"],
                Choice::faulty(SeededFault::NotLogged),
                (Invariant::Convergence, 5),
                Choice::effects(Serial),
            )
            .standing_for("the second SET fails because the disk of the log is full")
            .not_replayed("the engine writes its log first, and its store from the log"),
        ),
    ),
    hypothesis(
        "R59",
        "Pika",
        "The replica acknowledges what it has received, and keeps that as its position, before it is applied. If it is \
         killed, it never applies it.",
        Counted(after_crash(
            &["SET a 1", "SET a 2"],
            SeededFault::ResumesAtReceived,
            (Invariant::Convergence, 2),
            Choice::effects(Serial),
        )),
    ),
    row(
        "R60",
        ("Pika", "pika#2659, pika#2655, pika#2665, pika#2805, pika#2795"),
        "The position from which a replica resumes is older than its data, so entries are applied twice.",
        Counted(
            after_crash(
                &["INCR a", "INCR a"],
                SeededFault::MarkerBehindData,
                (Invariant::ExactlyOnce, 5),
                Choice::commands(Serial),
            )
            .standing_for("a crash stands for the reconnect after a stall"),
        ),
    ),
    row(
        "R62",
        ("Pika", "pika#2742, pika#2746, pika#2756, pika#2433"),
        "A full sync that was cut short is taken for complete, and an empty store is opened.",
        ShownBy { model: "full_sync", choice: "no_end", invariant: Invariant::Convergence },
    ),
    row(
        "R63",
        ("Kvrocks", "kvrocks#346"),
        "The last batch is not sent until more is written, although the lag is shown as 0.",
        Counted(
            schedules(
                &["HSET h f 1", "HSET h g 1"],
                Choice::faulty(SeededFault::HoldsBackTheLast),
                (Invariant::Progress, 1),
                Choice::effects(Serial),
            )
            .standing_for("the entry is held back before the workers, not before the link"),
        ),
    ),
    row(
        "R64",
        ("Kvrocks", "kvrocks#136, kvrocks#2214, kvrocks#3243"),
        "A sequence of the log is skipped, and the gap is not detected.",
        Counted(
            schedules(
                &["SET a 1", "INCR a"],
                Choice::faulty(SeededFault::NotLogged),
                (Invariant::Convergence, 5),
                Choice::effects(Serial),
            )
            .standing_for("the skipped entry arrives without its writes")
            .not_replayed("a replica of the engine refuses a gap"),
        ),
    ),
    row(
        "R65",
        ("Kvrocks", "kvrocks#3356, kvrocks#3357"),
        "A slow replica blocks the feed until the log that it needs is purged.",
        Later("a model of a feed that is slow; check --model full_sync has the purge, and the copy after it"),
    ),
    row(
        "R67",
        ("Kvrocks", "kvrocks#2177, kvrocks#3564"),
        "The reader of the log does not understand deletions of ranges, so FLUSHDB deletes no key downstream.",
        Counted(clocks(
            &["SET a 1", "FLUSHDB"],
            1000,
            Choice::faulty(SeededFault::RangesDropped),
            (Invariant::SameValue, 4),
            Choice::expiry(Effects),
        )),
    ),
    row(
        "R68",
        ("Kvrocks", "kvrocks#1281"),
        "EXEC is written in several batches, and a crash leaves half of a transaction.",
        Counted(
            after_crash(
                &["SET a 1", "MULTI", "SET a 2", "SET c 2", "EXEC"],
                SeededFault::MarkerWithFirstPart,
                (Invariant::Convergence, 5),
                Choice::effects(Serial),
            )
            .standing_for(
                "the batches are the parts of key_hash, one for each key; the crash of a replica stands for that of the master",
            ),
        ),
    ),
    row(
        "R69",
        (
            "Redis, Valkey",
            "redis#3899, redis#2694, redis#7314, redis#9448, redis#11905, redis#7306, valkey#2548, valkey#2904, \
             valkey#2905",
        ),
        "The offset by which nodes are compared does not say what they have applied.",
        Later("chains of replicas"),
    ),
    row(
        "R71",
        ("Redis, Valkey", "redis-doc#1687, redis#9572, redis#6219, valkey#2952, valkey#2953"),
        "Keys that were written on a replica itself leak there, or remain after a promotion.",
        OutOfScope("replicas that take writes"),
    ),
    row(
        "R72",
        ("KeyDB", "KeyDB#80, KeyDB#111, KeyDB#142, KeyDB#442"),
        "With several masters, counters differ and deleted keys come back.",
        OutOfScope("more than one master"),
    ),
    row(
        "R73",
        ("Tendis", "Tendis#447, Tendis#448, Tendis#196, Tendis#161"),
        "A busy replica receives a batch twice, and its check for repeated batches stops the link.",
        NotShown("nothing diverges, as the link stops; a replica here resumes from its own log"),
    ),
    row(
        "R74",
        ("SSDB", "SSDB#1045, SSDB#1148, SSDB#1333"),
        "The log is too small for a bulk load, and the replica must be wiped by hand.",
        ShownBy { model: "full_sync", choice: "by_hand", invariant: Invariant::Progress },
    ),
    row(
        "R75",
        ("kiwi", "kiwi#333, kiwi#373"),
        "The position advances before the write is durable, so a failed write is never tried again.",
        Counted(
            after_crash(
                &["SET a 1", "SET a 2"],
                SeededFault::MarkerAheadOfData,
                (Invariant::Convergence, 2),
                Choice::effects(Serial),
            )
            .standing_for("a crash stands for the write that fails"),
        ),
    ),
    row(
        "R76",
        ("kiwi", "kiwi#339, kiwi#335, kiwi#265"),
        "The data and the position in the log are written separately: after a crash in between, entries run again.",
        Counted(after_crash(
            &["SET c 1", "INCRBY c 5"],
            SeededFault::MarkerBehindData,
            (Invariant::ExactlyOnce, 9),
            Choice::commands(Serial),
        )),
    ),
];
