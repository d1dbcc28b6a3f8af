//! Section A — in which order writes are applied.

use super::Standing::{Counted, Later, NotShown, OutOfScope};
use super::{Case, Configuration, Seeded, hypothesis, row, schedules};
use crate::models::invariants::Invariant;
use crate::ordering::Strategy::{Barrier, FirstKey, KeyHash, Sequence, Serial};

const LOGGED_LATE: Configuration = Configuration::Seeded(Seeded::LoggedLate);
/// A second lane that comes to the same entry finds nothing.
const ONCE: &str = "the engine's workers forget an entry when it is written: no second one can run it again";
/// The engine runs, logs and applies in one thread: the fault has no place in it.
const ONE_WRITER: &str = "the engine has one writer, which logs in the order in which it runs";

pub(super) const CASES: &[Case] = &[
    row(
        "R01",
        ("Pika", "pika#2708, pika#2526"),
        "A command without keys goes to whichever worker, so nothing orders FLUSHDB against the writes around it.",
        Counted(schedules(
            &["SET k a", "SET k b", "FLUSHDB", "SET k c"],
            Configuration::effects(KeyHash),
            (Invariant::Convergence, 12),
            Configuration::effects(Barrier),
        )),
    ),
    row(
        "R02",
        ("Pika", "pika#2846"),
        "The same with FLUSHALL, over more than one database.",
        Counted(
            schedules(
                &["SET a 1", "COPY a a DB 1", "FLUSHALL"],
                Configuration::effects(KeyHash),
                (Invariant::Convergence, 12),
                Configuration::effects(Barrier),
            )
            .standing_for("COPY … DB 1 puts the key into a second database in place of SELECT 1; SET"),
        ),
    ),
    row(
        "R03",
        ("Pika", "pika#1608, cured in pika#1616"),
        "A command of two keys is routed by its first key, and a write to the second key overtakes it.",
        Counted(
            schedules(
                &["SET a 1", "RENAME a c", "SET c 2"],
                Configuration::commands(FirstKey),
                (Invariant::Convergence, 12),
                Configuration::effects(KeyHash),
            )
            .standing_for(
                "RENAME a c for RPOPLPUSH a b, SET c for LPUSH b; the cure is Pika's: one part a key",
            ),
        ),
    ),
    row(
        "R04",
        ("Pika", "pika#1638, cured in pika#1658"),
        "DEL of two keys is routed by the first, and a SET of the second in another worker overtakes it.",
        Counted(schedules(
            &["SET c 1", "SET a 1", "DEL a c", "SET c 2"],
            Configuration::commands(FirstKey),
            (Invariant::Convergence, 12),
            Configuration::commands(KeyHash),
        )),
    ),
    row(
        "R05",
        ("Pika", "pika#1638"),
        "A command reads a key that it is not routed by, and is run before or after its turn.",
        Counted(
            schedules(
                &["SET a 1", "COPY a c"],
                Configuration::Seeded(Seeded::RoutedByDestination),
                (Invariant::Convergence, 8),
                Configuration::effects(KeyHash),
            )
            .standing_for("COPY a c for SUNIONSTORE c a: routed by c, it reads a; the cure logs the result"),
        ),
    ),
    hypothesis(
        "R06",
        "Pika",
        "FLUSHDB lets go of its lock before its entry is logged: a SET between the two is logged first, and \
         erased on the replica only.",
        Counted(
            schedules(
                &["SET k 1", "FLUSHDB", "SET k 2"],
                LOGGED_LATE,
                (Invariant::Convergence, 9),
                Configuration::effects(Serial),
            )
            .not_replayed(ONE_WRITER),
        ),
    ),
    hypothesis(
        "R07",
        "Pika",
        "Deletion by pattern takes no key locks: the DEL of a key can be logged after a newer SET of it.",
        Counted(
            schedules(
                &["SET k1 1", "DEL k1", "SET k1 v"],
                LOGGED_LATE,
                (Invariant::Convergence, 9),
                Configuration::effects(Serial),
            )
            .standing_for("DEL k1 for what PKPATTERNMATCHDEL k* logs")
            .not_replayed(ONE_WRITER),
        ),
    ),
    row(
        "R08",
        ("Pika", "pika#363"),
        "Writes to two keys are applied by two workers, and a reader sees the second without the first.",
        Counted(
            schedules(
                &["HSET h f 1", "HSET q id 1"],
                Configuration::effects(Barrier),
                (Invariant::Prefix, 4),
                Configuration::effects(Sequence),
            )
            .standing_for("HSET q for SADD q; Pika keeps it by design"),
        ),
    ),
    row(
        "R09",
        ("Dragonfly", "dragonfly#580, dragonfly#591"),
        "FLUSHALL arrives in a flow a shard; each flow that runs it deletes newer writes of the others.",
        Counted(
            schedules(
                &["SET a 1", "SET c 1", "FLUSHALL", "SET a 2", "SET c 2"],
                Configuration::Seeded(Seeded::FlushInEveryFlow),
                (Invariant::Convergence, 19),
                Configuration::effects(Barrier),
            )
            .not_replayed(ONCE),
        ),
    ),
    row(
        "R10",
        ("Dragonfly", "dragonfly#1231, dragonfly#1331"),
        "FLUSHALL while the snapshot of a full sync streams.",
        Later("full sync"),
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
        "A write to two shards is applied shard by shard, and a reader of the replica sees half of it.",
        Counted(
            schedules(
                &["SET a 1", "MSET a 2 c 2"],
                Configuration::effects(KeyHash),
                (Invariant::Prefix, 4),
                Configuration::effects(Serial),
            )
            .standing_for("shards are the parts of key_hash, one a key"),
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
        "What a module writes when it is told of a change is sent to replicas before the change.",
        Counted(
            schedules(
                &["SET x 1", "INCR c"],
                LOGGED_LATE,
                (Invariant::Prefix, 3),
                Configuration::effects(Serial),
            )
            .standing_for("INCR c is the module's write, a client's here")
            .not_replayed(ONE_WRITER),
        ),
    ),
    row(
        "R15",
        ("Redis", "redis#11377"),
        "The same for the DEL of keys whose slot goes to another node.",
        OutOfScope("cluster slots"),
    ),
    row(
        "R16",
        ("Redis", "redis#9890"),
        "The DEL of an expired key and the write that met it are sent together, DEL first.",
        NotShown(
            "it asks for this order and was answered that it is meant; master_expires logs in this order",
        ),
    ),
    row(
        "R17",
        ("Redis", "redis#5250"),
        "The DEL of an evicted key is sent before the script that made room necessary.",
        OutOfScope("eviction and Lua"),
    ),
    row(
        "R18",
        ("Redis", "redis#6152, cured in redis#6615"),
        "One command is sent as several, and a reader (or a cut link) sees some of them.",
        Counted(
            schedules(
                &["SET a 1", "RENAME a c"],
                Configuration::effects(KeyHash),
                (Invariant::Prefix, 4),
                Configuration::effects(Serial),
            )
            .standing_for("RENAME a c, in a part a key, for SPOP s 10 and BRPOPLPUSH a c"),
        ),
    ),
    row(
        "R19",
        ("Redis", "redis#5666"),
        "Writes after a REPLICAOF inside MULTI are not sent.",
        Later("transactions and fail-over"),
    ),
    row(
        "R20",
        ("Redis", "redis#7022"),
        "EXEC while a script runs past its time leaves half of a transaction.",
        OutOfScope("Lua"),
    ),
    hypothesis(
        "R21",
        "Pika",
        "FLUSHDB within MULTI writes no entry.",
        Counted(
            schedules(
                &["SET a 1", "FLUSHDB"],
                Configuration::Seeded(Seeded::NotLogged),
                (Invariant::Convergence, 5),
                Configuration::effects(Serial),
            )
            .standing_for("the commands of the transaction, one by one: there are no transactions yet")
            .not_replayed(ONE_WRITER),
        ),
    ),
    row(
        "R22",
        ("Pika", "pika#2674"),
        "Two threads share the command object of SREM.",
        NotShown("a data race inside one process; commands here are values that nothing changes"),
    ),
];
