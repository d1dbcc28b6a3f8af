//! Segment disk — [`Files`] on a folder of the real file system. Does I/O: files.
//!
//! Each call passes its offset (`pread`, `pwrite`), so a reader never moves the writer's position. A file is
//! synced through the handle that wrote it: Linux reports a failed write-back once to each handle that was open
//! at the time, and perhaps never to one opened later.

use super::files::{File, Files};
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// One folder of the file system.
#[derive(Clone, Debug)]
pub struct Disk {
    folder: PathBuf,
}

/// An open file of a [`Disk`].
#[derive(Debug)]
pub struct DiskFile(fs::File);

impl Disk {
    /// Opens the folder, and makes its name durable. It is created if it does not exist; then only its user
    /// has access to it.
    pub fn open(folder: impl Into<PathBuf>) -> io::Result<Disk> {
        let folder = folder.into();
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
        fs::File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(Disk { folder })
    }
}

impl Files for Disk {
    type File = DiskFile;

    fn list(&self) -> io::Result<Vec<String>> {
        let names = fs::read_dir(&self.folder)?.map(|entry| Ok(entry?.file_name().into_string().ok()));
        names.filter_map(Result::transpose).collect()
    }

    fn create(&self, name: &str) -> io::Result<DiskFile> {
        let mut options = fs::OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true).mode(0o600);
        options.open(self.folder.join(name)).map(DiskFile)
    }

    fn open(&self, name: &str) -> io::Result<DiskFile> {
        fs::OpenOptions::new().read(true).write(true).open(self.folder.join(name)).map(DiskFile)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.folder.join(from), self.folder.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.folder.join(name))
    }

    fn sync_directory(&self) -> io::Result<()> {
        fs::File::open(&self.folder)?.sync_all()
    }
}

impl File for DiskFile {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, offset: u64, bytes_max: usize) -> io::Result<Vec<u8>> {
        // Never allocates more than the file has: a caller may ask for "all" with a large number.
        let left = usize::try_from(self.bytes()?.saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; bytes_max.min(left)];
        let mut read = 0;
        while read < bytes.len() {
            match self.0.read_at(&mut bytes[read..], offset.saturating_add(read as u64)) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(read);
        Ok(bytes)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.0.set_len(bytes)
    }

    fn sync(&self) -> io::Result<()> {
        // fdatasync: the bytes and the length, without the time stamps.
        self.0.sync_data()
    }
}
