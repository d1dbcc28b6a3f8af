//! A node with its server on a free port, and its log on a disk that forgets unsynced data.

use super::super::disks::{Disks, Node, run, wait_until};
use replicheck::binlog::{Fsync, Lsn};
use replicheck::command::Reply;
use replicheck::compression::CompressionMethod;
use replicheck::engine::{Address, Engine, Settings};
use replicheck::server::facts::{Link, Role};
use replicheck::server::{Backend as _, Config, Facts, Refused, Server};
use std::sync::mpsc;
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// A node that serves until it is dropped.
pub struct Peer {
    pub node: Node,
    pub port: u16,
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
        let node = Engine::start_on(disks.folders(), settings, master).expect("it starts");
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
                bound.send(server.local_addr().port()).expect("it waits");
                server.serve(async move { drop(stopped.await) }).await;
            });
        });
        let port = port.recv().expect("it binds");
        Peer { node, port, stop: Some(stop), thread: Some(thread) }
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
    pub fn wait_for(&self, master: &Peer) {
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
    pub fn assert_equals(&self, master: &Peer, what: &str) {
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

impl Drop for Peer {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.end_server();
            let _ = self.node.stop_now();
        }
    }
}
