//! Files — the operations that the binlog needs from a file system, as two small traits. Pure.
//!
//! The segment files are written only through these traits, so that tests can put a disk below them that loses unsynced
//! data, fills up, or fails an fsync (`tests/machines/segments/forgetful.rs`). Names are flat: one folder, no path.
//!
//! After a power loss a caller may rely on the following, and on nothing more:
//!
//! ```text
//! bytes of a file        all that the last File::sync before it covered; any part of later writes, in any order
//! name of a file         all that the last Files::sync_directory before it covered; any of the later changes
//! a file synced, its name not: the bytes are safe, but the file cannot be found
//! ```

use std::io;

/// One folder of files.
pub trait Files {
    /// An open file of the folder, for reading and writing.
    type File: File;

    /// The names of all files, in any order.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Creates an empty file of this name; an existing file is emptied.
    fn create(&self, name: &str) -> io::Result<Self::File>;

    /// Opens the file of this name. Errors: `NotFound`, and I/O errors.
    fn open(&self, name: &str) -> io::Result<Self::File>;

    /// Renames a file atomically; an existing file of the new name is replaced.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes the file of this name.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes every change of names durable. After an error the caller must not trust a later success.
    fn sync_directory(&self) -> io::Result<()>;
}

/// One open file.
pub trait File {
    /// Its length, bytes.
    fn bytes(&self) -> io::Result<u64>;

    /// The bytes from `offset` on, at most `bytes_max`; fewer only at the file's end.
    fn read_at(&self, offset: u64, bytes_max: usize) -> io::Result<Vec<u8>>;

    /// Writes all of `bytes` at `offset`, which may be the end of the file. After an error any part may be
    /// written.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Truncates the file to its first `bytes` bytes.
    fn truncate(&self, bytes: u64) -> io::Result<()>;

    /// Makes all bytes and the length durable. After an error the caller must not trust a later success: the
    /// system may have dropped the bytes that it could not write, and may treat them as written.
    fn sync(&self) -> io::Result<()>;
}
