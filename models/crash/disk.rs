//! Disk — the content of a forgetful folder as a value, so that it can be a part of a state. Pure.
//!
//! Live content is not kept: it is the durable content with the pending changes. Bytes that are zero are left out, because the
//! file of fsync points is nothing but zeros around a few hundred bytes.

use super::forgetful::{Change, Forgetful, Inode, NameChange, State, size};
use std::collections::BTreeMap;

/// Bytes of a piece of a file that is left out if it has no byte but zeros.
const PIECE_BYTES: usize = 512;

/// A folder: files by number, their durable names, and the changes of names that are not durable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Disk {
    files: Vec<Saved>,
    names: BTreeMap<String, usize>,
    pending: Vec<NameChange>,
}

/// A file: its durable bytes, and the changes that are not durable.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Saved {
    durable: Sparse,
    pending: Vec<Change>,
}

/// Bytes, without those that are zero.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Sparse {
    bytes: u64,
    pieces: Vec<(u64, Vec<u8>)>,
}

impl Sparse {
    fn of(bytes: &[u8]) -> Sparse {
        let piece = |(number, piece): (usize, &[u8])| {
            let end = piece.iter().rposition(|&byte| byte != 0)? + 1;
            Some(((number * PIECE_BYTES) as u64, piece[..end].to_vec()))
        };
        let pieces = bytes.chunks(PIECE_BYTES).enumerate().filter_map(piece).collect();
        Sparse { bytes: bytes.len() as u64, pieces }
    }

    fn whole(&self) -> Vec<u8> {
        let mut bytes = vec![0; size(self.bytes)];
        for (offset, piece) in &self.pieces {
            bytes[size(*offset)..][..piece.len()].copy_from_slice(piece);
        }
        bytes
    }
}

impl Disk {
    /// The content of a folder. Files without a name are left out, and the others are numbered in the order of their names.
    pub fn of(folder: &Forgetful) -> Disk {
        let state = folder.state();
        let of_change = |change: &NameChange| match change {
            NameChange::Set(_, file) | NameChange::Rename(_, _, file) => Some(*file),
            NameChange::Unset(_) => None,
        };
        let mut kept: Vec<usize> = Vec::new();
        let named = state.durable.values().copied().chain(state.pending.iter().filter_map(of_change));
        for file in named.chain(state.live.values().copied()) {
            if !kept.contains(&file) {
                kept.push(file);
            }
        }
        let number = |file: &usize| kept.iter().position(|kept| kept == file).unwrap_or_default();
        let renumbered = |change: &NameChange| match change {
            NameChange::Set(name, file) => NameChange::Set(name.clone(), number(file)),
            NameChange::Rename(from, to, file) => NameChange::Rename(from.clone(), to.clone(), number(file)),
            NameChange::Unset(name) => NameChange::Unset(name.clone()),
        };
        let saved = |&file: &usize| {
            let Inode { durable, pending, .. } = &state.inodes[file];
            Saved { durable: Sparse::of(durable), pending: pending.clone() }
        };
        Disk {
            files: kept.iter().map(saved).collect(),
            names: state.durable.iter().map(|(name, file)| (name.clone(), number(file))).collect(),
            pending: state.pending.iter().map(renumbered).collect(),
        }
    }

    /// A folder with this content.
    pub fn folder(&self) -> Forgetful {
        let file = |saved: &Saved| {
            let durable = saved.durable.whole();
            let mut live = durable.clone();
            saved.pending.iter().for_each(|change| change.apply(&mut live, change.bytes()));
            Inode { live, durable, pending: saved.pending.clone() }
        };
        let mut live = self.names.clone();
        self.pending.iter().for_each(|change| change.apply(&mut live));
        let mut state = State::default();
        state.inodes = self.files.iter().map(file).collect();
        (state.live, state.durable, state.pending) = (live, self.names.clone(), self.pending.clone());
        Forgetful::from_state(state)
    }
}
