//! Packing — a closed segment is rewritten in compressed blocks, while the writer continues. Through
//! [`Files`].
//!
//! ```text
//! begin_pack   00…1.binlog.new created                             the log's owner
//! run          blocks, index, fsync                                without the log: entries are appended meanwhile
//! end_pack     renamed to 00…1.binlog, fsync of the folder         the log's owner
//! ```
//!
//! The rename is atomic, so a crash leaves either the plain segment or the packed one, whole and durable in both
//! cases, and perhaps an unfinished file that the next start removes. The last segment is never touched.

use super::super::Lsn;
use super::super::files::{File, Files};
use super::error::SegmentError;
use super::header::segment_name;
use super::packed::{self, Packed};
use super::{SegmentLog, SegmentStart, new_name};
use crate::compression::CompressionMethod;

/// A segment that is being packed.
#[derive(Debug)]
pub struct Packing<F> {
    first: Lsn,
    codec: CompressionMethod,
    from: F,
    to: F,
}

impl<F: File> Packing<F> {
    /// Packs the segment, with an fsync at the end. Errors: `Io`. Pass the result to
    /// [`SegmentLog::end_pack`]. Cost: O(bytes).
    pub fn run(&self) -> Result<(), SegmentError> {
        let packed = packed::pack(&self.from, &self.to, self.codec);
        // A failed fsync here does not concern the log: the packed file is then not used.
        packed.map_err(SegmentError::io("write", &new_name(&segment_name(self.first))))
    }
}

impl<F: Files> SegmentLog<F> {
    /// Begins to pack the oldest segment that is closed and not packed by any codec yet; `None`: there is none, or the codec
    /// is `none`. [`Packing::run`] does not need the log; [`SegmentLog::end_pack`] must follow.
    ///
    /// Errors: `Io` — the log is unchanged; `Poisoned`.
    pub fn begin_pack(&self, codec: CompressionMethod) -> Result<Option<Packing<F::File>>, SegmentError> {
        self.refuse_if_poisoned()?;
        let closed = self.places.split_last().map_or(&[][..], |(_, closed)| closed);
        let Some(&SegmentStart { first, .. }) = closed.iter().find(|place| !place.is_packed) else {
            return Ok(None);
        };
        if codec == CompressionMethod::None {
            return Ok(None);
        }
        let name = segment_name(first);
        let from = self.files.open(&name).map_err(SegmentError::io("open", &name))?;
        let new = new_name(&name);
        let to = self.files.create(&new).map_err(SegmentError::io("create", &new))?;
        Ok(Some(Packing { first, codec, from, to }))
    }

    /// Replaces the plain segment with the packed one, unless packing failed or the segment was purged meanwhile.
    ///
    /// Errors: the error in `outcome`, `Io` — the plain segment stays; `Fatal` — the folder cannot be synced;
    /// `Poisoned`.
    pub fn end_pack(
        &mut self,
        packing: Packing<F::File>,
        outcome: Result<(), SegmentError>,
    ) -> Result<(), SegmentError> {
        let name = segment_name(packing.first);
        let new = new_name(&name);
        let place = self.places.iter().position(|place| place.first == packing.first);
        let (Ok(()), Some(at), None) = (&outcome, place, &self.poison) else {
            // The file is useless; if it cannot be removed here, the next start removes it.
            let _ = self.files.remove(&new);
            return outcome.and(self.refuse_if_poisoned());
        };
        self.files.rename(&new, &name).map_err(SegmentError::io("rename", &new))?;
        // Readers open the segment by its name: from now on they find the packed one.
        self.places[at].is_packed = true;
        let synced = self.files.sync_directory().map_err(SegmentError::fatal("sync the folder of", &name));
        self.poison_if_fatal(synced)
    }
}

/// A segment's file, plain or packed, as its readers see it.
pub(super) enum Body<F> {
    Plain(F, String),
    Packed(Box<Packed<F>>),
}

impl<F: File> Body<F> {
    /// Opens the segment that begins with LSN `first`, plain or packed.
    pub fn open(files: &impl Files<File = F>, first: Lsn) -> Result<Body<F>, SegmentError> {
        let name = segment_name(first);
        let file = files.open(&name).map_err(SegmentError::io("open", &name))?;
        let begin = file.read_at(0, packed::MAGIC_BYTES).map_err(SegmentError::io("read", &name))?;
        Ok(match packed::is_packed(&begin) {
            true => Body::Packed(Box::new(Packed::open(file, &name)?)),
            false => Body::Plain(file, name),
        })
    }

    pub fn is_packed(&self) -> bool {
        matches!(self, Body::Packed(_))
    }

    /// The segment's bytes from `offset` on, at most `bytes_max`; fewer only at its end.
    pub fn read_at(&mut self, offset: u64, bytes_max: usize) -> Result<Vec<u8>, SegmentError> {
        match self {
            Body::Plain(file, name) => {
                file.read_at(offset, bytes_max).map_err(SegmentError::io("read", name))
            }
            Body::Packed(packed) => packed.read_at(offset, bytes_max),
        }
    }
}
