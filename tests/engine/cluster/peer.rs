//! A node with its server on a free port, and its log on a disk that forgets unsynced data, or on the real one.

use super::super::disks::{Disks, run, wait_until};
use crate::engine::forgetful::Forgetful;
use replicheck::binlog::{Disk, Fsync, Lsn};
use replicheck::command::Reply;
use replicheck::compression::CompressionMethod;
use replicheck::engine::{Address, Engine, Settings, SharedFiles};
use replicheck::server::facts::{Link, Role};
use replicheck::server::{Backend as _, Config, Facts, MetricsPort, Refused, Server};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// A node that serves until it is dropped.
pub struct Peer<F: SharedFiles = Forgetful> {
    pub node: Arc<Engine<F>>,
    pub port: u16,
    /// Where its metrics are.
    pub metrics: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// A change that a test makes to a node's settings.
pub type Change<'a> = &'a dyn Fn(&mut Settings);

/// A link that is up and does not compress.
pub const UP: Link = Link::Up { compression: CompressionMethod::None };

/// Changes no setting.
pub const AS_IT_IS: Change<'static> = &|_| {};

impl Peer {
    /// Starts a master.
    pub fn master(disks: &Disks, change: Change<'_>) -> Peer {
        Peer::start(disks, change, None)
    }

    /// Starts a replica of the node at `port`.
    pub fn replica(disks: &Disks, change: Change<'_>, port: u16) -> Peer {
        Peer::start(disks, change, Some(port))
    }

    fn start(disks: &Disks, change: Change<'_>, master: Option<u16>) -> Peer {
        let mut settings = Settings { workers: 2, ..disks.settings(Fsync::EverySec) };
        change(&mut settings);
        let master = master.map(|port| Address { host: "127.0.0.1".to_owned(), port });
        Peer::serve(Engine::start_on(disks.folders(), settings, master).expect("it starts"))
    }
}

impl Peer<Disk> {
    /// Starts a node in a folder of the real disk, as a replica of the node at port `master` or as a master.
    pub fn on_disk(dir: &Path, change: Change<'_>, master: Option<u16>) -> Peer<Disk> {
        let mut settings = Settings { workers: 2, ..Settings::new(dir) };
        change(&mut settings);
        let master = master.map(|port| Address { host: "127.0.0.1".to_owned(), port });
        Peer::serve(Engine::start(settings, master).expect("it starts"))
    }
}

impl<F: SharedFiles> Peer<F> {
    fn serve(node: Arc<Engine<F>>) -> Peer<F> {
        let (stop, stopped) = oneshot::channel();
        let (bound, port) = mpsc::channel();
        let serving = node.clone();
        let thread = std::thread::spawn(move || {
            let mut runtime = tokio::runtime::Builder::new_multi_thread();
            let runtime = runtime.worker_threads(1).enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let config = Config { port: 0, ..Config::default() };
                let server = Server::bind(serving.clone(), config).await.expect("a free port");
                serving.serves_on(server.local_addr().port());
                let metrics = MetricsPort::bind(Ipv4Addr::LOCALHOST.into(), 0).await.expect("a free port");
                let addr = metrics.local_addr().expect("it is bound");
                bound.send((server.local_addr().port(), addr)).expect("it waits");
                tokio::spawn(server.metrics(metrics));
                server.serve(async move { drop(stopped.await) }).await;
            });
        });
        let (port, metrics) = port.recv().expect("it binds");
        Peer { node, port, metrics, stop: Some(stop), thread: Some(thread) }
    }

    pub fn run(&self, lines: &[&str]) -> Vec<Reply> {
        run(&self.node, lines)
    }

    pub fn one(&self, line: &str) -> Reply {
        self.run(&[line]).remove(0)
    }

    pub fn facts(&self) -> Facts {
        self.node.facts()
    }

    /// Executes REPLICAOF.
    pub fn replicate(&self, port: Option<u16>) -> Result<(), Refused> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(self.node.replicate(port.map(|port| ("127.0.0.1".to_owned(), port))))
    }

    pub fn link(&self) -> Link {
        match self.facts().role {
            Role::Replica { link, .. } => link,
            Role::Master { .. } => panic!("it is a master"),
        }
    }

    /// Waits until its readers see all that `master` has.
    pub fn wait_for<G: SharedFiles>(&self, master: &Peer<G>) {
        self.wait_for_lsn(master.facts().progress.applied);
    }

    pub fn wait_for_lsn(&self, lsn: Lsn) {
        wait_until(&format!("{lsn}"), || {
            let facts = self.facts();
            if let Role::Replica { link: Link::Stopped { reason }, .. } = facts.role {
                panic!("the link stopped: {reason}");
            }
            facts.progress.applied >= lsn
        });
    }

    /// Waits until its link has stopped for good; returns the reason.
    pub fn wait_until_refused(&self) -> String {
        let mut reason = String::new();
        wait_until("a refusal", || matches!(self.link(), Link::Stopped { .. }));
        if let Link::Stopped { reason: why } = self.link() {
            reason = why;
        }
        reason
    }

    /// Waits until both nodes have the same content. No more may be written meanwhile. `what` names the case.
    pub fn assert_equals<G: SharedFiles>(&self, master: &Peer<G>, what: &str) {
        self.wait_for(master);
        assert_eq!(self.node.dump().expect("it reads"), master.node.dump().expect("it reads"), "{what}");
    }

    /// Ends the server, then the node. Errors: the node could not make everything durable.
    pub fn stop(mut self) -> Result<(), String> {
        self.end_server();
        self.node.stop_now().map_err(|error| error.to_string())
    }

    fn end_server(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the server ends");
        }
    }
}

impl<F: SharedFiles> Drop for Peer<F> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.end_server();
            let _ = self.node.stop_now();
        }
    }
}
