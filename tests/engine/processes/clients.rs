//! Programs that people use, run against a master and its replica: redis-cli, redis-benchmark, and the crate `redis`.

use super::node::{Node, folder, until};
use redis::Commands as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// The output of the program. `None`, with a line on standard error, if it is not installed.
fn output(program: &str, node: &Node, arguments: &[&str], input: &str) -> Option<String> {
    let address = node.address();
    let (host, port) = address.rsplit_once(':').unwrap();
    let mut command = Command::new(program);
    command.args(["-h", host, "-p", port]).args(arguments);
    let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let Ok(mut child) = started else {
        // Not with `println!`: the test harness hides its output when the test passes.
        let _ = writeln!(std::io::stderr(), "skipped: {program} not found");
        return None;
    };
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{program} {arguments:?}: {text}\n{}", node.log_end());
    Some(text)
}

/// A master and its replica. [`Pair::replica`] waits until the replica has caught up.
struct Pair {
    _removed: tempfile::TempDir,
    master: Node,
    replica: Node,
}

impl Pair {
    fn start() -> Pair {
        let (removed, dir) = folder();
        let master = Node::start(&dir.join("master"), &[]);
        let replica = Node::start(&dir.join("replica"), &["--replicaof".to_owned(), master.address()]);
        Pair { _removed: removed, master, replica }
    }

    fn replica(&self) -> &Node {
        let end = self.master.fact("rc_received_lsn").unwrap();
        let is_there = || (self.replica.fact("rc_applied_lsn").unwrap() == end).then_some(());
        until("the replica catches up", is_there)
            .unwrap_or_else(|text| panic!("{text}\n{}", self.replica.log_end()));
        &self.replica
    }
}

#[test]
fn redis_cli_writes_to_the_master_and_reads_from_the_replica() {
    let pair = Pair::start();
    let Some(text) = output("redis-cli", &pair.master, &["SETEX", "k", "1000", "a b"], "") else { return };
    assert_eq!(text, "OK\n");
    let typed = "INCR n\nINCR n\nHSET h f v\nGET k\nINCR k\nSELECT 1\nSET only 1\n";
    let text = output("redis-cli", &pair.master, &[], typed).unwrap();
    assert_eq!(text, "1\n2\n1\na b\nERR value is not an integer or out of range\n\nOK\nOK\n");
    let piped = "*3\r\n$3\r\nSET\r\n$5\r\npiped\r\n$1\r\n1\r\n".repeat(20_000);
    let text = output("redis-cli", &pair.master, &["--pipe"], &piped).unwrap();
    assert!(text.contains("errors: 0, replies: 20000"), "{text}");
    for protocol in ["-2", "-3"] {
        let typed = "GET k\nHGETALL h\nDBSIZE\nSET k 1\n";
        let text = output("redis-cli", pair.replica(), &["--no-raw", protocol], typed).unwrap();
        let hash = if protocol == "-3" { "1# \"f\" => \"v\"\n" } else { "1) \"f\"\n2) \"v\"\n" };
        let refused = "(error) READONLY You can't write against a read only replica.\n";
        assert_eq!(text, format!("\"a b\"\n{hash}(integer) 4\n{refused}"), "{protocol}");
    }
    let text = output("redis-cli", pair.replica(), &["-n", "1", "--scan"], "").unwrap();
    assert_eq!(text, "only\n");
}

#[test]
fn redis_benchmark_runs_through_and_the_replica_follows() {
    let pair = Pair::start();
    let arguments = ["-t", "set,get,incr,hset", "-n", "20000", "-P", "16", "-q"];
    let Some(text) = output("redis-benchmark", &pair.master, &arguments, "") else { return };
    for name in ["SET", "GET", "INCR", "HSET"] {
        assert!(text.contains(&format!("{name}: ")), "{name} is lacking: {text}");
    }
    assert!(!text.to_lowercase().contains("error"), "{text}");
    let counted = output("redis-cli", pair.replica(), &["GET", "counter:__rand_int__"], "");
    assert!(counted.is_none_or(|text| text == "20000\n"));
}

#[test]
fn crate_redis_talks_to_both_nodes_in_both_protocols() {
    let pair = Pair::start();
    for (db, protocol) in [(0, "resp2"), (3, "resp3")] {
        let connect = |node: &Node| {
            let url = format!("redis://{}/{db}?protocol={protocol}", node.address());
            redis::Client::open(url).unwrap().get_connection().unwrap()
        };
        let mut master = connect(&pair.master);
        let mut pipeline = redis::pipe();
        for _ in 0..1000 {
            pipeline.cmd("INCR").arg("n");
        }
        let counted: Vec<i64> = pipeline.query(&mut master).unwrap();
        assert_eq!(counted, (1..=1000).collect::<Vec<i64>>());
        let (): () = master.hset("h", "f", 1).unwrap();
        let (): () = master.pexpire("h", 1_000_000).unwrap();
        let mut replica = connect(pair.replica());
        let all: std::collections::BTreeMap<String, i64> = replica.hgetall("h").unwrap();
        assert_eq!(all, [("f".to_owned(), 1)].into());
        let deadline = |connection: &mut redis::Connection| {
            redis::cmd("PEXPIRETIME").arg("h").query::<i64>(connection).unwrap()
        };
        assert_eq!(deadline(&mut master), deadline(&mut replica));
        let error = replica.incr::<_, _, i64>("n", 1).unwrap_err();
        assert!(error.to_string().to_lowercase().contains("read"), "{error}");
        let info: redis::InfoDict = redis::cmd("INFO").query(&mut replica).unwrap();
        assert_eq!(info.get::<String>("role").as_deref(), Some("slave"));
    }
}
