//! The store on RocksDB against the store in memory: after any operations both read the same.

mod bytes;
mod compaction;
mod crash;
mod handles;

use replicheck::effect::Write;
use replicheck::store::rocksdb::RocksStore;
use replicheck::store::{Read, StoreError, key};
use std::ops::ControlFlow;
use tempfile::TempDir;

/// A raw key and its value.
type Pair = (Vec<u8>, Vec<u8>);

/// A store in a new folder, which is removed when the test ends.
pub(super) fn new_store() -> (TempDir, RocksStore) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = RocksStore::open(folder.path()).expect("a store in an empty folder");
    (folder, store)
}

/// The first `limit` records of `from..to`.
fn some(reader: &dyn Read, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Pair>, StoreError> {
    let mut pairs = Vec::new();
    reader.scan(from, to, &mut |key, value| {
        pairs.push((key.to_vec(), value.to_vec()));
        if pairs.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(pairs)
}

/// All records.
fn all(reader: &dyn Read) -> Vec<Pair> {
    some(reader, &[], &[], usize::MAX).expect("a store that can be read")
}

fn put(key: &[u8], value: &[u8]) -> Write {
    Write::Put { key: key.to_vec(), value: value.to_vec() }
}

/// The write that sets the marker.
fn mark(lsn: u64) -> Write {
    put(&key::marker(), &lsn.to_be_bytes())
}
