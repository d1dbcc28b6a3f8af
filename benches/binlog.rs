//! Binlog — append, recovery, and compression: bytes saved and time taken.
//!
//! Append and recovery measure the shipped segment log on a temporary folder. Compression measures the shipped code on the
//! bytes of a real log, in memory: blocks of a packed segment, and a replica's stream that is flushed after each group.

mod baseline;
mod measure;
mod results;
#[allow(dead_code, reason = "for benches of keys")]
mod workload;

use measure::{Bench, Run};
use replicheck::binlog::segment::Options;
use replicheck::binlog::{Disk, Entry, Fsync, SegmentLog, encode};
use replicheck::compression::CompressionMethod;
use replicheck::compression::block::{BLOCK_BYTES, Compressor, Decompressor};
use replicheck::compression::stream::{self, Encoder};
use serde_json::json;
use std::fs;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};
use workload::{BASE, Workload};

/// Number of entries that are sent to a replica at a time while it keeps up with pipelines.
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

/// Appends to a new log. Returns the time that this took, and the log's folder.
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

/// The limit: the same bytes written to one file, with the same number of writes and syncs.
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

/// The stored bytes of each block.
fn packed(codec: CompressionMethod, blocks: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut compressor = Compressor::new(codec).expect("in memory");
    let stored = blocks.iter().map(|block| compressor.compress(block).expect("in memory").into_owned());
    stored.collect()
}

/// The blocks decompressed again; all blocks except the last have the full length.
fn unpacked(codec: CompressionMethod, stored: &[Vec<u8>], number: usize) -> Vec<u8> {
    let mut decompressor = Decompressor::new(codec).expect("in memory");
    let mut all = Vec::with_capacity(number);
    for block in stored {
        let bytes = BLOCK_BYTES.min(number - all.len());
        all.extend(decompressor.decompress(block.clone(), bytes).expect("what was compressed"));
    }
    all
}

/// One stream of all groups, flushed after each group, so that the replica can decode the group at once.
fn sent(codec: CompressionMethod, groups: &[Vec<u8>]) -> Vec<u8> {
    let mut encoder = Encoder::new(codec).expect("in memory");
    let mut all = Vec::new();
    groups.iter().for_each(|group| all.extend(encoder.encode(group.clone()).expect("in memory")));
    all
}

fn received(codec: CompressionMethod, sent: &[u8], number: usize) -> Vec<u8> {
    let mut all = Vec::with_capacity(number);
    let from = stream::decoder(codec, sent).expect("in memory");
    from.take(number as u64).read_to_end(&mut all).expect("what was sent");
    all
}

fn compress(bench: &mut Bench) {
    for value_bytes in [16, 100, 1_000] {
        let entries = Workload { value_bytes, ..BASE }.log(bench.mode.pick(200, 10_000, 40_000));
        let all = bytes_of(&entries);
        let number = all.len();
        let blocks: Vec<Vec<u8>> = all.chunks(BLOCK_BYTES).map(<[u8]>::to_vec).collect();
        let groups: Vec<Vec<u8>> = entries.chunks(STREAM_GROUP).map(bytes_of).collect();
        for &codec in CompressionMethod::ALL {
            let name = codec.name();
            let params = |of: &str| json!({ "of": of, "value_bytes": value_bytes });
            let (stored, stream) = (packed(codec, &blocks), sent(codec, &groups));
            assert!(
                unpacked(codec, &stored, number) == all && received(codec, &stream, number) == all,
                "{name} decompresses to the original bytes"
            );
            let part = |bytes: usize| bytes as f64 / number as f64;
            let mut timed = |what: &str, of: &str, run: &mut dyn FnMut() -> usize| {
                bench.timed(&format!("{name} {what}"), params(of), number as u64, "bytes", run)
            };
            let mut measured = timed("in", "segment", &mut || packed(codec, &blocks).len());
            measured |= timed("out", "segment", &mut || unpacked(codec, &stored, number).len());
            measured |= timed("in", "stream", &mut || sent(codec, &groups).len());
            measured |= timed("out", "stream", &mut || received(codec, &stream, number).len());
            if measured {
                let unit = "part of the bytes that is left";
                bench.row(name, params("segment"), part(stored.iter().map(Vec::len).sum()), unit, None);
                bench.row(name, params("stream"), part(stream.len()), unit, None);
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
