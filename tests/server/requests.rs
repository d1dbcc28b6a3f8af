//! Requests that break the protocol, with the answers of a real Redis 7.0.15; each is sent whole and byte by byte.

use replicheck::server::request::{Limits, ProtocolError, Requests};

/// The requests in `bytes`, read in pieces of `step` bytes, and the error that ends them.
fn read(bytes: &[u8], step: usize, limits: Limits) -> (Vec<Vec<Vec<u8>>>, Option<ProtocolError>) {
    let (mut requests, mut seen) = (Requests::new(limits), Vec::new());
    for piece in bytes.chunks(step.max(1)) {
        requests.fill(piece);
        loop {
            match requests.next_request() {
                Ok(Some(argv)) => seen.push(argv),
                Ok(None) => break,
                Err(error) => return (seen, Some(error)),
            }
        }
    }
    (seen, None)
}

/// Bytes and the answer of redis-server 7.0.15, recorded over a socket. `open`: the connection stays open and waits.
const RECORDED: &[(&[u8], &str)] = &[
    (b"*abc\r\n", "Protocol error: invalid multibulk length"),
    (b"*2147483647\r\n", "open"),
    (b"*2147483648\r\n", "Protocol error: invalid multibulk length"),
    (b"*9223372036854775808\r\n", "Protocol error: invalid multibulk length"),
    (b"*01\r\n", "Protocol error: invalid multibulk length"),
    (b"*+1\r\n", "Protocol error: invalid multibulk length"),
    (b"*1 \r\n", "Protocol error: invalid multibulk length"),
    (b"*-0\r\n", "Protocol error: invalid multibulk length"),
    (b"*\r\n", "Protocol error: invalid multibulk length"),
    (b"*1\r\n$abc\r\n", "Protocol error: invalid bulk length"),
    (b"*1\r\n$-1\r\n", "Protocol error: invalid bulk length"),
    (b"*1\r\n$\r\n", "Protocol error: invalid bulk length"),
    (b"*1\r\n$04\r\nPING\r\n", "Protocol error: invalid bulk length"),
    (b"*1\r\n$536870912\r\n", "open"),
    (b"*1\r\n$536870913\r\n", "Protocol error: invalid bulk length"),
    (b"*1\r\nPING\r\n", "Protocol error: expected '$', got 'P'"),
    (b"*1\r\n:4\r\n", "Protocol error: expected '$', got ':'"),
    (b"*1\r\n\r\n\r\n", "Protocol error: expected '$', got ' '"),
    (b"*1\r\n\n\r\n", "Protocol error: expected '$', got ' '"),
    (b"*1\r\n\0x\r\n", "open"),
    (b"SET \"a\r\n", "Protocol error: unbalanced quotes in request"),
    (b"SET \"a\"b\r\n", "Protocol error: unbalanced quotes in request"),
    (b"PI\0NG\r\nPING\r\n", "open"),
    (b"*-1\r\nPING\r\n", "PING"),
    (b"*-9223372036854775808\r\nPING\r\n", "PING"),
    (b"*0\r\nPING\r\n", "PING"),
    (b"*1\r\n$4\r\nPINGxx", "PING"),
    (b"*1\rX$4\rXPING\r\n", "PING"),
    (b"PING\n", "PING"),
    (b"PING\r\r\n", "PING"),
    (b"\r\n\nPING\r\n", "PING"),
    (b"  \r\nPING\r\n", "PING"),
];

#[test]
fn requests_bad_are_refused_as_redis_refuses_them() {
    for (bytes, expected) in RECORDED {
        for step in [bytes.len(), 1] {
            let (seen, error) = read(bytes, step, Limits::default());
            let told = match (&seen[..], error) {
                (_, Some(error)) => error.to_string(),
                ([], None) => "open".to_owned(),
                ([argv], None) => String::from_utf8_lossy(&argv.join(&b' ')).into_owned(),
                _ => panic!("several requests in {bytes:?}"),
            };
            assert_eq!(told, *expected, "{} in pieces of {step}", bytes.escape_ascii());
        }
    }
}

#[test]
fn requests_lines_beyond_64_kb_are_refused_and_shorter_ones_wait() {
    let cases = [
        ("", "x", ProtocolError::InlineTooBig),
        ("", "*1", ProtocolError::MultibulkTooBig),
        ("*1\r\n", "$1", ProtocolError::BulkTooBig),
    ];
    for (before, start, error) in cases {
        let line = |bytes: usize| format!("{before}{start}{}", "1".repeat(bytes - start.len())).into_bytes();
        for step in [100_000, 1000, 1] {
            let pad = before.len();
            assert_eq!(read(&line(65536), step, Limits::default()).1, None, "{start} of 65536 after {pad}");
            let refused = read(&line(65537), step, Limits::default()).1;
            assert_eq!(refused, Some(error), "{start} of 65537 after {pad}");
            let ended = [line(65537), b"\r\n".to_vec()].concat();
            assert_eq!(read(&ended, step, Limits::default()).1, Some(error), "{start} with an end");
        }
    }
}

#[test]
fn requests_before_an_error_are_kept() {
    let bytes = b"PING\r\n*2\r\n$4\r\nECHO\r\n$2\r\n\r\n\r\n*x\r\nPING\r\n";
    let (seen, error) = read(bytes, bytes.len(), Limits::default());
    assert_eq!(seen, [vec![b"PING".to_vec()], vec![b"ECHO".to_vec(), b"\r\n".to_vec()]]);
    assert_eq!(error, Some(ProtocolError::MultibulkLength));
}

#[test]
fn requests_beyond_their_limits_are_refused_by_the_header_alone() {
    let limits = Limits { bulk_bytes_max: 100, query_bytes_max: 200 };
    let too_long = b"*2\r\n$101\r\n";
    assert_eq!(read(too_long, 1, limits).1, Some(ProtocolError::BulkLength));
    let full = [b"*3\r\n$100\r\n".to_vec(), vec![b'a'; 100], b"\r\n$52\r\n".to_vec()].concat();
    assert_eq!(read(&full, 7, limits).1, None, "100 and 52 bytes, and 24 for each argument");
    let too_full = [b"*3\r\n$100\r\n".to_vec(), vec![b'a'; 100], b"\r\n$53\r\n".to_vec()].concat();
    assert_eq!(read(&too_full, 7, limits).1, Some(ProtocolError::QueryTooBig));
    let empty_ones = [b"*2147483647\r\n".to_vec(), b"$0\r\n\r\n".repeat(9)].concat();
    assert_eq!(
        read(&empty_ones, 1, limits).1,
        Some(ProtocolError::QueryTooBig),
        "arguments without bytes count"
    );
}

#[test]
fn requests_announced_but_not_sent_take_no_memory() {
    let mut requests = Requests::new(Limits::default());
    requests.fill(b"*2147483647\r\n$536870912\r\nab");
    assert_eq!(requests.next_request(), Ok(None));
    assert!(requests.held() < 4096, "{} bytes of memory for 29 sent", requests.held());
}

#[test]
fn requests_rest_is_what_no_request_took() {
    let mut requests = Requests::new(Limits::default());
    requests.fill(b"RCSYNC 1\r\nraw bytes");
    assert_eq!(requests.next_request(), Ok(Some(vec![b"RCSYNC".to_vec(), b"1".to_vec()])));
    assert_eq!(requests.into_rest(), b"raw bytes");
}
