//! Section B — commands that do not come to the same on two nodes.

use super::Standing::{Counted, Later, OutOfScope};
use super::{Case, Configuration, Seeded, clocks, row};
use crate::expiry::Policy::Pksetat;
use crate::models::invariants::Invariant;

pub(super) const CASES: &[Case] = &[
    row(
        "R23",
        ("Pika, Redis", "pika#2407, redis#2139, redis#12082"),
        "SPOP removes a member at random, on each node another.",
        Later("sets: no write of today draws at random"),
    ),
    row(
        "R24",
        ("Redis", "redis#5256, redis#5817, redis#7483"),
        "INCRBYFLOAT is logged as SET, which takes the deadline away on the replica.",
        Counted(clocks(
            &["SET k 1 EX 100", "INCRBYFLOAT k 1"],
            10_000,
            Configuration::Seeded(Seeded::ResultWithoutDeadline),
            (Invariant::NoImmortalKey, 4),
            Configuration::Expiry(Pksetat),
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
        "A script that is sent as it is sees its key die in the middle, on one of the nodes.",
        OutOfScope("Lua"),
    ),
    row(
        "R28",
        ("Redis", "redis#4966"),
        "EVALSHA names a script that the replica has not got.",
        OutOfScope("Lua"),
    ),
];
