//! Programs that people use, run against the server: the crate `redis`, redis-cli, redis-benchmark.

use super::harness::Running;
use redis::Commands as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

#[test]
fn crate_redis_talks_to_the_server_in_both_protocols() {
    let server = Running::new();
    for protocol in ["resp2", "resp3"] {
        let url = format!("redis://{}/3?protocol={protocol}", server.addr);
        let mut connection = redis::Client::open(url)
            .expect("the server answers")
            .get_connection()
            .expect("the server answers");
        let (): () = connection.set("k", "v").expect("the server answers");
        assert_eq!(
            connection.get::<_, Option<String>>("k").expect("the server answers").as_deref(),
            Some("v")
        );
        assert_eq!(connection.get::<_, Option<String>>("none").expect("the server answers"), None);
        let (): () = connection.hset("h", "f", 1).expect("the server answers");
        let all: std::collections::BTreeMap<String, i64> =
            connection.hgetall("h").expect("the server answers");
        assert_eq!(all, [("f".to_owned(), 1)].into());
        let mut pipeline = redis::pipe();
        pipeline.cmd("DEL").arg("n").ignore();
        (0..500).for_each(|_| {
            pipeline.cmd("INCR").arg("n");
        });
        let counted: Vec<i64> = pipeline.query(&mut connection).expect("the server answers");
        assert_eq!(counted, (1..=500).collect::<Vec<i64>>());
        let error = connection.incr::<_, _, i64>("k", 1).expect_err("not a number");
        assert!(error.to_string().contains("not an integer"), "{error}");
        let info: redis::InfoDict = redis::cmd("INFO").query(&mut connection).expect("the server answers");
        assert_eq!(info.get::<String>("role").as_deref(), Some("master"));
    }
}

/// The output of the program. `None`, with a line on standard error, if it is not installed.
fn output(program: &str, server: &Running, arguments: &[&str], input: &str) -> Option<String> {
    let port = server.addr.port().to_string();
    let started = Command::new(program)
        .args(["-h", "127.0.0.1", "-p", &port])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = started else {
        // Not with `println!`: the test harness hides its output when the test passes.
        let _ = writeln!(std::io::stderr(), "skipped: {program} not found");
        return None;
    };
    child.stdin.take().expect("taken once").write_all(input.as_bytes()).expect("the other side reads");
    let done = child.wait_with_output().expect("the server answers");
    let text = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{program} {arguments:?}: {text}");
    Some(text)
}

#[test]
fn redis_cli_runs_commands_in_both_protocols() {
    let server = Running::new();
    let input = "SET k \"a b\"\nGET k\nINCR k\nHSET h f v\nHGETALL h\nSELECT 2\nGET k\nHELP GET\n";
    let expected = ["OK", "\"a b\"", "ERR value is not an integer", "(nil)", "GET key"];
    for protocol in ["-2", "-3"] {
        let Some(text) = output("redis-cli", &server, &["--no-raw", protocol], input) else { return };
        for part in expected {
            assert!(text.contains(part), "redis-cli {protocol} lacks {part}: {text}");
        }
    }
    let piped = "SET piped 1\r\n".repeat(5000);
    if let Some(text) = output("redis-cli", &server, &["--pipe"], &piped) {
        assert!(text.contains("errors: 0, replies: 5000"), "{text}");
    }
    if let Some(text) = output("redis-cli", &server, &["--scan"], "") {
        assert!(text.contains("piped"), "{text}");
    }
}

#[test]
fn redis_benchmark_runs_with_and_without_pipelines() {
    let server = Running::new();
    for pipeline in ["1", "16"] {
        let arguments = ["-t", "ping,set,get,incr,hset,mset", "-n", "5000", "-c", "20", "-P", pipeline, "-q"];
        let Some(text) = output("redis-benchmark", &server, &arguments, "") else { return };
        for name in ["PING_INLINE", "PING_MBULK", "SET", "GET", "INCR", "HSET", "MSET"] {
            assert!(text.contains(name), "{name} is lacking: {text}");
        }
        assert!(!text.to_lowercase().contains("error"), "{text}");
    }
}
