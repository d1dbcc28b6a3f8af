//! Section A — the order in which writes are applied.

use super::row::Standing::{Counted, NotShown, OutOfScope, ShownBy};
use super::row::{Case, clocks, hypothesis, row, schedules};
use crate::expiry::Policy::Effects;
use crate::models::choice::Choice;
use crate::models::fault::SeededFault;
use crate::models::invariants::Invariant;
use crate::ordering::Strategy::{Barrier, FirstKey, KeyHash, Sequence, Serial};

const LOGGED_LATE: Choice = Choice::faulty(SeededFault::LoggedLate);
/// A second lane that reaches the same entry finds nothing to run.
const ONCE: &str =
    "the engine's workers drop an entry when it is written, so no second worker can run it again";
/// The engine executes, logs and applies in one thread, so the fault cannot be put into it.
const ONE_WRITER: &str = "the engine has one writer, which logs commands in the order in which it runs them";

pub(super) const CASES: &[Case] = &[
    row(
        "R01",
        ("Pika", "pika#2708, pika#2526"),
        "A command without keys goes to an arbitrary worker, so nothing orders FLUSHDB against the writes around it.",
        Counted(schedules(
            &["SET k a", "SET k b", "FLUSHDB", "SET k c"],
            Choice::effects(KeyHash),
            (Invariant::Convergence, 12),
            Choice::effects(Barrier),
        )),
    ),
    row(
        "R02",
        ("Pika", "pika#2846"),
        "FLUSHALL goes to an arbitrary worker, so nothing orders it against the writes in several databases.",
        Counted(
            schedules(
                &["SET a 1", "COPY a a DB 1", "FLUSHALL"],
                Choice::effects(KeyHash),
                (Invariant::Convergence, 12),
                Choice::effects(Barrier),
            )
            .standing_for("COPY … DB 1 puts the key into a second database; it stands for SELECT 1; SET"),
        ),
    ),
    row(
        "R03",
        ("Pika", "pika#1608, cured in pika#1616"),
        "A command of two keys is routed by its first key, and a write to the second key overtakes it.",
        Counted(
            schedules(
                &["RPUSH a 1", "RPOPLPUSH a c", "LPUSH c 2"],
                Choice::commands(FirstKey),
                (Invariant::Convergence, 12),
                Choice::effects(KeyHash),
            )
            .standing_for("the cure stands for Pika's: one part for each key"),
        ),
    ),
    row(
        "R04",
        ("Pika", "pika#1638, cured in pika#1658"),
        "DEL of two keys is routed by the first key, and a SET of the second key in another worker overtakes it.",
        Counted(schedules(
            &["SET c 1", "SET a 1", "DEL a c", "SET c 2"],
            Choice::commands(FirstKey),
            (Invariant::Convergence, 12),
            Choice::commands(KeyHash),
        )),
    ),
    row(
        "R05",
        ("Pika", "pika#1638"),
        "A command reads a key that it is not routed by, so it may run before or after its turn.",
        Counted(
            schedules(
                &["SADD a 1", "SUNIONSTORE c a"],
                Choice::commands(FirstKey),
                (Invariant::Convergence, 8),
                Choice::effects(KeyHash),
            )
            .standing_for("the cure logs the result"),
        ),
    ),
    hypothesis(
        "R06",
        "Pika",
        "FLUSHDB releases its lock before its entry is logged: a SET in between is logged first, and is then \
         deleted on the replica only.",
        Counted(
            schedules(
                &["SET k 1", "FLUSHDB", "SET k 2"],
                LOGGED_LATE,
                (Invariant::Convergence, 9),
                Choice::effects(Serial),
            )
            .not_replayed(ONE_WRITER),
        ),
    ),
    hypothesis(
        "R07",
        "Pika",
        "Deletion by pattern takes no key locks, so the DEL of a key can be logged after a newer SET of the key.",
        Counted(
            schedules(
                &["SET k1 1", "DEL k1", "SET k1 v"],
                LOGGED_LATE,
                (Invariant::Convergence, 9),
                Choice::effects(Serial),
            )
            .standing_for("DEL k1 stands for the log entry of PKPATTERNMATCHDEL k*")
            .not_replayed(ONE_WRITER),
        ),
    ),
    row(
        "R08",
        ("Pika", "pika#363"),
        "Two workers apply writes to two keys, and a reader sees the second write without the first.",
        Counted(
            schedules(
                &["HSET h f 1", "SADD q id"],
                Choice::effects(Barrier),
                (Invariant::Prefix, 4),
                Choice::effects(Sequence),
            )
            .standing_for("Pika keeps this by design"),
        ),
    ),
    row(
        "R09",
        ("Dragonfly", "dragonfly#580, dragonfly#591"),
        "FLUSHALL arrives in one flow per shard, and each flow that runs it deletes newer writes of the others.",
        Counted(
            schedules(
                &["SET a 1", "SET c 1", "FLUSHALL", "SET a 2", "SET c 2"],
                Choice::faulty(SeededFault::FlushInEveryFlow),
                (Invariant::Convergence, 19),
                Choice::effects(Barrier),
            )
            .not_replayed(ONCE),
        ),
    ),
    row(
        "R10",
        ("Dragonfly", "dragonfly#1231, dragonfly#1331"),
        "FLUSHALL runs while the snapshot of a full sync is being sent.",
        ShownBy { model: "full_sync", choice: "interleaved", invariant: Invariant::Convergence },
    ),
    row(
        "R11",
        ("Dragonfly", "dragonfly#8032"),
        "FLUSHSLOTS is journaled with transaction id 0; two of them meet in the barrier's map, and flows block.",
        OutOfScope("cluster slots"),
    ),
    row(
        "R12",
        ("Dragonfly", "dragonfly#583, dragonfly#598, dragonfly#4374, dragonfly#3289"),
        "A transaction on two shards is applied shard by shard, and a reader of the replica sees only half of it.",
        Counted(
            schedules(
                &["SET a 1", "MULTI", "SET a 2", "SET c 2", "EXEC"],
                Choice::effects(KeyHash),
                (Invariant::Prefix, 4),
                Choice::effects(Serial),
            )
            .standing_for("the shards are the parts of key_hash, one for each key"),
        ),
    ),
    row(
        "R13",
        ("Dragonfly", "dragonfly#2519, dragonfly#2531"),
        "The end marker of a script that wrote to two shards is missing from the journal.",
        OutOfScope("Lua"),
    ),
    row(
        "R14",
        ("Redis", "redis#10969"),
        "A module writes when it is notified of a change, and its write is sent to replicas before that change.",
        Counted(
            schedules(&["SET x 1", "INCR c"], LOGGED_LATE, (Invariant::Prefix, 3), Choice::effects(Serial))
                .standing_for("INCR c, sent by a client, stands for the module's write")
                .not_replayed(ONE_WRITER),
        ),
    ),
    row(
        "R15",
        ("Redis", "redis#11377"),
        "The DEL of keys whose slot moves to another node is sent to replicas before the change that caused it.",
        OutOfScope("cluster slots"),
    ),
    row(
        "R16",
        ("Redis", "redis#9890"),
        "The DEL of an expired key and the write that found it expired are sent together, the DEL first.",
        NotShown(
            "the report asks about this order, and the answer was that it is intended; master_expires logs in this order",
        ),
    ),
    row(
        "R17",
        ("Redis", "redis#5250"),
        "The DEL of an evicted key is sent before the script that needed the memory.",
        OutOfScope("eviction and Lua"),
    ),
    row(
        "R18",
        ("Redis", "redis#6152, cured in redis#6615"),
        "One command is sent as several, and a reader (or a cut link) sees only some of them.",
        Counted(
            schedules(
                &["RPUSH a 1", "RPOPLPUSH a c"],
                Choice::effects(KeyHash),
                (Invariant::Prefix, 4),
                Choice::effects(Serial),
            )
            .standing_for("RPOPLPUSH a c, in one part for each key, stands for SPOP s 10 and BRPOPLPUSH a c"),
        ),
    ),
    row(
        "R19",
        ("Redis", "redis#5666"),
        "Writes after a REPLICAOF inside MULTI are not sent.",
        Counted(
            schedules(
                &["SET a 1", "MULTI", "SET a 2", "SET b 2", "EXEC"],
                Choice::faulty(SeededFault::NotLogged),
                (Invariant::Convergence, 5),
                Choice::effects(Serial),
            )
            .standing_for("REPLICAOF and REPLICAOF NO ONE, around these writes, are left out: between them the master logs nothing")
            .not_replayed("no switch of the engine leaves a write out of the log; a test runs the report's program on real nodes: the write is refused"),
        ),
    ),
    row(
        "R20",
        ("Redis", "redis#7022"),
        "EXEC during a script that exceeds its time limit leaves half of a transaction.",
        OutOfScope("Lua"),
    ),
    hypothesis(
        "R21",
        "Pika",
        "FLUSHDB within MULTI writes no entry.",
        Counted(
            clocks(
                &["SET a 1", "MULTI", "SET b 1", "FLUSHDB", "EXEC"],
                1000,
                Choice::faulty(SeededFault::RangesDropped),
                (Invariant::SameValue, 4),
                Choice::expiry(Effects),
            )
            .standing_for("the fault leaves FLUSHDB out of the log outside of MULTI, too"),
        ),
    ),
    row(
        "R22",
        ("Pika", "pika#2674"),
        "Two threads share the command object of SREM.",
        NotShown("it is a data race inside one process; commands here are immutable values"),
    ),
];
