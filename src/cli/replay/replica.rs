//! The replica of a path: in this process or, if it is to be killed, in a separate process. Does I/O: processes, RocksDB.

use super::child::Child;
use super::places::ReplicaPlace;
use super::wire::{Order, Seen, job_line};
use crate::cli::nodes::{RunError, Running};
use replicheck::apply;
use replicheck::apply::pool::PoolState;
use replicheck::binlog::Lsn;
use replicheck::effect::Key;
use replicheck::engine::{Engine, ReaderView};
use replicheck::models::choice::{Choice, Kind};
use replicheck::ordering::Job;
use replicheck::server::Backend as _;
use replicheck::store::rocksdb::RocksStore;
use replicheck::store::{Dump, dump};
use replicheck::time::Millis;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

/// A replica that follows orders.
pub enum Replica {
    /// A replica in this process.
    Here(Running),
    /// A replica in a separate process.
    Apart(Box<Apart>),
}

/// A replica in a separate process, with everything that is needed to start it.
pub struct Apart {
    dir: PathBuf,
    arguments: Vec<String>,
    /// `None`: it was killed.
    child: Option<Child>,
}

const KILLED: &str = "the replica was killed";

impl Apart {
    /// Starts it on an empty folder. Errors: [`RunError`].
    pub fn start(
        choice: Choice,
        workers: usize,
        dir: PathBuf,
        master: SocketAddr,
    ) -> Result<Apart, RunError> {
        if !matches!(choice.kind(), Kind::Ordering(_)) {
            return Err(RunError::not_driven("only a replica of the ordering model can be killed"));
        }
        let seeded = choice.fault().map(|seeded| seeded.name().to_owned());
        let named = [
            ("--dir", Some(dir.display().to_string())),
            ("--master", Some(master.to_string())),
            ("--workers", Some(workers.to_string())),
            ("--choice", Some(choice.without_fault().name())),
            ("--seeded", seeded),
        ];
        let named = named.into_iter().filter_map(|(name, value)| Some([name.to_owned(), value?]));
        let arguments = ["replay-node".to_owned()].into_iter().chain(named.flatten()).collect();
        let mut apart = Apart { dir, arguments, child: None };
        apart.restart()?;
        Ok(apart)
    }

    fn child(&self) -> Result<&Child, RunError> {
        self.child.as_ref().ok_or_else(|| RunError::node(KILLED))
    }

    /// Makes it abort. Errors: [`RunError`].
    pub fn kill(&mut self) -> Result<(), RunError> {
        self.child.take().ok_or_else(|| RunError::node(KILLED))?.abort()
    }

    /// The store that it left on disk, and the marker in it. Errors: [`RunError`].
    pub fn left(&self) -> Result<(Dump, Lsn), RunError> {
        let store = RocksStore::open(&self.dir.join("store"))?;
        Ok((dump(&store)?, apply::marker(&store)?))
    }

    /// Starts it again on its folder; it has recovered when this returns. Errors: [`RunError`].
    pub fn restart(&mut self) -> Result<(), RunError> {
        let program = std::env::current_exe()?;
        let (child, _) = Child::start(Command::new(program).args(&self.arguments))?;
        self.child = Some(child);
        Ok(())
    }
}

impl Replica {
    /// Its state, as [`Seen`]. Errors: [`RunError`].
    pub fn look(&self) -> Result<Seen, RunError> {
        match self {
            Replica::Here(node) => see(&node.engine),
            Replica::Apart(apart) => apart.child()?.tell(&Order::Look),
        }
    }

    /// The state of its workers. Errors: they have stopped.
    pub fn pool(&self) -> Result<PoolState, RunError> {
        match self {
            Replica::Here(node) => pool(&node.engine),
            Replica::Apart(_) => self.look().map(|seen| seen.pool),
        }
    }

    /// The state that its readers are given. Errors: [`RunError`].
    pub fn given(&self) -> Result<ReaderView, RunError> {
        match self {
            Replica::Here(node) => Ok(node.engine.given()?),
            Replica::Apart(_) => self.look().map(|seen| seen.given),
        }
    }

    /// The last entry that its readers see. Errors: [`RunError`].
    pub fn applied(&self) -> Result<Lsn, RunError> {
        match self {
            Replica::Here(node) => Ok(node.engine.facts().progress.applied),
            Replica::Apart(_) => self.look().map(|seen| seen.applied),
        }
    }

    /// Its log time. Errors: [`RunError`].
    pub fn log_time(&self) -> Result<Millis, RunError> {
        match self {
            Replica::Here(node) => Ok(node.engine.facts().log_time),
            Replica::Apart(_) => self.look().map(|seen| seen.log_time),
        }
    }

    /// Settles the marker of a job at the gate.
    pub fn let_begin(&self, job: &Job) -> Result<(), RunError> {
        match self {
            Replica::Here(node) => {
                node.engine.let_begin(job);
                Ok(())
            }
            Replica::Apart(apart) => apart.child()?.tell(&Order::LetBegin(job_line(job))).map(|_| ()),
        }
    }

    /// Lets a job through the gate, to be written.
    pub fn let_write(&self, job: Job) -> Result<(), RunError> {
        match self {
            Replica::Here(node) => {
                node.engine.let_write(job);
                Ok(())
            }
            Replica::Apart(apart) => apart.child()?.tell(&Order::LetWrite(job_line(&job))).map(|_| ()),
        }
    }

    /// Lets a written job through the gate, to be finished.
    pub fn let_finish(&self, job: Job) -> Result<(), RunError> {
        match self {
            Replica::Here(node) => {
                node.engine.let_finish(job);
                Ok(())
            }
            Replica::Apart(apart) => apart.child()?.tell(&Order::LetFinish(job_line(&job))).map(|_| ()),
        }
    }

    /// Closes admission to publish a snapshot.
    pub fn cut(&self) -> Result<(), RunError> {
        match self {
            Replica::Here(node) => {
                node.engine.cut();
                Ok(())
            }
            Replica::Apart(apart) => apart.child()?.tell(&Order::Cut).map(|_| ()),
        }
    }

    /// Flushes its store as it is.
    pub fn flush(&self) -> Result<(), RunError> {
        match self {
            Replica::Here(node) => Ok(node.engine.flush()?),
            Replica::Apart(apart) => apart.child()?.tell(&Order::Flush).map(|_| ()),
        }
    }

    /// Removes a key that is dead.
    pub fn remove(&self, key: &Key) -> Result<(), RunError> {
        match self {
            Replica::Here(node) => Ok(node.engine.remove(key)?),
            Replica::Apart(_) => Err(RunError::not_driven("only a replica of this process removes keys")),
        }
    }

    /// The replica as one that can be killed. Errors: it cannot be killed.
    pub fn apart(&mut self) -> Result<&mut Apart, RunError> {
        match self {
            Replica::Here(_) => Err(RunError::not_driven("a replica of this process cannot be killed")),
            Replica::Apart(apart) => Ok(apart),
        }
    }

    /// Where it is.
    pub fn place(&self) -> ReplicaPlace {
        match self {
            Replica::Here(node) => ReplicaPlace::Here(node.addr),
            Replica::Apart(apart) => ReplicaPlace::Apart(apart.child.as_ref().map(Child::number)),
        }
    }

    /// Ends it. It never writes what it has not written by then.
    pub fn end(self) {
        if let Replica::Here(node) = self {
            node.engine.abandon();
            // Stopping an abandoned replica returns an error.
            let _ = node.engine.stop_now();
        }
    }
}

/// The state of a replica, as [`Seen`]. Errors: [`RunError`]; its workers have stopped.
pub fn see(engine: &Engine) -> Result<Seen, RunError> {
    let facts = engine.facts();
    Ok(Seen {
        pool: pool(engine)?,
        applied: facts.progress.applied,
        log_time: facts.log_time,
        lets_readers_in: engine.lets_readers_in(),
        given: engine.given()?,
    })
}

fn pool(engine: &Engine) -> Result<PoolState, RunError> {
    let state = engine.pool_state().ok_or_else(|| RunError::node("the replica is none any more"))?;
    match &state.stopped {
        Some(stopped) => Err(RunError::Process(format!("the replica stopped: {stopped}"))),
        None => Ok(state),
    }
}
