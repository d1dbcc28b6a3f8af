//! Reply → bytes, as RESP2 or RESP3. Pure.
//!
//! ```text
//! reply                 RESP2                     RESP3
//! null                  $-1                       _
//! map {a: 1}            *2 $1 a :1                %1 $1 a :1
//! pairs (a, 1)          *2 $1 a :1                *1 *2 $1 a :1
//! set, verbatim text    array, bulk               ~, =
//! ```
//!
//! The crate `redis_protocol` frames everything but the headers of aggregates: its maps and sets are hash tables, which
//! forget the order that Redis keeps.

use crate::command::Reply;
use redis_protocol::{resp2, resp3};

/// The version of the protocol that a client chose with HELLO.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// RESP2, what a connection begins with.
    #[default]
    Resp2,
    /// RESP3.
    Resp3,
}

impl Protocol {
    /// 2 or 3.
    pub fn number(self) -> i64 {
        match self {
            Protocol::Resp2 => 2,
            Protocol::Resp3 => 3,
        }
    }
}

/// Puts `reply` at the end of `out`. Cost: O(bytes).
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
        (leaf, Protocol::Resp2) => encode_leaf_resp2(leaf, out),
        (leaf, Protocol::Resp3) => encode_leaf_resp3(leaf, out),
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
    out.push(kind);
    out.extend_from_slice(length.to_string().as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn encode_leaf_resp2(leaf: &Reply, out: &mut Vec<u8>) {
    use resp2::types::BorrowedFrame as Frame;
    let frame = match leaf {
        Reply::Status(text) => Frame::SimpleString(text.as_bytes()),
        Reply::Error(text) => Frame::Error(text),
        Reply::Integer(number) => Frame::Integer(*number),
        Reply::Bulk(bytes) | Reply::Verbatim(bytes) => Frame::BulkString(bytes),
        _ => Frame::Null,
    };
    let end = out.len();
    out.resize(end + frame.encode_len(false), 0);
    resp2::encode::encode_borrowed(&mut out[end..], &frame, false).expect("room was made for the frame");
}

fn encode_leaf_resp3(leaf: &Reply, out: &mut Vec<u8>) {
    use resp3::types::{BorrowedFrame as Frame, VerbatimStringFormat};
    let frame = match leaf {
        Reply::Status(text) => Frame::SimpleString { data: text.as_bytes(), attributes: None },
        Reply::Error(text) => Frame::SimpleError { data: text, attributes: None },
        Reply::Integer(number) => Frame::Number { data: *number, attributes: None },
        Reply::Bulk(bytes) => Frame::BlobString { data: bytes, attributes: None },
        Reply::Verbatim(bytes) => {
            Frame::VerbatimString { data: bytes, format: VerbatimStringFormat::Text, attributes: None }
        }
        _ => Frame::Null,
    };
    let end = out.len();
    out.resize(end + frame.encode_len(false), 0);
    resp3::encode::complete::encode_borrowed(&mut out[end..], &frame, false)
        .expect("room was made for the frame");
}

#[cfg(test)]
mod tests {
    use super::*;

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
