//! Node — the program `replicheck serve` as a child process, in a folder of its own, on a port that it keeps over restarts.

use replicheck::client::{Client, ClientError, OwnedFrame};
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long to wait for a condition that must come true.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// The time between two checks of a condition.
const LOOK: Duration = Duration::from_millis(2);
/// How many lines of a node's log a failure shows.
const LOG_LINES: usize = 25;

/// A node that runs or was killed. Dropping it kills and reaps the process.
pub struct Node {
    child: Option<Child>,
    dir: PathBuf,
    options: Vec<String>,
    environment: Vec<(&'static str, PathBuf)>,
    /// The soft limit of file descriptors with which the process is started.
    files_max: Option<u32>,
    port: u16,
}

impl Node {
    /// Starts a node in `dir` on any free port. Its logs are written beside `dir`.
    pub fn start(dir: &Path, options: &[String]) -> Node {
        Node::start_with(dir, options, &[])
    }

    /// Like [`Node::start`], with more environment variables.
    pub fn start_with(dir: &Path, options: &[String], environment: &[(&'static str, PathBuf)]) -> Node {
        let (dir, options, environment) = (dir.to_owned(), options.to_vec(), environment.to_vec());
        let mut node = Node { child: None, dir, options, environment, files_max: None, port: 0 };
        node.restart();
        node
    }

    /// Like [`Node::start`], with a soft limit of file descriptors.
    pub fn start_with_files(dir: &Path, files_max: u32) -> Node {
        let (dir, options) = (dir.to_owned(), vec!["--flush-bytes".to_owned(), "40000".to_owned()]);
        let files_max = Some(files_max);
        let mut node = Node { child: None, dir, options, environment: Vec::new(), files_max, port: 0 };
        node.restart();
        node
    }

    /// The node's address, `host:port`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The node's folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Starts the node again, on its folder and its port.
    pub fn restart(&mut self) {
        assert!(self.child.is_none(), "it runs");
        let until = Instant::now() + PATIENCE;
        loop {
            let mut child = self.spawn();
            let heard = first_line(child.stdout.take().unwrap());
            let port =
                heard.strip_prefix("listening on 127.0.0.1:").and_then(|port| port.trim().parse().ok());
            if let Some(port) = port {
                (self.port, self.child) = (port, Some(child));
                return;
            }
            let _ = child.kill();
            let ended = child.wait().unwrap();
            // An outgoing connection of another process may have taken the port meanwhile.
            let port_is_taken = self.log().contains("cannot listen on");
            assert!(port_is_taken && Instant::now() < until, "no start: {ended}, {heard:?}\n{}", self.log());
            pause();
        }
    }

    fn spawn(&self) -> Child {
        let log = OpenOptions::new().create(true).append(true).open(self.log_file()).unwrap();
        let (port, dir) = (self.port.to_string(), self.dir.to_str().unwrap());
        let program = env!("CARGO_BIN_EXE_replicheck");
        let mut command = match self.files_max {
            None => Command::new(program),
            Some(files) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", &format!("ulimit -Sn {files} && exec \"$@\""), "sh", program]);
                shell
            }
        };
        command.args(["serve", "--port", &port, "--dir", dir]).args(&self.options);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn().unwrap()
    }

    /// Sends SIGKILL, which ends the process between two instructions.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().unwrap();
        let ended = child.wait().unwrap();
        assert_eq!(ended.code(), None, "the node had ended before it was killed\n{}", self.log());
    }

    /// Sends SIGTERM, waits for the end, and returns the exit status.
    pub fn terminate(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("it runs");
        let sent = Command::new("sh").arg("-c").arg(format!("kill -TERM {}", child.id())).status().unwrap();
        assert!(sent.success());
        let ended = until("a node ends after SIGTERM", || child.try_wait().unwrap());
        ended.unwrap_or_else(|text| panic!("{text}\n{}", self.log()))
    }

    /// Whether the process has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_some())
    }

    pub fn connect(&self) -> Result<Client, ClientError> {
        Client::connect(&self.address(), PATIENCE)
    }

    /// One field of INFO; empty if INFO does not have it.
    pub fn fact(&self, name: &str) -> Result<String, ClientError> {
        let reply = self.connect()?.call(&["INFO"])?;
        let OwnedFrame::BulkString(text) = reply else { panic!("INFO gave {reply:?}") };
        let text = String::from_utf8(text).unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        Ok(value.unwrap_or_default().to_owned())
    }

    fn log_file(&self) -> PathBuf {
        self.dir.with_extension("log")
    }

    /// Everything that the node has logged.
    pub fn log(&self) -> String {
        let mut text = Vec::new();
        File::open(self.log_file()).unwrap().read_to_end(&mut text).unwrap();
        String::from_utf8_lossy(&text).into_owned()
    }

    /// The last lines of the node's log.
    pub fn log_end(&self) -> String {
        let text = self.log();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The first line of the output. If there is none: what was read, and why there is no more.
fn first_line(stdout: ChildStdout) -> String {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let _ = BufReader::new(stdout).read_line(&mut line);
        let _ = sender.send(line);
    });
    receiver.recv_timeout(PATIENCE).unwrap_or_else(|error| error.to_string())
}

/// Calls `ask` again and again until it returns an answer. Errors: no answer came in time.
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> Result<T, String> {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return Ok(answer);
        }
        if Instant::now() > end {
            return Err(format!("not in {} s: {what}", PATIENCE.as_secs()));
        }
        pause();
    }
}

/// Lets other threads run before a condition is checked again.
pub fn pause() {
    std::thread::park_timeout(LOOK);
}

/// A folder for nodes, and the guard that removes it.
pub fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = fs::canonicalize(folder.path()).unwrap();
    (folder, path)
}
