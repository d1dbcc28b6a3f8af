//! A million frames, random and mutated, from a seed that is printed. The server's reader must not panic, and must take no memory
//! beyond the bytes sent. It must give the same requests and errors however the bytes are cut, and the same argv as the crate
//! `redis_protocol`.

use crate::seed::{Seed, setting};
use redis_protocol::resp2::{decode::decode, types::OwnedFrame};
use replicheck::server::request::{Limits, ProtocolError, Requests};

const LIMITS: Limits = Limits { bulk_bytes_max: 1 << 20, query_bytes_max: 4 << 20 };

type Read = (Vec<Vec<Vec<u8>>>, Option<ProtocolError>);

#[test]
fn requests_random_and_mutated_are_read_alike_in_any_pieces() {
    let seed = Seed::of_this_run();
    let frames = setting("REPLICHECK_FRAMES").unwrap_or(1_000_000);
    println!("frames={frames}");
    let mut random = seed.rng();
    let mut seen = Seen::default();
    let mut at = 0;
    while at < frames {
        // Several frames one after the other, so that a frame begins right after the end of another one.
        let count = random.u64(1..=4).min(frames - at);
        let mut bytes: Vec<u8> = (0..count).flat_map(|_| frame(&mut random)).collect();
        if random.u8(..4) > 0 {
            mutate(&mut random, &mut bytes);
        }
        check(&mut random, &bytes, &mut seen, at);
        at += count;
    }
    println!("{seen:?}");
    let all = [seen.requests, seen.errors, seen.waiting, seen.decoded, seen.inline];
    assert!(all.iter().all(|&count| count > frames / 100), "each kind must occur often: {seen:?}");
}

/// How often each kind of outcome occurred.
#[derive(Debug, Default)]
struct Seen {
    requests: u64,
    errors: u64,
    waiting: u64,
    decoded: u64,
    inline: u64,
}

fn check(random: &mut fastrand::Rng, bytes: &[u8], seen: &mut Seen, at: u64) {
    let whole = read(bytes, || bytes.len());
    let longest = random.usize(1..=bytes.len() + 1);
    let pieces = read(bytes, || random.usize(1..=longest));
    let which = format!("{}\nframe {at}", bytes.escape_ascii());
    assert_eq!(whole, pieces, "whole and in pieces differ: {which}");
    let inline = bytes.first().is_some_and(|&byte| byte != b'*');
    seen.requests += u64::from(!whole.0.is_empty());
    seen.inline += u64::from(inline && !whole.0.is_empty());
    seen.errors += u64::from(whole.1.is_some());
    seen.waiting += u64::from(whole.1.is_none());
    // The crate accepts `+1` and `01` as lengths, which Redis refuses.
    if let Some(argv) = decoded(bytes).filter(|_| whole.1.is_none()) {
        seen.decoded += 1;
        let ours = if argv.is_empty() { None } else { whole.0.first() };
        assert_eq!(
            ours,
            Some(&argv).filter(|argv| !argv.is_empty()),
            "the crate reads another argv: {which}"
        );
    }
}

/// The requests and the error that [`Requests`] reads from `bytes`, in pieces whose lengths `piece` returns.
fn read(bytes: &[u8], mut piece: impl FnMut() -> usize) -> Read {
    let (mut requests, mut seen, mut rest) = (Requests::new(LIMITS), Vec::new(), bytes);
    while !rest.is_empty() {
        let (now, later) = rest.split_at(piece().min(rest.len()));
        rest = later;
        requests.fill(now);
        loop {
            match requests.next_request() {
                Ok(Some(argv)) => {
                    assert!(!argv.is_empty(), "a request without a name");
                    seen.push(argv);
                }
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(requests.next_request(), Err(error), "an error must stay");
                    return (seen, Some(error));
                }
            }
        }
        // Memory grows with the bytes sent, not with the announced length: the shortest argument takes 6 bytes on the
        // wire and, in a vector that doubles, 48 in memory.
        let (held, bound) = (requests.held(), 4096 + 10 * bytes.len());
        assert!(held <= bound, "{} bytes sent, {held} held", bytes.len());
    }
    let taken: usize = seen.iter().flatten().map(Vec::len).sum();
    assert!(taken <= bytes.len(), "more arguments than bytes");
    (seen, None)
}

/// The argv of the first frame, if the crate decodes it as an array of bulk strings.
fn decoded(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let Ok(Some((OwnedFrame::Array(items), _))) = decode(bytes) else { return None };
    let argument = |item| if let OwnedFrame::BulkString(bytes) = item { Some(bytes) } else { None };
    items.into_iter().map(argument).collect()
}

fn frame(random: &mut fastrand::Rng) -> Vec<u8> {
    let words: [&[u8]; 8] = [b"SET", b"key", b"", b"\r\n", b"a b", b"\"", b"*1\r\n$1\r\n", b"\0\xff"];
    let arguments = random.usize(0..=4);
    let argument = |random: &mut fastrand::Rng| match random.u8(..16) {
        0 => vec![random.u8(..); random.usize(..300)],
        _ => words[random.usize(..words.len())].to_vec(),
    };
    if random.u8(..4) == 0 {
        let line: Vec<Vec<u8>> = (0..arguments).map(|_| argument(random)).collect();
        let end: &[u8] = if random.bool() { b"\r\n" } else { b"\n" };
        return [line.join(&b' '), end.to_vec()].concat();
    }
    let mut out = format!("*{arguments}\r\n").into_bytes();
    for _ in 0..arguments {
        let argument = argument(random);
        out.extend(format!("${}\r\n", argument.len()).bytes());
        out.extend(argument);
        out.extend(b"\r\n");
    }
    out
}

fn mutate(random: &mut fastrand::Rng, bytes: &mut Vec<u8>) {
    let signs = b"*$\r\n0123456789-+:\"' \0\xff";
    for _ in 0..random.usize(1..=3) {
        if bytes.is_empty() {
            return;
        }
        let at = random.usize(..bytes.len());
        match random.u8(..6) {
            0 => bytes[at] = signs[random.usize(..signs.len())],
            1 => bytes.insert(at, signs[random.usize(..signs.len())]),
            2 => drop(bytes.remove(at)),
            3 => bytes.truncate(at),
            4 => bytes[at] = random.u8(..),
            _ => {
                let copied = bytes[at..].to_vec();
                bytes.extend(copied);
            }
        }
    }
}
