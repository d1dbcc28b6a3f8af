//! Section E — reports of 2020 to 2026 that came to the catalogue after the others: commands of several keys, links, restarts,
//! histories.

use super::row::Standing::{Counted, FoundHere, Later, NotShown, OutOfScope, ShownBy};
use super::row::{Case, RowSetting, clocks, row, schedules};
use crate::expiry::Policy::MasterExpires;
use crate::models::choice::Choice;
use crate::models::fault::SeededFault;
use crate::models::invariants::Invariant;
use crate::ordering::Strategy::{Barrier, FirstKey, KeyHash, Serial};

/// A hole in the log is in the models an entry without its writes.
const GAP: &str = "a replica of the engine refuses a gap";

pub(super) const CASES: &[Case] = &[
    row(
        "R82",
        ("replicheck", "an audit of this project, November 2026"),
        "A replica's wrong clock, which its hello carries, lifts the master's log time, and keys die on the master.",
        FoundHere {
            missed: "the model expiry, in which no clock travels to the master",
            finds: "steps_of_a_replicas_wall_clock_hide_no_key_there_and_move_no_masters_clock",
        },
    ),
    row(
        "R91",
        ("Dragonfly", "dragonfly#8271"),
        "SORT with STORE is replicated as SORT, so the replica has no destination.",
        Later("SORT"),
    ),
    row(
        "R92",
        ("Redis", "redis#5141"),
        "XADD with MAXLEN that trimmed nothing is replicated with MAXLEN 0.",
        OutOfScope("streams"),
    ),
    row(
        "R93",
        ("Dragonfly", "dragonfly#6418"),
        "SUNIONSTORE and its kin leave the destination's old deadline in place.",
        NotShown("it is the fault of one node: both nodes keep the deadline, so they agree"),
    ),
    row(
        "R94",
        ("Dragonfly", "dragonfly#604, dragonfly#688"),
        "RENAME is run again on a replica whose two keys are not as they were on the master.",
        Counted(schedules(
            &["SET a 1", "RENAME a c", "SET c 2", "SET a 3"],
            Choice::commands(FirstKey),
            (Invariant::Convergence, 12),
            Choice::effects(KeyHash),
        )),
    ),
    row(
        "R94b",
        ("Kvrocks", "kvrocks#337"),
        "MSETNX is written key by key, and a crash leaves some of its keys.",
        Counted(
            schedules(
                &["MSETNX a 1 c 2", "SET c 3"],
                Choice::faulty(SeededFault::MarkerWithFirstPart),
                (Invariant::Convergence, 4),
                Choice::effects(Serial),
            )
            .given(RowSetting::Schedules { crashes: 1 })
            .standing_for("the crash of a replica stands for that of the master")
            .not_replayed("in the engine the marker is part of the batch, and no switch separates the two"),
        ),
    ),
    row(
        "R95",
        ("Pika", "pika#1817, pika#1116"),
        "A reconnect starts the reader of the log anew and keeps its queue and its window of acknowledgements, so the link hangs.",
        ShownBy { model: "replication", choice: "keeps_window", invariant: Invariant::Progress },
    ),
    row(
        "R96",
        ("tx_service", "tx_service#498"),
        "A forwarded command is lost in the middle of the stream, and the position becomes the largest that has arrived.",
        Counted(
            schedules(
                &["INCR a", "INCR a"],
                Choice::faulty(SeededFault::NotLogged),
                (Invariant::Convergence, 5),
                Choice::effects(Serial),
            )
            .standing_for("the lost command is the last one, and its entry arrives without its writes")
            .not_replayed(GAP),
        ),
    ),
    row(
        "R97",
        ("rocksplicator", "rocksplicator#599"),
        "A replica that asks for a purged position is given the next one that there is.",
        Counted(
            schedules(
                &["SET a 1", "SET c 1"],
                Choice::faulty(SeededFault::NotLogged),
                (Invariant::Convergence, 5),
                Choice::effects(Serial),
            )
            .standing_for("the purged entry is the last one, and arrives without its writes")
            .not_replayed(GAP),
        ),
    ),
    row(
        "R98",
        ("Dragonfly, Valkey", "dragonfly#8153, valkey#4103"),
        "A write during a full sync is left out of the stream because the snapshot would contain it, and the snapshot does not.",
        ShownBy { model: "full_sync", choice: "late_head", invariant: Invariant::Convergence },
    ),
    row(
        "R99",
        ("Dragonfly", "dragonfly#5730, dragonfly#6381"),
        "A replica follows another replica of its old master, which was promoted, and resumes from a position of the old history.",
        ShownBy { model: "failover", choice: "same_epoch_unchecked", invariant: Invariant::Convergence },
    ),
    row(
        "R100",
        ("Garnet", "garnet#2150"),
        "A checkpoint that cannot be read is skipped, and the node serves what the tail of its log gives.",
        NotShown(
            "no file of a model is damaged; tests/engine/crash removes and damages files, and the engine refuses such a folder",
        ),
    ),
    row(
        "R101",
        ("Garnet", "garnet#2003"),
        "A wake-up at the barrier of all logs is lost, and the replica applies nothing more.",
        Counted(
            schedules(
                &["SET a 1", "FLUSHDB", "SET a 2"],
                Choice::faulty(SeededFault::WakeUpLost),
                (Invariant::Progress, 9),
                Choice::effects(Barrier),
            )
            .standing_for("the barrier is that of FLUSHDB"),
        ),
    ),
    row(
        "R102",
        ("RedisRaft", "redisraft#17, redisraft#18, redisraft#23, redisraft#43"),
        "After a restart a node answers from an empty store until its log is read, and between snapshot and log there is a gap.",
        ShownBy { model: "full_sync", choice: "in_place", invariant: Invariant::PastRead },
    ),
    row(
        "R103",
        ("Kvrocks", "kvrocks-controller#317"),
        "A replica empties its database before a full sync, and is promoted while it is empty.",
        ShownBy { model: "failover", choice: "emptied_first", invariant: Invariant::Durability },
    ),
    row(
        "R104",
        ("Valkey, Redis", "valkey#3407, redis#13793, redis#11922"),
        "WAIT and WAITAOF count a replica that has not done what they promise, or take a number that wraps.",
        ShownBy { model: "failover", choice: "early_ack", invariant: Invariant::Durability },
    ),
    row(
        "R106",
        ("Valkey", "found by probe compare on Valkey 9.1.2, November 2026"),
        "HPEXPIRE of several fields is sent with its own list, and a field that was dead on the master is renewed on the replica.",
        Counted(
            clocks(
                &["HSET h f 1 g 1", "HPEXPIRE h 1000 FIELDS 1 g", "HPEXPIRE h 60000 FIELDS 2 f g"],
                1_000,
                Choice::faulty(SeededFault::ProbedFieldsUntold),
                (Invariant::SameValue, 7),
                Choice::expiry(MasterExpires),
            )
            .standing_for(
                "that Valkey leaves the removal out of its stream is inferred from what its replica shows",
            ),
        ),
    ),
];
