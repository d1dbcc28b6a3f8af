//! Commands on sorted sets: members, each with a score, in the order of their scores and, for equal scores, of their
//! bytes. Pure.
//!
//! | file | |
//! |---|---|
//! | [`order`], [`places`], [`descent`] | the records of a sorted set: ranks, members by rank, walks both ways |
//! | [`level`] | the two levels of counting records, which make ranks cheap |
//! | [`writer`] | members put and removed; counting records kept right |
//! | [`score`], [`bounds`] | scores and ranges as clients write them |
//! | [`add`], [`remove`], [`pop`] | ZADD ZINCRBY · ZREM ZREMRANGEBY… · ZPOPMIN ZPOPMAX ZMPOP |
//! | [`read`], [`range`], [`random`] | ZSCORE ZRANK ZCOUNT ZSCAN … · ZRANGE and its family · ZRANDMEMBER |
//! | [`combine`] | ZUNION ZINTER ZDIFF, their STORE forms, ZINTERCARD |
//!
//! A score of -0 is stored as 0; Redis keeps its sign in some encodings.

mod add;
mod bounds;
#[cfg(test)]
mod bulk_tests;
mod combine;
mod descent;
mod level;
mod order;
mod places;
mod pop;
mod random;
mod range;
mod read;
mod remove;
mod score;
#[cfg(test)]
mod structure;
#[cfg(test)]
mod tests;
mod writer;

use super::{Execute, KeyArguments, Kind, Reply, Spec, always};
use places::Scored;

/// The keys of ZUNION and the like: their number comes first.
const COUNTED: KeyArguments = KeyArguments::Counted { has_target: false, count: 1 };
/// The keys of ZUNIONSTORE and the like: a destination, then the number of the others.
const TARGET_AND_COUNTED: KeyArguments = KeyArguments::Counted { has_target: true, count: 2 };

pub(super) const TABLE: &[Spec] = &[
    row(
        "zadd",
        -4,
        Kind::Write,
        "ZADD key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]",
        add::zadd,
    ),
    row("zincrby", 4, Kind::Write, "ZINCRBY key increment member", add::zincrby),
    row("zrem", -3, Kind::Write, "ZREM key member [member ...]", remove::zrem),
    row("zremrangebyrank", 4, Kind::Write, "ZREMRANGEBYRANK key start stop", remove::zremrangebyrank),
    row("zremrangebyscore", 4, Kind::Write, "ZREMRANGEBYSCORE key min max", remove::zremrangebyscore),
    row("zremrangebylex", 4, Kind::Write, "ZREMRANGEBYLEX key min max", remove::zremrangebylex),
    row("zpopmin", -2, Kind::Write, "ZPOPMIN key [count]", pop::zpopmin),
    row("zpopmax", -2, Kind::Write, "ZPOPMAX key [count]", pop::zpopmax),
    keyed(
        "zmpop",
        -4,
        Kind::Write,
        COUNTED,
        "ZMPOP numkeys key [key ...] <MIN | MAX> [COUNT count]",
        pop::zmpop,
    ),
    row("zcard", 2, Kind::Read, "ZCARD key", read::zcard),
    row("zscore", 3, Kind::Read, "ZSCORE key member", read::zscore),
    row("zmscore", -3, Kind::Read, "ZMSCORE key member [member ...]", read::zmscore),
    row("zrank", -3, Kind::Read, "ZRANK key member [WITHSCORE]", read::zrank),
    row("zrevrank", -3, Kind::Read, "ZREVRANK key member [WITHSCORE]", read::zrevrank),
    row("zcount", 4, Kind::Read, "ZCOUNT key min max", read::zcount),
    row("zlexcount", 4, Kind::Read, "ZLEXCOUNT key min max", read::zlexcount),
    row("zscan", -3, Kind::Read, "ZSCAN key cursor [MATCH pattern] [COUNT count]", read::zscan),
    row(
        "zrange",
        -4,
        Kind::Read,
        "ZRANGE key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]",
        range::zrange,
    ),
    row("zrevrange", -4, Kind::Read, "ZREVRANGE key start stop [WITHSCORES]", range::zrevrange),
    row(
        "zrangebyscore",
        -4,
        Kind::Read,
        "ZRANGEBYSCORE key min max [WITHSCORES] [LIMIT offset count]",
        range::zrangebyscore,
    ),
    row(
        "zrevrangebyscore",
        -4,
        Kind::Read,
        "ZREVRANGEBYSCORE key max min [WITHSCORES] [LIMIT offset count]",
        range::zrevrangebyscore,
    ),
    row("zrangebylex", -4, Kind::Read, "ZRANGEBYLEX key min max [LIMIT offset count]", range::zrangebylex),
    row(
        "zrevrangebylex",
        -4,
        Kind::Read,
        "ZREVRANGEBYLEX key max min [LIMIT offset count]",
        range::zrevrangebylex,
    ),
    keyed(
        "zrangestore",
        -5,
        Kind::Write,
        KeyArguments::TWO,
        "ZRANGESTORE dst src min max [BYSCORE | BYLEX] [REV] [LIMIT offset count]",
        range::zrangestore,
    ),
    row("zrandmember", -2, Kind::Read, "ZRANDMEMBER key [count [WITHSCORES]]", random::zrandmember),
    keyed(
        "zunion",
        -3,
        Kind::Read,
        COUNTED,
        "ZUNION numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>] [WITHSCORES]",
        combine::zunion,
    ),
    keyed(
        "zinter",
        -3,
        Kind::Read,
        COUNTED,
        "ZINTER numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>] [WITHSCORES]",
        combine::zinter,
    ),
    keyed("zdiff", -3, Kind::Read, COUNTED, "ZDIFF numkeys key [key ...] [WITHSCORES]", combine::zdiff),
    keyed(
        "zintercard",
        -3,
        Kind::Read,
        COUNTED,
        "ZINTERCARD numkeys key [key ...] [LIMIT limit]",
        combine::zintercard,
    ),
    keyed(
        "zunionstore",
        -4,
        Kind::Write,
        TARGET_AND_COUNTED,
        "ZUNIONSTORE destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>]",
        combine::zunionstore,
    ),
    keyed(
        "zinterstore",
        -4,
        Kind::Write,
        TARGET_AND_COUNTED,
        "ZINTERSTORE destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>]",
        combine::zinterstore,
    ),
    keyed(
        "zdiffstore",
        -4,
        Kind::Write,
        TARGET_AND_COUNTED,
        "ZDIFFSTORE destination numkeys key [key ...]",
        combine::zdiffstore,
    ),
];

/// A row of the table for a command whose first argument is its key.
const fn row(name: &'static str, arity: i32, kind: Kind, grammar: &'static str, execute: Execute) -> Spec {
    keyed(name, arity, kind, KeyArguments::FIRST, grammar, execute)
}

/// A row of the table. The outcome of every command on sorted sets depends on what is stored.
const fn keyed(
    name: &'static str,
    arity: i32,
    kind: Kind,
    keys: KeyArguments,
    grammar: &'static str,
    execute: Execute,
) -> Spec {
    Spec { name, arity, kind, keys, depends_on_stored: always, grammar, execute }
}

/// Members as a reply, with their scores if `with_scores`.
fn shown(members: Vec<Scored>, with_scores: bool) -> Reply {
    if with_scores {
        Reply::Pairs(members.into_iter().map(pair).collect())
    } else {
        Reply::Array(members.into_iter().map(|scored| Reply::Bulk(scored.member)).collect())
    }
}

/// A member and its score.
fn pair(Scored { score, member }: Scored) -> (Reply, Reply) {
    (Reply::Bulk(member), Reply::Double(score))
}

/// A number of members as an integer reply.
fn count(number: u64) -> Reply {
    Reply::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}
