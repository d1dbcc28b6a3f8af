//! Families — the write commands that concern deadlines, grouped into alphabets small enough for one search each.
//!
//! Every program of a family begins with the commands that create a key with a deadline, and continues with one or two of
//! the other commands. Every write command of the command table is in a family or in an alphabet of `bounds.rs`
//! (`tests/models/times.rs`). Pairs of commands from different families are not searched.

use crate::models::request::{self, Request};

/// A group of related commands that one search explores.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// Its subject.
    pub name: &'static str,
    /// The commands that every program begins with.
    pub begins: &'static [&'static str],
    /// The other commands, and transactions from MULTI to EXEC. A prefix `1> ` means: in database 1.
    pub commands: &'static [&'static str],
}

impl Family {
    /// The commands, those that every program begins with first. Panics: on a line that is not a command, which a test
    /// rules out.
    pub fn alphabet(&self) -> Vec<Request> {
        request::of_ours(&[self.begins, self.commands].concat())
    }
}

/// A string that lives for 2.003 s.
const STRING: &[&str] = &["PSETEX k 2003 5"];
/// A hash that lives for 2.003 s.
const HASH: &[&str] = &["HSET h f 1", "PEXPIRE h 2003"];
/// A hash of which one field lives for 2.003 s.
const FIELDS: &[&str] = &["HSET h f 1 g 2", "HPEXPIRE h 2003 FIELDS 1 f"];
/// A list that lives for 2.003 s.
const LIST: &[&str] = &["RPUSH l 1 2 3", "PEXPIRE l 2003"];
/// A set that lives for 2.003 s.
const SET: &[&str] = &["SADD s 1 2 3", "PEXPIRE s 2003"];
/// A sorted set that lives for 2.003 s.
const SORTED_SET: &[&str] = &["ZADD z 1 a 2 b 3 c", "PEXPIRE z 2003"];
/// A HyperLogLog that lives for 2.003 s.
const HYPERLOGLOG: &[&str] = &["PFADD p a", "PEXPIRE p 2003"];

/// All families. The instants are odd numbers within two seconds of the beginning of a run, which is at 1,000,000.457 s.
pub const FAMILIES: &[Family] = &[
    Family {
        name: "SET and its options",
        begins: STRING,
        commands: &[
            "SET k 6",
            "SET k 6 PX 1507",
            "SET k 6 EX 1 NX",
            "SET k 7 XX KEEPTTL",
            "SET k 8 EXAT 1000002 GET",
            "SET k 8 PXAT 1000001999",
            "SETNX k 9",
        ],
    },
    Family {
        name: "strings made, read and changed",
        begins: STRING,
        commands: &[
            "SETEX k 1 6",
            "GETSET k 6",
            "GETDEL k",
            "GETEX k PX 1507",
            "GETEX k EX 1",
            "GETEX k EXAT 1000002",
            "GETEX k PXAT 1000001999",
            "GETEX k PERSIST",
        ],
    },
    Family {
        name: "numbers and parts of strings",
        begins: STRING,
        commands: &[
            "INCR k",
            "INCRBY k 2",
            "DECR k",
            "DECRBY k 2",
            "INCRBYFLOAT k 0.5",
            "APPEND k 1",
            "SETRANGE k 1 7",
        ],
    },
    Family {
        name: "deadlines",
        begins: STRING,
        commands: &[
            "EXPIRE k 1",
            "PEXPIRE k 1507 NX",
            "PEXPIRE k 1507 XX",
            "PEXPIRE k 3001 GT",
            "PEXPIRE k 501 LT",
            "EXPIREAT k 1000002",
            "PEXPIREAT k 1000001999",
            "EXPIRE k -1",
            "PERSIST k",
        ],
    },
    Family {
        name: "two strings",
        begins: STRING,
        commands: &[
            "PSETEX j 1507 6",
            "RENAME k j",
            "RENAMENX k j",
            "COPY k j",
            "COPY k j REPLACE",
            "MSET k 7 j 8",
            "MSETNX k 7 j 8",
            "DEL k j",
            "UNLINK j",
        ],
    },
    Family {
        name: "a hash",
        begins: HASH,
        commands: &[
            "HSET h g 2",
            "HSETNX h f 3",
            "HMSET h f 4",
            "HINCRBY h f 1",
            "HINCRBYFLOAT h f 0.5",
            "HDEL h f",
            "PERSIST h",
            "RENAME h i",
            "COPY h i",
        ],
    },
    Family {
        name: "deadlines of fields",
        begins: FIELDS,
        commands: &[
            "HSET h f 3",
            "HEXPIRE h 1 FIELDS 2 f g",
            "HPEXPIRE h 1507 LT FIELDS 1 f",
            "HEXPIREAT h 1000002 FIELDS 1 f",
            "HPEXPIREAT h 1000001999 NX FIELDS 1 g",
            "HPERSIST h FIELDS 1 f",
            "HGETEX h PX 1507 FIELDS 1 g",
            "HGETEX h PERSIST FIELDS 1 f",
            "PEXPIRE h 1507",
        ],
    },
    Family {
        name: "fields written and removed",
        begins: FIELDS,
        commands: &[
            "HSETNX h f 3",
            "HSETEX h PX 1507 FIELDS 1 f 3",
            "HSETEX h FXX KEEPTTL FIELDS 1 f 4",
            "HINCRBY h f 1",
            "HDEL h g",
            "HGETDEL h FIELDS 1 g",
            "RENAME h i",
            "COPY h i",
        ],
    },
    Family {
        name: "a list",
        begins: LIST,
        commands: &[
            "LPUSH l 0",
            "RPUSH l 4",
            "LPUSHX l 5",
            "RPUSHX l 6",
            "LPOP l",
            "RPOP l 2",
            "LSET l 0 9",
            "LINSERT l BEFORE 2 7",
            "LREM l 1 2",
            "LTRIM l 1 -1",
        ],
    },
    Family {
        name: "two lists",
        begins: LIST,
        commands: &[
            "RPUSH m 5",
            "LMOVE l m LEFT RIGHT",
            "RPOPLPUSH l m",
            "RPOPLPUSH m l",
            "LMPOP 2 m l LEFT",
            "RENAME l m",
        ],
    },
    Family {
        name: "a set",
        begins: SET,
        commands: &["SADD s 4", "SADD s 1", "SREM s 1", "SPOP s", "SPOP s 2", "SPOP s 3", "PERSIST s"],
    },
    Family {
        name: "two sets",
        begins: SET,
        commands: &[
            "SADD t 1 5",
            "SMOVE s t 1",
            "SINTERSTORE t s t",
            "SUNIONSTORE t s",
            "SDIFFSTORE s s t",
            "COPY s t",
        ],
    },
    Family {
        name: "a sorted set",
        begins: SORTED_SET,
        commands: &[
            "ZADD z 4 d",
            "ZADD z GT 5 a",
            "ZADD z NX 9 a",
            "ZADD z XX LT 0 b",
            "ZINCRBY z 2 a",
            "ZREM z a",
            "ZPOPMIN z",
            "ZPOPMAX z 3",
        ],
    },
    Family {
        name: "parts of a sorted set",
        begins: SORTED_SET,
        commands: &[
            "ZREMRANGEBYRANK z 0 0",
            "ZREMRANGEBYSCORE z 2 3",
            "ZREMRANGEBYLEX z [a [b",
            "ZMPOP 1 z MAX",
            "ZADD z 7 a",
        ],
    },
    Family {
        name: "two sorted sets",
        begins: SORTED_SET,
        commands: &[
            "ZADD y 9 a",
            "ZRANGESTORE y z 0 1",
            "ZUNIONSTORE y 2 y z",
            "ZINTERSTORE y 2 y z",
            "ZDIFFSTORE z 2 z y",
        ],
    },
    Family {
        name: "bits",
        begins: STRING,
        commands: &[
            "SETBIT k 9 1",
            "BITFIELD k INCRBY u8 0 1",
            "BITOP NOT j k",
            "BITOP OR k k j",
            "PSETEX j 1507 6",
        ],
    },
    Family {
        name: "HyperLogLogs",
        begins: HYPERLOGLOG,
        commands: &["PFADD p b", "PFADD q c", "PFMERGE q p", "PFMERGE p q"],
    },
    Family {
        name: "transactions",
        begins: STRING,
        commands: &[
            "MULTI",
            "INCR k",
            "PSETEX j 1507 6",
            "EXEC",
            "MULTI",
            "PEXPIRE k 1507",
            "INCR k",
            "EXEC",
            "MULTI",
            "PERSIST k",
            "INCR j",
            "EXEC",
            "INCR k",
        ],
    },
    Family {
        name: "databases",
        begins: STRING,
        commands: &[
            "1> PSETEX k 1507 6",
            "1> INCR k",
            "COPY k k DB 1",
            "MOVE k 1",
            "SWAPDB 0 1",
            "FLUSHDB",
            "1> FLUSHDB",
            "FLUSHALL",
            "INCR k",
        ],
    },
];
