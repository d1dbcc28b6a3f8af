//! How `serve` starts, refuses to start, and ends. A refusal is one line with the reason; the exit codes are 2 and 0.

use super::node::{Node, folder, until};
use crate::scrape;
use replicheck::client::OwnedFrame;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Command, Stdio};

/// Runs `serve`, which must not start; returns its standard error.
fn refused(dir: &str, words: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_replicheck"));
    command.args(["serve", "--dir", dir, "--log-level", "warn"]).args(words);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let ended = until("serve ends", || child.try_wait().unwrap());
    if ended.is_err() {
        child.kill().unwrap();
    }
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(ended.map(|ended| ended.code()), Ok(Some(2)), "{words:?}: {said}");
    assert_eq!(output.stdout, b"", "{words:?}");
    said
}

/// Like [`refused`]; the standard error must be one line.
fn refused_in_a_line(dir: &str, words: &[&str]) -> String {
    let said = refused(dir, words);
    assert!(said.starts_with("error: ") && said.lines().count() == 1, "{words:?}: {said}");
    said
}

#[test]
fn serve_bad_option_is_refused_with_what_is_known() {
    let (_removed, dir) = folder();
    let dir = dir.join("node");
    let path = dir.to_str().unwrap();
    let cases: [(&[&str], &[&str]); 9] = [
        (
            &["--port", "0", "--ordering", "serail"],
            &["'serail'", "--ordering", "serial", "writeset_snapshots"],
        ),
        (&["--port", "0", "--expiry", "never"], &["'never'", "--expiry", "log_clock", "pksetat"]),
        (&["--port", "0", "--appendfsync", "often"], &["'often'", "--appendfsync", "everysec"]),
        (&["--port", "0", "--compression", "gzip"], &["'gzip'", "--compression", "none, lz4, zstd"]),
        (&["--port", "99999"], &["'99999'", "--port", "0..=65535"]),
        (&["--port", "x"], &["'x'", "--port"]),
        (&["--port", "0", "--replicaof", "localhost"], &["'localhost'", "--replicaof", "host:port"]),
        (&["--port", "0", "--workers", "0"], &["'0'", "--workers", "1..=256"]),
        (&["--port", "0", "--protected-mode", "on"], &["'on'", "--protected-mode", "yes or no"]),
    ];
    for (words, parts) in cases {
        let said = refused(path, words);
        for part in parts {
            assert!(said.contains(part), "{words:?} lacks {part}: {said}");
        }
    }
    assert!(!dir.exists(), "a folder was made for a command that was not understood");
}

#[test]
fn serve_folder_that_cannot_be_taken_is_refused_in_a_line() {
    let (_removed, dir) = folder();
    let file = dir.join("file");
    std::fs::write(&file, "").unwrap();
    let said = refused_in_a_line(file.to_str().unwrap(), &["--port", "0"]);
    assert!(said.contains("file: cannot open the folder: "), "{said}");

    let mut node = Node::start(&dir.join("node"), &[]);
    let path = dir.join("node").to_str().unwrap().to_owned();
    let said = refused_in_a_line(&path, &["--port", "0"]);
    assert!(said.contains("node: ") && said.contains("another process"), "{said}");
    // The refused process has changed nothing in the folder.
    let set = node.connect().unwrap().call(&["SET", "k", "v"]).unwrap();
    assert_eq!(set, OwnedFrame::SimpleString(b"OK".into()));
    assert_eq!(node.terminate().code(), Some(0));

    let said = refused_in_a_line(&path, &["--port", "0", "--expiry", "effects"]);
    let expected = "written under expiry `log_clock`, not `effects`: start with --expiry log_clock, or in an empty folder";
    assert!(said.contains(expected), "{said}");
    node.restart();
    let got = node.connect().unwrap().call(&["GET", "k"]).unwrap();
    assert_eq!(got, OwnedFrame::BulkString(b"v".into()));
}

#[test]
fn serve_port_that_is_taken_is_refused_before_the_folder_is_opened() {
    let (_removed, dir) = folder();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let dir = dir.join("node");
    let said = refused_in_a_line(dir.to_str().unwrap(), &["--port", &port]);
    assert!(said.starts_with(&format!("error: cannot listen on 127.0.0.1:{port}: ")), "{said}");
    assert!(!dir.exists(), "the folder was opened");
}

#[test]
fn replica_on_any_free_port_names_that_port_to_its_master() {
    let (_removed, dir) = folder();
    let master = Node::start(&dir.join("master"), &[]);
    let follow = ["--replicaof".to_owned(), master.address()];
    let replica = Node::start(&dir.join("replica"), &follow);
    let told = until("a replica", || Some(master.fact("slave0").unwrap()).filter(|told| !told.is_empty()));
    let port = replica.address().rsplit_once(':').unwrap().1.to_owned();
    assert!(told.as_ref().is_ok_and(|told| told.contains(&format!(",port={port},"))), "{told:?}");
}

#[test]
fn serve_metrics_port_that_is_taken_is_refused_before_the_folder_is_opened() {
    let (_removed, dir) = folder();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let dir = dir.join("node");
    let said = refused_in_a_line(dir.to_str().unwrap(), &["--port", "0", "--metrics", &port]);
    assert!(said.starts_with(&format!("error: cannot listen on 127.0.0.1:{port}: ")), "{said}");
    assert!(!dir.exists(), "the folder was opened");
}

#[test]
fn serve_metrics_port_0_prints_the_address_of_the_page() {
    let (_removed, dir) = folder();
    let mut command = Command::new(env!("CARGO_BIN_EXE_replicheck"));
    command.args(["serve", "--port", "0", "--metrics", "0", "--dir"]).arg(dir.join("node"));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let said = [lines.next().unwrap().unwrap(), lines.next().unwrap().unwrap()];
    let address = said[1].strip_prefix("metrics at http://").and_then(|url| url.strip_suffix("/metrics"));
    let answer = scrape::get(address.expect(&said[1]).parse().unwrap(), "/metrics");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(said[0].starts_with("listening on 127.0.0.1:"), "{said:?}");
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(scrape::page(&answer.body).one("replicheck_watermark_lsn{watermark=received}"), 0.0);
}

#[test]
fn serve_told_to_stop_ends_with_code_0_and_starts_clean() {
    let (_removed, dir) = folder();
    let mut master = Node::start(&dir.join("master"), &[]);
    let mut replica = Node::start(&dir.join("replica"), &["--replicaof".to_owned(), master.address()]);
    for n in 0..100 {
        master.connect().unwrap().call(&["SET", "k", &n.to_string()]).unwrap();
    }
    // Clients are connected, and the link is up.
    let _idle = (master.connect().unwrap(), replica.connect().unwrap());
    for node in [&mut master, &mut replica] {
        let ended = node.terminate();
        assert_eq!(ended.code(), Some(0), "{}", node.log());
        let log = node.log();
        let is_bad = |line: &&str| line.contains("ERROR") || line.contains("panicked");
        assert_eq!(log.lines().find(is_bad), None);
        node.restart();
        let log = node.log();
        let recovered = log.lines().rfind(|line| line.contains("log recovered")).unwrap();
        assert!(recovered.contains("clean=true"), "{recovered}");
    }
    // The master has begun an epoch, and its replica, which has everything from before, resumes.
    master.connect().unwrap().call(&["SET", "k", "restarted"]).unwrap();
    let restarted = OwnedFrame::BulkString(b"restarted".to_vec());
    let has_it = || replica.connect().ok()?.call(&["GET", "k"]).ok().filter(|value| *value == restarted);
    until("the replica resumes", has_it).unwrap();
}

#[test]
fn serve_help_has_examples() {
    for flag in ["--help", "-h"] {
        let output = Command::new(env!("CARGO_BIN_EXE_replicheck")).args(["serve", flag]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert!(text.contains("Examples:\n  replicheck serve --port 7001 --dir master"), "{text}");
    }
}
