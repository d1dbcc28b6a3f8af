//! Generations — the folders in which a node has its data, one of which is current. Does I/O.
//!
//! ```text
//! dir/current                                  "2", or missing: the data are in dir itself
//! dir/generation-2/{node, binlog/, store/}     the current data
//! dir/generation-3/…                           a full sync that is arriving, or that was cut off
//! ```
//!
//! A full sync is put into a generation of its own. It becomes current by one rename of the file `current`; before it a start
//! finds the old data, after it the new. The next start removes all generations but the current one.

use super::open::Folders;
use crate::binlog::Disk;
use crate::binlog::files::{File, Files};
use crate::store::rocksdb::RocksStore;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Mutex, lock, thread};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

const CURRENT: &str = "current";
const NEXT: &str = "current.new";
const PREFIX: &str = "generation-";
/// The most bytes of the file `current`.
const BYTES_MAX: usize = 32;
/// How often a store that is no longer current is checked for readers.
const READERS_PAUSE: Duration = Duration::from_millis(100);

/// The generations of one node.
pub trait Generations<F>: Send + Sync {
    /// A new generation that is not current, and its number. Errors: the disk's.
    fn create(&self) -> io::Result<(u64, Folders<F>)>;

    /// Makes generation `number` current. It is durable when this returns. Errors: the disk's; another one is current then.
    fn make_current(&self, number: u64) -> io::Result<()>;

    /// Removes generation `number`, which is not current and not open. An error is logged; the next start tries again.
    fn remove(&self, number: u64);

    /// Removes what was current before, once no reader has its `store` open any more.
    fn retire(&self, store: RocksStore);
}

/// Generations on a disk.
#[derive(Debug)]
pub struct OnDisk {
    dir: PathBuf,
    /// The current generation; 0: the folder itself.
    current: Mutex<u64>,
    /// The latest number that was given.
    latest: AtomicU64,
    /// The generation before the current one.
    before: AtomicU64,
}

impl OnDisk {
    /// Opens the generations in `dir`, and the folders of the current one. Errors: the disk's; the file `current` is damaged.
    pub fn open(dir: &Path) -> io::Result<(OnDisk, Folders<Disk>)> {
        let current = read(&Disk::open(dir)?)?;
        let latest = numbers(dir)?.into_iter().max().unwrap_or(0).max(current);
        let folders = Folders::in_dir(&folder(dir, current))?;
        let (current, latest) = (Mutex::new(current), AtomicU64::new(latest));
        Ok((OnDisk { dir: dir.to_owned(), current, latest, before: AtomicU64::new(0) }, folders))
    }

    /// Removes every generation but the current one. The caller has the current store open, so no other process uses them.
    pub fn clean(&self) {
        let current = *lock(&self.current);
        let others = numbers(&self.dir).unwrap_or_default();
        for number in others.into_iter().chain([0]).filter(|&number| number != current) {
            self.remove(number);
        }
    }
}

/// The number in the file `current`; 0: there is none.
fn read(files: &Disk) -> io::Result<u64> {
    let file = match files.open(CURRENT) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let text = String::from_utf8(file.read_at(0, BYTES_MAX)?).unwrap_or_default();
    let damaged = || {
        io::Error::new(io::ErrorKind::InvalidData, "the file `current` is damaged: it must have one number")
    };
    text.strip_suffix('\n').and_then(|number| number.parse().ok()).ok_or_else(damaged)
}

/// The numbers of the generations that have a folder of their own.
fn numbers(dir: &Path) -> io::Result<Vec<u64>> {
    let names = fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name().into_string().ok()));
    let names: Vec<String> = names.filter_map(Result::transpose).collect::<io::Result<_>>()?;
    Ok(names.iter().filter_map(|name| name.strip_prefix(PREFIX)?.parse().ok()).collect())
}

fn folder(dir: &Path, number: u64) -> PathBuf {
    if number == 0 { dir.to_owned() } else { dir.join(format!("{PREFIX}{number}")) }
}

fn remove_from(dir: &Path, number: u64) -> io::Result<()> {
    if number > 0 {
        return present(fs::remove_dir_all(folder(dir, number)));
    }
    // The file `node` is removed last: data without it are refused.
    present(fs::remove_dir_all(dir.join("store")))?;
    present(fs::remove_dir_all(dir.join("binlog")))?;
    present(fs::remove_file(dir.join("node")))
}

/// An error, unless it says that there is nothing to remove.
fn present(removed: io::Result<()>) -> io::Result<()> {
    removed.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

impl Generations<Disk> for OnDisk {
    fn create(&self) -> io::Result<(u64, Folders<Disk>)> {
        let number = self.latest.fetch_add(1, Ordering::Relaxed) + 1;
        Ok((number, Folders::in_dir(&folder(&self.dir, number))?))
    }

    fn make_current(&self, number: u64) -> io::Result<()> {
        let mut current = lock(&self.current);
        let files = Disk::open(&self.dir)?;
        let file = files.create(NEXT)?;
        file.write_at(0, format!("{number}\n").as_bytes())?;
        file.sync()?;
        files.rename(NEXT, CURRENT)?;
        files.sync_directory()?;
        self.before.store(*current, Ordering::Relaxed);
        *current = number;
        Ok(())
    }

    fn remove(&self, number: u64) {
        if let Err(error) = remove_from(&self.dir, number) {
            tracing::warn!(number, %error, "data that are no longer used cannot be removed");
        }
    }

    fn retire(&self, store: RocksStore) {
        let (dir, number) = (self.dir.clone(), self.before.load(Ordering::Relaxed));
        let waiting = thread::Builder::new().name("retire".to_owned()).spawn(move || {
            while !store.is_last_handle() {
                std::thread::sleep(READERS_PAUSE);
            }
            drop(store);
            match remove_from(&dir, number) {
                Ok(()) => tracing::info!(number, "the data from before the full sync are removed"),
                Err(error) => {
                    tracing::warn!(number, %error, "the data from before the full sync cannot be removed")
                }
            }
        });
        if let Err(error) = waiting {
            tracing::warn!(%error, "the data from before the full sync are removed at the next start");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let names = fs::read_dir(dir).expect("a folder").map(|entry| entry.expect("an entry").file_name());
        let mut names: Vec<String> = names.map(|name| name.into_string().expect("text")).collect();
        names.sort();
        names
    }

    #[test]
    fn generation_becomes_current_at_once_and_what_is_not_is_removed_at_the_next_start() {
        let dir = tempfile::tempdir().expect("a folder");
        let (generations, folders) = OnDisk::open(dir.path()).expect("it opens");
        assert_eq!(folders.store, dir.path().join("store"));
        fs::write(dir.path().join("node"), "old").expect("it writes");
        let (first, _) = generations.create().expect("a new one");
        let (second, folders) = generations.create().expect("another one");
        assert_eq!((first, second), (1, 2));
        // A start before the switch finds the old data.
        let (again, current) = OnDisk::open(dir.path()).expect("it opens");
        assert_eq!(current.store, dir.path().join("store"));
        again.clean();
        assert_eq!(names(dir.path()), ["binlog", "node"]);
        let (third, folders_of_third) = again.create().expect("a new one");
        again.make_current(third).expect("it is current");
        let (again, current) = OnDisk::open(dir.path()).expect("it opens");
        assert_eq!(current.store, folders_of_third.store);
        assert_ne!(current.store, folders.store);
        again.clean();
        assert_eq!(names(dir.path()), ["current", "generation-3"]);
        assert_eq!(again.create().expect("a new one").0, 4, "numbers are not given twice");
    }

    #[test]
    fn damaged_pointer_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        for damaged in ["", "1", "x\n", "1\n2\n", "-1\n", "99999999999999999999\n"] {
            fs::write(dir.path().join(CURRENT), damaged).expect("it writes");
            let error = OnDisk::open(dir.path()).expect_err(damaged);
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{damaged:?}");
        }
    }
}
