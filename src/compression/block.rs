//! Blocks — blocks of at most 64 KB → their stored bytes, and back. Pure.
//!
//! A block that does not get shorter is stored unchanged. A stored length equal to the length of the block
//! marks such a block.

use super::CompressionMethod;
#[cfg(feature = "compression")]
use super::ZSTD_LEVEL;
use std::borrow::Cow;
use std::io;

/// Length of a block before compression, in bytes; the last block may be shorter.
pub const BLOCK_BYTES: usize = 64 << 10;

/// Compresses block after block; it reuses the state of one block for the next.
pub struct Compressor(Compress);

enum Compress {
    None,
    #[cfg(feature = "compression")]
    Lz4,
    #[cfg(feature = "compression")]
    Zstd(zstd::bulk::Compressor<'static>),
}

impl Compressor {
    /// A compressor for `codec`. Errors: out of memory; `Unsupported` without the feature `compression`.
    pub fn new(codec: CompressionMethod) -> io::Result<Compressor> {
        Ok(Compressor(match codec {
            CompressionMethod::None => Compress::None,
            #[cfg(feature = "compression")]
            CompressionMethod::Lz4 => Compress::Lz4,
            #[cfg(feature = "compression")]
            CompressionMethod::Zstd => Compress::Zstd(zstd::bulk::Compressor::new(ZSTD_LEVEL)?),
            #[cfg(not(feature = "compression"))]
            CompressionMethod::Lz4 | CompressionMethod::Zstd => return Err(super::lacking(codec)),
        }))
    }

    /// The stored bytes of a block: fewer bytes than the block, or the block itself. Errors: out of memory.
    pub fn compress<'a>(&mut self, block: &'a [u8]) -> io::Result<Cow<'a, [u8]>> {
        let compressed: Option<Vec<u8>> = match &mut self.0 {
            Compress::None => None,
            #[cfg(feature = "compression")]
            Compress::Lz4 => Some(lz4_flex::block::compress(block)),
            #[cfg(feature = "compression")]
            Compress::Zstd(zstd) => Some(zstd.compress(block)?),
        };
        let shorter = compressed.filter(|compressed| compressed.len() < block.len());
        Ok(shorter.map_or(Cow::Borrowed(block), Cow::Owned))
    }
}

/// Decompresses block after block.
pub struct Decompressor(Decompress);

enum Decompress {
    None,
    #[cfg(feature = "compression")]
    Lz4,
    #[cfg(feature = "compression")]
    Zstd(zstd::bulk::Decompressor<'static>),
}

impl Decompressor {
    /// A decompressor for `codec`. Errors: out of memory; `Unsupported` without the feature `compression`.
    pub fn new(codec: CompressionMethod) -> io::Result<Decompressor> {
        Ok(Decompressor(match codec {
            CompressionMethod::None => Decompress::None,
            #[cfg(feature = "compression")]
            CompressionMethod::Lz4 => Decompress::Lz4,
            #[cfg(feature = "compression")]
            CompressionMethod::Zstd => Decompress::Zstd(zstd::bulk::Decompressor::new()?),
            #[cfg(not(feature = "compression"))]
            CompressionMethod::Lz4 | CompressionMethod::Zstd => return Err(super::lacking(codec)),
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
            #[cfg(feature = "compression")]
            Decompress::Lz4 => lz4_flex::block::decompress(&stored, bytes).map_err(io::Error::other)?,
            #[cfg(feature = "compression")]
            Decompress::Zstd(zstd) => zstd.decompress(&stored, bytes)?,
        };
        let length = block.len();
        let wrong =
            || io::Error::other(format!("the block decompresses to {length} bytes instead of {bytes}"));
        (length == bytes).then_some(block).ok_or_else(wrong)
    }
}
