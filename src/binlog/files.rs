//! Files — what the binlog asks of a file system, as two small traits. Pure.
//!
//! The segment files are written through these alone, so that tests can put a disk below them that forgets what
//! was not synced, fills up, or fails a fsync (`tests/machines/segments/forgetful.rs`). Names are flat: one folder, no path.
//!
//! What a caller may count on after a power loss, and nothing more:
//!
//! ```text
//! bytes of a file        what the last File::sync before it covered; of later writes any part, in any order
//! name of a file         what the last Files::sync_directory before it covered; of later changes any of them
//! a file synced, its name not: the bytes are safe and nobody finds them
//! ```

use std::io;

/// One folder of files.
pub trait Files {
    /// A file of it, open for reading and writing.
    type File: File;

    /// The names of all files, in any order.
    fn list(&self) -> io::Result<Vec<String>>;

    /// An empty file of that name; one that is there already is emptied.
    fn create(&self, name: &str) -> io::Result<Self::File>;

    /// The file of that name. Errors: `NotFound` and whatever the disk says.
    fn open(&self, name: &str) -> io::Result<Self::File>;

    /// Gives a file another name, in one step; a file that had it is gone.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Takes a file's name away.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes every change of names durable. After an error the caller must not believe a later success.
    fn sync_directory(&self) -> io::Result<()>;
}

/// One open file.
pub trait File {
    /// Its length, bytes.
    fn bytes(&self) -> io::Result<u64>;

    /// The bytes from `offset` on, at most `bytes_max`; fewer only at the file's end.
    fn read_at(&self, offset: u64, bytes_max: usize) -> io::Result<Vec<u8>>;

    /// Writes all of `bytes` at `offset`, appending where that is the end. After an error any part may be written.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Forgets what is after the first `bytes` bytes.
    fn truncate(&self, bytes: u64) -> io::Result<()>;

    /// Makes all bytes and the length durable. After an error the caller must not believe a later success: the
    /// system may have dropped the bytes that it could not write, and count them as written.
    fn sync(&self) -> io::Result<()>;
}
