//! Places — where the nodes of a run were: addresses, processes, folders with what they left there. Does I/O: reads folders.

use replicheck::models::cost::thousands;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Maximum number of files that are named for a folder.
const FILES_NAMED: usize = 6;

/// Where the nodes of a run were.
pub struct Places {
    /// The master's address.
    pub master: SocketAddr,
    /// The address of the link, to which the replica connects.
    pub link: SocketAddr,
    /// Where the replica was: an address of this process, or a process of its own.
    pub replica: ReplicaPlace,
    /// The folders of master and replica.
    pub folders: [Folder; 2],
}

/// Where a replica was.
pub enum ReplicaPlace {
    /// In this process, serving on this address.
    Here(SocketAddr),
    /// In a process with this number, which was started again after each crash. `None`: it had ended.
    Apart(Option<u32>),
}

/// A node's folder and the files in it.
pub struct Folder {
    path: PathBuf,
    /// Names below the folder, in order.
    files: Vec<String>,
    bytes: u64,
}

impl Folder {
    /// The folder at `path` with the files that it has now.
    pub fn of(path: PathBuf) -> Folder {
        let mut folder = Folder { files: Vec::new(), bytes: 0, path };
        let root = folder.path.clone();
        folder.add(&root);
        folder.files.sort();
        folder
    }

    /// Adds the files in `folder`. An entry that cannot be read is left out, because the list is only shown.
    fn add(&mut self, folder: &Path) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            match entry.metadata() {
                Ok(about) if about.is_dir() => self.add(&path),
                Ok(about) => {
                    self.bytes += about.len();
                    let name = path.strip_prefix(&self.path).unwrap_or(&path);
                    self.files.push(name.display().to_string());
                }
                Err(_) => {}
            }
        }
    }

    fn in_words(&self) -> String {
        let named = self.files.iter().take(FILES_NAMED).cloned().collect::<Vec<_>>().join(", ");
        let more = match self.files.len().saturating_sub(FILES_NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let bytes = usize::try_from(self.bytes).unwrap_or(usize::MAX);
        format!("{}: {} bytes in {named}{more}", self.path.display(), thousands(bytes))
    }
}

impl Places {
    /// Facts for a reader, each with its name.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let replica = match self.replica {
            ReplicaPlace::Here(address) => format!("replica on {address}"),
            ReplicaPlace::Apart(Some(number)) => format!("replica in process {number}"),
            ReplicaPlace::Apart(None) => "replica in a process that had ended".to_owned(),
        };
        let nodes =
            format!("master on {}, {replica}, which follows the master through {}", self.master, self.link);
        let [master, replica] = &self.folders;
        vec![("nodes", nodes), ("master", master.in_words()), ("replica", replica.in_words())]
    }
}
