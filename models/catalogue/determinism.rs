//! Section B — commands whose result differs between two nodes.

use super::row::Standing::{Counted, OutOfScope};
use super::row::{Case, clocks, row};
use crate::expiry::Policy::{AtEntryTime, Pksetat, Verbatim};
use crate::models::choice::Choice;
use crate::models::fault::SeededFault;
use crate::models::invariants::Invariant;

pub(super) const CASES: &[Case] = &[
    row(
        "R23",
        ("Pika, Redis", "pika#2407, redis#2139, redis#12082"),
        "SPOP removes a random member, and each node picks its own.",
        Counted(
            clocks(
                &["SADD s a b c", "SPOP s"],
                10_000,
                Choice::expiry(Verbatim),
                (Invariant::SameValue, 4),
                Choice::expiry(AtEntryTime),
            )
            .not_replayed("a real master draws another member in each run"),
        ),
    ),
    row(
        "R24",
        ("Redis", "redis#5256, redis#5817, redis#7483"),
        "INCRBYFLOAT is logged as SET, which removes the deadline on the replica.",
        Counted(clocks(
            &["SET k 1 EX 100", "INCRBYFLOAT k 1"],
            10_000,
            Choice::faulty(SeededFault::ResultWithoutDeadline),
            (Invariant::NoImmortalKey, 4),
            Choice::expiry(Pksetat),
        )),
    ),
    row(
        "R26",
        ("Redis", "redis#7526"),
        "XREADGROUP with NOACK does not create the consumer on the replica.",
        OutOfScope("streams"),
    ),
    row(
        "R27",
        ("Redis", "redis#1525"),
        "A script is sent as a script, and on one of the nodes its key dies while it runs.",
        OutOfScope("Lua"),
    ),
    row(
        "R28",
        ("Redis", "redis#4966"),
        "EVALSHA names a script that the replica does not have.",
        OutOfScope("Lua"),
    ),
];
