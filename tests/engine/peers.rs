//! Random commands on a real Redis, on this server and on the [`reference`](super::reference): replies are equal, and so are all
//! data at the end of a case.
//!
//! ```text
//!                        ┌─ redis-server 7.0 ───── replies, then keys, types, values and deadlines ─┐
//! 100 commands, one write ┼─ replicheck serve ──── replies, then keys, types, values and deadlines ─┼ equal, but for the
//!                        └─ reference ──────────── replies, then keys, types, values and deadlines ─┘ rows of `explained`
//! ```
//!
//! The cases are those of [`differential`](super::differential), whose clock is an input. Here the clock is this machine's, so
//! deadlines are moved out of its reach (`deadlines`), and no time passes between commands. Of nine commands three are a
//! transaction. A second test has Valkey 9.1 in the place of Redis, for commands on hashes, whose fields have deadlines there.
//! Without redis-server 7.0 or valkey-server 9.1 the tests say that they are skipped.

mod deadlines;
mod explained;
mod replies;
mod server;
mod trial;

use super::differential::{Case, draw, report, shrunk};
use super::processes::node::{Node, folder};
use super::reference::Answer;
use crate::seed::{Seed, setting};
use explained::Asked;
use replicheck::command::Reply;
use replicheck::time::Millis;
use server::{Address, Peer, Redis, Server};
use std::time::SystemTime;
use trial::{Seen, differ, judge, settled};

/// How many cases are drawn if `QUICKCHECK_TESTS` is not set.
const CASES: u64 = 60;

fn now() -> Millis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock after 1970");
    Millis(u64::try_from(since.as_millis()).expect("small"))
}

/// Tries the cases of these seeds. Panics with the shortest case that differs.
fn try_all(seeds: impl Iterator<Item = u64>, redis: &mut Peer, ours: &mut Peer) -> Seen {
    let mut seen = Seen::default();
    let mut attempt = |case: &Case| differ(case, now(), (redis, ours));
    for seed in seeds {
        let case = settled(draw(seed));
        match attempt(&case) {
            Ok(more) => seen.add(more),
            Err(difference) => {
                let found = shrunk(case, difference, &mut |case| attempt(case).err());
                panic!("{}", report(seed, &found));
            }
        }
    }
    seen
}

fn try_beside(server: Server) {
    let Some(theirs) = Redis::start(server, &[]) else { return };
    let first = Seed::of_this_run();
    let (_removed, dir) = folder();
    let node = Node::start(&dir.join("node"), &[]);
    let mut ours = Peer::new(Server::Replicheck, Address::Tcp(node.address()));
    let cases = setting("QUICKCHECK_TESTS").unwrap_or(CASES);
    println!("{}", try_all(first.and_next(cases), &mut theirs.peer(), &mut ours));
}

#[test]
fn prop_commands_on_redis_and_on_the_server_answer_as_the_reference() {
    try_beside(Server::Redis);
}

#[test]
fn prop_commands_on_valkey_and_on_the_server_answer_as_the_reference() {
    try_beside(Server::Valkey);
}

/// A Redis in the place of the server lacks one command.
#[test]
fn finds_a_server_without_a_command_and_shrinks_the_case_to_it() {
    let without = ["--rename-command", "GETDEL", ""];
    let start = |options| Redis::start(Server::Redis, options);
    let (Some(whole), Some(lacking)) = (start(&[]), start(&without)) else { return };
    let (mut theirs, mut ours) = (whole.peer(), lacking.peer());
    let mut attempt = |case: &Case| differ(case, now(), (&mut theirs, &mut ours));
    // Pinned, because seeds are tried from 0 on until one finds the fault.
    let (case, difference) = (0..)
        .map(|seed| settled(draw(seed)))
        .find_map(|case| attempt(&case).err().map(|difference| (case, difference)))
        .expect("seeds do not end");
    let found = shrunk(case, difference, &mut |case| attempt(case).err());
    let text = report(0, &found);
    assert_eq!(found.case.steps.len(), 1, "{text}");
    assert!(text.to_lowercase().contains("unknown command 'getdel'"), "{text}");
}

#[test]
fn finds_a_reply_that_no_row_explains() {
    let exactly = |reply| Answer::Exactly(reply);
    let page = |item: &str| Reply::Array(vec![Reply::bulk("0"), Reply::Array(vec![Reply::bulk(item)])]);
    let scanned = || Answer::Scanned { items: vec![vec![b"a".to_vec()]], from_the_start: true };
    for (line, answer, right, wrong) in [
        ("GET a", exactly(Reply::bulk("1")), Reply::bulk("1"), Reply::Null),
        ("LPOP a 1", exactly(Reply::NullArray), Reply::NullArray, Reply::Null),
        (
            "GET",
            exactly(Reply::Error("ERR x".into())),
            Reply::Error("ERR x".into()),
            Reply::Error("ERR y".into()),
        ),
        ("SCAN 0", scanned(), page("a"), page("b")),
        ("PTTL a", exactly(Reply::Integer(-1)), Reply::Integer(-1), Reply::Integer(-2)),
    ] {
        let argv = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        let asked = Asked { now: now(), db: 0, argv, answer };
        let judged = |redis, ours| {
            judge(&asked, [(Server::Redis, redis), (Server::Replicheck, ours)], &mut Seen::default())
        };
        assert!(judged(&right, &right).is_ok(), "{line}");
        assert!(judged(&wrong, &right).is_err() && judged(&right, &wrong).is_err(), "{line}");
    }
}
