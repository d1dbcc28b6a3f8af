//! Packed segment — a closed segment in compressed blocks, any part of which can be read. Through [`File`].
//!
//! Each block holds 64 KB of the segment and is compressed separately, so that a reader decompresses only the blocks that
//! it reads. All layers above still see the plain bytes of the segment: offsets and lengths are those of the plain file.
//!
//! ```text
//! offset   bytes  what
//! 0        8      magic "RCPACKED"
//! 8        4      version, 1
//! 12       4      codec: 0 none, 1 lz4 (a block), 2 zstd (a frame)
//! 16       8      length of the plain segment, bytes; it has n blocks, the last of which may be shorter
//! 24       8n     for each block: its stored length, and the CRC32C of its stored bytes
//! 24+8n    4      CRC32C of all before
//! 28+8n           the blocks; one whose stored length is its own length is not compressed
//! ```
//!
//! A packed file gets its segment's name when all of it is durable, and it has exactly the length that its index says. So
//! everything else is damage. It is reported with its place, and no damaged byte is ever returned.

use super::super::files::File;
use super::error::SegmentError;
use crate::compression::CompressionMethod;
use crate::compression::block::{BLOCK_BYTES, Compressor, Decompressor};
use std::io;

const MAGIC: [u8; 8] = *b"RCPACKED";
const VERSION: u32 = 1;
const FIXED_BYTES: usize = 24;
const ROW_BYTES: usize = 8;
const CHECKSUM_BYTES: usize = 4;

/// The reason why a packed segment cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PackedError {
    /// The version is unknown.
    #[error("unknown version {0} of a packed segment")]
    UnknownVersion(u32),
    /// The codec is unknown.
    #[error("unknown codec {0} of a packed segment")]
    UnknownCodec(u32),
    /// The file is not as long as its index says, or too short to have one.
    #[error("packed segment has {found} bytes, but its index says {expected}")]
    Length {
        /// Length according to the index, in bytes; if there is no index, the minimum length of an index.
        expected: u64,
        /// Length of the file, bytes.
        found: u64,
    },
    /// The index was changed after it was written.
    #[error("checksum of the index is {stored:08x}, its bytes give {computed:08x}")]
    Index {
        /// The checksum that is stored there.
        stored: u32,
        /// The checksum of the bytes.
        computed: u32,
    },
    /// A block was changed after it was written.
    #[error("checksum of block {block} is {stored:08x}, its bytes give {computed:08x}")]
    Block {
        /// Its number, from 0.
        block: usize,
        /// The checksum that the index has.
        stored: u32,
        /// The checksum of its bytes.
        computed: u32,
    },
    /// A block was not changed after it was written, but it is not a valid block.
    #[error("block {block} cannot be decompressed: {reason}")]
    Content {
        /// Its number, from 0.
        block: usize,
        /// The error of the codec.
        reason: String,
    },
}

/// Whether a file that begins like this is a packed segment.
pub(super) fn is_packed(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// Number of bytes at the beginning of a file that show whether it is packed.
pub(super) const MAGIC_BYTES: usize = MAGIC.len();

/// A block according to the index.
#[derive(Clone, Copy, Debug)]
struct Row {
    /// Where it is stored, bytes from the file's start.
    at: u64,
    stored_bytes: usize,
    checksum: u32,
}

/// A packed segment, open for reading.
pub(super) struct Packed<F> {
    file: F,
    name: String,
    /// Length of the plain segment.
    bytes: u64,
    rows: Vec<Row>,
    decompressor: Decompressor,
}

impl<F: File> Packed<F> {
    /// Opens the packed segment in `file`, which has the name `name`. Errors: `Packed`, `Io`. Cost: O(blocks); memory is
    /// bounded by the length of the file, whatever length of the index the file claims.
    pub fn open(file: F, name: &str) -> Result<Packed<F>, SegmentError> {
        let read = |at, bytes| file.read_at(at, bytes).map_err(SegmentError::io("read", name));
        let damaged = |reason| SegmentError::Packed { file: name.to_owned(), offset: 0, reason };
        let found = file.bytes().map_err(SegmentError::io("read", name))?;
        let length = |expected| damaged(PackedError::Length { expected, found });
        let fixed = read(0, FIXED_BYTES)?;
        let least = (FIXED_BYTES + CHECKSUM_BYTES) as u64;
        let numbers = (short(&fixed, 8), short(&fixed, 12), long(&fixed, 16));
        let (Some(version), Some(codec), Some(bytes)) = numbers else { return Err(length(least)) };
        if version != VERSION {
            return Err(damaged(PackedError::UnknownVersion(version)));
        }
        let blocks = bytes.div_ceil(BLOCK_BYTES as u64);
        let index_bytes = blocks.saturating_mul(ROW_BYTES as u64).saturating_add(least);
        let content_bytes = usize::try_from(index_bytes).map_err(|_| length(index_bytes))? - CHECKSUM_BYTES;
        let mut index = read(0, content_bytes + CHECKSUM_BYTES)?;
        let stored = short(&index, content_bytes).ok_or_else(|| length(index_bytes))?;
        index.truncate(content_bytes);
        let computed = crc32c::crc32c(&index);
        if stored != computed {
            return Err(damaged(PackedError::Index { stored, computed }));
        }
        let codec = codec_of(codec).ok_or_else(|| damaged(PackedError::UnknownCodec(codec)))?;
        let mut at = index_bytes;
        let rows: Vec<Row> = index[FIXED_BYTES..]
            .as_chunks::<ROW_BYTES>()
            .0
            .iter()
            .map(|&[a, b, c, d, checksum @ ..]| {
                let stored_bytes = u32::from_be_bytes([a, b, c, d]);
                let row = Row {
                    at,
                    // A larger length means an invalid block, so one byte more than a block is enough.
                    stored_bytes: usize::try_from(stored_bytes).unwrap_or(usize::MAX).min(BLOCK_BYTES + 1),
                    checksum: u32::from_be_bytes(checksum),
                };
                at = at.saturating_add(stored_bytes.into());
                row
            })
            .collect();
        if at != found {
            return Err(length(at));
        }
        let decompressor = Decompressor::new(codec).map_err(SegmentError::io("decompress", name))?;
        Ok(Packed { name: name.to_owned(), bytes, rows, decompressor, file })
    }

    /// The bytes of the plain segment from `offset` on, at most `bytes_max`; fewer only at its end. Errors: `Packed`, `Io`.
    /// Cost: each block with some of these bytes is decompressed, one at a time; none is kept.
    pub fn read_at(&mut self, offset: u64, bytes_max: usize) -> Result<Vec<u8>, SegmentError> {
        let end = self.bytes.min(offset.saturating_add(bytes_max as u64));
        let (mut at, mut bytes) = (offset, Vec::new());
        while at < end {
            let number = usize::try_from(at / BLOCK_BYTES as u64).unwrap_or(usize::MAX);
            let begin = number as u64 * BLOCK_BYTES as u64;
            let block = self.block(number, begin)?;
            let within = |place: u64| usize::try_from(place - begin).unwrap_or(usize::MAX).min(block.len());
            bytes.extend_from_slice(&block[within(at)..within(end)]);
            at = begin + block.len() as u64;
        }
        Ok(bytes)
    }

    /// The block with number `block`, which begins at offset `begin` of the plain segment.
    fn block(&mut self, block: usize, begin: u64) -> Result<Vec<u8>, SegmentError> {
        let Row { at, stored_bytes, checksum: stored } = self.rows[block];
        let damaged = |reason| SegmentError::Packed { file: self.name.clone(), offset: at, reason };
        let content = |reason| damaged(PackedError::Content { block, reason });
        let bytes = usize::try_from(self.bytes - begin).map_or(BLOCK_BYTES, |left| left.min(BLOCK_BYTES));
        if stored_bytes > bytes {
            return Err(content(format!(
                "its stored length is {stored_bytes} bytes or more, but it has {bytes}"
            )));
        }
        let packed = self.file.read_at(at, stored_bytes).map_err(SegmentError::io("read", &self.name))?;
        let computed = crc32c::crc32c(&packed);
        if packed.len() != stored_bytes || stored != computed {
            return Err(damaged(PackedError::Block { block, stored, computed }));
        }
        self.decompressor.decompress(packed, bytes).map_err(|error| content(error.to_string()))
    }
}

/// Writes the segment that is in `from` into the empty file `to`, packed, and syncs it. Errors: I/O errors; `to` is then
/// useless. Cost: O(bytes); memory: a block and the index.
pub(super) fn pack<F: File>(from: &F, to: &F, codec: CompressionMethod) -> io::Result<()> {
    let bytes = from.bytes()?;
    let blocks = usize::try_from(bytes.div_ceil(BLOCK_BYTES as u64)).map_err(io::Error::other)?;
    let mut index = MAGIC.to_vec();
    index.extend_from_slice(&VERSION.to_be_bytes());
    index.extend_from_slice(&number_of(codec).to_be_bytes());
    index.extend_from_slice(&bytes.to_be_bytes());
    let (mut compressor, mut read) = (Compressor::new(codec)?, 0);
    let mut end = (FIXED_BYTES + ROW_BYTES * blocks + CHECKSUM_BYTES) as u64;
    for _ in 0..blocks {
        let block = from.read_at(read, BLOCK_BYTES)?;
        let stored = compressor.compress(&block)?;
        to.write_at(end, &stored)?;
        index.extend_from_slice(&u32::try_from(stored.len()).map_err(io::Error::other)?.to_be_bytes());
        index.extend_from_slice(&crc32c::crc32c(&stored).to_be_bytes());
        read += block.len() as u64;
        end += stored.len() as u64;
    }
    if read != bytes {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the segment became shorter"));
    }
    let checksum = crc32c::crc32c(&index);
    index.extend_from_slice(&checksum.to_be_bytes());
    to.write_at(0, &index)?;
    to.sync()
}

fn number_of(codec: CompressionMethod) -> u32 {
    match codec {
        CompressionMethod::None => 0,
        CompressionMethod::Lz4 => 1,
        CompressionMethod::Zstd => 2,
    }
}

fn codec_of(number: u32) -> Option<CompressionMethod> {
    CompressionMethod::ALL.iter().copied().find(|&codec| number_of(codec) == number)
}

fn short(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_be_bytes)
}

fn long(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().copied().map(u64::from_be_bytes)
}
