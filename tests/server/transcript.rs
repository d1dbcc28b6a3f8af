//! Replays a transcript of a real Redis 7.0 (`tests/golden/server/`, recorded by `tests/golden/record.py`) over a socket.

use super::harness::Running;
use redis_protocol::resp2::{decode::decode, types::OwnedFrame};
use replicheck::command::line;
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::atomic::Ordering;

#[test]
fn server_transcript_replayed_gives_the_replies_of_redis() {
    for (text, least) in [
        (include_str!("../golden/server/connection.txt"), 120),
        (include_str!("../golden/server/transactions.txt"), 400),
    ] {
        let commands = replay(text);
        assert!(commands > least, "only {commands} commands were found");
    }
}

/// Replays a transcript. Returns the number of commands.
fn replay(text: &str) -> usize {
    let server = Running::new();
    let mut clients = BTreeMap::from([("a", server.connect())]);
    let mut client = "a";
    let mut lines = text.lines().peekable();
    let (mut commands, mut failures) = (0, String::new());
    while let Some(line) = lines.next() {
        match line.split_once(' ') {
            Some(("@client", name)) => {
                clients.entry(name).or_insert_with(|| server.connect());
                client = name;
            }
            Some(("@wait", ms)) => {
                server.node.now_ms.fetch_add(ms.parse().expect("milliseconds"), Ordering::Relaxed);
            }
            _ => {}
        }
        let Some((mark, command)) = line.strip_prefix('>').and_then(|line| line.split_once(' ')) else {
            continue;
        };
        let mut expected = Vec::new();
        while let Some(reply) = lines.next_if(|line| !line.is_empty() && !line.starts_with(['>', '#', '@'])) {
            // Within an array the crate that reads replies shows both kinds of null alike.
            expected.push(if reply.starts_with(' ') { reply.replace("*_", "_") } else { reply.to_owned() });
        }
        let argv = line::split(command.as_bytes()).expect("a command line, a reply");
        let mut frame = format!("*{}\r\n", argv.len()).into_bytes();
        for argument in &argv {
            frame.extend(format!("${}\r\n", argument.len()).bytes());
            frame.extend(argument);
            frame.extend(b"\r\n");
        }
        let client = clients.get_mut(client).expect("it is connected");
        client.send(&frame);
        let seen = rendered(&mut client.socket, mark);
        commands += 1;
        if seen != expected {
            failures += &format!("\n> {command}\n  redis: {expected:?}\n  ours:  {seen:?}");
        }
    }
    assert!(failures.is_empty(), "{failures}");
    commands
}

/// The lines of the next reply, as the recorder writes them.
fn rendered(socket: &mut impl Read, mark: &str) -> Vec<String> {
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let count = socket.read(&mut chunk).expect("a reply");
        assert!(count > 0, "closed");
        bytes.extend_from_slice(&chunk[..count]);
        if let Some((frame, length)) = decode(&bytes).expect("a command line, a reply") {
            assert_eq!(length, bytes.len(), "more than one reply");
            if bytes == b"*-1\r\n" {
                return vec!["*_".to_owned()];
            }
            return if mark == "?" { outline(&frame) } else { lines(&frame, 0, mark == "~") };
        }
    }
}

fn outline(frame: &OwnedFrame) -> Vec<String> {
    vec![match frame {
        OwnedFrame::Array(items) => format!("*{}?", items.len()),
        OwnedFrame::Null => "_".to_owned(),
        OwnedFrame::BulkString(_) => "$?".to_owned(),
        OwnedFrame::Integer(_) => ":?".to_owned(),
        OwnedFrame::Error(_) => "-?".to_owned(),
        OwnedFrame::SimpleString(_) => "+?".to_owned(),
    }]
}

fn lines(frame: &OwnedFrame, depth: usize, sorted: bool) -> Vec<String> {
    let pad = "  ".repeat(depth);
    match frame {
        OwnedFrame::SimpleString(text) => vec![format!("{pad}+{}", String::from_utf8_lossy(text))],
        OwnedFrame::Error(text) => vec![format!("{pad}-{text}")],
        OwnedFrame::Integer(number) => vec![format!("{pad}:{number}")],
        OwnedFrame::BulkString(bytes) => {
            vec![format!("{pad}$\"{}\"", bytes.escape_ascii().to_string().replace("\\'", "'"))]
        }
        OwnedFrame::Null => vec![format!("{pad}_")],
        OwnedFrame::Array(items) => {
            let mut inner: Vec<Vec<String>> =
                items.iter().map(|item| lines(item, depth + 1, sorted)).collect();
            if sorted {
                inner.sort();
            }
            [vec![format!("{pad}*{}", items.len())], inner.concat()].concat()
        }
    }
}
