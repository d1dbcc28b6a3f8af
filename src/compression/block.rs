//! Blocks — blocks of at most 64 KB → their stored bytes, and back. Pure.
//!
//! A block that does not get shorter is stored unchanged. A stored length equal to the length of the block
//! marks such a block.

use super::{Codec, ZSTD_LEVEL};
use std::borrow::Cow;
use std::io;

/// Length of a block before compression, in bytes; the last block may be shorter.
pub const BLOCK_BYTES: usize = 64 << 10;

/// Compresses block after block; it reuses the state of one block for the next.
pub struct Compressor(Compress);

enum Compress {
    None,
    Lz4,
    Zstd(zstd::bulk::Compressor<'static>),
}

impl Compressor {
    /// A compressor for `codec`. Errors: out of memory.
    pub fn new(codec: Codec) -> io::Result<Compressor> {
        Ok(Compressor(match codec {
            Codec::None => Compress::None,
            Codec::Lz4 => Compress::Lz4,
            Codec::Zstd => Compress::Zstd(zstd::bulk::Compressor::new(ZSTD_LEVEL)?),
        }))
    }

    /// The stored bytes of a block: fewer bytes than the block, or the block itself. Errors: out of memory.
    pub fn compress<'a>(&mut self, block: &'a [u8]) -> io::Result<Cow<'a, [u8]>> {
        let shorter = match &mut self.0 {
            Compress::None => return Ok(Cow::Borrowed(block)),
            Compress::Lz4 => lz4_flex::block::compress(block),
            Compress::Zstd(zstd) => zstd.compress(block)?,
        };
        Ok(if shorter.len() < block.len() { Cow::Owned(shorter) } else { Cow::Borrowed(block) })
    }
}

/// Decompresses block after block.
pub struct Decompressor(Decompress);

enum Decompress {
    None,
    Lz4,
    Zstd(zstd::bulk::Decompressor<'static>),
}

impl Decompressor {
    /// A decompressor for `codec`. Errors: out of memory.
    pub fn new(codec: Codec) -> io::Result<Decompressor> {
        Ok(Decompressor(match codec {
            Codec::None => Decompress::None,
            Codec::Lz4 => Decompress::Lz4,
            Codec::Zstd => Decompress::Zstd(zstd::bulk::Decompressor::new()?),
        }))
    }

    /// The block of `bytes` bytes whose stored bytes are `stored`. Errors: `stored` is not valid. No input makes it panic,
    /// or use more memory than the block and its own state.
    pub fn decompress(&mut self, stored: Vec<u8>, bytes: usize) -> io::Result<Vec<u8>> {
        if stored.len() == bytes {
            return Ok(stored);
        }
        let block = match &mut self.0 {
            Decompress::None => stored,
            Decompress::Lz4 => lz4_flex::block::decompress(&stored, bytes).map_err(io::Error::other)?,
            Decompress::Zstd(zstd) => zstd.decompress(&stored, bytes)?,
        };
        let length = block.len();
        let wrong =
            || io::Error::other(format!("the block decompresses to {length} bytes instead of {bytes}"));
        (length == bytes).then_some(block).ok_or_else(wrong)
    }
}
