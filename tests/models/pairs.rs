//! All pairs: every ordered pair of write commands, on one key and on two, under every ordering choice and every expiry
//! policy.
//!
//! A program first creates `a` and `b`, of one type, and then sends any two of the commands below, on `a` or on `b`. The
//! commands of other types are not sent to a key of this type, where they are refused; those that replace a key of any type
//! are sent to all.

use replicheck::command::{Command, Kind, line, table};
use replicheck::models::bounds::{ExpiryBounds, OrderingBounds};
use replicheck::models::choice::Choice;
use replicheck::models::experiment::{Experiment, Setting, Workload};
use std::collections::BTreeSet;

/// Commands that a key of any type takes. `a` stands for one key, `b` for another.
const ANY: &[&str] = &[
    "SET a 8",
    "SET a 8 PX 1507",
    "SETEX a 2 8",
    "PSETEX a 1507 8",
    "SETNX a 8",
    "MSET a 8 b 9",
    "MSETNX a 8 b 9",
    "DEL a",
    "UNLINK a b",
    "RENAME a b",
    "RENAMENX a b",
    "COPY a b REPLACE",
    "MOVE a 1",
    "EXPIRE a 2",
    "PEXPIRE a 1507",
    "EXPIREAT a 1000002",
    "PEXPIREAT a 1000001999",
    "PERSIST a",
    "SWAPDB 0 1",
    "FLUSHDB",
    "FLUSHALL",
    "SINTERSTORE a b",
    "SUNIONSTORE a b",
    "SDIFFSTORE a b",
    "ZRANGESTORE a b 0 -1",
    "ZUNIONSTORE a 1 b",
    "ZINTERSTORE a 1 b",
    "ZDIFFSTORE a 1 b",
    "BITOP NOT a b",
];

/// For each type: the command that creates a key, and the commands that only a key of this type takes.
const TYPES: [(&str, &str, &[&str]); 6] = [
    (
        "strings",
        "SET a 5",
        &[
            "GETSET a 6",
            "GETDEL a",
            "GETEX a PX 1507",
            "APPEND a 1",
            "SETRANGE a 1 7",
            "INCR a",
            "INCRBY a 2",
            "DECR a",
            "DECRBY a 2",
            "INCRBYFLOAT a 0.5",
            "SETBIT a 9 1",
            "BITFIELD a INCRBY u8 0 1",
        ],
    ),
    (
        "hashes",
        "HSET a f 1 g 2",
        &["HSET a f 3", "HMSET a i 4", "HSETNX a j 5", "HDEL a f", "HINCRBY a g 1", "HINCRBYFLOAT a g 0.5"],
    ),
    (
        "lists",
        "RPUSH a 1 2 3",
        &[
            "LPUSH a 0",
            "RPUSH a 4",
            "LPUSHX a 5",
            "RPUSHX a 6",
            "LPOP a",
            "RPOP a 2",
            "LSET a 0 9",
            "LINSERT a BEFORE 2 7",
            "LREM a 1 2",
            "LTRIM a 1 -1",
            "LMOVE a b LEFT RIGHT",
            "RPOPLPUSH a a",
            "LMPOP 2 a b LEFT",
        ],
    ),
    ("sets", "SADD a 1 2 3", &["SADD a 4", "SREM a 1", "SPOP a", "SPOP a 2", "SMOVE a b 1"]),
    (
        "sorted sets",
        "ZADD a 1 x 2 y 3 z",
        &[
            "ZADD a 4 w",
            "ZADD a GT 5 x",
            "ZADD a XX LT 0 y",
            "ZINCRBY a 2 x",
            "ZREM a x",
            "ZPOPMIN a",
            "ZPOPMAX a 2",
            "ZMPOP 2 a b MIN",
            "ZREMRANGEBYRANK a 0 0",
            "ZREMRANGEBYSCORE a 2 3",
            "ZREMRANGEBYLEX a [x [y",
        ],
    ),
    ("HyperLogLogs", "PFADD a 1", &["PFADD a 2", "PFMERGE a b"]),
];

fn command(text: &str) -> Command {
    let argv = line::split(text.as_bytes()).expect("a line of ours");
    Command::parse(0, argv).expect("a command of ours")
}

/// The same command with the two keys exchanged.
fn exchanged(command: &Command) -> Command {
    command.renamed(&|key| if key.name == b"a" { b"b".to_vec() } else { b"a".to_vec() })
}
