//! Stream — groups of bytes → one compressed stream that is flushed after each group, and back. Pure.
//!
//! Both formats are the public ones: an LZ4 frame of linked blocks of up to 256 KB, and a Zstandard frame with a window of
//! at most 1 MB. A frame never ends; the connection does. The frames carry no checksums, because messages have their own.

use super::CompressionMethod;
#[cfg(feature = "compression")]
use super::ZSTD_LEVEL;
#[cfg(feature = "compression")]
use lz4_flex::frame::{BlockMode, BlockSize, FrameDecoder, FrameEncoder, FrameInfo};
use std::io::{self, Read};
#[cfg(feature = "compression")]
use std::io::{BufReader, Write};

/// The window of a Zstandard stream, as a power of two of bytes: what the encoder uses and the decoder accepts.
#[cfg(feature = "compression")]
const WINDOW_LOG: u32 = 20;

/// The sending end.
pub struct Encoder(Encode);

enum Encode {
    None,
    #[cfg(feature = "compression")]
    Lz4(Box<FrameEncoder<Vec<u8>>>),
    #[cfg(feature = "compression")]
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Encoder {
    /// A new stream. Errors: out of memory; `Unsupported` without the feature `compression`.
    pub fn new(codec: CompressionMethod) -> io::Result<Encoder> {
        Ok(Encoder(match codec {
            CompressionMethod::None => Encode::None,
            #[cfg(feature = "compression")]
            CompressionMethod::Lz4 => {
                let info = FrameInfo::new().block_mode(BlockMode::Linked).block_size(BlockSize::Max256KB);
                Encode::Lz4(Box::new(FrameEncoder::with_frame_info(info, Vec::new())))
            }
            #[cfg(feature = "compression")]
            CompressionMethod::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL)?;
                encoder.window_log(WINDOW_LOG)?;
                Encode::Zstd(encoder)
            }
            #[cfg(not(feature = "compression"))]
            CompressionMethod::Lz4 | CompressionMethod::Zstd => return Err(super::lacking(codec)),
        }))
    }

    /// The bytes to send next; with them the receiving end can decode all of `group`. An empty group gives no
    /// bytes. Errors: out of memory.
    pub fn encode(&mut self, group: Vec<u8>) -> io::Result<Vec<u8>> {
        if group.is_empty() {
            return Ok(group);
        }
        match &mut self.0 {
            Encode::None => Ok(group),
            #[cfg(feature = "compression")]
            Encode::Lz4(encoder) => {
                flushed(&mut **encoder, &group)?;
                Ok(std::mem::take(encoder.get_mut()))
            }
            #[cfg(feature = "compression")]
            Encode::Zstd(encoder) => {
                flushed(encoder, &group)?;
                Ok(std::mem::take(encoder.get_mut()))
            }
        }
    }
}

#[cfg(feature = "compression")]
fn flushed(encoder: &mut impl Write, group: &[u8]) -> io::Result<()> {
    encoder.write_all(group)?;
    encoder.flush()
}

/// The receiving end: decodes the bytes from `from`. A read waits only for the bytes that it needs to return something;
/// it returns 0 bytes at the end of the stream.
///
/// Errors: those of `from`, unchanged; the bytes are not such a stream; `Unsupported` without the feature `compression`. No
/// input makes it use more memory than the window and the block of the format: 1 MB for `zstd`, at most some 16 MB for `lz4`.
pub fn decoder<'a>(codec: CompressionMethod, from: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    Ok(match codec {
        CompressionMethod::None => Box::new(from),
        #[cfg(feature = "compression")]
        CompressionMethod::Lz4 => Box::new(FrameDecoder::new(BufReader::new(from))),
        #[cfg(feature = "compression")]
        CompressionMethod::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::new(from)?;
            decoder.window_log_max(WINDOW_LOG)?;
            Box::new(decoder)
        }
        #[cfg(not(feature = "compression"))]
        CompressionMethod::Lz4 | CompressionMethod::Zstd => return Err(super::lacking(codec)),
    })
}
