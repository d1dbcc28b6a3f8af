//! Families — the write commands that have to do with a deadline, in alphabets that one search can take.
//!
//! Every program of a family begins with the commands that make a key with a deadline, and goes on with one or two of the other
//! commands. Every write command of the table is in a family or in an alphabet of `bounds.rs` (`tests/models/times.rs`). Pairs
//! across families are not searched.

use crate::command::{Command, line};

/// Commands of one family.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// What it is about.
    pub name: &'static str,
    /// The commands that every program begins with.
    pub begins: &'static [&'static str],
    /// The others. `1> ` before one: in database 1.
    pub commands: &'static [&'static str],
}

impl Family {
    /// The commands, those first with which a program begins. Panics: on a line that is none, which a test rules out.
    pub fn alphabet(&self) -> Vec<Command> {
        self.begins.iter().chain(self.commands).map(|text| parsed(text)).collect()
    }
}

fn parsed(text: &str) -> Command {
    let (db, text) = text.strip_prefix("1> ").map_or((0, text), |text| (1, text));
    let argv = line::split(text.as_bytes()).expect("a line of ours");
    Command::parse(db, argv).expect("a command of ours")
}

/// A string that lives for 2.003 s.
const STRING: &[&str] = &["PSETEX k 2003 5"];
/// A hash that lives for 2.003 s.
const HASH: &[&str] = &["HSET h f 1", "PEXPIRE h 2003"];

/// The families. Instants are odd ones within two seconds of the beginning of a run, 1,000,000.457 s.
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
        name: "databases",
        begins: STRING,
        commands: &[
            "1> PSETEX k 1507 6",
            "1> INCR k",
            "COPY k k DB 1",
            "FLUSHDB",
            "1> FLUSHDB",
            "FLUSHALL",
            "INCR k",
        ],
    },
];
