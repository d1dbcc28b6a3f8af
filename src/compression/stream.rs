//! Stream — groups of bytes → one compressed stream that is flushed after each, and back. Pure.
//!
//! Both formats are the public ones: an LZ4 frame of linked blocks of up to 256 KB, and a Zstandard frame with a window of
//! at most 1 MB. A frame never ends: the connection does. They carry no checksums; messages have their own.

use super::Codec;
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
    /// A stream with nothing in it. Errors: no memory; `Unsupported` without the feature `compression`.
    pub fn new(codec: Codec) -> io::Result<Encoder> {
        Ok(Encoder(match codec {
            Codec::None => Encode::None,
            #[cfg(feature = "compression")]
            Codec::Lz4 => {
                let info = FrameInfo::new().block_mode(BlockMode::Linked).block_size(BlockSize::Max256KB);
                Encode::Lz4(Box::new(FrameEncoder::with_frame_info(info, Vec::new())))
            }
            #[cfg(feature = "compression")]
            Codec::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL)?;
                encoder.window_log(WINDOW_LOG)?;
                Encode::Zstd(encoder)
            }
            #[cfg(not(feature = "compression"))]
            Codec::Lz4 | Codec::Zstd => return Err(super::lacking(codec)),
        }))
    }

    /// What is to be sent next: with it the other end has all of `group`. Nothing for nothing. Errors: no memory.
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

/// The receiving end: what was encoded, from the bytes that `from` gives. A read waits for no more than it needs to give
/// something; it gives nothing where the stream ends.
///
/// Errors: those of `from`, as they are; the bytes are no such stream; `Unsupported` without the feature `compression`. No input makes it take more memory than window and
/// block of the format: 1 MB for `zstd`, some 16 MB at most for `lz4`.
pub fn decoder<'a>(codec: Codec, from: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    Ok(match codec {
        Codec::None => Box::new(from),
        #[cfg(feature = "compression")]
        Codec::Lz4 => Box::new(FrameDecoder::new(BufReader::new(from))),
        #[cfg(feature = "compression")]
        Codec::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::new(from)?;
            decoder.window_log_max(WINDOW_LOG)?;
            Box::new(decoder)
        }
        #[cfg(not(feature = "compression"))]
        Codec::Lz4 | Codec::Zstd => return Err(super::lacking(codec)),
    })
}
