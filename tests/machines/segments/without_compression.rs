//! A build without the feature `compression` refuses what is compressed, and names the feature.

use super::forgetful::Forgetful;
use super::history::options;
use replicheck::binlog::files::File;
use replicheck::binlog::{Files, Fsync, SegmentLog};
use replicheck::compression::CompressionMethod;
use replicheck::compression::block::{Compressor, Decompressor};
use replicheck::compression::stream::{Encoder, decoder};
use std::path::Path;

#[test]
fn packed_segment_without_compression_is_refused_with_the_feature() {
    for codec in ["lz4", "zstd"] {
        let name = format!("tests/golden/binlog/packed1_{codec}.binlog");
        let golden = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect("a golden file");
        let (files, first) = (Forgetful::new(), "00000000000000000001.binlog");
        files.create(first).and_then(|file| file.write_at(0, &golden)).expect("the disk works");
        let Err(error) = SegmentLog::open(files, options(1000, Fsync::No)) else { panic!("it opens") };
        let reason = format!("{codec} is not in this build: build it with the feature `compression`");
        assert_eq!(error.to_string(), format!("cannot decompress {first}: {reason}"));
    }
}

#[test]
fn blocks_and_streams_without_compression_are_refused_with_the_feature() {
    for codec in [CompressionMethod::Lz4, CompressionMethod::Zstd] {
        let errors = [
            Compressor::new(codec).err(),
            Decompressor::new(codec).err(),
            Encoder::new(codec).err(),
            decoder(codec, &[][..]).err(),
        ];
        for error in errors {
            assert!(error.expect("it is refused").to_string().ends_with("the feature `compression`"));
        }
    }
}
