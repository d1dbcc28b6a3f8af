//! Node — the engine as the server calls it, whether it is a master or a replica at the moment.

use super::by_hand::ViewError;
use super::facts::facts;
use super::following::{self, Following};
use super::full_sync::{Ready, Taking};
use super::generations::{Generations, OnDisk};
use super::good_replicas::{GoodReplicas, NO_REPLICAS};
use super::master::{self, Master};
use super::open::{self, Folders, OpenError};
use super::reads;
use super::{Address, Failure, Meters, NodeError, Settings, SharedFiles, StartError};
use crate::apply::pool::PoolState;
use crate::binlog::{Disk, Files, Fsync};
use crate::client::served;
use crate::command::{Command, Reply};
use crate::effect::Key;
use crate::node::{Executed, Transaction, Watch};
use crate::secret::Secret;
use crate::server::room::{Replies, Room};
use crate::server::{Awaited, Backend, Facts, MinReplicas, Reached, Refused, Seat};
use crate::store::Dump;
use crate::store::rocksdb::RocksStore;
use crate::sync::atomic::Ordering;
use crate::sync::{Arc, Mutex, lock, thread};
use crate::time::{Elapsed, Millis};
use std::net::TcpStream;
use std::sync::{OnceLock, Weak, mpsc};
use std::time::Instant;
use tokio::sync::{Notify, Semaphore};

/// How many nodes of a chain REPLICAOF asks for their master.
const CHAIN_MAX: usize = 8;

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
    /// The folders of the current generation.
    folders: Mutex<Folders<F>>,
    /// The way in which a replica takes full syncs; `None`: it takes none.
    taking: Option<Taking<F>>,
    /// 40 hexadecimal digits, drawn at each start.
    run_id: String,
    role: Mutex<Role<F>>,
    /// The running role; `None`: the node is stopped. Locked while the role changes.
    running: Mutex<Option<Running<F>>>,
    failure: Failure,
    /// Notified when all clients have to be disconnected.
    disconnect: Arc<Notify>,
    good_replicas: GoodReplicas,
    /// Each long read holds a permit.
    long_reads: Semaphore,
    this: Weak<Engine<F>>,
}

impl Engine {
    /// Starts a node on its folder, as a replica of `master` or, for `None`, as a master. When this returns, all entries of
    /// the node's log are applied. Errors: [`StartError`].
    pub fn start(settings: Settings, master: Option<Address>) -> Result<Arc<Engine>, StartError> {
        let (generations, folders) = OnDisk::open(&settings.dir).map_err(OpenError::Folder)?;
        let generations = Arc::new(generations);
        let engine = Engine::start_with(folders, Some(Arc::clone(&generations) as _), settings, master)?;
        generations.clean();
        Ok(engine)
    }
}

impl<F: SharedFiles> Engine<F> {
    /// Like [`Engine::start`], with the files in `folders`. Such a replica takes no full sync.
    pub fn start_on(
        folders: Folders<F>,
        settings: Settings,
        master: Option<Address>,
    ) -> Result<Arc<Engine<F>>, StartError> {
        Engine::start_with(folders, None, settings, master)
    }

    fn start_with(
        folders: Folders<F>,
        generations: Option<Arc<dyn Generations<F>>>,
        settings: Settings,
        master: Option<Address>,
    ) -> Result<Arc<Engine<F>>, StartError> {
        let settings = Settings { meters: Arc::new(Meters::default()), ..settings };
        let (failure, disconnect) = (Failure::new(), Arc::new(Notify::new()));
        let (ready, arriving) = mpsc::channel();
        let taking = generations.map(|generations| Taking { generations, ready });
        let surroundings =
            Surroundings { failure: &failure, disconnect: &disconnect, taking: taking.as_ref() };
        let running = Running::start(&settings, folders.clone(), None, master, surroundings)?;
        let engine = Arc::new_cyclic(|this| Engine {
            run_id: (0..5).map(|_| format!("{:08x}", fastrand::u32(..))).collect(),
            role: Mutex::new(running.role()),
            settings: Mutex::new(settings),
            folders: Mutex::new(folders),
            taking,
            running: Mutex::new(Some(running)),
            failure,
            disconnect,
            good_replicas: GoodReplicas::default(),
            long_reads: Semaphore::new(reads::LONG_MAX),
            this: Weak::clone(this),
        });
        let this = Arc::downgrade(&engine);
        thread::Builder::new().name("full sync".to_owned()).spawn(move || {
            // The channel is closed when the engine is dropped.
            while let Ok(ready) = arriving.recv() {
                let Some(engine) = this.upgrade() else { return };
                engine.switch(ready);
            }
        })?;
        Ok(engine)
    }

    /// Replaces the replica's data by the full sync that has arrived, and starts the replica again on them. If the node has
    /// changed its role meanwhile, the full sync is removed.
    fn switch(&self, ready: Ready<F>) {
        let Some(taking) = &self.taking else { return };
        let (generations, Ready { arrived, replica }) = (&*taking.generations, ready);
        let mut running = lock(&self.running);
        let following = match running.take() {
            Some(Running::Replica(following)) if replica.ptr_eq(&Arc::downgrade(following.shared())) => {
                following
            }
            other => {
                *running = other;
                return generations.remove(arrived.number);
            }
        };
        let settings = lock(&self.settings).clone();
        let master = following.shared().master.clone();
        *lock(&self.role) = Role::None;
        let before = match Running::Replica(following).stop() {
            Ok(before) => before,
            Err(error) => return self.failure.report(error.to_string()),
        };
        let mut folders = lock(&self.folders);
        let store = match arrived.make_current(&folders.node, settings.expiry, generations) {
            Ok(()) => {
                generations.retire(before.store);
                *folders = arrived.folders;
                None
            }
            Err(error) => {
                tracing::error!(%error, "the full sync cannot be taken, the replica continues on its old data");
                generations.remove(arrived.number);
                Some(before)
            }
        };
        match Running::start(&settings, folders.clone(), store, Some(master), self.surroundings()) {
            Ok(after) => {
                *lock(&self.role) = after.role();
                *running = Some(after);
            }
            Err(error) => self.failure.report(error.to_string()),
        }
    }

    fn surroundings(&self) -> Surroundings<'_, F> {
        Surroundings { failure: &self.failure, disconnect: &self.disconnect, taking: self.taking.as_ref() }
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

    /// The password that the node sends to its master.
    pub(super) fn masterauth(&self) -> Option<Secret> {
        lock(&lock(&self.settings).masterauth).clone()
    }

    /// Checks that the node at `address` is another node, and does not follow this one, be it through other replicas. A node
    /// that does not answer passes, because it may be down. Errors: `Itself`, `Circle`.
    fn check_is_no_circle(&self, address: &Address) -> Result<(), NodeError> {
        let (password, mut at) = (self.masterauth(), address.clone());
        for hop in 0..CHAIN_MAX {
            let Some(served) = served::ask(&at.to_string(), password.as_ref()) else { return Ok(()) };
            if served.run_id == self.run_id {
                let address = address.clone();
                return Err(if hop == 0 { NodeError::Itself(address) } else { NodeError::Circle(address) });
            }
            let Some(master) = served.master.and_then(|master| master.parse::<Address>().ok()) else {
                return Ok(());
            };
            at = master.seen_from(&at);
        }
        Ok(())
    }

    pub(super) fn change_role(&self, master: Option<Address>) -> Result<(), NodeError> {
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
        let folders = lock(&self.folders).clone();
        let started = Running::start(&settings, folders, Some(stopped), master, self.surroundings());
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

    pub(super) async fn blocking<T: Send + 'static>(
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
        around: Surroundings<'_, F>,
    ) -> Result<Running<F>, StartError> {
        let (store, counted) = stopped.map_or((None, None), |stopped| (Some(stopped.store), stopped.counted));
        let opened = open::open(settings, folders, store, master.is_some())?;
        Ok(match master {
            None => Running::Master(Master::start(settings, opened, counted, around.failure.clone())?),
            Some(master) => {
                let signals = (around.failure.clone(), Arc::clone(around.disconnect));
                let taking = around.taking.cloned();
                Running::Replica(Following::start(settings, opened, master, signals, taking)?)
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

/// The parts of a node that every role uses.
struct Surroundings<'a, F: Files> {
    failure: &'a Failure,
    disconnect: &'a Arc<Notify>,
    /// The way in which a replica takes full syncs.
    taking: Option<&'a Taking<F>>,
}

/// The state that a role leaves to the next role.
struct Stopped {
    store: RocksStore,
    /// The master's time as a replica counted it, with the reading of the elapsed clock.
    counted: Option<(Millis, Elapsed)>,
}

pub(super) fn stopped() -> Refused {
    Refused("ERR the node is stopped or is changing its role".to_owned())
}

impl<F: SharedFiles> Backend for Engine<F> {
    async fn answer(&self, commands: Vec<Command>, room: Room) -> (Replies, Vec<Command>) {
        match self.role() {
            Role::Master(shared)
                if commands.iter().any(Command::is_write)
                    && !self.good_replicas.are_too_few(&shared.feeds) =>
            {
                shared.run(commands, room).await
            }
            Role::Master(shared) => {
                // All reads use one snapshot. It is taken after the commands arrived, so it is not too old for any of them.
                let sight = OnceLock::new();
                let read = move |command: &Command, cost| match command.is_write() {
                    true => Some(Reply::Error(NO_REPLICAS.to_owned())),
                    false => super::read(sight.get_or_init(|| shared.sight()), command, cost),
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
        let (long, refused) = (&self.long_reads, |text: &'static str| Refused(text.to_owned()));
        match self.role() {
            Role::Master(shared)
                if transaction.is_write() && self.good_replicas.are_too_few(&shared.feeds) =>
            {
                Err(Refused(NO_REPLICAS.to_owned()))
            }
            Role::Master(shared) if transaction.is_write() || !transaction.watches.is_empty() => {
                shared.exec(transaction).await.map_err(Refused)
            }
            Role::Master(shared) => {
                let sight = shared.sight();
                let read = move |command: &Command, cost| super::read(&sight, command, cost);
                reads::answer_all(transaction, long, read).await.map_err(refused)
            }
            Role::Replica(shared) => {
                let Some(sight) = shared.begin(&transaction).map_err(Refused)? else {
                    return Ok(Executed::Changed);
                };
                let read = move |command: &Command, cost| following::read_at(&sight, command, cost);
                reads::answer_all(transaction, long, read).await.map_err(refused)
            }
            Role::None => Err(stopped()),
        }
    }

    fn refusal(&self, command: &Command) -> Option<Refused> {
        if !command.is_write() {
            return None;
        }
        match self.role() {
            Role::Master(shared) => shared.refusal().map(Refused).or_else(|| {
                self.good_replicas.are_too_few(&shared.feeds).then(|| Refused(NO_REPLICAS.to_owned()))
            }),
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

    async fn wait(&self, awaited: Awaited) -> Result<Reached, Refused> {
        match self.role() {
            Role::Master(shared) => shared.wait(awaited).await.map_err(Refused),
            // The server refuses it on a replica.
            Role::Replica(_) | Role::None => Err(stopped()),
        }
    }

    fn unwatch(&self, watch: Watch) {
        // A replica keeps no table, and a new master begins a new one.
        if let Role::Master(shared) = self.role() {
            shared.unwatch(watch);
        }
    }

    fn facts(&self) -> Facts {
        let role = self.role();
        let mut facts = facts(&lock(&self.settings), &self.run_id, &role);
        if let Role::Master(shared) = &role {
            facts.good_replicas = self.good_replicas.count(&shared.feeds);
        }
        facts
    }

    async fn replicate(&self, master: Option<(String, u16)>) -> Result<(), Refused> {
        let master = master.map(|(host, port)| Address { host, port });
        let change = move |engine: &Engine<F>| {
            master.iter().try_for_each(|master| engine.check_is_no_circle(master))?;
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

    fn set_masterauth(&self, password: Option<Secret>) {
        *lock(&lock(&self.settings).masterauth) = password;
    }

    fn set_min_replicas(&self, min: MinReplicas) {
        self.good_replicas.set(min);
    }

    fn hold_removals(&self, until: Option<Instant>) {
        if let Role::Master(shared) = self.role() {
            shared.hold_removals(until);
        }
    }

    async fn caught_up(&self, to: Option<(String, u16)>) -> Result<(String, u16), Refused> {
        self.replica_caught_up(to).await
    }

    async fn hand_over(&self, replica: (String, u16), behind: bool) -> Result<(), Refused> {
        self.hand_over_to(replica, behind).await
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
