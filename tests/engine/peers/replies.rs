//! Replies — the bytes of a RESP2 connection → replies. Pure.

use replicheck::command::Reply;

/// The statuses of the commands that are sent.
const STATUSES: [&str; 8] = ["OK", "PONG", "none", "string", "list", "set", "zset", "hash"];

/// The first reply in `bytes` and its length; `None` if it is incomplete. Panics if the bytes are not RESP2.
pub(super) fn first(bytes: &[u8]) -> Option<(Reply, usize)> {
    let end = bytes.windows(2).position(|two| two == b"\r\n")?;
    let (line, mut used) = (String::from_utf8_lossy(&bytes[..end]).into_owned(), end + 2);
    let (kind, rest) = line.split_at_checked(1).unwrap_or_else(|| panic!("an empty line is not RESP2"));
    let number = || rest.parse::<i64>().unwrap_or_else(|_| panic!("{line} is not RESP2"));
    let size = || usize::try_from(number()).expect("a size");
    let reply = match kind {
        "+" => {
            let known = STATUSES.iter().find(|status| **status == rest);
            Reply::Status(known.copied().unwrap_or_else(|| rest.to_owned().leak()))
        }
        "-" => Reply::Error(rest.to_owned()),
        ":" => Reply::Integer(number()),
        "$" if rest == "-1" => Reply::Null,
        "$" => {
            let value = bytes.get(used..used + size())?.to_vec();
            used += value.len() + 2;
            if bytes.len() < used {
                return None;
            }
            Reply::Bulk(value)
        }
        "*" if rest == "-1" => Reply::NullArray,
        "*" => {
            let mut items = Vec::new();
            for _ in 0..size() {
                let (item, length) = first(&bytes[used..])?;
                used += length;
                items.push(item);
            }
            Reply::Array(items)
        }
        _ => panic!("{line} is not RESP2"),
    };
    Some((reply, used))
}

/// A command as a client sends it.
pub(super) fn request(argv: &[Vec<u8>], into: &mut Vec<u8>) {
    into.extend(format!("*{}\r\n", argv.len()).bytes());
    for word in argv {
        into.extend(format!("${}\r\n", word.len()).bytes());
        into.extend(word);
        into.extend(b"\r\n");
    }
}

#[test]
fn replies_cut_anywhere_are_incomplete_and_whole_ones_are_read() {
    let bytes = b"*5\r\n+OK\r\n-ERR x\r\n:-5\r\n$4\r\na\r\nb\r\n*2\r\n$-1\r\n*-1\r\n";
    let nested = Reply::Array(vec![Reply::Null, Reply::NullArray]);
    let items =
        vec![Reply::OK, Reply::Error("ERR x".into()), Reply::Integer(-5), Reply::bulk("a\r\nb"), nested];
    assert_eq!(first(bytes), Some((Reply::Array(items), bytes.len())));
    assert!((0..bytes.len()).all(|end| first(&bytes[..end]).is_none()));
}
