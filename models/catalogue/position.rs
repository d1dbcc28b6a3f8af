//! Section D — position, resync, crash, history.

use super::Standing::{Counted, Later, NotShown, OutOfScope};
use super::{Bug, Case, Configuration, Seeded, Setting, clocks, hypothesis, row, schedules};
use crate::expiry::Policy::Effects;
use crate::models::invariants::Invariant;
use crate::ordering::Strategy::Serial;

const ONE_CRASH: Setting = Setting::Schedules { crashes: 1 };
/// The marker is part of the engine's batch, and the batch of the one log: the two cannot be parted.
const ONE_BATCH: &str = "in the engine the marker is part of the batch, and no switch parts the two";

/// A bug of a replica that is killed and starts again.
const fn after_crash(
    program: &'static [&'static str],
    seeded: Seeded,
    breaks: (Invariant, usize),
    cure: Configuration,
) -> Bug {
    schedules(program, Configuration::Seeded(seeded), breaks, cure)
        .in_setting(ONE_CRASH)
        .not_replayed(ONE_BATCH)
}

pub(super) const CASES: &[Case] = &[
    row(
        "R58",
        ("Pika", "pika#220, pika#2108"),
        "Store and log are two writes: when the second fails, the master holds what no replica will ever be sent.",
        Counted(
            schedules(
                &["SET a 1", "SET a 2"],
                Configuration::Seeded(Seeded::NotLogged),
                (Invariant::Convergence, 5),
                Configuration::effects(Serial),
            )
            .standing_for("the second SET meets a full disk of the log")
            .not_replayed("the engine writes its log first, and its store from it"),
        ),
    ),
    hypothesis(
        "R59",
        "Pika",
        "The replica acknowledges, and keeps as its position, what it has received and not applied: killed, it \
         never applies it.",
        Counted(after_crash(
            &["SET a 1", "SET a 2"],
            Seeded::ResumesAtReceived,
            (Invariant::Convergence, 2),
            Configuration::effects(Serial),
        )),
    ),
    row(
        "R60",
        ("Pika", "pika#2659, pika#2655, pika#2665, pika#2805, pika#2795"),
        "The point from which a replica goes on is older than its data: entries are applied twice.",
        Counted(
            after_crash(
                &["INCR a", "INCR a"],
                Seeded::MarkerBehindData,
                (Invariant::ExactlyOnce, 5),
                Configuration::commands(Serial),
            )
            .standing_for("a crash for the reconnect after a stall"),
        ),
    ),
    row(
        "R62",
        ("Pika", "pika#2742, pika#2746, pika#2756, pika#2433"),
        "A full sync that was cut short is taken for whole, and an empty store is opened.",
        Later("full sync"),
    ),
    row(
        "R63",
        ("Kvrocks", "kvrocks#346"),
        "The last batch is not sent until more is written, while the lag is shown as 0.",
        Counted(
            schedules(
                &["HSET h f 1", "HSET h g 1"],
                Configuration::Seeded(Seeded::HoldsBackTheLast),
                (Invariant::Progress, 1),
                Configuration::effects(Serial),
            )
            .standing_for("held back before the workers, not before the link"),
        ),
    ),
    row(
        "R64",
        ("Kvrocks", "kvrocks#136, kvrocks#2214, kvrocks#3243"),
        "A sequence of the log is skipped, and nobody notices the gap.",
        Counted(
            schedules(
                &["SET a 1", "INCR a"],
                Configuration::Seeded(Seeded::NotLogged),
                (Invariant::Convergence, 5),
                Configuration::effects(Serial),
            )
            .standing_for("the skipped entry arrives without its writes")
            .not_replayed("a replica of the engine refuses a gap"),
        ),
    ),
    row(
        "R65",
        ("Kvrocks", "kvrocks#3356, kvrocks#3357"),
        "A slow replica blocks the feed until the log that it needs is purged.",
        Later("full sync"),
    ),
    row(
        "R67",
        ("Kvrocks", "kvrocks#2177, kvrocks#3564"),
        "The reader of the log does not understand a deletion of a range: FLUSHDB leaves all keys downstream.",
        Counted(clocks(
            &["SET a 1", "FLUSHDB"],
            1000,
            Configuration::Seeded(Seeded::RangesDropped),
            (Invariant::SameValue, 4),
            Configuration::Expiry(Effects),
        )),
    ),
    row(
        "R68",
        ("Kvrocks", "kvrocks#1281"),
        "EXEC is more than one batch, and a crash leaves half of a transaction.",
        Later("transactions"),
    ),
    row(
        "R69",
        (
            "Redis, Valkey",
            "redis#3899, redis#2694, redis#7314, redis#9448, redis#11905, redis#7306, valkey#2548, valkey#2904, \
             valkey#2905",
        ),
        "The offset by which nodes are compared is not what they have applied.",
        Later("chains of replicas and fail-over"),
    ),
    row(
        "R71",
        ("Redis, Valkey", "redis-doc#1687, redis#9572, redis#6219, valkey#2952, valkey#2953"),
        "Keys that were written on a replica itself leak there, or stay after a promotion.",
        OutOfScope("replicas that take writes"),
    ),
    row(
        "R72",
        ("KeyDB", "KeyDB#80, KeyDB#111, KeyDB#142, KeyDB#442"),
        "Several masters: counters differ, deleted keys come back.",
        OutOfScope("more than one master"),
    ),
    row(
        "R73",
        ("Tendis", "Tendis#447, Tendis#448, Tendis#196, Tendis#161"),
        "A busy replica is sent a batch again, and its check for repeated ones stops the link.",
        NotShown("nothing diverges, the link stops; a replica here asks again from its own log"),
    ),
    row(
        "R74",
        ("SSDB", "SSDB#1045, SSDB#1148, SSDB#1333"),
        "The log is too small for a bulk load, and the replica has to be wiped by hand.",
        Later("full sync"),
    ),
    row(
        "R75",
        ("kiwi", "kiwi#333, kiwi#373"),
        "The position is moved on before the write is durable: a write that failed is never tried again.",
        Counted(
            after_crash(
                &["SET a 1", "SET a 2"],
                Seeded::MarkerAheadOfData,
                (Invariant::Convergence, 2),
                Configuration::effects(Serial),
            )
            .standing_for("a crash for the write that fails"),
        ),
    ),
    row(
        "R76",
        ("kiwi", "kiwi#339, kiwi#335, kiwi#265"),
        "The data and how far the log is applied are written apart: a crash between the two runs entries again.",
        Counted(after_crash(
            &["SET c 1", "INCRBY c 5"],
            Seeded::MarkerBehindData,
            (Invariant::ExactlyOnce, 9),
            Configuration::commands(Serial),
        )),
    ),
];
