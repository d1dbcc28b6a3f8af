//! Compression — bytes → fewer bytes, and back. Pure.
//!
//! | where | how |
//! |---|---|
//! | closed segments of the binlog | [`block`]: blocks of 64 KB, each compressed separately, so that a reader can seek |
//! | the stream from master to replica | [`stream`]: one stream, flushed after each group, so that no entry waits |
//!
//! The work is done by the crates `lz4_flex` and `zstd`. Input may come from a bad disk or a bad peer: decompression uses
//! no more memory than one block or one window, whatever lengths the input claims. Both crates come with the feature
//! `compression`. Without it the names of the codecs are known, and bytes that one of them made are refused.

#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod block;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod stream;

use crate::names::named;

/// A compression method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CompressionMethod {
    /// No compression.
    #[default]
    None,
    /// LZ4: about half the bytes, at little cost.
    Lz4,
    /// Zstandard: about a quarter of the bytes, for several times the cost of LZ4.
    Zstd,
}

/// The level for `zstd`, which is its own default.
#[cfg(feature = "compression")]
const ZSTD_LEVEL: i32 = 3;

named!(CompressionMethod, what "compression"; None "none", Lz4 "lz4", Zstd "zstd");

/// What is said of a codec that this build does not have.
#[cfg(not(feature = "compression"))]
fn lacking(codec: CompressionMethod) -> std::io::Error {
    let text = format!("{} is not in this build: build it with the feature `compression`", codec.name());
    std::io::Error::new(std::io::ErrorKind::Unsupported, text)
}
