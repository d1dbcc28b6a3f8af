//! Reply — encodes replies as RESP2 or RESP3. Pure.
//!
//! ```text
//! reply                 RESP2                     RESP3
//! null                  $-1                       _
//! no list               *-1                       _
//! number 0.5            $3 0.5                    ,0.5
//! map {a: 1}            *2 $1 a :1                %1 $1 a :1
//! pairs (a, 1)          *2 $1 a :1                *1 *2 $1 a :1
//! set, verbatim text    array, bulk               ~, =
//! ```
//!
//! This encoder writes straight into the output buffer of a connection. The crate `redis_protocol` is not used for it: its
//! aggregates are hash tables, which lose the order that Redis keeps, and it counts the bytes of each leaf before it writes
//! them. The tests use that crate to read what this module writes.

use crate::command::Reply;

/// The version of the protocol that a client chose with HELLO.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// RESP2, with which each connection begins.
    #[default]
    Resp2,
    /// RESP3.
    Resp3,
}

impl Protocol {
    /// The version number: 2 or 3.
    pub fn number(self) -> i64 {
        match self {
            Protocol::Resp2 => 2,
            Protocol::Resp3 => 3,
        }
    }
}

/// Appends the encoded `reply` to `out`. Cost: O(bytes).
pub fn encode(reply: &Reply, protocol: Protocol, out: &mut Vec<u8>) {
    match (reply, protocol) {
        (Reply::Array(items), _) => encode_items(b'*', items, protocol, out),
        (Reply::Set(items), Protocol::Resp2) => encode_items(b'*', items, protocol, out),
        (Reply::Set(items), Protocol::Resp3) => encode_items(b'~', items, protocol, out),
        (Reply::Map(pairs), Protocol::Resp3) => {
            header(b'%', pairs.len(), out);
            encode_flat(pairs, protocol, out);
        }
        (Reply::Map(pairs) | Reply::Pairs(pairs), Protocol::Resp2) => {
            header(b'*', pairs.len() * 2, out);
            encode_flat(pairs, protocol, out);
        }
        (Reply::Pairs(pairs), Protocol::Resp3) => {
            header(b'*', pairs.len(), out);
            for (first, second) in pairs {
                header(b'*', 2, out);
                encode(first, protocol, out);
                encode(second, protocol, out);
            }
        }
        (Reply::Status(text), _) => line(b'+', text.as_bytes(), out),
        (Reply::Error(text), _) => line(b'-', text.as_bytes(), out),
        (Reply::Integer(number), _) => line(b':', itoa::Buffer::new().format(*number).as_bytes(), out),
        (Reply::Bulk(bytes), _) | (Reply::Verbatim(bytes), Protocol::Resp2) => {
            header(b'$', bytes.len(), out);
            out.extend_from_slice(bytes);
            out.extend_from_slice(b"\r\n");
        }
        (Reply::Verbatim(bytes), Protocol::Resp3) => {
            const FORMAT: &[u8] = b"txt:";
            header(b'=', FORMAT.len() + bytes.len(), out);
            out.extend_from_slice(FORMAT);
            out.extend_from_slice(bytes);
            out.extend_from_slice(b"\r\n");
        }
        (Reply::Double(score), Protocol::Resp2) => {
            encode(&Reply::Bulk(score.to_string().into_bytes()), protocol, out);
        }
        (Reply::Double(score), Protocol::Resp3) => line(b',', score.to_string().as_bytes(), out),
        (Reply::NullArray, Protocol::Resp2) => out.extend_from_slice(b"*-1\r\n"),
        (Reply::Null, Protocol::Resp2) => out.extend_from_slice(b"$-1\r\n"),
        (Reply::Null | Reply::NullArray, Protocol::Resp3) => out.extend_from_slice(b"_\r\n"),
    }
}

fn encode_items(kind: u8, items: &[Reply], protocol: Protocol, out: &mut Vec<u8>) {
    header(kind, items.len(), out);
    items.iter().for_each(|item| encode(item, protocol, out));
}

fn encode_flat(pairs: &[(Reply, Reply)], protocol: Protocol, out: &mut Vec<u8>) {
    for (first, second) in pairs {
        encode(first, protocol, out);
        encode(second, protocol, out);
    }
}

fn header(kind: u8, length: usize, out: &mut Vec<u8>) {
    line(kind, itoa::Buffer::new().format(length).as_bytes(), out);
}

fn line(kind: u8, text: &[u8], out: &mut Vec<u8>) {
    out.reserve(text.len() + 3);
    out.push(kind);
    out.extend_from_slice(text);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::element::Score;

    #[test]
    fn reply_framed_is_what_redis_sends() {
        let one = || (Reply::bulk("a"), Reply::Integer(1));
        let cases: Vec<(Reply, &str, &str)> = vec![
            (Reply::OK, "+OK\r\n", "+OK\r\n"),
            (Reply::Error("ERR no".to_owned()), "-ERR no\r\n", "-ERR no\r\n"),
            (Reply::Integer(-7), ":-7\r\n", ":-7\r\n"),
            (Reply::Integer(i64::MIN), ":-9223372036854775808\r\n", ":-9223372036854775808\r\n"),
            (Reply::bulk(""), "$0\r\n\r\n", "$0\r\n\r\n"),
            (Reply::bulk("a\r\nb"), "$4\r\na\r\nb\r\n", "$4\r\na\r\nb\r\n"),
            (Reply::Verbatim(b"hi".to_vec()), "$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n"),
            (Reply::Null, "$-1\r\n", "_\r\n"),
            (Reply::NullArray, "*-1\r\n", "_\r\n"),
            (Reply::Double(Score::new(0.5).expect("a number")), "$3\r\n0.5\r\n", ",0.5\r\n"),
            (Reply::Array(vec![]), "*0\r\n", "*0\r\n"),
            (Reply::Array(vec![Reply::Null, Reply::OK]), "*2\r\n$-1\r\n+OK\r\n", "*2\r\n_\r\n+OK\r\n"),
            (Reply::Set(vec![Reply::OK]), "*1\r\n+OK\r\n", "~1\r\n+OK\r\n"),
            (Reply::Map(vec![one()]), "*2\r\n$1\r\na\r\n:1\r\n", "%1\r\n$1\r\na\r\n:1\r\n"),
            (Reply::Pairs(vec![one()]), "*2\r\n$1\r\na\r\n:1\r\n", "*1\r\n*2\r\n$1\r\na\r\n:1\r\n"),
        ];
        for (reply, resp2, resp3) in cases {
            for (protocol, expected) in [(Protocol::Resp2, resp2), (Protocol::Resp3, resp3)] {
                let mut out = b"before".to_vec();
                encode(&reply, protocol, &mut out);
                assert_eq!(String::from_utf8_lossy(&out), format!("before{expected}"), "{reply:?}");
            }
        }
    }
}
