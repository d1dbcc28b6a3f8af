//! Level — the levels of counting records: what is counted in one, and how many members it counts. Pure.

use crate::store::element::tag;
use crate::store::record::Levels;

/// A level of counting records. Each record is at a place and counts the members from there to the next one of its level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// The lower level. A chunk consists of members.
    Chunks,
    /// The upper level. A block consists of chunks.
    Blocks,
}

impl Level {
    /// The levels of a sorted set, the lower one first.
    pub(super) fn of(levels: Levels) -> &'static [Level] {
        match levels {
            Levels::Zero => &[],
            Levels::One => &[Level::Chunks],
            Levels::Two => &[Level::Chunks, Level::Blocks],
        }
    }

    /// The kind of its records.
    pub(super) fn tag(self) -> u8 {
        match self {
            Level::Chunks => tag::COUNT,
            Level::Blocks => tag::BLOCK,
        }
    }
}

/// How many members are counted together: a chunk or block is split when it has more than twice as many.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    /// Size of a chunk. A set has chunks when it has grown beyond it.
    pub(super) chunk: u64,
    /// Size of a block. A set has blocks when it has grown beyond twice as many members.
    pub(super) block: u64,
}

impl Sizes {
    /// The sizes of stored sets; tests use less. The walks over blocks, over chunks and over members are of equal length at two
    /// million members. Earlier builds had chunks of 512 and no blocks.
    pub(super) const STORED: Sizes = Sizes { chunk: 128, block: 128 * 128 };

    /// The size at that level.
    pub(super) fn at(self, level: Level) -> u64 {
        match level {
            Level::Chunks => self.chunk,
            Level::Blocks => self.block,
        }
    }
}

/// What one counting record counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Its place, which is that of its record.
    pub(super) at: Vec<u8>,
    /// Number of its members.
    pub(super) count: u64,
}
