//! Compression: the data come back whole and at once; bytes that are no compressed block or stream are an error, and take no
//! memory.

use crate::property::properties;
use crate::seed::Seed;
use replicheck::compression::CompressionMethod;
use replicheck::compression::block::{BLOCK_BYTES, Compressor, Decompressor};
use replicheck::compression::stream::{Encoder, decoder};
use std::collections::VecDeque;
use std::io::{self, Read};

const CODECS: [CompressionMethod; 2] = [CompressionMethod::Lz4, CompressionMethod::Zstd];

#[test]
fn codec_names_are_read_back_and_others_refused() {
    for &codec in CompressionMethod::ALL {
        assert_eq!(codec.name().parse(), Ok(codec));
    }
    let error = "LZ4".parse::<CompressionMethod>().expect_err("lower case");
    assert_eq!(error.to_string(), "unknown compression 'LZ4' (known: none, lz4, zstd)");
}

/// Blocks of every kind: nothing, one byte, words, random bytes.
fn blocks(mut random: fastrand::Rng) -> Vec<Vec<u8>> {
    let words: Vec<u8> = b"the same words again, ".iter().copied().cycle().take(BLOCK_BYTES).collect();
    let noise: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(BLOCK_BYTES).collect();
    vec![Vec::new(), vec![7], words[..100].to_vec(), words, noise[..1000].to_vec(), noise]
}

#[test]
fn block_comes_back_and_is_never_longer() {
    let seed = Seed::of_this_run();
    for &codec in CompressionMethod::ALL {
        let mut compressor = Compressor::new(codec).expect("memory");
        let mut decompressor = Decompressor::new(codec).expect("memory");
        for block in blocks(seed.rng()) {
            let stored = compressor.compress(&block).expect("memory").into_owned();
            let is_text = block.len() >= 100 && block.starts_with(b"the same words");
            assert!(stored.len() <= block.len());
            assert_eq!(
                stored.len() < block.len() / 2 + 1,
                is_text && codec != CompressionMethod::None || block.is_empty()
            );
            assert_eq!(decompressor.decompress(stored, block.len()).expect("what was stored"), block);
        }
    }
}

#[test]
fn block_of_another_length_is_refused() {
    let seed = Seed::of_this_run();
    let block = &blocks(seed.rng())[3];
    for codec in CODECS {
        let stored = Compressor::new(codec).expect("memory").compress(block).expect("memory").into_owned();
        for bytes in [0, 1, block.len() - 1, block.len() + 1] {
            let mut decompressor = Decompressor::new(codec).expect("memory");
            decompressor.decompress(stored.clone(), bytes).expect_err("it has another length");
        }
    }
}

/// A reader that gives its bytes in pieces of this length, and then the error of a connection that has no data yet.
struct Pieces<'a>(&'a mut VecDeque<u8>, usize);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let length = buffer.len().min(self.1).min(self.0.len());
        self.0.read(&mut buffer[..length])
    }
}

fn encoded(codec: CompressionMethod, groups: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(codec).expect("memory");
    groups.iter().map(|group| encoder.encode(group.clone()).expect("memory")).collect()
}

/// Everything that the stream yields before it must wait or ends.
fn decoded(codec: CompressionMethod, bytes: Vec<u8>, piece: usize) -> (Vec<u8>, Option<io::ErrorKind>) {
    let mut queue = VecDeque::from(bytes);
    let mut from = decoder(codec, Pieces(&mut queue, piece)).expect("memory");
    let (mut all, mut buffer) = (Vec::new(), [0; 1000]);
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return (all, None),
            Ok(length) => all.extend_from_slice(&buffer[..length]),
            Err(error) => return (all, Some(error.kind())),
        }
    }
}

properties! {
    fn prop_stream_each_group_is_there_with_its_last_byte(groups: Vec<Vec<u8>>, piece: u8) -> bool {
        CompressionMethod::ALL.iter().copied().all(|codec| {
            let sent = encoded(codec, &groups);
            (0..=groups.len()).all(|through| {
                let (all, end) = decoded(codec, sent[..through].concat(), usize::from(piece) + 1);
                all == groups[..through].concat() && end == Some(io::ErrorKind::WouldBlock)
            })
        })
    }

    fn prop_stream_any_bytes_do_not_panic(bytes: Vec<u8>, groups: Vec<Vec<u8>>, at: usize) -> bool {
        for codec in CODECS {
            decoded(codec, bytes.clone(), 7);
            // The beginning of a valid stream, followed by other bytes.
            let mut sent = encoded(codec, &groups).concat();
            sent.truncate(at % (sent.len() + 1));
            sent.extend_from_slice(&bytes);
            decoded(codec, sent, 1000);
        }
        true
    }
}

#[test]
fn stream_of_many_groups_goes_far_beyond_the_window() {
    let seed = Seed::of_this_run();
    let mut random = seed.rng();
    let words: Vec<Vec<u8>> = (0..50).map(|_| (0..20).map(|_| random.u8(..)).collect()).collect();
    let group = |random: &mut fastrand::Rng| -> Vec<u8> {
        let count = random.usize(0..3000);
        (0..count).flat_map(|_| words[random.usize(..50)].clone()).collect()
    };
    let groups: Vec<Vec<u8>> = (0..200).map(|_| group(&mut random)).collect();
    let all = groups.concat();
    assert!(all.len() > 4 << 20);
    for codec in CODECS {
        let sent = encoded(codec, &groups).concat();
        assert!(sent.len() < all.len() / 3, "{codec:?}: {} of {}", sent.len(), all.len());
        assert!(decoded(codec, sent, 4096).0 == all, "{codec:?}");
    }
}

#[test]
fn stream_that_asks_for_a_large_window_is_refused() {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).expect("memory");
    encoder.window_log(21).expect("a window");
    io::Write::write_all(&mut encoder, &vec![7; 3 << 20]).expect("memory");
    let large = encoder.finish().expect("memory");
    let mut queue = VecDeque::from(large);
    let mut from = decoder(CompressionMethod::Zstd, Pieces(&mut queue, 1000)).expect("memory");
    let error = from.read(&mut [0; 1000]).expect_err("2 MB").to_string();
    assert_eq!(error, "Frame requires too much memory for decoding");
}

#[test]
fn stream_that_gets_very_much_longer_takes_no_more_memory_than_its_window() {
    for codec in CODECS {
        let sent = encoded(codec, &vec![vec![0; 8 << 20]; 4]).concat();
        assert!(sent.len() < 200_000, "{}", sent.len());
        let mut read = 0;
        let memory = allocation_counter::measure(|| {
            let mut from = decoder(codec, &sent[..]).expect("memory");
            let mut buffer = [0; 1000];
            while let Ok(length @ 1..) = from.read(&mut buffer) {
                read += length;
            }
        });
        assert_eq!(read, 32 << 20);
        // Memory that zstd's C code takes is not counted; the test above bounds its window.
        assert!(memory.bytes_max < 1 << 20, "{codec:?}: {memory:?}");
    }
}
