//! Forgetful files — a disk in memory that keeps *live* content (which a process reads) apart from *durable* content (which a
//! power loss leaves), and bytes apart from names. It fails at the n-th change if its caller asks for it. No I/O.
//!
//! ```text
//! write_at, truncate    live; pending on the file       sync             pending of the file → durable
//! create, rename, ...   live; pending on the folder     sync_directory   pending of the folder → durable
//! sync that fails       nothing → durable, pending writes are forgotten: the pages count as clean now (fsyncgate)
//! sync_directory fails  nothing → durable, pending changes stay
//! sync that lies        nothing → durable, pending writes stay, and the caller is told that all is durable
//! ```
//!
//! A power loss may leave of each file's pending writes: any prefix, cut at any byte; all but any one of them (written back in
//! another order: a hole of zeros); or one half of each. Of the folder's pending changes it may leave any subset.

use crate::binlog::files::{File, Files};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

/// The fault at the n-th change, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskFault {
    /// This change and all later ones do nothing: the process is dead. A write is done half.
    Death,
    /// From this change on, a write that makes a file longer is done half and reports a full disk, and no file can be
    /// created, until [`Forgetful::mend`].
    Full,
    /// This fsync (of a file or of the folder) fails; other changes succeed.
    Sync,
    /// This change fails with a device error; a write is done half. No other change fails.
    Once,
    /// This change and all later ones fail; a write is done half.
    Forever,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Change {
    Write(u64, Vec<u8>),
    Truncate(u64),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum NameChange {
    Set(String, usize),
    Unset(String),
    Rename(String, String, usize),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Inode {
    pub live: Vec<u8>,
    pub durable: Vec<u8>,
    pub pending: Vec<Change>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub inodes: Vec<Inode>,
    pub live: BTreeMap<String, usize>,
    pub durable: BTreeMap<String, usize>,
    pub pending: Vec<NameChange>,
    /// Every change so far, described in words.
    changes: Vec<String>,
    fault: Option<(usize, DiskFault)>,
    full: bool,
    lies: bool,
}

/// The folder. A clone is the same folder; [`Forgetful::copy`] makes another one.
#[derive(Clone, Debug, Default)]
pub struct Forgetful(Arc<Mutex<State>>);

/// An open file.
#[derive(Debug)]
pub struct ForgetfulFile {
    state: Arc<Mutex<State>>,
    inode: usize,
    name: String,
}

/// A number of bytes or entries as a `usize`. Panics: where it does not fit, which no test and no bounds reach.
pub fn size(number: u64) -> usize {
    usize::try_from(number).expect("small")
}

fn error(kind: io::ErrorKind, text: &str) -> io::Error {
    io::Error::new(kind, text)
}

impl State {
    /// Notes a change; returns the fault that it suffers.
    fn change(&mut self, what: String) -> Option<DiskFault> {
        let at = self.changes.len();
        self.changes.push(what);
        let (fault_at, fault) = self.fault?;
        let lasts = matches!(fault, DiskFault::Death | DiskFault::Forever);
        (at == fault_at || at > fault_at && lasts).then_some(fault)
    }

    fn name_change(&mut self, what: String, change: NameChange) -> io::Result<()> {
        match self.change(what) {
            Some(DiskFault::Full) => self.full = true,
            None | Some(DiskFault::Sync) => {}
            Some(_) => return Err(error(io::ErrorKind::Other, "input/output error")),
        }
        if self.full && matches!(change, NameChange::Set(..)) {
            return Err(error(io::ErrorKind::StorageFull, "no space left on device"));
        }
        change.apply(&mut self.live);
        self.pending.push(change);
        Ok(())
    }
}

impl NameChange {
    pub fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            NameChange::Set(name, inode) => {
                names.insert(name.clone(), *inode);
            }
            NameChange::Unset(name) => {
                names.remove(name);
            }
            NameChange::Rename(from, to, inode) => {
                names.remove(from);
                names.insert(to.clone(), *inode);
            }
        }
    }
}

impl Change {
    /// Applies the first `bytes` bytes of the change; a truncation is applied from one byte on.
    pub fn apply(&self, file: &mut Vec<u8>, bytes: usize) {
        match self {
            Change::Truncate(length) if bytes > 0 => file.resize(size(*length), 0),
            Change::Write(offset, written) if bytes > 0 => {
                let (start, end) = (size(*offset), size(*offset) + bytes);
                file.resize(file.len().max(end), 0);
                file[start..end].copy_from_slice(&written[..bytes]);
            }
            _ => {}
        }
    }

    pub fn bytes(&self) -> usize {
        match self {
            Change::Write(_, bytes) => bytes.len(),
            Change::Truncate(_) => 1,
        }
    }
}

impl Inode {
    /// Every content that a power loss may leave, each once; the whole content and the durable content are among them.
    fn survivors(&self, step: usize) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        let mut base = self.durable.clone();
        all.push(base.clone());
        let mut half = base.clone();
        self.pending.iter().for_each(|change| change.apply(&mut half, change.bytes() / 2));
        all.push(half);
        for (at, change) in self.pending.iter().enumerate() {
            for bytes in (0..change.bytes()).step_by(step).skip(1) {
                let mut torn = base.clone();
                change.apply(&mut torn, bytes);
                all.push(torn);
            }
            let mut hole = base.clone();
            self.pending[at + 1..].iter().for_each(|later| later.apply(&mut hole, later.bytes()));
            all.push(hole);
            change.apply(&mut base, change.bytes());
            all.push(base.clone());
        }
        all.sort();
        all.dedup();
        all
    }
}

impl Forgetful {
    /// An empty folder.
    pub fn new() -> Forgetful {
        Forgetful::default()
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nobody panics with the disk in its hand")
    }

    pub(super) fn from_state(state: State) -> Forgetful {
        Forgetful(Arc::new(Mutex::new(state)))
    }

    /// Another folder with the same live and durable content: what the next process finds if only the process died.
    pub fn copy(&self) -> Forgetful {
        let copy = Forgetful::from_state(self.state().clone());
        copy.mend();
        copy
    }

    /// A copy in which change number `at`, counted from now, fails.
    pub fn failing(&self, at: usize, fault: DiskFault) -> Forgetful {
        let copy = self.copy();
        copy.fail(at, fault);
        copy
    }

    /// Makes change number `at`, counted from now, fail.
    pub fn fail(&self, at: usize, fault: DiskFault) {
        let mut state = self.state();
        state.fault = Some((state.changes.len() + at, fault));
    }

    /// Makes the disk work again.
    pub fn mend(&self) {
        let mut state = self.state();
        (state.fault, state.full) = (None, false);
    }

    /// Makes the disk lie from now on: a sync of a file succeeds, and nothing becomes durable. All content so far is durable.
    pub fn lie(&self) {
        let mut state = self.state();
        state.inodes.iter_mut().for_each(|inode| *inode = Inode::settled(inode.live.clone()));
        state.durable = state.live.clone();
        state.pending.clear();
        state.lies = true;
    }

    /// Every change so far, described in words.
    pub fn changes(&self) -> Vec<String> {
        self.state().changes.clone()
    }

    /// The folder after a power loss that took everything unsynced.
    pub fn bare(&self) -> Forgetful {
        let state = self.state();
        let after = |inode: &Inode| Inode::settled(inode.durable.clone());
        let inodes = state.inodes.iter().map(after).collect();
        Forgetful::settled(inodes, state.durable.clone())
    }

    pub(super) fn settled(inodes: Vec<Inode>, names: BTreeMap<String, usize>) -> Forgetful {
        Forgetful::from_state(State { inodes, live: names.clone(), durable: names, ..State::default() })
    }

    /// Every folder that a power loss may leave. `step` returns, for a file's name, after how many bytes a write may tear.
    pub fn power_losses(&self, step: impl Fn(&str) -> usize) -> Vec<Forgetful> {
        let state = self.state();
        let mut folders = Vec::new();
        for subset in 0..1_u32 << state.pending.len() {
            let mut names = state.durable.clone();
            let kept = state.pending.iter().enumerate().filter(|(at, _)| subset >> at & 1 == 1);
            kept.for_each(|(_, change)| change.apply(&mut names));
            let mut contents: Vec<BTreeMap<usize, Vec<u8>>> = vec![BTreeMap::new()];
            for (name, &inode) in &names {
                let survivors = state.inodes[inode].survivors(step(name));
                let with = |known: &BTreeMap<usize, Vec<u8>>, bytes: &Vec<u8>| {
                    let mut known = known.clone();
                    known.insert(inode, bytes.clone());
                    known
                };
                contents = contents
                    .iter()
                    .flat_map(|known| survivors.iter().map(move |bytes| with(known, bytes)))
                    .collect();
            }
            for content in contents {
                let bytes = |at: usize| content.get(&at).cloned().unwrap_or_default();
                let inodes = (0..state.inodes.len()).map(|at| Inode::settled(bytes(at))).collect();
                folders.push(Forgetful::settled(inodes, names.clone()));
            }
        }
        folders
    }

    /// The live bytes of a file.
    pub fn bytes(&self, name: &str) -> Vec<u8> {
        let state = self.state();
        state.inodes[state.live[name]].live.clone()
    }

    /// Damages a file as a disk does on its own. Everything before counts as written back.
    pub fn damage(&self, name: &str, mut damage: impl FnMut(&mut Vec<u8>)) {
        let mut state = self.state();
        let inode = state.live[name];
        let mut bytes = state.inodes[inode].live.clone();
        damage(&mut bytes);
        state.inodes[inode] = Inode::settled(bytes);
    }
}

impl Inode {
    pub fn settled(bytes: Vec<u8>) -> Inode {
        Inode { live: bytes.clone(), durable: bytes, pending: Vec::new() }
    }
}

impl Files for Forgetful {
    type File = ForgetfulFile;

    fn list(&self) -> io::Result<Vec<String>> {
        // In no order: file systems promise none.
        Ok(self.state().live.keys().rev().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<ForgetfulFile> {
        let mut state = self.state();
        let inode = state.inodes.len();
        state.name_change(format!("create {name}"), NameChange::Set(name.to_string(), inode))?;
        state.inodes.push(Inode::default());
        Ok(ForgetfulFile { state: self.0.clone(), inode, name: name.to_string() })
    }

    fn open(&self, name: &str) -> io::Result<ForgetfulFile> {
        let inode = self.state().live.get(name).copied();
        let inode = inode.ok_or_else(|| error(io::ErrorKind::NotFound, "no such file"))?;
        Ok(ForgetfulFile { state: self.0.clone(), inode, name: name.to_string() })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        let inode = state.live.get(from).copied();
        let inode = inode.ok_or_else(|| error(io::ErrorKind::NotFound, "no such file"))?;
        let change = NameChange::Rename(from.to_string(), to.to_string(), inode);
        state.name_change(format!("rename {from} {to}"), change)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        if !state.live.contains_key(name) {
            return Err(error(io::ErrorKind::NotFound, "no such file"));
        }
        state.name_change(format!("remove {name}"), NameChange::Unset(name.to_string()))
    }

    fn sync_directory(&self) -> io::Result<()> {
        let mut state = self.state();
        let fault = state.change("sync folder".to_string());
        state.full |= fault == Some(DiskFault::Full);
        let pending = std::mem::take(&mut state.pending);
        match fault {
            None | Some(DiskFault::Full) => {
                pending.iter().for_each(|change| change.apply(&mut state.durable));
                Ok(())
            }
            // Unlike pages, names are journalled. A journal that fails stops the file system; it does not drop changes and then
            // report success. A later start may still find the names pending.
            Some(_) => {
                state.pending = pending;
                Err(error(io::ErrorKind::Other, "input/output error"))
            }
        }
    }
}

impl ForgetfulFile {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with the disk in its hand")
    }
}

impl File for ForgetfulFile {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.state().inodes[self.inode].live.len() as u64)
    }

    fn read_at(&self, offset: u64, bytes_max: usize) -> io::Result<Vec<u8>> {
        let state = self.state();
        let rest = state.inodes[self.inode].live.get(size(offset)..).unwrap_or_default();
        Ok(rest[..bytes_max.min(rest.len())].to_vec())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let mut fault = state.change(format!("write {} {offset} +{}", self.name, bytes.len()));
        let grows = size(offset) + bytes.len() > state.inodes[self.inode].live.len();
        state.full |= fault == Some(DiskFault::Full);
        if state.full {
            // Overwriting needs no room.
            fault = grows.then_some(DiskFault::Full);
        }
        let kept = if matches!(fault, None | Some(DiskFault::Sync)) { bytes.len() } else { bytes.len() / 2 };
        let change = Change::Write(offset, bytes[..kept].to_vec());
        let inode = &mut state.inodes[self.inode];
        change.apply(&mut inode.live, kept);
        inode.pending.push(change);
        match fault {
            None | Some(DiskFault::Sync) => Ok(()),
            Some(DiskFault::Full) => Err(error(io::ErrorKind::StorageFull, "no space left on device")),
            Some(_) => Err(error(io::ErrorKind::Other, "input/output error")),
        }
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        let mut state = self.state();
        match state.change(format!("truncate {} {bytes}", self.name)) {
            Some(DiskFault::Full) => state.full = true,
            None | Some(DiskFault::Sync) => {}
            Some(_) => return Err(error(io::ErrorKind::Other, "input/output error")),
        }
        let change = Change::Truncate(bytes);
        let inode = &mut state.inodes[self.inode];
        change.apply(&mut inode.live, 1);
        inode.pending.push(change);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.state();
        let fault = state.change(format!("sync {}", self.name));
        state.full |= fault == Some(DiskFault::Full);
        if state.lies && fault.is_none() {
            return Ok(());
        }
        let inode = &mut state.inodes[self.inode];
        let pending = std::mem::take(&mut inode.pending);
        match fault {
            None | Some(DiskFault::Full) => {
                pending.iter().for_each(|change| change.apply(&mut inode.durable, change.bytes()));
                Ok(())
            }
            Some(DiskFault::Death) => {
                inode.pending = pending;
                Err(error(io::ErrorKind::Other, "dead"))
            }
            // The pages are clean now and not on the disk: a later fsync has nothing to do.
            Some(_) => Err(error(io::ErrorKind::Other, "input/output error")),
        }
    }
}
