//! Node — the engine as the server calls it, whether it is a master or a replica at the moment.

use super::by_hand::ViewError;
use super::facts::facts;
use super::following::{self, Following};
use super::master::{self, Master};
use super::open::{self, Folders, OpenError};
use super::reads;
use super::{Address, Failure, NodeError, Settings, SharedFiles, StartError};
use crate::apply::pool::PoolState;
use crate::binlog::{Disk, Files, Fsync};
use crate::client::served::{self, Served};
use crate::command::{Command, Reply};
use crate::effect::Key;
use crate::node::{Executed, Transaction, Watch};
use crate::server::room::{Replies, Room};
use crate::server::{Backend, Facts, Refused, Seat};
use crate::store::Dump;
use crate::store::rocksdb::RocksStore;
use crate::sync::atomic::Ordering;
use crate::sync::{Arc, Mutex, lock};
use crate::time::{Elapsed, Millis};
use std::net::TcpStream;
use std::sync::{OnceLock, Weak};
use tokio::sync::{Notify, Semaphore};

/// The running role, with its threads.
enum Running<F: Files> {
    Master(Master<F>),
    Replica(Following<F>),
}

/// The role as connections see it.
pub(super) enum Role<F: Files> {
    /// The node takes writes.
    Master(Arc<master::MasterState<F>>),
    /// The node follows a master.
    Replica(Arc<following::ReplicaState<F>>),
    /// The node is changing its role, or is stopped.
    None,
}

impl<F: Files> Clone for Role<F> {
    fn clone(&self) -> Role<F> {
        match self {
            Role::Master(shared) => Role::Master(Arc::clone(shared)),
            Role::Replica(shared) => Role::Replica(Arc::clone(shared)),
            Role::None => Role::None,
        }
    }
}

/// A node: its folders and its role. The log's files are on a disk, or on the replacement of a test.
pub struct Engine<F: Files = Disk> {
    pub(super) settings: Mutex<Settings>,
    folders: Folders<F>,
    /// 40 hexadecimal digits, drawn at each start.
    run_id: String,
    role: Mutex<Role<F>>,
    /// The running role; `None`: the node is stopped. Locked while the role changes.
    running: Mutex<Option<Running<F>>>,
    failure: Failure,
    /// Notified when all clients have to be disconnected.
    disconnect: Arc<Notify>,
    /// Each long read holds a permit.
    long_reads: Semaphore,
    this: Weak<Engine<F>>,
}

impl Engine {
    /// Starts a node on its folder, as a replica of `master` or, for `None`, as a master. When this returns, all entries of
    /// the node's log are applied. Errors: [`StartError`].
    pub fn start(settings: Settings, master: Option<Address>) -> Result<Arc<Engine>, StartError> {
        let folders = Folders::in_dir(&settings.dir).map_err(OpenError::Folder)?;
        Engine::start_on(folders, settings, master)
    }
}

impl<F: SharedFiles> Engine<F> {
    /// Like [`Engine::start`], with the files in `folders`.
    pub fn start_on(
        folders: Folders<F>,
        settings: Settings,
        master: Option<Address>,
    ) -> Result<Arc<Engine<F>>, StartError> {
        let (failure, disconnect) = (Failure::new(), Arc::new(Notify::new()));
        let running = Running::start(&settings, folders.clone(), None, master, (&failure, &disconnect))?;
        Ok(Arc::new_cyclic(|this| Engine {
            run_id: (0..5).map(|_| format!("{:08x}", fastrand::u32(..))).collect(),
            role: Mutex::new(running.role()),
            settings: Mutex::new(settings),
            folders,
            running: Mutex::new(Some(running)),
            failure,
            disconnect,
            long_reads: Semaphore::new(reads::LONG_MAX),
            this: Weak::clone(this),
        }))
    }

    /// Sets the port on which the node serves clients. A replica sends it to its master.
    pub fn serves_on(&self, port: u16) {
        lock(&self.settings).port.store(port, Ordering::Relaxed);
    }

    /// The place where its threads report that the node cannot go on.
    pub fn failure(&self) -> &Failure {
        &self.failure
    }

    /// Everything that is stored, as readers see it now, dead keys included. Cost: O(records). Errors: as of
    /// [`Engine::given`].
    pub fn dump(&self) -> Result<Dump, ViewError> {
        self.given().map(|given| given.stored)
    }

    /// The state of a replica's worker pool; `None` on a master.
    pub fn pool_state(&self) -> Option<PoolState> {
        match self.role() {
            Role::Replica(shared) => Some(shared.pool.state()),
            Role::Master(_) | Role::None => None,
        }
    }

    pub(super) fn role(&self) -> Role<F> {
        lock(&self.role).clone()
    }

    /// Checks that the node at `address` is another node, and is a master. Errors: it reports that it is not. A node that
    /// does not answer passes, because it may be down.
    fn check_is_master(&self, address: &Address) -> Result<(), NodeError> {
        match served::ask(&address.to_string()) {
            Some(served) if served.run_id == self.run_id => Err(NodeError::Itself(address.clone())),
            Some(Served { master: Some(master), .. }) => {
                Err(NodeError::OfAReplica { address: address.clone(), master })
            }
            _ => Ok(()),
        }
    }

    fn change_role(&self, master: Option<Address>) -> Result<(), NodeError> {
        let mut running = lock(&self.running);
        let settings = lock(&self.settings).clone();
        let Some(before) = running.take() else { return Err(NodeError::Stopped) };
        if let (Running::Master(_), None) = (&before, &master) {
            *running = Some(before);
            return Ok(());
        }
        *lock(&self.role) = Role::None;
        // A node that cannot end its role cannot begin another one. It answers no more commands, and reports the failure.
        let stopped = before.stop().inspect_err(|error| self.failure.report(error.to_string()))?;
        let signals = (&self.failure, &self.disconnect);
        let started = Running::start(&settings, self.folders.clone(), Some(stopped), master, signals);
        let after = started.inspect_err(|error| self.failure.report(error.to_string()))?;
        *lock(&self.role) = after.role();
        *running = Some(after);
        Ok(())
    }

    /// Stops the node: everything is made durable, and its folder can be opened again. It blocks. A stopped node cannot be
    /// started again. Errors: a thread or a disk failed.
    pub fn stop_now(&self) -> Result<(), NodeError> {
        let running = lock(&self.running).take();
        *lock(&self.role) = Role::None;
        running.map_or(Ok(()), |running| running.stop().map(|_| ()))
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Engine<F>) -> Result<T, NodeError> + Send + 'static,
    ) -> Result<T, Refused> {
        let Some(this) = self.this.upgrade() else { return Err(stopped()) };
        let done = tokio::task::spawn_blocking(move || work(&this)).await;
        done.map_err(|error| Refused(format!("ERR {error}")))?
            .map_err(|error| Refused(format!("ERR {error}")))
    }
}

impl<F: SharedFiles> Running<F> {
    fn start(
        settings: &Settings,
        folders: Folders<F>,
        stopped: Option<Stopped>,
        master: Option<Address>,
        (failure, disconnect): (&Failure, &Arc<Notify>),
    ) -> Result<Running<F>, StartError> {
        let (store, counted) = stopped.map_or((None, None), |stopped| (Some(stopped.store), stopped.counted));
        let opened = open::open(settings, folders, store, master.is_some())?;
        Ok(match master {
            None => Running::Master(Master::start(settings, opened, counted, failure.clone())?),
            Some(master) => {
                let (failure, disconnect) = (failure.clone(), Arc::clone(disconnect));
                Running::Replica(Following::start(settings, opened, master, failure, disconnect)?)
            }
        })
    }

    fn role(&self) -> Role<F> {
        match self {
            Running::Master(master) => Role::Master(Arc::clone(master.shared())),
            Running::Replica(following) => Role::Replica(Arc::clone(following.shared())),
        }
    }

    fn stop(self) -> Result<Stopped, NodeError> {
        match self {
            Running::Master(master) => master.stop().map(|store| Stopped { store, counted: None }),
            Running::Replica(following) => {
                following.stop().map(|(store, counted)| Stopped { store, counted })
            }
        }
    }
}

/// The state that a role leaves to the next role.
struct Stopped {
    store: RocksStore,
    /// The master's time as a replica counted it, with the reading of the elapsed clock.
    counted: Option<(Millis, Elapsed)>,
}

fn stopped() -> Refused {
    Refused("ERR the node is stopped or is changing its role".to_owned())
}

impl<F: SharedFiles> Backend for Engine<F> {
    async fn answer(&self, commands: Vec<Command>, room: Room) -> (Replies, Vec<Command>) {
        match self.role() {
            Role::Master(shared) if commands.iter().any(Command::is_write) => {
                shared.run(commands, room).await
            }
            Role::Master(shared) => {
                // All reads use one snapshot. It is taken after the commands arrived, so it is not too old for any of them.
                let sight = OnceLock::new();
                let read = move |command: &Command, cost| {
                    super::read(sight.get_or_init(|| shared.sight()), command, cost)
                };
                reads::answer(commands, room, &self.long_reads, read).await
            }
            Role::Replica(shared) => {
                let read = move |command: &Command, cost| shared.run(command, cost);
                reads::answer(commands, room, &self.long_reads, read).await
            }
            Role::None => room.failed(commands.len(), &stopped().0),
        }
    }

    async fn exec(&self, transaction: Transaction, _room: Room) -> Result<Executed, Refused> {
        let (long, replies) = (&self.long_reads, |ran: Result<Vec<Reply>, &'static str>| {
            ran.map(Executed::Ran).map_err(|text| Refused(text.to_owned()))
        });
        match self.role() {
            Role::Master(shared) if transaction.is_write() || !transaction.watches.is_empty() => {
                shared.exec(transaction).await.map_err(Refused)
            }
            Role::Master(shared) => {
                let sight = shared.sight();
                let read = move |command: &Command, cost| super::read(&sight, command, cost);
                replies(reads::answer_all(transaction.commands, long, read).await)
            }
            Role::Replica(shared) => {
                let Some(sight) = shared.begin(&transaction).map_err(Refused)? else {
                    return Ok(Executed::Changed);
                };
                let read = move |command: &Command, cost| following::read_at(&sight, command, cost);
                replies(reads::answer_all(transaction.commands, long, read).await)
            }
            Role::None => Err(stopped()),
        }
    }

    fn refusal(&self, command: &Command) -> Option<Refused> {
        if !command.is_write() {
            return None;
        }
        match self.role() {
            Role::Master(shared) => shared.refusal().map(Refused),
            Role::Replica(_) => Some(Refused(following::READONLY.to_owned())),
            Role::None => Some(stopped()),
        }
    }

    async fn watch(&self, keys: Vec<Key>) -> Result<Watch, Refused> {
        match self.role() {
            Role::Master(shared) => shared.watch(keys).await.map_err(Refused),
            Role::Replica(shared) => shared.watch(&keys).map_err(Refused),
            Role::None => Err(stopped()),
        }
    }

    fn unwatch(&self, watch: Watch) {
        // A replica keeps no table, and a new master begins a new one.
        if let Role::Master(shared) = self.role() {
            shared.unwatch(watch);
        }
    }

    fn facts(&self) -> Facts {
        facts(&lock(&self.settings), &self.run_id, &self.role())
    }

    async fn replicate(&self, master: Option<(String, u16)>) -> Result<(), Refused> {
        let master = master.map(|(host, port)| Address { host, port });
        let change = move |engine: &Engine<F>| {
            master.iter().try_for_each(|master| engine.check_is_master(master))?;
            engine.change_role(master)
        };
        self.blocking(change).await
    }

    async fn set_appendfsync(&self, fsync: Fsync) -> Result<(), Refused> {
        match self.role() {
            Role::Master(shared) => {
                shared.set_fsync(fsync).await.map_err(|error| Refused(format!("ERR {error}")))?
            }
            Role::Replica(shared) => {
                self.blocking(move |_| shared.set_fsync(fsync)).await?;
            }
            Role::None => return Err(stopped()),
        }
        lock(&self.settings).fsync = fsync;
        Ok(())
    }

    fn follow(&self, argv: Vec<Vec<u8>>, socket: TcpStream, already_read: Vec<u8>, seat: Seat) {
        super::feeds::take(self.role(), argv, socket, already_read, seat);
    }

    async fn disconnects(&self) {
        self.disconnect.notified().await;
    }

    async fn stop(&self) -> Result<(), Refused> {
        self.blocking(Engine::<F>::stop_now).await
    }
}
