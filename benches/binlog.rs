//! Binlog — append, recover, and what compression would save: bytes and time.
//!
//! Append and recovery are the shipped segment log on a temporary folder. Compression is measured on the very bytes of a
//! log, by the crates `lz4_flex` and `zstd`, where it would stand: blocks of a segment, and a replica's stream that is
//! flushed after each group.

mod measure;
mod results;
#[allow(dead_code, reason = "for benches of keys")]
mod workload;

use measure::{Bench, Run};
use replicheck::binlog::segment::Options;
use replicheck::binlog::{Disk, Entry, Fsync, SegmentLog, encode};
use serde_json::json;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};
use workload::{BASE, Workload};

/// A block of a segment: what a reader must decompress at least.
const BLOCK_BYTES: usize = 64 << 10;
/// Entries that a replica is sent at a time while it keeps up with pipelines.
const STREAM_GROUP: usize = 64;

fn bytes_of(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    entries.iter().for_each(|entry| encode(entry, &mut bytes).expect("a small entry"));
    bytes
}

fn append(bench: &mut Bench) {
    let entries = BASE.log(bench.mode.pick(200, 20_000, 50_000));
    for (fsync, groups) in [(Fsync::No, vec![1, 64, 512]), (Fsync::Always, vec![1, 64])] {
        for group in groups {
            let fsyncs = bench.mode.pick(3, 100, 400);
            let number =
                if fsync == Fsync::Always { entries.len().min(fsyncs * group) } else { entries.len() };
            let entries = &entries[..number];
            let params = json!({ "fsync": fsync.name(), "group": group, "value_bytes": BASE.value_bytes });
            bench.rate("append", params, number as u64, "entries", || {
                let limit = Some(write_raw(entries, group, fsync));
                Run { time: appended(entries, group, fsync).0, limit }
            });
        }
    }
}

/// Appends to a new log; what it took, and its folder.
fn appended(entries: &[Entry], group: usize, fsync: Fsync) -> (Duration, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let disk = Disk::open(folder.path()).expect("a folder");
    let (mut log, _) = SegmentLog::open(disk, Options { fsync, ..Options::default() }).expect("a new log");
    let since = Instant::now();
    for group in entries.chunks(group) {
        log.append(group).expect("the disk takes it");
        if fsync == Fsync::Always {
            log.sync().expect("the disk takes it");
        }
    }
    (since.elapsed(), folder)
}

/// The limit: the same bytes written into one file, as often, synced as often.
fn write_raw(entries: &[Entry], group: usize, fsync: Fsync) -> Duration {
    let file = tempfile::tempfile().expect("a temporary file");
    let groups: Vec<Vec<u8>> = entries.chunks(group).map(bytes_of).collect();
    let (since, mut end) = (Instant::now(), 0);
    for bytes in groups {
        file.write_all_at(&bytes, end).expect("the disk takes it");
        end += bytes.len() as u64;
        if fsync == Fsync::Always {
            file.sync_data().expect("the disk takes it");
        }
    }
    since.elapsed()
}

fn recover(bench: &mut Bench) {
    let entries = BASE.log(bench.mode.pick(200, 40_000, 200_000));
    let (_, folder) = appended(&entries, 512, Fsync::No);
    let bytes = bytes_of(&entries).len() as u64;
    let files =
        || fs::read_dir(folder.path()).expect("the log's folder").map(|file| file.expect("a file").path());
    bench.rate("recover", json!({ "value_bytes": BASE.value_bytes }), bytes, "bytes", || {
        let since = Instant::now();
        let read: usize = files().map(|file| fs::read(file).expect("a file of the log").len()).sum();
        let limit = Some(since.elapsed());
        assert!(read as u64 >= bytes);
        let disk = Disk::open(folder.path()).expect("a folder");
        let since = Instant::now();
        let (log, _) = SegmentLog::open(disk, Options::default()).expect("a good log");
        let time = since.elapsed();
        assert_eq!(log.last().0, entries.len() as u64);
        Run { time, limit }
    });
}

/// How bytes are made fewer.
#[derive(Clone, Copy)]
enum Codec {
    None,
    Lz4,
    Zstd(i32),
}

impl Codec {
    const ALL: [(&str, Codec); 4] = [
        ("none", Codec::None),
        ("lz4", Codec::Lz4),
        ("zstd -1", Codec::Zstd(-1)),
        ("zstd 3", Codec::Zstd(3)),
    ];

    fn block(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Codec::None => bytes.to_vec(),
            Codec::Lz4 => lz4_flex::block::compress_prepend_size(bytes),
            Codec::Zstd(level) => zstd::bulk::compress(bytes, level).expect("in memory"),
        }
    }

    fn unblock(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Codec::None => bytes.to_vec(),
            Codec::Lz4 => lz4_flex::block::decompress_size_prepended(bytes).expect("what was compressed"),
            Codec::Zstd(_) => zstd::bulk::decompress(bytes, BLOCK_BYTES).expect("what was compressed"),
        }
    }

    /// One stream of all groups, flushed after each: what the replica needs for it has been sent then.
    fn stream(self, groups: &[Vec<u8>]) -> io::Result<Vec<u8>> {
        fn all<W: Write>(mut to: W, groups: &[Vec<u8>]) -> io::Result<W> {
            for group in groups {
                to.write_all(group)?;
                to.flush()?;
            }
            Ok(to)
        }
        match self {
            Codec::None => all(Vec::new(), groups),
            Codec::Lz4 => {
                let mut info = lz4_flex::frame::FrameInfo::new();
                info.block_mode = lz4_flex::frame::BlockMode::Linked;
                let encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
                all(encoder, groups)?.finish().map_err(io::Error::other)
            }
            Codec::Zstd(level) => all(zstd::Encoder::new(Vec::new(), level)?, groups)?.finish(),
        }
    }

    fn unstream(self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        match self {
            Codec::None => all.extend_from_slice(bytes),
            Codec::Lz4 => drop(lz4_flex::frame::FrameDecoder::new(bytes).read_to_end(&mut all)?),
            Codec::Zstd(_) => drop(zstd::Decoder::new(bytes)?.read_to_end(&mut all)?),
        }
        Ok(all)
    }
}

fn compress(bench: &mut Bench) {
    for value_bytes in [16, 100, 1_000] {
        let entries = Workload { value_bytes, ..BASE }.log(bench.mode.pick(200, 10_000, 40_000));
        let all = bytes_of(&entries);
        let number = all.len() as u64;
        let blocks: Vec<Vec<u8>> = all.chunks(BLOCK_BYTES).map(<[u8]>::to_vec).collect();
        let groups: Vec<Vec<u8>> = entries.chunks(STREAM_GROUP).map(bytes_of).collect();
        for (name, codec) in Codec::ALL {
            let params = |of: &str| json!({ "of": of, "value_bytes": value_bytes });
            let stored: Vec<Vec<u8>> = blocks.iter().map(|block| codec.block(block)).collect();
            let sent = codec.stream(&groups).expect("in memory");
            let back: Vec<u8> = stored.iter().flat_map(|block| codec.unblock(block)).collect();
            assert!(
                back == all && codec.unstream(&sent).expect("in memory") == all,
                "{name} gives back what it was given"
            );
            let part = |bytes: usize| bytes as f64 / number as f64;
            let mut measured = bench.timed(&format!("{name} in"), params("segment"), number, "bytes", || {
                blocks.iter().map(|block| codec.block(block).len()).sum::<usize>()
            });
            measured |= bench.timed(&format!("{name} out"), params("segment"), number, "bytes", || {
                stored.iter().map(|block| codec.unblock(block).len()).sum::<usize>()
            });
            measured |= bench.timed(&format!("{name} in"), params("stream"), number, "bytes", || {
                codec.stream(&groups).map_or(0, |bytes| bytes.len())
            });
            measured |= bench.timed(&format!("{name} out"), params("stream"), number, "bytes", || {
                codec.unstream(&sent).map_or(0, |bytes| bytes.len())
            });
            if measured {
                let unit = "part of the bytes that is left";
                bench.row(name, params("segment"), part(stored.iter().map(Vec::len).sum()), unit, None);
                bench.row(name, params("stream"), part(sent.len()), unit, None);
            }
        }
    }
}

fn main() {
    let mut bench =
        Bench::new("binlog", "append, recover, and what lz4 and zstd make of segments and stream");
    append(&mut bench);
    recover(&mut bench);
    compress(&mut bench);
    bench.finish();
}
